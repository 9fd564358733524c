/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules ask, as sets of packets (see region.h). */
#include "explain/diff/conditions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/condition/field.h"
#include "verdict/condition/read.h"
#include "verdict/image/condition.h"

struct collector {
    const struct rules *rules;
    const struct rules_chain *chain;
    const struct rules_rule *rule;
    bool either, forwarded;
    struct diff_names *names;
    struct diff_conditions *out;
    int told; /* match of whose atom is the last; -1: none */
    int error;
};

/* ---- adding one ---- */

static int add(struct diff_conditions *c, const struct diff_condition *one)
{
    struct diff_condition *list = reallocarray(c->list, c->count + 1U, sizeof(*list));
    if (!list)
        return -ENOMEM;
    c->list = list;
    list[c->count] = *one;
    list[c->count].ranges = NULL;
    if (one->count) {
        list[c->count].ranges = calloc(one->count, sizeof(*one->ranges));
        if (!list[c->count].ranges)
            return -ENOMEM;
        memcpy(list[c->count].ranges, one->ranges, one->count * sizeof(*one->ranges));
    }
    c->count++;
    return 0;
}

static int add_interval(struct collector *c, enum diff_field field, diff_number first, diff_number last,
                        bool inverted)
{
    struct diff_interval range = {first, last};
    struct diff_condition one = {.field = (uint8_t)field, .inverted = inverted, .count = 1, .ranges = &range};
    return add(c->out, &one);
}

static int add_bits(struct collector *c, enum diff_field field, const struct diff_bits *bits, bool inverted)
{
    struct diff_condition one = {.field = (uint8_t)field, .inverted = inverted, .bits = *bits};
    return add(c->out, &one);
}

/* The match as iptables-save writes it is the atom's name. */
static int add_atom(struct collector *c, char *words)
{
    struct diff_names *names = c->names;
    size_t i = 0;
    if (!words)
        return -ENOMEM;
    while (i < names->atom_count && strcmp(names->atom[i], words) != 0)
        i++;
    if (i == DIFF_ATOMS) {
        names->overflow = true;
        i--;
        free(words);
    } else if (i == names->atom_count) {
        names->atom[names->atom_count++] = words;
    } else {
        free(words);
    }
    struct diff_condition one = {.field = DIFF_ATOM, .atom = (uint8_t)i};
    return add(c->out, &one);
}

/* What iptables-save would print for a rule with only this part. */
static char *words_of(const struct collector *c, const struct rules_rule *part)
{
    char *text = rules_rule_text(c->rules, c->chain, part);
    if (!text)
        return NULL;
    size_t skip = strlen("-A ") + strlen(c->chain->name) + 1;
    size_t length = strlen(text);
    memmove(text, text + (skip < length ? skip : length), length - (skip < length ? skip : length) + 1);
    return text;
}

static int add_match_atom(struct collector *c, const struct rules_match *m)
{
    struct rules_match copy = *m;
    struct rules_rule part = {.match_count = 1, .matches = &copy};
    return add_atom(c, words_of(c, &part));
}

/* ---- one condition (verdict/condition) as a set of packets ---- */

/* What the match of a condition asks that is no field; once, however many conditions it is. */
static int add_rest(struct collector *c, const struct condition *condition)
{
    struct rules_rule part = {0};

    if (condition->match == CONDITION_OF_HEADER) { /* a mask with holes is no interval */
        *(condition->field == CONDITION_SOURCE ? &part.source : &part.destination) =
            condition->field == CONDITION_SOURCE ? c->rule->source : c->rule->destination;
        return add_atom(c, words_of(c, &part));
    }
    if (c->told == condition->match)
        return 0;
    c->told = condition->match;
    return add_match_atom(c, &c->rule->matches[condition->match]);
}

/* Numbers up to 255: which of them are wanted. came: by what is in the packet, which the hook may see changed.
 */
static int add_bitmap(struct collector *c, enum diff_field field, const struct condition *condition,
                      unsigned less)
{
    struct diff_bits bits = {0};
    struct condition plain = *condition;

    plain.inverted = false;
    for (unsigned i = 0; i < 256; i++) {
        if (condition_wants(&plain, (struct condition_value){0, (uint8_t)(i - less)}))
            diff_bits_set(&bits, i);
    }
    return add_bits(c, field, &bits, condition->inverted);
}

static int add_names(struct collector *c, enum diff_field field, const struct condition *condition)
{
    struct diff_bits bits = {0};

    for (unsigned i = 0; i < c->names->interface_count; i++) {
        if (condition_wants(condition, condition_value_name(c->names->interface[i])))
            diff_bits_set(&bits, i);
    }
    return add_bits(c, field, &bits, false);
}

static diff_number number_of(struct condition_value v)
{
    return (diff_number)v.high << 64 | v.low;
}

static int add_network(struct collector *c, enum diff_field field, const struct condition *condition)
{
    struct image_range range;

    if (!image_condition_prefix(condition, c->rules->family == PACKET_IPV6 ? 128 : 32, &range))
        return add_rest(c, condition);
    return add_interval(c, field, number_of(range.first), number_of(range.last), condition->inverted);
}

static int add_numbers(struct collector *c, enum diff_field field, const struct condition *condition)
{
    struct diff_interval ranges[CONDITION_LISTED];

    if (condition->kind == CONDITION_RANGE)
        return add_interval(c, field, number_of(condition->range.first), number_of(condition->range.last),
                            condition->inverted);
    for (uint8_t i = 0; i < condition->count; i++)
        ranges[i] = (struct diff_interval){condition->list[i].first, condition->list[i].last};
    struct diff_condition one = {.field = (uint8_t)field,
                                 .inverted = condition->inverted,
                                 .count = condition->count,
                                 .ranges = ranges};
    return add(c->out, &one);
}

/* Either side: an or, which is two rules; neither: an and. */
static int add_ports(struct collector *c, const struct condition *condition)
{
    int error = 0;

    if (condition->inverted || !c->either)
        error = add_numbers(c, DIFF_SOURCE_PORT, condition);
    if (!error && (condition->inverted || c->either))
        error = add_numbers(c, DIFF_DESTINATION_PORT, condition);
    return error;
}

/* State n of struct diff_region is bit n of enum rules_state. */
static int add_state(struct collector *c, const struct condition *condition)
{
    struct diff_bits bits = {{condition->masked.mask.low & 31}};

    return add_bits(c, DIFF_STATE, &bits, condition->inverted);
}

static int add_condition(struct collector *c, const struct condition *condition)
{
    static const uint8_t fields[CONDITION_FIELDS] = {
        [CONDITION_SOURCE_PORT] = DIFF_SOURCE_PORT,
        [CONDITION_DESTINATION_PORT] = DIFF_DESTINATION_PORT,
        [CONDITION_ICMP] = DIFF_ICMP,
        [CONDITION_LENGTH] = DIFF_LENGTH,
        [CONDITION_PROTOCOL] = DIFF_PROTOCOL,
        [CONDITION_FLAGS] = DIFF_FLAGS,
        [CONDITION_FRAGMENT] = DIFF_FRAGMENT,
        [CONDITION_TTL] = DIFF_TTL,
        [CONDITION_TOS] = DIFF_TOS,
    };
    bool masked = condition->kind == CONDITION_MASKED;
    enum diff_field field = (enum diff_field)fields[condition->field];

    switch (condition->field) {
    case CONDITION_TRANSPORT: /* regions hold whole packets */
        return 0;
    case CONDITION_SOURCE:
        return masked ? add_network(c, DIFF_SOURCE, condition) : add_numbers(c, DIFF_SOURCE, condition);
    case CONDITION_DESTINATION:
        return masked ? add_network(c, DIFF_DESTINATION, condition)
                      : add_numbers(c, DIFF_DESTINATION, condition);
    case CONDITION_IN:
        return add_names(c, DIFF_IN, condition);
    case CONDITION_OUT:
        return add_names(c, DIFF_OUT, condition);
    case CONDITION_PORTS:
        return add_ports(c, condition);
    case CONDITION_STATE:
        return add_state(c, condition);
    case CONDITION_TTL:
        return add_bitmap(c, field, condition, c->forwarded);
    case CONDITION_FLAGS:
    case CONDITION_PROTOCOL:
    case CONDITION_FRAGMENT:
    case CONDITION_TOS:
        return add_bitmap(c, field, condition, 0);
    case CONDITION_SOURCE_PORT:
    case CONDITION_DESTINATION_PORT:
    case CONDITION_ICMP:
    case CONDITION_LENGTH:
        return add_numbers(c, field, condition);
    default:
        return add_rest(c, condition);
    }
}

/* A condition_visit. */
static bool collect(void *arg, const struct condition *condition)
{
    struct collector *c = arg;

    c->error = add_condition(c, condition);
    return c->error == 0;
}

int diff_conditions_of(const struct rules *r, const struct rules_chain *chain, const struct rules_rule *rule,
                       bool either, bool forwarded, struct diff_names *names, struct diff_conditions *ret)
{
    struct collector c = {.rules = r,
                          .chain = chain,
                          .rule = rule,
                          .either = either,
                          .forwarded = forwarded,
                          .names = names,
                          .out = ret,
                          .told = -1};

    condition_read(rule, r->family, collect, &c);
    return c.error;
}

/* A condition_visit: ends at an or. */
static bool is_one(void *arg, const struct condition *c)
{
    (void)arg;
    return c->field != CONDITION_PORTS || c->inverted;
}

bool diff_conditions_are_two(const struct rules_rule *rule)
{
    return !condition_read(rule, PACKET_IPV4, is_one, NULL);
}

int diff_conditions_tracked(struct diff_conditions *ret)
{
    static const uint8_t states[] = {RULES_STATE_NEW, RULES_STATE_ESTABLISHED, RULES_STATE_RELATED};
    struct diff_condition one = {.field = DIFF_STATE};
    for (size_t i = 0; i < sizeof(states); i++)
        one.bits.word[0] |= UINT64_C(1) << __builtin_ctz(states[i]);
    return add(ret, &one);
}

int diff_conditions_append(struct diff_conditions *to, const struct diff_conditions *from)
{
    int error = 0;
    for (uint16_t i = 0; i < from->count && !error; i++)
        error = add(to, &from->list[i]);
    return error;
}

void diff_conditions_clear(struct diff_conditions *c)
{
    for (uint16_t i = 0; i < c->count; i++)
        free(c->list[i].ranges);
    free(c->list);
    *c = (struct diff_conditions){0};
}
