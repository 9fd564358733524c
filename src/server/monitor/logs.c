/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/logs.h"

#include "server/messages.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* fd -1: this log is not wanted, or no longer. */
static void hand_over(enum log_sink sink, int fd)
{
    const uint8_t payload = (uint8_t)sink;
    monitor_send(MSG_LOG_FILE, 0, 0, &payload, sizeof(payload), fd);
    if (fd >= 0)
        close(fd);
}

static void send_file(enum log_sink sink, const char *option, const char *path)
{
    if (!path) {
        hand_over(sink, -1);
        return;
    }

    /* by number: a path of /proc may not be opened anew by whoever inherited the descriptor, or be a socket
     */
    int standard = strcmp(path, "/dev/stdout") == 0   ? STDOUT_FILENO
                   : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO
                                                      : -1;
    int fd = standard >= 0 ? fcntl(standard, F_DUPFD_CLOEXEC, 3)
                           : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        tell("%s: cannot open %s: %s; nothing will be logged there", option, path, strerror(errno));
    hand_over(sink, fd);
}

static void send_syslog(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        tell("syslog_enable: cannot reach /dev/log: %s; nothing will be logged there", strerror(errno));
        close(fd);
        fd = -1;
    }
    hand_over(LOG_SINK_SYSLOG, fd);
}

/* Which log gets what is vsftpd's rule: one format or the other, both with dual_log_enable, syslog in place
 * of vsftpd_log_file. */
void logs_send(void)
{
    const struct config *c = monitor.config;
    bool xferlog = c->xferlog_enable && (c->xferlog_std_format || c->dual_log_enable);
    bool vsftpd = c->xferlog_enable && (!c->xferlog_std_format || c->dual_log_enable);
    send_file(LOG_SINK_XFER, "xferlog_file", xferlog ? c->xferlog_file : NULL);
    send_file(LOG_SINK_VSFTPD, "vsftpd_log_file", vsftpd && !c->syslog_enable ? c->vsftpd_log_file : NULL);
    if (vsftpd && c->syslog_enable)
        send_syslog();
    else
        hand_over(LOG_SINK_SYSLOG, -1);

    send_file(LOG_SINK_JSON, "json_log_file", c->json_log_file);
}
