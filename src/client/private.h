/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_PRIVATE_H
#define SALLY_CLIENT_PRIVATE_H

#include "channel/channel.h"
#include "client/say.h"
#include "ftp/line.h"
#include "ftp/reply.h"

#include <iconv.h>
#include <time.h>

struct client {
    struct client_site site;
    char *password; /* a copy, wiped when it goes; NULL: none */
    struct client_ears ears;
    struct channel_limits limits; /* of the control channel */
    struct channel *control;      /* NULL: none stands */
    struct channel_tls *tls;      /* made when it is first asked for */
    struct sockaddr_storage server;
    struct client_seen seen;
    struct client_opening opening;
    struct timespec opening_began;
    struct client_data data;
    struct timespec data_began;
    struct ftp_lines lines; /* that came and were not read */
    struct ftp_reply reply; /* the last one */
    char *features;         /* FEAT's answer; NULL: none */
    char *piece;            /* CLIENT_PIECE bytes, once a transfer has run */
    unsigned ways;          /* that may still work here: enum client_way */
    bool has_mlsd, is_binary;
    bool has_no_renaming; /* it was refused */
    bool has_zone;        /* zone is known: seconds from times of LIST to UTC */
    int64_t zone;
    iconv_t to_server, from_server; /* (iconv_t)-1: names go as they are */
};

enum {
    CLIENT_PIECE = 256 * 1024, /* bytes that are read at once */
    CLIENT_SENT = 64 * 1024,   /* that are sent at once: the processor's cache is to hold them */
};

/* ---- log.c: what is said; say.h has the rest ---- */

/* The phrase of an error of channel.h, for who puts it into another. Into out. */
const char *client_error_text(int error, int patience, char *out, size_t cap);

/* ---- data.c, for what takes time ---- */

int client_ms_since(const struct timespec *then);

/* ---- names.c: what names are at the server ---- */

/* -EINVAL: there is no such encoding; -ENOMEM. */
MUST_USE int client_names_open(struct client *c);
void client_names_close(struct client *c);
/* The text in the other side's encoding; NULL: it can't be said there (EILSEQ), or no memory (ENOMEM). The caller's to free. */
MUST_USE char *client_name_out(const struct client *c, const char *text);
MUST_USE char *client_name_in(const struct client *c, const char *text, size_t len, size_t *ret_len);

/* ---- resolve.c ---- */

/* A host's addresses of a family (0: of any) with this port: 0 and *ret, the caller's to free (freeaddrinfo); or an error of getaddrinfo(3): EAI_CANCELED if it was called off,
 * EAI_INPROGRESS if nothing was answered for so long. */
struct addrinfo;
MUST_USE int client_resolve(const char *host, int family, uint16_t port, const struct channel_limits *limits,
                            struct addrinfo **ret);

/* ---- control.c: commands and replies ---- */

/* Sends a line and reads the reply to it, c->reply: any, 1xx too. CLIENT_OK: there is one. argument NULL: none. */
MUST_USE enum client_result client_command(struct client *c, const char *verb, const char *argument);
/* The next reply. */
MUST_USE enum client_result client_hear(struct client *c);
/* Is the last reply of this hundred? */
bool client_replied(const struct client *c, int hundred);
/* Says what the server answered, of what was asked of it, and returns result; CLIENT_BUSY where it was 421. */
enum client_result client_refused(struct client *c, enum client_result result, enum speech_phrase phrase,
                                  const char *of);
/* The connection is over. */
void client_drop(struct client *c);
/* TLS on a channel of the session. */
MUST_USE enum client_result client_secure(struct client *c, struct channel *channel, bool is_data);

/* ---- data.c ---- */

/* What is done with a data channel once it stands. */
typedef enum client_result client_pump_fn(struct client *c, struct channel *data, void *arg);
struct client_transfer {
    const char *verb, *argument; /* argument NULL: none */
    uint64_t offset;
    bool is_piece; /* pump may end it before all has come */
    client_pump_fn *pump;
    void *arg;
};
/* Asks for it, over the first way that works, has it pumped, and reads how it ended. */
MUST_USE enum client_result client_transfer(struct client *c, const struct client_transfer *t);

#endif
