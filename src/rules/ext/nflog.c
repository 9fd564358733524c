/* SPDX-License-Identifier: BSD-2-Clause */
/* -j NFLOG: packets to a program that listens. net/netfilter/xt_NFLOG.c */
#include <errno.h>
#include <string.h>

#include "rules/ext/extension.h"

enum { NFLOG_GROUP, NFLOG_PREFIX, NFLOG_RANGE, NFLOG_SIZE, NFLOG_THRESHOLD };

static const struct rules_option options[] = {
    {"nflog-group", NFLOG_GROUP, RULES_ARGUMENT, 0, 0},
    {"nflog-prefix", NFLOG_PREFIX, RULES_ARGUMENT, 0, 0},
    {"nflog-range", NFLOG_RANGE, RULES_ARGUMENT, 1u << NFLOG_SIZE, 0},
    {"nflog-size", NFLOG_SIZE, RULES_ARGUMENT, 1u << NFLOG_RANGE, 0},
    {"nflog-threshold", NFLOG_THRESHOLD, RULES_ARGUMENT, 0, 0},
};

/* iptables cuts a long prefix off at what the kernel has room for. */
static int parse_prefix(struct rules_parse *p, const char *word, struct rules_target_nflog *nflog)
{
    if (*word == '\0')
        return rules_fail(p, "the prefix is empty; expected at least one character");
    if (strchr(word, '\n') != NULL)
        return rules_fail(p, "a prefix cannot hold a newline");
    strncpy(nflog->prefix, word, sizeof nflog->prefix - 1);
    return 0;
}

static int nflog_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        void *data)
{
    struct rules_target_nflog *nflog = data;

    (void)inverted;
    switch (o->id) {
    case NFLOG_GROUP:
        return rules_parse_u16(p, word, 0, UINT16_MAX, &nflog->group);
    case NFLOG_PREFIX:
        return parse_prefix(p, word, nflog);
    case NFLOG_RANGE:
        return rules_parse_u32(p, word, 0, UINT32_MAX, &nflog->range);
    case NFLOG_SIZE:
        nflog->has_size = true;
        return rules_parse_u32(p, word, 0, UINT32_MAX, &nflog->size);
    default: /* NFLOG_THRESHOLD */
        return rules_parse_u16(p, word, 0, UINT16_MAX, &nflog->threshold);
    }
}

static void print_nflog(FILE *out, const struct rules_target_nflog *nflog, const char *before)
{
    if (nflog->prefix[0] != '\0') {
        fprintf(out, " %snflog-prefix", before);
        rules_print_string(out, nflog->prefix);
    }
    if (nflog->group)
        fprintf(out, " %snflog-group %u", before, nflog->group);
    if (nflog->has_size)
        fprintf(out, " %snflog-size %u", before, nflog->size);
    else if (nflog->range)
        fprintf(out, " %snflog-range %u", before, nflog->range);
    if (nflog->threshold)
        fprintf(out, " %snflog-threshold %u", before, nflog->threshold);
}

static void nflog_save(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    print_nflog(out, data, "--");
}

static void nflog_list(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    print_nflog(out, data, "");
}

const struct rules_extension rules_target_nflog = {
    .name = "NFLOG",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .type = RULES_TARGET_NFLOG,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_target_nflog),
    .option = nflog_option,
    .save = nflog_save,
    .list = nflog_list,
};
