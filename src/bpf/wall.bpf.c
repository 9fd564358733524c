/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/*
 * The wall in the kernel (BPF_PROG_TYPE_NETFILTER, Linux 6.4 and later): the same text as the engine's
 * (packet/read.h, track/decide.h, track/hear.h), over maps. A packet goes through the functions of this file one
 * after the other; none of them has another below it that takes much stack.
 *
 * Checksums are not summed here: in a test run the caller says what it found, and what comes from a device has
 * been checked by the card, or will be by whom it is for.
 */
#include "bpf/kernel.h"

#include "bpf/flows.h"
#include "bpf/helper.h"

#include "verdict/image/format.h"

/* Headers and options; enum packet_result. */
GLOBAL int wall_decode(struct bpf_nf_ctx *context, struct scratch *s)
{
    struct packet_source source;
    uint32_t size;
    int r;

    if (!s || !packet_open(context, &source))
        return PACKET_BROKEN;
    r = packet_read(&source, &s->packet);
    if (r != PACKET_READ)
        return r;
    if (s->ask.sum_is_wrong && s->packet.fault == PACKET_SOUND)
        s->packet.fault = PACKET_BAD_CHECKSUM;
    if (s->packet.protocol != PACKET_TCP || s->packet.fault == PACKET_SHORT)
        return r;
    s->segment = track_segment_read(&s->packet);
    s->reader.text.size = s->reader.text.at = 0;
    size = track_options_size(&s->packet);
    HIDE(size);
    if (size > 0 && size <= TRACK_TCP_OPTIONS_LONGEST &&
        !bpf_dynptr_read(s->reader.text.bytes, size, &source.dynptr, s->packet.transport + 20, 0))
        s->reader.text.size = size;
    track_options_read(&s->reader.text, s->segment.acknowledgement, &s->segment.options);
    return r;
}

static inline bool wall_begin(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_ask *told;
    uint32_t zero = 0;

    if (!settings)
        return false;
    __builtin_memset(&s->template, 0, sizeof s->template);
    told = bpf_map_lookup_elem(&asked, &zero);
    if (settings->is_asked && told) {
        s->ask = *told;
        return true;
    }
    __builtin_memset(&s->ask, 0, sizeof s->ask);
    s->ask.now_ms = bpf_ktime_get_ns() / 1000000;
    s->ask.mark = context->skb->mark;
    return true;
}

/* The whole way of a packet; s->answer says what became of it. */
static inline void wall_judge(struct bpf_nf_ctx *context, struct scratch *s)
{
    int reason;

    __builtin_memset(&s->answer, 0, sizeof s->answer);
    s->answer.code = IMAGE_DROP;
    s->answer.stage = BPF_BY_RAW;
    if (!wall_begin(context, s) || wall_decode(context, s) != PACKET_READ)
        return;
    flow_track(context, s);
    s->answer.stage = BPF_BY_FILTER;
    reason = helper_hear(context, s);
    if (reason != TRACK_OK) {
        s->answer.stage = BPF_BY_HELPER;
        s->answer.reason = (uint8_t)reason;
        return;
    }
    if (!flow_confirm(s)) {
        s->answer.stage = BPF_BY_CONNTRACK;
        s->answer.reason = TRACK_TABLE_FULL;
        return;
    }
    s->answer.code = IMAGE_ACCEPT;
}

SEC("netfilter")
int wall(struct bpf_nf_ctx *context)
{
    struct scratch *s = scratch_claim();
    uint32_t zero = 0;
    int code;

    if (!s)
        return NF_DROP;
    wall_judge(context, s);
    code = s->answer.code;
    bpf_map_update_elem(&answered, &zero, &s->answer, BPF_ANY);
    scratch_give_back(s);
    return code == IMAGE_ACCEPT ? NF_ACCEPT : NF_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
