/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/question.h"
#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/packet/remedy.h"
#include "explain/packet/words.h"
#include "explain/play/head.h"
#include "explain/play/world.h"
#include "host/host.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUESTION_SOURCE_PORT = 40000, /* when none is said */
    QUESTION_NOW_MS = 1000,
};

struct question {
    const struct rules *rules;
    const struct play *play;
    struct packet_words words;
    struct packet packet;
    struct wall_world world;
    enum wall_path path;
    enum story_lane from; /* who sends it */
    struct story *story;
    struct play_watch watch;
};

/* ---- the packet ---- */

/* What a person leaves out: the first packet of its kind, or for an established connection a later one. */
static void complete(struct packet_words *w)
{
    struct packet_recipe *recipe = &w->recipe;
    bool later = w->has_state && (w->state == TRACK_ESTABLISHED || w->state == TRACK_INVALID);
    if (packet_has_ports(recipe->protocol) && !w->has_source_port)
        recipe->source_port = QUESTION_SOURCE_PORT;
    if (recipe->protocol == PACKET_ICMP && !w->has_type)
        recipe->icmp.type = 8;
    if (recipe->protocol == PACKET_ICMPV6 && !w->has_type)
        recipe->icmp.type = 128;
    if (recipe->protocol != PACKET_TCP)
        return;
    if (!w->has_flags)
        recipe->tcp.flags = later ? PACKET_ACK : PACKET_SYN;
    recipe->tcp.window = 64240;
    recipe->tcp.sequence = 1;
    if (recipe->tcp.flags & PACKET_ACK)
        recipe->tcp.acknowledgement = 1;
    if (recipe->tcp.flags & PACKET_SYN) {
        recipe->mss = recipe->family == PACKET_IPV6 ? 1440 : 1460;
        recipe->window_scale = 7;
    }
}

/* -EMSGSIZE: the length that was asked for can't be. */
static int build(struct question *q, uint8_t *buffer)
{
    static const uint8_t padding[PACKET_LONGEST];
    struct packet_recipe *recipe = &q->words.recipe;
    complete(&q->words);
    int size = packet_build(recipe, buffer, PACKET_LONGEST);
    if (size >= 0 && q->words.length) {
        if (size > q->words.length)
            return -EMSGSIZE;
        recipe->payload = padding;
        recipe->payload_size = (size_t)(q->words.length - size);
        size = packet_build(recipe, buffer, PACKET_LONGEST);
    }
    return size < 0 ? size : packet_decode(buffer, (size_t)size, false, &q->packet);
}

/* ---- its way ---- */

static bool is_zero(const struct packet_address *a)
{
    static const struct packet_address zero;
    return packet_address_equal(a, &zero);
}

static const char *in_name(const struct question *q)
{
    return q->words.in[0] ? q->words.in : q->play->in;
}

static const char *out_name(const struct question *q)
{
    return q->words.out[0] ? q->words.out : q->play->out;
}

/* Interfaces that were not said: the one that the machine's routes choose for where it goes, and of what a client sends
 * the one by which answers go back. */
static const char *found_in(const struct question *q)
{
    bool comes_in = q->path == WALL_IN || q->path == WALL_THROUGH;

    if (in_name(q) || !comes_in || q->from != STORY_CLIENT)
        return NULL;
    return host_towards(q->play->host, q->packet.family, &q->packet.source);
}

static const char *found_out(const struct question *q)
{
    if (out_name(q) || (q->path != WALL_OUT && q->path != WALL_THROUGH))
        return NULL;
    return host_towards(q->play->host, q->packet.family, &q->packet.destination);
}

/* From an interface to another, or back out of the same: it is forwarded. */
static bool goes_through(const struct question *q)
{
    bool by_words = q->words.in[0] || q->words.out[0];
    return in_name(q) && out_name(q) && (by_words || strcmp(in_name(q), out_name(q)) != 0);
}

/* From this machine to itself. */
static bool is_over_loopback(const struct question *q)
{
    struct play play = *q->play;
    play.family = q->packet.family;
    play.client = q->packet.source;
    play.server = q->packet.destination;
    return play_is_local(&play);
}

/* A broadcast, or to a group: it is for this machine, too. */
static bool is_for_all(const struct question *q)
{
    const struct host_question asked = {.family = q->packet.family, .destination = q->packet.destination};
    struct host_way way;

    host_route(q->play->host, &asked, &way);
    return way.fate == HOST_SPECIAL;
}

/* Whose addresses these are by what is known of the machine. false: that does not tell. */
static bool path_by_host(const struct question *q, enum wall_path *ret)
{
    const struct packet *p = &q->packet;
    enum host_answer from = host_has_address(q->play->host, p->family, &p->source);
    enum host_answer to =
        is_for_all(q) ? HOST_YES : host_has_address(q->play->host, p->family, &p->destination);

    if (q->play->at_said || !host_is_reachable(q->play->host, p->family) ||
        (from != HOST_YES && to != HOST_YES && (from != HOST_NO || to != HOST_NO)))
        return false;
    *ret = from == HOST_YES ? to == HOST_YES ? WALL_LOOP : WALL_OUT : to == HOST_YES ? WALL_IN : WALL_THROUGH;
    return true;
}

/* What the line says of hook and interfaces, then whose addresses these are, then where the firewall stands. */
static enum wall_path choose_path(const struct question *q)
{
    static const enum wall_path paths[] = {
        [STORY_AT_SERVER] = WALL_IN, [STORY_AT_GATEWAY] = WALL_THROUGH, [STORY_AT_CLIENT] = WALL_OUT};
    const struct play *play = q->play;
    enum wall_path path;
    if (q->words.has_path)
        return q->words.path;
    if (goes_through(q))
        return WALL_THROUGH;
    if (is_over_loopback(q) && !q->words.in[0] && !q->words.out[0])
        return WALL_LOOP;
    bool is_known = path_by_host(q, &path), by_word = q->words.in[0] || q->words.out[0];
    /* Where it comes in, or goes out, the machine may also be between its ends. */
    if (by_word && is_known && path == WALL_THROUGH)
        return path;
    if (by_word && play->where != STORY_AT_GATEWAY)
        return q->words.in[0] ? WALL_IN : WALL_OUT;
    if (is_known)
        return path;
    if (play->where == STORY_AT_SERVER && packet_address_equal(&q->packet.source, &play->server))
        return WALL_OUT;
    if (play->where == STORY_AT_CLIENT && packet_address_equal(&q->packet.destination, &play->client))
        return WALL_IN;
    return paths[play->where];
}

enum guess { GUESS_NONE, GUESS_ASKS, GUESS_ANSWERS };

static enum guess guess_by_addresses(const struct question *q)
{
    const struct packet_address *source = &q->packet.source, *destination = &q->packet.destination;
    const struct packet_address *client = &q->play->client, *server = &q->play->server;
    if (!is_zero(server) && !packet_address_equal(source, destination)) {
        if (packet_address_equal(source, server))
            return GUESS_ANSWERS;
        if (packet_address_equal(destination, server))
            return GUESS_ASKS;
    }
    if (is_zero(client))
        return GUESS_NONE;
    return packet_address_equal(source, client)        ? GUESS_ASKS
           : packet_address_equal(destination, client) ? GUESS_ANSWERS
                                                       : GUESS_NONE;
}

enum { LOW_PORTS = 1024 }; /* which servers have */

static enum guess guess_by_packet(const struct packet *p)
{
    static const uint8_t replies[] = {0, 129};
    bool is_icmp = p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6;
    bool from_low = p->source_port < LOW_PORTS, to_low = p->destination_port < LOW_PORTS;
    if (is_icmp)
        return p->icmp.type == replies[p->protocol == PACKET_ICMPV6] ? GUESS_ANSWERS : GUESS_NONE;
    if (p->protocol == PACKET_TCP && p->tcp.flags & PACKET_SYN)
        return p->tcp.flags & PACKET_ACK ? GUESS_ANSWERS : GUESS_ASKS;
    if (!packet_has_ports(p->protocol) || from_low == to_low)
        return GUESS_NONE;
    return from_low ? GUESS_ANSWERS : GUESS_ASKS;
}

/* Which of the two ends sends it: the picture has the client at its left. */
static enum story_lane choose_sender(const struct question *q)
{
    enum guess guess = guess_by_addresses(q);
    if (guess == GUESS_NONE && q->words.direction == TRACK_REPLY)
        guess = GUESS_ANSWERS;
    if (guess == GUESS_NONE)
        guess = guess_by_packet(&q->packet);
    if (guess == GUESS_NONE && q->path == WALL_OUT)
        guess = q->play->where == STORY_AT_CLIENT ? GUESS_ASKS : GUESS_ANSWERS;
    return guess == GUESS_ANSWERS ? STORY_SERVER : STORY_CLIENT;
}

/* The same question about a session between these two ends. */
static struct play play_of(const struct question *q)
{
    static const enum story_at places[][2] = {
        [WALL_IN] = {[STORY_CLIENT] = STORY_AT_SERVER, [STORY_SERVER] = STORY_AT_CLIENT},
        [WALL_OUT] = {[STORY_CLIENT] = STORY_AT_CLIENT, [STORY_SERVER] = STORY_AT_SERVER},
        [WALL_THROUGH] = {STORY_AT_GATEWAY, STORY_AT_GATEWAY},
        [WALL_LOOP] = {STORY_AT_SERVER, STORY_AT_SERVER},
    };
    struct play play = *q->play;
    bool up = q->from == STORY_CLIENT;
    play.family = q->packet.family;
    play.client = up ? q->packet.source : q->packet.destination;
    play.server = up ? q->packet.destination : q->packet.source;
    play.where = places[q->path][q->from];
    play.in_found = up && found_in(q);
    play.out_found = up && found_out(q);
    play.in = play.in_found ? found_in(q) : in_name(q);
    play.out = play.out_found ? found_out(q) : out_name(q);
    return play;
}

static void describe_world(struct question *q)
{
    const struct packet_words *w = &q->words;
    const struct play *play = q->play;
    const char *lo = q->path == WALL_LOOP ? "lo" : NULL;
    const char *in = lo ? lo : in_name(q), *out = lo ? lo : out_name(q);
    in = in ? in : found_in(q);
    out = out ? out : found_out(q);
    q->world = (struct wall_world){
        .in = in && q->path != WALL_OUT ? in : "",
        .out = out && q->path != WALL_IN ? out : "",
        .mark = w->mark,
        .mark_is_sure = w->has_mark,
        .pkttype = w->pkttype,
        .unknown = VERDICT_NO_BYTES | (in || q->path == WALL_OUT ? 0U : VERDICT_NO_IN) |
                   (out || q->path == WALL_IN ? 0U : VERDICT_NO_OUT) | (w->has_mac ? 0U : VERDICT_NO_MAC) |
                   (play->sets ? 0U : VERDICT_NO_SET),
        .time = play->time,
        .sets = play->sets,
    };
    memcpy(q->world.mac, w->mac, sizeof(w->mac));
    const struct packet_address *own = q->path == WALL_IN ? &q->packet.destination : &q->packet.source;
    if (q->path == WALL_THROUGH || host_has_address(play->host, q->packet.family, own) == HOST_YES) {
        q->world.host = play->host;
        q->world.local = host_locals(play->host, q->packet.family, &q->world.local_count);
        return;
    }
    q->world.local = own;
    q->world.local_count = 1;
}

/* ---- the story ---- */

static int describe_step(struct question *q, struct story_step *step)
{
    const struct packet *p = &q->packet;
    step->from = q->from;
    step->channel = STORY_OTHER;
    step->phase = strdup("");
    step->label = story_packet_text(p);
    step->packet = story_packet_text(p);
    step->source = story_end_text(&p->source, p->family, p->source_port);
    step->destination = story_end_text(&p->destination, p->family, p->destination_port);
    bool whole = step->phase && step->label && step->packet && step->source && step->destination;
    return whole ? 0 : -ENOMEM;
}

/* With a tracker that has seen nothing, or in the state that was said. told may be NULL. */
static int judge(struct question *q, bool in_state, const struct verdict_trace *told, struct wall_report *ret)
{
    struct track_config config;
    struct wall_ask ask = {.packet = &q->packet,
                           .path = q->path,
                           .world = &q->world,
                           .state = q->words.state,
                           .direction = q->words.direction,
                           .now_ms = QUESTION_NOW_MS};
    play_config(q->play, &config);
    struct wall_rules *rules = wall_rules_new(q->rules);
    struct wall *wall = rules ? wall_new(rules, &config, told ? play_watch_event : NULL, &q->watch) : NULL;
    if (wall && in_state)
        wall_ask(wall, &ask, told, ret);
    else if (wall)
        wall_packet(wall, &q->packet, q->path, &q->world, QUESTION_NOW_MS, told, ret);
    int error = wall ? 0 : -ENOMEM;
    wall_free(&wall);
    wall_rules_free(&rules);
    return error;
}

static int fill_head(struct question *q)
{
    const struct play play = play_of(q);
    struct story *story = q->story;
    const struct story_step *step = &story->steps[0];
    int error = play_head_fill(story, &play);
    if (error)
        return error;
    story->kind = STORY_PACKET;
    story->where = play.where;
    const char *name = packet_protocol_name(q->packet.protocol);
    if (name)
        story->title = PHRASE(TITLE_PACKET, name, step->source, step->destination, step->hook);
    else
        story->title = PHRASE(TITLE_PACKET_NUMBER, NUMBER(q->packet.protocol), step->source,
                              step->destination, step->hook);
    return story->title ? 0 : -ENOMEM;
}

static char *conclude_doubt(const struct story_step *step)
{
    char *why = conclude_unknown(step);
    char *text = PHRASE(PACKET_UNKNOWN, why);
    free(why);
    return text;
}

static char *decided_text(const struct story_step *step, const char *state)
{
    static const enum speech_phrase by_policy[] = {[WALL_PASS] = SPEECH_POLICY_ACCEPTS,
                                                   [WALL_DROP] = SPEECH_POLICY_DROPS,
                                                   [WALL_REJECT] = SPEECH_POLICY_REJECTS};
    static const enum speech_phrase by_rule[] = {[WALL_PASS] = SPEECH_RULE_ACCEPTS,
                                                 [WALL_DROP] = SPEECH_RULE_DROPS,
                                                 [WALL_REJECT] = SPEECH_RULE_REJECTS};
    const struct story_rule *rule = &step->rule;
    char *place = story_place(rule);
    char *text = rule->number == 0
                     ? speech_new(by_policy[step->fate], 3, SPEECH_LIST(rule->chain, state, place))
                     : speech_new(by_rule[step->fate], 2, SPEECH_LIST(place, state));
    if (text)
        text[0] = (char)toupper((unsigned char)text[0]);
    free(place);
    return text;
}

static char *conclusion(const struct story_step *step, bool is_said)
{
    const char *name = speech_of(story_state_name(step->state));
    if (step->fate == WALL_UNKNOWN)
        return conclude_doubt(step);
    char *state = is_said ? PHRASE(STATE_AS_SAID, name) : strdup(name), *text;
    if (!state)
        return NULL;
    if (step->rule.chain)
        text = decided_text(step, state);
    else if (step->fate == WALL_PASS)
        text = PHRASE(PACKET_FREE, step->hook, state);
    else
        text = PHRASE(PACKET_TRACKED_OUT, state, speech_of(track_reason_text(step->reason)));
    free(state);
    return text;
}

static int note_rewrite(struct question *q, const struct wall_report *report)
{
    const struct verdict *v = &report->rewrite.verdict;
    struct story_rule rule;
    int error = story_verdict_quote(&rule, q->rules, RULES_NAT, v);
    if (!error)
        error = story_note_take(q->story, PHRASE(NOTE_REWRITE, NUMBER(rule.number), rule.chain, rule.text));
    story_rule_clear(&rule);
    return error;
}

/* A packet that this machine sends to itself, asked about at one hook. */
static int note_one_half(struct question *q)
{
    return story_note_take(q->story, PHRASE(NOTE_ONE_HALF));
}

/* A state that the person makes up is no finding: what would a firewall say that knows nothing of it? */
static int note_state(struct question *q, const struct wall_report *said)
{
    static const enum speech_phrase phrases[] = {[WALL_PASS] = SPEECH_NOTE_STATE_PASSES,
                                                 [WALL_DROP] = SPEECH_NOTE_STATE_DROPPED,
                                                 [WALL_REJECT] = SPEECH_NOTE_STATE_REJECTED,
                                                 [WALL_UNKNOWN] = SPEECH_NOTE_STATE_UNKNOWN};
    struct wall_report unseen;
    const char *state = speech_of(story_state_name(q->words.state));
    if (said->view.state != q->words.state)
        return story_note_take(
            q->story, PHRASE(NOTE_STATE_OTHER, state, speech_of(story_state_name(said->view.state))));
    int error = judge(q, false, NULL, &unseen);
    if (error)
        return error;
    const char *found = speech_of(story_state_name(unseen.view.state));
    enum speech_phrase phrase = unseen.fate == said->fate ? SPEECH_NOTE_STATE_SAME : phrases[unseen.fate];
    return story_note_take(q->story, speech_new(phrase, 2, SPEECH_LIST(state, found)));
}

/* Rules of iptables say nothing of IPv6, nor those of ip6tables of IPv4: what would is not at hand. */
static int tell_other_family(struct question *q, struct story_step *step)
{
    bool six = q->packet.family == PACKET_IPV6;
    step->fate = WALL_UNKNOWN;
    step->because = PHRASE(OTHER_RULES, six ? "ip6tables" : "iptables");
    q->story->outcome = STORY_UNKNOWN;
    q->story->conclusion = PHRASE(OTHER_FAMILY, six ? "IPv6" : "IPv4", six ? "iptables" : "ip6tables",
                                  six ? "ip6tables-save" : "iptables-save");
    return step->because && q->story->conclusion ? 0 : -ENOMEM;
}

static int tell(struct question *q)
{
    static const enum story_outcome outcomes[] = {[WALL_PASS] = STORY_WORKS,
                                                  [WALL_DROP] = STORY_BLOCKED,
                                                  [WALL_REJECT] = STORY_BLOCKED,
                                                  [WALL_UNKNOWN] = STORY_UNKNOWN};
    struct wall_report report;
    struct story_step *step = story_step_add(q->story);
    int error = step ? describe_step(q, step) : -ENOMEM;
    struct verdict_trace trace;
    if (!error)
        error = judge(q, q->words.has_state, play_watch_trace(&q->watch, step, &trace), &report);
    if (!error)
        error = q->watch.error;
    if (!error)
        error = story_step_judge(step, q->rules, &report);
    if (!error)
        error = fill_head(q);
    if (error)
        return error;
    q->story->outcome = outcomes[report.fate];
    if (q->rules->family != q->packet.family)
        return tell_other_family(q, step);
    q->story->conclusion = conclusion(step, q->words.has_state && step->state == q->words.state);
    if (!q->story->conclusion)
        return -ENOMEM;
    error = conclude_near(q->story);
    if (!error && report.fate == WALL_PASS && report.astray)
        error = note_rewrite(q, &report);
    if (!error && q->words.has_state)
        error = note_state(q, &report);
    if (error)
        return error;
    struct play played = play_of(q);
    if (play_is_local(&played) && q->path != WALL_LOOP) {
        error = note_one_half(q);
        played.where = STORY_AT_GATEWAY; /* not over loopback as a whole */
    }
    if (!error && q->story->outcome == STORY_BLOCKED && !q->words.has_state)
        error = packet_remedy(q->story, q->rules, &q->packet, q->path, &played);
    if (error)
        return error;
    return conclude_packet_notes(q->story, q->rules, &played);
}

int packet_question_ask(const struct rules *r, const char *line, const struct play *play, struct story **ret,
                        char **message)
{
    struct question q = {.rules = r, .play = play};
    int error = packet_words_read(line, &q.words, message);
    if (error)
        return error;
    uint8_t *buffer = malloc(PACKET_LONGEST);
    q.story = calloc(1, sizeof(*q.story));
    q.watch = (struct play_watch){.story = q.story, .rules = r, .looked = (uint32_t)PLAY_WATCH_ALL};
    error = buffer && q.story ? build(&q, buffer) : -ENOMEM;
    if (error == -EMSGSIZE) {
        *message = story_format("length=%u: shorter than the packet's headers", q.words.length);
        error = *message ? -EINVAL : -ENOMEM;
    }
    if (!error) {
        q.path = choose_path(&q);
        q.from = choose_sender(&q);
        describe_world(&q);
        error = tell(&q);
    }
    free(buffer);
    if (error) {
        story_free(&q.story);
        return error;
    }
    *ret = q.story;
    return 0;
}

uint8_t packet_question_family(const char *line)
{
    struct packet_words words;
    char *message = NULL;
    uint8_t family = packet_words_read(line, &words, &message) ? 0 : words.recipe.family;

    free(message);
    return family;
}
