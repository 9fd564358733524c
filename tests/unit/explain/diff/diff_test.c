/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/diff.h"

#include "unit.h"

#include "packet/build.h"
#include "packet/decode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rules *read_rules(const char *text)
{
    struct rules *r = NULL;
    struct rules_error error;
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    return r;
}

static struct rules *filter(const char *lines)
{
    char text[4096];
    snprintf(text, sizeof(text),
             "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%sCOMMIT\n", lines);
    return read_rules(text);
}

static struct diff *compare(struct rules *old, struct rules *new)
{
    struct play play;
    play_defaults(&play);
    struct diff *d = diff_rules(old, new, &play);
    assert_non_null(d);
    return d;
}

/* ---- single changes ---- */

static bool is_session(const struct diff_change *c)
{
    return strncmp(c->witness, "FTP ", 4) == 0;
}

static void each_change_has_its_witness_and_scope(void **state)
{
    static const struct {
        const char *old, *new, *witness, *scope;
    } cases[] = {
        {"-A INPUT -p tcp --dport 22 -j DROP\n", "-A INPUT -p tcp --dport 22 -j REJECT\n",
         "INPUT tcp 192.168.0.2:40000 -> 192.168.0.18:22 SYN, NEW", "tcp to port 22"},
        {"", "-A INPUT -s 192.168.0.0/24 -p udp --dport 53 -j DROP\n",
         "INPUT udp 192.168.0.2:40000 -> 192.168.0.18:53, udp, 0 bytes, NEW",
         "udp from 192.168.0.0/24 to port 53"},
        {"-A FORWARD -i eth0 -j DROP\n", "",
         "FORWARD tcp 192.168.0.2:40000 -> 192.168.0.18:80 SYN, NEW, in eth0",
         "everything, coming in on eth0"},
        {"-A INPUT -s 192.168.0.1 -j ACCEPT\n-A INPUT -j DROP\n",
         "-A INPUT -p tcp --dport 80 -j ACCEPT\n-A INPUT -s 192.168.0.1 -j ACCEPT\n-A INPUT -j DROP\n",
         "INPUT tcp 192.168.0.2:40000 -> 192.168.0.18:80 SYN, NEW",
         "tcp from anything but 192.168.0.1 to port 80"},
        {"-A INPUT -m state --state ESTABLISHED -j DROP\n", "",
         "INPUT tcp 192.168.0.2:40000 -> 192.168.0.18:80 ACK, ESTABLISHED", "everything, ESTABLISHED"},
        {"-A INPUT -p tcp --dport 80 -m limit --limit 5/min -j DROP\n", "",
         "INPUT tcp 192.168.0.2:40000 -> 192.168.0.18:80 SYN, NEW",
         "tcp to port 80, where \"-m limit --limit 5/min\" holds"},
        {"-A INPUT -p icmp --icmp-type 8 -j DROP\n", "",
         "INPUT icmp 192.168.0.2 -> 192.168.0.18, ICMP echo request, NEW", "icmp type 8"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *old = filter(cases[i].old), *new = filter(cases[i].new);
        struct diff *d = compare(old, new);
        assert_true(d->complete);
        size_t flows = 0;
        for (size_t k = 0; k < d->count; k++) {
            if (is_session(&d->changes[k]))
                continue;
            flows++;
            assert_string_equal(d->changes[k].witness, cases[i].witness);
            assert_string_equal(d->changes[k].scope, cases[i].scope);
        }
        assert_int_equal(flows, 1);
        diff_free(&d);
        rules_free(&old);
        rules_free(&new);
    }
}

static void what_only_looks_different_is_no_change(void **state)
{
    static const char *const pairs[][2] = {
        {"-A INPUT -p tcp --dport 1:10 -j DROP\n-A INPUT -p tcp --dport 11:20 -j DROP\n",
         "-A INPUT -p tcp --dport 1:20 -j DROP\n"},
        {"-A INPUT -p tcp --dport 1 -j DROP\n-A INPUT -p tcp --dport 2 -j ACCEPT\n",
         "-A INPUT -p tcp --dport 2 -j ACCEPT\n-A INPUT -p tcp --dport 1 -j DROP\n"},
        {"-A INPUT -j DROP\n", "-A INPUT -j DROP\n-A INPUT -p tcp -j ACCEPT\n"},
        {"-A INPUT -p tcp -m multiport --dports 1,2 -j DROP\n",
         "-A INPUT -p tcp --dport 1 -j DROP\n-A INPUT -p tcp --dport 2 -j DROP\n"},
        {"-A INPUT -s 10.0.0.0/24 -j DROP\n",
         "-A INPUT -s 10.0.0.0/25 -j DROP\n-A INPUT -s 10.0.0.128/25 -j DROP\n"},
        {"-A INPUT -p tcp -j LOG\n", ""},
        {":A - [0:0]\n-A INPUT -p tcp -j A\n-A A -p tcp --dport 1 -j RETURN\n-A A -j DROP\n",
         "-A INPUT -p tcp ! --dport 1 -j DROP\n"},
        {"-A INPUT -m state --state NEW -j DROP\n", "-A INPUT -m conntrack --ctstate NEW -j DROP\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct rules *old = filter(pairs[i][0]), *new = filter(pairs[i][1]);
        struct diff *d = compare(old, new);
        if (d->count || !d->complete)
            fail_msg("pair %zu: %s", i, d->count ? d->changes[0].witness : "not complete");
        diff_free(&d);
        rules_free(&old);
        rules_free(&new);
    }
}

static void an_ftp_session_that_changes_is_told(void **state)
{
    struct rules *old = filter("-A INPUT -p tcp --dport 21 -j ACCEPT\n-A INPUT -j DROP\n");
    struct rules *new = filter(
        "-A INPUT -p tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp --dport 20 -j ACCEPT\n-A INPUT -j DROP\n");
    struct diff *d = compare(old, new);
    size_t sessions = 0;
    (void)state;
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_change *c = &d->changes[i];
        if (!is_session(c))
            continue;
        sessions++;
        assert_non_null(strstr(c->witness, strstr(c->witness, "eprt") ? "eprt" : "active"));
        assert_int_equal(c->before, WALL_DROP);
        assert_int_equal(c->after, WALL_PASS);
        assert_string_equal(c->scope, "LIST, RETR, STOR");
    }
    assert_int_equal(sessions, 4); /* active and eprt, plain and under TLS */
    diff_free(&d);
    rules_free(&old);
    rules_free(&new);
}

/* ---- random pairs: each packet that fares differently is accounted for ---- */

static uint64_t seed;

static unsigned pick(unsigned limit)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % limit;
}

static const char *one_of(const char *const *list, unsigned count)
{
    return list[pick(count)];
}
#define ONE_OF(list) one_of(list, COUNT(list))

static void random_rule(char *out, size_t size, const char *chain, bool user)
{
    static const char *const sources[] = {"",
                                          "",
                                          " -s 10.0.0.1",
                                          " ! -s 10.0.0.0/30",
                                          " -s 10.0.0.0/29",
                                          " -m iprange --src-range 10.0.0.2-10.0.0.5"};
    static const char *const destinations[] = {"", "", " -d 10.0.0.9", " -d 10.0.0.8/30"};
    static const char *const interfaces[] = {"", "", "", " -i eth0", " ! -i eth+", " -i ppp+"};
    static const char *const protocols[] = {"",
                                            " -p tcp",
                                            " -p tcp --dport 20:22",
                                            " -p tcp --dport 21",
                                            " -p tcp ! --dport 21",
                                            " -p tcp --sport 1024: --dport 22",
                                            " -p tcp --syn",
                                            " -p tcp -m multiport --dports 20,22:24",
                                            " -p tcp -m multiport ! --ports 21,23",
                                            " -p tcp -m multiport --ports 20,1024",
                                            " ! -p tcp",
                                            " -p udp --dport 21:23"};
    static const char *const states[] = {"",
                                         "",
                                         "",
                                         " -m state --state NEW",
                                         " -m state --state RELATED,ESTABLISHED",
                                         " -m state ! --state NEW",
                                         " -m state --state UNTRACKED"};
    static const char *const targets[] = {"ACCEPT", "DROP", "REJECT", "ACCEPT", "DROP", "RETURN"};
    static const char *const calls[] = {" -j A", " -j B", " -g A", " -g B"};
    char target[16];
    if (!user && pick(4) == 0)
        snprintf(target, sizeof(target), "%s", ONE_OF(calls));
    else
        snprintf(target, sizeof(target), " -j %s", ONE_OF(targets));
    snprintf(out, size, "-A %s%s%s%s%s%s%s\n", chain, ONE_OF(sources), ONE_OF(destinations),
             ONE_OF(interfaces), ONE_OF(protocols), ONE_OF(states), target);
}

enum { LINES = 12, LINE = 200 };

static char *random_text(char lines[LINES][LINE], bool raw)
{
    static char text[LINES * LINE + 600];
    snprintf(
        text, sizeof(text),
        "%s*filter\n:INPUT %s [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n",
        raw ? "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 22 -j NOTRACK\n-A PREROUTING -s "
              "10.0.0.1 -j DROP\nCOMMIT\n"
            : "",
        "DROP");
    for (int i = 0; i < LINES; i++)
        strcat(text, lines[i]);
    strcat(text, "COMMIT\n");
    return text;
}

static void random_lines(char lines[LINES][LINE])
{
    for (int i = 0; i < LINES; i++)
        random_rule(lines[i], LINE, i < 6 ? "INPUT" : i < 9 ? "A" : "B", i >= 6);
}

static struct wall_ask random_ask(struct packet *packet, uint8_t *buffer, size_t size,
                                  struct wall_world *world)
{
    static const char *const names[] = {"eth0", "eth1", "ppp0", "other"};
    static const uint16_t ports[] = {20, 21, 22, 23, 24, 1023, 1024, 1025};
    static const enum track_state states[] = {TRACK_NEW, TRACK_NEW, TRACK_ESTABLISHED, TRACK_RELATED};
    enum track_state state = states[pick(4)];
    struct packet_recipe recipe = {
        .family = PACKET_IPV4,
        .protocol = pick(4) == 0 ? PACKET_UDP : PACKET_TCP,
        .source = {{htonl(0x0a000000 + pick(10))}},
        .destination = {{htonl(0x0a000000 + 6 + pick(7))}},
        .source_port = ports[pick(8)],
        .destination_port = ports[pick(8)],
        .tcp = {.flags = state == TRACK_ESTABLISHED ? PACKET_ACK : PACKET_SYN},
        .window_scale = -1,
    };
    int built = packet_build(&recipe, buffer, size);
    assert_true(built > 0);
    assert_int_equal(packet_decode(buffer, (size_t)built, false, packet), 0);
    *world =
        (struct wall_world){.in = names[pick(4)], .out = "", .local = &packet->destination, .local_count = 1};
    return (struct wall_ask){.packet = packet, .path = WALL_IN, .world = world, .state = state};
}

static bool is_decided_by(const struct story_rule *rule, const struct wall_report *report)
{
    const struct verdict *v = &report->verdict;
    const char *table = rules_table_name(report->table);
    return rule->chain && v->chain && strcmp(rule->chain, v->chain->name) == 0 && rule->number == v->number &&
           strcmp(rule->table, table) == 0;
}

static bool is_accounted_for(const struct diff *d, const struct wall_report *before,
                             const struct wall_report *after)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_change *c = &d->changes[i];
        if (c->before == before->fate && c->after == after->fate && is_decided_by(&c->old_rule, before) &&
            is_decided_by(&c->new_rule, after))
            return true;
    }
    return false;
}

static void probe(const struct rules *old, const struct rules *new, const struct diff *d, unsigned round)
{
    uint8_t buffer[128];
    struct track_config config;
    struct wall_rules *rules[] = {wall_rules_new(old), wall_rules_new(new)};
    struct wall *walls[2];
    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    for (int i = 0; i < 2; i++) {
        assert_non_null(rules[i]);
        walls[i] = wall_new(rules[i], &config, NULL, NULL);
        assert_non_null(walls[i]);
    }
    for (int i = 0; i < 300; i++) {
        struct packet packet;
        struct wall_world world;
        struct wall_report before, after;
        struct wall_ask ask = random_ask(&packet, buffer, sizeof(buffer), &world);
        wall_ask(walls[0], &ask, NULL, &before);
        wall_ask(walls[1], &ask, NULL, &after);
        if (before.fate == after.fate || is_accounted_for(d, &before, &after))
            continue;
        char *from = rules_save(old, NULL, 0), *to = rules_save(new, NULL, 0);
        fail_msg("round %u: %s:%u %u -> %u state %d in %s: was decided by %s %u, is by %s %u\n%s\n%s", round,
                 packet.protocol == PACKET_TCP ? "tcp" : "udp", packet.source_port, packet.destination_port,
                 ntohl(packet.source.word[0]) & 255, (int)ask.state, world.in, before.verdict.chain->name,
                 before.verdict.number, after.verdict.chain->name, after.verdict.number, from, to);
    }
    for (int i = 0; i < 2; i++) {
        wall_free(&walls[i]);
        wall_rules_free(&rules[i]);
    }
}

static void every_difference_is_found(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        static char lines[LINES][LINE];
        seed = round + 1;
        random_lines(lines);
        bool raw = pick(3) == 0;
        struct rules *old = read_rules(random_text(lines, raw));
        for (unsigned n = 1 + pick(3); n > 0; n--) {
            unsigned i = pick(LINES);
            random_rule(lines[i], LINE, i < 6 ? "INPUT" : i < 9 ? "A" : "B", i >= 6);
        }
        struct rules *new = read_rules(random_text(lines, pick(6) == 0 ? !raw : raw));
        struct diff *d = compare(old, new);
        if (!d->complete && !d->unsure)
            fail_msg("round %u is not complete:\n%s\n%s", round, rules_save(old, NULL, 0),
                     rules_save(new, NULL, 0));
        probe(old, new, d, round);
        diff_free(&d);
        rules_free(&old);
        rules_free(&new);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_has_its_witness_and_scope),
        cmocka_unit_test(what_only_looks_different_is_no_change),
        cmocka_unit_test(an_ftp_session_that_changes_is_told),
        cmocka_unit_test(every_difference_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
