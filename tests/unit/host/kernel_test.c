/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing, and the address that masquerading takes, against the kernel's own: random addresses, rules, routes and switches in a network namespace of this process, read
 * from what ip prints of them, and each question put to "ip route get", too. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "packet/decode.h"

enum { WORLDS = 8, LINKS = 4, QUESTIONS = 40, ROUTES = 24, RULES = 7, TEXT = 1 << 16, WORD = 64 };

static uint64_t seed = 14;
static struct host *host;
static unsigned asked, unknown_count, several;

static unsigned below(unsigned end)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(seed >> 33) % end;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* Runs a line of the shell; its output, with the errors behind, until the next call. */
static const char *shell(const char *line, int *ret_status)
{
    static char text[TEXT];
    size_t size = 0, got;
    FILE *f = popen(line, "r");

    assert_non_null(f);
    while ((got = fread(text + size, 1, sizeof text - 1 - size, f)) > 0)
        size += got;
    text[size] = '\0';
    int status = pclose(f);
    if (ret_status)
        *ret_status = status;
    return text;
}

#define SHELL(ret_status, ...)                                                                               \
    ({                                                                                                       \
        char line_[512];                                                                                     \
        snprintf(line_, sizeof line_, __VA_ARGS__);                                                          \
        shell(line_, ret_status);                                                                            \
    })

/* ---- a world ---- */

/* An address or a network out of few, so that they meet. */
static const char *pick(char *to, uint8_t family, const char *bits)
{
    if (family == PACKET_IPV4 && one_in(8))
        snprintf(to, WORD, "172.16.%u.%u%s", below(2), 1 + below(6), bits);
    else if (family == PACKET_IPV4)
        snprintf(to, WORD, "10.%u.%u.%u%s", below(3), below(3), one_in(8) ? 255 : 1 + below(6), bits);
    else if (one_in(8))
        snprintf(to, WORD, "2001:db8::%x%s", 1 + below(6), bits);
    else
        snprintf(to, WORD, "fd00:%x:%x::%x%s", below(3), below(3), 1 + below(6), bits);
    return to;
}

static const char *pick_bits(uint8_t family)
{
    static const char *const bits4[] = {"/8", "/15", "/16", "/24", "/30", "/32", "/32"};
    static const char *const bits6[] = {"/16", "/31", "/32", "/48", "/64", "/126", "/128"};
    return family == PACKET_IPV4 ? bits4[below(COUNT(bits4))] : bits6[below(COUNT(bits6))];
}

/* ip wants networks without bits behind their prefix. */
static const char *pick_network(char *to, uint8_t family)
{
    static const char *const networks4[] = {"default",     "10.0.0.0/8",  "10.0.0.0/15",  "10.0.0.0/16",
                                            "10.1.0.0/16", "10.2.0.0/16", "10.1.1.0/24",  "10.0.2.0/24",
                                            "10.2.0.4/30", "10.0.0.0/30", "172.16.0.0/16"};
    static const char *const networks6[] = {"default",       "fd00::/16",       "fd00::/32",
                                            "fd00:1::/32",   "fd00:2::/32",     "fd00:1:1::/48",
                                            "fd00:0:2::/48", "fd00:0:1::4/126", "2001:db8::/32"};
    if (one_in(4))
        return pick(to, family, family == PACKET_IPV4 ? "/32" : "/128");
    const char *network =
        family == PACKET_IPV4 ? networks4[below(COUNT(networks4))] : networks6[below(COUNT(networks6))];
    return strcpy(to, network);
}

static int version(uint8_t family)
{
    return family == PACKET_IPV4 ? 4 : 6;
}

static const char *pick_table(void)
{
    static const char *const tables[] = {"main", "main", "main", "100", "200", "local", "default"};
    return tables[below(COUNT(tables))];
}

static void add_route(uint8_t family)
{
    static const char *const kinds[] = {"unreachable", "prohibit", "blackhole", "throw"};
    char to[WORD], first[WORD], second[WORD], tos[WORD] = "";

    pick_network(to, family);
    if (one_in(4) && family == PACKET_IPV4)
        snprintf(tos, sizeof tos, "tos 0x%02x", 4 << below(3));
    if (one_in(6)) {
        SHELL(NULL, "ip -%d route add %s %s %s table %s metric %u 2>&1", version(family), kinds[below(4)], to,
              tos, pick_table(), below(3) * 10 + 1);
    } else if (one_in(6)) {
        SHELL(NULL, "ip -%d route add %s %s table %s metric %u nexthop via %s nexthop via %s 2>&1",
              version(family), to, tos, pick_table(), below(3) * 10 + 1, pick(first, family, ""),
              pick(second, family, ""));
    } else if (one_in(2)) {
        SHELL(NULL, "ip -%d route add %s %s via %s table %s metric %u %s 2>&1", version(family), to, tos,
              pick(first, family, ""), pick_table(), below(3) * 10 + 1,
              one_in(4) && family == PACKET_IPV6 ? "pref high" : "");
    } else {
        SHELL(NULL, "ip -%d route append %s %s dev v%u table %s metric %u 2>&1", version(family), to, tos,
              below(LINKS), pick_table(), below(3) * 10 + 1);
    }
}

static void add_rule(uint8_t family, unsigned priority)
{
    static const char *const effects[] = {"unreachable", "prohibit", "blackhole", "nop"};
    char words[400] = "", effect[WORD], text[WORD];
    size_t size = 0;

#define PUT(...) size += (size_t)snprintf(words + size, sizeof words - size, __VA_ARGS__)
    if (one_in(4))
        PUT("not ");
    if (one_in(2))
        PUT("from %s ", pick_network(text, family));
    if (one_in(3))
        PUT("to %s ", pick_network(text, family));
    if (one_in(4))
        PUT("iif %s%u ", one_in(3) ? "none" : "v", below(LINKS));
    if (one_in(8))
        PUT("iif lo ");
    if (one_in(8))
        PUT("oif v%u ", below(LINKS));
    if (one_in(4))
        PUT("fwmark %u/%u ", below(4), 1 + below(3));
    if (one_in(6))
        PUT("tos 0x%02x ", 4 << below(3));
#undef PUT
    if (one_in(4))
        snprintf(effect, sizeof effect, "%s", effects[below(4)]);
    else if (one_in(5))
        snprintf(effect, sizeof effect, "goto %u", one_in(2) ? 32766 : priority + 1 + below(20));
    else
        snprintf(effect, sizeof effect, "lookup %s %s", pick_table(),
                 one_in(3) ? (one_in(2) ? "suppress_prefixlength 0" : "suppress_prefixlength 16") : "");
    SHELL(NULL, "ip -%d rule add priority %u %s %s 2>&1", version(family), priority, words, effect);
}

/* Sets a switch of the kernel, and says so to ours. */
static void set(const char *interface, int family, const char *key, int value)
{
    char path[128], name[128], digit = (char)('0' + value);

    snprintf(path, sizeof path, "/proc/sys/net/ipv%d/conf/%s/%s", family, interface, key);
    snprintf(name, sizeof name, "net.ipv%d.conf.%s.%s", family, interface, key);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &digit, 1), 1);
    close(fd);
    assert_int_equal(host_set_switch(host, name, value), 0);
}

static void set_switches(void)
{
    char name[WORD];

    set("all", 6, "forwarding", 1); /* this and the next reach all interfaces */
    set("all", 6, "ignore_routes_with_linkdown", 0);
    set("all", 4, "forwarding", 1);
    set("all", 4, "rp_filter", one_in(4) ? 2 : 0);
    set("all", 4, "accept_local", one_in(8));
    set("all", 4, "route_localnet", 0);
    set("all", 4, "send_redirects", one_in(2));
    set("all", 4, "src_valid_mark", one_in(3));
    set("all", 4, "ignore_routes_with_linkdown", 0);
    for (unsigned i = 0; i < LINKS; i++) {
        snprintf(name, sizeof name, "v%u", i);
        set(name, 4, "forwarding", !one_in(6));
        set(name, 4, "rp_filter", (int)below(3));
        set(name, 4, "accept_local", one_in(4));
        set(name, 4, "route_localnet", one_in(4));
        set(name, 4, "send_redirects", one_in(2));
        set(name, 4, "src_valid_mark", one_in(3));
        set(name, 4, "ignore_routes_with_linkdown", one_in(2));
        set(name, 6, "ignore_routes_with_linkdown", one_in(2));
    }
}

static void make_links(void)
{
    char address[WORD];

    SHELL(NULL, "ip link set lo up 2>&1");
    for (unsigned i = 0; i < LINKS; i++) {
        SHELL(NULL,
              "ip link add v%u type veth peer name p%u && ip link set v%u up && %s ip link set p%u up 2>&1",
              i, i, i, one_in(4) ? ": " : "", i);
        for (unsigned n = 1 + below(3); n > 0; n--)
            SHELL(NULL, "ip addr add %s dev v%u 2>&1", pick(address, PACKET_IPV4, pick_bits(PACKET_IPV4)), i);
        for (unsigned n = 1 + below(2); n > 0; n--)
            SHELL(NULL, "ip addr add %s dev v%u nodad 2>&1",
                  pick(address, PACKET_IPV6, pick_bits(PACKET_IPV6)), i);
    }
}

static void take(enum host_text what, const char *command)
{
    struct host_error error;
    char line[WORD];

    snprintf(line, sizeof line, "ip %s%s", one_in(2) ? "-o " : "", command);
    const char *text = shell(line, NULL);
    if (host_read(host, what, text, strlen(text), &error) < 0)
        fail_msg("%s: %u:%u: %s\n%s", line, error.line, error.column, error.text, text);
}

static void make_world(void)
{
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    make_links();
    set_switches();
    for (unsigned i = 0; i < ROUTES; i++) {
        add_route(PACKET_IPV4);
        add_route(PACKET_IPV6);
    }
    for (unsigned i = 0, priority = 0; i < RULES; i++) {
        priority += 1 + below(10);
        add_rule(PACKET_IPV4, priority);
        add_rule(PACKET_IPV6, priority);
    }
    if (one_in(4))
        SHELL(NULL, "ip rule del priority 0; ip rule add priority 500 lookup local");
    take(HOST_ADDRESSES, "addr show");
    take(HOST_LINKS, "link show");
    take(HOST_RULES4, "-4 rule show");
    take(HOST_RULES6, "-6 rule show");
    take(HOST_ROUTES4, "-4 route show table all");
    take(HOST_ROUTES6, "-6 route show table all");
}

/* ---- questions ---- */

static struct packet_address parse(const char *text)
{
    struct packet_address a;
    uint8_t family;

    assert_int_equal(packet_address_parse(text, &a, &family), 0);
    return a;
}

/* The word behind key, or "". */
static const char *value_of(const char *text, const char *key, char *to)
{
    char spaced[WORD];

    snprintf(spaced, sizeof spaced, " %s ", key);
    const char *at = strstr(text, spaced);
    *to = '\0';
    if (at)
        sscanf(at + strlen(spaced), "%63s", to);
    return to;
}

static enum host_fate kernels_fate(const char *said, int status)
{
    static const struct {
        const char *word;
        enum host_fate fate;
    } fates[] = {
        {"local ", HOST_LOCAL},       {"anycast ", HOST_LOCAL},       {"broadcast ", HOST_SPECIAL},
        {"multicast ", HOST_SPECIAL}, {"unreachable ", HOST_NOWHERE}, {"prohibit ", HOST_NOWHERE},
        {"blackhole ", HOST_NOWHERE},
    };
    if (status != 0)
        return HOST_NOWHERE;
    for (size_t i = 0; i < COUNT(fates); i++) {
        if (strncmp(said, fates[i].word, strlen(fates[i].word)) == 0)
            return fates[i].fate;
    }
    return HOST_FORWARD;
}

static bool is_alike(const struct host_way *way, enum host_fate fate, const char *said)
{
    char out[WORD], source[WORD];

    if (way->fate != fate)
        return false;
    if (fate != HOST_FORWARD)
        return true;
    several += !way->out[0];
    if (way->out[0] && strcmp(way->out, value_of(said, "dev", out)) != 0)
        return false;
    value_of(said, "src", source);
    if (!way->has_source || !source[0])
        return true;
    struct packet_address kernels = parse(source);
    return packet_address_equal(&way->source, &kernels);
}

static void ask(uint8_t family)
{
    char to[WORD], from[WORD] = "", in[WORD] = "", line[400];
    struct host_question q = {
        .family = family, .mark = below(4), .tos = (uint8_t)(one_in(3) ? 4 << below(3) : 0)};
    struct host_way way;
    int status;

    q.destination = parse(pick(to, family, ""));
    snprintf(line, sizeof line, "ip -%d route get %s mark %u tos 0x%02x", version(family), to, q.mark, q.tos);
    if (!one_in(4)) {
        snprintf(in, sizeof in, "v%u", below(LINKS));
        q.in = in;
        q.source = parse(pick(from, family, ""));
        snprintf(line + strlen(line), sizeof line - strlen(line), " from %s iif %s", from, in);
    }
    const char *said = SHELL(&status, "%s 2>&1", line);
    host_route(host, &q, &way);
    if (way.fate == HOST_FORWARD && q.in && host_forwards(host, family, in) == HOST_NO)
        way.fate = HOST_NOWHERE;
    enum host_fate fate = kernels_fate(said, status);
    asked++;
    unknown_count += way.fate == HOST_UNKNOWN;
    if (way.fate != HOST_UNKNOWN && !is_alike(&way, fate, said)) {
        print_message("%s\nthe kernel: %d %s\nwe: fate %d out %s why %s\n", line, (int)fate, said,
                      (int)way.fate, way.out, way.why ? way.why : "");
        fputs(SHELL(NULL,
                    "ip -%d rule; ip -%d route show table all; ip -%d addr; cd /proc/sys/net/ipv4/conf; "
                    "grep . ../../ipv6/conf/v*/ignore_routes_with_linkdown */forwarding */rp_filter "
                    "*/accept_local */src_valid_mark */ignore_routes_with_linkdown",
                    version(family), version(family), version(family)),
              stderr);
        fail();
    }
}

static void test_same_as_the_kernel(void **state)
{
    (void)state;
    for (unsigned world = 0; world < WORLDS; world++) {
        host = host_new();
        assert_non_null(host);
        make_world();
        for (unsigned i = 0; i < QUESTIONS; i++) {
            ask(PACKET_IPV4);
            ask(PACKET_IPV6);
        }
        host_free(&host);
    }
    print_message("%u questions, %u unknown, %u with several ways\n", asked, unknown_count, several);
    assert_true(unknown_count * 20 < asked);
}

/* ---- the address that masquerading takes ---- */

enum { MASKED = 40, PORT = 5555 };

static void send_from(uint8_t family, const struct packet_address *from, const struct packet_address *to)
{
    struct sockaddr_in own4 = {.sin_family = AF_INET, .sin_port = htons(PORT)}, other4 = own4;
    struct sockaddr_in6 own6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)}, other6 = own6;
    bool four = family == PACKET_IPV4;
    int s = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(s >= 0);
    memcpy(&own4.sin_addr, from->word, 4);
    memcpy(&other4.sin_addr, to->word, 4);
    memcpy(&own6.sin6_addr, from->word, 16);
    memcpy(&other6.sin6_addr, to->word, 16);
    assert_int_equal(four ? bind(s, (struct sockaddr *)&own4, sizeof own4)
                          : bind(s, (struct sockaddr *)&own6, sizeof own6),
                     0);
    /* that it does not arrive is no matter: it is masked before its neighbour is asked for */
    (void)!(four ? sendto(s, "x", 1, 0, (struct sockaddr *)&other4, sizeof other4)
                 : sendto(s, "x", 1, 0, (struct sockaddr *)&other6, sizeof other6));
    close(s);
}

static void make_masked_world(uint8_t family)
{
    char address[WORD], gateway[WORD];
    bool four = family == PACKET_IPV4;

    assert_int_equal(unshare(CLONE_NEWNET), 0);
    SHELL(NULL,
          "ip link set lo up; ip addr add dev lo %s; ip link add v0 type veth peer name p0; ip link set v0 "
          "up; ip link "
          "set p0 up",
          four ? "192.0.2.9/32" : "2001:db8:9::9/128 nodad"); /* else it is tentative at first, on lo, too */
    for (unsigned n = 2 + below(2); n > 0; n--)
        SHELL(NULL, "ip addr add %s dev v0 %s 2>&1", pick(address, family, four ? "/24" : "/64"),
              four ? "" : "nodad");
    for (unsigned n = 4; n > 0; n--)
        SHELL(NULL, "ip -%d route add default via %s dev v0 2>&1", version(family),
              pick(gateway, family, ""));
    SHELL(NULL, "%s -t nat -A POSTROUTING -o v0 -j MASQUERADE 2>&1", four ? "iptables" : "ip6tables");
    take(HOST_ADDRESSES, "addr show");
    take(four ? HOST_ROUTES4 : HOST_ROUTES6, four ? "-4 route show table all" : "-6 route show table all");
}

/* The second "dst=" of its connection: where answers go. */
static bool kernels_mask(const char *to, struct packet_address *ret)
{
    char line[256], second[WORD];
    uint8_t family;

    snprintf(line, sizeof line, "conntrack -L -p udp --orig-dst %s 2>&1", to);
    const char *said = shell(line, NULL), *at = strstr(said, "dst=");
    at = at ? strstr(at + 4, "dst=") : NULL;
    return at && sscanf(at, "dst=%63s", second) == 1 && packet_address_parse(second, ret, &family) == 0;
}

static void mask(uint8_t family, unsigned *told)
{
    struct packet_address own = parse(family == PACKET_IPV4 ? "192.0.2.9" : "2001:db8:9::9"), got, kernels;
    char to[WORD];

    pick(to, family, "");
    struct packet_address destination = parse(to);
    send_from(family, &own, &destination);
    if (!kernels_mask(to, &kernels) || packet_address_equal(&kernels, &own))
        return; /* it did not go out */
    if (!host_address_of(host, "v0", family, &destination, &got))
        return;
    ++*told;
    if (!packet_address_equal(&got, &kernels)) {
        char text[INET6_ADDRSTRLEN];
        fail_msg("to %s: we: %s, the kernel: %s", to, packet_address_format(&got, family, text),
                 SHELL(NULL, "conntrack -L -p udp --orig-dst %s; ip addr show v0; ip -%d route", to,
                       version(family)));
    }
}

static void test_masquerading(void **state)
{
    unsigned told = 0;

    (void)state;
    if (system("conntrack --version && iptables --version") != 0)
        skip();
    for (unsigned i = 0; i < MASKED; i++) {
        uint8_t family = i % 2 ? PACKET_IPV6 : PACKET_IPV4;
        host = host_new();
        assert_non_null(host);
        make_masked_world(family);
        for (unsigned n = 0; n < 4; n++)
            mask(family, &told);
        host_free(&host);
    }
    print_message("%u addresses of masquerading\n", told);
    assert_true(told > MASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_as_the_kernel),
                                       cmocka_unit_test(test_masquerading)};

    if (getenv("HOST_SEED"))
        seed = strtoull(getenv("HOST_SEED"), NULL, 10);
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("no network namespace: %s\n", strerror(errno));
        return 77;
    }
    if (system("ip -V") != 0) {
        print_message("no ip\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
