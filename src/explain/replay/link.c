/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/link.h"

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,     /* IEEE 802.1Q */
    ETHER_PROVIDER = 0x88a8, /* IEEE 802.1ad */
    ETHER_QINQ = 0x9100,     /* what came before it */
    ETHER_PPPOE = 0x8864,    /* RFC 2516 */
    VLAN_TAG = 4,
    VLAN_TAGS_MOST = 4,
    PPPOE_HEADER = 6,
    PPP_IPV4 = 0x21,
    PPP_IPV6 = 0x57,
    NFLOG_HEADER = 4,
    NFLOG_PAYLOAD = 9, /* NFULA_PAYLOAD, linux/netfilter/nfnetlink_log.h */
    NFLOG_PARTS_MOST = 64,
};

struct link {
    const uint8_t *frame;
    size_t size;
    bool big_endian;
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* A PPP frame's protocol field at `at`, which may be compressed to a byte (RFC 1661 section 6.5). */
static bool skip_protocol(const struct link *l, size_t at, size_t *ret)
{
    if (l->size < at + 2)
        return false;
    bool is_short = l->frame[at] & 1;
    unsigned protocol = is_short ? l->frame[at] : get16(l->frame + at);

    *ret = at + (is_short ? 1 : 2);
    return protocol == PPP_IPV4 || protocol == PPP_IPV6;
}

/* An ethertype stands at `type`, and its payload begins at `payload`. */
static bool skip_typed(const struct link *l, size_t type, size_t payload, size_t *ret)
{
    for (int tags = 0; tags <= VLAN_TAGS_MOST && l->size >= payload && l->size >= type + 2; tags++) {
        unsigned ethertype = get16(l->frame + type);

        *ret = payload;
        if (ethertype == ETHER_IPV4 || ethertype == ETHER_IPV6)
            return true;
        if (ethertype == ETHER_PPPOE)
            return skip_protocol(l, payload + PPPOE_HEADER, ret);
        if (ethertype != ETHER_VLAN && ethertype != ETHER_PROVIDER && ethertype != ETHER_QINQ)
            return false;
        type = payload + 2;
        payload += VLAN_TAG;
    }
    return false;
}

static bool skip_ethernet(const struct link *l, size_t *ret)
{
    return skip_typed(l, 12, 14, ret);
}

static bool skip_cooked(const struct link *l, size_t *ret)
{
    return skip_typed(l, 14, 16, ret);
}

static bool skip_cooked2(const struct link *l, size_t *ret)
{
    return skip_typed(l, 0, 20, ret);
}

static bool skip_nothing(const struct link *l, size_t *ret)
{
    (void)l;
    *ret = 0;
    return true;
}

/* The address family before it is in the order and numbering of the machine that captured: the IP version
 * tells better. */
static bool skip_loopback(const struct link *l, size_t *ret)
{
    *ret = 4;
    return l->size >= 5 && (l->frame[4] >> 4 == 4 || l->frame[4] >> 4 == 6);
}

static bool skip_ppp(const struct link *l, size_t *ret)
{
    bool has_address = l->size >= 2 && l->frame[0] == 0xff && l->frame[1] == 0x03; /* RFC 1662 */

    return skip_protocol(l, has_address ? 2 : 0, ret);
}

static bool skip_pppoe(const struct link *l, size_t *ret)
{
    return skip_protocol(l, PPPOE_HEADER, ret);
}

/* A family, a version, a number, and parts of which one is the packet. */
static bool skip_nflog(const struct link *l, size_t *ret)
{
    size_t at = NFLOG_HEADER;

    for (int i = 0; i < NFLOG_PARTS_MOST && l->size >= at + 4; i++) {
        const uint8_t *p = l->frame + at;
        unsigned length = l->big_endian ? get16(p) : (unsigned)p[1] << 8 | p[0];
        unsigned type = l->big_endian ? get16(p + 2) : (unsigned)p[3] << 8 | p[2];

        *ret = at + 4;
        if (length < 4)
            return false;
        if ((type & 0x7fff) == NFLOG_PAYLOAD)
            return l->frame[1] == 0;
        at += (length + 3) & ~3U;
    }
    return false;
}

static const struct {
    uint32_t type;
    const char *name;
    bool (*skip)(const struct link *l, size_t *ret); /* NULL: can't be read */
} links[] = {
    {0, "loopback", skip_loopback},
    {1, "Ethernet", skip_ethernet},
    {9, "PPP", skip_ppp},
    {12, "raw IP", skip_nothing}, /* as some systems numbered it in old files */
    {14, "raw IP", skip_nothing},
    {50, "PPP", skip_ppp},
    {51, "PPPoE", skip_pppoe},
    {101, "raw IP", skip_nothing},
    {105, "IEEE 802.11", NULL},
    {108, "loopback", skip_loopback},
    {113, "Linux cooked", skip_cooked},
    {127, "IEEE 802.11 with radiotap", NULL},
    {189, "USB", NULL},
    {195, "IEEE 802.15.4", NULL},
    {201, "Bluetooth", NULL},
    {220, "USB", NULL},
    {227, "CAN", NULL},
    {228, "raw IPv4", skip_nothing},
    {229, "raw IPv6", skip_nothing},
    {239, "NFLOG", skip_nflog},
    {249, "USB", NULL},
    {253, "netlink", NULL},
    {276, "Linux cooked 2", skip_cooked2},
};
enum { LINKS = sizeof(links) / sizeof(links[0]) };

static size_t find(uint32_t type)
{
    size_t i = 0;

    while (i < LINKS && links[i].type != type)
        i++;
    return i;
}

const char *link_name(uint32_t type)
{
    size_t i = find(type);

    return i < LINKS ? links[i].name : NULL;
}

bool link_is_read(uint32_t type)
{
    size_t i = find(type);

    return i < LINKS && links[i].skip;
}

bool link_skip(uint32_t type, bool big_endian, const uint8_t *frame, size_t size, size_t *ret_offset)
{
    const struct link l = {frame, size, big_endian};
    size_t i = find(type);

    return i < LINKS && links[i].skip && links[i].skip(&l, ret_offset) && *ret_offset < size;
}
