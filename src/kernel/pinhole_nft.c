/* SPDX-License-Identifier: BSD-2-Clause */
/* An element of a set that is the administrator's, with a time-out. His rule lets in who is in it, and may take him out with it. */
#include "kernel/pinhole_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME = 64 };

/*
 * What rules have taken out lies in the set until the kernel sweeps it, which it does only while nobody changes anything
 * (nft_rhash_gc, nft_trans_gc_work_done). Of one key 16 may lie there (RHT_ELASTICITY); the next one is refused with EBUSY, and each
 * refused transaction holds the kernel up until all processors have been quiet: 15 ms. So how many each key has had since
 * nothing was changed for long enough is counted, and a key that is full is refused here. Once most are, nothing is changed until
 * the sweep.
 */
enum {
    KEYS = 4096,
    KEY_MOST = 15,
    REFUSED_MOST = 8,
    SWEPT_MS = 40 /* two of the set's gc-interval, as sallyd prints it */
};

struct nft {
    uint8_t had[KEYS];
    uint64_t changed_ms;
    unsigned refused; /* of those asked for last, one after the other */
    struct netlink *netlink;
    uint32_t family;
    char table[NAME], sets[2][NAME]; /* of IPv4, of IPv6 */
};

/* "inet filter". The family, or -EINVAL. */
static int read_table(const char *text, char ret_name[NAME])
{
    static const struct {
        const char *name;
        int family;
    } families[] = {{"inet", NFPROTO_INET}, {"ip", NFPROTO_IPV4}, {"ip6", NFPROTO_IPV6}};
    size_t len = strcspn(text, " ");

    if (!text[len] || snprintf(ret_name, NAME, "%s", text + len + 1) >= NAME || !*ret_name)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strlen(families[i].name) == len && strncmp(text, families[i].name, len) == 0)
            return families[i].family;
    return -EINVAL;
}

static void end(void *state)
{
    struct nft *n = state;

    netlink_free(n->netlink);
    free(n);
}

/* ---- messages ---- */

/* Addresses and port, each padded to 32 bits, as a concatenation lies in a set. */
struct key {
    uint8_t bytes[36];
    uint32_t len;
};

static struct key key_of(const struct pinhole *h)
{
    const uint32_t address = pinhole_is_v4(h) ? 4 : 16;
    const uint16_t port = htons(h->port);
    struct key k = {.len = 2 * address + 4};

    memcpy(k.bytes, pinhole_bytes(pinhole_from(h)), address);
    memcpy(k.bytes + address, pinhole_bytes(pinhole_to(h)), address);
    memcpy(k.bytes + 2 * address, &port, sizeof(port));
    return k;
}

/* FNV-1a */
static uint8_t *had_of(struct nft *n, const struct pinhole *h)
{
    const struct key key = key_of(h);
    uint32_t hash = 2166136261U;

    for (uint32_t i = 0; i < key.len; i++)
        hash = (hash ^ key.bytes[i]) * 16777619U;
    return &n->had[hash % KEYS];
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct nftnl_set *set_with(const struct nft *n, const struct pinhole *h, bool is_new)
{
    struct nftnl_set *set = nftnl_set_alloc();
    struct nftnl_set_elem *e = set ? nftnl_set_elem_alloc() : NULL;
    const struct key key = key_of(h);

    if (!e) {
        if (set)
            nftnl_set_free(set);
        return NULL;
    }
    nftnl_set_set_u32(set, NFTNL_SET_FAMILY, n->family);
    nftnl_set_elem_add(set, e);
    if (nftnl_set_set_str(set, NFTNL_SET_TABLE, n->table) < 0 ||
        nftnl_set_set_str(set, NFTNL_SET_NAME, n->sets[!pinhole_is_v4(h)]) < 0 ||
        nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key.bytes, key.len) < 0) {
        nftnl_set_free(set);
        return NULL;
    }
    if (is_new)
        nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, (uint64_t)h->seconds * 1000);
    return set;
}

static void add_mark(struct netlink *n, uint16_t type)
{
    struct nlmsghdr *m = netlink_next(n, type, 0, AF_UNSPEC);
    struct nfgenmsg *head = mnl_nlmsg_get_payload(m);

    head->res_id = htons(NFNL_SUBSYS_NFTABLES);
    netlink_add(n, m);
}

/* Of message number n. What is refused as a whole (EPERM) is said of the transaction's beginning alone. */
static int result_of(const struct netlink *l, unsigned n)
{
    return l->results[0] ? l->results[0] : l->results[n];
}

static int add_element(struct nft *n, const struct pinhole *h, bool is_new)
{
    struct netlink *l = n->netlink;
    struct nftnl_set *set = set_with(n, h, is_new);
    struct nlmsghdr *m;

    if (!set)
        return -ENOMEM;
    m = netlink_next(
        l, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | (is_new ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM)),
        (is_new ? NLM_F_CREATE | NLM_F_EXCL : 0) | NLM_F_ACK, (uint8_t)n->family);
    nftnl_set_elems_nlmsg_build_payload(m, set);
    nftnl_set_free(set);
    netlink_add(l, m);
    return 0;
}

/* One transaction: it is taken out, put in, or both, and nobody finds it out in between. */
static int change(struct nft *n, const struct pinhole *h, bool is_taken_out, bool is_put_in)
{
    struct netlink *l = n->netlink;
    int r = 0;

    netlink_clear(l);
    n->changed_ms = now_ms();
    add_mark(l, NFNL_MSG_BATCH_BEGIN);
    if (is_taken_out)
        r = add_element(n, h, false);
    if (!r && is_put_in)
        r = add_element(n, h, true);
    if (r)
        return r;
    add_mark(l, NFNL_MSG_BATCH_END);
    r = netlink_send(l, NULL, NULL);
    if (!r)
        r = result_of(l, 1);
    return !r && is_taken_out && is_put_in ? result_of(l, 2) : r;
}

static void hear_any(void *arg, const struct nlmsghdr *m)
{
    (void)m;
    *(bool *)arg = true;
}

/* Is it in the set? A transaction that takes out what is not there would be dear (the kernel waits for all its processors before the next
 * one), and mostly the rule has taken it out. */
static bool is_in(struct nft *n, const struct pinhole *h)
{
    struct netlink *l = n->netlink;
    struct nftnl_set *set = set_with(n, h, false);
    struct nlmsghdr *m;
    bool is_there = false;

    if (!set)
        return true; /* the transaction says what is wrong */
    netlink_clear(l);
    m = netlink_next(l, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, NLM_F_ACK, (uint8_t)n->family);
    nftnl_set_elems_nlmsg_build_payload(m, set);
    nftnl_set_free(set);
    netlink_add(l, m);
    return netlink_send(l, hear_any, &is_there) < 0 || is_there || l->results[0] != -ENOENT;
}

static int close_hole(void *state, const struct pinhole *h)
{
    struct nft *n = state;
    uint8_t *had = had_of(n, h);
    int r = is_in(n, h) ? change(n, h, true, false) : 1;

    if (r == 0 && *had) /* nothing of it is left */
        --*had;
    return r == 1 ? 0 : r;
}

static int open_hole(void *state, const struct pinhole *h)
{
    struct nft *n = state;
    uint8_t *had = had_of(n, h);
    int r;

    if (now_ms() - n->changed_ms >= SWEPT_MS) {
        memset(n->had, 0, sizeof(n->had));
        n->refused = 0;
    }
    if (*had >= KEY_MOST || n->refused >= REFUSED_MOST) {
        n->refused++;
        return -EBUSY;
    }
    n->refused = 0;
    r = change(n, h, false, true);
    if (r == -EEXIST) /* its time would not be the new one's */
        r = change(n, h, true, true);
    if (r == -ENOENT && !is_in(n, h)) /* somebody has just used it */
        r = change(n, h, false, true);
    /* The sweep has not come through, or comes more seldom: the next one would be refused, too. */
    if (r == -EBUSY)
        n->refused = REFUSED_MOST;
    *had = r == -EBUSY ? KEY_MOST : (uint8_t)(*had + (r == 0));
    return r;
}

/* ---- at start ---- */

static void *begin(const struct pinhole_plan *plan, struct pinhole_error *error)
{
    struct nft *n = calloc(1, sizeof(*n));
    int family = n ? read_table(plan->table, n->table) : -ENOMEM, failed[2] = {0};

    if (!n)
        return NULL;
    n->netlink = netlink_new();
    if (family < 0)
        snprintf(error->text, sizeof(error->text),
                 "\"%s\" names no table: a family (inet, ip, ip6), a blank and a name", plan->table);
    else if (!n->netlink)
        snprintf(error->text, sizeof(error->text), "no netlink socket: %s", strerror(errno));
    else {
        n->family = (uint32_t)family;
        for (unsigned i = 0; i < 2; i++) {
            snprintf(n->sets[i], NAME, "%.*s%u", NAME - 2, plan->set, i ? 6 : 4);
            failed[i] = family == NFPROTO_INET || (family == NFPROTO_IPV6) == (i == 1)
                            ? pinhole_try(&pinhole_nft, n, i == 0)
                            : 0;
        }
        if (!failed[0] && !failed[1])
            return n;
        snprintf(
            error->text, sizeof(error->text),
            "table %s has no set %s that takes elements (%s); sallyd --firewall-rule prints it, and the rule",
            plan->table, n->sets[!failed[0]], strerror(-failed[!failed[0]]));
    }
    end(n);
    return NULL;
}

const struct pinhole_back_end pinhole_nft = {
    .name = "nft", .begin = begin, .end = end, .open = open_hole, .close = close_hole};
