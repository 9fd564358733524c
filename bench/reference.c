/* SPDX-License-Identifier: BSD-2-Clause */
#include "reference.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener_open(struct reference *reference, const struct load_options *options)
{
    socklen_t length = sizeof(reference->address);

    reference->size = options->size;
    reference->connections = options->sessions;
    reference->address = options->server;
    reference->address.sin_port = 0;
    reference->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (reference->listener < 0 ||
        bind(reference->listener, (const struct sockaddr *)&reference->address, length) < 0 ||
        listen(reference->listener, 1024) < 0 ||
        getsockname(reference->listener, (struct sockaddr *)&reference->address, &length) < 0)
        return -errno;
    return 0;
}

/* Forks a process that runs `serve`, and is killed when this one ends. */
static int process_start(struct reference *reference, void (*serve)(struct reference *reference))
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child < 0)
        return -errno;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            serve(reference);
        _exit(0);
    }
    close(reference->listener);
    return 0;
}

/* ---- the sender ---- */

static void *sender_thread(void *argument)
{
    const struct reference *reference = argument;
    int fd = accept4(reference->listener, NULL, NULL, SOCK_CLOEXEC);
    int r = fd < 0 ? -errno : load_send_file(fd, reference->file, reference->size);

    if (r < 0)
        fprintf(stderr, "ftpload: the reference sender failed: %s\n", strerror(-r));
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void sender_serve(struct reference *reference)
{
    pthread_t threads[LOAD_SESSIONS_MAX];

    for (unsigned i = 0; i < reference->connections; i++) {
        if (pthread_create(&threads[i], NULL, sender_thread, reference) != 0)
            _exit(1);
    }
    for (unsigned i = 0; i < reference->connections; i++)
        pthread_join(threads[i], NULL);
}

int reference_sender_start(struct reference *reference, const struct load_options *options)
{
    reference->file = open(options->source, O_RDONLY | O_CLOEXEC);
    if (reference->file < 0)
        return -errno;

    int r = listener_open(reference, options);

    return r < 0 ? r : process_start(reference, sender_serve);
}

int reference_run(struct load_worker *worker)
{
    const struct reference *reference = worker->data;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&reference->address, sizeof(reference->address)) < 0) {
        client_fail(&worker->session, "connect to the reference sender: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    worker->bytes += reference->size;
    worker->done++;
    return load_receive(&worker->session, &(struct client_data){.fd = fd}, reference->size);
}

/* ---- the answerer ---- */

/* A client that is gone is noticed at the next read. */
static void recite(int fd, const char *reply)
{
    (void)!send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

/* The client sends one whole line at a time and waits for its answer, so a read is a line. */
static void line_answer(int fd)
{
    char line[256];
    ssize_t got = recv(fd, line, sizeof(line), 0);

    if (got > 0 && line[0] == 'U') {
        recite(fd, "331 Please specify the password.\r\n");
    } else if (got > 0 && line[0] == 'P') {
        recite(fd, "230 Login successful.\r\n");
    } else {
        if (got > 0)
            recite(fd, "221 Goodbye.\r\n");
        close(fd);
    }
}

static void answerer_serve(struct reference *reference)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = reference->listener};
    struct epoll_event events[64];

    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, reference->listener, &event) < 0)
        return;
    for (;;) {
        int count = epoll_wait(poll, events, 64, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != reference->listener) {
                line_answer(events[i].data.fd);
                continue;
            }
            event.data.fd = accept4(reference->listener, NULL, NULL, SOCK_CLOEXEC);
            if (event.data.fd >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event) == 0)
                recite(event.data.fd, "220 (reference)\r\n");
        }
    }
}

int reference_answerer_start(struct reference *reference, const struct load_options *options)
{
    int r = listener_open(reference, options);

    return r < 0 ? r : process_start(reference, answerer_serve);
}
