/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/question.h"
#include "explain/conclude.h"
#include "explain/make.h"
#include "explain/packet/words.h"
#include "explain/play/world.h"
#include "packet/decode.h"

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

static enum wall_path choose_path(const struct question *q)
{
    static const enum wall_path paths[] = {
        [STORY_AT_SERVER] = WALL_IN, [STORY_AT_GATEWAY] = WALL_THROUGH, [STORY_AT_CLIENT] = WALL_OUT};
    const struct play *play = q->play;
    if (q->words.has_path)
        return q->words.path;
    if (play->where == STORY_AT_SERVER && packet_address_equal(&q->packet.source, &play->server))
        return WALL_OUT;
    if (play->where == STORY_AT_CLIENT && packet_address_equal(&q->packet.destination, &play->client))
        return WALL_IN;
    return paths[play->where];
}

static void describe_world(struct question *q)
{
    const struct packet_words *w = &q->words;
    const struct play *play = q->play;
    const char *in = w->in[0] ? w->in : play->in, *out = w->out[0] ? w->out : play->out;
    q->world = (struct wall_world){
        .in = in && q->path != WALL_OUT ? in : "",
        .out = out && q->path != WALL_IN ? out : "",
        .mark = w->mark,
        .mark_is_sure = w->has_mark,
        .pkttype = w->pkttype,
        .unknown = (in || q->path == WALL_OUT ? 0U : VERDICT_NO_IN) |
                   (out || q->path == WALL_IN ? 0U : VERDICT_NO_OUT) | (w->has_mac ? 0U : VERDICT_NO_MAC) |
                   (play->sets ? 0U : VERDICT_NO_SET),
        .time = play->time,
        .sets = play->sets,
    };
    memcpy(q->world.mac, w->mac, sizeof(w->mac));
    if (q->path == WALL_THROUGH)
        return;
    q->world.local = q->path == WALL_IN ? &q->packet.destination : &q->packet.source;
    q->world.local_count = 1;
}

/* ---- the story ---- */

static int describe_step(struct question *q, struct story_step *step)
{
    const struct packet *p = &q->packet;
    step->from = q->path == WALL_OUT ? STORY_SERVER : STORY_CLIENT;
    step->channel = STORY_OTHER;
    step->phase = strdup("");
    step->label = story_packet_text(p);
    step->packet = story_packet_text(p);
    step->source = story_end_text(&p->source, p->family, p->source_port);
    step->destination = story_end_text(&p->destination, p->family, p->destination_port);
    bool whole = step->phase && step->label && step->packet && step->source && step->destination;
    return whole ? 0 : -ENOMEM;
}

/* With a tracker that has seen nothing, or in the state that was said. */
static int judge(struct question *q, struct wall_report *ret)
{
    struct track_config config;
    struct verdict_trace trace;
    const struct verdict_trace *told = play_watch_trace(&q->watch, &q->story->steps[0], &trace);
    struct wall_ask ask = {.packet = &q->packet,
                           .path = q->path,
                           .world = &q->world,
                           .state = q->words.state,
                           .direction = q->words.direction,
                           .now_ms = QUESTION_NOW_MS};
    play_config(q->play, &config);
    struct wall_rules *rules = wall_rules_new(q->rules);
    struct wall *wall = rules ? wall_new(rules, &config, play_watch_event, &q->watch) : NULL;
    if (wall && q->words.has_state)
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
    const struct play *play = q->play;
    struct story *story = q->story;
    const struct story_step *step = &story->steps[0];
    uint8_t family = q->packet.family;
    story->kind = STORY_PACKET;
    story->where = play->where;
    story->rules_name = strdup(play->rules_name ? play->rules_name : "");
    story->client = story_end_text(&q->packet.source, family, 0);
    story->server = story_end_text(&q->packet.destination, family, 0);
    story->kernel = story_format("%u.%u", play->kernel >> 16, play->kernel >> 8 & 255);
    story->manner = strdup(play->manner == TRACK_ROBUST ? "robust" : "linux");
    const char *name = packet_protocol_name(q->packet.protocol);
    if (name)
        story->title = story_format("%s %s -> %s at %s", name, step->source, step->destination, step->hook);
    else
        story->title = story_format("protocol %u %s -> %s at %s", q->packet.protocol, step->source,
                                    step->destination, step->hook);
    bool whole =
        story->rules_name && story->client && story->server && story->kernel && story->manner && story->title;
    return whole ? 0 : -ENOMEM;
}

static char *conclusion(const struct story_step *step)
{
    static const char *const verbs[] = {
        [WALL_PASS] = "accepts", [WALL_DROP] = "drops", [WALL_REJECT] = "rejects"};
    const struct story_rule *rule = &step->rule;
    const char *state = story_state_name(step->state);
    if (step->fate == WALL_UNKNOWN)
        return story_format("It can't be told: unknown because of rule %u of %s, which asks for %s.",
                            rule->number, rule->chain ? rule->chain : "no chain",
                            step->because ? step->because : "what the rules don't tell");
    if (!rule->chain && step->fate == WALL_PASS)
        return story_format("No rule is in the way at %s: the packet (%s) passes.", step->hook, state);
    if (!rule->chain)
        return story_format("Connection tracking drops this packet (%s): %s.", state,
                            track_reason_text(step->reason));
    if (rule->number == 0)
        return story_format("No rule of %s decides about this packet (%s), and its policy %s it.",
                            rule->chain, state, verbs[step->fate]);
    return story_format("Rule %u of %s %s this packet (%s).", rule->number, rule->chain, verbs[step->fate],
                        state);
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
    if (!error)
        error = judge(q, &report);
    if (!error)
        error = q->watch.error;
    if (!error)
        error = story_step_judge(step, q->rules, &report, q->path);
    if (!error)
        error = fill_head(q);
    if (error)
        return error;
    q->story->outcome = outcomes[report.fate];
    q->story->conclusion = conclusion(step);
    if (!q->story->conclusion)
        return -ENOMEM;
    struct play played = *q->play;
    played.family = q->packet.family;
    if (q->words.in[0])
        played.in = q->words.in;
    if (q->words.out[0])
        played.out = q->words.out;
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
