/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/remote_key.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * The provider lives in a library context of its own. In the default one its "RSA" and "EC" would stand beside OpenSSL's, and
 * which of two a fetch without properties finds is not said. A key brings its provider along, so that libssl, in the default
 * context, asks the right one.
 */
static OSSL_LIB_CTX *context;
static tls_sign_fn *have_signed;

static const char number_name[] = "sallyport-number";

struct remote_key {
    const char *type; /* "RSA", "EC" */
    EVP_PKEY *public; /* of the default provider */
    unsigned number;
};

/* --- keys (provider-keymgmt(7)) ---------------------------------------------------------------------- */

static struct remote_key *key_new(const char *type)
{
    struct remote_key *k = calloc(1, sizeof(*k));
    if (k)
        k->type = type;
    return k;
}

static void *rsa_new(void *provider)
{
    (void)provider;
    return key_new("RSA");
}

static void *ec_new(void *provider)
{
    (void)provider;
    return key_new("EC");
}

static void key_free(void *key)
{
    struct remote_key *k = key;
    if (k)
        EVP_PKEY_free(k->public);
    free(k);
}

static int key_has(const void *key, int selection)
{
    const struct remote_key *k = key;
    (void)selection; /* the private half, too, in its way */
    return k && k->public;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    const struct remote_key *k = key;
    return EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)provider;
    return gettable;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct remote_key *ka = a, *kb = b;
    (void)selection;
    return EVP_PKEY_eq(ka->public, kb->public) == 1;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
    struct remote_key *k = key;
    const OSSL_PARAM *number = OSSL_PARAM_locate_const(params, number_name);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, NULL);
    (void)selection;
    int done = ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
               EVP_PKEY_fromdata(ctx, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) > 0 &&
               (!number || OSSL_PARAM_get_uint(number, &k->number));
    EVP_PKEY_CTX_free(ctx);
    return done;
}

/* Nobody is to take what he is given for a private key that he may sign with himself. */
static int key_export(void *key, int selection, OSSL_CALLBACK *take, void *arg)
{
    const struct remote_key *k = key;
    OSSL_PARAM *params = NULL;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) ||
        EVP_PKEY_todata(k->public, EVP_PKEY_PUBLIC_KEY, &params) <= 0)
        return 0;
    int done = take(params, arg);
    OSSL_PARAM_free(params);
    return done;
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };
    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

static const char *ec_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define KEY_FUNCTIONS                                                                                        \
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free}, {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},    \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},                                      \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable_params},                            \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},                                                \
        {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},                                              \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_types},                                         \
        {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},                                              \
    {                                                                                                        \
        OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_types                                            \
    }

static const OSSL_DISPATCH rsa_keys[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))rsa_new}, KEY_FUNCTIONS, {0, NULL}};

static const OSSL_DISPATCH ec_keys[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ec_new},
    KEY_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation_name},
    {0, NULL}};

/* --- signatures (provider-signature(7)) -------------------------------------------------------------- */

struct signing {
    const struct remote_key *key; /* the caller's EVP_PKEY holds it */
    enum tls_digest digest;
    enum tls_padding padding;
};

static void *signing_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(struct signing));
}

static bool set_digest(struct signing *s, const char *name)
{
    for (unsigned i = 0; tls_digest_name(i); i++) {
        const EVP_MD *md = EVP_get_digestbyname(tls_digest_name(i));
        if (strcasecmp(name, tls_digest_name(i)) == 0 || (md && EVP_MD_is_a(md, name))) {
            s->digest = (enum tls_digest)i;
            return true;
        }
    }
    return false;
}

/* A number, or a name of provider-signature(7). Not found out by trying: getters leave errors in the queue, which would look
 * like the handshake's. */
static const char *name_in(const OSSL_PARAM *p)
{
    const char *name = NULL;
    bool is_text = p->data_type == OSSL_PARAM_UTF8_STRING || p->data_type == OSSL_PARAM_UTF8_PTR;
    return is_text && OSSL_PARAM_get_utf8_string_ptr(p, &name) ? name : NULL;
}

static bool set_padding(struct signing *s, const OSSL_PARAM *p)
{
    const char *name = name_in(p);
    int mode = 0;
    if (name)
        mode = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0       ? RSA_PKCS1_PSS_PADDING
               : strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING
                                                                   : 0;
    else if (!OSSL_PARAM_get_int(p, &mode))
        return false;
    s->padding = mode == RSA_PKCS1_PSS_PADDING ? TLS_PSS : TLS_PKCS1;
    return mode == RSA_PKCS1_PSS_PADDING || mode == RSA_PKCS1_PADDING;
}

static bool is_salt_of_digest(const OSSL_PARAM *p)
{
    const char *name = name_in(p);
    int len = 0;
    if (name)
        return strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
    return OSSL_PARAM_get_int(p, &len) && len == RSA_PSS_SALTLEN_DIGEST;
}

static int signing_set_params(void *signing, const OSSL_PARAM params[])
{
    struct signing *s = signing;
    for (const OSSL_PARAM *p = params; p && p->key; p++) {
        const char *name = name_in(p);
        bool taken = strcmp(p->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0      ? set_padding(s, p)
                     : strcmp(p->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0 ? is_salt_of_digest(p)
                     : strcmp(p->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0      ? name && set_digest(s, name)
                                                                             : false;
        if (!taken)
            return 0;
    }
    return 1;
}

static const OSSL_PARAM *signing_settable_params(void *signing, void *provider)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)signing;
    (void)provider;
    return settable;
}

static int signing_init(void *signing, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signing *s = signing;
    if (key)
        s->key = key;
    if (!s->key)
        return 0;
    s->padding = strcmp(s->key->type, "RSA") == 0 ? TLS_PKCS1 : TLS_NO_PADDING;
    return set_digest(s, digest && *digest ? digest : tls_digest_name(TLS_SHA256)) &&
           signing_set_params(signing, params);
}

static int signing_sign(void *signing, unsigned char *ret, size_t *ret_len, size_t cap,
                        const unsigned char *input, size_t len)
{
    const struct signing *s = signing;
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t signed_len = 0;
    if (!ret) {
        *ret_len = (size_t)EVP_PKEY_get_size(s->key->public);
        return 1;
    }
    struct tls_to_sign what = {(uint8_t)s->key->number, s->digest, s->padding, input, len};
    if (len > TLS_INPUT_MAX || have_signed(&what, signature, &signed_len) < 0 || signed_len > cap)
        return 0;
    memcpy(ret, signature, signed_len);
    *ret_len = signed_len;
    return 1;
}

static const OSSL_DISPATCH signatures[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))signing_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))signing_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))signing_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))signing_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))signing_settable_params},
    {0, NULL}};

/* --- the provider (provider-base(7)) ----------------------------------------------------------------- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_store)
{
    static const OSSL_ALGORITHM keys[] = {{"RSA:rsaEncryption", "provider=sallyport", rsa_keys, NULL},
                                          {"EC:id-ecPublicKey", "provider=sallyport", ec_keys, NULL},
                                          {NULL, NULL, NULL, NULL}};
    static const OSSL_ALGORITHM signing[] = {{"RSA:rsaEncryption", "provider=sallyport", signatures, NULL},
                                             {"ECDSA", "provider=sallyport", signatures, NULL},
                                             {NULL, NULL, NULL, NULL}};
    (void)provider;
    *no_store = 0;
    return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signing : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                         void **provider)
{
    static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
                                              {0, NULL}};
    (void)in;
    *out = functions;
    *provider = (void *)handle;
    return 1;
}

int tls_remote_init(tls_sign_fn *sign)
{
    if (context && have_signed == sign)
        return 0;
    have_signed = sign;
    if (context)
        return 0;
    OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();
    if (!made || !OSSL_PROVIDER_add_builtin(made, "sallyport", provider_init) ||
        !OSSL_PROVIDER_load(made, "sallyport")) {
        OSSL_LIB_CTX_free(made);
        return -ENOTSUP;
    }
    context = made;
    return 0;
}

EVP_PKEY *tls_remote_key(X509 *certificate, uint8_t number)
{
    EVP_PKEY *public = X509_get0_pubkey(certificate), *key = NULL;
    const char *type = !public                        ? NULL
                       : EVP_PKEY_is_a(public, "RSA") ? "RSA"
                       : EVP_PKEY_is_a(public, "EC")  ? "EC"
                                                      : NULL;
    unsigned value = number;
    const OSSL_PARAM numbered[] = {OSSL_PARAM_construct_uint(number_name, &value),
                                   OSSL_PARAM_construct_end()};
    OSSL_PARAM *half = NULL;
    if (!type || EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &half) <= 0)
        return NULL;
    OSSL_PARAM *params = OSSL_PARAM_merge(half, numbered);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, type, NULL);
    bool made = params && ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0;
    EVP_PKEY_CTX_free(ctx);
    free(params);
    OSSL_PARAM_free(half);
    return made ? key : NULL;
}
