/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements of libnftables-json(5). */
#include <errno.h>
#include <string.h>

#include "rules/nft/read.h"

typedef void read_function(struct nft_reader *r, json_t *j, struct nft_statement *s);

/* The number of a word in a list that ends with NULL; the list's length: it is not there. */
static size_t find_word(const char *const *words, const char *word)
{
    size_t i = 0;

    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    return i;
}

static void be_unknown(struct nft_reader *r, struct nft_statement *s, const char *name, bool ends,
                       bool rewrites)
{
    *s = (struct nft_statement){.kind = NFT_DO_UNKNOWN, .name = nft_keep(r, name)};
    s->unknown.ends = ends;
    s->unknown.rewrites = rewrites;
    s->unknown.because = nft_unknown_phrase(r, name);
}

/* ---- asking ---- */

static bool is_masked_flags(const struct nft_expr *e)
{
    return e && e->kind == NFT_EXPR_BINARY && e->binary.operation == NFT_AND && nft_types[e->type].is_flags &&
           e->binary.right->kind != NFT_EXPR_VALUE;
}

static void read_match(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    static const char *const comparisons[] = {
        [NFT_EQUAL] = "==",      [NFT_UNEQUAL] = "!=", [NFT_LESS] = "<",
        [NFT_LESS_EQUAL] = "<=", [NFT_MORE] = ">",     [NFT_MORE_EQUAL] = ">=",
        [NFT_ANY_OF] = "in",     [NFT_NONE_OF] = "!",  NULL};
    struct nft_kind_of kind;
    size_t comparison = find_word(comparisons, nft_string(j, "op"));

    s->kind = NFT_DO_MATCH;
    s->match.comparison = (uint8_t)comparison;
    s->match.left = nft_read_expr(r, json_object_get(j, "left"), NULL, 0);
    nft_kind_of_expr(s->match.left, &kind);
    s->match.right = nft_read_expr(r, json_object_get(j, "right"), &kind, 0);
    s->match.mask_last = !r->is_1_1 && comparison <= NFT_UNEQUAL && is_masked_flags(s->match.left) &&
                         s->match.right && s->match.right->kind != NFT_EXPR_SET;
    if (!comparisons[comparison])
        be_unknown(r, s, "a comparison", true, true);
}

static void read_vmap(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    json_t *data = json_object_get(j, "data"), *written = json_object_get(data, "set");
    struct nft_kind_of kind;

    s->kind = NFT_DO_VMAP;
    s->vmap.key = nft_read_expr(r, json_object_get(j, "key"), NULL, 0);
    nft_kind_of_expr(s->vmap.key, &kind);
    s->vmap.set =
        written ? nft_read_written(r, written, &kind, true, NULL) : nft_find_set(r, json_string_value(data));
    if (!s->vmap.set || !s->vmap.set->is_map)
        be_unknown(r, s, "vmap", true, true);
}

/* "10/second", "2 mbytes/minute" */
enum { USUAL_BURST = 5 }; /* packets: NFT_LIMIT_PKT_BURST_DEFAULT, not written before nft 1.1 */

void nft_read_limit(struct nft_reader *r, json_t *j, struct nft_limit *ret)
{
    static const char *const spans[] = {"second", "minute", "hour", "day", "week", NULL};
    static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800, 1};
    static const char *const units[] = {"packets", "bytes", "kbytes", "mbytes", NULL};
    static const uint64_t sizes[] = {1, 1, 1 << 10, 1 << 20, 1};
    const char *unit = nft_string(j, "rate_unit"), *burst_unit = nft_string(j, "burst_unit");
    const char *of_object = nft_string(j, "unit"); /* those say "bytes" for both */
    const char *per = nft_string(j, "per");

    unit = *unit ? unit : *of_object ? of_object : "packets";
    *ret = (struct nft_limit){
        .written_rate = nft_whole(j, "rate"),
        .written_burst = nft_whole(j, "burst"),
        .per_s = seconds[find_word(spans, per)],
        .over = json_is_true(json_object_get(j, "inv")),
        .by_bytes = strcmp(unit, "packets") != 0,
        .rate_unit = nft_keep(r, unit),
        .burst_unit = nft_keep(r, *burst_unit ? burst_unit : "bytes"),
        .per = nft_keep(r, *per ? per : "second"),
    };
    ret->rate = ret->written_rate * sizes[find_word(units, unit)];
    ret->burst =
        (uint32_t)(ret->written_burst *
                   (ret->by_bytes ? sizes[find_word(units, *burst_unit ? burst_unit : "bytes")] : 1));
    if (!r->is_1_1 && !ret->by_bytes && ret->written_burst == USUAL_BURST)
        ret->written_burst = 0;
}

static void read_limit(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_LIMIT;
    if (json_is_object(j)) {
        nft_read_limit(r, j, &s->limit);
        return;
    }
    s->name = nft_keep(r, json_string_value(j));
    s->object = nft_find_object(r, "limit", s->name);
}

void nft_read_quota(struct nft_reader *r, json_t *j, struct nft_quota *ret)
{
    static const char *const units[] = {"bytes", "kbytes", "mbytes", NULL};
    static const uint64_t sizes[] = {1, 1 << 10, 1 << 20, 1};
    json_t *value = json_object_get(j, "val");
    const char *unit = nft_string(j, "val_unit"), *used_unit = nft_string(j, "used_unit");

    *ret = (struct nft_quota){.over = json_is_true(json_object_get(j, "inv")),
                              .written = nft_whole(j, value ? "val" : "bytes"),
                              .unit = nft_keep(r, *unit ? unit : "bytes"),
                              .used = nft_whole(j, "used") * sizes[find_word(units, used_unit)]};
    ret->bytes = ret->written * sizes[find_word(units, unit)];
}

static void read_quota(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_QUOTA;
    if (json_is_object(j)) {
        nft_read_quota(r, j, &s->quota);
        return;
    }
    s->name = nft_keep(r, json_string_value(j));
    s->object = nft_find_object(r, "quota", s->name);
}

static void read_count(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    (void)r;
    s->kind = NFT_DO_COUNT;
    s->count.most = (uint32_t)nft_whole(j, "val");
    s->count.over = json_is_true(json_object_get(j, "inv"));
}

/* ---- doing ---- */

static void read_counter(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_COUNTER;
    s->counter.shows = json_is_object(j);
    s->counter.packets = nft_whole(j, "packets");
    s->counter.bytes = nft_whole(j, "bytes");
    s->name = nft_keep(r, json_string_value(j));
}

/* One word or a list of them, with commas. */
static const char *read_words(struct nft_reader *r, json_t *j)
{
    char text[200] = "";
    json_t *one;
    size_t i;

    if (!json_is_array(j))
        return nft_keep(r, json_string_value(j));
    json_array_foreach(j, i, one)
    {
        const char *word = json_is_string(one) ? json_string_value(one) : "";
        size_t size = strlen(text);

        if (size + strlen(word) + 2 < sizeof(text)) {
            strcat(text, size ? "," : "");
            strcat(text, word);
        }
    }
    return nft_keep(r, text);
}

static void read_log(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_LOG;
    s->log.prefix = nft_keep(r, json_string_value(json_object_get(j, "prefix")));
    s->log.level = nft_keep(r, json_string_value(json_object_get(j, "level")));
    s->log.flags = read_words(r, json_object_get(j, "flags"));
    s->log.has_group = json_object_get(j, "group") != NULL;
    s->log.group = (uint32_t)nft_whole(j, "group");
    s->log.has_snaplen = json_object_get(j, "snaplen") != NULL;
    s->log.snaplen = (uint32_t)nft_whole(j, "snaplen");
    s->log.has_threshold = json_object_get(j, "queue-threshold") != NULL;
    s->log.threshold = (uint32_t)nft_whole(j, "queue-threshold");
}

static void read_reject(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    static const char *const kinds[] = {[NFT_REJECT_ICMPX] = "icmpx",
                                        [NFT_REJECT_ICMP] = "icmp",
                                        [NFT_REJECT_ICMPV6] = "icmpv6",
                                        [NFT_REJECT_RESET] = "tcp reset",
                                        NULL};
    static const uint8_t types[] = {NFT_TYPE_ICMPX_CODE, NFT_TYPE_ICMP_CODE, NFT_TYPE_ICMPV6_CODE,
                                    NFT_TYPE_NONE, NFT_TYPE_NONE};
    size_t kind = find_word(kinds, nft_string(j, "type"));
    struct nft_kind_of of = {.types = {types[kind]}, .count = 1};
    json_t *code = json_object_get(j, "expr");

    s->kind = NFT_DO_REJECT;
    s->reject.with = kinds[kind] ? (uint8_t)kind : NFT_REJECT_ICMPX;
    s->reject.code = code ? nft_read_expr(r, code, &of, 0) : NULL;
}

static void read_mangle(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    struct nft_kind_of kind;

    s->kind = NFT_DO_SET_FIELD;
    s->field.key = nft_read_expr(r, json_object_get(j, "key"), NULL, 0);
    nft_kind_of_expr(s->field.key, &kind);
    s->field.value = nft_read_expr(r, json_object_get(j, "value"), &kind, 0);
}

static void read_notrack(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    (void)r, (void)j;
    s->kind = NFT_DO_NOTRACK;
}

static void read_helper(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_HELPER;
    s->name = nft_keep(r, json_string_value(j));
    s->object = nft_find_object(r, "ct helper", s->name);
    if (s->name)
        return;
    const struct nft_kind_of kind = {.types = {NFT_TYPE_HELPER_OBJECT}, .count = 1};
    s->helper.by = nft_read_expr(r, j, &kind, 0);
    if (!s->helper.by || s->helper.by->kind != NFT_EXPR_MAP)
        be_unknown(r, s, "ct helper", false, true);
}

static void read_jump(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    s->kind = NFT_DO_VERDICT;
    if (!nft_read_verdict(r, j, &s->verdict))
        be_unknown(r, s, "a verdict", true, true);
}

/* ---- NAT ---- */

static uint8_t read_nat_flags(json_t *j)
{
    static const struct nft_word words[] = {
        {"random", NFT_NAT_RANDOM},         {"fully-random", NFT_NAT_FULLY_RANDOM},
        {"persistent", NFT_NAT_PERSISTENT}, {"netmap", NFT_NAT_PREFIX},
        {"prefix", NFT_NAT_PREFIX},         {NULL, 0}};
    uint8_t found = 0;
    json_t *one;
    size_t i;

    for (const struct nft_word *w = words; w->word; w++) {
        json_array_foreach(j, i, one) found |=
            json_is_string(one) && strcmp(json_string_value(one), w->word) == 0 ? (uint8_t)w->number : 0;
        found |= json_is_string(j) && strcmp(json_string_value(j), w->word) == 0 ? (uint8_t)w->number : 0;
    }
    return found;
}

static uint8_t nat_family(const struct nft_reader *r, json_t *j)
{
    const char *said = nft_string(j, "family");

    if (strcmp(said, "ip6") == 0 || (!*said && r->table->family == NFT_IP6))
        return PACKET_IPV6;
    return strcmp(said, "ip") == 0 || (!*said && r->table->family == NFT_IP) ? PACKET_IPV4 : 0;
}

static void read_nat(struct nft_reader *r, json_t *j, struct nft_statement *s, enum nft_nat kind)
{
    json_t *address = json_object_get(j, "addr"), *port = json_object_get(j, "port");

    s->kind = NFT_DO_NAT;
    s->nat.kind = (uint8_t)kind;
    s->nat.family = nat_family(r, j);
    s->nat.says_family = json_object_get(j, "family") != NULL;
    s->nat.flags =
        read_nat_flags(json_object_get(j, "flags")) | read_nat_flags(json_object_get(j, "type_flags"));
    struct nft_kind_of addresses = {.types = {s->nat.family == PACKET_IPV6   ? NFT_TYPE_IP6ADDR
                                              : s->nat.family == PACKET_IPV4 ? NFT_TYPE_IPADDR
                                                                             : NFT_TYPE_NONE,
                                              NFT_TYPE_SERVICE},
                                    .count = 2},
                       ports = {.types = {NFT_TYPE_SERVICE}, .bits = {16}, .count = 1};
    s->nat.address = address ? nft_read_expr(r, address, &addresses, 0) : NULL;
    s->nat.port = port ? nft_read_expr(r, port, &ports, 0) : NULL;
}

#define NAT(name, kind)                                                                                      \
    static void name(struct nft_reader *r, json_t *j, struct nft_statement *s)                               \
    {                                                                                                        \
        read_nat(r, j, s, kind);                                                                             \
    }
NAT(read_snat, NFT_SNAT)
NAT(read_dnat, NFT_DNAT)
NAT(read_masquerade, NFT_MASQUERADE)
NAT(read_redirect, NFT_REDIRECT)

/* ---- sets that are filled ---- */

static void read_set(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    static const char *const deeds[] = {
        [NFT_SET_ADD] = "add", [NFT_SET_UPDATE] = "update", [NFT_SET_DELETE] = "delete", NULL};
    json_t *elem = json_object_get(j, "elem"), *inner = json_object_get(elem, "elem");
    size_t deed = find_word(deeds, nft_string(j, "op"));

    s->kind = NFT_DO_SET;
    s->set.deed = (uint8_t)deed;
    s->set.set = nft_find_set(r, nft_string(j, "set"));
    s->set.key = nft_read_expr(r, elem, NULL, 0);
    s->set.timeout_s = inner ? nft_whole(inner, "timeout") : 0;
    s->set.statements = nft_read_statements(r, json_object_get(j, "stmt"));
    if (!deeds[deed] || !s->set.set)
        be_unknown(r, s, "set", true, true);
    else
        ((struct nft_set *)(uintptr_t)s->set.set)->flags |= NFT_SET_FILLED; /* made by this reader */
}

/* ---- what is not evaluated ---- */

static void read_xt(struct nft_reader *r, json_t *j, struct nft_statement *s)
{
    static const char *const harmless[] = {"LOG", "NFLOG",     "TRACE",   "AUDIT",
                                           "LED", "IDLETIMER", "RATEEST", NULL};
    const char *name = nft_string(j, "name");
    bool is_match = strcmp(nft_string(j, "type"), "match") == 0;

    be_unknown(r, s, name, !is_match, true);
    s->unknown.matches = is_match;
    if (is_match || harmless[find_word(harmless, name)])
        s->unknown.ends = s->unknown.rewrites = false;
}

static const struct {
    const char *name;
    bool ends, rewrites;
} unknowns[] = {
    {"queue", true, true},           {"tproxy", false, true}, {"synproxy", true, true},
    {"dup", false, false},           {"fwd", true, true},     {"flow", true, false},
    {"secmark", false, false},       {"last", false, false},  {"ct timeout", false, false},
    {"ct expectation", false, true},
};

static const struct {
    const char *name;
    read_function *read;
} rows[] = {
    {"match", read_match},
    {"accept", NULL},
    {"drop", NULL},
    {"continue", NULL},
    {"return", NULL},
    {"jump", NULL},
    {"goto", NULL},
    {"vmap", read_vmap},
    {"counter", read_counter},
    {"limit", read_limit},
    {"quota", read_quota},
    {"ct count", read_count},
    {"log", read_log},
    {"reject", read_reject},
    {"mangle", read_mangle},
    {"notrack", read_notrack},
    {"ct helper", read_helper},
    {"snat", read_snat},
    {"dnat", read_dnat},
    {"masquerade", read_masquerade},
    {"redirect", read_redirect},
    {"set", read_set},
    {"xt", read_xt},
};

static void read_named(struct nft_reader *r, json_t *whole, const char *name, json_t *value,
                       struct nft_statement *s)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].read)
            rows[i].read(r, value, s);
        else
            read_jump(r, whole, s);
        return;
    }
    for (size_t i = 0; i < sizeof(unknowns) / sizeof(unknowns[0]); i++) {
        if (strcmp(unknowns[i].name, name) != 0)
            continue;
        be_unknown(r, s, name, unknowns[i].ends, unknowns[i].rewrites);
        if (strncmp(name, "ct ", strlen("ct ")) == 0 && json_is_string(value)) {
            char text[200];
            snprintf(text, sizeof(text), "%s set \"%.150s\"", name, json_string_value(value));
            s->name = nft_keep(r, text);
            s->unknown.whole = true;
        }
        return;
    }
    be_unknown(r, s, name, true, true);
}

const struct nft_statement *nft_read_statements(struct nft_reader *r, json_t *array)
{
    const struct nft_statement *first = NULL, **link = &first;
    const char *name;
    json_t *one, *value;
    size_t i;

    json_array_foreach(array, i, one)
    {
        struct nft_statement *s = nft_get(r, sizeof(*s));

        if (!s)
            return NULL;
        if (nft_only(one, &name, &value))
            read_named(r, one, name, value, s);
        else
            be_unknown(r, s, "a statement", true, true);
        *link = s;
        link = &s->next;
        if (r->error)
            return NULL;
    }
    return first;
}
