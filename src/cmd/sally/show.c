/* SPDX-License-Identifier: BSD-2-Clause */
/* The message log, as FileZilla's users know it; bars, a line a transfer and one for all; events for scripts. */
#include "cmd/sally/command.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 200, BAR_MS = 200, WIDTH = 80, HEIGHT = 24, LINE = 1024 };

/* A session, and the transfer that runs in it. */
struct lane {
    struct show *show;
    unsigned number;
    char *name; /* NULL: none runs. Owned. */
    uint64_t bytes, total;
    struct timespec began;
};

struct show {
    bool is_verbose, has_times, has_bar, is_json, has_many;
    pthread_mutex_t lock;
    char *held[HELD]; /* a ring: the last lines, should it fail. Owned. */
    unsigned next;
    struct lane lanes[SESSIONS_MOST];
    uint64_t files, moved; /* transfers that are over, and their bytes */
    unsigned drawn_lines;
    struct timespec began, drawn;
};

struct show *show_new(const struct options *o)
{
    struct show *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->is_verbose = o->is_verbose;
    s->has_times = o->has_times;
    s->is_json = o->is_json;
    s->has_many = o->parallel > 1;
    s->has_bar = isatty(STDERR_FILENO) && !o->is_json;
    pthread_mutex_init(&s->lock, NULL);
    for (unsigned i = 0; i < SESSIONS_MOST; i++)
        s->lanes[i] = (struct lane){.show = s, .number = i};
    clock_gettime(CLOCK_MONOTONIC, &s->began);
    return s;
}

void show_free(struct show **s)
{
    if (!*s)
        return;
    for (unsigned i = 0; i < HELD; i++)
        free((*s)->held[i]);
    for (unsigned i = 0; i < SESSIONS_MOST; i++)
        free((*s)->lanes[i].name);
    pthread_mutex_destroy(&(*s)->lock);
    free(*s);
    *s = NULL;
}

/* ---- bars ---- */

static void wipe_bars(struct show *s)
{
    for (; s->drawn_lines > 1; s->drawn_lines--)
        fputs("\r\033[K\033[A", stderr);
    if (s->drawn_lines)
        fputs("\r\033[K", stderr);
    s->drawn_lines = 0;
}

static double seconds_between(const struct timespec *then, const struct timespec *now)
{
    return (double)(now->tv_sec - then->tv_sec) + (double)(now->tv_nsec - then->tv_nsec) / 1e9;
}

static void draw_line(struct show *s, const char *name, uint64_t bytes, uint64_t total, double seconds,
                      unsigned width)
{
    char line[LINE];

    bar_text(name, bytes, total, seconds > 0 ? (double)bytes / seconds : 0, width - 1, line, sizeof(line));
    fprintf(stderr, "%s%s", s->drawn_lines ? "\n" : "", line);
    s->drawn_lines++;
}

static void draw_bars(struct show *s, const struct timespec *now)
{
    struct winsize size = {0};
    unsigned width, height, lanes = 0;
    uint64_t bytes = s->moved;
    char all[64];

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
        size = (struct winsize){.ws_col = WIDTH, .ws_row = HEIGHT};
    width = size.ws_col;
    height = size.ws_row > 2 ? size.ws_row : 2;
    wipe_bars(s);
    for (unsigned i = 0; i < SESSIONS_MOST; i++) {
        const struct lane *l = &s->lanes[i];
        if (!l->name)
            continue;
        bytes += l->bytes;
        if (++lanes + 1 < height)
            draw_line(s, l->name, l->bytes, l->total, seconds_between(&l->began, now), width);
    }
    if (s->files + lanes > 1) {
        snprintf(all, sizeof(all), "%ju + %u", (uintmax_t)s->files, lanes);
        draw_line(s, all, bytes, UINT64_MAX, seconds_between(&s->began, now), width);
    }
    fflush(stderr);
    s->drawn = *now;
}

/* ---- events ---- */

/* A word may be a server's, and no UTF-8: each byte that is none is a character then. */
json_t *show_text(const char *text)
{
    json_t *made = json_string(text);
    size_t len = strlen(text), n = 0;
    char *wide;

    if (made || !(wide = malloc(2 * len + 1)))
        return made;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 128)
            wide[n++] = (char)(0xc0 | c >> 6);
        wide[n++] = (char)(c < 128 ? c : 0x80 | (c & 0x3f));
    }
    wide[n] = '\0';
    made = json_string(wide);
    free(wide);
    return made;
}

/* Takes it. */
static void print_event(json_t *event)
{
    if (event && json_dumpf(event, stdout, JSON_COMPACT) == 0)
        putchar('\n');
    fflush(stdout);
    json_decref(event);
}

static const char *const kinds[] = {[CLIENT_STATUS] = "status",
                                    [CLIENT_COMMAND] = "command",
                                    [CLIENT_RESPONSE] = "response",
                                    [CLIENT_ERROR] = "error"};

static void say_event(const struct lane *l, enum client_event_kind kind, enum speech_phrase phrase,
                      const char *const words[], const char *text)
{
    json_t *list = json_array();

    for (unsigned i = 0; words && i < SPEECH_WORDS && i < speech_words(phrase); i++)
        json_array_append_new(list, show_text(words[i]));
    print_event(json_pack("{s:s, s:i, s:s, s:o, s:o}", "event", kinds[kind], "session", (int)l->number, "id",
                          speech_name(phrase), "words", list, "text", show_text(text)));
}

static void progress_event(const struct lane *l)
{
    json_t *event = json_pack("{s:s, s:i, s:o, s:I}", "event", "progress", "session", (int)l->number, "name",
                              show_text(l->name), "bytes", (json_int_t)l->bytes);

    if (event && l->total != UINT64_MAX)
        json_object_set_new(event, "total", json_integer((json_int_t)l->total));
    print_event(event);
}

/* ---- what sessions say ---- */

static const enum speech_phrase labels[] = {
    [CLIENT_STATUS] = SPEECH_LABEL_STATUS,
    [CLIENT_COMMAND] = SPEECH_LABEL_COMMAND,
    [CLIENT_RESPONSE] = SPEECH_LABEL_RESPONSE,
    [CLIENT_ERROR] = SPEECH_LABEL_ERROR,
};

static char *log_line(const struct lane *l, enum client_event_kind kind, const char *text)
{
    char label[64], when[32] = "", which[16] = "", *line;
    time_t now = time(NULL);
    struct tm tm;

    if (l->show->has_times && localtime_r(&now, &tm))
        strftime(when, sizeof(when), "%H:%M:%S ", &tm);
    if (l->show->has_many)
        snprintf(which, sizeof(which), "%u ", l->number + 1);
    speech_text(labels[kind], NULL, label, sizeof(label));
    return asprintf(&line, "%s%s%s\t%s\n", when, which, label, text) < 0 ? NULL : line;
}

static void hear(void *arg, enum client_event_kind kind, enum speech_phrase phrase, const char *const words[])
{
    struct lane *l = arg;
    struct show *s = l->show;
    char text[SPEECH_TEXT], *line;

    speech_text(phrase, words, text, sizeof(text));
    line = log_line(l, kind, text);
    pthread_mutex_lock(&s->lock);
    if (s->is_json)
        say_event(l, kind, phrase, words, text);
    if (s->is_verbose && line) {
        wipe_bars(s);
        fputs(line, stderr);
        free(line);
    } else if (line) {
        free(s->held[s->next % HELD]);
        s->held[s->next++ % HELD] = line;
    }
    pthread_mutex_unlock(&s->lock);
}

static void let_go(struct show *s, bool is_shown)
{
    pthread_mutex_lock(&s->lock);
    wipe_bars(s);
    for (unsigned i = 0; i < HELD; i++) {
        char **line = &s->held[(s->next + i) % HELD];
        if (*line && is_shown)
            fputs(*line, stderr);
        free(*line);
        *line = NULL;
    }
    pthread_mutex_unlock(&s->lock);
}

void show_failure(struct show *s)
{
    let_go(s, true);
}

void show_success(struct show *s)
{
    let_go(s, false);
}

bool show_be_verbose(struct show *s, bool is_verbose)
{
    bool before;

    pthread_mutex_lock(&s->lock);
    before = s->is_verbose;
    s->is_verbose = is_verbose;
    pthread_mutex_unlock(&s->lock);
    return before;
}

void show_status(struct show *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    if (s->has_bar && !s->is_verbose) {
        wipe_bars(s);
        fputs(text, stderr);
        fflush(stderr);
        s->drawn_lines = 1;
    }
    pthread_mutex_unlock(&s->lock);
}

void show_event(struct show *s, json_t *event)
{
    pthread_mutex_lock(&s->lock);
    print_event(event);
    pthread_mutex_unlock(&s->lock);
}

void show_pause(struct show *s)
{
    pthread_mutex_lock(&s->lock);
    wipe_bars(s);
    fflush(stderr);
    pthread_mutex_unlock(&s->lock);
}

void show_line(struct show *s, const char *line)
{
    pthread_mutex_lock(&s->lock);
    wipe_bars(s);
    puts(line);
    pthread_mutex_unlock(&s->lock);
}

static void move(void *arg, uint64_t bytes, uint64_t total)
{
    struct lane *l = arg;
    struct show *s = l->show;
    struct timespec now;

    if (!s->has_bar && !s->is_json)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&s->lock);
    l->bytes = bytes;
    l->total = total;
    if (l->name && seconds_between(&s->drawn, &now) * 1000 >= (double)BAR_MS) {
        if (s->is_json) {
            progress_event(l);
            s->drawn = now;
        } else {
            draw_bars(s, &now);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

static void transfer(void *arg, const char *name)
{
    struct lane *l = arg;
    struct show *s = l->show;
    struct timespec now;

    if (!s->has_bar && !s->is_json)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&s->lock);
    if (l->name) {
        s->files++;
        s->moved += l->bytes;
    }
    free(l->name);
    l->name = name ? strdup(name) : NULL;
    l->bytes = 0;
    l->total = UINT64_MAX;
    l->began = now;
    if (!name)
        wipe_bars(s);
    pthread_mutex_unlock(&s->lock);
}

struct client_ears show_ears(void *arg, unsigned session)
{
    struct show *s = arg;

    return (struct client_ears){
        .arg = &s->lanes[session % SESSIONS_MOST], .hear = hear, .move = move, .transfer = transfer};
}
