/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/logs.h"

#include "base/cursor.h"
#include "server/messages.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"
#include "server/monitor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct timeval patience = {.tv_usec =
                                            250 * 1000}; /* for logrotate to make the new file itself */
static const struct timeval again = {.tv_sec = 1};       /* to a log that can't be opened */
static const struct timeval rounds = {.tv_sec = WATCH_ROUNDS};

/* A log as it is wanted, and the file that the worker has. */
struct log {
    const char *option;
    char *path;    /* NULL: not wanted, or no file */
    bool is_named; /* by a path that is followed */
    bool is_open;
    dev_t dev; /* while it is open */
    ino_t ino;
    int told; /* the errno that the administrator was told about */
};

static struct log logs[LOG_SINK_COUNT] = {
    [LOG_SINK_XFER] = {.option = "xferlog_file"},
    [LOG_SINK_VSFTPD] = {.option = "vsftpd_log_file"},
    [LOG_SINK_JSON] = {.option = "json_log_file"},
    [LOG_SINK_SYSLOG] = {.option = "syslog_enable"},
};
static struct event *look_again; /* at all of them, in a while */
static struct watch *watch;      /* of the folders they are in */

/* --- opening ----------------------------------------------------------------------------------------- */

/* Takes fd (-1: none). */
static void hand_over(enum log_sink sink, bool wanted, int fd)
{
    const uint8_t payload[] = {(uint8_t)sink, wanted};
    monitor_send_all(MSG_LOG_FILE, payload, sizeof(payload), fd);
    if (fd >= 0)
        close(fd);
}

/* By number: a path of /proc may not be opened anew by whoever inherited the descriptor, or be a socket. -1: no. */
static int standard_stream(const char *path)
{
    return strcmp(path, "/dev/stdout") == 0   ? STDOUT_FILENO
           : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO
                                              : -1;
}

/* Without O_NONBLOCK a FIFO that nobody reads would hold us here; the worker's writes are its own matter, see there. */
static int open_log(const char *path)
{
    int standard = standard_stream(path);
    int fd = standard >= 0
                 ? fcntl(standard, F_DUPFD_CLOEXEC, 3)
                 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    return fd < 0 ? -errno : fd;
}

static int open_syslog(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd < 0 ? -errno : fd;
    int error = -errno;
    close(fd);
    return error;
}

static const char *advice(int error)
{
    return error == ENXIO ? " (nobody reads that FIFO)" : "";
}

/* Opens the log and hands it over; what fails is told once. */
static void reopen(enum log_sink sink)
{
    struct log *l = &logs[sink];
    struct stat st;
    bool is_syslog = sink == LOG_SINK_SYSLOG; /* a socket has an inode of its own: its name's is remembered */
    int fd = is_syslog ? open_syslog() : open_log(l->path);
    l->is_open = fd >= 0 && (is_syslog ? stat(l->path, &st) : fstat(fd, &st)) == 0;
    if (l->is_open) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
        l->told = 0;
    } else if (l->told != -fd) {
        l->told = -fd;
        tell("%s: cannot open %s: %s%s; its lines are lost until it can be", l->option, l->path,
             strerror(-fd), advice(-fd));
    }
    hand_over(sink, true, fd);
}

/* --- following --------------------------------------------------------------------------------------- */

/* Not later than was meant already: a folder in which much happens is no reason to wait on and on. */
static void look_in(const struct timeval *when)
{
    struct timeval now, due, planned;
    if (!look_again)
        return;
    evutil_gettimeofday(&now, NULL);
    evutil_timeradd(&now, when, &due);
    if (event_pending(look_again, EV_TIMEOUT, &planned) && !evutil_timercmp(&due, &planned, <))
        return;
    if (event_add(look_again, when) < 0)
        tell("out of memory: logs are not followed when they are moved; send SIGHUP then");
}

/* Does the log's name still mean the file that is open? -1: nothing has that name. */
static int is_current(const struct log *l)
{
    struct stat st;
    if (!l->is_open)
        return 0;
    if (!l->is_named)
        return 1;
    if (stat(l->path, &st) < 0)
        return -1;
    return st.st_dev == l->dev && st.st_ino == l->ino;
}

/* make: also where there is no file of that name. */
static void look(bool make)
{
    bool is_missing = false, is_closed = false, is_followed = false;
    for (size_t i = 0; i < LOG_SINK_COUNT; i++) {
        struct log *l = &logs[i];
        int current = l->path ? is_current(l) : 1;
        is_missing |= current < 0 && !make;
        if (current == 0 || (current < 0 && make))
            reopen((enum log_sink)i);
        is_closed |= l->path && !l->is_open;
        is_followed |= l->is_named;
    }
    if (is_closed || is_followed)
        look_in(is_missing ? &patience : is_closed ? &again : &rounds);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    look(true);
}

static void on_folder(void)
{
    look(false);
}

static void watch_folders(void)
{
    const char *paths[LOG_SINK_COUNT];
    for (size_t i = 0; i < LOG_SINK_COUNT; i++)
        paths[i] = logs[i].is_named ? logs[i].path : NULL;
    watch_free(&watch);
    watch = watch_new(paths, LOG_SINK_COUNT, false, on_folder);
}

/* --- what is wanted ---------------------------------------------------------------------------------- */

static void want(enum log_sink sink, const char *path)
{
    struct log *l = &logs[sink];
    free(l->path);
    l->path = path ? strdup(path) : NULL;
    l->is_named = l->path && standard_stream(l->path) < 0;
    l->is_open = false;
    l->told = 0;
    if (l->path)
        reopen(sink);
    else
        hand_over(sink, path != NULL, -1);
}

/* Which log gets what is vsftpd's rule: one format or the other, both with dual_log_enable, syslog in place
 * of vsftpd_log_file. */
void logs_send(void)
{
    const struct config *c = monitor.config;
    bool xferlog = c->xferlog_enable && (c->xferlog_std_format || c->dual_log_enable);
    bool vsftpd = c->xferlog_enable && (!c->xferlog_std_format || c->dual_log_enable);
    want(LOG_SINK_XFER, xferlog ? c->xferlog_file : NULL);
    want(LOG_SINK_VSFTPD, vsftpd && !c->syslog_enable ? c->vsftpd_log_file : NULL);
    want(LOG_SINK_SYSLOG, vsftpd && c->syslog_enable ? "/dev/log" : NULL);
    want(LOG_SINK_JSON, c->json_log_file);
    if (!look_again)
        look_again = event_new(monitor.base, -1, 0, on_time, NULL);
    watch_folders();
    look(false);
}

void logs_lost(const struct ipc_message *m)
{
    struct wire_reader r;
    wire_reader_init(&r, m->payload, m->len);
    uint8_t sink = wire_get_u8(&r);
    int error = (int)wire_get_u32(&r);
    if (!wire_reader_done(&r) || sink >= LOG_SINK_COUNT || !logs[sink].path || logs[sink].told != 0)
        return;            /* nonsense, or said already when it could not be opened */
    if (error == EMFILE) { /* what was sent did not arrive */
        logs[sink].is_open = false;
        look_in(&again);
        return;
    }
    tell("%s: lines for %s are being lost: %s; `sallyd who --json` counts them", logs[sink].option,
         logs[sink].path, error == EAGAIN ? "its reader does not read" : strerror(error));
}
