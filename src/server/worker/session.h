/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_SESSION_H
#define SALLY_SERVER_WORKER_SESSION_H

#include "ftp/address.h"
#include "ftp/line.h"
#include "server/worker/passive.h"
#include "server/worker/transfer.h"
#include "server/worker/worker.h"

#include <event2/event_struct.h>
#include <uthash.h>

/*
 * One control channel and all that hangs on it.
 *
 * Life: session_accept; commands (command.h) run one after the other; a command that must wait (for a broker,
 * the monitor, a passive port, a delay, a transfer) sets `waiting`, and input rests until it is cleared,
 * except that during a transfer ABOR, STAT and QUIT are heard. session_end marks it ended; session_settle,
 * called last by every callback that touched a session, sends what was replied and frees an ended one, or,
 * while a thread still holds its transfer, leaves it to the transfer's end.
 */
enum session_state {
    SESSION_GREETED = 1, /* before USER */
    SESSION_NAMED = 2,   /* USER came, PASS is awaited */
    SESSION_READY = 4,   /* logged in */
};

enum session_wait {
    WAIT_NOTHING,
    WAIT_LOGIN,    /* the monitor's LOGIN_REPLY */
    WAIT_DELAY,    /* after a login, as configured */
    WAIT_BROKER,   /* a FILE_REPLY */
    WAIT_PORT,     /* a turn on a passive port */
    WAIT_TRANSFER, /* from RETR, STOR, LIST, HASH to their last reply */
};

/* How the next data channel comes about. */
enum data_mode {
    DATA_NONE,
    DATA_PASSIVE,
    DATA_ACTIVE,
};

struct session;
struct identity;

/* What to do with a broker's answer; fd is the callee's (-1: none). reply->error is EPIPE when the broker
 * died. */
typedef void file_reply_fn(struct session *s, const struct file_reply *reply, int fd);

struct session {
    UT_hash_handle hh;
    LIST_ENTRY(session) of_identity;
    uint32_t id;
    int fd; /* -1: the channel is gone, a transfer is still ending */
    bool ended;
    bool input_off;        /* the channel is not being read: backpressure */
    bool input_eof;        /* the client will send no more */
    bool known_to_monitor; /* a LOGIN was sent: LOGOUT must follow */
    struct event input, timer;
    struct event *writable;
    struct evbuffer *backlog; /* replies that the socket did not take */
    struct ftp_lines lines;
    char *deferred; /* lines that came during a transfer, each with a NUL; for after it */
    size_t deferred_len;

    struct settings *settings;
    struct in6_addr peer, local;
    char peer_text[INET6_ADDRSTRLEN];
    double connected_at, active_at;

    enum session_state state;
    enum session_wait waiting;
    unsigned failures; /* of login */
    unsigned strange;  /* unknown commands before login */
    char *user;        /* what USER named, then the account's name */
    char *password;    /* anonymous: what was given as one, for the logs */
    char *host;
    bool anonymous;
    bool name_too_long;
    uint64_t *visited; /* hashes of directories whose message was shown */
    size_t visited_count;

    double login_began; /* when PASS came */
    struct identity *identity;
    struct login_reply grant; /* its strings are not kept */
    char *cwd, *home;         /* home: where the session began, "~" */

    uint16_t serial;         /* of the last request to the broker */
    uint16_t connect_serial; /* of the last CONNECT to the monitor */
    file_reply_fn *on_reply;
    uint64_t restart;
    char *rename_from;
    char *wanted;   /* the path the current command is about */
    uint32_t facts; /* MLST */
    uint32_t umask;
    uint8_t hash; /* index of the algorithm of HASH */
    bool ascii;
    bool epsv_all;
    bool epsv_reply; /* how to answer when a passive port is found */

    enum data_mode data_mode;
    struct ftp_address data_address; /* active: where to */
    struct passive_wait passive;
    int data_fd;              /* connected, not yet in use; -1 */
    struct event *connecting; /* active: connect() under way */
    struct transfer *transfer;
};

/* A connection that a listener accepted. Takes fd, whatever happens. */
void session_accept(int fd);
struct session *session_find(uint32_t id);
/* Calls each in no order; each may end and settle its own session. */
void session_each(void (*each)(struct session *, void *ctx), void *ctx);

/* Replies (RFC 959 section 4.2): one line, or one of several. Text follows printf; a newline in it (of a file
 * name) is sent as NUL, see ftp/line.h. */
__attribute__((format(printf, 3, 4))) void reply(struct session *s, int code, const char *format, ...);
__attribute__((format(printf, 3, 4))) void reply_more(struct session *s, int code, const char *format, ...);
/* A line within a multi-line reply, without a code: a blank goes before it. */
__attribute__((format(printf, 2, 3))) void reply_within(struct session *s, const char *format, ...);
/* Many lines of free text under one code, as message files are sent: each "230-text". */
void reply_text(struct session *s, int code, const char *text, size_t len);

/* Waiting is over; deferred and buffered input is read on when the callback settles. */
void session_resume(struct session *s);
void session_wait_for(struct session *s, enum session_wait what);
/* Ends it once replies are sent. */
void session_end(struct session *s);
void session_settle(struct session *s);
/* Restarts the one timer: idle, delay or data, whatever the session now waits for. seconds 0: no limit. */
void session_set_timer(struct session *s, double seconds);

/* Logged-in identity. */
void session_logout(struct session *s);

/* Asks the session's broker; on_reply is called when it answers, or dies. Sets WAIT_BROKER unless a transfer
 * waits. */
void session_ask(struct session *s, enum server_message type, const struct file_request *request,
                 file_reply_fn *on_reply);

/* The client's path as an absolute one. NULL after a reply, if it is too long. Valid until the next call. */
const char *session_path(struct session *s, const char *argument);

/* Is this the first time that the session is in its working directory? Only asked, and remembered, where
 * there is a message to show. */
bool session_first_visit(struct session *s, const char *message);

static inline const struct config *session_config(const struct session *s)
{
    return s->settings->config;
}

#endif
