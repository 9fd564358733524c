/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int client_fail(struct client_session *session, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(session->error, sizeof(session->error), format, arguments);
    va_end(arguments);
    return -1;
}

static int address_connect(struct client_session *session, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return client_fail(session, "socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        client_fail(session, "connect to port %u: %s", ntohs(address->sin_port), strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

void client_session_close(struct client_session *session)
{
    SSL_free(session->ssl);
    session->ssl = NULL;
    SSL_SESSION_free(session->ticket);
    session->ticket = NULL;
    session->is_protected = false;
    if (session->fd >= 0)
        close(session->fd);
    session->fd = -1;
}

int client_session_open(struct client_session *session, const struct sockaddr_in *server)
{
    session->start = 0;
    session->end = 0;
    session->error[0] = '\0';
    session->fd = address_connect(session, server);
    if (session->fd < 0)
        return -1;
    if (client_expect(session, 220, "greeting") < 0) {
        client_session_close(session);
        return -1;
    }
    return 0;
}

/* Like recv, of the control channel, where TLS may end without close_notify: 221 has said it. */
static ssize_t control_receive(struct client_session *session, void *buffer, size_t size)
{
    if (!session->ssl)
        return recv(session->fd, buffer, size, 0);

    ssize_t got = tls_receive(session->ssl, buffer, size);

    return got < 0 && tls_is_cut() ? 0 : got;
}

static const char *control_error(const struct client_session *session)
{
    return session->ssl ? tls_error() : strerror(errno);
}

/* Reads more of the control channel behind what is buffered. */
static int buffer_fill(struct client_session *session, const char *doing)
{
    if (session->start > 0) {
        memmove(session->buffer, session->buffer + session->start, session->end - session->start);
        session->end -= session->start;
        session->start = 0;
    }
    if (session->end == sizeof(session->buffer))
        return client_fail(session, "%s: a reply line longer than %zu bytes", doing, sizeof(session->buffer));

    ssize_t got =
        control_receive(session, session->buffer + session->end, sizeof(session->buffer) - session->end);

    if (got < 0)
        return client_fail(session, "%s: reading the reply: %s", doing, control_error(session));
    if (got == 0)
        return client_fail(session, "%s: the server closed the control connection", doing);
    session->end += (size_t)got;
    return 0;
}

/* Takes one line off the control channel, and ends it with NUL in place of its CR or LF. */
static char *line_take(struct client_session *session, const char *doing)
{
    for (;;) {
        char *line = session->buffer + session->start;
        char *newline = memchr(line, '\n', session->end - session->start);

        if (newline) {
            session->start = (size_t)(newline + 1 - session->buffer);
            *(newline > line && newline[-1] == '\r' ? newline - 1 : newline) = '\0';
            return line;
        }
        if (buffer_fill(session, doing) < 0)
            return NULL;
    }
}

/* RFC 959 section 4.2: a reply ends with the line that has its code followed by a space. */
static char *reply_read(struct client_session *session, const char *doing)
{
    char code[3] = {0};

    for (;;) {
        char *line = line_take(session, doing);

        if (!line)
            return NULL;
        if (!code[0]) {
            if (strlen(line) < 3) {
                client_fail(session, "%s: not a reply: %s", doing, line);
                return NULL;
            }
            memcpy(code, line, sizeof(code));
        }
        if (!strncmp(line, code, sizeof(code)) && line[3] != '-')
            return line;
    }
}

int client_expect(struct client_session *session, int code, const char *doing)
{
    const char *line = reply_read(session, doing);

    if (!line)
        return -1;
    if (atoi(line) != code)
        return client_fail(session, "%.60s: expected %d, but the server said: %.160s", doing, code, line);
    return 0;
}

int client_send(struct client_session *session, const char *line)
{
    size_t length = strlen(line);

    if (session->ssl)
        return tls_send(session->ssl, line, length) == 0
                   ? 0
                   : client_fail(session, "sending %.60s: %s", line, tls_error());

    ssize_t sent = send(session->fd, line, length, MSG_NOSIGNAL);

    if (sent < 0)
        return client_fail(session, "sending %.60s: %s", line, strerror(errno));
    if ((size_t)sent != length)
        return client_fail(session, "sending %.60s: only %zd of %zu bytes went", line, sent, length);
    return 0;
}

int client_command(struct client_session *session, const char *line, int code)
{
    if (client_send(session, line) < 0)
        return -1;
    return client_expect(session, code, line);
}

int client_secure(struct client_session *session)
{
    if (client_command(session, "AUTH TLS\r\n", 234) < 0)
        return -1;
    if (session->start != session->end)
        return client_fail(session, "AUTH TLS: the server said more in the clear than 234");

    SSL *ssl = tls_new(&session->ticket);

    if (!ssl || tls_handshake(ssl, session->fd, NULL) < 0) {
        SSL_free(ssl);
        return client_fail(session, "AUTH TLS: the handshake failed: %s", ssl ? tls_error() : "no memory");
    }
    session->ssl = ssl;
    return 0;
}

int client_protect(struct client_session *session)
{
    if (client_command(session, "PBSZ 0\r\n", 200) < 0 || client_command(session, "PROT P\r\n", 200) < 0)
        return -1;
    session->is_protected = true;
    return 0;
}

int client_login(struct client_session *session)
{
    if (client_send(session, "USER anonymous\r\n") < 0)
        return -1;

    const char *line = reply_read(session, "USER");

    if (!line)
        return -1;
    if (atoi(line) == 230)
        return 0;
    if (atoi(line) != 331)
        return client_fail(session, "USER: expected 331, but the server said: %.160s", line);
    return client_command(session, "PASS bench@example.org\r\n", 230);
}

int client_quit(struct client_session *session)
{
    char byte;
    int r = client_command(session, "QUIT\r\n", 221);

    if (r == 0 && (session->start != session->end || control_receive(session, &byte, 1) != 0))
        r = client_fail(session, "QUIT: the server did not end the connection after 221");
    if (r == 0 && session->ssl)
        tls_finish(session->ssl);
    client_session_close(session);
    return r;
}

int client_data_open(struct client_session *session, const struct sockaddr_in *server,
                     struct client_data *ret_data)
{
    struct sockaddr_in address = *server;

    if (client_send(session, "EPSV\r\n") < 0)
        return -1;

    const char *line = reply_read(session, "EPSV");

    if (!line)
        return -1;

    const char *bars = strstr(line, "(|||");
    unsigned long port = bars ? strtoul(bars + 4, NULL, 10) : 0;

    if (atoi(line) != 229 || port == 0 || port > 65535)
        return client_fail(session, "EPSV: expected 229 and a port, but the server said: %.160s", line);
    address.sin_port = htons((uint16_t)port);

    int fd = address_connect(session, &address);

    if (fd < 0)
        return -1;
    *ret_data = (struct client_data){.fd = fd};
    return 0;
}

int client_data_secure(struct client_session *session, struct client_data *data)
{
    if (!session->is_protected)
        return 0;

    SSL *ssl = tls_new(&session->ticket);

    if (!ssl || tls_handshake(ssl, data->fd, session->is_forgetful ? NULL : session->ticket) < 0) {
        SSL_free(ssl);
        return client_fail(session, "the data channel's handshake failed: %s",
                           ssl ? tls_error() : "no memory");
    }
    session->resumed += (unsigned)SSL_session_reused(ssl);
    data->ssl = ssl;
    return 0;
}

ssize_t client_data_receive(struct client_data *data, void *buffer, size_t size)
{
    return data->ssl ? tls_receive(data->ssl, buffer, size) : recv(data->fd, buffer, size, 0);
}

const char *client_data_error(const struct client_data *data)
{
    return data->ssl ? tls_error() : strerror(errno);
}

int client_data_drain(struct client_session *session, struct client_data *data)
{
    char bytes[4096];
    ssize_t got;

    if (shutdown(data->fd, SHUT_WR) < 0)
        return client_fail(session, "after the upload: shutdown: %s", strerror(errno));
    while ((got = client_data_receive(data, bytes, sizeof(bytes))) > 0)
        ;
    if (got < 0 && !tls_is_cut())
        return client_fail(session, "after the upload: %s", client_data_error(data));
    return 0;
}

void client_data_close(struct client_data *data)
{
    if (data->ssl && !(SSL_get_shutdown(data->ssl) & SSL_SENT_SHUTDOWN))
        tls_finish(data->ssl);
    SSL_free(data->ssl);
    data->ssl = NULL;
    close(data->fd);
}
