/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/words.h"
#include "verdict/sets/private.h"

static const struct sets_type types[] = {
    {"hash:ip", "a"},           {"hash:net", "n"},
    {"hash:ip,port", "ap"},     {"hash:net,port", "np"},
    {"hash:ip,port,ip", "apa"}, {"hash:ip,port,net", "apn"},
    {"hash:net,net", "nn"},     {"hash:net,port,net", "npn"},
    {"hash:net,iface", "ni"},   {"hash:mac", "m"},
    {"hash:ip,mac", "am"},      {"hash:ip,mark", "ak"},
    {"bitmap:ip", "a"},         {"bitmap:ip,mac", "am"},
    {"bitmap:port", "b"},       {"list:set", "s"},
};

enum {
    TYPES = sizeof types / sizeof *types,
    LONGEST_WORD = 256,
    USUAL_MOST = 65536, /* IPSET_DEFAULT_MAXELEM */
};

/* Options of create and add that take a word; what they say does not change who is a member unless it is read
 * below. */
static const char *const create_words[] = {"family",     "hashsize", "maxelem", "netmask",
                                           "bitmask",    "timeout",  "range",   "markmask",
                                           "bucketsize", "initval",  "size"};
static const char *const create_flags[] = {"counters", "comment", "skbinfo", "forceadd"};
static const char *const add_words[] = {"timeout", "packets",  "bytes",  "comment", "skbmark",
                                        "skbprio", "skbqueue", "before", "after"};
static const char *const add_flags[] = {"nomatch", "wildcard"};

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct reader {
    struct sets *sets;
    const char *name;
    struct rules_error *error;
    const char *at, *end; /* of the line */
    const char *start;
    uint32_t line;
    const char *word_at; /* where the word began */
    char word[LONGEST_WORD];
};

static int fail(const struct reader *r, const char *expected)
{
    return rules_fail_at(r->error, r->name, r->line, (uint32_t)(r->word_at - r->start) + 1,
                         "found \"%s\", expected %s", r->word[0] ? r->word : "end of line", expected);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line into r->word, "" at the end. Double quotes hold blanks together. */
static int next_word(struct reader *r)
{
    size_t size = 0;
    bool quoted = false;

    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    r->word_at = r->at;
    for (; r->at < r->end && (quoted || !is_blank(*r->at)); r->at++) {
        if (*r->at == '"') {
            quoted = !quoted;
            continue;
        }
        if (size + 1 == sizeof r->word) {
            r->word[0] = '\0';
            return rules_fail_at(r->error, r->name, r->line, (uint32_t)(r->word_at - r->start) + 1,
                                 "a word of more than %d bytes", LONGEST_WORD - 1);
        }
        r->word[size++] = *r->at >= ' ' && *r->at < 127 ? *r->at : '?';
    }
    r->word[size] = '\0';
    return 0;
}

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0)
            return true;
    }
    return false;
}

static bool read_member_set(const struct reader *r, struct sets_part *part)
{
    const struct sets_set *set = sets_find(r->sets, r->word);

    if (!set || set->type->parts[0] == SETS_SET)
        return false;
    part->set = (uint32_t)(set - r->sets->sets);
    return true;
}

static int read_element(const struct reader *r, const struct sets_set *set, struct sets_member *member)
{
    const char *at = r->word;
    const char *parts = set->type->parts;

    for (unsigned i = 0; parts[i]; i++) {
        size_t size = strcspn(at, ",");
        if (size == 0 && i == 1 && parts[i] == SETS_MAC) {
            member->part[i].mac.any = true;
            return 0;
        }
        bool ok = parts[i] == SETS_SET ? read_member_set(r, &member->part[i])
                                       : sets_part_read(set, parts[i], at, size, &member->part[i]);
        if (!ok)
            return fail(r, sets_part_expected(parts[i]));
        at += size;
        bool more = parts[i + 1] && !(parts[i + 1] == SETS_MAC && *at == '\0');
        if (more != (*at == ','))
            return fail(r, more ? "another part after a comma" : "no more parts in a set of this type");
        at += *at == ',';
    }
    return 0;
}

/* ---- lines ---- */

static int add_set(struct reader *r)
{
    struct sets *s = r->sets;

    if (r->word[0] == '\0' || strlen(r->word) >= RULES_NAME)
        return fail(r, "the name of a set, at most 31 bytes");
    if (sets_find(s, r->word))
        return fail(r, "the name of a set that is not created above");
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 8;
        struct sets_set *sets = realloc(s->sets, capacity * sizeof *sets);
        if (!sets)
            return -ENOMEM;
        s->sets = sets;
        s->capacity = capacity;
    }
    struct sets_set *set = &s->sets[s->count];
    *set = (struct sets_set){.mark_mask = UINT32_MAX, .type = &types[0], .most = USUAL_MOST};
    memset(&set->mask, 0xff, sizeof set->mask);
    strcpy(set->name, r->word);
    s->count++;
    return 0;
}

static int read_type(struct reader *r, struct sets_set *set)
{
    const char *names[TYPES];
    char suggestion[80];

    for (size_t i = 0; i < TYPES; i++) {
        names[i] = types[i].name;
        if (strcmp(r->word, names[i]) == 0) {
            set->type = &types[i];
            if (strpbrk(set->type->parts, "an"))
                set->family = PACKET_IPV4;
            return 0;
        }
    }
    return rules_fail_at(r->error, r->name, r->line, (uint32_t)(r->word_at - r->start) + 1,
                         "\"%s\" is no type of set that is known%s", r->word,
                         rules_suggest(r->word, names, TYPES, suggestion, sizeof suggestion));
}

/* The netmask as a prefix or an address. */
static bool read_set_mask(const struct reader *r, struct sets_set *set)
{
    uint32_t prefix, bits = set->family == PACKET_IPV6 ? 128 : 32;
    struct sets_part block = {0};
    struct packet_address mask;

    if (sets_number_read(r->word, strlen(r->word), bits, &prefix)) {
        memset(&block.address.last, 0xff, sizeof block.address.last);
        memset(&block.address.first, 0xff, sizeof block.address.first);
        sets_block_make(&block, prefix, bits);
        set->mask = block.address.first;
        return true;
    }
    if (!sets_address_read(set, r->word, strlen(r->word), &mask))
        return false;
    set->mask = mask;
    return true;
}

/* An option of create whose word changes who is a member, or becomes one; true: it could be read. */
static bool read_set_option(const struct reader *r, const char *option, struct sets_set *set)
{
    if (strcmp(option, "family") == 0) {
        bool six = strcmp(r->word, "inet6") == 0;
        set->family = six ? PACKET_IPV6 : PACKET_IPV4;
        return six || strcmp(r->word, "inet") == 0;
    }
    if (strcmp(option, "netmask") == 0 || strcmp(option, "bitmask") == 0)
        return read_set_mask(r, set);
    if (strcmp(option, "maxelem") == 0)
        return sets_number_read(r->word, strlen(r->word), UINT32_MAX, &set->most);
    if (strcmp(option, "markmask") == 0)
        return sets_number_read(r->word, strlen(r->word), UINT32_MAX, &set->mark_mask);
    if (strcmp(option, "timeout") == 0) {
        set->has_timeout = true;
        return sets_number_read(r->word, strlen(r->word), UINT32_MAX, &set->timeout_s);
    }
    return r->word[0] != '\0';
}

static int read_create(struct reader *r)
{
    int error = next_word(r);

    if (error == 0)
        error = add_set(r);
    if (error == 0)
        error = next_word(r);
    if (error < 0)
        return error;
    struct sets_set *set = &r->sets->sets[r->sets->count - 1];
    error = read_type(r, set);
    while (error == 0 && (error = next_word(r)) == 0 && r->word[0]) {
        char option[LONGEST_WORD];
        set->makes_room |= strcmp(r->word, "forceadd") == 0;
        if (is_one_of(r->word, create_flags, LENGTH(create_flags)))
            continue;
        if (!is_one_of(r->word, create_words, LENGTH(create_words)))
            return fail(
                r, "an option of \"create\" such as family, hashsize, maxelem, netmask, timeout or range");
        strcpy(option, r->word);
        error = next_word(r);
        if (error == 0 && !read_set_option(r, option, set))
            return fail(r, "the option's value");
    }
    return error;
}

static int add_member(struct sets_set *set, const struct sets_member *member)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 8;
        struct sets_member *members = realloc(set->members, capacity * sizeof *members);
        if (!members)
            return -ENOMEM;
        set->members = members;
        set->capacity = capacity;
    }
    set->members[set->count++] = *member;
    return 0;
}

static int read_add_options(struct reader *r, const struct sets_set *set, struct sets_member *member)
{
    int error;

    while ((error = next_word(r)) == 0 && r->word[0]) {
        if (strcmp(r->word, "nomatch") == 0) {
            member->nomatch = true;
        } else if (strcmp(r->word, "wildcard") == 0 && set->type->parts[1] == SETS_INTERFACE) {
            member->part[1].interface.wildcard = true;
        } else if (is_one_of(r->word, add_words, LENGTH(add_words))) {
            error = next_word(r);
            if (error < 0)
                return error;
            if (r->word_at == r->end)
                return fail(r, "the option's value");
        } else if (!is_one_of(r->word, add_flags, LENGTH(add_flags))) {
            return fail(r, "an option of \"add\" such as timeout, nomatch, comment, packets or bytes");
        }
    }
    return error;
}

static int read_add(struct reader *r)
{
    struct sets_member member = {0};
    int error = next_word(r);

    if (error < 0)
        return error;
    struct sets_set *set = sets_find(r->sets, r->word);
    if (!set)
        return fail(r, "the name of a set that is created above");
    error = next_word(r);
    if (error == 0)
        error = read_element(r, set, &member);
    if (error == 0)
        error = read_add_options(r, set, &member);
    return error < 0 ? error : add_member(set, &member);
}

static int read_line(struct reader *r)
{
    int error = next_word(r);

    if (error < 0 || r->word[0] == '\0' || r->word[0] == '#' || strcmp(r->word, "COMMIT") == 0)
        return error;
    if (strcmp(r->word, "create") == 0 || strcmp(r->word, "-N") == 0)
        return read_create(r);
    if (strcmp(r->word, "add") == 0 || strcmp(r->word, "-A") == 0)
        return read_add(r);
    return fail(r, "\"create\" or \"add\", as `ipset save` prints them");
}

static int by_first_address(const void *a, const void *b)
{
    const struct sets_member *left = a, *right = b;

    return memcmp(&left->part[0].address.first, &right->part[0].address.first,
                  sizeof left->part[0].address.first);
}

/* The shortest blocks of a range are at its ends. */
static void note_prefixes(struct sets_set *set, const struct sets_member *member)
{
    const unsigned bits = set->family == PACKET_IPV6 ? 128 : 32;

    for (unsigned i = 0; set->type->parts[i]; i++) {
        const struct sets_part *part = &member->part[i];
        if (set->type->parts[i] != SETS_NETWORK)
            continue;
        unsigned first = sets_block_prefix(part, &part->address.first, bits),
                 last = sets_block_prefix(part, &part->address.last, bits),
                 longest = first > last ? first : last;
        if (longest > set->longest[i])
            set->longest[i] = (uint8_t)longest;
    }
}

/* Sorts the members and notes how far they reach, so that few need to be asked. */
static int index_set(struct sets_set *set)
{
    char kind = set->type->parts[0];

    for (size_t i = 0; i < set->count; i++)
        note_prefixes(set, &set->members[i]);
    if ((kind != SETS_ADDRESS && kind != SETS_NETWORK) || set->count == 0)
        return 0;
    set->reach = calloc(set->count, sizeof *set->reach);
    if (!set->reach)
        return -ENOMEM;
    qsort(set->members, set->count, sizeof *set->members, by_first_address);
    for (size_t i = 0; i < set->count; i++) {
        const struct packet_address *last = &set->members[i].part[0].address.last;
        bool farther = i == 0 || memcmp(last, &set->reach[i - 1], sizeof *last) > 0;
        set->reach[i] = farther ? *last : set->reach[i - 1];
    }
    return 0;
}

int sets_read(const char *text, size_t size, const char *name, struct sets **ret, struct rules_error *error)
{
    struct reader r = {.name = name, .error = error, .line = 0};
    const char *end = text + size;
    int result = 0;

    r.sets = calloc(1, sizeof *r.sets);
    if (!r.sets)
        return -ENOMEM;
    for (const char *at = text; at < end && result == 0;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        r.start = r.at = at;
        r.end = newline ? newline : end;
        r.line++;
        result = read_line(&r);
        at = newline ? newline + 1 : end;
    }
    for (size_t i = 0; i < r.sets->count && result == 0; i++)
        result = index_set(&r.sets->sets[i]);
    if (result < 0)
        sets_free(&r.sets);
    else
        *ret = r.sets;
    return result;
}
