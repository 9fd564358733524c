/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_QUEUE_H
#define SALLY_CMD_SALLY_QUEUE_H

#include <stdbool.h>

struct options;

/* Transfers that wait. Each returns an exit code. local: a path, from here if it does not begin with a slash. */
int queue_add(bool is_put, const char *url, const char *local);
int queue_list(void);
int queue_clear(void);
/* Does them, and takes away those that are done. */
int queue_run(const struct options *o);

#endif
