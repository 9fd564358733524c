/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/forms/forms_text.h"

static void what_iptables_S_prints_is_a_table(void **state)
{
    (void)state;
    form_is("-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N web\n"
            "-A INPUT -p tcp -m tcp --dport 80 -j web\n-A web -s 192.0.2.0/24 -j ACCEPT\n",
            0, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD DROP\n-A INPUT -p tcp -m tcp --dport 80 -j web\n-A web -s "
            "192.0.2.0/24 -j ACCEPT\n");
}

static void several_tables_are_told_by_their_chains(void **state)
{
    static const char text[] =
        "-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n"
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-A POSTROUTING -o wan0 -j MASQUERADE\n"
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n-A PREROUTING -p udp -j NOTRACK\n";

    (void)state;
    form_is(text, 0, RULES_FILTER, "-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n");
    form_is(text, 0, RULES_NAT, "-A POSTROUTING -o wan0 -j MASQUERADE\n");
    form_is(text, 0, RULES_MANGLE, "-P FORWARD DROP\n");
    form_is(text, 0, RULES_RAW, "-A PREROUTING -p udp -j NOTRACK\n");
}

static void a_prompt_says_the_table_and_the_family(void **state)
{
    struct rules *r = form_read("root@gate:~# ip6tables -t raw -S\n-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n"
                                "-A OUTPUT -j NOTRACK\n",
                                0);

    (void)state;
    assert_int_equal(r->family, PACKET_IPV6);
    assert_int_equal(rules_chain_at(r, RULES_RAW, RULES_OUTPUT)->count, 1);
    rules_free(&r);
}

/* The text is no string: nothing may be read behind its last byte. */
static void a_prompt_may_end_with_a_dash(void **state)
{
    static const char text[] = "$ sudo iptables -S -";
    struct rules_error error = {0};
    struct rules *r = NULL;
    char *exact = malloc(sizeof(text) - 1);

    (void)state;
    assert_non_null(exact);
    memcpy(exact, text, sizeof(text) - 1);
    assert_int_equal(forms_read(exact, sizeof(text) - 1, "test", 0, &r, &error), -22);
    free(exact);
}

static void what_is_not_there_is_not_guessed(void **state)
{
    (void)state;
    /* one chain: the others' policies are nobody's, and so are the other tables */
    form_is("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", 0, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD ?\n-P OUTPUT ?\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n");
    /* bare rules */
    form_is("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP\n", 0, RULES_FILTER,
            "-P INPUT ?\n-P FORWARD ?\n-P OUTPUT ?\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j "
            "DROP\n");
    /* a chain that is jumped to and not shown may do anything */
    form_is("-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n-A INPUT -j banned\n", 0, RULES_FILTER,
            "-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n-A INPUT -j banned\n"
            "-A banned -m unknown --because \"what is in the chain banned, which is not shown\" -j ACCEPT\n"
            "-A banned -m unknown --because \"what is in the chain banned, which is not shown\" -j DROP\n");
    /* but one whose rules are there needs no -N */
    form_is("-A INPUT -j banned\n-A banned -s 192.0.2.7 -j DROP\n", 0, RULES_FILTER,
            "-P INPUT ?\n-P FORWARD ?\n-P OUTPUT ?\n-A INPUT -j banned\n-A banned -s 192.0.2.7/32 -j DROP\n");
}

static void tables_that_are_not_shown_are_beside(void **state)
{
    struct rules *r = form_read("-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n", 0);

    (void)state;
    assert_true(form_beside(r, "rules in the tables raw, mangle and nat (not shown here)"));
    assert_true(r->beside[0].rewrites);
    rules_free(&r);
    r = form_read(
        "-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n"
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n",
        0);
    assert_int_equal(r->beside_count, 0);
    rules_free(&r);
    r = form_read("*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\nCOMMIT\n",
                  0); /* iptables-save shows all there are */
    assert_int_equal(r->beside_count, 0);
    rules_free(&r);
}

static void bare_rules_are_of_the_table_that_their_targets_are_of(void **state)
{
    static const char nat[] = "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.0.2.9\n";

    (void)state;
    form_is(nat, 0, RULES_NAT,
            "-P PREROUTING ?\n-P INPUT ?\n-P OUTPUT ?\n-P POSTROUTING ?\n"
            "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.0.2.9\n");
    form_is("-A PREROUTING -p udp -j CT --notrack\n", 0, RULES_RAW,
            "-P PREROUTING ?\n-P OUTPUT ?\n-A PREROUTING -p udp -j CT --notrack\n");
    form_refused("-A PREROUTING -p udp -j ACCEPT\n", 1, "which table");
    form_refused(
        "-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n-P INPUT DROP\n-P FORWARD DROP\n-P OUTPUT DROP\n", 4,
        "for the second time (before: line 1)");
}

static void declarations_without_their_table_are_taken(void **state)
{
    (void)state;
    form_is(":INPUT DROP [1:2]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[5:300] -A INPUT -i lo -j "
            "ACCEPT\nCOMMIT\n",
            0, RULES_FILTER, "-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n");
    form_is("-t nat -A POSTROUTING -j MASQUERADE\n-t filter -A INPUT -j DROP\n", 0, RULES_FILTER,
            "-P INPUT ?\n-P FORWARD ?\n-P OUTPUT ?\n-A INPUT -j DROP\n");
}

static void lines_are_those_of_the_text(void **state)
{
    struct rules *r = form_read("\n# mine\n-P INPUT DROP\n\n-A INPUT -i lo -j ACCEPT\n", 0);

    (void)state;
    assert_int_equal(rules_chain_at(r, RULES_FILTER, RULES_INPUT)->rules[0].line, 5);
    rules_free(&r);
    form_refused("-P INPUT DROP\n-A INPUT -p tpc -j ACCEPT\n", 2, "did you mean tcp?");
    form_refused("-P INPUT DROP\nhello\n", 2, "expected a line as `iptables -S` prints it");
}

static void a_fragment_names_the_chains_that_nothing_reaches(void **state)
{
    struct rules *r =
        form_read("*filter\n:lan - [0:0]\n:log - [0:0]\n-A lan -j log\n-A log -j DROP\nCOMMIT\n", 0);

    (void)state;
    assert_true(form_remarks(r, "Nothing reaches some chains of the table filter"));
    assert_true(form_remarks(r, "lan, log"));
    rules_free(&r);
    r = form_read(
        "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n:lan - [0:0]\n-A INPUT -j lan\nCOMMIT\n", 0);
    assert_int_equal(r->remark_count, 0);
    rules_free(&r);
}

static void ranges_that_go_down_are_remarked(void **state)
{
    struct rules *r = form_read("*filter\n:INPUT DROP\n-A INPUT -p udp -m udp --dport 4000:30 -j ACCEPT\n"
                                "-A INPUT -m length --length 9:2 -j ACCEPT\n"
                                "-A INPUT -p udp -m udp ! --dport 4000:30 -j ACCEPT\nCOMMIT\n",
                                0);

    (void)state;
    assert_true(form_remarks(
        r, "Rule 1 of INPUT (line 3) asks for ports 4000:30, a range that goes down: it never matches"));
    assert_true(form_remarks(r, "Rule 2 of INPUT (line 4) asks for lengths 9:2"));
    assert_int_equal(r->remark_count, 2);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_iptables_S_prints_is_a_table),
        cmocka_unit_test(several_tables_are_told_by_their_chains),
        cmocka_unit_test(a_prompt_says_the_table_and_the_family),
        cmocka_unit_test(a_prompt_may_end_with_a_dash),
        cmocka_unit_test(what_is_not_there_is_not_guessed),
        cmocka_unit_test(tables_that_are_not_shown_are_beside),
        cmocka_unit_test(bare_rules_are_of_the_table_that_their_targets_are_of),
        cmocka_unit_test(declarations_without_their_table_are_taken),
        cmocka_unit_test(lines_are_those_of_the_text),
        cmocka_unit_test(a_fragment_names_the_chains_that_nothing_reaches),
        cmocka_unit_test(ranges_that_go_down_are_remarked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
