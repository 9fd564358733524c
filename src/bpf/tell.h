/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_TELL_H
#define SALLY_BPF_TELL_H

/* The program's side of drop.h. */
#include "bpf/scratch.h"
#include "verdict/image/value.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, BPF_DROPS);
    __type(key, uint32_t);
    __type(value, struct bpf_drop_count);
} drop_counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_listeners);
} listeners SEC(".maps");

struct told_ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, BPF_RING);
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, BPF_LISTENERS);
    __type(key, uint32_t);
    __array(values, struct told_ring);
} rings SEC(".maps");

/* As struct sk_buff; these members are of interest here only. */
struct sk_buff___told {
    unsigned char *head;
    uint16_t mac_header, network_header;
} KERNEL_TYPE;

/* ---- how many ---- */

static inline struct bpf_drop_count *tell_count(uint32_t cause, uint32_t length)
{
    struct bpf_drop_count *count = bpf_map_lookup_elem(&drop_counts, &cause);

    if (!count)
        return NULL;
    count->packets++;
    count->bytes += length;
    return count;
}

static inline uint32_t tell_cause(const struct scratch *s)
{
    bool is_raw = s->answer.stage == BPF_BY_RAW, is_rule = s->walk.bit != (uint32_t)IMAGE_NONE;

    if (s->answer.stage == BPF_BY_CONNTRACK || s->answer.stage == BPF_BY_HELPER)
        return BPF_DROP_CAUSES + s->answer.reason;
    if (!s->walk.table)
        return BPF_DROP_UNREADABLE;
    if (s->answer.code == IMAGE_REJECT)
        return BPF_DROP_REJECT;
    if (!is_rule && s->walk.depth)
        return BPF_DROP_TOO_MANY;
    if (is_raw)
        return is_rule ? BPF_DROP_RAW_RULE : BPF_DROP_RAW_POLICY;
    return is_rule ? BPF_DROP_RULE : BPF_DROP_POLICY;
}

/* ---- one by one ---- */

static inline bool tell_is_heard(const struct scratch *s)
{
    uint32_t zero = 0;
    const struct bpf_listeners *l = bpf_map_lookup_elem(&listeners, &zero);

    return l && l->until > s->ask.now_ms;
}

/* The frame's header lies before the packet, if there was a frame (nf_log_syslog.c: dump_mac_header). */
GLOBAL int tell_mac(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct sk_buff___told *skb = (const void *)context->skb;
    uint16_t at = skb->mac_header;

    if (!s || !context->state->in || at == UINT16_MAX || skb->network_header - at != BPF_TOLD_MAC)
        return 0;
    s->told.has_mac = bpf_probe_read_kernel(s->told.mac, sizeof(s->told.mac), skb->head + at) == 0;
    return 0;
}

GLOBAL int tell_bytes(struct bpf_nf_ctx *context, struct scratch *s)
{
    struct packet_source source;
    uint32_t size;

    if (!s || !packet_open(context, &source))
        return 0;
    s->told.length = source.size;
    size = source.size < BPF_TOLD_BYTES ? source.size : BPF_TOLD_BYTES;
    HIDE(size);
    if (size > 0 && size <= BPF_TOLD_BYTES && !bpf_dynptr_read(s->told.bytes, size, &source.dynptr, 0, 0))
        s->told.captured = size;
    return 0;
}

/* place: of the rule or policy among its table's counters. */
static inline void tell_rule(struct scratch *s, struct bpf_told *t, uint32_t place)
{
    const struct image_header *header = image_window(image_base(s), 0, sizeof(*header));
    const struct image_table *table = image_window(image_base(s), s->walk.table, sizeof(*table));

    if (!header || !table)
        return;
    t->element = s->element;
    t->serial = header->serial;
    t->counter = image_read32(image_base(s), table->counters + 4 * (uint64_t)place);
}

/* Writes s->told; cause or place may be none. */
GLOBAL int tell_describe(struct bpf_nf_ctx *context, struct scratch *s, uint32_t place)
{
    struct bpf_told *t;

    if (!s)
        return 0;
    t = &s->told;
    __builtin_memset(t, 0, sizeof(*t));
    t->now_ns = bpf_ktime_get_ns();
    t->counter = (uint32_t)BPF_TOLD_NO_COUNTER;
    t->mark = context->skb->mark;
    t->family = context->state->pf == NFPROTO_IPV6 ? PACKET_IPV6 : PACKET_IPV4;
    t->hook = context->state->hook;
    t->state = s->answer.state;
    t->direction = s->answer.direction;
    t->reason = s->answer.reason;
    __builtin_memcpy(t->in, s->ask.in, sizeof(t->in));
    __builtin_memcpy(t->out, s->ask.out, sizeof(t->out));
    tell_mac(context, s);
    tell_bytes(context, s);
    if (s->walk.table && place != (uint32_t)IMAGE_NONE)
        tell_rule(s, t, place);
    return 0;
}

/* s->told to all who want such. How many of them had no room for it. */
GLOBAL int tell_send(struct scratch *s)
{
    uint32_t zero = 0, full = 0;
    const struct bpf_listeners *l = bpf_map_lookup_elem(&listeners, &zero);

    if (!s || !l)
        return 0;
    for (uint32_t i = 0; i < BPF_LISTENERS; i++) {
        uint32_t key = i;
        void *ring;
        if (l->all[i].until <= s->ask.now_ms || !(l->all[i].kinds & s->told.kind))
            continue;
        ring = bpf_map_lookup_elem(&rings, &key);
        if (ring && bpf_ringbuf_output(ring, &s->told, sizeof(s->told), 0))
            full++;
    }
    return full;
}

/* The rule whose bit this is logs, and goes on. */
static inline void tell_log(struct bpf_nf_ctx *context, struct scratch *s, uint32_t bit)
{
    if (!tell_is_heard(s))
        return;
    tell_describe(context, s, bit);
    s->told.kind = BPF_TOLD_LOG;
    tell_send(s);
}

/* s->answer says that the packet does not pass. */
static inline void tell_drop(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint32_t cause = tell_cause(s), place = s->walk.bit;
    struct bpf_drop_count *count = tell_count(cause, context->skb->len);

    if (!count || !tell_is_heard(s))
        return;
    if (cause == BPF_DROP_POLICY || cause == BPF_DROP_RAW_POLICY)
        place = s->walk.policy;
    if (cause >= BPF_DROP_CAUSES)
        place = (uint32_t)IMAGE_NONE;
    tell_describe(context, s, place);
    s->told.kind = BPF_TOLD_DROP;
    s->told.cause = cause;
    s->told.stage = s->answer.stage;
    if (tell_send(s))
        count->untold++;
}

#endif
