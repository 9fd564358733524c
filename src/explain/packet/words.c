/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/words.h"
#include "base/nearest.h"
#include "explain/make.h"
#include "explain/packet/log.h"
#include "packet/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WORD = 128, /* longest word with its NUL */
};

struct reader {
    const char *line, *at;
    char word[WORD];
    size_t column; /* of word, 1... */
    struct packet_words *out;
    char **message;
    bool is_protocol_said;
};

struct name {
    const char *name;
    uint32_t value;
};
#define NAMES(table) table, sizeof(table) / sizeof((table)[0])

/* ---- errors ---- */

__attribute__((format(printf, 2, 3))) static int fail(const struct reader *r, const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    *r->message = length < 0 ? NULL : story_format("column %zu: %s", r->column, text);
    free(length < 0 ? NULL : text);
    return *r->message ? -EINVAL : -ENOMEM;
}

/* "\"syns\" is no flag; the nearest is syn" */
static int fail_name(const struct reader *r, const char *word, const char *kind, const struct name *names,
                     size_t count)
{
    const char *list[64], *nearest;
    char known[400] = "";
    for (size_t i = 0; i < count; i++) {
        list[i] = names[i].name;
        if (strlen(known) + strlen(names[i].name) + 3 < sizeof(known)) {
            strcat(known, i ? ", " : "");
            strcat(known, names[i].name);
        }
    }
    nearest = nearest_name(word, list, count);
    if (nearest)
        return fail(r, "\"%s\" is no %s; did you mean \"%s\"?", word, kind, nearest);
    return fail(r, "\"%s\" is no %s; expected one of %s", word, kind, known);
}

/* ---- words ---- */

static size_t arrow_length(const char *at)
{
    return *at == '>' ? 1 : strncmp(at, "->", 2) == 0 ? 2 : 0;
}

/* Words end at blanks; an arrow is a word of its own. 1; 0: the line is over; or an error. */
static int next_word(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
    r->column = (size_t)(r->at - r->line) + 1;
    if (!*r->at)
        return 0;
    size_t length = arrow_length(r->at);
    while (length == 0 || !arrow_length(r->at)) {
        if (!r->at[length] || strchr(" \t\r\n", r->at[length]) || arrow_length(r->at + length))
            break;
        length++;
    }
    if (length >= WORD)
        return fail(r, "a word of %zu bytes; the longest that means anything has %d", length, WORD - 1);
    memcpy(r->word, r->at, length);
    r->word[length] = '\0';
    r->at += length;
    return 1;
}

static bool read_number(const char *text, uint32_t most, uint32_t *ret)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (*end || errno || value > most)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static int take_number(struct reader *r, const char *key, const char *value, uint32_t most, uint32_t *ret)
{
    if (read_number(value, most, ret))
        return 0;
    return fail(r, "%s \"%s\": expected a number from 0 to %u", key, value, most);
}

static bool find_name(const char *word, const struct name *names, size_t count, uint32_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i].name, word) == 0) {
            *ret = names[i].value;
            return true;
        }
    }
    return false;
}

static int take_name(struct reader *r, const char *value, const char *kind, const struct name *names,
                     size_t count, uint32_t *ret)
{
    if (find_name(value, names, count, ret))
        return 0;
    return fail_name(r, value, kind, names, count);
}

/* ---- addresses and protocols ---- */

static const struct name protocols[] = {
    {"tcp", PACKET_TCP},
    {"udp", PACKET_UDP},
    {"icmp", PACKET_ICMP},
    {"icmpv6", PACKET_ICMPV6},
    {"icmp6", PACKET_ICMPV6},
    {"ipv6-icmp", PACKET_ICMPV6},
    {"gre", PACKET_GRE},
    {"sctp", PACKET_SCTP},
    {"dccp", PACKET_DCCP},
    {"esp", 50},
    {"ah", 51},
    {"udplite", PACKET_UDPLITE},
    {"igmp", 2},
    {"ipip", 4},
};

static int take_protocol(struct reader *r, const char *value)
{
    uint32_t number;
    if (!find_name(value, NAMES(protocols), &number) && !read_number(value, 255, &number))
        return fail_name(r, value, "protocol", NAMES(protocols));
    r->out->recipe.protocol = (uint8_t)number;
    r->is_protocol_said = true;
    return 0;
}

/* Splits "192.0.2.1:22", "[2001:db8::1]:22", "192.0.2.1", "2001:db8::1". *ret_port NULL: none. */
static bool split_end(char *text, char **ret_address, char **ret_port)
{
    char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');
    *ret_port = NULL;
    *ret_address = text;
    if (*text == '[') {
        if (!bracket || (bracket[1] && bracket[1] != ':'))
            return false;
        *bracket = '\0';
        *ret_address = text + 1;
        if (bracket[1])
            *ret_port = bracket + 2;
        return true;
    }
    if (colon && strchr(text, ':') == colon) { /* more than one: IPv6 without a port */
        *colon = '\0';
        *ret_port = colon + 1;
    }
    return true;
}

static int take_end(struct reader *r, const char *value, struct packet_address *ret_address, bool *ret_has,
                    uint16_t *ret_port, bool *ret_has_port)
{
    char text[WORD], *address, *port;
    uint8_t family;
    uint32_t number;
    snprintf(text, sizeof(text), "%s", value);
    if (!split_end(text, &address, &port) || packet_address_parse(address, ret_address, &family) < 0)
        return fail(r, "\"%s\": expected an address, such as 192.0.2.1, 192.0.2.1:22 or [2001:db8::1]:22",
                    value);
    if (r->out->recipe.family && r->out->recipe.family != family)
        return fail(r, "\"%s\": one address is IPv4 and the other IPv6", value);
    r->out->recipe.family = family;
    *ret_has = true;
    if (!port)
        return 0;
    if (!read_number(port, 65535, &number))
        return fail(r, "\"%s\": expected a port from 0 to 65535 after the address", value);
    *ret_port = (uint16_t)number;
    *ret_has_port = true;
    return 0;
}

static int take_source(struct reader *r, const char *value)
{
    struct packet_words *w = r->out;
    return take_end(r, value, &w->recipe.source, &w->has_source, &w->recipe.source_port, &w->has_source_port);
}

static int take_destination(struct reader *r, const char *value)
{
    struct packet_words *w = r->out;
    return take_end(r, value, &w->recipe.destination, &w->has_destination, &w->recipe.destination_port,
                    &w->has_destination_port);
}

static int take_sport(struct reader *r, const char *value)
{
    uint32_t port = 0;
    int error = take_number(r, "source port", value, 65535, &port);
    r->out->recipe.source_port = (uint16_t)port;
    r->out->has_source_port = true;
    return error;
}

static int take_dport(struct reader *r, const char *value)
{
    uint32_t port = 0;
    int error = take_number(r, "destination port", value, 65535, &port);
    r->out->recipe.destination_port = (uint16_t)port;
    r->out->has_destination_port = true;
    return error;
}

/* ---- flags ---- */

static const struct name flag_names[] = {
    {"syn", PACKET_SYN}, {"ack", PACKET_ACK}, {"fin", PACKET_FIN}, {"rst", PACKET_RST},
    {"psh", PACKET_PSH}, {"urg", PACKET_URG}, {"ece", PACKET_ECE}, {"cwr", PACKET_CWR},
};

/* "syn", "SYN/ACK", "fin,ack", or letters as tcpdump has them: "S", "SA", "FA", "S." */
static bool read_flags(const char *word, uint8_t *ret)
{
    static const char letters[] = "SAFRPUEC";
    char copy[WORD], *save = NULL;
    uint32_t flags = 0, one;
    const char *letter;
    size_t i = 0;
    for (; word[i]; i++) {
        letter = word[i] == '.' ? letters + 1 : strchr(letters, word[i]);
        if (!letter)
            break;
        flags |= flag_names[letter - letters].value;
    }
    if (!word[i] || strcasecmp(word, "none") == 0) {
        *ret = (uint8_t)flags;
        return word[0] != '\0';
    }
    flags = 0;
    snprintf(copy, sizeof(copy), "%s", word);
    for (char *part = strtok_r(copy, ",/+|-", &save); part; part = strtok_r(NULL, ",/+|-", &save)) {
        if (!find_name(part, NAMES(flag_names), &one))
            return false;
        flags |= one;
    }
    *ret = (uint8_t)flags;
    return flags != 0;
}

static int take_flags(struct reader *r, const char *value)
{
    uint8_t flags;
    if (!read_flags(value, &flags))
        return fail_name(r, value, "set of TCP flags (join them with commas, or write letters: SA)",
                         NAMES(flag_names));
    r->out->recipe.tcp.flags |= flags;
    r->out->has_flags = true;
    return 0;
}

/* ---- what conntrack and the machine think of it ---- */

static int take_state(struct reader *r, const char *value)
{
    static const struct name names[] = {{"new", TRACK_NEW},
                                        {"established", TRACK_ESTABLISHED},
                                        {"related", TRACK_RELATED},
                                        {"invalid", TRACK_INVALID},
                                        {"untracked", TRACK_UNTRACKED}};
    uint32_t state = 0;
    int error = take_name(r, value, "state", NAMES(names), &state);
    r->out->state = (enum track_state)state;
    r->out->has_state = true;
    return error;
}

static int take_direction(struct reader *r, const char *value)
{
    static const struct name names[] = {{"original", TRACK_ORIGINAL}, {"reply", TRACK_REPLY}};
    uint32_t direction = 0;
    int error = take_name(r, value, "direction", NAMES(names), &direction);
    r->out->direction = (enum track_direction)direction;
    return error;
}

static int take_hook(struct reader *r, const char *value)
{
    static const struct name names[] = {{"input", WALL_IN}, {"forward", WALL_THROUGH}, {"output", WALL_OUT}};
    uint32_t path = 0;
    int error = take_name(r, value, "hook that can be asked about", NAMES(names), &path);
    r->out->path = (enum wall_path)path;
    r->out->has_path = true;
    return error;
}

static int take_interface(struct reader *r, const char *value, char *out)
{
    if (!*value || strlen(value) >= RULES_INTERFACE)
        return fail(r, "\"%s\": expected the name of an interface, 1 to %d bytes", value,
                    RULES_INTERFACE - 1);
    strcpy(out, value);
    return 0;
}

static int take_in(struct reader *r, const char *value)
{
    return take_interface(r, value, r->out->in);
}

static int take_out(struct reader *r, const char *value)
{
    return take_interface(r, value, r->out->out);
}

static int take_mark(struct reader *r, const char *value)
{
    r->out->has_mark = true;
    return take_number(r, "mark", value, UINT32_MAX, &r->out->mark);
}

static int take_mac(struct reader *r, const char *value)
{
    uint8_t *m = r->out->mac;
    int end = 0;
    if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
               &end) != 6 ||
        value[end])
        return fail(r, "\"%s\": expected an Ethernet address, such as 02:00:5e:10:00:01", value);
    r->out->has_mac = true;
    return 0;
}

static int take_pkttype(struct reader *r, const char *value)
{
    static const struct name names[] = {{"unicast", 0}, {"host", 0}, {"broadcast", 1}, {"multicast", 2}};
    uint32_t type = 0;
    int error = take_name(r, value, "kind of destination", NAMES(names), &type);
    r->out->pkttype = (uint8_t)type;
    r->out->has_pkttype = true;
    return error;
}

/* ---- the rest of the header ---- */

static const struct name icmp_types[] = {{"echo-request", 8},
                                         {"ping", 8},
                                         {"echo-reply", 0},
                                         {"pong", 0},
                                         {"time-exceeded", 11},
                                         {"redirect", 5},
                                         {"destination-unreachable", 3}};
static const struct name icmpv6_types[] = {{"echo-request", 128},
                                           {"ping", 128},
                                           {"echo-reply", 129},
                                           {"pong", 129},
                                           {"destination-unreachable", 1},
                                           {"packet-too-big", 2},
                                           {"time-exceeded", 3},
                                           {"neighbour-solicitation", 135},
                                           {"neighbour-advertisement", 136}};

/* Which of the two: icmp is said for both, so the addresses tell too. */
static bool find_type(const struct reader *r, const char *word, uint32_t *ret)
{
    const struct packet_recipe *recipe = &r->out->recipe;
    if (recipe->protocol == PACKET_ICMPV6 || recipe->family == PACKET_IPV6)
        return find_name(word, NAMES(icmpv6_types), ret);
    return find_name(word, NAMES(icmp_types), ret);
}

static int take_type(struct reader *r, const char *value)
{
    uint32_t type = 0;
    int error = 0;
    if (!find_type(r, value, &type))
        error = isdigit((unsigned char)*value) ? take_number(r, "type", value, 255, &type)
                                               : fail_name(r, value, "ICMP type", NAMES(icmpv6_types));
    r->out->recipe.icmp.type = (uint8_t)type;
    r->out->has_type = true;
    return error;
}

static int take_code(struct reader *r, const char *value)
{
    uint32_t code = 0;
    int error = take_number(r, "code", value, 255, &code);
    r->out->recipe.icmp.code = (uint8_t)code;
    return error;
}

static int take_ttl(struct reader *r, const char *value)
{
    uint32_t ttl = 0;
    int error = take_number(r, "ttl", value, 255, &ttl);
    r->out->recipe.ttl = (uint8_t)ttl;
    return error;
}

static int take_tos(struct reader *r, const char *value)
{
    uint32_t tos = 0;
    int error = take_number(r, "tos", value, 255, &tos);
    r->out->recipe.tos = (uint8_t)tos;
    return error;
}

static int take_length(struct reader *r, const char *value)
{
    uint32_t length = 0;
    int error = take_number(r, "length", value, 65535, &length);
    r->out->length = (uint16_t)length;
    return error;
}

static int take_nothing(struct reader *r, const char *value)
{
    (void)r;
    (void)value;
    return 0;
}

/* ---- the line ---- */

struct option {
    const char *name;    /* "state" in "state=new" and "state new" */
    const char *dash[3]; /* as iptables spells it */
    int (*take)(struct reader *r, const char *value);
};

static const struct option options[] = {
    {"protocol", {"-p", "--protocol", "--proto"}, take_protocol},
    {"source", {"-s", "--source", "--src"}, take_source},
    {"destination", {"-d", "--destination", "--dst"}, take_destination},
    {"sport", {"--sport", "--source-port"}, take_sport},
    {"dport", {"--dport", "--destination-port"}, take_dport},
    {"in", {"-i", "--in-interface"}, take_in},
    {"out", {"-o", "--out-interface"}, take_out},
    {"state", {"--state", "--ctstate"}, take_state},
    {"dir", {"--ctdir"}, take_direction},
    {"flags", {"--flags"}, take_flags},
    {"type", {"--icmp-type", "--icmpv6-type"}, take_type},
    {"code", {"--icmp-code"}, take_code},
    {"hook", {"--hook"}, take_hook},
    {"mark", {"--mark"}, take_mark},
    {"mac", {"--mac-source"}, take_mac},
    {"pkttype", {"--pkt-type"}, take_pkttype},
    {"ttl", {"--ttl-eq", "--hl-eq", "--ttl"}, take_ttl},
    {"tos", {"--tos"}, take_tos},
    {"length", {"--length"}, take_length},
    {"-m", {"-m", "--match"}, take_nothing}, /* the name of a match says nothing about a packet */
};

static const struct option *find_option(const char *word)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcasecmp(word, options[i].name) == 0)
            return &options[i];
        for (size_t k = 0; k < 3 && options[i].dash[k]; k++) {
            if (strcmp(word, options[i].dash[k]) == 0)
                return &options[i];
        }
    }
    return NULL;
}

/* All the words that may stand alone or before a value, for the nearest one. */
static int fail_word(const struct reader *r)
{
    struct name known[48];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) - 1; i++)
        known[count++] = (struct name){options[i].name, 0};
    for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
        known[count++] = flag_names[i];
    if (!r->is_protocol_said) {
        for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
            known[count++] = protocols[i];
    }
    return fail_name(r, r->word, "word of this language", known, count);
}

static bool looks_like_end(const char *word)
{
    return *word == '[' || strpbrk(word, ".:");
}

static int read_option(struct reader *r, const struct option *option, const char *value)
{
    char name[WORD];
    if (value)
        return option->take(r, value);
    snprintf(name, sizeof(name), "%s", r->word);
    int more = next_word(r);
    if (more < 0)
        return more;
    if (more == 0 || arrow_length(r->word))
        return fail(r, "\"%s\" wants a value after it", name);
    return option->take(r, r->word);
}

static int read_word(struct reader *r, bool *is_behind_arrow)
{
    uint8_t flags;
    uint32_t number;
    char *equals = strchr(r->word, '=');
    if (arrow_length(r->word)) {
        if (*is_behind_arrow || !r->out->has_source)
            return fail(r, "an arrow stands between two addresses: 192.0.2.1:40000 > 192.0.2.2:22");
        *is_behind_arrow = true;
        return 0;
    }
    if (strcmp(r->word, "--syn") == 0)
        return take_flags(r, "syn");
    if (equals)
        *equals = '\0';
    const struct option *option = find_option(r->word);
    if (option)
        return read_option(r, option, equals ? equals + 1 : NULL);
    if (equals)
        return fail_word(r);
    if (!r->is_protocol_said && (find_name(r->word, NAMES(protocols), &number) ||
                                 (read_number(r->word, 255, &number) && !r->out->has_source)))
        return take_protocol(r, r->word);
    if (read_flags(r->word, &flags))
        return take_flags(r, r->word);
    if (find_type(r, r->word, &number))
        return take_type(r, r->word);
    if (!r->out->has_source && !*is_behind_arrow && looks_like_end(r->word))
        return take_source(r, r->word);
    if (!r->out->has_destination && looks_like_end(r->word))
        return take_destination(r, r->word);
    return fail_word(r);
}

/* ICMP's family follows from the addresses; a person may say icmp for both. */
static int check(struct reader *r)
{
    struct packet_words *w = r->out;
    bool ports = packet_has_ports(w->recipe.protocol);
    if (!r->is_protocol_said)
        return fail(r, "no protocol: begin with tcp, udp, icmp... (tcp 198.51.100.7:40000 > 192.0.2.1:22)");
    if (!w->has_source || !w->has_destination)
        return fail(r, "the %s address is missing: write FROM:PORT > TO:PORT",
                    w->has_source ? "destination" : "source");
    if (w->recipe.protocol == PACKET_ICMP && w->recipe.family == PACKET_IPV6)
        w->recipe.protocol = PACKET_ICMPV6;
    if (w->recipe.protocol == PACKET_ICMPV6 && w->recipe.family == PACKET_IPV4)
        return fail(r, "ICMPv6 between IPv4 addresses; write icmp");
    if (ports && !w->has_destination_port)
        return fail(r, "the destination's port is missing: write it after the address, as in 192.0.2.1:22");
    if (!ports && (w->has_source_port || w->has_destination_port))
        return fail(r, "this protocol has no ports");
    if (w->has_flags && w->recipe.protocol != PACKET_TCP)
        return fail(r, "only tcp has flags");
    if (w->has_path && w->path == WALL_IN && w->out[0])
        return fail(r, "hook=input and out=: what comes in for this machine leaves by no interface");
    if (w->has_path && w->path == WALL_OUT && w->in[0])
        return fail(r, "hook=output and in=: what this machine sends came in by no interface");
    bool icmp = w->recipe.protocol == PACKET_ICMP || w->recipe.protocol == PACKET_ICMPV6;
    if (w->has_type && !icmp)
        return fail(r, "only icmp has a type");
    return 0;
}

static int read_line(const char *line, struct packet_words *ret, char **message)
{
    struct packet_words words = {.recipe = {.window_scale = -1}};
    struct reader r = {.line = line, .at = line, .out = &words, .message = message};
    bool is_behind_arrow = false;
    int result;
    while ((result = next_word(&r)) == 1) {
        result = read_word(&r, &is_behind_arrow);
        if (result < 0)
            break;
    }
    if (result == 0)
        result = check(&r);
    if (result < 0)
        return result;
    *ret = words;
    return 0;
}

int packet_words_read(const char *line, struct packet_words *ret, char **message)
{
    char *words = NULL;

    if (!packet_log_is(line))
        return read_line(line, ret, message);
    int error = packet_log_words(line, &words, message);
    if (error == 0)
        error = read_line(words, ret, message);
    free(words);
    return error;
}
