/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_UNIT_SERVER_CONFIG_TOLD_H
#define SALLY_TESTS_UNIT_SERVER_CONFIG_TOLD_H

#include "server/config/config.h"

#include <stdio.h>
#include <string.h>

/* What a reader of configuration told, one remark a line, errors with "E ", warnings with "W " in front. */
struct told {
    char text[8192];
    unsigned errors, warnings;
};

static inline void told_tell(void *ctx, const struct config_remark *remark)
{
    struct told *told = ctx;
    size_t used = strlen(told->text);
    snprintf(told->text + used, sizeof(told->text) - used, "%c %s\n", remark->is_error ? 'E' : 'W',
             remark->text);
    *(remark->is_error ? &told->errors : &told->warnings) += 1;
}

#endif
