/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_SESSION_H
#define SALLY_SERVER_WORKER_SESSION_H

#include "base/result.h"
#include "ftp/address.h"
#include "ftp/line.h"
#include "server/worker/listing_turn.h"
#include "server/worker/passive.h"
#include "server/worker/settings.h"
#include "server/worker/state.h"

#include <arpa/inet.h>
#include <event2/event_struct.h>
#include <sys/queue.h>
#include <uthash.h>

/*
 * One control channel and all that hangs on it.
 *
 * Life: control_accept; commands (command.h) run one after the other; a command that must wait (for a broker, the
 * monitor, a passive port, a delay, a transfer) says what for, and input rests until session_resume, except that during a
 * transfer ABOR and STAT are heard. session_end marks it ended.
 *
 * Whatever a callback does to a session that may let it go on or end it (a reply, the end of a wait, its own end) puts it
 * on the list of changed sessions. The loop settles these once, at the end of its turn (control.h): so a session is never
 * freed under a callback's feet.
 */
enum session_state {
    SESSION_GREETED = 1, /* before USER */
    SESSION_NAMED = 2,   /* USER came, PASS is awaited */
    SESSION_READY = 4,   /* logged in */
};

enum session_wait {
    WAIT_NOTHING,
    WAIT_HANDSHAKE, /* of the control channel */
    WAIT_LOGIN,     /* the monitor's LOGIN_REPLY or CHECK_REPLY */
    WAIT_DELAY,     /* before or after a login's reply, as configured */
    WAIT_BROKER,    /* a FILE_REPLY */
    WAIT_PORT,      /* a turn on a passive port */
    WAIT_TRANSFER,  /* from RETR, STOR, LIST, HASH to their last reply */
};

/* How the next data channel comes about. */
enum data_mode {
    DATA_NONE,
    DATA_PASSIVE,
    DATA_ACTIVE,
};

struct data_waiter;
struct evbuffer;
struct handshake;
struct identity;
struct keys;
struct session;
struct tls_channel;
struct transfer;

/* What to do with a broker's answer; fd is the callee's (-1: none). reply->error is EPIPE when the broker died. */
typedef void file_reply_fn(struct session *s, const struct file_reply *reply, int fd);

struct control_channel {
    int fd;            /* -1: closed, a transfer is still ending */
    struct keys *keys; /* since TLS was begun, until the session's end; its data channels use them, too */
    struct handshake *handshake;    /* under way */
    struct tls_channel *tls;        /* NULL: in the clear */
    struct tls_channel *tls_before; /* until CCC */
    struct event input;
    struct event *writable;   /* while there is a backlog */
    struct evbuffer *backlog; /* replies that the socket did not take */
    struct ftp_lines lines;
    char *deferred; /* lines that came during a transfer, each with a NUL; for after it */
    size_t deferred_len;
    bool is_clearing;           /* CCC: TLS ends when the client has said so, too */
    bool input_off;             /* the channel is not being read: backpressure */
    bool input_eof;             /* the client will send no more */
    unsigned strange;           /* unknown commands before login */
    unsigned certificate_tries; /* at login_certificates */
};

struct login {
    char *user;     /* what USER named, then the account's name */
    char *password; /* anonymous: what was given as one, for the logs */
    char *host;     /* what HOST named, or NULL */
    bool anonymous;
    bool name_too_long;
    bool lacks_own_settings; /* those of user_config_dir did not arrive */
    bool by_certificate;     /* a login by it is under way, or was granted */
    bool known_to_monitor;   /* a LOGIN was sent: LOGOUT must follow */
    unsigned failures;
    double since;             /* when the time to log in began to run */
    double began;             /* when PASS came */
    double asked_at;          /* anonymous: when the monitor was asked */
    uint32_t waits_for;       /* anonymous: the session whose answer is awaited; 0: none's (anonymous.h) */
    struct login_reply grant; /* its strings are not kept */
    struct identity *identity;
};

/* What the session is about among its files, and its broker's answers. */
struct session_files {
    char *cwd, *home;  /* home: where the session began, "~" */
    uint64_t *visited; /* hashes of directories whose message was shown */
    size_t visited_count;
    uint32_t umask;
    char *rename_from;
    char *wanted;    /* the path that the current command is about */
    uint16_t serial; /* of the last request to the broker */
    file_reply_fn *on_reply;
};

/* Its door in the firewall: door.h. */
struct door {
    bool is_wanted; /* the monitor is to be told when it is not any more */
    bool is_asked;  /* its answer is awaited */
    bool is_again;  /* it was asked for once more, for more time or since somebody else had come in by it */
    bool is_used;   /* its connection has come in by it, and the monitor has yet to hear of that */
    LIST_ENTRY(session) next_used;
    uint16_t serial; /* of the last question */
    uint16_t tries;  /* so often it was asked in vain, and is asked again */
    void (*then)(struct session *s,
                 int error); /* called with the answer: 0 or an errno; NULL: nobody waits */
};

struct data_channel {
    enum data_mode mode;
    struct ftp_address address; /* active: where to */
    struct passive_wait passive;
    double until;                     /* when a transfer waits no longer for its passive connection */
    struct door door;                 /* in the firewall */
    int fd;                           /* connected, not yet in use; -1 */
    struct event *connecting;         /* active: connect() under way */
    uint16_t connect_serial;          /* of the last CONNECT to the monitor */
    const struct data_waiter *waiter; /* who waits for it, or NULL */
    bool is_private;                  /* PROT P */
    bool epsv_all;
    bool epsv_reply; /* how to answer when a passive port is found */
};

/* How transfers go. */
struct transfer_mode {
    bool ascii;
    uint8_t hash;   /* index of the algorithm of HASH */
    uint32_t facts; /* MLST */
    uint64_t restart;
};

struct session {
    UT_hash_handle hh;
    TAILQ_ENTRY(session) next_changed, next_waiting;
    LIST_ENTRY(session) of_identity;
    uint32_t id;
    bool ended, changed;
    enum session_state state;
    enum session_wait waiting;
    void (*after)(struct session *s); /* WAIT_DELAY, WAIT_HANDSHAKE: what then; or NULL */
    struct settings *settings;
    struct in6_addr peer, local;
    double connected_at, active_at;
    struct event timer; /* the one: idle, delay or data, whatever the session now waits for */

    struct control_channel control;
    struct login login;
    struct session_files files;
    struct data_channel data;
    struct transfer_mode mode;
    struct listing_turn listing;
    struct transfer *transfer; /* from its command to its last reply */
};

/* In each loop, before its first session. */
void session_init(void);
/* A new session with a number of its own; its events and descriptors are for others to fill in. NULL: out of memory. */
MUST_USE struct session *session_new(void);
/* Its memory and nothing else, and off the lists of sessions; sets *s to NULL. */
void session_free(struct session **s);
struct session *session_find(uint32_t id);
/* Of this loop; of another one, or of all, as it was a moment ago. */
unsigned session_count(void);
unsigned session_count_of(unsigned loop);
unsigned session_count_all(void);
/* Calls each in no order; each may end its own session. */
void session_each(void (*each)(struct session *, void *ctx), void *ctx);

/* Its client's address, until the next call in this loop. */
const char *session_peer_text(const struct session *s);

/* To be settled at the end of this turn. */
void session_changed(struct session *s);
/* Takes the next one off the list; NULL: none is left. */
struct session *session_next_changed(void);

void session_wait_for(struct session *s, enum session_wait what);
/* Waiting is over; input goes on when the session is settled. */
void session_resume(struct session *s);
/* Waits so long, then calls after. */
void session_delay(struct session *s, double seconds, void (*after)(struct session *));
/* Restarts the timer. seconds 0: no limit. */
void session_set_timer(struct session *s, double seconds);
/* How long the session may stay idle from now on, in seconds; not positive: its time is over. Infinite with
 * idle_session_timeout=0, once it has logged in. */
double session_idle_left(const struct session *s);
/* Sets the timer to that. */
void session_set_idle_timer(struct session *s);
/* Ends it once what was replied is sent; nothing that is said to it from now on is. */
void session_end(struct session *s);

/* Is this the first time that the session is in its working directory? Only asked, and remembered, where there is a
 * message to show. */
bool session_first_visit(struct session *s, const char *message);

/* Whose TLS session its data channels continue; NULL: it never had any. */
static inline const struct tls_channel *session_tls(const struct session *s)
{
    return s->control.tls ? s->control.tls : s->control.tls_before;
}

static inline const struct config *session_config(const struct session *s)
{
    return s->settings->config;
}

#endif
