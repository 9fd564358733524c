/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/dialog.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain/make.h"
#include "packet/decode.h"
#include "speech/speech.h"
#include "track/ftp_line.h"

enum deed {
    DEED_OTHER,
    DEED_LOGIN,
    DEED_PASSWORD,
    DEED_TLS,
    DEED_ASK_PORT,  /* the server is to listen */
    DEED_NAME_PORT, /* the client listens */
    DEED_TRANSFER,
    DEED_ABORT,
    DEED_QUIT,
};

/* Under the names that people know. */
static const struct command {
    const char *verb;
    enum deed deed;
    const char *task;
    enum story_mode mode;
} commands[] = {
    {"USER", DEED_LOGIN, "login", 0},
    {"PASS", DEED_PASSWORD, NULL, 0},
    {"ACCT", DEED_PASSWORD, NULL, 0},
    {"AUTH", DEED_TLS, NULL, 0},
    {"PASV", DEED_ASK_PORT, "data", STORY_PASSIVE},
    {"EPSV", DEED_ASK_PORT, "data", STORY_EPSV},
    {"PORT", DEED_NAME_PORT, "data", STORY_ACTIVE},
    {"EPRT", DEED_NAME_PORT, "data", STORY_EPRT},
    {"LIST", DEED_TRANSFER, "LIST", 0},
    {"NLST", DEED_TRANSFER, "LIST", 0},
    {"MLSD", DEED_TRANSFER, "LIST", 0},
    {"RETR", DEED_TRANSFER, "RETR", 0},
    {"STOR", DEED_TRANSFER, "STOR", 0},
    {"APPE", DEED_TRANSFER, "STOR", 0},
    {"STOU", DEED_TRANSFER, "STOR", 0},
    {"ABOR", DEED_ABORT, NULL, 0},
    {"QUIT", DEED_QUIT, NULL, 0},
};

static const struct command *find_command(const char *line)
{
    static const struct command other = {"", DEED_OTHER, NULL, 0};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (speech_is(line, commands[i].verb))
            return &commands[i];
    }
    return &other;
}

static struct survey_session *session_of(const struct dialog *d)
{
    return &d->survey->sessions[d->session];
}

static struct survey_task *task_of(const struct dialog *d, uint32_t task)
{
    return task == SURVEY_NONE ? NULL : &d->survey->tasks[task];
}

static void keep(struct dialog *d, int error)
{
    if (!d->error)
        d->error = error;
}

/* ---- tasks ---- */

static uint32_t begin(struct dialog *d, const char *name)
{
    uint32_t task = SURVEY_NONE;

    keep(d, survey_add_task(d->survey, d->session, name, d->frame, &task));
    return task;
}

static void fail(struct dialog *d, uint32_t task, char *why)
{
    if (task == SURVEY_NONE) {
        free(why);
        return;
    }
    task_of(d, task)->state = SURVEY_FAILED;
    task_of(d, task)->end = d->frame;
    keep(d, survey_blame(d->survey, task, d->frame, false, why));
}

static void finish(struct dialog *d, uint32_t task, enum survey_state state)
{
    struct survey_task *t = task_of(d, task);

    if (!t)
        return;
    t->state = state;
    t->end = d->frame;
}

/* ---- the client ---- */

/* PASV and its like begin what gets its name when the transfer is asked for. A second one is another try at
 * the same. */
static void ask_transfer(struct dialog *d, const struct command *c)
{
    struct survey_session *s = session_of(d);
    struct survey_task *last = task_of(d, s->task);
    bool is_open = last && strcmp(last->name, "data") == 0;

    if (!is_open)
        s->task = begin(d, c->task);
    else
        last->name = c->task;
    struct survey_task *t = task_of(d, s->task);
    if (!t)
        return;
    if (c->deed == DEED_TRANSFER)
        return;
    t->state = SURVEY_ASKED;
    t->mode = c->mode;
    t->has_mode = true;
}

static void announce(struct dialog *d, bool by_server, const char *line)
{
    const struct survey_session *s = session_of(d);
    struct track_ftp_place place = {.address = by_server ? s->server : s->client, .family = s->family};
    struct packet_address own = place.address;
    struct ftp_reader reader = {.text = {.bytes = (const uint8_t *)line, .size = (uint32_t)strlen(line)}};

    if (track_line_read(by_server ? TRACK_REPLY : TRACK_ORIGINAL, &reader, &place) != FTP_READ_PLACE)
        return;
    if (!packet_address_equal(&own, &place.address)) {
        char named[64], seen[64];

        packet_address_format(&place.address, place.family, named);
        packet_address_format(&own, s->family, seen);
        char *text = PHRASE(CAUSE_ADDRESS, by_server ? SAID(SERVER) : SAID(CLIENT), named, seen);
        keep(d, text ? survey_add_cause(d->survey, d->session, d->frame, "%s", text) : -ENOMEM);
        if (s->task != SURVEY_NONE && text)
            keep(d, survey_blame(d->survey, s->task, d->frame, false, text));
        else
            free(text);
    }
    keep(d, d->announced(d->arg, d, by_server, &place.address, place.port, line));
}

/* Is what is left of a line the beginning of one that names a port? */
static bool may_announce(const char *line, const char *const words[2])
{
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(line) < strlen(words[i]) ? strlen(line) : strlen(words[i]);

        if (strncasecmp(line, words[i], size) == 0)
            return true;
    }
    return false;
}

static void remember(struct survey_session *s, const char *verb, uint32_t task)
{
    enum { QUEUE = sizeof(s->queue) / sizeof(s->queue[0]) };

    if (s->queued == QUEUE) { /* nobody answers: the oldest is given up */
        s->queued--;
        memmove(s->queue[0], s->queue[1], sizeof(s->queue[0]) * s->queued);
        memmove(&s->queue_task[0], &s->queue_task[1], sizeof(s->queue_task[0]) * s->queued);
    }
    memset(s->queue[s->queued], 0, sizeof(s->queue[0]));
    for (size_t i = 0; i < sizeof(s->queue[0]) - 1 && isalpha((unsigned char)verb[i]); i++)
        s->queue[s->queued][i] = (char)toupper((unsigned char)verb[i]);
    s->queue_task[s->queued++] = task;
}

void dialog_client(void *dialog, const char *line, bool is_cut)
{
    struct dialog *d = dialog;
    struct survey_session *s = session_of(d);
    const struct command *c = find_command(line);

    static const char *const naming[] = {"PORT", "EPRT"};

    speech_guess(&s->guess, false, s->begun, line);
    s->cut_announcement |= is_cut && may_announce(line, naming);
    if (s->tls || !isalpha((unsigned char)line[0]))
        return;
    if (c->deed == DEED_LOGIN && !(task_of(d, s->login) && task_of(d, s->login)->state == SURVEY_ASKED))
        s->login = begin(d, "login");
    else if (c->deed == DEED_ASK_PORT || c->deed == DEED_NAME_PORT || c->deed == DEED_TRANSFER)
        ask_transfer(d, c);
    else if (c->deed == DEED_QUIT)
        s->closed = true;
    else if (c->deed == DEED_ABORT && task_of(d, s->task) && task_of(d, s->task)->state <= SURVEY_STARTED)
        finish(d, s->task, SURVEY_GIVEN_UP);
    if (c->deed == DEED_NAME_PORT && !is_cut)
        announce(d, false, line);
    remember(s, line, c->task ? (c->deed == DEED_LOGIN ? s->login : s->task) : SURVEY_NONE);
}

/* ---- the server ---- */

static void greet(struct dialog *d, unsigned code, const char *line)
{
    struct survey_session *s = session_of(d);

    if (code < 200)
        return;
    s->greeted = true;
    if (code < 400) {
        finish(d, s->connect, SURVEY_DONE);
        return;
    }
    fail(d, s->connect, PHRASE(CAUSE_TURNED_AWAY, line));
}

static void answer_login(struct dialog *d, unsigned code, const char *line)
{
    struct survey_session *s = session_of(d);

    if (code >= 400) {
        fail(d, s->login, PHRASE(CAUSE_LOGIN, line));
    } else if (code < 300) {
        s->logged_in = true;
        finish(d, s->login, SURVEY_DONE);
    }
}

static const char *refusal(unsigned code)
{
    switch (code) {
    case 425:
        return SAID(SAYS_425);
    case 426:
        return SAID(SAYS_426);
    case 530:
        return SAID(SAYS_530);
    case 550:
    case 553:
        return SAID(SAYS_550);
    default:
        return SAID(SAYS_NO);
    }
}

static void answer_transfer(struct dialog *d, uint32_t task, unsigned code, const char *line)
{
    struct survey_task *t = task_of(d, task);

    if (!t)
        return;
    if (code < 200)
        finish(d, task, t->state == SURVEY_ASKED ? SURVEY_STARTED : t->state);
    else if (t->state == SURVEY_GIVEN_UP)
        return;
    else if (code < 300)
        finish(d, task, SURVEY_DONE);
    else if (code >= 400)
        fail(d, task, PHRASE(CAUSE_SAYS, refusal(code), line));
}

/* An answer to something that the capture has not. */
static void answer_unasked(struct dialog *d, unsigned code, const char *line)
{
    struct survey_session *s = session_of(d);

    if (code == 150 || code == 125 || code == 226 || code == 250 || code == 425 || code == 426) {
        struct survey_task *last = task_of(d, s->task);
        if (!last || last->state >= SURVEY_DONE)
            s->task = begin(d, "transfer");
        answer_transfer(d, s->task, code, line);
    }
}

static void answer(struct dialog *d, const struct command *c, uint32_t task, unsigned code, const char *line)
{
    switch (c->deed) {
    case DEED_LOGIN:
    case DEED_PASSWORD:
        answer_login(d, code, line);
        break;
    case DEED_TLS:
        if (code == 234 || code == 334)
            keep(d, survey_note_tls(d->survey, d->session, d->frame));
        break;
    case DEED_ASK_PORT:
    case DEED_NAME_PORT:
        if (code >= 400)
            fail(d, task, PHRASE(CAUSE_REFUSES, c->verb, line));
        break;
    case DEED_TRANSFER:
        answer_transfer(d, task, code, line);
        break;
    default:
        break;
    }
}

/* RFC 959 section 4.2: the server goes, whatever was asked. */
static void say_goodbye(struct dialog *d, const char *line)
{
    struct survey_session *s = session_of(d);
    const uint32_t open[] = {s->connect, s->login, s->task};

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        struct survey_task *t = task_of(d, open[i]);
        if (t && t->state <= SURVEY_STARTED)
            fail(d, open[i], PHRASE(CAUSE_CLOSES, line));
    }
    s->queued = 0;
}

static void pop(struct survey_session *s)
{
    s->queued--;
    memmove(s->queue[0], s->queue[1], sizeof(s->queue[0]) * s->queued);
    memmove(&s->queue_task[0], &s->queue_task[1], sizeof(s->queue_task[0]) * s->queued);
}

static void reply(struct dialog *d, unsigned code, const char *line)
{
    struct survey_session *s = session_of(d);
    const struct command *c = s->queued ? find_command(s->queue[0]) : NULL;
    uint32_t task = s->queued ? s->queue_task[0] : SURVEY_NONE;

    if (!s->answered && code >= 200)
        s->answered = d->frame;
    if (code >= 400)
        keep(d, survey_add_cause(d->survey, d->session, d->frame, "%s: %s", SAID(SAYS_NO), line));
    if (code == 421) {
        s->greeted = true;
        say_goodbye(d, line);
    } else if (!s->greeted && s->begun && !s->lost) {
        greet(d, code, line);
    } else if (!c) {
        answer_unasked(d, code, line);
    } else {
        if (code >= 200)
            pop(s);
        answer(d, c, task, code, line);
    }
}

void dialog_server(void *dialog, const char *line, bool is_cut)
{
    struct dialog *d = dialog;
    struct survey_session *s = session_of(d);
    unsigned code = speech_code(line);

    static const char *const naming[] = {"227", "229"};

    speech_guess(&s->guess, true, s->begun, line);
    s->cut_announcement |= is_cut && may_announce(line, naming);
    if (s->tls)
        return;
    if (s->multiline && !(code == s->multiline && line[3] != '-'))
        return;
    if (!s->multiline && code && line[3] == '-') {
        s->multiline = code;
        return;
    }
    s->multiline = 0;
    if (!code)
        return;
    if ((code == 227 || code == 229) && !is_cut)
        announce(d, true, line);
    reply(d, code, line);
}
