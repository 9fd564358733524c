/* SPDX-License-Identifier: BSD-2-Clause */
/* What bears on an answer stands in every format: the table with its chain, the rules that jumped, what nearly admitted
 * the packet, and of what is not known who decides and the command that would tell. */
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/packet/question.h"
#include "rules/rules.h"

#define OPEN "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
#define MANGLE                                                                                               \
    "COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"                \
    ":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
#define NAT                                                                                                  \
    "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"                    \
    ":POSTROUTING ACCEPT [0:0]\n"

static const struct alike_case {
    const char *rules;
    enum story_outcome outcome;
    const char *facts[5];      /* in every format */
    const char *drawn, *coded; /* in all but JSON, in JSON */
} cases[] = {
    {OPEN MANGLE "-A INPUT -p tcp -j DROP\n",
     STORY_BLOCKED,
     {"Rule 1 of INPUT in the mangle table drops this packet", "-A INPUT -p tcp -j DROP"},
     "dropped by mangle INPUT 1",
     "\"table\": \"mangle\", \"chain\": \"INPUT\", \"number\": 1"},
    {OPEN MANGLE ":STOP - [0:0]\n-A INPUT -p tcp -j STOP\n-A STOP -j DROP\n",
     STORY_BLOCKED,
     {"Rule 1 of STOP in the mangle table drops this packet", "-A INPUT -p tcp -j STOP", "-A STOP -j DROP"},
     "by mangle INPUT 1: -A INPUT -p tcp -j STOP",
     "\"jumps\": [ { \"table\": \"mangle\", \"chain\": \"INPUT\", \"number\": 1"},
    {OPEN "-A INPUT -s 198.51.100.0/24 -p tcp --dport 443 -j ACCEPT\n-A INPUT -p tcp -j REJECT\n",
     STORY_BLOCKED,
     {"Rule 2 of INPUT rejects this packet", "Rule 1 of INPUT would admit it but for -s 198.51.100.0/24."},
     "rejected by INPUT 2",
     "\"kind\": \"but\", \"text\": \"rule 1 of INPUT would admit it but for -s 198.51.100.0/24\""},
    {OPEN NAT "-A PREROUTING -p tcp --dport 443 -j DNAT --to-destination 10.0.0.5\n",
     STORY_UNKNOWN,
     {"by rule 1 of PREROUTING in the nat table", "it depends on where packets to 10.0.0.5 go",
      "-j DNAT --to-destination 10.0.0.5", "ip route get 10.0.0.5"},
     "unknown: the route",
     "\"ask\": \"ip route get"},
    {OPEN "-A INPUT -m physdev --physdev-in br0p1 -j DROP\n",
     STORY_UNKNOWN,
     {"at rule 1 of INPUT", "it depends on", "-m physdev --physdev-in br0p1 -j DROP"},
     "unknown: INPUT 1",
     "\"outcome\": \"unknown\""},
};

static struct story *ask(const char *rules)
{
    struct rules *r = NULL;
    struct rules_error error;
    struct play play;
    struct story *story = NULL;
    char text[2048], *message = NULL;
    snprintf(text, sizeof(text), "%sCOMMIT\n", rules);
    if (rules_read(text, strlen(text), "test", 0, &r, &error) < 0)
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    play_defaults(&play);
    assert_int_equal(
        packet_question_ask(r, "tcp 203.0.113.7:50000 > 192.0.2.80:443 syn in=eth0", &play, &story, &message),
        0);
    rules_free(&r);
    return story;
}

static int tell_text(const struct story *s, FILE *out)
{
    return story_tell_text(s, &(struct story_text_options){.width = 120}, out);
}

/* What stands there without lines, lanes and boxes: words with one space between them. */
static void flatten(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        bool is_space = isspace((unsigned char)*at) || (unsigned char)*at >= 0x80;
        if (!is_space)
            *to++ = *at;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    *to = '\0';
}

/* In SVG a paragraph is several elements: of their tags, too, nothing is left. */
static void strip_tags(char *text)
{
    char *to = text;
    bool inside = false;
    for (const char *at = text; *at; at++) {
        inside = inside || *at == '<';
        if (!inside)
            *to++ = *at;
        inside = inside && *at != '>';
    }
    *to = '\0';
}

static char *flat(int (*tell)(const struct story *, FILE *), const struct story *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(tell(s, out), 0);
    assert_int_equal(fclose(out), 0);
    if (tell == story_tell_svg || tell == story_tell_html)
        strip_tags(text);
    flatten(text);
    return text;
}

static void says(const char *text, const char *fact, const char *format)
{
    if (!strstr(text, fact))
        fail_msg("%s does not say \"%s\":\n%s", format, fact, text);
}

static void every_format_says_it(void **state)
{
    static const struct {
        const char *name;
        int (*tell)(const struct story *, FILE *);
    } formats[] = {
        {"text", tell_text}, {"SVG", story_tell_svg}, {"HTML", story_tell_html}, {"JSON", story_tell_json}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct story *s = ask(cases[i].rules);
        assert_int_equal(s->outcome, cases[i].outcome);
        for (size_t f = 0; f < COUNT(formats); f++) {
            char *text = flat(formats[f].tell, s);
            for (size_t k = 0; cases[i].facts[k]; k++)
                says(text, cases[i].facts[k], formats[f].name);
            char drawn[128];
            snprintf(drawn, sizeof(drawn), "%s",
                     formats[f].tell == story_tell_json ? cases[i].coded : cases[i].drawn);
            if (formats[f].tell != story_tell_html)
                says(text, drawn, formats[f].name);
            free(text);
        }
        story_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
