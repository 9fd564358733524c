/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_TCP_WINDOW_H
#define SALLY_TRACK_TCP_WINDOW_H

/*
 * Does a segment fit what both sides have said so far? After Guido van Rooij, "Real stateful TCP packet
 * filtering in IP Filter" (SANE 2000), with the bounds of Linux's tcp_in_window. Freestanding.
 *
 * For each sender we keep end (the highest sequence number sent, plus one), max_end (the highest that its
 * peer has room for), max_window (the largest window it has offered) and max_ack. A segment passes if
 *
 *   I    it begins within the peer's window        sequence <= max_end of the sender
 *   II   it does not end before what is long gone  end >= end of the sender - max_window of the peer
 *   III  it acknowledges nothing that was not sent sack <= end of the peer
 *   IV   nor anything ancient                      sack >= end of the peer - 66,000 or the largest window
 */
#include "base/bounded.h"
#include "track/tcp_state.h"

enum track_tcp_flag {
    TRACK_TCP_SCALES = 0x01,         /* sent the window scale option */
    TRACK_TCP_SACKS = 0x02,          /* sent SACK permitted */
    TRACK_TCP_CLOSED_FIRST = 0x04,   /* this side began to close */
    TRACK_TCP_LIBERAL = 0x08,        /* picked up in the middle: its window scale is not known */
    TRACK_TCP_UNACKNOWLEDGED = 0x10, /* has sent data that the peer hasn't acknowledged */
    TRACK_TCP_MAX_ACK = 0x20,        /* max_ack is set */
    TRACK_TCP_CHALLENGED = 0x40,     /* last_flags: a challenge ACK may come (RFC 5961) */
    TRACK_TCP_SIMULTANEOUS = 0x80,   /* last_flags: both sides have sent a SYN */
};

enum {
    TRACK_TCP_OPTION_END = 0,
    TRACK_TCP_OPTION_NOP = 1,
    TRACK_TCP_OPTION_SCALE = 3,
    TRACK_TCP_OPTION_SACK_PERMITTED = 4,
    TRACK_TCP_OPTION_SACK = 5,
    TRACK_TCP_OPTIONS_LONGEST = 40,
    TRACK_TCP_SCALE_MOST = 14, /* RFC 7323 section 2.3 */
    TRACK_TCP_ACK_WINDOW = 66000,
};

/* What a segment's options say. */
struct track_options {
    uint32_t sack;         /* the highest byte that it acknowledges, selectively or not (RFC 2018) */
    uint8_t scale, offers; /* of a SYN: enum track_tcp_flag */
    bool present, sacked;
};

/* A segment, as far as tracking looks at it. */
struct track_segment {
    uint32_t sequence, acknowledgement;
    uint32_t end; /* behind its last byte; SYN and FIN count as one */
    uint16_t window;
    uint8_t flags, class; /* enum track_tcp_class */
    struct track_options options;
};

enum track_tcp_fit {
    TRACK_TCP_FITS,
    TRACK_TCP_IGNORED, /* passes, and tells us nothing */
    TRACK_TCP_MISFITS,
};

static inline bool track_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool track_after(uint32_t a, uint32_t b)
{
    return track_before(b, a);
}

static inline struct track_segment track_segment_read(const struct packet *p)
{
    struct track_segment s = {
        .sequence = p->tcp.sequence,
        .acknowledgement = p->tcp.acknowledgement,
        .window = p->tcp.window,
        .flags = p->tcp.flags,
        .class = (uint8_t)track_tcp_classify(p->tcp.flags),
    };
    uint32_t data = p->length > p->payload ? p->length - p->payload : 0;

    s.end = s.sequence + data + !!(s.flags & PACKET_SYN) + !!(s.flags & PACKET_FIN);
    return s;
}

/* Bytes of options, from the transport header's 20th on; 0: none, or not captured whole, which is as good. */
static inline uint32_t track_options_size(const struct packet *p)
{
    uint32_t size = p->tcp.header > 20 ? p->tcp.header - 20u : 0;

    return size <= TRACK_TCP_OPTIONS_LONGEST && p->transport + 20 + size <= p->captured ? size : 0;
}

/* The highest right edge of the blocks of a SACK option; the first such option counts. */
static inline void track_sack_read(const struct bounded_text *t, uint32_t size, struct track_options *ret)
{
    if (ret->sacked || size < 10 || (size - 2) % 8 != 0)
        return;
    ret->sacked = true;
    BOUNDED_LOOP(block, 5) {
        uint32_t edge;
        if (block * 8 + 10 > size)
            break;
        edge = bounded_read32(t, t->at + block * 8 + 6);
        if (track_after(edge, ret->sack))
            ret->sack = edge;
    }
}

/* The options in t of a segment that acknowledges ack. Nonsense ends them, as in the kernel. */
BOUNDED_PART int track_options_read(struct bounded_text *t, uint32_t ack, struct track_options *ret)
{
    BOUNDED_NEEDS(t);
    BOUNDED_NEEDS(ret);
    *ret = (struct track_options){.sack = ack, .present = t->size > 0};
    t->at = 0;
    BOUNDED_LOOP(n, TRACK_TCP_OPTIONS_LONGEST) {
        uint32_t at = t->at, kind = bounded_byte(t, at), size = bounded_byte(t, at + 1);

        if (kind == TRACK_TCP_OPTION_NOP) {
            t->at = at + 1;
            continue;
        }
        if (kind == TRACK_TCP_OPTION_END || kind == BOUNDED_END || size < 2 || size > t->size - at)
            break;
        if (kind == TRACK_TCP_OPTION_SACK_PERMITTED && size == 2)
            ret->offers |= TRACK_TCP_SACKS;
        if (kind == TRACK_TCP_OPTION_SCALE && size == 3) {
            uint32_t scale = bounded_byte(t, at + 2);
            ret->offers |= TRACK_TCP_SCALES;
            ret->scale = (uint8_t)(scale < TRACK_TCP_SCALE_MOST ? scale : TRACK_TCP_SCALE_MOST);
        }
        if (kind == TRACK_TCP_OPTION_SACK)
            track_sack_read(t, size, ret);
        t->at = at + size;
    }
    return 0;
}

/* What a SYN says of its sender. Without any options nothing changes. */
static inline void track_tcp_take_options(const struct track_segment *s, struct track_tcp_side *side)
{
    if (!s->options.present)
        return;
    side->scale = s->options.scale;
    side->flags = (uint8_t)((side->flags & TRACK_TCP_LIBERAL) | s->options.offers);
}

static inline void track_tcp_side_begin(struct track_tcp_side *sender, struct track_tcp_side *receiver,
                                        const struct track_segment *s, enum track_direction direction)
{
    sender->end = sender->max_end = s->end;
    sender->max_window = s->window ? s->window : 1;
    track_tcp_take_options(s, sender);
    /* Scaling needs both SYNs to offer it (RFC 7323 section 1.3). */
    if (direction == TRACK_REPLY && !(sender->flags & receiver->flags & TRACK_TCP_SCALES))
        sender->scale = receiver->scale = 0;
}

static inline uint32_t track_tcp_ack_window(const struct track_tcp_side *sender)
{
    return sender->max_window > TRACK_TCP_ACK_WINDOW ? sender->max_window : TRACK_TCP_ACK_WINDOW;
}

/* The first segment of this sender that we see is not a SYN: take the connection as it seems to stand. */
static inline void track_tcp_side_guess(struct track_tcp_side *sender, struct track_tcp_side *receiver,
                                        const struct track_segment *s, uint32_t sack)
{
    uint32_t window = (uint32_t)s->window << sender->scale;

    sender->end = s->end;
    sender->max_window = window ? window : 1;
    sender->max_end = s->end + sender->max_window;
    if (receiver->max_window == 0)
        receiver->end = receiver->max_end = sack;
    else if (sack == receiver->end + 1) /* the answer to a keep-alive */
        receiver->end++;
}

/* Bounds I to IV. Beyond I is passed over in silence if all else fits: some senders overrun the window, and
 * if the rules let it through, its acknowledgement must find the mark moved. */
static inline enum track_tcp_fit track_tcp_bounds(struct track_tcp_side *sender,
                                                  const struct track_tcp_side *receiver, uint32_t sequence,
                                                  uint32_t end, uint32_t sack)
{
    bool sack_was_sent = track_before(sack, receiver->end + 1);
    bool sack_is_recent = track_after(sack, receiver->end - track_tcp_ack_window(sender) - 1);
    bool is_recent = track_after(end, sender->end - receiver->max_window - 1);

    if (!track_before(sequence, sender->max_end + 1)) {
        uint32_t overshot = end - sender->max_end + 1;
        if (receiver->max_window && is_recent && sack_is_recent && overshot <= receiver->max_window &&
            sack_was_sent) {
            sender->end = end;
            sender->flags |= TRACK_TCP_UNACKNOWLEDGED;
            return TRACK_TCP_IGNORED;
        }
        return TRACK_TCP_MISFITS;
    }
    if (!sack_was_sent)
        return TRACK_TCP_MISFITS;
    if ((receiver->max_window && !is_recent) || !sack_is_recent)
        return TRACK_TCP_IGNORED;
    return TRACK_TCP_FITS;
}

static inline void track_tcp_count_repeats(struct track_tcp *tcp, enum track_direction direction,
                                           const struct track_segment *s, uint32_t sequence, uint32_t ack,
                                           uint32_t end)
{
    if (s->class != TRACK_TCP_ACK)
        return;
    if (tcp->last_direction == direction && tcp->last_sequence == sequence && tcp->last_ack == ack &&
        tcp->last_end == end && tcp->last_window == s->window) {
        tcp->retransmissions++;
        return;
    }
    tcp->last_direction = (uint8_t)direction;
    tcp->last_sequence = sequence;
    tcp->last_ack = ack;
    tcp->last_end = end;
    tcp->last_window = s->window;
    tcp->retransmissions = 0;
}

/* What a segment that fits teaches. */
static inline void track_tcp_learn(struct track_tcp_side *sender, struct track_tcp_side *receiver,
                                   const struct track_segment *s, uint32_t ack, uint32_t sack, uint32_t end)
{
    uint32_t window = s->window;

    if (!(s->flags & PACKET_SYN))
        window <<= sender->scale;
    if (sender->max_window < window + (sack - ack))
        sender->max_window = window + (sack - ack);
    if (track_after(end, sender->end)) {
        sender->end = end;
        sender->flags |= TRACK_TCP_UNACKNOWLEDGED;
    }
    if (s->flags & PACKET_ACK) {
        if (!(sender->flags & TRACK_TCP_MAX_ACK) || track_after(ack, sender->max_ack))
            sender->max_ack = ack;
        sender->flags |= TRACK_TCP_MAX_ACK;
    }

    if (receiver->max_window && track_after(end, sender->max_end))
        receiver->max_window += end - sender->max_end;
    if (track_after(sack + window, receiver->max_end - 1))
        receiver->max_end = sack + window + (window == 0);
    if (ack == receiver->end)
        receiver->flags &= (uint8_t)~TRACK_TCP_UNACKNOWLEDGED;
}

static inline enum track_tcp_fit track_tcp_window(struct track_tcp *tcp, enum track_direction direction,
                                                  const struct track_segment *s, bool be_liberal)
{
    struct track_tcp_side *sender = &tcp->side[direction], *receiver = &tcp->side[!direction];
    uint32_t sequence = s->sequence, ack = s->acknowledgement, end = s->end, sack = ack;
    bool syn = s->flags & PACKET_SYN, has_ack = s->flags & PACKET_ACK;

    if (receiver->flags & TRACK_TCP_SACKS)
        sack = s->options.sack;

    if (sender->max_window == 0 && !syn) {
        track_tcp_side_guess(sender, receiver, s, sack);
    } else if (sender->max_window == 0) {
        track_tcp_side_begin(sender, receiver, s, direction);
        if (!has_ack)
            return TRACK_TCP_FITS; /* simultaneous open */
    } else if (syn && track_after(end, sender->end) &&
               (tcp->state == TRACK_TCP_SYN_SENT || tcp->state == TRACK_TCP_SYN_RECV)) {
        /* Restarted with a higher number (RFC 9293 section 3.4.3): its window and options may differ. */
        track_tcp_side_begin(sender, receiver, s, direction);
        if (direction == TRACK_REPLY && !has_ack)
            return TRACK_TCP_FITS;
    }

    /* Without an ACK there is nothing to hold against the peer; some stacks set ACK in a RST and leave it 0.
     */
    if (!has_ack || ((s->flags & PACKET_RST) && ack == 0))
        ack = sack = receiver->end;
    /* A RST that answers a SYN has sequence number 0 (RFC 9293 section 3.10.7.1). */
    if ((s->flags & PACKET_RST) && sequence == 0 && tcp->state == TRACK_TCP_SYN_SENT)
        sequence = end = sender->end;

    enum track_tcp_fit fit = track_tcp_bounds(sender, receiver, sequence, end, sack);
    /* What passes only out of liberality teaches nothing. */
    if (fit != TRACK_TCP_FITS)
        return be_liberal || (sender->flags & TRACK_TCP_LIBERAL) ? TRACK_TCP_FITS : fit;
    track_tcp_learn(sender, receiver, s, ack, sack, end);
    track_tcp_count_repeats(tcp, direction, s, sequence, ack, end);
    return TRACK_TCP_FITS;
}

#endif
