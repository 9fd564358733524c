/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_KERNEL_H
#define SALLY_TESTS_ORACLE_KERNEL_H

#include "oracle.h"

/* This process in a network namespace of its own, as a router between tun0 and tun1. One a process. */
struct kernel {
    int tun[ORACLE_SIDES];
    int raw[2]; /* of IPv4 and IPv6, to send as the gateway itself */
};

/* A new namespace. 0; -EPERM and *ret_why: this process may not, or the machine lacks something. */
int kernel_open(struct kernel *k, const char **ret_why);
/* Leaves nothing behind; the process stays in the emptied namespace until the next one is made. */
void kernel_close(struct kernel *k);
/* Loads the rules by iptables-legacy-restore or its nft twin. NULL, or what it said (the caller frees it). */
char *kernel_load(uint8_t family, bool nft, const char *rules);
/* Takes all rules out again. */
void kernel_unload(uint8_t family, bool nft);
/* What iptables-save -c prints; the caller frees it. */
char *kernel_save(uint8_t family, bool nft);
/* Sends it. *ret_passed of WALL_THROUGH: did it (or the datagram it made whole) come out at the other side?
 * Of WALL_OUT: did it leave? Of WALL_IN it stays untouched. */
void kernel_packet(struct kernel *k, const struct step *step, bool *ret_passed);
/* Under load what passes may come out a little later than at once: waits for it. */
bool kernel_packet_is_late(struct kernel *k, const struct step *step);
/* Of conntrack, in the namespace. */
void kernel_set_timeouts(const struct track_timeouts *timeouts);
/* Milliseconds on a clock that never goes back. */
uint64_t kernel_now(void);

enum { KERNEL_MARK = 1 }; /* packets of WALL_OUT carry this mark; the kernel's own don't */

#endif
