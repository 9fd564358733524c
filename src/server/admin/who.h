/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_ADMIN_WHO_H
#define SALLY_SERVER_ADMIN_WHO_H

#include "base/result.h"

/* `sallyd who [--json] [--socket PATH]` and `sallyd kick ID [--socket PATH]`; argv[0] is the word. Exit
 * status: 0, 1 failed, 2 usage. */
MUST_USE int who_command(int argc, char **argv);
MUST_USE int kick_command(int argc, char **argv);

#endif
