/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/replay/replay.h"
#include "explain/tell/json.h"
#include "explain/tell/paint.h"
#include "explain/tell/say.h"

/* ---- text: a line a packet, then what stands at the end ---- */

static enum paint_style style_of(enum wall_fate fate)
{
    static const enum paint_style styles[] = {[WALL_PASS] = PAINT_PLAIN,
                                              [WALL_DROP] = PAINT_BAD,
                                              [WALL_REJECT] = PAINT_BAD,
                                              [WALL_UNKNOWN] = PAINT_DOUBT};
    return styles[fate];
}

static void put_line(struct paint *p, int from, enum paint_style style, char *text)
{
    if (text)
        paint_whole_line(p, from, text, style);
    free(text);
}

/* "INPUT 3: -A INPUT -j DROP", "mangle INPUT policy: -P INPUT DROP" */
static char *quote_text(const struct story_rule *rule)
{
    char *place = story_place_short(rule);
    char *text = place ? story_format("%s: %s", place, rule->text) : NULL;
    free(place);
    return text;
}

static char *decider_text(const struct story_step *step)
{
    if (step->because) {
        char *doubt = say_doubt(step);
        char *text = doubt ? story_format("%s: %s", doubt, step->rule.text ? step->rule.text : "") : NULL;
        free(doubt);
        return text;
    }
    if (step->stage == WALL_BY_CONNTRACK || step->stage == WALL_BY_HELPER)
        return story_format("%s: %s", step->stage == WALL_BY_HELPER ? "FTP helper" : "conntrack",
                            track_reason_text(step->reason));
    return step->rule.text ? quote_text(&step->rule) : story_format("no rules");
}

static void put_looked(struct paint *p, const struct story_looked *looked)
{
    const char *answer = looked->answer == VERDICT_YES  ? "yes"
                         : looked->answer == VERDICT_NO ? "no"
                                                        : "unknown";
    char *quote = quote_text(&looked->rule);
    if (quote)
        put_line(p, 20, PAINT_FAINT, story_format("%s %s", answer, quote));
    free(quote);
}

static void put_step(struct paint *p, const struct story_step *step, bool verbose)
{
    char *by = decider_text(step);

    put_line(p, 0, style_of(step->fate),
             story_format("%6u %10.3f  %s > %s  %s  %s  %s  (%s)", step->number, (double)step->at_ms / 1000,
                          step->source, step->destination, step->label, story_state_name(step->state),
                          story_fate_name(step->fate), by ? by : ""));
    free(by);
    if (step->cause)
        put_line(p, 20, PAINT_DOUBT, strdup(step->cause));
    for (size_t i = 0; i < step->event_count; i++)
        put_line(p, 20, PAINT_NOTE, story_format("%s", step->events[i].text));
    for (size_t i = 0; verbose && i < step->looked_count; i++)
        put_looked(p, &step->looked[i]);
    for (size_t i = 0; !verbose && i < step->jump_count; i++)
        put_line(p, 20, PAINT_FAINT, say_jump(&step->jumps[i]));
}

static void put_lines(struct paint *p, const char *heading, char *const *lines, size_t count)
{
    paint_end_line(p);
    paint_paragraph(p, 0, heading, PAINT_BOLD);
    for (size_t i = 0; i < count; i++)
        paint_whole_line(p, 2, lines[i], PAINT_PLAIN);
    if (!count)
        paint_paragraph(p, 2, "none", PAINT_FAINT);
}

static void put_channels(struct paint *p, const struct replay *r)
{
    paint_end_line(p);
    paint_paragraph(p, 0, "Data channels, and who announced them", PAINT_BOLD);
    for (size_t i = 0; i < r->channel_count; i++) {
        const struct replay_channel *c = &r->channels[i];

        put_line(p, 2, PAINT_PLAIN, story_format("%s  by %s: %s", c->data, c->control, c->announced_by));
    }
    if (!r->channel_count)
        paint_paragraph(p, 2, "none", PAINT_FAINT);
}

static void put_tasks(struct paint *p, const struct story *s)
{
    for (size_t i = 0; i < s->task_count; i++) {
        const struct story_task *t = &s->tasks[i];

        put_line(p, 2, PAINT_PLAIN,
                 t->why ? story_format("%-8s %s (packet %u): %s", t->name, story_outcome_name(t->outcome),
                                       t->step, t->why)
                        : story_format("%-8s %s", t->name, story_outcome_name(t->outcome)));
    }
}

static void put_conclusion(struct paint *p, const struct story *s)
{
    static const struct {
        const char *word;
        enum paint_style style;
    } looks[] = {[STORY_WORKS] = {"WORKS", PAINT_GOOD_BOLD},
                 [STORY_BLOCKED] = {"BLOCKED", PAINT_BAD_BOLD},
                 [STORY_UNKNOWN] = {"UNKNOWN", PAINT_DOUBT_BOLD}};
    char *text = story_format("%s  %s", looks[s->outcome].word, s->conclusion);

    if (text)
        paint_paragraph(p, 0, text, looks[s->outcome].style);
    free(text);
}

static void put_fixes(struct paint *p, const struct story *s)
{
    for (size_t i = 0; i < s->fix_count; i++) {
        const struct story_fix *fix = &s->fixes[i];

        put_line(p, 2, PAINT_BOLD, story_format("%zu. %s", i + 1, fix->title));
        for (size_t k = 0; k < fix->command_count; k++)
            put_line(p, 5, PAINT_PLAIN, strdup(fix->commands[k]));
        put_line(p, 5, PAINT_FAINT,
                 fix->note ? story_format("exposes %s; %s", fix->exposes, fix->note)
                           : story_format("exposes %s", fix->exposes));
    }
}

static void paint_for(const struct replay_teller *t, struct paint *ret)
{
    paint_init(ret, t->out, t->options->colour, true, t->options->width ? t->options->width : 100);
}

static void text_begin(struct replay_teller *t, const struct replay *r)
{
    struct paint p;

    paint_for(t, &p);
    put_line(&p, 0, PAINT_BOLD, story_format("%s", r->story->title));
    put_line(&p, 0, PAINT_FAINT,
             story_format("rules: %s   kernel: Linux %s", r->story->rules_name, r->story->kernel));
    paint_end_line(&p);
}

static void text_step(struct replay_teller *t, const struct story_step *step)
{
    struct paint p;

    paint_for(t, &p);
    put_step(&p, step, t->options->verbose);
}

static void text_end(struct replay_teller *t, const struct replay *r)
{
    const struct story *s = r->story;
    struct paint p;

    paint_for(t, &p);
    put_lines(&p, "Connections at the end, as conntrack -L prints them", r->connections, r->connection_count);
    put_lines(&p, "Expectations that were made", r->expectations, r->expectation_count);
    put_channels(&p, r);
    paint_end_line(&p);
    put_conclusion(&p, s);
    put_tasks(&p, s);
    put_fixes(&p, s);
    put_line(
        &p, 2, PAINT_FAINT,
        story_format("%" PRIu64 " frames, %" PRIu64 " without a sound IP packet", r->packets, r->not_ip));
    for (size_t i = 0; i < s->note_count; i++)
        paint_paragraph(&p, 2, s->notes[i], PAINT_FAINT);
}

/* ---- JSON: the story's object, its packets first, and a member "replay" ---- */

static json_t *channels_json(const struct replay *r)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < r->channel_count; i++) {
        const struct replay_channel *c = &r->channels[i];
        json_t *one = json_pack("{s:o, s:o, s:o}", "data", json_text(c->data), "control",
                                json_text(c->control), "announced_by", json_text(c->announced_by));

        if (json_array_append_new(array, one)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *replay_json(const struct replay *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "frames", (json_int_t)r->packets, "not_ip",
                     (json_int_t)r->not_ip, "doubled", (json_int_t)r->doubled, "cut", (json_int_t)r->cut,
                     "complete", r->complete, "connections", json_texts(r->connections, r->connection_count),
                     "expectations", json_texts(r->expectations, r->expectation_count), "data_channels",
                     channels_json(r));
}

/* Gives value's reference away. */
static int put_json(FILE *out, json_t *value)
{
    if (!value)
        return -ENOMEM;
    int r = json_dumpf(value, out, JSON_PRESERVE_ORDER | JSON_ENCODE_ANY) < 0 ? -EIO : 0;

    json_decref(value);
    return r;
}

/* What is known before the first packet comes first; a reader that takes the object as a whole sees no
 * difference. */
static void json_begin(struct replay_teller *t)
{
    fprintf(t->out, "{\n\"schema\": %d,\n\"kind\": \"capture\",\n\"packets\": [", JSON_SCHEMA);
}

static int json_put_step(struct replay_teller *t, const struct story_step *step)
{
    fputs(t->told++ ? ",\n" : "\n", t->out);
    return put_json(t->out, json_step(step));
}

static int json_end(struct replay_teller *t, const struct replay *r)
{
    struct story head = *r->story; /* as it is, but for the steps, which have been told */
    head.steps = NULL;
    head.step_count = 0;
    json_t *root = json_story(&head), *value;
    const char *key;

    if (!root || (t->form == REPLAY_JSON && json_object_set_new(root, "replay", replay_json(r)))) {
        json_decref(root);
        return -ENOMEM;
    }
    fputs("\n]", t->out);
    int result = 0;
    json_object_foreach(root, key, value)
    {
        if (result || strcmp(key, "schema") == 0 || strcmp(key, "kind") == 0 || strcmp(key, "packets") == 0)
            continue;
        fprintf(t->out, ",\n\"%s\": ", key);
        result = put_json(t->out, json_incref(value));
    }
    json_decref(root);
    fputs("\n}\n", t->out);
    return result;
}

/* ---- either ---- */

static int tell_begin(void *arg, const struct replay *r)
{
    struct replay_teller *t = arg;

    if (t->form == REPLAY_TEXT)
        text_begin(t, r);
    else
        json_begin(t);
    return ferror(t->out) ? -EIO : 0;
}

static int tell_step(void *arg, const struct story_step *step)
{
    struct replay_teller *t = arg;
    int r = 0;

    if (t->form == REPLAY_TEXT)
        text_step(t, step);
    else
        r = json_put_step(t, step);
    return r ? r : ferror(t->out) ? -EIO : 0;
}

void replay_teller_init(struct replay_teller *t, enum replay_form form,
                        const struct story_text_options *options, FILE *out)
{
    *t = (struct replay_teller){
        .form = form, .options = options, .out = out, .listener = {t, tell_begin, tell_step}};
}

int replay_teller_end(struct replay_teller *t, const struct replay *r)
{
    int result = 0;

    if (t->form == REPLAY_TEXT)
        text_end(t, r);
    else
        result = json_end(t, r);
    return result ? result : ferror(t->out) ? -EIO : 0;
}

static int tell_all(struct replay_teller *t, const struct replay *r)
{
    int result = tell_begin(t, r);

    for (size_t i = 0; i < r->story->step_count && !result; i++)
        result = tell_step(t, &r->story->steps[i]);
    return result ? result : replay_teller_end(t, r);
}

int replay_tell_text(const struct replay *r, const struct story_text_options *options, FILE *out)
{
    struct replay_teller t;

    replay_teller_init(&t, REPLAY_TEXT, options, out);
    return tell_all(&t, r);
}

int replay_tell_json(const struct replay *r, FILE *out)
{
    struct replay_teller t;

    replay_teller_init(&t, REPLAY_JSON, NULL, out);
    return tell_all(&t, r);
}
