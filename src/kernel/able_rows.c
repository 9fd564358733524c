/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/able_rows.h"

#include <string.h>

#include "rules/language/names.h"
#include "verdict/match/addrtype.h"
#include "verdict/match/recent.h"
#include "verdict/sets/flat.h"

/* ---- matches: when ---- */

static bool is_empty(const struct able_case *c)
{
    return c->empty;
}

static bool is_in_raw(const struct able_case *c)
{
    return c->table == RULES_RAW;
}

static bool counts_many_hits(const struct able_case *c)
{
    return c->match->recent->hit_count > RECENT_STAMPS;
}

static bool asks_routes(const struct able_case *c)
{
    const struct rules_match_addrtype *m = &c->match->addrtype;

    return (m->source | m->destination) & (ADDRTYPE_ROUTES | ADDRTYPE_ANYCAST);
}

static bool asks_groups(const struct able_case *c)
{
    return c->match->owner->suppl_groups;
}

static bool asks_kernel_zone(const struct able_case *c)
{
    return c->match->time.kernel_tz;
}

static bool asks_other_helper(const struct able_case *c)
{
    const char *name = c->match->helper->name;

    return name[0] && strncmp("ftp", name, 3) != 0;
}

static bool asks_translation(const struct able_case *c)
{
    const struct rules_match_conntrack *m = c->match->conntrack;

    return m->given & RULES_CT_STATE && m->states & (RULES_STATE_SNAT | RULES_STATE_DNAT);
}

static bool asks_counters(const struct able_case *c)
{
    return c->match->set->packets_compare != RULES_SET_NONE || c->match->set->bytes_compare != RULES_SET_NONE;
}

static bool will_be_loaded(const struct able_case *c)
{
    return c->terms->sets && sets_has(c->terms->sets, c->match->set->element.name);
}

static bool has_no_members(const struct able_case *c)
{
    uint64_t id = sets_id(c->match->set->element.name);

    for (size_t i = 0; i < c->terms->standing_count; i++)
        if (c->terms->standing[i] == id)
            return false;
    return !will_be_loaded(c);
}

static bool is_no_flat_set(const struct able_case *c)
{
    return will_be_loaded(c) && !sets_is_flat(c->terms->sets, c->match->set);
}

/* ---- targets: when ---- */

static bool has_no_listener(const struct able_case *c)
{
    return !c->terms->listens;
}

static bool sends_nothing(const struct able_case *c)
{
    return !c->terms->rejects;
}

static bool restores_mark(const struct able_case *c)
{
    return c->target->mark.action == RULES_MARK_RESTORE;
}

static bool gives_other_helper(const struct able_case *c)
{
    const char *name = c->target->ct->helper;

    return name[0] && strcmp(name, "ftp") != 0 && strncmp(name, "ftp-", 4) != 0;
}

static bool has_timeout(const struct able_case *c)
{
    return c->target->ct->timeout[0] != '\0';
}

static bool says_events(const struct able_case *c)
{
    return c->target->ct->ctevents || c->target->ct->expevents;
}

static bool has_zone_of_one_way(const struct able_case *c)
{
    return c->target->ct->zone_direction != 0;
}

static bool is_ulog(const struct able_case *c)
{
    return strcmp(c->target->opaque.name, "ULOG") == 0;
}

static bool is_not_ulog(const struct able_case *c)
{
    return !is_ulog(c);
}

/* ---- the table ---- */

#define FROM_HEADERS "from the packet's headers"
#define FROM_FLOW    "from the connection, as our own tracking knows it"
#define OTHERS_LOG   "nothing is logged: nobody takes what the program would say"
#define LISTEN       "run \"sallywall watch --log\", which logs for as long as it runs"
#define BY_LISTENER  "counted, and logged by sallywall watch --log while it runs"
#define ONE_HUNDRED  "more than 128 lists and tables by name"
#define BESIDE       "let iptables do that, beside the wall"
#define NO_MARK                                                                                              \
    "a netfilter program may not write the packet's mark, so that routing and others would not see it"

#define PLAIN(clause) {.how = clause}
#define NOTHING_ELSE  "a netfilter program may accept or drop a packet, and nothing else"
#define BESIDE_IT(why)                                                                                       \
    {                                                                                                        \
        .exceptions = { {NULL, NULL, why, BESIDE} }                                                          \
    }

const struct able_row able_matches[RULES_MATCH_TYPES] = {
    [RULES_MATCH_TCP] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_UDP] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_ICMP] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_ICMP6] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_STATE] = PLAIN(FROM_FLOW),
    [RULES_MATCH_CONNTRACK] =
        {.how = FROM_FLOW,
         .exceptions =
             {{asks_translation, "--ctstate SNAT and DNAT",
               "NAT is the kernel's, and what it does to a connection is not in our own tracking",
               "ask for addresses and ports as they are at the filter, or leave the rule to iptables"}}},
    [RULES_MATCH_MULTIPORT] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_IPRANGE] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_LIMIT] = PLAIN("by a bucket in a map, as the kernel counts with 250 ticks a second"),
    [RULES_MATCH_HASHLIMIT] = {.how =
                                   "by buckets in a map; all tables share 65,536 of them, and a packet that "
                                   "finds no room for its own is dropped",
                               .exceptions = {{is_empty, "more than 128 tables", ONE_HUNDRED " are asked for",
                                               "give rules that may count together the same name"}}},
    [RULES_MATCH_CONNLIMIT] =
        {.how = "connections are counted by address in a map; those that ended go when the limit is reached",
         .exceptions = {{is_in_raw, "in the table raw", "there connections are not known yet",
                         "put the rule into the table filter"}}},
    [RULES_MATCH_RECENT] =
        {.how = "lists of 100 addresses in a map",
         .exceptions = {{counts_many_hits, "--hitcount above 32", "32 moments of an address are kept",
                         "ask for 32 or fewer"},
                        {is_empty, "more than 128 lists",
                         ONE_HUNDRED
                         " are asked for, or another rule asks this list for a --hitcount above 32",
                         "use fewer names, and ask for 32 hits or fewer"}}},
    [RULES_MATCH_MAC] = PLAIN("from the Ethernet header that the packet came with"),
    [RULES_MATCH_MARK] = PLAIN("the mark that the packet has when it meets the wall"),
    [RULES_MATCH_CONNMARK] = PLAIN("the mark that our own tracking keeps"),
    [RULES_MATCH_COMMENT] = PLAIN("asks nothing"),
    [RULES_MATCH_ADDRTYPE] =
        {.how = "the destination by the route that the packet has got, the source by the addresses of this "
                "machine's interfaces, both as they are at that moment",
         .exceptions = {{asks_routes, "ANYCAST, BLACKHOLE, UNREACHABLE, PROHIBIT, THROW, NAT, XRESOLVE",
                         "the program can't look up routes",
                         "ask for UNICAST, LOCAL, BROADCAST or MULTICAST"}}},
    [RULES_MATCH_HELPER] = {.how = FROM_FLOW,
                            .exceptions = {{asks_other_helper, "other helpers than ftp",
                                            "ours is the only helper that the wall has",
                                            "leave the rule out"}}},
    [RULES_MATCH_LENGTH] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_TTL] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_HL] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_TOS] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_DSCP] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_PKTTYPE] = PLAIN("as the network card's driver found the packet addressed"),
    [RULES_MATCH_STATISTIC] = PLAIN("by a counter in a map, or by chance"),
    [RULES_MATCH_TIME] = {.how = "by the machine's clock, in UTC",
                          .exceptions = {{asks_kernel_zone, "--kerneltz",
                                          "the kernel's time zone is not known to the program",
                                          "say the times in UTC, without --kerneltz"}}},
    [RULES_MATCH_TCPMSS] = PLAIN(FROM_HEADERS),
    [RULES_MATCH_U32] = PLAIN("from the packet's bytes"),
    [RULES_MATCH_SET] =
        {.how = "members lie in a map, as they were when they were loaded",
         .exceptions = {{asks_counters, "--packets-... and --bytes-...",
                         "the counters of a set's members are the kernel's", "leave the comparison out"},
                        {has_no_members, "a set without members", "the members of this set are not known",
                         "create it with ipset before the rules are loaded"},
                        {is_no_flat_set, "physdev:, a hardware address as destination",
                         "the program can't see that of a packet, or the set's members have more than 256 "
                         "combinations of prefix lengths, or it lists more than 32 sets",
                         "ask for something else, or leave the rule to iptables"}}},
    [RULES_MATCH_PHYSDEV] =
        {.exceptions = {{NULL, NULL, "the program can't see a bridge's ports",
                         "ask for interfaces by -i and -o, or leave the rule to iptables"}}},
    [RULES_MATCH_OWNER] = {.how = "from the socket that sends the packet",
                           .exceptions = {{asks_groups, "--suppl-groups",
                                           "the program does not look through a process's further groups",
                                           "ask for the group itself"}}},
    [RULES_MATCH_IPV6HEADER] = PLAIN("from the chain of the packet's headers"),
    [RULES_MATCH_RPFILTER] =
        {.exceptions = {{NULL, NULL, "the program can't look up routes",
                         "set net.ipv4.conf.*.rp_filter, or leave the rule to iptables, beside the wall"}}},
    [RULES_MATCH_UNKNOWN] = {.exceptions = {{NULL, NULL, NULL,
                                             "load what iptables-save prints, which says everything"}}},
    [RULES_MATCH_OPAQUE] = {.how = "rt with --rt-type alone: from the chain of the packet's headers",
                            .exceptions = {{is_empty, "everything else",
                                            "the program does not know how to ask that",
                                            "leave the rule to iptables, beside the wall"}}},
};

const struct able_row able_targets[RULES_TARGET_TYPES] = {
    [RULES_TARGET_NONE] = PLAIN("counted"),
    [RULES_TARGET_ACCEPT] = PLAIN("carried out"),
    [RULES_TARGET_DROP] = PLAIN("carried out"),
    [RULES_TARGET_RETURN] = PLAIN("carried out"),
    [RULES_TARGET_CHAIN] = PLAIN("up to 16 chains deep"),
    [RULES_TARGET_REJECT] = {.how =
                                 "the packet is dropped, and answered where the kernel has what that needs",
                             .exceptions = {{sends_nothing, "without iptables and xt_bpf",
                                             "it acts as DROP: nobody can send its answer here",
                                             "nothing, if that will do; else see REJECT in sallywall(8)",
                                             true}}},
    [RULES_TARGET_LOG] = {.how = BY_LISTENER,
                          .exceptions = {{has_no_listener, "without a listener", OTHERS_LOG, LISTEN, true}}},
    [RULES_TARGET_NFLOG] = {.how = BY_LISTENER,
                            .exceptions = {{has_no_listener, "without a listener", OTHERS_LOG, LISTEN,
                                            true}}},
    [RULES_TARGET_MARK] = {.exceptions = {{NULL, NULL, NO_MARK, BESIDE}}},
    [RULES_TARGET_CONNMARK] = {.how = "the mark that our own tracking keeps",
                               .exceptions = {{restores_mark, "--restore-mark", NO_MARK, BESIDE}}},
    [RULES_TARGET_CT] = {.how = "before our own tracking looks at the packet",
                         .exceptions = {{gives_other_helper, "--helper other than ftp",
                                         "ours is the only helper that the wall has", "leave the rule out"},
                                        {has_timeout, "--timeout",
                                         "our own tracking has one set of time-outs", "leave the option out"},
                                        {says_events, "--ctevents, --expevents",
                                         "our own tracking tells all events", "leave the option out"},
                                        {has_zone_of_one_way, "--zone-orig, --zone-reply",
                                         "our own tracking has a zone for both directions", "say --zone"}}},
    [RULES_TARGET_NOTRACK] = PLAIN("before our own tracking looks at the packet"),
    [RULES_TARGET_DNAT] = BESIDE_IT("NAT stays the kernel's"),
    [RULES_TARGET_SNAT] = BESIDE_IT("NAT stays the kernel's"),
    [RULES_TARGET_REDIRECT] = BESIDE_IT("NAT stays the kernel's"),
    [RULES_TARGET_MASQUERADE] = BESIDE_IT("NAT stays the kernel's"),
    [RULES_TARGET_NETMAP] = BESIDE_IT("NAT stays the kernel's"),
    [RULES_TARGET_TTL] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_HL] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_TOS] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_DSCP] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_TCPMSS] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_SET] = BESIDE_IT(NOTHING_ELSE),
    [RULES_TARGET_OPAQUE] = {.how = "ULOG is counted",
                             .exceptions = {{is_ulog, "ULOG", "nothing is logged",
                                             "say LOG or NFLOG in its place", true},
                                            {is_not_ulog, "everything else", NOTHING_ELSE, BESIDE}}},
};

/* ---- tables ---- */

const struct able_exception *able_table(enum rules_table_type table)
{
    static const struct able_exception
        nat = {NULL, NULL, "NAT stays the kernel's",
               "load this table with iptables beside the wall, and leave it empty here", false},
        other = {NULL, NULL, "the wall has the tables raw and filter",
                 "load this table with iptables beside the wall, and leave it empty here", false};

    if (table == RULES_FILTER || table == RULES_RAW)
        return NULL;
    return table == RULES_NAT ? &nat : &other;
}

const char *able_target_word(uint8_t type)
{
    static const char *const words[RULES_TARGET_TYPES] = {
        [RULES_TARGET_NONE] = "no target", [RULES_TARGET_ACCEPT] = "ACCEPT", [RULES_TARGET_DROP] = "DROP",
        [RULES_TARGET_RETURN] = "RETURN",  [RULES_TARGET_CHAIN] = "a chain",
    };

    return type < RULES_TARGET_TYPES ? words[type] : NULL;
}
