/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "speech/speech.h"

void *survey_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t larger = *capacity ? *capacity * 2 : 16;
    void *bigger = reallocarray(array, larger, size);

    if (bigger)
        *capacity = larger;
    return bigger;
}

/* ---- what is found ---- */

int survey_add_task(struct survey *s, uint32_t session, const char *name, uint32_t frame, uint32_t *ret)
{
    *ret = SURVEY_NONE;
    if (s->task_count == SURVEY_TASKS) {
        s->overflowed = true;
        return 0;
    }
    struct survey_task *all = survey_grow(s->tasks, s->task_count, &s->task_capacity, sizeof(*all));
    if (!all)
        return -ENOMEM;
    s->tasks = all;
    all[s->task_count] = (struct survey_task){
        .name = name, .session = session, .begin = frame, .end = frame, .data = SURVEY_NONE};
    *ret = (uint32_t)s->task_count++;
    return 0;
}

static int add_cause_text(struct survey *s, uint32_t session, uint32_t frame, char *text)
{
    if (s->cause_count == SURVEY_CAUSES) {
        s->overflowed = true;
        free(text);
        return 0;
    }
    struct survey_cause *all =
        text ? survey_grow(s->causes, s->cause_count, &s->cause_capacity, sizeof(*all)) : NULL;
    if (!all) {
        free(text);
        return -ENOMEM;
    }
    s->causes = all;
    all[s->cause_count++] = (struct survey_cause){frame, session, text};
    return 0;
}

int survey_add_cause(struct survey *s, uint32_t session, uint32_t frame, const char *format, ...)
{
    char *text = NULL;
    va_list list;

    va_start(list, format);
    int length = vasprintf(&text, format, list);
    va_end(list);
    return add_cause_text(s, session, frame, length < 0 ? NULL : text);
}

int survey_note_tls(struct survey *s, uint32_t session, uint32_t frame)
{
    s->sessions[session].tls = frame;
    return survey_add_cause(s, session, frame, "%s", SAID(CAUSE_TLS));
}

/* What was odd comes first, then what the data channel itself showed, then what was said about it. */
static char *join_causes(const struct survey_task *t, bool is_sure, const char *text)
{
    if (!t->cause)
        return strdup(text);
    if (t->cause_is_odd || !is_sure)
        return t->cause_is_sure && is_sure ? strdup(t->cause) : PHRASE(CAUSE_THEN, t->cause, text);
    return t->cause_is_sure ? strdup(t->cause) : PHRASE(CAUSE_THEN, text, t->cause);
}

int survey_blame(struct survey *s, uint32_t task, uint32_t frame, bool is_sure, char *text)
{
    struct survey_task *t = &s->tasks[task];
    char *joined = text ? join_causes(t, is_sure, text) : NULL;

    free(text);
    if (!joined)
        return -ENOMEM;
    if (!t->cause || (is_sure && !t->cause_is_sure && !t->cause_is_odd))
        t->cause_frame = frame;
    t->cause_is_odd = t->cause_is_odd || (!t->cause && t->state != SURVEY_FAILED && !is_sure);
    t->cause_is_sure |= is_sure;
    free(t->cause);
    t->cause = joined;
    return 0;
}

int survey_add_role(struct survey *s, uint32_t serial, uint32_t session, uint32_t data, uint32_t *ret)
{
    struct survey_role *all = survey_grow(s->roles, s->role_count, &s->role_capacity, sizeof(*all));

    if (!all)
        return -ENOMEM;
    s->roles = all;
    all[s->role_count++] = (struct survey_role){serial, session, data};
    *ret = (uint32_t)s->role_count;
    return 0;
}

static int by_frame(const void *a, const void *b)
{
    uint32_t x = ((const struct survey_cause *)a)->frame, y = ((const struct survey_cause *)b)->frame;

    return x < y ? -1 : x > y;
}

static int by_serial(const void *a, const void *b)
{
    uint32_t x = ((const struct survey_role *)a)->serial, y = ((const struct survey_role *)b)->serial;

    return x < y ? -1 : x > y;
}

void survey_sort(struct survey *s)
{
    if (s->cause_count)
        qsort(s->causes, s->cause_count, sizeof(*s->causes), by_frame);
    if (s->role_count)
        qsort(s->roles, s->role_count, sizeof(*s->roles), by_serial);
}

void survey_fini(struct survey *s)
{
    for (size_t i = 0; i < s->session_count; i++) {
        speech_fini(&s->sessions[i].speech[0]);
        speech_fini(&s->sessions[i].speech[1]);
    }
    for (size_t i = 0; i < s->task_count; i++)
        free(s->tasks[i].cause);
    for (size_t i = 0; i < s->data_count; i++) {
        free(s->data[i].ends);
        free(s->data[i].said);
    }
    for (size_t i = 0; i < s->cause_count; i++)
        free(s->causes[i].text);
    free(s->sessions);
    free(s->tasks);
    free(s->data);
    free(s->causes);
    free(s->roles);
    *s = (struct survey){0};
}

const struct survey_role *survey_role(const struct survey *s, uint32_t serial)
{
    const struct survey_role key = {.serial = serial};

    return s->role_count ? bsearch(&key, s->roles, s->role_count, sizeof(key), by_serial) : NULL;
}

const struct survey_cause *survey_cause(const struct survey *s, uint32_t frame)
{
    const struct survey_cause key = {.frame = frame};
    const struct survey_cause *found =
        s->cause_count ? bsearch(&key, s->causes, s->cause_count, sizeof(key), by_frame) : NULL;

    while (found && found > s->causes && found[-1].frame == frame)
        found--;
    return found;
}
