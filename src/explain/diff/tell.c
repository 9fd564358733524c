/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/diff.h"
#include "explain/make.h"
#include "explain/tell/json.h"
#include "explain/tell/paint.h"

#include <errno.h>
#include <stdlib.h>

enum { TELL_WIDTH = 100 };

/* ---- text ---- */

static enum paint_style style_of(enum wall_fate fate)
{
    static const enum paint_style styles[] = {[WALL_PASS] = PAINT_GOOD,
                                              [WALL_DROP] = PAINT_BAD,
                                              [WALL_REJECT] = PAINT_BAD,
                                              [WALL_UNKNOWN] = PAINT_DOUBT};
    return styles[fate];
}

/* "rule 3 of INPUT in the mangle table: -A INPUT ..." */
static char *rule_text(const struct story_rule *rule)
{
    char *place = story_place(rule), *text = place ? story_format("%s: %s", place, rule->text) : NULL;
    free(place);
    return text;
}

static int tell_side(struct paint *p, const char *when, enum wall_fate fate, const struct story_rule *rule)
{
    char *text;
    if (!rule->chain)
        text = story_format("no rule");
    else
        text = rule_text(rule);
    if (!text)
        return -ENOMEM;
    paint_text(p, 4, 8, when, PAINT_FAINT);
    paint_text(p, 12, 8, story_fate_name(fate), style_of(fate));
    paint_paragraph(p, 20, text, PAINT_PLAIN);
    free(text);
    return 0;
}

static int tell_change(struct paint *p, const struct diff_change *c)
{
    paint_paragraph(p, 0, c->witness, PAINT_BOLD);
    int error = tell_side(p, "before", c->before, &c->old_rule);
    if (!error)
        error = tell_side(p, "after", c->after, &c->new_rule);
    if (error)
        return error;
    paint_text(p, 4, 8, "all of", PAINT_FAINT);
    paint_paragraph(p, 12, c->scope, PAINT_PLAIN);
    paint_end_line(p);
    return 0;
}

int diff_tell_text(const struct diff *d, const struct story_text_options *options, FILE *out)
{
    struct paint p;
    char *head = d->count ? story_format("%zu change%s%s:", d->count, d->count == 1 ? "" : "s",
                                         d->complete ? "" : ", and there may be more")
                 : d->complete
                     ? story_format("Nothing changes: every packet and every FTP session fares as "
                                    "before.")
                     : story_format("No change was found, but whether nothing changes can't be told:");
    int error = head ? 0 : -ENOMEM;
    paint_init(&p, out, options->colour, options->ascii, options->width ? options->width : TELL_WIDTH);
    if (!error) {
        paint_paragraph(&p, 0, head, PAINT_PLAIN);
        paint_end_line(&p);
    }
    free(head);
    for (size_t i = 0; i < d->count && !error; i++)
        error = tell_change(&p, &d->changes[i]);
    for (size_t i = 0; i < d->note_count && !error; i++)
        paint_paragraph(&p, 0, d->notes[i], PAINT_NOTE);
    if (error)
        return error;
    return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

/* ---- JSON ---- */

static json_t *json_change(const struct diff_change *c)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o}", "witness", json_text(c->witness), "scope",
                     json_text(c->scope), "before", story_fate_name(c->before), "after",
                     story_fate_name(c->after), "old_rule", json_rule(&c->old_rule), "new_rule",
                     json_rule(&c->new_rule));
}

int diff_tell_json(const struct diff *d, FILE *out)
{
    json_t *changes = json_array();
    for (size_t i = 0; i < d->count && changes; i++) {
        if (json_array_append_new(changes, json_change(&d->changes[i])) < 0) {
            json_decref(changes);
            changes = NULL;
        }
    }
    if (!changes)
        return -ENOMEM;
    return json_tell(
        json_pack("{s:i, s:s, s:s, s:b, s:o, s:o}", "schema", JSON_SCHEMA, "kind", "diff", "outcome",
                  d->count      ? "changes"
                  : d->complete ? "same"
                                : "unknown",
                  "complete", d->complete, "changes", changes, "notes", json_texts(d->notes, d->note_count)),
        out);
}
