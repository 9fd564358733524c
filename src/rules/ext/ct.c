/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers, zones and not tracking: -m helper, -j CT, -j NOTRACK. net/netfilter/xt_{helper,CT}.c */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "rules/ext/extension.h"

/* ---- helper ---- */

static const struct rules_option helper_options[] = {
    {"helper", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

static int helper_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                         void *data)
{
    struct rules_match_helper *helper = data;

    (void)o;
    helper->inverted = inverted;
    return rules_parse_text(p, word, helper->name, sizeof helper->name);
}

static void helper_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_helper *helper = data;

    (void)how;
    fputs(helper->inverted ? " ! --helper" : " --helper", out);
    rules_print_string(out, helper->name);
}

static void helper_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_helper *helper = data;

    (void)how;
    fprintf(out, " helper match %s\"%s\"", helper->inverted ? "! " : "", helper->name);
}

const struct rules_extension rules_match_helper = {
    .name = "helper",
    .options = helper_options,
    .option_count = sizeof helper_options / sizeof *helper_options,
    .type = RULES_MATCH_HELPER,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_helper),
    .option = helper_option,
    .save = helper_save,
    .list = helper_list,
};

/* ---- CT ---- */

enum {
    CT_NOTRACK,
    CT_HELPER,
    CT_TIMEOUT,
    CT_CTEVENTS,
    CT_EXPEVENTS,
    CT_ZONE,
    CT_ZONE_ORIG,
    CT_ZONE_REPLY,
};

enum zone_direction { ZONE_BOTH, ZONE_ORIGINAL, ZONE_REPLY }; /* rules_target_ct.zone_direction */

static const struct rules_option ct_options[] = {
    {"notrack", CT_NOTRACK, 0, 0, 0},
    {"helper", CT_HELPER, RULES_ARGUMENT, 0, 0},
    {"timeout", CT_TIMEOUT, RULES_ARGUMENT, 0, 0},
    {"ctevents", CT_CTEVENTS, RULES_ARGUMENT, 0, 0},
    {"expevents", CT_EXPEVENTS, RULES_ARGUMENT, 0, 0},
    {"zone", CT_ZONE, RULES_ARGUMENT, 0, 0},
    {"zone-orig", CT_ZONE_ORIG, RULES_ARGUMENT, 0, 0},
    {"zone-reply", CT_ZONE_REPLY, RULES_ARGUMENT, 0, 0},
};

/* In the order of enum ip_conntrack_events, which is that of the bits. */
static const char *const ct_events[] = {"new",       "related", "destroy", "reply",      "assured",
                                        "protoinfo", "helper",  "mark",    "natseqinfo", "secmark"};
static const char *const exp_events[] = {"new"};

enum {
    CT_EVENTS = sizeof ct_events / sizeof *ct_events,
    EXP_EVENTS = sizeof exp_events / sizeof *exp_events,
};

/* The kernel's helpers and conntrackd's. Others may be made by nfct, so a name that is near none is kept. */
static const char *const helpers[] = {"ftp",  "tftp",   "irc",        "sip",   "sane", "snmp",
                                      "pptp", "amanda", "H.245",      "Q.931", "RAS",  "rpc",
                                      "tns",  "dhcpv6", "netbios-ns", "ssdp",  "mdns", "slp"};

enum { HELPERS = sizeof helpers / sizeof *helpers };

/* "ftp", and "ftp-2121": what kernels call a helper that listens at another port. */
static bool is_helper(const char *word)
{
    for (size_t i = 0; i < HELPERS; i++) {
        size_t length = strlen(helpers[i]);

        if (strncmp(word, helpers[i], length) == 0 &&
            (word[length] == '\0' || (word[length] == '-' && strspn(word + length + 1, "0123456789") > 0)))
            return true;
    }
    return false;
}

static int parse_helper(struct rules_parse *p, const char *word, struct rules_target_ct *ct)
{
    const char *near = is_helper(word) ? NULL : nearest_name(word, helpers, HELPERS);

    if (near != NULL)
        return rules_fail(p, "no helper is called \"%s\"; did you mean %s?", word, near);
    if (strpbrk(word, " \t\n\"'\\") != NULL)
        return rules_fail(p, "\"%s\" is no name of a helper; expected ftp, sip...", word);
    return rules_parse_text(p, word, ct->helper, sizeof ct->helper);
}

static int parse_events(struct rules_parse *p, const char *word, const char *const *names, size_t count,
                        uint16_t *ret)
{
    char element[32];
    size_t index;
    int r;

    *ret = 0;
    while ((r = rules_parse_element(p, &word, element, sizeof element)) > 0) {
        r = rules_parse_choice(p, element, names, count, false, "an event", &index);
        if (r < 0)
            return r;
        *ret = (uint16_t)(*ret | 1u << index);
    }
    if (r == 0 && *ret == 0)
        return rules_fail(p, "found an empty word, expected events such as %s", names[0]);
    return r;
}

/* Of several the last one counts, but the directions add up: both is the same as none. */
static int parse_zone(struct rules_parse *p, uint8_t id, const char *word, struct rules_target_ct *ct)
{
    uint8_t direction = id == CT_ZONE_ORIG ? ZONE_ORIGINAL : id == CT_ZONE_REPLY ? ZONE_REPLY : ZONE_BOTH;

    ct->zone_direction = (uint8_t)((ct->zone_direction | direction) % 3);
    ct->zone = 0;
    if (strcasecmp(word, "mark") == 0) {
        ct->zone_from_mark = true;
        return 0;
    }
    return rules_parse_u16(p, word, 0, UINT16_MAX, &ct->zone);
}

static int ct_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                     void *data)
{
    struct rules_target_ct *ct = data;

    (void)inverted;
    switch (o->id) {
    case CT_NOTRACK:
        ct->notrack = true;
        return 0;
    case CT_HELPER:
        return parse_helper(p, word, ct);
    case CT_TIMEOUT:
        if (strpbrk(word, " \t\n\"'\\") != NULL)
            return rules_fail(p, "\"%s\" is no name of a timeout policy; expected one without blanks", word);
        return rules_parse_text(p, word, ct->timeout, sizeof ct->timeout);
    case CT_CTEVENTS:
        return parse_events(p, word, ct_events, CT_EVENTS, &ct->ctevents);
    case CT_EXPEVENTS:
        return parse_events(p, word, exp_events, EXP_EVENTS, &ct->expevents);
    default:
        return parse_zone(p, o->id, word, ct);
    }
}

static int ct_finish(struct rules_parse *p, void *data)
{
    struct rules_target_ct *ct = data;

    /* A helper belongs to one transport protocol (xt_CT.c, xt_ct_set_helper); so does a timeout policy. */
    if ((ct->helper[0] != '\0' || ct->timeout[0] != '\0') && !ct->notrack &&
        (p->rule->protocol == 0 || p->rule->protocol_inverted))
        return rules_fail(p, "-j CT --%s needs the protocol before it; expected -p tcp or another",
                          ct->helper[0] != '\0' ? "helper" : "timeout");
    if (ct->zone == 0 && !ct->zone_from_mark)
        ct->zone_direction = ZONE_BOTH; /* zone 0 is no zone, and is not saved */
    return 0;
}

static void print_events(FILE *out, const char *before, const char *const *names, size_t count, uint16_t set)
{
    char separator = ' ';

    if (set == 0)
        return;
    fputs(before, out);
    for (size_t i = 0; i < count; i++)
        if (set & 1u << i) {
            fprintf(out, "%c%s", separator, names[i]);
            separator = ',';
        }
}

static void print_zone(FILE *out, const struct rules_target_ct *ct, const char *before)
{
    static const char *const directions[] = {
        [ZONE_BOTH] = "", [ZONE_ORIGINAL] = "-orig", [ZONE_REPLY] = "-reply"};

    if (ct->zone_from_mark)
        fprintf(out, " %szone%s mark", before, directions[ct->zone_direction]);
    else if (ct->zone)
        fprintf(out, " %szone%s %u", before, directions[ct->zone_direction], ct->zone);
}

static void ct_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_ct *ct = data;

    (void)how;
    if (ct->notrack)
        fputs(" --notrack", out);
    if (ct->helper[0] != '\0')
        fprintf(out, " --helper %s", ct->helper);
    if (ct->timeout[0] != '\0')
        fprintf(out, " --timeout %s", ct->timeout);
    print_events(out, " --ctevents", ct_events, CT_EVENTS, ct->ctevents);
    print_events(out, " --expevents", exp_events, EXP_EVENTS, ct->expevents);
    print_zone(out, ct, "--");
}

static void ct_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_ct *ct = data;

    (void)how;
    fputs(ct->notrack ? " CT notrack" : " CT", out);
    if (ct->helper[0] != '\0')
        fprintf(out, " helper %s", ct->helper);
    if (ct->timeout[0] != '\0')
        fprintf(out, " timeout %s", ct->timeout);
    print_events(out, " ctevents", ct_events, CT_EVENTS, ct->ctevents);
    print_events(out, " expevents", exp_events, EXP_EVENTS, ct->expevents);
    print_zone(out, ct, "");
}

const struct rules_extension rules_target_ct = {
    .name = "CT",
    .options = ct_options,
    .option_count = sizeof ct_options / sizeof *ct_options,
    .type = RULES_TARGET_CT,
    .families = RULES_BOTH,
    .tables = 1u << RULES_RAW,
    .heap = sizeof(struct rules_target_ct),
    .option = ct_option,
    .finish = ct_finish,
    .save = ct_save,
    .list = ct_list,
};

/* ---- NOTRACK: CT --notrack under its old name ---- */

static void notrack_save(FILE *out, const void *data, const struct rules_print *how)
{
    (void)out;
    (void)data;
    (void)how;
}

static void notrack_list(FILE *out, const void *data, const struct rules_print *how)
{
    (void)data;
    (void)how;
    fputs(" NOTRACK", out);
}

static const struct rules_option no_options[1];

const struct rules_extension rules_target_notrack = {
    .name = "NOTRACK",
    .options = no_options,
    .type = RULES_TARGET_NOTRACK,
    .families = RULES_BOTH,
    .tables = 1u << RULES_RAW,
    .save = notrack_save,
    .list = notrack_list,
};
