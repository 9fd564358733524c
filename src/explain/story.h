/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_STORY_H
#define SALLY_EXPLAIN_STORY_H

/*
 * What happened to a session at a firewall, step by step: made by play.h (a scripted FTP session), exchange.h
 * (one connection, there and back), question.h (one packet) or replay.h (a capture), told by the tellers (text,
 * JSON, SVG, HTML). A story owns all its strings. Tellers only read.
 */
#include <stdio.h>

#include "base/result.h"
#include "verdict/wall.h"

enum story_kind { STORY_FTP, STORY_PACKET, STORY_CAPTURE, STORY_EXCHANGE };
enum story_mode { STORY_PASSIVE, STORY_ACTIVE, STORY_EPSV, STORY_EPRT };
enum story_at { STORY_AT_SERVER, STORY_AT_GATEWAY, STORY_AT_CLIENT };
enum story_outcome { STORY_WORKS, STORY_BLOCKED, STORY_UNKNOWN };
enum story_lane { STORY_CLIENT, STORY_SERVER }; /* where a packet comes from; the firewall stands between */
enum story_channel { STORY_CONTROL, STORY_DATA, STORY_OTHER };

/* A rule as it is quoted. All NULL and 0 when there is none. */
struct story_rule {
    char *table;     /* "filter" */
    char *chain;     /* "INPUT" */
    uint32_t number; /* 1...; 0: the chain's policy */
    uint32_t line;   /* in the file; 0: unknown */
    char *text;      /* "-A INPUT -p tcp ... -j DROP", or "-P INPUT DROP" */
};

/* Why a rule that would have admitted a packet did not. */
enum story_near_kind {
    STORY_NEAR_BUT,       /* it was asked, and one or two of its conditions did not hold */
    STORY_NEAR_BEHIND,    /* all it asks holds, but what decided stands before it */
    STORY_NEAR_LED,       /* all it asks holds, but not what the rule asks that jumps to its chain */
    STORY_NEAR_UNREACHED, /* all it asks holds, but no way leads to its chain */
    STORY_NEAR_HOOK,      /* all it asks holds, but the packet does not pass its hook */
    STORY_NEAR_TABLE,     /* it accepted the packet, in a table in which that admits nothing */
};

struct story_near { /* a rule that would have admitted a packet, nearly */
    enum story_near_kind kind;
    struct story_rule rule;
    struct story_rule other; /* BEHIND: what stands before it; LED: the rule that jumps */
    char **but;              /* BUT, LED: the conditions that do not hold, as the rules have them */
    size_t but_count;
    char *text; /* a clause: "rule 4 of INPUT would admit it but for -s 0.0.0.0/32" */
};

struct story_event { /* of tracking, told below the packet that caused it */
    enum track_event_type type;
    enum track_reason reason;
    char *text;   /* one line: "expects 192.168.0.2:* -> 192.168.0.18:10093, for 300 s" */
    bool is_open; /* MAPPED: which address or port it is, chance decides, or it was not said */
};

struct story_looked { /* one rule that was looked at */
    struct story_rule rule;
    enum verdict_answer answer;
    uint8_t accepts_states; /* bits 1 << enum track_state: of a state rule, those that it accepts */
    bool asks_ports;
};

struct story_step {
    uint32_t number; /* 1... */
    uint64_t at_ms;  /* since the start */
    enum story_lane from;
    enum story_channel channel;
    char *label; /* what a person calls it: "SYN", "PASV", "227 Entering Passive Mode (192,168,0,18,39,110).",
                    "first data" */
    char *phase; /* "connect", "login", "LIST", "RETR", "STOR"; "" in captures */
    char *source, *destination;               /* "192.168.0.2:40000" or "[2001:db8::2]:40000" */
    char *became_source, *became_destination; /* likewise, as NAT left them; NULL: it did nothing */
    char *packet;                             /* flags and sizes: "SYN", "PSH ACK, 6 bytes" */
    enum track_state state;
    enum track_reason reason; /* why INVALID or dropped by conntrack or helper */
    char *hook;               /* "INPUT" */
    enum wall_fate fate;
    enum wall_stage stage;
    struct story_rule rule; /* that decided */
    char *because;          /* fate UNKNOWN: what is asked that we don't know; else NULL */
    char *ask;              /* fate UNKNOWN: the command that would tell; or NULL */
    char *cause; /* what this packet shows of why the session fails, though it passes, or how a rule stops it
                               that is not there for that; or NULL */
    struct story_looked *looked; /* every rule that was looked at, in order */
    size_t looked_count;
    struct story_rule *jumps; /* the rules that led to the one that decided, outermost first */
    size_t jump_count;
    struct story_near *near; /* of a packet that was dropped, nearest first; not of retries */
    size_t near_count;
    struct story_event *events;
    size_t event_count;
    bool is_retry; /* the same packet again, after a time-out */
};

struct story_task { /* what the person wanted: "connect", "login", "LIST", "RETR", "STOR" */
    char *name;
    enum story_outcome outcome;
    char *why;     /* one clause when it does not work, else NULL */
    uint32_t step; /* number of the step that decided; 0: none */
};

struct story_fix {
    char *title;     /* "Give port 21 its helper" */
    char *order;     /* of fixes that are as good: the same in all languages; or NULL */
    char **commands; /* exact, in order, each one line */
    size_t command_count;
    char *exposes; /* "none: only announced connections", "11 ports", "64,511 ports", "1 port to anywhere" */
    uint64_t exposed_ports; /* by which fixes are ranked, least first */
    bool works;             /* the session was run again with it applied, and worked */
    char *note;             /* a caveat ("helpers can't read TLS"), or NULL */
};

struct story {
    enum story_kind kind;
    /* what was asked */
    enum story_mode mode;
    enum story_at where;
    bool tls;
    char *rules_name;      /* file, "standard input", "this machine (iptables-save v1.8.9, nf_tables)" */
    char *client, *server; /* addresses */
    char *kernel;          /* "6.18" */
    char *manner;          /* "linux" or "robust" */
    char *title;           /* "Passive FTP from 192.168.0.2 to 192.168.0.18, firewall on the server" */
    /* what happened */
    char *
        named; /* the server by a 227 as the client hears it, if that is another address than it has asked; or NULL */
    struct story_step *steps;
    size_t step_count;
    struct story_task *tasks;
    size_t task_count;
    enum story_outcome outcome;
    char *conclusion;        /* one sentence that a beginner understands */
    struct story_fix *fixes; /* ranked; only ones that were tried */
    size_t fix_count;
    char **notes; /* what is not evaluated (nat...), what was assumed, advice that no longer works */
    size_t note_count;
};

void story_free(struct story **s);
/* Is it unknown because of what stands beside the rules? */
bool story_hangs_on_what_is_beside(const struct story *s);
/* Adds to its conclusion that of the same question put to the rules alone. 0 or -ENOMEM. */
MUST_USE int story_add_alone(struct story *s, const struct story *alone);
/* Exit status of explain: 0 works, 1 blocked, 3 unknown. */
int story_exit_status(const struct story *s);

/* Tellers; 0, or -EIO/-ENOMEM. What comes from files and wires is made harmless: no control characters reach
 * a terminal, no markup an SVG or HTML file. */
struct story_text_options {
    bool colour;  /* ANSI colours */
    bool ascii;   /* arrows and lines of - | > instead of UTF-8's */
    bool verbose; /* every packet, and every rule that was looked at */
    int width;    /* columns of the terminal; 0: 100 */
};
MUST_USE int story_tell_text(const struct story *s, const struct story_text_options *options, FILE *out);
MUST_USE int story_tell_json(const struct story *s, FILE *out); /* schema: doc/explain-json.md */
MUST_USE int story_tell_svg(const struct story *s, FILE *out);
MUST_USE int story_tell_html(const struct story *s, FILE *out); /* one file, with the SVG inside */

#endif
