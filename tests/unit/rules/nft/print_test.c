/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/nft/attach.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE(list) "{\"nftables\": [" list "{\"metainfo\": {\"version\": \"1.0.6\"}}]}"

static struct nft_ruleset *read_whole(const char *text)
{
    struct nft_ruleset *n = NULL;
    struct rules_error error = {0};

    if (nft_read(text, strlen(text), "test", &n, &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    return n;
}

static const char printed_json[] = "{\"nftables\": ["
#define OBJECT(json)     json ","
#define RULE(json, text) json ","
#include "printed.h"
#undef OBJECT
#undef RULE
                                   "{\"metainfo\": {}}]}";

static const char *const printed_text[] = {
#define OBJECT(json)
#define RULE(json, text) text,
#include "printed.h"
};

static const struct nft_chain *find_chain(const struct nft_ruleset *n, const char *name)
{
    for (size_t i = 0; i < n->chain_count; i++) {
        if (strcmp(n->chains[i]->name, name) == 0)
            return n->chains[i];
    }
    fail_msg("no chain %s", name);
    return NULL;
}

static void rules_are_printed_as_nft_prints_them(void **state)
{
    struct nft_ruleset *n = read_whole(printed_json);
    static const char *const chains[] = {"input", "raw", "pre", "post"};
    size_t at = 0;

    (void)state;
    for (size_t c = 0; c < COUNT(chains); c++) {
        const struct nft_chain *chain = find_chain(n, chains[c]);
        for (size_t i = 0; i < chain->count; i++) {
            char *text = nft_rule_text(chain->rules[i]);
            assert_string_equal(text, printed_text[at++]);
            free(text);
        }
    }
    assert_int_equal(at, COUNT(printed_text));
    nft_release(&n);
    assert_null(n);
}

static void heads_of_chains_name_their_priority(void **state)
{
    static const struct {
        const char *chain, *text;
    } heads[] = {{"input", "type filter hook input priority filter; policy drop;"},
                 {"raw", "type filter hook prerouting priority raw; policy accept;"},
                 {"pre", "type nat hook prerouting priority dstnat + 5; policy accept;"},
                 {"other", ""}};
    struct nft_ruleset *n = read_whole(printed_json);

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        char *text = nft_chain_text(find_chain(n, heads[i].chain));
        assert_string_equal(text, heads[i].text);
        free(text);
    }
    nft_release(&n);
}

#define TABLE                                                                                                \
    "{\"table\":{\"family\":\"inet\",\"name\":\"t\"}},{\"chain\":{\"family\":\"inet\",\"table\":\"t\","      \
    "\"name\":\"c\"}},"
#define ONE(expr)                                                                                            \
    WHOLE(TABLE "{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"c\",\"expr\":[" expr "]}},")

static void what_is_not_understood_keeps_its_name(void **state)
{
    static const struct {
        const char *json, *text;
        bool ends;
    } rules[] = {
        {ONE("{\"queue\":null}"), "queue ...", true},
        {ONE("{\"brand new\":{\"a\":1}}"), "brand new ...", true},
        {ONE("{\"xt\":{\"type\":\"target\",\"name\":\"TPROXY\"}}"), "TPROXY ...", true},
        {ONE("{\"xt\":{\"type\":\"match\",\"name\":\"conntrack\"}}"), "conntrack ...", false},
        {ONE("{\"last\":null}"), "last ...", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct nft_ruleset *n = read_whole(rules[i].json);
        const struct nft_rule *rule = n->chains[0]->rules[0];
        char *text = nft_rule_text(rule);
        assert_string_equal(text, rules[i].text);
        assert_int_equal(rule->statements->kind, NFT_DO_UNKNOWN);
        assert_int_equal(rule->statements->unknown.ends, rules[i].ends);
        free(text);
        nft_release(&n);
    }
}

/* The same rules, as two versions list them. */
static void versions_write_differently(void **state)
{
    static const char json[] =
        "{\"nftables\":[{\"metainfo\":{\"version\":\"%s\"}},{\"table\":{\"family\":\"inet\",\"name\":\"t\"}},"
        "{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"c\",\"type\":\"filter\",\"hook\":"
        "\"input\",\"prio\":105,"
        "\"policy\":\"accept\"}},{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"c\",\"expr\":["
        "{\"match\":{\"op\":\"==\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},"
        "{\"|\":[\"syn\",\"ack\"]}]},"
        "\"right\":\"syn\"}},"
        "{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[{\"payload\":{\"protocol\":\"ip\",\"field\":\"frag-off\"}"
        "},8191]},\"right\":0}},"
        "{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"icmp\",\"field\":\"code\"}},"
        "\"right\":3}},"
        "{\"limit\":{\"rate\":5,\"burst\":5,\"per\":\"second\"}}]}}]}";
    static const struct {
        const char *version, *head, *rule;
    } rows[] = {
        {"1.0.6", "type filter hook input priority 105; policy accept;",
         "tcp flags syn / syn | ack ip frag-off & 8191 != 0 icmp code port-unreachable limit rate 5/second"},
        {"1.1.3", "type filter hook input priority srcnat + 5; policy accept;",
         "tcp flags & (syn | ack) == syn ip frag-off & 0x1fff != 0x0 icmp code 3 limit rate 5/second burst 5 "
         "packets"},
        {"2.0", "type filter hook input priority srcnat + 5; policy accept;",
         "tcp flags & (syn | ack) == syn ip frag-off & 0x1fff != 0x0 icmp code 3 limit rate 5/second burst 5 "
         "packets"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char whole[2000];
        snprintf(whole, sizeof(whole), json, rows[i].version);
        struct nft_ruleset *n = read_whole(whole);
        char *head = nft_chain_text(n->chains[0]), *rule = nft_rule_text(n->chains[0]->rules[0]);
        assert_string_equal(head, rows[i].head);
        assert_string_equal(rule, rows[i].rule);
        free(head);
        free(rule);
        nft_release(&n);
    }
}

static void mistakes_have_line_and_column(void **state)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *what;
    } mistakes[] = {
        {"{\"nftables\": [\n{\"table\": }\n]}", 2, "unexpected token"},
        {"{\"nftables\": 5}", 1, "no list"},
        {"{\"nftables\": []", 1, "expected"},
        {"", 1, "expected"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct nft_ruleset *n = NULL;
        struct rules_error error = {0};
        assert_int_equal(nft_read(mistakes[i].text, strlen(mistakes[i].text), "test", &n, &error), -22);
        assert_null(n);
        assert_int_equal(error.line, mistakes[i].line);
        assert_true(error.column >= 1);
        assert_non_null(strstr(error.message, mistakes[i].what));
    }
}

static void nesting_has_a_limit(void **state)
{
    char deep[8000] = "";
    char *whole = NULL;
    struct nft_ruleset *n;

    (void)state;
    for (int i = 0; i < 200; i++)
        strcat(deep, "{\"&\":[");
    strcat(deep, "1");
    for (int i = 0; i < 200; i++)
        strcat(deep, ",1]}");
    assert_true(asprintf(&whole, ONE("{\"match\":{\"op\":\"==\",\"left\":%s,\"right\":1}}"), deep) > 0);
    n = read_whole(whole);
    assert_int_equal(n->chains[0]->count, 1);
    nft_release(&n);
    free(whole);
}

#define BASE(family, table, chain, hook, prio)                                                               \
    "{\"chain\":{\"family\":\"" family "\",\"table\":\"" table "\",\"name\":\"" chain                        \
    "\",\"type\":\"filter\",\"hook\":\"" hook "\",\"prio\":" prio ",\"policy\":\"drop\"}},"

static void chains_are_met_where_packets_pass(void **state)
{
    static const char text[] = WHOLE(
        "{\"table\":{\"family\":\"ip\",\"name\":\"filter\"}},{\"table\":{\"family\":\"ip6\",\"name\":\"six\"}"
        "},"
        "{\"table\":{\"family\":\"inet\",\"name\":\"off\",\"flags\":[\"dormant\"]}},"
        "{\"table\":{\"family\":\"netdev\",\"name\":\"dev\"}},"
        "{\"table\":{\"family\":\"ip\",\"name\":\"flagged\",\"flags\":\"flagged\"}}," BASE(
            "ip", "filter", "INPUT", "input", "0") BASE("ip", "filter", "guard", "input", "-5")
            BASE("ip6", "six", "in", "input", "0") BASE("inet", "off", "in", "input", "0")
                BASE("netdev", "dev", "in", "ingress", "0") BASE("ip", "flagged", "in", "input", "0"));
    struct rules *r = NULL;
    struct rules_error error = {0};

    (void)state;
    assert_int_equal(nft_read_rules(text, sizeof(text) - 1, "test", 0, &r, &error), 0);
    assert_int_equal(r->family, PACKET_IPV4);
    assert_true(nft_chain_is_met(r->nft->chains[0], PACKET_IPV4));
    assert_int_equal(r->nft->chains[0]->iptables_table, RULES_FILTER);
    assert_int_equal(r->nft->chains[1]->iptables_table, RULES_TABLES);
    assert_false(nft_chain_is_met(r->nft->chains[2], PACKET_IPV4));
    assert_true(nft_chain_is_met(r->nft->chains[2], PACKET_IPV6));
    assert_false(nft_chain_is_met(r->nft->chains[3], PACKET_IPV4));
    assert_int_equal(r->beside_count, 2); /* ingress, and a table that is maybe dormant */
    assert_false(nft_chain_is_met(r->nft->chains[5], PACKET_IPV4));
    assert_true(nft_chain_is_maybe_met(r->nft->chains[5], PACKET_IPV4));
    assert_non_null(strstr(r->beside[0].what, "netdev dev"));
    assert_false(rules_pass_all(r));

    struct rules *copy = rules_copy(r);
    assert_ptr_equal(copy->nft, r->nft);
    assert_int_equal(r->nft->holders, 2);
    rules_free(&r);
    rules_free(&copy);
}

static void count_ports(void *arg, uint16_t first, uint16_t last)
{
    *(unsigned *)arg += last - first + 1U;
}

/* Who counts what a repair opens asks at those ports alone, unless a rule may ask for others. */
static void ports_that_rules_ask_for(void **state)
{
#define PORT_21                                                                                              \
    "{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":" \
    "21}}"
    static const struct {
        const char *json;
        bool all;
    } rows[] = {
        {ONE(PORT_21), true},
        {ONE(PORT_21 ",{\"mangle\":{\"key\":{\"tcp "
                     "option\":{\"name\":\"maxseg\",\"field\":\"size\"}},\"value\":{\"rt\":{\"key\":"
                     "\"mtu\"}}}}"),
         true},
        {ONE(PORT_21 ",{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifgroup\"}},\"right\":1}}"),
         true},
        {ONE(PORT_21 ",{\"match\":{\"op\":\"==\",\"left\":{\"jhash\":{\"mod\":2,\"expr\":{\"payload\":{"
                     "\"protocol\":\"tcp\",\"field\":"
                     "\"dport\"}}}},\"right\":1}}"),
         false},
        {ONE(PORT_21 ",{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"base\":\"th\",\"offset\":16,"
                     "\"len\":8}},\"right\":1}}"),
         false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct nft_ruleset *n = read_whole(rows[i].json);
        unsigned count = 0;
        assert_int_equal(nft_ports(n, count_ports, &count), rows[i].all);
        assert_int_equal(count, 1);
        nft_release(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_printed_as_nft_prints_them),
        cmocka_unit_test(versions_write_differently),
        cmocka_unit_test(heads_of_chains_name_their_priority),
        cmocka_unit_test(what_is_not_understood_keeps_its_name),
        cmocka_unit_test(mistakes_have_line_and_column),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(chains_are_met_where_packets_pass),
        cmocka_unit_test(ports_that_rules_ask_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
