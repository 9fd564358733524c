/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/*
 * Byte by byte: what follows the line is not ours to take, and nothing is left in a buffer of stdio's. mask,
 * if not NULL, is in force only while we wait: a signal blocked until then cannot slip by just before the
 * wait.
 */
static int read_line(int fd, const sigset_t *mask, char *out)
{
    size_t len = 0;
    for (;;) {
        char c;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t n = ppoll(&wait, 1, NULL, mask) < 0 ? -1 : read(fd, &c, 1);
        if (n < 0)
            return -errno;
        if (n == 0 || c == '\n')
            break;
        if (len == PASSWORD_MAX)
            return -EMSGSIZE;
        if (c == '\0')
            return -EINVAL;
        out[len++] = c;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    if (memchr(out, '\r', len)) /* no FTP client could send it */
        return -EINVAL;
    return len > 0 ? 0 : -ENODATA;
}

int prompt_from(int fd, char *out)
{
    int r = read_line(fd, NULL, out);
    if (r < 0)
        explicit_bzero(out, PROMPT_CAP);
    return r;
}

static int ask(int tty, const sigset_t *mask, const char *question, const char *name, char *out)
{
    (void)dprintf(tty, "%s \"%s\": ", question, name);
    int r = read_line(tty, mask, out);
    (void)dprintf(tty, "\n");
    return r;
}

static int ask_twice(int tty, const sigset_t *mask, const char *name, char *out)
{
    char again[PROMPT_CAP];
    int r = ask(tty, mask, "Password for", name, out);
    if (r == 0)
        r = ask(tty, mask, "Once more for", name, again);
    if (r == 0 && strcmp(out, again) != 0)
        r = -EBADMSG;
    explicit_bzero(again, sizeof(again));
    if (r < 0)
        explicit_bzero(out, PROMPT_CAP);
    return r;
}

static void interrupt(int number)
{
    (void)number; /* only to have ppoll() return EINTR, so that the terminal gets its echo back */
}

int prompt_terminal(const char *name, char *out)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum {
        SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]),
    };
    struct sigaction before[SIGNAL_COUNT];
    const struct sigaction wake = {.sa_handler = interrupt};
    struct termios echo, silent;
    sigset_t blocked, mask;

    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return -ENOTTY;
    if (tcgetattr(tty, &echo) < 0) {
        (void)close(tty);
        return -ENOTTY;
    }
    (void)sigemptyset(&blocked);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaddset(&blocked, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(signals[i], &wake, &before[i]);
    silent = echo;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    int r = tcsetattr(tty, TCSAFLUSH, &silent) < 0 ? -errno : ask_twice(tty, &mask, name, out);
    if (tcsetattr(tty, TCSAFLUSH, &echo) < 0)
        (void)dprintf(tty, "The terminal does not show what you type: %s; stty echo mends it.\n",
                      strerror(errno));
    for (int i = 0; i < SIGNAL_COUNT; i++)
        (void)sigaction(signals[i], &before[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    (void)close(tty);
    return r;
}
