/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/make.h"
#include "explain/tell/fold.h"
#include "explain/tell/paint.h"
#include "explain/tell/say.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The answer comes first, for who has ten seconds; then the conversation between three lanes, client,
 * firewall and server, with what the firewall thought hanging at its lane; then what can be done.
 */
enum {
    WIDTH_DEFAULT = 100,
    WIDTH_LEAST = 60,
    WIDTH_MOST = 120,
    ARROWS_ON_A_SCREEN = 6, /* with more, the answer has scrolled away and is said again */
    TASKS_TOLD = 12,        /* of more, only those that do not work */
    QUOTED_MOST = 256,      /* rules after that are quoted again each time */
};

struct text_teller {
    struct paint p;
    const struct story *s;
    bool verbose, has_time;
    size_t arrows;         /* painted so far */
    int left, wall, right; /* columns of the lanes */
    const struct story_rule *quoted[QUOTED_MOST];
    size_t quoted_count;
};

struct outcome_look {
    enum speech_phrase word;
    const char *mark;
    enum paint_style style;
};

static struct outcome_look look_of(enum story_outcome outcome)
{
    static const struct outcome_look looks[] = {
        [STORY_WORKS] = {SPEECH_HEAD_WORKS, "✓", PAINT_GOOD_BOLD},
        [STORY_BLOCKED] = {SPEECH_HEAD_BLOCKED, "✗", PAINT_BAD_BOLD},
        [STORY_UNKNOWN] = {SPEECH_HEAD_UNKNOWN, "?", PAINT_DOUBT_BOLD},
    };
    return looks[outcome];
}

/* ---- the answer ---- */

static void tell_headline(struct text_teller *t)
{
    struct outcome_look look = look_of(t->s->outcome);
    int column = paint_text(&t->p, 0, 12, speech_plain(look.word), look.style) + 2;
    const char *text = t->s->conclusion ? t->s->conclusion : "";
    size_t next = 0, size = paint_break(text, t->p.width - column, &next);
    char *first = strndup(text, size);
    if (first)
        paint_text(&t->p, column, t->p.width - column, first, PAINT_BOLD);
    free(first);
    paint_end_line(&t->p);
    if (text[next])
        paint_paragraph(&t->p, column, text + next, PAINT_BOLD);
}

static char *same_why(const struct story_task *task)
{
    return task->step ? PHRASE(SAME_AT, NUMBER(task->step)) : PHRASE(SAME);
}

static void tell_tasks(struct text_teller *t)
{
    const char *why_before = NULL;
    size_t works = 0, told = 0;
    bool many = t->s->task_count > TASKS_TOLD;
    for (size_t i = 0; i < t->s->task_count; i++) {
        const struct story_task *task = &t->s->tasks[i];
        works += task->outcome == STORY_WORKS;
        if (many && (task->outcome == STORY_WORKS || told++ >= TASKS_TOLD))
            continue;
        struct outcome_look look = look_of(task->outcome);
        paint_text(&t->p, 2, 1, look.mark, look.style);
        paint_text(&t->p, 4, 10, speech_of(task->name), PAINT_PLAIN);
        paint_text(&t->p, 15, 8, speech_of(story_outcome_name(task->outcome)), look.style);
        if (!task->why) {
            paint_end_line(&t->p);
            continue;
        }
        char *why = why_before && fold_alike(why_before, task->why) ? same_why(task)
                    : task->step ? PHRASE(WHY_AT, task->why, NUMBER(task->step))
                                 : strdup(task->why);
        if (why)
            paint_paragraph(&t->p, 24, why, PAINT_PLAIN);
        free(why);
        why_before = task->why;
    }
    char *rest = many ? PHRASE(TASKS_WORK, NUMBER(works), NUMBER(t->s->task_count)) : NULL;
    if (rest)
        paint_paragraph(&t->p, 2, rest, PAINT_PLAIN);
    free(rest);
}

static void tell_question(struct text_teller *t)
{
    bool is_robust = t->s->manner && strcmp(t->s->manner, "robust") == 0;
    const char *rules = t->s->rules_name ? speech_of(t->s->rules_name) : SAID(NONE);
    const char *kernel = t->s->kernel ? t->s->kernel : "?";
    char *made = fold_has_ftp(t->s)
                     ? PHRASE(MADE_FTP, rules, kernel, is_robust ? SAID(HELPER_ROBUST) : SAID(HELPER_LINUX))
                     : PHRASE(MADE, rules, kernel);
    if (t->s->title)
        paint_paragraph(&t->p, 2, t->s->title, PAINT_PLAIN);
    if (made)
        paint_paragraph(&t->p, 2, made, PAINT_FAINT);
    free(made);
}

static void tell_heading(struct text_teller *t, const char *text)
{
    paint_end_line(&t->p);
    paint_text(&t->p, 0, t->p.width, text, PAINT_BOLD);
    paint_end_line(&t->p);
}

/* ---- the lanes ---- */

static void paint_lanes(struct text_teller *t)
{
    paint_fill(&t->p, t->left, t->left + 1, L'│', PAINT_FAINT);
    paint_fill(&t->p, t->wall, t->wall + 1, L'║', PAINT_PLAIN);
    paint_fill(&t->p, t->right, t->right + 1, L'│', PAINT_FAINT);
}

static void paint_centred(struct text_teller *t, int column, const char *text, enum paint_style style)
{
    int size = paint_columns(text), from = column - size / 2;
    if (from + size > t->p.width)
        from = t->p.width - size;
    paint_text(&t->p, from < 0 ? 0 : from, t->p.width, text, style);
}

static void tell_lane_heads(struct text_teller *t)
{
    static const enum speech_phrase places[] = {[STORY_AT_SERVER] = SPEECH_ON_SERVER,
                                                [STORY_AT_GATEWAY] = SPEECH_ON_GATEWAY,
                                                [STORY_AT_CLIENT] = SPEECH_ON_CLIENT};
    char *place = PHRASE(IN_BRACKETS, speech_plain(places[t->s->where]));
    paint_end_line(&t->p);
    paint_centred(t, t->left, SAID(CLIENT), PAINT_BOLD);
    paint_centred(t, t->wall, SAID(FIREWALL), PAINT_BOLD);
    paint_centred(t, t->right, SAID(SERVER), PAINT_BOLD);
    paint_end_line(&t->p);
    paint_centred(t, t->left, t->s->client ? t->s->client : "", PAINT_FAINT);
    paint_centred(t, t->wall, place ? place : "", PAINT_FAINT);
    paint_centred(t, t->right, t->s->server ? t->s->server : "", PAINT_FAINT);
    paint_end_line(&t->p);
    free(place);
}

static void tell_phase(struct text_teller *t, const char *phase)
{
    paint_lanes(t);
    paint_end_line(&t->p);
    paint_lanes(t);
    paint_text(&t->p, 0, t->left - 1, speech_of(phase), PAINT_BOLD);
    paint_end_line(&t->p);
}

/* A remark of the firewall: hangs at its lane, in as many lines as it takes. */
static void tell_remark(struct text_teller *t, const char *text, enum paint_style style)
{
    int room = t->right - t->wall - 4;
    int column = t->wall + 3;
    while (*text) {
        size_t next, size = paint_break(text, room - (column > t->wall + 3 ? 2 : 0), &next);
        char *line = strndup(text, size);
        if (!line)
            return;
        paint_lanes(t);
        paint_text(&t->p, column, room, line, style);
        paint_end_line(&t->p);
        free(line);
        text += next;
        column = t->wall + 5;
    }
}

/* ---- one packet ---- */

static char *label_text(const struct text_teller *t, const struct story_step *step)
{
    if (t->verbose && strcmp(step->packet, "SYN") != 0 && strcmp(step->label, step->packet) != 0)
        return story_format("%s (%s)", speech_of(step->label), step->packet);
    return say_label(step);
}

static enum paint_style style_of(const struct story_step *step)
{
    static const enum paint_style styles[] = {[WALL_PASS] = PAINT_FAINT,
                                              [WALL_DROP] = PAINT_BAD_BOLD,
                                              [WALL_REJECT] = PAINT_BAD_BOLD,
                                              [WALL_UNKNOWN] = PAINT_DOUBT_BOLD};
    return styles[step->fate];
}

struct arrow {
    uint32_t line, crossing, from_left, from_right;
};

static struct arrow arrow_of(enum story_channel channel)
{
    static const struct arrow arrows[] = {
        [STORY_CONTROL] = {L'─', L'╫', L'├', L'┤'},
        [STORY_DATA] = {L'═', L'╬', L'╞', L'╡'},
        [STORY_OTHER] = {L'╌', L'╫', L'├', L'┤'},
    };
    return arrows[channel];
}

/* The line from its sender to the wall, and past it if it gets there. */
static void paint_arrow(struct text_teller *t, const struct story_step *step)
{
    struct arrow a = arrow_of(step->channel);
    bool up = step->from == STORY_CLIENT, passes = step->fate == WALL_PASS;
    enum paint_style style = passes ? PAINT_PLAIN : style_of(step);
    int start = up ? t->left : t->right, end = up ? t->right : t->left;
    int near_from = up ? t->left + 1 : t->wall + 1, near_to = up ? t->wall : t->right;
    paint_fill(&t->p, near_from, near_to, a.line, style);
    paint_fill(&t->p, start, start + 1, up ? a.from_left : a.from_right, style);
    if (!passes) {
        paint_fill(&t->p, t->wall, t->wall + 1, step->fate == WALL_UNKNOWN ? L'?' : L'✗', style);
        return;
    }
    paint_fill(&t->p, up ? t->wall + 1 : t->left + 1, up ? t->right : t->wall, a.line, style);
    paint_fill(&t->p, t->wall, t->wall + 1, a.crossing, style);
    paint_fill(&t->p, up ? end - 1 : end + 1, up ? end : end + 2, up ? L'▶' : L'◀', style);
}

/* text on the line, with a space before and behind, beginning at the side where its packet comes from. */
static void paint_on_line(struct text_teller *t, int from, int to, bool at_left, const char *text,
                          enum paint_style style)
{
    int room = to - from - 2, size = paint_columns(text);
    if (size > room)
        size = room;
    int column = at_left ? from : to - size - 2;
    paint_fill(&t->p, column, column + size + 2, L' ', style);
    paint_text(&t->p, column + 1, room, text, style);
}

static void paint_gutter(struct text_teller *t, const struct story_step *step)
{
    char text[32];
    snprintf(text, sizeof(text), "%4u", step->number);
    paint_text(&t->p, 0, 6, text, PAINT_FAINT);
    if (!t->has_time)
        return;
    snprintf(text, sizeof(text), "%9.3f", (double)step->at_ms / 1000);
    paint_text(&t->p, 5, 10, text, PAINT_FAINT);
}

static void tell_arrow(struct text_teller *t, const struct story_step *step)
{
    bool up = step->from == STORY_CLIENT;
    int near_room = (up ? t->wall - t->left : t->right - t->wall) - 6;
    char *label = label_text(t, step), *judgement = say_judgement(step);
    if (!label || !judgement)
        goto out;
    enum paint_style label_style = step->fate == WALL_PASS ? PAINT_PLAIN : style_of(step);
    bool is_long = paint_columns(label) > near_room;
    paint_lanes(t);
    paint_gutter(t, step);
    if (is_long) {
        paint_on_line(t, t->left + 1, t->right, up, label, label_style);
        paint_end_line(&t->p);
        paint_lanes(t);
    }
    paint_arrow(t, step);
    if (!is_long)
        paint_on_line(t, up ? t->left + 2 : t->wall + 2, up ? t->wall - 1 : t->right - 1, up, label,
                      label_style);
    t->arrows++;
    paint_on_line(t, up ? t->wall + 2 : t->left + 3, up ? t->right - 2 : t->wall - 1, up, judgement,
                  style_of(step));
    paint_end_line(&t->p);
out:
    free(label);
    free(judgement);
}

/* ---- what hangs below a packet ---- */

static bool is_first_quote(struct text_teller *t, const struct story_rule *rule)
{
    for (size_t i = 0; i < t->quoted_count; i++) {
        if (story_rule_equal(t->quoted[i], rule))
            return false;
    }
    if (t->quoted_count < QUOTED_MOST)
        t->quoted[t->quoted_count++] = rule;
    return true;
}

/* The rules that led to the chain in which it was decided; -v has them among those that were looked at. */
static void tell_jumps(struct text_teller *t, const struct story_step *step)
{
    for (size_t i = 0; i < step->jump_count; i++) {
        char *text = say_jump(&step->jumps[i]);
        if (text)
            tell_remark(t, text, PAINT_FAINT);
        free(text);
    }
}

static void tell_rule(struct text_teller *t, const struct story_step *step)
{
    const struct story_rule *rule = &step->rule;
    if (!rule->text || !rule->chain || !rule->table)
        return;
    if (t->verbose && rule->number && step->looked_count && step->fate == WALL_PASS)
        return; /* it is the last of those that were looked at */
    bool first = is_first_quote(t, rule);
    if (!first && !t->verbose && step->fate == WALL_PASS)
        return;
    if (!t->verbose)
        tell_jumps(t, step);
    char *text = say_rule(rule);
    if (text)
        tell_remark(t, text, style_of(step));
    free(text);
}

static void tell_looked(struct text_teller *t, const struct story_step *step)
{
    const char *const answers[] = {[VERDICT_NO] = SAID(LOOKED_NO),
                                   [VERDICT_YES] = SAID(LOOKED_YES),
                                   [VERDICT_UNKNOWN] = "?  ",
                                   [VERDICT_HOTDROP] = SAID(LOOKED_YES)};
    for (size_t i = 0; i < step->looked_count; i++) {
        const struct story_looked *looked = &step->looked[i];
        char *place = story_place_short(&looked->rule);
        char *text =
            place ? story_format("%s %s: %s", answers[looked->answer], place, looked->rule.text) : NULL;
        if (text)
            tell_remark(t, text, PAINT_FAINT);
        free(text);
        free(place);
    }
}

static void tell_near(struct text_teller *t, const struct story_step *step)
{
    for (size_t i = 0; i < step->near_count; i++)
        tell_remark(t, step->near[i].text, PAINT_DOUBT);
}

static void tell_events(struct text_teller *t, const struct story_step *step)
{
    for (size_t i = 0; i < step->event_count; i++) {
        const struct story_event *event = &step->events[i];
        bool bad = event->type == TRACK_EXPECT_MISSED || event->type == TRACK_PACKET_DROPPED;
        size_t index = (size_t)(step - t->s->steps);
        const char *reason = strstr(event->text, ": ");
        bool again = !t->verbose && reason && bad && fold_event_again(t->s, index, event);
        char *said = again ? say_again(event) : strdup(event->text);
        char *text = said ? story_format("%s %s", bad ? "✗" : "✓", said) : NULL;
        if (text)
            tell_remark(t, text, bad ? PAINT_DOUBT : PAINT_GOOD);
        free(text);
        free(said);
    }
}

static void tell_reason(struct text_teller *t, const struct story_step *step)
{
    bool told = false;
    for (size_t i = 0; i < step->event_count; i++)
        told = told || step->events[i].reason == step->reason;
    if (step->reason != TRACK_OK && !told)
        tell_remark(t, speech_of(track_reason_text(step->reason)), PAINT_DOUBT);
    if (step->cause)
        tell_remark(t, step->cause, PAINT_DOUBT);
    if (step->because) {
        char *text = say_doubt(step);
        if (text)
            tell_remark(t, text, PAINT_DOUBT);
        free(text);
    }
}

static void tell_retries(struct text_teller *t, struct fold *f)
{
    if (!f->retries)
        return;
    char *said = say_retries(f->retries, f->last_ms), *text = said ? story_format("⋮ %s", said) : NULL;
    if (text)
        tell_remark(t, text, PAINT_BAD);
    free(said);
    free(text);
    f->retries = 0;
}

static void tell_step(struct text_teller *t, const struct story_step *step)
{
    tell_arrow(t, step);
    if (t->verbose)
        tell_looked(t, step);
    tell_rule(t, step);
    if (t->verbose)
        tell_near(t, step);
    tell_reason(t, step);
    tell_events(t, step);
}

static void tell_legend(struct text_teller *t, const struct fold *f)
{
    paint_lanes(t);
    paint_end_line(&t->p);
    paint_end_line(&t->p);
    char *legend = fold_has_ftp(t->s) ? story_format("─ %s   ═ %s   ✗ %s", SAID(CONTROL_CHANNEL),
                                                     SAID(DATA_CHANNEL), SAID(STOPPED))
                                      : story_format("✗ %s", SAID(STOPPED));
    if (legend)
        paint_text(&t->p, 2, t->p.width, legend, PAINT_FAINT);
    free(legend);
    paint_end_line(&t->p);
    if (!f->hidden)
        return;
    char *text = f->hidden == 1 ? PHRASE(HIDDEN_ONE, NUMBER(1)) : PHRASE(HIDDEN_MORE, NUMBER(f->hidden));
    if (text)
        paint_paragraph(&t->p, 2, text, PAINT_FAINT);
    free(text);
}

static void tell_repeated(struct text_teller *t, const char *like, uint32_t first, size_t count)
{
    char *said = PHRASE(PHASE_LIKE, speech_of(like), NUMBER(first), NUMBER(first + (uint32_t)count - 1));
    char *text = said ? story_format("⋮ %s", said) : NULL;
    free(said);
    paint_lanes(t);
    if (text)
        paint_on_line(t, t->left + 1, t->wall, true, text, PAINT_FAINT);
    paint_end_line(&t->p);
    free(text);
}

static void tell_conversation(struct text_teller *t)
{
    struct fold fold = {0};
    const char *phase = "";
    tell_lane_heads(t);
    for (size_t i = 0; i < t->s->step_count; i++) {
        const struct story_step *step = &t->s->steps[i];
        struct fold before = fold;
        const char *like;
        size_t repeated = t->verbose ? 0 : fold_phase(t->s, i, &like);
        if (repeated) {
            tell_retries(t, &fold);
            tell_phase(t, phase = step->phase);
            tell_repeated(t, like, step->number, repeated);
            fold.hidden += (uint32_t)repeated;
            i += repeated - 1;
            continue;
        }
        bool shows = fold_shows(&fold, t->s, i) || t->verbose;
        if (!shows)
            continue;
        tell_retries(t, &before);
        if (step->phase && strcmp(step->phase, phase) != 0)
            tell_phase(t, phase = step->phase);
        tell_step(t, step);
    }
    tell_retries(t, &fold);
    if (t->verbose)
        fold.hidden = 0;
    tell_legend(t, &fold);
}

/* ---- what can be done ---- */

static void tell_fix(struct text_teller *t, const struct story_fix *fix, unsigned number)
{
    char *title = story_format("%u. %s", number, fix->title);
    char *exposes = PHRASE(EXPOSES, fix->exposes ? fix->exposes : SAID(NOTHING));
    paint_end_line(&t->p);
    if (title)
        paint_paragraph(&t->p, 2, title, PAINT_GOOD_BOLD);
    if (exposes)
        paint_paragraph(&t->p, 5, exposes, PAINT_PLAIN);
    for (size_t i = 0; i < fix->command_count; i++)
        paint_whole_line(&t->p, 7, fix->commands[i], PAINT_NOTE);
    if (fix->note)
        paint_paragraph(&t->p, 5, fix->note, PAINT_FAINT);
    free(title);
    free(exposes);
}

static void tell_failed_fixes(struct text_teller *t)
{
    bool any = false;
    for (size_t i = 0; i < t->s->fix_count; i++) {
        const struct story_fix *fix = &t->s->fixes[i];
        if (fix->works)
            continue;
        if (!any)
            tell_heading(t, SAID(HEADING_FAILED));
        any = true;
        char *text = story_format("%s%s%s", fix->title, fix->note ? ": " : "", fix->note ? fix->note : "");
        paint_text(&t->p, 2, 1, "✗", PAINT_BAD);
        if (text)
            paint_paragraph(&t->p, 4, text, PAINT_PLAIN);
        free(text);
    }
}

static void tell_fixes(struct text_teller *t)
{
    unsigned number = 0;
    for (size_t i = 0; i < t->s->fix_count; i++) {
        if (!t->s->fixes[i].works)
            continue;
        if (number == 0)
            tell_heading(t, SAID(HEADING_FIXES));
        tell_fix(t, &t->s->fixes[i], ++number);
    }
    tell_failed_fixes(t);
}

static void tell_notes(struct text_teller *t)
{
    if (t->s->note_count)
        tell_heading(t, SAID(HEADING_NOTES));
    for (size_t i = 0; i < t->s->note_count; i++) {
        paint_text(&t->p, 2, 1, "·", PAINT_FAINT);
        paint_paragraph(&t->p, 4, t->s->notes[i], PAINT_PLAIN);
    }
}

static void layout(struct text_teller *t, int width)
{
    if (width == 0)
        width = WIDTH_DEFAULT;
    if (width < WIDTH_LEAST)
        width = WIDTH_LEAST;
    if (width > WIDTH_MOST)
        width = WIDTH_MOST;
    t->p.width = width;
    t->has_time = t->verbose || t->s->kind == STORY_CAPTURE;
    t->left = t->has_time ? 18 : 10;
    t->right = width - 8;
    t->wall = (t->left + t->right) / 2;
}

int story_tell_text(const struct story *s, const struct story_text_options *options, FILE *out)
{
    struct text_teller t = {.s = s, .verbose = options->verbose};
    paint_init(&t.p, out, options->colour, options->ascii, WIDTH_DEFAULT);
    layout(&t, options->width);
    tell_headline(&t);
    paint_end_line(&t.p);
    tell_tasks(&t);
    paint_end_line(&t.p);
    tell_question(&t);
    if (s->step_count)
        tell_conversation(&t);
    paint_end_line(&t.p);
    if (t.arrows > ARROWS_ON_A_SCREEN)
        tell_headline(&t);
    tell_fixes(&t);
    tell_notes(&t);
    return ferror(out) ? -EIO : 0;
}
