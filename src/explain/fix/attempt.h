/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_FIX_ATTEMPT_H
#define SALLY_EXPLAIN_FIX_ATTEMPT_H

#include "base/result.h"
#include "explain/play/ports.h"

/* One attempt at a repair: the rules with its commands carried out, and what it did. Makers (makers.h) drive it. */

enum { FIX_COMMANDS = 16 };

enum fix_deed { /* in the order in which a title names them */
                FIX_NEIGHBOURS,
                FIX_OPEN_CONTROL,
                FIX_HELPER,
                FIX_STATE,
                FIX_ANSWERS,
                FIX_WIDEN,
                FIX_ONE_PORT,
                FIX_RANGE,
                FIX_SEND_FROM,
                FIX_PORT_20,
                FIX_FROM_20,
                FIX_CONFIGURE,
                FIX_PING,
                FIX_DEEDS
};

struct fix_attempt {
    struct rules *rules;       /* a copy, with the commands carried out */
    struct wall_rules *walked; /* them, since the last command; or NULL */
    struct play play;          /* with what the commands change about the server */
    char *commands[FIX_COMMANDS];
    size_t count;
    uint32_t deeds;                     /* bits 1 << enum fix_deed */
    struct rules_range16 range;         /* that is opened */
    struct rules_range16 managed_ports; /* that the manager (manager.h) was last told to open */
    const struct play_outcomes *outcomes;
    bool knows_range; /* --pasv-ports was given */
    const char *note; /* or NULL */
};

struct fix_maker {
    bool (*suits)(const struct fix_attempt *a);
    /* Sets up what it does before the first packet is lost; may be NULL. */
    int (*prepare)(struct fix_attempt *a);
    /* Adds commands that admit the packet of step. 0; -ENOENT: has no way to; -ENOMEM. */
    int (*admit)(struct fix_attempt *a, const struct story_step *step);
    bool reads_looked; /* admit reads which rules the step looked at */
    bool rewrites;     /* it also helps where what is announced is of no use behind NAT */
};
/* Carries out a command line of iptables (without the program's name) on the attempt's rules and remembers
 * it. 0, -ENOENT: the rules refuse it, or there are too many; -ENOMEM. */
__attribute__((format(printf, 2, 3))) int fix_command(struct fix_attempt *a, const char *format, ...);
/* Carries it out alone. */
__attribute__((format(printf, 2, 3))) int fix_carry_out(struct fix_attempt *a, const char *format, ...);
/* Remembers a line, which is the attempt's then, or freed; NULL: -ENOMEM. */
MUST_USE int fix_remember(struct fix_attempt *a, char *line);
/* Remembers a line for the server's configuration. */
__attribute__((format(printf, 2, 3))) int fix_configure(struct fix_attempt *a, const char *format, ...);

/* Frees all that it holds. */
void fix_attempt_clear(struct fix_attempt *a);

#endif
