/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_REWRITTEN_H
#define SALLY_BPF_REWRITTEN_H

/*
 * Where the kernel's NAT has rewritten an address that is said in a connection (nf_nat_ftp), a text may have become
 * longer or shorter, and what the other side acknowledges is by so much more or less than what was sent. The kernel
 * puts it right only behind our hooks (nf_confirm), and keeps by how much with its own connection, which it finds at
 * the packet. Without that, an acknowledgement of a longer text would be one of what was never sent.
 */
#include <bpf/bpf_core_read.h>

#include "bpf/scratch.h"

/* Of the kernel's own types, what is read here (kernel.h). */
struct nf_ct_ext {
    uint8_t offset[1];
} KERNEL_TYPE;

struct nf_conn {
    struct nf_ct_ext *ext;
} KERNEL_TYPE;

struct nf_ct_seqadj {
    uint32_t correction_pos;
    int32_t offset_before, offset_after;
} KERNEL_TYPE;

struct nf_conn_seqadj {
    struct nf_ct_seqadj seq[2];
} KERNEL_TYPE;

enum nf_ct_ext_id {
    NF_CT_EXT_SEQADJ = 2, /* as this kernel was built, it may be another */
};

struct sk_buff___rewritten {
    unsigned long _nfct;
} KERNEL_TYPE;

enum {
    REWRITTEN_INFO = 7,     /* NFCT_INFOMASK: enum ip_conntrack_info, beside the pointer */
    REWRITTEN_IS_REPLY = 3, /* IP_CT_IS_REPLY */
};

/* Where the kernel's conntrack is a module that is not there when the program is loaded, its types aren't known, and all of
 * this is nothing. */
static inline bool rewritten_is_known(void)
{
    return bpf_core_type_exists(struct nf_conn_seqadj) && bpf_core_type_exists(struct nf_conn) &&
           bpf_core_type_exists(struct nf_ct_ext) &&
           bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_SEQADJ);
}

/* Asked by who has loaded the program. */
SEC("syscall")
int knows_rewritten(struct bpf_order *order)
{
    (void)order;
    return rewritten_is_known();
}

/* What the kernel keeps of that with the packet's connection, or NULL (nfct_seqadj). */
static inline const struct nf_conn_seqadj *rewritten_find(uint64_t connection)
{
    struct nf_ct_ext *ext;
    uint8_t offset = 0;

    if (!rewritten_is_known() || !connection)
        return NULL;
    ext = BPF_CORE_READ((struct nf_conn *)connection, ext);
    if (!ext)
        return NULL;
    bpf_probe_read_kernel(&offset, sizeof(offset),
                          (const uint8_t *)ext + bpf_core_field_offset(struct nf_ct_ext, offset) +
                              bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_SEQADJ));
    return offset ? (const struct nf_conn_seqadj *)((const uint8_t *)ext + offset) : NULL;
}

/* By how much more is acknowledged than was sent; as tcp_in_window asks (nf_ct_seq_offset). */
static inline uint32_t rewritten_by(uint64_t nfct, uint32_t acknowledgement)
{
    const struct nf_conn_seqadj *both = rewritten_find(nfct & ~(uint64_t)REWRITTEN_INFO);
    bool is_reply = (nfct & REWRITTEN_INFO) >= REWRITTEN_IS_REPLY;
    const struct nf_ct_seqadj *other;

    if (!both)
        return 0;
    other = is_reply ? &both->seq[0] : &both->seq[1];
    return (uint32_t)(track_after(acknowledgement - 1, BPF_CORE_READ(other, correction_pos))
                          ? BPF_CORE_READ(other, offset_after)
                          : BPF_CORE_READ(other, offset_before));
}

/* Makes of what the segment acknowledges what its receiver has sent. */
static inline void rewritten_undo(struct bpf_nf_ctx *context, struct track_segment *segment)
{
    uint64_t nfct = ((const struct sk_buff___rewritten *)context->skb)->_nfct;
    uint32_t more = nfct ? rewritten_by(nfct, segment->acknowledgement) : 0;

    segment->acknowledgement -= more;
    segment->options.sack -= more;
}

#endif
