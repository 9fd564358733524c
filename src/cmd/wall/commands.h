/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_COMMANDS_H
#define SALLY_CMD_WALL_COMMANDS_H

#include "base/result.h"

/* sallywall's subcommands: argv[0] is the subcommand's name. They return the exit status. */
enum { STATUS_TROUBLE = 2 };

MUST_USE int explain_command(int argc, char **argv);
MUST_USE int diff_command(int argc, char **argv);
MUST_USE int replay_command(int argc, char **argv);
MUST_USE int iptables_command(int argc, char **argv);
MUST_USE int save_command(int argc, char **argv);
MUST_USE int check_command(int argc, char **argv);

/* Flushes standard output. status, or STATUS_TROUBLE if what was printed could not all be written, which is
 * told. */
MUST_USE int finish_output(int status);

#endif
