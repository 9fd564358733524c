/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extensions that iptables 1.8 has and nothing here evaluates. Their words are kept and given back; whoever
 * asks what such a rule decides is told that it is unknown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/extension.h"
#include "rules/language/words.h"

#define MATCH(word)  {.name = word}
#define MATCH4(word) {.name = word, .families = RULES_IPV4_ONLY}
#define MATCH6(word) {.name = word, .families = RULES_IPV6_ONLY}

const struct rules_opaque_name rules_opaque_matches[] = {
    MATCH("ah"),        MATCH("bpf"),         MATCH("cgroup"), MATCH("cluster"),  MATCH("connbytes"),
    MATCH("connlabel"), MATCH("cpu"),         MATCH("dccp"),   MATCH("devgroup"), MATCH6("dst"),
    MATCH("ecn"),       MATCH("esp"),         MATCH6("eui64"), MATCH6("frag"),    MATCH6("hbh"),
    MATCH("ipcomp"),    MATCH6("ipv6header"), MATCH("ipvs"),   MATCH6("mh"),      MATCH("nfacct"),
    MATCH("osf"),       MATCH("policy"),      MATCH("quota"),  MATCH("rateest"),  MATCH4("realm"),
    MATCH("rpfilter"),  MATCH6("rt"),         MATCH("sctp"),   MATCH("socket"),   MATCH6("srh"),
    MATCH("string"),    MATCH("udplite"),     {.name = NULL}};

/* decides: the packet's way through the table ends there, or may end there. table: the only one, among those
 * that are not evaluated, in which the kernel takes it. */
const struct rules_opaque_name rules_opaque_targets[] = {
    {.name = "AUDIT"},
    {.name = "CHECKSUM", .table = "mangle"},
    {.name = "CLASSIFY"},
    {.name = "CLUSTERIP", .families = RULES_IPV4_ONLY, .decides = true},
    {.name = "CONNSECMARK", .table = "security"},
    {.name = "DNAT", .decides = true, .table = "nat"},
    {.name = "DNPT", .families = RULES_IPV6_ONLY, .table = "mangle"},
    {.name = "DSCP", .table = "mangle"},
    {.name = "ECN", .families = RULES_IPV4_ONLY, .table = "mangle"},
    {.name = "HL", .families = RULES_IPV6_ONLY, .table = "mangle"},
    {.name = "HMARK", .table = "mangle"},
    {.name = "IDLETIMER"},
    {.name = "LED"},
    {.name = "MASQUERADE", .decides = true, .table = "nat"},
    {.name = "NETMAP", .decides = true, .table = "nat"},
    {.name = "NFQUEUE", .decides = true},
    {.name = "QUEUE", .decides = true},
    {.name = "RATEEST"},
    {.name = "REDIRECT", .decides = true, .table = "nat"},
    {.name = "SECMARK", .table = "security"},
    {.name = "SET"},
    {.name = "SNAT", .decides = true, .table = "nat"},
    {.name = "SNPT", .families = RULES_IPV6_ONLY, .table = "mangle"},
    {.name = "SYNPROXY", .decides = true},
    {.name = "TCPMSS"},
    {.name = "TCPOPTSTRIP", .table = "mangle"},
    {.name = "TEE"},
    {.name = "TOS", .table = "mangle"},
    {.name = "TPROXY", .decides = true, .table = "mangle"},
    {.name = "TRACE"},
    {.name = "TTL", .families = RULES_IPV4_ONLY, .table = "mangle"},
    {.name = "ULOG", .families = RULES_IPV4_ONLY},
    {.name = NULL},
};

/* Options whose argument iptables-save always puts in quotes. */
static bool is_always_quoted(const char *words)
{
    static const char *const options[] = {" --string", " --hex-string", " --label", " --led-trigger-id"};
    size_t length = strlen(words);

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        size_t size = strlen(options[i]);

        if (length >= size && strcmp(words + length - size, options[i]) == 0)
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
    print_word(out, word, is_always_quoted(before));
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    free(opaque->words);
    opaque->words = text;
    return 0;
}

static int target_finish(struct rules_parse *p, void *data)
{
    struct rules_match_opaque *opaque = data;

    for (const struct rules_opaque_name *name = rules_opaque_targets; name->name != NULL; name++)
        if (name->table != NULL && strcmp(name->name, opaque->name) == 0)
            return rules_fail(p, "%s can stand in the %s table only", name->name, name->table);
    if (strcmp(opaque->name, "NFQUEUE") == 0 && *opaque->words == '\0') {
        char *words = strdup(" --queue-num 0"); /* what iptables makes of none */

        if (words == NULL)
            return -ENOMEM;
        free(opaque->words);
        opaque->words = words;
    }
    return 0;
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
    .word = opaque_word,
    .save = opaque_print,
    .list = opaque_print,
    .free = opaque_free,
    .copy = opaque_copy,
    .equal = opaque_equal,
};
