/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions of libnftables-json(5). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules/nft/read.h"

enum { NUMGEN_BITS = 32 };

typedef const struct nft_expr *read_function(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                             int depth);

static struct nft_expr *make(struct nft_reader *r, enum nft_expr_kind kind)
{
    struct nft_expr *e = nft_get(r, sizeof(*e));

    if (e)
        e->kind = (uint8_t)kind;
    return e;
}

static void be_unknown(struct nft_reader *r, struct nft_expr *e, const char *what)
{
    e->kind = NFT_EXPR_UNKNOWN;
    e->text = nft_keep(r, what);
    e->because = nft_unknown_phrase(r, what);
}

static const struct nft_expr *unknown(struct nft_reader *r, const char *what)
{
    struct nft_expr *e = make(r, NFT_EXPR_UNKNOWN);

    if (e)
        be_unknown(r, e, what);
    return e;
}

/* One of so many: that of one is no chance. */
static const struct nft_expr *read_numgen(struct nft_reader *r, json_t *j)
{
    uint64_t offset = nft_whole(j, "offset");
    struct nft_expr *e;
    char what[100];

    int size = snprintf(what, sizeof(what), "numgen %.20s mod %llu", nft_string(j, "mode"),
                        (unsigned long long)nft_whole(j, "mod"));
    if (offset)
        snprintf(what + size, sizeof(what) - (size_t)size, " offset %llu", (unsigned long long)offset);
    if (nft_whole(j, "mod") != 1)
        return unknown(r, what);
    e = make(r, NFT_EXPR_SURE);
    if (!e)
        return NULL;
    e->type = NFT_TYPE_INTEGER;
    e->bits = NUMGEN_BITS;
    e->text = nft_keep(r, what);
    e->value.first = e->value.last = offset;
    return e;
}

/* ---- kinds ---- */

void nft_kind_of_types(const uint8_t *types, uint8_t count, struct nft_kind_of *ret)
{
    *ret = (struct nft_kind_of){.count = count};
    for (uint8_t i = 0; i < count; i++) {
        ret->types[i] = types[i];
        ret->bits[i] = nft_types[types[i]].bits;
    }
}

void nft_kind_of_expr(const struct nft_expr *e, struct nft_kind_of *ret)
{
    *ret =
        (struct nft_kind_of){.types = {e ? e->type : NFT_TYPE_NONE}, .bits = {e ? e->bits : 0}, .count = 1};
    if (!e)
        return;
    if (e->kind == NFT_EXPR_MAP) {
        nft_kind_of_types(e->map.set->data_types, e->map.set->data_type_count, ret);
    } else if (e->kind == NFT_EXPR_BINARY) {
        nft_kind_of_expr(e->binary.left, ret);
    } else if (e->kind == NFT_EXPR_CONCAT) {
        ret->count = 0;
        for (const struct nft_expr *part = e->parts.first; part && ret->count < NFT_PARTS;
             part = part->next) {
            ret->types[ret->count] = part->type;
            ret->bits[ret->count++] = part->bits;
        }
    }
}

/* Of what stands at place i; of none it is whatever comes. */
static struct nft_kind_of kind_at(const struct nft_kind_of *of, unsigned i)
{
    struct nft_kind_of one = {.count = 1};

    if (of && i < of->count) {
        one.types[0] = of->types[i];
        one.bits[0] = of->bits[i];
    }
    return one;
}

/* ---- fields ---- */

/* Since 1.1 codes of ICMP are numbers, and a fragment's place is hexadecimal. */
static uint8_t type_of(const struct nft_reader *r, const struct nft_field *row)
{
    switch (row->type) {
    case NFT_TYPE_ICMP_CODE:
    case NFT_TYPE_ICMPV6_CODE:
        return r->is_1_1 ? NFT_TYPE_INTEGER : row->type;
    case NFT_TYPE_FRAG_OFF:
        return r->is_1_1 ? NFT_TYPE_FRAG_OFF : NFT_TYPE_INTEGER;
    default:
        return row->type;
    }
}

static const struct nft_expr *make_field(struct nft_reader *r, const char *group, const char *name,
                                         const char *direction)
{
    const struct nft_field *row = nft_field_find(group, name);
    char what[80];

    if (!row) {
        nft_field_text(group, direction, name, what, sizeof(what));
        return unknown(r, what);
    }
    struct nft_expr *e = make(r, NFT_EXPR_FIELD);
    if (!e)
        return NULL;
    e->type = type_of(r, row);
    e->bits = row->bits;
    e->field.row = row;
    e->field.direction = strcmp(direction, "original") == 0 ? NFT_DIRECTION_ORIGINAL
                         : strcmp(direction, "reply") == 0  ? NFT_DIRECTION_REPLY
                                                            : NFT_DIRECTION_NONE;
    return e;
}

static const struct nft_expr *read_raw(struct nft_reader *r, json_t *j)
{
    static const char *const bases[] = {"ll", "nh", "th"};
    uint64_t offset = nft_whole(j, "offset"), bits = nft_whole(j, "len");
    struct nft_expr *e;

    for (int base = 0; base < 3; base++) {
        if (strcmp(bases[base], nft_string(j, "base")) != 0 || bits == 0 || bits > 128 || offset > UINT16_MAX)
            continue;
        e = make(r, NFT_EXPR_RAW);
        if (!e)
            return NULL;
        e->type = NFT_TYPE_INTEGER;
        e->bits = (uint16_t)bits;
        e->raw.base = (uint8_t)base;
        e->raw.offset = (uint16_t)offset;
        return e;
    }
    return unknown(r, "payload");
}

static const struct nft_expr *read_payload(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                           int depth)
{
    (void)of, (void)depth;
    if (json_object_get(j, "base"))
        return read_raw(r, j);
    return make_field(r, nft_string(j, "protocol"), nft_string(j, "field"), "");
}

static const struct nft_expr *read_meta(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                        int depth)
{
    (void)of, (void)depth;
    return make_field(r, "meta", nft_string(j, "key"), "");
}

/* {"key": "nexthop", "family": "ip"} */
static const struct nft_expr *read_keyed(struct nft_reader *r, json_t *j, const char *group)
{
    const char *key = nft_string(j, "key"), *family = nft_string(j, "family");
    char name[48];

    snprintf(name, sizeof(name), "%s%s%s", family, *family ? " " : "", key);
    return make_field(r, group, name, nft_string(j, "dir"));
}

/* Before nft 0.9.4 the family stood beside the key. */
static const struct nft_expr *read_ct(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                      int depth)
{
    (void)of, (void)depth;
    return read_keyed(r, j, "ct");
}

static const struct nft_expr *read_rt(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                      int depth)
{
    (void)of, (void)depth;
    return read_keyed(r, j, "rt");
}

static const struct nft_expr *read_named(struct nft_reader *r, json_t *j, const char *group)
{
    const char *name = nft_string(j, "name"), *field = nft_string(j, "field");
    char both[64];

    snprintf(both, sizeof(both), "%s%s%s", name, *field ? " " : "", field);
    return make_field(r, group, both, "");
}

static const struct nft_expr *read_exthdr(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth)
{
    (void)of, (void)depth;
    return read_named(r, j, "exthdr");
}

static const struct nft_expr *read_option(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth)
{
    (void)of, (void)depth;
    return read_named(r, j, "tcp option");
}

static const struct nft_expr *read_fib(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                       int depth)
{
    static const struct nft_word flags[] = {{"saddr", NFT_FIB_SADDR}, {"daddr", NFT_FIB_DADDR},
                                            {"mark", NFT_FIB_MARK},   {"iif", NFT_FIB_IIF},
                                            {"oif", NFT_FIB_OIF},     {NULL, 0}};
    static const struct {
        const char *word;
        uint8_t type;
    } results[] = {{"oif", NFT_TYPE_IFINDEX}, {"oifname", NFT_TYPE_IFNAME}, {"type", NFT_TYPE_FIB_TYPE}};
    json_t *given = json_object_get(j, "flags"), *one;
    size_t i;

    (void)of, (void)depth;
    struct nft_expr *e = make(r, NFT_EXPR_FIB);
    if (!e)
        return NULL;
    e->fib.result = UINT8_MAX;
    for (i = 0; i < 3; i++) {
        if (strcmp(results[i].word, nft_string(j, "result")) == 0) {
            e->fib.result = (uint8_t)i;
            e->type = results[i].type;
        }
    }
    for (const struct nft_word *w = flags; w->word; w++) {
        json_array_foreach(given, i, one) e->fib.flags |=
            json_is_string(one) && strcmp(json_string_value(one), w->word) == 0 ? (uint8_t)w->number : 0;
        if (json_is_string(given) && strcmp(json_string_value(given), w->word) == 0)
            e->fib.flags |= (uint8_t)w->number;
    }
    e->bits = nft_types[e->type].bits;
    return e->fib.result == UINT8_MAX ? unknown(r, "fib") : e;
}

/* ---- what is made of others ---- */

static const struct nft_expr *read_parts(struct nft_reader *r, json_t *array, const struct nft_kind_of *of,
                                         int depth, enum nft_expr_kind kind)
{
    struct nft_expr *all = make(r, kind);
    const struct nft_expr **link;
    size_t i;
    json_t *one;

    if (!all)
        return NULL;
    if (kind == NFT_EXPR_CONCAT && (json_array_size(array) > NFT_PARTS || json_array_size(array) == 0))
        return unknown(r, "a concatenation of too many parts");
    link = &all->parts.first;
    json_array_foreach(array, i, one)
    {
        struct nft_kind_of kind_of = kind_at(of, kind == NFT_EXPR_CONCAT ? (unsigned)i : 0);
        const struct nft_expr *part = nft_read_expr(r, one, &kind_of, depth + 1);

        if (!part)
            return NULL;
        *link = part;
        link = &((struct nft_expr *)(uintptr_t)part)->next; /* just made here */
        all->parts.count++;
        all->type = part->type;
        all->bits = (uint16_t)(kind == NFT_EXPR_CONCAT ? 0 : part->bits);
    }
    return all;
}

static const struct nft_expr *read_concat(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth)
{
    return read_parts(r, j, of, depth, NFT_EXPR_CONCAT);
}

static const struct nft_expr *read_binary(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth, enum nft_operator operation)
{
    struct nft_kind_of kind;
    const struct nft_expr *left = nft_read_expr(r, json_array_get(j, 0), of, depth + 1);

    if (!left)
        return NULL;
    nft_kind_of_expr(left, &kind);
    if (operation == NFT_LEFT || operation == NFT_RIGHT)
        kind.types[0] = NFT_TYPE_INTEGER;
    for (size_t i = 1; i < json_array_size(j); i++) {
        struct nft_expr *e = make(r, NFT_EXPR_BINARY);

        if (!e)
            return NULL;
        e->type = left->type;
        e->bits = left->bits;
        e->binary.operation = (uint8_t)operation;
        e->binary.left = left;
        e->binary.right = nft_read_expr(r, json_array_get(j, i), &kind, depth + 1);
        if (!e->binary.right)
            return NULL;
        if (i == NFT_DEPTH)
            return unknown(r, "an expression of too many parts");
        left = e;
    }
    return left;
}

#define BINARY(name, operation)                                                                              \
    static const struct nft_expr *name(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,        \
                                       int depth)                                                            \
    {                                                                                                        \
        return read_binary(r, j, of, depth, operation);                                                      \
    }
BINARY(read_and, NFT_AND)
BINARY(read_or, NFT_OR)
BINARY(read_xor, NFT_XOR)
BINARY(read_left, NFT_LEFT)
BINARY(read_right, NFT_RIGHT)

static const struct nft_expr *read_prefix(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth)
{
    uint64_t length = nft_whole(j, "len");
    const struct nft_expr *address = nft_read_expr(r, json_object_get(j, "addr"), of, depth + 1);

    if (!address)
        return NULL;
    struct nft_expr *e = (struct nft_expr *)(uintptr_t)address; /* just made here */
    if (e->kind != NFT_EXPR_VALUE || e->bits == 0 || length > e->bits || e->value.shape != NFT_SHAPE_ONE)
        return unknown(r, "a prefix");
    nft_number rest = e->bits == length                      ? 0
                      : e->bits - length == 8 * sizeof(rest) ? ~(nft_number)0
                                                             : ((nft_number)1 << (e->bits - length)) - 1;
    e->value.first &= ~rest;
    e->value.last = e->value.first | rest;
    e->value.shape = NFT_SHAPE_PREFIX;
    e->value.length = (uint8_t)length;
    return e;
}

static const struct nft_expr *read_range(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                         int depth)
{
    const struct nft_expr *first = nft_read_expr(r, json_array_get(j, 0), of, depth + 1),
                          *last = nft_read_expr(r, json_array_get(j, 1), of, depth + 1);

    if (!first || !last)
        return NULL;
    struct nft_expr *e = (struct nft_expr *)(uintptr_t)first; /* just made here */
    if (e->kind != NFT_EXPR_VALUE || last->kind != NFT_EXPR_VALUE)
        return unknown(r, "a range");
    e->value.last = last->value.last;
    e->value.shape = NFT_SHAPE_RANGE;
    return e;
}

/* An element's value; what else it has is for sets (read_set.c). */
static const struct nft_expr *read_elem(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                        int depth)
{
    return nft_read_expr(r, json_object_get(j, "val"), of, depth + 1);
}

static const struct nft_expr *make_set(struct nft_reader *r, const struct nft_set *set, const char *name)
{
    struct nft_expr *e;

    if (r->error)
        return NULL;
    if (!set)
        return unknown(r, name);
    e = make(r, NFT_EXPR_SET);
    if (e)
        e->set = set;
    return e;
}

static const struct nft_expr *read_set(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                       int depth)
{
    (void)
        depth; /* sets don't stand inside sets: their elements are read with less depth than any array has */
    if (depth > 4)
        return unknown(r, "a set inside other expressions");
    return make_set(r, nft_read_written(r, j, of, false, NULL), "set");
}

/* Where a map's values go says of what kind they are. */
static const struct nft_expr *read_map(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                       int depth)
{
    json_t *data = json_object_get(j, "data"), *written = json_object_get(data, "set");
    const struct nft_expr *key = nft_read_expr(r, json_object_get(j, "key"), NULL, depth + 1);
    const struct nft_set *set;
    struct nft_kind_of kind;

    if (!key)
        return NULL;
    nft_kind_of_expr(key, &kind);
    if (depth > 4)
        return unknown(r, "a map inside other expressions");
    set = written ? nft_read_written(r, written, &kind, true, of) : nft_find_set(r, json_string_value(data));
    if (r->error)
        return NULL;
    if (!set || !set->is_map || set->is_verdict_map)
        return unknown(r, "map");
    struct nft_expr *e = make(r, NFT_EXPR_MAP);
    if (!e)
        return NULL;
    e->type = set->data_types[0];
    e->bits = nft_types[e->type].bits;
    e->map.key = key;
    e->map.set = set;
    return e;
}

/* ---- any ---- */

static const struct {
    const char *name;
    read_function *read;
} rows[] = {
    {"payload", read_payload},
    {"meta", read_meta},
    {"ct", read_ct},
    {"exthdr", read_exthdr},
    {"tcp option", read_option},
    {"fib", read_fib},
    {"rt", read_rt},
    {"concat", read_concat},
    {"&", read_and},
    {"|", read_or},
    {"^", read_xor},
    {"<<", read_left},
    {">>", read_right},
    {"prefix", read_prefix},
    {"range", read_range},
    {"elem", read_elem},
    {"set", read_set},
    {"map", read_map},
};

static const struct nft_expr *read_object(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                          int depth)
{
    const char *name;
    json_t *value;

    char what[100];

    if (!nft_only(j, &name, &value))
        return unknown(r, "an expression");
    if (strcmp(name, "numgen") == 0)
        return read_numgen(r, value);
    const char *key = nft_string(value, "key"); /* {"rt": {"key": "nexthop"}} */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].read(r, value, of, depth);
    }
    snprintf(what, sizeof(what), "%.40s%s%.40s", name, *key ? " " : "", key);
    return unknown(r, what);
}

static const struct nft_expr *read_scalar(struct nft_reader *r, json_t *j, const struct nft_kind_of *of)
{
    struct nft_expr *e = make(r, NFT_EXPR_UNKNOWN);
    const char *text = json_string_value(j);

    if (!e)
        return NULL;
    if (text && strcmp(text, "*") == 0) {
        e->kind = NFT_EXPR_ANY;
    } else if (text && of && of->types[0] == NFT_TYPE_HELPER_OBJECT) {
        e->kind = NFT_EXPR_OBJECT;
        e->text = nft_keep(r, text);
        e->object = nft_find_object(r, "ct helper", text);
    } else if (!nft_read_value(j, (enum nft_type)(of ? of->types[0] : NFT_TYPE_NONE), e))
        be_unknown(r, e, text ? text : "a value");
    else if (e->bits == 0 && of)
        e->bits = of->bits[0];
    return e;
}

const struct nft_expr *nft_read_expr(struct nft_reader *r, json_t *j, const struct nft_kind_of *of, int depth)
{
    const char *text = json_string_value(j);

    if (r->error)
        return NULL;
    if (depth > NFT_DEPTH)
        return unknown(r, "expressions nested deeper than is followed");
    if (text && text[0] == '@')
        return make_set(r, nft_find_set(r, text), text);
    if (json_is_array(j))
        return read_parts(r, j, of, depth, NFT_EXPR_LIST);
    return json_is_object(j) ? read_object(r, j, of, depth) : read_scalar(r, j, of);
}
