/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_HOST_PRIVATE_H
#define SALLY_HOST_PRIVATE_H

#include "host/host.h"

/* A table's number; one that has a name is known by a hash of it, above all numbers. */
typedef uint64_t host_table;
enum host_tables { HOST_TABLE_DEFAULT = 253, HOST_TABLE_MAIN = 254, HOST_TABLE_LOCAL = 255 };

enum host_kind {
    HOST_UNICAST,
    HOST_TO_LOCAL,
    HOST_BROADCAST,
    HOST_MULTICAST,
    HOST_ANYCAST,
    HOST_UNREACHABLE,
    HOST_PROHIBIT,
    HOST_BLACKHOLE,
    HOST_THROW,
};

struct host_prefix {
    struct packet_address address;
    uint8_t length;
};

/* One way of a route; several: the kernel takes one of them by a hash. */
struct host_hop {
    char out[HOST_INTERFACE];
    struct packet_address via;
    bool has_via, dead, linkdown;
};

struct host_line {        /* a route */
    uint8_t family, kind; /* enum host_kind */
    uint8_t tos;
    int8_t preference; /* IPv6: -1 low, 0 medium, 1 high */
    bool made;         /* from an address, for want of its table */
    bool odd;          /* has words that are not known */
    bool by_kernel;    /* proto kernel */
    bool has_source;
    host_table table;
    struct host_prefix to, from; /* from: IPv6 */
    uint32_t metric, serial;
    struct packet_address source;
    size_t hop, hop_count; /* of host's hops */
};

enum host_action { HOST_LOOKUP, HOST_GOTO, HOST_NOP, HOST_REFUSE };

struct host_rule {
    uint8_t family, action;
    bool invert, odd; /* odd: a selector or an effect that is not known */
    bool any_port;    /* asks for protocol or ports, which are no part of the question */
    bool odd_effect;
    bool hidden; /* whether and where it looks up is not said: a VRF's */
    uint32_t priority, serial, target;
    host_table table;
    const char *why; /* REFUSE */
    struct host_prefix from, to;
    char in[HOST_INTERFACE], out[HOST_INTERFACE];
    uint32_t mark, mask;
    uint8_t tos, dscp;
    bool has_dscp, has_uid;
    uint32_t uid_first;
    int suppress; /* prefix length; -1: none */
};

enum host_switch_key {
    HOST_SWITCH_FORWARDING,
    HOST_SWITCH_RP_FILTER,
    HOST_SWITCH_ACCEPT_LOCAL,
    HOST_SWITCH_ROUTE_LOCALNET,
    HOST_SWITCH_IGNORE_LINKDOWN,
    HOST_SWITCH_FORCE_FORWARDING,
    HOST_SWITCH_SEND_REDIRECTS,
    HOST_SWITCH_SRC_VALID_MARK,
    HOST_SWITCHES
};

struct host_switch {
    char interface[HOST_INTERFACE]; /* or "all" */
    uint8_t family, key;
    int value;
};

struct host_family {
    bool addresses, routes, local, rules; /* all of them were read */
};

struct host_interface {
    char name[HOST_INTERFACE];
    char master[HOST_INTERFACE]; /* the bridge, bond or VRF that it is a port of; "": none */
    bool no_arp;                 /* nobody is looked for on it: a tunnel, a point-to-point link */
};

struct host {
    struct host_address *addresses;
    size_t address_count, address_capacity;
    struct packet_address *locals[2]; /* of addresses, by family */
    size_t local_count[2], local_capacity[2];
    struct host_line *lines; /* in the order in which they are asked (host_sort) */
    size_t line_count, line_capacity;
    struct host_hop *hops;
    size_t hop_count, hop_capacity;
    struct host_rule *rules; /* by priority; of a family that has none the kernel's own hold */
    size_t rule_count, rule_capacity;
    struct host_switch *switches; /* hashed, at most half full; an empty place has no interface */
    size_t switch_count, switch_capacity;
    struct host_interface *interfaces;
    size_t interface_count, interface_capacity;
    bool interfaces_read;
    struct packet_address *neighbours6; /* that somebody has set */
    size_t neighbour6_count, neighbour6_capacity;
    bool neighbours6_read;
    struct host_family known[2]; /* IPv4, IPv6 */
};

static inline unsigned host_bits(uint8_t family)
{
    return family == PACKET_IPV6 ? 128 : 32;
}

static inline struct host_family *host_known(struct host *h, uint8_t family)
{
    return &h->known[family == PACKET_IPV6];
}

/* Room for one more item of size bytes in an array; 0 or -ENOMEM. */
MUST_USE int host_grow(void **items, size_t *capacity, size_t count, size_t size);
#define HOST_GROW(items, capacity, count) host_grow((void **)&(items), &(capacity), (count), sizeof *(items))

bool host_under(const struct packet_address *a, const struct host_prefix *prefix);
/* Empties what lies behind the first length bits. */
void host_mask(struct packet_address *a, unsigned length);
/* The order of routes, as far as it is one of places: family, table, length of the prefix (the longest first), prefix. */
int host_compare_place(const struct host_line *a, const struct host_line *b);
void host_sort(struct host *h);
/* The routes that the kernel makes for an address, as far as they are not read themselves. 0 or -ENOMEM. */
MUST_USE int host_make_lines(struct host *h, const struct host_address *a);
/* What a switch of interface says, alone or with what is said of "all"; false: not said. */
bool host_switch_of(const struct host *h, uint8_t family, enum host_switch_key key, const char *interface,
                    int *ret);
/* The same for those that count if either says so, by the greater. */
bool host_switch_either(const struct host *h, uint8_t family, enum host_switch_key key, const char *interface,
                        int *ret);

struct host_found {
    const struct host_line *line; /* NULL: none */
    const struct host_hop *hop;   /* of it; NULL: it has none, or its ways differ */
    bool differ;                  /* its ways, or routes that are as good: out is not known */
    bool clash;                   /* as good, but of another kind */
};
/* What the tables answer for an address, source unchecked: for who wants the next hop. */
struct host_answer_of_tables {
    struct host_way way;
    const struct host_line *line;
};
void host_ask_tables(const struct host *h, const struct host_question *q, struct host_answer_of_tables *ret);

#endif
