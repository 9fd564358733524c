/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_REJECT_H
#define SALLY_BPF_REJECT_H

/*
 * REJECT answers, though a netfilter program can only accept and drop: what is to be rejected is noted, by the address
 * of its skb, and accepted; rules of ours in the machine's own iptables, which come next, find it noted and answer it
 * (kernel/reject.h); and what is still noted behind them is dropped, so that a packet never passes for want of an
 * answer. A note stays when its packet is gone, and the next packet at that address is seen here first, which takes
 * the note away.
 *
 * The answers leave through OUTPUT. Linux gives them the connection of the packet that they answer, as RELATED
 * (nf_conntrack_attach), though it may never have been confirmed; here they are known by the tuple that they speak of.
 */
#include "bpf/flows.h"
#include "bpf/tell.h"

enum { REJECTING = 16384, ANSWERING = 16384, ANSWER_MS = 1000 };

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, REJECTING);
    __type(key, uint64_t);
    __type(value, uint32_t); /* as rules_reject_name has them */
} rejecting SEC(".maps");

/* When a packet of a connection was rejected, by the connection's key. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ANSWERING);
    __type(key, struct track_tuple);
    __type(value, uint64_t);
} answering SEC(".maps");

/* Are there rules for the family that answer? */
static inline bool reject_answers(struct bpf_nf_ctx *context)
{
    uint32_t zero = 0, family = context->state->pf == NFPROTO_IPV6;
    const struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);

    return now && now->answers >> family & 1;
}

/* A packet whose rule says REJECT. True: it is noted, and has to be accepted. */
GLOBAL int reject_note(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint64_t packet = (uint64_t)context->skb;

    if (!s || !reject_answers(context) || bpf_map_update_elem(&rejecting, &packet, &s->walk.with, BPF_ANY))
        return false;
    if (!s->has_flow || flow_ask(context, s) == TRACK_ASK_NOTHING)
        return true;
    track_tuple_key(&s->question.tuple, &s->answer_key);
    bpf_map_update_elem(&answering, &s->answer_key, &s->ask.now_ms, BPF_ANY);
    return true;
}

/* A packet that passes, where another was noted before. */
GLOBAL int reject_forget(struct bpf_nf_ctx *context)
{
    uint64_t packet = (uint64_t)context->skb;

    if (reject_answers(context) && bpf_map_lookup_elem(&rejecting, &packet))
        bpf_map_delete_elem(&rejecting, &packet);
    return 0;
}

static inline bool reject_may_answer(const struct packet *p)
{
    if (p->protocol == PACKET_TCP)
        return p->tcp.flags & PACKET_RST;
    return track_is_icmp(p->protocol) && track_icmp_is_error(p->protocol, p->icmp.type);
}

/* Does this machine answer a packet that was rejected? Then s->answer says so. */
GLOBAL int reject_is_answer(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint64_t *when;

    if (!s || !context->state->out || context->state->in || !reject_may_answer(&s->packet) ||
        !reject_answers(context) || flow_ask(context, s) == TRACK_ASK_NOTHING)
        return false;
    track_tuple_key(&s->question.tuple, &s->answer_key);
    when = bpf_map_lookup_elem(&answering, &s->answer_key);
    if (!when || s->ask.now_ms - *when > ANSWER_MS)
        return false;
    bpf_map_delete_elem(&answering, &s->answer_key);
    s->has_flow = s->fresh = s->drop = false;
    s->answer.state = TRACK_RELATED;
    s->answer.reason = TRACK_OK;
    s->answer.direction = TRACK_REPLY;
    return true;
}

/* ---- behind those rules ---- */

SEC("netfilter")
int closer(struct bpf_nf_ctx *context)
{
    uint64_t packet = (uint64_t)context->skb;
    uint32_t zero = 0;
    const struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);

    if (!now || !now->armed || !bpf_map_lookup_elem(&rejecting, &packet))
        return NF_ACCEPT;
    bpf_map_delete_elem(&rejecting, &packet);
    tell_count(BPF_DROP_UNANSWERED, context->skb->len);
    return NF_DROP;
}

/* ---- for those rules: is the packet noted, and to be answered how? ---- */

static inline uint32_t reject_noted(void *packet)
{
    uint64_t key = (uint64_t)packet;
    const uint32_t *with = bpf_map_lookup_elem(&rejecting, &key);

    return with ? *with : UINT32_MAX;
}

SEC("socket")
int noted(struct __sk_buff *packet)
{
    return reject_noted(packet) != UINT32_MAX;
}

#define REJECT_NOTED(n)                                                                                      \
    SEC("socket") int noted##n(struct __sk_buff *packet)                                                     \
    {                                                                                                        \
        return reject_noted(packet) == (n);                                                                  \
    }
REJECT_NOTED(0)
REJECT_NOTED(1)
REJECT_NOTED(2)
REJECT_NOTED(3)
REJECT_NOTED(4)
REJECT_NOTED(5)
REJECT_NOTED(6)
REJECT_NOTED(7)

#endif
