/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/pinhole.h"

#include "kernel/pinhole_private.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000 }; /* for an answer that netfilter gives at once */

struct pinholes {
    enum pinhole_way way;
    void *state;
};

static const struct pinhole_back_end *const back_ends[PINHOLE_WAYS] = {
    [PINHOLE_CONNTRACK] = &pinhole_conntrack,
    [PINHOLE_NFT] = &pinhole_nft,
    [PINHOLE_IPSET] = &pinhole_ipset,
    [PINHOLE_SALLYWALL] = &pinhole_sallywall,
};

const char *pinhole_way_name(enum pinhole_way way)
{
    return back_ends[way]->name;
}

struct pinholes *pinholes_new(enum pinhole_way way, const struct pinhole_plan *plan,
                              struct pinhole_error *error)
{
    struct pinholes *p = calloc(1, sizeof(*p));

    error->text[0] = '\0';
    if (!p)
        return NULL;
    p->way = way;
    p->state = back_ends[way]->begin(plan, error);
    if (!p->state) {
        free(p);
        return NULL;
    }
    return p;
}

void pinholes_free(struct pinholes **p)
{
    if (*p) {
        back_ends[(*p)->way]->end((*p)->state);
        free(*p);
    }
    *p = NULL;
}

enum pinhole_way pinholes_way(const struct pinholes *p)
{
    return p->way;
}

int pinhole_open(struct pinholes *p, const struct pinhole *hole)
{
    return back_ends[p->way]->open(p->state, hole);
}

int pinhole_close(struct pinholes *p, const struct pinhole *hole)
{
    int r = back_ends[p->way]->close(p->state, hole);

    return r == -ENOENT ? 0 : r;
}

int pinhole_try(const struct pinhole_back_end *b, void *state, bool is_v4)
{
    static const struct in6_addr v4 = {.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
                                 v6 = {.s6_addr = {0x20, 1, 0xd, 0xb8, [15] = 1}};
    const struct in6_addr ip = is_v4 ? v4 : v6;
    const struct pinhole h = {.client = ip, .server = ip, .port = 1, .seconds = 1};
    int r = b->open(state, &h);

    return r ? r : b->close(state, &h);
}

/* ---- netlink ---- */

struct netlink *netlink_new(void)
{
    struct netlink *n = calloc(1, sizeof(*n));
    int error;

    if (!n)
        return NULL;
    n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (n->socket && mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) == 0)
        return n;
    error = errno;
    netlink_free(n);
    errno = error;
    return NULL;
}

void netlink_free(struct netlink *n)
{
    if (n && n->socket)
        mnl_socket_close(n->socket);
    free(n);
}

void netlink_clear(struct netlink *n)
{
    n->len = 0;
    n->count = 0;
    n->first = n->sequence + 1;
}

struct nlmsghdr *netlink_next(struct netlink *n, uint16_t type, uint16_t flags, uint8_t family)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(n->buffer + n->len);
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    message->nlmsg_seq = ++n->sequence;
    *head = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
    return message;
}

void netlink_add(struct netlink *n, const struct nlmsghdr *message)
{
    n->len += NLMSG_ALIGN(message->nlmsg_len);
    n->count++;
}

/* What a datagram of the kernel's says. Returns how many of our messages it answers. */
static unsigned hear(struct netlink *n, const void *bytes, int len, netlink_data *data, void *arg)
{
    const struct nlmsghdr *m = bytes;
    unsigned answers = 0;

    for (; mnl_nlmsg_ok(m, len); m = mnl_nlmsg_next(m, &len)) {
        uint32_t number = m->nlmsg_seq - n->first;
        if (number >= n->count)
            continue; /* late */
        if (m->nlmsg_type == NLMSG_DONE) {
            n->results[number] = 0;
            answers++;
        } else if (m->nlmsg_type != NLMSG_ERROR && data) {
            data(arg, m);
        } else if (m->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(m) >= sizeof(struct nlmsgerr)) {
            const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);
            n->results[number] = error->error;
            answers++;
        }
    }
    return answers;
}

static bool wants_answer(const struct nlmsghdr *m)
{
    return m->nlmsg_flags & NLM_F_ACK;
}

int netlink_send(struct netlink *n, netlink_data *data, void *arg)
{
    char answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    const struct nlmsghdr *m = (const void *)n->buffer;
    unsigned wanted = 0;

    memset(n->results, 0, sizeof(n->results));
    for (int left = (int)n->len; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
        wanted += wants_answer(m);
        n->results[m->nlmsg_seq - n->first] = wants_answer(m) ? -ETIMEDOUT : 0;
    }
    if (mnl_socket_sendto(n->socket, n->buffer, n->len) < 0)
        return -errno;
    while (wanted > 0) {
        struct pollfd there = {.fd = mnl_socket_get_fd(n->socket), .events = POLLIN};
        ssize_t len = recv(there.fd, answer, sizeof(answer), MSG_DONTWAIT); /* mostly it is there */
        unsigned heard = len > 0 ? hear(n, answer, (int)len, data, arg) : 0;
        if (len < 0 && errno == EAGAIN && poll(&there, 1, PATIENCE_MS) <= 0)
            return -ETIMEDOUT;
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        wanted -= heard < wanted ? heard : wanted;
    }
    return 0;
}
