/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls_end.h"

#include "fuzz.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <signal.h>
#include <string.h>

/* Made for these fuzzers, and good for nothing else. */
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeFELtox8HATPbZ3m\n"
                              "tFp5EqNFyAJC0ikqmj9hJ31IP26hRANCAATWtIWyKN4kGzMl/dMSM5hshiqjSvjt\n"
                              "NhRASaITV40eXzYkiMBXwvJWP1LwsJf1HspixxKX/Adcq0G2kSeJNr13\n"
                              "-----END PRIVATE KEY-----\n";
static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBdTCCARugAwIBAgIUYZfkhhd1/YeBJ0gw1PUndMMfTxAwCgYIKoZIzj0EAwIw\n"
                                  "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjkwNDAxMjBaGA8yMTI2MTEwNTA0MDEy\n"
                                  "MFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNa0\n"
                                  "hbIo3iQbMyX90xIzmGyGKqNK+O02FEBJohNXjR5fNiSIwFfC8lY/UvCwl/UeymLH\n"
                                  "Epf8B1yrQbaRJ4k2vXejUzBRMB0GA1UdDgQWBBTE1klqZ5QcuVHQxqg/bDhpGNan\n"
                                  "uDAfBgNVHSMEGDAWgBTE1klqZ5QcuVHQxqg/bDhpGNanuDAPBgNVHRMBAf8EBTAD\n"
                                  "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDpA+MEpTaEHdUjTiu5OhhMFeKywrqI4pW6\n"
                                  "Hp1roKx8cwIgdMZkmLnobA/1IPg9GRXlINBFf6nRuSRBhyjNRJ582J0=\n"
                                  "-----END CERTIFICATE-----\n";
static EVP_PKEY *key;
static struct tls_to_sign what_is_asked;
static uint8_t input[TLS_INPUT_MAX];
unsigned tls_end_asked;

static bool ask(void *ctx, struct tls_channel *c, const struct tls_to_sign *what)
{
    MUST(ctx == NULL && c != NULL && what->key == 7 && what->len <= sizeof(input));
    MUST(tls_is_server_input(what->input, what->len));
    what_is_asked = *what;
    memcpy(input, what->input, what->len);
    what_is_asked.input = input;
    MUST(++tls_end_asked == 1);
    return true;
}

struct tls_server *tls_end_serve(void)
{
    const struct tls_server_settings settings = {
        .tls12 = true, .tls13 = true, .certificate = TLS_CERTIFICATE_REQUESTED, .ask = ask};
    const char *why;
    BIO *bio = BIO_new_mem_buf(key_pem, sizeof(key_pem) - 1);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    MUST(key && tls_channel_init() == 0);
    struct tls_server *server = tls_server_new(&settings, &why);
    MUST(server && !why);
    MUST(tls_server_add_certificate(server, "f", certificate, sizeof(certificate) - 1, 7) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    return server;
}

void tls_end_answer(struct tls_channel *c, bool is_right)
{
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t len;
    MUST(tls_sign(key, &what_is_asked, signature, &len) == 0);
    if (!is_right)
        signature[len - 1] ^= 1;
    tls_channel_signed(c, signature, len);
}
