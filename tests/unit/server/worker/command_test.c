/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/command.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

/* --- the table --------------------------------------------------------------------------------------- */

/* bsearch needs the order, and one name that came twice would hide a row. */
static void test_names_ascend(void **state)
{
    (void)state;
    assert_true(command_count > 0);
    for (size_t i = 1; i < command_count; i++)
        if (strcmp(commands[i - 1].name, commands[i].name) >= 0)
            fail_msg("%s must come after %s, and only once", commands[i].name, commands[i - 1].name);
}

static void test_every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        assert_in_range(strlen(c->name), 3, 4); /* RFC 959 section 5.3: four letters at most */
        for (const char *letter = c->name; *letter; letter++)
            assert_true(*letter >= 'A' && *letter <= 'Z');
        assert_non_null(c->syntax);
        assert_non_null(c->run);
        assert_true(c->stages & ANY_TIME);
        assert_int_equal(c->stages & ~(ANY_TIME | IN_TRANSFER), 0);
        assert_int_equal(c->rights & ~RIGHT_ALL, 0);
        if (c->argument == ARGUMENT_NONE)
            assert_string_equal(c->syntax, "");
        else
            assert_true(c->syntax[0] != '\0');
    }
}

static void test_every_row_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++)
        assert_ptr_equal(command_find(commands[i].name), &commands[i]);
}

static void test_other_names_are_not_found(void **state)
{
    static const char *const names[] = {"",      "A",     "AAAA",  "ZZZZ",  "abor",  "ABO", "ABORT",
                                        "STATX", "ADAT",  "GET",   "SIZE ", " SIZE", "X",   "ABORABORABORABO",
                                        "XRMDS", "USERS", "US\xff"};
    char overlong[FTP_LINE_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_null(command_find(names[i]));
    memset(overlong, 'A', sizeof(overlong) - 1);
    overlong[sizeof(overlong) - 1] = '\0';
    assert_null(command_find(overlong));
}

/* What touches the disk is never open to those who have not logged in. */
static void test_rights_are_for_after_login(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].rights != 0)
            assert_int_equal(commands[i].stages & BEFORE_LOGIN, 0);
}

/* A password must not get into a log. */
static void test_what_is_secret(void **state)
{
    (void)state;
    assert_true(command_find("PASS")->secret);
    assert_true(command_find("ACCT")->secret);
    assert_false(command_find("USER")->secret);
}

/* RFC 775's names are the same commands. */
static void test_x_commands_do_the_same(void **state)
{
    static const char *const pairs[][2] = {
        {"XCUP", "CDUP"}, {"XCWD", "CWD"}, {"XMKD", "MKD"}, {"XPWD", "PWD"}, {"XRMD", "RMD"}};
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct command *x = command_find(pairs[i][0]), *plain = command_find(pairs[i][1]);
        assert_non_null(x);
        assert_non_null(plain);
        assert_true(x->run == plain->run);
        assert_int_equal(x->rights, plain->rights);
        assert_int_equal(x->stages, plain->stages);
    }
}

/* --- during a transfer ------------------------------------------------------------------------------- */

static void test_what_is_heard_during_a_transfer(void **state)
{
    static const struct {
        const char *line;
        bool in_transfer, abort;
    } cases[] = {
        {"ABOR", true, true},
        {"abor", true, true},
        {"aBoR", true, true},
        {"ABOR now", true, true},
        {"\xff\xf4\xff\xf2"
         "ABOR",
         true, true}, /* IAC IP IAC DM: what clients put before it (RFC 959 section 4.1.3) */
        {"\xf2"
         "ABOR",
         true, true}, /* DM alone is left when the urgent byte went another way */
        {"STAT", true, false},
        {"STAT x", true, false},
        {"stat /a/path/that/is/longer/than/any/verb", true, false},
        {"NOOP", false, false},
        {"RETR ABOR", false, false},
        {"ABORT", false, false},
        {" ABOR", false, false},
        {"ABORABORABORABORABOR", false, false},
        {"STATSTATSTATSTATSTAT x", false, false},
        {"PASS STAT", false, false},
        {"", false, false},
        {" ", false, false},
        {"\xff\xf4\xff\xf2", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (command_is_in_transfer(cases[i].line) != cases[i].in_transfer)
            fail_msg("'%s' in a transfer: not %d", cases[i].line, cases[i].in_transfer);
        if (command_is_abort(cases[i].line) != cases[i].abort)
            fail_msg("'%s' as an abort: not %d", cases[i].line, cases[i].abort);
    }
}

/* --- cmds_allowed, cmds_denied ----------------------------------------------------------------------- */

struct lists {
    struct config config;
    struct settings settings;
};

static void forbid(struct lists *l, const char *allowed, const char *denied)
{
    memset(l, 0, sizeof(*l));
    l->config.cmds_allowed = (char *)allowed;
    l->config.cmds_denied = (char *)denied;
    l->settings.config = &l->config;
    command_forbid(&l->settings);
}

static bool is_allowed(const struct lists *l, size_t index)
{
    return !(l->settings.forbidden[index / 64] >> (index % 64) & 1);
}

/* Are the commands of names, separated by single blanks, allowed, and no others (or the other way round)? */
static void expect(const struct lists *l, const char *names, bool allowed)
{
    char padded[512], wanted[8];
    snprintf(padded, sizeof(padded), " %s ", names);
    for (size_t i = 0; i < command_count; i++) {
        snprintf(wanted, sizeof(wanted), " %s ", commands[i].name);
        bool named = strstr(padded, wanted) != NULL;
        if (is_allowed(l, i) != (named == allowed))
            fail_msg("allowed '%s' denied '%s': wrong about %s", l->config.cmds_allowed ?: "(unset)",
                     l->config.cmds_denied ?: "(unset)", commands[i].name);
    }
    for (size_t i = command_count; i < 128; i++)
        assert_true(is_allowed(l, i));
}

static void test_no_lists_forbid_nothing(void **state)
{
    struct lists l;
    (void)state;
    forbid(&l, NULL, NULL);
    expect(&l, "", false);
}

static void test_allowed(void **state)
{
    static const char *const lists[] = {
        "PASV,RETR,QUIT",     "PASV, RETR, QUIT", " PASV ,\tRETR , QUIT ",       "pasv,Retr,qUIT",
        ",,PASV,,RETR,QUIT,", "QUIT,RETR,PASV",   "PASV,PASV,RETR,QUIT,NONSUCH",
    };
    struct lists l;
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        forbid(&l, lists[i], NULL);
        expect(&l, "PASV RETR QUIT", true);
    }
}

static void test_denied(void **state)
{
    static const char *const lists[] = {"DELE,RMD,SITE", "dele , rmd\t, site", ",RMD,,SITE,DELE,",
                                        "SITE,DELE,RMD,X"};
    struct lists l;
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        forbid(&l, NULL, lists[i]);
        expect(&l, "DELE RMD SITE", false);
    }
}

static void test_denied_beats_allowed(void **state)
{
    struct lists l;
    (void)state;
    forbid(&l, "PASV,RETR,QUIT,STOR", "stor,DELE");
    expect(&l, "PASV RETR QUIT", true);
}

/* A part of a name is not the name: CWD is neither XCWD nor CW. */
static void test_whole_names_count(void **state)
{
    struct lists l;
    (void)state;
    forbid(&l, NULL, "XCWD,CW,MKDIR,RM");
    expect(&l, "XCWD", false);
    forbid(&l, "CWD", NULL);
    expect(&l, "CWD", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_ascend),
        cmocka_unit_test(test_every_row_is_whole),
        cmocka_unit_test(test_every_row_is_found),
        cmocka_unit_test(test_other_names_are_not_found),
        cmocka_unit_test(test_rights_are_for_after_login),
        cmocka_unit_test(test_what_is_secret),
        cmocka_unit_test(test_x_commands_do_the_same),
        cmocka_unit_test(test_what_is_heard_during_a_transfer),
        cmocka_unit_test(test_no_lists_forbid_nothing),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_denied_beats_allowed),
        cmocka_unit_test(test_whole_names_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
