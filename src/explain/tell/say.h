/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_SAY_H
#define SALLY_EXPLAIN_TELL_SAY_H

#include "base/result.h"
#include "explain/story.h"

/* What all drawings say of a packet in the same words. New strings; NULL: out of memory. */

/* Who decided: "INPUT 3", "raw PREROUTING 1", "INPUT policy", "conntrack", "the FTP helper". */
MUST_USE char *say_decider(const struct story_step *step);
/* "NEW · dropped by INPUT 3" */
MUST_USE char *say_judgement(const struct story_step *step);
/* Of a packet whose fate is not known: "it depends on the owner of a socket; to see it: ..." */
MUST_USE char *say_doubt(const struct story_step *step);
/* A rule with its line in the file: "-A INPUT -j DROP  (line 7)". */
MUST_USE char *say_rule(const struct story_rule *rule);
/* An event that was told before, but for why: "does not expect 192.168.0.2:* -> 192.168.0.18:10093, as above" */
MUST_USE char *say_again(const struct story_event *event);
/* "tried 2 more times until 3.0 s, with the same result" */
MUST_USE char *say_retries(uint32_t retries, uint64_t last_ms);
/* "first data, port 40001 → 10093": what a packet is called, and for a SYN between which ports, which is what a rule would have to say. */
MUST_USE char *say_label(const struct story_step *step);
/* A rule that led to the one that decided: "by INPUT 2: -A INPUT -i eth0 -j WEB" */
MUST_USE char *say_jump(const struct story_rule *jump);

#endif
