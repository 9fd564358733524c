/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/keys/load.h"

#include "server/config/option_table.h"
#include "server/keys/self_signed.h"
#include "server/tls_files.h"
#include "sys/fd.h"
#include "tls/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 4 * 1024 * 1024,
    WARN_DAYS = 14,
};

static void (*say_line)(const char *line);

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    say_line(line);
}

/* --- files ------------------------------------------------------------------------------------------- */

struct content {
    char *bytes; /* owned */
    size_t len;
    bool is_public; /* everybody may read the file it is from */
};

/* Why read_file could not. */
static const char *reason_of(int error)
{
    return error == -EINVAL ? "it is no regular file" : strerror(-error);
}

static void content_fini(struct content *c)
{
    if (c->bytes)
        explicit_bzero(c->bytes, c->len);
    free(c->bytes);
}

#define CONTENT __attribute__((cleanup(content_fini))) struct content

/* 0 or -errno; -EINVAL: no regular file. */
static int read_file(const char *path, struct content *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0            ? -errno
            : !S_ISREG(st.st_mode)        ? -EINVAL
            : st.st_size > FILE_BYTES_MAX ? -EFBIG
                                          : 0;
    char *bytes = r == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    if (r == 0 && !bytes)
        r = -ENOMEM;
    ssize_t n = r == 0 ? read(fd, bytes, (size_t)st.st_size) : 0;
    if (n < 0)
        r = -errno;
    close(fd);
    if (r < 0) {
        free(bytes);
        return r;
    }
    *ret = (struct content){bytes, (size_t)n, st.st_mode & (S_IROTH | S_IWOTH)};
    return 0;
}

/* --- one certificate --------------------------------------------------------------------------------- */

static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    *(bool *)ctx = true;
    return -1;
}

static EVP_PKEY *read_key(const char *path, const struct content *pem)
{
    bool is_encrypted = false;
    BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &is_encrypted) : NULL;
    BIO_free(bio);
    if (is_encrypted)
        say("%s: the private key is encrypted, and nobody is there to type its passphrase; \"openssl pkey "
            "-in %s\" takes "
            "it off",
            path, path);
    else if (!key)
        say("%s: no private key (PEM) in it", path);
    else if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC"))
        say("%s: the private key is %s; TLS is served with RSA and EC keys", path,
            EVP_PKEY_get0_type_name(key));
    else
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* Signs for trial what handshakes sign. It also has OpenSSL load what it needs, while there are still files. */
static bool can_sign(EVP_PKEY *key)
{
    static const char context[] = "TLS 1.3, server CertificateVerify";
    uint8_t input[64 + sizeof(context) + 32], signature[TLS_SIGNATURE_MAX];
    size_t len;
    bool is_rsa = EVP_PKEY_is_a(key, "RSA");
    memset(input, ' ', 64);
    memcpy(input + 64, context, sizeof(context));
    memset(input + 64 + sizeof(context), 0, 32);
    for (unsigned digest = 0; tls_digest_name(digest); digest++) {
        const struct tls_to_sign what = {0, (enum tls_digest)digest, is_rsa ? TLS_PSS : TLS_NO_PADDING, input,
                                         sizeof(input)};
        if (tls_sign(key, &what, signature, &len) < 0)
            return false;
    }
    return true;
}

static void warn_of_age(const char *path, const X509 *certificate)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notBefore(certificate)) == 1 &&
        (days > 0 || seconds > 0))
        say("warning: the certificate in %s is not valid yet", path);
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return;
    if (days < 0 || seconds < 0)
        say("warning: the certificate in %s has expired: clients will refuse it", path);
    else if (days < WARN_DAYS)
        say("warning: the certificate in %s expires in %d day%s", path, days, days == 1 ? "" : "s");
}

static X509 *read_leaf(const char *path, const struct content *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->len);
    X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!leaf)
        say("%s: no certificate (PEM) in it", path);
    return leaf;
}

/* Did reading stop at the end of the file, or at what is not well-formed? */
static bool is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* The certificates of a file that may hold the key, too, as PEM: the worker gets nothing else of it. NULL: it was said. */
static char *certificates_alone(const char *path, const struct content *pem, size_t *ret_len)
{
    BIO *in = BIO_new_mem_buf(pem->bytes, (int)pem->len), *out = BIO_new(BIO_s_mem());
    X509 *one;
    char *bytes = NULL, *copy = NULL;
    bool is_written = in && out;
    ERR_clear_error();
    while (is_written && (one = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
        is_written = PEM_write_bio_X509(out, one) == 1;
        X509_free(one);
    }
    bool is_whole = is_written && is_at_end();
    long len = is_whole ? BIO_get_mem_data(out, &bytes) : 0;
    copy = len > 0 ? malloc((size_t)len) : NULL;
    if (copy)
        memcpy(copy, bytes, *ret_len = (size_t)len);
    else
        say("%s: %s", path,
            !is_written ? "out of memory"
            : is_whole  ? "no certificate (PEM) in it"
                        : "one of its certificates is damaged");
    ERR_clear_error();
    BIO_free(in);
    BIO_free(out);
    return copy;
}

static bool add_file(struct keys_loaded *l, enum tls_file_kind kind, const char *path, const void *bytes,
                     size_t len)
{
    int r = tls_files_add(l->files, &(struct tls_file){kind, path, bytes, len});
    if (r < 0)
        say("%s: %s", path, strerror(-r));
    return r == 0;
}

/* What a responder said lies beside it, where "openssl ocsp -respout" put it. */
static bool add_ocsp(struct keys_loaded *l, const char *certificate_path)
{
    CONTENT der = {0};
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s.ocsp", certificate_path);
    int r = read_file(path, &der);
    if (r == -ENOENT)
        return true;
    if (r < 0)
        say("%s: %s", path, strerror(-r));
    return r == 0 && add_file(l, TLS_FILE_OCSP, path, der.bytes, der.len);
}

static bool add_pair(struct keys_loaded *l, const char *path, const struct content *pem, EVP_PKEY *key)
{
    X509 *leaf = read_leaf(path, pem);
    size_t len = 0;
    char *chain = leaf ? certificates_alone(path, pem, &len) : NULL;
    bool is_good = false;
    if (leaf && X509_check_private_key(leaf, key) != 1)
        say("%s: the private key is not that of this certificate", path);
    else if (leaf && !can_sign(key))
        say("%s: its key signs nothing: OpenSSL says %s", path,
            ERR_reason_error_string(ERR_peek_last_error()));
    else if (l->count == KEYS_MAX)
        say("%s: more than %d certificates", path, KEYS_MAX);
    else
        is_good = chain && add_file(l, TLS_FILE_CHAIN, path, chain, len);
    if (is_good) {
        warn_of_age(path, leaf);
        EVP_PKEY_up_ref(key);
        l->keys[l->count++] = key;
    }
    X509_free(leaf);
    free(chain);
    ERR_clear_error();
    return is_good && add_ocsp(l, path);
}

/* key_path NULL: in the same file. */
static bool load_pair(struct keys_loaded *l, const char *option, const char *path, const char *key_path)
{
    CONTENT pem = {0};
    CONTENT key_pem = {0};
    int r = read_file(path, &pem);
    if (r == -ENOENT)
        say("%s=%s: %s; ssl_enable=YES needs a certificate. To make one for trial: openssl req -x509 -newkey "
            "ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=$(hostname -f) -keyout %s -out "
            "%s",
            option, path, strerror(ENOENT), key_path ? key_path : path, path);
    else if (r < 0)
        say("%s=%s: %s; it is to be a certificate (PEM)", option, path, reason_of(r));
    if (r < 0)
        return false;
    if (key_path && (r = read_file(key_path, &key_pem)) < 0) {
        say("%s: %s; it is to be the private key of %s", key_path, reason_of(r), path);
        return false;
    }
    const struct content *key_file = key_path ? &key_pem : &pem;
    EVP_PKEY *key = read_key(key_path ? key_path : path, key_file);
    if (key && key_file->is_public)
        say("warning: everybody on this machine may read the private key in %s: chmod o= %s",
            key_path ? key_path : path, key_path ? key_path : path);
    bool is_good = key && add_pair(l, path, &pem, key);
    EVP_PKEY_free(key);
    return is_good;
}

/* --- all of them ------------------------------------------------------------------------------------- */

static bool load_listed(struct keys_loaded *l, const char *list)
{
    char *copy = strdup(list), *rest = copy;
    bool is_good = copy != NULL;
    for (char *path; is_good && (path = strsep(&rest, ", \t"));)
        is_good = *path == '\0' || load_pair(l, "sni_cert_files", path, NULL);
    free(copy);
    return is_good;
}

static bool load_authorities(struct keys_loaded *l, const char *path)
{
    CONTENT pem = {0};
    int r = read_file(path, &pem);
    if (r < 0) {
        say("ca_certs_file=%s: %s", path, strerror(-r));
        return false;
    }
    size_t len = 0;
    char *certificates = certificates_alone(path, &pem, &len);
    bool is_good = certificates && add_file(l, TLS_FILE_AUTHORITIES, path, certificates, len);
    free(certificates);
    return is_good;
}

/* The one that was made before, if there is one in kept; else makes one, and leaves it there: key and certificate. */
static EVP_PKEY *have_self_signed(int kept, struct content *pem)
{
    off_t len = lseek(kept, 0, SEEK_END);
    EVP_PKEY *key = len == 0 ? self_signed(&pem->bytes, &pem->len) : NULL;
    if (key && write(kept, pem->bytes, pem->len) != (ssize_t)pem->len) {
        EVP_PKEY_free(key);
        return NULL;
    }
    if (len <= 0)
        return key;
    pem->len = (size_t)len;
    pem->bytes = malloc(pem->len);
    return pem->bytes && pread(kept, pem->bytes, pem->len, 0) == len ? read_key("memory", pem) : NULL;
}

static bool add_self_signed(struct keys_loaded *l, int kept)
{
    char fingerprint[SELF_SIGNED_FINGERPRINT];
    CONTENT pem = {0};
    EVP_PKEY *key = have_self_signed(kept, &pem);
    X509 *leaf = key ? read_leaf("memory", &pem) : NULL;
    bool is_good = leaf && add_pair(l, "the certificate made at start", &pem, key) &&
                   self_signed_fingerprint(leaf, fingerprint);
    if (is_good)
        say("a certificate was made for the life of this server (ssl_self_signed); its SHA-256 "
            "fingerprint:\n  %s",
            fingerprint);
    else
        say("ssl_self_signed: no certificate could be made");
    X509_free(leaf);
    EVP_PKEY_free(key);
    return is_good;
}

/* Would the worker take them? */
static bool are_of_use(const struct config *c, const struct keys_loaded *l)
{
    char why[TLS_WHY_MAX];
    struct tls_server *server = tls_files_use(c, l->files, NULL, NULL, why);
    if (!server)
        say("TLS can't be served: %s", why);
    bool are = server != NULL;
    tls_server_free(&server);
    return are;
}

void keys_loaded_fini(struct keys_loaded *l)
{
    for (size_t i = 0; i < l->count; i++)
        EVP_PKEY_free(l->keys[i]);
    l->count = 0;
    fd_close(&l->files);
}

bool keys_load(const struct config *c, int kept, struct keys_loaded *ret, void (*say_)(const char *line))
{
    struct keys_loaded l = {.files = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    say_line = say_;
    if (l.files < 0) {
        say("memfd_create: %s", strerror(errno));
        return false;
    }
    bool is_good = true;
    if (c->ecdsa_cert_file)
        is_good = load_pair(&l, "ecdsa_cert_file", c->ecdsa_cert_file, c->ecdsa_private_key_file);
    bool others = c->ecdsa_cert_file || c->ssl_self_signed;
    /* its default, vsftpd's, names a file that need not be there where there are others */
    bool is_default = option_is_default(c, option_find("rsa_cert_file", strlen("rsa_cert_file")));
    bool is_passed_over = others && is_default && access(c->rsa_cert_file, F_OK) < 0;
    if (is_good && c->rsa_cert_file && !is_passed_over)
        is_good = load_pair(&l, "rsa_cert_file", c->rsa_cert_file, c->rsa_private_key_file);
    if (is_good && l.count == 0)
        is_good = c->ssl_self_signed && add_self_signed(&l, kept);
    if (is_good && c->sni_cert_files)
        is_good = load_listed(&l, c->sni_cert_files);
    if (is_good && c->ca_certs_file)
        is_good = load_authorities(&l, c->ca_certs_file);
    if (!is_good || !are_of_use(c, &l)) {
        keys_loaded_fini(&l);
        return false;
    }
    (void)fcntl(l.files, F_ADD_SEALS,
                F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL); /* nobody writes it anyway */
    *ret = l;
    return true;
}
