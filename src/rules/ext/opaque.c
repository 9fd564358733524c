/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extensions that iptables 1.8 has and nothing here evaluates. Their words are kept and given back; whoever
 * asks what such a rule decides is told that it is unknown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/extension.h"
#include "rules/ext/field.h"
#include "rules/language/words.h"

#define MATCH(word)  {.name = word}
#define MATCH4(word) {.name = word, .families = RULES_IPV4_ONLY}
#define MATCH6(word) {.name = word, .families = RULES_IPV6_ONLY}

const struct rules_opaque_name rules_opaque_matches[] = {
    MATCH("ah"),        MATCH("bpf"),    MATCH("cgroup"),  MATCH("cluster"),  MATCH("connbytes"),
    MATCH("connlabel"), MATCH("cpu"),    MATCH("dccp"),    MATCH("devgroup"), MATCH6("dst"),
    MATCH("ecn"),       MATCH("esp"),    MATCH6("eui64"),  MATCH6("frag"),    MATCH6("hbh"),
    MATCH("ipcomp"),    MATCH("ipvs"),   MATCH6("mh"),     MATCH("nfacct"),   MATCH("osf"),
    MATCH("policy"),    MATCH("quota"),  MATCH("rateest"), MATCH4("realm"),   MATCH6("rt"),
    MATCH("sctp"),      MATCH("socket"), MATCH6("srh"),    MATCH("string"),   MATCH("udplite"),
    {.name = NULL}};

#define MANGLE .tables = RULES_BIT(RULES_MANGLE)

/* Where each may stand, and what it changes: the checkentry and target functions of net/netfilter/xt_*.c. */
const struct rules_opaque_name rules_opaque_targets[] = {
    {.name = "AUDIT"},
    {.name = "CHECKSUM", MANGLE},
    {.name = "CLASSIFY"},
    {.name = "CLUSTERIP", .families = RULES_IPV4_ONLY, .decides = true},
    {.name = "CONNSECMARK", .tables = RULES_BIT(RULES_MANGLE) | RULES_BIT(RULES_SECURITY)},
    {.name = "DNPT",
     .families = RULES_IPV6_ONLY,
     MANGLE,
     .decides = true,
     .changes = RULES_CHANGES_ADDRESSES},
    {.name = "ECN", .families = RULES_IPV4_ONLY, MANGLE, .changes = RULES_CHANGES_TOS | RULES_CHANGES_TCP},
    {.name = "HMARK", MANGLE, .changes = RULES_CHANGES_MARK},
    {.name = "IDLETIMER"},
    {.name = "LED"},
    {.name = "NFQUEUE", .decides = true},
    {.name = "QUEUE", .decides = true},
    {.name = "RATEEST"},
    {.name = "SECMARK", .tables = RULES_BIT(RULES_MANGLE) | RULES_BIT(RULES_SECURITY)},
    {.name = "SNPT",
     .families = RULES_IPV6_ONLY,
     MANGLE,
     .decides = true,
     .changes = RULES_CHANGES_ADDRESSES},
    {.name = "SYNPROXY", .decides = true, .changes = RULES_CHANGES_PEER},
    {.name = "TCPOPTSTRIP", MANGLE, .changes = RULES_CHANGES_TCP},
    {.name = "TEE"},
    {.name = "TPROXY",
     MANGLE,
     .decides = true,
     .hooks = RULES_BIT(RULES_PREROUTING),
     .changes = RULES_CHANGES_ADDRESSES | RULES_CHANGES_MARK},
    {.name = "TRACE"},
    {.name = "ULOG", .families = RULES_IPV4_ONLY},
    {.name = NULL},
};

static const struct rules_opaque_name *target_named(const char *name)
{
    const struct rules_opaque_name *row = rules_opaque_targets;

    while (strcmp(row->name, name) != 0)
        row++;
    return row;
}

/* Options whose argument iptables-save always puts in quotes. */
static bool is_always_quoted(const struct rules_match_opaque *opaque, const char *words)
{
    static const struct {
        const char *name, *option;
    } quoted[] = {{"string", " --string"},
                  {"string", " --hex-string"},
                  {"connlabel", " --label"},
                  {"cgroup", " --path"},
                  {"LED", " --led-trigger-id"}};
    size_t length = strlen(words);

    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        size_t size = strlen(quoted[i].option);

        if (strcmp(opaque->name, quoted[i].name) == 0 && length >= size &&
            strcmp(words + length - size, quoted[i].option) == 0)
            return true;
    }
    return false;
}

static void print_word(FILE *out, const char *word, bool quoted)
{
    if (!quoted && *word != '\0' && strpbrk(word, " \t\"") == NULL) {
        fprintf(out, " %s", word);
        return;
    }
    fputs(" \"", out);
    for (; *word != '\0'; word++)
        fprintf(out, strchr("\"\\'", *word) ? "\\%c" : "%c", *word);
    fputc('"', out);
}

/* Adds a word so that the whole can be read back. */
static int opaque_word(struct rules_parse *p, const char *word, void *data)
{
    struct rules_match_opaque *opaque = data;
    const char *before = opaque->words != NULL ? opaque->words : "";
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)p;
    if (out == NULL)
        return -ENOMEM;
    fputs(before, out);
    print_word(out, word, is_always_quoted(opaque, before));
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    free(opaque->words);
    opaque->words = text;
    return 0;
}

static int fail_table(struct rules_parse *p, const struct rules_opaque_name *row)
{
    char names[64] = "";

    for (unsigned i = 0; i < RULES_TABLES; i++) {
        if (!(row->tables >> i & 1))
            continue;
        strcat(names, names[0] ? " or " : "");
        strcat(names, rules_table_name((enum rules_table_type)i));
    }
    return rules_fail(p, "%s can stand in the %s table only", row->name, names);
}

static int target_finish(struct rules_parse *p, void *data)
{
    struct rules_match_opaque *opaque = data;
    const struct rules_opaque_name *row = target_named(opaque->name);

    if (row->tables && !(row->tables >> p->table & 1))
        return fail_table(p, row);
    opaque->changes = row->changes;
    if (strcmp(row->name, "SET") == 0 && strstr(opaque->words, " --map-mark"))
        opaque->changes |= RULES_CHANGES_MARK;
    if (strcmp(opaque->name, "NFQUEUE") == 0 && *opaque->words == '\0') {
        char *words = strdup(" --queue-num 0"); /* what iptables makes of none */

        if (words == NULL)
            return -ENOMEM;
        free(opaque->words);
        opaque->words = words;
    }
    return 0;
}

/* A match that changes the packet, too. */
static int match_finish(struct rules_parse *p, void *data)
{
    struct rules_match_opaque *opaque = data;

    (void)p;
    if (strcmp(opaque->name, "socket") == 0 && strstr(opaque->words, " --restore-skmark"))
        opaque->changes = RULES_CHANGES_MARK;
    return 0;
}

static uint8_t target_reach(const void *data)
{
    return target_named(((const struct rules_match_opaque *)data)->name)->hooks;
}

static void opaque_print(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_opaque *opaque = data;

    (void)how;
    if (opaque->words != NULL)
        fputs(opaque->words, out);
}

static void opaque_free(void *data)
{
    struct rules_match_opaque *opaque = data;

    free(opaque->name);
    free(opaque->words);
}

static int opaque_copy(void *data)
{
    struct rules_match_opaque *opaque = data;
    char *name = opaque->name ? strdup(opaque->name) : NULL;
    char *words = opaque->words ? strdup(opaque->words) : NULL;

    if ((opaque->name && !name) || (opaque->words && !words)) {
        free(name);
        free(words);
        return -ENOMEM;
    }
    opaque->name = name;
    opaque->words = words;
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool opaque_equal(const void *a, const void *b)
{
    const struct rules_match_opaque *x = a, *y = b;

    return same_text(x->name, y->name) && same_text(x->words, y->words);
}

const struct rules_extension rules_match_opaque = {
    .name = "",
    .type = RULES_MATCH_OPAQUE,
    .finish = match_finish,
    .word = opaque_word,
    .save = opaque_print,
    .list = opaque_print,
    .free = opaque_free,
    .copy = opaque_copy,
    .equal = opaque_equal,
};

const struct rules_extension rules_target_opaque = {
    .name = "",
    .type = RULES_TARGET_OPAQUE,
    .finish = target_finish,
    .hooks = (1U << RULES_HOOKS) - 1,
    .reach = target_reach,
    .word = opaque_word,
    .save = opaque_print,
    .list = opaque_print,
    .free = opaque_free,
    .copy = opaque_copy,
    .equal = opaque_equal,
};
