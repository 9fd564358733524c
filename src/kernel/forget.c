/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/forget.h"

#include <bpf/bpf.h>
#include <stdlib.h>

#include "verdict/name_id.h"

/* Which keys of a map are still of use. */
struct keeping {
    const uint64_t *ids; /* of names */
    size_t count;
    uint32_t serials[WALL_FAMILIES];
};

static bool is_kept_name(const struct keeping *k, const void *key)
{
    for (size_t i = 0; i < k->count; i++) {
        if (k->ids[i] == *(const uint64_t *)key)
            return true;
    }
    return false;
}

static bool is_kept_serial(const struct keeping *k, const void *key)
{
    uint32_t serial = ((const struct bpf_remembered_key *)key)->serial;

    return serial == k->serials[WALL_IPV4] || serial == k->serials[WALL_IPV6];
}

/* Keys of 8 bytes. The next one is asked for before this one goes. */
static void forget_keys(int map, bool (*is_kept)(const struct keeping *k, const void *key),
                        const struct keeping *k)
{
    uint64_t key, next;
    bool more = map >= 0 && bpf_map_get_next_key(map, NULL, &next) == 0;

    while (more) {
        key = next;
        more = bpf_map_get_next_key(map, &key, &next) == 0;
        if (!is_kept(k, &key))
            (void)!bpf_map_delete_elem(map, &key); /* gone already is as good */
    }
}

/* ---- names ---- */

struct names {
    uint8_t type; /* enum rules_match_type */
    uint64_t *ids;
    size_t count;
    bool failed;
};

static void note_names(struct names *n, const struct rules *r, const struct rules_rule *rule)
{
    for (unsigned i = 0; i < rule->match_count; i++) {
        const struct rules_match *m = &rule->matches[i];
        if (m->type != n->type)
            continue;
        uint64_t *grown = reallocarray(n->ids, n->count + 1, sizeof(*grown));
        if (!grown) {
            n->failed = true;
            return;
        }
        n->ids = grown;
        n->ids[n->count++] = m->type == RULES_MATCH_RECENT ? name_id(0, m->recent->name)
                                                           : name_id(r->family, m->hashlimit->name);
    }
}

struct noting {
    struct names *names;
    const struct rules *rules;
};

static void note_place(void *arg, const struct texts_place *place)
{
    const struct noting *n = arg;

    if (place->rule)
        note_names(n->names, n->rules, place->rule);
}

static bool is_empty(int map)
{
    uint64_t key;

    return map < 0 || bpf_map_get_next_key(map, NULL, &key) != 0;
}

static void forget_names(struct kernel_wall *wall, const char *map, uint8_t type, const struct rules *rules,
                         const struct rules *others)
{
    struct names names = {.type = type};

    texts_each(rules, note_place, &(struct noting){&names, rules});
    texts_each(others, note_place, &(struct noting){&names, others});
    if (!names.failed)
        forget_keys(kernel_wall_map(wall, map), is_kept_name, &(struct keeping){names.ids, names.count, {0}});
    free(names.ids);
}

/* ---- all of it ---- */

static void forget_counted(struct kernel_wall *wall)
{
    struct keeping keeping = {0};
    size_t size;

    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        const struct kernel_text *text = standing_text(wall, standing_current(wall, f), &size);
        keeping.serials[f] = text ? text->serial : 0;
    }
    forget_keys(kernel_wall_map(wall, "remembered"), is_kept_serial, &keeping);
}

void standing_forget(struct kernel_wall *wall, const struct rules *rules)
{
    enum packet_family other = rules->family == PACKET_IPV6 ? PACKET_IPV4 : PACKET_IPV6;
    struct rules *others = NULL;
    struct kernel_error ignored;

    forget_counted(wall);
    if (is_empty(kernel_wall_map(wall, "lists")) && is_empty(kernel_wall_map(wall, "tables")))
        return;
    if (kernel_wall_rules(wall, other, &others, &ignored) == 0) {
        forget_names(wall, "lists", RULES_MATCH_RECENT, rules, others);
        forget_names(wall, "tables", RULES_MATCH_HASHLIMIT, rules, others);
    }
    rules_free(&others);
}
