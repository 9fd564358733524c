/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/listing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/names.h"
#include "rules/language/words.h"

struct listing {
    struct rows row;
    const char *name;
    uint8_t family;
    struct sections *s;
    struct form_notes *notes;
    struct rules_error *error;
    char chain[64];   /* that is listed; "": none yet */
    bool has_columns; /* its columns were named */
    bool numbered, counted, verbose;
    bool skips; /* a part for the other family */
    bool is_first_of_table;
};

/* ---- heads ---- */

/* "Chain INPUT (policy DROP 5 packets, 300 bytes)", "Chain X (2 references)". */
static bool take_chain(struct listing *l)
{
    const char *at = l->row.text, *end = at + l->row.size, *word, *policy = "-";
    size_t size, policy_size = 1;

    word = row_word(&at, end, &size);
    if (!word_is(word, size, "Chain"))
        return false;
    const char *chain = row_word(&at, end, &size);
    size_t chain_size = size;
    if (!chain || chain_size >= sizeof(l->chain) || !row_holds(&l->row, " ("))
        return false;
    word = row_word(&at, end, &size);
    if (word_is(word, size, "(policy")) {
        policy = row_word(&at, end, &policy_size);
        if (policy && policy_size && policy[policy_size - 1] == ')')
            policy_size--;
    }
    char text[16];
    if (!policy || policy_size >= sizeof(text))
        return false;
    memcpy(text, policy, policy_size);
    text[policy_size] = '\0';
    memcpy(l->chain, chain, chain_size);
    l->chain[chain_size] = '\0';
    l->has_columns = false;
    if (!l->skips)
        sections_chain(l->s, l->row.number, l->chain, text);
    return true;
}

static bool take_columns(struct listing *l)
{
    const char *at = l->row.text, *end = at + l->row.size, *word;
    size_t size;

    if (!row_holds(&l->row, "target") || !row_holds(&l->row, "prot") || !row_holds(&l->row, "destination"))
        return false;
    l->numbered = l->counted = l->verbose = false;
    l->has_columns = true;
    while ((word = row_word(&at, end, &size))) {
        l->numbered |= word_is(word, size, "num");
        l->counted |= word_is(word, size, "pkts");
        l->verbose |= word_is(word, size, "in");
    }
    return true;
}

/* "IPV4 (raw):", "IPV6:" of ufw; "Table: nat" of service iptables status; somebody's prompt. */
static bool take_head(struct listing *l)
{
    struct prompt prompt;
    uint8_t family = row_begins(&l->row, "IPV4")   ? PACKET_IPV4
                     : row_begins(&l->row, "IPV6") ? PACKET_IPV6
                                                   : 0;

    if (family) {
        l->skips = l->family && family != l->family;
        l->chain[0] = '\0';
        if (l->skips)
            notes_add(l->notes, NOTE_REMARK, l->row.number, NULL,
                      "What stands from line %u on is of %s, and was left out (%s asks about it).",
                      l->row.number, family == PACKET_IPV6 ? "ip6tables" : "iptables",
                      family == PACKET_IPV6 ? "-6" : "-4");
        else
            sections_begin(l->s, NAMES_NO_TABLE, l->row.number);
        return true;
    }
    if (row_begins(&l->row, "Table: ")) {
        sections_begin(l->s, names_table(l->row.text + 7, l->row.size - 7), l->row.number);
        return true;
    }
    if (!row_is_prompt(&l->row, &prompt))
        return false;
    l->skips = l->family && prompt.family != l->family;
    l->chain[0] = '\0';
    if (!l->skips)
        sections_begin(
            l->s, names_table(prompt.table ? prompt.table : "filter", prompt.table ? prompt.table_size : 6),
            l->row.number);
    return true;
}

/* ---- rules ---- */

void listing_unknown(FILE *out, const char *before, const char *text, size_t size, const char *after)
{
    fprintf(out, " -m unknown --because \"%s", before);
    for (size_t i = 0; i < size && i < 120; i++) {
        unsigned char c = (unsigned char)text[i];
        fputc(c < ' ' || c == 0x7f ? '?' : strchr("\"'\\", c) ? '`' : c, out);
    }
    fprintf(out, "%s%s\"", size > 120 ? "..." : "", after);
}

static bool is_word_of_options(const char *word, size_t size)
{
    return word_is(word, size, "--") || word_is(word, size, "-f") || word_is(word, size, "!f");
}

struct columns {
    char prot[24], opt[4], in[24], out[24], source[96], destination[96];
};

static bool keep(const char *word, size_t size, char *to, size_t room)
{
    if (!word || size >= room)
        return false;
    memcpy(to, word, size);
    to[size] = '\0';
    return true;
}

#define KEEP(word, size, to) keep(word, size, to, sizeof(to))

/* Number and counters, of which nothing is asked. */
static bool skip_counts(const struct listing *l, const char **at, const char *end)
{
    int words = (l->numbered ? 1 : 0) + (l->counted ? 2 : 0);
    size_t size;

    for (; words > 0; words--) {
        const char *word = row_word(at, end, &size);
        if (!word || word[0] < '0' || word[0] > '9')
            return false;
    }
    return true;
}

static bool is_protocol_word(const char *word, size_t size)
{
    static const char *const names[] = {
        "all", "tcp", "udp",  "icmp", "ipv6-icmp", "icmpv6", "sctp", "udplite",        "esp",
        "ah",  "gre", "igmp", "dccp", "ipcomp",    "ipv6",   "ipip", "mobility-header"};
    size_t digits = 0;

    if (size && word[0] == '!') {
        word++;
        size--;
    }
    while (digits < size && word[digits] >= '0' && word[digits] <= '9')
        digits++;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (word_is(word, size, names[i]))
            return true;
    }
    return size && digits == size;
}

/* Target and protocol; the target's column may be empty. ip6tables once had no column of options. */
static bool read_begin(struct listing *l, const char **at, const char *end, struct listed *rule,
                       struct columns *c)
{
    const char *words[3], *after[3];
    size_t sizes[3];

    for (unsigned i = 0; i < 3; i++) {
        words[i] = row_word(at, end, &sizes[i]);
        after[i] = *at;
        if (!words[i])
            return false;
        if (i > 0 && is_word_of_options(words[i], sizes[i])) {
            if (i == 2 && !KEEP(words[0], sizes[0], rule->target))
                return false;
            return KEEP(words[i - 1], sizes[i - 1], c->prot) && KEEP(words[i], sizes[i], c->opt);
        }
    }
    bool named = !is_protocol_word(words[0], sizes[0]) || is_protocol_word(words[1], sizes[1]);
    *at = after[named ? 1 : 0];
    (void)l;
    return (!named || KEEP(words[0], sizes[0], rule->target)) && KEEP(words[named], sizes[named], c->prot);
}

static bool read_columns(struct listing *l, const char **at, const char *end, struct listed *rule,
                         struct columns *c)
{
    size_t size;
    const char *word;

    if (!skip_counts(l, at, end) || !read_begin(l, at, end, rule, c))
        return false;
    if (l->verbose) {
        word = row_word(at, end, &size);
        if (!KEEP(word, size, c->in))
            return false;
        word = row_word(at, end, &size);
        if (!KEEP(word, size, c->out))
            return false;
    }
    word = row_word(at, end, &size);
    if (!KEEP(word, size, c->source))
        return false;
    word = row_word(at, end, &size);
    return KEEP(word, size, c->destination);
}

static void put_address(FILE *out, const char *option, const char *text, uint8_t family)
{
    bool inverted = text[0] == '!';
    const char *address = text + inverted;
    char host[96];
    uint8_t bytes[16];
    size_t size = strcspn(address, "/");

    if (strcmp(address, "anywhere") == 0 && !inverted)
        return;
    if (strcmp(address, "localhost") == 0 && family == PACKET_IPV4)
        address = "127.0.0.1", size = strlen(address);
    else if (strcmp(address, "loopback/8") == 0 && family == PACKET_IPV4)
        address = "127.0.0.0/8", size = strcspn(address, "/");
    snprintf(host, sizeof(host), "%.*s", (int)size, address);
    if (inet_pton(family == PACKET_IPV6 ? AF_INET6 : AF_INET, host, bytes) == 1)
        fprintf(out, "%s %s %s", inverted ? " !" : "", option, address);
    else
        listing_unknown(out, "which addresses ", text, strlen(text), " has: a listing with -n shows them");
}

static void put_interface(FILE *out, const char *option, const char *text)
{
    bool inverted = text[0] == '!';

    if (strcmp(text, "*") != 0 && strcmp(text, "any") != 0)
        fprintf(out, "%s %s %s", inverted ? " !" : "", option, text + inverted);
}

static void put_header(const struct listing *l, const struct columns *c, FILE *out)
{
    bool inverted = c->prot[0] == '!';

    put_address(out, "-s", c->source, l->family);
    put_address(out, "-d", c->destination, l->family);
    if (l->verbose) {
        put_interface(out, "-i", c->in);
        put_interface(out, "-o", c->out);
    } else {
        listing_unknown(out, "its interfaces, which a listing without -v does not show", "", 0, "");
    }
    if (strcmp(c->prot, "all") != 0 && strcmp(c->prot, "0") != 0)
        fprintf(out, "%s -p %s", inverted ? " !" : "", c->prot + inverted);
    if (c->opt[0] && strcmp(c->opt, "--") != 0)
        fputs(c->opt[0] == '!' ? " ! -f" : " -f", out);
}

/* What a rule is taken for whose words can't be read: it may match anything, and does what its target does. */
static void put_instead(const struct listing *l, const struct listed *rule, FILE *out)
{
    static const char *const plain[] = {"ACCEPT", "DROP", "RETURN", "REJECT"};
    const char *only = NULL;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        only = strcmp(rule->target, plain[i]) == 0 ? plain[i] : only;
    if (!rule->target[0])
        only = "";
    for (unsigned i = 0; i < (only ? 1 : 2); i++) {
        listing_unknown(out, "what the listing says as: ", l->row.text, l->row.size, "");
        if (!only || only[0])
            fprintf(out, " -j %s", only ? only : plain[i]);
        fputc('\n', out);
    }
}

struct text {
    FILE *out;
    char *text;
    size_t size;
};

static bool text_open(struct text *t)
{
    *t = (struct text){0};
    t->out = open_memstream(&t->text, &t->size);
    return t->out;
}

/* The text, or NULL. */
static const char *text_close(struct text *t)
{
    bool failed = !t->out || fclose(t->out);

    t->out = NULL;
    return failed ? NULL : t->text;
}

static int put_rule(struct listing *l, const struct listed *rule, const struct columns *c)
{
    struct text words, target, instead;
    bool opened = text_open(&words);

    opened = text_open(&target) && opened; /* each, so that each can be closed */
    opened = text_open(&instead) && opened;
    int rc = -ENOMEM;

    if (opened) {
        put_header(l, c, words.out);
        bool readable = listing_tail(rule, words.out, target.out);
        put_instead(l, rule, instead.out);
        bool whole = !fflush(words.out) && text_close(&target) && text_close(&instead);
        if (whole && readable)
            fputs(target.text, words.out);
        else
            fputs(" -j ?", words.out); /* not readable: instead takes its place */
        if (whole && text_close(&words)) {
            sections_rule(l->s, l->row.number, l->chain, words.text + strspn(words.text, " "),
                          rule->target[0] ? rule->target : NULL, instead.text);
            rc = 0;
        }
    }
    text_close(&words);
    text_close(&target);
    text_close(&instead);
    free(words.text);
    free(target.text);
    free(instead.text);
    return rc;
}

static int fail_line(struct listing *l)
{
    int size = l->row.size < 40 ? (int)l->row.size : 40;

    return rules_fail_at(l->error, l->name, l->row.number, 1,
                         "found \"%.*s\"%s, expected a line of a listing, as iptables -nvL prints it", size,
                         l->row.text, (size_t)size < l->row.size ? "..." : "");
}

static int take_rule(struct listing *l)
{
    const char *at = l->row.text, *end = at + l->row.size;
    struct listed rule = {.is_ipv6 = l->family == PACKET_IPV6};
    struct columns c = {.opt = ""};

    if (!l->chain[0] || !l->has_columns)
        return fail_line(l);
    if (!read_columns(l, &at, end, &rule, &c))
        return fail_line(l);
    memcpy(rule.protocol, c.prot, sizeof(rule.protocol));
    rule.tail = at;
    rule.end = end;
    if (l->skips)
        return 0;
    if (!l->verbose)
        notes_add(l->notes, NOTE_REMARK, 0, NULL,
                  "A listing without -v does not show interfaces, so that each of its rules may be about "
                  "some only: "
                  "take `iptables -nvL` or, better, iptables-save.");
    return put_rule(l, &rule, &c);
}

static int take_line(struct listing *l)
{
    if (!l->row.size || l->row.text[0] == '#')
        return 0;
    if (take_head(l) || take_chain(l) || take_columns(l))
        return 0;
    return take_rule(l);
}

int listing_read(const char *text, size_t size, const char *name, uint8_t family, struct sections *s,
                 struct form_notes *notes, struct rules_error *error)
{
    struct listing l = {.name = name, .family = family, .s = s, .notes = notes, .error = error};
    int rc = 0;

    s->interleaved = true;
    rows_begin(&l.row, text, size);
    while (rc == 0 && rows_next(&l.row))
        rc = take_line(&l);
    return rc ? rc : s->failed ? -ENOMEM : 0;
}
