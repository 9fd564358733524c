/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACE(name, family, hook, priority) {name, NFPROTO_##family, NF_INET_##hook, priority}

const struct link_place link_places[LINKS] = {
    PLACE("link-input", IPV4, LOCAL_IN, LINK_PRIORITY),
    PLACE("link-forward", IPV4, FORWARD, LINK_PRIORITY),
    PLACE("link-output", IPV4, LOCAL_OUT, LINK_PRIORITY),
    PLACE("link6-input", IPV6, LOCAL_IN, LINK_PRIORITY),
    PLACE("link6-forward", IPV6, FORWARD, LINK_PRIORITY),
    PLACE("link6-output", IPV6, LOCAL_OUT, LINK_PRIORITY),
};

const struct link_place link_closers[LINK_CLOSERS] = {
    PLACE("link-close-input", IPV4, LOCAL_IN, LINK_CLOSER_PRIORITY),
    PLACE("link-close-forward", IPV4, FORWARD, LINK_CLOSER_PRIORITY),
    PLACE("link-close-output", IPV4, LOCAL_OUT, LINK_CLOSER_PRIORITY),
    PLACE("link6-close-input", IPV6, LOCAL_IN, LINK_CLOSER_PRIORITY),
    PLACE("link6-close-forward", IPV6, FORWARD, LINK_CLOSER_PRIORITY),
    PLACE("link6-close-output", IPV6, LOCAL_OUT, LINK_CLOSER_PRIORITY),
};

/* union bpf_attr.link_create of Linux 6.4; Debian 12 builds with headers that have it not. */
struct link_create {
    uint32_t program, target, attach_type, flags;
    struct {
        uint32_t family, hook;
        int32_t priority;
        uint32_t flags;
    } netfilter;
};

enum { ATTACH_NETFILTER = 45, DEFRAGMENT = 1 << 0 };

static int refuse(const struct link_place *place, int why, struct kernel_error *error)
{
    switch (why) {
    case EBUSY:
        return kernel_refuse(
            error, KERNEL_FAILS, -why,
            "something else stands at the hook %s of netfilter with the priority %d already; two "
            "can't: another wall of this program by other means, or a netfilter program of somebody "
            "else's (bpftool link list; nft list hooks)",
            place->name + 4 + 1, place->priority);
    case EOPNOTSUPP:
    case ENOENT:
        return kernel_refuse(
            error, KERNEL_LACKS, -why,
            "this kernel can't put fragments together for a netfilter program (%s): it needs "
            "CONFIG_NF_DEFRAG_IPV4 and CONFIG_NF_DEFRAG_IPV6; as modules: modprobe nf_defrag_ipv4 "
            "nf_defrag_ipv6",
            strerror(why));
    default:
        return kernel_refuse(error, why == EPERM ? KERNEL_FORBIDS : KERNEL_FAILS, -why,
                             "the wall can't be attached (%s): %s", place->name, strerror(why));
    }
}

int link_attach(int program, const struct link_place *place, struct kernel_error *error)
{
    struct link_create create = {
        .program = (uint32_t)program,
        .attach_type = ATTACH_NETFILTER,
        .netfilter = {place->family, place->hook, place->priority, DEFRAGMENT},
    };
    long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

    return fd < 0 ? refuse(place, errno, error) : (int)fd;
}
