/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_DOCTOR_H
#define SALLY_CLIENT_DOCTOR_H

#include "client/client.h"

/*
 * Finds out what of FTP works between here and a server, and what may be the cause of what does not.
 *
 * Trials come first: for each address family and each security a row, with a session of its own for every way to a data connection, so
 * that nothing that one session has met tells on the next. Then the trials are judged: of each cause that is known, whether what was seen
 * shows its signs, and whether something else that was seen can't be under it. What is named fits everything; what is ruled out says why.
 */

enum doctor_end {
    DOCTOR_NOT_TRIED,
    DOCTOR_WORKS,
    /* No fault of anybody's. */
    DOCTOR_KEPT_BACK,   /* the password was not to travel in clear */
    DOCTOR_NOT_OFFERED, /* there is no TLS */
    DOCTOR_NOT_ALLOWED, /* the server does not let this user store files; or not without TLS */
    DOCTOR_NO_ROUTE,    /* from this machine */
    /* What does not work. */
    DOCTOR_TIMED_OUT,  /* nothing came */
    DOCTOR_REFUSED,    /* RST, or ICMP port unreachable, which connect(2) does not tell apart */
    DOCTOR_PROHIBITED, /* ICMP: prohibited, or no way to the host */
    DOCTOR_SAID_NO,    /* the server: code, reply */
    DOCTOR_BROKEN,     /* a connection that stood was reset, or ended */
    DOCTOR_STALLED,    /* a transfer, after so many bytes */
    DOCTOR_NO_TLS,     /* no handshake */
    DOCTOR_UNTRUSTED,  /* the certificate */
    DOCTOR_DIFFERS,    /* what came is not what was sent */
    DOCTOR_ENDS,
};

struct doctor_step {
    enum doctor_end end;
    int error; /* -errno; 0: none */
    int code;  /* of the server's last reply; 0: none came */
    int ms;    /* that it took */
    /* Of its data connection, as client_data has them. */
    enum client_way way;
    enum client_data_stage stage;
    uint16_t port;
    bool is_resumed;
    uint64_t bytes;  /* of a transfer */
    char reply[160]; /* the server's last line */
    char said[240];  /* how the log told the failure; "": there was none */
};

struct doctor_way {
    struct doctor_step step; /* a listing */
    bool is_foreign;         /* as client_data has it */
    char named[46];          /* PASV: by 227, and foreign. Active: who came in the server's place. "": none */
    int asked_ms, began_ms;
};

enum doctor_way_number { DOCTOR_EPSV, DOCTOR_PASV, DOCTOR_ACTIVE, DOCTOR_WAYS };
enum doctor_move { DOCTOR_SMALL_PUT, DOCTOR_SMALL_GET, DOCTOR_LARGE_PUT, DOCTOR_LARGE_GET, DOCTOR_MOVES };
enum { DOCTOR_SMALL = 512, DOCTOR_LARGE = 1 << 20 }; /* bytes; a small file goes in one packet anywhere */

/* One family, with TLS or without. */
struct doctor_row {
    int family; /* AF_INET, AF_INET6 */
    bool is_tls;
    struct doctor_step login;
    enum client_step step; /* of the login: that failed, or CLIENT_STEP_OPEN */
    int done_ms[CLIENT_STEPS];
    char fingerprint[65]; /* of the server's certificate; "": there was none */
    char server[46], here[46];
    bool is_near; /* the server is in a network of this machine's own: no NAT is between */
    struct doctor_way ways[DOCTOR_WAYS];
    struct doctor_step moves[DOCTOR_MOVES]; /* by the first way that works */
};

/* What does not work, where it is of this cause. */
enum doctor_topic {
    DOCTOR_SESSION,
    DOCTOR_PASSIVE,
    DOCTOR_ACTIVE_MODE,
    DOCTOR_TRANSFERS,
    DOCTOR_REMARK, /* nothing; but it is good to know */
    DOCTOR_TOPICS,
};
enum doctor_side { DOCTOR_SERVER_SIDE, DOCTOR_THIS_SIDE };
/* What would tell whether it is this cause. */
enum doctor_tell {
    DOCTOR_TELL_NOTHING,
    DOCTOR_TELL_LISTEN,       /* on the server: who listens */
    DOCTOR_TELL_CONTROL,      /* what the server's firewall makes of the control connection, */
    DOCTOR_TELL_PASSIVE,      /* of a passive session, */
    DOCTOR_TELL_ACTIVE,       /* and of an active one */
    DOCTOR_TELL_PASSIVE_HERE, /* what this machine's does */
    DOCTOR_TELL_ACTIVE_HERE,
    DOCTOR_TELL_MTU,
};

struct doctor_finding {
    enum speech_phrase cause, fix;
    const char *words, *fix_words; /* of these, as doctor_words wants them */
    bool is_ruled_out;
    enum speech_phrase why; /* it is ruled out */
    enum doctor_topic topic;
    enum doctor_side side; /* whose administrator can mend it */
    enum doctor_tell tell;
    const struct doctor_row *row;      /* one that shows it */
    char detail[160], why_detail[160]; /* words */
};

enum { DOCTOR_ROWS = 4, DOCTOR_FINDINGS = 96 };

struct doctor_report {
    uint16_t port; /* of the control connection */
    struct doctor_row rows[DOCTOR_ROWS];
    unsigned row_count;
    struct doctor_finding findings[DOCTOR_FINDINGS]; /* those that fit first */
    unsigned finding_count;
    char left[300], left_why[240]; /* a file that could not be deleted from the server; "": none */
};

struct doctor_plan {
    const struct client_site *site; /* looked at anew for each session; its ways are those that are tried */
    const char *folder;             /* to list and to store in; "": where the login leads to */
    bool is_tls_only;
    bool may_store;
    struct client_ears ears;
    int stop;
    /* A session begins. NULL: nobody asks. */
    void (*begin)(void *arg, const struct doctor_row *row, enum doctor_way_number way);
    /* The server's certificate is not trusted. Is it now (site was changed)? NULL: no. */
    bool (*trust)(void *arg, const struct client_seen *seen);
    void *arg;
};

/* The trials, and their judgement, into ret. CLIENT_OK, whatever does not work; CLIENT_NO_ADDRESS: the host has none; CLIENT_CANCELED;
 * CLIENT_FAILED. Also sets ret->left if it is called off. */
MUST_USE enum client_result doctor_examine(const struct doctor_plan *plan, struct doctor_report *ret);

/* The judgement alone: findings, of rows and port. Pure. */
void doctor_judge(struct doctor_report *report);
/* A phrase's words, into words: S the server's address, H this machine's, P the control port, D the finding's detail, W that of why. They are
 * the finding's, but for port, which is room for one of them. */
void doctor_words(const struct doctor_report *report, const struct doctor_finding *f, const char *kinds,
                  char port[8], const char *words[SPEECH_WORDS]);
/* The command that would tell, into out. False: there is none. */
bool doctor_command(const struct doctor_report *report, const struct doctor_finding *f, char *out,
                    size_t cap);
bool doctor_is_told_here(enum doctor_tell tell);

/* Does no way to a data connection work, do all, and all else that was tried? */
enum doctor_verdict { DOCTOR_ALL = 0, DOCTOR_SOME = 1, DOCTOR_NONE = 2 };
enum doctor_verdict doctor_verdict(const struct doctor_report *report);

#endif
