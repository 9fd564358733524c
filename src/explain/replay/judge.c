/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/judge.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/conclude.h"
#include "explain/make.h"
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
        return strdup("connection tracking");
    if (step->stage == WALL_BY_HELPER)
        return strdup("the FTP helper");
    if (step->stage == WALL_BY_BESIDE || !step->rule.chain)
        return strdup("no rule");
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
               : story_format(" Packet %u announced that connection, but nothing was expected: %s.", packet,
                              track_reason_text(reason));
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
    m->why = !who ? NULL : is_doubt ? conclude_unknown(step) : story_format("%s stops %s", who, step->label);
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
        return "which addresses the rules meet, as they are translated (NAT) between the places of the "
               "capture";
    return s->tls ? "whether that is its data channel, whose announcement is under TLS and can't be read"
                  : "whether that is its data channel, as the capture does not hold all that was said";
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
    m->why = step->fate == WALL_UNKNOWN
                 ? conclude_unknown(step)
                 : story_format("it depends on %s", suspicion_text(&j->survey->sessions[session]));
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
        return "the control channel is under TLS from here on: what was said can't be read";
    if (s->one_way)
        return "the capture has packets of one direction only";
    if (s->lost)
        return "the capture lost frames, and has no answer to it";
    if (strcmp(t->name, "data") == 0)
        return "a data channel was announced, but no transfer was asked for in the capture";
    if (t->state == SURVEY_STARTED)
        return "the capture ends before the transfer does";
    return "the capture has no answer to it";
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
        return t->cause ? t->cause : "it fails";
    }
    if (lacks_data(j, t))
        return survey_is_incomplete(&j->survey->sessions[t->session])
                   ? "which data channel it had can't be told, as the capture does not hold all that was said"
                   : "its data channel is not in the capture, so that what the rules make of it can't be "
                     "told";
    return t->state == SURVEY_GIVEN_UP && !t->cause ? "the client broke it off" : open_text(j, t);
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

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static char *stopped_text(const struct judge *j)
{
    const struct judge_trouble *t = &j->first_stopped;

    return story_format(
        "%llu packet%s of the FTP session would not pass; the first is packet %u, %s from %s to %s, "
        "stopped by %s.%s",
        (unsigned long long)j->stopped, plural(j->stopped), t->number, t->label, t->source, t->destination,
        t->who, t->more);
}

static char *failed_text(const struct judge *j, const struct tally *n)
{
    uint32_t step;
    const char *why = why_of(j, n->first_failed, &step);
    const char *name = j->survey->tasks[n->first_failed].name;
    const char *but =
        !j->has_rules || j->doubtful ? "" : "The rules let the session pass, but it does not work: ";

    return story_format("%s%s fails at packet %u: %s%s", but, name, step, why,
                        why && why[0] && why[strlen(why) - 1] == '.' ? "" : ".");
}

static char *doubtful_text(const struct judge *j)
{
    const struct judge_trouble *t = &j->first_doubtful;

    if (t->would_stop)
        return story_format(
            "Whether all of the FTP session passes can't be told: %s stops packet %u, %s from %s to %s, "
            "and it depends on %s.",
            t->who, t->number, t->label, t->source, t->destination, t->because);
    return story_format(
        "Whether all of the FTP session passes can't be told: packet %u, %s from %s to %s; %s.", t->number,
        t->label, t->source, t->destination, t->because);
}

static char *no_ftp_text(const struct judge *j)
{
    if (j->facts->headless)
        return story_format(
            "Nothing can be told from the capture: of %llu of its %llu frames the snap length cut off "
            "the headers.",
            (unsigned long long)j->facts->headless, (unsigned long long)j->facts->frames);
    const struct survey *s = j->survey;
    const char *spoken =
        s->other == SPEECH_UNKNOWN || s->other == SPEECH_OTHER ? NULL : speech_protocol_name(s->other);

    for (size_t i = 0; i < s->session_count; i++) {
        if (s->sessions[i].left_out)
            return strdup(
                "The capture shows no FTP session with those who were asked about (--server, --client).");
    }
    return spoken ? story_format("The capture shows no FTP session: what is spoken in it is %s.", spoken)
                  : strdup("The capture shows no FTP session.");
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
        const char *name = j->survey->tasks[n->first_open].name, *why = why_of(j, n->first_open, &step);
        return story_format(
            "Whether the FTP session works can't be told from the capture: %s (packet %u): %s.", name, step,
            why);
    }
    if (f->damage && n->done)
        return story_format(
            "What the capture shows of the FTP session works, but it was read in part only: it %s.",
            f->damage);
    if ((f->limited || j->survey->overflowed) && n->done)
        return strdup("What was read of the FTP session works, but the capture is longer than what is read.");
    const struct survey_session *tls = first_under_tls(j->survey);
    if (tls)
        return story_format(
            "Whether the FTP session works can't be told from the capture: it is under TLS from "
            "packet %u on, and what was said can't be read.",
            tls->tls);
    return n->logins
               ? strdup("Whether the FTP session works can't be told from the capture: it shows a login, but "
                        "no transfer.")
               : strdup(
                     "Whether the FTP session works can't be told from the capture: it shows no transfer.");
}

static char *works_text(const struct judge *j, const struct tally *n)
{
    return story_format("The FTP session works: %zu transfer%s went through%s.", n->done, plural(n->done),
                        j->has_rules ? ", and every packet of the session passes the rules" : "");
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

static int note_sessions(const struct judge *j, struct story *s)
{
    static const char *const texts[] = {
        "Of %zu FTP session%s the capture does not hold the beginning: what the firewall knew of %s is "
        "assumed.",
        "Of %zu FTP session%s the capture lost frames: bytes are acknowledged in %s that were never seen.",
        "Of %zu FTP session%s the capture has one direction only: what the other end said in %s is not "
        "known.",
        "The snap length cut off what was said in %zu FTP session%s; capture with tcpdump -s 0 to have all "
        "of %s.",
        "%zu FTP session%s the capture has before and after NAT: how the addresses are translated is not "
        "evaluated with %s.",
        "%zu FTP session%s went on under TLS: no more is known of what was said in %s, nor which data "
        "channels "
        "were announced.",
    };
    enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
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
            r = story_note_add(s, texts[k], n[k], plural(n[k]), n[k] == 1 ? "it" : "them");
    }
    if (!r && other)
        r = story_note_add(s, "%zu connection%s to an FTP port %s not FTP%s%s, and counted as other traffic.",
                           other, plural(other), other == 1 ? "is" : "are", j->survey->other ? ", but " : "",
                           j->survey->other ? speech_protocol_name(j->survey->other) : "");
    return r;
}

struct note {
    uint64_t count;
    const char *text; /* with %llu and %s for its plural */
};

static int note_counts(const struct judge *j, struct story *s)
{
    const struct reading_facts *f = j->facts;
    const struct note notes[] = {
        {f->doubled, "%llu packet%s had been captured before, on its way: each was counted once."},
        {f->cut, "The snap length cut %llu packet%s short."},
        {f->headless,
         "Of %llu frame%s the snap length cut off headers: nothing is said about what was in it."},
        {f->lost, "The capturing machine counted %llu packet%s that it lost."},
        {j->left_to_card,
         "%llu packet%s had no checksum yet, since the network card fills it in after the capture: "
         "taken as right."},
        {j->wrong_sums,
         "%llu packet%s had a wrong checksum in the capture; a firewall that gets it so calls it INVALID."},
        {j->leftover, "%llu packet%s of connections that were over would not pass; that stops nothing."},
        {j->not_judged, "%llu packet%s of SCTP, DCCP or PPTP: their states are not judged."},
        {f->moved, "%llu packet%s of several interfaces did not lie in the order of time: numbers here are "
                   "in that order."},
        {f->back, "The capture's clock went back %llu time%s: time stands still then."},
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]) && !r; i++) {
        if (notes[i].count)
            r = story_note_add(s, notes[i].text, (unsigned long long)notes[i].count, plural(notes[i].count));
    }
    return r;
}

static int note_other(const struct judge *j, struct story *s)
{
    int r = 0;

    if (j->other_stopped)
        r = story_note_add(
            s, "Of other traffic, which is not judged, %llu packet%s would not pass; the first is packet %u.",
            (unsigned long long)j->other_stopped, plural(j->other_stopped), j->other_first);
    if (!r && j->facts->unread)
        r = story_note_add(s, "%u frames were taken on links of type %s, in which no IP is looked for.",
                           j->facts->unread, j->facts->unread_name);
    if (!r && j->facts->damage)
        r = story_note_add(s, "The capture was read up to packet %llu: it %s.",
                           (unsigned long long)j->facts->frames, j->facts->damage);
    if (!r && j->facts->limited)
        r = story_note_add(
            s,
            "Only the first %llu packets were read: the capture is longer. tcpdump -r CAPTURE -w "
            "SMALLER 'host CLIENT' leaves out what is not asked about.",
            (unsigned long long)j->facts->frames);
    return r;
}

int judge_conclude(struct judge *j, struct story *s)
{
    s->conclusion = answer(j, &s->outcome);
    int r = s->conclusion ? tell_tasks(j, s) : -ENOMEM;

    if (!r)
        r = story_note_add(
            s, "What the firewall of that day dropped before the place of the capture is not in the capture, "
               "and answers to it are not either.");
    if (!r)
        r = note_sessions(j, s);
    if (!r)
        r = note_counts(j, s);
    return r ? r : note_other(j, s);
}
