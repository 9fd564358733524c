/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_KERNEL_H
#define SALLY_BPF_KERNEL_H

/*
 * What the kernel program asks of the kernel, and what the words of base/bounded.h and packet/source.h mean in
 * it. Comes before every other header of ours: their inline functions have to be, for the verifier takes no
 * structs as results, few arguments, and no calls of global functions under a lock.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf_helpers.h>

#include "bpf/loop.h"

#define inline inline __attribute__((always_inline))

#define BOUNDED_LOOP(i, most)                                                                                \
    for (uint32_t i = 0, once_ = 1; once_; once_ = 0)                                                        \
    LOOP(i, 0, most)
#define BOUNDED_PART GLOBAL
#define BOUNDED_NEEDS(pointer)                                                                               \
    if (!(pointer))                                                                                          \
    return 0

/* Of the kernel's own types, what is read here; where it lies is for the loader to find out. */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct net_device {
    char name[16];
    unsigned int flags; /* IFF_LOOPBACK */
} KERNEL_TYPE;

struct nf_hook_state {
    uint8_t hook, pf;
    struct net_device *in, *out;
} KERNEL_TYPE;

struct sk_buff {
    unsigned int len;
    uint32_t mark;
} KERNEL_TYPE;

struct bpf_nf_ctx {
    const struct nf_hook_state *state;
    struct sk_buff *skb;
} KERNEL_TYPE;

enum { NF_DROP, NF_ACCEPT };
enum { NFPROTO_IPV6 = 10 };
enum { IFF_LOOPBACK = 1 << 3 };

extern int bpf_dynptr_from_skb(struct sk_buff *skb, uint64_t flags, struct bpf_dynptr *ret) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, uint32_t offset, void *buffer,
                              uint32_t buffer__szk) __ksym;

/* ---- packet/source.h ---- */

#define PACKET_SOURCE

struct packet_source {
    struct bpf_dynptr dynptr;
    uint32_t size;
    uint8_t piece[40];
};

static inline bool packet_open(struct bpf_nf_ctx *context, struct packet_source *ret)
{
    ret->size = context->skb->len;
    return bpf_dynptr_from_skb(context->skb, 0, &ret->dynptr) == 0;
}

#define packet_at(source, offset, length)                                                                    \
    ({                                                                                                       \
        uint32_t at_ = (offset);                                                                             \
        const uint8_t *found_ = NULL;                                                                        \
        if (at_ <= (source)->size && (length) <= (source)->size - at_)                                       \
            found_ = bpf_dynptr_slice(&(source)->dynptr, at_, (source)->piece, (length));                    \
        found_;                                                                                              \
    })

#define packet_borrow(source, packet) ((void)(source), (void)(packet))

#endif
