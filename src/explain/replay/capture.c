/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"

enum {
    ETHERTYPE_AT = 12,
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,     /* IEEE 802.1Q */
    ETHER_PROVIDER = 0x88a8, /* IEEE 802.1ad */
    VLAN_TAG = 4,
    VLAN_TAGS_MOST = 4,
};

struct capture {
    pcap_t *pcap;
    int (*skip)(const uint8_t *frame, size_t size, size_t *ret_offset);
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Each: the offset of the IP header, 0; or -1: no IP. An ethertype stands at `type`, and its payload begins
 * at `payload`. */
static int skip_typed(const uint8_t *frame, size_t size, size_t type, size_t payload, size_t *ret_offset)
{
    for (int tags = 0; tags <= VLAN_TAGS_MOST && size >= payload && size >= type + 2; tags++) {
        unsigned ethertype = get16(frame + type);

        if (ethertype == ETHER_IPV4 || ethertype == ETHER_IPV6) {
            *ret_offset = payload;
            return 0;
        }
        if (ethertype != ETHER_VLAN && ethertype != ETHER_PROVIDER)
            return -1;
        type = payload + 2;
        payload += VLAN_TAG;
    }
    return -1;
}

static int skip_ethernet(const uint8_t *frame, size_t size, size_t *ret_offset)
{
    return skip_typed(frame, size, ETHERTYPE_AT, ETHERTYPE_AT + 2, ret_offset);
}

static int skip_cooked(const uint8_t *frame, size_t size, size_t *ret_offset)
{
    return skip_typed(frame, size, 14, 16, ret_offset);
}

static int skip_cooked2(const uint8_t *frame, size_t size, size_t *ret_offset)
{
    return skip_typed(frame, size, 0, 20, ret_offset);
}

static int skip_nothing(const uint8_t *frame, size_t size, size_t *ret_offset)
{
    (void)frame;
    (void)size;
    *ret_offset = 0;
    return 0;
}

/* The address family before it is in the order and numbering of the machine that captured: the IP version
 * tells better. */
static int skip_loopback(const uint8_t *frame, size_t size, size_t *ret_offset)
{
    if (size < 5 || (frame[4] >> 4 != 4 && frame[4] >> 4 != 6))
        return -1;
    *ret_offset = 4;
    return 0;
}

static const struct {
    int type;
    int (*skip)(const uint8_t *frame, size_t size, size_t *ret_offset);
} links[] = {
    {DLT_EN10MB, skip_ethernet}, {DLT_LINUX_SLL, skip_cooked}, {DLT_LINUX_SLL2, skip_cooked2},
    {DLT_RAW, skip_nothing},     {DLT_IPV4, skip_nothing},     {DLT_IPV6, skip_nothing},
    {DLT_NULL, skip_loopback},   {DLT_LOOP, skip_loopback},
};

static int fail(char **message, char *text)
{
    *message = text;
    return text ? -EINVAL : -ENOMEM;
}

int capture_open(FILE *file, struct capture **ret, char **message)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_fopen_offline(file, why);

    if (!pcap) {
        fclose(file);
        return fail(
            message,
            story_format("is no capture that can be read (%s); pcap and pcapng are, as tcpdump -w and "
                         "Wireshark write them",
                         why));
    }
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (pcap_datalink(pcap) != links[i].type)
            continue;

        struct capture *c = malloc(sizeof(*c));
        if (!c) {
            pcap_close(pcap);
            return -ENOMEM;
        }
        *c = (struct capture){pcap, links[i].skip};
        *ret = c;
        return 0;
    }
    const char *name = pcap_datalink_val_to_name(pcap_datalink(pcap));
    int r = fail(
        message,
        story_format(
            "was taken on a link of type %s (%d); Ethernet, Linux cooked, raw IP and loopback can be read",
            name ? name : "unknown", pcap_datalink(pcap)));
    pcap_close(pcap);
    return r;
}

void capture_close(struct capture **c)
{
    if (*c)
        pcap_close((*c)->pcap);
    free(*c);
    *c = NULL;
}

int capture_next(struct capture *c, struct capture_frame *ret, char **message)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    size_t offset;
    int r = pcap_next_ex(c->pcap, &header, &bytes);

    if (r == PCAP_ERROR_BREAK)
        return 0;
    if (r != 1)
        return fail(message, story_format("is damaged: %s", pcap_geterr(c->pcap)));

    /* A capture's clock may hold anything; a negative one would be the far future. */
    int64_t us = (int64_t)((uint64_t)header->ts.tv_sec * 1000000U + (uint64_t)header->ts.tv_usec);
    *ret = (struct capture_frame){.time_us = us < 0 ? 0 : (uint64_t)us};
    if (header->caplen && c->skip(bytes, header->caplen, &offset) == 0 && offset < header->caplen) {
        ret->bytes = bytes + offset;
        ret->size = header->caplen - offset;
    }
    return 1;
}
