/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_SCRATCH_H
#define SALLY_BPF_SCRATCH_H

/*
 * The maps, and where a packet is worked on: 512 bytes of stack don't hold it. Hooks on one CPU interrupt each
 * other, so that memory of a CPU's own would be overwritten under way; a slot is claimed by an atomic exchange,
 * and belongs to one packet until it is given back.
 */
#include "bpf/ask.h"
#include "bpf/maps.h"
#include "packet/read.h"
#include "track/decide.h"
#include "track/hear.h"
#include "verdict/image/format.h"
#include "verdict/match/u32.h"

enum {
    SCRATCH_SLOTS = 32,
    FLOWS = 262144, /* unless the loader says otherwise */
    EXPECTATIONS = 4096,
    REMEMBERED = 65536, /* conditions that count */
    BUCKETS = 65536,
    LOCALS = 4096,
};

/* As struct bpf_flow, whose lock may lie in a map's value only. */
struct flow_copy {
    struct track_flow flow;
    uint32_t lock, spare;
};

_Static_assert(sizeof(struct flow_copy) == sizeof(struct bpf_flow), "a copy fits");

/* Likewise. */
struct bucket_copy {
    struct hashlimit_bucket bucket;
    uint32_t lock, spare;
};

_Static_assert(sizeof(struct bucket_copy) == sizeof(struct bpf_bucket), "a copy fits");

enum {
    WALK_DEPTH = 16,   /* nested chains; natively VERDICT_DEPTH */
    WALK_STEPS = 8192, /* rules that match a packet in one table */
    WALK_WORDS = 64,   /* of a middle word, and middle words of a vector */
};

/* A table of the image is walked (walk.h). */
struct walk {
    /* What the rules so far did, and the verdict. */
    uint8_t hook;  /* enum rules_hook */
    bool has_view; /* conntrack has looked, or raw has said something of it */
    bool has_template, has_connmark;
    uint32_t mark, connmark;
    uint8_t code, flags; /* enum image_action: ACCEPT, DROP or REJECT; enum image_rule_flag of the rule */
    bool hotdrop;
    uint32_t bit; /* of the rule that decided; IMAGE_NONE: a policy */
    /* Where it is. */
    uint32_t table, counts; /* offset of the table; first of rule_counts' elements for it */
    bool unsound;
    uint32_t sets[IMAGE_FIELDS]; /* offsets, by place in the table's list of fields; 0: all rules */
    uint32_t joined;             /* likewise */
    uint64_t middle[IMAGE_FIELDS], leaves[IMAGE_FIELDS];
    uint64_t words, bits;
    uint32_t first, end, word, after, best, best_bit;
    uint32_t at; /* in TCP's options */
    uint32_t depth;
    uint32_t chain[WALK_DEPTH], done[WALK_DEPTH];
};

/* A list of recent is looked at: where in it these are; RECENT_ADDRESSES: nowhere. */
struct match_look {
    struct packet_address address;
    uint64_t first; /* when the oldest changed */
    uint32_t found, oldest, room;
    uint32_t hits;
};

struct scratch {
    uint32_t busy;
    struct bpf_ask ask;
    struct bpf_answer answer;
    struct packet packet;
    struct track_template template;
    struct track_question question;
    struct track_tuple key; /* of the flow */
    struct track_segment segment;
    /* What tracking found: a copy of the flow, or the flow that this packet begins. */
    bool has_flow, fresh, drop;
    uint32_t direction;
    struct flow_copy found;
    struct track_moved moved;
    struct track_tuple other; /* key of a flow that ends besides */
    struct track_flow other_flow;
    /* The helper. */
    struct bpf_control control; /* of a new flow */
    struct track_ftp_place place;
    struct track_expectation expectation;
    struct bpf_expected_key expected;
    struct ftp_reader reader;
    struct bounded_text chunk;
    struct track_ftp_line old;
    uint32_t offset, left; /* of the payload: what is still to be heard */
    bool ends;             /* it ends with a newline */
    bool again;            /* old is the line that it is heard with */
    struct walk walk;
    struct bpf_bucket_key bucket_key;
    struct bucket_copy bucket;
    struct match_look look;
    struct u32_reader u32;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SCRATCH_SLOTS);
    __type(key, uint32_t);
    __type(value, struct scratch);
} scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_ask);
} asked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_answer);
} answered SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_settings);
} settings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, FLOWS);
    __type(key, struct track_tuple);
    __type(value, struct bpf_flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, EXPECTATIONS);
    __type(key, struct bpf_expected_key);
    __type(value, struct track_expectation);
} expected SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, EXPECTATIONS);
    __type(key, uint32_t);
    __type(value, struct bpf_control);
} controls SEC(".maps");

/* The image's block (verdict/image/format.h) is the one value. Its size is the loader's to say, in both. */
enum { IMAGE_LEAST = 4096 };
struct image_block {
    uint8_t bytes[IMAGE_LEAST];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct image_block);
} image SEC(".maps");
const volatile uint32_t image_size = IMAGE_LEAST;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct rule_count);
} rule_counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, REMEMBERED);
    __type(key, uint32_t);
    __type(value, struct bpf_remembered);
} remembered SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, BUCKETS);
    __type(key, struct bpf_bucket_key);
    __type(value, struct bpf_bucket);
} buckets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, IMAGE_SHARED);
    __type(key, uint32_t);
    __type(value, struct bpf_table);
} tables SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, IMAGE_SHARED);
    __type(key, uint32_t);
    __type(value, struct bpf_list);
} lists SEC(".maps");

/* What addresses are to this machine (ADDRTYPE_LOCAL, ADDRTYPE_BROADCAST; others are UNICAST): whoever loads the
 * program says it. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, LOCALS);
    __type(key, struct packet_address);
    __type(value, uint32_t);
} locals SEC(".maps");

/* Serial numbers of flows, which are also the handles of control connections. */
uint32_t last_serial;

static inline const struct bpf_settings *settings_get(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&settings, &zero);
}

/* The expectation of the control connection with this handle goes. One whose time was over may have been another's
 * since, who announced the same. */
static inline void expected_forget(const struct bpf_expected_key *key, uint32_t handle)
{
    struct track_expectation *e = bpf_map_lookup_elem(&expected, key);

    if (e && e->master == handle)
        bpf_map_delete_elem(&expected, key);
}

static const void *image_window(const uint8_t *base, uint64_t offset, uint32_t size)
{
    uint32_t zero = 0;
    const uint8_t *block = bpf_map_lookup_elem(&image, &zero);

    (void)base;
    HIDE(offset);
    if (!block || offset > image_size - size)
        return NULL;
    return block + offset;
}

/* NULL: all slots are in use. */
static inline struct scratch *scratch_claim(void)
{
    BOUNDED_LOOP(i, SCRATCH_SLOTS) {
        uint32_t slot = (bpf_get_smp_processor_id() * 4 + i) % SCRATCH_SLOTS;
        struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);
        if (s && !__sync_lock_test_and_set(&s->busy, 1))
            return s;
    }
    return NULL;
}

static inline void scratch_give_back(struct scratch *s)
{
    __sync_lock_test_and_set(&s->busy, 0);
}

#endif
