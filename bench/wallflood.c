/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw sender: frames are made beforehand and handed to the interface 64 at a time, past its queue. So it costs
 * little itself, and on a veth the machine at the other end does its work on the same processor, within the call.
 */
#include "wallload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "packet/build.h"

enum { SLOT = 96, BATCH = 64, PAYLOAD = 18 }; /* 18 bytes: the shortest frame that Ethernet has */

struct flood {
    const struct wallload *asked;
    struct packet_recipe recipe;
    uint8_t *frames; /* of SLOT bytes each */
    size_t size;     /* of each that is used */
    int fd;
    uint64_t random;
};

static uint64_t draw(struct flood *f)
{
    uint64_t x = f->random += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

static void read_address(const char *text, struct packet_recipe *recipe, struct packet_address *ret)
{
    recipe->family = text && strchr(text, ':') ? PACKET_IPV6 : PACKET_IPV4;
    errno = EINVAL;
    if (!text || inet_pton(recipe->family == PACKET_IPV6 ? AF_INET6 : AF_INET, text, ret) != 1)
        wallload_fail("address", text ? text : "(none)");
}

/* At random: an address of 10.0.0.0/8 or of the source's own /64. Else the ports count upwards, then the address. */
static void vary(struct flood *f, uint32_t number)
{
    struct packet_recipe *recipe = &f->recipe;
    unsigned last = recipe->family == PACKET_IPV6 ? 3 : 0;

    if (f->asked->is_random) {
        uint32_t host = (uint32_t)draw(f);

        recipe->source.word[last] =
            recipe->family == PACKET_IPV6 ? host : htonl(0x0a000000 | (host & 0xffffff));
        recipe->source_port = (uint16_t)(1024 + draw(f) % 64000);
        recipe->tcp.sequence = (uint32_t)draw(f);
    } else {
        recipe->source_port = (uint16_t)(1024 + number % 64000);
        if (number && number % 64000 == 0)
            recipe->source.word[last] = htonl(ntohl(recipe->source.word[last]) + 1);
    }
}

static void make_frames(struct flood *f, const struct ether_header *ethernet)
{
    static const uint8_t payload[PAYLOAD];
    struct packet_recipe *recipe = &f->recipe;

    recipe->payload = payload;
    recipe->payload_size = f->asked->is_syn ? 0 : sizeof(payload);
    f->frames = calloc(f->asked->frames, SLOT);
    if (!f->frames)
        wallload_fail("memory for", "frames");
    for (uint32_t i = 0; i < f->asked->frames; i++) {
        uint8_t *frame = f->frames + (size_t)i * SLOT;

        vary(f, i);
        memcpy(frame, ethernet, sizeof(*ethernet));
        int size = packet_build(recipe, frame + sizeof(*ethernet), SLOT - sizeof(*ethernet));
        if (size < 0)
            wallload_fail("building", "a packet");
        f->size = sizeof(*ethernet) + (size_t)size;
    }
}

static void read_mac(const char *text, uint8_t ret[ETH_ALEN])
{
    unsigned part[ETH_ALEN];

    errno = EINVAL;
    if (!text ||
        sscanf(text, "%x:%x:%x:%x:%x:%x", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5]) != 6)
        wallload_fail("hardware address", text ? text : "(none)");
    for (unsigned i = 0; i < ETH_ALEN; i++)
        ret[i] = (uint8_t)part[i];
}

static void open_interface(struct flood *f, const char *name)
{
    struct sockaddr_ll here = {.sll_family = AF_PACKET};
    int one = 1;

    here.sll_ifindex = (int)if_nametoindex(name ? name : "");
    f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (!here.sll_ifindex || f->fd < 0 || bind(f->fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
        setsockopt(f->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
        wallload_fail("interface", name ? name : "(none)");
}

/* How many of count were taken; a full queue takes none. */
static unsigned send_batch(struct flood *f, uint64_t number, unsigned count)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec parts[BATCH];
    int sent;

    for (unsigned i = 0; i < count; i++) {
        parts[i] = (struct iovec){f->frames + (number + i) % f->asked->frames * SLOT, f->size};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    sent = sendmmsg(f->fd, messages, count, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
        wallload_fail("sending to", f->asked->interface);
    return sent < 0 ? 0 : (unsigned)sent;
}

static uint64_t send_all(struct flood *f, double begin)
{
    const struct wallload *asked = f->asked;
    uint64_t sent = 0;

    while (asked->count ? sent < asked->count : !wallload_is_over(asked, begin)) {
        uint64_t left = asked->count ? asked->count - sent : BATCH;

        wallload_pace(asked, begin, sent);
        sent += send_batch(f, sent, left < BATCH ? (unsigned)left : BATCH);
    }
    return sent;
}

void wallload_flood(const struct wallload *asked)
{
    struct flood f = {.asked = asked, .random = asked->seed};
    struct ether_header ethernet = {0};

    f.recipe = (struct packet_recipe){.protocol = asked->is_syn ? PACKET_TCP : PACKET_UDP,
                                      .destination_port = asked->port,
                                      .tcp = {.flags = PACKET_SYN, .window = 64240},
                                      .window_scale = -1};
    read_address(asked->from, &f.recipe, &f.recipe.source);
    read_address(asked->to, &f.recipe, &f.recipe.destination);
    read_mac(asked->mac, ethernet.ether_dhost);
    ethernet.ether_type = htons(f.recipe.family == PACKET_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    make_frames(&f, &ethernet);
    open_interface(&f, asked->interface);

    double begin = wallload_now(), worked = wallload_processor();
    uint64_t sent = send_all(&f, begin);

    printf("{\"sent\": %llu, \"seconds\": %.6f, \"processor\": %.6f}\n", (unsigned long long)sent,
           wallload_now() - begin, wallload_processor() - worked);
    close(f.fd);
    free(f.frames);
}
