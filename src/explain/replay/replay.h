/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_REPLAY_H
#define SALLY_EXPLAIN_REPLAY_REPLAY_H

#include "base/result.h"
#include "explain/play/settings.h"

/*
 * A capture (capture.h) run through rules. It is evidence, and not the whole: what it lacks is told, and never
 * made a verdict of (doubt.h, judge.h).
 */
struct replay;

/* Who is told of each packet at once, so that a capture of any length takes no memory. Each returns 0 or a
 * negative errno, which ends the replay. */
struct replay_listener {
    void *arg;
    int (*begin)(void *arg, const struct replay *r); /* the story's head is there: title, client, server... */
    int (*step)(void *arg, const struct story_step *step);
};

struct replay_options {
    struct play play; /* where, kernel, manner, helper ports...; server all zero: found by itself */
    bool has_server;
    bool looked;   /* the rules that were looked at are told: then they are asked one by one */
    bool streamed; /* the story keeps no steps: the listener has them */
    const struct replay_listener *listener; /* or NULL */
};

struct replay_channel {   /* a data channel and who announced it */
    char *data, *control; /* "192.168.0.2:40001 -> 192.168.0.18:10093" */
    char *announced_by;   /* "227 Entering Passive Mode (...)" */
};

struct replay {
    struct story *story; /* STORY_CAPTURE: steps are the packets */
    char **connections;  /* as conntrack -L prints them, at the end */
    size_t connection_count;
    char **expectations; /* that were made, one line each, with what became of it */
    size_t expectation_count;
    struct replay_channel *channels;
    size_t channel_count;
    uint64_t packets, not_ip; /* frames in the capture; those that hold no sound IP packet */
    uint64_t doubled, cut;    /* left out as seen before; cut short by the snap length */
    bool complete;            /* the file was read to its end */
};

/*
 * Takes capture over, also on failure. r NULL: no rules: everything is accepted, and the control port has the
 * FTP helper. Fragments are put together first. 0 and *ret; -EINVAL with *message (caller frees): the capture
 * can't be read, or holds no packet; -ENOMEM; what the listener said.
 */
MUST_USE int replay_capture(FILE *capture, const char *name, const struct rules *r,
                            const struct replay_options *options, struct replay **ret, char **message);
void replay_free(struct replay **r);

/* The whole, of a story that has kept its steps. 0, -EIO or -ENOMEM. */
MUST_USE int replay_tell_text(const struct replay *r, const struct story_text_options *options, FILE *out);
MUST_USE int replay_tell_json(const struct replay *r, FILE *out);

/* The same piece by piece, as the replay goes on: its listener, and what comes behind the last packet. */
enum replay_form {
    REPLAY_TEXT,
    REPLAY_JSON,
    REPLAY_STORY_JSON, /* as explain --json: without the member "replay" */
};
struct replay_teller {
    enum replay_form form;
    const struct story_text_options *options; /* of text */
    FILE *out;
    uint64_t told;
    struct replay_listener listener; /* filled in by init */
};
void replay_teller_init(struct replay_teller *t, enum replay_form form,
                        const struct story_text_options *options, FILE *out);
MUST_USE int replay_teller_end(struct replay_teller *t, const struct replay *r);

#endif
