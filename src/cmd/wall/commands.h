/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_COMMANDS_H
#define SALLY_CMD_WALL_COMMANDS_H

#include <stdbool.h>

#include <stdint.h>

#include "base/result.h"

/* sallywall's subcommands: argv[0] is the subcommand's name. They return the exit status. */
enum { STATUS_TROUBLE = 2, STATUS_UNKNOWN = 3 };

MUST_USE int explain_command(int argc, char **argv);
MUST_USE int diff_command(int argc, char **argv);
MUST_USE int replay_command(int argc, char **argv);
MUST_USE int snapshot_command(int argc, char **argv);
MUST_USE int iptables_command(int argc, char **argv);
MUST_USE int save_command(int argc, char **argv);
MUST_USE int check_command(int argc, char **argv);
MUST_USE int up_command(int argc, char **argv);
MUST_USE int conntrack_command(int argc, char **argv);
MUST_USE int expect_command(int argc, char **argv);
MUST_USE int sets_command(int argc, char **argv);
MUST_USE int down_command(int argc, char **argv);
MUST_USE int status_command(int argc, char **argv);
MUST_USE int watch_command(int argc, char **argv);
MUST_USE int apply_command(int argc, char **argv);
MUST_USE int confirm_command(int argc, char **argv);
MUST_USE int save_boot_command(int argc, char **argv);
MUST_USE int restore_boot_command(int argc, char **argv);
MUST_USE int import_command(int argc, char **argv);
/* iptables and ip6tables on the wall: argv[1...] are their words. */
MUST_USE int live_iptables(int argc, char **argv);
/* iptables-restore, iptables-save, and those of ip6tables. */
MUST_USE int restore_command(int argc, char **argv);
MUST_USE int live_save_command(int argc, char **argv);

/* "iptables v1.8.9 (sallywall 0.1.0)": scripts ask for the number, which is that of the language. */
void print_iptables_version(const char *command);

/* Before any command: who has to wait for others says so. */
void live_begin(void);

/* Is a wall up in this network namespace? 1, 0, or -1: that can't be told. */
MUST_USE int live_stands(void);
struct rules;
/* The rules of the wall that stands, of a family (enum packet_family), for explain; 0, or -1 and told. */
MUST_USE int live_read(uint8_t family, struct rules **ret);

/* Flushes standard output. status, or STATUS_TROUBLE if what was printed could not all be written, which is
 * told. */
MUST_USE int finish_output(int status);

#endif
