/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_LIVE_H
#define SALLY_CMD_WALL_LIVE_H

/*
 * The rules of the wall that stands, for the commands that iptables has. They exit as iptables does, and what goes wrong
 * is told on standard error here, so that a status is all that is handed on.
 */
#include <stdbool.h>

#include "base/result.h"
#include "kernel/wall.h"

/* As iptables exits. */
enum {
    LIVE_OTHER = 1,   /* no such rule or chain, or what the kernel does not take */
    LIVE_USAGE = 2,   /* the words are wrong */
    LIVE_VERSION = 3, /* there is no such table, or no wall */
    LIVE_LOCKED =
        4, /* somebody else is changing them, this process may not, or it is not known whether there is a wall */
};

/* The tables that the wall has, 1 << enum rules_table_type. */
enum { LIVE_TABLES = 1 << RULES_FILTER | 1 << RULES_RAW };

/* Why it has no others, behind "the table nat". */
extern const char live_no_table[];

struct live {
    const char *command; /* for messages: "iptables" */
    struct kernel_wall *wall;
    struct rules *rules;      /* of the family, with what they have counted so far */
    const char *const *words; /* of the command line, for its undo; NULL: it is a file */
    int word_count;
    uint32_t first_new;    /* serial: rules that have a lower one stood already */
    uint32_t refused_line; /* of the first rule that the wall does not carry out, or 0 */
};

/* Locks the wall and reads its rules, but for those of some tables (kernel_wall_rules_but); waits for others as -w says, and
 * without -w not at all. 0, or the status to exit with. Whatever it returns, live_close follows. */
MUST_USE int live_open(const char *command, enum packet_family family, const struct rules_look *look,
                       uint32_t but, struct live *ret);
void live_close(struct live *live);
/* From one packet to the next live->rules count, which were changed, in place of what they were. 0 or a status. */
MUST_USE int live_replace(struct live *live);
/* Would they? Changes nothing. */
MUST_USE int live_try(struct live *live);

/* A table that is not the wall's, as the kernel's own program of that name shows it with these words. The status. */
MUST_USE int live_list_kernels(const char *command, const char *table, const char *const *words);

/* "iptables" or "ip6tables", as the name of a command or of a link to sallywall begins. */
enum packet_family live_family(const char *command);

#endif
