/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 65536, WINDOW_MOST = 1 << 30 /* RFC 7323 section 2.2 */ };

struct follower {
    struct follow *all; /* FOLLOW_MOST of them, grown as they come */
    uint32_t count, capacity, serials;
    uint32_t newest, oldest; /* by index + 1; 0: none */
    uint32_t bucket[BUCKETS];
    void (*end)(void *arg, struct follow *c);
    void *arg;
};

struct follower *follower_new(void)
{
    return calloc(1, sizeof(struct follower));
}

void follower_free(struct follower **f)
{
    if (*f)
        free((*f)->all);
    free(*f);
    *f = NULL;
}

void follow_on_end(struct follower *f, void (*end)(void *arg, struct follow *c), void *arg)
{
    f->end = end;
    f->arg = arg;
}

/* ---- finding ---- */

/* The same for both directions. */
static uint32_t bucket_of(const struct packet_address address[2], const uint16_t port[2])
{
    uint32_t h = (uint32_t)port[0] * port[1] + port[0] + port[1];

    for (int i = 0; i < 4; i++)
        h = (h ^ (address[0].word[i] + address[1].word[i])) * 2654435761U;
    return (h ^ h >> 16) % BUCKETS;
}

static bool is_between(const struct follow *c, const struct packet_address address[2], const uint16_t port[2],
                       uint8_t family, int first)
{
    return c->family == family && c->port[0] == port[first] && c->port[1] == port[!first] &&
           packet_address_equal(&c->address[0], &address[first]) &&
           packet_address_equal(&c->address[1], &address[!first]);
}

struct follow *follow_find(struct follower *f, const struct packet_address address[2], const uint16_t port[2],
                           uint8_t family)
{
    for (uint32_t i = f->bucket[bucket_of(address, port)]; i; i = f->all[i - 1].next) {
        struct follow *c = &f->all[i - 1];

        if (is_between(c, address, port, family, 0) || is_between(c, address, port, family, 1))
            return c;
    }
    return NULL;
}

void follow_each(struct follower *f, void (*visit)(void *arg, struct follow *c), void *arg)
{
    for (uint32_t i = f->oldest; i; i = f->all[i - 1].newer)
        visit(arg, &f->all[i - 1]);
}

/* ---- the list by age ---- */

static void unlink_age(struct follower *f, struct follow *c)
{
    *(c->newer ? &f->all[c->newer - 1].older : &f->newest) = c->older;
    *(c->older ? &f->all[c->older - 1].newer : &f->oldest) = c->newer;
}

static void link_newest(struct follower *f, struct follow *c)
{
    uint32_t i = (uint32_t)(c - f->all) + 1;

    c->older = f->newest;
    c->newer = 0;
    *(f->newest ? &f->all[f->newest - 1].newer : &f->oldest) = i;
    f->newest = i;
}

static void unlink_bucket(struct follower *f, const struct follow *c)
{
    uint32_t *at = &f->bucket[bucket_of(c->address, c->port)], i = (uint32_t)(c - f->all) + 1;

    while (*at != i)
        at = &f->all[*at - 1].next;
    *at = c->next;
}

static void forget(struct follower *f, struct follow *c)
{
    if (f->end)
        f->end(f->arg, c);
    unlink_age(f, c);
    unlink_bucket(f, c);
}

/* NULL: out of memory. */
static struct follow *take_slot(struct follower *f)
{
    if (f->count == FOLLOW_MOST) {
        struct follow *oldest = &f->all[f->oldest - 1];

        forget(f, oldest);
        return oldest;
    }
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity ? f->capacity * 2 : 64;
        struct follow *all = reallocarray(f->all, capacity, sizeof(*all));

        if (!all)
            return NULL;
        f->all = all;
        f->capacity = capacity;
    }
    return &f->all[f->count++];
}

/* ---- beginnings ---- */

static bool is_syn(const struct packet *p)
{
    return (p->tcp.flags & (PACKET_SYN | PACKET_ACK | PACKET_RST)) == PACKET_SYN;
}

/* An answer to a SYN comes from the end that did not begin. */
static void name_ends(struct follow *c, const struct packet *p)
{
    bool is_answer = (p->tcp.flags & PACKET_SYN) && (p->tcp.flags & PACKET_ACK);

    c->address[is_answer] = p->source;
    c->address[!is_answer] = p->destination;
    c->port[is_answer] = p->source_port;
    c->port[!is_answer] = p->destination_port;
    c->family = p->family;
}

/* In place of old, or where there is room. NULL: out of memory. */
static struct follow *begin(struct follower *f, struct follow *old, const struct packet *p, uint32_t frame,
                            uint64_t now_ms)
{
    if (old)
        forget(f, old);
    struct follow *c = old ? old : take_slot(f);
    if (!c)
        return NULL;
    *c = (struct follow){.begun = is_syn(p),
                         .serial = ++f->serials,
                         .syn_sequence = p->tcp.sequence,
                         .syn_frame = frame,
                         .syn_ms = now_ms};
    name_ends(c, p);
    uint32_t *bucket = &f->bucket[bucket_of(c->address, c->port)];
    c->next = *bucket;
    *bucket = (uint32_t)(c - f->all) + 1;
    link_newest(f, c);
    return c;
}

/* A SYN with another number between the same ends is another connection, in whatever state this one is. */
static bool is_other(const struct follow *c, const struct packet *p)
{
    return is_syn(p) && (!c->begun || c->syn_sequence != p->tcp.sequence || p->source_port != c->port[0] ||
                         !packet_address_equal(&p->source, &c->address[0]));
}

/* ---- bytes ---- */

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static void drop_hole(struct follow_side *s, int i)
{
    s->hole_count--;
    memmove(&s->holes[i], &s->holes[i + 1], (size_t)(s->hole_count - i) * sizeof(s->holes[0]));
}

/* Of more holes than there is room for the first is given up: a bad network, not a bad capture. */
static void add_hole(struct follow_side *s, uint32_t from, uint32_t to)
{
    if (s->hole_count == FOLLOW_HOLES)
        drop_hole(s, 0);
    s->holes[s->hole_count++] = (struct follow_hole){from, to};
}

/* Bytes from...to came after all. */
static uint32_t fill_holes(struct follow_side *s, uint32_t from, uint32_t to)
{
    uint32_t filled = 0;

    for (int i = s->hole_count; i-- > 0;) {
        struct follow_hole *h = &s->holes[i], old = *h;

        if (!is_before(from, h->to) || !is_before(h->from, to))
            continue;
        uint32_t first = is_before(from, h->from) ? h->from : from, last = is_before(h->to, to) ? h->to : to;
        filled += last - first;
        drop_hole(s, i);
        if (is_before(old.from, first))
            add_hole(s, old.from, first);
        if (is_before(last, old.to))
            add_hole(s, last, old.to);
    }
    return filled;
}

/* A segment of size bytes, SYN and FIN counted. */
static void meet_segment(struct follow_side *s, uint32_t from, uint32_t size, struct follow_event *ret)
{
    uint32_t to = from + size;

    if (!s->seen) {
        s->seen = true;
        s->next = to;
        ret->fresh = size;
        return;
    }
    if (is_before(s->next, from)) {
        add_hole(s, s->next, from);
        ret->after_gap = true;
    } else if (!is_before(s->next, to)) {
        ret->fresh = fill_holes(s, from, to);
        return;
    }
    ret->fresh = is_before(from, s->next) ? to - s->next : size;
    s->next = to;
}

/* The other end has everything before ack, whatever the capture has. */
static uint32_t meet_ack(struct follow_side *s, uint32_t ack)
{
    uint32_t lost = 0;

    if (!s->seen)
        return 0;
    for (int i = s->hole_count; i-- > 0;) {
        struct follow_hole *h = &s->holes[i];

        if (!is_before(h->from, ack))
            continue;
        lost += (is_before(ack, h->to) ? ack : h->to) - h->from;
        if (is_before(ack, h->to))
            h->from = ack;
        else
            drop_hole(s, i);
    }
    if (is_before(s->next, ack) && ack - s->next < WINDOW_MOST) {
        lost += ack - s->next;
        s->next = ack;
    }
    return lost;
}

static uint32_t size_of(const struct packet *p)
{
    uint32_t payload = p->length > p->payload ? p->length - p->payload : 0;

    return payload + !!(p->tcp.flags & PACKET_SYN) + !!(p->tcp.flags & PACKET_FIN);
}

static void note_flags(struct follow *c, const struct packet *p, struct follow_event *ret)
{
    struct follow_side *s = &c->side[ret->side];

    ret->is_leftover = follow_is_over(c);
    c->syn_tries += is_syn(p);
    c->went_on |= ret->side == 0 && !(p->tcp.flags & (PACKET_SYN | PACKET_RST));
    s->syn |= !!(p->tcp.flags & PACKET_SYN);
    s->fin |= !!(p->tcp.flags & PACKET_FIN);
    s->rst |= !!(p->tcp.flags & PACKET_RST);
}

int follow_packet(struct follower *f, const struct packet *p, uint32_t frame, uint64_t now_ms,
                  struct follow_event *ret)
{
    const struct packet_address address[2] = {p->source, p->destination};
    const uint16_t port[2] = {p->source_port, p->destination_port};
    struct follow *c = follow_find(f, address, port, p->family);

    *ret = (struct follow_event){0};
    ret->is_new = !c || is_other(c, p);
    if (ret->is_new && !(c = begin(f, c, p, frame, now_ms)))
        return -ENOMEM;
    unlink_age(f, c);
    link_newest(f, c);
    ret->of = c;
    ret->side = p->source_port != c->port[0] || !packet_address_equal(&p->source, &c->address[0]);
    note_flags(c, p, ret);
    if (!(p->tcp.flags & PACKET_RST))
        meet_segment(&c->side[ret->side], p->tcp.sequence, size_of(p), ret);
    uint32_t payload = p->length > p->payload ? p->length - p->payload : 0;
    if (ret->fresh > payload)
        ret->fresh = payload;
    c->side[ret->side].payload += ret->fresh;
    if ((p->tcp.flags & PACKET_ACK) && !(p->tcp.flags & PACKET_RST))
        ret->lost = meet_ack(&c->side[!ret->side], p->tcp.acknowledgement);
    c->lost |= ret->lost > 0;
    c->last_ms = now_ms;
    return 0;
}
