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

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct client_session {
    int fd;
    size_t start; /* unread replies are buffer[start..end) */
    size_t end;
    char buffer[2048];
    char error[256];
};

/* Connects to the server and reads its greeting. */
int client_session_open(struct client_session *session, const struct sockaddr_in *server);

/* Closes without a word. */
void client_session_close(struct client_session *session);

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

/* EPSV, then connects to the port it names. Returns the data socket, or -1. */
int client_data_open(struct client_session *session, const struct sockaddr_in *server);

/* Records why the session failed; returns -1. */
int client_fail(struct client_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
