/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_MONITOR_H
#define SALLY_SERVER_MONITOR_MONITOR_H

#include "base/result.h"
#include "server/config/config.h"
#include "server/link.h"
#include "server/loops.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The monitor: keeps root, and so does little. It binds listeners, opens logs, checks logins (in children),
 * connects active data channels, starts the worker and the brokers and starts them again; it reads no byte
 * from the network. What the worker may ask of it is the TO_MONITOR rows of messages.h and nothing else.
 *
 * Files: monitor.c the loop, signals and the worker's life; listen.c sockets; logins.c who is logged in and
 * the brokers; auth_child.c password checks; connect.c active data channels; doors.c doors in the firewall; logs.c log files; banner.c
 * the greeting's file; keys.c the process that holds the private keys; watch.c files followed by name; tell.c words for the administrator.
 */
struct monitor {
    struct event_base *base;
    struct config *config;
    char *banner;        /* content of banner_file, or NULL */
    unsigned generation; /* of config: a reload makes new brokers for new sessions */
    bool root;           /* we are root, else the launching user */

    pid_t worker;
    unsigned loops;                /* of the worker, for good */
    struct link *links[LOOPS_MAX]; /* to each; NULL while there is no worker */
    unsigned loops_ready;
    double worker_started;
    unsigned quick_deaths;
    bool draining;
    bool ready; /* it was said: a worker was confined, and brokers can be had */
};

extern struct monitor monitor; /* one a process */

/* Runs the server until it is told to stop, in the foreground unless the configuration in file says otherwise.
 * assignments: -o, NULL-terminated. Returns an exit status. */
MUST_USE int monitor_run(const char *file, char *const *assignments);

/* Reads and checks the configuration as monitor_run does, remarks to standard error. NULL after an error. */
MUST_USE struct config *monitor_load_config(const char *file, char *const *assignments);

/* Sends to the loop that a session or an identity belongs to, by its number; where a message is about neither, id is the loop.
 * If there is no worker, nothing is sent. payload may be NULL with len 0; fd -1: none. */
void monitor_send(uint16_t type, uint32_t id, uint16_t serial, const void *payload, size_t len, int fd);
/* Sends to every loop. */
void monitor_send_all(uint16_t type, const void *payload, size_t len, int fd);

/* In a fork: default signals, no descriptor but keep[], nothing of the event loop. */
void monitor_child_begin(int *keep, size_t count);

double monitor_now(void);

#endif
