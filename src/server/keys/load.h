/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_KEYS_LOAD_H
#define SALLY_SERVER_KEYS_LOAD_H

#include "base/result.h"
#include "server/config/config.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Certificates and keys, from the files that a configuration names to memory. */
enum {
    KEYS_MAX = 64,
};

struct keys_loaded {
    EVP_PKEY *keys[KEYS_MAX]; /* by number */
    size_t count;
    int files; /* a memfd for the worker: tls_files.h */
};

/* Reads them all, and tries each key. kept: a memfd of the monitor's, which it does not read, where the key and certificate of
 * ssl_self_signed stay for the next key process. say: a line for the administrator, errors and warnings. False: something is
 * missing or wrong; it was said, and *ret is untouched. */
MUST_USE bool keys_load(const struct config *c, int kept, struct keys_loaded *ret,
                        void (*say)(const char *line));
void keys_loaded_fini(struct keys_loaded *l);

#endif
