/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_TLS_H
#define SALLY_SERVER_CONFIG_OPTIONS_TLS_H

/* Options about TLS. What the columns mean: options.h. */
#define CONFIG_OPTIONS_TLS(BOOL, NUMBER, STRING)                                                             \
    BOOL(ssl_enable, false, SERVER, TLS, "Permit TLS on the control and data connections (AUTH TLS).")       \
    BOOL(force_local_logins_ssl, true, SERVER, DONE,                                                         \
         "With ssl_enable: users who are not anonymous can log in only under TLS. As this release has "      \
         "no TLS, they then cannot log in at all.")                                                          \
    BOOL(force_local_data_ssl, true, SERVER, DONE,                                                           \
         "With ssl_enable: users who are not anonymous can transfer files only under TLS.")                  \
    BOOL(force_anon_logins_ssl, false, SERVER, DONE,                                                         \
         "With ssl_enable: anonymous users can log in only under TLS.")                                      \
    BOOL(force_anon_data_ssl, false, SERVER, DONE,                                                           \
         "With ssl_enable: anonymous users can transfer files only under TLS.")                              \
    BOOL(allow_anon_ssl, false, SERVER, TLS, "Permit TLS to anonymous users.")                               \
    BOOL(implicit_ssl, false, SERVER, TLS, "TLS from the first byte on, instead of AUTH TLS.")               \
    BOOL(ssl_tlsv12, true, SERVER, TLS, "Permit TLS 1.2.")                                                   \
    BOOL(ssl_tlsv13, true, SERVER, TLS, "Permit TLS 1.3.")                                                   \
    BOOL(ssl_tlsv11, false, SERVER, TLS, "Permit TLS 1.1.")                                                  \
    BOOL(ssl_tlsv1, false, SERVER, TLS, "Permit TLS 1.0.")                                                   \
    BOOL(ssl_sslv2, false, SERVER, TLS, "Permit SSL 2.")                                                     \
    BOOL(ssl_sslv3, false, SERVER, TLS, "Permit SSL 3.")                                                     \
    STRING(ssl_ciphers, "ECDHE-RSA-AES256-GCM-SHA384", LIST, SERVER, TLS,                                    \
           "The ciphers to permit, in OpenSSL's notation.")                                                  \
    STRING(ssl_sni_hostname, NULL, NAME, SERVER, TLS, "Refuse TLS clients that ask for another host.")       \
    STRING(rsa_cert_file, "/usr/share/ssl/certs/vsftpd.pem", PATH, SERVER, TLS,                              \
           "The server's RSA certificate.")                                                                  \
    STRING(rsa_private_key_file, NULL, PATH, SERVER, TLS,                                                    \
           "The private key of rsa_cert_file. Unset: in the same file.")                                     \
    STRING(dsa_cert_file, NULL, PATH, SERVER, TLS, "The server's DSA certificate.")                          \
    STRING(dsa_private_key_file, NULL, PATH, SERVER, TLS,                                                    \
           "The private key of dsa_cert_file. Unset: in the same file.")                                     \
    STRING(ca_certs_file, NULL, PATH, SERVER, TLS,                                                           \
           "The authorities whose client certificates are accepted.")                                        \
    BOOL(ssl_request_cert, true, SERVER, TLS, "Ask clients for a certificate.")                              \
    BOOL(require_cert, false, SERVER, TLS, "Refuse clients without a certificate.")                          \
    BOOL(validate_cert, false, SERVER, TLS, "Refuse clients whose certificate cannot be verified.")          \
    BOOL(require_ssl_reuse, true, SERVER, TLS,                                                               \
         "Data connections must continue the TLS session of the control connection, which proves that "      \
         "both are the same client's.")                                                                      \
    BOOL(strict_ssl_read_eof, true, SERVER, TLS,                                                             \
         "An upload must end with TLS's own end mark; a bare end of the connection is an error.")            \
    BOOL(strict_ssl_write_shutdown, false, SERVER, TLS,                                                      \
         "A download must be answered with TLS's own end mark.")                                             \
    BOOL(debug_ssl, false, SERVER, TLS, "Log details of TLS connections.")

#endif
