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
#include "bpf/reject.h"
#include "bpf/rewritten.h"
#include "bpf/sweep.h"
#include "bpf/trial.h"
#include "bpf/walk.h"

enum { PATH_IN, PATH_OUT, PATH_THROUGH }; /* enum wall_path */

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
    if (s->ask.is_live && s->ask.path == PATH_THROUGH) /* ip_forward has counted it down, before the hook */
        s->packet.ttl++;
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
    rewritten_undo(context, &s->segment);
    return r;
}

/* What of 8 letters comes before a NUL. */
static inline uint64_t wall_letters(uint64_t letters)
{
    uint64_t nul = (letters - 0x0101010101010101) & ~letters & 0x8080808080808080;

    return letters & ((nul & -nul) - 1);
}

/* Up to its NUL: behind that a device that was renamed may still have letters of its old name. */
static inline void wall_name(const struct net_device *device, char *ret)
{
    uint64_t half[2] = {0, 0};

    if (device) {
        half[0] = wall_letters(*(const uint64_t *)&device->name[0]);
        if (half[0] >> 56)
            half[1] = wall_letters(*(const uint64_t *)&device->name[8]);
    }
    __builtin_memcpy(ret, half, sizeof(half));
}

/* What the hook and the clock say. */
static inline void wall_look(struct bpf_nf_ctx *context, struct bpf_ask *ask)
{
    const struct nf_hook_state *state = context->state;

    __builtin_memset(ask, 0, sizeof *ask);
    ask->now_ms = bpf_ktime_get_ns() / 1000000;
    ask->mark = context->skb->mark;
    ask->is_live = true;
    ask->path = PATH_IN;
    if (state->hook == RULES_OUTPUT || state->hook == RULES_POSTROUTING)
        ask->path = PATH_OUT;
    if (state->hook == RULES_FORWARD)
        ask->path = PATH_THROUGH;
    wall_name(state->in, ask->in);
    wall_name(state->out, ask->out);
}

/* The rules that count now are this packet's. */
static inline bool wall_rules(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint32_t zero = 0;
    const struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);
    bool is_ipv6 = context->state->pf == NFPROTO_IPV6;

    if (!now)
        return false;
    s->element = bpf_element(is_ipv6, now->generation[is_ipv6]);
    return true;
}

/* Which element of asked and answered is this packet's. */
static inline uint32_t wall_asking(const struct bpf_settings *settings)
{
    return settings->is_asked == BPF_ASKED_BY_CPU ? bpf_get_smp_processor_id() % BPF_ASKING : 0;
}

GLOBAL int wall_begin(struct bpf_nf_ctx *context, struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    struct bpf_ask *told;
    uint32_t place;

    if (!s || !settings || !wall_rules(context, s))
        return false;
    __builtin_memset(&s->template, 0, sizeof s->template);
    place = wall_asking(settings);
    told = bpf_map_lookup_elem(&asked, &place);
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

/* ---- a machine that talks to itself ---- */

static inline bool wall_is_loopback(const struct net_device *device)
{
    return device && device->flags & IFF_LOOPBACK;
}

/* OUTPUT has let a packet pass that INPUT will see. What it took for INVALID is looked at again there, as Linux
 * does it. */
GLOBAL int wall_remember(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint64_t packet = (uint64_t)context->skb;

    if (!s || s->ask.path != PATH_OUT || s->answer.state == TRACK_INVALID ||
        !wall_is_loopback(context->state->out))
        return 0;
    s->passed.answer = s->answer;
    s->passed.has_flow = s->has_flow;
    s->passed.direction = s->direction;
    s->passed.slot = s->slot;
    s->passed.flow = s->found.flow;
    bpf_map_update_elem(&passing, &packet, &s->passed, BPF_ANY);
    return 0;
}

/* Has OUTPUT seen it? Then it is what it was there. */
GLOBAL int wall_recall(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint64_t packet = (uint64_t)context->skb;
    struct bpf_passed *passed;

    if (!s || s->ask.path != PATH_IN || !wall_is_loopback(context->state->in))
        return false;
    passed = bpf_map_lookup_elem(&passing, &packet);
    if (!passed)
        return false;
    s->passed = *passed;
    bpf_map_delete_elem(&passing, &packet);
    s->answer = s->passed.answer;
    s->has_flow = s->passed.has_flow;
    s->fresh = s->drop = false;
    s->direction = s->passed.direction;
    s->slot = s->passed.slot;
    __builtin_memset(&s->found, 0, sizeof s->found);
    s->found.flow = s->passed.flow;
    s->answer.code = IMAGE_DROP;
    return true;
}

/* ---- a packet ---- */

/* Behind the rules. */
static inline bool wall_confirm(struct bpf_nf_ctx *context, struct scratch *s)
{
    int reason = helper_hear(context, s);

    if (reason != TRACK_OK) {
        s->answer.stage = BPF_BY_HELPER;
        s->answer.reason = (uint8_t)reason;
        return false;
    }
    if (!flow_confirm(s)) {
        s->answer.stage = BPF_BY_CONNTRACK;
        s->answer.reason = TRACK_TABLE_FULL;
        return false;
    }
    return true;
}

/* The whole way of a packet, in the order of verdict/order.c; s->answer says what became of it. */
static inline void wall_judge(struct bpf_nf_ctx *context, struct scratch *s)
{
    bool is_recalled;

    __builtin_memset(&s->answer, 0, sizeof s->answer);
    s->answer.code = IMAGE_DROP;
    s->answer.stage = BPF_BY_RAW;
    s->walk.table = 0;
    if (!wall_begin(context, s) || wall_decode(context, s) != PACKET_READ)
        return;
    if (!wall_raw(context, s)) {
        s->answer.code = s->walk.code;
        s->answer.state = TRACK_NONE; /* whatever CT let the rules behind it see */
        return;
    }
    is_recalled = wall_recall(context, s);
    if (!is_recalled && !reject_is_answer(context, s))
        flow_track(context, s);
    if (s->drop) {
        s->answer.stage = BPF_BY_CONNTRACK;
        return;
    }
    s->answer.stage = BPF_BY_FILTER;
    if (!wall_filter(context, s)) {
        s->answer.code = s->walk.code;
        return;
    }
    if (!is_recalled && !wall_confirm(context, s))
        return;
    s->answer.code = IMAGE_ACCEPT;
    wall_remember(context, s);
}

static inline void wall_tell(const struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();
    uint32_t place = settings ? wall_asking(settings) : 0;

    if (settings && settings->is_asked)
        bpf_map_update_elem(&answered, &place, &s->answer, BPF_ANY);
}

static inline int wall_verdict(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint32_t is_noted;

    if (s->answer.code == IMAGE_ACCEPT) {
        reject_forget(context);
        return NF_ACCEPT;
    }
    tell_drop(context, s);
    is_noted = s->answer.code == IMAGE_REJECT ? (uint32_t)reject_note(context, s) : 0;
    HIDE(is_noted);
    return is_noted & 1 ? NF_ACCEPT : NF_DROP;
}

SEC("netfilter")
int wall(struct bpf_nf_ctx *context)
{
    struct scratch *s = scratch_claim();
    int verdict;

    if (!s) {
        tell_count(BPF_DROP_NO_SCRATCH, context->skb->len);
        return NF_DROP;
    }
    wall_judge(context, s);
    wall_tell(s);
    verdict = wall_verdict(context, s);
    scratch_give_back(s);
    return verdict;
}

/* What stands at each hook, for as long as the wall does; the program that it calls may be replaced. */
SEC("netfilter")
int gate(struct bpf_nf_ctx *context)
{
    uint32_t zero = 0;
    const struct bpf_state *now = bpf_map_lookup_elem(&state, &zero);

    if (now && !now->armed)
        return NF_ACCEPT;
    bpf_tail_call(context, &slots, 0);
    return NF_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
