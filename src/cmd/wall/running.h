/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_RUNNING_H
#define SALLY_CMD_WALL_RUNNING_H

#include "base/result.h"
#include "rules/rules.h"

/* What this machine runs. Owns its strings. */
struct running {
    char *text; /* as iptables-save or ip6tables-save prints it, of the back end that has rules */
    size_t size;
    char *name;  /* "this machine (iptables-save v1.8.9 (nf_tables))" */
    char *other; /* as the other back end prints its own, if both have rules; or NULL */
    char *saved; /* as iptables-nft-save prints them, whoever has rules; or NULL: it could not be asked */
};

/* The names of the kernel's own program for a command such as "iptables-save": the usual one, which may be this program's,
 * and those of the two back ends; i of RUNNING_NAMES. */
enum { RUNNING_NAMES = 3, RUNNING_NAME = 40 };
void running_name(const char *command, int i, char ret[RUNNING_NAME]);

/* Takes root. 0, or -1: why not was told on standard error. */
MUST_USE int running_read(uint8_t family, struct running *ret);
void running_fini(struct running *r);

/* Puts beside r, which was read from running's text, what acts on the same packets: the tables that nft made (r->nft), and
 * what is not evaluated: the other back end's rules (struct rules_beside). 0 or -ENOMEM. */
MUST_USE int running_look_beside(const struct running *running, struct rules *r);

/* Empties the lines of text, as iptables-save prints it, that the live wall has put into the kernel's own filter tables
 * (kernel/reject.h): those are no rules of the administrator's. */
void running_strip_wall(char *text);
/* Notes in r one such thing: rules that the other back end has, and tables of nftables that nobody could list. 0 or
 * -ENOMEM. */
MUST_USE int running_add_other(struct rules *r, bool is_legacy, const char *text, size_t size);
MUST_USE int running_add_unlisted(struct rules *r);

#endif
