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
    {-150, PREROUTING | INPUT | FORWARD | OUTPUT | POSTROUTING, ORDER_KEPT, 0}, /* mangle */
    {-100, PREROUTING | OUTPUT, ORDER_KEPT, 0},                                 /* nat, destinations */
    {0, INPUT | FORWARD | OUTPUT, ORDER_RULES, RULES_FILTER},
    {50, INPUT | FORWARD | OUTPUT, ORDER_KEPT, 0}, /* security */
    {100, INPUT | POSTROUTING, ORDER_KEPT, 0},     /* nat, sources */
    {INT32_MAX, INPUT | POSTROUTING, ORDER_CONFIRM, 0},
};
enum { STOPS = sizeof(stops) / sizeof(stops[0]), PATH_HOOKS = 3 };

/* ip_rcv and ip_local_deliver; __ip_local_out and ip_output; ip_rcv, ip_forward and ip_output. */
static const struct {
    uint8_t count;
    uint8_t hook[PATH_HOOKS]; /* enum rules_hook */
} paths[WALL_PATHS] = {
    [WALL_IN] = {2, {RULES_PREROUTING, RULES_INPUT}},
    [WALL_OUT] = {2, {RULES_OUTPUT, RULES_POSTROUTING}},
    [WALL_THROUGH] = {3, {RULES_PREROUTING, RULES_FORWARD, RULES_POSTROUTING}},
};

bool order_next(enum wall_path path, struct order_place *place)
{
    const struct order_stop *stop = place->stop ? place->stop + 1 : stops;

    for (; place->hooks < paths[path].count; place->hooks++, stop = stops) {
        place->hook = (enum rules_hook)paths[path].hook[place->hooks];
        for (; stop < stops + STOPS; stop++) {
            if (!(stop->hooks >> place->hook & 1))
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

    while (order_next(path, &place) && (place.stop->deed != ORDER_RULES || place.stop->table != table))
        ;
    return place.hook;
}
