/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "explain/make.h"
#include "explain/replay/replay.h"
#include "explain/tell/json.h"
#include "explain/tell/paint.h"

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

static char *decider_text(const struct story_step *step)
{
    if (step->because)
        return story_format("depends on %s: %s", step->because, step->rule.text ? step->rule.text : "");
    if (step->stage == WALL_BY_CONNTRACK || step->stage == WALL_BY_HELPER)
        return story_format("%s: %s", step->stage == WALL_BY_HELPER ? "FTP helper" : "conntrack",
                            track_reason_text(step->reason));
    if (!step->rule.text)
        return story_format("no rules");
    return step->rule.number ? story_format("%s %u: %s", step->rule.chain, step->rule.number, step->rule.text)
                             : story_format("%s", step->rule.text);
}

static void put_step(struct paint *p, const struct story_step *step, bool verbose)
{
    char *by = decider_text(step);

    put_line(p, 0, style_of(step->fate),
             story_format("%6u %10.3f  %s > %s  %s  %s  %s  (%s)", step->number, (double)step->at_ms / 1000,
                          step->source, step->destination, step->label, story_state_name(step->state),
                          story_fate_name(step->fate), by ? by : ""));
    free(by);
    for (size_t i = 0; i < step->event_count; i++)
        put_line(p, 20, PAINT_NOTE, story_format("%s", step->events[i].text));
    for (size_t i = 0; verbose && i < step->looked_count; i++)
        put_line(p, 20, PAINT_FAINT,
                 story_format("%s %u: %s",
                              step->looked[i].answer == VERDICT_YES  ? "yes"
                              : step->looked[i].answer == VERDICT_NO ? "no"
                                                                     : "unknown",
                              step->looked[i].rule.number, step->looked[i].rule.text));
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
    for (size_t i = 0; i < r->found.channel_count; i++) {
        const struct replay_channel *c = &r->found.channels[i];

        put_line(p, 2, PAINT_PLAIN,
                 c->announced_by ? story_format("%s  by %s: %s", c->data, c->control, c->announced_by)
                                 : story_format("%s  by nobody that the capture shows", c->data));
    }
    if (!r->found.channel_count)
        paint_paragraph(p, 2, "none", PAINT_FAINT);
}

int replay_tell_text(const struct replay *r, const struct story_text_options *options, FILE *out)
{
    const struct story *s = r->story;
    struct paint p;

    paint_init(&p, out, options->colour, true, options->width ? options->width : 100);
    put_line(&p, 0, PAINT_BOLD, story_format("%s", s->title));
    put_line(&p, 0, PAINT_FAINT,
             story_format("rules: %s   kernel: Linux %s   %" PRIu64 " frames, %" PRIu64
                          " without a sound IP packet",
                          s->rules_name, s->kernel, r->packets, r->not_ip));
    paint_end_line(&p);
    for (size_t i = 0; i < s->step_count; i++)
        put_step(&p, &s->steps[i], options->verbose);
    put_lines(&p, "Connections at the end, as conntrack -L prints them", r->connections, r->connection_count);
    put_lines(&p, "Expectations that were made", r->found.expectations, r->found.expectation_count);
    put_channels(&p, r);
    paint_end_line(&p);
    paint_paragraph(&p, 0, s->conclusion,
                    style_of(s->outcome == STORY_BLOCKED   ? WALL_DROP
                             : s->outcome == STORY_UNKNOWN ? WALL_UNKNOWN
                                                           : WALL_PASS));
    for (size_t i = 0; i < s->note_count; i++)
        paint_paragraph(&p, 2, s->notes[i], PAINT_FAINT);
    return ferror(out) ? -EIO : 0;
}

/* ---- JSON: the story's object, and a member "replay" ---- */

static json_t *channels_json(const struct replay *r)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < r->found.channel_count; i++) {
        const struct replay_channel *c = &r->found.channels[i];
        json_t *one = json_pack("{s:o, s:o, s:o}", "data", json_text(c->data), "control",
                                json_text(c->control), "announced_by", json_text(c->announced_by));

        if (json_array_append_new(array, one)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

int replay_tell_json(const struct replay *r, FILE *out)
{
    json_t *root = json_story(r->story);
    json_t *replay = json_pack(
        "{s:I, s:I, s:o, s:o, s:o}", "frames", (json_int_t)r->packets, "not_ip", (json_int_t)r->not_ip,
        "connections", json_texts(r->connections, r->connection_count), "expectations",
        json_texts(r->found.expectations, r->found.expectation_count), "data_channels", channels_json(r));

    if (!root || json_object_set_new(root, "replay", replay)) {
        json_decref(root);
        return -ENOMEM;
    }
    return json_tell(root, out);
}
