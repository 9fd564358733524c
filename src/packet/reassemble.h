/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_PACKET_REASSEMBLE_H
#define SALLY_PACKET_REASSEMBLE_H

#include "base/result.h"
#include "packet/packet.h"

/*
 * Puts fragments together as the kernel's defragmentation does before conntrack (nf_defrag_ipv4,
 * nf_conntrack_reasm): 30 s (IPv4) or 60 s (IPv6) for a whole; IPv6 overlaps discard the datagram (RFC 5722),
 * IPv4 overlaps too (since Linux 4.19); at most limit bytes are held, the oldest datagram goes first.
 */
struct packet_reassembler;

/* NULL: out of memory. */
MUST_USE struct packet_reassembler *packet_reassembler_new(size_t limit);
void packet_reassembler_free(struct packet_reassembler **r);

/*
 * packet: decoded; any may be given. 1: *ret is what the stack goes on with: the packet itself if it is no
 * fragment, else the datagram that is whole now, decoded (checksums are not looked at: who wants that decodes
 * ret->bytes again; a cut fragment makes it a cut datagram). It stays valid until the next call. An IPv6
 * fragment that cannot be the first of anything (its transport header is cut off, or it has more to come and
 * is no multiple of 8) comes back as it is, as nf_ct_frag6_gather lets it through; the fragment header of an
 * atomic fragment is taken away. 0: kept, more is to come. -EBADMSG: a fragment that was refused (overlap,
 * wrong length, too long); what it belonged to is gone. -ENOMEM.
 */
MUST_USE int packet_reassemble(struct packet_reassembler *r, const struct packet *packet, uint64_t now_ms,
                               struct packet *ret);

#endif
