/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_UNIT_SERVER_WORKER_TRANSFER_HARNESS_H
#define SALLY_TESTS_UNIT_SERVER_WORKER_TRANSFER_HARNESS_H

/* What the tests of transfer.c and pool.c share: channels over loopback, files, peers. */
#include "server/worker/pool.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 256 * 1024, /* what the copying paths read at once: edges are near its multiples */
    LONGEST = 3 * BLOCK,
};

static const size_t edges[] = {0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1};

static inline double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline int count_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static struct transfer_tools tools;
static int open_before;

static inline int set_up(void **state)
{
    (void)state;
    open_before = count_open();
    tools = (struct transfer_tools){.pipe = {-1, -1}};
    return 0;
}

/* Whatever the test did, no descriptor may be left. */
static inline int tear_down(void **state)
{
    (void)state;
    transfer_tools_fini(&tools);
    return count_open() - open_before;
}

/* --- files and contents ------------------------------------------------------------------------------ */

static inline int make_file(const char *content, size_t len)
{
    char path[] = "/tmp/sally-transfer-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pwrite(fd, content, len, 0), (ssize_t)len);
    return fd;
}

static inline void expect_content(int fd, const char *content, size_t len)
{
    struct stat st;
    char *got = malloc(len + 1);
    assert_non_null(got);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, len);
    assert_int_equal(pread(fd, got, len, 0), (ssize_t)len);
    assert_true(memcmp(got, content, len) == 0);
    free(got);
}

/* Bytes that do not repeat at any likely length, with all sorts of line ends among them. */
static inline void fill(char *bytes, size_t len)
{
    static const char alphabet[] = "a\r\n\n\rb\r\n\xff";
    uint32_t x = 4711;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = alphabet[(x >> 24) % (sizeof(alphabet) - 1)];
    }
}

static inline char *content_of(size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    fill(bytes, len);
    return bytes;
}

/* TYPE A at its simplest, over the whole of a text: the oracle. out: 2 * len bytes. */
static inline size_t simple_to_wire(const char *in, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
            out[n++] = '\r';
        out[n++] = in[i];
    }
    return n;
}

static inline size_t simple_from_wire(const char *in, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (in[i] != '\r' || i + 1 == len || in[i + 1] != '\n')
            out[n++] = in[i];
    return n;
}

/* --- the peer: a client at the other end of a data channel ------------------------------------------- */

struct peer {
    pthread_t thread;
    int fd;
    const char *send; /* NULL: receives */
    size_t send_len;
    char *got; /* what came, up to its end */
    size_t got_len;
};

static inline void *peer_main(void *arg)
{
    struct peer *p = arg;
    ssize_t n = 1;
    for (size_t done = 0; p->send && done < p->send_len && n > 0; done += (size_t)n)
        n = send(p->fd, p->send + done, p->send_len - done, MSG_NOSIGNAL);
    if (p->send)
        (void)shutdown(p->fd, SHUT_WR);
    else
        while (p->got_len < 2 * LONGEST &&
               (n = recv(p->fd, p->got + p->got_len, 2 * LONGEST - p->got_len, 0)) > 0)
            p->got_len += (size_t)n;
    return NULL;
}

/* A data channel over loopback TCP. */
static inline void connect_channel(int *ret_ours, int *ret_peers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
    *ret_ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*ret_ours >= 0);
    *ret_peers = client;
    close(listener);
}

static inline struct transfer *new_transfer(enum transfer_kind kind, int *ret_peers)
{
    struct transfer *t = transfer_new(kind);
    assert_non_null(t);
    assert_true(t->file == -1 && t->data == -1);
    if (ret_peers)
        connect_channel(&t->data, ret_peers);
    return t;
}

/* Runs t against a peer that sends send, or, if that is NULL, keeps what comes in p->got. */
static inline void run_with_peer(struct transfer *t, int peers, struct peer *p, const char *send,
                                 size_t send_len)
{
    *p = (struct peer){.fd = peers, .send = send, .send_len = send_len};
    p->got = send ? NULL : malloc(2 * LONGEST);
    assert_true(send || p->got);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
    transfer_run(t, &tools);
    assert_int_equal(t->file, -1);
    assert_int_equal(t->data, -1);
    assert_int_equal(pthread_join(p->thread, NULL), 0);
    close(p->fd);
}

static inline void expect_end(const struct transfer *t, enum transfer_result result, int error)
{
    assert_int_equal(t->result, result);
    assert_int_equal(t->error, error);
}

#endif
