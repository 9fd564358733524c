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
#include "bpf/walk.h"

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

enum { PATH_IN, PATH_OUT, PATH_THROUGH }; /* enum wall_path */

/* Up to its NUL: behind that a device that was renamed may still have letters of its old name, and ret is all zero. */
static inline void wall_name(const struct net_device *device, char *ret)
{
    if (device)
        bpf_probe_read_kernel_str(ret, BPF_NAME, device->name);
}

/* What the hook and the clock say. */
static inline void wall_look(struct bpf_nf_ctx *context, struct bpf_ask *ask)
{
    const struct nf_hook_state *state = context->state;

    __builtin_memset(ask, 0, sizeof *ask);
    ask->now_ms = bpf_ktime_get_ns() / 1000000;
    ask->mark = context->skb->mark;
    ask->path = PATH_IN;
    if (state->hook == RULES_OUTPUT || state->hook == RULES_POSTROUTING)
        ask->path = PATH_OUT;
    if (state->hook == RULES_FORWARD)
        ask->path = PATH_THROUGH;
    wall_name(state->in, ask->in);
    wall_name(state->out, ask->out);
}

GLOBAL int wall_begin(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_ask *told;
    uint32_t zero = 0;

    if (!s || !settings)
        return false;
    __builtin_memset(&s->template, 0, sizeof s->template);
    told = bpf_map_lookup_elem(&asked, &zero);
    if (settings->is_asked && told)
        s->ask = *told;
    else
        wall_look(context, &s->ask);
    return true;
}

/* Raw, before conntrack looks: s->template is what it said of that. */
static inline bool wall_raw(struct bpf_nf_ctx *context, struct scratch *s)
{
    s->walk.hook = s->ask.path == PATH_OUT ? RULES_OUTPUT : RULES_PREROUTING;
    s->walk.has_view = false;
    s->walk.mark = s->ask.mark;
    s->has_flow = false;
    walk_table(context, s, RULES_RAW);
    return s->walk.code == IMAGE_ACCEPT;
}

static inline bool wall_filter(struct bpf_nf_ctx *context, struct scratch *s)
{
    s->walk.hook = s->ask.path == PATH_OUT  ? RULES_OUTPUT
                   : s->ask.path == PATH_IN ? RULES_INPUT
                                            : RULES_FORWARD;
    s->walk.has_view = true;
    walk_table(context, s, RULES_FILTER);
    /* CONNMARK has had its effect on a known connection even if the packet is dropped after it. */
    if (s->walk.has_connmark)
        flow_mark(s, s->walk.connmark);
    if (s->walk.code == IMAGE_REJECT && s->walk.flags & IMAGE_RESET && track_answered_with_reset(&s->packet))
        flow_close(s);
    return s->walk.code == IMAGE_ACCEPT;
}

/* The whole way of a packet, in the order of verdict/wall.c; s->answer says what became of it. */
static inline void wall_judge(struct bpf_nf_ctx *context, struct scratch *s)
{
    int reason;

    __builtin_memset(&s->answer, 0, sizeof s->answer);
    s->answer.code = IMAGE_DROP;
    s->answer.stage = BPF_BY_RAW;
    if (!wall_begin(context, s) || wall_decode(context, s) != PACKET_READ)
        return;
    if (!wall_raw(context, s)) {
        s->answer.code = s->walk.code;
        s->answer.state = TRACK_NONE; /* whatever CT let the rules behind it see */
        return;
    }
    flow_track(context, s);
    s->answer.stage = BPF_BY_FILTER;
    if (!wall_filter(context, s)) {
        s->answer.code = s->walk.code;
        return;
    }
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
