/* SPDX-License-Identifier: BSD-2-Clause */
/* Matches on single fields of a packet's headers: length, ttl, hl, tos, dscp, tcpmss. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/ext/extension.h"

static void print_range(FILE *out, const struct rules_range16 *range)
{
    if (range->first == range->last)
        fprintf(out, "%u", range->first);
    else
        fprintf(out, "%u:%u", range->first, range->last);
}

/* ---- length ---- */

static const struct rules_option length_options[] = {
    {"length", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

static int length_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                         void *data)
{
    struct rules_match_length *length = data;

    (void)o;
    length->inverted = inverted;
    return rules_parse_range16(p, word, UINT16_MAX, &length->bytes);
}

static void length_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_length *length = data;

    (void)how;
    fputs(length->inverted ? " ! --length " : " --length ", out);
    print_range(out, &length->bytes);
}

static void length_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_length *length = data;

    (void)how;
    fputs(length->inverted ? " length !" : " length ", out);
    print_range(out, &length->bytes);
}

const struct rules_extension rules_match_length = {
    .name = "length",
    .options = length_options,
    .option_count = sizeof length_options / sizeof *length_options,
    .type = RULES_MATCH_LENGTH,
    .families = RULES_BOTH,
    .option = length_option,
    .save = length_save,
    .list = length_list,
};

/* ---- ttl, hl ---- */

enum { TTL_EQ, TTL_LT, TTL_GT };

#define TTL_OPTIONS(word)                                                                                    \
    {                                                                                                        \
        {word "-eq", TTL_EQ, RULES_ARGUMENT | RULES_INVERTS, 1u << TTL_LT | 1u << TTL_GT, 0},                \
        {word "-lt", TTL_LT, RULES_ARGUMENT, 1u << TTL_GT, 0},                                               \
        {word "-gt", TTL_GT, RULES_ARGUMENT, 1u << TTL_LT, 0},                                               \
        {word, TTL_EQ, RULES_ARGUMENT | RULES_INVERTS, 1u << TTL_LT | 1u << TTL_GT, 0},                      \
    }

static const struct rules_option ttl_options[] = TTL_OPTIONS("ttl");
static const struct rules_option hl_options[] = TTL_OPTIONS("hl");

static const char *const compare_words[] = {
    [RULES_TTL_EQ] = "eq", [RULES_TTL_NE] = "eq", [RULES_TTL_LT] = "lt", [RULES_TTL_GT] = "gt"};
static const char *const compare_signs[] = {
    [RULES_TTL_EQ] = "==", [RULES_TTL_NE] = "!=", [RULES_TTL_LT] = "<", [RULES_TTL_GT] = ">"};

static int ttl_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                      void *data)
{
    struct rules_match_ttl *ttl = data;

    ttl->compare = o->id == TTL_LT   ? RULES_TTL_LT
                   : o->id == TTL_GT ? RULES_TTL_GT
                   : inverted        ? RULES_TTL_NE
                                     : RULES_TTL_EQ;
    return rules_parse_u8(p, word, 0, UINT8_MAX, &ttl->ttl);
}

static int ttl_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return p->family == PACKET_IPV6 ? rules_fail(p, "hl needs one of --hl-eq, --hl-lt or --hl-gt")
                                        : rules_fail(p, "ttl needs one of --ttl-eq, --ttl-lt or --ttl-gt");
    return 0;
}

static void ttl_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_ttl *ttl = data;

    fprintf(out, "%s --%s-%s %u", ttl->compare == RULES_TTL_NE ? " !" : "",
            how->family == PACKET_IPV6 ? "hl" : "ttl", compare_words[ttl->compare], ttl->ttl);
}

static void ttl_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_ttl *ttl = data;
    const char *name = how->family == PACKET_IPV6 ? "HL" : "TTL";

    fprintf(out, " %s match %s %s %u", name, name, compare_signs[ttl->compare], ttl->ttl);
}

const struct rules_extension rules_match_ttl = {
    .name = "ttl",
    .options = ttl_options,
    .option_count = sizeof ttl_options / sizeof *ttl_options,
    .type = RULES_MATCH_TTL,
    .families = RULES_IPV4_ONLY,
    .option = ttl_option,
    .finish = ttl_finish,
    .save = ttl_save,
    .list = ttl_list,
};

const struct rules_extension rules_match_hl = {
    .name = "hl",
    .options = hl_options,
    .option_count = sizeof hl_options / sizeof *hl_options,
    .type = RULES_MATCH_HL,
    .families = RULES_IPV6_ONLY,
    .option = ttl_option,
    .finish = ttl_finish,
    .save = ttl_save,
    .list = ttl_list,
};

/* ---- tos ---- */

static const struct rules_option tos_options[] = {
    {"tos", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

static const char *const tos_names[] = {"Minimize-Delay", "Maximize-Throughput", "Maximize-Reliability",
                                        "Minimize-Cost", "Normal-Service"};
static const uint8_t tos_values[] = {0x10, 0x08, 0x04, 0x02, 0x00}; /* RFC 1349, section 4 */

enum {
    TOS_NAMES = sizeof tos_names / sizeof *tos_names,
    TOS_NAME_MASK = 0x3f, /* a name asks under this mask */
};

static int tos_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                      void *data)
{
    struct rules_match_tos *tos = data;
    struct rules_value32 given;
    size_t index;
    int r;

    (void)o;
    tos->inverted = inverted;
    if (*word < '0' || *word > '9') {
        r = rules_parse_choice(p, word, tos_names, TOS_NAMES, true, "a type of service", &index);
        if (r < 0)
            return r;
        tos->value = tos_values[index];
        tos->mask = TOS_NAME_MASK;
        return 0;
    }
    r = rules_parse_value32(p, word, &given);
    if (r < 0)
        return r;
    if (strchr(word, '/') == NULL)
        given.mask = UINT8_MAX;
    if (given.value > UINT8_MAX || given.mask > UINT8_MAX)
        return rules_fail(p, "\"%s\" is out of range; expected 0 to 0xff, or VALUE/MASK", word);
    tos->value = (uint8_t)given.value;
    tos->mask = (uint8_t)given.mask;
    return 0;
}

static void tos_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tos *tos = data;

    (void)how;
    fprintf(out, "%s --tos 0x%02x/0x%02x", tos->inverted ? " !" : "", tos->value, tos->mask);
}

static void tos_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tos *tos = data;

    fprintf(out, " tos match%s", tos->inverted ? "!" : "");
    if (!how->numeric && tos->mask == TOS_NAME_MASK)
        for (size_t i = 0; i < TOS_NAMES; i++)
            if (tos_values[i] == tos->value) {
                fprintf(out, " %s", tos_names[i]);
                return;
            }
    fprintf(out, "0x%02x/0x%02x", tos->value, tos->mask);
}

const struct rules_extension rules_match_tos = {
    .name = "tos",
    .options = tos_options,
    .option_count = sizeof tos_options / sizeof *tos_options,
    .type = RULES_MATCH_TOS,
    .families = RULES_BOTH,
    .option = tos_option,
    .save = tos_save,
    .list = tos_list,
};

/* ---- dscp ---- */

enum { DSCP_VALUE, DSCP_CLASS, DSCP_MOST = 63 };

static const struct rules_option dscp_options[] = {
    {"dscp", DSCP_VALUE, RULES_ARGUMENT | RULES_INVERTS, 1u << DSCP_CLASS, 0},
    {"dscp-class", DSCP_CLASS, RULES_ARGUMENT | RULES_INVERTS, 1u << DSCP_VALUE, 0},
};

/* RFC 2474, 2597 and 3246. */
static const char *const dscp_names[] = {"CS0",  "CS1",  "CS2",  "CS3",  "CS4",  "CS5",  "CS6",  "CS7",
                                         "BE",   "AF11", "AF12", "AF13", "AF21", "AF22", "AF23", "AF31",
                                         "AF32", "AF33", "AF41", "AF42", "AF43", "EF"};
static const uint8_t dscp_values[] = {0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x00, 0x0a, 0x0c,
                                      0x0e, 0x12, 0x14, 0x16, 0x1a, 0x1c, 0x1e, 0x22, 0x24, 0x26, 0x2e};

static int dscp_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                       void *data)
{
    struct rules_match_dscp *dscp = data;
    size_t index;
    int r;

    dscp->inverted = inverted;
    if (o->id == DSCP_VALUE)
        return rules_parse_u8(p, word, 0, DSCP_MOST, &dscp->dscp);
    r = rules_parse_choice(p, word, dscp_names, sizeof dscp_names / sizeof *dscp_names, true,
                           "a DiffServ class", &index);
    if (r < 0)
        return r;
    dscp->dscp = dscp_values[index];
    return 0;
}

static int dscp_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return rules_fail(p, "dscp needs --dscp or --dscp-class");
    return 0;
}

static void dscp_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_dscp *dscp = data;

    (void)how;
    fprintf(out, "%s --dscp 0x%02x", dscp->inverted ? " !" : "", dscp->dscp);
}

static void dscp_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_dscp *dscp = data;

    (void)how;
    fprintf(out, " DSCP match %s0x%02x", dscp->inverted ? "!" : "", dscp->dscp);
}

const struct rules_extension rules_match_dscp = {
    .name = "dscp",
    .options = dscp_options,
    .option_count = sizeof dscp_options / sizeof *dscp_options,
    .type = RULES_MATCH_DSCP,
    .families = RULES_BOTH,
    .option = dscp_option,
    .finish = dscp_finish,
    .save = dscp_save,
    .list = dscp_list,
};

/* ---- tcpmss ---- */

static const struct rules_option tcpmss_options[] = {
    {"mss", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

static int tcpmss_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                         void *data)
{
    struct rules_match_tcpmss *tcpmss = data;

    (void)o;
    tcpmss->inverted = inverted;
    return rules_parse_range16(p, word, UINT16_MAX, &tcpmss->mss);
}

static void tcpmss_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcpmss *tcpmss = data;

    (void)how;
    fputs(tcpmss->inverted ? " ! --mss " : " --mss ", out);
    print_range(out, &tcpmss->mss);
}

static void tcpmss_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_tcpmss *tcpmss = data;

    (void)how;
    fputs(tcpmss->inverted ? " tcpmss match !" : " tcpmss match ", out);
    print_range(out, &tcpmss->mss);
}

const struct rules_extension rules_match_tcpmss = {
    .name = "tcpmss",
    .options = tcpmss_options,
    .option_count = sizeof tcpmss_options / sizeof *tcpmss_options,
    .type = RULES_MATCH_TCPMSS,
    .families = RULES_BOTH,
    .protocol = PACKET_TCP,
    .option = tcpmss_option,
    .save = tcpmss_save,
    .list = tcpmss_list,
};
