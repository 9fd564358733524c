/* SPDX-License-Identifier: BSD-2-Clause */
#include "ask.h"

struct heard {
    unsigned count;
    char text[512]; /* "INPUT:1y U0:2n " */
};

static void hear(void *arg, const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number,
                 enum verdict_answer answer)
{
    struct heard *h = arg;
    size_t size = strlen(h->text);

    assert_ptr_equal(rule, &chain->rules[number - 1]);
    h->count++;
    snprintf(h->text + size, sizeof h->text - size, "%s:%u%c ", chain->name, number, "ny?!"[answer]);
}

struct walked {
    struct rules *rules;
    struct verdict verdict;
    struct heard heard;
};

static struct sample sample;

/* Walks INPUT of these rules with a packet to tcp port 21. */
static void walk_with(struct walked *w, const char *rules, struct verdict_packet *p,
                      enum rules_table_type table)
{
    struct verdict_memory *memory = verdict_memory_new();

    w->rules = read_rules(rules, PACKET_IPV4);
    w->heard = (struct heard){0};
    struct verdict_trace trace = {.arg = &w->heard, .rule = hear};
    linear_walk(w->rules, table, p, memory, true, &trace, &w->verdict);
    verdict_memory_free(&memory);
}

static struct verdict_packet packet_at(enum rules_hook hook)
{
    sample_build(&sample,
                 &(struct packet_recipe){.source_port = 40000, .destination_port = 21, .window_scale = -1});
    return (struct verdict_packet){.packet = &sample.packet, .hook = hook, .in = "eth0", .out = "eth1"};
}

/* What decided, as "CODE CHAIN NUMBER". */
static void assert_walk(const char *rules, const char *expected, const char *path)
{
    static const char *const codes[] = {"ACCEPT", "DROP", "REJECT", "DEPENDS"};
    struct verdict_packet p = packet_at(strstr(rules, ":OUTPUT") ? RULES_OUTPUT : RULES_INPUT);
    struct walked w;
    char text[128];

    walk_with(&w, rules, &p, RULES_FILTER);
    snprintf(text, sizeof text, "%s %s %u", codes[w.verdict.code],
             w.verdict.chain ? w.verdict.chain->name : "-", w.verdict.number);
    if (strcmp(text, expected) != 0)
        fail_msg("%s\ngives %s, expected %s (%s)", rules, text, expected, w.heard.text);
    if (path)
        assert_string_equal(w.heard.text, path);
    assert_int_equal(w.verdict.code == VERDICT_DEPENDS, w.verdict.because != NULL);
    rules_free(&w.rules);
}

#define INPUT(policy)  "*filter\n:INPUT " policy " [0:0]\n"
#define OUTPUT(policy) "*filter\n:OUTPUT " policy " [0:0]\n"

static void policies_and_targets(void **state)
{
    (void)state;
    assert_walk(INPUT("ACCEPT") "COMMIT\n", "ACCEPT INPUT 0", "");
    assert_walk(INPUT("DROP") "COMMIT\n", "DROP INPUT 0", "");
    assert_walk(INPUT("DROP") "-A INPUT -p udp -j DROP\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n",
                "ACCEPT INPUT 2", "INPUT:1n INPUT:2y ");
    assert_walk(INPUT("ACCEPT") "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n",
                "REJECT INPUT 1", NULL);
    assert_walk(INPUT("ACCEPT") "-A INPUT -j LOG\n-A INPUT -j NFLOG\n-A INPUT\n-A INPUT -j MARK --set-mark "
                                "1\n-A INPUT -j DROP\n"
                                "COMMIT\n",
                "DROP INPUT 5", "INPUT:1y INPUT:2y INPUT:3y INPUT:4y INPUT:5y ");
    assert_walk(INPUT("DROP") "-A INPUT -j RETURN\n-A INPUT -j ACCEPT\nCOMMIT\n", "DROP INPUT 0",
                "INPUT:1y ");
    assert_walk("*raw\nCOMMIT\n", "ACCEPT - 0", "");
}

static void chains(void **state)
{
    (void)state;
    assert_walk(INPUT("DROP") ":U -\n:V -\n-A INPUT -j U\n-A INPUT -j ACCEPT\n-A U -p udp -j DROP\n-A U -j "
                              "V\n-A V -j RETURN\n"
                              "-A V -j DROP\nCOMMIT\n",
                "ACCEPT INPUT 2", "INPUT:1y U:1n U:2y V:1y INPUT:2y ");
    assert_walk(INPUT("DROP") ":U -\n:V -\n-A INPUT -j U\n-A INPUT -j ACCEPT\n-A U -g V\n-A U -j DROP\n-A V "
                              "-j RETURN\nCOMMIT\n",
                "ACCEPT INPUT 2", "INPUT:1y U:1y V:1y INPUT:2y ");
    assert_walk(INPUT("DROP") ":U -\n-A INPUT -g U\n-A INPUT -j ACCEPT\n-A U -p udp -j ACCEPT\nCOMMIT\n",
                "DROP INPUT 0", "INPUT:1y U:1n ");
}

static void a_broken_header_drops(void **state)
{
    struct verdict_packet p = packet_at(RULES_INPUT);
    struct walked w;
    (void)state;

    sample.bytes[32] = 4 << 4;
    sample_decode(&sample);
    walk_with(&w, INPUT("ACCEPT") "-A INPUT -p tcp --tcp-option 2 -j ACCEPT\n-A INPUT -j ACCEPT\nCOMMIT\n",
              &p, RULES_FILTER);
    assert_int_equal(w.verdict.code, VERDICT_DROP);
    assert_int_equal(w.verdict.number, 1);
    assert_true(w.verdict.hotdrop);
    assert_string_equal(w.heard.text, "INPUT:1! ");
    assert_int_equal(w.verdict.rule->counters.packets, 0);
    rules_free(&w.rules);
}

/* -m owner is what nobody knows. */
#define WHO "-m owner --uid-owner 0"

static void unknown_both_ways(void **state)
{
    (void)state;
    assert_walk(OUTPUT("DROP") "-A OUTPUT " WHO " -j ACCEPT\nCOMMIT\n", "DEPENDS OUTPUT 1", "OUTPUT:1? ");
    assert_walk(OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j ACCEPT\nCOMMIT\n", "ACCEPT OUTPUT 0", NULL);
    assert_walk(OUTPUT("DROP") "-A OUTPUT " WHO " -j LOG\n-A OUTPUT " WHO "\n-A OUTPUT -j ACCEPT\nCOMMIT\n",
                "ACCEPT OUTPUT 3", NULL);
    assert_walk(OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j ACCEPT\n-A OUTPUT " WHO
                                 " -j DROP\n-A OUTPUT -j ACCEPT\nCOMMIT\n",
                "DEPENDS OUTPUT 2", "OUTPUT:1? OUTPUT:2? OUTPUT:3y ");
    assert_walk(OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j RETURN\n-A OUTPUT -j DROP\nCOMMIT\n",
                "DEPENDS OUTPUT 1", NULL);
    assert_walk(OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j RETURN\n-A OUTPUT -j ACCEPT\nCOMMIT\n",
                "ACCEPT OUTPUT 0", NULL);
    assert_walk(OUTPUT("DROP") ":U -\n-A OUTPUT " WHO
                               " -j U\n-A OUTPUT -j ACCEPT\n-A U -p udp -j DROP\nCOMMIT\n",
                "ACCEPT OUTPUT 2", "OUTPUT:1? U:1n OUTPUT:2y ");
    assert_walk(OUTPUT("DROP") ":U -\n-A OUTPUT " WHO
                               " -j U\n-A OUTPUT -j ACCEPT\n-A U -p tcp -j DROP\nCOMMIT\n",
                "DEPENDS OUTPUT 1", NULL);
    assert_walk(OUTPUT("DROP") ":U -\n-A OUTPUT " WHO
                               " -g U\n-A OUTPUT -j ACCEPT\n-A U -p udp -j ACCEPT\nCOMMIT\n",
                "DEPENDS OUTPUT 1", NULL);
    assert_walk(OUTPUT("ACCEPT") ":U -\n-A OUTPUT -j U\n-A OUTPUT -j DROP\n-A U " WHO
                                 " -j RETURN\n-A U -j DROP\nCOMMIT\n",
                "DROP OUTPUT 2", "OUTPUT:1y U:1? U:2y OUTPUT:2y ");
    assert_walk(OUTPUT("ACCEPT") ":U -\n-A OUTPUT -j U\n-A OUTPUT -j ACCEPT\n-A U " WHO
                                 " -j RETURN\n-A U -j DROP\nCOMMIT\n",
                "DEPENDS U 1", NULL);
    assert_walk(OUTPUT("ACCEPT") ":U -\n-A OUTPUT -j U\n-A OUTPUT -j ACCEPT\n-A U " WHO
                                 " -j RETURN\n-A U -j LOG\nCOMMIT\n",
                "ACCEPT OUTPUT 2", NULL);
}

static void counters(void **state)
{
    struct verdict_packet p = packet_at(RULES_OUTPUT);
    struct walked w;
    (void)state;

    walk_with(
        &w, OUTPUT("ACCEPT") "-A OUTPUT\n-A OUTPUT -p udp\n-A OUTPUT " WHO " -j ACCEPT\n-A OUTPUT\nCOMMIT\n",
        &p, RULES_FILTER);
    const struct rules_chain *output = rules_chain_at(w.rules, RULES_FILTER, RULES_OUTPUT);
    assert_int_equal(output->rules[0].counters.packets, 1);
    assert_int_equal(output->rules[0].counters.bytes, 40);
    assert_int_equal(output->rules[1].counters.packets, 0);
    /* Maybe it was accepted before. */
    assert_int_equal(output->rules[3].counters.packets, 0);
    assert_int_equal(output->counters.packets, 0);
    rules_free(&w.rules);
    walk_with(&w, OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j LOG\nCOMMIT\n", &p, RULES_FILTER);
    assert_int_equal(rules_chain_at(w.rules, RULES_FILTER, RULES_OUTPUT)->counters.packets, 1);
    rules_free(&w.rules);
}

static void marks(void **state)
{
    struct track_flow flow = {.mark = 0x30};
    struct track_view view = {.state = TRACK_NEW, .flow = &flow};
    struct verdict_packet p = packet_at(RULES_OUTPUT);
    struct walked w;
    (void)state;

    p.view = &view;
    p.mark = 0xf1;
    walk_with(
        &w,
        OUTPUT(
            "ACCEPT") "-A OUTPUT -j MARK --set-xmark 0x2/0xf\n-A OUTPUT -m mark --mark 0xf2 -j CONNMARK "
                      "--save-mark\n"
                      "-A OUTPUT -m connmark --mark 0xf2 -j CONNMARK --set-xmark 0x1/0x1\n"
                      "-A OUTPUT -j CONNMARK --restore-mark\n-A OUTPUT -m mark --mark 0xf3 -j DROP\nCOMMIT\n",
        &p, RULES_FILTER);
    assert_int_equal(w.verdict.code, VERDICT_DROP);
    assert_int_equal(w.verdict.mark, 0xf3);
    assert_true(w.verdict.connmark_set);
    assert_int_equal(w.verdict.connmark, 0xf3);
    assert_int_equal(w.verdict.unknown, 0);
    assert_int_equal(flow.mark, 0x30);
    rules_free(&w.rules);
}

/* A mark that an UNKNOWN rule may have set is unknown until a certain one sets it. */
static void marks_in_doubt(void **state)
{
    struct track_flow flow = {0};
    struct track_view view = {.state = TRACK_NEW, .flow = &flow};
    struct verdict_packet p = packet_at(RULES_OUTPUT);
    struct walked w;
    (void)state;

    p.view = &view;
    walk_with(&w,
              OUTPUT("ACCEPT") "-A OUTPUT " WHO
                               " -j MARK --set-mark 1\n-A OUTPUT -m mark --mark 1 -j DROP\nCOMMIT\n",
              &p, RULES_FILTER);
    assert_int_equal(w.verdict.code, VERDICT_DEPENDS);
    assert_int_equal(w.verdict.number, 2);
    assert_string_equal(w.verdict.because, "the mark of the packet");
    assert_int_equal(w.verdict.unknown, VERDICT_NO_MARK);
    rules_free(&w.rules);
    walk_with(&w,
              OUTPUT("ACCEPT") "-A OUTPUT " WHO " -j MARK --set-mark 1\n-A OUTPUT -j MARK --set-mark 2\n"
                               "-A OUTPUT -m mark --mark 1 -j DROP\n-A OUTPUT " WHO
                               " -j CONNMARK --set-mark 5\nCOMMIT\n",
              &p, RULES_FILTER);
    assert_int_equal(w.verdict.code, VERDICT_ACCEPT);
    assert_int_equal(w.verdict.mark, 2);
    assert_int_equal(w.verdict.unknown, VERDICT_NO_CONNMARK);
    rules_free(&w.rules);
}

static void templates(void **state)
{
    struct verdict_packet p = packet_at(RULES_OUTPUT);
    struct walked w;
    (void)state;

    /* The first one counts; what follows sees a NEW connection that has nothing of its own. */
    walk_with(
        &w,
        "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m conntrack --ctstate INVALID\n"
        "-A OUTPUT -p tcp --dport 21 -j CT --helper ftp\n-A OUTPUT -j CT --notrack\n"
        "-A OUTPUT -m conntrack --ctstate NEW\n-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n",
        &p, RULES_RAW);
    assert_string_equal(w.heard.text, "OUTPUT:1y OUTPUT:2y OUTPUT:3y OUTPUT:4y OUTPUT:5n ");
    assert_int_equal(w.verdict.template.helper, TRACK_HELPER_FTP);
    assert_false(w.verdict.template.notrack);
    rules_free(&w.rules);
    walk_with(&w,
              "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j CT --notrack\n-A OUTPUT -m state --state UNTRACKED "
              "-j DROP\nCOMMIT\n",
              &p, RULES_RAW);
    assert_int_equal(w.verdict.code, VERDICT_DROP);
    assert_true(w.verdict.template.notrack);
    rules_free(&w.rules);
    walk_with(&w, "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp " WHO " -j CT --notrack\nCOMMIT\n", &p,
              RULES_RAW);
    assert_int_equal(w.verdict.code, VERDICT_DEPENDS);
    assert_int_equal(w.verdict.number, 1);
    assert_string_equal(w.verdict.because, "the owner of the socket");
    rules_free(&w.rules);
}

/* A bucket from which a packet maybe has drawn can't be trusted any more. */
static void limits_in_doubt(void **state)
{
    (void)state;
    assert_walk(OUTPUT("DROP") "-A OUTPUT " WHO " -m limit --limit 1/s -j LOG\n-A OUTPUT -j ACCEPT\nCOMMIT\n",
                "ACCEPT OUTPUT 2", NULL);
    assert_walk(
        OUTPUT("DROP") "-A OUTPUT " WHO
                       " -j DROP\n-A OUTPUT -m limit --limit 1/s -j DROP\n-A OUTPUT -j DROP\nCOMMIT\n",
        "DROP OUTPUT 3", "OUTPUT:1? OUTPUT:2? OUTPUT:3y ");
}

/* Two chains that each jump to the next twice would be walked 2^64 times. */
static void bounded_work(void **state)
{
    char text[8192] = "*filter\n:INPUT ACCEPT [0:0]\n";
    struct verdict_packet p = packet_at(RULES_INPUT);
    struct walked w;
    char line[64];
    (void)state;

    for (unsigned i = 0; i < 60; i++)
        sprintf(text + strlen(text), ":C%u -\n", i);
    strcat(text, "-A INPUT -j C0\n");
    for (unsigned i = 0; i < 59; i++) {
        snprintf(line, sizeof line, "-A C%u -j C%u\n", i, i + 1);
        strcat(text, line);
        strcat(text, line);
    }
    strcat(text, "COMMIT\n");
    w.rules = read_rules(text, PACKET_IPV4);
    struct verdict_memory *memory = verdict_memory_new();
    linear_walk(w.rules, RULES_FILTER, &p, memory, false, NULL, &w.verdict);
    assert_int_equal(w.verdict.code, VERDICT_DEPENDS);
    assert_string_equal(w.verdict.because, "more rules than are followed for one packet");
    verdict_memory_free(&memory);
    rules_free(&w.rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_and_targets),
        cmocka_unit_test(chains),
        cmocka_unit_test(a_broken_header_drops),
        cmocka_unit_test(unknown_both_ways),
        cmocka_unit_test(counters),
        cmocka_unit_test(marks),
        cmocka_unit_test(marks_in_doubt),
        cmocka_unit_test(templates),
        cmocka_unit_test(limits_in_doubt),
        cmocka_unit_test(bounded_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
