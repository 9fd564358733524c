/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/keys/self_signed.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DAY = 24 * 3600,
    SERIAL_BYTES = 16, /* random: clients remember who issued which (RFC 5280 section 4.1.2.2) */
};

static bool set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 1;
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return is_set;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool is_added = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return is_added;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *host)
{
    char names[300];
    X509_NAME *subject = X509_get_subject_name(x);
    (void)snprintf(names, sizeof(names), "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1", host);
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           X509_gmtime_adj(X509_getm_notBefore(x), -(long)DAY) &&
           X509_gmtime_adj(X509_getm_notAfter(x), 365L * DAY) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
           add_extension(x, NID_subject_alt_name, names) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

bool self_signed_fingerprint(const X509 *x, char out[SELF_SIGNED_FINGERPRINT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(x, EVP_sha256(), digest, &len) != 1 || len != 32)
        return false;
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out + (size_t)(3 * i), 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
    return true;
}

static bool write_pem(X509 *x, EVP_PKEY *key, char **ret, size_t *ret_len)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    bool is_written = out && PEM_write_bio_X509(out, x) == 1 &&
                      PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;
    long len = is_written ? BIO_get_mem_data(out, &bytes) : 0;
    *ret = len > 0 ? malloc((size_t)len) : NULL;
    if (*ret)
        memcpy(*ret, bytes, *ret_len = (size_t)len);
    BIO_free(out);
    return *ret != NULL;
}

EVP_PKEY *self_signed(char **ret_pem, size_t *ret_len)
{
    char host[65] = ""; /* as long as a CN may be (RFC 5280, ub-common-name) */
    if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0' || strpbrk(host, ",:"))
        strcpy(host, "localhost");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    bool is_made = key && x && fill(x, key, host) && write_pem(x, key, ret_pem, ret_len);
    X509_free(x);
    if (is_made)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}
