/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/reject.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define HEAD        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
#define JUMP(chain) "-A " chain " -m comment --comment \"" REJECT_COMMENT "\" -j SALLYWALL\n"
#define OURS                                                                                                 \
    ":SALLYWALL - [0:0]\n:SALLYWALL-ANSWERS - [0:0]\n" JUMP("INPUT") JUMP("FORWARD")                         \
        JUMP("OUTPUT") "-A SALLYWALL -m bpf --object-pinned /run/sallywall/x/noted -m comment --comment "    \
                       "\"" REJECT_COMMENT "\" -j SALLYWALL-ANSWERS\n"

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        found++;
    return found;
}

static void rules_come_first_and_answer_each_way(void **state)
{
    char *text = reject_transaction(HEAD "-A INPUT -j DROP\nCOMMIT\n", PACKET_IPV4, "00ff");

    (void)state;
    assert_non_null(text);
    assert_int_equal(count(text, " 1 -m comment"), 3);
    assert_int_equal(count(text, "-A SALLYWALL-ANSWERS "), 8);
    assert_int_equal(count(text, "-D "), 0);
    assert_int_equal(count(text, "-p tcp -m bpf --object-pinned /run/sallywall/00ff/noted6"), 1);
    assert_int_equal(count(text, "DROP"), 0);
    free(text);
    text = reject_transaction("", PACKET_IPV6, "00ff");
    assert_non_null(text);
    assert_int_equal(count(text, "-A SALLYWALL-ANSWERS "), 7);
    assert_int_equal(
        count(text, "noted4 -m comment --comment \"" REJECT_COMMENT "\" -j REJECT --reject-with tcp-reset"),
        1);
    free(text);
}

/* And once, whatever an interrupted command has left. */
static void rules_that_are_there_are_replaced(void **state)
{
    char *text = reject_transaction(HEAD OURS "COMMIT\n", PACKET_IPV4, "00ff");

    (void)state;
    assert_non_null(text);
    assert_int_equal(count(text, "-D INPUT "), 1);
    assert_int_equal(count(text, "-D "), 3);
    assert_int_equal(count(text, ":SALLYWALL - "), 1);
    free(text);
}

static void rules_go_without_others(void **state)
{
    char *text = reject_transaction(HEAD OURS "-A INPUT -j SALLYWALLS\nCOMMIT\n", PACKET_IPV4, NULL);

    (void)state;
    assert_non_null(text);
    assert_int_equal(count(text, "-D "), 3);
    assert_int_equal(count(text, "SALLYWALLS"), 0);
    assert_int_equal(count(text, "-X "), 2);
    assert_int_equal(count(text, "-A ") + count(text, "-I "), 0);
    free(text);
    assert_null(reject_transaction(HEAD "COMMIT\n", PACKET_IPV4, NULL));
}

static void only_rules_that_answer_ask_for_it(void **state)
{
    static const char *const drop[] = {"-A", "INPUT", "-j", "DROP"}, *const reject[] = {"-A", "INPUT", "-j",
                                                                                        "REJECT"};
    struct rules *r = rules_new(PACKET_IPV4);
    struct rules_outcome outcome = {0};
    struct rules_error error;

    (void)state;
    assert_non_null(r);
    assert_int_equal(rules_command(r, 4, drop, &outcome, &error), 0);
    assert_false(reject_is_asked(r));
    assert_int_equal(rules_command(r, 4, reject, &outcome, &error), 0);
    assert_true(reject_is_asked(r));
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_come_first_and_answer_each_way),
        cmocka_unit_test(rules_that_are_there_are_replaced),
        cmocka_unit_test(rules_go_without_others),
        cmocka_unit_test(only_rules_that_answer_ask_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
