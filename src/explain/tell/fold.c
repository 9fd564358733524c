/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/tell/fold.h"

#include <ctype.h>
#include <string.h>

enum { FOLD_LOOK_BACK = 200 }; /* steps; further back is out of sight */

bool fold_is_telling(const struct story_step *step)
{
    return step->fate != WALL_PASS || step->event_count > 0 || step->cause;
}

/* No payload, and no SYN: the packets that only keep TCP going. */
static bool is_bare(const struct story_step *step)
{
    static const char *const bare[] = {"ACK", "FIN ACK", "FIN PSH ACK", "RST", "RST ACK", "FIN"};
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        if (strcmp(step->packet, bare[i]) == 0)
            return true;
    }
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The same packet with the same fate as the one before it. */
static bool is_repetition(const struct story_step *before, const struct story_step *step)
{
    return before->from == step->from && before->channel == step->channel && before->fate == step->fate &&
           before->stage == step->stage && before->state == step->state &&
           same_text(before->source, step->source) && same_text(before->destination, step->destination) &&
           same_text(before->label, step->label) && before->rule.number == step->rule.number &&
           same_text(before->rule.chain, step->rule.chain) && step->event_count == 0 &&
           same_text(before->cause, step->cause);
}

/* More bulk of one data channel: a capture of a download is thousands of these. */
static bool is_more_data(const struct story_step *before, const struct story_step *step)
{
    return step->channel == STORY_DATA && strstr(before->packet, "ACK, ") && strstr(step->packet, "ACK, ") &&
           is_repetition(before, step);
}

/* What the whole of the story tells about its parts; looked up once. */
static void count(struct fold *f, const struct story *s)
{
    if (f->counted)
        return;
    f->counted = true;
    f->bare_only = true;
    for (size_t i = 0; i < s->step_count; i++) {
        const struct story_step *step = &s->steps[i];
        f->has_control = f->has_control || step->channel == STORY_CONTROL;
        f->bare_only = f->bare_only && !fold_is_telling(step) && is_bare(step);
    }
}

bool fold_has_ftp(const struct story *s)
{
    bool has = s->kind == STORY_FTP;
    for (size_t i = 0; i < s->step_count && !has; i++)
        has = s->steps[i].channel != STORY_OTHER;
    return has;
}

/* In captures: neighbours looking for one another, and other people's connections. */
static bool is_clutter(const struct fold *f, const struct story *s, const struct story_step *step)
{
    return s->kind == STORY_CAPTURE && step->channel == STORY_OTHER && step->fate == WALL_PASS &&
           f->has_control;
}

bool fold_shows(struct fold *f, const struct story *s, size_t index)
{
    const struct story_step *step = &s->steps[index];
    const struct story_step *before = f->shown ? &s->steps[f->shown - 1] : NULL;
    count(f, s);
    bool again = before && is_repetition(before, step) &&
                 (step->is_retry || f->bare_only || is_more_data(before, step));
    if (again && step->fate != WALL_PASS) {
        f->retries++;
        f->last_ms = step->at_ms;
    } else if (!again && !is_clutter(f, s, step) &&
               (fold_is_telling(step) || !is_bare(step) || f->bare_only)) {
        f->retries = 0;
        f->shown = index + 1;
        return true;
    }
    f->hidden++;
    return false;
}

bool fold_alike(const char *a, const char *b)
{
    while (*a || *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return true;
}

static size_t phase_size(const struct story *s, size_t index)
{
    size_t end = index;
    while (end < s->step_count && same_text(s->steps[end].phase, s->steps[index].phase))
        end++;
    return end - index;
}

static bool went_alike(const struct story_step *a, const struct story_step *b)
{
    if (a->from != b->from || a->channel != b->channel || a->fate != b->fate || a->stage != b->stage ||
        a->state != b->state || a->reason != b->reason || a->is_retry != b->is_retry ||
        a->event_count != b->event_count || a->rule.number != b->rule.number ||
        !same_text(a->rule.chain, b->rule.chain) || !fold_alike(a->label, b->label))
        return false;
    for (size_t i = 0; i < a->event_count; i++) {
        if (a->events[i].type != b->events[i].type || a->events[i].reason != b->events[i].reason)
            return false;
    }
    return true;
}

size_t fold_phase(const struct story *s, size_t index, const char **ret_like)
{
    const char *phase = s->steps[index].phase;
    size_t before = index;
    if (index == 0 || !phase || !phase[0] || same_text(phase, s->steps[index - 1].phase))
        return 0;
    while (before > 0 && same_text(s->steps[before - 1].phase, s->steps[index - 1].phase))
        before--;
    size_t size = phase_size(s, index);
    if (size != index - before)
        return 0;
    for (size_t i = 0; i < size; i++) {
        if (!went_alike(&s->steps[before + i], &s->steps[index + i]))
            return 0;
    }
    *ret_like = s->steps[before].phase;
    return size;
}

bool fold_event_again(const struct story *s, size_t index, const struct story_event *event)
{
    for (size_t i = index > FOLD_LOOK_BACK ? index - FOLD_LOOK_BACK : 0; i < index; i++) {
        const struct story_step *step = &s->steps[i];
        for (size_t k = 0; k < step->event_count; k++) {
            if (step->events[k].type == event->type && step->events[k].reason == event->reason &&
                fold_alike(step->events[k].text, event->text))
                return true;
        }
    }
    return false;
}
