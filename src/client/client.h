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
    CLIENT_FAILED = 1,     /* something else: out of memory, a server that speaks no FTP */
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
    const char *user;
    const char *password; /* NULL: none is sent */
    enum client_security security;
    bool is_plain_allowed;
    const char *
        fingerprint; /* of the certificate that is trusted whatever this system says, in hexadecimal; NULL: none */
    unsigned ways;                      /* enum client_way, bits */
    uint16_t active_first, active_last; /* ports that the server is to come to; 0: any */
    const char *active_address;         /* that it is told, in place of this machine's; NULL: none */
    int connect_ms, data_ms,
        idle_ms; /* until a control, a data connection stands; for which nothing may come. 0: 20 s, 10 s, 60 s */
};

enum client_event_kind { CLIENT_STATUS, CLIENT_COMMAND, CLIENT_RESPONSE, CLIENT_ERROR };

struct client_ears {
    void *arg;
    /* phrase and words as speech_text wants them. A password is never among them. */
    void (*hear)(void *arg, enum client_event_kind kind, enum speech_phrase phrase,
                 const char *const words[]);
    /* Bytes of the transfer that runs have moved, so many in all, of total (UINT64_MAX: not known). NULL: nobody asks. */
    void (*move)(void *arg, uint64_t bytes, uint64_t total);
};

/* stop: a descriptor; once it is readable every call ends with CLIENT_CANCELED. -1: none. NULL: out of memory. */
MUST_USE struct client *client_new(const struct client_site *site, const struct client_ears *ears, int stop);
/* Says QUIT if it still can. Also sets *c to NULL. */
void client_free(struct client **c);

/* Connects and logs in. */
MUST_USE enum client_result client_open(struct client *c);

/* Calls visit for each entry of a folder ("": where the session is), but the folder itself and the one above it; by MLSD where the
 * server has it. What it returns ends the listing unless it is CLIENT_OK. A line that is not understood is told as a CLIENT_ERROR, and the listing goes on, to
 * CLIENT_CUT: it is not whole. */
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

/* The file's bytes from offset on to write, until it returns other than CLIENT_OK. ret_bytes: how many. */
typedef enum client_result client_bytes_fn(void *arg, const void *bytes, size_t len);
MUST_USE enum client_result client_get(struct client *c, const char *path, uint64_t offset, uint64_t total,
                                       client_bytes_fn *write, void *arg, uint64_t *ret_bytes);
/* Stores what read gives, until that is 0 bytes (-errno: it failed). From offset on it goes behind what the server has (APPE). */
typedef long client_more_fn(void *arg, void *bytes, size_t cap);
MUST_USE enum client_result client_put(struct client *c, const char *path, uint64_t offset, uint64_t total,
                                       client_more_fn *read, void *arg, uint64_t *ret_bytes);

/* One command and what the server says to it: RNFR, DELE, MKD, SITE... CLIENT_REMOTE_REFUSED: 4xx or 5xx, and said. */
MUST_USE enum client_result client_do(struct client *c, const char *verb, const char *argument);

#endif
