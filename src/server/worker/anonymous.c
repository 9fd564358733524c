/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/anonymous.h"

#include "server/worker/identity.h"

#include <stdlib.h>
#include <string.h>

/* How long an answer may serve others, in seconds: long beside a login, short beside what an administrator does. */
static const double fresh = 0.01;

static _Thread_local struct {
    uint32_t session; /* who asked last; 0: no question is outstanding */
    double asked_at;
} question;

static _Thread_local struct {
    struct login_reply reply; /* its strings are the two below */
    char *user, *cwd;         /* NULL: there is no answer */
    double asked_at;
} kept;

/* In the order of what they wait for, as answers come: who is answered stands in front. */
static _Thread_local TAILQ_HEAD(, session) waiting;
static _Thread_local double forgotten_at;
static _Thread_local bool can_share = true;

void anonymous_init(void)
{
    TAILQ_INIT(&waiting);
}

/* Does one login get what any other would? Not where lists of addresses or of names, or files of users' own options, have a
 * say. */
static bool is_uniform(const struct config *c)
{
    return !c->deny_email_enable && !c->secure_email_list_enable && !c->userlist_enable &&
           !c->user_config_dir;
}

/* May an answer to what was asked then serve s? */
static bool serves(const struct session *s, double asked_at)
{
    return can_share && asked_at > forgotten_at && asked_at > s->login.since &&
           worker_now() - asked_at < fresh && s->settings == worker.settings &&
           is_uniform(s->settings->config);
}

void anonymous_asked(struct session *s)
{
    question.session = s->id;
    question.asked_at = s->login.asked_at = worker_now();
}

static void drop(void)
{
    free(kept.user);
    free(kept.cwd);
    kept.user = kept.cwd = NULL;
}

void anonymous_forget(bool config_is_known)
{
    drop();
    can_share = config_is_known;
    forgotten_at = worker_now();
}

void anonymous_answered(uint32_t session, const struct login_reply *answer)
{
    const struct session *s = session_find(session);
    if (question.session == session)
        question.session = 0;
    if (!s || !s->login.anonymous || s->login.asked_at <= forgotten_at)
        return;
    drop();
    if (answer->result != LOGIN_GRANTED)
        return;
    kept.user = strdup(answer->user);
    kept.cwd = strdup(answer->cwd);
    if (!kept.user || !kept.cwd) {
        drop();
        return;
    }
    kept.reply = *answer;
    kept.reply.user = kept.user;
    kept.reply.cwd = kept.cwd;
    kept.asked_at = s->login.asked_at;
}

const struct login_reply *anonymous_answer(const struct session *s)
{
    bool good = kept.user && serves(s, kept.asked_at) && identity_find(kept.reply.identity);
    return good ? &kept.reply : NULL;
}

bool anonymous_wait(struct session *s)
{
    if (!question.session || !serves(s, question.asked_at))
        return false;
    s->login.waits_for = question.session;
    TAILQ_INSERT_TAIL(&waiting, s, next_waiting);
    return true;
}

struct session *anonymous_next_waiting(uint32_t session)
{
    struct session *s;
    TAILQ_FOREACH(s, &waiting, next_waiting) {
        if (s->login.waits_for == session)
            return s;
    }
    return NULL;
}

void anonymous_wait_over(struct session *s)
{
    if (s->login.waits_for == 0)
        return;
    s->login.waits_for = 0;
    TAILQ_REMOVE(&waiting, s, next_waiting);
}
