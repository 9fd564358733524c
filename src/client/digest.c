/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };

static int feed(EVP_MD_CTX *ctx, int fd, uint64_t bytes, char *piece)
{
    for (uint64_t at = 0; at < bytes;) {
        size_t want = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;
        ssize_t n = pread(fd, piece, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        if (!EVP_DigestUpdate(ctx, piece, (size_t)n))
            return -ENOMEM;
        at += (uint64_t)n;
    }
    return 0;
}

int client_digest(int fd, uint64_t bytes, char ret[CLIENT_HASH])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *piece = malloc(PIECE);
    int error = -ENOMEM;

    if (ctx && piece && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
        error = feed(ctx, fd, bytes, piece);
    if (!error && !EVP_DigestFinal_ex(ctx, digest, &len))
        error = -ENOMEM;
    for (unsigned i = 0; !error && i < len; i++)
        snprintf(&ret[2 * i], 3, "%02x", digest[i]);
    free(piece);
    EVP_MD_CTX_free(ctx);
    return error;
}
