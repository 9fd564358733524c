/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/binding.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>

enum {
    SESSION_SECONDS =
        7 * 24 * 3600, /* as long as a ticket of TLS 1.3 may be used: no control channel is that old */
};

static struct tls_binding *binding_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* --- keys of tickets (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)) --------------------------------------- */

static bool init_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* -1: an error; 0: no such key; 1: done. */
static int on_ticket_key(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
                         EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int writing)
{
    const struct tls_ticket_key *key = &binding_of(ssl)->key;
    const EVP_CIPHER *aes = EVP_aes_256_cbc();
    if (writing) {
        memcpy(name, key->name, sizeof(key->name));
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1)
            return -1;
    } else if (CRYPTO_memcmp(name, key->name, sizeof(key->name)) != 0)
        return 0;
    return EVP_CipherInit_ex2(cipher, aes, key->cipher, iv, writing, NULL) == 1 && init_mac(mac, key) ? 1
                                                                                                      : -1;
}

/* --- whose session it is ----------------------------------------------------------------------------- */

/* IGNORE_RENEW rather than IGNORE for a control channel: the other says that there are no tickets, and under TLS 1.2 none is
 * sent then. */
static SSL_TICKET_RETURN on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                        size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    struct tls_binding *b = binding_of(ssl);
    (void)session;
    (void)name;
    (void)name_len;
    (void)arg;
    if (!b->control)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    b->is_same_client = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    return b->is_same_client ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_IGNORE;
}

static int on_ticket_written(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

/* A session's id, TLS 1.2. A copy: OpenSSL marks a session whose connection ended badly, so that it is not resumed again. */
static SSL_SESSION *on_session_wanted(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct tls_binding *b = binding_of(ssl);
    SSL_SESSION *session = b->control ? SSL_get_session(b->control) : NULL;
    unsigned own_len = 0;
    const unsigned char *own = session ? SSL_SESSION_get_id(session, &own_len) : NULL;
    *copy = 0;
    if (!own || len <= 0 || own_len != (unsigned)len || CRYPTO_memcmp(own, id, own_len) != 0)
        return NULL;
    b->is_same_client = true;
    return SSL_SESSION_dup(session);
}

bool tls_binding_init(SSL_CTX *ctx)
{
    if (SSL_CTX_set_session_ticket_cb(ctx, on_ticket_written, on_ticket_read, NULL) != 1)
        return false;
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_get_cb(ctx, on_session_wanted);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    return true;
}

/* One ticket for a control channel's first data channel; a data channel's would be lost, and data with it, where the client
 * only writes (its close meets unread bytes, and becomes a reset). */
bool tls_bind(SSL *ssl, struct tls_binding *b, const struct tls_binding *control, const SSL *control_ssl)
{
    *b = (struct tls_binding){.control = control_ssl};
    if (control)
        b->key = control->key;
    else if (RAND_priv_bytes((unsigned char *)&b->key, sizeof(b->key)) != 1)
        return false;
    SSL_set_app_data(ssl, b);
    return SSL_set_num_tickets(ssl, control ? 0 : 1) == 1;
}

void tls_unbind(struct tls_binding *b)
{
    OPENSSL_cleanse(&b->key, sizeof(b->key));
}
