/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_CLIENT_H
#define SALLY_BENCH_CLIENT_H

/*
 * The least FTP client that can measure a server: blocking sockets, one thread per session, no system call
 * that an FTP client could do without. The load shares the machine with the server, so what the client costs
 * hides what the server gains.
 *
 * Every function that can fail returns 0 or a positive count, or -1 with a sentence in session->error.
 */

#include "tls.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_session {
    int fd;
    SSL *ssl;            /* NULL: the control channel is in the clear */
    SSL_SESSION *ticket; /* the newest of the control channel and its data channels, or NULL */
    bool is_protected;   /* data channels have TLS, after PROT P */
    bool is_forgetful;   /* data channels never offer the ticket */
    unsigned resumed;    /* data channels that continued an earlier one's, or the control channel's session */
    size_t start;        /* unread replies are buffer[start..end) */
    size_t end;
    char buffer[2048];
    char error[256];
};

struct client_data {
    int fd;
    SSL *ssl; /* NULL: in the clear */
};

/* Connects to the server and reads its greeting. */
int client_session_open(struct client_session *session, const struct sockaddr_in *server);

/* Closes without a word. */
void client_session_close(struct client_session *session);

/* AUTH TLS (RFC 4217), and the handshake. */
int client_secure(struct client_session *session);

/* PBSZ 0 and PROT P: data channels have TLS from now on. */
int client_protect(struct client_session *session);

/* USER, and PASS when the server asks for it (some admit anonymous at USER). */
int client_login(struct client_session *session);

/* QUIT, its 221, and the server's end of stream; then closes. */
int client_quit(struct client_session *session);

/* Sends one line; `line` ends with CR LF. */
int client_send(struct client_session *session, const char *line);

/* Reads one whole reply, of one line or many, and requires its code. `doing` names the step in the error. */
int client_expect(struct client_session *session, int code, const char *doing);

/* Sends a line and requires the reply's code. */
int client_command(struct client_session *session, const char *line, int code);

/* EPSV, then connects to the port it names. */
int client_data_open(struct client_session *session, const struct sockaddr_in *server,
                     struct client_data *ret_data);

/* After the transfer's command: the handshake that the server waits for now, if the session is protected. */
int client_data_secure(struct client_session *session, struct client_data *data);

/* Like recv. Under TLS only close_notify is an end: whatever else ends the connection is an error. */
ssize_t client_data_receive(struct client_data *data, void *buffer, size_t size);

/* Why client_data_receive() failed; errno is as it left it. */
const char *client_data_error(const struct client_data *data);

/* Of a protected session, after everything was sent, close_notify included: ends our direction and reads what the server sends until its
 * end, as closing with unread tickets in the socket would reset the connection and lose the end of the file. */
int client_data_drain(struct client_session *session, struct client_data *data);

/* Closes, with close_notify under TLS if it was not sent yet. */
void client_data_close(struct client_data *data);

/* Records why the session failed; returns -1. */
int client_fail(struct client_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
