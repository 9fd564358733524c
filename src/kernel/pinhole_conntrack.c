/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expectation whose master is the control connection's entry, found by the tuple of its replies: that is what getsockname and
 * getpeername say, whatever NAT there is on this machine.
 *
 * The entry needs a helper, which a table of ours gives it when the connection begins. The table belongs to our socket: the
 * kernel removes it when this process ends, and neither `nft flush ruleset` nor anybody else takes it away (NFT_TABLE_F_OWNER,
 * Linux 5.12). Doc/decisions/0042 says why it is the helper "sane".
 *
 * The time-out of a new expectation is its helper's policy (300 s), whatever is asked; asking again sets it. Both are
 * sent at once (net/netfilter/nf_conntrack_netlink.c, ctnetlink_create_expect and ctnetlink_change_expect).
 */
#include "kernel/pinhole_private.h"

#include "sys/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct conntrack {
    struct netlink *netlink;
    char helper[8];
    struct nft_ctx *nft; /* its socket owns the table */
};

/* ---- the table ---- */

/* Only what is for this machine: in the hook "input", and, since what a machine sends to itself is known before it comes in, on
 * its way out to "lo". By then a port that NAT has changed is the server's own. */
static char *table_text(const struct pinhole_plan *plan)
{
    uint32_t
        number; /* one table is made before another goes, and containers that share a network have each a process 1 */
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = (uint32_t)time(NULL); /* no secret */
    fprintf(out,
            "table inet sallyd-%d-%08x {\n flags owner;\n ct helper control { type \"%s\" protocol tcp; }\n"
            " set ports { type inet_service; elements = {",
            getpid(), number, plan->helper);
    for (size_t i = 0; i < plan->port_count; i++)
        fprintf(out, "%s %u", i ? "," : "", plan->ports[i]);
    fprintf(out,
            " }; }\n chain in { type filter hook input priority -150; tcp dport @ports ct helper set "
            "\"control\"; }\n"
            " chain self { type filter hook output priority -150; oif \"lo\" tcp dport @ports ct helper set "
            "\"control\"; }\n}\n");
    return fclose(out) == 0 ? text : NULL;
}

static int make_table(struct conntrack *c, const struct pinhole_plan *plan, struct pinhole_error *error)
{
    char *text = table_text(plan);
    const char *said;

    c->nft = text ? nft_ctx_new(NFT_CTX_DEFAULT) : NULL;
    if (!c->nft || nft_ctx_buffer_error(c->nft) || nft_ctx_buffer_output(c->nft)) {
        free(text);
        return -ENOMEM;
    }
    if (nft_run_cmd_from_buffer(c->nft, text) == 0) {
        free(text);
        return 0;
    }
    free(text);
    said = nft_ctx_get_error_buffer(c->nft);
    snprintf(error->text, sizeof(error->text),
             "the kernel does not take the table that gives control connections the helper \"%s\" (module "
             "nf_conntrack_%s): %.*s",
             plan->helper, plan->helper, (int)strcspn(said, "\n"), said);
    return -EOPNOTSUPP;
}

static void end(void *state)
{
    struct conntrack *c = state;

    if (c->nft)
        nft_ctx_free(c->nft);
    netlink_free(c->netlink);
    free(c);
}

static void *begin(const struct pinhole_plan *plan, struct pinhole_error *error)
{
    struct conntrack *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->netlink = netlink_new();
    snprintf(c->helper, sizeof(c->helper), "%s", plan->helper);
    if (!c->netlink)
        snprintf(error->text, sizeof(error->text), "no netlink socket: %s", strerror(errno));
    if (c->netlink && make_table(c, plan, error) == 0)
        return c;
    end(c);
    return NULL;
}

/* ---- tuples ---- */

struct ends {
    bool is_v4;
    const uint8_t *from, *to; /* 4 or 16 bytes */
    uint16_t from_port, to_port;
};

static void set_tuple(struct nf_conntrack *ct, const struct ends *e)
{
    nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, e->is_v4 ? AF_INET : AF_INET6);
    nfct_set_attr(ct, e->is_v4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, e->from);
    nfct_set_attr(ct, e->is_v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, e->to);
    nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, IPPROTO_TCP);
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(e->from_port));
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(e->to_port));
}

static struct ends replies_of(const struct pinhole *h)
{
    return (struct ends){pinhole_is_v4(h), pinhole_bytes(&h->server), pinhole_bytes(&h->client),
                         h->server_port, h->client_port};
}

static struct nf_expect *expectation(const struct pinhole *h)
{
    static const uint8_t all[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                                    255, 255, 255, 255, 255, 255, 255, 255};
    const bool is_v4 = pinhole_is_v4(h);
    const struct ends master = replies_of(h),
                      expected = {is_v4, pinhole_bytes(pinhole_from(h)), pinhole_bytes(pinhole_to(h)), 0,
                                  h->port},
                      mask = {is_v4, all, all, 0, 0xffff}; /* from any port */
    struct nf_expect *e = nfexp_new();
    struct nf_conntrack *ct = nfct_new();

    if (e && ct) {
        set_tuple(ct, &master);
        nfexp_set_attr(e, ATTR_EXP_MASTER, ct);
        set_tuple(ct, &expected);
        nfexp_set_attr(e, ATTR_EXP_EXPECTED, ct);
        set_tuple(ct, &mask);
        nfexp_set_attr(e, ATTR_EXP_MASK, ct);
        nfexp_set_attr_u32(e, ATTR_EXP_TIMEOUT, h->seconds);
    } else if (e) {
        nfexp_destroy(e);
        e = NULL;
    }
    if (ct)
        nfct_destroy(ct);
    return e;
}

/* ---- messages ---- */

static uint8_t family_of(const struct pinhole *h)
{
    return pinhole_is_v4(h) ? AF_INET : AF_INET6;
}

static int add_expectation(struct netlink *n, const struct pinhole *h, unsigned message, uint16_t flags)
{
    struct nf_expect *e = expectation(h);
    struct nlmsghdr *m =
        netlink_next(n, (uint16_t)(NFNL_SUBSYS_CTNETLINK_EXP << 8 | message), flags, family_of(h));
    int r = e ? nfexp_nlmsg_build(m, e) : -1;

    if (e)
        nfexp_destroy(e);
    if (r < 0)
        return -ENOMEM;
    netlink_add(n, m);
    return 0;
}

/* The control connection's entry is asked for (which helper has it?), or deleted. */
static int add_question(struct netlink *n, const struct pinhole *h, unsigned message)
{
    const struct ends replies = replies_of(h);
    struct nf_conntrack *ct = nfct_new();
    struct nlmsghdr *m =
        netlink_next(n, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | message), NLM_F_ACK, family_of(h));
    int r;

    if (!ct)
        return -ENOMEM;
    set_tuple(ct, &replies);
    r = nfct_nlmsg_build(m, ct);
    nfct_destroy(ct);
    if (r < 0)
        return -ENOMEM;
    netlink_add(n, m);
    return 0;
}

/* The control connection's, as far as it is carried over when it is made anew. */
struct entry {
    bool is_there, is_heard;
    uint32_t status, mark;
    uint8_t to[16]; /* what the client sends to: NAT makes the server's address and port of that */
    uint16_t to_port;
};

static void hear_entry(void *arg, const struct nlmsghdr *m)
{
    struct entry *e = arg;
    struct nf_conntrack *ct = nfct_new();
    const char *helper;

    if (ct && nfct_nlmsg_parse(m, ct) == 0) {
        const bool is_v4 = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO) == AF_INET;
        helper = nfct_get_attr(ct, ATTR_HELPER_NAME);
        e->is_there = true;
        e->is_heard = helper && strcmp(helper, "ftp") == 0;
        e->status = nfct_get_attr_u32(ct, ATTR_STATUS);
        e->mark = nfct_get_attr_u32(ct, ATTR_MARK);
        memcpy(e->to, nfct_get_attr(ct, is_v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST), is_v4 ? 4 : 16);
        e->to_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST));
    }
    if (ct)
        nfct_destroy(ct);
}

enum { NEW = IPCTNL_MSG_EXP_NEW, DELETE = IPCTNL_MSG_EXP_DELETE };

/* is_there: another one is, which goes. asks: whose helper listens is not known. */
static int try_open(struct conntrack *c, const struct pinhole *h, bool is_there, bool asks,
                    struct entry *ret_entry)
{
    struct netlink *n = c->netlink;
    int r = 0, first = is_there; /* which message makes it */

    *ret_entry = (struct entry){.is_there = false};
    netlink_clear(n);
    if (is_there)
        r = add_expectation(n, h, DELETE, NLM_F_ACK);
    if (!r)
        r = add_expectation(n, h, NEW,
                            NLM_F_CREATE | (h->is_again ? 0 : NLM_F_EXCL) | (asks ? NLM_F_ACK : 0));
    if (!r)
        r = add_expectation(n, h, NEW, NLM_F_ACK);
    if (!r && asks)
        r = add_question(n, h, IPCTNL_MSG_CT_GET);
    if (!r)
        r = netlink_send(n, hear_entry, ret_entry);
    if (!r)
        r = n->results[first] ? n->results[first] : n->results[first + 1];
    return r;
}

static int delete(struct conntrack *c, const struct pinhole *h)
{
    int r;

    netlink_clear(c->netlink);
    r = add_expectation(c->netlink, h, DELETE, NLM_F_ACK);
    if (!r)
        r = netlink_send(c->netlink, NULL, NULL);
    return r ? r : c->netlink->results[0];
}

/* ---- the control connection's entry ---- */

/* An entry outlives its expectation by so much. The next packet gives it the kernel's own time; where a rule keeps the control
 * connection from being tracked there is none, and nobody ends it. */
enum { LONGER = 60, LIBERAL = 8 /* IP_CT_TCP_FLAG_BE_LIBERAL */, TRIES = 3 };

/* Goes on with what rules know of the old one by, and with what NAT makes of the client's packets. */
static void carry_over(struct nf_conntrack *ct, const struct pinhole *h, const struct entry *old)
{
    const bool is_v4 = pinhole_is_v4(h);

    nfct_set_attr_u32(ct, ATTR_MARK, old->mark);
    if (old->status & IPS_DST_NAT) {
        nfct_set_attr(ct, is_v4 ? ATTR_DNAT_IPV4 : ATTR_DNAT_IPV6, pinhole_bytes(&h->server));
        nfct_set_attr_u16(ct, ATTR_DNAT_PORT, htons(h->server_port));
    }
}

static void describe_entry(struct nf_conntrack *ct, const struct pinhole *h, const char *helper,
                           const struct entry *old)
{
    const struct ends ends = {pinhole_is_v4(h), pinhole_bytes(&h->client),
                              old->is_there ? old->to : pinhole_bytes(&h->server), h->client_port,
                              old->is_there ? old->to_port : h->server_port};

    set_tuple(ct, &ends);
    if (old->is_there)
        carry_over(ct, h, old);
    nfct_setobjopt(ct, NFCT_SOPT_SETUP_REPLY);
    nfct_set_attr_u32(ct, ATTR_TIMEOUT, h->seconds + LONGER);
    nfct_set_attr_u32(ct, ATTR_STATUS, IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED);
    nfct_set_attr_u8(ct, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
    nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_ORIG, LIBERAL);
    nfct_set_attr_u8(ct, ATTR_TCP_MASK_ORIG, LIBERAL);
    nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_REPL, LIBERAL);
    nfct_set_attr_u8(ct, ATTR_TCP_MASK_REPL, LIBERAL);
    nfct_set_attr(ct, ATTR_HELPER_NAME, helper);
}

static int add_entry(struct netlink *n, const struct pinhole *h, const char *helper, const struct entry *old)
{
    struct nf_conntrack *ct = nfct_new();
    struct nlmsghdr *m = netlink_next(n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
                                      NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, family_of(h));
    int r;

    if (!ct)
        return -ENOMEM;
    describe_entry(ct, h, helper, old);
    r = nfct_nlmsg_build(m, ct);
    nfct_destroy(ct);
    if (r < 0)
        return -ENOMEM;
    netlink_add(n, m);
    return 0;
}

/* The entry was flushed (conntrack -F); or it is one that our own packet has made since, which the table does not see, or that was
 * there before the table was: without a helper, and the kernel gives none to an entry that is there. So it is made anew. */
static int renew_entry(struct conntrack *c, const struct pinhole *h, const struct entry *old)
{
    struct netlink *n = c->netlink;
    int r;

    if (old->status & IPS_SRC_NAT)
        return -EOPNOTSUPP; /* nor does the client's port tell what it was: better no door than no session */
    netlink_clear(n);
    r = add_question(n, h, IPCTNL_MSG_CT_DELETE);
    if (!r)
        r = add_entry(n, h, c->helper, old);
    if (!r)
        r = netlink_send(n, NULL, NULL);
    if (!r && n->results[0] && n->results[0] != -ENOENT)
        r = n->results[0];
    return r ? r : n->results[1] == -EEXIST ? 0 : n->results[1];
}

static bool lacks_entry(int error)
{
    return error == -ENOENT || error == -EOPNOTSUPP;
}

static int open_hole(void *state, const struct pinhole *h)
{
    struct entry entry;
    int r = try_open(state, h, false, !h->is_unheard, &entry);

    if (h->is_unheard && lacks_entry(r))
        r = try_open(state, h, false, true, &entry);
    for (int i = 0; i < TRIES && lacks_entry(r) && renew_entry(state, h, &entry) == 0; i++)
        r = try_open(state, h, false, true, &entry);
    if (r == -EEXIST) /* another control connection's, or the kernel's own of this one */
        r = try_open(state, h, true, true, &entry);
    if (r)
        (void)!delete (state, h); /* made, perhaps, and without its time */
    return r ? r : entry.is_heard ? PINHOLE_HEARD : 0;
}

static int close_hole(void *state, const struct pinhole *h)
{
    return delete (state, h);
}

const struct pinhole_back_end pinhole_conntrack = {
    .name = "conntrack", .begin = begin, .end = end, .open = open_hole, .close = close_hole};

/* ---- is anything tracked? ---- */

static int read_invalid(const struct nlattr *a, void *arg)
{
    if (mnl_attr_get_type(a) == CTA_STATS_INVALID && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
        *(uint64_t *)arg += ntohl(mnl_attr_get_u32(a));
    return MNL_CB_OK;
}

/* Adds what one processor has counted. */
static void hear_invalid(void *arg, const struct nlmsghdr *m)
{
    (void)!mnl_attr_parse(m, sizeof(struct nfgenmsg), read_invalid,
                          arg); /* what it can't read is not counted */
}

static int count_invalid(struct netlink *n, uint64_t *ret)
{
    int r;

    *ret = 0;
    netlink_clear(n);
    netlink_add(n, netlink_next(n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU,
                                NLM_F_ACK | NLM_F_DUMP, AF_UNSPEC));
    r = netlink_send(n, hear_invalid, ret);
    return r ? r : n->results[0];
}

/* A TCP header of zeros, to this machine itself: whatever the rules are, conntrack sees it before them, and counts it. */
static int send_invalid(void)
{
    static const char zeros[20];
    const struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
    int r = fd < 0 ? -errno : 0;

    if (!r &&
        sendto(fd, zeros, sizeof(zeros), MSG_DONTWAIT, (const struct sockaddr *)&self, sizeof(self)) < 0 &&
        errno != EPERM) /* a rule has dropped it, after conntrack */
        r = -errno;
    fd_close(&fd);
    return r;
}

int pinhole_is_tracked(void)
{
    struct netlink *n = netlink_new();
    uint64_t before, after;
    int r = n ? count_invalid(n, &before) : -errno;

    if (!r)
        r = send_invalid();
    if (!r)
        r = count_invalid(n, &after);
    netlink_free(n);
    return r ? r : after != before;
}
