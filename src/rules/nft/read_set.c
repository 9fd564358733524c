/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets and maps of libnftables-json(5), and what is found by its name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/nft/read.h"

/* ---- names ---- */

static long find(const struct nft_reader *r, const char *kind, const char *name)
{
    char *key = NULL;
    long found = -1;

    if (!name || !r->table || asprintf(&key, "%s %u %s %s", kind, r->table->family, r->table->name, name) < 0)
        return -1;
    const json_t *number = json_object_get(r->index, key);
    if (number)
        found = (long)json_integer_value(number);
    free(key);
    return found;
}

const struct nft_set *nft_find_set(const struct nft_reader *r, const char *name)
{
    long at = name && name[0] == '@' ? find(r, "set", name + 1) : -1;

    return at < 0 ? NULL : r->rules->sets[at];
}

const struct nft_object *nft_find_object(const struct nft_reader *r, const char *kind, const char *name)
{
    long at = find(r, kind, name);

    return at < 0 ? NULL : r->rules->objects[at];
}

bool nft_read_verdict(struct nft_reader *r, json_t *j, struct nft_verdict *ret)
{
    static const char *const codes[] = {
        [NFT_ACCEPT] = "accept", [NFT_DROP] = "drop", [NFT_CONTINUE] = "continue",
        [NFT_RETURN] = "return", [NFT_JUMP] = "jump", [NFT_GOTO] = "goto"};
    const char *name;
    json_t *value;

    if (!nft_only(j, &name, &value))
        return false;
    for (size_t code = 0; code < sizeof(codes) / sizeof(codes[0]); code++) {
        if (strcmp(codes[code], name) != 0)
            continue;
        *ret = (struct nft_verdict){.code = (uint8_t)code};
        if (code >= NFT_JUMP) {
            ret->name = nft_keep(r, nft_string(value, "target"));
            long at = find(r, "chain", ret->name);
            ret->chain = at < 0 ? NULL : r->rules->chains[at];
        }
        return true;
    }
    return false;
}

/* ---- heads ---- */

static uint8_t read_type(struct nft_reader *r, json_t *j)
{
    struct nft_kind_of kind;

    if (json_is_string(j))
        return (uint8_t)nft_type_find(json_string_value(j));
    if (!json_is_object(j))
        return NFT_TYPE_NONE;
    nft_kind_of_expr(nft_read_expr(r, j, NULL, 0), &kind);
    return kind.types[0];
}

/* "ipv4_addr", ["ipv4_addr", "inet_service"], {"typeof": ...} of nft 1.1 */
static uint8_t read_types(struct nft_reader *r, json_t *j, uint8_t ret[NFT_PARTS])
{
    json_t *of = json_object_get(j, "typeof"), *concat = json_object_get(of ? of : j, "concat"), *one;
    uint8_t count = 0;
    size_t i;

    j = concat ? concat : of ? of : j;
    if (!json_is_array(j)) {
        ret[0] = read_type(r, j);
        return 1;
    }
    json_array_foreach(j, i, one)
    {
        if (count < NFT_PARTS)
            ret[count++] = read_type(r, one);
    }
    return count;
}

static uint8_t read_flags(json_t *j)
{
    static const struct nft_word flags[] = {{"constant", NFT_SET_CONSTANT},
                                            {"interval", NFT_SET_INTERVAL},
                                            {"timeout", NFT_SET_TIMEOUT},
                                            {"dynamic", NFT_SET_DYNAMIC},
                                            {NULL, 0}};
    uint8_t found = 0;
    json_t *one;
    size_t i;

    for (const struct nft_word *w = flags; w->word; w++) {
        json_array_foreach(j, i, one) found |=
            json_is_string(one) && strcmp(json_string_value(one), w->word) == 0 ? (uint8_t)w->number : 0;
        found |= json_is_string(j) && strcmp(json_string_value(j), w->word) == 0 ? (uint8_t)w->number : 0;
    }
    return found;
}

static struct nft_set *make_set(struct nft_reader *r)
{
    struct nft_set *set = nft_get(r, sizeof(*set));

    if (!set)
        return NULL;
    set->table = r->table;
    set->number = (uint32_t)r->rules->set_count;
    nft_push(r, (const void ***)(uintptr_t)&r->rules->sets, &r->rules->set_count, set);
    return r->error ? NULL : set;
}

void nft_read_set(struct nft_reader *r, json_t *j, bool is_map)
{
    json_t *map = json_object_get(j, "map");
    struct nft_set *set = make_set(r);

    if (!set)
        return;
    set->name = nft_keep(r, nft_string(j, "name"));
    set->flags = read_flags(json_object_get(j, "flags"));
    set->timeout_s = nft_whole(j, "timeout");
    set->size = (uint32_t)nft_whole(j, "size");
    set->type_count = read_types(r, json_object_get(j, "type"), set->types);
    set->is_map = is_map;
    set->is_verdict_map = json_is_string(map) && strcmp(json_string_value(map), "verdict") == 0;
    if (is_map && !set->is_verdict_map)
        set->data_type_count = read_types(r, map, set->data_types);
}

/* ---- elements ---- */

static void read_element_extras(struct nft_reader *r, json_t *j, struct nft_element *e)
{
    json_t *elem = json_object_get(j, "elem");

    if (!elem)
        return;
    e->timeout_s = nft_whole(elem, "timeout");
    e->expires_s = nft_whole(elem, "expires");
    e->comment = nft_keep(r, json_string_value(json_object_get(elem, "comment")));
    e->is_limited =
        json_object_get(elem, "limit") || json_object_get(elem, "quota") || json_object_get(elem, "ct count");
}

static void read_data(struct nft_reader *r, json_t *j, struct nft_set *set, const struct nft_kind_of *kind,
                      struct nft_element *e)
{
    struct nft_verdict verdict;

    if (nft_read_verdict(r, j, &verdict)) {
        struct nft_verdict *kept = nft_get(r, sizeof(*kept));

        if (kept)
            *kept = verdict;
        e->verdict = kept;
        set->is_verdict_map = true;
        return;
    }
    e->data = nft_read_expr(r, j, kind, 1);
}

/* The types of what was written tell those of a set that has no name. */
static void note_types(struct nft_set *set, const struct nft_element *e)
{
    struct nft_kind_of kind;

    if (set->name || !e->data || set->data_type_count)
        return;
    nft_kind_of_expr(e->data, &kind);
    for (set->data_type_count = 0; set->data_type_count < kind.count; set->data_type_count++)
        set->data_types[set->data_type_count] = kind.types[set->data_type_count];
}

static void read_elements(struct nft_reader *r, json_t *j, struct nft_set *set, const struct nft_kind_of *key,
                          const struct nft_kind_of *data)
{
    size_t count = json_is_array(j) ? json_array_size(j) : j && !json_is_null(j) ? 1 : 0;
    struct nft_element *elements = count ? nft_get(r, count * sizeof(*elements)) : NULL;

    r->nodes += count;
    for (size_t i = 0; elements && i < count && !r->error; i++) {
        json_t *one = json_is_array(j) ? json_array_get(j, i) : j;
        json_t *first = set->is_map ? json_array_get(one, 0) : one;

        read_element_extras(r, first, &elements[i]);
        elements[i].key = nft_read_expr(r, first, key, 1);
        if (set->is_map)
            read_data(r, json_array_get(one, 1), set, data, &elements[i]);
        note_types(set, &elements[i]);
    }
    set->elements = elements;
    set->count = elements ? count : 0;
}

void nft_read_elements(struct nft_reader *r, json_t *j, const struct nft_set *set)
{
    struct nft_set *ours = (struct nft_set *)(uintptr_t)set; /* made by nft_read_set of this reader */
    struct nft_kind_of key, data;

    nft_kind_of_types(set->types, set->type_count, &key);
    nft_kind_of_types(set->data_types, set->data_type_count, &data);
    read_elements(r, json_object_get(j, "elem"), ours, &key, &data);
    ours->statements = nft_read_statements(r, json_object_get(j, "stmt"));
}

const struct nft_set *nft_read_written(struct nft_reader *r, json_t *j, const struct nft_kind_of *key,
                                       bool is_map, const struct nft_kind_of *data)
{
    struct nft_set *set = make_set(r);

    if (!set)
        return NULL;
    set->flags = NFT_SET_CONSTANT;
    set->is_map = is_map;
    for (; key && set->type_count < key->count; set->type_count++)
        set->types[set->type_count] = key->types[set->type_count];
    if (data) {
        for (; set->data_type_count < data->count; set->data_type_count++)
            set->data_types[set->data_type_count] = data->types[set->data_type_count];
    }
    read_elements(r, j, set, key, data);
    return r->error ? NULL : set;
}
