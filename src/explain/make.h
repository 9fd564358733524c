/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_MAKE_H
#define SALLY_EXPLAIN_MAKE_H

/*
 * How stories are put together, by those who make them (play, replay...). Each function that may run out of
 * memory says so by NULL, false or -ENOMEM, and leaves the story as it was, fit for story_free.
 */
#include "base/result.h"
#include "explain/story.h"

/* Appends an empty step with its number; valid until the next is added. NULL: out of memory. */
MUST_USE struct story_step *story_step_add(struct story *s);
/* Takes the last step away again. */
void story_step_drop_last(struct story *s);
/* Appends an event whose text is format's. */
__attribute__((format(printf, 4, 5))) int story_event_add(struct story_step *step, enum track_event_type type,
                                                          enum track_reason reason, const char *format, ...);
/* Appends a note, unless the same one is there. */
__attribute__((format(printf, 2, 3))) int story_note_add(struct story *s, const char *format, ...);
/* The same with text, which is the story's then, or freed; NULL: out of memory. */
MUST_USE int story_note_take(struct story *s, char *text);
/* A story task, its name copied; valid until the next is added. */
MUST_USE struct story_task *story_task_add(struct story *s, const char *name);
/* Appends a rule that was looked at. */
MUST_USE int story_looked_add(struct story_step *step, const struct rules *r, enum rules_table_type table,
                              const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number,
                              enum verdict_answer answer);

/* The same of a rule of nft's. */
MUST_USE int story_nft_looked_add(struct story_step *step, const struct nft_rule *rule,
                                  enum verdict_answer answer);

/* Quotes a rule, or the policy of chain when rule is NULL; nothing at all when chain is NULL. *ret is
 * overwritten, not freed. */
MUST_USE int story_rule_quote(struct story_rule *ret, const struct rules *r, enum rules_table_type table,
                              const struct rules_chain *chain, const struct rules_rule *rule,
                              uint32_t number);
/* The same of a rule of nft's, or of the head of its base chain when rule is NULL: "tcp dport 21 drop # handle 7". */
MUST_USE int story_nft_quote(struct story_rule *ret, const struct nft_chain *chain,
                             const struct nft_rule *rule);
/* The one of both that a verdict is of. */
MUST_USE int story_verdict_quote(struct story_rule *ret, const struct rules *r, enum rules_table_type table,
                                 const struct verdict *v);
void story_rule_clear(struct story_rule *rule);
void story_near_clear(struct story_near *near);
/* The rule of r that is quoted; NULL: a policy, or it is none of r's. */
const struct rules_rule *story_rule_find(const struct rules *r, const struct story_rule *rule);
/* The same rule, or the same chain's policy? */
bool story_rule_equal(const struct story_rule *a, const struct story_rule *b);
/* Quotes in step->jumps the rules that led to step->rule, of those that were looked at. 0 or -ENOMEM. */
MUST_USE int story_jumps_quote(struct story_step *step, const struct rules *r);

/* Where a rule stands, for a sentence: "rule 3 of INPUT", "the policy of OUTPUT in the mangle table". The
 * table is named unless it is filter. NULL: out of memory. */
MUST_USE char *story_place(const struct story_rule *rule);
/* The same for a line: "INPUT 3", "mangle OUTPUT policy". */
MUST_USE char *story_place_short(const struct story_rule *rule);

/* What the wall said: state, reason, hook, fate, stage, rule, because, ask. r is the rules that the wall walked.
 */
MUST_USE int story_step_judge(struct story_step *step, const struct rules *r,
                              const struct wall_report *report);

/* New strings, or NULL: out of memory. */
MUST_USE char *story_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "192.168.0.2:21", "[2001:db8::2]:21"; without ports for port 0. */
MUST_USE char *story_end_text(const struct packet_address *address, uint8_t family, uint16_t port);
/* Flags and size of the payload: "SYN", "PSH ACK, 6 bytes", "echo request". */
MUST_USE char *story_packet_text(const struct packet *packet);
/* What a tracking event means: "expects 192.168.0.2:* -> 192.168.0.18:10093, for 300 s". NULL without error:
 * nothing that a reader asks for (flows beginning and ending). */
MUST_USE int story_event_text(const struct track_event *event, char **ret);

/* Words for the enums, for all tellers. */
const char *story_state_name(enum track_state state);       /* "NEW" */
const char *story_fate_name(enum wall_fate fate);           /* "pass", "drop", "reject", "unknown" */
const char *story_outcome_name(enum story_outcome outcome); /* "works", "blocked", "unknown" */
const char *story_mode_name(enum story_mode mode);          /* "passive" */
const char *story_at_name(enum story_at at);                /* "server" */

#endif
