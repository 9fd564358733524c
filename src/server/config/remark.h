/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_REMARK_H
#define SALLY_SERVER_CONFIG_REMARK_H

#include "server/config/config.h"

/* Where remarks go, and what they are about. */
struct remarks {
    void (*tell)(void *ctx, const struct config_remark *);
    void *ctx;
    const char *name; /* the text that is read */
    unsigned line;    /* in it, from 1; 0: the whole of it */
    bool failed;      /* an error was told */
};

/* One line each; bytes in it that a terminal might obey become '?'. */
void remark_error(struct remarks *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void remark_warning(struct remarks *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
