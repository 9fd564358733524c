/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "rules/forms/forms_text.h"

static void is(const char *script, const char *expected)
{
    form_is(script, 0, RULES_FILTER, expected);
}

static void commands_one_a_line_are_a_script(void **state)
{
    (void)state;
    is("iptables -P INPUT DROP\nsudo iptables -A INPUT -i lo -j ACCEPT\n/sbin/iptables -w -I INPUT 1 -p tcp "
       "--dport 22 -j ACCEPT\n",
       "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n");
    is("iptables -N web; iptables -A web -j ACCEPT && iptables -A INPUT -p tcp --dport 80 -g web # shop\n"
       "iptables -A INPUT -j DROP\niptables -D INPUT 2\niptables -E web shop\n",
       "-A INPUT -p tcp -m tcp --dport 80 -g shop\n-A shop -j ACCEPT\n");
}

static void variables_and_quotes_are_put_in(void **state)
{
    (void)state;
    is("IPT=\"/usr/sbin/iptables -w\"\nLAN=192.0.2.0/24\nnet=\"$LAN\" # office\n$IPT -A INPUT -s ${net} \\\n "
       " -m comment --comment 'the '\"office's\" -j ACCEPT\n",
       "-A INPUT -s 192.0.2.0/24 -m comment --comment \"the office\\'s\" -j ACCEPT\n");
    is("IPT=$(which iptables)\nPORT=${PORT:-2121}\n$IPT -A INPUT -p tcp --dport $PORT -j ACCEPT\n",
       "-A INPUT -p tcp -m tcp --dport 2121 -j ACCEPT\n");
    is("IPT=`command -v iptables`\nexport A=21 B=22\n$IPT -A INPUT -p tcp -m multiport --dports $A,$B -j "
       "ACCEPT\n",
       "-A INPUT -p tcp -m multiport --dports 21,22 -j ACCEPT\n");
}

static void loops_and_functions_are_followed(void **state)
{
    (void)state;
    is("PORTS=\"21 22\"\nfor p in $PORTS 80\ndo\n  for n in 192.0.2.1 192.0.2.2; do iptables -A INPUT -s $n "
       "-p tcp --dport $p -j ACCEPT; done\ndone\n",
       "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -s 192.0.2.2/32 -p tcp -m tcp "
       "--dport 21 -j ACCEPT\n"
       "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -s 192.0.2.2/32 -p tcp -m tcp "
       "--dport 22 -j ACCEPT\n"
       "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -s 192.0.2.2/32 -p tcp -m tcp "
       "--dport 80 -j ACCEPT\n");
    is("#!/bin/bash\nnets=(192.0.2.0/24 \"198.51.100.0/24\")\nopen() {\n  local port=$1\n  iptables -A INPUT "
       "-s $2 -p tcp --dport $port -j ACCEPT\n}\n"
       "for n in \"${nets[@]}\"; do open 21 \"$n\"; done\nfunction all { iptables \"$@\"; }\nall -A INPUT -j "
       "DROP\n",
       "-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -s 198.51.100.0/24 -p tcp -m "
       "tcp --dport 21 -j ACCEPT\n"
       "-A INPUT -j DROP\n");
}

static void conditions_that_compare_words_are_known(void **state)
{
    (void)state;
    is("FTP=yes\nif [ \"$FTP\" = yes ]; then\n iptables -A INPUT -p tcp --dport 21 -j ACCEPT\nelse\n "
       "iptables -A INPUT -p tcp --dport 21 -j DROP\nfi\n",
       "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n");
    is("FTP=\n[ -n \"$FTP\" ] && iptables -A INPUT -p tcp --dport 21 -j ACCEPT\n[[ $FTP == \"\" ]] || "
       "iptables -A INPUT -j LOG\n"
       "test 3 -gt 2 && iptables -A INPUT -j DROP\n",
       "-A INPUT -j DROP\n");
    is("MODE=strict\ncase $MODE in\n open) iptables -P INPUT ACCEPT ;;\n strict|paranoid) iptables -P INPUT "
       "DROP ;;\n *) iptables -F ;;\nesac\n",
       "-P INPUT DROP\n");
    is("#!/bin/sh\niptables -P INPUT DROP\nexit 0\niptables -A INPUT -j DROP\n", "-P INPUT DROP\n");
    form_refused("#!/bin/sh\nexit 0\niptables -A INPUT -j DROP\n", 1, "this script calls no iptables");
}

/* What only the machine knows is unknown, with its line; what does not depend on it is known. */
static void what_only_the_machine_knows_is_unknown(void **state)
{
    (void)state;
    is("WAN=$(ip route | awk '/default/ { print $5 }')\niptables -A INPUT -i $WAN -p tcp --dport 21 -j "
       "DROP\niptables -A INPUT -j ACCEPT\n",
       "-A INPUT -p tcp -m unknown --because \"line 2 of the script: WAN, what $(ip route | awk `/default/ { "
       "print $5 }`) "
       "prints (line 1)\" -m tcp --dport 21 -j DROP\n-A INPUT -j ACCEPT\n");
    is("iptables -A INPUT ! -s $ADMIN -p tcp --dport 22 -j DROP\n",
       "-A INPUT -p tcp -m unknown --because \"line 1 of the script: ADMIN, which the script does not set\" "
       "-m tcp --dport 22 -j DROP\n");
    is("if ip link show eth1; then\niptables -A INPUT -i eth1 -j ACCEPT\nfi\n",
       "-A INPUT -i eth1 -m unknown --because \"line 2 of the script: the condition in line 1\" -j ACCEPT\n");
    is("while read ip; do\n iptables -A INPUT -s $ip -j DROP\ndone < /etc/banned\n",
       "-A INPUT -m unknown --because \"line 2 of the script: ip, which is read in line 1\" -j DROP\n");
    is("case \"$1\" in\non)\n iptables -P INPUT DROP\n ;;\noff)\n iptables -P INPUT ACCEPT\n ;;\nesac\n",
       "-P INPUT ?\n");
    is("TARGET=$(cat target)\niptables -A INPUT -p tcp --dport 21 -j $TARGET\n",
       "-A INPUT -m unknown --because \"line 2 of the script: TARGET, what $(cat target) prints (line 1)\" "
       "-j "
       "ACCEPT\n"
       "-A INPUT -m unknown --because \"line 2 of the script: TARGET, what $(cat target) prints (line 1)\" "
       "-j "
       "DROP\n");
}

/* What is common in scripts, and is known all the same. */
static void idioms_are_known(void **state)
{
    (void)state;
    is("#!/bin/bash\n: ${PORT:=21}\ndeclare -a nets=(192.0.2.0/24)\nfor n in ${nets[@]}; do iptables -A "
       "INPUT -s $n -p tcp "
       "--dport $PORT -j ACCEPT; done\n",
       "-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 21 -j ACCEPT\n");
    is("iptables -C INPUT -j DROP 2>/dev/null || iptables -A INPUT -j DROP\niptables -C INPUT -j DROP || "
       "iptables -A INPUT -j DROP\n"
       "while iptables -D INPUT -j DROP; do :; done\niptables -A INPUT -j LOG\n",
       "-A INPUT -j LOG\n");
    is("#!/bin/sh\n. /lib/lsb/init-functions\nup() { iptables -P INPUT DROP; }\ncase \"$1\" in\nstart) "
       "up;;\nstop) iptables -F;;\n"
       "*) exit 1;;\nesac\nservice iptables save\n",
       "-P INPUT DROP\n");
    is("#!/bin/sh\nif [ \"$1\" = \"start\" ]; then iptables -P INPUT DROP; else iptables -P INPUT ACCEPT; "
       "fi\n",
       "-P INPUT DROP\n");
    struct rules *r =
        form_read("#!/bin/sh\ncase $1 in start) iptables -P INPUT DROP;; esac\nsystemctl restart ssh\n", 0);
    assert_true(form_remarks(r, "called with the argument start"));
    assert_int_equal(r->beside_count, 0);
    rules_free(&r);
    r = form_read("#!/bin/sh\niptables -F\nsystemctl restart docker\n", 0);
    assert_true(form_beside(r, "systemctl"));
    rules_free(&r);
    r = form_read("#!/bin/sh\niptables -F\nwhile true; do iptables -A INPUT -j DROP; done\n", 0);
    assert_true(form_beside(r, "a loop that may never end"));
    rules_free(&r);
}

/* What is set where does not leak, and what a shell parts otherwise is not guessed. */
static void scopes_and_failures_are_as_in_a_shell(void **state)
{
    (void)state;
    is("p=22\nf() { local p=$1; iptables -A INPUT -p tcp --dport $p -j ACCEPT; }\nf 21\niptables -A INPUT -p "
       "tcp --dport $p -j DROP\n",
       "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n");
    is("p=22\n(p=21; iptables -A INPUT -p tcp --dport $p -j ACCEPT)\necho x | p=23\niptables -A INPUT -p tcp "
       "--dport $p -j DROP\n",
       "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n");
    is("#!/bin/bash\nr=(\"-p tcp --dport 21\" \"-p udp\")\nfor x in \"${r[@]}\"; do iptables -A INPUT $x -j "
       "ACCEPT; done\n",
       "-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -p udp -j ACCEPT\n");
    is("#!/bin/bash\nset -e\niptables -A INPUT -j LOG\niptables -D INPUT -j DROP || true\nif iptables -D "
       "INPUT -j DROP; then :; fi\n"
       "iptables -D INPUT -j DROP\niptables -A INPUT -j ACCEPT\n",
       "-A INPUT -j LOG\n");
    is("#!/bin/bash\np=20\n((p++))\niptables -A INPUT -p tcp --dport $p -j ACCEPT\n",
       "-A INPUT -p tcp -m unknown --because \"line 4 of the script: p, which may be reckoned in line 3\" -j "
       "ACCEPT\n");
    is("IFS=,\nl=1,2\nfor p in $l; do iptables -A INPUT -p tcp --dport $p -j ACCEPT; done\n",
       "-A INPUT -p tcp -m unknown --because \"line 3 of the script: where IFS parts words\" -j ACCEPT\n");
    is("l='1 2'\nwhile IFS= read -r x; do :; done < f\nfor p in $l; do iptables -A INPUT -p tcp --dport $p "
       "-j ACCEPT; done\n",
       "-A INPUT -p tcp -m tcp --dport 1 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 2 -j ACCEPT\n");
    struct rules *r = form_read("iptables -F\necho 192.0.2.1 | xargs iptables -A INPUT -j DROP -s\n", 0);
    assert_true(form_beside(r, "xargs"));
    rules_free(&r);
    r = form_read("trap 'iptables -F' EXIT\niptables -A INPUT -j DROP\n", 0);
    assert_true(form_beside(r, "trap"));
    rules_free(&r);
    r = form_read("iptables-legacy -F\niptables-nft -A INPUT -j DROP\n", 0);
    assert_true(form_beside(r, "both back ends"));
    rules_free(&r);
}

static void a_name_of_a_host_makes_its_rule_unknown(void **state)
{
    struct rules *r =
        form_read("iptables -A INPUT -s gate.example.org -j ACCEPT\niptables -A INPUT -j DROP\n", 0);
    char *table = form_table(r, RULES_FILTER);

    (void)state;
    assert_non_null(strstr(table, "-m unknown --because"));
    assert_non_null(strstr(table, "gate.example.org"));
    assert_true(form_remarks(r, "Line 1 can't be read"));
    free(table);
    rules_free(&r);
}

/* What may change anything stands beside the rules, so that no answer is certain. */
static void what_cannot_be_followed_is_beside(void **state)
{
    static const struct {
        const char *script, *what;
    } cases[] = {
        {"iptables -F\nufw enable\n", "the command `ufw`"},
        {"iptables -F\neval \"$rules\"\n", "the command `eval`"},
        {"iptables -F\nrun-parts /etc/wall.d\n", "the command `run-parts`"},
        {"iptables -F\niptables-apply /etc/wall.rules\n", "the command `iptables-apply`"},
        {"iptables -F\nfind /etc/wall.d -type f -exec sh {} +\n", "the command `find`"},
        {"iptables -F\nls /etc/wall.d | xargs -n1 sh\n", "the command `xargs`"},
        {"iptables -F\n. /etc/firewall.conf\n", "the command `.`"},
        {"iptables -F\n$CMD -A INPUT -j DROP\n", "CMD, which the script does not set"},
        {"iptables -F\niptables-restore < /etc/iptables.rules\n", "a file of rules that is loaded"},
        {"iptables -A INPUT -j ACCEPT\n[ -f /etc/x ] && iptables -F\n", "what stands before it"},
        {"iptables -I DOCKER-USER -j DROP\n", "the chain DOCKER-USER"},
        {"iptables -A INPUT $RULE\niptables $ARGS\n", "ARGS, which the script does not set"},
        {"iptables -F\n)\n", "no command of a shell"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules *r = form_read(cases[i].script, 0);
        if (!form_beside(r, cases[i].what))
            fail_msg("%s: nothing says %s; %s", cases[i].script, cases[i].what,
                     r->beside_count ? r->beside[0].what : "");
        assert_true(r->beside[0].rewrites);
        rules_free(&r);
    }
}

static void what_changes_no_rules_is_told_and_passed_over(void **state)
{
    struct rules *r = form_read(
        "modprobe nf_conntrack_ftp\nipset create banned hash:ip\necho 1 > /proc/sys/net/ipv4/ip_forward\n"
        "echo \"setting up\" >&2\nip6tables -P INPUT DROP\niptables -A INPUT -m set --match-set banned src "
        "-j DROP\n",
        0);

    (void)state;
    assert_int_equal(r->beside_count, 0);
    assert_true(form_remarks(r, "loads modules"));
    assert_true(form_remarks(r, "--sets"));
    assert_true(form_remarks(r, "/proc"));
    assert_true(form_remarks(r, "1 commands of ip6tables were left out"));
    assert_true(form_remarks(r, "no rules are before it (it does not flush them)"));
    rules_free(&r);
}

static void the_family_that_is_asked_for_is_read(void **state)
{
    static const char script[] =
        "for t in iptables ip6tables; do $t -P INPUT DROP; done\nip6tables -A INPUT -s fe80::/10 -j ACCEPT\n";

    (void)state;
    form_is(script, PACKET_IPV6, RULES_FILTER, "-P INPUT DROP\n-A INPUT -s fe80::/10 -j ACCEPT\n");
    form_is(script, 0, RULES_FILTER, "-P INPUT DROP\n");
    struct rules *r = form_read("ip6tables -A INPUT -j DROP\n", 0);
    assert_int_equal(r->family, PACKET_IPV6);
    rules_free(&r);
}

static void documents_are_loaded(void **state)
{
    (void)state;
    is("PORT=21\niptables-restore <<EOF\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT "
       "[0:0]\n"
       "-A INPUT -p tcp --dport $PORT -j ACCEPT\nCOMMIT\nEOF\niptables -A INPUT -j LOG\n",
       "-P INPUT DROP\n-P FORWARD DROP\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n-A INPUT -j LOG\n");
    is("cat <<-'END'\n\tiptables -A INPUT -j DROP\n\tEND\niptables -A INPUT -j ACCEPT\n",
       "-A INPUT -j ACCEPT\n");
}

static void rules_have_the_lines_of_the_script(void **state)
{
    struct rules *r = form_read("#!/bin/sh\nfor p in 1 2; do\n\n iptables -A INPUT -p tcp --dport $p \\\n  "
                                "-j DROP\ndone\niptables -A INPUT -j ACCEPT\n",
                                0);
    const struct rules_chain *input = rules_chain_at(r, RULES_FILTER, RULES_INPUT);

    (void)state;
    assert_int_equal(input->rules[0].line, 4);
    assert_int_equal(input->rules[1].line, 4);
    assert_int_equal(input->rules[2].line, 7);
    rules_free(&r);
}

/* Whatever a script says, reading it ends soon. */
static void loops_of_loops_end(void **state)
{
    char script[4096] = "iptables -F\nA=1\n";
    struct rules *r;

    (void)state;
    for (int i = 0; i < 20; i++)
        strcat(script, "for a in 1 2 3 4 5 6 7 8 9; do ");
    strcat(script, "iptables -A INPUT -j ACCEPT; ");
    for (int i = 0; i < 20; i++)
        strcat(script, "done; ");
    r = form_read(script, 0);
    assert_true(form_beside(r, "more commands than are looked at"));
    rules_free(&r);
    strcpy(script, "iptables -F\nA=aaaaaaaaaaaaaaaa\n");
    for (int i = 0; i < 40; i++)
        strcat(script, "A=$A$A$A$A\n");
    r = form_read(script, 0); /* a word that is too long is not known */
    rules_free(&r);
    r = form_read("f() { f; f; }\niptables -F\nf\n", 0);
    assert_true(r->beside_count);
    rules_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_one_a_line_are_a_script),
        cmocka_unit_test(variables_and_quotes_are_put_in),
        cmocka_unit_test(loops_and_functions_are_followed),
        cmocka_unit_test(conditions_that_compare_words_are_known),
        cmocka_unit_test(what_only_the_machine_knows_is_unknown),
        cmocka_unit_test(idioms_are_known),
        cmocka_unit_test(scopes_and_failures_are_as_in_a_shell),
        cmocka_unit_test(a_name_of_a_host_makes_its_rule_unknown),
        cmocka_unit_test(what_cannot_be_followed_is_beside),
        cmocka_unit_test(what_changes_no_rules_is_told_and_passed_over),
        cmocka_unit_test(the_family_that_is_asked_for_is_read),
        cmocka_unit_test(documents_are_loaded),
        cmocka_unit_test(rules_have_the_lines_of_the_script),
        cmocka_unit_test(loops_of_loops_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
