/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions as libnftables prints them. */
#include <arpa/inet.h>
#include <string.h>

#include "rules/nft/print.h"

/* ---- values ---- */

static void put_bytes(uint8_t *to, nft_number n, size_t size)
{
    for (size_t i = size; i-- > 0; n >>= 8)
        to[i] = (uint8_t)n;
}

static void put_decimal(FILE *out, nft_number n)
{
    char digits[48], *at = digits + sizeof(digits) - 1;

    *at = '\0';
    do
        *--at = (char)('0' + (int)(n % 10));
    while (n /= 10);
    fputs(at, out);
}

static void put_hex(FILE *out, nft_number n, unsigned width)
{
    if (n >> 64)
        fprintf(out, "0x%llx%016llx", (unsigned long long)(n >> 64), (unsigned long long)n);
    else
        fprintf(out, "0x%0*llx", (int)width, (unsigned long long)n);
}

static void put_address(FILE *out, nft_number n, bool six)
{
    uint8_t bytes[16];
    char text[INET6_ADDRSTRLEN];

    put_bytes(bytes, n, six ? 16 : 4);
    if (inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, sizeof(text)))
        fputs(text, out);
}

static void put_ether(FILE *out, nft_number n)
{
    uint8_t b[6];

    put_bytes(b, n, sizeof(b));
    fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static void put_name(FILE *out, const struct nft_expr *e, nft_number n)
{
    uint8_t bytes[16];
    bool wild = e->value.shape == NFT_SHAPE_WILDCARD;

    put_bytes(bytes, n, sizeof(bytes));
    fprintf(out, "\"%.*s%s\"", wild ? e->value.length : (int)sizeof(bytes), (const char *)bytes,
            wild ? "*" : "");
}

void nft_put_span(FILE *out, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};

    if (ms == 0)
        fputs("0s", out);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms >= units[i].ms)
            fprintf(out, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].unit);
        ms %= units[i].ms;
    }
}

/* After Hinnant, "chrono-compatible low-level date algorithms". */
static void put_time(FILE *out, nft_number ns)
{
    uint64_t seconds = (uint64_t)(ns / 1000000000), days = seconds / 86400 + 719468, second = seconds % 86400;
    uint64_t era = days / 146097, of_era = days % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    unsigned day = (unsigned)(of_year - (153 * month + 2) / 5 + 1),
             m = (unsigned)(month < 10 ? month + 3 : month - 9);

    fprintf(out, "\"%llu-%02u-%02u %02u:%02u:%02u\"", (unsigned long long)(year + era * 400 + (m <= 2)), m,
            day, (unsigned)(second / 3600), (unsigned)(second / 60 % 60), (unsigned)(second % 60));
}

static void put_hour(FILE *out, nft_number n)
{
    unsigned second = (unsigned)(n % 86400);

    fprintf(out, "\"%02u:%02u", second / 3600, second / 60 % 60);
    if (second % 60)
        fprintf(out, ":%02u", second % 60);
    fputc('"', out);
}

/* Of flags each bit by its word. */
static bool put_words(FILE *out, enum nft_type type, nft_number n, const char *between)
{
    const char *word = nft_number_word(type, n), *put = "";
    nft_number left = n;

    if (word) {
        fprintf(out, type == NFT_TYPE_DAY ? "\"%s\"" : "%s", word);
        return true;
    }
    if (!nft_types[type].is_flags)
        return false;
    for (const struct nft_word *w = nft_types[type].words; w->word; w++)
        left &= ~(nft_number)w->number;
    if (left || n == 0)
        return false;
    for (const struct nft_word *w = nft_types[type].words; w->word; w++) {
        if (!(n & w->number))
            continue;
        fprintf(out, "%s%s", put, w->word);
        put = between;
    }
    return true;
}

static void put_number(FILE *out, const struct nft_expr *e, nft_number n)
{
    enum nft_type type = (enum nft_type)e->type;

    if (e->value.shape != NFT_SHAPE_RANGE && put_words(out, type, n, ","))
        return;
    switch (type) {
    case NFT_TYPE_IPADDR:
    case NFT_TYPE_IP6ADDR:
        put_address(out, n, type == NFT_TYPE_IP6ADDR);
        break;
    case NFT_TYPE_ETHERADDR:
        put_ether(out, n);
        break;
    case NFT_TYPE_IFINDEX:
    case NFT_TYPE_IFNAME:
    case NFT_TYPE_HELPER:
        put_name(out, e, n);
        break;
    case NFT_TYPE_SECONDS:
        if (e->value.shape == NFT_SHAPE_RANGE)
            fprintf(out, "%llus", (unsigned long long)(n / 1000));
        else
            nft_put_span(out, (uint64_t)n);
        break;
    case NFT_TYPE_TIME:
        put_time(out, n);
        break;
    case NFT_TYPE_HOUR:
        put_hour(out, n);
        break;
    default:
        if (nft_types[type].is_hex)
            put_hex(out, n, (nft_types[type].bits + 3U) / 4);
        else
            put_decimal(out, n);
        break;
    }
}

static void put_value(FILE *out, const struct nft_expr *e)
{
    put_number(out, e, e->value.first);
    if (e->value.shape == NFT_SHAPE_PREFIX) {
        fprintf(out, "/%u", e->value.length);
    } else if (e->value.shape == NFT_SHAPE_RANGE) {
        fputc('-', out);
        put_number(out, e, e->value.last);
    }
}

/* ---- the rest ---- */

static void put_field(FILE *out, const struct nft_expr *e)
{
    static const char *const directions[] = {"", "original", "reply"};
    const struct nft_field *f = e->field.row;
    char text[80];

    nft_field_text(f->header ? f->header->name : f->group, directions[e->field.direction], f->name, text,
                   sizeof(text));
    fputs(text, out);
}

static void put_fib(FILE *out, const struct nft_expr *e)
{
    static const char *const flags[] = {"saddr", "daddr", "mark", "iif", "oif"};
    static const char *const results[] = {
        [NFT_FIB_OUT] = "oif", [NFT_FIB_OUT_NAME] = "oifname", [NFT_FIB_TYPE] = "type"};
    const char *between = "fib ";

    for (int i = 0; i < 5; i++) {
        if (e->fib.flags >> i & 1) {
            fprintf(out, "%s%s", between, flags[i]);
            between = " . ";
        }
    }
    fprintf(out, " %s", results[e->fib.result]);
}

static void put_parts(FILE *out, const struct nft_expr *e, const char *between)
{
    for (const struct nft_expr *part = e->parts.first; part; part = part->next) {
        nft_put_expr(out, part);
        fputs(part->next ? between : "", out);
    }
}

/* Raw bits are hexadecimal, whatever they are put together or compared with. */
static bool is_raw(const struct nft_expr *e)
{
    while (e->kind == NFT_EXPR_BINARY)
        e = e->binary.left;
    return e->kind == NFT_EXPR_RAW;
}

static void put_wanted(FILE *out, const struct nft_expr *left, const struct nft_expr *right)
{
    if (!is_raw(left) || right->kind != NFT_EXPR_VALUE || right->value.shape != NFT_SHAPE_ONE)
        nft_put_expr(out, right);
    else
        put_hex(out, right->value.first, 0);
}

static void put_in(FILE *out, bool parentheses, const struct nft_expr *e)
{
    fputs(parentheses ? "(" : "", out);
    nft_put_expr(out, e);
    fputs(parentheses ? ")" : "", out);
}

/* "tcp flags & (syn | ack)", "(@nh,8,8 & 0xfc) >> 2" */
static void put_binary(FILE *out, const struct nft_expr *e)
{
    static const char *const operators[] = {
        [NFT_AND] = "&", [NFT_OR] = "|", [NFT_XOR] = "^", [NFT_LEFT] = "<<", [NFT_RIGHT] = ">>"};
    const struct nft_expr *left = e->binary.left, *right = e->binary.right;
    bool shifts = e->binary.operation == NFT_LEFT || e->binary.operation == NFT_RIGHT;

    put_in(out, shifts && left->kind == NFT_EXPR_BINARY, left);
    fprintf(out, " %s ", operators[e->binary.operation]);
    if (right->kind == NFT_EXPR_BINARY)
        put_in(out, true, right);
    else if (shifts)
        nft_put_expr(out, right);
    else
        put_wanted(out, left, right);
}

void nft_put_verdict(FILE *out, const struct nft_verdict *v)
{
    static const char *const codes[] = {
        [NFT_ACCEPT] = "accept", [NFT_DROP] = "drop", [NFT_CONTINUE] = "continue",
        [NFT_RETURN] = "return", [NFT_JUMP] = "jump", [NFT_GOTO] = "goto"};

    fprintf(out, "%s%s%s", codes[v->code], v->name ? " " : "", v->name ? v->name : "");
}

static void put_element(FILE *out, const struct nft_element *e)
{
    nft_put_expr(out, e->key);
    if (e->timeout_s) {
        fputs(" timeout ", out);
        nft_put_span(out, e->timeout_s * 1000);
    }
    if (e->comment)
        fprintf(out, " comment \"%s\"", e->comment);
    if (e->data || e->verdict)
        fputs(" : ", out);
    if (e->verdict)
        nft_put_verdict(out, e->verdict);
    else if (e->data)
        nft_put_expr(out, e->data);
}

void nft_put_set(FILE *out, const struct nft_set *set)
{
    if (set->name)
        fprintf(out, "@%s", set->name);
    else
        nft_put_elements(out, set);
}

void nft_put_elements(FILE *out, const struct nft_set *set)
{
    fputs("{ ", out);
    for (size_t i = 0; i < set->count; i++) {
        fputs(i ? ", " : "", out);
        put_element(out, &set->elements[i]);
    }
    fputs(" }", out);
}

void nft_put_expr(FILE *out, const struct nft_expr *e)
{
    static const char *const bases[] = {
        [NFT_BASE_LINK] = "ll", [NFT_BASE_NETWORK] = "nh", [NFT_BASE_TRANSPORT] = "th"};

    switch (e->kind) {
    case NFT_EXPR_VALUE:
        put_value(out, e);
        break;
    case NFT_EXPR_ANY:
        fputc('*', out);
        break;
    case NFT_EXPR_LIST:
        put_parts(out, e, ",");
        break;
    case NFT_EXPR_CONCAT:
        put_parts(out, e, " . ");
        break;
    case NFT_EXPR_SET:
        nft_put_set(out, e->set);
        break;
    case NFT_EXPR_MAP:
        nft_put_expr(out, e->map.key);
        fputs(" map ", out);
        nft_put_set(out, e->map.set);
        break;
    case NFT_EXPR_FIELD:
        put_field(out, e);
        break;
    case NFT_EXPR_RAW:
        fprintf(out, "@%s,%u,%u", bases[e->raw.base], e->raw.offset, e->bits);
        break;
    case NFT_EXPR_FIB:
        put_fib(out, e);
        break;
    case NFT_EXPR_BINARY:
        put_binary(out, e);
        break;
    case NFT_EXPR_OBJECT:
        fprintf(out, "\"%s\"", e->text);
        break;
    default:
        fputs(e->text, out);
        break;
    }
}

/* ---- comparing ---- */

static bool is_flags(const struct nft_expr *e)
{
    return nft_types[e->type].is_flags;
}

static void put_mask_last(FILE *out, const struct nft_statement *s)
{
    const struct nft_expr *left = s->match.left;

    nft_put_expr(out, left->binary.left);
    fputs(s->match.comparison == NFT_UNEQUAL ? " != " : " ", out);
    nft_put_expr(out, s->match.right);
    fputs(" / ", out);
    nft_put_expr(out, left->binary.right);
}

void nft_put_match(FILE *out, const struct nft_statement *s)
{
    static const char *const words[] = {
        [NFT_EQUAL] = "==", [NFT_UNEQUAL] = "!=",    [NFT_LESS] = "<",  [NFT_LESS_EQUAL] = "<=",
        [NFT_MORE] = ">",   [NFT_MORE_EQUAL] = ">=", [NFT_ANY_OF] = "", [NFT_NONE_OF] = "!"};
    const struct nft_expr *left = s->match.left, *right = s->match.right;
    bool says_equal = left->kind == NFT_EXPR_BINARY || (is_flags(left) && right->kind != NFT_EXPR_SET);
    const char *word = s->match.comparison == NFT_EQUAL && !says_equal ? "" : words[s->match.comparison];

    if (s->match.mask_last) {
        put_mask_last(out, s);
        return;
    }
    nft_put_expr(out, left);
    fprintf(out, " %s%s", word, *word ? " " : "");
    put_wanted(out, left, right);
}
