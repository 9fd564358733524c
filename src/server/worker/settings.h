/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_SETTINGS_H
#define SALLY_SERVER_WORKER_SETTINGS_H

#include "base/result.h"
#include "server/config/config.h"
#include "server/messages.h"

#include <stdint.h>

/* A configuration that sessions share; a reload makes a new one and old sessions keep theirs. */
struct settings {
    unsigned refs;
    struct config *config;
    char *banner;          /* content of banner_file, or NULL */
    uint64_t forbidden[2]; /* by command index: cmds_allowed, cmds_denied; command_forbid fills it */
};

/* Takes both; NULL: out of memory, and both are the caller's still. */
MUST_USE struct settings *settings_new(struct config *config, char *banner);
struct settings *settings_ref(struct settings *s);
/* Also sets *s to NULL. */
void settings_unref(struct settings **s);
/* From a memfd that the monitor made: configuration text, NUL, banner. NULL on any failure. Closes fd. */
MUST_USE struct settings *settings_receive(int fd);

#endif
