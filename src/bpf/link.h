/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef SALLY_BPF_LINK_H
#define SALLY_BPF_LINK_H

/*
 * What is known of a packet on a hook besides its bytes, and of the machine: its link, its route, its socket, the
 * addresses of interfaces, the clock. Read from the kernel at the moment when a rule asks, so that nothing has to be
 * kept fresh. In a test run the caller says it (ask.h).
 */
#include <bpf/bpf_core_read.h>

#include "bpf/scratch.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/owner.h"

/* Of the kernel's own types, what is read here (kernel.h). */
struct list_head {
    struct list_head *next;
} KERNEL_TYPE;

struct in_ifaddr {
    struct in_ifaddr *ifa_next;
    uint32_t ifa_local, ifa_address, ifa_mask, ifa_broadcast;
} KERNEL_TYPE;

struct in_device {
    struct in_ifaddr *ifa_list;
} KERNEL_TYPE;

struct in6_addr {
    uint8_t all[16];
} KERNEL_TYPE;

struct inet6_ifaddr {
    struct in6_addr addr;
    struct list_head if_list;
} KERNEL_TYPE;

struct inet6_dev {
    struct list_head addr_list;
} KERNEL_TYPE;

struct net_device___link {
    uint16_t type;
    struct list_head dev_list;
    struct in_device *ip_ptr;
    struct inet6_dev *ip6_ptr;
} KERNEL_TYPE;

struct net {
    struct list_head dev_base_head;
} KERNEL_TYPE;

struct nf_hook_state___link {
    struct net_device___link *in, *out;
    struct net *net;
} KERNEL_TYPE;

struct rtable {
    uint16_t rt_type;
} KERNEL_TYPE;

struct rt6_info {
    uint32_t rt6i_flags;
} KERNEL_TYPE;

typedef struct {
    uint32_t val;
} KERNEL_TYPE kuid_t;

typedef struct {
    uint32_t val;
} KERNEL_TYPE kgid_t;

struct cred {
    kuid_t fsuid;
    kgid_t fsgid;
} KERNEL_TYPE;

struct file {
    const struct cred *f_cred;
} KERNEL_TYPE;

struct socket {
    struct file *file;
} KERNEL_TYPE;

typedef struct {
    struct net *net;
} KERNEL_TYPE possible_net_t;

struct sock_common {
    unsigned char skc_state;
    possible_net_t skc_net;
    struct sock *skc_listener;
} KERNEL_TYPE;

struct sock {
    struct sock_common __sk_common;
    struct socket *sk_socket;
} KERNEL_TYPE;

struct sk_buff___link {
    unsigned char *head, *data;
    uint16_t mac_header;
    uint8_t pkt_type : 3;
    unsigned long _skb_refdst;
    struct net_device___link *dev;
    struct sock *sk;
} KERNEL_TYPE;

enum {
    LINK_ETHERNET = 1, /* ARPHRD_ETHER */
    LINK_HEADER = 14,
    LINK_LOOPED = 5,            /* PACKET_LOOPBACK */
    LINK_BROADCAST = 1,         /* PACKET_BROADCAST */
    LINK_MULTICAST = 2,         /* PACKET_MULTICAST */
    LINK_NOREF = 1,             /* SKB_DST_NOREF */
    LINK_LOCAL_V6 = 0x80000000, /* RTF_LOCAL */
    LINK_TIME_WAIT = 6,
    LINK_NEW_SYN_RECV = 12,
    LINK_ADDRESSES = 1024, /* of an interface that are looked at */
    LINK_DEVICES = 4096,
};

static inline struct sk_buff___link *link_skb(struct bpf_nf_ctx *context)
{
    return (struct sk_buff___link *)context->skb;
}

/* ---- the link ---- */

/* xt_mac.c: only what came by Ethernet, with its header, has such an address. */
static inline void link_mac(struct sk_buff___link *skb, struct bpf_ask *ask)
{
    uint64_t head = (uint64_t)BPF_CORE_READ(skb, head), data = (uint64_t)BPF_CORE_READ(skb, data);
    uint64_t header = head + BPF_CORE_READ(skb, mac_header);
    uint8_t ends[12];

    ask->no_mac = true;
    if (!BPF_CORE_READ(skb, dev) || BPF_CORE_READ(skb, dev, type) != LINK_ETHERNET ||
        header + LINK_HEADER > data || bpf_probe_read_kernel(ends, sizeof(ends), (const void *)header))
        return;
    ask->no_mac = false;
    __builtin_memcpy(ask->mac, ends + 6, sizeof(ask->mac));
}

/* xt_pkttype.c: what the machine sends to itself by several addresses was none of these on a link. */
static inline uint8_t link_type(struct sk_buff___link *skb, const struct packet *p)
{
    uint8_t type = (uint8_t)BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
    uint8_t first = *(const uint8_t *)p->destination.word;
    bool multicast = p->family == PACKET_IPV6 ? first == 0xff : first >> 4 == 0xe;

    if (type != LINK_LOOPED)
        return type;
    return multicast ? LINK_MULTICAST : LINK_BROADCAST;
}

/* Hardware address and how it was addressed, into s->ask. */
GLOBAL int link_look(struct bpf_nf_ctx *context, struct scratch *s)
{
    if (!s || !s->ask.is_live || s->ask.has_looked)
        return 0;
    s->ask.has_looked = true;
    link_mac(link_skb(context), &s->ask);
    s->ask.pkttype = link_type(link_skb(context), &s->packet);
    return 0;
}

/* ---- the clock ---- */

/* Seconds since 1970. There is no other clock of the day for such programs than TAI, which leap seconds (map
 * "settings") tell from UTC. */
static inline int64_t link_time(const struct scratch *s)
{
    const struct bpf_settings *settings = settings_get();

    if (!s->ask.is_live || !settings)
        return s->ask.time;
    return (int64_t)(bpf_ktime_get_tai_ns() / 1000000000) - settings->tai_offset;
}

/* ---- addresses ---- */

/* What s->link.address is by the addresses of one interface: ADDRTYPE_LOCAL, ADDRTYPE_BROADCAST or UNICAST. What the
 * kernel makes routes of in fib_add_ifaddr (net/ipv4/fib_frontend.c). */
GLOBAL uint32_t link_ask_ipv4(struct scratch *s, uint64_t device)
{
    uint32_t type = ADDRTYPE_UNICAST;
    int i;

    if (!s || !device)
        return type;
    s->link.at = (uint64_t)BPF_CORE_READ((struct net_device___link *)device, ip_ptr, ifa_list);
    LOOP(i, 0, LINK_ADDRESSES)
    {
        struct in_ifaddr *a = (struct in_ifaddr *)s->link.at;
        uint32_t wanted = s->link.address.word[0];
        if (!a)
            break;
        uint32_t mask = BPF_CORE_READ(a, ifa_mask), network = BPF_CORE_READ(a, ifa_address) & mask;
        uint32_t last = network | ~mask;
        if (BPF_CORE_READ(a, ifa_local) == wanted)
            return ADDRTYPE_LOCAL;
        if (BPF_CORE_READ(a, ifa_broadcast) == wanted || (wanted == last && __builtin_bswap32(~mask) > 1))
            type = ADDRTYPE_BROADCAST;
        s->link.at = (uint64_t)BPF_CORE_READ(a, ifa_next);
    }
    return type;
}

GLOBAL uint32_t link_ask_ipv6(struct scratch *s, uint64_t device)
{
    int i;

    if (!s || !device)
        return ADDRTYPE_UNICAST;
    struct inet6_dev *dev = BPF_CORE_READ((struct net_device___link *)device, ip6_ptr);
    if (!dev)
        return ADDRTYPE_UNICAST;
    s->link.end = (uint64_t)dev + bpf_core_field_offset(struct inet6_dev, addr_list);
    s->link.at = (uint64_t)BPF_CORE_READ(dev, addr_list.next);
    LOOP(i, 0, LINK_ADDRESSES)
    {
        uint64_t at = s->link.at;
        if (!at || at == s->link.end)
            break;
        struct inet6_ifaddr *a =
            (struct inet6_ifaddr *)(at - bpf_core_field_offset(struct inet6_ifaddr, if_list));
        struct packet_address address = {{0}};
        bpf_core_read(&address, sizeof(address), &a->addr);
        if (packet_address_equal(&address, &s->link.address))
            return ADDRTYPE_LOCAL;
        s->link.at = (uint64_t)BPF_CORE_READ(a, if_list.next);
    }
    return ADDRTYPE_UNICAST;
}

static inline uint32_t link_ask_device(struct scratch *s, uint64_t device)
{
    return s->packet.family == PACKET_IPV4 ? link_ask_ipv4(s, device) : link_ask_ipv6(s, device);
}

/* The same, by the addresses of all interfaces of the namespace. */
GLOBAL uint32_t link_ask_all(struct scratch *s, uint64_t net)
{
    uint32_t type;
    int i;

    if (!s || !net)
        return ADDRTYPE_UNICAST;
    s->link.type = ADDRTYPE_UNICAST;
    s->link.last = net + bpf_core_field_offset(struct net, dev_base_head);
    s->link.device = (uint64_t)BPF_CORE_READ((struct net *)net, dev_base_head.next);
    LOOP(i, 0, LINK_DEVICES)
    {
        uint64_t at = s->link.device;
        if (!at || at == s->link.last)
            break;
        uint64_t device = at - bpf_core_field_offset(struct net_device___link, dev_list);
        type = link_ask_device(s, device);
        if (type == ADDRTYPE_LOCAL)
            return type;
        if (type == ADDRTYPE_BROADCAST)
            s->link.type = type;
        s->link.device = (uint64_t)BPF_CORE_READ((struct net_device___link *)device, dev_list.next);
    }
    return s->link.type;
}

/* ---- routes ---- */

/* By the route that the packet has got; 0: it has none. */
GLOBAL uint32_t link_ask_route(struct bpf_nf_ctx *context, struct scratch *s)
{
    uint64_t route = BPF_CORE_READ(link_skb(context), _skb_refdst) & ~(uint64_t)LINK_NOREF;

    if (!s || !route)
        return 0;
    if (s->packet.family == PACKET_IPV4)
        return 1U << (BPF_CORE_READ((struct rtable *)route, rt_type) & 15);
    return BPF_CORE_READ((struct rt6_info *)route, rt6i_flags) & LINK_LOCAL_V6 ? ADDRTYPE_LOCAL
                                                                               : ADDRTYPE_UNICAST;
}

/* What the packet's source or destination is to this machine, or (--limit-iface-...) to one interface. */
static inline uint32_t link_ask(struct bpf_nf_ctx *context, struct scratch *s, uint32_t source,
                                uint32_t flags)
{
    struct nf_hook_state___link *state = (struct nf_hook_state___link *)context->state;
    uint32_t route;

    s->link.address = source ? s->packet.source : s->packet.destination;
    if (flags & RULES_ADDRTYPE_IFACE_IN)
        return link_ask_device(s, (uint64_t)BPF_CORE_READ(state, in));
    if (flags & RULES_ADDRTYPE_IFACE_OUT)
        return link_ask_device(s, (uint64_t)BPF_CORE_READ(state, out));
    route = source ? 0 : link_ask_route(context, s);
    return route ? route : link_ask_all(s, (uint64_t)BPF_CORE_READ(state, net));
}

/* ---- sockets ---- */

/* skb_to_full_sk: of an answer to a SYN the one that listens; in TIME_WAIT nobody has it any more. */
static inline struct sock *link_socket(struct bpf_nf_ctx *context)
{
    struct sock *sk = BPF_CORE_READ(link_skb(context), sk);

    if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) == LINK_NEW_SYN_RECV)
        sk = BPF_CORE_READ(sk, __sk_common.skc_listener);
    return sk && BPF_CORE_READ(sk, __sk_common.skc_state) == LINK_TIME_WAIT ? NULL : sk;
}

static inline void link_owner(struct bpf_nf_ctx *context, struct owner *ret)
{
    struct nf_hook_state___link *state = (struct nf_hook_state___link *)context->state;
    struct sock *sk = link_socket(context);
    struct file *file;

    *ret = (struct owner){.has_socket = false};
    if (!sk || !BPF_CORE_READ(sk, sk_socket) ||
        BPF_CORE_READ(sk, __sk_common.skc_net.net) != BPF_CORE_READ(state, net))
        return;
    ret->has_socket = true;
    file = BPF_CORE_READ(sk, sk_socket, file);
    if (!file)
        return;
    ret->has_file = true;
    ret->uid = BPF_CORE_READ(file, f_cred, fsuid.val);
    ret->gid = BPF_CORE_READ(file, f_cred, fsgid.val);
}

GLOBAL int match_owner(struct bpf_nf_ctx *context, struct scratch *s, uint32_t payload)
{
    const struct rules_match_owner *m = image_window(image_base(s), payload, sizeof(*m));
    struct owner owner = {.has_socket = false};

    if (!s || !m)
        return VERDICT_NO;
    if (s->ask.is_live && s->walk.hook == RULES_OUTPUT)
        link_owner(context, &owner);
    return owner_holds(m, &owner) ? VERDICT_YES : VERDICT_NO;
}

#endif
