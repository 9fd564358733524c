/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_WORKER_H
#define SALLY_SERVER_WORKER_WORKER_H

#include "server/config/config.h"
#include "server/messages.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * The worker: the process that the network talks to. One event loop holds every control channel; a pool of
 * threads (transfer.h) moves the bytes of data channels. It can open no file and no socket: listeners and
 * active data connections come from the monitor, files from the brokers (link.h).
 *
 * Everything here but transfer.c runs in the loop's thread. What one callback does to a session ends with
 * session_settle (session.h), which sends what was replied and frees the session if it has ended.
 */

/* A configuration that sessions share; a reload makes a new one and old sessions keep theirs. */
struct settings {
    unsigned refs;
    struct config *config;
    char *banner; /* content of banner_file, or NULL */
    /* What the monitor granted the last anonymous login; good for the next one while the identity lives. */
    struct login_reply anonymous_grant;
    char *anonymous_user, *anonymous_cwd;
    uint64_t forbidden[2]; /* by command index: cmds_allowed, cmds_denied */
};

struct settings *settings_new(struct config *config, char *banner); /* takes both; NULL: out of memory */
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings **s);
/* From a memfd that the monitor made: configuration text, NUL, banner. NULL on any failure. Closes fd. */
struct settings *settings_receive(int fd);

struct worker {
    struct event_base *base;
    struct settings *settings; /* for new sessions */
    struct link *monitor;
    bool draining;
    bool no_more_ports; /* the monitor said so */
    bool port_asked;
    unsigned session_count;
    int control_fd_most;     /* higher numbers are for data channels and files */
    unsigned logins_pending; /* LOGINs without a reply */
    uint32_t last_id;
    struct event *drain_timer;
};

extern struct worker worker; /* there is one a process, as there is one loop */

/* Runs until drained, or until the monitor goes away. listen sockets and all else come by message. */
_Noreturn void worker_main(int monitor, struct config *config, char *banner);

/* Monotonic time of this turn of the loop, in seconds and in nanoseconds. */
double worker_now(void);

/* No session is left while draining: tell the monitor and stop. */
void worker_check_drained(void);

#endif
