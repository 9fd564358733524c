/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_PRIVATE_H
#define SALLY_CLIENT_PRIVATE_H

#include "channel/channel.h"
#include "client/client.h"
#include "ftp/line.h"
#include "ftp/reply.h"

struct client {
    struct client_site site;
    char *password; /* a copy, wiped when it goes; NULL: none */
    struct client_ears ears;
    struct channel_limits limits; /* of the control channel */
    struct channel *control;      /* NULL: none stands */
    struct channel_tls *tls;      /* made when it is first asked for */
    struct sockaddr_storage server;
    char fingerprint[CHANNEL_FINGERPRINT]; /* of the control channel's certificate */
    struct ftp_lines lines;                /* that came and were not read */
    struct ftp_reply reply;                /* the last one */
    unsigned ways;                         /* that may still work here: enum client_way */
    bool has_mlsd, is_binary, is_utf8;
};

/* ---- log.c: what is said ---- */

void client_say(const struct client *c, enum client_event_kind kind, enum speech_phrase phrase,
                const char *const words[]);
#define SAY(c, kind, phrase, ...)                                                                            \
    client_say((c), (kind), SPEECH_##phrase, (const char *const[SPEECH_WORDS]){__VA_ARGS__})
/* Says why a call of channel.h failed, and returns result. */
enum client_result client_fail(const struct client *c, enum client_result result, int error, int patience);
/* The phrase of such an error, for who puts it into another. Into out. */
const char *client_error_text(int error, int patience, char *out, size_t cap);

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
/* Asks for a transfer by verb and argument, over the first way that works, has it pumped, and reads how it ended. */
MUST_USE enum client_result client_transfer(struct client *c, const char *verb, const char *argument,
                                            uint64_t offset, client_pump_fn *pump, void *arg);

#endif
