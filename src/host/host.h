/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_HOST_HOST_H
#define SALLY_HOST_HOST_H

/*
 * What is known of the machine that filters: interfaces, addresses, routes and switches, and what follows of them for a
 * packet: where it goes. Of all that was not said the answer is unknown, never a guess. No I/O.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "packet/packet.h"

struct host;

enum host_interface_limits { HOST_INTERFACE = 16 }; /* IFNAMSIZ */

enum host_fate {
    HOST_UNKNOWN, /* lacks says what would have to be known */
    HOST_LOCAL,   /* to this machine */
    HOST_FORWARD, /* by the interface out */
    HOST_NOWHERE, /* no route, one that says unreachable, prohibit or blackhole, or refused by its source: see why */
    HOST_SPECIAL, /* broadcast or multicast */
};

/* What the routing decision is asked. */
struct host_question {
    uint8_t family; /* enum packet_family */
    struct packet_address source, destination;
    const char *in; /* the interface that it came in by; NULL: this machine sends it itself; "": not known */
    uint32_t mark;
    bool mark_unknown;
    uint8_t tos;
};

struct host_way {
    enum host_fate fate;
    char out[HOST_INTERFACE]; /* FORWARD, and LOCAL what this machine itself sends ("lo"); "": not known */
    struct packet_address
        source; /* what the route prefers ("src"), if has_source: what a socket that is not bound takes;
                                     masquerading does not ask for it (host_address_of) */
    bool has_source;
    struct packet_address
        next; /* FORWARD: the next machine on the way, if has_next: a router, or the destination itself */
    bool has_next;
    const char *why; /* NOWHERE: a static phrase, "no route to it" */
    const char *
        lacks; /* UNKNOWN: a static phrase, what was not said: "which addresses this machine has (--address)" */
};

/* As ip_route_input and ip_route_output do, by rules, tables and longest prefix (net/ipv4/route.c, fib_rules.c, fib_trie.c,
 * net/ipv6/route.c), with the check of an IPv4 source that came in (fib_validate_source). Whether it may be forwarded at
 * all: host_forwards. h NULL: nothing is known. */
void host_route(const struct host *h, const struct host_question *q, struct host_way *ret);

/* The interface by which the machine itself would send to a: its name, borrowed until more is added to h; NULL: not known,
 * or it does not go out. */
const char *host_towards(const struct host *h, uint8_t family, const struct packet_address *a);

/* Is a an address of this machine (its table "local")? */
enum host_answer { HOST_NO, HOST_YES, HOST_CANT_TELL };
enum host_answer host_has_address(const struct host *h, uint8_t family, const struct packet_address *a);

/* Before it sends to a by IPv6, does it look for the next machine on the way there (neighbour discovery, RFC 4861)? NO: somebody has
 * said where that is, or it is the only one on its link. */
enum host_answer host_looks_for(const struct host *h, const struct packet_address *a);

/* The address that interface has for a packet to destination, as NAT's redirect (destination NULL: the first that it has)
 * and masquerading (inet_select_addr for the next hop on the way there, ipv6_dev_get_saddr) take it. false: not known,
 * it has none, or IPv6 has several that it can't be told between. */
bool host_address_of(const struct host *h, const char *interface, uint8_t family,
                     const struct packet_address *destination, struct packet_address *ret);

/* Does it forward packets of the family that came in by interface ("": whichever)? */
enum host_answer host_forwards(const struct host *h, uint8_t family, const char *interface);

/* ---- making one ---- */

/* Knows nothing yet. NULL: out of memory. */
MUST_USE struct host *host_new(void);
void host_free(struct host **h);

/* What iproute2 prints, with or without -o. What is read so is taken to be all that there is of its kind. */
enum host_text {
    HOST_ADDRESSES, /* ip addr show */
    HOST_LINKS,     /* ip link show */
    HOST_RULES4,    /* ip -4 rule show */
    HOST_RULES6,
    HOST_ROUTES4, /* ip -4 route show table all; without "table all" the table local is made from the addresses */
    HOST_ROUTES6,
    HOST_NEIGHBOURS6, /* ip -6 neigh show nud permanent */
};

struct host_error {
    uint32_t line, column; /* 1...; 0: out of memory */
    char text[160];
};

/* 0, -EINVAL (ret_error says where and why) or -ENOMEM; then h is as before. Words of a route or rule that are not known
 * make no error, but answers that hang on them unknown. */
MUST_USE int host_read(struct host *h, enum host_text what, const char *text, size_t size,
                       struct host_error *ret_error);

/* One more, as people say it: the address "192.168.0.18/24" or "fd00::1" (alone), the route "default via 10.0.0.1 dev eth0"
 * (as "ip route add" takes it). interface NULL: not said. Of what was said so it is not known that it is all. As host_read. */
MUST_USE int host_add_address(struct host *h, const char *interface, const char *address,
                              struct host_error *ret_error);
MUST_USE int host_add_route(struct host *h, const char *route, struct host_error *ret_error);

/* One of the kernel's switches, by the name that sysctl prints: "net.ipv4.ip_forward", "net.ipv4.conf.eth0/5.rp_filter".
 * Those that nothing here hangs on are passed over. 0 or -ENOMEM. */
MUST_USE int host_set_switch(struct host *h, const char *name, int value);

/* The addresses that are known, whatever their kind, for who asks which of them there are: a borrowed array, which the next
 * call that adds one may move. */
struct host_address {
    char interface[HOST_INTERFACE]; /* "": not said */
    uint8_t family, prefix;         /* prefix: bits of the network */
    uint8_t scope;                  /* enum host_scope */
    bool secondary, deprecated, tentative, no_route /* noprefixroute */;
    struct packet_address address, peer; /* peer: the same unless it is a point-to-point link */
};
enum host_scope {
    HOST_GLOBAL = 0,
    HOST_SITE = 200,
    HOST_LINK = 253,
    HOST_HOST = 254
}; /* linux/rtnetlink.h */
const struct host_address *host_addresses(const struct host *h, size_t *ret_count);

/* The same of a family, addresses alone. */
const struct packet_address *host_locals(const struct host *h, uint8_t family, size_t *ret_count);

/* Has it an address of the family that others can reach? Else it is none that anything is asked of. */
bool host_is_reachable(const struct host *h, uint8_t family);

/* Has it ports: is it a bridge (or a bond, or a VRF)? */
bool host_has_ports(const struct host *h, const char *interface);
/* Is there an interface of that name? h NULL: CANT_TELL. */
enum host_answer host_has_interface(const struct host *h, const char *name);

#endif
