/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_TCP_H
#define SALLY_TRACK_TCP_H

/*
 * A TCP segment meets its connection: state table, window check, and the cases that neither can settle alone.
 * Freestanding. Follows nf_conntrack_tcp_packet of Linux 6.12 and 6.18, so that a segment that the kernel
 * would pass, ignore or call INVALID is passed, ignored or INVALID here.
 */
#include "track/tcp_window.h"

enum { TRACK_TCP_AGES = TRACK_TCP_STATES + 2 };
enum { TRACK_TCP_AGE_RETRANS = TRACK_TCP_STATES, TRACK_TCP_AGE_UNACKNOWLEDGED };

struct track_tcp_config {
    bool loose, be_liberal, ignore_invalid_rst;
    uint8_t max_retransmissions;
    uint32_t age[TRACK_TCP_AGES]; /* seconds, by state; then the two that cut them short */
};

enum track_tcp_verdict {
    TRACK_TCP_PASS,      /* age is the connection's new one */
    TRACK_TCP_PASS_AGED, /* leave its age alone */
    TRACK_TCP_REFUSE,    /* the segment is INVALID */
    TRACK_TCP_SHORTEN,   /* INVALID, and age is the connection's new one */
    TRACK_TCP_END,       /* pass, and the connection is over */
    TRACK_TCP_REOPEN,    /* the connection is over, and this is the first segment of a new one */
};

/* Why not TRACK_TCP_PASS, for people. */
enum track_tcp_why { TRACK_TCP_WHY_WINDOW, TRACK_TCP_WHY_STATE };

struct track_tcp_outcome {
    enum track_tcp_verdict verdict;
    enum track_tcp_why why;
    uint32_t age; /* seconds */
    bool assured; /* from now on */
};

/* A connection begins with this segment. false: it can't (only a SYN can, or, if loose, a bare ACK). */
static inline bool track_tcp_begin(struct track_tcp *tcp, const struct track_segment *s, bool loose)
{
    struct track_tcp_side *opener = &tcp->side[TRACK_ORIGINAL];
    uint8_t next = track_tcp_next(TRACK_ORIGINAL, (enum track_tcp_class)s->class, TRACK_TCP_NONE);

    if (next >= TRACK_TCP_STATES || (next != TRACK_TCP_SYN_SENT && !loose))
        return false;
    __builtin_memset(tcp, 0, sizeof(*tcp));
    opener->end = opener->max_end = s->end;
    opener->max_window = s->window ? s->window : 1;
    if (next == TRACK_TCP_SYN_SENT) {
        track_tcp_take_options(s, opener);
    } else {
        /* Whether they scale and use SACK was agreed on before we came. */
        opener->max_end += opener->max_window;
        opener->flags = tcp->side[TRACK_REPLY].flags = TRACK_TCP_SACKS | TRACK_TCP_LIBERAL;
    }
    tcp->last_class = TRACK_TCP_FLAGLESS;
    return true;
}

/* Both sides agree on a connection that we did not know of: its SYN was ignored, and this SYN/ACK answers it.
 */
static inline bool track_tcp_is_unexpected_answer(const struct track_tcp *tcp, enum track_direction direction,
                                                  const struct track_segment *s)
{
    return s->class == TRACK_TCP_SYN_ACK && tcp->last_class == TRACK_TCP_SYN &&
           tcp->last_direction != direction && s->acknowledgement == tcp->last_end;
}

static inline void track_tcp_get_in_step(struct track_tcp *tcp, enum track_direction direction)
{
    struct track_tcp_side *opener = &tcp->side[tcp->last_direction & 1], *other = &tcp->side[direction];

    opener->end = opener->max_end = tcp->last_end;
    opener->max_window = tcp->last_window ? tcp->last_window : 1;
    opener->scale = tcp->last_scale;
    tcp->last_flags &= (uint8_t)~TRACK_TCP_CHALLENGED;
    opener->flags = tcp->last_flags;
    other->end = other->max_end = other->max_window = other->max_ack = 0;
    other->scale = 0;
    other->flags &= TRACK_TCP_LIBERAL;
}

/* Ignored, but remembered: the answer will be compared with it. */
static inline void track_tcp_remember(struct track_tcp *tcp, enum track_direction direction,
                                      const struct track_segment *s)
{
    tcp->last_class = s->class;
    tcp->last_direction = (uint8_t)direction;
    tcp->last_sequence = s->sequence;
    tcp->last_end = s->end;
    tcp->last_window = s->window;
    if (s->class == TRACK_TCP_SYN && direction == TRACK_ORIGINAL) {
        struct track_tcp_side seen = {0};
        track_tcp_take_options(s, &seen);
        tcp->last_scale = seen.scale;
        tcp->last_flags = seen.flags;
        /* In LAST_ACK an ACK would be taken for that of the last FIN, when it may be a challenge. */
        if (tcp->state == TRACK_TCP_LAST_ACK)
            tcp->last_flags |= TRACK_TCP_CHALLENGED;
    }
    if (tcp->state == TRACK_TCP_SYN_SENT && s->class == TRACK_TCP_ACK && direction == TRACK_REPLY)
        tcp->last_ack = s->acknowledgement;
}

enum track_tcp_reset {
    TRACK_TCP_RESET_CHECK, /* if it fits the window, on to *state */
    TRACK_TCP_RESET_TRUST,
    TRACK_TCP_RESET_REFUSE,
};

/* Is it one of those resets that fit no window, because they answer a segment that we let through unseen? */
static inline bool track_tcp_reset_answers_ignored(const struct track_tcp *tcp, uint16_t status,
                                                   enum track_direction direction,
                                                   const struct track_segment *s)
{
    /* That the SYN must be the other side's was measured on 6.18; 6.12 does not ask. */
    bool syn =
        (status & TRACK_SEEN_REPLY) && tcp->last_class == TRACK_TCP_SYN && tcp->last_direction != direction;
    bool ack = !(status & TRACK_ASSURED) && tcp->last_class == TRACK_TCP_ACK;

    if ((syn || ack) && s->acknowledgement == tcp->last_end)
        return true;
    return tcp->state == TRACK_TCP_SYN_SENT && tcp->last_class == TRACK_TCP_ACK &&
           tcp->last_direction == TRACK_REPLY && s->sequence == tcp->last_ack;
}

/* A reset (RFC 5961 section 3): only the exact sequence number ends an established connection. */
static inline enum track_tcp_reset track_tcp_reset(const struct track_tcp *tcp, uint16_t status,
                                                   enum track_direction direction,
                                                   const struct track_segment *s, bool ignore_invalid_rst,
                                                   uint8_t *state)
{
    const struct track_tcp_side *peer = &tcp->side[!direction];
    bool established = tcp->state == TRACK_TCP_ESTABLISHED && (status & TRACK_ASSURED);

    /* The ports may have been used again by now; what we remember is worth nothing. */
    if (track_tcp_is_closing(tcp->state))
        return TRACK_TCP_RESET_TRUST;
    if ((peer->flags & TRACK_TCP_MAX_ACK) && tcp->last_class != TRACK_TCP_SYN) {
        if (s->sequence == 0 && !established)
            return TRACK_TCP_RESET_CHECK;
        if (track_before(s->sequence, peer->max_ack) && !ignore_invalid_rst)
            return TRACK_TCP_RESET_REFUSE;
        if (!established || s->sequence == peer->max_ack)
            return TRACK_TCP_RESET_CHECK;
        /* Right behind its own data, which is still under way. */
        if (tcp->last_class == TRACK_TCP_ACK && tcp->last_direction == direction &&
            s->sequence == tcp->last_end)
            return TRACK_TCP_RESET_CHECK;
        *state = tcp->state; /* leave room for a challenge ACK */
    }
    return track_tcp_reset_answers_ignored(tcp, status, direction, s) ? TRACK_TCP_RESET_TRUST
                                                                      : TRACK_TCP_RESET_CHECK;
}

/* A FIN or RST out of the window: if the other side has had one too, the two are done, whatever we think. */
static inline struct track_tcp_outcome track_tcp_misfit(struct track_tcp *tcp, uint16_t status,
                                                        enum track_direction direction,
                                                        const struct track_segment *s, uint64_t left_ms,
                                                        const struct track_tcp_config *config)
{
    struct track_tcp_outcome o = {.verdict = TRACK_TCP_REFUSE, .why = TRACK_TCP_WHY_WINDOW};
    uint32_t unacknowledged = config->age[TRACK_TCP_AGE_UNACKNOWLEDGED];

    if (!(status & TRACK_ASSURED) || (s->class != TRACK_TCP_RST && s->class != TRACK_TCP_FIN))
        return o;
    if (tcp->last_direction == direction ||
        (tcp->last_class != TRACK_TCP_FIN && tcp->last_class != TRACK_TCP_RST)) {
        tcp->last_class = s->class;
        tcp->last_direction = (uint8_t)direction;
    } else if (left_ms >= 120 * 1000 && left_ms > (uint64_t)unacknowledged * 1000) {
        o.verdict = TRACK_TCP_SHORTEN;
        o.age = unacknowledged;
    }
    return o;
}

static inline uint32_t track_tcp_age(const struct track_tcp *tcp, const struct track_segment *s,
                                     const struct track_tcp_config *config)
{
    uint32_t state = tcp->state, age = config->age[state < TRACK_TCP_STATES ? state : TRACK_TCP_NONE];
    uint32_t retrans = config->age[TRACK_TCP_AGE_RETRANS];
    uint32_t unacknowledged = config->age[TRACK_TCP_AGE_UNACKNOWLEDGED];
    uint8_t flags = tcp->side[TRACK_ORIGINAL].flags | tcp->side[TRACK_REPLY].flags;

    if (tcp->retransmissions >= config->max_retransmissions && age > retrans)
        return retrans;
    if (s->class == TRACK_TCP_RST)
        return config->age[TRACK_TCP_CLOSE];
    if ((flags & TRACK_TCP_UNACKNOWLEDGED) && age > unacknowledged)
        return unacknowledged;
    if (tcp->last_window == 0 && age > retrans)
        return retrans;
    return age;
}

/* The segment belongs: the connection moves from state old to next. */
static inline struct track_tcp_outcome track_tcp_accept(struct track_tcp *tcp, uint16_t status,
                                                        enum track_direction direction,
                                                        const struct track_segment *s, uint8_t old,
                                                        uint8_t next, const struct track_tcp_config *config)
{
    struct track_tcp_outcome o = {.verdict = TRACK_TCP_PASS};
    uint32_t unacknowledged = config->age[TRACK_TCP_AGE_UNACKNOWLEDGED];

    tcp->last_class = s->class;
    tcp->last_direction = (uint8_t)direction;
    tcp->state = next;
    if (old != next && next == TRACK_TCP_FIN_WAIT)
        tcp->side[direction].flags |= TRACK_TCP_CLOSED_FIRST;
    o.age = track_tcp_age(tcp, s, config);

    if (!(status & TRACK_SEEN_REPLY)) {
        if (s->class == TRACK_TCP_RST)
            o.verdict = TRACK_TCP_END; /* refused: nothing was ever established */
        else if (s->class == TRACK_TCP_SYN && old == TRACK_TCP_SYN_SENT)
            o.verdict = TRACK_TCP_PASS_AGED; /* or a sender that repeats itself would keep it for ever */
        else if (next == TRACK_TCP_ESTABLISHED && o.age > unacknowledged)
            o.age = unacknowledged; /* picked up in the middle, and nobody has answered */
    } else if (next == TRACK_TCP_ESTABLISHED && (old == TRACK_TCP_SYN_RECV || old == TRACK_TCP_ESTABLISHED)) {
        o.assured = true;
    }
    return o;
}

/* Does a SYN end the old connection of these ports? */
static inline bool track_tcp_is_reopening(const struct track_tcp *tcp, enum track_direction direction)
{
    uint8_t flags = tcp->side[TRACK_ORIGINAL].flags | tcp->side[TRACK_REPLY].flags;

    return (flags & TRACK_TCP_CLOSED_FIRST) ||
           (tcp->last_direction == direction && tcp->last_class == TRACK_TCP_RST);
}

/*
 * Moves a connection that has begun (its first segment too). status: the flow's; left_ms: until it expires.
 * What the outcome says of age and assurance is for the caller to do.
 */
static inline struct track_tcp_outcome track_tcp_packet(struct track_tcp *tcp, uint16_t status,
                                                        enum track_direction direction,
                                                        const struct track_segment *s, uint64_t left_ms,
                                                        const struct track_tcp_config *config)
{
    struct track_tcp_outcome ignored = {.verdict = TRACK_TCP_PASS_AGED};
    struct track_tcp_outcome refused = {.verdict = TRACK_TCP_REFUSE, .why = TRACK_TCP_WHY_STATE};
    uint8_t old = tcp->state,
            next = track_tcp_next(direction, (enum track_tcp_class)s->class, (enum track_tcp_state)old);
    bool trusted = false;

    if (next == TRACK_TCP_INVALID)
        return refused;
    if (next == TRACK_TCP_SYN_SENT && old >= TRACK_TCP_TIME_WAIT) {
        if (track_tcp_is_reopening(tcp, direction))
            return (struct track_tcp_outcome){.verdict = TRACK_TCP_REOPEN};
        next = TRACK_TCP_IGNORE;
    }
    if (next == TRACK_TCP_IGNORE) {
        if (!track_tcp_is_unexpected_answer(tcp, direction, s)) {
            track_tcp_remember(tcp, direction, s);
            return ignored;
        }
        track_tcp_get_in_step(tcp, direction);
        old = TRACK_TCP_SYN_SENT;
        next = TRACK_TCP_SYN_RECV;
    } else if (next == TRACK_TCP_TIME_WAIT) {
        if (old == TRACK_TCP_LAST_ACK && s->class == TRACK_TCP_ACK && tcp->last_direction != direction &&
            tcp->last_class == TRACK_TCP_SYN && (tcp->last_flags & TRACK_TCP_CHALLENGED)) {
            tcp->last_flags &= (uint8_t)~TRACK_TCP_CHALLENGED;
            return ignored;
        }
    } else if (next == TRACK_TCP_SYN_SENT2) {
        tcp->last_flags |= TRACK_TCP_SIMULTANEOUS;
    } else if (next == TRACK_TCP_SYN_RECV) {
        if (direction == TRACK_REPLY && s->class == TRACK_TCP_ACK &&
            (tcp->last_flags & TRACK_TCP_SIMULTANEOUS))
            next = TRACK_TCP_ESTABLISHED;
    } else if (next == TRACK_TCP_CLOSE && s->class == TRACK_TCP_RST) {
        enum track_tcp_reset reset =
            track_tcp_reset(tcp, status, direction, s, config->ignore_invalid_rst, &next);
        if (reset == TRACK_TCP_RESET_REFUSE)
            return (struct track_tcp_outcome){.verdict = TRACK_TCP_REFUSE, .why = TRACK_TCP_WHY_WINDOW};
        trusted = reset == TRACK_TCP_RESET_TRUST;
    }

    if (!trusted) {
        enum track_tcp_fit fit = track_tcp_window(tcp, direction, s, config->be_liberal);
        if (fit == TRACK_TCP_IGNORED)
            return ignored;
        if (fit == TRACK_TCP_MISFITS)
            return track_tcp_misfit(tcp, status, direction, s, left_ms, config);
    }
    return track_tcp_accept(tcp, status, direction, s, old, next, config);
}

#endif
