/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/judge.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/conclude.h"
#include "explain/make.h"
#include "speech/speech.h"
#include "track/native/tracker.h"

enum {
    TASKS_TOLD = 20000,
    NEAR_SAID = 2, /* near misses in the conclusion */
};

int judge_init(struct judge *j, const struct survey *survey, const struct reading_facts *facts,
               bool has_rules)
{
    *j = (struct judge){.survey = survey, .facts = facts, .has_rules = has_rules};
    j->marks = calloc(survey->task_count + 1, sizeof(*j->marks));
    j->task = malloc((survey->session_count + 1) * sizeof(*j->task));
    if (!j->marks || !j->task)
        return -ENOMEM;
    memset(j->task, 0xff, (survey->session_count + 1) * sizeof(*j->task)); /* SURVEY_NONE */
    return 0;
}

static void trouble_fini(struct judge_trouble *t)
{
    free(t->label);
    free(t->source);
    free(t->destination);
    free(t->who);
    free(t->because);
    free(t->more);
    story_rule_clear(&t->rule);
}

void judge_fini(struct judge *j)
{
    for (size_t i = 0; j->marks && i < j->survey->task_count; i++)
        free(j->marks[i].why);
    free(j->marks);
    free(j->task);
    trouble_fini(&j->first_stopped);
    trouble_fini(&j->first_doubtful);
    *j = (struct judge){0};
}

/* ---- a packet ---- */

static char *decider_text(const struct story_step *step)
{
    if (step->stage == WALL_BY_CONNTRACK)
        return PHRASE(CONNECTION_TRACKING);
    if (step->stage == WALL_BY_HELPER)
        return PHRASE(FTP_HELPER);
    if (step->stage == WALL_BY_BESIDE || !step->rule.chain)
        return PHRASE(NO_RULE);
    return story_place(&step->rule);
}

/* Who announced the connection that step belongs to, and why nothing was expected. */
static char *missed_text(const struct judge *j, const struct story_step *step, uint32_t data,
                         const struct announced *announced)
{
    uint32_t packet = data == SURVEY_NONE || step->state != TRACK_NEW ? 0 : j->survey->data[data].announced;
    enum track_reason reason = packet ? announced_missed(announced, packet) : TRACK_OK;

    return reason == TRACK_OK
               ? strdup("")
               : PHRASE(ANNOUNCED_IN_VAIN, NUMBER(packet), speech_of(track_reason_text(reason)));
}

static int keep_trouble(struct judge *j, struct judge_trouble *t, const struct story_step *step,
                        uint32_t session, uint32_t data, const struct announced *announced)
{
    if (t->number)
        return 0;
    *t = (struct judge_trouble){.number = step->number,
                                .session = session,
                                .data = data,
                                .label = strdup(step->label),
                                .source = strdup(step->source),
                                .destination = strdup(step->destination),
                                .who = decider_text(step),
                                .because = conclude_unknown(step),
                                .more = missed_text(j, step, data, announced)};
    if (!t->label || !t->source || !t->destination || !t->who || !t->because || !t->more)
        return -ENOMEM;
    if (!step->rule.chain)
        return 0;
    t->rule = (struct story_rule){.table = strdup(step->rule.table ? step->rule.table : ""),
                                  .chain = strdup(step->rule.chain),
                                  .number = step->rule.number,
                                  .line = step->rule.line,
                                  .text = strdup(step->rule.text ? step->rule.text : "")};
    return t->rule.table && t->rule.chain && t->rule.text ? 0 : -ENOMEM;
}

/* The task of a session that packet number belongs to. */
static uint32_t task_at(struct judge *j, uint32_t session, uint32_t number)
{
    const struct survey *s = j->survey;

    for (; j->tasks_begun < s->task_count && s->tasks[j->tasks_begun].begin <= number; j->tasks_begun++)
        j->task[s->tasks[j->tasks_begun].session] = (uint32_t)j->tasks_begun;
    return j->task[session];
}

int judge_near(struct judge *j, const struct story_step *step)
{
    struct judge_trouble *t = &j->first_stopped;

    for (size_t i = 0; i < step->near_count && i < NEAR_SAID; i++) {
        const char *near = step->near[i].text;
        char *longer = story_format("%s %c%s.", t->more, toupper((unsigned char)near[0]), near + 1);

        if (!longer)
            return -ENOMEM;
        free(t->more);
        t->more = longer;
    }
    return 0;
}

static int mark(struct judge *j, uint32_t task, const struct story_step *step)
{
    bool is_doubt = step->fate == WALL_UNKNOWN;

    if (task == SURVEY_NONE)
        return 0;
    struct judge_mark *m = &j->marks[task];
    if (m->stopped || (is_doubt && m->doubtful))
        return 0;
    *(is_doubt ? &m->doubtful : &m->stopped) = true;
    m->step = step->number;
    free(m->why);
    char *who = decider_text(step);
    m->why = is_doubt ? conclude_unknown(step) : PHRASE(STOPS, who, step->label);
    free(who);
    return m->why ? 0 : -ENOMEM;
}

void judge_suspect(struct judge *j, uint32_t session, uint32_t number)
{
    uint32_t task = task_at(j, session, number);

    if (task != SURVEY_NONE)
        j->marks[task].has_suspect = true;
}

/* What keeps a suspect from counting. */
static const char *suspicion_text(const struct survey_session *s)
{
    if (s->translated)
        return SAID(UNKNOWN_TRANSLATED);
    return s->tls ? SAID(UNKNOWN_CHANNEL_TLS) : SAID(UNKNOWN_CHANNEL);
}

/* A packet of what is likely a data channel did not pass: that leaves the answer open, whatever stopped it. */
static int judge_likely(struct judge *j, const struct story_step *step, uint32_t session, uint32_t task,
                        const struct announced *announced)
{
    bool is_first = !j->first_doubtful.number;
    int r = keep_trouble(j, &j->first_doubtful, step, session, SURVEY_NONE, announced);

    j->doubtful++;
    if (!r && is_first && step->fate != WALL_UNKNOWN) {
        free(j->first_doubtful.because);
        j->first_doubtful.because = strdup(suspicion_text(&j->survey->sessions[session]));
        j->first_doubtful.would_stop = true;
        r = j->first_doubtful.because ? 0 : -ENOMEM;
    }
    if (r || task == SURVEY_NONE || j->marks[task].stopped || j->marks[task].doubtful)
        return r;
    struct judge_mark *m = &j->marks[task];
    m->doubtful = true;
    m->step = step->number;
    m->why = step->fate == WALL_UNKNOWN ? conclude_unknown(step)
                                        : PHRASE(DEPENDS_ON, suspicion_text(&j->survey->sessions[session]));
    return m->why ? 0 : -ENOMEM;
}

int judge_packet(struct judge *j, const struct story_step *step, uint32_t session, uint32_t data,
                 bool is_suspect, const struct announced *announced)
{
    bool is_doubt = step->fate == WALL_UNKNOWN;
    uint32_t task = data == SURVEY_NONE ? task_at(j, session, step->number) : j->survey->data[data].task;

    if (is_suspect)
        return judge_likely(j, step, session, task, announced);
    ++*(is_doubt ? &j->doubtful : &j->stopped);
    int r =
        keep_trouble(j, is_doubt ? &j->first_doubtful : &j->first_stopped, step, session, data, announced);
    return r ? r : mark(j, task, step);
}

/* ---- tasks ---- */

/* Why a task without an answer has none. */
static const char *open_text(const struct judge *j, const struct survey_task *t)
{
    const struct survey_session *s = &j->survey->sessions[t->session];

    if (t->cause)
        return t->cause;
    if (s->tls)
        return SAID(OPEN_TLS);
    if (s->one_way)
        return SAID(OPEN_ONE_WAY);
    if (s->lost)
        return SAID(OPEN_LOST);
    if (strcmp(t->name, "data") == 0)
        return SAID(OPEN_NOT_ASKED);
    if (t->state == SURVEY_STARTED)
        return SAID(OPEN_ENDS);
    return SAID(OPEN_NO_ANSWER);
}

static bool is_transfer(const struct survey_task *t)
{
    return strcmp(t->name, "connect") != 0 && strcmp(t->name, "login") != 0;
}

/* Has the capture no data channel of a transfer that the server says went well? Then nothing is known of what
 * the rules make of it. */
static bool lacks_data(const struct judge *j, const struct survey_task *t)
{
    return j->has_rules && is_transfer(t) && t->state == SURVEY_DONE && t->data == SURVEY_NONE &&
           !j->marks[t - j->survey->tasks].has_suspect;
}

static enum story_outcome outcome_of(const struct judge *j, size_t task)
{
    const struct survey_task *t = &j->survey->tasks[task];
    const struct judge_mark *m = &j->marks[task];

    if (m->stopped || t->state == SURVEY_FAILED)
        return STORY_BLOCKED;
    if (m->doubtful || lacks_data(j, t))
        return STORY_UNKNOWN;
    if (t->state == SURVEY_DONE || (t->delivered && t->state != SURVEY_GIVEN_UP))
        return STORY_WORKS;
    return STORY_UNKNOWN;
}

static const char *why_of(const struct judge *j, size_t task, uint32_t *ret_step)
{
    const struct survey_task *t = &j->survey->tasks[task];
    const struct judge_mark *m = &j->marks[task];

    *ret_step = t->begin;
    if (m->stopped || (m->doubtful && t->state != SURVEY_FAILED)) {
        *ret_step = m->step;
        return m->why;
    }
    if (t->state == SURVEY_FAILED) {
        *ret_step = t->cause ? t->cause_frame : t->end;
        return t->cause ? t->cause : SAID(IT_FAILS);
    }
    if (lacks_data(j, t))
        return survey_is_incomplete(&j->survey->sessions[t->session]) ? SAID(OPEN_WHICH_CHANNEL)
                                                                      : SAID(OPEN_NO_CHANNEL);
    return t->state == SURVEY_GIVEN_UP && !t->cause ? SAID(OPEN_GIVEN_UP) : open_text(j, t);
}

static bool is_told(const struct judge *j, size_t task)
{
    return j->survey->sessions[j->survey->tasks[task].session].is_ftp;
}

static int tell_tasks(const struct judge *j, struct story *s)
{
    for (size_t i = 0; i < j->survey->task_count && s->task_count < TASKS_TOLD; i++) {
        const struct survey_task *from = &j->survey->tasks[i];
        struct story_task *task = is_told(j, i) ? story_task_add(s, from->name) : NULL;

        if (!is_told(j, i))
            continue;
        if (!task)
            return -ENOMEM;
        task->outcome = outcome_of(j, i);
        task->step = from->begin;
        if (task->outcome == STORY_WORKS)
            continue;
        const char *why = why_of(j, i, &task->step);
        task->why = strdup(why ? why : "");
        if (!task->why)
            return -ENOMEM;
    }
    return 0;
}

/* ---- the answer ---- */

struct tally {
    size_t done, failed, open, transfers, logins; /* done: transfers that work */
    size_t first_failed, first_open;              /* tasks */
};

/* A login that fails and is then repeated with success failed for nobody. */
static bool is_made_good(const struct judge *j, size_t task)
{
    const struct survey_task *t = &j->survey->tasks[task];

    return strcmp(t->name, "login") == 0 && !j->marks[task].stopped &&
           j->survey->sessions[t->session].logged_in;
}

static struct tally count_tasks(const struct judge *j)
{
    struct tally n = {.first_failed = SIZE_MAX, .first_open = SIZE_MAX};

    for (size_t i = 0; i < j->survey->task_count; i++) {
        const struct survey_task *t = &j->survey->tasks[i];
        enum story_outcome outcome = outcome_of(j, i);

        bool was_looked_at = t->state == SURVEY_GIVEN_UP && strcmp(t->name, "connect") == 0;

        if (!is_told(j, i) || (was_looked_at && outcome == STORY_UNKNOWN) ||
            (outcome == STORY_BLOCKED && is_made_good(j, i)))
            continue;
        n.transfers += is_transfer(t);
        n.logins += strcmp(t->name, "login") == 0 && outcome == STORY_WORKS;
        n.done += outcome == STORY_WORKS && is_transfer(t);
        n.failed += outcome == STORY_BLOCKED;
        n.open += outcome == STORY_UNKNOWN;
        if (outcome == STORY_BLOCKED && n.first_failed == SIZE_MAX)
            n.first_failed = i;
        if (outcome == STORY_UNKNOWN && n.first_open == SIZE_MAX)
            n.first_open = i;
    }
    return n;
}

static const char *packets(uint64_t n)
{
    return n == 1 ? SAID(PACKET) : SAID(PACKETS);
}

static char *stopped_text(const struct judge *j)
{
    const struct judge_trouble *t = &j->first_stopped;

    return PHRASE(CAPTURE_STOPPED, NUMBER(j->stopped), packets(j->stopped), NUMBER(t->number), t->label,
                  t->source, t->destination, t->who, t->more);
}

static char *failed_text(const struct judge *j, const struct tally *n)
{
    uint32_t step;
    const char *why = why_of(j, n->first_failed, &step);
    const char *name = speech_of(j->survey->tasks[n->first_failed].name);
    char *text = j->has_rules && !j->doubtful ? PHRASE(CAPTURE_FAILS_THOUGH, name, NUMBER(step), why)
                                              : PHRASE(CAPTURE_FAILS, name, NUMBER(step), why);
    bool is_whole = !text || (why[0] && why[strlen(why) - 1] == '.');
    char *ended = is_whole ? NULL : story_format("%s.", text);

    if (is_whole)
        return text;
    free(text);
    return ended;
}

static char *doubtful_text(const struct judge *j)
{
    const struct judge_trouble *t = &j->first_doubtful;

    if (t->would_stop)
        return PHRASE(CAPTURE_DOUBT_STOPS, t->who, NUMBER(t->number), t->label, t->source, t->destination,
                      t->because);
    return PHRASE(CAPTURE_DOUBT, NUMBER(t->number), t->label, t->source, t->destination, t->because);
}

static char *no_ftp_text(const struct judge *j)
{
    if (j->facts->headless)
        return PHRASE(CAPTURE_HEADLESS, NUMBER(j->facts->headless), NUMBER(j->facts->frames));
    const struct survey *s = j->survey;
    const char *spoken = s->other == SPEECH_UNKNOWN || s->other == SPEECH_OTHER
                             ? NULL
                             : speech_of(speech_protocol_name(s->other));

    for (size_t i = 0; i < s->session_count; i++) {
        if (s->sessions[i].left_out)
            return PHRASE(CAPTURE_LEFT_OUT);
    }
    return spoken ? PHRASE(CAPTURE_OTHER, spoken) : PHRASE(CAPTURE_NO_FTP);
}

static const struct survey_session *first_under_tls(const struct survey *s)
{
    for (size_t i = 0; i < s->session_count; i++) {
        if (s->sessions[i].is_ftp && s->sessions[i].tls)
            return &s->sessions[i];
    }
    return NULL;
}

/* What keeps the answer open. */
static char *open_answer(const struct judge *j, const struct tally *n)
{
    const struct reading_facts *f = j->facts;
    uint32_t step;

    if (n->first_open != SIZE_MAX) {
        const char *name = speech_of(j->survey->tasks[n->first_open].name);
        const char *why = why_of(j, n->first_open, &step);
        return PHRASE(CAPTURE_OPEN, name, NUMBER(step), why);
    }
    if (f->damage && n->done)
        return PHRASE(CAPTURE_PART, speech_of(f->damage));
    if ((f->limited || j->survey->overflowed) && n->done)
        return PHRASE(CAPTURE_LONGER);
    const struct survey_session *tls = first_under_tls(j->survey);
    if (tls)
        return PHRASE(CAPTURE_TLS, NUMBER(tls->tls));
    return n->logins ? PHRASE(CAPTURE_LOGIN_ONLY) : PHRASE(CAPTURE_NO_TRANSFER);
}

static char *works_text(const struct judge *j, const struct tally *n)
{
    const char *transfers = n->done == 1 ? SAID(TASK_TRANSFER) : SAID(TRANSFERS);

    return j->has_rules ? PHRASE(CAPTURE_WORKS_RULES, NUMBER(n->done), transfers)
                        : PHRASE(CAPTURE_WORKS, NUMBER(n->done), transfers);
}

static char *answer(const struct judge *j, enum story_outcome *ret)
{
    struct tally n = count_tasks(j);
    bool is_whole = !j->facts->damage && !j->facts->limited && !j->survey->overflowed;

    *ret = STORY_BLOCKED;
    if (j->stopped)
        return stopped_text(j);
    if (n.failed)
        return failed_text(j, &n);
    *ret = STORY_UNKNOWN;
    if (!j->survey->ftp_count)
        return no_ftp_text(j);
    if (j->doubtful)
        return doubtful_text(j);
    if (n.open || !n.done || !is_whole)
        return open_answer(j, &n);
    *ret = STORY_WORKS;
    return works_text(j, &n);
}

/* ---- notes ---- */

/* A note of count, its noun, and a third word or NULL. */
static int note(struct story *s, enum speech_phrase phrase, uint64_t count, const char *noun,
                const char *word)
{
    return story_note_take(
        s, speech_new(phrase, word ? 3 : 2, (const char *const[]){NUMBER(count), noun, word}));
}

static int note_not_ftp(const struct judge *j, struct story *s, size_t other)
{
    const char *count = NUMBER(other);
    const char *but = j->survey->other ? speech_of(speech_protocol_name(j->survey->other)) : NULL;

    if (but)
        return story_note_take(s, other == 1 ? PHRASE(NOTE_NOT_FTP_BUT_ONE, count, but)
                                             : PHRASE(NOTE_NOT_FTP_BUT, count, but));
    return story_note_take(s, other == 1 ? PHRASE(NOTE_NOT_FTP_ONE, count) : PHRASE(NOTE_NOT_FTP, count));
}

static int note_sessions(const struct judge *j, struct story *s)
{
    static const enum speech_phrase phrases[] = {SPEECH_NOTE_NO_BEGINNING, SPEECH_NOTE_LOST_FRAMES,
                                                 SPEECH_NOTE_ONE_WAY,      SPEECH_NOTE_CUT_SPEECH,
                                                 SPEECH_NOTE_TRANSLATED,   SPEECH_NOTE_UNDER_TLS};
    enum { TEXTS = sizeof(phrases) / sizeof(phrases[0]) };
    size_t n[TEXTS] = {0}, other = 0;
    int r = 0;

    for (size_t i = 0; i < j->survey->session_count; i++) {
        const struct survey_session *x = &j->survey->sessions[i];
        const bool has[TEXTS] = {!x->begun, x->lost, x->one_way, x->cut, x->translated, x->tls};

        other += !x->is_ftp && x->by_port && !x->left_out;
        for (size_t k = 0; k < TEXTS && x->is_ftp; k++)
            n[k] += has[k];
    }
    for (size_t k = 0; k < TEXTS && !r; k++) {
        if (n[k])
            r = note(s, phrases[k], n[k], n[k] == 1 ? SAID(SESSION) : SAID(SESSIONS),
                     n[k] == 1 ? SAID(IT) : SAID(THEM));
    }
    return !r && other ? note_not_ftp(j, s, other) : r;
}

static int note_counts(const struct judge *j, struct story *s)
{
    const struct reading_facts *f = j->facts;
    const struct {
        uint64_t count;
        enum speech_phrase phrase, one, more; /* more: the noun for several */
    } notes[] = {
        {f->doubled, SPEECH_NOTE_DOUBLED, SPEECH_PACKET, SPEECH_PACKETS},
        {f->cut, SPEECH_NOTE_CUT, SPEECH_PACKET, SPEECH_PACKETS},
        {f->headless, SPEECH_NOTE_HEADLESS, SPEECH_FRAME, SPEECH_FRAMES},
        {f->lost, SPEECH_NOTE_LOST, SPEECH_PACKET, SPEECH_PACKETS},
        {j->left_to_card, SPEECH_NOTE_LEFT_TO_CARD, SPEECH_PACKET, SPEECH_PACKETS},
        {j->wrong_sums, SPEECH_NOTE_WRONG_SUMS, SPEECH_PACKET, SPEECH_PACKETS},
        {j->leftover, SPEECH_NOTE_LEFTOVER, SPEECH_PACKET, SPEECH_PACKETS},
        {j->not_judged, SPEECH_NOTE_NOT_JUDGED, SPEECH_PACKET, SPEECH_PACKETS},
        {f->moved, SPEECH_NOTE_MOVED, SPEECH_PACKET, SPEECH_PACKETS},
        {f->back, SPEECH_NOTE_BACK, SPEECH_TIME_ONE, SPEECH_TIMES},
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]) && !r; i++) {
        if (notes[i].count)
            r = note(s, notes[i].phrase, notes[i].count,
                     speech_plain(notes[i].count == 1 ? notes[i].one : notes[i].more), NULL);
    }
    return r;
}

static int note_other(const struct judge *j, struct story *s)
{
    const struct reading_facts *f = j->facts;
    int r = 0;

    if (j->other_stopped)
        r = note(s, SPEECH_NOTE_OTHER_TRAFFIC, j->other_stopped, packets(j->other_stopped),
                 NUMBER(j->other_first));
    if (!r && f->unread)
        r = story_note_take(s, PHRASE(NOTE_UNREAD, NUMBER(f->unread), f->unread_name));
    if (!r && f->damage)
        r = story_note_take(s, PHRASE(NOTE_READ_UP_TO, NUMBER(f->frames), speech_of(f->damage)));
    if (!r && f->limited)
        r = story_note_take(s, PHRASE(NOTE_ONLY_FIRST, NUMBER(f->frames)));
    return r;
}

int judge_conclude(struct judge *j, struct story *s)
{
    s->conclusion = answer(j, &s->outcome);
    int r = s->conclusion ? tell_tasks(j, s) : -ENOMEM;

    if (!r)
        r = story_note_take(s, PHRASE(NOTE_OF_THAT_DAY));
    if (!r)
        r = note_sessions(j, s);
    if (!r)
        r = note_counts(j, s);
    return r ? r : note_other(j, s);
}
