/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What goes in and comes out lies in memory, so that neither waits for the other. */
struct streams {
    int in, out, errors;
};

enum { STATUS_NO_PROGRAM = 127, PATHS = 4 };

static const char *const FOLDERS[PATHS] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

static void close_all(struct streams *s)
{
    const int fds[] = {s->in, s->out, s->errors};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static int open_all(struct streams *s, const char *input)
{
    size_t size = strlen(input);

    *s = (struct streams){memfd_create("in", MFD_CLOEXEC), memfd_create("out", MFD_CLOEXEC),
                          memfd_create("errors", MFD_CLOEXEC)};
    if (s->in >= 0 && s->out >= 0 && s->errors >= 0 && write(s->in, input, size) == (ssize_t)size &&
        lseek(s->in, 0, SEEK_SET) == 0)
        return 0;
    int error = errno ? -errno : -EIO;
    close_all(s);
    return error;
}

/* Links of this program's own under the names of others would call it again. */
static bool is_itself(const char *path)
{
    char own[PATH_MAX], *real = realpath(path, NULL);
    ssize_t size = readlink("/proc/self/exe", own, sizeof(own) - 1);
    bool is_same = real && size > 0 && (size_t)size == strlen(real) && memcmp(own, real, (size_t)size) == 0;

    free(real);
    return is_same;
}

__attribute__((noreturn)) static void become(const char *program, char *const *argv, const struct streams *s,
                                             int mounts)
{
    static char *const environment[] = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C", NULL};
    char path[PATH_MAX];

    if ((mounts >= 0 && setns(mounts, CLONE_NEWNS)) || dup2(s->in, STDIN_FILENO) < 0 ||
        dup2(s->out, STDOUT_FILENO) < 0 || dup2(s->errors, STDERR_FILENO) < 0)
        _exit(STATUS_NO_PROGRAM);
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC))
        _exit(STATUS_NO_PROGRAM);
    for (size_t i = 0; i < PATHS; i++) {
        snprintf(path, sizeof(path), "%s/%s", FOLDERS[i], program);
        if (!is_itself(path))
            execve(path, argv, environment);
    }
    _exit(STATUS_NO_PROGRAM);
}

/* Ends within RUN_SECONDS, or is ended. */
static int wait_for(pid_t child, int *ret_status)
{
    int process = (int)syscall(SYS_pidfd_open, child, 0), status = 0;
    struct pollfd ends = {.fd = process, .events = POLLIN};
    bool is_late = process >= 0 && poll(&ends, 1, RUN_SECONDS * 1000) == 0;

    if (is_late)
        kill(child, SIGKILL);
    if (process >= 0)
        close(process);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return is_late ? -ETIMEDOUT : 0;
}

static char *read_all(int fd, size_t *ret_size)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);

    if (!text || pread(fd, text, (size_t)size, 0) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    *ret_size = (size_t)size;
    return text;
}

static int collect(const struct streams *s, int status, struct run_said *ret)
{
    size_t ignored;
    struct run_said said = {.status = status};

    if (status == STATUS_NO_PROGRAM)
        return -ENOENT;
    said.output = read_all(s->out, &said.size);
    said.errors = read_all(s->errors, &ignored);
    if (!said.output || !said.errors) {
        run_said_free(&said);
        return -ENOMEM;
    }
    *ret = said;
    return status ? -EPERM : 0;
}

int run_program(const char *program, const char *const *words, const char *input, int mounts,
                struct run_said *ret)
{
    char *argv[RUN_ARGUMENTS + 2] = {(char *)(uintptr_t)program};
    struct streams streams;
    int status = 0, r = open_all(&streams, input);

    if (r)
        return r;
    for (size_t i = 0; words && words[i]; i++) {
        if (i == RUN_ARGUMENTS) {
            close_all(&streams);
            return -E2BIG;
        }
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    pid_t child = fork();
    if (child == 0)
        become(program, argv, &streams, mounts);
    r = child < 0 ? -errno : wait_for(child, &status);
    if (r == 0)
        r = collect(&streams, status, ret);
    close_all(&streams);
    return r;
}

void run_said_free(struct run_said *said)
{
    free(said->output);
    free(said->errors);
    *said = (struct run_said){0};
}
