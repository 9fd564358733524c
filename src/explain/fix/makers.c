/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways of repairing an FTP session: what each does about a packet that is lost. */
#include "explain/fix/makers.h"
#include "explain/fix/manager.h"
#include "explain/fix/nft.h"
#include "explain/play/session.h"
#include "explain/play/world.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIX_FIRST_PORT = 10090, /* the range that is proposed to a server that has none */
    FIX_LAST_PORT = 10100,
    FIX_WORDS = 400,
};

/* ---- where a rule goes, and what it says ---- */

/* Before the rule that decided, or at the end of a chain whose policy did. */
static void place_before(const struct story_step *step, char *out, size_t size)
{
    bool is_filter = strcmp(step->rule.table, "filter") == 0;
    const char *option = is_filter ? "" : "-t ", *table = is_filter ? "" : step->rule.table;
    const char *space = is_filter ? "" : " ";
    if (step->rule.number > 0)
        snprintf(out, size, "%s%s%s-I %s %u", option, table, space, step->rule.chain, step->rule.number);
    else
        snprintf(out, size, "%s%s%s-A %s", option, table, space, step->rule.chain);
}

/* " -d 192.168.0.18" where the firewall stands between more machines than these two; side is where the server
 * is in the rule: -d for what the client sends. */
static void name_server(const struct fix_attempt *a, enum story_lane from, bool always, char *out,
                        size_t size)
{
    char text[64];
    out[0] = '\0';
    if (!always && a->play.where == STORY_AT_SERVER)
        return;
    packet_address_format(&a->play.server, a->play.family, text);
    snprintf(out, size, " %s %s", from == STORY_CLIENT ? "-d" : "-s", text);
}

static const char *protocol_word(const struct fix_attempt *a)
{
    return a->play.protocol ? packet_protocol_name(a->play.protocol) : "tcp";
}

/* Accepts what from sends on connections whose server side has one of these ports, whatever their state. */
static int accept_ports(struct fix_attempt *a, const struct story_step *step, struct rules_range16 ports)
{
    char place[96], server[96], range[16];
    int managed = fix_manager_accept_ports(a, step, ports);
    if (managed != -ENOENT)
        return managed;
    if (fix_nft_decides(step))
        return fix_nft_accept_ports(a, step, ports);
    place_before(step, place, sizeof(place));
    name_server(a, step->from, false, server, sizeof(server));
    if (ports.first == ports.last)
        snprintf(range, sizeof(range), "%u", ports.first);
    else
        snprintf(range, sizeof(range), "%u:%u", ports.first, ports.last);
    return fix_command(a, "%s%s -p %s %s %s -j ACCEPT", place, server, protocol_word(a),
                       step->from == STORY_CLIENT ? "--dport" : "--sport", range);
}

/* Accepts echo requests, or the replies, whatever their state. */
static int accept_echo(struct fix_attempt *a, const struct story_step *step)
{
    char place[96], server[96];
    const char *what = step->from == STORY_CLIENT ? "echo-request" : "echo-reply";
    if (fix_nft_decides(step))
        return fix_nft_accept_echo(a, step);
    place_before(step, place, sizeof(place));
    name_server(a, step->from, false, server, sizeof(server));
    return fix_command(a,
                       a->play.protocol == PACKET_ICMPV6 ? "%s%s -p ipv6-icmp --icmpv6-type %s -j ACCEPT"
                                                         : "%s%s -p icmp --icmp-type %s -j ACCEPT",
                       place, server, what);
}

int fix_admit_neighbours(struct fix_attempt *a, const struct story_step *step)
{
    char place[96];
    if (!step->rule.chain)
        return -ENOENT;
    a->deeds |= 1U << FIX_NEIGHBOURS;
    if (fix_nft_decides(step))
        return fix_nft_accept_neighbours(a, step);
    place_before(step, place, sizeof(place));
    int error = fix_command(a, "%s -p ipv6-icmp --icmpv6-type 135 -j ACCEPT", place);
    return error ? error : fix_command(a, "%s -p ipv6-icmp --icmpv6-type 136 -j ACCEPT", place);
}

static int accept_states(struct fix_attempt *a, const struct story_step *step, bool related)
{
    char place[96];
    a->deeds |= 1U << (related ? FIX_STATE : FIX_ANSWERS);
    if (fix_nft_decides(step))
        return fix_nft_accept_states(a, step, related);
    place_before(step, place, sizeof(place));
    return fix_command(a, "%s -m conntrack --ctstate %sESTABLISHED -j ACCEPT", place,
                       related ? "RELATED," : "");
}

static bool is_raw(const struct story_step *step)
{
    return strcmp(step->rule.table, "raw") == 0;
}

/* What is the same for all: the control channel (or the one connection), and what belongs to connections that
 * are open. */
int fix_admit_common(struct fix_attempt *a, const struct story_step *step)
{
    struct rules_range16 control = {a->play.server_port, a->play.server_port};
    bool is_known = step->state == TRACK_ESTABLISHED || step->state == TRACK_RELATED;
    if (is_known && !is_raw(step))
        return accept_states(a, step, step->state == TRACK_RELATED);
    if (step->channel == STORY_DATA)
        return -ENOENT;
    if (a->play.protocol == PACKET_ICMP || a->play.protocol == PACKET_ICMPV6) {
        a->deeds |= 1U << FIX_PING;
        return accept_echo(a, step);
    }
    a->deeds |= 1U << FIX_OPEN_CONTROL;
    return accept_ports(a, step, control);
}

/* ---- the helper, and RELATED ---- */

/* Where rules map connections, NAT's helper has to write the addresses into what is said. */
static bool has_nat(const struct fix_attempt *a)
{
    const struct rules_table *nat = &a->rules->tables[RULES_NAT];
    for (size_t c = 0; c < nat->count; c++) {
        for (size_t i = 0; i < nat->chains[c]->count; i++) {
            if (rules_target_is_nat(&nat->chains[c]->rules[i].target))
                return true;
        }
    }
    return false;
}

static int assign_helper(struct fix_attempt *a)
{
    char server[96];
    if (a->deeds & (1U << FIX_HELPER) || a->play.tls)
        return -ENOENT; /* it is there already and did not help, or it can't read what is said */
    name_server(a, STORY_CLIENT, false, server, sizeof(server));
    a->deeds |= 1U << FIX_HELPER;
    a->note = SAID(FIX_NOTE_PLAIN_TEXT);
    struct track_config config;
    play_config(&a->play, &config);
    if (has_nat(a) && config.nat_ftp != TRACK_NAT_FTP_LOADED && fix_configure(a, "modprobe nf_nat_ftp") < 0)
        return -ENOMEM;
    a->play.nat_ftp = TRACK_NAT_FTP_LOADED;
    if (fix_nft_is_all(a->rules))
        return fix_nft_helper(a);
    return fix_command(a, "-t raw -I %s%s -p tcp --dport %u -j CT --helper ftp",
                       a->play.where == STORY_AT_CLIENT || play_is_local(&a->play) ? "OUTPUT" : "PREROUTING",
                       server, a->play.server_port);
}

static int helper_admit(struct fix_attempt *a, const struct story_step *step)
{
    if ((step->channel == STORY_DATA && step->state == TRACK_NEW) || step->fate == WALL_PASS)
        return assign_helper(a);
    if (step->state == TRACK_RELATED)
        a->note = SAID(FIX_NOTE_PLAIN_TEXT);
    return fix_admit_common(a, step);
}

static bool always_suits(const struct fix_attempt *a)
{
    (void)a;
    return true;
}

/* ---- lifting the port limit of a state rule ---- */

static bool is_port_option(const char *word)
{
    static const char *const names[] = {
        "--dport",        "--sport",
        "--dports",       "--sports",
        "--ports",        "--destination-port",
        "--source-port",  "--destination-ports",
        "--source-ports",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(word, names[i]) == 0)
            return true;
    }
    return false;
}

/* The rule without its ports; "!" and the name of an emptied match go with them. out: as long as text. */
static bool without_ports(const char *text, char *out)
{
    char copy[FIX_WORDS], *save = NULL;
    bool found = false, skip = false, inverted = false;
    if (strlen(text) >= sizeof(copy) || strchr(text, '"'))
        return false; /* words in quotes are left to a person */
    strcpy(copy, text);
    out[0] = '\0';
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        bool is_not = strcmp(word, "!") == 0;
        if (skip || is_port_option(word)) {
            found |= !skip;
            skip = !skip;
            inverted = false;
            continue;
        }
        if (inverted)
            strcat(out, "! ");
        inverted = is_not;
        if (is_not)
            continue;
        strcat(out, word);
        strcat(out, " ");
    }
    static const char *const emptied[] = {"-m multiport ", "-m tcp "};
    for (size_t i = 0; i < 2; i++) {
        char *at = strstr(out, emptied[i]);
        if (at)
            memmove(at, at + strlen(emptied[i]), strlen(at + strlen(emptied[i])) + 1);
    }
    return found;
}

/* The last state rule for packets like this one that asks for ports. Whether it was they that did not hold is seen
 * when the session is played without them. */
static const struct story_rule *limited_rule(const struct story_step *step)
{
    for (size_t i = step->looked_count; i-- > 0;) {
        const struct story_looked *l = &step->looked[i];
        bool is_filter = strcmp(l->rule.table, "filter") == 0;
        if (l->answer == VERDICT_NO && is_filter && l->asks_ports && l->accepts_states >> step->state & 1)
            return &l->rule;
    }
    return NULL;
}

static int widen_admit(struct fix_attempt *a, const struct story_step *step)
{
    char text[FIX_WORDS + 8];
    const struct story_rule *rule = limited_rule(step);
    if (step->channel == STORY_DATA && step->state == TRACK_NEW)
        return assign_helper(a);
    if (!rule || !without_ports(rule->text, text) || strncmp(text, "-A ", 3) != 0)
        return fix_admit_common(a, step);
    const char *chain = text + 3, *rest = strchr(chain, ' ');
    if (!rest)
        return -ENOENT;
    a->deeds |= 1U << FIX_WIDEN;
    a->note = SAID(FIX_NOTE_WIDEN);
    int length = (int)strcspn(rest + 1, "");
    while (length > 0 && rest[length] == ' ')
        length--;
    return fix_command(a, "-R %.*s %u %.*s", (int)(rest - chain), chain, rule->number, length, rest + 1);
}

/* ---- passive ports ---- */

static bool passive_suits(const struct fix_attempt *a)
{
    return !session_is_active(a->play.mode);
}

/* The server's configuration is not the client's to change. */
static bool server_suits(const struct fix_attempt *a)
{
    return passive_suits(a) && a->play.where != STORY_AT_CLIENT;
}

static int configure_range(struct fix_attempt *a, struct rules_range16 range)
{
    a->play.passive_ports = range;
    int error = fix_configure(a, "pasv_min_port=%u", range.first);
    return error ? error : fix_configure(a, "pasv_max_port=%u", range.last);
}

static int one_port_prepare(struct fix_attempt *a)
{
    uint16_t port = a->knows_range ? a->play.passive_ports.first : FIX_FIRST_PORT;
    a->range = (struct rules_range16){port, port};
    a->deeds |= 1U << FIX_ONE_PORT;
    a->note = SAID(FIX_NOTE_ONE_PORT);
    return configure_range(a, a->range);
}

static int range_prepare(struct fix_attempt *a)
{
    a->deeds |= 1U << FIX_RANGE;
    a->range = a->play.passive_ports;
    if (a->knows_range)
        return 0;
    a->range = (struct rules_range16){FIX_FIRST_PORT, FIX_LAST_PORT};
    a->note = SAID(FIX_NOTE_RANGE);
    return configure_range(a, a->range);
}

static bool every_port_suits(const struct fix_attempt *a)
{
    return passive_suits(a) && !a->knows_range;
}

static bool range_suits(const struct fix_attempt *a)
{
    return passive_suits(a) && (a->knows_range || a->play.where != STORY_AT_CLIENT);
}

static int every_port_prepare(struct fix_attempt *a)
{
    a->deeds |= 1U << FIX_RANGE;
    a->range = a->play.passive_ports;
    a->note = a->play.where == STORY_AT_CLIENT ? SAID(FIX_NOTE_EVERY_PORT_CLIENT) : SAID(FIX_NOTE_EVERY_PORT);
    return 0;
}

static int range_admit(struct fix_attempt *a, const struct story_step *step)
{
    bool is_answer = step->state == TRACK_ESTABLISHED && !is_raw(step);
    if (step->channel == STORY_DATA && !(is_answer && step->from == STORY_SERVER))
        return accept_ports(a, step, a->range);
    return fix_admit_common(a, step);
}

/* ---- active data connections, which come from port 20 ---- */

/* From the port that was said; if none was, the server is made to use one, where that can be done. */
static bool port_20_suits(const struct fix_attempt *a)
{
    struct rules_range16 ports = a->play.data_ports;
    return session_is_active(a->play.mode) &&
           (ports.last ? ports.first == ports.last : a->play.where != STORY_AT_CLIENT);
}

static int port_20_prepare(struct fix_attempt *a)
{
    if (a->play.data_ports.last)
        return 0;
    a->play.data_ports = (struct rules_range16){20, 20};
    a->deeds |= 1U << FIX_SEND_FROM;
    a->note = SAID(FIX_NOTE_SEND_FROM);
    return fix_configure(a, "connect_from_port_20=YES");
}

static int port_20_admit(struct fix_attempt *a, const struct story_step *step)
{
    struct rules_range16 ports = a->play.data_ports;
    char place[96], server[96];
    if (step->channel != STORY_DATA)
        return fix_admit_common(a, step);
    if (step->from == STORY_CLIENT || a->play.where == STORY_AT_SERVER) {
        a->deeds |= 1U << FIX_PORT_20;
        return accept_ports(a, step, ports);
    }
    if (fix_nft_decides(step))
        return -ENOENT;
    place_before(step, place, sizeof(place));
    name_server(a, STORY_SERVER, true, server, sizeof(server));
    a->deeds |= 1U << FIX_FROM_20;
    if (!a->note)
        a->note = SAID(FIX_NOTE_FROM_20);
    return fix_command(a, "%s%s -p tcp --sport %u --dport 1024:65535 -j ACCEPT", place, server, ports.first);
}

/* ---- a range that the rules admit already ---- */

static bool configure_suits(const struct fix_attempt *a)
{
    return server_suits(a) && !a->outcomes->parts.is_sampled;
}

/* Of neighbouring parts that work the longest row. */
static int configure_prepare(struct fix_attempt *a)
{
    const struct play_parts *parts = &a->outcomes->parts;
    struct rules_range16 best = {0}, row = {0};
    for (size_t i = 0; i < parts->count; i++) {
        if (a->outcomes->outcome[i] != STORY_WORKS) {
            row = (struct rules_range16){0};
            continue;
        }
        if (row.last == 0)
            row.first = parts->part[i].first;
        row.last = parts->part[i].last;
        if (row.last - row.first >= best.last - best.first)
            best = row;
    }
    if (best.last == 0)
        return -ENOENT;
    a->deeds |= 1U << FIX_CONFIGURE;
    a->range = best;
    a->note = SAID(FIX_NOTE_CONFIGURE);
    return configure_range(a, best);
}

static int configure_admit(struct fix_attempt *a, const struct story_step *step)
{
    (void)a;
    (void)step;
    return -ENOENT;
}

const struct fix_maker fix_ftp_makers[] = {
    {always_suits, NULL, helper_admit, false, true},
    {always_suits, NULL, widen_admit, true},
    {configure_suits, configure_prepare, configure_admit, false},
    {server_suits, one_port_prepare, range_admit, false},
    {range_suits, range_prepare, range_admit, false},
    {every_port_suits, every_port_prepare, range_admit, false},
    {port_20_suits, port_20_prepare, port_20_admit, false},
};
const size_t fix_ftp_maker_count = sizeof(fix_ftp_makers) / sizeof(fix_ftp_makers[0]);
