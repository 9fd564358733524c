/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct host *host_new(void)
{
    return calloc(1, sizeof(struct host));
}

void host_free(struct host **h)
{
    if (!*h)
        return;
    free((*h)->addresses);
    free((*h)->locals[0]);
    free((*h)->locals[1]);
    free((*h)->lines);
    free((*h)->hops);
    free((*h)->rules);
    free((*h)->switches);
    free((*h)->interfaces);
    free((*h)->neighbours6);
    free(*h);
    *h = NULL;
}

int host_grow(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return 0;
    size_t more = *capacity ? *capacity * 2 : 16;
    void *moved = reallocarray(*items, more, size);
    if (!moved)
        return -ENOMEM;
    *items = moved;
    *capacity = more;
    return 0;
}

static const struct {
    const char *name;
    bool ipv4, ipv6;
} switches[HOST_SWITCHES] = {
    [HOST_SWITCH_FORWARDING] = {"forwarding", true, true},
    [HOST_SWITCH_RP_FILTER] = {"rp_filter", true, false},
    [HOST_SWITCH_ACCEPT_LOCAL] = {"accept_local", true, false},
    [HOST_SWITCH_ROUTE_LOCALNET] = {"route_localnet", true, false},
    [HOST_SWITCH_IGNORE_LINKDOWN] = {"ignore_routes_with_linkdown", true, true},
    [HOST_SWITCH_FORCE_FORWARDING] = {"force_forwarding", false, true},
    [HOST_SWITCH_SEND_REDIRECTS] = {"send_redirects", true, false},
    [HOST_SWITCH_SRC_VALID_MARK] = {"src_valid_mark", true, false},
};

/* "net.ipv4.conf.eth0/5.rp_filter": where a name of an interface has a dot, sysctl has a slash. */
static bool read_switch(const char *name, struct host_switch *s)
{
    static const char start4[] = "net.ipv4.conf.", start6[] = "net.ipv6.conf.";

    if (strcmp(name, "net.ipv4.ip_forward") == 0) {
        *s = (struct host_switch){"all", PACKET_IPV4, HOST_SWITCH_FORWARDING, 0};
        return true;
    }
    s->family = strncmp(name, start6, sizeof start6 - 1) == 0 ? PACKET_IPV6 : PACKET_IPV4;
    if (s->family == PACKET_IPV4 && strncmp(name, start4, sizeof start4 - 1) != 0)
        return false;
    name += sizeof start4 - 1;
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || (size_t)(dot - name) >= sizeof s->interface)
        return false;
    for (size_t i = 0; i < (size_t)(dot - name); i++)
        s->interface[i] = name[i] == '/' ? '.' : name[i];
    for (uint8_t i = 0; i < HOST_SWITCHES; i++) {
        if (strcmp(dot + 1, switches[i].name) == 0) {
            s->key = i;
            return s->family == PACKET_IPV6 ? switches[i].ipv6 : switches[i].ipv4;
        }
    }
    return false;
}

/* Where a switch is, or would be, in a table of places (a power of two). */
static struct host_switch *find_switch(struct host_switch *table, size_t places, uint8_t family, uint8_t key,
                                       const char *interface)
{
    uint64_t hash = 0xcbf29ce484222325 ^ family ^ (uint64_t)key << 8;

    for (const char *at = interface; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
    for (size_t i = (hash ^ hash >> 32) & (places - 1);; i = (i + 1) & (places - 1)) {
        struct host_switch *s = &table[i];
        if (!s->interface[0] ||
            (s->family == family && s->key == key && strcmp(s->interface, interface) == 0))
            return s;
    }
}

static int make_room(struct host *h)
{
    size_t places = h->switch_capacity ? h->switch_capacity * 2 : 64;
    struct host_switch *table;

    if (h->switch_count * 2 < h->switch_capacity)
        return 0;
    table = calloc(places, sizeof *table);
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < h->switch_capacity; i++) {
        const struct host_switch *s = &h->switches[i];
        if (s->interface[0])
            *find_switch(table, places, s->family, s->key, s->interface) = *s;
    }
    free(h->switches);
    h->switches = table;
    h->switch_capacity = places;
    return 0;
}

int host_set_switch(struct host *h, const char *name, int value)
{
    struct host_switch s = {0};

    if (!read_switch(name, &s))
        return 0;
    s.value = value;
    if (make_room(h) < 0)
        return -ENOMEM;
    struct host_switch *place = find_switch(h->switches, h->switch_capacity, s.family, s.key, s.interface);
    h->switch_count += !place->interface[0];
    *place = s; /* what was said last counts */
    return 0;
}

bool host_switch_of(const struct host *h, uint8_t family, enum host_switch_key key, const char *interface,
                    int *ret)
{
    if (!h->switch_count || !interface[0])
        return false;
    const struct host_switch *s =
        find_switch(h->switches, h->switch_capacity, family, (uint8_t)key, interface);
    if (s->interface[0])
        *ret = s->value;
    return s->interface[0];
}

bool host_switch_either(const struct host *h, uint8_t family, enum host_switch_key key, const char *interface,
                        int *ret)
{
    int all = 0, own = 0;
    bool has_all = host_switch_of(h, family, key, "all", &all);
    bool has_own = host_switch_of(h, family, key, interface, &own);
    int most = all > own ? all : own;

    if (!(has_all && has_own) && most <= 0)
        return false;
    *ret = most;
    return true;
}

enum host_answer host_forwards(const struct host *h, uint8_t family, const char *interface)
{
    int value;

    if (!h)
        return HOST_CANT_TELL;
    if (family == PACKET_IPV6 && interface[0] &&
        host_switch_of(h, family, HOST_SWITCH_FORCE_FORWARDING, interface, &value) && value)
        return HOST_YES;
    if (family == PACKET_IPV4 && interface[0] &&
        host_switch_of(h, family, HOST_SWITCH_FORWARDING, interface, &value))
        return value ? HOST_YES : HOST_NO;
    if (host_switch_of(h, family, HOST_SWITCH_FORWARDING, "all", &value))
        return value ? HOST_YES : HOST_NO;
    return HOST_CANT_TELL;
}
