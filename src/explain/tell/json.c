/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/json.h"
#include "explain/make.h"
#include "track/native/tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The words of the schema. They are promises: doc/explain-json.md lists them. */
static const char *const kinds[] = {[STORY_FTP] = "ftp",
                                    [STORY_PACKET] = "packet",
                                    [STORY_CAPTURE] = "capture",
                                    [STORY_EXCHANGE] = "exchange"};
static const char *const lanes[] = {[STORY_CLIENT] = "client", [STORY_SERVER] = "server"};
static const char *const channels[] = {
    [STORY_CONTROL] = "control", [STORY_DATA] = "data", [STORY_OTHER] = "other"};
/* By whom a packet's fate was decided; rules: by those of which table. */
static const char *stage_name(const struct story_step *step)
{
    static const char *const stages[] = {[WALL_BY_CONNTRACK] = "conntrack",
                                         [WALL_BY_HELPER] = "helper",
                                         [WALL_BY_BESIDE] = "beside",
                                         [WALL_BY_ROUTE] = "route"};

    if (step->stage != WALL_BY_RULES)
        return stages[step->stage];
    return step->rule.table ? step->rule.table : "filter";
}
static const char *const answers[] = {
    [VERDICT_NO] = "no", [VERDICT_YES] = "yes", [VERDICT_UNKNOWN] = "unknown", [VERDICT_HOTDROP] = "yes"};
static const char *const states[] = {
    [TRACK_NONE] = "none",       [TRACK_INVALID] = "invalid",
    [TRACK_NEW] = "new",         [TRACK_ESTABLISHED] = "established",
    [TRACK_RELATED] = "related", [TRACK_UNTRACKED] = "untracked",
};
static const char *const event_types[] = {
    [TRACK_FLOW_NEW] = "flow-new",
    [TRACK_FLOW_REPLIED] = "flow-replied",
    [TRACK_FLOW_ASSURED] = "flow-assured",
    [TRACK_FLOW_ENDED] = "flow-ended",
    [TRACK_EXPECT_NEW] = "expect-new",
    [TRACK_EXPECT_REPLACED] = "expect-replaced",
    [TRACK_EXPECT_REFRESHED] = "expect-refreshed",
    [TRACK_EXPECT_USED] = "expect-used",
    [TRACK_EXPECT_EXPIRED] = "expect-expired",
    [TRACK_EXPECT_REMOVED] = "expect-removed",
    [TRACK_EXPECT_MISSED] = "expect-missed",
    [TRACK_PACKET_DROPPED] = "packet-dropped",
    [TRACK_FLOW_MAPPED] = "flow-mapped",
};

static json_t *latin1(const char *text)
{
    size_t size = strlen(text), used = 0;
    char *utf8 = malloc(2 * size + 1);
    if (!utf8)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c >= 0x80) {
            utf8[used++] = (char)(0xc0 | c >> 6);
            c = 0x80 | (c & 0x3f);
        }
        utf8[used++] = (char)c;
    }
    json_t *string = json_stringn(utf8, used);
    free(utf8);
    return string;
}

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *string = json_string(text);
    return string ? string : latin1(text);
}

json_t *json_texts(char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_text(texts[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *json_rule(const struct story_rule *rule)
{
    if (!rule->chain)
        return json_null();
    return json_pack("{s:o, s:o, s:I, s:o, s:o}", "table", json_text(rule->table), "chain",
                     json_text(rule->chain), "number", (json_int_t)rule->number, "line",
                     rule->line ? json_integer(rule->line) : json_null(), "text", json_text(rule->text));
}

/* An array made of count elements by make(array element). */
static json_t *array_of(const void *elements, size_t count, size_t size, json_t *(*make)(const void *))
{
    const uint8_t *at = elements;
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, make(at + i * size)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *make_looked(const void *element)
{
    const struct story_looked *looked = element;
    return json_pack("{s:s, s:o}", "answer", answers[looked->answer], "rule", json_rule(&looked->rule));
}

/* Words of the schema, by enum story_near_kind. */
static const char *const near_kinds[] = {
    [STORY_NEAR_BUT] = "but",   [STORY_NEAR_BEHIND] = "behind",
    [STORY_NEAR_LED] = "led",   [STORY_NEAR_UNREACHED] = "unreached",
    [STORY_NEAR_HOOK] = "hook", [STORY_NEAR_TABLE] = "table",
};

static json_t *make_near(const void *element)
{
    const struct story_near *near = element;
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", near_kinds[near->kind], "text",
                     json_text(near->text), "rule", json_rule(&near->rule), "but",
                     json_texts(near->but, near->but_count), "other", json_rule(&near->other));
}

static json_t *make_jump(const void *element)
{
    return json_rule(element);
}

static json_t *make_event(const void *element)
{
    const struct story_event *event = element;
    return json_pack("{s:s, s:s?, s:b, s:o}", "type", event_types[event->type], "reason",
                     track_reason_name(event->reason), "open", event->is_open, "text",
                     json_text(event->text));
}

static json_t *json_becomes(const struct story_step *step)
{
    if (!step->became_source)
        return json_null();
    return json_pack("{s:o, s:o}", "source", json_text(step->became_source), "destination",
                     json_text(step->became_destination));
}

json_t *json_step(const struct story_step *step)
{
    json_t *packet = json_pack(
        "{s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "number", (json_int_t)step->number,
        "at_ms", (json_int_t)step->at_ms, "from", lanes[step->from], "channel", channels[step->channel],
        "phase", json_text(step->phase), "label", json_text(step->label), "source", json_text(step->source),
        "destination", json_text(step->destination), "packet", json_text(step->packet), "becomes",
        json_becomes(step), "retry", step->is_retry);
    json_t *judged = json_pack(
        "{s:s, s:s?, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state", states[step->state],
        "reason", track_reason_name(step->reason), "hook", json_text(step->hook), "fate",
        story_fate_name(step->fate), "decided_by", stage_name(step), "rule", json_rule(&step->rule),
        "because", json_text(step->because), "ask", json_text(step->ask), "cause", json_text(step->cause),
        "jumps", array_of(step->jumps, step->jump_count, sizeof(*step->jumps), make_jump), "near",
        array_of(step->near, step->near_count, sizeof(*step->near), make_near), "looked",
        array_of(step->looked, step->looked_count, sizeof(*step->looked), make_looked), "events",
        array_of(step->events, step->event_count, sizeof(*step->events), make_event));
    if (!packet || !judged || json_object_update(packet, judged) < 0) {
        json_decref(packet);
        packet = NULL;
    }
    json_decref(judged);
    return packet;
}

static json_t *make_step(const void *element)
{
    return json_step(element);
}

static json_t *make_task(const void *element)
{
    const struct story_task *task = element;
    return json_pack("{s:o, s:s, s:o, s:o}", "name", json_text(task->name), "outcome",
                     story_outcome_name(task->outcome), "why", json_text(task->why), "packet",
                     task->step ? json_integer(task->step) : json_null());
}

static json_t *make_fix(const void *element)
{
    const struct story_fix *fix = element;
    return json_pack("{s:o, s:b, s:o, s:I, s:o, s:o}", "title", json_text(fix->title), "works", fix->works,
                     "exposes", json_text(fix->exposes), "exposed_ports", (json_int_t)fix->exposed_ports,
                     "commands", json_texts(fix->commands, fix->command_count), "note", json_text(fix->note));
}

static json_t *make_question(const struct story *s)
{
    bool is_ftp = s->kind == STORY_FTP;
    return json_pack("{s:o, s:o, s:o, s:s?, s:s, s:b, s:o, s:o}", "rules", json_text(s->rules_name), "client",
                     json_text(s->client), "server", json_text(s->server), "mode",
                     is_ftp ? story_mode_name(s->mode) : NULL, "at", story_at_name(s->where), "tls", s->tls,
                     "kernel", json_text(s->kernel), "manner", json_text(s->manner));
}

json_t *json_story(const struct story *s)
{
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", JSON_SCHEMA, "kind",
                     kinds[s->kind], "outcome", story_outcome_name(s->outcome), "conclusion",
                     json_text(s->conclusion), "title", json_text(s->title), "question", make_question(s),
                     "tasks", array_of(s->tasks, s->task_count, sizeof(*s->tasks), make_task), "packets",
                     array_of(s->steps, s->step_count, sizeof(*s->steps), make_step), "fixes",
                     array_of(s->fixes, s->fix_count, sizeof(*s->fixes), make_fix), "notes",
                     json_texts(s->notes, s->note_count));
}

int json_tell(json_t *root, FILE *out)
{
    if (!root)
        return -ENOMEM;
    int error = json_dumpf(root, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 ? -EIO : 0;
    json_decref(root);
    fputc('\n', out);
    return ferror(out) ? -EIO : error;
}

int story_tell_json(const struct story *s, FILE *out)
{
    return json_tell(json_story(s), out);
}
