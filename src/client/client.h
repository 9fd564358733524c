/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_CLIENT_H
#define SALLY_CLIENT_CLIENT_H

#include "base/result.h"
#include "ftp/listing.h"
#include "speech/speech.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The client's engine: one session with one server. It knows no terminal: what happens it tells who listens, and what it can't decide (whom to trust,
 * whether a password may travel in clear) it was told before. Every call waits, and none for ever. A session belongs to one thread at a time.
 */
struct client;

/* What a call came to; the numbers are sally's exit codes (sally(1)). */
enum client_result {
    CLIENT_OK = 0,
    CLIENT_FAILED =
        1, /* something else: out of memory, a server that speaks no FTP, a listing that is not understood */
    CLIENT_NO_ADDRESS = 3, /* the host has none */
    CLIENT_NO_CONNECTION,  /* to the control port; or it broke */
    CLIENT_NO_TLS,         /* handshake, certificate, or there is none and it was asked for */
    CLIENT_NO_LOGIN,       /* 530 */
    CLIENT_NO_DATA,        /* no data connection by any of the ways that were allowed */
    CLIENT_REMOTE_REFUSED, /* the server has no such file, or will not */
    CLIENT_LOCAL_FAILED,   /* a file of this machine can't be read or written */
    CLIENT_CUT,            /* a transfer that broke off, or differs from what was said of it */
    CLIENT_BUSY,           /* 421: come again */
    CLIENT_CANCELED = 130,
};

enum client_security {
    CLIENT_TLS_IF_OFFERED, /* explicit (RFC 4217), and no password without it unless is_plain_allowed */
    CLIENT_TLS_EXPLICIT,   /* or nothing */
    CLIENT_TLS_IMPLICIT,   /* ftps: from the first byte */
    CLIENT_PLAIN, /* none, for who wants to know what that changes; no password unless is_plain_allowed */
};

/* How data connections are made: the bits that are allowed, tried in this order. */
enum client_way {
    CLIENT_EPSV = 1 << 0,
    CLIENT_PASV = 1 << 1, /* IPv4 only */
    CLIENT_ACTIVE = 1 << 2,
    CLIENT_PASSIVE = CLIENT_EPSV | CLIENT_PASV,
    CLIENT_ANY_WAY = CLIENT_PASSIVE | CLIENT_ACTIVE,
};

/* Where, as whom and how. The strings must outlive the session, but for the password, of which it has a copy. */
struct client_site {
    const char *host;
    uint16_t port; /* 0: 21, or 990 if implicit */
    int family;    /* AF_INET, AF_INET6; 0: whichever answers */
    const char *user;
    const char *password; /* NULL: none is sent */
    enum client_security security;
    bool is_plain_allowed;
    /* SHA-256, in hexadecimal, of the certificate that is trusted whatever this system says; NULL: none */
    const char *fingerprint;
    unsigned ways;                      /* enum client_way, bits; 0: any */
    enum client_way first_way;          /* tried before the others, since it has worked; 0: none */
    uint16_t active_first, active_last; /* ports that the server is to come to; 0: any */
    const char *active_address;         /* that it is told, in place of this machine's; NULL: none */
    /* ms until a control, a data connection stands; for which nothing may come. 0: 20, 10, 60 seconds */
    int connect_ms, data_ms, idle_ms;
    uint64_t rate; /* bytes a second that a transfer may move; 0: any */
    const char
        *encoding; /* of names at the server, as iconv(3) calls it; NULL: they go and come as they are */
};

enum client_event_kind { CLIENT_STATUS, CLIENT_COMMAND, CLIENT_RESPONSE, CLIENT_ERROR };

struct client_ears {
    void *arg;
    /* phrase and words as speech_text wants them. A password is never among them. */
    void (*hear)(void *arg, enum client_event_kind kind, enum speech_phrase phrase,
                 const char *const words[]);
    /* Bytes of the transfer that runs have moved, so many in all, of total (UINT64_MAX: not known). NULL: nobody asks. */
    void (*move)(void *arg, uint64_t bytes, uint64_t total);
    /* A transfer of this name begins; NULL: it is over. NULL: nobody asks. */
    void (*transfer)(void *arg, const char *name);
};

/* stop: a descriptor; once it is readable every call ends with CLIENT_CANCELED. -1: none. NULL: out of memory. */
MUST_USE struct client *client_new(const struct client_site *site, const struct client_ears *ears, int stop);
/* Says QUIT if it still can. Also sets *c to NULL. */
void client_free(struct client **c);

/* Connects and logs in. */
MUST_USE enum client_result client_open(struct client *c);
/* False: there is no session, or it broke. */
bool client_is_open(const struct client *c);

/* May what ended so end otherwise, if it is done again after a while? */
bool client_is_passing(enum client_result r);
/* Says that there is a pause, and waits. CLIENT_OK or CLIENT_CANCELED. */
MUST_USE enum client_result client_pause(const struct client *c, int ms);

/* What a session has shown of its server, for who remembers it, or asks a person about it. */
struct client_seen {
    bool is_secure;       /* TLS stands, or stood */
    bool is_trusted;      /* by this system */
    bool is_plain;        /* there is no TLS, and the password was kept back */
    enum client_way way;  /* by which data came last; 0: none yet */
    char fingerprint[65]; /* of the certificate, whether it was taken or not; "": there was none */
    char why[160];        /* this system does not trust it */
};
const struct client_seen *client_seen(const struct client *c);

/* How far client_open came, for who wants to know why there is no session. */
enum client_step {
    CLIENT_STEP_CONNECT, /* the host has no address, or none was reached */
    CLIENT_STEP_WELCOME,
    CLIENT_STEP_TLS,
    CLIENT_STEP_LOGIN,
    CLIENT_STEP_OPEN, /* all is done */
};
enum { CLIENT_STEPS = CLIENT_STEP_OPEN + 1 };
struct client_opening {
    enum client_step step;     /* that failed, or CLIENT_STEP_OPEN */
    int error;                 /* -errno, of the control connection; also later, when it breaks. 0: none */
    int code;                  /* of the last reply; 0: none came */
    char server[46], here[46]; /* the control connection's ends; "": not known */
    int done_ms[CLIENT_STEPS]; /* until the step was done, from the beginning; 0: it was not */
};
const struct client_opening *client_opening(const struct client *c);
/* Is it one of the features that the server names (RFC 2389 section 3.2)? */
bool client_offers(const struct client *c, const char *feature);

/* Calls visit for each entry of a folder ("": where the session is), but the folder itself and the one above it; by MLSD where the
 * server has it. What it returns ends the listing unless it is CLIENT_OK. A line that is not understood is told as a CLIENT_ERROR, and the listing goes on, to
 * CLIENT_FAILED: it is not whole. */
typedef enum client_result client_entry_fn(void *arg, const struct ftp_listed *entry);
MUST_USE enum client_result client_list(struct client *c, const char *path, client_entry_fn *visit,
                                        void *arg);

struct client_facts {
    bool has_size, has_time;
    uint64_t size;
    int64_t time; /* seconds since 1970 */
};
/* What SIZE and MDTM say; what the server does not is not there. CLIENT_OK, or the session is over. */
MUST_USE enum client_result client_look(struct client *c, const char *path, struct client_facts *ret);
/* The size alone. */
MUST_USE enum client_result client_size(struct client *c, const char *path, struct client_facts *ret);

/* How far the last data connection came, for who wants to know why there is none. */
enum client_data_stage {
    CLIENT_DATA_NONE,    /* none was asked for */
    CLIENT_DATA_ASKED,   /* EPSV, PASV, PORT or EPRT: the answer, code, was no or could not be read */
    CLIENT_DATA_CONNECT, /* it did not come to stand: error. Active: nobody came, or not the server */
    CLIENT_DATA_BEGIN,   /* the server would not begin, or had not connected: code, 425 or 522 say */
    CLIENT_DATA_TLS,     /* no handshake: error; 0: it was done, and the certificate is another one's */
    CLIENT_DATA_MOVE,    /* it broke, or nothing moved any more, after so many bytes: error */
    CLIENT_DATA_END,     /* it ended, and the server says that it did not go well: code */
    CLIENT_DATA_DONE,
};
struct client_data {
    enum client_way way;
    enum client_data_stage stage;
    int error; /* -errno */
    int code;  /* of the last reply; 0: none came */
    uint64_t bytes;
    bool is_resumed; /* it continues the control connection's TLS session */
    bool is_foreign; /* 227 named another address than the server's: */
    char named[46];  /* this one */
    uint16_t port;   /* at the server, or here if active; 0: not known */
    int asked_ms;    /* until the way was agreed on, and the connection stood if it is passive */
    int began_ms;    /* until the server began, and the connection stood under TLS where it has to */
    int done_ms;     /* until the end; all from the beginning */
};
const struct client_data *client_data(const struct client *c);

/* What HASH says of a file of so many bytes (draft-bryan-ftpext-hash): its SHA-256 in hexadecimal, into ret. CLIENT_REMOTE_REFUSED: the
 * server does not say, or speaks of another number of bytes. */
enum { CLIENT_HASH = 65 };
MUST_USE enum client_result client_hash(struct client *c, const char *path, uint64_t bytes,
                                        char ret[CLIENT_HASH]);

/* A piece of a file. */
struct client_piece {
    const char *path;
    uint64_t offset;
    uint64_t most;  /* bytes that are wanted; UINT64_MAX: all that follow */
    uint64_t total; /* that the file has; UINT64_MAX: not known */
    bool
        has_file; /* to be sent: file is what read reads, from where it stands on, and may be sent without being read */
    int file; /* the caller's */
};
/* The piece's bytes to write, until it returns other than CLIENT_OK. ret_bytes: how many came, whatever happened. */
typedef enum client_result client_bytes_fn(void *arg, const void *bytes, size_t len);
MUST_USE enum client_result client_get(struct client *c, const struct client_piece *piece,
                                       client_bytes_fn *write, void *arg, uint64_t *ret_bytes);
/* Stores what read gives, until that is 0 bytes (-errno: it failed, and has said so). From an offset on it goes behind what the server
 * has (APPE). */
typedef long client_more_fn(void *arg, void *bytes, size_t cap);
MUST_USE enum client_result client_put(struct client *c, const struct client_piece *piece,
                                       client_more_fn *read, void *arg, uint64_t *ret_bytes);

/* One command and what the server says to it: RNFR, DELE, MKD, SITE... CLIENT_REMOTE_REFUSED: 4xx or 5xx, and said. */
MUST_USE enum client_result client_do(struct client *c, const char *verb, const char *argument);
/* The same where a no is as good: CLIENT_OK, whatever was said, or the session is over. ret_done: was it done? */
MUST_USE enum client_result client_try(struct client *c, const char *verb, const char *argument,
                                       bool *ret_done);
/* The folder that the session is in (PWD), into ret. */
MUST_USE enum client_result client_where(struct client *c, char *ret, size_t cap);

#endif
