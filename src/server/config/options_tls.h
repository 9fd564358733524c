/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_TLS_H
#define SALLY_SERVER_CONFIG_OPTIONS_TLS_H

/* Options about TLS. What the columns mean: options.h. */
#define CONFIG_OPTIONS_TLS(BOOL, NUMBER, STRING)                                                             \
    BOOL(ssl_enable, false, SERVER, DONE,                                                                    \
         "Permit TLS on the control and data connections (AUTH TLS, RFC 4217). Needs a certificate: "        \
         "rsa_cert_file, ecdsa_cert_file or ssl_self_signed.")                                               \
    BOOL(force_local_logins_ssl, true, SERVER, DONE,                                                         \
         "With ssl_enable: users who are not anonymous can log in only under TLS.")                          \
    BOOL(force_local_data_ssl, true, SERVER, DONE,                                                           \
         "With ssl_enable: users who are not anonymous can transfer files only under TLS.")                  \
    BOOL(force_anon_logins_ssl, false, SERVER, DONE,                                                         \
         "With ssl_enable: anonymous users can log in only under TLS.")                                      \
    BOOL(force_anon_data_ssl, false, SERVER, DONE,                                                           \
         "With ssl_enable: anonymous users can transfer files only under TLS.")                              \
    BOOL(allow_anon_ssl, false, SERVER, DONE, "Permit TLS to anonymous users.")                              \
    BOOL(implicit_ssl, false, SERVER, DONE,                                                                  \
         "TLS from the first byte on, instead of AUTH TLS. Usually with listen_port=990.")                   \
    BOOL(ssl_tlsv12, true, SERVER, DONE, "Permit TLS 1.2.")                                                  \
    BOOL(ssl_tlsv13, true, SERVER, DONE, "Permit TLS 1.3.")                                                  \
    BOOL(ssl_tlsv11, false, SERVER, OLD_TLS, "Permit TLS 1.1.")                                              \
    BOOL(ssl_tlsv1, false, SERVER, OLD_TLS, "Permit TLS 1.0.")                                               \
    BOOL(ssl_sslv2, false, SERVER, DONE, "Permit SSL 2, which OpenSSL 3 does not have: YES is an error.")    \
    BOOL(ssl_sslv3, false, SERVER, DONE, "Permit SSL 3, which OpenSSL 3 does not have: YES is an error.")    \
    STRING(ssl_ciphers, "ECDHE+AESGCM:ECDHE+CHACHA20", LIST, SERVER, DONE,                                   \
           "The ciphers of TLS 1.2 to permit, in OpenSSL's notation. Only those with ephemeral elliptic "    \
           "curves (ECDHE) are ever used.")                                                                  \
    STRING(ssl_ciphersuites, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",   \
           LIST, SERVER, DONE, "The cipher suites of TLS 1.3 to permit, the best first.")                    \
    STRING(ssl_sni_hostname, NULL, NAME, SERVER, DONE, "Refuse TLS clients that ask for another host.")      \
    STRING(rsa_cert_file, "/usr/share/ssl/certs/vsftpd.pem", PATH, SERVER, DONE,                             \
           "The server's certificate (PEM), followed by those that lead to its authority; its key may be "   \
           "RSA or EC. A file of this name with .ocsp after it, if there is one, is what an OCSP "           \
           "responder said of it (DER), for clients that ask. If another certificate is configured, the "    \
           "default need not be there.")                                                                     \
    STRING(rsa_private_key_file, NULL, PATH, SERVER, DONE,                                                   \
           "The private key of rsa_cert_file (PEM). Unset: in the same file.")                               \
    STRING(ecdsa_cert_file, NULL, PATH, SERVER, DONE,                                                        \
           "A second certificate with another kind of key: clients get the one that they can check, "        \
           "rather the EC one.")                                                                             \
    STRING(ecdsa_private_key_file, NULL, PATH, SERVER, DONE,                                                 \
           "The private key of ecdsa_cert_file. Unset: in the same file.")                                   \
    STRING(sni_cert_files, NULL, LIST, SERVER, DONE,                                                         \
           "Further certificates, for clients that ask for a host by name (SNI): paths with commas or "      \
           "blanks between them, each file with its private key in it. The names in a certificate say "      \
           "for which hosts it is.")                                                                         \
    BOOL(ssl_self_signed, false, SERVER, DONE,                                                               \
         "Without a certificate file, make a certificate at start, for the life of this server; its "        \
         "fingerprint is printed. For trying out: clients can't know it.")                                   \
    STRING(dsa_cert_file, NULL, PATH, SERVER, DONE,                                                          \
           "The server's DSA certificate. TLS as OpenSSL 3 has it knows no DSA: setting this is an error.")  \
    STRING(dsa_private_key_file, NULL, PATH, SERVER, DONE, "The private key of dsa_cert_file.")              \
    STRING(ca_certs_file, NULL, PATH, SERVER, DONE,                                                          \
           "The authorities whose client certificates are accepted (PEM).")                                  \
    BOOL(ssl_request_cert, true, SERVER, DONE, "Ask clients for a certificate.")                             \
    BOOL(require_cert, false, SERVER, DONE, "Refuse clients without a certificate.")                         \
    BOOL(validate_cert, false, SERVER, DONE,                                                                 \
         "Refuse clients whose certificate cannot be verified by ca_certs_file.")                            \
    STRING(                                                                                                  \
        login_certificates, NULL, LIST, SESSION, DONE,                                                       \
        "In a user's file in user_config_dir: the SHA-256 fingerprints of client certificates, separated "   \
        "by commas, that let an account (sallyd user) log in without a password: USER is answered with "     \
        "232. With ssl_request_cert.")                                                                       \
    BOOL(require_ssl_reuse, true, SERVER, DONE,                                                              \
         "Data connections must continue the TLS session of the control connection, which proves that "      \
         "both are the same client's; so clients behind one address need not take turns on a passive port.") \
    BOOL(strict_ssl_read_eof, true, SERVER, DONE,                                                            \
         "An upload must end with TLS's own end mark; a bare end of the connection is an error, as anybody " \
         "on the way can make one. NO: for clients that never send it; the log says so.")                    \
    BOOL(strict_ssl_write_shutdown, false, SERVER, DONE,                                                     \
         "A download must be answered with TLS's own end mark.")                                             \
    BOOL(ssl_ktls, true, SERVER, DONE,                                                                       \
         "Where the kernel has TLS (kernel module tls), let it encrypt downloads: files need not be copied " \
         "for that. What is permitted to the process that does it is settled at start, so YES after NO "     \
         "needs a restart.")                                                                                 \
    BOOL(ssl_allow_ccc, false, SERVER, DONE,                                                                 \
         "Permit CCC (RFC 4217 section 12.3): after the login the control connection goes on in the clear, " \
         "so that firewalls can read it, and everybody else.")                                               \
    BOOL(debug_ssl, false, SERVER, DONE, "Log details of TLS connections.")

#endif
