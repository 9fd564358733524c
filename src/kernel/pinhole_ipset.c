/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An element of an ipset hash:ip,port,ip that is the administrator's, with a time-out. His rule lets in who is in it (match-set NAME
 * src,dst,dst), and may take him out with it (SET --del-set).
 */
#include "kernel/pinhole_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/ipset/ip_set_hash.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROTOCOL = 6, /* the oldest that kernels still take: all do */
};

struct ipset {
    struct netlink *netlink;
    char sets[2][IPSET_MAXNAMELEN]; /* of IPv4, of IPv6 */
};

static void end(void *state)
{
    struct ipset *s = state;

    netlink_free(s->netlink);
    free(s);
}

static void put_address(struct nlmsghdr *m, uint16_t type, const struct in6_addr *ip)
{
    const bool is_v4 = IN6_IS_ADDR_V4MAPPED(ip);
    struct nlattr *nest = mnl_attr_nest_start(m, type);

    mnl_attr_put(m, (is_v4 ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6) | NLA_F_NET_BYTEORDER,
                 is_v4 ? 4 : 16, pinhole_bytes(ip));
    mnl_attr_nest_end(m, nest);
}

static int change(struct ipset *s, const struct pinhole *h, bool is_new)
{
    struct netlink *n = s->netlink;
    struct nlmsghdr *m;
    struct nlattr *data;
    int r;

    netlink_clear(n);
    /* Without NLM_F_EXCL what is there gets the new time. */
    m = netlink_next(n, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | (is_new ? IPSET_CMD_ADD : IPSET_CMD_DEL)),
                     NLM_F_ACK | (is_new ? 0 : NLM_F_EXCL), pinhole_is_v4(h) ? AF_INET : AF_INET6);
    mnl_attr_put_u8(m, IPSET_ATTR_PROTOCOL, PROTOCOL);
    mnl_attr_put_strz(m, IPSET_ATTR_SETNAME, s->sets[!pinhole_is_v4(h)]);
    data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);
    put_address(m, IPSET_ATTR_IP, pinhole_from(h));
    mnl_attr_put_u16(m, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, htons(h->port));
    mnl_attr_put_u8(m, IPSET_ATTR_PROTO, IPPROTO_TCP);
    put_address(m, IPSET_ATTR_IP2, pinhole_to(h));
    if (is_new)
        mnl_attr_put_u32(m, IPSET_ATTR_TIMEOUT | NLA_F_NET_BYTEORDER, htonl(h->seconds));
    mnl_attr_put_u32(m, IPSET_ATTR_LINENO | NLA_F_NET_BYTEORDER, 0);
    mnl_attr_nest_end(m, data);
    netlink_add(n, m);
    r = netlink_send(n, NULL, NULL);
    return r ? r : n->results[0];
}

static int open_hole(void *state, const struct pinhole *h)
{
    int r = change(state, h, true);

    return r == -IPSET_ERR_HASH_FULL ? -ENOSPC : r <= -IPSET_ERR_PRIVATE ? -EINVAL : r;
}

static int close_hole(void *state, const struct pinhole *h)
{
    int r = change(state, h, false);

    return r == -IPSET_ERR_EXIST ? -ENOENT : r;
}

static const char *words(int error)
{
    return error == ENOENT   ? "there is none"
           : error == EINVAL ? "it is of another type or family, or has no timeout"
                             : strerror(error);
}

static void *begin(const struct pinhole_plan *plan, struct pinhole_error *error)
{
    struct ipset *s = calloc(1, sizeof(*s));
    int failed = 0;

    if (!s)
        return NULL;
    s->netlink = netlink_new();
    if (!s->netlink)
        snprintf(error->text, sizeof(error->text), "no netlink socket: %s", strerror(errno));
    for (unsigned i = 0; s->netlink && !failed && i < 2; i++) {
        snprintf(s->sets[i], sizeof(s->sets[i]), "%.*s%u", IPSET_MAXNAMELEN - 2, plan->set, i ? 6 : 4);
        failed = pinhole_try(&pinhole_ipset, s, i == 0);
        if (failed)
            snprintf(
                error->text, sizeof(error->text),
                "no ipset %s takes elements: %s; sallyd --firewall-rule prints how it is made, and the rule",
                s->sets[i], words(-failed));
    }
    if (s->netlink && !failed)
        return s;
    end(s);
    return NULL;
}

const struct pinhole_back_end pinhole_ipset = {
    .name = "ipset", .begin = begin, .end = end, .open = open_hole, .close = close_hole};
