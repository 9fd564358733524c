/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_FLEET_H
#define SALLY_CLIENT_FLEET_H

#include "client/client.h"

/*
 * Sessions with one server that share a list of jobs, a thread each. Jobs may add jobs. A session that breaks is opened
 * again after a while, and its job is done again; if the server takes no more sessions, there are fewer, and the work goes on.
 */
struct client_fleet;

struct client_fleet_plan {
    const struct client_site *site; /* outlives the fleet */
    unsigned sessions;              /* at most; at least 1 */
    unsigned retries;               /* of a job whose session broke, or whose transfer was cut */
    int delay_ms;                   /* before each */
    int stop;                       /* as client_new's */
    /* Those of a session, numbered from 0; called by the threads that add jobs. What they hear comes from several threads at once. */
    struct client_ears (*ears)(void *arg, unsigned session);
    void *arg;
};

/* first: an open session, which the fleet takes; NULL: it opens one itself. NULL: out of memory, and first is as it was. */
MUST_USE struct client_fleet *client_fleet_new(const struct client_fleet_plan *plan, struct client *first);
/* Also sets *f to NULL. Jobs that were not done are dropped. */
void client_fleet_free(struct client_fleet **f);

/* What is done in a session. It may be done again if it fails: with attempt 1, 2... */
typedef enum client_result client_job_fn(struct client *c, unsigned attempt, void *arg);
/* A job: drop (NULL: none) is called with arg once it is over, or if it is never begun. -ENOMEM: arg was dropped. */
MUST_USE int client_fleet_add(struct client_fleet *f, client_job_fn *run, void (*drop)(void *arg), void *arg);

/* Does all jobs, also those that are added by jobs. The first that failed says how it ended; the others go on,
 * unless the server can't be reached any more or it was called off. */
MUST_USE enum client_result client_fleet_run(struct client_fleet *f);
/* The first session, between runs; NULL: it is not open. Borrowed. */
struct client *client_fleet_session(struct client_fleet *f);

#endif
