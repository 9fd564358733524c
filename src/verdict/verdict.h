/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_VERDICT_H
#define SALLY_VERDICT_VERDICT_H

/*
 * What a rule set says of one packet at one hook, and why. Two walkers give the same answer: the plain linear
 * walk of the model (linear.h: slow, obvious, the oracle) and the walk of the compiled image (image.h: flat
 * cost). Both are pure: what they need to know comes in with the packet, what matches remember lies in a
 * struct verdict_memory of the caller.
 */
#include "base/result.h"
#include "packet/nat.h"
#include "packet/packet.h"
#include "rules/model.h"
#include "track/settings.h"
#include "track/view.h"

/* A rule that can't be evaluated is UNKNOWN, and so is each answer that depends on it; never a guess. */
enum verdict_answer {
    VERDICT_NO,
    VERDICT_YES,
    VERDICT_UNKNOWN,
    VERDICT_HOTDROP, /* a match can't read what it asks for in a broken header: the packet is dropped at once
                        (struct xt_action_param: hotdrop) */
};

/* What the caller does not know of a packet. A rule that asks for it is UNKNOWN. */
enum verdict_ignorance {
    VERDICT_NO_IN = 1 << 0, /* name of the interface; see loopback */
    VERDICT_NO_OUT = 1 << 1,
    VERDICT_NO_MAC = 1 << 2,
    VERDICT_NO_PKTTYPE = 1 << 3,
    VERDICT_NO_MARK = 1 << 4,
    VERDICT_NO_TIME = 1 << 5,     /* time of day */
    VERDICT_NO_SET = 1 << 6,      /* no members were given for sets */
    VERDICT_NO_ADDRTYPE = 1 << 7, /* which addresses are local is not known */
    VERDICT_NO_CONNMARK = 1 << 8, /* a rule that could not be evaluated may have changed it */
    VERDICT_NO_TTL = 1 << 9,      /* likewise; see enum rules_change */
    VERDICT_NO_TOS = 1 << 10,
    VERDICT_NO_TCP = 1 << 11,   /* options, ECE and CWR */
    VERDICT_NO_BYTES = 1 << 12, /* the packet is made up, and only its fields are as it is said to be */
    VERDICT_NO_SHAPE = 1 << 13, /* length, TTL and TOS, which are its sender's to choose */
    /* What NAT has mapped an end to: an address or a port that is one of several, or was not said. */
    VERDICT_NO_SOURCE = 1 << 14,
    VERDICT_NO_DESTINATION = 1 << 15,
    VERDICT_NO_SOURCE_PORT = 1 << 16,
    VERDICT_NO_DESTINATION_PORT = 1 << 17,
    VERDICT_NO_TUPLE = 1 << 18, /* nor its connection's reply tuple */
    VERDICT_NO_ENDS = VERDICT_NO_SOURCE | VERDICT_NO_DESTINATION | VERDICT_NO_SOURCE_PORT |
                      VERDICT_NO_DESTINATION_PORT | VERDICT_NO_TUPLE,

    /* What rules can make unknown for those behind them... */
    VERDICT_CHANGEABLE = VERDICT_NO_MARK | VERDICT_NO_CONNMARK | VERDICT_NO_SET | VERDICT_NO_TTL |
                         VERDICT_NO_TOS | VERDICT_NO_TCP,
    /* ...and for the packets behind this one. */
    VERDICT_LASTING = VERDICT_NO_CONNMARK | VERDICT_NO_SET,
};

struct host;
struct tracker;
struct verdict_packet;

/* What rules before have written into the headers. */
struct verdict_written {
    bool has_ttl, has_mss;
    uint8_t ttl;           /* as it is now */
    uint8_t tos, tos_mask; /* those of its bits that are as they were written, and what they are */
    uint16_t mss;          /* SYN: the option holds no more */
};

/* An element of a set, as a rule takes it from a packet. */
struct verdict_set_key {
    uint32_t set; /* index */
    struct packet_address address[2];
    uint16_t port[2];
    uint32_t timeout_s; /* of elements of that set that say none of their own; 0: for good */
    bool has_timeout;   /* that set has time-outs */
    uint32_t room;      /* so many more elements than were given fit into it */
    bool makes_room;    /* where none fits, another one goes */
    bool has_network;   /* of members that are taken out it depends what the next element is */
};

typedef void verdict_on_ports(void *arg, uint16_t first, uint16_t last);

/* Members of a named set, injected. */
struct verdict_sets {
    void *arg;
    /* Tells the ports that members of a set have. false: it may ask for others too. No such set asks for none: it is unknown for all. */
    bool (*ports)(void *arg, const char *name, verdict_on_ports *told, void *told_arg);
    /* Is the packet, read in these dimensions, in the set (as "-m set --match-set" asks, before "!")?
     * UNKNOWN: no such set was given, or it asks what is not known of the packet. */
    enum verdict_answer (*contains)(void *arg, const struct rules_match_set *match,
                                    const struct verdict_packet *p);
    /* The packet as an element: what is added, taken out, and then asked for. NO: it is none (another family, no
     * port), or no such set was given. UNKNOWN: of this type, or of what is not known of the packet, that can't be told. */
    enum verdict_answer (*element)(void *arg, const struct rules_set_element *element,
                                   const struct verdict_packet *p, struct verdict_set_key *ret);
};

/* One packet at one hook. Everything borrowed. */
struct verdict_packet {
    const struct packet *packet;
    enum rules_hook hook;
    bool routed;                     /* through this machine: from FORWARD on its TTL is counted down */
    const char *in, *out;            /* interface names; "" where the hook has none (INPUT has no out) */
    const struct track_view *view;   /* NULL at raw: conntrack has not looked yet */
    const struct track_flow *master; /* of an expected flow, or NULL: for -m helper */
    uint32_t mark;
    uint8_t pkttype;                    /* linux/if_packet.h */
    uint8_t mac[6];                     /* source */
    uint32_t unknown;                   /* enum verdict_ignorance */
    uint64_t now_ms;                    /* the tracker's clock: limits, recent, hashlimit */
    int64_t time;                       /* seconds since 1970, UTC, for -m time */
    int32_t zone_minutes;               /* east of UTC, for --kerneltz */
    const struct packet_address *local; /* addresses of the machine that filters, for addrtype */
    size_t local_count;
    const struct host *host;         /* all that is known of the machine, or NULL: for nft's fib */
    const struct verdict_sets *sets; /* or NULL */
    const struct tracker *tracker;   /* connlimit asks it which connections still live; NULL: all do */
    bool has_connmark;               /* a rule before this one set connmark: -m connmark sees that */
    uint32_t connmark;
    struct verdict_written written;
};

/* What stateful matches and targets remember between packets: buckets of limit, tables of hashlimit, lists of
 * recent, counters of statistic, connections of connlimit. Keyed by rule serial and match, or by name where
 * iptables does. */
struct verdict_memory;
MUST_USE struct verdict_memory *verdict_memory_new(void); /* NULL: out of memory */
void verdict_memory_free(struct verdict_memory **m);
/* Makes the tables that several rules share by name (recent, hashlimit) as loading r into a kernel would: the
 * first rule of a name gives its settings. Without it each is made by the first rule that asks. 0 or -ENOMEM.
 */
MUST_USE int verdict_memory_learn(struct verdict_memory *m, const struct rules *r);
/* As it was before the first packet. */
void verdict_memory_forget(struct verdict_memory *m);
/* In doubt, that is while it is not known whether the rule that asks is reached at all, nothing is
 * remembered, and what would have been changed answers UNKNOWN from then on. */
void verdict_memory_doubt(struct verdict_memory *m, bool doubt);
bool verdict_memory_in_doubt(const struct verdict_memory *m);

enum verdict_code {
    VERDICT_ACCEPT,
    VERDICT_DROP,
    VERDICT_REJECT,
    VERDICT_DEPENDS /* unknown: rule says because of which */
};

/* What rules say of the helper of a connection that begins, once it is tracked (nft's "ct helper set"). */
struct verdict_help {
    bool set, unknown;
    uint8_t helper; /* enum track_helper */
};

struct nft_chain;
struct nft_rule;

/* A rule in its chain; rule NULL: the chain's policy. One pair or the other. */
struct way_place {
    const struct rules_chain *chain;
    const struct rules_rule *rule;
    const struct nft_chain *nft_chain;
    const struct nft_rule *nft_rule;
};

static inline bool way_place_is_rule(const struct way_place *at)
{
    return at->rule || at->nft_rule;
}

struct verdict {
    enum verdict_code code;
    const struct rules_chain *chain;   /* where it was decided; NULL: the table is absent, or nft_chain */
    const struct rules_rule *rule;     /* NULL: by the chain's policy */
    const struct nft_chain *nft_chain; /* where nft's rules decided; or NULL */
    const struct nft_rule *nft_rule;
    uint32_t number;     /* of the rule in its chain, 1...; 0: policy */
    const char *because; /* a static phrase. DEPENDS: what it asks that we don't know; DROP: what of it the
                                       rule has brought about, if that is not its target; else NULL */
    struct track_template template; /* raw: what CT and NOTRACK said */
    bool template_unknown;          /* depends on unknown rules */
    uint32_t mark;                  /* the packet's, after MARK and CONNMARK */
    bool connmark_set;              /* CONNMARK: write connmark into the flow */
    uint32_t connmark;
    struct verdict_written written; /* by these rules and those before */
    struct verdict_help help;
    struct way_place hops; /* the rule that wrote the TTL last, or maybe did; none: it is as it was */
    struct nat_order nat;  /* ACCEPT, by a rule of NAT: what the connection's end is to become */
    bool hotdrop;          /* DROP, by a match of rule and not by its target: see VERDICT_HOTDROP */
    uint32_t unknown;      /* of VERDICT_CHANGEABLE, what rules behind can't know */
    uint32_t work;         /* rules that were asked one after the other; 0: the image knew which */
};

/* Told of each rule that was looked at, in order. jump: a chain is entered; the policy is not told. May be
 * NULL. */
struct verdict_trace {
    void *arg;
    void (*rule)(void *arg, const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number,
                 enum verdict_answer answer);
    /* The same of a rule of nft's. May be NULL. */
    void (*nft_rule)(void *arg, const struct nft_rule *rule, enum verdict_answer answer);
    /* A base chain of nft's has been walked, likewise. May be NULL. */
    void (*nft_chain)(void *arg, const struct verdict_packet *p, const struct verdict *v);
    /* A table's rules have all been asked: the packet as it came to them, and what they said. May be NULL. */
    void (*table)(void *arg, enum rules_table_type table, const struct verdict_packet *p,
                  const struct verdict *v);
};

#endif
