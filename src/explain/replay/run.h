/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_RUN_H
#define SALLY_EXPLAIN_REPLAY_RUN_H

/* A replay on its way: what run.c prepares and concludes, role.c finds out about each packet, and passage.c
 * has the rules say about it. */
#include "base/result.h"
#include "explain/play/world.h"
#include "explain/replay/announced.h"
#include "explain/replay/follow.h"
#include "explain/replay/judge.h"
#include "explain/replay/reading.h"
#include "explain/replay/replay.h"
#include "packet/packet.h"

/* Steps hold the quotations of what decided: a hundred thousand are 100 MB. Beyond, none is kept. */
enum {
    STEPS_MOST = 100000,
    LINE_MOST = 120,
    RULES_KEPT = 16,
    SUSPICIOUS = 64, /* sessions whose unannounced data channels are looked for */
};

struct run {
    struct replay *replay;
    struct story *story;
    const struct replay_options *options;
    struct reading *reading;
    struct survey survey;
    const struct rules *rules;
    struct rules *own; /* rules, if none were given; else NULL */
    struct wall_rules *walked;
    struct wall *wall, *asked; /* asked: for questions beside the replay */
    struct play play;
    uint16_t ports[9]; /* where control channels are looked for */
    size_t port_count;
    struct follower *follower;
    struct announced *announced;
    struct judge judge;
    struct play_watch watch;
    uint32_t suspicious[SUSPICIOUS]; /* sessions with announcements that the capture may lack */
    size_t suspicious_count;
    bool *within_line; /* for each session: the client's last packet ended within a line */
    struct story_step passed[RULES_KEPT + 1]; /* by which rules packets of sessions passed, one each */
    size_t passed_count;
    uint32_t helped_session; /* + 1, whose helper is_helped is about */
    bool is_helped;
    char said[LINE_MOST + 1]; /* by the packet that is on its way */
    uint32_t number;          /* of the packet that is on its way */
    bool
        is_astray; /* how earlier packets were tracked, addressed or routed is open, and so all that follows */
    uint64_t not_told;
    int error;
};

/* A packet, and what is known of it before the rules are asked. */
struct passing {
    const struct reading_packet *packet;
    struct follow_event follow;
    bool has_follow;
    uint32_t session, data; /* of the survey; SURVEY_NONE */
    bool is_suspect;        /* likely of a data channel of session, whose announcement we have not */
    enum story_lane from;
    enum story_channel channel;
    enum story_at where; /* the firewall, for this packet's session */
    enum wall_path path;
};

static inline const struct survey_session *run_session(const struct run *run, uint32_t session)
{
    return &run->survey.sessions[session];
}

/* ---- role.c ---- */

/* What is known of a packet before the rules are asked; what it says goes into run->said. 0 or -ENOMEM. */
MUST_USE int run_look_at(struct run *run, const struct reading_packet *packet, struct passing *ret);
/* Whose firewall it is, for a session: a server may fetch from others, too, and then is the client. */
enum story_at run_place(const struct run *run, const struct survey_session *s);

/* ---- passage.c ---- */

/* A packet meets the rules, and is told. 0, -ENOMEM, or what the listener said. */
MUST_USE int run_packet(struct run *run, const struct reading_packet *packet);

#endif
