/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_BROKER_HARNESS_H
#define SALLY_TESTS_BROKER_HARNESS_H

/*
 * A real broker in a forked child, in a directory of its own, driven over the socket that a worker would
 * have. As root it becomes nobody and chroots; without root it runs as who we are.
 */
#include "server/broker/broker.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NOBODY = 65534,
    PATIENCE_MS = 20 * 1000,
};

struct harness {
    char top[64]; /* holds root/ and whatever must stay out of reach */
    char root[80];
    struct config *c;
    struct auth_grant grant;
    int sock;
    pid_t pid;
    uint16_t serial;
    int fd; /* of the last reply, or -1; closed by the next */
    struct file_reply reply;
    uint8_t buffer[IPC_PACKET_MAX];
};

static inline void harness_path(const struct harness *h, const char *name, char *path, size_t size)
{
    assert_true(snprintf(path, size, "%s%s", name[0] == '/' ? h->root : h->top, name[0] == '/' ? name : "") >
                0);
    if (name[0] != '/')
        assert_true(snprintf(path, size, "%s/%s", h->top, name) > 0);
}

/* Makes a file; "/x" is inside the root, "x" beside it. */
static inline void harness_put(const struct harness *h, const char *name, const char *content, mode_t mode)
{
    char path[512];
    harness_path(h, name, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    if (geteuid() == 0)
        assert_int_equal(fchown(fd, NOBODY, NOBODY), 0);
    close(fd);
}

static inline void harness_mkdir(const struct harness *h, const char *name)
{
    char path[512];
    harness_path(h, name, path, sizeof(path));
    assert_int_equal(mkdir(path, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, NOBODY, NOBODY), 0);
}

static inline void harness_link(const struct harness *h, const char *target, const char *name)
{
    char path[512];
    harness_path(h, name, path, sizeof(path));
    assert_int_equal(symlink(target, path), 0);
}

static inline bool harness_exists(const struct harness *h, const char *name)
{
    char path[512];
    struct stat st;
    harness_path(h, name, path, sizeof(path));
    return lstat(path, &st) == 0;
}

/* The file's content in a static buffer; NULL if there is none. */
static inline const char *harness_get(const struct harness *h, const char *name)
{
    static char content[8192];
    char path[512];
    harness_path(h, name, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, content, sizeof(content) - 1);
    close(fd);
    content[n > 0 ? n : 0] = '\0';
    return content;
}

static inline int harness_setup(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    h->fd = h->sock = -1;
    strcpy(h->top, "/tmp/sally-broker-XXXXXX");
    assert_non_null(mkdtemp(h->top));
    assert_int_equal(chmod(h->top, 0755), 0);
    (void)umask(0);
    snprintf(h->root, sizeof(h->root), "%s/root", h->top);
    harness_mkdir(h, "root");
    h->c = config_new();
    assert_non_null(h->c);
    bool is_root = geteuid() == 0;
    h->grant = (struct auth_grant){
        .kind = LOGIN_LOCAL,
        .user = (char *)"kim",
        .uid = is_root ? NOBODY : geteuid(),
        .gid = is_root ? NOBODY : getegid(),
        .root = h->root,
        .cwd = (char *)"/",
        .rights = RIGHT_ALL,
        .umask = 022,
    };
    *state = h;
    return 0;
}

static inline void harness_start(struct harness *h)
{
    int pair[2];
    assert_int_equal(ipc_pair(pair), 0);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0)
        broker_main(pair[1], h->c, &h->grant, -1);
    close(pair[1]);
    h->sock = pair[0];
}

static inline void harness_send(struct harness *h, enum server_message type, const struct file_request *in)
{
    uint8_t payload[9000];
    struct file_request request = *in;
    if (!request.path)
        request.path = "/";
    int len = file_request_encode(&request, payload, sizeof(payload));
    assert_true(len > 0);
    struct ipc_message m = {.type = (uint16_t)type,
                            .serial = ++h->serial,
                            .id = 7,
                            .payload = payload,
                            .len = (size_t)len,
                            .fd = -1};
    assert_int_equal(ipc_send(h->sock, &m), 0);
}

/* Waits for one reply; its errno. */
static inline int harness_receive(struct harness *h)
{
    struct ipc_message m;
    struct pollfd p = {.fd = h->sock, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(ipc_receive(h->sock, &server_protocol, FROM_BROKER, h->buffer, &m), 0);
    assert_int_equal(m.id, 7);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = m.fd;
    assert_true(file_reply_decode(&m, &h->reply));
    return (int)h->reply.error;
}

static inline int harness_ask(struct harness *h, enum server_message type, struct file_request in)
{
    harness_send(h, type, &in);
    int error = harness_receive(h);
    return error;
}

#define ASK(h, type, ...) harness_ask(h, MSG_FILE_##type, (struct file_request){__VA_ARGS__})

/* The reply's lines or content, wherever they are; malloc'ed, NUL-terminated. */
static inline char *harness_text(struct harness *h, size_t *ret_len)
{
    size_t len = h->fd >= 0 ? (size_t)lseek(h->fd, 0, SEEK_END) : h->reply.data_len;
    char *text = malloc(len + 1);
    assert_non_null(text);
    if (h->fd >= 0)
        assert_int_equal(pread(h->fd, text, len, 0), (ssize_t)len);
    else
        memcpy(text, h->reply.data, len);
    text[len] = '\0';
    if (ret_len)
        *ret_len = len;
    return text;
}

/* The worker's end goes away; the broker's exit status. */
static inline int harness_stop(struct harness *h)
{
    int status;
    if (h->fd >= 0)
        close(h->fd);
    close(h->sock);
    h->fd = h->sock = -1;
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    h->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int harness_teardown(void **state)
{
    struct harness *h = *state;
    char command[256];
    int status = h->pid > 0 ? harness_stop(h) : 0;
    snprintf(command, sizeof(command), "chmod -R u+rwx %s && rm -rf %s", h->top, h->top);
    int r = system(command);
    config_free(&h->c);
    free(h);
    return status == 0 && r == 0 ? 0 : -1;
}

#define HARNESS_TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

#endif
