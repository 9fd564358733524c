/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers, zones and not tracking: -m helper, -j CT, -j NOTRACK. net/netfilter/xt_{helper,CT}.c */
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "rules/ext/field.h"

/* ---- helper ---- */

static int read_text(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_text(p, word, at, p->option->at.size);
}

static void list_text(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    fprintf(out, "\"%s\"", (const char *)at);
}

static const struct rules_value text = {.read = read_text, .print = rules_print_text, .list = list_text};

static const struct rules_option helper_options[] = {
    RULES_OPTION("helper", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED,
                 RULES_TAKES(text, match_helper, name), .inverted = RULES_BOOL(match_helper, inverted),
                 .listed = " helper match (! )"),
};

const struct rules_extension rules_match_helper = {
    .name = "helper",
    .type = RULES_MATCH_HELPER,
    .heap = sizeof(struct rules_match_helper),
    RULES_OPTIONS(helper_options),
};

/* ---- CT ---- */

enum { CT_NOTRACK, CT_HELPER, CT_TIMEOUT, CT_CTEVENTS, CT_EXPEVENTS, CT_ZONE, CT_ZONE_ORIG, CT_ZONE_REPLY };

enum zone_direction { ZONE_BOTH, ZONE_ORIGINAL, ZONE_REPLY }; /* rules_target_ct.zone_direction */

/* In the order of enum ip_conntrack_events, which is that of the bits. */
static const struct rules_name ct_events[] = {{"new", 1 << 0},    {"related", 1 << 1}, {"destroy", 1 << 2},
                                              {"reply", 1 << 3},  {"assured", 1 << 4}, {"protoinfo", 1 << 5},
                                              {"helper", 1 << 6}, {"mark", 1 << 7},    {"natseqinfo", 1 << 8},
                                              {"secmark", 1 << 9}};

static const struct rules_names ct_event_names = {RULES_NAMES(ct_events), .exact = true, .kind = "an event",
                                                  .empty = "events such as new"};
static const struct rules_names exp_event_names = {ct_events, 1, .exact = true, .kind = "an event",
                                                   .empty = "events such as new"};

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

static int read_helper(struct rules_parse *p, const char *word, void *at)
{
    const char *near = is_helper(word) ? NULL : nearest_name(word, helpers, HELPERS);

    if (near != NULL)
        return rules_fail(p, "no helper is called \"%s\"; did you mean %s?", word, near);
    if (strpbrk(word, " \t\n\"'\\") != NULL)
        return rules_fail(p, "\"%s\" is no name of a helper; expected ftp, sip...", word);
    return rules_parse_text(p, word, at, p->option->at.size);
}

static int read_timeout(struct rules_parse *p, const char *word, void *at)
{
    if (strpbrk(word, " \t\n\"'\\") != NULL)
        return rules_fail(p, "\"%s\" is no name of a timeout policy; expected one without blanks", word);
    return rules_parse_text(p, word, at, p->option->at.size);
}

/* Of several the last one counts, but the directions add up: both is the same as none. */
static int read_zone(struct rules_parse *p, const char *word, void *at)
{
    struct rules_target_ct *ct = at;
    uint8_t direction = p->option->id == CT_ZONE_ORIG    ? ZONE_ORIGINAL
                        : p->option->id == CT_ZONE_REPLY ? ZONE_REPLY
                                                         : ZONE_BOTH;
    uint32_t zone = 0;
    int r = 0;

    ct->zone_direction = (uint8_t)((ct->zone_direction | direction) % 3);
    if (strcasecmp(word, "mark") == 0)
        ct->zone_from_mark = true;
    else
        r = rules_parse_u32(p, word, 0, UINT16_MAX, &zone);
    ct->zone = (uint16_t)zone;
    return r;
}

static const struct rules_value helper_name = {.read = read_helper, .print = rules_print_bare},
                                timeout_name = {.read = read_timeout, .print = rules_print_bare},
                                zone_value = {.read = read_zone};

static const struct rules_option ct_options[] = {
    RULES_OPTION("notrack", CT_NOTRACK, 0, .given = RULES_BOOL(target_ct, notrack)),
    RULES_OPTION("helper", CT_HELPER, RULES_ARGUMENT, RULES_TAKES(helper_name, target_ct, helper)),
    RULES_OPTION("timeout", CT_TIMEOUT, RULES_ARGUMENT, RULES_TAKES(timeout_name, target_ct, timeout)),
    RULES_OPTION("ctevents", CT_CTEVENTS, RULES_ARGUMENT, RULES_TAKES(rules_set_of, target_ct, ctevents),
                 .names = &ct_event_names),
    RULES_OPTION("expevents", CT_EXPEVENTS, RULES_ARGUMENT, RULES_TAKES(rules_set_of, target_ct, expevents),
                 .names = &exp_event_names),
    RULES_OPTION("zone", CT_ZONE, RULES_ARGUMENT, .value = &zone_value),
    RULES_OPTION("zone-orig", CT_ZONE_ORIG, RULES_ARGUMENT, .value = &zone_value),
    RULES_OPTION("zone-reply", CT_ZONE_REPLY, RULES_ARGUMENT, .value = &zone_value),
};

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
    rules_save_options(out, &rules_target_ct, data, how);
    print_zone(out, data, "--");
}

static void ct_list(FILE *out, const void *data, const struct rules_print *how)
{
    rules_list_options(out, &rules_target_ct, data, how);
    print_zone(out, data, "");
}

const struct rules_extension rules_target_ct = {
    .name = "CT",
    .type = RULES_TARGET_CT,
    .tables = RULES_BIT(RULES_RAW),
    .heap = sizeof(struct rules_target_ct),
    RULES_OPTIONS(ct_options),
    .finish = ct_finish,
    .save = ct_save,
    .list = ct_list,
    .heading = " CT",
};

/* CT --notrack under its old name. */
const struct rules_extension rules_target_notrack = {
    .name = "NOTRACK", .type = RULES_TARGET_NOTRACK, .tables = RULES_BIT(RULES_RAW), .heading = " NOTRACK"};
