/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/order.h"

#include <stddef.h>

enum {
    PREROUTING = 1 << RULES_PREROUTING,
    INPUT = 1 << RULES_INPUT,
    FORWARD = 1 << RULES_FORWARD,
    OUTPUT = 1 << RULES_OUTPUT,
    POSTROUTING = 1 << RULES_POSTROUTING,
};

/* nf_ip_hook_priorities in include/uapi/linux/netfilter_ipv4.h; IPv6 has the same. Sorted by priority. The
 * helper, which had a priority of its own (300) until nf_confirm called it, stands with the confirmation:
 * nothing is between them. */
static const struct order_stop stops[] = {
    {-300, PREROUTING | OUTPUT, ORDER_RULES, RULES_RAW},
    {-200, PREROUTING | OUTPUT, ORDER_CONNTRACK, 0},
    {-150, PREROUTING | INPUT | FORWARD | OUTPUT | POSTROUTING, ORDER_RULES, RULES_MANGLE},
    {-100, PREROUTING | OUTPUT, ORDER_NAT, RULES_NAT}, /* destinations */
    {0, INPUT | FORWARD | OUTPUT, ORDER_RULES, RULES_FILTER},
    {50, INPUT | FORWARD | OUTPUT, ORDER_RULES, RULES_SECURITY},
    {100, INPUT | POSTROUTING, ORDER_NAT, RULES_NAT}, /* sources */
    {INT32_MAX, INPUT | POSTROUTING, ORDER_CONFIRM, 0},
};
enum { STOPS = sizeof(stops) / sizeof(stops[0]), PATH_HOOKS = 4 };

/* ip_rcv and ip_local_deliver; __ip_local_out and ip_output; ip_rcv, ip_forward and ip_output; loopback_xmit, which
 * leaves the packet its connection. */
static const struct {
    uint8_t count;
    uint8_t hook[PATH_HOOKS]; /* enum rules_hook */
} paths[WALL_PATHS] = {
    [WALL_IN] = {2, {RULES_PREROUTING, RULES_INPUT}},
    [WALL_OUT] = {2, {RULES_OUTPUT, RULES_POSTROUTING}},
    [WALL_THROUGH] = {3, {RULES_PREROUTING, RULES_FORWARD, RULES_POSTROUTING}},
    [WALL_LOOP] = {4, {RULES_OUTPUT, RULES_POSTROUTING, RULES_PREROUTING, RULES_INPUT}},
};

/* What has been done to a packet before it came in by lo: nf_conntrack_in ("previously seen (loopback or
 * untracked)"), nf_nat_inet_fn and nf_confirm leave it alone then. */
static bool is_done(enum wall_path path, const struct order_place *place, const struct order_stop *stop)
{
    return path == WALL_LOOP && place->hooks >= 2 && stop->deed != ORDER_RULES;
}

bool order_next(enum wall_path path, struct order_place *place)
{
    const struct order_stop *stop = place->stop ? place->stop + 1 : stops;

    for (; place->hooks < paths[path].count; place->hooks++, stop = stops) {
        place->hook = (enum rules_hook)paths[path].hook[place->hooks];
        for (; stop < stops + STOPS; stop++) {
            if (!(stop->hooks >> place->hook & 1) || is_done(path, place, stop))
                continue;
            place->stop = stop;
            return true;
        }
    }
    return false;
}

enum rules_hook order_hook(enum wall_path path, enum rules_table_type table)
{
    struct order_place place = {0};

    while (order_next(path, &place) && (place.stop->deed > ORDER_NAT || place.stop->table != table))
        ;
    return place.hook;
}
