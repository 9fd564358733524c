/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_PINHOLE_PRIVATE_H
#define SALLY_KERNEL_PINHOLE_PRIVATE_H

#include <linux/netlink.h>

#include "kernel/pinhole.h"

/* One way's functions. Its state is its own. */
struct pinhole_back_end {
    const char *name;
    /* NULL with error. */
    void *(*begin)(const struct pinhole_plan *plan, struct pinhole_error *error);
    void (*end)(void *state);
    int (*open)(void *state, const struct pinhole *hole);
    int (*close)(void *state, const struct pinhole *hole);
};

extern const struct pinhole_back_end pinhole_conntrack, pinhole_nft, pinhole_ipset, pinhole_sallywall;

/* Does it take a pinhole? One between addresses that nobody has (RFC 5737, RFC 3849). 0 or -errno. */
MUST_USE int pinhole_try(const struct pinhole_back_end *b, void *state, bool is_v4);

/* ---- netlink ---- */

enum { NETLINK_ROOM = 4096, NETLINK_MOST = 4 };

struct mnl_socket;

/* Messages that are sent together, and what the kernel says of each that wants it (NLM_F_ACK). */
struct netlink {
    struct mnl_socket *socket;
    uint32_t sequence;
    char buffer[NETLINK_ROOM];
    size_t len;
    uint32_t first;            /* the sequence number of results[0] */
    unsigned count;            /* messages */
    int results[NETLINK_MOST]; /* of each: 0, -errno, or -ETIMEDOUT: it wants one and none came */
};

/* NULL: errno. */
MUST_USE struct netlink *netlink_new(void);
void netlink_free(struct netlink *n);
/* Begins anew. */
void netlink_clear(struct netlink *n);
/* Room for the next message, its number set; netlink_add when it is there. */
struct nlmsghdr *netlink_next(struct netlink *n, uint16_t type, uint16_t flags, uint8_t family);
void netlink_add(struct netlink *n, const struct nlmsghdr *message);
/* Sends them and hears what is said of each of count messages from first on; data (or NULL) gets what comes besides. 0 or -errno of
 * sending or hearing. */
typedef void netlink_data(void *arg, const struct nlmsghdr *message);
MUST_USE int netlink_send(struct netlink *n, netlink_data *data, void *arg);

/* Where the data connection begins and where it goes to. */
static inline const struct in6_addr *pinhole_from(const struct pinhole *h)
{
    return h->is_active ? &h->server : &h->client;
}

static inline const struct in6_addr *pinhole_to(const struct pinhole *h)
{
    return h->is_active ? &h->client : &h->server;
}

static inline bool pinhole_is_v4(const struct pinhole *h)
{
    return IN6_IS_ADDR_V4MAPPED(&h->client);
}

/* The bytes of an address in its own family: 4 or 16 of them. */
static inline const uint8_t *pinhole_bytes(const struct in6_addr *ip)
{
    return &ip->s6_addr[IN6_IS_ADDR_V4MAPPED(ip) ? 12 : 0];
}

#endif
