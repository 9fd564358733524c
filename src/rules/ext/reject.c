/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include "rules/ext/extension.h"
#include "rules/language/words.h"

/* REJECT. An answer is named by any beginning of its name or short name; the first that fits is taken. */

static const char *const aliases4[] = {"net-unreach", "host-unreach", "proto-unreach", "port-unreach",
                                       "net-prohib",  "host-prohib",  "tcp-rst",       "admin-prohib"};
static const char *const aliases6[] = {"no-route",  "adm-prohibited", "addr-unreach", "port-unreach",
                                       "tcp-reset", "policy-fail",    "reject-route"};

enum {
    ANSWERS_MAX = 8,
    PORT_UNREACHABLE = 3, /* the default, in both families */
};

static void start_reject(const struct rules_parse *p, void *data)
{
    struct rules_target_reject *t = data;

    (void)p;
    t->with = PORT_UNREACHABLE;
}

static int parse_reject(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        void *data)
{
    struct rules_target_reject *t = data;
    const char *const *aliases = p->family == PACKET_IPV6 ? aliases6 : aliases4;
    const char *names[2 * ANSWERS_MAX], *name;
    size_t size = strlen(word), count = 0;
    char near[64];

    (void)o;
    (void)inverted;
    for (uint8_t i = 0; (name = rules_reject_name(p->family, i)); i++) {
        if (size && (strncasecmp(name, word, size) == 0 || strncasecmp(aliases[i], word, size) == 0)) {
            t->with = i;
            return 0;
        }
        names[count++] = name;
        names[count++] = aliases[i];
    }
    return rules_fail(p, "\"%s\" is not an answer that REJECT can give%s", word,
                      rules_suggest(word, names, count, near, sizeof(near)));
}

static int finish_reject(struct rules_parse *p, void *data)
{
    const struct rules_target_reject *t = data;

    if (strcmp(rules_reject_name(p->family, t->with), "tcp-reset") == 0 &&
        (p->rule->protocol != PACKET_TCP || p->rule->protocol_inverted))
        return rules_fail(p, "--reject-with tcp-reset works only in a rule with -p tcp");
    return 0;
}

static void save_reject(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_reject *t = data;

    fprintf(out, " --reject-with %s", rules_reject_name(how->family, t->with));
}

static void list_reject(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_reject *t = data;

    fprintf(out, " reject-with %s", rules_reject_name(how->family, t->with));
}

static const struct rules_option reject_options[] = {
    {.name = "reject-with", .id = 0, .flags = RULES_ARGUMENT},
};

const struct rules_extension rules_target_reject = {
    .name = "REJECT",
    .options = reject_options,
    .option_count = 1,
    .type = RULES_TARGET_REJECT,
    .families = RULES_BOTH,
    .tables = 1 << RULES_FILTER,
    .start = start_reject,
    .option = parse_reject,
    .finish = finish_reject,
    .save = save_reject,
    .list = list_reject,
};
