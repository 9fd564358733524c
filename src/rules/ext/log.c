/* SPDX-License-Identifier: BSD-2-Clause */
/* -j LOG. net/netfilter/xt_LOG.c */
#include <string.h>

#include "rules/ext/field.h"

/* linux/netfilter/xt_LOG.h's bits, as they are listed. */
static const struct rules_name switches[] = {
    {"tcp-sequence", 0x01}, {"tcp-options", 0x02}, {"ip-options", 0x04}, {"uid", 0x08}, {"macdecode", 0x20}};
static const struct rules_names switch_names = {RULES_NAMES(switches)};

/* Levels of syslog. */
static const struct rules_name levels[] = {{"emerg", 0}, {"alert", 1},   {"crit", 2},
                                           {"error", 3}, {"warning", 4}, {"notice", 5},
                                           {"info", 6},  {"debug", 7},   {"panic", 0}};
static const struct rules_names level_names = {RULES_NAMES(levels), .exact = true,
                                               .kind = "a level of syslog"};
static const char *const level_listed[] = {"emerg", "alert",  "crit", "err",
                                           "warn",  "notice", "info", "debug"};

enum { DEFAULT_LEVEL = 4 /* warning */ };

static int read_prefix(struct rules_parse *p, const char *word, void *at)
{
    if (!word[0])
        return rules_fail(p, "found an empty word, expected at least one byte");
    if (strchr(word, '\n'))
        return rules_fail(p, "there is a newline in the prefix");
    memcpy(at, word, strnlen(word, p->option->at.size - 1U)); /* iptables cuts what is longer */
    return 0;
}

static int read_level(struct rules_parse *p, const char *word, void *at)
{
    return word[0] >= '0' && word[0] <= '9' ? rules_read_number(p, word, at) : rules_read_choice(p, word, at);
}

static const struct rules_value prefix = {.read = read_prefix, .print = rules_print_text},
                                level = {.read = read_level, .print = rules_print_number};

static const struct rules_option log_options[] = {
    RULES_OPTION("log-prefix", 0, RULES_ARGUMENT, RULES_TAKES(prefix, target_log, prefix)),
    RULES_OPTION("log-level", 1, RULES_ARGUMENT, RULES_TAKES(level, target_log, level), .most = 7,
                 .names = &level_names, .standard = DEFAULT_LEVEL),
    RULES_OPTION("log-tcp-sequence", 2, 0, .given = RULES_BITS(target_log, options, 0x01)),
    RULES_OPTION("log-tcp-options", 3, 0, .given = RULES_BITS(target_log, options, 0x02)),
    RULES_OPTION("log-ip-options", 4, 0, .given = RULES_BITS(target_log, options, 0x04)),
    RULES_OPTION("log-uid", 5, 0, .given = RULES_BITS(target_log, options, 0x08)),
    RULES_OPTION("log-macdecode", 6, 0, .given = RULES_BITS(target_log, options, 0x20)),
};

static void list_log(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_log *t = data;

    if (how->numeric) {
        fprintf(out, " LOG flags %u level %u", t->options, t->level);
    } else {
        fprintf(out, " LOG level %s%s", level_listed[t->level], t->options ? " " : "");
        rules_print_names(out, &switch_names, t->options, " ");
    }
    if (t->prefix[0])
        fprintf(out, " prefix \"%s\"", t->prefix);
}

const struct rules_extension rules_target_log = {
    .name = "LOG",
    .type = RULES_TARGET_LOG,
    .heap = sizeof(struct rules_target_log),
    RULES_OPTIONS(log_options),
    .list = list_log,
};
