/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_REPLAY_H
#define SALLY_EXPLAIN_REPLAY_REPLAY_H

#include "base/result.h"
#include "explain/play/settings.h"
#include "explain/replay/announced.h"

/* A capture (pcap or pcapng, Ethernet, Linux cooked, raw IP, loopback) run through rules. */
struct replay_options {
    struct play play; /* where, kernel, manner, helper ports...; server all zero: found by itself */
    bool has_server;
    bool looked; /* the rules that were looked at are told: then they are asked one by one */
};

struct replay {
    struct story *story; /* STORY_CAPTURE: steps are the packets */
    char **connections;  /* as conntrack -L prints them, at the end */
    size_t connection_count;
    struct announced_found found;
    uint64_t packets, not_ip; /* in the capture; frames that hold no IP */
};

/*
 * Takes capture over, also on failure. r NULL: no rules: everything is accepted, and the control port has the
 * FTP helper. Fragments are put together first. 0 and *ret; -EINVAL with *message (caller frees): the capture
 * can't be read, or the server can't be told; -ENOMEM.
 */
MUST_USE int replay_capture(FILE *capture, const char *name, const struct rules *r,
                            const struct replay_options *options, struct replay **ret, char **message);
void replay_free(struct replay **r);
MUST_USE int replay_tell_text(const struct replay *r, const struct story_text_options *options, FILE *out);
MUST_USE int replay_tell_json(const struct replay *r, FILE *out);

#endif
