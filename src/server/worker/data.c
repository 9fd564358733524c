/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/data.h"

#include "server/link.h"
#include "server/worker/command.h"
#include "server/worker/log.h"
#include "sys/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop_connecting(struct session *s)
{
    if (!s->connecting)
        return;
    close(event_get_fd(s->connecting));
    event_free(s->connecting);
    s->connecting = NULL;
}

void data_reset(struct session *s)
{
    s->connect_serial++; /* an answer that is still on its way is for nobody */
    passive_release(&s->passive);
    drop_connecting(s);
    if (s->data_fd >= 0)
        close(s->data_fd);
    s->data_fd = -1;
    s->data_mode = DATA_NONE;
}

/* --- active: PORT, EPRT
 * -------------------------------------------------------------------------------------------- */

/* Only to the client itself and to no system port, or the server could be made to attack others (CERT
 * CA-1997-27, RFC 2577 section 3). */
static bool may_connect_to(const struct session *s, const struct ftp_address *to)
{
    if (session_config(s)->port_promiscuous)
        return to->port != 0;
    return to->port >= IPPORT_RESERVED && memcmp(&to->ip, &s->peer, sizeof(s->peer)) == 0;
}

static bool refuse_after_epsv_all(struct session *s, const char *what)
{
    if (s->epsv_all)
        reply(s, 503, "%s is refused after EPSV ALL.", what);
    return s->epsv_all;
}

static void set_active(struct session *s, const char *what, enum ftp_eprt_result parsed,
                       const struct ftp_address *to)
{
    if (refuse_after_epsv_all(s, what))
        return;
    if (!session_config(s)->port_enable)
        reply(s, 550, "Permission denied.");
    else if (parsed == FTP_ADDRESS_PROTOCOL)
        reply(s, 522, "Network protocol not supported, use (1,2)");
    else if (parsed == FTP_ADDRESS_SYNTAX)
        reply(s, 501, "Illegal %s command.", what);
    else if (!may_connect_to(s, to)) {
        log_event(s, "%s to a foreign address or a system port refused", what);
        reply(s, 500, "Illegal %s command.", what);
    } else {
        data_reset(s);
        s->data_mode = DATA_ACTIVE;
        s->data_address = *to;
        reply(s, 200, "%s command successful. Consider using %s.", what, *what == 'P' ? "PASV" : "EPSV");
    }
}

void cmd_port(struct session *s, const char *argument)
{
    struct ftp_address to = {0};
    enum ftp_eprt_result parsed = ftp_port_parse(argument, &to);
    set_active(s, "PORT", parsed, &to);
}

void cmd_eprt(struct session *s, const char *argument)
{
    struct ftp_address to = {0};
    enum ftp_eprt_result parsed = ftp_eprt_parse(argument, &to);
    set_active(s, "EPRT", parsed, &to);
}

static void ask_connect(struct session *s)
{
    uint8_t payload[64];
    struct connect_request request = {
        .from = s->local, .to = s->data_address.ip, .port = s->data_address.port};
    int len = connect_request_encode(&request, payload, sizeof(payload));
    struct ipc_message m = {.type = MSG_CONNECT,
                            .serial = ++s->connect_serial,
                            .id = s->id,
                            .payload = payload,
                            .len = (size_t)len,
                            .fd = s->fd};
    if (link_send(worker.monitor, &m) < 0)
        transfer_fail(s, 425, "Failed to establish connection.");
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    int error = 0;
    socklen_t len = sizeof(error);
    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0)
        transfer_fail(s, 425, "Failed to establish connection.");
    else {
        event_free(s->connecting);
        s->connecting = NULL;
        (void)fcntl(fd, F_SETFL, 0); /* transfers block */
        transfer_go(s, fd);
    }
    session_settle(s);
}

void data_connect_reply(struct session *s, int error, int fd)
{
    if (error == 0 && fd >= 0) {
        s->connecting = event_new(worker.base, fd, EV_WRITE, on_connected, s);
        if (s->connecting && event_add(s->connecting, NULL) == 0)
            return;
        if (!s->connecting)
            close(fd);
    }
    transfer_fail(s, 425, "Failed to establish connection."); /* closes what is connecting */
}

/* --- passive: PASV, EPSV
 * --------------------------------------------------------------------------------------------- */

static void say_port(struct session *s)
{
    uint16_t port = (uint16_t)s->passive.key.port;
    unsigned char a[4];
    if (s->epsv_reply) {
        reply(s, 229, "Entering Extended Passive Mode (|||%u|)", port);
        return;
    }
    if (!config_passive_address(session_config(s), s->peer.s6_addr, a))
        memcpy(a, &s->local.s6_addr[12], sizeof(a));
    reply(s, 227, "Entering Passive Mode (%u,%u,%u,%u,%u,%u).", a[0], a[1], a[2], a[3], port >> 8,
          port & 0xff);
}

static void no_turn(struct session *s)
{
    data_reset(s);
    session_resume(s);
    reply(s, 425, "Every passive port is waiting for another connection from %s. Please try again.",
          s->peer_text);
}

static void want_port(struct session *s, bool extended)
{
    data_reset(s);
    s->data_mode = DATA_PASSIVE;
    s->epsv_reply = extended;
    if (passive_request(&s->passive, s, &s->peer) == PASSIVE_HOLDS) {
        say_port(s);
        return;
    }
    session_wait_for(s, WAIT_PORT);
    if (session_config(s)->pasv_wait_timeout > 0)
        session_set_timer(s, session_config(s)->pasv_wait_timeout);
    else
        no_turn(s);
}

/* By way of the loop: this is called while another session gives the port up, perhaps as it ends. */
void session_passive_turn(struct session *s)
{
    event_active(&s->timer, EV_TIMEOUT, 0);
}

static void say_turn(struct session *s)
{
    session_resume(s);
    say_port(s);
}

void cmd_pasv(struct session *s, const char *argument)
{
    (void)argument;
    if (refuse_after_epsv_all(s, "PASV"))
        return;
    if (!session_config(s)->pasv_enable)
        reply(s, 550, "Permission denied.");
    else if (!ftp_address_is_v4(&s->local))
        reply(s, 425, "PASV can't name an IPv6 address: use EPSV.");
    else
        want_port(s, false);
}

void cmd_epsv(struct session *s, const char *argument)
{
    int protocol = ftp_epsv_parse(argument);
    int own = ftp_address_is_v4(&s->local) ? 1 : 2;
    if (!session_config(s)->pasv_enable)
        reply(s, 550, "Permission denied.");
    else if (protocol == 3) {
        s->epsv_all = true;
        reply(s, 200, "EPSV ALL ok.");
    } else if (protocol == -EINVAL)
        reply(s, 501, "EPSV takes nothing, 1, 2 or ALL.");
    else if (protocol < 0 || (protocol > 0 && protocol != own))
        reply(s, 522, "Network protocol not supported, use (%d)", own);
    else
        want_port(s, true);
}

void session_passive_arrived(struct session *s, int fd)
{
    if (s->waiting == WAIT_TRANSFER && transfer_awaits_data(s))
        transfer_go(s, fd);
    else
        s->data_fd = fd;
    session_settle(s);
}

/* --- a transfer wants it
 * --------------------------------------------------------------------------------------------- */

void data_acquire(struct session *s)
{
    const struct config *c = session_config(s);
    if (s->data_fd >= 0) {
        int fd = s->data_fd;
        s->data_fd = -1;
        transfer_go(s, fd);
    } else if (s->data_mode == DATA_ACTIVE) {
        session_set_timer(s, c->connect_timeout);
        ask_connect(s);
    } else if (s->passive.state == PASSIVE_HOLDS)
        session_set_timer(s, c->accept_timeout);
    else
        transfer_fail(s, 425, "Failed to establish connection.");
}

void data_timeout(struct session *s)
{
    if (s->waiting == WAIT_PORT && s->passive.state == PASSIVE_HOLDS)
        say_turn(s);
    else if (s->waiting == WAIT_PORT)
        no_turn(s);
    else if (transfer_awaits_data(s))
        transfer_fail(s, 425, "Failed to establish connection.");
    else if (s->transfer && s->transfer->phase == PHASE_OPENING) {
        s->on_reply = NULL; /* its answer, should it come, is discarded */
        transfer_fail(s, 451, "The server's disk does not answer. Please try again.");
    }
}
