/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/tls_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Before each: the path, with its NUL, and the content follow. */
struct head {
    uint32_t kind, path_len;
    uint64_t len;
};

int tls_files_add(int fd, const struct tls_file *f)
{
    struct head head = {(uint32_t)f->kind, (uint32_t)strlen(f->path) + 1, f->len};
    const struct iovec parts[] = {
        {&head, sizeof(head)}, {(void *)f->path, head.path_len}, {(void *)f->bytes, f->len}};
    size_t all = sizeof(head) + head.path_len + f->len;
    ssize_t n = writev(fd, parts, 3);
    return n < 0 ? -errno : (size_t)n < all ? -ENOSPC : 0;
}

/* Reads the one at *at, and moves *at beyond it. */
static bool read_one(const uint8_t **at, const uint8_t *end, struct tls_file *ret)
{
    struct head head;
    size_t left = (size_t)(end - *at);
    if (left < sizeof(head))
        return false;
    memcpy(&head, *at, sizeof(head));
    left -= sizeof(head);
    const char *path = (const char *)*at + sizeof(head);
    if (head.kind >= TLS_FILE_KINDS || head.path_len == 0 || head.path_len > left ||
        head.len > left - head.path_len || path[head.path_len - 1] != '\0')
        return false;
    *ret = (struct tls_file){(enum tls_file_kind)head.kind, path, path + head.path_len, head.len};
    *at += sizeof(head) + head.path_len + head.len;
    return true;
}

int tls_files_each(int fd, int (*each)(void *ctx, const struct tls_file *f), void *ctx)
{
    struct tls_file one;
    off_t end_of_file = lseek(fd, 0, SEEK_END);
    if (end_of_file < 0)
        return -errno;
    size_t len = (size_t)end_of_file;
    void *all = len > 0 ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (all == MAP_FAILED)
        return -errno;
    int r = 0;
    for (const uint8_t *at = all, *end = at + len; r == 0 && at < end;)
        r = read_one(&at, end, &one) ? each(ctx, &one) : -EBADMSG;
    if (all)
        (void)munmap(all, len); /* what was mapped */
    return r;
}

/* --- used -------------------------------------------------------------------------------------------- */

struct use {
    struct tls_server *server;
    uint8_t chains;
    char *why;
};

static int use_one(void *ctx, const struct tls_file *f)
{
    static const char *const wrong[] = {
        [TLS_FILE_CHAIN] =
            "is no certificate (PEM) with an RSA or EC key that OpenSSL will use in TLS (too weak?)",
        [TLS_FILE_OCSP] = "is no answer of an OCSP responder (DER)",
        [TLS_FILE_AUTHORITIES] = "has no certificate (PEM) in it",
    };
    struct use *u = ctx;
    int r = f->kind == TLS_FILE_CHAIN
                ? tls_server_add_certificate(u->server, f->path, f->bytes, f->len, u->chains++)
            : f->kind == TLS_FILE_OCSP ? tls_server_add_ocsp(u->server, f->bytes, f->len)
                                       : tls_server_add_authorities(u->server, f->bytes, f->len);
    if (r < 0)
        (void)snprintf(u->why, TLS_WHY_MAX, "%s %s", f->path,
                       r == -ENOMEM ? "is too much for our memory" : wrong[f->kind]);
    return r;
}

struct tls_server *tls_files_use(const struct config *c, int fd,
                                 bool (*ask)(void *, struct tls_channel *, const struct tls_to_sign *),
                                 void *ctx, char *why)
{
    const struct tls_server_settings settings = {
        .tls12 = c->ssl_tlsv12,
        .tls13 = c->ssl_tlsv13,
        .ciphers = c->ssl_ciphers,
        .ciphersuites = c->ssl_ciphersuites,
        .only_host = c->ssl_sni_hostname,
        .certificate = c->require_cert       ? TLS_CERTIFICATE_REQUIRED
                       : c->ssl_request_cert ? TLS_CERTIFICATE_REQUESTED
                                             : TLS_CERTIFICATE_IGNORED,
        .validate = c->validate_cert,
        .ask = ask,
        .ctx = ctx,
    };
    const char *text;
    struct use u = {.server = tls_server_new(&settings, &text), .why = why};
    if (!u.server) {
        (void)snprintf(why, TLS_WHY_MAX, "%s", text);
        return NULL;
    }
    (void)snprintf(why, TLS_WHY_MAX, "what the key process wrote cannot be read");
    int r = tls_files_each(fd, use_one, &u);
    if (r < 0)
        tls_server_free(&u.server);
    return u.server;
}
