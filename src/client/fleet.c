/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One lock guards the list and the counts. A thread is started when a job is added and nobody waits for one, so small work
 * is one session's. Session 0 is the caller's own thread, in client_fleet_run.
 */
#include "client/fleet.h"

#include "client/say.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    struct job *next;
    client_job_fn *run;
    void (*drop)(void *arg);
    void *arg;
    unsigned runs; /* that began */
};

struct member {
    struct client_fleet *fleet;
    struct client *c; /* NULL: never opened. Owned. */
    unsigned number;
    pthread_t thread; /* of any but number 0 */
};

struct client_fleet {
    struct client_fleet_plan plan;
    struct member *members; /* plan.sessions of them */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job came, or the last one is done */
    struct job *first, **last;
    unsigned started, alive, waiting, busy;
    bool is_running, is_over;
    enum client_result result;
};

struct client_fleet *client_fleet_new(const struct client_fleet_plan *plan, struct client *first)
{
    struct client_fleet *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->plan = *plan;
    f->members = calloc(plan->sessions, sizeof(*f->members));
    if (!f->members) {
        free(f);
        return NULL;
    }
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    for (unsigned i = 0; i < plan->sessions; i++)
        f->members[i] = (struct member){.fleet = f, .number = i};
    f->members[0].c = first;
    return f;
}

static void drop_job(struct job *j)
{
    if (j->drop)
        j->drop(j->arg);
    free(j);
}

static void drop_all(struct client_fleet *f)
{
    while (f->first) {
        struct job *j = f->first;
        f->first = j->next;
        drop_job(j);
    }
    f->last = &f->first;
}

void client_fleet_free(struct client_fleet **f)
{
    if (!*f)
        return;
    drop_all(*f);
    for (unsigned i = 0; i < (*f)->plan.sessions; i++)
        client_free(&(*f)->members[i].c);
    pthread_cond_destroy(&(*f)->changed);
    pthread_mutex_destroy(&(*f)->lock);
    free((*f)->members);
    free(*f);
    *f = NULL;
}

struct client *client_fleet_session(struct client_fleet *f)
{
    struct client *c = f->members[0].c;

    return c && client_is_open(c) ? c : NULL;
}

/* ---- one job ---- */

static enum client_result stand(struct member *m)
{
    const struct client_fleet_plan *plan = &m->fleet->plan;

    if (!m->c) {
        struct client_ears ears = plan->ears(plan->arg, m->number);
        m->c = client_new(plan->site, &ears, plan->stop);
    }
    if (!m->c)
        return CLIENT_FAILED;
    return client_is_open(m->c) ? CLIENT_OK : client_open(m->c);
}

/* This session goes, if there are others to go on without it. With the lock. */
static bool leave(struct client_fleet *f)
{
    bool has_others = f->alive > 1;

    f->alive -= has_others;
    return has_others;
}

/* As leave: of several that find out at once that they are too many one stays. */
static bool leave_locked(struct client_fleet *f)
{
    bool has_left;

    pthread_mutex_lock(&f->lock);
    has_left = leave(f);
    pthread_mutex_unlock(&f->lock);
    return has_left;
}

static enum client_result do_job(struct member *m, struct job *j, bool *ret_reached, bool *ret_left)
{
    const struct client_fleet_plan *plan = &m->fleet->plan;

    *ret_left = false;
    for (unsigned attempt = 0;; attempt++) {
        enum client_result r = stand(m);
        *ret_reached = r == CLIENT_OK;
        if (!r)
            r = j->run(m->c, j->runs++, j->arg);
        if (!*ret_reached && r != CLIENT_CANCELED && (*ret_left = leave_locked(m->fleet)))
            return r;
        if (!client_is_passing(r) || attempt == plan->retries)
            return r;
        if (client_pause(m->c, plan->delay_ms))
            return CLIENT_CANCELED;
    }
}

/* ---- all of them ---- */

/* The next job, waited for; NULL: there will be none. With the lock. */
static struct job *take(struct client_fleet *f)
{
    struct job *j;

    f->waiting++;
    while (!f->first && f->busy > 0 && !f->is_over)
        pthread_cond_wait(&f->changed, &f->lock);
    f->waiting--;
    if (f->is_over || !f->first) {
        pthread_cond_broadcast(&f->changed);
        return NULL;
    }
    j = f->first;
    f->first = j->next;
    if (!f->first)
        f->last = &f->first;
    f->busy++;
    return j;
}

static void put_back(struct client_fleet *f, struct job *j)
{
    j->next = f->first;
    f->first = j;
    if (!j->next)
        f->last = &j->next;
}

/* One session's share. With the lock. */
static void work(struct member *m)
{
    struct client_fleet *f = m->fleet;
    bool is_reached, has_left;
    struct job *j;

    while ((j = take(f))) {
        pthread_mutex_unlock(&f->lock);
        enum client_result r = do_job(m, j, &is_reached, &has_left);
        pthread_mutex_lock(&f->lock);
        f->busy--;
        if (has_left || (r == CLIENT_BUSY && !f->is_over && leave(f))) { /* this session is one too many */
            char left[16];
            put_back(f, j); /* who stays does it, or it is dropped with all others */
            snprintf(left, sizeof(left), "%u", f->alive);
            if (m->c)
                SAY(m->c, CLIENT_STATUS, FEWER, left);
            pthread_cond_broadcast(&f->changed);
            return;
        }
        if (r && !f->result)
            f->result = r;
        if (r == CLIENT_CANCELED || (r && !is_reached))
            f->is_over = true;
        pthread_mutex_unlock(&f->lock);
        drop_job(j);
        pthread_mutex_lock(&f->lock);
        if (f->is_over || (!f->first && f->busy == 0))
            pthread_cond_broadcast(&f->changed);
    }
    f->alive--;
}

static void *work_thread(void *arg)
{
    struct member *m = arg;

    pthread_mutex_lock(&m->fleet->lock);
    work(m);
    pthread_mutex_unlock(&m->fleet->lock);
    return NULL;
}

/* With the lock. One that can't be had is not missed. */
static void start_another(struct client_fleet *f)
{
    struct member *m;

    if (f->started >= f->plan.sessions)
        return;
    m = &f->members[f->started];
    if (pthread_create(&m->thread, NULL, work_thread, m) == 0) {
        f->started++;
        f->alive++;
    }
}

int client_fleet_add(struct client_fleet *f, client_job_fn *run, void (*drop)(void *arg), void *arg)
{
    struct job *j = malloc(sizeof(*j));

    if (!j) {
        if (drop)
            drop(arg);
        return -ENOMEM;
    }
    *j = (struct job){.run = run, .drop = drop, .arg = arg};
    pthread_mutex_lock(&f->lock);
    *f->last = j;
    f->last = &j->next;
    if (f->waiting > 0)
        pthread_cond_signal(&f->changed);
    else if (f->is_running)
        start_another(f);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

enum client_result client_fleet_run(struct client_fleet *f)
{
    unsigned jobs = 0;

    pthread_mutex_lock(&f->lock);
    f->is_running = true;
    f->is_over = false;
    f->result = CLIENT_OK;
    f->started = f->alive = 1;
    for (struct job *j = f->first; j && j->next && ++jobs < f->plan.sessions; j = j->next)
        start_another(f);
    work(&f->members[0]);
    f->is_running = false;
    pthread_mutex_unlock(&f->lock);
    for (unsigned i = 1; i < f->started; i++)
        pthread_join(f->members[i].thread, NULL);
    drop_all(f);
    return f->result;
}
