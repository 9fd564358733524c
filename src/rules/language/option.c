/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/option.h"

#include <errno.h>
#include <string.h>

#include "base/nearest.h"
#include "rules/language/names.h"

static const struct core_option core_options[] = {
    {"append", 'A', OPTION_ARGUMENT, false},
    {"delete", 'D', OPTION_ARGUMENT, false},
    {"check", 'C', OPTION_ARGUMENT, false},
    {"insert", 'I', OPTION_ARGUMENT, false},
    {"replace", 'R', OPTION_ARGUMENT, false},
    {"list", 'L', OPTION_MAYBE, false},
    {"list-rules", 'S', OPTION_MAYBE, false},
    {"flush", 'F', OPTION_MAYBE, false},
    {"zero", 'Z', OPTION_MAYBE, false},
    {"new-chain", 'N', OPTION_ARGUMENT, false},
    {"delete-chain", 'X', OPTION_MAYBE, false},
    {"rename-chain", 'E', OPTION_ARGUMENT, false},
    {"policy", 'P', OPTION_ARGUMENT, false},
    {"source", 's', OPTION_ARGUMENT, true},
    {"src", 's', OPTION_ARGUMENT, true},
    {"destination", 'd', OPTION_ARGUMENT, true},
    {"dst", 'd', OPTION_ARGUMENT, true},
    {"protocol", 'p', OPTION_ARGUMENT, true},
    {"in-interface", 'i', OPTION_ARGUMENT, true},
    {"out-interface", 'o', OPTION_ARGUMENT, true},
    {"jump", 'j', OPTION_ARGUMENT, false},
    {"goto", 'g', OPTION_ARGUMENT, false},
    {"table", 't', OPTION_ARGUMENT, false},
    {"match", 'm', OPTION_ARGUMENT, false},
    {"numeric", 'n', OPTION_PLAIN, false},
    {"verbose", 'v', OPTION_PLAIN, false},
    {"exact", 'x', OPTION_PLAIN, false},
    {"line-numbers", '0', OPTION_PLAIN, false},
    {"set-counters", 'c', OPTION_ARGUMENT, false},
    {"fragments", 'f', OPTION_PLAIN, true},
    {"wait", 'w', OPTION_MAYBE, false},
    {"wait-interval", 'W', OPTION_MAYBE, false},
    {"modprobe", 'M', OPTION_ARGUMENT, false},
    {"ipv4", '4', OPTION_PLAIN, false},
    {"ipv6", '6', OPTION_PLAIN, false},
};

enum {
    CORE_OPTIONS = sizeof(core_options) / sizeof(core_options[0]),
    NEAR_MAX = 512,
};

static bool core_serves(const struct core_option *o, uint8_t family)
{
    return o->letter != 'f' || family != PACKET_IPV6;
}

const struct core_option *option_core(char letter, uint8_t family)
{
    if (letter == '0') /* has a long form only */
        return NULL;
    for (unsigned i = 0; i < CORE_OPTIONS; i++) {
        if (core_options[i].letter == letter && core_serves(&core_options[i], family))
            return &core_options[i];
    }
    return NULL;
}

enum fit { FIT_NOT, FIT_BEGINS, FIT_WHOLE };

static enum fit option_fit(const char *option, const char *name, size_t size)
{
    if (option[0] != name[0] || strncmp(option, name, size) != 0)
        return FIT_NOT;
    return option[size] ? FIT_BEGINS : FIT_WHOLE;
}

struct search {
    struct option_found found;
    const char *first; /* name of what is found by its beginning */
    bool several;
    char *names;
    size_t names_size;
};

static bool same_option(const struct option_found *a, const struct option_found *b)
{
    if (a->core && b->core)
        return a->core->letter == b->core->letter;
    return !a->core && !b->core && a->owner == b->owner && a->option->id == b->option->id;
}

/* Two names of one option are no ambiguity. True: found whole, the search is over. */
static bool search_try(struct search *s, const char *option, enum fit fit, struct option_found candidate)
{
    size_t used = s->first ? strlen(s->names) : 0;

    if (fit == FIT_WHOLE) {
        s->several = false;
        s->found = candidate;
        s->first = option;
        return true;
    }
    if (!s->first) {
        s->found = candidate;
        s->first = option;
        snprintf(s->names, s->names_size, "--%s", option);
    } else if (!same_option(&s->found, &candidate)) {
        s->several = true;
        snprintf(s->names + used, s->names_size - used, ", --%s", option);
    }
    return false;
}

static bool search_core(struct search *s, uint8_t family, const char *name, size_t size)
{
    for (unsigned i = 0; i < CORE_OPTIONS; i++) {
        const struct core_option *o = &core_options[i];
        enum fit fit = option_fit(o->name, name, size);
        if (fit != FIT_NOT && core_serves(o, family) &&
            search_try(s, o->name, fit, (struct option_found){.core = o}))
            return true;
    }
    return false;
}

static bool search_owner(struct search *s, struct option_owner *owner, const char *name, size_t size)
{
    for (unsigned i = 0; i < owner->row->option_count; i++) {
        const struct rules_option *o = &owner->row->options[i];
        enum fit fit = option_fit(o->name, name, size);
        if (fit != FIT_NOT && search_try(s, o->name, fit, (struct option_found){.owner = owner, .option = o}))
            return true;
    }
    return false;
}

int option_find_owner(struct option_owners *owners, uint8_t family, const char *name, size_t size,
                      struct option_found *ret, char *ret_names, size_t names_size)
{
    struct search s = {.names = ret_names, .names_size = names_size};
    bool whole = search_core(&s, family, name, size);

    for (size_t i = owners->count; i > 0 && !whole; i--) /* the newest comes first */
        whole = search_owner(&s, &owners->list[i - 1], name, size);
    if (!s.first)
        return -ENOENT;
    /* What an opaque match calls its options is not known, so nothing is abbreviated behind it. */
    if (!whole && owners->count && owners->list[owners->count - 1].row->word)
        return -ENOENT;
    if (s.several)
        return -EINVAL;
    *ret = s.found;
    return 0;
}

bool option_row_has(const struct rules_extension *row, const char *name, size_t size)
{
    struct option_owner owner = {.row = row};
    char names[256];
    struct search s = {.names = names, .names_size = sizeof(names)};

    search_owner(&s, &owner, name, size);
    return s.first && !s.several;
}

/* ---- what is wrong with an unknown one ---- */

struct near_names {
    const char *list[NEAR_MAX];
    size_t count;
};

static void near_row(struct near_names *near, const struct rules_extension *row)
{
    for (unsigned i = 0; row && i < row->option_count && near->count < NEAR_MAX; i++)
        near->list[near->count++] = row->options[i].name;
}

/* Which match or target that the rule did not name has an option of this name? */
static const struct rules_extension *option_row_of(const char *name, uint8_t family, bool *ret_target)
{
    const unsigned matches = RULES_MATCH_TYPES, all = matches + RULES_TARGET_TYPES;

    for (unsigned i = 0; i < all; i++) {
        bool is_target = i >= matches;
        const struct rules_extension *row =
            is_target ? rules_target_row((uint8_t)(i - matches)) : rules_match_row((uint8_t)i);
        if (!row || !rules_families_serve(row->families, family))
            continue;
        for (unsigned j = 0; j < row->option_count; j++) {
            if (strcmp(row->options[j].name, name) == 0) {
                *ret_target = is_target;
                return row;
            }
        }
    }
    return NULL;
}

bool option_is_long(const char *name)
{
    bool is_target;

    for (unsigned i = 0; i < CORE_OPTIONS; i++) {
        if (strcmp(core_options[i].name, name) == 0)
            return true;
    }
    return option_row_of(name, PACKET_IPV4, &is_target) || option_row_of(name, PACKET_IPV6, &is_target);
}

static int unknown_elsewhere(const char *name, const struct rules_extension *row, bool is_target,
                             const struct rules_words *words, struct rules_error *error)
{
    const char *protocol = row->protocol ? rules_protocol_name(row->protocol) : NULL;

    if (is_target)
        return words_fail(words, error, "--%s belongs to -j %s, which this rule does not name before it",
                          name, row->name);
    if (protocol)
        return words_fail(words, error, "--%s needs a protocol before it: -p %s%s", name, protocol,
                          row->protocol == PACKET_TCP && strstr(name, "port") ? " or -p udp" : "");
    return words_fail(words, error, "--%s belongs to -m %s, which this rule does not name before it", name,
                      row->name);
}

static const struct rules_extension *row_of_protocol(uint8_t protocol, uint8_t family)
{
    for (unsigned i = 0; protocol && i < RULES_MATCH_TYPES; i++) {
        const struct rules_extension *row = rules_match_row((uint8_t)i);
        if (row && row->protocol == protocol && rules_families_serve(row->families, family))
            return row;
    }
    return NULL;
}

int option_unknown(const struct option_owners *owners, uint8_t family, uint8_t protocol, const char *name,
                   size_t size, const struct rules_words *words, struct rules_error *error)
{
    struct near_names near = {.count = 0};
    char word[64];
    bool is_target = false;

    if (size >= sizeof(word))
        return words_fail(words, error, "unknown option --%.40s...", name);
    memcpy(word, name, size);
    word[size] = '\0';
    const struct rules_extension *row = option_row_of(word, family, &is_target);
    if (row)
        return unknown_elsewhere(word, row, is_target, words, error);
    for (size_t i = 0; i < owners->count; i++)
        near_row(&near, owners->list[i].row);
    near_row(&near, row_of_protocol(protocol, family));
    for (unsigned i = 0; i < CORE_OPTIONS && near.count < NEAR_MAX; i++)
        near.list[near.count++] = core_options[i].name;
    const char *name_near = nearest_name(word, near.list, near.count);
    if (!name_near) {
        near.count = 0;
        for (unsigned i = 0; i < RULES_MATCH_TYPES; i++)
            near_row(&near, rules_match_row((uint8_t)i));
        for (unsigned i = 0; i < RULES_TARGET_TYPES; i++)
            near_row(&near, rules_target_row((uint8_t)i));
        name_near = nearest_name(word, near.list, near.count);
    }
    return words_fail(words, error, "unknown option --%s%s%s%s", word, name_near ? "; did you mean --" : "",
                      name_near ? name_near : "", name_near ? "?" : "");
}
