/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/rules_text.h"

static const char standing[] = "*raw\n"
                               ":PREROUTING ACCEPT [1:2]\n"
                               ":OUTPUT ACCEPT [3:4]\n"
                               "[5:6] -A PREROUTING -j CT --notrack\n"
                               "COMMIT\n"
                               "*filter\n"
                               ":INPUT DROP [7:8]\n"
                               ":FORWARD ACCEPT [0:0]\n"
                               ":OUTPUT ACCEPT [9:10]\n"
                               ":ssh - [0:0]\n"
                               ":web - [0:0]\n"
                               "[11:12] -A INPUT -j ssh\n"
                               "[13:14] -A ssh -j ACCEPT\n"
                               "[15:16] -A web -j RETURN\n"
                               "COMMIT\n";

enum { ALL_TABLES = (1 << RULES_TABLES) - 1, OURS = 1 << RULES_FILTER | 1 << RULES_RAW };

static const struct rules_restore replaces = {.tables = ALL_TABLES},
                                  adds = {.keeps = true, .tables = ALL_TABLES};

/* What becomes of the standing rules; *ret_output, if asked for, the caller's. */
static struct rules *restored(const char *text, const struct rules_restore *how, char **ret_output)
{
    struct rules *rules = text_read(standing, PACKET_IPV4);
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};

    if (rules_restore(rules, text, strlen(text), "test", how, &outcome, &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    if (ret_output)
        *ret_output = outcome.output;
    else
        free(outcome.output);
    return rules;
}

static void becomes(const char *text, const struct rules_restore *how, const char *expected)
{
    struct rules *next = restored(text, how, NULL);
    char *saved = rules_save(next, NULL, RULES_SAVE_COUNTERS);

    assert_string_equal(saved, expected);
    free(saved);
    rules_free(&next);
}

static void refused(const char *text, const struct rules_restore *how, int status, uint32_t line,
                    const char *what)
{
    struct rules *rules = text_read(standing, PACKET_IPV4);
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};

    assert_int_equal(rules_restore(rules, text, strlen(text), "test", how, &outcome, &error), -22);
    assert_null(outcome.output);
    if (outcome.status != status || error.line != line || !strstr(error.message, what))
        fail_msg("expected %d, line %u: ...%s..., found %d, line %u: %s", status, line, what, outcome.status,
                 error.line, error.message);
    rules_free(&rules);
}

#define RAW                                                                                                  \
    "*raw\n:PREROUTING ACCEPT [1:2]\n:OUTPUT ACCEPT [3:4]\n[5:6] -A PREROUTING -j CT --notrack\nCOMMIT\n"

static void tables_of_the_file_take_the_place_of_those_that_stand(void **state)
{
    (void)state;
    becomes("# a comment\n*filter\n:INPUT ACCEPT [1:1]\n:new - [0:0]\n[2:2] -A INPUT -j new\nCOMMIT\n",
            &replaces,
            RAW "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\n:new - [0:0]\n"
                "[0:0] -A INPUT -j new\nCOMMIT\n");
    becomes("# nothing\n\n", &replaces, standing);
}

static void a_built_in_chain_keeps_its_policy_and_counters_where_the_file_says_none(void **state)
{
    (void)state;
    becomes("*filter\n:INPUT - [1:1]\nCOMMIT\n", &replaces,
            RAW "*filter\n:INPUT DROP [7:8]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\nCOMMIT\n");
}

static void counters_of_the_file_count_if_asked_for(void **state)
{
    const struct rules_restore counts = {.counts = true, .tables = ALL_TABLES};

    (void)state;
    becomes("*filter\n:INPUT ACCEPT [1:1]\n[2:3] -A INPUT -j DROP\n-A INPUT -c 4 5 -j ACCEPT\nCOMMIT\n",
            &counts,
            RAW "*filter\n:INPUT ACCEPT [1:1]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\n"
                "[2:3] -A INPUT -j DROP\n[4:5] -A INPUT -j ACCEPT\nCOMMIT\n");
}

static void noflush_adds_and_empties_the_chains_that_it_declares(void **state)
{
    (void)state;
    becomes("*filter\n:web - [0:0]\n-A web -j ssh\n-I INPUT -j web\nCOMMIT\n", &adds,
            RAW "*filter\n:INPUT DROP [7:8]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\n:ssh - [0:0]\n"
                ":web - [0:0]\n[0:0] -A INPUT -j web\n[11:12] -A INPUT -j ssh\n[13:14] -A ssh -j ACCEPT\n"
                "[0:0] -A web -j ssh\nCOMMIT\n");
}

static void rules_that_stay_keep_their_serials(void **state)
{
    struct rules *before = text_read(standing, PACKET_IPV4);
    struct rules *next = restored("*filter\n-A INPUT -j web\nCOMMIT\n", &adds, NULL);
    const struct rules_chain *old = rules_chain_at(before, RULES_FILTER, RULES_INPUT),
                             *new = rules_chain_at(next, RULES_FILTER, RULES_INPUT);

    (void)state;
    assert_int_equal(new->count, 2);
    assert_int_equal(new->rules[0].serial, old->rules[0].serial);
    assert_int_equal(new->rules[1].serial, before->next_serial);
    rules_free(&before);
    rules_free(&next);
}

static void one_table_is_taken_out_of_a_file(void **state)
{
    const struct rules_restore raw = {.table = "raw", .tables = OURS, .why_not = "is not ours"};

    (void)state;
    becomes("*nat\n-A NOWHERE -j NOTHING\nCOMMIT\n*raw\n-A OUTPUT -j NOTRACK\nCOMMIT\n*filter\n-F\nCOMMIT\n",
            &raw,
            "*raw\n:PREROUTING ACCEPT [1:2]\n:OUTPUT ACCEPT [3:4]\n[0:0] -A OUTPUT -j NOTRACK\nCOMMIT\n"
            "*filter\n:INPUT DROP [7:8]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\n:ssh - [0:0]\n:web - "
            "[0:0]\n[11:12] -A INPUT -j ssh\n[13:14] -A ssh -j ACCEPT\n[15:16] -A web -j RETURN\nCOMMIT\n");
}

static void tables_that_are_not_ours_may_only_be_empty(void **state)
{
    const struct rules_restore ours = {.tables = OURS, .why_not = "is not ours"};

    (void)state;
    becomes("*nat\n:PREROUTING ACCEPT [1:2]\n:DOCKER - [0:0]\nCOMMIT\n", &ours, standing);
    refused("*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n", &ours, 2, 2, "the table nat is not ours");
    refused("*mangle\n:INPUT DROP [0:0]\nCOMMIT\n", &ours, 2, 2, "the table mangle is not ours");
    refused("*nat\n:PREROUTING ACCEPT [1:2]\n*filter\nCOMMIT\n", &ours, 2, 3, "expected COMMIT");
}

static void commands_in_a_file_are_carried_out(void **state)
{
    char *output;
    struct rules *next = restored(
        "*filter\n-C INPUT -j ssh\n-R INPUT 1 -j ACCEPT\n-F web\n-X web\n-E ssh sshd\n-S INPUT\nCOMMIT\n",
        &adds, &output);

    (void)state;
    assert_string_equal(output, "-P INPUT DROP\n-A INPUT -j ACCEPT\n");
    assert_null(rules_chain_find(next, RULES_FILTER, "web"));
    assert_non_null(rules_chain_find(next, RULES_FILTER, "sshd"));
    free(output);
    rules_free(&next);
}

static void lines_for_the_other_family_are_passed_over(void **state)
{
    (void)state;
    becomes("*filter\n-6 -A INPUT -s ::1 -j ACCEPT\n-4 -A INPUT -s 127.0.0.1 -j ACCEPT\nCOMMIT\n", &replaces,
            RAW "*filter\n:INPUT DROP [7:8]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [9:10]\n"
                "[0:0] -A INPUT -s 127.0.0.1/32 -j ACCEPT\nCOMMIT\n");
}

static void verbose_prints_comments(void **state)
{
    const struct rules_restore tells = {.tells = true, .tables = ALL_TABLES};
    char *output;
    struct rules *next = restored("# one\n*raw\n# two\nCOMMIT\n", &tells, &output);

    (void)state;
    assert_string_equal(output, "# one\n# two\n");
    assert_int_equal(next->comment_count, 0);
    free(output);
    rules_free(&next);
}

static void mistakes_are_named_by_line_and_status(void **state)
{
    (void)state;
    refused("-A INPUT -j ACCEPT\n", &replaces, 1, 1, "expected a comment or the beginning of a table");
    refused("*filter\n-A INPUT -j ACCEPT\n", &replaces, 1, 2, "the file ends");
    refused("*filtre\nCOMMIT\n", &replaces, 2, 1, "there is no table");
    refused("*filter\n-A INPUT -j web\nCOMMIT\n", &replaces, 2, 2, "neither a target nor a chain");
    refused("*filter\n:web - [0:0]\n:web - [0:0]\nCOMMIT\n", &replaces, 2, 3, "declared twice");
    refused("*filter\n-A NPUT -j ACCEPT\nCOMMIT\n", &adds, 1, 2, "there is no chain");
    refused("*filter\n-D INPUT -j DROP\nCOMMIT\n", &adds, 1, 2, "no such rule");
    refused("*filter\n:a - [0:0]\n-A a -j a\n-A INPUT -j a\nCOMMIT\n", &adds, 1, 3, "a");
    refused("*filter\n-A INPUT --dport 5\nCOMMIT\n", &adds, 2, 2, "dport");
}

static void comments_of_a_table_go_with_it(void **state)
{
    struct rules *rules =
        text_read("# one\n*filter\n# two\n-A INPUT -j DROP\nCOMMIT\n# three\n*raw\nCOMMIT\n", 0);
    struct rules_outcome outcome;
    struct rules_error error;

    (void)state;
    assert_int_equal(rules_restore(rules, "*filter\nCOMMIT\n", 15, "test", &replaces, &outcome, &error), 0);
    assert_true(outcome.changed);
    assert_int_equal(rules->comment_count, 1);
    free(outcome.output);
    rules_free(&rules);
}

static void a_file_says_which_tables_it_makes_anew(void **state)
{
    static const char file[] =
        "# *nat\n*raw\n-A OUTPUT -j NOTRACK\nCOMMIT\n*filter\n:INPUT DROP [0:0]\nCOMMIT";
    const struct rules_restore filter = {.table = "filter", .tables = OURS},
                               neither = {.tables = 1 << RULES_NAT};

    (void)state;
    assert_int_equal(rules_restore_anew(file, sizeof(file) - 1, &replaces), OURS);
    assert_int_equal(rules_restore_anew(file, sizeof(file) - 1, &filter), 1 << RULES_FILTER);
    assert_int_equal(rules_restore_anew(file, sizeof(file) - 1, &neither), 0);
    assert_int_equal(rules_restore_anew(file, sizeof(file) - 1, &adds), 0);
    assert_int_equal(rules_restore_anew("", 0, &replaces), 0);
}

/* Of tables that are made anew rules need not be read. */
static void rules_that_go_need_not_be_read(void **state)
{
    static const char was[] =
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:web - [0:0]\n"
        "# of the first\n-A INPUT -p nonsense\n-A INPUT -j web\n-A web -j DROP\nCOMMIT\n"
        "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j NOTRACK\nCOMMIT\n",
                      next[] = "*filter\n:OUTPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n";
    uint32_t anew = rules_restore_anew(next, sizeof(next) - 1, &replaces);
    struct rules_outcome outcome;
    struct rules_error error;
    struct rules *r;

    (void)state;
    assert_int_equal(rules_read(was, sizeof(was) - 1, "was", PACKET_IPV4, &r, &error), -22);
    assert_int_equal(rules_read_but(anew, was, sizeof(was) - 1, "was", PACKET_IPV4, &r, &error), 0);
    assert_int_equal(rules_chain_at(r, RULES_FILTER, RULES_INPUT)->unread, 2);
    assert_int_equal(rules_chain_find(r, RULES_FILTER, "web")->unread, 1);
    assert_int_equal(rules_restore(r, next, sizeof(next) - 1, "next", &replaces, &outcome, &error), 0);
    assert_int_equal(rules_chain_at(r, RULES_FILTER, RULES_INPUT)->unread, 0);
    assert_int_equal(r->comment_count, 0);
    char *saved = rules_save(r, NULL, 0);
    assert_string_equal(
        saved, "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n"
               "-A INPUT -j ACCEPT\nCOMMIT\n"
               "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j NOTRACK\nCOMMIT\n");
    free(saved);
    free(outcome.output);
    rules_free(&r);
}

static void what_is_no_rule_is_not_counted_as_one(void **state)
{
    static const char *const files[] = {"*filter\n-A NOWHERE -j DROP\nCOMMIT\n", "*filter\n-F\nCOMMIT\n",
                                        "*filter\n-A"};
    struct rules_error error;
    struct rules *r = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_int_equal(rules_read_but(OURS, files[i], strlen(files[i]), "file", PACKET_IPV4, &r, &error),
                         -22);
        assert_null(r);
        assert_int_equal(error.line, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_which_tables_it_makes_anew),
        cmocka_unit_test(rules_that_go_need_not_be_read),
        cmocka_unit_test(what_is_no_rule_is_not_counted_as_one),
        cmocka_unit_test(tables_of_the_file_take_the_place_of_those_that_stand),
        cmocka_unit_test(a_built_in_chain_keeps_its_policy_and_counters_where_the_file_says_none),
        cmocka_unit_test(counters_of_the_file_count_if_asked_for),
        cmocka_unit_test(noflush_adds_and_empties_the_chains_that_it_declares),
        cmocka_unit_test(rules_that_stay_keep_their_serials),
        cmocka_unit_test(one_table_is_taken_out_of_a_file),
        cmocka_unit_test(tables_that_are_not_ours_may_only_be_empty),
        cmocka_unit_test(commands_in_a_file_are_carried_out),
        cmocka_unit_test(lines_for_the_other_family_are_passed_over),
        cmocka_unit_test(verbose_prints_comments),
        cmocka_unit_test(mistakes_are_named_by_line_and_status),
        cmocka_unit_test(comments_of_a_table_go_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
