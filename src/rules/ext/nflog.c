/* SPDX-License-Identifier: BSD-2-Clause */
/* -j NFLOG: packets to a program that listens. net/netfilter/xt_NFLOG.c */
#include <string.h>

#include "rules/ext/field.h"

/* iptables cuts a long prefix off at what the kernel has room for. */
static int read_prefix(struct rules_parse *p, const char *word, void *at)
{
    if (*word == '\0')
        return rules_fail(p, "the prefix is empty; expected at least one character");
    if (strchr(word, '\n') != NULL)
        return rules_fail(p, "a prefix cannot hold a newline");
    strncpy(at, word, p->option->at.size - 1U);
    return 0;
}

static const struct rules_value prefix = {.read = read_prefix, .print = rules_print_text};

enum { NFLOG_GROUP, NFLOG_PREFIX, NFLOG_RANGE, NFLOG_SIZE, NFLOG_THRESHOLD };

#define NUMBER(word, number, member, ...)                                                                    \
    RULES_OPTION(word, number, RULES_ARGUMENT, RULES_TAKES(rules_number, target_nflog, member), __VA_ARGS__)

static const struct rules_option options[] = {
    NUMBER("nflog-group", NFLOG_GROUP, group),
    RULES_OPTION("nflog-prefix", NFLOG_PREFIX, RULES_ARGUMENT, RULES_TAKES(prefix, target_nflog, prefix)),
    NUMBER("nflog-range", NFLOG_RANGE, range, .excludes = RULES_BIT(NFLOG_SIZE)),
    NUMBER("nflog-size", NFLOG_SIZE, size, .excludes = RULES_BIT(NFLOG_RANGE),
           .given = RULES_BOOL(target_nflog, has_size)),
    NUMBER("nflog-threshold", NFLOG_THRESHOLD, threshold),
};

static const uint8_t order[] = {NFLOG_PREFIX, NFLOG_GROUP, NFLOG_SIZE, NFLOG_RANGE, NFLOG_THRESHOLD};

const struct rules_extension rules_target_nflog = {
    .name = "NFLOG",
    .type = RULES_TARGET_NFLOG,
    .heap = sizeof(struct rules_target_nflog),
    RULES_OPTIONS(options),
    RULES_ORDER(order),
};
