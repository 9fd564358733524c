/* SPDX-License-Identifier: BSD-2-Clause */
/* A rule set is changed by changing what it was read from, and reading that. */
#include "rules/nft/edit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *load_list(const char *elements)
{
    char *text = NULL;
    json_t *list;

    if (asprintf(&text, "[%s]", elements) < 0)
        return NULL;
    list = json_loads(text, 0, NULL);
    free(text);
    return list;
}

static bool says(const json_t *object, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text && strcmp(text, value) == 0;
}

/* The rule's place in the list; the list's size: it is not there. */
static size_t find_rule(const json_t *list, const struct nft_rule *rule)
{
    const struct nft_table *table = rule->chain->table;
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        const json_t *r = json_object_get(one, "rule");

        if (r && (uint64_t)json_integer_value(json_object_get(r, "handle")) == rule->handle &&
            says(r, "family", nft_family_name((enum nft_family)table->family)) &&
            says(r, "table", table->name) && says(r, "chain", rule->chain->name))
            return i;
    }
    return json_array_size(list);
}

/* Takes whole. */
static int read_again(const struct nft_ruleset *n, json_t *whole, struct nft_ruleset **ret)
{
    char *text = json_dumps(whole, JSON_COMPACT);
    struct rules_error mistake;
    int r = text ? nft_read(text, strlen(text), "what a command makes of it", ret, &mistake) : -ENOMEM;

    free(text);
    json_decref(whole);
    if (!r)
        (*ret)->skips = n->skips;
    return r;
}

int nft_edit_rule(const struct nft_ruleset *n, const struct nft_chain *chain, const struct nft_rule *before,
                  const char *statements, struct nft_ruleset **ret)
{
    json_t *whole = json_loadb(n->source, n->source_size, 0, NULL),
           *list = json_object_get(whole, "nftables");
    json_t *expr = load_list(statements);
    json_t *rule = expr ? json_pack("{s:{s:s, s:s, s:s, s:i, s:o}}", "rule", "family",
                                    nft_family_name((enum nft_family)chain->table->family), "table",
                                    chain->table->name, "chain", chain->name, "handle", 0, "expr", expr)
                        : NULL;
    size_t at = before ? find_rule(list, before) : json_array_size(list);
    int r = !expr ? -EINVAL : !list || !rule ? -ENOMEM : before && at == json_array_size(list) ? -ENOENT : 0;

    if (!r && json_array_insert(list, at, rule) < 0)
        r = -ENOMEM;
    json_decref(rule);
    if (!r)
        return read_again(n, whole, ret);
    json_decref(whole);
    return r;
}

int nft_edit_add(const struct nft_ruleset *n, const char *objects, struct nft_ruleset **ret)
{
    json_t *whole = json_loadb(n->source, n->source_size, 0, NULL),
           *list = json_object_get(whole, "nftables");
    json_t *more = load_list(objects);
    int r = !more ? -EINVAL : !list || json_array_extend(list, more) < 0 ? -ENOMEM : 0;

    json_decref(more);
    if (!r)
        return read_again(n, whole, ret);
    json_decref(whole);
    return r;
}
