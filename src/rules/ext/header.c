/* SPDX-License-Identifier: BSD-2-Clause */
/* Single fields of a packet's headers: -m length, ttl, hl, tos, dscp, tcpmss, ipv6header; -j TTL, HL, TOS, DSCP, TCPMSS. */
#include <string.h>

#include "rules/ext/field.h"

enum { ANY_VALUE = RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED };

/* ---- length ---- */

static const struct rules_option length_options[] = {
    RULES_OPTION("length", 0, ANY_VALUE, RULES_TAKES(rules_range, match_length, bytes),
                 .inverted = RULES_BOOL(match_length, inverted), .listed = " length (!)"),
};

const struct rules_extension rules_match_length = {
    .name = "length", .type = RULES_MATCH_LENGTH, RULES_OPTIONS(length_options)};

/* ---- ttl, hl ---- */

enum { TTL_EQ, TTL_LT, TTL_GT, TTL_ALL = RULES_BIT(TTL_EQ) | RULES_BIT(TTL_LT) | RULES_BIT(TTL_GT) };

#define TTL_COMPARE(word, number, others, compared, ...)                                                     \
    RULES_OPTION(word, number, RULES_ARGUMENT | (others), .excludes = TTL_ALL,                               \
                 RULES_TAKES(rules_number, match_ttl, ttl), .given = RULES_IS(match_ttl, compare, compared), \
                 __VA_ARGS__)

#define TTL_OPTIONS(word, label)                                                                             \
    {                                                                                                        \
        TTL_COMPARE(word "-eq", TTL_EQ, RULES_INVERTS, RULES_TTL_EQ, .listed = label "(!=|==) ",             \
                    .inverted = RULES_IS(match_ttl, compare, RULES_TTL_NE)),                                 \
        TTL_COMPARE(word "-lt", TTL_LT, 0, RULES_TTL_LT, .listed = label "< "),                              \
        TTL_COMPARE(word "-gt", TTL_GT, 0, RULES_TTL_GT, .listed = label "> "),                              \
        RULES_OPTION(word, TTL_EQ, RULES_ARGUMENT | RULES_INVERTS, .excludes = TTL_ALL),                     \
    }

static const struct rules_option ttl_options[] = TTL_OPTIONS("ttl", " TTL match TTL ");
static const struct rules_option hl_options[] = TTL_OPTIONS("hl", " HL match HL ");

const struct rules_extension rules_match_ttl = {
    .name = "ttl",
    .type = RULES_MATCH_TTL,
    .families = RULES_IPV4_ONLY,
    RULES_OPTIONS(ttl_options),
    .lacking = "ttl needs one of --ttl-eq, --ttl-lt or --ttl-gt",
};

const struct rules_extension rules_match_hl = {
    .name = "hl",
    .type = RULES_MATCH_HL,
    .families = RULES_IPV6_ONLY,
    RULES_OPTIONS(hl_options),
    .lacking = "hl needs one of --hl-eq, --hl-lt or --hl-gt",
};

/* net/netfilter/xt_HL.c */
#define TTL_CHANGE(word, number, lowest, how, label)                                                         \
    RULES_OPTION(word, number, RULES_ARGUMENT, .excludes = TTL_ALL,                                          \
                 RULES_TAKES(rules_number, target_ttl, ttl), .least = lowest,                                \
                 .given = RULES_IS(target_ttl, change, how), .listed = label)

#define TTL_CHANGES(word, label)                                                                             \
    {                                                                                                        \
        TTL_CHANGE(word "-set", RULES_TTL_SET, 0, RULES_TTL_SET, label " set to "),                          \
        TTL_CHANGE(word "-dec", RULES_TTL_DEC, 1, RULES_TTL_DEC, label " decrement by "),                    \
        TTL_CHANGE(word "-inc", RULES_TTL_INC, 1, RULES_TTL_INC, label " increment by "),                    \
    }

static const struct rules_option ttl_changes[] = TTL_CHANGES("ttl", " TTL");
static const struct rules_option hl_changes[] = TTL_CHANGES("hl", " HL");

const struct rules_extension rules_target_ttl = {
    .name = "TTL",
    .type = RULES_TARGET_TTL,
    .families = RULES_IPV4_ONLY,
    .tables = RULES_BIT(RULES_MANGLE),
    RULES_OPTIONS(ttl_changes),
    .lacking = "TTL needs one of --ttl-set, --ttl-dec or --ttl-inc",
};

const struct rules_extension rules_target_hl = {
    .name = "HL",
    .type = RULES_TARGET_HL,
    .families = RULES_IPV6_ONLY,
    .tables = RULES_BIT(RULES_MANGLE),
    RULES_OPTIONS(hl_changes),
    .lacking = "HL needs one of --hl-set, --hl-dec or --hl-inc",
};

/* ---- tos ---- */

/* RFC 1349, section 4 */
static const struct rules_name services[] = {{"Minimize-Delay", 0x10},
                                             {"Maximize-Throughput", 0x08},
                                             {"Maximize-Reliability", 0x04},
                                             {"Minimize-Cost", 0x02},
                                             {"Normal-Service", 0x00}};
static const struct rules_names service_names = {RULES_NAMES(services), .kind = "a type of service"};

enum { TOS_NAME_MASK = 0x3f }; /* a name asks under this mask */

static int read_service(struct rules_parse *p, const char *word, uint8_t *ret_value, uint8_t *ret_mask)
{
    struct rules_value32 given = {.mask = TOS_NAME_MASK};
    bool is_number = *word >= '0' && *word <= '9';
    int r = is_number ? rules_parse_value32(p, word, &given)
                      : rules_parse_name(p, word, p->option->names, &given.value);

    if (r < 0)
        return r;
    if (is_number && strchr(word, '/') == NULL)
        given.mask = UINT8_MAX;
    if (given.value > UINT8_MAX || given.mask > UINT8_MAX)
        return rules_fail(p, "\"%s\" is out of range; expected 0 to 0xff, or VALUE/MASK", word);
    *ret_value = (uint8_t)given.value;
    *ret_mask = (uint8_t)given.mask;
    return 0;
}

/* The name of a service, or NULL. */
static const char *service_named(uint8_t value, uint8_t mask)
{
    for (size_t i = 0; mask == TOS_NAME_MASK && i < RULES_COUNT(services); i++) {
        if (services[i].value == value)
            return services[i].name;
    }
    return NULL;
}

static void put_tos(FILE *out, uint8_t value, uint8_t mask)
{
    fprintf(out, "0x%02x/0x%02x", value, mask);
}

static int read_tos(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_tos *tos = at;

    return read_service(p, word, &tos->value, &tos->mask);
}

static void print_tos(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_tos *tos = at;

    (void)how;
    put_tos(out, tos->value, tos->mask);
}

static void list_tos(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_tos *tos = at;
    const char *name = how->numeric ? NULL : service_named(tos->value, tos->mask);

    if (name)
        fprintf(out, " %s", name);
    else
        print_tos(out, at, how);
}

static const struct rules_value tos_value = {.read = read_tos, .print = print_tos, .list = list_tos};

static const struct rules_option tos_options[] = {
    RULES_OPTION("tos", 0, ANY_VALUE, .value = &tos_value, .names = &service_names,
                 .inverted = RULES_BOOL(match_tos, inverted), .listed = " tos match(!)"),
};

const struct rules_extension rules_match_tos = {
    .name = "tos", .type = RULES_MATCH_TOS, RULES_OPTIONS(tos_options)};

/* net/netfilter/xt_DSCP.c, tos_tg */
enum { SET_TOS, AND_TOS, OR_TOS, XOR_TOS, TOS_CHANGES = RULES_BIT(XOR_TOS + 1) - 1 };

static int read_tos_change(struct rules_parse *p, const char *word, void *at)
{
    struct rules_target_tos *tos = at;
    uint32_t bits;

    if (p->option->id == SET_TOS)
        return read_service(p, word, &tos->value, &tos->mask);
    int r = rules_parse_u32(p, word, 0, UINT8_MAX, &bits);
    if (r < 0)
        return r;
    tos->value = p->option->id == AND_TOS ? 0 : (uint8_t)bits;
    tos->mask = p->option->id == AND_TOS ? (uint8_t)~bits : p->option->id == OR_TOS ? (uint8_t)bits : 0;
    return 0;
}

static void print_tos_change(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_target_tos *tos = at;

    (void)how;
    put_tos(out, tos->value, tos->mask);
}

static void list_tos_change(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_tos *tos = data;
    const char *name = service_named(tos->value, tos->mask);

    if (!how->numeric && name) {
        fprintf(out, "  TOS set%s", name); /* so does iptables 1.8 */
        return;
    }
    fputs(" TOS ", out);
    if (!how->numeric && tos->value == 0)
        fprintf(out, "and 0x%02x", (uint8_t)~tos->mask);
    else if (!how->numeric && tos->value == tos->mask)
        fprintf(out, "or 0x%02x", tos->value);
    else if (!how->numeric && tos->mask == 0)
        fprintf(out, "xor 0x%02x", tos->value);
    else {
        fputs("set ", out);
        put_tos(out, tos->value, tos->mask);
    }
}

static const struct rules_value tos_change = {.read = read_tos_change, .print = print_tos_change},
                                tos_bits = {.read = read_tos_change};

static const struct rules_option tos_changes[] = {
    RULES_OPTION("set-tos", SET_TOS, RULES_ARGUMENT | RULES_SHOWN, .excludes = TOS_CHANGES,
                 .value = &tos_change, .names = &service_names),
    RULES_OPTION("and-tos", AND_TOS, RULES_ARGUMENT, .excludes = TOS_CHANGES, .value = &tos_bits),
    RULES_OPTION("or-tos", OR_TOS, RULES_ARGUMENT, .excludes = TOS_CHANGES, .value = &tos_bits),
    RULES_OPTION("xor-tos", XOR_TOS, RULES_ARGUMENT, .excludes = TOS_CHANGES, .value = &tos_bits),
};

const struct rules_extension rules_target_tos = {
    .name = "TOS",
    .type = RULES_TARGET_TOS,
    .tables = RULES_BIT(RULES_MANGLE),
    RULES_OPTIONS(tos_changes),
    .lacking = "TOS needs one of --set-tos, --and-tos, --or-tos or --xor-tos",
    .list = list_tos_change,
};

/* ---- dscp ---- */

enum { DSCP_VALUE, DSCP_CLASS, DSCP_MOST = 63 };

/* RFC 2474, 2597 and 3246. */
static const struct rules_name classes[] = {
    {"CS0", 0x00},  {"CS1", 0x08},  {"CS2", 0x10},  {"CS3", 0x18},  {"CS4", 0x20},  {"CS5", 0x28},
    {"CS6", 0x30},  {"CS7", 0x38},  {"BE", 0x00},   {"AF11", 0x0a}, {"AF12", 0x0c}, {"AF13", 0x0e},
    {"AF21", 0x12}, {"AF22", 0x14}, {"AF23", 0x16}, {"AF31", 0x1a}, {"AF32", 0x1c}, {"AF33", 0x1e},
    {"AF41", 0x22}, {"AF42", 0x24}, {"AF43", 0x26}, {"EF", 0x2e}};
static const struct rules_names class_names = {RULES_NAMES(classes), .kind = "a DiffServ class"};

static void print_dscp(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    fprintf(out, "0x%02x", *(const uint8_t *)at);
}

static const struct rules_value dscp_value = {.read = rules_read_number, .print = print_dscp},
                                dscp_class = {.read = rules_read_choice};

static const struct rules_option dscp_options[] = {
    RULES_OPTION("dscp", DSCP_VALUE, RULES_ARGUMENT | RULES_INVERTS | RULES_SHOWN,
                 .excludes = RULES_BIT(DSCP_CLASS), RULES_TAKES(dscp_value, match_dscp, dscp),
                 .most = DSCP_MOST, .inverted = RULES_BOOL(match_dscp, inverted),
                 .listed = " DSCP match (!)"),
    RULES_OPTION("dscp-class", DSCP_CLASS, RULES_ARGUMENT | RULES_INVERTS, .excludes = RULES_BIT(DSCP_VALUE),
                 RULES_TAKES(dscp_class, match_dscp, dscp), .names = &class_names,
                 .inverted = RULES_BOOL(match_dscp, inverted)),
};

const struct rules_extension rules_match_dscp = {
    .name = "dscp",
    .type = RULES_MATCH_DSCP,
    RULES_OPTIONS(dscp_options),
    .lacking = "dscp needs --dscp or --dscp-class",
};

static const struct rules_option dscp_changes[] = {
    {.name = "set-dscp",
     .id = DSCP_VALUE,
     .flags = RULES_ARGUMENT | RULES_SHOWN,
     .excludes = RULES_BIT(DSCP_CLASS),
     .value = &dscp_value,
     .at = {0, 1},
     .most = DSCP_MOST,
     .listed = " DSCP set "},
    {.name = "set-dscp-class",
     .id = DSCP_CLASS,
     .flags = RULES_ARGUMENT,
     .excludes = RULES_BIT(DSCP_VALUE),
     .value = &dscp_class,
     .at = {0, 1},
     .names = &class_names},
};

const struct rules_extension rules_target_dscp = {
    .name = "DSCP",
    .type = RULES_TARGET_DSCP,
    .tables = RULES_BIT(RULES_MANGLE),
    RULES_OPTIONS(dscp_changes),
    .lacking = "DSCP needs --set-dscp or --set-dscp-class",
};

/* ---- tcpmss ---- */

static int read_mss(struct rules_parse *p, const char *word, void *at)
{
    int rc = rules_range.read(p, word, at);

    return rc ? rc : rules_refuse_down(p, word, at);
}

static const struct rules_value mss = {.read = read_mss, .print = rules_print_range};

static const struct rules_option tcpmss_options[] = {
    RULES_OPTION("mss", 0, ANY_VALUE, RULES_TAKES(mss, match_tcpmss, mss),
                 .inverted = RULES_BOOL(match_tcpmss, inverted), .listed = " tcpmss match (!)"),
};

const struct rules_extension rules_match_tcpmss = {
    .name = "tcpmss", .type = RULES_MATCH_TCPMSS, .protocol = PACKET_TCP, RULES_OPTIONS(tcpmss_options)};

/* net/netfilter/xt_TCPMSS.c */
enum { SET_MSS, CLAMP_MSS };

static const struct rules_option tcpmss_changes[] = {
    RULES_OPTION("set-mss", SET_MSS, RULES_ARGUMENT, .excludes = RULES_BIT(CLAMP_MSS),
                 RULES_TAKES(rules_number, target_tcpmss, mss),
                 .given = RULES_IS(target_tcpmss, clamp, false), .listed = " TCPMSS set "),
    RULES_OPTION("clamp-mss-to-pmtu", CLAMP_MSS, 0, .given = RULES_BOOL(target_tcpmss, clamp),
                 .listed = " TCPMSS clamp to PMTU"),
};

static uint8_t tcpmss_reach(const void *data)
{
    const struct rules_target_tcpmss *target = data;

    return (uint8_t)(target->clamp
                         ? RULES_BIT(RULES_FORWARD) | RULES_BIT(RULES_OUTPUT) | RULES_BIT(RULES_POSTROUTING)
                         : RULES_BIT(RULES_HOOKS) - 1);
}

const struct rules_extension rules_target_tcpmss = {
    .name = "TCPMSS",
    .type = RULES_TARGET_TCPMSS,
    .protocol = PACKET_TCP,
    .hooks = RULES_BIT(RULES_HOOKS) - 1,
    .reach = tcpmss_reach,
    RULES_OPTIONS(tcpmss_changes),
    .lacking = "TCPMSS needs --set-mss or --clamp-mss-to-pmtu",
};

/* ---- ipv6header ---- */

/* linux/netfilter_ipv6/ip6t_ipv6header.h, in the order of printing; behind them other names that are taken. */
static const struct rules_name headers[] = {
    {"hop-by-hop", 128}, {"ipv6-opts", 64}, {"ipv6-route", 32}, {"ipv6-frag", 16}, {"ah", 8},   {"esp", 4},
    {"ipv6-nonxt", 2},   {"protocol", 1},   {"hop", 128},       {"hopopt", 128},   {"dst", 64}, {"route", 32},
    {"frag", 16},        {"auth", 8},       {"none", 2},        {"prot", 1},       {"0", 128},  {"60", 64},
    {"43", 32},          {"44", 16},        {"51", 8},          {"50", 4},         {"59", 2}};
static const struct rules_names header_names = {RULES_NAMES(headers), .kind = "an extension header",
                                                .empty = "extension headers with commas between them"},
                                header_printed = {.list = headers, .count = 8};

static int read_headers(struct rules_parse *p, const char *word, void *at)
{
    uint32_t set = 0;
    int rc = rules_parse_names(p, word, p->option->names, &set);

    *(uint8_t *)at = (uint8_t)set;
    return rc;
}

static void print_headers(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    rules_print_names(out, &header_printed, *(const uint8_t *)at, ",");
}

static const struct rules_value header_set = {.read = read_headers, .print = print_headers};

static void list_ipv6header(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_ipv6header *m = data;

    fprintf(out, " ipv6header flags:%s", m->inverted ? "!" : "");
    if (how->numeric)
        fprintf(out, "0x%02X", m->headers);
    else
        rules_print_names(out, &header_printed, m->headers, ",");
    fputs(m->soft ? " soft" : "", out);
}

static const struct rules_option ipv6header_options[] = {
    RULES_OPTION("header", 0, ANY_VALUE, RULES_TAKES(header_set, match_ipv6header, headers),
                 .inverted = RULES_BOOL(match_ipv6header, inverted), .names = &header_names),
    RULES_OPTION("soft", 1, 0, .given = RULES_BOOL(match_ipv6header, soft)),
};

const struct rules_extension rules_match_ipv6header = {
    .name = "ipv6header",
    .type = RULES_MATCH_IPV6HEADER,
    .families = RULES_IPV6_ONLY,
    RULES_OPTIONS(ipv6header_options),
    .list = list_ipv6header,
};
