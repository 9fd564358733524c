/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log, as FileZilla's users know it, and a bar. */
#include "cmd/sally/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 200, LINE = 2048, BAR_MS = 200 };

struct show {
    bool is_verbose, has_times, has_bar;
    char *held[HELD]; /* a ring: the last lines, should it fail. Owned. */
    unsigned next;
    const char *name; /* of the transfer; NULL: none runs */
    bool is_drawn;
    struct timespec began, drawn;
};

struct show *show_new(const struct options *o)
{
    struct show *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->is_verbose = o->is_verbose;
    s->has_times = o->has_times;
    s->has_bar = isatty(STDERR_FILENO);
    return s;
}

void show_free(struct show **s)
{
    if (!*s)
        return;
    for (unsigned i = 0; i < HELD; i++)
        free((*s)->held[i]);
    free(*s);
    *s = NULL;
}

static void wipe_bar(struct show *s)
{
    if (s->is_drawn)
        fputs("\r\033[K", stderr);
    s->is_drawn = false;
}

static const enum speech_phrase labels[] = {
    [CLIENT_STATUS] = SPEECH_LABEL_STATUS,
    [CLIENT_COMMAND] = SPEECH_LABEL_COMMAND,
    [CLIENT_RESPONSE] = SPEECH_LABEL_RESPONSE,
    [CLIENT_ERROR] = SPEECH_LABEL_ERROR,
};

static void hear(void *arg, enum client_event_kind kind, enum speech_phrase phrase, const char *const words[])
{
    struct show *s = arg;
    char label[64], text[SPEECH_TEXT], when[32] = "", *line = NULL;
    time_t now = time(NULL);
    struct tm tm;

    if (s->has_times && localtime_r(&now, &tm))
        strftime(when, sizeof(when), "%H:%M:%S ", &tm);
    speech_text(labels[kind], NULL, label, sizeof(label));
    speech_text(phrase, words, text, sizeof(text));
    if (asprintf(&line, "%s%s\t%s\n", when, label, text) < 0)
        return; /* a line of the log, for want of memory */
    if (s->is_verbose) {
        wipe_bar(s);
        fputs(line, stderr);
        free(line);
        return;
    }
    free(s->held[s->next % HELD]);
    s->held[s->next++ % HELD] = line;
}

void show_failure(struct show *s)
{
    wipe_bar(s);
    for (unsigned i = 0; i < HELD; i++) {
        char **line = &s->held[(s->next + i) % HELD];
        if (*line)
            fputs(*line, stderr);
        free(*line);
        *line = NULL;
    }
}

static int64_t ms_since(const struct timespec *then, const struct timespec *now)
{
    return (now->tv_sec - then->tv_sec) * 1000 + (now->tv_nsec - then->tv_nsec) / 1000000;
}

static void move(void *arg, uint64_t bytes, uint64_t total)
{
    struct show *s = arg;
    struct timespec now;
    int64_t ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!s->has_bar || !s->name || ms_since(&s->drawn, &now) < BAR_MS)
        return;
    s->drawn = now;
    ms = ms_since(&s->began, &now);
    fprintf(stderr, "\r\033[K%s  ", s->name);
    if (total != UINT64_MAX && total > 0)
        fprintf(stderr, "%3u%%  ", (unsigned)(bytes / ((total + 99) / 100)));
    fprintf(stderr, "%ju bytes", (uintmax_t)bytes);
    if (ms > 0)
        fprintf(stderr, "  %.1f MB/s", (double)bytes / 1000 / (double)ms);
    s->is_drawn = true;
}

struct client_ears show_ears(struct show *s)
{
    return (struct client_ears){.arg = s, .hear = hear, .move = move};
}

void show_begin(struct show *s, const char *name)
{
    clock_gettime(CLOCK_MONOTONIC, &s->began);
    s->drawn = s->began;
    s->name = name;
}

void show_end(struct show *s)
{
    wipe_bar(s);
    s->name = NULL;
}
