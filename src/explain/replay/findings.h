/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_FINDINGS_H
#define SALLY_EXPLAIN_REPLAY_FINDINGS_H

#include "base/result.h"
#include "explain/replay/speech.h"
#include "explain/story.h"
#include "packet/packet.h"

/*
 * What a capture shows of FTP sessions, without any rules: who talks to whom, what was asked and what was
 * answered, which data channels were announced and what became of them, and how much of all that the capture
 * has.
 */
enum {
    SURVEY_SESSIONS = 50000,
    SURVEY_TASKS = 200000,
    SURVEY_CAUSES = 100000,
    SURVEY_NONE = 0xffffffff,
    SURVEY_TWIN = 0xfffffffe, /* as struct survey_role.data */
};

/* A control connection. */
struct survey_session {
    uint32_t serial; /* as struct follow has it */
    uint8_t family, client_side;
    struct packet_address client, server;
    uint16_t client_port, server_port;
    struct speech_guess guess;
    bool by_port; /* it was taken for one since its port is that of FTP */
    bool is_ftp;
    /* what the capture lacks */
    bool begun;            /* its SYN is there */
    bool lost;             /* frames with parts of it are missing */
    bool translated;       /* it is there a second time, with other addresses: before and after NAT */
    bool left_out;         /* another server was asked about */
    bool one_way;          /* one direction is missing */
    uint32_t answered;     /* frame of the first answer to anything, 0: none */
    bool cut_announcement; /* what was cut off may have been one */
    uint32_t cut;          /* frame of the first line whose end the snap length cut off; 0: none */
    uint32_t tls;          /* frame from which on it is under TLS; 0: not */
    bool closed;           /* orderly, or the client said QUIT */
    /* while it is read */
    struct speech speech[2]; /* client's, server's */
    unsigned multiline;      /* code of the reply whose last line is still to come */
    char queue[8][8];        /* verbs of commands without a reply yet */
    uint32_t queue_task[8];
    uint8_t queued;
    uint32_t task, connect, login; /* the latest of each, SURVEY_NONE: none */
    bool greeted, logged_in;
    uint32_t first_task, last_frame;
    uint32_t ended;        /* frame that closed or reset it, 0: none */
    const char *ended_how; /* in words */
    bool ended_by_client;
};

enum survey_state {
    SURVEY_ASKED,   /* no answer in the capture */
    SURVEY_STARTED, /* a 150: it goes on */
    SURVEY_DONE,
    SURVEY_FAILED,
    SURVEY_GIVEN_UP, /* by the client itself */
};

struct survey_task {
    const char *name; /* "connect", "login", "LIST", "RETR", "STOR", "data": no transfer was asked for */
    uint32_t session, begin, end; /* frames; end: of the last word on it */
    enum survey_state state;
    uint32_t data; /* the latest data channel, or SURVEY_NONE */
    enum story_mode mode;
    bool has_mode;  /* a data channel was announced */
    bool delivered; /* its data channel brought something and was closed by both ends */
    char *cause;    /* why it failed, or what is odd; or NULL */
    uint32_t cause_frame;
    bool cause_is_sure; /* the data channel itself shows it */
    bool cause_is_odd; /* it is something odd only, such as a foreign address, which need not stop anything */
};

struct survey_data {                       /* a data channel that was announced */
    uint32_t serial, session, task, frame; /* frame: of its SYN */
    uint32_t announced;                    /* frame of the announcement */
    bool from_client, established, over;
    uint16_t source_port;
    uint64_t payload;
    char *ends, *said; /* "192.0.2.7:40001 -> ...", "227 Entering..." */
};

struct survey_cause {
    uint32_t frame, session;
    char *text;
};

struct survey_role { /* what a connection is, by its serial */
    uint32_t serial, session,
        data; /* data: SURVEY_NONE for a control connection; SURVEY_TWIN: the same as one of
                                      * the session's, with translated addresses */
};

struct survey {
    struct survey_session *sessions;
    size_t session_count, session_capacity;
    struct survey_task *tasks;
    size_t task_count, task_capacity;
    struct survey_data *data;
    size_t data_count, data_capacity;
    struct survey_cause *causes; /* by frame */
    size_t cause_count, cause_capacity;
    struct survey_role *roles; /* by serial */
    size_t role_count, role_capacity;
    bool overflowed; /* there was more than is kept */
    uint64_t last_ms;
    size_t ftp_count;           /* sessions that are FTP */
    enum speech_protocol other; /* that was spoken where FTP was expected, or by what greets like it */
    struct packet_address
        first_to; /* where the first packet, or better the first SYN, went: for captures without FTP */
    uint8_t first_family;
    bool first_is_syn;
    struct packet_address first_from;
};

void survey_fini(struct survey *s);
/* NULL: neither a control connection nor an announced data channel. */
const struct survey_role *survey_role(const struct survey *s, uint32_t serial);
/* The first cause that is told of a frame, and behind it the others of the same; NULL: none. */
const struct survey_cause *survey_cause(const struct survey *s, uint32_t frame);
/* Is something missing that the session's verdict may hang on? */
static inline bool survey_is_incomplete(const struct survey_session *s)
{
    return !s->begun || s->lost || s->one_way || s->cut || s->tls;
}

/* May a connection that begins in that frame have been announced where the capture does not show it? What was
 * announced before its beginning is used before anything else is answered. */
static inline bool survey_may_lack_announcement(const struct survey_session *s, uint32_t frame)
{
    return s->lost || s->one_way || s->cut_announcement || (s->tls && frame >= s->tls) ||
           (!s->begun && (!s->answered || frame <= s->answered));
}

/* ---- for those who put it together (survey*.c, dialog.c) ---- */

/* serial: of the connection; data: SURVEY_NONE for a control connection. 0 and *ret, an index + 1 until
 * survey_sort; or -ENOMEM. */
MUST_USE int survey_add_role(struct survey *s, uint32_t serial, uint32_t session, uint32_t data,
                             uint32_t *ret);
MUST_USE int survey_add_task(struct survey *s, uint32_t session, const char *name, uint32_t frame,
                             uint32_t *ret);
__attribute__((format(printf, 4, 5))) int survey_add_cause(struct survey *s, uint32_t session, uint32_t frame,
                                                           const char *format, ...);
/* Why a task fails (its state says so), or what is odd about it. is_sure: the data channel itself shows it. text is taken over; NULL: out of memory. */
MUST_USE int survey_blame(struct survey *s, uint32_t task, uint32_t frame, bool is_sure, char *text);

/* From frame on the session is under TLS. 0 or -ENOMEM. */
MUST_USE int survey_note_tls(struct survey *s, uint32_t session, uint32_t frame);
/* Room for one more in an array. NULL: out of memory. */
void *survey_grow(void *array, size_t count, size_t *capacity, size_t size);
/* After the last of them: causes by frame, roles by serial. */
void survey_sort(struct survey *s);

#endif
