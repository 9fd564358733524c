/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_COMMANDS_H
#define SALLY_CMD_WALL_COMMANDS_H

/* sallywall's subcommands: argv[0] is the subcommand's name. They return the exit status. */
enum { STATUS_TROUBLE = 2 };

int explain_command(int argc, char **argv);
int diff_command(int argc, char **argv);
int replay_command(int argc, char **argv);
int iptables_command(int argc, char **argv);
int save_command(int argc, char **argv);
int check_command(int argc, char **argv);

/* Flushes standard output. status, or STATUS_TROUBLE if what was printed could not all be written, which is
 * told. */
int finish_output(int status);

#endif
