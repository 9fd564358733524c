/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include "rules/ext/extension.h"
#include "rules/language/words.h"

/* LOG. */

enum { PREFIX, LEVEL, TCP_SEQUENCE, TCP_OPTIONS, IP_OPTIONS, UID, MACDECODE };

/* linux/netfilter/xt_LOG.h's bits, as they are saved and listed. */
static const struct {
    uint8_t id, bit;
    const char *name;
} switches[] = {
    {TCP_SEQUENCE, 0x01, "tcp-sequence"}, {TCP_OPTIONS, 0x02, "tcp-options"},
    {IP_OPTIONS, 0x04, "ip-options"},     {UID, 0x08, "uid"},
    {MACDECODE, 0x20, "macdecode"},
};

static const char *const level_names[] = {"emerg",  "alert", "crit",  "error", "warning",
                                          "notice", "info",  "debug", "panic"};
static const char *const level_listed[] = {"emerg", "alert",  "crit", "err",
                                           "warn",  "notice", "info", "debug"};

enum {
    SWITCHES = sizeof(switches) / sizeof(switches[0]),
    LEVELS = 8,
    DEFAULT_LEVEL = 4, /* warning */
};

static void start_log(const struct rules_parse *p, void *data)
{
    struct rules_target_log *t = data;

    (void)p;
    t->level = DEFAULT_LEVEL;
}

static int parse_prefix(struct rules_parse *p, const char *word, struct rules_target_log *t)
{
    if (!word[0])
        return rules_fail(p, "found an empty word, expected at least one byte");
    if (strchr(word, '\n'))
        return rules_fail(p, "there is a newline in the prefix");
    memcpy(t->prefix, word, strnlen(word, sizeof(t->prefix) - 1)); /* iptables cuts what is longer */
    return 0;
}

static int parse_level(struct rules_parse *p, const char *word, struct rules_target_log *t)
{
    size_t level;

    if (word[0] >= '0' && word[0] <= '9')
        return rules_parse_u8(p, word, 0, LEVELS - 1, &t->level);
    int rc = rules_parse_choice(p, word, level_names, LEVELS + 1, false, "a level of syslog", &level);
    if (rc == 0)
        t->level = level < LEVELS ? (uint8_t)level : 0; /* panic is emerg */
    return rc;
}

static int parse_log(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                     void *data)
{
    struct rules_target_log *t = data;

    (void)inverted;
    if (o->id == PREFIX)
        return parse_prefix(p, word, t);
    if (o->id == LEVEL)
        return parse_level(p, word, t);
    for (unsigned i = 0; i < SWITCHES; i++) {
        if (switches[i].id == o->id)
            t->options |= switches[i].bit;
    }
    return 0;
}

static void save_log(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_log *t = data;

    (void)how;
    if (t->prefix[0]) {
        fputs(" --log-prefix", out);
        rules_print_string(out, t->prefix);
    }
    if (t->level != DEFAULT_LEVEL)
        fprintf(out, " --log-level %u", t->level);
    for (unsigned i = 0; i < SWITCHES; i++) {
        if (t->options & switches[i].bit)
            fprintf(out, " --log-%s", switches[i].name);
    }
}

static void list_log(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_log *t = data;

    if (how->numeric) {
        fprintf(out, " LOG flags %u level %u", t->options, t->level);
    } else {
        fprintf(out, " LOG level %s", level_listed[t->level]);
        for (unsigned i = 0; i < SWITCHES; i++) {
            if (t->options & switches[i].bit)
                fprintf(out, " %s", switches[i].name);
        }
    }
    if (t->prefix[0])
        fprintf(out, " prefix \"%s\"", t->prefix);
}

static const struct rules_option log_options[] = {
    {.name = "log-prefix", .id = PREFIX, .flags = RULES_ARGUMENT},
    {.name = "log-level", .id = LEVEL, .flags = RULES_ARGUMENT},
    {.name = "log-tcp-sequence", .id = TCP_SEQUENCE},
    {.name = "log-tcp-options", .id = TCP_OPTIONS},
    {.name = "log-ip-options", .id = IP_OPTIONS},
    {.name = "log-uid", .id = UID},
    {.name = "log-macdecode", .id = MACDECODE},
};

const struct rules_extension rules_target_log = {
    .name = "LOG",
    .options = log_options,
    .option_count = sizeof(log_options) / sizeof(log_options[0]),
    .type = RULES_TARGET_LOG,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_target_log),
    .start = start_log,
    .option = parse_log,
    .save = save_log,
    .list = list_log,
};
