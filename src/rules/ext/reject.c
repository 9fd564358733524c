/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <strings.h>

#include "rules/ext/field.h"
#include "rules/language/names.h"

/* REJECT. An answer is named by any beginning of its name or short name; the first that fits is taken. */

static const char *const aliases4[] = {"net-unreach", "host-unreach", "proto-unreach", "port-unreach",
                                       "net-prohib",  "host-prohib",  "tcp-rst",       "admin-prohib"};
static const char *const aliases6[] = {"no-route",  "adm-prohibited", "addr-unreach", "port-unreach",
                                       "tcp-reset", "policy-fail",    "reject-route"};

enum {
    ANSWERS_MAX = 8,
    PORT_UNREACHABLE = 3, /* the default, in both families */
};

static int read_reject(struct rules_parse *p, const char *word, void *at)
{
    uint8_t *with = at;
    const char *const *aliases = p->family == PACKET_IPV6 ? aliases6 : aliases4;
    const char *names[2 * ANSWERS_MAX], *name;
    size_t size = strlen(word), count = 0;
    char near[64];

    for (uint8_t i = 0; (name = rules_reject_name(p->family, i)); i++) {
        if (size && (strncasecmp(name, word, size) == 0 || strncasecmp(aliases[i], word, size) == 0)) {
            *with = i;
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

static void print_reject(FILE *out, const void *at, const struct rules_print *how)
{
    fputs(rules_reject_name(how->family, *(const uint8_t *)at), out);
}

static const struct rules_value answer = {.read = read_reject, .print = print_reject};

static const struct rules_option options[] = {
    RULES_OPTION("reject-with", 0, RULES_ARGUMENT | RULES_SHOWN, RULES_TAKES(answer, target_reject, with),
                 .standard = PORT_UNREACHABLE),
};

const struct rules_extension rules_target_reject = {
    .name = "REJECT",
    .type = RULES_TARGET_REJECT,
    .tables = RULES_BIT(RULES_FILTER),
    RULES_OPTIONS(options),
    .finish = finish_reject,
};
