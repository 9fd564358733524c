/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/language/names.h"
#include "rules/language/parse.h"

enum {
    NAMES_MAX = 256,
};

static void *owner_data(struct line_reader *l, const struct option_owner *owner)
{
    if (owner->is_target)
        return rules_target_data(&l->line->rule.target);
    return rules_match_data(&l->line->rule.matches[owner->match]);
}

static const struct rules_opaque_name *opaque_named(const struct rules_opaque_name *names, const char *name,
                                                    uint8_t family)
{
    for (; names->name; names++) {
        if (rules_families_serve(names->families, family) && strcmp(names->name, name) == 0)
            return names;
    }
    return NULL;
}

static const char *near_part(const struct line_reader *l, const char *word, bool is_target)
{
    static const char *const verdicts[] = {"ACCEPT", "DROP", "RETURN"};
    const char *names[NAMES_MAX];
    const unsigned matches = RULES_MATCH_TYPES, targets = RULES_TARGET_TYPES;
    const struct rules_opaque_name *opaque = is_target ? rules_opaque_targets : rules_opaque_matches;
    size_t count = 0;

    for (unsigned i = 0; is_target && i < 3; i++)
        names[count++] = verdicts[i];
    for (unsigned i = 0; i < (is_target ? targets : matches); i++) {
        const struct rules_extension *row =
            is_target ? rules_target_row((uint8_t)i) : rules_match_row((uint8_t)i);
        if (row && !row->word && rules_families_serve(row->families, l->r->family))
            names[count++] = row->name;
    }
    for (; opaque->name && count < NAMES_MAX; opaque++) {
        if (rules_families_serve(opaque->families, l->r->family))
            names[count++] = opaque->name;
    }
    return nearest_name(word, names, count);
}

/* ---- matches and targets ---- */

static struct option_owner *add_owner(struct line_reader *l, const struct rules_extension *row,
                                      const char *name, bool is_target)
{
    struct option_owner *owner = &l->owners->list[l->owners->count++];

    *owner =
        (struct option_owner){.row = row, .name = name, .is_target = is_target, .word = l->words->current};
    return owner;
}

static int load_match(struct line_reader *l, const struct rules_extension *row, const char *name)
{
    struct rules_rule *rule = &l->line->rule;
    struct rules_match m;

    if (rule->match_count == RULES_MATCHES_MAX)
        return words_fail(l->words, l->error, "more than %d matches in one rule", RULES_MATCHES_MAX);
    if (rules_match_init(row, &l->p, &m))
        return -ENOMEM;
    if (row->word)
        m.opaque = (struct rules_match_opaque){.name = strdup(name), .words = strdup("")};
    if ((row->word && (!m.opaque.name || !m.opaque.words)) || rules_rule_add_match(rule, &m)) {
        rules_match_fini(&m);
        return -ENOMEM;
    }
    add_owner(l, row, name, false)->match = (uint16_t)(rule->match_count - 1);
    return 0;
}

static int load_target(struct line_reader *l, const struct rules_extension *row, const char *name,
                       bool decides)
{
    struct rules_target *target = &l->line->rule.target;

    if (rules_target_init(row, &l->p, target))
        return -ENOMEM;
    target->decides = decides;
    if (row->word) {
        target->opaque = (struct rules_match_opaque){.name = strdup(name), .words = strdup("")};
        if (!target->opaque.name || !target->opaque.words)
            return -ENOMEM;
    }
    add_owner(l, row, name, true);
    return 0;
}

static int take_match(struct line_reader *l, const char *word, bool inverted)
{
    const struct rules_extension *row = rules_match_named(word, l->r->family);

    (void)inverted;
    if (row)
        return load_match(l, row, row->name);
    const struct rules_opaque_name *opaque = opaque_named(rules_opaque_matches, word, l->r->family);
    if (opaque)
        return load_match(l, rules_match_row(RULES_MATCH_OPAQUE), opaque->name);
    if (rules_match_named(word, l->r->family == PACKET_IPV6 ? PACKET_IPV4 : PACKET_IPV6))
        return words_fail(l->words, l->error, "-m %s is for %s only, and these are %s rules", word,
                          l->r->family == PACKET_IPV6 ? "IPv4" : "IPv6",
                          l->r->family == PACKET_IPV6 ? "IPv6" : "IPv4");
    const char *near = near_part(l, word, false);
    return words_fail(l->words, l->error, "\"%s\" is not the name of a match of %s%s%s%s", word,
                      l->r->family == PACKET_IPV6 ? "ip6tables" : "iptables", near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
}

static int take_target(struct line_reader *l, const char *word)
{
    static const struct {
        const char *name;
        uint8_t type;
    } verdicts[] = {
        {"ACCEPT", RULES_TARGET_ACCEPT}, {"DROP", RULES_TARGET_DROP}, {"RETURN", RULES_TARGET_RETURN}};

    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(word, verdicts[i].name) == 0) {
            l->line->rule.target.type = verdicts[i].type;
            return 0;
        }
    }
    const struct rules_extension *row = rules_target_named(word, l->r->family);
    if (row)
        return load_target(l, row, row->name, false);
    const struct rules_opaque_name *opaque = opaque_named(rules_opaque_targets, word, l->r->family);
    if (opaque)
        return load_target(l, rules_target_row(RULES_TARGET_OPAQUE), opaque->name, opaque->decides);
    l->line->rule.target.type = RULES_TARGET_CHAIN;
    return 0;
}

static int take_jump_name(struct line_reader *l, const char *word)
{
    if (l->jump)
        return words_fail(l->words, l->error, "a rule has one -j or one -g, and there was one already");
    if (word[0] == '\0')
        return words_fail(l->words, l->error, "found an empty word, expected a target or a chain");
    l->jump = word;
    l->jump_word = l->words->current;
    return 0;
}

static int take_jump(struct line_reader *l, const char *word, bool inverted)
{
    int rc = take_jump_name(l, word);

    (void)inverted;
    return rc ? rc : take_target(l, word);
}

static int take_goto(struct line_reader *l, const char *word, bool inverted)
{
    int rc = take_jump_name(l, word);

    (void)inverted;
    if (rc)
        return rc;
    l->line->rule.target.type = RULES_TARGET_CHAIN;
    l->line->rule.target.is_goto = true;
    return 0;
}

/* ---- options of iptables itself ---- */

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
    return words_fail(l->words, l->error, "there is no table \"%s\"; expected %s%s", word,
                      "filter, raw, nat, mangle or security",
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

/* For the lock of who carries the line out. */
static int take_wait(struct line_reader *l, const char *word, bool inverted)
{
    uint64_t seconds = 0;
    int rc = word ? rules_parse_number(&l->p, word, 0, INT32_MAX, &seconds) : 0;

    (void)inverted;
    l->line->waits = true;
    l->line->seconds = word ? (int)seconds : -1;
    return rc;
}

/* How often to ask for it; nobody needs to. */
static int take_interval(struct line_reader *l, const char *word, bool inverted)
{
    uint64_t microseconds;

    (void)inverted;
    return word ? rules_parse_number(&l->p, word, 0, UINT32_MAX, &microseconds) : 0;
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

static const struct {
    char letter;
    uint8_t flag; /* enum line_flag to set, or */
    int (*take)(struct line_reader *l, const char *word, bool inverted);
} takers[] = {
    {'s', 0, take_source},     {'d', 0, take_destination}, {'p', 0, take_protocol}, {'i', 0, take_in},
    {'o', 0, take_out},        {'f', 0, take_fragment},    {'m', 0, take_match},    {'j', 0, take_jump},
    {'g', 0, take_goto},       {'t', 0, take_table},       {'c', 0, take_counters}, {'w', 0, take_wait},
    {'W', 0, take_interval},   {'M', 0, take_ignored},     {'4', 0, take_ipv4},     {'6', 0, take_ipv6},
    {'n', LINE_NUMERIC, NULL}, {'v', LINE_VERBOSE, NULL},  {'x', LINE_EXACT, NULL}, {'0', LINE_NUMBERS, NULL},
};

int parts_take_core(struct line_reader *l, char letter, const char *word, bool inverted)
{
    unsigned i = 0;

    while (takers[i].letter != letter)
        i++;
    if (takers[i].take)
        return takers[i].take(l, word, inverted);
    l->line->flags |= takers[i].flag;
    return 0;
}

/* ---- options of matches and targets ---- */

static const struct rules_option *first_of_id(const struct rules_extension *row, uint8_t id)
{
    const struct rules_option *o = row->options;

    while (o->id != id)
        o++;
    return o;
}

static int check_option(struct line_reader *l, const struct option_owner *owner, const struct rules_option *o)
{
    const struct rules_extension *row = owner->row;
    uint32_t bit = 1U << o->id;

    if (l->inverted && !(o->flags & RULES_INVERTS))
        return words_fail(l->words, l->error, "--%s takes no \"!\" before it", o->name);
    if ((owner->given & bit) && !(o->flags & RULES_REPEATS))
        return words_fail(l->words, l->error, "--%s was given already for this %s; once is allowed", o->name,
                          row->name);
    for (unsigned i = 0; i < row->option_count; i++) {
        const struct rules_option *other = &row->options[i];
        if ((owner->given & (1U << other->id)) &&
            ((o->excludes & (1U << other->id)) || (other->excludes & bit)))
            return words_fail(l->words, l->error, "--%s and --%s cannot stand in one %s", o->name,
                              other->name, row->name);
    }
    return 0;
}

int parts_take_option(struct line_reader *l, const struct option_found *found, const char *value)
{
    struct option_owner *owner = found->owner;
    const struct rules_option *o = found->option;
    int rc = check_option(l, owner, o);

    if (rc)
        return rc;
    if (!(o->flags & RULES_ARGUMENT) && value)
        return words_fail(l->words, l->error, "--%s takes no argument", o->name);
    if ((o->flags & RULES_ARGUMENT) && !value) {
        value = words_next(l->words);
        if (!value)
            return words_fail(l->words, l->error, "--%s needs an argument, and the line ends", o->name);
    }
    l->p.given = owner->given;
    rc = rules_extension_read(owner->row, &l->p, o, value ? value : "", l->inverted, owner_data(l, owner));
    owner->given |= 1U << o->id;
    l->inverted = false;
    return rc;
}

int parts_take_opaque(struct line_reader *l, struct option_owner *owner, const char *word)
{
    int rc = 0;

    if (l->inverted)
        rc = owner->row->word(&l->p, "!", owner_data(l, owner));
    l->inverted = false;
    return rc ? rc : owner->row->word(&l->p, word, owner_data(l, owner));
}

/* The match that -p names without -m: the first row for the protocol, or an opaque one that is called so. */
static const struct rules_extension *implied_row(const struct line_reader *l, const char **ret_name)
{
    uint8_t protocol = l->line->rule.protocol;
    const char *name = rules_protocol_name(protocol);

    for (unsigned i = 0; i < RULES_MATCH_TYPES; i++) {
        const struct rules_extension *row = rules_match_row((uint8_t)i);
        if (row && row->protocol == protocol && rules_families_serve(row->families, l->r->family)) {
            *ret_name = row->name;
            return row;
        }
    }
    const struct rules_opaque_name *opaque =
        name ? opaque_named(rules_opaque_matches, name, l->r->family) : NULL;
    if (!opaque)
        return NULL;
    *ret_name = opaque->name;
    return rules_match_row(RULES_MATCH_OPAQUE);
}

int parts_load_implied(struct line_reader *l, const char *name, size_t size)
{
    const char *row_name;
    const struct rules_extension *row = l->line->rule.protocol ? implied_row(l, &row_name) : NULL;

    if (!row || (!row->word && !option_row_has(row, name, size)))
        return 0;
    /* Two opaque matches and a word: the one that is named has it, wherever -p stands. */
    if (row->word && l->owners->count && l->owners->list[l->owners->count - 1].row->word)
        return 0;
    for (size_t i = 0; i < l->owners->count; i++) {
        if (l->owners->list[i].row == row && strcmp(l->owners->list[i].name, row_name) == 0)
            return 0;
    }
    int rc = load_match(l, row, row_name);
    return rc ? rc : 1;
}

/* ---- the end ---- */

static int check_needed(struct line_reader *l, const struct option_owner *owner)
{
    const struct rules_extension *row = owner->row;

    for (unsigned i = 0; i < row->option_count; i++) {
        const struct rules_option *o = first_of_id(row, row->options[i].id);
        if ((o->flags & RULES_NEEDED) && !(owner->given & (1U << o->id)))
            return words_fail(words_at(l->words, owner->word), l->error, "%s needs the option --%s",
                              row->name, o->name);
        if (!(owner->given & (1U << o->id)) || !(o->requires & ~owner->given))
            continue;
        uint8_t missing = (uint8_t)__builtin_ctz(o->requires & ~owner->given);
        return words_fail(words_at(l->words, owner->word), l->error, "--%s needs --%s beside it", o->name,
                          first_of_id(row, missing)->name);
    }
    return 0;
}

static int check_place(struct line_reader *l, const struct option_owner *owner)
{
    const struct rules_extension *row = owner->row;
    const struct rules_rule *rule = &l->line->rule;

    if (row->protocol && (rule->protocol != row->protocol || rule->protocol_inverted)) {
        const char *name = rules_protocol_name(row->protocol);
        return words_fail(words_at(l->words, owner->word), l->error, "%s %s works only in a rule with -p %s",
                          owner->is_target ? "-j" : "-m", row->name, name);
    }
    if (row->tables && !(row->tables & (1U << l->line->table)))
        return words_fail(words_at(l->words, owner->word), l->error, "%s %s does not work in the table %s",
                          owner->is_target ? "-j" : "-m", row->name, rules_table_name(l->line->table));
    return 0;
}

int parts_finish(struct line_reader *l)
{
    for (size_t i = 0; i < l->owners->count; i++) {
        struct option_owner *owner = &l->owners->list[i];
        int rc = check_needed(l, owner);
        if (rc == 0)
            rc = check_place(l, owner);
        if (rc == 0) {
            l->p.given = owner->given;
            words_at(l->words, owner->word);
            rc = rules_extension_finish(owner->row, &l->p, owner_data(l, owner));
        }
        if (rc)
            return rc;
    }
    return 0;
}
