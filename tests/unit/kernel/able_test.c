/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/able.h"

#include "kernel/able_rows.h"
#include "rules/ext/extension.h"
#include "rules/rules.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 65536 };

/* What was told, a line each. */
struct heard {
    char text[8192];
    unsigned refused, less;
};

static void hear(void *arg, const struct able_note *note)
{
    struct heard *h = arg;
    size_t size = strlen(h->text);
    char *line = h->text + size;

    snprintf(line, sizeof(h->text) - size, "%s %s %u|%s|%s\n", rules_table_name(note->table),
             note->chain->name, note->number, note->what, note->why);
    h->refused += note->refused;
    h->less += !note->refused;
    assert_true(note->remedy[0] != '\0' && note->why[0] != '\0');
    assert_true((note->number == 0) == (note->rule[0] == '\0'));
}

static struct rules *read_rules(const char *text, uint8_t family)
{
    struct rules *r;
    struct rules_error error;

    if (rules_read(text, strlen(text), "rules", family, &r, &error) < 0)
        fail_msg("line %u column %u: %s", error.line, error.column, error.message);
    return r;
}

static struct heard check(const char *text, uint8_t family, const struct able_terms *terms, int result)
{
    struct rules *r = read_rules(text, family);
    struct image *image = image_compile(r);
    struct heard h = {.refused = 0};

    assert_non_null(image);
    int was = able_check(r, image, terms, hear, &h);
    if (was != result)
        fail_msg("%d instead of %d:\n%s", was, result, h.text);
    assert_int_equal(h.refused > 0, result != 0);
    image_free(&image);
    rules_free(&r);
    return h;
}

/* A rule of the filter's INPUT, or of a table and chain that it names ("raw PREROUTING -p tcp..."). */
static struct heard check_rule(const char *rule, uint8_t family, const struct able_terms *terms, int result)
{
    char text[1024];

    if (strncmp(rule, "raw ", 4) == 0)
        snprintf(text, sizeof text, "*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n-A %s\nCOMMIT\n", rule + 4);
    else
        snprintf(text, sizeof text,
                 "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A %s\nCOMMIT\n", rule);
    return check(text, family, terms, result);
}

static const struct able_terms ALL = {.rejects = true, .listens = true}, NOTHING = {.rejects = false};

/* ---- the table ---- */

/* A row says how it is carried out, or has an exception that always applies. */
static bool is_filled(const struct able_row *row)
{
    return row->how || (row->exceptions[0].remedy && !row->exceptions[0].applies);
}

static void every_match_and_target_has_a_row(void **state)
{
    (void)state;
    for (unsigned type = 0; type < RULES_MATCH_TYPES; type++)
        if (!is_filled(&able_matches[type]))
            fail_msg("match %u has none", type);
    for (unsigned type = 0; type < RULES_TARGET_TYPES; type++) {
        if (!is_filled(&able_targets[type]))
            fail_msg("target %u has none", type);
        assert_true(able_target_word((uint8_t)type) || rules_target_row((uint8_t)type));
    }
}

/* ---- rules ---- */

static void what_the_program_can_do_is_taken(void **state)
{
    static const char *const RULES[] = {
        "INPUT -p tcp --dport 21 --tcp-option 2 -j ACCEPT",
        "INPUT -m recent --rcheck --hitcount 32 --rttl --name a -j DROP",
        "INPUT -m addrtype --src-type LOCAL --limit-iface-in -j DROP",
        "OUTPUT -m owner --uid-owner 0-99 --gid-owner 5 -j DROP",
        "OUTPUT -m owner --socket-exists -j ACCEPT",
        "INPUT -p tcp --syn -m connlimit --connlimit-above 3 --connlimit-mask 24 -j REJECT",
        "INPUT -m statistic --mode random --probability 0.5 -j DROP",
        "INPUT -m time --timestart 08:00 --timestop 17:00 --weekdays Mon,Tue -j ACCEPT",
        "INPUT -m mac --mac-source 02:00:00:00:00:01 -m pkttype --pkt-type multicast -j DROP",
        "INPUT -j CONNMARK --set-mark 3",
        "INPUT -j CONNMARK --save-mark",
        "INPUT -m mark --mark 1 -j LOG",
        "INPUT -m helper --helper ftp-21 -j ACCEPT",
        "INPUT -m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name x -j ACCEPT",
        "raw PREROUTING -p tcp --dport 2121 -j CT --helper ftp --zone 3",
        "raw PREROUTING -p udp -j NOTRACK",
        "INPUT -m u32 --u32 \"0=0\" -j DROP",
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(RULES); i++)
        check_rule(RULES[i], PACKET_IPV4, &ALL, 0);
    check_rule("INPUT -m rt --rt-type 0 -j DROP", PACKET_IPV6, &ALL, 0);
    check_rule("INPUT -m ipv6header --header frag --soft -j DROP", PACKET_IPV6, &ALL, 0);
}

static void what_it_cannot_is_refused_by_name(void **state)
{
    static const struct {
        const char *rule, *what;
    } CASES[] = {
        {"INPUT -m physdev --physdev-in eth0 -j DROP", "filter INPUT 1|-m physdev|"},
        {"INPUT -m recent --rcheck --hitcount 33 --seconds 5 --name a -j DROP", "|-m recent|32 moments"},
        {"INPUT -m addrtype --dst-type BLACKHOLE -j DROP", "|-m addrtype|"},
        {"INPUT -m addrtype --src-type ANYCAST -j DROP", "|-m addrtype|"},
        {"OUTPUT -m owner --gid-owner 5 --suppl-groups -j DROP", "|-m owner|"},
        {"INPUT -m time --timestart 08:00 --kerneltz -j DROP", "|-m time|"},
        {"INPUT -m set --match-set nobody src -j DROP", "|-m set|the members of this set are not known"},
        {"INPUT -m helper --helper sip -j DROP", "|-m helper|"},
        {"INPUT -m conntrack --ctstate DNAT -j ACCEPT", "|-m conntrack|"},
        {"INPUT -m devgroup --src-group 1 -j DROP", "|-m devgroup|"},
        {"INPUT -m string --string x --algo bm -j DROP", "|-m string|"},
        {"INPUT -j MARK --set-mark 1", "|-j MARK|"},
        {"INPUT -j CONNMARK --restore-mark", "|-j CONNMARK|"},
        {"INPUT -j NFQUEUE --queue-num 1", "|-j NFQUEUE|"},
        {"INPUT -j TRACE", "|-j TRACE|"},
        {"INPUT -j SET --add-set a src", "|-j SET|"},
        {"raw PREROUTING -p udp --dport 5060 -j CT --helper sip", "raw PREROUTING 1|-j CT|"},
        {"raw PREROUTING -p tcp -j CT --timeout fast", "|-j CT|"},
        {"raw PREROUTING -p tcp -j CT --ctevents new", "|-j CT|"},
        {"raw PREROUTING -j CT --zone-orig 3", "|-j CT|"},
        {"raw PREROUTING -m connlimit --connlimit-above 3 -j DROP", "|-m connlimit|"},
        {"INPUT -m unknown --because \"a listing without -v\" -j DROP", "|a listing without -v"},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(CASES); i++) {
        struct heard h = check_rule(CASES[i].rule, PACKET_IPV4, &ALL, -EOPNOTSUPP);
        if (!strstr(h.text, CASES[i].what) || h.refused != 1)
            fail_msg("%s: %s", CASES[i].rule, h.text);
    }
    check_rule("INPUT -m rt --rt-type 0 --rt-segsleft 1 -j DROP", PACKET_IPV6, &ALL, -EOPNOTSUPP);
}

static void what_is_done_less_of_is_told_and_taken(void **state)
{
    static const char *const RULES[] = {"INPUT -j LOG", "INPUT -j NFLOG", "INPUT -j ULOG",
                                        "INPUT -p tcp -j REJECT --reject-with tcp-reset"};

    (void)state;
    for (unsigned i = 0; i < COUNT(RULES); i++)
        assert_int_equal(check_rule(RULES[i], PACKET_IPV4, &NOTHING, 0).less, 1);
    assert_int_equal(check_rule("INPUT -j REJECT", PACKET_IPV4, &ALL, 0).less, 0);
}

static void other_tables_are_the_kernels(void **state)
{
    struct heard h;

    (void)state;
    check("*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n"
          "*mangle\n:PREROUTING ACCEPT\n:mine -\nCOMMIT\n",
          PACKET_IPV4, &ALL, 0);
    h = check("*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n",
              PACKET_IPV4, &ALL, -EOPNOTSUPP);
    assert_non_null(strstr(h.text, "nat POSTROUTING 1||NAT stays the kernel's"));
    h = check("*mangle\n:PREROUTING DROP\nCOMMIT\n", PACKET_IPV4, &ALL, -EOPNOTSUPP);
    assert_non_null(strstr(h.text, "mangle PREROUTING 0|policy DROP|"));
}

static void a_policy_that_nobody_said_is_refused(void **state)
{
    struct heard h =
        check("*filter\n:INPUT ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n", PACKET_IPV4, &ALL, -EOPNOTSUPP);

    (void)state;
    assert_non_null(strstr(h.text, "filter FORWARD 0|its policy|"));
    assert_int_equal(h.refused, 1);
}

static void sets_are_taken_if_their_members_can_be(void **state)
{
    static const char TEXT_OF_SETS[] = "create good hash:net family inet\nadd good 192.0.2.0/24\n"
                                       "create bridge hash:net,iface\nadd bridge 192.0.2.0/24,physdev:eth0\n"
                                       "create cards hash:mac\nadd cards 02:00:00:00:00:01\n";
    struct sets *sets;
    struct rules_error error;

    (void)state;
    assert_int_equal(sets_read(TEXT_OF_SETS, strlen(TEXT_OF_SETS), "sets", &sets, &error), 0);
    struct able_terms terms = {.rejects = true, .listens = true, .sets = sets};
    check_rule("INPUT -m set --match-set good src -j DROP", PACKET_IPV4, &terms, 0);
    check_rule("INPUT -m set --match-set cards src -j DROP", PACKET_IPV4, &terms, 0);
    check_rule("INPUT -m set --match-set cards dst -j DROP", PACKET_IPV4, &terms, -EOPNOTSUPP);
    check_rule("INPUT -m set --match-set bridge src,src -j DROP", PACKET_IPV4, &terms, -EOPNOTSUPP);
    check_rule("INPUT -m set --match-set good src --packets-gt 3 -j DROP", PACKET_IPV4, &terms, -EOPNOTSUPP);
    check_rule("INPUT -m set --match-set bad src -j DROP", PACKET_IPV4, &terms, -EOPNOTSUPP);
    sets_free(&sets);
}

static void a_note_names_the_rule_and_what_to_do(void **state)
{
    struct rules_chain chain = {.name = "INPUT"};
    struct able_note note = {.refused = true,
                             .table = RULES_FILTER,
                             .chain = &chain,
                             .number = 3,
                             .rule = "-A INPUT -j MARK --set-xmark 0x1/0xffffffff",
                             .what = "-j MARK",
                             .why = "why",
                             .remedy = "do that"};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    able_note_print(out, &note);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text,
                        "table filter, chain INPUT, rule 3: -A INPUT -j MARK --set-xmark 0x1/0xffffffff\n"
                        "    refused: -j MARK: why; do that\n");
    free(text);
}

/* ---- what can't be followed ---- */

/* Chains c0...c(count - 1), each leads to the next. */
static void put_nest(char *text, unsigned count, const char *how)
{
    char *at = text + sprintf(text, "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n");

    for (unsigned i = 0; i < count; i++)
        at += sprintf(at, ":c%u -\n", i);
    at += sprintf(at, "-A INPUT -j c0\n");
    for (unsigned i = 0; i + 1 < count; i++)
        at += sprintf(at, "-A c%u -%s c%u\n", i, how, i + 1);
    strcpy(at, "COMMIT\n");
}

static void nests_are_as_deep_as_they_are_followed(void **state)
{
    static char text[TEXT];

    (void)state;
    put_nest(text, 15, "j");
    check(text, PACKET_IPV4, &ALL, 0);
    put_nest(text, 16, "j");
    struct heard h = check(text, PACKET_IPV4, &ALL, -EOPNOTSUPP);
    assert_non_null(strstr(h.text, "filter INPUT 1|"));
    put_nest(text, 30, "g");
    check(text, PACKET_IPV4, &ALL, 0);
}

static char *many_rules(unsigned count, const char *format)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    fputs("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:mine -\n", out);
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, format, i >> 8 & 255, i & 255);
        fputc('\n', out);
    }
    fputs("COMMIT\n", out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void only_rules_that_one_packet_meets_are_counted(void **state)
{
    static const struct {
        const char *format;
        int result;
    } CASES[] = {
        {"-A INPUT -s 10.0.%u.%u -j DROP", 0},
        {"-A INPUT -s 10.0.%u.%u -m limit --limit 1/s -j mine", 0},
        {"-A INPUT -m limit --limit 1/s -m comment --comment \"%u %u\" -j DROP", -EOPNOTSUPP},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT(CASES); i++) {
        char *text = many_rules(9000, CASES[i].format);
        check(text, PACKET_IPV4, &ALL, CASES[i].result);
        free(text);
    }
}

/* ---- what people have ---- */

static char *read_file(const char *path)
{
    static char text[TEXT];
    FILE *in = fopen(path, "r");

    if (!in)
        fail_msg("%s is not there", path);
    text[fread(text, 1, TEXT - 1, in)] = '\0';
    (void)fclose(in); /* it was read only */
    return text;
}

#define FOLDER "tests/unit/kernel/able/"

static void what_people_have_is_taken(void **state)
{
    static const struct {
        const char *path;
        uint8_t family;
    } FILES[] = {{FOLDER "ufw.v4", PACKET_IPV4},
                 {FOLDER "ufw.v6", PACKET_IPV6},
                 {FOLDER "wiki.v4", PACKET_IPV4},
                 {FOLDER "document.v4", PACKET_IPV4},
                 {FOLDER "fail2ban.v4", PACKET_IPV4}};
    struct rules_error error;
    struct sets *sets;
    const char *text = read_file(FOLDER "fail2ban.sets");

    (void)state;
    assert_int_equal(sets_read(text, strlen(text), "sets", &sets, &error), 0);
    struct able_terms terms = {.rejects = true, .listens = true, .sets = sets};
    for (unsigned i = 0; i < COUNT(FILES); i++)
        assert_int_equal(check(read_file(FILES[i].path), FILES[i].family, &terms, 0).less, 0);
    sets_free(&sets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_match_and_target_has_a_row),
        cmocka_unit_test(what_the_program_can_do_is_taken),
        cmocka_unit_test(what_it_cannot_is_refused_by_name),
        cmocka_unit_test(what_is_done_less_of_is_told_and_taken),
        cmocka_unit_test(other_tables_are_the_kernels),
        cmocka_unit_test(a_policy_that_nobody_said_is_refused),
        cmocka_unit_test(sets_are_taken_if_their_members_can_be),
        cmocka_unit_test(a_note_names_the_rule_and_what_to_do),
        cmocka_unit_test(nests_are_as_deep_as_they_are_followed),
        cmocka_unit_test(only_rules_that_one_packet_meets_are_counted),
        cmocka_unit_test(what_people_have_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
