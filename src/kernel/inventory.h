/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_INVENTORY_H
#define SALLY_KERNEL_INVENTORY_H

/* What a wall holds and stands among, as far as the kernel tells. */
#include "kernel/wall.h"

/* Bytes that the kernel has given its maps (memlock of fdinfo). 0 or -errno. */
MUST_USE int inventory_memory(struct kernel_wall *wall, uint64_t *ret);

/* A function at one of netfilter's hooks. */
struct inventory_hook {
    uint8_t family, hook; /* enum nf_inet_hooks */
    int32_t priority;
    char name[64]; /* of the function, and its module behind a blank; "" unknown */
};

/* Calls see with each function at the hooks of IPv4 and IPv6 in this network namespace, in their order. 0;
 * -EOPNOTSUPP: this kernel does not tell (CONFIG_NETFILTER_NETLINK_HOOK); or -errno. */
MUST_USE int inventory_hooks(void (*see)(void *arg, const struct inventory_hook *hook), void *arg);

/* How many namespaces that nobody has any more still have a wall. */
unsigned inventory_husks(const struct kernel_wall *wall);

#endif
