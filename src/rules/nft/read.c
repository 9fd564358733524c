/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/nft/look.h"
#include "rules/nft/read.h"

/* ---- what all of them use ---- */

void *nft_get(struct nft_reader *r, size_t size)
{
    void *at = NULL;

    if (!r->error && ++r->nodes > NFT_MOST_NODES)
        r->error = -E2BIG;
    if (!r->error)
        at = nft_memory_get(r->memory, size);
    if (!at && !r->error)
        r->error = -ENOMEM;
    return at;
}

const char *nft_keep(struct nft_reader *r, const char *text)
{
    if (!text || r->error)
        return NULL;
    char *copy = nft_memory_text(r->memory, text);
    if (!copy)
        r->error = -ENOMEM;
    return copy;
}

const char *nft_unknown_phrase(struct nft_reader *r, const char *what)
{
    char phrase[160];

    snprintf(phrase, sizeof(phrase), "%.100s, which is not evaluated", what);
    return nft_keep(r, phrase);
}

void nft_push(struct nft_reader *r, const void ***list, size_t *count, const void *item)
{
    if ((*count & (*count - 1)) == 0) { /* full at each power of two */
        const void **longer = nft_get(r, (*count ? *count * 2 : 1) * sizeof(void *));

        if (!longer)
            return;
        if (*count)
            memcpy(longer, *list, *count * sizeof(void *));
        *list = longer;
    }
    (*list)[(*count)++] = item;
}

const char *nft_string(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

uint64_t nft_whole(const json_t *object, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(object, name));

    return n < 0 ? 0 : (uint64_t)n;
}

bool nft_only(json_t *object, const char **ret_name, json_t **ret_value)
{
    void *at = json_object_iter(object);

    if (json_object_size(object) != 1)
        return false;
    *ret_name = json_object_iter_key(at);
    *ret_value = json_object_iter_value(at);
    return true;
}

/* ---- tables, chains, objects ---- */

static const char *const families[] = {[NFT_IP] = "ip",   [NFT_IP6] = "ip6",       [NFT_INET] = "inet",
                                       [NFT_ARP] = "arp", [NFT_BRIDGE] = "bridge", [NFT_NETDEV] = "netdev"};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

const char *nft_family_name(enum nft_family family)
{
    return families[family];
}

/* NULL: no family of that name is known. */
static char *key_of(const char *kind, json_t *j, const char *table, const char *name)
{
    char *key = NULL;

    for (unsigned f = 0; f < FAMILIES; f++) {
        if (strcmp(families[f], nft_string(j, "family")) == 0 &&
            asprintf(&key, "%s %u %s %s", kind, f, table, name) < 0)
            return NULL;
    }
    return key;
}

/* Names what stands at a place of its list; the first of a name is the one that is found. */
static void put_index(struct nft_reader *r, const char *kind, json_t *j, const char *table, size_t at)
{
    char *key = key_of(kind, j, table, nft_string(j, "name"));

    if (!key || (!json_object_get(r->index, key) &&
                 json_object_set_new(r->index, key, json_integer((json_int_t)at)) < 0))
        r->error = -ENOMEM;
    free(key);
}

static long get_index(const struct nft_reader *r, const char *kind, json_t *j, const char *table,
                      const char *name)
{
    char *key = key_of(kind, j, table, name);
    const json_t *at = key ? json_object_get(r->index, key) : NULL;

    free(key);
    return at ? (long)json_integer_value(at) : -1;
}

static const struct nft_table *table_of(const struct nft_reader *r, json_t *j)
{
    long at = get_index(r, "table", j, "", nft_string(j, "table"));

    return at < 0 ? NULL : r->rules->tables[at];
}

static bool has_word(json_t *j, const char *word)
{
    json_t *one;
    size_t i;

    json_array_foreach(j, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
            return true;
    }
    return json_is_string(j) && strcmp(json_string_value(j), word) == 0;
}

static void read_table(struct nft_reader *r, json_t *j)
{
    json_t *flags = json_object_get(j, "flags");
    struct nft_table *table = nft_get(r, sizeof(*table));
    uint8_t family = 0;

    while (family < FAMILIES && strcmp(families[family], nft_string(j, "family")) != 0)
        family++;
    if (!table || family == FAMILIES)
        return;
    table->family = family;
    table->name = nft_keep(r, nft_string(j, "name"));
    table->handle = nft_whole(j, "handle");
    table->is_1_1 = r->is_1_1;
    table->dormant = has_word(flags, "dormant");
    table->unsure = flags && !table->dormant && !has_word(flags, "owner") && !has_word(flags, "persist");
    put_index(r, "table", j, "", r->rules->table_count);
    nft_push(r, (const void ***)(uintptr_t)&r->rules->tables, &r->rules->table_count, table);
}

static uint8_t find_hook(const char *name)
{
    static const char *const hooks[RULES_HOOKS] = {[RULES_PREROUTING] = "prerouting",
                                                   [RULES_INPUT] = "input",
                                                   [RULES_FORWARD] = "forward",
                                                   [RULES_OUTPUT] = "output",
                                                   [RULES_POSTROUTING] = "postrouting"};
    uint8_t hook = 0;

    while (hook < RULES_HOOKS && strcmp(hooks[hook], name) != 0)
        hook++;
    return hook;
}

static uint8_t find_chain_type(const char *name)
{
    return strcmp(name, "filter") == 0  ? NFT_CHAIN_FILTER
           : strcmp(name, "nat") == 0   ? NFT_CHAIN_NAT
           : strcmp(name, "route") == 0 ? NFT_CHAIN_ROUTE
                                        : NFT_CHAIN_OTHER;
}

static void read_chain(struct nft_reader *r, json_t *j)
{
    struct nft_chain *chain = nft_get(r, sizeof(*chain));
    json_t *type = json_object_get(j, "type");

    if (!chain)
        return;
    chain->table = r->table;
    chain->name = nft_keep(r, nft_string(j, "name"));
    chain->handle = nft_whole(j, "handle");
    chain->hook = RULES_HOOKS;
    if (type) {
        json_int_t priority = json_integer_value(json_object_get(j, "prio"));

        chain->type_name = nft_keep(r, nft_string(j, "type"));
        chain->hook_name = nft_keep(r, nft_string(j, "hook"));
        chain->device = nft_keep(r, json_string_value(json_object_get(j, "dev")));
        chain->type = find_chain_type(nft_string(j, "type"));
        chain->hook = find_hook(nft_string(j, "hook"));
        chain->priority = priority > INT32_MAX   ? INT32_MAX
                          : priority < INT32_MIN ? INT32_MIN
                                                 : (int32_t)priority;
        chain->drops = strcmp(nft_string(j, "policy"), "drop") == 0;
    }
    put_index(r, "chain", j, r->table->name, r->rules->chain_count);
    nft_push(r, (const void ***)(uintptr_t)&r->rules->chains, &r->rules->chain_count, chain);
}

static void read_named_set(struct nft_reader *r, json_t *j)
{
    put_index(r, "set", j, r->table->name, r->rules->set_count);
    nft_read_set(r, j, false);
}

static void read_named_map(struct nft_reader *r, json_t *j)
{
    put_index(r, "set", j, r->table->name, r->rules->set_count);
    nft_read_set(r, j, true);
}

static void read_helper(struct nft_reader *r, json_t *j, struct nft_object *o)
{
    const char *l3 = nft_string(j, "l3proto");
    nft_number protocol = 0;

    o->helper.type = nft_keep(r, nft_string(j, "type"));
    if (nft_word_number(NFT_TYPE_PROTOCOL, nft_string(j, "protocol"), &protocol))
        o->helper.protocol = (uint8_t)protocol;
    o->helper.for_ipv4 = strcmp(l3, "ip6") != 0;
    o->helper.for_ipv6 = strcmp(l3, "ip") != 0;
}

static void read_limit_object(struct nft_reader *r, json_t *j, struct nft_object *o)
{
    nft_read_limit(r, j, &o->limit);
}

static void read_quota_object(struct nft_reader *r, json_t *j, struct nft_object *o)
{
    nft_read_quota(r, j, &o->quota);
}

static const struct {
    const char *name;
    enum nft_object_kind kind;
    void (*read)(struct nft_reader *r, json_t *j, struct nft_object *o);
} objects[] = {
    {"counter", NFT_OBJECT_COUNTER, NULL},          {"quota", NFT_OBJECT_QUOTA, read_quota_object},
    {"limit", NFT_OBJECT_LIMIT, read_limit_object}, {"ct helper", NFT_OBJECT_HELPER, read_helper},
    {"ct timeout", NFT_OBJECT_TIMEOUT, NULL},       {"ct expectation", NFT_OBJECT_EXPECTATION, NULL},
    {"synproxy", NFT_OBJECT_SYNPROXY, NULL},        {"flowtable", NFT_OBJECT_FLOWTABLE, NULL},
};

static void read_object(struct nft_reader *r, const char *kind, json_t *j)
{
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        if (strcmp(objects[i].name, kind) != 0)
            continue;
        struct nft_object *o = nft_get(r, sizeof(*o));
        if (!o)
            return;
        o->kind = (uint8_t)objects[i].kind;
        o->table = r->table;
        o->name = nft_keep(r, nft_string(j, "name"));
        o->number = (uint32_t)r->rules->object_count;
        if (objects[i].read)
            objects[i].read(r, j, o);
        put_index(r, kind, j, r->table->name, r->rules->object_count);
        nft_push(r, (const void ***)(uintptr_t)&r->rules->objects, &r->rules->object_count, o);
    }
}

static void read_version(struct nft_reader *r, json_t *j)
{
    const char *version = nft_string(j, "version");
    int first = 0, second = 0;

    r->is_1_1 = sscanf(version, "%d.%d", &first, &second) == 2 && (first > 1 || (first == 1 && second >= 1));
    r->rules->version = nft_keep(r, version);
}

/* What has a name of its own, so that others may speak of it. */
static void read_named(struct nft_reader *r, const char *kind, json_t *j)
{
    static const struct {
        const char *name;
        void (*read)(struct nft_reader *r, json_t *j);
    } rows[] = {{"chain", read_chain}, {"set", read_named_set}, {"map", read_named_map}};

    if (strcmp(kind, "metainfo") == 0)
        read_version(r, j);
    if (strcmp(kind, "table") == 0)
        read_table(r, j);
    r->table = table_of(r, j);
    if (!r->table)
        return;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, kind) == 0)
            rows[i].read(r, j);
    }
    read_object(r, kind, j);
}

/* ---- rules ---- */

static void read_rule(struct nft_reader *r, json_t *j)
{
    long at = get_index(r, "chain", j, nft_string(j, "table"), nft_string(j, "chain"));
    struct nft_rule *rule = nft_get(r, sizeof(*rule));

    if (!rule || at < 0)
        return;
    struct nft_chain *chain = (struct nft_chain *)(uintptr_t)r->rules->chains[at]; /* made by this reader */
    rule->chain = chain;
    rule->handle = nft_whole(j, "handle");
    rule->comment = nft_keep(r, json_string_value(json_object_get(j, "comment")));
    rule->number = (uint32_t)chain->count + 1;
    rule->serial = r->rules->rule_count++;
    rule->statements = nft_read_statements(r, json_object_get(j, "expr"));
    nft_push(r, (const void ***)(uintptr_t)&chain->rules, &chain->count, rule);
}

static void read_contents(struct nft_reader *r, const char *kind, json_t *j)
{
    r->table = table_of(r, j);
    if (!r->table)
        return;
    if (strcmp(kind, "rule") == 0)
        read_rule(r, j);
    if (strcmp(kind, "set") != 0 && strcmp(kind, "map") != 0)
        return;
    long at = get_index(r, "set", j, r->table->name, nft_string(j, "name"));
    if (at >= 0)
        nft_read_elements(r, j, r->rules->sets[at]);
}

typedef void read_function(struct nft_reader *r, const char *kind, json_t *j);

static void read_list(struct nft_reader *r, json_t *list, read_function *each)
{
    const char *kind;
    json_t *one, *value;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (r->error)
            return;
        if (nft_only(one, &kind, &value) && json_is_object(value))
            each(r, kind, value);
    }
}

/* ---- the whole ---- */

static int complain(struct rules_error *error, const char *name, unsigned line, unsigned column,
                    const char *what)
{
    *error = (struct rules_error){.file = name, .line = line, .column = column};
    snprintf(error->message, sizeof(error->message), "%s", what);
    for (char *c = error->message; *c; c++) /* jansson quotes what it found */
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
    return -EINVAL;
}

static int read_all(struct nft_reader *r, json_t *list, const char *text, size_t size, const char *name,
                    struct rules_error *error)
{
    r->memory = nft_memory_new();
    r->index = json_object();
    r->rules = r->memory ? nft_memory_get(r->memory, sizeof(*r->rules)) : NULL;
    if (!r->rules || !r->index)
        return -ENOMEM;
    r->rules->memory = r->memory;
    r->rules->holders = 1;
    if (json_array_size(list) > NFT_MOST_OBJECTS)
        r->error = -E2BIG;
    read_list(r, list, read_named);
    read_list(r, list, read_contents);
    if (!r->error)
        nft_look_at_chains(r->rules);
    char *source = nft_get(r, size);
    if (source) {
        r->rules->source = memcpy(source, text, size);
        r->rules->source_size = size;
    }
    return r->error == -E2BIG
               ? complain(error, name, 1, 1, "more tables, chains, rules or elements than nf_tables holds")
               : r->error;
}

bool nft_is_json(const char *text, size_t size)
{
    size_t at = 0;

    while (at < size && memchr(" \t\r\n", text[at], 4))
        at++;
    if (at == size || text[at++] != '{')
        return false;
    while (at < size && memchr(" \t\r\n", text[at], 4))
        at++;
    return at < size && text[at] == '"';
}

int nft_read(const char *text, size_t size, const char *name, struct nft_ruleset **ret,
             struct rules_error *error)
{
    struct nft_reader r = {0};
    json_error_t where;
    json_t *whole = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where),
           *list = json_object_get(whole, "nftables");
    int result;

    if (!whole)
        result = json_error_code(&where) == json_error_out_of_memory
                     ? -ENOMEM
                     : complain(error, name, where.line > 0 ? (unsigned)where.line : 1,
                                where.column > 0 ? (unsigned)where.column : 1, where.text);
    else if (!json_is_array(list))
        result = complain(error, name, 1, 1, "not what \"nft -j list ruleset\" prints: no list \"nftables\"");
    else
        result = read_all(&r, list, text, size, name, error);
    json_decref(whole);
    json_decref(r.index);
    if (result) {
        nft_memory_free(&r.memory);
        return result;
    }
    *ret = r.rules;
    return 0;
}

struct nft_ruleset *nft_hold(struct nft_ruleset *n)
{
    if (n)
        n->holders++;
    return n;
}

void nft_release(struct nft_ruleset **n)
{
    struct nft_ruleset *ruleset = *n;

    *n = NULL;
    if (!ruleset || --ruleset->holders > 0)
        return;
    struct nft_memory *memory = ruleset->memory; /* which ruleset lies in */
    nft_memory_free(&memory);
}
