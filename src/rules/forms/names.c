/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/names.h"

#include <stdlib.h>
#include <string.h>

#include "rules/build.h"

void names_add(struct names *n, const char *name)
{
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 64;
        const char **list = reallocarray(n->list, capacity, sizeof(*list));
        n->failed |= !list;
        if (!list)
            return;
        n->list = list;
        n->capacity = capacity;
    }
    n->list[n->count++] = name;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void names_sort(struct names *n)
{
    if (n->count)
        qsort(n->list, n->count, sizeof(*n->list), compare);
}

bool names_has(const struct names *n, const char *name)
{
    return n->count && bsearch(&name, n->list, n->count, sizeof(*n->list), compare);
}

void names_fini(struct names *n)
{
    free(n->list);
    *n = (struct names){0};
}

bool is_target(const char *name, uint8_t family)
{
    for (const struct rules_opaque_name *o = rules_opaque_targets; o->name; o++) {
        if (strcmp(o->name, name) == 0)
            return true;
    }
    return rules_is_verdict(name) || rules_target_named(name, family) ||
           rules_target_named(name, PACKET_IPV4) || rules_target_named(name, PACKET_IPV6);
}

int names_table(const char *name, size_t size)
{
    static const char *const names[] = {"filter", "raw", "nat", "mangle", "security"};
    enum rules_table_type table;
    char word[16];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) != size || memcmp(names[i], name, size) != 0)
            continue;
        strcpy(word, names[i]);
        return rules_table_find(word, &table) ? (int)table : NAMES_NO_TABLE;
    }
    return NAMES_NO_TABLE;
}

int names_hook(const char *name)
{
    for (int hook = 0; hook < RULES_HOOKS; hook++) {
        if (strcmp(name, rules_hook_name((enum rules_hook)hook)) == 0)
            return hook;
    }
    return -1;
}
