/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_SCRATCH_H
#define SALLY_BPF_SCRATCH_H

/*
 * The maps, and where a packet is worked on: 512 bytes of stack don't hold it. Hooks on one CPU interrupt each
 * other, so that memory of a CPU's own would be overwritten under way; a slot is claimed by an atomic exchange,
 * and belongs to one packet until it is given back.
 */
#include "bpf/ask.h"
#include "bpf/drop.h"
#include "bpf/limits.h"
#include "bpf/maps.h"
#include "packet/read.h"
#include "track/decide.h"
#include "track/hear.h"
#include "verdict/image/format.h"
#include "verdict/match/headers.h"
#include "verdict/match/u32.h"
#include "verdict/sets/member.h"

enum {
    FLOWS = 262144, /* unless the loader says otherwise */
    EXPECTATIONS = 4096,
    CONTROLS = 16384,   /* FTP sessions that are listened to at once */
    REMEMBERED = 65536, /* conditions that count */
    BUCKETS = 65536,
    LOCALS = 4096,
    FLOW_EVENTS = 1 << 20, /* bytes */
    EXPECT_EVENTS = 1 << 18,
};

/* As struct bpf_flow, whose lock may lie in a map's value only. */
struct flow_copy {
    struct track_flow flow;
    uint32_t lock, moves;
    uint64_t packets[TRACK_DIRECTIONS], bytes[TRACK_DIRECTIONS];
};

_Static_assert(sizeof(struct flow_copy) == sizeof(struct bpf_flow), "a copy fits");

/* Likewise. */
struct bucket_copy {
    struct hashlimit_bucket bucket;
    uint32_t lock, spare;
};

_Static_assert(sizeof(struct bucket_copy) == sizeof(struct bpf_bucket), "a copy fits");

enum { WALK_WORDS = 64 }; /* of a middle word, and middle words of a vector */

/* A table of the image is walked (walk.h). */
struct walk {
    /* What the rules so far did, and the verdict. */
    uint8_t hook;  /* enum rules_hook */
    bool has_view; /* conntrack has looked, or raw has said something of it */
    bool has_template, has_connmark;
    uint32_t mark, connmark;
    uint8_t code, flags; /* enum image_action: ACCEPT, DROP or REJECT; enum image_rule_flag of the rule */
    bool hotdrop;
    uint32_t bit;  /* of the rule that decided; IMAGE_NONE: a policy */
    uint32_t with; /* REJECT: how (rules_reject_name) */
    /* Where it is. */
    uint32_t table, policy; /* offset of the table; place of its hook's policy among its counters */
    bool unsound, mains_known;
    uint32_t place;              /* the first of the fields that decide */
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
    uint8_t ttl;
};

/* A set is looked for the packet. */
struct set_look {
    struct sets_facts facts;
    struct sets_question question;
};

/* Connections of an address are counted. */
struct connlimit_look {
    struct bpf_limited_key key; /* the packet's */
    struct track_tuple tuple;
    struct bpf_limited_slot_key slot_key; /* what is looked at */
    struct bpf_limited_slot slot;
    struct bpf_limited_flow_key flow_key;
    uint64_t found; /* its key in the index of connections */
};

/* Interfaces and their addresses are gone through, by where they lie in the kernel. */
struct link_walk {
    struct packet_address address; /* that is looked for */
    uint32_t type;
    uint64_t device, last, at, end;
};

struct scratch {
    uint32_t busy;
    uint32_t element; /* of the maps of images: its rules are the packet's, from first to last */
    struct bpf_ask ask;
    struct bpf_answer answer;
    struct packet packet;
    struct track_template template;
    struct track_question question;
    uint64_t key; /* of the flow, in flow_index */
    struct track_segment segment;
    /* What tracking found: a copy of the flow, or the flow that this packet begins. */
    bool has_flow, fresh, drop;
    uint32_t direction;
    struct flow_copy found;
    struct track_moved moved;
    uint32_t slot;         /* of the flow, if it is no fresh one */
    uint32_t before;       /* the flow's status before this packet moved it */
    uint32_t state_before; /* of TCP, likewise */
    /* The helper. */
    struct bpf_control control; /* of a new flow */
    struct track_ftp_place place;
    struct track_expectation expectation;
    struct bpf_expected_key expected;
    struct track_expectation ended[2]; /* one at its place, whose time was over, and the one of before */
    bool has_ended[2], has_begun;
    struct ftp_reader reader;
    struct bounded_text chunk;
    struct track_ftp_line old;
    uint32_t offset, left; /* of the payload: what is still to be heard */
    bool ends;             /* it ends with a newline */
    bool again;            /* old is the line that it is heard with */
    struct walk walk;
    struct bpf_passed passed;
    struct bpf_bucket_key bucket_key;
    struct bucket_copy bucket;
    struct match_look look;
    struct u32_reader u32;
    struct headers headers;
    struct set_look set;
    struct connlimit_look limit;
    struct link_walk link;
    struct bpf_told told;
    struct track_tuple
        answer_key; /* of the connection that a packet to be rejected, or its answer, speaks of */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SCRATCH_TRIES);
    __type(key, uint32_t);
    __type(value, struct scratch);
} scratch SEC(".maps");
/* SCRATCH_EACH for each processor of the machine, or more: the loader says it, in both. */
const volatile uint32_t scratch_slots = SCRATCH_TRIES;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BPF_ASKING);
    __type(key, uint32_t);
    __type(value, struct bpf_ask);
} asked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, BPF_ASKING);
    __type(key, uint32_t);
    __type(value, struct bpf_answer);
} answered SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_settings);
} settings SEC(".maps");

/* Mapped into memory by who switches it: a word is stored at once. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_state);
} state SEC(".maps");

/* The program that judges; the hooks' own calls it. */
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint32_t);
} slots SEC(".maps");

/* Packets of this machine to itself that OUTPUT has let pass, by the address of their skb: INPUT sees the same one,
 * and it is tracked once (nf_conntrack_in: "Previously seen (loopback)"). */
enum { PASSING = 4096 };
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, PASSING);
    __type(key, uint64_t);
    __type(value, struct bpf_passed);
} passing SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, FLOWS);
    __type(key, uint32_t);
    __type(value, struct bpf_flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, FLOWS);
    __type(key, uint64_t);
    __type(value, uint32_t);
} flow_index SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, FLOWS);
    __type(value, uint32_t);
} free_slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_pool);
} pool SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct bpf_flow_watch);
} flow_watch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, FLOW_EVENTS);
} flow_events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, EXPECTATIONS);
    __type(key, struct bpf_expected_key);
    __type(value, struct track_expectation);
} expected SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, CONTROLS);
    __type(key, uint32_t);
    __type(value, struct bpf_control);
} controls SEC(".maps");

/* Blocks of images (verdict/image/format.h), each with the text of its rules behind it, which is not for packets
 * (kernel/texts.h): bpf_element says which of them counts. How large a value is the loader says, in both. */
enum { IMAGE_LEAST = 4096 };
struct image_block {
    uint8_t bytes[IMAGE_LEAST];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, BPF_ELEMENTS);
    __type(key, uint32_t);
    __type(value, struct image_block);
} image SEC(".maps");
const volatile uint32_t image_size = IMAGE_LEAST;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct rule_count);
} rule_counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, REMEMBERED);
    __type(key, struct bpf_remembered_key);
    __type(value, struct bpf_remembered);
} remembered SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, BUCKETS);
    __type(key, struct bpf_bucket_key);
    __type(value, struct bpf_bucket);
} buckets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, IMAGE_SHARED * 2); /* of the rules of before, too */
    __type(key, uint64_t);
    __type(value, struct bpf_table);
} tables SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC); /* they are large, and few */
    __uint(max_entries, IMAGE_SHARED * 2);
    __type(key, uint64_t);
    __type(value, struct bpf_list);
} lists SEC(".maps");

/* What a list of recent begins as; without the lock, which may lie in one kind of map only. */
struct empty_list {
    uint64_t words[sizeof(struct bpf_list) / sizeof(uint64_t)];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct empty_list);
} empty_list SEC(".maps");

/* What addresses are to this machine (ADDRTYPE_LOCAL, ADDRTYPE_BROADCAST; others are UNICAST): whoever loads the
 * program says it. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, LOCALS);
    __type(key, struct packet_address);
    __type(value, uint32_t);
} locals SEC(".maps");

static inline const struct bpf_settings *settings_get(void)
{
    uint32_t zero = 0;

    return bpf_map_lookup_elem(&settings, &zero);
}

/* What find.h calls the base: the block that has the packet's rules. A function looks it up once, and can't hand it to
 * one that is verified by itself. */
static inline const uint8_t *image_base(const struct scratch *s)
{
    uint32_t element = s ? s->element : 0;

    return bpf_map_lookup_elem(&image, &element);
}

static inline const void *image_window(const uint8_t *base, uint64_t offset, uint32_t size)
{
    HIDE(offset);
    if (!base || offset > image_size - size)
        return NULL;
    return base + offset;
}

/* NULL: all slots are in use. */
static inline struct scratch *scratch_claim(void)
{
    uint32_t first = bpf_get_smp_processor_id() * SCRATCH_EACH, slot = first % scratch_slots;
    struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);

    if (s && !__sync_lock_test_and_set(&s->busy, 1))
        return s;
    BOUNDED_LOOP(i, SCRATCH_TRIES) {
        slot = (first + i) % scratch_slots;
        s = bpf_map_lookup_elem(&scratch, &slot);
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
