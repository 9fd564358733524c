/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/make.h"
#include "explain/near/ask.h"
#include "packet/decode.h"
#include "rules/nft/nft.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- growing ---- */

/* Room for one more element. Exact, so that whoever makes a story may also grow its arrays by himself. */
static void *grow(void *array, size_t count, size_t size)
{
    return reallocarray(array, count + 1, size);
}

struct story_step *story_step_add(struct story *s)
{
    struct story_step *steps = grow(s->steps, s->step_count, sizeof(*steps));
    if (!steps)
        return NULL;
    s->steps = steps;
    struct story_step *step = &steps[s->step_count];
    *step = (struct story_step){.number = (uint32_t)++s->step_count};
    return step;
}

static char *format_list(const char *format, va_list list)
{
    char *text = NULL;
    return vasprintf(&text, format, list) < 0 ? NULL : text;
}

char *story_format(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    return text;
}

int story_event_add(struct story_step *step, enum track_event_type type, enum track_reason reason,
                    const char *format, ...)
{
    struct story_event *events = grow(step->events, step->event_count, sizeof(*events));
    if (!events)
        return -ENOMEM;
    step->events = events;
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    if (!text)
        return -ENOMEM;
    events[step->event_count++] = (struct story_event){.type = type, .reason = reason, .text = text};
    return 0;
}

static bool has_note(const struct story *s, const char *text)
{
    for (size_t i = 0; i < s->note_count; i++) {
        if (strcmp(s->notes[i], text) == 0)
            return true;
    }
    return false;
}

int story_note_take(struct story *s, char *text)
{
    if (!text)
        return -ENOMEM;
    if (has_note(s, text)) {
        free(text);
        return 0;
    }
    char **notes = grow(s->notes, s->note_count, sizeof(*notes));
    if (!notes) {
        free(text);
        return -ENOMEM;
    }
    s->notes = notes;
    notes[s->note_count++] = text;
    return 0;
}

int story_note_add(struct story *s, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    return story_note_take(s, text);
}

struct story_task *story_task_add(struct story *s, const char *name)
{
    struct story_task *tasks = grow(s->tasks, s->task_count, sizeof(*tasks));
    if (!tasks)
        return NULL;
    s->tasks = tasks;
    char *copy = strdup(name);
    if (!copy)
        return NULL;
    struct story_task *task = &tasks[s->task_count++];
    *task = (struct story_task){.name = copy};
    return task;
}

/* Room for one more of those that were looked at. */
static bool grow_looked(struct story_step *step)
{
    size_t count = step->looked_count;
    if ((count & (count - 1)) != 0) /* full at each power of two: there may be thousands */
        return true;
    struct story_looked *looked = reallocarray(step->looked, count ? count * 2 : 1, sizeof(*looked));
    if (!looked)
        return false;
    step->looked = looked;
    return true;
}

int story_looked_add(struct story_step *step, const struct rules *r, enum rules_table_type table,
                     const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number,
                     enum verdict_answer answer)
{
    struct story_looked one = {.answer = answer};
    if (!grow_looked(step))
        return -ENOMEM;
    near_classify(rule, r->family, &one.accepts_states, &one.asks_ports);
    int error = story_rule_quote(&one.rule, r, table, chain, rule, number);
    if (error)
        return error;
    step->looked[step->looked_count++] = one;
    return 0;
}

int story_nft_looked_add(struct story_step *step, const struct nft_rule *rule, enum verdict_answer answer)
{
    struct story_looked one = {.answer = answer};
    if (!grow_looked(step))
        return -ENOMEM;
    int error = story_nft_quote(&one.rule, rule->chain, rule);
    if (error)
        return error;
    step->looked[step->looked_count++] = one;
    return 0;
}

/* ---- rules ---- */

static char *policy_text(const struct rules_chain *chain)
{
    if (chain->undeclared)
        return story_format(":%s is not declared", chain->name);
    return story_format("-P %s %s", chain->name, chain->policy == RULES_POLICY_DROP ? "DROP" : "ACCEPT");
}

int story_rule_quote(struct story_rule *ret, const struct rules *r, enum rules_table_type table,
                     const struct rules_chain *chain, const struct rules_rule *rule, uint32_t number)
{
    struct story_rule quoted = {.number = rule ? number : 0, .line = rule ? rule->line : 0};
    if (!chain) {
        *ret = (struct story_rule){0};
        return 0;
    }
    const struct rules *of = r->other && !rules_has_chain(r, chain) ? r->other : r;
    quoted.table = of->back_end ? story_format("%s %s", of->back_end, rules_table_name(table))
                                : strdup(rules_table_name(table));
    quoted.chain = strdup(chain->name);
    if (rule)
        quoted.text = rules_rule_text(r, chain, rule);
    else
        quoted.text = policy_text(chain);
    if (!quoted.table || !quoted.chain || !quoted.text) {
        story_rule_clear(&quoted);
        return -ENOMEM;
    }
    *ret = quoted;
    return 0;
}

int story_nft_quote(struct story_rule *ret, const struct nft_chain *chain, const struct nft_rule *rule)
{
    struct story_rule quoted = {.number = rule ? rule->number : 0};
    char *text = rule ? nft_rule_text(rule) : nft_chain_text(chain);
    quoted.table =
        story_format("%s %s", nft_family_name((enum nft_family)chain->table->family), chain->table->name);
    quoted.chain = strdup(chain->name);
    if (text && rule)
        quoted.text = story_format("%s # handle %llu", text, (unsigned long long)rule->handle);
    else if (text)
        quoted.text = strdup(text);
    free(text);
    if (!quoted.table || !quoted.chain || !quoted.text) {
        story_rule_clear(&quoted);
        return -ENOMEM;
    }
    *ret = quoted;
    return 0;
}

int story_verdict_quote(struct story_rule *ret, const struct rules *r, enum rules_table_type table,
                        const struct verdict *v)
{
    if (v->nft_chain)
        return story_nft_quote(ret, v->nft_chain, v->nft_rule);
    return story_rule_quote(ret, r, table, v->chain, v->rule, v->number);
}

void story_rule_clear(struct story_rule *rule)
{
    free(rule->table);
    free(rule->chain);
    free(rule->text);
    *rule = (struct story_rule){0};
}

void story_near_clear(struct story_near *near)
{
    story_rule_clear(&near->rule);
    story_rule_clear(&near->other);
    for (size_t i = 0; i < near->but_count; i++)
        free(near->but[i]);
    free(near->but);
    free(near->text);
    *near = (struct story_near){0};
}

/* What is not known, by how its text begins, and who would know; NULL: the counters of mangle's rules. */
#define SHAPE "tcpdump -nv, which shows length, TTL and TOS; here --packet with ttl=, tos= and length="
static const struct {
    const char *because, *ask;
} knowers[] = {
    {"where the connection is sent", "conntrack -E, while the client connects"},
    {"where the connection was sent", "conntrack -L"},
    {"the address or port that NAT", "conntrack -L"},
    {"whether nf_nat_ftp is loaded", "lsmod, and here --nat-helper yes or no"},
    {"what became of an earlier packet", "conntrack -E, while the client connects"},
    {"the members of a set", "ipset save > SETS, and here --sets SETS"},
    {"the counters of a set", "ipset list"},
    {"the interface that the packet comes in by", "ip route get, with the sender's address; here --in"},
    {"the interface that the packet leaves by", "ip route get, with the receiver's address; here --out"},
    {"the mark of the packet", NULL},
    {"the length of the packet", SHAPE},
    {"the TTL of the packet", SHAPE},
    {"the TOS field of the packet", SHAPE},
    {"the TTL that", NULL},
    {"options of the TCP header", "tcpdump -nv, which shows them"},
    {"the TCP header, which", NULL},
    {"bytes of the packet, which", NULL},
    {"the mark of the connection", "conntrack -L"},
    {"how many connections", "conntrack -L"},
    {"which addresses a recent list holds", "head /proc/net/xt_recent/*"},
    {"what kind of address", "ip address; ip route"},
    {"the way that routes lead", "sallywall snapshot > FILE, there; here FILE"},
    {"the owner of the socket", "ss -tlpe"},
    {"the port of a bridge", "bridge fdb"},
};

/* Else the counters of the rules themselves. */
static char *who_knows_because(const char *because, const char *prefix, enum rules_table_type table)
{
    for (size_t i = 0; i < sizeof(knowers) / sizeof(knowers[0]); i++) {
        const char *ask = knowers[i].ask;
        if (strncmp(because, knowers[i].because, strlen(knowers[i].because)) != 0)
            continue;
        return ask ? strdup(speech_of(ask)) : PHRASE(SEE_COUNTERS, prefix, "mangle");
    }
    return PHRASE(SEE_COUNTERS, prefix, rules_table_name(table));
}

/* The same of a rule of nft's, which may have a counter. */
static char *who_knows_of_nft(const struct verdict *v)
{
    const struct nft_chain *chain = v->nft_chain;
    for (size_t i = 0; v->because && i < sizeof(knowers) / sizeof(knowers[0]); i++) {
        const char *ask = knowers[i].ask;
        if (ask && strncmp(v->because, knowers[i].because, strlen(knowers[i].because)) == 0)
            return strdup(speech_of(ask));
    }
    return story_format("nft list chain %s %s %s", nft_family_name((enum nft_family)chain->table->family),
                        chain->table->name, chain->name);
}

/* Who would know what is UNKNOWN here. */
static char *who_knows(const struct rules *r, const struct wall_report *report)
{
    const struct verdict *v = &report->verdict;
    const char *prefix = r->family == PACKET_IPV6 ? "ip6tables" : "iptables";

    if (report->stage == WALL_BY_BESIDE)
        return strdup(report->beside->command);
    if (v->nft_chain)
        return who_knows_of_nft(v);
    if (v->chain && v->chain->undeclared && !v->rule)
        return story_format("%s-save -t %s", prefix, rules_table_name(report->table));
    return v->because ? who_knows_because(v->because, prefix, report->table) : NULL;
}

/* The address that routes were asked about. */
static int judge_route(struct story_step *step, const struct wall_report *report)
{
    const struct packet *p = &report->packet;
    char address[64];

    packet_address_format(&p->destination, p->family, address);
    if (report->fate != WALL_UNKNOWN) {
        step->cause = PHRASE(REASON_ROUTE, address, speech_of(report->way.why));
        return step->cause ? 0 : -ENOMEM;
    }
    const char *lacks = report->way.lacks ? speech_of(report->way.lacks) : SAID(ROUTE_NOT_SAID);
    step->because = PHRASE(ROUTE_UNKNOWN, address, lacks);
    step->ask = story_format("ip route get %s", address);
    return step->because && step->ask ? 0 : -ENOMEM;
}

static int judge_unknown(struct story_step *step, const struct rules *r, const struct wall_report *report)
{
    const char *because = report->verdict.because;

    if (report->stage == WALL_BY_BESIDE)
        step->because = PHRASE(NOT_EVALUATED, report->beside->what);
    else if (because)
        step->because = strdup(because);
    else
        return 0;
    step->ask = who_knows(r, report);
    return step->because && step->ask ? 0 : -ENOMEM;
}

static int judge_cause(struct story_step *step, const struct verdict *v)
{
    step->cause = strdup(speech_of(v->because));
    return step->cause ? 0 : -ENOMEM;
}

/* What an end was mapped to, as far as that is known. */
static char *mapped_text(const struct track_flow *flow, enum nat_manip manip)
{
    const struct track_tuple *reply = &flow->reply;
    bool source = manip == NAT_SOURCE,
         any_port = flow->status & (source ? TRACK_SRC_PORT_OPEN : TRACK_DST_PORT_OPEN);
    const struct packet_address *a = source ? &reply->destination : &reply->source;
    uint16_t port = source ? reply->destination_port : reply->source_port;
    char *address = story_end_text(a, reply->family, 0), *text;

    if (!any_port || track_is_icmp(reply->protocol))
        text = story_end_text(a, reply->family, track_is_icmp(reply->protocol) ? 0 : port);
    else
        text = address ? story_format(reply->family == PACKET_IPV6 ? "[%s]:*" : "%s:*", address) : NULL;
    free(address);
    return text;
}

/* One end was mapped by a rule. */
static int tell_mapping(struct story_step *step, const struct rules *r, const struct wall_report *report,
                        enum nat_manip manip)
{
    static const enum speech_phrase phrases[2][2] = {
        [NAT_SOURCE] = {SPEECH_MAPPED_SOURCE, SPEECH_MAPPED_SOURCE_OWN},
        [NAT_DESTINATION] = {SPEECH_MAPPED_DESTINATION, SPEECH_MAPPED_DESTINATION_OWN}};
    static const uint16_t
        addresses[2] = {[NAT_SOURCE] = TRACK_SRC_ADDRESS_OPEN, [NAT_DESTINATION] = TRACK_DST_ADDRESS_OPEN},
        ports[2] = {[NAT_SOURCE] = TRACK_SRC_PORT_OPEN, [NAT_DESTINATION] = TRACK_DST_PORT_OPEN};
    const struct wall_mapping *m = &report->mapped[manip];
    bool own = report->flow.status & addresses[manip];
    struct story_rule rule = {0};
    int error = story_verdict_quote(&rule, r, RULES_NAT, &m->verdict);
    char *place = error ? NULL : story_place(&rule), *end = mapped_text(&report->flow, manip);
    char *text = place && end
                     ? speech_new(phrases[manip][own], 3, (const char *const[]){end, place, rule.text})
                     : NULL;

    error = text ? story_event_add(step, TRACK_FLOW_MAPPED, TRACK_OK, "%s", text) : -ENOMEM;
    if (!error)
        step->events[step->event_count - 1].is_open = own || report->flow.status & ports[manip];
    free(text);
    free(end);
    free(place);
    story_rule_clear(&rule);
    return error;
}

static int judge_mapping(struct story_step *step, const struct rules *r, const struct wall_report *report)
{
    const struct packet *p = &report->packet;
    int error = 0;

    for (int manip = NAT_SOURCE; manip <= NAT_DESTINATION && !error; manip++)
        error = report->is_mapped[manip] ? tell_mapping(step, r, report, manip) : 0;
    if (error || !p->family || !step->source)
        return error;
    step->became_source = story_end_text(&p->source, p->family, p->source_port);
    step->became_destination = story_end_text(&p->destination, p->family, p->destination_port);
    if (!step->became_source || !step->became_destination)
        return -ENOMEM;
    if (strcmp(step->source, step->became_source) == 0 &&
        strcmp(step->destination, step->became_destination) == 0) {
        free(step->became_source);
        free(step->became_destination);
        step->became_source = step->became_destination = NULL;
    }
    return 0;
}

int story_step_judge(struct story_step *step, const struct rules *r, const struct wall_report *report)
{
    const struct verdict *v = &report->verdict;
    step->state = report->view.state;
    step->reason = report->reason;
    step->fate = report->fate;
    step->stage = report->stage;
    step->hook = strdup(rules_hook_name(report->hook));
    if (!step->hook)
        return -ENOMEM;
    int error = judge_mapping(step, r, report);
    if (!error && report->stage == WALL_BY_ROUTE)
        return judge_route(step, report);
    if (!error && report->fate == WALL_UNKNOWN)
        error = judge_unknown(step, r, report);
    else if (!error && report->stage == WALL_BY_RULES && v->because)
        error = judge_cause(step, v);
    if (error || report->stage == WALL_BY_CONNTRACK || report->stage == WALL_BY_BESIDE)
        return error;
    error = story_verdict_quote(&step->rule, r, report->table, v);
    return error ? error : story_jumps_quote(step, r);
}

/* ---- words ---- */

char *story_end_text(const struct packet_address *address, uint8_t family, uint16_t port)
{
    bool bracketed = family == PACKET_IPV6 && port != 0;
    char text[64] = "[";
    packet_address_format(address, family, text + bracketed);
    if (port != 0)
        sprintf(text + strlen(text), bracketed ? "]:%u" : ":%u", port);
    return strdup(text);
}

static char *tcp_text(const struct packet *p)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    /* As people say them: SYN ACK, PSH ACK, FIN ACK. */
    static const uint8_t order[] = {1, 0, 2, 3, 4, 5, 6, 7};
    char flags[40] = "";
    for (size_t i = 0; i < sizeof(order); i++) {
        if (!(p->tcp.flags & (1U << order[i])))
            continue;
        if (flags[0])
            strcat(flags, " ");
        strcat(flags, names[order[i]]);
    }
    uint32_t size = packet_payload_size(p);
    const char *said = flags[0] ? flags : SAID(NO_FLAGS);
    if (size == 0)
        return strdup(said);
    return size == 1 ? PHRASE(PACKET_FLAGS_ONE, said, NUMBER(size))
                     : PHRASE(PACKET_FLAGS, said, NUMBER(size));
}

static char *icmp_text(const struct packet *p)
{
    static const struct {
        uint8_t family, type;
        const char *name;
    } names[] = {
        {PACKET_IPV4, 0, "echo reply"},       {PACKET_IPV4, 3, "destination unreachable"},
        {PACKET_IPV4, 5, "redirect"},         {PACKET_IPV4, 8, "echo request"},
        {PACKET_IPV4, 11, "time exceeded"},   {PACKET_IPV4, 12, "parameter problem"},
        {PACKET_IPV6, 1, "unreachable"},      {PACKET_IPV6, 2, "packet too big"},
        {PACKET_IPV6, 3, "time exceeded"},    {PACKET_IPV6, 4, "parameter problem"},
        {PACKET_IPV6, 128, "echo request"},   {PACKET_IPV6, 129, "echo reply"},
        {PACKET_IPV6, 133, "router solicit"}, {PACKET_IPV6, 134, "router advertisement"},
        {PACKET_IPV6, 135, "neighbour ask"},  {PACKET_IPV6, 136, "neighbour answer"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].family == p->family && names[i].type == p->icmp.type)
            return PHRASE(ICMP_NAMED, speech_of(names[i].name));
    }
    return PHRASE(ICMP_TYPE, NUMBER(p->icmp.type), NUMBER(p->icmp.code));
}

char *story_packet_text(const struct packet *p)
{
    if (p->is_fragment)
        return PHRASE(PACKET_FRAGMENT, NUMBER(p->fragment_offset), NUMBER(packet_payload_size(p)));
    if (p->fault == PACKET_SHORT)
        return PHRASE(CUT_HEADER);
    if (p->protocol == PACKET_TCP)
        return tcp_text(p);
    if (p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6)
        return icmp_text(p);
    const char *name = packet_protocol_name(p->protocol);
    if (name)
        return PHRASE(PACKET_FLAGS, name, NUMBER(packet_payload_size(p)));
    return PHRASE(PACKET_PROTOCOL, NUMBER(p->protocol), NUMBER(packet_payload_size(p)));
}

/* " 192.168.0.2:* -> 192.168.0.18:10093" */
static char *expectation_text(const struct track_expectation *e)
{
    char source[64], destination[64];
    packet_address_format(&e->source, e->family, source);
    packet_address_format(&e->destination, e->family, destination);
    return story_format(e->family == PACKET_IPV6 ? " [%s]:* -> [%s]:%u" : " %s:* -> %s:%u", source,
                        destination, e->port);
}

int story_event_text(const struct track_event *event, char **ret)
{
    static const enum speech_phrase phrases[] = {
        [TRACK_EXPECT_NEW] = SPEECH_EXPECTS,
        [TRACK_EXPECT_REPLACED] = SPEECH_EXPECTS_NO_LONGER_NEWER,
        [TRACK_EXPECT_REFRESHED] = SPEECH_EXPECTS_AGAIN,
        [TRACK_EXPECT_USED] = SPEECH_EXPECTED,
        [TRACK_EXPECT_EXPIRED] = SPEECH_EXPECTS_NO_LONGER_TIME,
        [TRACK_EXPECT_REMOVED] = SPEECH_EXPECTS_NO_LONGER_END,
        [TRACK_EXPECT_MISSED] = SPEECH_EXPECTS_NOT,
        [TRACK_PACKET_DROPPED] = SPEECH_HELPER_DROPS_THIS,
    };
    *ret = NULL;
    if (event->type >= sizeof(phrases) / sizeof(phrases[0]) || !phrases[event->type])
        return 0; /* the first phrase, 0, is none of them */
    char *what = event->expectation ? expectation_text(event->expectation) : strdup("");
    char *text = speech_new(phrases[event->type], 1, (const char *const[]){what});
    if (text && event->reason != TRACK_OK)
        *ret = story_format("%s: %s", text, speech_of(track_reason_text(event->reason)));
    else if (text && event->type == TRACK_EXPECT_NEW && event->expectation)
        *ret = PHRASE(EXPECTS_FOR, text, NUMBER((event->expectation->expires - event->now) / 1000));
    else
        *ret = text;
    if (*ret != text)
        free(text);
    free(what);
    return *ret ? 0 : -ENOMEM;
}

const char *story_state_name(enum track_state state)
{
    static const char *const names[] = {
        [TRACK_NONE] = "not tracked",        [TRACK_INVALID] = "INVALID", [TRACK_NEW] = "NEW",
        [TRACK_ESTABLISHED] = "ESTABLISHED", [TRACK_RELATED] = "RELATED", [TRACK_UNTRACKED] = "UNTRACKED",
    };
    return names[state];
}

const char *story_fate_name(enum wall_fate fate)
{
    static const char *const names[] = {
        [WALL_PASS] = "pass", [WALL_DROP] = "drop", [WALL_REJECT] = "reject", [WALL_UNKNOWN] = "unknown"};
    return names[fate];
}

const char *story_outcome_name(enum story_outcome outcome)
{
    static const char *const names[] = {
        [STORY_WORKS] = "works", [STORY_BLOCKED] = "blocked", [STORY_UNKNOWN] = "unknown"};
    return names[outcome];
}

const char *story_mode_name(enum story_mode mode)
{
    static const char *const names[] = {
        [STORY_PASSIVE] = "passive", [STORY_ACTIVE] = "active", [STORY_EPSV] = "epsv", [STORY_EPRT] = "eprt"};
    return names[mode];
}

const char *story_at_name(enum story_at at)
{
    static const char *const names[] = {
        [STORY_AT_SERVER] = "server", [STORY_AT_GATEWAY] = "gateway", [STORY_AT_CLIENT] = "client"};
    return names[at];
}

/* ---- the end ---- */

static void step_clear(struct story_step *step)
{
    char *const strings[] = {step->label,
                             step->phase,
                             step->source,
                             step->destination,
                             step->packet,
                             step->hook,
                             step->because,
                             step->ask,
                             step->cause,
                             step->became_source,
                             step->became_destination};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        free(strings[i]);
    story_rule_clear(&step->rule);
    for (size_t i = 0; i < step->looked_count; i++)
        story_rule_clear(&step->looked[i].rule);
    free(step->looked);
    for (size_t i = 0; i < step->jump_count; i++)
        story_rule_clear(&step->jumps[i]);
    free(step->jumps);
    for (size_t i = 0; i < step->near_count; i++)
        story_near_clear(&step->near[i]);
    free(step->near);
    for (size_t i = 0; i < step->event_count; i++)
        free(step->events[i].text);
    free(step->events);
}

void story_step_drop_last(struct story *s)
{
    step_clear(&s->steps[--s->step_count]);
}

static void strings_free(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(strings[i]);
    free(strings);
}

void story_free(struct story **s)
{
    struct story *story = *s;
    if (!story)
        return;
    *s = NULL;
    char *const strings[] = {story->rules_name, story->client, story->server,     story->kernel,
                             story->manner,     story->title,  story->conclusion, story->named};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        free(strings[i]);
    for (size_t i = 0; i < story->step_count; i++)
        step_clear(&story->steps[i]);
    free(story->steps);
    for (size_t i = 0; i < story->task_count; i++) {
        free(story->tasks[i].name);
        free(story->tasks[i].why);
    }
    free(story->tasks);
    for (size_t i = 0; i < story->fix_count; i++) {
        struct story_fix *fix = &story->fixes[i];
        free(fix->title);
        free(fix->order);
        free(fix->exposes);
        free(fix->note);
        strings_free(fix->commands, fix->command_count);
    }
    free(story->fixes);
    strings_free(story->notes, story->note_count);
    free(story);
}

bool story_hangs_on_what_is_beside(const struct story *s)
{
    for (size_t i = 0; s->outcome == STORY_UNKNOWN && i < s->step_count; i++) {
        if (s->steps[i].fate == WALL_UNKNOWN)
            return s->steps[i].stage == WALL_BY_BESIDE;
    }
    return false;
}

int story_add_alone(struct story *s, const struct story *alone)
{
    char *both = PHRASE(ALONE, s->conclusion, alone->conclusion);

    if (!both)
        return -ENOMEM;
    free(s->conclusion);
    s->conclusion = both;
    return 0;
}

int story_exit_status(const struct story *s)
{
    static const int statuses[] = {[STORY_WORKS] = 0, [STORY_BLOCKED] = 1, [STORY_UNKNOWN] = 3};
    return statuses[s->outcome];
}
