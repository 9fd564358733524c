/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/sink.h"

#include "base/cursor.h"
#include "server/link.h"
#include "server/worker/state.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

static const double quiet = 60; /* seconds between two words about losses of one sink */

static _Thread_local struct sink {
    bool wanted;
    int fd;         /* -1: none */
    bool may_block; /* a pipe, a socket or a terminal: a reader that does not read must not stop the server */
    bool torn;      /* what was written last has no end */
    bool losing;
    double told_at;
    unsigned long long lost;
} sinks[LOG_SINK_COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}};

void sink_set(enum log_sink sink, bool wanted, int fd)
{
    struct sink *k = &sinks[sink];
    if (k->fd >= 0)
        close(k->fd);
    k->wanted = wanted;
    k->fd = fd;
    k->may_block = fd >= 0 && lseek(fd, 0, SEEK_CUR) < 0;
    k->torn = k->losing = false;
}

bool sink_is_wanted(enum log_sink sink)
{
    return sinks[sink].wanted;
}

unsigned long long sink_lost(void)
{
    unsigned long long sum = 0;
    for (size_t i = 0; i < LOG_SINK_COUNT; i++)
        sum += sinks[i].lost;
    return sum;
}

static int tell_monitor(const struct sink *k, int error)
{
    uint8_t payload[8];
    struct wire_writer w;
    wire_writer_init(&w, payload, sizeof(payload));
    wire_put_u8(&w, (uint8_t)(k - sinks));
    wire_put_u32(&w, (uint32_t)error);
    const struct ipc_message m = {
        .type = MSG_LOG_LOST, .payload = payload, .len = (size_t)wire_writer_length(&w), .fd = -1};
    return link_send(worker.monitor, &m);
}

void sink_not_taken(enum log_sink sink)
{
    (void)tell_monitor(&sinks[sink], EMFILE); /* a monitor that takes no messages ends the worker by itself */
}

/* Counts a line, and tells the monitor when losses begin, but not each time that a reader comes and goes. */
static void lose(struct sink *k, int error)
{
    bool is_news = !k->losing && (k->told_at <= 0 || worker_now() - k->told_at > quiet);
    k->lost++;
    k->losing = true;
    if (!is_news)
        return;
    k->told_at = worker_now();
    if (tell_monitor(k, error) < 0)
        k->losing = false; /* to be told with the next one */
}

/* The first n bytes of a line are on the disk, which has no room for the rest: takes them back, unless somebody else has
 * written behind them. */
static void untear(struct sink *k, ssize_t n)
{
    off_t end = lseek(k->fd, 0, SEEK_CUR);
    k->torn = end < n || lseek(k->fd, 0, SEEK_END) != end || ftruncate(k->fd, end - n) < 0;
}

/* A pipe that has room at all takes PIPE_BUF bytes without blocking (pipe(7)). */
static bool has_room(const struct sink *k, size_t len)
{
    struct pollfd room = {.fd = k->fd, .events = POLLOUT};
    return !k->may_block || (len <= PIPE_BUF && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT));
}

static bool write_whole(struct sink *k, const char *line, size_t len)
{
    ssize_t n;
    do
        n = write(k->fd, line, len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len)
        return true;
    if (n > 0) {
        untear(k, n);
        errno = ENOSPC;
    }
    return false;
}

/* Loops have the same pipe or file: between a look at its room, or at its end, and what is done then, no other may write. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void write_line(struct sink *k, const char *line, size_t len)
{
    if (!has_room(k, len))
        lose(k, EAGAIN);
    else if (k->torn && !write_whole(k, "\n", 1))
        lose(k, errno);
    else {
        k->torn = false;
        if (write_whole(k, line, len))
            k->losing = false;
        else
            lose(k, errno);
    }
}

void sink_write(enum log_sink sink, const char *line, size_t len)
{
    struct sink *k = &sinks[sink];
    if (!k->wanted)
        return;
    if (k->fd < 0) {
        lose(k, ENXIO);
        return;
    }
    pthread_mutex_lock(&one_at_a_time);
    write_line(k, line, len);
    pthread_mutex_unlock(&one_at_a_time);
}
