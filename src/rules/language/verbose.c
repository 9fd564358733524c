/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/verbose.h"

#include "rules/build.h"
#include "rules/language/names.h"
#include "rules/language/print.h"

static void print_network(FILE *out, uint8_t family, const struct rules_network *n)
{
    if (!n->inverted && rules_network_is_any(n)) {
        fputs(family == PACKET_IPV6 ? "::/0" : "0.0.0.0/0", out);
        return;
    }
    rules_print_address(out, family, &n->address);
    rules_print_mask(out, family, &n->mask);
}

static void print_interface(FILE *out, const char *word, const struct rules_interface *i)
{
    fprintf(out, "%s %s", word, i->inverted ? "!" : "");
    if (i->name[0] || i->wildcard)
        rules_print_interface(out, i);
    else
        fputc('*', out);
    fputc(' ', out);
}

static const char *target_name(const struct rules_target *target)
{
    static const char *const verdicts[] = {[RULES_TARGET_NONE] = "",
                                           [RULES_TARGET_ACCEPT] = "ACCEPT",
                                           [RULES_TARGET_DROP] = "DROP",
                                           [RULES_TARGET_RETURN] = "RETURN"};
    const struct rules_extension *row = rules_target_row(target->type);

    if (target->type == RULES_TARGET_CHAIN)
        return target->chain->name;
    if (target->type == RULES_TARGET_OPAQUE)
        return target->opaque.name;
    return row ? row->name : verdicts[target->type];
}

static void print_header(FILE *out, uint8_t family, const struct rules_rule *rule)
{
    const char *protocol = rule->protocol ? rules_protocol_name(rule->protocol) : "all";

    fprintf(out, "%s %c", target_name(&rule->target), rule->protocol_inverted ? '!' : ' ');
    if (protocol)
        fprintf(out, "%s opt ", protocol);
    else
        fprintf(out, "%u opt ", rule->protocol);
    fprintf(out, "%c%c ", rule->fragment_inverted ? '!' : '-', rule->fragment ? 'f' : '-');
    print_interface(out, "in", &rule->in);
    print_interface(out, "out", &rule->out);
    fputc(rule->source.inverted ? '!' : ' ', out);
    print_network(out, family, &rule->source);
    fprintf(out, " %c-> ", rule->destination.inverted ? '!' : ' ');
    print_network(out, family, &rule->destination);
}

void verbose_rule(FILE *out, uint8_t family, const struct rules_rule *rule)
{
    struct rules_print how = {.family = family, .numeric = true, .rule = rule};
    const struct rules_extension *row = rules_target_row(rule->target.type);

    print_header(out, family, rule);
    fputs(rule->target.is_goto ? "  [goto] " : "  ", out);
    for (unsigned i = 0; i < rule->match_count; i++)
        rules_extension_list(out, rules_match_row(rule->matches[i].type), rules_match_data(&rule->matches[i]),
                             &how);
    if (row)
        rules_extension_list(out, row, rules_target_data(&rule->target), &how);
    fputc('\n', out);
}
