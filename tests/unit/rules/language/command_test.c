/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>

#include "rules/rules_text.h"

static int new_rules(void **state)
{
    *state = rules_new(PACKET_IPV4);
    return 0;
}

static int free_rules(void **state)
{
    struct rules *r = *state;

    rules_free(&r);
    return 0;
}

static void rules_are_appended_inserted_replaced_and_deleted(void **state)
{
    struct rules *r = *state;

    text_do(r, "-A INPUT -p tcp --dport ftp -j ACCEPT");
    text_do(r, "--append INPUT --source 10.1/16 --jump DROP");
    text_do(r, "-I INPUT -i lo -j ACCEPT");
    text_do(r, "-I INPUT 3 ! -i eth+ -d 10.0.0.1 -j RETURN");
    text_prints(r, "-S INPUT",
                "-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
                "-A INPUT -d 10.0.0.1/32 ! -i eth+ -j RETURN\n-A INPUT -s 10.1.0.0/16 -j DROP\n");
    text_do(r, "-R INPUT 2 -p udp --sport 53");
    text_do(r, "-D INPUT -s 10.1.0.0/16 -j DROP");
    text_do(r, "-D INPUT 1");
    text_do(r, "-C INPUT -p udp -m udp --sport 53");
    text_prints(r, "-S INPUT 1", "-A INPUT -p udp -m udp --sport 53\n");
    text_refuses(r, "-C INPUT -p udp", 1, 2, "no such rule");
    text_refuses(r, "-D INPUT 3", 1, 2, "no rule 3 in the chain INPUT, which has 2");
    text_refuses(r, "-I INPUT 4", 1, 2, "no rule 4");
    text_refuses(r, "-R INPUT 3 -p tcp", 1, 2, "no rule 3");
}

static void several_addresses_are_several_rules(void **state)
{
    struct rules *r = *state;

    text_do(r, "-A INPUT -s 10.0.0.1,10.0.0.2 -d 10.1.0.1,10.1.0.2 -j DROP");
    text_prints(r, "-S INPUT",
                "-P INPUT ACCEPT\n-A INPUT -s 10.0.0.1/32 -d 10.1.0.1/32 -j DROP\n"
                "-A INPUT -s 10.0.0.1/32 -d 10.1.0.2/32 -j DROP\n"
                "-A INPUT -s 10.0.0.2/32 -d 10.1.0.1/32 -j DROP\n"
                "-A INPUT -s 10.0.0.2/32 -d 10.1.0.2/32 -j DROP\n");
    text_refuses(r, "-D INPUT -s 10.0.0.1,10.0.0.9 -d 10.1.0.1 -j DROP", 1, 2, "no such rule");
    text_do(r, "-D INPUT -s 10.0.0.1,10.0.0.2 -d 10.1.0.1,10.1.0.2 -j DROP");
    text_do(r, "-I INPUT -s 10.0.0.1,10.0.0.2");
    text_prints(r, "-S INPUT", "-P INPUT ACCEPT\n-A INPUT -s 10.0.0.2/32\n-A INPUT -s 10.0.0.1/32\n");
    text_refuses(r, "-A INPUT ! -s 10.0.0.1,10.0.0.2", 2, 4, "several");
    text_refuses(r, "-A INPUT ! -d 10.0.0.3 -s 10.0.0.1,10.0.0.2", 2, 4, "several");
    text_refuses(r, "-R INPUT 1 -s 10.0.0.1,10.0.0.2", 2, 1, "several");
}

static void chains_are_made_renamed_and_deleted(void **state)
{
    struct rules *r = *state;

    text_do(r, "-N b");
    text_do(r, "-N a");
    text_do(r, "-A INPUT -j a");
    text_do(r, "-E a c");
    text_prints(r, "-S", "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N b\n-N c\n-A INPUT -j c\n");
    text_refuses(r, "-X c", 1, 2, "Too many links");
    text_refuses(r, "-E b c", 1, 2, "already");
    text_refuses(r, "-N b", 1, 2, "already");
    text_refuses(r, "-N QUEUE", 2, 2, "as a target is");
    text_refuses(r, "-E b LOG", 2, 3, "as a target is");
    text_refuses(r, "-X INPUT", 1, 2, "built-in");
    text_refuses(r, "-N ACCEPT", 2, 2, "target");
    text_refuses(r, "-N REJECT", 2, 2, "target");
    text_refuses(r, "-N -a", 2, 2, "may not begin");
    text_refuses(r, "-N 'a b'", 2, 2, "blanks");
    text_refuses(r, "-N abcdefghijklmnopqrstuvwxyz123", 2, 2, "at most 28");
    text_do(r, "-F");
    text_do(r, "-A b -j ACCEPT");
    text_refuses(r, "-X b", 1, 2, "Directory not empty");
    text_refuses(r, "-X", 1, 1, "not empty");
    text_do(r, "-F b");
    text_do(r, "-X");
    text_prints(r, "-S", "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
}

static void policies_belong_to_built_in_chains(void **state)
{
    struct rules *r = *state;

    text_do(r, "-P INPUT DROP -c 5 6");
    text_do(r, "-t raw -P OUTPUT DROP");
    text_do(r, "-N a");
    text_prints(r, "-v -S",
                "-P INPUT DROP -c 5 6\n-P FORWARD ACCEPT -c 0 0\n-P OUTPUT ACCEPT -c 0 0\n-N a\n");
    text_prints(r, "-t raw -S OUTPUT", "-P OUTPUT DROP\n");
    text_refuses(r, "-P a DROP", 1, 2, "built-in");
    text_refuses(r, "-P INPUT REJECT", 1, 3, "expected ACCEPT or DROP");
    text_refuses(r, "-P INPUT", 2, 2, "policy");
}

static void counters_are_set_shown_and_zeroed(void **state)
{
    struct rules *r = *state;

    text_do(r, "-A INPUT -c 5 10 -j ACCEPT");
    text_do(r, "-A INPUT -c 7,8");
    text_prints(r, "-S INPUT 1 -v", "-A INPUT -c 5 10 -j ACCEPT\n");
    text_do(r, "-Z INPUT 1");
    text_prints(r, "-vS INPUT", "-P INPUT ACCEPT -c 0 0\n-A INPUT -c 0 0 -j ACCEPT\n-A INPUT -c 7 8\n");
    text_do(r, "-L -Z");
    text_prints(r, "-vSINPUT", "-P INPUT ACCEPT -c 0 0\n-A INPUT -c 0 0 -j ACCEPT\n-A INPUT -c 0 0\n");
    text_refuses(r, "-A INPUT -c 5", 2, 4, "packets and bytes");
}

static void options_are_abbreviated_and_combined_as_getopt_has_it(void **state)
{
    struct rules *r = *state;

    text_do(r, "--app INPUT --proto tcp --dpor=21 --ju ACCEPT");
    text_do(r, "-AINPUT -ptcp --syn -jACCEPT");
    text_do(r, "-w 5 -A INPUT -W -4 -p 17");
    text_prints(r, "--list-rules INPUT",
                "-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n"
                "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n-A INPUT -p udp\n");
    text_refuses(r, "--de INPUT 1", 2, 1, "--delete, --delete-chain, --destination");
    text_do(r, "-6 -A INPUT -s ::1"); /* for the other program: nothing is done */
    assert_int_equal(rules_chain_at(r, RULES_FILTER, RULES_INPUT)->count, 3);
}

static void negation_stands_before_what_can_be_negated(void **state)
{
    struct rules *r = *state;

    text_do(r, "-A INPUT ! -s 10.0.0.1 ! -p tcp ! -f -m state ! --state NEW");
    text_prints(r, "-S INPUT 1", "-A INPUT ! -s 10.0.0.1/32 ! -p tcp ! -f -m state ! --state NEW\n");
    text_refuses(r, "-A INPUT ! -j DROP", 2, 4, "no \"!\"");
    text_refuses(r, "-A INPUT ! ! -p tcp", 2, 4, "two \"!\"");
    text_refuses(r, "-A INPUT !", 2, 3, "nothing follows");
    text_refuses(r, "-A INPUT ! -p all", 2, 5, "never matches");
    text_refuses(r, "-A INPUT -m comment ! --comment x", 2, 6, "no \"!\"");
}

static void slips_of_the_hand_are_recognized(void **state)
{
    struct rules *r = *state;

    text_refuses(r, "-A INPUT -p tcp -dport 21", 2, 5, "did you mean --dport");
    text_refuses(r,
                 "-A INPUT -p tcp \xe2\x80\x93"
                 "dport 21",
                 2, 5, "hyphen");
    text_refuses(r, "-A INPUT -m state --state ESTABLISHED, RELATED", 2, 6, "no blanks");
    text_refuses(r, "-A INPUT -p tcp --dports 21", 2, 5, "--dports belongs to -m multiport");
    text_refuses(r, "-A INPUT --log-prefix x", 2, 3, "--log-prefix belongs to -j LOG");
    text_refuses(r, "-A INPUT -j DROP --icmp-type 8", 2, 5, "-p icmp");
}

/* A short line must not fill the memory. */
static void a_line_makes_only_so_many_rules(void **state)
{
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};
    char list[2 * 200 + 1];

    for (size_t i = 0; i < sizeof(list) - 1; i += 2)
        memcpy(list + i, "1,", 2);
    list[sizeof(list) - 2] = '\0';
    const char *const words[] = {"-A", "INPUT", "-s", list, "-d", list};
    assert_int_equal(rules_command(*state, 6, words, &outcome, &error), -EINVAL);
    assert_non_null(strstr(error.message, "200 sources and 200 destinations"));
    assert_int_equal(rules_command(*state, 4, words, &outcome, &error), 0);
    free(outcome.output);
}

static void what_cannot_stand_together_is_refused(void **state)
{
    struct rules *r = *state;

    text_do(r, "-N a");
    text_refuses(r, "", 2, 1, "no command");
    text_refuses(r, "-A INPUT -D INPUT", 2, 4, "two commands");
    text_refuses(r, "-F -s 10.0.0.1", 2, 2, "-s has no place with --flush");
    text_refuses(r, "-A INPUT -n", 2, 3, "-n has no place");
    text_refuses(r, "-A INPUT -o eth0", 2, 3, "-o has no place in INPUT");
    text_refuses(r, "-A OUTPUT -i eth0", 2, 3, "-i has no place in OUTPUT");
    text_refuses(r, "-A INPUT -p tcp -p udp", 2, 5, "already");
    text_refuses(r, "-A INPUT -j DROP -g a", 2, 6, "one -j or one -g");
    text_refuses(r, "-A INPUT -m tcp", 2, 4, "-p tcp");
    text_refuses(r, "-A INPUT -p udp -j REJECT --reject-with tcp-reset", 2, 6, "-p tcp");
    text_refuses(r, "-A INPUT -j FORWARD", 2, 4, "built-in");
    text_refuses(r, "-A INPUT -g ACCEPT", 2, 4, "needs a chain");
    text_refuses(r, "-A INPUT -m state", 2, 4, "--state");
    text_refuses(r, "-A INPUT -p tcp -m multiport --sports 1 --dports 2", 2, 9, "--source-ports");
    text_refuses(r, "-A INPUT -j MASQUERADE", 2, 4, "in the table filter");
    text_refuses(r, "-t nat -A INPUT -j MASQUERADE", 1, 1, "packets of INPUT");
    text_refuses(r, "-t flter -L", 2, 2, "did you mean filter?");
    text_refuses(r, "-A INPUT -p tcp 21", 2, 5, "expected an option");
}

static void a_loop_is_refused_and_leaves_no_trace(void **state)
{
    struct rules *r = *state;

    text_do(r, "-N a");
    text_do(r, "-N b");
    text_do(r, "-A INPUT -j a");
    text_do(r, "-A a -j b");
    text_refuses(r, "-A b -p tcp -j a", 1, 1, "a -> b -> a");
    text_refuses(r, "-I b -s 10.0.0.1,10.0.0.2 -g b", 1, 1, "b -> b");
    text_do(r, "-I INPUT -j DROP"); /* nothing gets past this, so nothing gets into the loop */
    text_do(r, "-A b -j a");
    text_refuses(r, "-D INPUT 1", 1, 1, "leads back");
    text_refuses(r, "-R INPUT 1 -p tcp -j DROP", 1, 1, "leads back");
}

static void an_absent_table_is_made_only_when_it_is_changed(void **state)
{
    struct rules *r = *state;

    text_prints(r, "-t raw -S", "-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n");
    text_refuses(r, "-t raw -D OUTPUT 1", 1, 4, "no rule 1");
    assert_false(r->tables[RULES_RAW].present);
    text_do(r, "-t raw -A OUTPUT -p tcp --dport 21 -j CT --helper ftp");
    assert_true(r->tables[RULES_RAW].present);
    assert_false(r->tables[RULES_FILTER].present);
}

static void a_listing_names_protocols(void **state)
{
    struct rules *r = *state;

    text_do(r, "-A INPUT -p tcp --dport 21 -m state --state ESTABLISHED -j ACCEPT");
    text_prints(
        r, "-nL INPUT",
        "Chain INPUT (policy ACCEPT)\n"
        "target     prot opt source               destination         \n"
        "ACCEPT     tcp  --  0.0.0.0/0            0.0.0.0/0            tcp dpt:21 state ESTABLISHED\n");
    text_prints(r, "-L INPUT 7", "");
}

static void verbose_commands_tell_what_they_do(void **state)
{
    struct rules *r = *state;

    text_do(r, "-N a");
    text_prints(
        r, "-v -A INPUT ! -s 10.0.0.1 ! -d 10.0.0.0/8 ! -i eth0 ! -p tcp ! -f -m comment --comment x -j LOG",
        "LOG !tcp opt !f in !eth0 out * !10.0.0.1 !-> 10.0.0.0/8   /* x */ LOG flags 0 level 4\n");
    text_prints(r, "-v -I INPUT -s 10.0.0.1,10.0.0.2 -p icmp --icmp-type 8 -g a",
                "a  icmp opt -- in * out *  10.0.0.1  -> 0.0.0.0/0  [goto]  icmptype 8\n"
                "a  icmp opt -- in * out *  10.0.0.2  -> 0.0.0.0/0  [goto]  icmptype 8\n");
    text_prints(
        r, "-v -F",
        "Flushing chain `INPUT'\nFlushing chain `FORWARD'\nFlushing chain `OUTPUT'\nFlushing chain `a'\n");
    text_prints(r, "-v -Z a", "Zeroing chain `a'\n");
    text_prints(r, "-v -X", "Deleting chain `a'\n");
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, new_rules, free_rules)

static void looks_like(const char *command, struct rules_look expected)
{
    const char *argv[TEXT_WORDS];
    struct rules_look look;
    char copy[1024];

    snprintf(copy, sizeof(copy), "%s", command);
    rules_command_look(PACKET_IPV4, text_split(copy, argv), argv, &look);
    assert_int_equal(look.table, expected.table);
    assert_int_equal(look.waits, expected.waits);
    assert_int_equal(look.seconds, expected.seconds);
    assert_int_equal(look.lists, expected.lists);
}

static void a_command_line_says_how_long_to_wait_which_table_and_whether_it_lists(void **state)
{
    (void)state;
    looks_like("-L", (struct rules_look){.table = RULES_FILTER, .lists = true});
    looks_like("-w -t raw -L", (struct rules_look){RULES_RAW, true, -1, true});
    looks_like("-t nat -S POSTROUTING", (struct rules_look){.table = RULES_NAT, .lists = true});
    looks_like("-t nat -L -Z", (struct rules_look){.table = RULES_NAT});
    looks_like("-t nat -w 5 -A x -j y", (struct rules_look){RULES_NAT, true, 5, false});
    looks_like("-w7 -A INPUT -j nowhere", (struct rules_look){RULES_FILTER, true, 7, false});
    looks_like("--wait=3 -W 100 -L", (struct rules_look){RULES_FILTER, true, 3, true});
    looks_like("-A INPUT -m comment --comment -w -j x", (struct rules_look){.table = RULES_FILTER});
    looks_like("-w 0 --nonsense", (struct rules_look){RULES_FILTER, true, 0, false});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(rules_are_appended_inserted_replaced_and_deleted),
        case_of(several_addresses_are_several_rules),
        case_of(chains_are_made_renamed_and_deleted),
        case_of(policies_belong_to_built_in_chains),
        case_of(counters_are_set_shown_and_zeroed),
        case_of(options_are_abbreviated_and_combined_as_getopt_has_it),
        case_of(negation_stands_before_what_can_be_negated),
        case_of(slips_of_the_hand_are_recognized),
        case_of(a_line_makes_only_so_many_rules),
        case_of(what_cannot_stand_together_is_refused),
        case_of(a_loop_is_refused_and_leaves_no_trace),
        case_of(an_absent_table_is_made_only_when_it_is_changed),
        case_of(a_listing_names_protocols),
        case_of(verbose_commands_tell_what_they_do),
        case_of(a_command_line_says_how_long_to_wait_which_table_and_whether_it_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
