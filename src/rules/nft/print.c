/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and heads of chains as libnftables prints them. */
#include "rules/nft/print.h"

#include <stdlib.h>
#include <string.h>

static void put_limit(FILE *out, const struct nft_limit *l)
{
    fprintf(out, "limit rate %s%llu", l->over ? "over " : "", (unsigned long long)l->written_rate);
    if (!l->by_bytes) {
        fprintf(out, "/%s", l->per);
        if (l->written_burst)
            fprintf(out, " burst %llu packets", (unsigned long long)l->written_burst);
        return;
    }
    fprintf(out, " %s/%s", l->rate_unit, l->per);
    if (l->written_burst)
        fprintf(out, " burst %llu %s", (unsigned long long)l->written_burst, l->burst_unit);
}

static void put_quota(FILE *out, const struct nft_quota *q)
{
    static const char *const units[] = {"bytes", "kbytes", "mbytes"};
    uint64_t used = q->used;
    int unit = 0;

    fprintf(out, "quota %s%llu %s", q->over ? "over " : "", (unsigned long long)q->written, q->unit);
    for (; unit < 2 && used && used % 1024 == 0; unit++)
        used /= 1024;
    if (used)
        fprintf(out, " used %llu %s", (unsigned long long)used, units[unit]);
}

static void put_log(FILE *out, const struct nft_statement *s)
{
    fputs("log", out);
    if (s->log.prefix)
        fprintf(out, " prefix \"%s\"", s->log.prefix);
    if (s->log.has_group)
        fprintf(out, " group %u", s->log.group);
    if (s->log.has_snaplen)
        fprintf(out, " snaplen %u", s->log.snaplen);
    if (s->log.has_threshold)
        fprintf(out, " queue-threshold %u", s->log.threshold);
    if (s->log.level && strcmp(s->log.level, "warn") != 0)
        fprintf(out, " level %s", s->log.level);
    if (s->log.flags)
        fprintf(out, " flags %s", s->log.flags);
}

/* What is meant anyway is not said: port-unreachable, of the packet's family. */
static void put_reject(FILE *out, const struct nft_statement *s, enum nft_family family)
{
    static const char *const kinds[] = {
        [NFT_REJECT_ICMPX] = "icmpx", [NFT_REJECT_ICMP] = "icmp", [NFT_REJECT_ICMPV6] = "icmpv6"};
    static const uint8_t usual[] = {[NFT_REJECT_ICMPX] = 1, [NFT_REJECT_ICMP] = 3, [NFT_REJECT_ICMPV6] = 4};
    const struct nft_expr *code = s->reject.code;

    fputs("reject", out);
    if (s->reject.with == NFT_REJECT_RESET) {
        fputs(" with tcp reset", out);
        return;
    }
    bool is_usual = !code || (code->kind == NFT_EXPR_VALUE && code->value.first == usual[s->reject.with] &&
                              (s->reject.with == NFT_REJECT_ICMPX || family == NFT_IP || family == NFT_IP6));
    if (is_usual)
        return;
    fprintf(out, " with %s ", kinds[s->reject.with]);
    nft_put_expr(out, code);
}

static void put_nat_target(FILE *out, const struct nft_statement *s)
{
    const struct nft_expr *address = s->nat.address, *port = s->nat.port;
    bool bracketed = address && port && address->type == NFT_TYPE_IP6ADDR && address->kind == NFT_EXPR_VALUE;

    if (!address && !port)
        return;
    fputs(" to ", out);
    if (bracketed && address->value.shape == NFT_SHAPE_RANGE) { /* "[a]-[b]:80" */
        struct nft_expr end = *address;

        end.value.shape = NFT_SHAPE_ONE;
        fputc('[', out);
        nft_put_expr(out, &end);
        fputs("]-[", out);
        end.value.first = end.value.last;
        nft_put_expr(out, &end);
        fputc(']', out);
    } else if (address) {
        fputs(bracketed ? "[" : "", out);
        nft_put_expr(out, address);
        fputs(bracketed ? "]" : "", out);
    }
    if (port) {
        fputc(':', out);
        nft_put_expr(out, port);
    }
}

static void put_nat(FILE *out, const struct nft_statement *s)
{
    static const char *const kinds[] = {[NFT_SNAT] = "snat",
                                        [NFT_DNAT] = "dnat",
                                        [NFT_MASQUERADE] = "masquerade",
                                        [NFT_REDIRECT] = "redirect"};
    static const struct {
        uint8_t flag;
        const char *word;
    } flags[] = {{NFT_NAT_RANDOM, "random"},
                 {NFT_NAT_FULLY_RANDOM, "fully-random"},
                 {NFT_NAT_PERSISTENT, "persistent"}};
    const char *between = " ";

    fputs(kinds[s->nat.kind], out);
    if (s->nat.says_family && s->nat.address)
        fputs(s->nat.family == PACKET_IPV6 ? " ip6" : " ip", out);
    fputs(s->nat.flags & NFT_NAT_PREFIX ? " prefix" : "", out);
    put_nat_target(out, s);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (s->nat.flags & flags[i].flag) {
            fprintf(out, "%s%s", between, flags[i].word);
            between = ",";
        }
    }
}

static void put_statement(FILE *out, const struct nft_statement *s, enum nft_family family);

static void put_set(FILE *out, const struct nft_statement *s, enum nft_family family)
{
    static const char *const deeds[] = {
        [NFT_SET_ADD] = "add", [NFT_SET_UPDATE] = "update", [NFT_SET_DELETE] = "delete"};

    fprintf(out, "%s @%s { ", deeds[s->set.deed], s->set.set->name);
    nft_put_expr(out, s->set.key);
    if (s->set.timeout_s) {
        fputs(" timeout ", out);
        nft_put_span(out, s->set.timeout_s * 1000);
    }
    for (const struct nft_statement *one = s->set.statements; one; one = one->next) {
        fputc(' ', out);
        put_statement(out, one, family);
    }
    fputs(" }", out);
}

static void put_named(FILE *out, const struct nft_statement *s, const char *kind)
{
    fprintf(out, "%s name \"%s\"", kind, s->name);
}

/* What asks. */
static bool put_question(FILE *out, const struct nft_statement *s)
{
    switch (s->kind) {
    case NFT_DO_MATCH:
        nft_put_match(out, s);
        return true;
    case NFT_DO_LIMIT:
        if (s->name)
            put_named(out, s, "limit");
        else
            put_limit(out, &s->limit);
        return true;
    case NFT_DO_QUOTA:
        if (s->name)
            put_named(out, s, "quota");
        else
            put_quota(out, &s->quota);
        return true;
    case NFT_DO_COUNT:
        fprintf(out, "ct count %s%u", s->count.over ? "over " : "", s->count.most);
        return true;
    default:
        return false;
    }
}

static void put_statement(FILE *out, const struct nft_statement *s, enum nft_family family)
{
    if (put_question(out, s))
        return;
    switch (s->kind) {
    case NFT_DO_VERDICT:
        nft_put_verdict(out, &s->verdict);
        break;
    case NFT_DO_VMAP:
        nft_put_expr(out, s->vmap.key);
        fputs(" vmap ", out);
        nft_put_set(out, s->vmap.set);
        break;
    case NFT_DO_COUNTER:
        if (s->name)
            put_named(out, s, "counter");
        else if (!s->counter.shows)
            fputs("counter", out);
        else
            fprintf(out, "counter packets %llu bytes %llu", (unsigned long long)s->counter.packets,
                    (unsigned long long)s->counter.bytes);
        break;
    case NFT_DO_LOG:
        put_log(out, s);
        break;
    case NFT_DO_REJECT:
        put_reject(out, s, family);
        break;
    case NFT_DO_NOTRACK:
        fputs("notrack", out);
        break;
    case NFT_DO_SET_FIELD:
        nft_put_expr(out, s->field.key);
        fputs(" set ", out);
        nft_put_expr(out, s->field.value);
        break;
    case NFT_DO_HELPER:
        fputs("ct helper set ", out);
        if (s->name)
            fprintf(out, "\"%s\"", s->name);
        else
            nft_put_expr(out, s->helper.by);
        break;
    case NFT_DO_NAT:
        put_nat(out, s);
        break;
    case NFT_DO_SET:
        put_set(out, s, family);
        break;
    default:
        fprintf(out, "%s%s", s->name, s->unknown.whole ? "" : " ...");
        break;
    }
}

/* The finished text of a stream that open_memstream opened, or NULL. */
static char *finish(FILE *out, char **text)
{
    bool failed = ferror(out);

    if (fclose(out) != 0 || failed) {
        free(*text);
        return NULL;
    }
    return *text;
}

char *nft_rule_text(const struct nft_rule *rule)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (const struct nft_statement *s = rule->statements; s; s = s->next) {
        put_statement(out, s, (enum nft_family)rule->chain->table->family);
        fputs(s->next ? " " : "", out);
    }
    if (rule->comment)
        fprintf(out, " comment \"%s\"", rule->comment);
    return finish(out, &text);
}

char *nft_match_text(const struct nft_statement *match)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    nft_put_match(out, match);
    return finish(out, &text);
}

static void put_priority(FILE *out, const struct nft_chain *chain)
{
    static const struct {
        const char *name;
        int32_t priority;
        uint8_t hook, hook_1_1; /* RULES_HOOKS: any; one more of nft 1.1 */
    } names[] = {{"raw", -300, RULES_HOOKS, 0},
                 {"mangle", -150, RULES_HOOKS, 0},
                 {"dstnat", -100, RULES_PREROUTING, RULES_OUTPUT},
                 {"filter", 0, RULES_HOOKS, 0},
                 {"security", 50, RULES_HOOKS, 0},
                 {"srcnat", 100, RULES_POSTROUTING, RULES_INPUT}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int64_t off = (int64_t)chain->priority - names[i].priority;

        if (off < -10 || off > 10 ||
            (names[i].hook != RULES_HOOKS && names[i].hook != chain->hook &&
             !(chain->table->is_1_1 && names[i].hook_1_1 == chain->hook)))
            continue;
        fputs(names[i].name, out);
        if (off)
            fprintf(out, " %c %d", off < 0 ? '-' : '+', (int)(off < 0 ? -off : off));
        return;
    }
    fprintf(out, "%d", chain->priority);
}

char *nft_chain_text(const struct nft_chain *chain)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (chain->type_name) {
        fprintf(out, "type %s hook %s ", chain->type_name, chain->hook_name);
        if (chain->device)
            fprintf(out, "device \"%s\" ", chain->device);
        fputs("priority ", out);
        put_priority(out, chain);
        fprintf(out, "; policy %s;", chain->drops ? "drop" : "accept");
    }
    return finish(out, &text);
}

/* ---- comparing ---- */

/* Numbers of counters are not compared. */
static void forget_counters(char *text)
{
    for (char *at = text; (at = strstr(at, "packets "));) {
        at += strlen("packets ");
        size_t packets = strspn(at, "0123456789");
        if (strncmp(at + packets, " bytes ", strlen(" bytes ")) != 0)
            continue;
        const char *bytes = at + packets + strlen(" bytes "), *behind = bytes + strspn(bytes, "0123456789");
        memmove(at, behind, strlen(behind) + 1);
    }
}

static void put_chain(FILE *out, const struct nft_chain *chain)
{
    char *head = nft_chain_text(chain);

    fprintf(out, "%d %s %s: %s\n", chain->table->family, chain->table->name, chain->name, head ? head : "");
    free(head);
    for (size_t i = 0; i < chain->count; i++) {
        char *text = nft_rule_text(chain->rules[i]);

        if (text)
            forget_counters(text);
        fprintf(out, "%s\n", text ? text : "");
        free(text);
    }
}

static char *put_all(const struct nft_ruleset *n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; n && i < n->chain_count; i++)
        put_chain(out, n->chains[i]);
    for (size_t i = 0; n && i < n->set_count; i++) {
        fprintf(out, "%s ", n->sets[i]->name ? n->sets[i]->name : "");
        nft_put_elements(out, n->sets[i]);
        fputc('\n', out);
    }
    return finish(out, &text);
}

bool nft_equal(const struct nft_ruleset *a, const struct nft_ruleset *b)
{
    char *x = a == b ? NULL : put_all(a), *y = a == b ? NULL : put_all(b);
    bool equal = a == b || (x && y && strcmp(x, y) == 0);

    free(x);
    free(y);
    return equal;
}
