/* SPDX-License-Identifier: BSD-2-Clause */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 16, EVENT_ROOM = 64 << 20 };

struct conntrack {
    struct mnl_socket *ask, *hear;
    uint32_t sequence;
    uint8_t buffer[BUFFER];
};

static struct mnl_socket *open_socket(unsigned groups)
{
    struct mnl_socket *s = mnl_socket_open(NETLINK_NETFILTER);
    if (!s || mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0)
        die("netlink: %s", strerror(errno));
    return s;
}

struct conntrack *conntrack_open(void)
{
    struct conntrack *c = calloc(1, sizeof(*c));
    int room = EVENT_ROOM;
    if (!c)
        die("out of memory");
    c->ask = open_socket(0);
    c->hear = open_socket(NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_DESTROY);
    if (setsockopt(mnl_socket_get_fd(c->hear), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        die("SO_RCVBUFFORCE: %s", strerror(errno));
    return c;
}

void conntrack_close(struct conntrack **c)
{
    mnl_socket_close((*c)->ask);
    mnl_socket_close((*c)->hear);
    free(*c);
    *c = NULL;
}

static struct nlmsghdr *begin(struct conntrack *c, unsigned subsystem, unsigned type, uint16_t flags,
                              uint8_t family)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(c->buffer);
    h->nlmsg_type = (uint16_t)(subsystem << 8 | type);
    h->nlmsg_flags = NLM_F_REQUEST | flags;
    h->nlmsg_seq = ++c->sequence;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
    g->nfgen_family = family;
    g->version = NFNETLINK_V0;
    return h;
}

/* Sends and hands each answer to cb until the last. 0 or -errno. */
static int talk(struct conntrack *c, const struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
    if (mnl_socket_sendto(c->ask, h, h->nlmsg_len) < 0)
        die("netlink: %s", strerror(errno));
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(c->ask, c->buffer, sizeof(c->buffer));
        if (n < 0)
            die("netlink: %s", strerror(errno));
        int r = mnl_cb_run(c->buffer, (size_t)n, c->sequence, mnl_socket_get_portid(c->ask), cb, arg);
        if (r < 0)
            return -errno;
        if (r == MNL_CB_STOP)
            return 0;
    }
}

static struct packet_address read_address(const struct nf_conntrack *ct, bool v4, enum nf_conntrack_attr a4,
                                          enum nf_conntrack_attr a6)
{
    struct packet_address a = {0};
    const void *at = nfct_get_attr(ct, v4 ? a4 : a6);
    if (at)
        memcpy(a.word, at, v4 ? 4 : 16);
    return a;
}

static struct track_tuple read_tuple(const struct nf_conntrack *ct)
{
    bool v4 = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO) == AF_INET;
    struct track_tuple t = {
        .family = v4 ? PACKET_IPV4 : PACKET_IPV6,
        .protocol = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO),
        .source = read_address(ct, v4, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC),
        .destination = read_address(ct, v4, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST),
        .zone = nfct_attr_is_set(ct, ATTR_ZONE) ? nfct_get_attr_u16(ct, ATTR_ZONE) : 0,
    };
    if (t.protocol == PACKET_ICMP || t.protocol == PACKET_ICMPV6) {
        t.source_port = ntohs(nfct_get_attr_u16(ct, ATTR_ICMP_ID));
        t.destination_port =
            (uint16_t)(nfct_get_attr_u8(ct, ATTR_ICMP_TYPE) << 8 | nfct_get_attr_u8(ct, ATTR_ICMP_CODE));
    } else if (packet_has_ports(t.protocol)) {
        t.source_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC));
        t.destination_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST));
    }
    return t;
}

static struct flow_view read_flow(const struct nf_conntrack *ct)
{
    struct flow_view v = {
        .tuple = read_tuple(ct),
        .status = nfct_get_attr_u32(ct, ATTR_STATUS),
        .mark = nfct_get_attr_u32(ct, ATTR_MARK),
        .seconds = nfct_get_attr_u32(ct, ATTR_TIMEOUT),
        .tcp_state = nfct_attr_is_set(ct, ATTR_TCP_STATE) ? nfct_get_attr_u8(ct, ATTR_TCP_STATE) : -1,
    };
    const char *helper = nfct_get_attr(ct, ATTR_HELPER_NAME);
    if (helper)
        snprintf(v.helper, sizeof(v.helper), "%s", helper);
    return v;
}

/* NULL: not a connection that could be read. The caller destroys it. */
static struct nf_conntrack *parse(const struct nlmsghdr *h)
{
    struct nf_conntrack *ct = nfct_new();
    if (!ct)
        die("out of memory");
    if (nfct_nlmsg_parse(h, ct) < 0) {
        nfct_destroy(ct);
        return NULL;
    }
    return ct;
}

static int take_one(const struct nlmsghdr *h, void *arg)
{
    struct nf_conntrack *ct = parse(h);
    if (ct) {
        *(struct flow_view *)arg = read_flow(ct);
        nfct_destroy(ct);
    }
    return MNL_CB_STOP;
}

static int take_many(const struct nlmsghdr *h, void *arg)
{
    struct nf_conntrack *ct = parse(h);
    if (ct) {
        struct flow_view v = read_flow(ct);
        flow_list_add(arg, &v);
        nfct_destroy(ct);
    }
    return MNL_CB_OK;
}

static void put_tuple(struct nf_conntrack *ct, const struct track_tuple *t)
{
    bool v4 = t->family == PACKET_IPV4;
    nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, v4 ? AF_INET : AF_INET6);
    nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, t->protocol);
    nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, t->source.word);
    nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, t->destination.word);
    if (t->protocol == PACKET_ICMP || t->protocol == PACKET_ICMPV6) {
        nfct_set_attr_u16(ct, ATTR_ICMP_ID, htons(t->source_port));
        nfct_set_attr_u8(ct, ATTR_ICMP_TYPE, (uint8_t)(t->destination_port >> 8));
        nfct_set_attr_u8(ct, ATTR_ICMP_CODE, (uint8_t)t->destination_port);
    } else {
        nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(t->source_port));
        nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(t->destination_port));
    }
    if (t->zone)
        nfct_set_attr_u16(ct, ATTR_ZONE, t->zone);
}

bool conntrack_get(struct conntrack *c, const struct track_tuple *t, struct flow_view *ret)
{
    struct nf_conntrack *ct = nfct_new();
    if (!ct)
        die("out of memory");
    put_tuple(ct, t);
    struct nlmsghdr *h =
        begin(c, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0, t->family == PACKET_IPV4 ? AF_INET : AF_INET6);
    nfct_nlmsg_build(h, ct);
    nfct_destroy(ct);
    int r = talk(c, h, take_one, ret);
    if (r < 0 && r != -ENOENT)
        die("netlink: a connection could not be asked for: %s", strerror(-r));
    return r == 0;
}

struct both_lists {
    struct flow_list *began, *ended;
};

static int take_event(const struct nlmsghdr *h, void *arg)
{
    struct both_lists *lists = arg;
    bool ended = (h->nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE;
    return take_many(h, ended ? lists->ended : lists->began);
}

void conntrack_events(struct conntrack *c, struct flow_list *began, struct flow_list *ended)
{
    struct both_lists lists = {began, ended};
    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(c->hear), c->buffer, sizeof(c->buffer), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("netlink: events are lost: %s", strerror(errno));
        mnl_cb_run(c->buffer, (size_t)n, 0, 0, take_event, &lists);
    }
}

void conntrack_flush(struct conntrack *c)
{
    struct flow_list began = {0}, ended = {0};
    for (int i = 0; i < 2; i++) {
        struct nlmsghdr *h =
            begin(c, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, i ? AF_INET6 : AF_INET);
        int r = talk(c, h, NULL, NULL);
        if (r < 0)
            die("netlink: the connections could not be flushed: %s", strerror(-r));
    }
    conntrack_events(c, &began, &ended);
    flow_list_free(&began);
    flow_list_free(&ended);
}

static int take_expectation(const struct nlmsghdr *h, void *arg)
{
    struct nf_expect *e = nfexp_new();
    if (!e)
        die("out of memory");
    if (nfexp_nlmsg_parse(h, e) == 0) {
        const struct nf_conntrack *expected = nfexp_get_attr(e, ATTR_EXP_EXPECTED),
                                  *master = nfexp_get_attr(e, ATTR_EXP_MASTER);
        struct track_tuple t = read_tuple(expected), m = read_tuple(master);
        struct expectation_view v = {
            .source = t.source,
            .destination = t.destination,
            .port = t.destination_port,
            .family = t.family,
            .master_source = m.source,
            .master_port = m.source_port,
            .seconds = nfexp_get_attr_u32(e, ATTR_EXP_TIMEOUT),
        };
        expectation_list_add(arg, &v);
    }
    nfexp_destroy(e);
    return MNL_CB_OK;
}

void conntrack_dump_expectations(struct conntrack *c, struct expectation_list *ret)
{
    struct nlmsghdr *h = begin(c, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, NLM_F_DUMP, AF_UNSPEC);
    int r = talk(c, h, take_expectation, ret);
    if (r < 0)
        die("netlink: no dump of expectations: %s", strerror(-r));
}
