/* SPDX-License-Identifier: BSD-2-Clause */
/* One packet that stands for a region. */
#include "explain/diff/region.h"
#include "packet/decode.h"

static const struct diff_bits *bits_of(const struct diff_region *region, enum diff_field field)
{
    return &region->bits[field - DIFF_INTERVALS];
}

/* wanted if the interval has it, else a number of the interval that is no edge of the whole range. */
static diff_number choose(const struct diff_interval *in, diff_number wanted)
{
    if (wanted >= in->first && wanted <= in->last)
        return wanted;
    return in->first == 0 && in->last > 0 ? in->first + 1 : in->first;
}

/* An address that may be anybody's (RFC 5737, 3849): at the edges of all there are lie those that no packet on a wire has, such
 * as ::1. */
static diff_number choose_address(const struct diff_interval *in, diff_number wanted, uint8_t family)
{
    static const struct {
        uint8_t family;
        const char *text;
    } others[] = {{PACKET_IPV4, "203.0.113.77"},    {PACKET_IPV4, "192.0.2.77"},   {PACKET_IPV4, "10.0.0.77"},
                  {PACKET_IPV6, "2001:db8:77::77"}, {PACKET_IPV6, "2001:db7::77"}, {PACKET_IPV6, "fd00::77"}};

    if (wanted >= in->first && wanted <= in->last)
        return wanted;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct packet_address address;
        uint8_t of;

        if (others[i].family != family || packet_address_parse(others[i].text, &address, &of) < 0)
            continue;
        diff_number other = diff_number_of(&address, family);
        if (other >= in->first && other <= in->last)
            return other;
    }
    return choose(in, wanted);
}

/* The first of wanted that is in bits; -1: none. */
static int choose_bit(const struct diff_bits *bits, const uint8_t *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (diff_bits_has(bits, wanted[i]))
            return wanted[i];
    }
    return -1;
}

static int any_bit(const struct diff_bits *bits)
{
    for (unsigned i = 0; i < 256; i++) {
        if (diff_bits_has(bits, i))
            return (int)i;
    }
    return -1;
}

/* Flags that a TCP packet of a state can have; nf_conntrack_proto_tcp.c knows nine sound sets. */
static int choose_flags(const struct diff_bits *bits, enum track_state state)
{
    enum { S = PACKET_SYN, A = PACKET_ACK, F = PACKET_FIN, R = PACKET_RST, P = PACKET_PSH, U = PACKET_URG };
    static const uint8_t first[] = {S, A, P | A, S | U, A | U, A | P | U};
    static const uint8_t later[] = {A, P | A, S | A, F | A, R | A, R, S, A | U, P | A | U, F | A | U};
    int flags = -1;
    switch (state) {
    case TRACK_NEW:
    case TRACK_RELATED:
        flags = choose_bit(bits, first, sizeof(first));
        break;
    case TRACK_ESTABLISHED:
        flags = choose_bit(bits, later, sizeof(later));
        break;
    default:
        flags = choose_bit(bits, later, sizeof(later));
        if (flags < 0)
            flags = any_bit(bits);
        break;
    }
    return flags;
}

static enum track_state state_of(int bit)
{
    static const enum track_state states[] = {TRACK_INVALID, TRACK_NEW, TRACK_ESTABLISHED, TRACK_RELATED,
                                              TRACK_UNTRACKED};
    return states[bit];
}

static bool fill_tcp(const struct diff_region *region, struct diff_witness *w)
{
    int flags = choose_flags(bits_of(region, DIFF_FLAGS), w->state);
    if (flags < 0)
        return false;
    w->recipe.tcp.flags = (uint8_t)flags;
    w->recipe.tcp.window = 64240;
    return true;
}

/* Only requests begin something; nf_conntrack_proto_icmp.c and its IPv6 sister. */
static bool fill_icmp(const struct diff_region *region, struct diff_witness *w)
{
    bool v6 = w->recipe.family == PACKET_IPV6;
    static const uint8_t requests[][4] = {{8, 13, 15, 17}, {128, 139, 128, 139}};
    const struct diff_interval *in = &region->interval[DIFF_ICMP];
    diff_number chosen = choose(in, v6 ? 128 << 8 : 8 << 8);
    if (w->state == TRACK_NEW) {
        bool found = false;
        for (size_t i = 0; i < 4 && !found; i++) {
            chosen = (diff_number)requests[v6][i] << 8;
            found = chosen >= in->first && chosen <= in->last;
        }
        if (!found)
            return false;
    }
    if (w->state == TRACK_ESTABLISHED)
        chosen = choose(in, v6 ? 129 << 8 : 0);
    if (w->state == TRACK_RELATED)
        chosen = choose(in, v6 ? 1 << 8 : 3 << 8);
    w->recipe.icmp.type = (uint8_t)(chosen >> 8);
    w->recipe.icmp.code = (uint8_t)chosen;
    return true;
}

/* Without a NOTRACK rule only neighbour discovery is UNTRACKED (nf_conntrack_proto_icmpv6.c). */
static bool is_possible(const struct diff_witness *w, bool untracked)
{
    if (w->state != TRACK_UNTRACKED || untracked)
        return true;
    return w->recipe.protocol == PACKET_ICMPV6 && w->recipe.icmp.type >= 130 && w->recipe.icmp.type <= 137;
}

/* The headers alone. */
static uint16_t least_length(uint8_t family, uint8_t protocol)
{
    unsigned ip = family == PACKET_IPV6 ? 40 : 20;
    unsigned transport = protocol == PACKET_TCP                                 ? 20
                         : packet_has_ports(protocol)                           ? 8
                         : protocol == PACKET_ICMP || protocol == PACKET_ICMPV6 ? 8
                                                                                : 0;
    return (uint16_t)(ip + transport);
}

static bool fill_protocol(const struct diff_region *region, struct diff_witness *w, int protocol)
{
    w->recipe.protocol = (uint8_t)protocol;
    if (least_length(w->recipe.family, w->recipe.protocol) > region->interval[DIFF_LENGTH].last)
        return false;
    if (packet_has_ports(w->recipe.protocol)) {
        w->recipe.source_port = (uint16_t)choose(&region->interval[DIFF_SOURCE_PORT], 40000);
        w->recipe.destination_port = (uint16_t)choose(&region->interval[DIFF_DESTINATION_PORT], 80);
    }
    if (protocol == PACKET_TCP)
        return fill_tcp(region, w);
    if (protocol == PACKET_ICMP || protocol == PACKET_ICMPV6)
        return fill_icmp(region, w);
    return true;
}

/* Of 256 values; what is routed has no TTL of 0 or 1. */
static bool is_all(const struct diff_bits *bits)
{
    int count = 0;
    for (int i = 0; i < 4; i++)
        count += __builtin_popcountll(bits->word[i]);
    return count >= 254;
}

static const char *interface_of(const struct diff_bits *bits, const struct diff_names *names)
{
    unsigned count = 0;
    for (unsigned i = 0; i < names->interface_count; i++)
        count += diff_bits_has(bits, i);
    return count == names->interface_count ? "" : names->interface[any_bit(bits)];
}

/* A source that is not the destination, if the region has one: else it is a machine that talks to itself. */
static struct packet_address another(const struct diff_region *region, const struct packet_address *wanted,
                                     const struct packet_address *destination, uint8_t family)
{
    const struct diff_interval *in = &region->interval[DIFF_SOURCE];
    diff_number taken = diff_number_of(destination, family),
                chosen = choose_address(in, diff_number_of(wanted, family), family);
    if (chosen == taken)
        chosen = taken > in->first ? taken - 1 : taken < in->last ? taken + 1 : taken;
    return diff_address_of(chosen, family);
}

bool diff_region_witness(const struct diff_region *region, uint8_t family, enum wall_path path,
                         bool untracked, const struct diff_names *names, const struct packet_address *client,
                         const struct packet_address *server, struct diff_witness *ret)
{
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_UDP, PACKET_ICMP, PACKET_ICMPV6, PACKET_GRE};
    static const uint8_t states[] = {1, 2, 3, 0, 4}; /* NEW first: what a person asks about */
    const struct diff_bits *protocol_bits = bits_of(region, DIFF_PROTOCOL);
    bool out = path == WALL_OUT;
    struct diff_witness w = {
        .recipe = {.family = family, .window_scale = -1},
        .in = path == WALL_OUT ? "" : interface_of(bits_of(region, DIFF_IN), names),
        .out = path == WALL_IN ? "" : interface_of(bits_of(region, DIFF_OUT), names),
    };
    w.recipe.source = diff_address_of(
        choose_address(&region->interval[DIFF_SOURCE], diff_number_of(out ? server : client, family), family),
        family);
    w.recipe.destination =
        diff_address_of(choose_address(&region->interval[DIFF_DESTINATION],
                                       diff_number_of(out ? client : server, family), family),
                        family);
    w.holds = region->holds;
    w.fails = region->fails;
    if (packet_address_equal(&w.recipe.source, &w.recipe.destination))
        w.recipe.source = another(region, out ? client : server, &w.recipe.destination, family);
    for (int i = 0; i < 4; i++)
        w.has_atoms |= region->holds.word[i] || region->fails.word[i];
    static const uint8_t usual_ttl[] = {64, 63, 128, 255, 1};
    int ttl = choose_bit(bits_of(region, DIFF_TTL), usual_ttl, sizeof(usual_ttl));
    w.recipe.ttl = (uint8_t)(ttl < 0 ? any_bit(bits_of(region, DIFF_TTL)) : ttl);
    w.recipe.tos = (uint8_t)any_bit(bits_of(region, DIFF_TOS));
    w.says_ttl = !is_all(bits_of(region, DIFF_TTL));
    w.says_tos = !is_all(bits_of(region, DIFF_TOS));
    w.length = (uint16_t)region->interval[DIFF_LENGTH].first;
    for (size_t s = 0; s < sizeof(states); s++) {
        if (untracked ? s > 0 : !diff_bits_has(bits_of(region, DIFF_STATE), states[s]))
            continue;
        w.state = untracked ? TRACK_UNTRACKED : state_of(states[s]);
        for (unsigned p = 0; p < sizeof(protocols) + 256; p++) {
            unsigned protocol = p < sizeof(protocols) ? protocols[p] : p - (unsigned)sizeof(protocols);
            if (family == (protocol == PACKET_ICMP     ? PACKET_IPV6
                           : protocol == PACKET_ICMPV6 ? PACKET_IPV4
                                                       : 0))
                continue;
            if (!diff_bits_has(protocol_bits, protocol) || !fill_protocol(region, &w, (int)protocol) ||
                !is_possible(&w, untracked))
                continue;
            *ret = w;
            return true;
        }
    }
    return false;
}

int diff_witness_build(const struct diff_witness *w, uint8_t buffer[PACKET_LONGEST], struct packet *ret)
{
    static const uint8_t padding[PACKET_LONGEST];
    struct packet_recipe recipe = w->recipe;
    int built = packet_build(&recipe, buffer, PACKET_LONGEST);
    if (built >= 0 && w->length > built) {
        recipe.payload = padding;
        recipe.payload_size = (size_t)(w->length - built);
        built = packet_build(&recipe, buffer, PACKET_LONGEST);
    }
    return built < 0 ? built : packet_decode(buffer, (size_t)built, false, ret);
}
