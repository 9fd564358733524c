/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/keys/load.h"

#include "certificates.h"
#include "server/auth/scratch.h"
#include "server/tls_files.h"
#include "unit.h"

#include <errno.h>
#include <openssl/ocsp.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { DAY = 24 * 3600, SAID_MAX = 16384 };

/* One of each kind, and a certificate for it; the authority's. */
static EVP_PKEY *ec, *rsa;
static X509 *ec_certificate, *rsa_certificate;
static char *ec_pem, *rsa_pem, *ec_key_pem, *rsa_key_pem; /* certificates and keys alone */
static char *said; /* what keys_load says, a line each; shared with children */

static void hear(const char *line)
{
    size_t used = strlen(said);
    (void)snprintf(said + used, SAID_MAX - used, "%s\n", line);
}

static int set_up(void **state)
{
    const struct certificate_wish wish = {.name = "ftp.example.org", .until = 90L * DAY};
    said = mmap(NULL, SAID_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ec = EVP_EC_gen("P-256");
    rsa = EVP_RSA_gen(2048);
    ec_certificate = certify(ec, &wish);
    rsa_certificate = certify(rsa, &wish);
    ec_pem = pem_of(ec_certificate, NULL, NULL, NULL);
    rsa_pem = pem_of(rsa_certificate, NULL, NULL, NULL);
    ec_key_pem = pem_of(NULL, NULL, ec, NULL);
    rsa_key_pem = pem_of(NULL, NULL, rsa, NULL);
    return said == MAP_FAILED ? -1 : scratch_make(state);
}

static int tear_down(void **state)
{
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    X509_free(ec_certificate);
    X509_free(rsa_certificate);
    free(ec_pem);
    free(rsa_pem);
    free(ec_key_pem);
    free(rsa_key_pem);
    (void)munmap(said, SAID_MAX);
    return scratch_remove(state);
}

/* --- files and configurations ------------------------------------------------------------------------ */

/* scratch/name with these texts one after the other; NULL: none. */
static const char *put(const char *name, mode_t mode, const char *a, const char *b)
{
    static char text[65536];
    (void)snprintf(text, sizeof(text), "%s%s", a, b ? b : "");
    return write_scratch(name, text, mode);
}

static void no_remark(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    fail_msg("%s", remark->text);
}

static struct config *configure(const char *const options[])
{
    struct config *c = config_new();
    assert_non_null(c);
    assert_int_equal(config_set(c, "ssl_enable=YES", no_remark, NULL), 0);
    for (size_t i = 0; options[i]; i++)
        assert_int_equal(config_set(c, options[i], no_remark, NULL), 0);
    return c;
}

/* "option=scratch/name", in one of eight buffers that take turns. */
static const char *set(const char *option, const char *name)
{
    static char texts[8][512];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    (void)snprintf(text, sizeof(texts[0]), "%s=%s", option, in_scratch(name));
    return text;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- what was loaded --------------------------------------------------------------------------------- */

struct seen {
    const struct keys_loaded *loaded;
    size_t count[TLS_FILE_KINDS];
    size_t certificates; /* in the chain, or of the authorities, seen last */
};

static int look_at(void *ctx, const struct tls_file *f)
{
    struct seen *s = ctx;
    assert_null(memmem(f->bytes, f->len, "PRIVATE KEY", 11));
    if (f->kind == TLS_FILE_OCSP) {
        s->count[f->kind]++;
        return 0;
    }
    BIO *bio = BIO_new_mem_buf(f->bytes, (int)f->len);
    X509 *x;
    for (s->certificates = 0; (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); s->certificates++) {
        if (f->kind == TLS_FILE_CHAIN && s->certificates == 0) /* its number is that of its key */
            assert_int_equal(X509_check_private_key(x, s->loaded->keys[s->count[f->kind]]), 1);
        X509_free(x);
    }
    BIO_free(bio);
    s->count[f->kind]++;
    return 0;
}

/* What the worker gets has no private key in it, nor room for one. */
static struct seen look(const struct keys_loaded *l)
{
    struct seen s = {.loaded = l};
    static char all[256 * 1024];
    ssize_t len = pread(l->files, all, sizeof(all), 0);
    assert_in_range(len, 1, sizeof(all) - 1);
    assert_null(memmem(all, (size_t)len, "PRIVATE", 7));
    assert_int_equal(tls_files_each(l->files, look_at, &s), 0);
    assert_int_equal(s.count[TLS_FILE_CHAIN], l->count);
    assert_int_equal(write(l->files, "x", 1), -1);
    assert_int_equal(fcntl(l->files, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return s;
}

static void unload(struct keys_loaded *l)
{
    for (size_t i = 0; i < l->count; i++)
        EVP_PKEY_free(l->keys[i]);
    close(l->files);
}

static struct keys_loaded load(const char *const options[])
{
    struct keys_loaded l;
    struct config *c = configure(options);
    said[0] = '\0';
    if (!keys_load(c, -1, &l, hear))
        fail_msg("%s", said);
    config_free(&c);
    return l;
}

/* In a process that ends then, as the key process does: what was loaded before goes with it. */
static void refuse(const char *const options[], const char *why)
{
    int status;
    said[0] = '\0';
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct keys_loaded l;
        struct config *c = configure(options);
        _exit(keys_load(c, -1, &l, hear) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    if (!strstr(said, why))
        fail_msg("no \"%s\" in: %s", why, said);
    assert_null(strstr(said, "PRIVATE KEY"));
}

/* --- good ones --------------------------------------------------------------------------------------- */

static void keys_of_either_kind_in_the_same_file_or_another(void **state)
{
    (void)state;
    put("rsa.pem", 0600, rsa_pem, rsa_key_pem);
    put("ec.pem", 0640, ec_key_pem, ec_pem); /* the key first */
    put("rsa.crt", 0644, rsa_pem, NULL);
    put("rsa.key", 0600, rsa_key_pem, NULL);
    struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "rsa.pem")));
    assert_string_equal(said, "");
    assert_int_equal(l.count, 1);
    assert_int_equal(EVP_PKEY_eq(l.keys[0], rsa), 1);
    look(&l);
    unload(&l);

    l = load(OPTIONS(set("rsa_cert_file", "rsa.crt"), set("rsa_private_key_file", "rsa.key"),
                     set("ecdsa_cert_file", "ec.pem")));
    assert_string_equal(said, "");
    assert_int_equal(l.count, 2);
    assert_int_equal(EVP_PKEY_eq(l.keys[0], ec), 1);
    assert_int_equal(EVP_PKEY_eq(l.keys[1], rsa), 1);
    look(&l);
    unload(&l);

    l = load(OPTIONS(set("ecdsa_cert_file", "ec.pem"))); /* rsa_cert_file's default is not there */
    assert_int_equal(l.count, 1);
    look(&l);
    unload(&l);
}

/* As "openssl ecparam -genkey" writes it. */
static void a_key_behind_its_parameters(void **state)
{
    (void)state;
    put("ec.pem", 0600, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        ec_key_pem);
    put("ec.crt", 0644, "words before it\n", ec_pem);
    struct keys_loaded l =
        load(OPTIONS(set("ecdsa_cert_file", "ec.crt"), set("ecdsa_private_key_file", "ec.pem")));
    assert_string_equal(said, "");
    look(&l);
    unload(&l);
}

static void a_chain_and_authorities_with_keys_among_them(void **state)
{
    (void)state;
    X509 *authority = certify(rsa, &(struct certificate_wish){.name = "authority", .is_authority = true});
    X509 *leaf = certify(ec, &(struct certificate_wish){
                                 .name = "leaf", .issuer = authority, .issuer_key = rsa, .until = 90L * DAY});
    char *chain = pem_of(leaf, authority, ec, NULL);
    char *above = pem_of(authority, NULL, rsa, NULL);
    char *encrypted = pem_of(NULL, NULL, rsa, "secret");
    put("chain.pem", 0600, chain, above); /* leaf, authority, key, authority, key */
    put("leaf.crt", 0644, chain, encrypted);
    put("leaf.key", 0600, ec_key_pem, NULL);
    put("authorities.pem", 0600, above, ec_pem);
    for (unsigned i = 0; i < 2; i++) {
        struct keys_loaded l =
            i == 0 ? load(OPTIONS(set("rsa_cert_file", "chain.pem"), set("ca_certs_file", "authorities.pem")))
                   : load(OPTIONS(set("rsa_cert_file", "leaf.crt"), set("rsa_private_key_file", "leaf.key")));
        struct seen s = look(&l);
        assert_int_equal(l.count, 1);
        assert_int_equal(s.count[TLS_FILE_AUTHORITIES], i == 0);
        assert_int_equal(s.certificates, 2);
        unload(&l);
    }
    free(chain);
    free(above);
    free(encrypted);
    X509_free(leaf);
    X509_free(authority);
}

static void more_for_other_hosts(void **state)
{
    char list[1024];
    (void)state;
    put("a.pem", 0600, ec_pem, ec_key_pem);
    put("b.pem", 0600, rsa_pem, rsa_key_pem);
    (void)snprintf(list, sizeof(list), "sni_cert_files=%s, %s\t,%s", in_scratch("b.pem"), in_scratch("a.pem"),
                   in_scratch("b.pem"));
    struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "a.pem"), list));
    assert_int_equal(l.count, 4);
    assert_int_equal(EVP_PKEY_eq(l.keys[2], ec), 1);
    look(&l);
    unload(&l);
}

static void no_more_than_there_is_room_for(void **state)
{
    static char list[KEYS_MAX * 300];
    (void)state;
    put("a.pem", 0600, ec_pem, ec_key_pem);
    int at = snprintf(list, sizeof(list), "sni_cert_files=");
    for (unsigned i = 0; i < KEYS_MAX - 1; i++)
        at += snprintf(list + at, sizeof(list) - (size_t)at, "%s,", in_scratch("a.pem"));
    struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "a.pem"), list));
    assert_int_equal(l.count, KEYS_MAX);
    look(&l);
    unload(&l);
    (void)snprintf(list + at, sizeof(list) - (size_t)at, "%s", in_scratch("a.pem"));
    refuse(OPTIONS(set("rsa_cert_file", "a.pem"), list), "more than 64 certificates");
}

static void what_a_responder_said(void **state)
{
    unsigned char *der = NULL;
    (void)state;
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    int len = i2d_OCSP_RESPONSE(response, &der);
    assert_true(len > 0);
    put("o.pem", 0600, ec_pem, ec_key_pem);
    FILE *f = fopen(in_scratch("o.pem.ocsp"), "w");
    assert_int_equal(fwrite(der, 1, (size_t)len, f), len);
    assert_int_equal(fclose(f), 0);
    struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "o.pem")));
    struct seen s = look(&l);
    assert_int_equal(s.count[TLS_FILE_OCSP], 1);
    unload(&l);
    put("o.pem.ocsp", 0600, "rubbish", NULL);
    refuse(OPTIONS(set("rsa_cert_file", "o.pem")), "o.pem.ocsp is no answer of an OCSP responder");
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
}

/* --- warnings ---------------------------------------------------------------------------------------- */

static void a_key_that_everybody_may_read(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0660, 0604, 0606, 0644};
    (void)state;
    put("w.crt", 0644, rsa_pem, NULL);
    for (size_t i = 0; i < COUNT(modes); i++) {
        bool is_open = modes[i] & 6;
        put("w.pem", modes[i], rsa_pem, rsa_key_pem);
        struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "w.pem")));
        assert_int_equal(
            strstr(said, "warning: everybody on this machine may read the private key in") != NULL, is_open);
        unload(&l);
        l = load(OPTIONS(set("rsa_cert_file", "w.crt"), set("rsa_private_key_file", "w.pem")));
        assert_int_equal(strstr(said, "w.pem") != NULL, is_open);
        unload(&l);
    }
}

static void ages(void **state)
{
    static const struct {
        long from, until;
        const char *warning; /* NULL: none */
    } rows[] = {
        {-3600, -60, " has expired: clients will refuse it\n"},
        {-30L * DAY, -10L * DAY, " has expired: clients will refuse it\n"},
        {-3600, 3600, " expires in 0 days\n"},
        {-3600, DAY + 3600, " expires in 1 day\n"},
        {-3600, 13L * DAY + 3600, " expires in 13 days\n"},
        {-3600, 14L * DAY + 3600, NULL},
        {3600, 40L * DAY, " is not valid yet\n"},
        {3L * DAY, 40L * DAY, " is not valid yet\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        X509 *x = certify(ec, &(struct certificate_wish){.from = rows[i].from, .until = rows[i].until});
        char *pem = pem_of(x, NULL, ec, NULL), expected[512];
        (void)snprintf(expected, sizeof(expected), "warning: the certificate in %s%s",
                       put("age.pem", 0600, pem, NULL), rows[i].warning ? rows[i].warning : "");
        struct keys_loaded l = load(OPTIONS(set("rsa_cert_file", "age.pem")));
        assert_string_equal(said, rows[i].warning ? expected : "");
        unload(&l);
        free(pem);
        X509_free(x);
    }
}

/* --- refused ----------------------------------------------------------------------------------------- */

static void what_is_no_certificate_with_its_key(void **state)
{
    (void)state;
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *weak = EVP_RSA_gen(1024);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *weak_certificate = certify(weak, &(struct certificate_wish){.until = 90L * DAY});
    char *ed25519_pem = pem_of(NULL, NULL, ed25519, NULL), *other_pem = pem_of(NULL, NULL, other, NULL);
    char *weak_pem = pem_of(weak_certificate, NULL, weak, NULL);
    char *encrypted = pem_of(ec_certificate, NULL, ec, "secret");
    put("kind.pem", 0600, ec_pem, rsa_key_pem);
    put("other.pem", 0600, ec_pem, other_pem);
    put("encrypted.pem", 0600, encrypted, NULL);
    put("ed25519.pem", 0600, ec_pem, ed25519_pem);
    put("weak.pem", 0600, weak_pem, NULL);
    put("text.pem", 0600, "not PEM\n", NULL);
    put("empty.pem", 0600, "", NULL);
    put("key.pem", 0600, ec_key_pem, NULL);
    put("crt.pem", 0600, ec_pem, NULL);
    put("half.pem", 0600, ec_key_pem, "-----BEGIN CERTIFICATE-----\nMIIB\n");
    put("big.pem", 0600, ec_pem, ec_key_pem);
    assert_int_equal(truncate(in_scratch("big.pem"), 4 * 1024 * 1024 + 1), 0);
    assert_int_equal(mkfifo(in_scratch("fifo.pem"), 0600), 0);
    static const struct {
        const char *file, *why;
    } rows[] = {
        {"kind.pem", "kind.pem: the private key is not that of this certificate"},
        {"other.pem", "other.pem: the private key is not that of this certificate"},
        {"encrypted.pem", "encrypted.pem: the private key is encrypted"},
        {"ed25519.pem", "ed25519.pem: the private key is ED25519"},
        {"weak.pem", "weak.pem"},
        {"text.pem", "text.pem: no private key (PEM) in it"},
        {"empty.pem", "empty.pem: no private key (PEM) in it"},
        {"key.pem", "key.pem: no certificate (PEM) in it"},
        {"crt.pem", "crt.pem: no private key (PEM) in it"},
        {"half.pem", "half.pem: no certificate (PEM) in it"},
        {"big.pem", "big.pem: File too large"},
        {"fifo.pem", "fifo.pem: it is no regular file"},
        {".", ": it is no regular file"},
        {"missing.pem", "missing.pem: No such file or directory"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refuse(OPTIONS(set("rsa_cert_file", rows[i].file)), rows[i].why);
    refuse(OPTIONS(set("rsa_cert_file", "crt.pem"), set("rsa_private_key_file", "missing.key")),
           "missing.key: No such file or directory; it is to be the private key of ");
    refuse(OPTIONS(set("rsa_cert_file", "crt.pem"), set("rsa_private_key_file", "text.pem")),
           "text.pem: no private key (PEM) in it");
    EVP_PKEY_free(ed25519);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(other);
    X509_free(weak_certificate);
    free(ed25519_pem);
    free(other_pem);
    free(weak_pem);
    free(encrypted);
}

/* One that is wrong makes all of them wrong: no server that lacks what it was told to have. */
static void one_of_several(void **state)
{
    (void)state;
    put("good.pem", 0600, ec_pem, ec_key_pem);
    put("bad.pem", 0600, ec_pem, NULL);
    put("key.pem", 0600, ec_key_pem, NULL);
    const char *good = set("ecdsa_cert_file", "good.pem");
    refuse(OPTIONS(good, set("rsa_cert_file", "bad.pem")), "bad.pem: no private key");
    refuse(OPTIONS(good, set("sni_cert_files", "missing.pem")), "sni_cert_files=");
    refuse(OPTIONS(good, set("ca_certs_file", "missing.pem")), "ca_certs_file=");
    refuse(OPTIONS(good, set("ca_certs_file", "key.pem")), "key.pem: no certificate (PEM) in it");
    refuse(OPTIONS(good, "ssl_ciphers=NONSENSE"), "TLS can't be served: ssl_ciphers");
}

/* Of a file that breaks off behind the first certificate, the rest is missed by clients: that is not silently left out. */
static void a_chain_that_breaks_off(void **state)
{
    static const char broken[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    struct keys_loaded l;
    (void)state;
    put("good.pem", 0600, ec_pem, ec_key_pem);
    put("chain.pem", 0644, ec_pem, broken);
    put("chain.key", 0600, ec_key_pem, NULL);
    const struct {
        const char *const *options;
    } rows[] = {
        {OPTIONS(set("rsa_cert_file", "chain.pem"), set("rsa_private_key_file", "chain.key"))},
        {OPTIONS(set("rsa_cert_file", "good.pem"), set("ca_certs_file", "chain.pem"))},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config *c = configure(rows[i].options);
        said[0] = '\0';
        if (keys_load(c, -1, &l, hear))
            unload(&l);
        config_free(&c);
        assert_non_null(strstr(said, "chain.pem"));
    }
}

/* Bytes behind a responder's answer are no part of it: neither workers nor clients get them. */
static void bytes_behind_a_responders_answer(void **state)
{
    unsigned char *der = NULL;
    static char all[65536];
    struct keys_loaded l;
    (void)state;
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    int len = i2d_OCSP_RESPONSE(response, &der);
    put("p.pem", 0600, ec_pem, ec_key_pem);
    FILE *f = fopen(in_scratch("p.pem.ocsp"), "w");
    assert_int_equal(fwrite(der, 1, (size_t)len, f), len);
    assert_true(fputs(ec_key_pem, f) >= 0);
    assert_int_equal(fclose(f), 0);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    struct config *c = configure(OPTIONS(set("rsa_cert_file", "p.pem")));
    said[0] = '\0';
    bool is_loaded = keys_load(c, -1, &l, hear), is_there = false;
    config_free(&c);
    if (is_loaded) {
        ssize_t all_len = pread(l.files, all, sizeof(all), 0);
        is_there = memmem(all, (size_t)all_len, "PRIVATE KEY", 11) != NULL;
        unload(&l);
    } else
        assert_non_null(strstr(said, "p.pem.ocsp"));
    assert_false(is_there);
}

/* --- made at start ----------------------------------------------------------------------------------- */

static bool load_self_signed(int kept, struct keys_loaded *ret)
{
    struct config *c = configure(OPTIONS("ssl_self_signed=YES"));
    said[0] = '\0';
    bool is_loaded = keys_load(c, kept, ret, hear);
    config_free(&c);
    return is_loaded;
}

static void self_signed_stays_the_same(void **state)
{
    struct keys_loaded first, second, other;
    static char text[SAID_MAX], content[65536];
    (void)state;
    int kept = memfd_create("kept", MFD_CLOEXEC), another = memfd_create("another", MFD_CLOEXEC);
    assert_true(load_self_signed(kept, &first));
    (void)snprintf(text, sizeof(text), "%s", said);
    assert_non_null(strstr(text, "fingerprint"));
    ssize_t len = pread(kept, content, sizeof(content), 0);
    assert_non_null(memmem(content, (size_t)len, "PRIVATE KEY", 11)); /* for the next one; no worker has it */
    assert_true(load_self_signed(kept, &second));
    assert_string_equal(said, text); /* so the certificate is the same as well */
    assert_int_equal(pread(kept, content, sizeof(content), 0), len);
    assert_true(load_self_signed(another, &other));
    assert_string_not_equal(said, text);
    assert_int_equal(EVP_PKEY_eq(first.keys[0], second.keys[0]), 1);
    assert_int_not_equal(EVP_PKEY_eq(first.keys[0], other.keys[0]), 1);
    look(&first);
    look(&second);
    look(&other);
    unload(&first);
    unload(&second);
    unload(&other);
    close(kept);
    close(another);
}

static void self_signed_from_what_is_broken(void **state)
{
    struct keys_loaded l;
    (void)state;
    int kept = memfd_create("kept", MFD_CLOEXEC);
    assert_int_equal(write(kept, "rubbish", 7), 7);
    assert_false(load_self_signed(kept, &l));
    assert_non_null(strstr(said, "ssl_self_signed: no certificate could be made"));
    assert_false(load_self_signed(-1, &l));
    close(kept);
}

/* A file that is there is served, and none is made. */
static void self_signed_only_without_another(void **state)
{
    (void)state;
    put("own.pem", 0600, ec_pem, ec_key_pem);
    struct keys_loaded l = load(OPTIONS("ssl_self_signed=YES", set("rsa_cert_file", "own.pem")));
    assert_string_equal(said, "");
    assert_int_equal(l.count, 1);
    assert_int_equal(EVP_PKEY_eq(l.keys[0], ec), 1);
    look(&l);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_either_kind_in_the_same_file_or_another),
        cmocka_unit_test(a_key_behind_its_parameters),
        cmocka_unit_test(a_chain_and_authorities_with_keys_among_them),
        cmocka_unit_test(more_for_other_hosts),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(what_a_responder_said),
        cmocka_unit_test(a_key_that_everybody_may_read),
        cmocka_unit_test(ages),
        cmocka_unit_test(what_is_no_certificate_with_its_key),
        cmocka_unit_test(one_of_several),
        cmocka_unit_test(a_chain_that_breaks_off),
        cmocka_unit_test(bytes_behind_a_responders_answer),
        cmocka_unit_test(self_signed_stays_the_same),
        cmocka_unit_test(self_signed_from_what_is_broken),
        cmocka_unit_test(self_signed_only_without_another),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
