/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_TLS_FILES_H
#define SALLY_SERVER_TLS_FILES_H

#include "base/result.h"
#include "server/config/config.h"
#include "tls/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What TLS needs of files and may be known to the network: the key process reads them, as root, and hands them to the worker
 * in one memfd, each as its kind, its path and its content. The n-th chain's key has number n for SIGN, from 0 on.
 */
enum tls_file_kind {
    TLS_FILE_CHAIN,       /* PEM: a certificate and those above it */
    TLS_FILE_OCSP,        /* DER: what a responder said of the chain before it */
    TLS_FILE_AUTHORITIES, /* PEM: ca_certs_file */
    TLS_FILE_KINDS,
};

struct tls_file {
    enum tls_file_kind kind;
    const char *path; /* for messages */
    const void *bytes;
    size_t len;
};

/* Adds one at the end of fd. 0 or -errno. */
MUST_USE int tls_files_add(int fd, const struct tls_file *f);

/* Calls each(ctx, ...) for every one in fd, until it returns an error: that. 0; -EBADMSG: what is there was not written by
 * tls_files_add; another -errno. */
MUST_USE int tls_files_each(int fd, int (*each)(void *ctx, const struct tls_file *f), void *ctx);

enum {
    TLS_WHY_MAX = 512,
};

/* All that channels have in common: c's ssl options, and the files in fd, which stays the caller's. ask, ctx: as in
 * tls/server.h. NULL: why (TLS_WHY_MAX bytes) says why, for an administrator. */
MUST_USE struct tls_server *
tls_files_use(const struct config *c, int fd,
              bool (*ask)(void *, struct tls_channel *, const struct tls_to_sign *), void *ctx, char *why);

#endif
