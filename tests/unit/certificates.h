/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_CERTIFICATES_H
#define SALLY_TESTS_CERTIFICATES_H

#include "unit.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a certificate made for a test says. */
struct certificate_wish {
    const char *name;     /* CN; NULL: none */
    const char *host;     /* a DNS name it is for; NULL: none */
    bool is_authority;    /* it may certify others */
    const X509 *issuer;   /* NULL: itself */
    EVP_PKEY *issuer_key; /* with issuer */
    long from, until;     /* seconds from now on; both 0: an hour */
};

static inline void certify_more(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_true(e && X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

static inline X509 *certify(EVP_PKEY *key, const struct certificate_wish *w)
{
    static long serial;
    X509 *x = X509_new();
    assert_non_null(x);
    X509_NAME *subject = X509_get_subject_name(x);
    assert_true(X509_set_version(x, X509_VERSION_3));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), w->from));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), w->from == 0 && w->until == 0 ? 3600 : w->until));
    assert_true(!w->name || X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                                       (const unsigned char *)w->name, -1, -1, 0));
    assert_true(X509_set_issuer_name(x, w->issuer ? X509_get_subject_name(w->issuer) : subject));
    assert_true(X509_set_pubkey(x, key));
    if (w->host) {
        char names[300];
        (void)snprintf(names, sizeof(names), "DNS:%s", w->host);
        certify_more(x, NID_subject_alt_name, names);
    }
    if (w->is_authority)
        certify_more(x, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(x, w->issuer ? w->issuer_key : key, EVP_sha256()) > 0);
    return x;
}

/* Any of them may be NULL; malloc'ed, with a NUL. The key comes last, encrypted if there is a passphrase. */
static inline char *pem_of(X509 *x, X509 *above, EVP_PKEY *key, const char *passphrase)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes;
    assert_non_null(out);
    assert_true(!x || PEM_write_bio_X509(out, x));
    assert_true(!above || PEM_write_bio_X509(out, above));
    assert_true(!key || PEM_write_bio_PrivateKey(out, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0,
                                                 NULL, (void *)passphrase));
    long len = BIO_get_mem_data(out, &bytes);
    char *text = malloc((size_t)len + 1);
    assert_non_null(text);
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    BIO_free(out);
    return text;
}

#endif
