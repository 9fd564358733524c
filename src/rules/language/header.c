/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/reader.h"

/* The options of a line that are neither commands nor parts of a match or target: -s, -p, -t, -n... */

static int take_table(struct line_reader *l, const char *word, bool inverted)
{
    static const char *const names[] = {"filter", "raw", "nat", "mangle", "security"};
    char near[64];

    (void)inverted;
    if (l->in_file)
        return words_fail(l->words, l->error, "-t has no place in a file: the table is named by *%s",
                          rules_table_name(l->line->table));
    if (rules_table_find(word, &l->line->table)) {
        l->p.table = (uint8_t)l->line->table;
        return 0;
    }
    for (unsigned i = 2; i < 5; i++) {
        if (strcmp(word, names[i]) == 0)
            return words_fail(l->words, l->error,
                              "the table %s is kept as it is, not evaluated; commands work on filter and raw",
                              word);
    }
    return words_fail(l->words, l->error, "there is no table \"%s\"; expected filter or raw%s", word,
                      rules_suggest(word, names, 5, near, sizeof(near)));
}

static int take_networks(struct line_reader *l, const char *word, bool inverted, struct rules_network **list,
                         size_t *count)
{
    const char *at = word;
    char element[128];
    int rc;

    while ((rc = rules_parse_element(&l->p, &at, element, sizeof(element))) > 0) {
        struct rules_network *grown = reallocarray(*list, *count + 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        *list = grown;
        grown[*count] = (struct rules_network){.inverted = inverted};
        rc = rules_parse_network(&l->p, element, &grown[*count]);
        if (rc)
            return rc;
        ++*count;
    }
    if (rc == 0 && *count == 0)
        return words_fail(l->words, l->error, "found an empty word, expected an address");
    return rc;
}

static int take_source(struct line_reader *l, const char *word, bool inverted)
{
    return take_networks(l, word, inverted, &l->line->sources, &l->line->source_count);
}

static int take_destination(struct line_reader *l, const char *word, bool inverted)
{
    return take_networks(l, word, inverted, &l->line->destinations, &l->line->destination_count);
}

static int take_protocol(struct line_reader *l, const char *word, bool inverted)
{
    struct rules_rule *rule = &l->line->rule;
    int rc = rules_parse_protocol(&l->p, word, &rule->protocol);

    if (rc == 0 && inverted && rule->protocol == 0)
        return words_fail(l->words, l->error, "\"! -p %s\" never matches: each packet has a protocol", word);
    rule->protocol_inverted = inverted;
    return rc;
}

/* "+" alone is any interface; iptables forgets it. With "!" it matches nothing and is kept. */
static int take_interface(struct line_reader *l, const char *word, bool inverted,
                          struct rules_interface *interface)
{
    interface->inverted = inverted;
    int rc = rules_parse_interface(&l->p, word, interface);
    if (rc == 0 && !interface->name[0] && !inverted)
        interface->wildcard = false;
    return rc;
}

static int take_in(struct line_reader *l, const char *word, bool inverted)
{
    return take_interface(l, word, inverted, &l->line->rule.in);
}

static int take_out(struct line_reader *l, const char *word, bool inverted)
{
    return take_interface(l, word, inverted, &l->line->rule.out);
}

static int take_fragment(struct line_reader *l, const char *word, bool inverted)
{
    (void)word;
    l->line->rule.fragment = true;
    l->line->rule.fragment_inverted = inverted;
    return 0;
}

static bool read_counter(const char *word, char stop, const char **ret_end, uint64_t *ret)
{
    char *end;

    if (word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    *ret = strtoull(word, &end, 10);
    *ret_end = end;
    return !errno && (*end == stop || *end == '\0');
}

static int take_counters(struct line_reader *l, const char *word, bool inverted)
{
    struct rules_counters *c = &l->line->counters;
    const char *end;

    (void)inverted;
    if (!read_counter(word, ',', &end, &c->packets))
        return words_fail(l->words, l->error, "found \"%s\", expected a number of packets", word);
    if (*end == ',') {
        word = end + 1;
    } else {
        word = rules_next_word(&l->p);
        if (!word)
            return words_fail(l->words, l->error, "-c needs two numbers, packets and bytes");
    }
    if (!read_counter(word, '\0', &end, &c->bytes))
        return words_fail(l->words, l->error, "found \"%s\", expected a number of bytes", word);
    l->line->flags |= LINE_COUNTERS;
    return 0;
}

/* How long to wait for the lock: there is none here. */
static int take_wait(struct line_reader *l, const char *word, bool inverted)
{
    uint64_t seconds;

    (void)inverted;
    return word ? rules_parse_number(&l->p, word, 0, UINT32_MAX, &seconds) : 0;
}

static int take_ignored(struct line_reader *l, const char *word, bool inverted)
{
    (void)l;
    (void)word;
    (void)inverted;
    return 0;
}

static int take_family(struct line_reader *l, uint8_t family)
{
    if (family != l->r->family)
        l->line->flags |= LINE_OTHER_FAMILY;
    return 0;
}

static int take_ipv4(struct line_reader *l, const char *word, bool inverted)
{
    (void)word;
    (void)inverted;
    return take_family(l, PACKET_IPV4);
}

static int take_ipv6(struct line_reader *l, const char *word, bool inverted)
{
    (void)word;
    (void)inverted;
    return take_family(l, PACKET_IPV6);
}

/* Options that are no commands. */
static const struct {
    char letter;
    uint8_t flag; /* enum line_flag to set, or */
    int (*take)(struct line_reader *l, const char *word, bool inverted);
} takers[] = {
    {'s', 0, take_source},     {'d', 0, take_destination}, {'p', 0, take_protocol},
    {'i', 0, take_in},         {'o', 0, take_out},         {'f', 0, take_fragment},
    {'m', 0, line_take_match}, {'j', 0, line_take_jump},   {'g', 0, line_take_goto},
    {'t', 0, take_table},      {'c', 0, take_counters},    {'w', 0, take_wait},
    {'W', 0, take_wait},       {'M', 0, take_ignored},     {'4', 0, take_ipv4},
    {'6', 0, take_ipv6},       {'n', LINE_NUMERIC, NULL},  {'v', LINE_VERBOSE, NULL},
    {'x', LINE_EXACT, NULL},   {'0', LINE_NUMBERS, NULL},
};

int line_take_header(struct line_reader *l, char letter, const char *word, bool inverted)
{
    unsigned i = 0;

    while (takers[i].letter != letter)
        i++;
    if (takers[i].take)
        return takers[i].take(l, word, inverted);
    l->line->flags |= takers[i].flag;
    return 0;
}
