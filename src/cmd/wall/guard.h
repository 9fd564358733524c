/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_GUARD_H
#define SALLY_CMD_WALL_GUARD_H

/* Nobody locks himself out unwarned: what a change of rules means to the connection it is made over. */
#include "cmd/wall/session.h"

/* Where what is saved lies: /var/lib/sallywall, or what the environment's SALLYWALL_DIR says. */
const char *guard_directory(void);

/*
 * Tells on standard error which session (of the family of next) would be cut, or could not be begun again, and which rule
 * decides; or that it can't be told. What before does to a session already is no news; NULL: nothing. CUT: at least one
 * would be; UNKNOWN: of one at least it can't be told, and of none that it would. command: who says so.
 */
enum session_fate guard_tell(const char *command, const struct sessions *sessions, const struct rules *before,
                             const struct rules *next);

/* May a wall go up with these rules? Tells what guard_tell tells, and if what comes over a session that is there already is
 * stopped at first. */
MUST_USE bool guard_may_go_up(const char *command, const struct rules *next, bool is_forced);

/*
 * For commands that change the wall at once, before they do: if next would cut the connection of who calls, that is
 * told, with the rule and the command that undoes it. family_command: "iptables" or "ip6tables"; argv: its words behind that
 * name, NULL: there is no shorter undo than the old rules, which are saved.
 */
void guard_warn(const char *family_command, const struct rules *next, int argc, const char *const *argv);

#endif
