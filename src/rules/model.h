/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_MODEL_H
#define SALLY_RULES_MODEL_H

/*
 * The rule model: what an iptables-save file means. The iptables language is a reader and a printer of it
 * (rules/rules.h); the verdict (src/verdict) walks it or compiles it.
 *
 * A rule set belongs to one family. It owns its tables, a table its chains, a chain its rules, a rule its
 * matches; strings and arrays inside them are owned too. Numbers are in host byte order, addresses in network
 * order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/nat.h"
#include "packet/packet.h"

enum rules_limits {
    RULES_NAME =
        32, /* longest chain or set name with its NUL (XT_EXTENSION_MAXNAMELEN is 29, set names 32) */
    RULES_INTERFACE = 16, /* IFNAMSIZ */
    RULES_PORTS = 15,     /* XT_MULTI_PORTS */
    RULES_U32_TESTS = 11, /* xt_u32: tests, locations and ranges each 10 + 1 */
};

struct rules_range16 {
    uint16_t first, last;
};

struct rules_range32 {
    uint32_t first, last;
};

struct rules_value32 { /* value under mask */
    uint32_t value, mask;
};

struct rules_network { /* any mask, not only prefixes */
    struct packet_address address, mask;
    bool inverted;
};

struct rules_interface { /* "" any; a trailing '+' of the language is wildcard, not part of name */
    char name[RULES_INTERFACE];
    bool wildcard, inverted;
};

struct rules_counters {
    uint64_t packets, bytes;
};

/* ---- matches ---- */

enum rules_match_type {
    RULES_MATCH_TCP,
    RULES_MATCH_UDP,
    RULES_MATCH_ICMP,  /* IPv4 */
    RULES_MATCH_ICMP6, /* IPv6 */
    RULES_MATCH_STATE, /* printed as -m state; kept apart from conntrack for that reason only */
    RULES_MATCH_CONNTRACK,
    RULES_MATCH_MULTIPORT,
    RULES_MATCH_IPRANGE,
    RULES_MATCH_LIMIT,
    RULES_MATCH_HASHLIMIT,
    RULES_MATCH_CONNLIMIT,
    RULES_MATCH_RECENT,
    RULES_MATCH_MAC,
    RULES_MATCH_MARK,
    RULES_MATCH_CONNMARK,
    RULES_MATCH_COMMENT,
    RULES_MATCH_ADDRTYPE,
    RULES_MATCH_HELPER,
    RULES_MATCH_LENGTH,
    RULES_MATCH_TTL, /* IPv4 */
    RULES_MATCH_HL,  /* IPv6 */
    RULES_MATCH_TOS,
    RULES_MATCH_DSCP,
    RULES_MATCH_PKTTYPE,
    RULES_MATCH_STATISTIC,
    RULES_MATCH_TIME,
    RULES_MATCH_TCPMSS,
    RULES_MATCH_U32,
    RULES_MATCH_SET,
    RULES_MATCH_PHYSDEV,    /* kept; unknown when it decides */
    RULES_MATCH_OWNER,      /* kept; unknown when it decides */
    RULES_MATCH_IPV6HEADER, /* IPv6 */
    RULES_MATCH_RPFILTER,
    RULES_MATCH_UNKNOWN, /* no extension: what a form of rules that is no iptables-save file leaves open (rules/forms) */
    RULES_MATCH_OPAQUE, /* an extension that iptables has and we don't: its words are kept; unknown when it
                            decides */
    RULES_MATCH_TYPES
};

struct rules_match_tcp {                      /* also udp, where flags and option stay unset */
    struct rules_range16 source, destination; /* 0..65535: any */
    bool source_inverted, destination_inverted;
    uint8_t flags_mask, flags_compare; /* enum packet_tcp_flag */
    bool flags_inverted;
    uint8_t option; /* TCP option kind; 0: not asked */
    bool option_inverted;
};

struct rules_match_icmp { /* and icmp6 */
    uint8_t type;         /* 255 with code 0..255 in IPv4 is "any" */
    struct rules_icmp_codes {
        uint8_t first, last;
    } code;
    bool inverted;
};

/* Bits of the state masks. */
enum rules_state {
    RULES_STATE_INVALID = 1 << 0,
    RULES_STATE_NEW = 1 << 1,
    RULES_STATE_ESTABLISHED = 1 << 2,
    RULES_STATE_RELATED = 1 << 3,
    RULES_STATE_UNTRACKED = 1 << 4,
    RULES_STATE_SNAT = 1 << 5,
    RULES_STATE_DNAT = 1 << 6,
};

enum rules_ctstatus {
    RULES_STATUS_NONE = 1 << 0, /* --ctstatus NONE: none of the others */
    RULES_STATUS_EXPECTED = 1 << 1,
    RULES_STATUS_SEEN_REPLY = 1 << 2,
    RULES_STATUS_ASSURED = 1 << 3,
    RULES_STATUS_CONFIRMED = 1 << 4,
};

/* Which parts of a conntrack match were given (given) and which of them negated (inverted). */
enum rules_conntrack_part {
    RULES_CT_STATE = 1 << 0,
    RULES_CT_PROTO = 1 << 1,
    RULES_CT_ORIGSRC = 1 << 2,
    RULES_CT_ORIGDST = 1 << 3,
    RULES_CT_REPLSRC = 1 << 4,
    RULES_CT_REPLDST = 1 << 5,
    RULES_CT_STATUS = 1 << 6,
    RULES_CT_EXPIRE = 1 << 7,
    RULES_CT_ORIGSRCPORT = 1 << 8,
    RULES_CT_ORIGDSTPORT = 1 << 9,
    RULES_CT_REPLSRCPORT = 1 << 10,
    RULES_CT_REPLDSTPORT = 1 << 11,
    RULES_CT_DIRECTION = 1 << 12,
};

struct rules_match_conntrack { /* and state: only RULES_CT_STATE */
    uint16_t given, inverted;  /* enum rules_conntrack_part */
    uint8_t states;            /* enum rules_state */
    uint8_t statuses;          /* enum rules_ctstatus */
    uint8_t protocol;
    bool reply;                                              /* --ctdir REPLY */
    struct rules_network origsrc, origdst, replsrc, repldst; /* their inverted is not used */
    struct rules_range16 origsrc_port, origdst_port, replsrc_port, repldst_port;
    struct rules_range32 expire; /* seconds */
};

enum rules_multiport_side { RULES_PORTS_SOURCE, RULES_PORTS_DESTINATION, RULES_PORTS_EITHER };

struct rules_match_multiport {
    uint8_t side; /* enum rules_multiport_side */
    uint8_t count;
    bool inverted;
    struct rules_range16 ports[RULES_PORTS]; /* first == last for a single port */
    bool is_range[RULES_PORTS];              /* as written: "5:5" is a range and takes two of the 15 places */
};

struct rules_match_iprange {
    bool has_source, has_destination, source_inverted, destination_inverted;
    struct packet_address source_first, source_last, destination_first,
        destination_last; /* network byte order */
};

struct rules_match_limit {
    uint32_t average; /* XT_LIMIT_SCALE (10,000) times the seconds for one packet, as xt_limit keeps it */
    uint32_t burst;   /* packets; default 5 */
};

enum rules_hash_mode {
    RULES_HASH_DSTIP = 1 << 0,
    RULES_HASH_DSTPORT = 1 << 1,
    RULES_HASH_SRCIP = 1 << 2,
    RULES_HASH_SRCPORT = 1 << 3,
};

struct rules_match_hashlimit {
    bool above;       /* --hashlimit-above instead of --hashlimit-upto */
    bool legacy_word; /* given as --hashlimit (revision 0 word); printed as iptables-save does */
    bool by_bytes;    /* a rate in bytes a second */
    uint8_t mode;     /* enum rules_hash_mode */
    uint8_t source_prefix, destination_prefix;
    bool rate_match;  /* --hashlimit-rate-match */
    uint64_t average; /* as xt_hashlimit revision 3 keeps it */
    uint64_t burst;
    uint32_t interval;                       /* --hashlimit-rate-interval, seconds; 0: not given */
    uint32_t unit;                           /* seconds of the rate's unit, only while it is read; else 0 */
    uint32_t size, max, gc_interval, expire; /* ms for the last two; 0: default */
    char name[255];                          /* NAME_MAX */
};

struct rules_match_connlimit {
    uint32_t limit;
    bool above; /* --connlimit-above; else --connlimit-upto */
    bool by_destination;
    uint8_t prefix; /* of the mask; 32 or 128 unless given */
    struct packet_address mask;
};

enum rules_recent_command { RULES_RECENT_SET, RULES_RECENT_RCHECK, RULES_RECENT_UPDATE, RULES_RECENT_REMOVE };

struct rules_match_recent {
    uint8_t command; /* enum rules_recent_command */
    bool inverted, by_destination, rttl, reap;
    uint32_t seconds, hit_count; /* 0: not asked */
    char name[200];              /* XT_RECENT_NAME_LEN; "DEFAULT" unless given */
    struct packet_address mask;
};

struct rules_match_mac {
    uint8_t address[6];
    bool inverted;
};

struct rules_match_mark { /* and connmark */
    struct rules_value32 mark;
    bool inverted;
};

enum rules_addrtype_flag {
    RULES_ADDRTYPE_IFACE_IN = 1 << 0,
    RULES_ADDRTYPE_IFACE_OUT = 1 << 1,
    RULES_ADDRTYPE_SOURCE_INVERTED = 1 << 2,
    RULES_ADDRTYPE_DESTINATION_INVERTED = 1 << 3,
};

struct rules_match_addrtype {
    uint16_t source, destination; /* 1 << RTN_*, XT_ADDRTYPE_*: bit 0 UNSPEC, 1 UNICAST, 2 LOCAL, 3 BROADCAST,
                                     4 ANYCAST, 5 MULTICAST, 6 BLACKHOLE, 7 UNREACHABLE, 8 PROHIBIT, 9 THROW,
                                     10 NAT, 11 XRESOLVE; 0: not asked */
    uint8_t flags;                /* enum rules_addrtype_flag */
};

struct rules_match_helper {
    char name[30]; /* "" matches any helper */
    bool inverted;
};

struct rules_match_length {
    struct rules_range16 bytes;
    bool inverted;
};

enum rules_ttl_compare { RULES_TTL_EQ, RULES_TTL_NE, RULES_TTL_LT, RULES_TTL_GT };

struct rules_match_ttl { /* and hl */
    uint8_t compare;     /* enum rules_ttl_compare */
    uint8_t ttl;
};

struct rules_match_tos {
    uint8_t value, mask;
    bool inverted;
};

struct rules_match_dscp {
    uint8_t dscp; /* 0..63 */
    bool inverted;
};

struct rules_match_pkttype {
    uint8_t type; /* linux/if_packet.h: 0 unicast (HOST), 1 broadcast, 2 multicast */
    bool inverted;
};

struct rules_match_statistic {
    bool nth; /* else random */
    bool inverted;
    uint32_t probability;   /* of 2^31 */
    uint32_t every, packet; /* every as given (>= 1), packet < every */
};

struct rules_match_time {
    uint32_t date_start, date_stop; /* seconds since 1970, UTC or (kernel_tz) the kernel's time zone */
    uint32_t day_start, day_stop;   /* seconds since midnight; 0..86399 */
    uint32_t month_days;            /* bit n: day n (1..31) */
    uint8_t week_days;              /* bit n: 1 Monday ... 7 Sunday */
    bool kernel_tz, contiguous, month_days_inverted, week_days_inverted;
};

struct rules_match_tcpmss {
    struct rules_range16 mss;
    bool inverted;
};

enum rules_u32_operator { RULES_U32_AND, RULES_U32_LEFT, RULES_U32_RIGHT, RULES_U32_AT };

struct rules_u32_test {
    struct {
        uint32_t number;
        uint8_t operation;       /* enum rules_u32_operator */
    } location[RULES_U32_TESTS]; /* operation stands before number */
    struct rules_range32 range[RULES_U32_TESTS];
    uint8_t locations, ranges;
};

struct rules_match_u32 {
    struct rules_u32_test test[RULES_U32_TESTS];
    uint8_t tests;
    bool inverted;
};

/* How a set member's own counters are compared; NONE: they are not asked. */
enum rules_set_compare { RULES_SET_NONE, RULES_SET_EQ, RULES_SET_NE, RULES_SET_LT, RULES_SET_GT };

/* Which element of which set a packet is. */
struct rules_set_element {
    char name[RULES_NAME]; /* of the set; "": none is named */
    uint8_t dimensions;    /* 1..6 */
    uint8_t source_bits;   /* bit i: dimension i is src, else dst */
};

struct rules_match_set {
    struct rules_set_element element;
    bool inverted;
    bool return_nomatch;
    bool keeps_counters, keeps_subcounters; /* ! --update-counters, ! --update-subcounters */
    uint8_t packets_compare, bytes_compare; /* enum rules_set_compare */
    uint64_t packets, bytes;
};

struct rules_match_physdev {
    struct rules_interface in, out;
    bool is_in, is_out, is_bridged;
    bool is_in_inverted, is_out_inverted, is_bridged_inverted;
};

struct rules_match_owner {
    bool has_uid, has_gid, has_socket, uid_inverted, gid_inverted, socket_inverted, suppl_groups;
    struct rules_range32 uid, gid;
};

/* What a target, or an extension that is not evaluated, may change for the rules behind it. */
enum rules_change {
    RULES_CHANGES_MARK = 1 << 0,
    RULES_CHANGES_SETS = 1 << 1, /* members; that lasts beyond the packet */
    RULES_CHANGES_TTL = 1 << 2,
    RULES_CHANGES_TOS = 1 << 3,
    RULES_CHANGES_TCP = 1 << 4,       /* options and flags */
    RULES_CHANGES_ADDRESSES = 1 << 5, /* and so the path, and which connection it belongs to */
    RULES_CHANGES_PEER = 1 << 6,      /* who answers: this machine in the other's place (SYNPROXY) */
};

struct rules_match_ipv6header {
    uint8_t
        headers; /* as ip6t_ipv6header.h has them: 128 hop-by-hop, 64 destination, 32 routing, 16 fragment,
                        8 authentication, 4 ESP, 2 none, 1 any other */
    bool inverted, soft;
};

struct rules_match_rpfilter {
    bool loose, valid_mark, accept_local, inverted;
};

struct rules_match_opaque {
    char *name;       /* of the extension */
    char *words;      /* its options as one string, quoted as iptables-save quotes; "" if none */
    uint16_t changes; /* enum rules_change */
};

struct rules_match {
    uint8_t type; /* enum rules_match_type */
    union {
        struct rules_match_tcp tcp;              /* TCP and UDP */
        struct rules_match_icmp icmp;            /* ICMP and ICMP6 */
        struct rules_match_conntrack *conntrack; /* STATE and CONNTRACK */
        struct rules_match_multiport *multiport;
        struct rules_match_iprange *iprange;
        struct rules_match_limit limit;
        struct rules_match_hashlimit *hashlimit;
        struct rules_match_connlimit connlimit;
        struct rules_match_recent *recent;
        struct rules_match_mac mac;
        struct rules_match_mark mark; /* MARK and CONNMARK */
        char *comment;
        struct rules_match_addrtype addrtype;
        struct rules_match_helper *helper;
        struct rules_match_length length;
        struct rules_match_ttl ttl; /* TTL and HL */
        struct rules_match_tos tos;
        struct rules_match_dscp dscp;
        struct rules_match_pkttype pkttype;
        struct rules_match_statistic statistic;
        struct rules_match_time time;
        struct rules_match_tcpmss tcpmss;
        struct rules_match_u32 *u32;
        struct rules_match_set *set;
        struct rules_match_physdev *physdev;
        struct rules_match_owner *owner;
        struct rules_match_ipv6header ipv6header;
        struct rules_match_rpfilter rpfilter;
        char *unknown; /* what is not known, for people: "a listing without -v shows no interfaces" */
        struct rules_match_opaque opaque;
    };
};

/* ---- targets ---- */

enum rules_target_type {
    RULES_TARGET_NONE, /* counts only */
    RULES_TARGET_ACCEPT,
    RULES_TARGET_DROP,
    RULES_TARGET_RETURN,
    RULES_TARGET_CHAIN, /* -j or -g a user chain */
    RULES_TARGET_REJECT,
    RULES_TARGET_LOG,
    RULES_TARGET_NFLOG,
    RULES_TARGET_MARK,
    RULES_TARGET_CONNMARK,
    RULES_TARGET_CT,
    RULES_TARGET_NOTRACK,
    RULES_TARGET_DNAT,
    RULES_TARGET_SNAT,
    RULES_TARGET_REDIRECT,
    RULES_TARGET_MASQUERADE,
    RULES_TARGET_NETMAP,
    RULES_TARGET_TTL,
    RULES_TARGET_HL,
    RULES_TARGET_TOS,
    RULES_TARGET_DSCP,
    RULES_TARGET_TCPMSS,
    RULES_TARGET_SET,
    RULES_TARGET_OPAQUE, /* one that iptables has and we don't */
    RULES_TARGET_TYPES
};

struct rules_target_reject {
    uint8_t with; /* of rules_reject_name (rules/language/names.h) */
};

struct rules_target_log {
    uint8_t level;   /* syslog; 4 unless given */
    uint8_t options; /* linux/netfilter/xt_LOG.h: XT_LOG_* bits */
    char prefix[30];
};

struct rules_target_nflog {
    uint16_t group, threshold; /* threshold 0: default 1 */
    uint32_t range, size;      /* --nflog-range, --nflog-size; size only if has_size */
    bool has_size;
    char prefix[64];
};

enum rules_mark_action { RULES_MARK_SET, RULES_MARK_SAVE, RULES_MARK_RESTORE };

struct rules_target_mark { /* MARK: mark = (mark & ~mask) ^ value. CONNMARK: SET alike; SAVE and RESTORE with
                              their masks */
    uint8_t action;        /* enum rules_mark_action; MARK only sets */
    uint32_t value, mask;
    uint32_t ctmask, nfmask;
    uint8_t shift; /* CONNMARK revision 2 */
    bool left_shift;
};

struct rules_target_ct {
    bool notrack;
    uint16_t zone, ctevents, expevents;
    uint8_t zone_direction; /* 0 both, 1 original, 2 reply */
    bool zone_from_mark;
    char helper[16], timeout[32];
};

enum rules_ttl_change { RULES_TTL_SET, RULES_TTL_DEC, RULES_TTL_INC };

struct rules_target_ttl {
    uint8_t change; /* enum rules_ttl_change */
    uint8_t ttl;
};

struct rules_target_tos { /* tos = (tos & ~mask) ^ value, all eight bits */
    uint8_t value, mask;
};

struct rules_target_tcpmss {
    uint16_t mss;
    bool clamp; /* to the path's MTU, whatever mss is */
};

struct rules_target_set { /* in this order: put in, taken out, asked for what it carries */
    struct rules_set_element add, del, map;
    bool exist; /* one that is there is made anew, with its time-out */
    bool has_timeout;
    uint32_t timeout; /* seconds; 0: for good */
    bool map_mark, map_prio, map_queue;
};

struct rules_chain;

struct rules_target {
    uint8_t type; /* enum rules_target_type */
    bool is_goto; /* -g */
    bool decides; /* OPAQUE: ends the walk (NFQUEUE, TPROXY...), else it goes on (TRACE, AUDIT...) */
    union {
        struct rules_chain *chain;
        struct rules_target_reject reject;
        struct rules_target_log *log;
        struct rules_target_nflog *nflog;
        struct rules_target_mark mark; /* MARK and CONNMARK */
        struct rules_target_ct *ct;
        struct nat_order *nat;       /* DNAT...NETMAP */
        struct rules_target_ttl ttl; /* TTL and HL */
        struct rules_target_tos tos;
        uint8_t dscp; /* DSCP: the six bits */
        struct rules_target_tcpmss tcpmss;
        struct rules_target_set *set;
        struct rules_match_opaque opaque;
    };
};

/* Does it map an end of a connection? */
static inline bool rules_target_is_nat(const struct rules_target *target)
{
    return target->type >= RULES_TARGET_DNAT && target->type <= RULES_TARGET_NETMAP;
}

/* What rules behind it may find changed: enum rules_change. */
uint16_t rules_target_changes(const struct rules_target *target);

/* ---- rules, chains, tables ---- */

struct rules_rule {
    struct rules_counters counters;
    struct rules_network source, destination; /* mask all zero and not inverted: not given */
    struct rules_interface in, out;
    uint8_t protocol; /* 0: any */
    bool protocol_inverted;
    bool fragment, fragment_inverted; /* -f, IPv4 */
    uint16_t match_count;
    struct rules_match *matches; /* in the order given, which is the order of evaluation and printing */
    struct rules_target target;
    uint32_t serial; /* unique in its rule set and never used again: keys what matches remember (limit,
                        recent...) */
    uint32_t line;   /* where it was read, 1...; 0: not from a file */
};

enum rules_hook {
    RULES_PREROUTING,
    RULES_INPUT,
    RULES_FORWARD,
    RULES_OUTPUT,
    RULES_POSTROUTING,
    RULES_HOOKS
};

enum rules_policy { RULES_POLICY_NONE, RULES_POLICY_ACCEPT, RULES_POLICY_DROP }; /* NONE: a user chain */

struct rules_chain {
    char name[RULES_NAME];
    uint8_t policy;  /* enum rules_policy */
    uint8_t table;   /* enum rules_table_type: the one that it is in */
    bool undeclared; /* built-in, and the file that has its table does not have it: ACCEPT is a guess */
    struct rules_counters counters;
    struct rules_rule *rules; /* rule number n is rules[n - 1] */
    size_t count, capacity;
    uint32_t unread; /* rules that were counted and not read (rules_read_but) */
};

enum rules_table_type { RULES_FILTER, RULES_RAW, RULES_MANGLE, RULES_NAT, RULES_SECURITY, RULES_TABLES };

struct rules_table {
    bool present; /* a table that no file named and no command touched is absent; it accepts everything */
    struct rules_chain **chains; /* built-in ones first in the order of their hooks, then users' sorted by
                                    name as iptables-save prints */
    size_t count, capacity;
};

/* Lines of comment, which are kept and given back at their place. */
struct rules_comment {
    char *text;      /* with its newlines */
    int8_t before;   /* stands before this enum rules_table_type, or RULES_TABLES: after all */
    uint32_t serial; /* stands inside the table, before the rule of that serial; 0: before the table */
};

/* What acts on the same packets as the rules and is not among them: another framework's tables, or rules that
 * the text could not show. It is not evaluated, so that whatever it may change is unknown. */
struct rules_beside {
    char *what;    /* "the nftables table inet filter" */
    char *command; /* that would tell more: "nft list table inet filter" */
    bool rewrites; /* it may change addresses, marks or tracking; else it may only drop */
};

/* What is to be said of the text that the rules were read from: what was taken for granted, and what in it does
 * nothing. It bears on no answer by itself. */
struct rules_remark {
    char *text;    /* a sentence */
    uint32_t line; /* 0: of no line */
};

struct nft_ruleset;

struct rules {
    uint8_t family; /* enum packet_family */
    struct rules_table tables[RULES_TABLES];
    uint8_t order[RULES_TABLES]; /* in which the present tables are printed */
    struct rules_comment *comments;
    size_t comment_count;
    struct rules_beside *beside;
    size_t beside_count;
    struct rules_remark *remarks;
    size_t remark_count;
    uint32_t next_serial;
    const char *back_end; /* of another set's other: "legacy" or "nft", static; else NULL */
    bool
        is_legacy_beside; /* of the back end legacy, where there is the other, too: "iptables" may mean that */
    struct rules *other;  /* those of iptables' other back end, which the kernel asks, too; or NULL. Owned */
    struct nft_ruleset *nft; /* tables of nft's own (rules/nft/nft.h), shared by copies; or NULL */
};

/* Has the rule a source / destination condition at all? */
static inline bool rules_network_is_any(const struct rules_network *n)
{
    return !n->inverted && !(n->mask.word[0] | n->mask.word[1] | n->mask.word[2] | n->mask.word[3]);
}

#endif
