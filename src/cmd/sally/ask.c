/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/sally/ask.h"

#include "channel/channel.h"
#include "client/netrc.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { NETRC_MOST = 1 << 20 };

/* A line of a file or of the terminal, without its end. False: there is none, or it is too long, and that was said; or it was called off. */
static bool read_line(const char *name, int fd, int stop, char out[ASK_LINE])
{
    const struct channel_limits forever = {.patience = -1, .stop = stop};
    size_t n = 0;
    ssize_t got = 0;
    bool is_off = false;

    while (n + 1 < ASK_LINE && !(is_off = channel_wait(fd, POLLIN, &forever) == -ECANCELED) &&
           (got = read(fd, out + n, 1)) == 1 && out[n] != '\n')
        n++;
    if (n > 0 && out[n - 1] == '\r' && n + 1 < ASK_LINE) /* another system's line end */
        n--;
    out[n] = '\0';
    if (is_off)
        return false;
    if (got < 0 || n + 1 == ASK_LINE) {
        WRONG(LOCAL_FAILED, name, got < 0 ? speech_of(strerror(errno)) : SAID(PASSWORD_LONG));
        return false;
    }
    return true;
}

/* ---- the terminal ---- */

bool ask_yes(struct show *show, int stop, enum speech_phrase question, const char *const words[])
{
    char text[SPEECH_TEXT];
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    char answer[ASK_LINE];
    bool is_yes = false, is_no = fd < 0;

    show_pause(show);
    while (!is_yes && !is_no) {
        dprintf(fd, "%s (yes/no) ", speech_text(question, words, text, sizeof(text)));
        if (!read_line("/dev/tty", fd, stop, answer))
            break;
        is_yes = strcmp(answer, "yes") == 0;
        is_no = strcmp(answer, "no") == 0 || !*answer;
    }
    fd_close(&fd);
    return is_yes;
}

static bool ask_password(struct show *show, int stop, const char *user, const char *host, char out[ASK_LINE])
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    const char *const words[SPEECH_WORDS] = {user, host};
    char text[SPEECH_TEXT];
    struct termios before, quiet;
    bool read = false;

    show_pause(show);
    if (fd < 0 || tcgetattr(fd, &before) < 0) {
        WRONG(NO_TERMINAL, user, host);
        fd_close(&fd);
        return false;
    }
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fd, TCSAFLUSH, &quiet) ==
        0) { /* before it is asked, or what is typed at once would be seen */
        dprintf(fd, "%s", speech_text(SPEECH_ASK_PASSWORD, words, text, sizeof(text)));
        read = read_line("/dev/tty", fd, stop, out);
    }
    (void)!tcsetattr(fd, TCSAFLUSH, &before); /* nothing better can be done for the terminal */
    dprintf(fd, "\n");
    fd_close(&fd);
    return read;
}

/* ---- files and programs ---- */

static bool read_password_file(const char *name, int stop, char out[ASK_LINE])
{
    int fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    bool read;

    if (fd < 0) {
        say_local(name, errno);
        return false;
    }
    read = read_line(name, fd, stop, out);
    fd_close(&fd);
    return read;
}

static bool run_password_command(const char *command, int stop, const char *user, const char *host,
                                 char out[ASK_LINE])
{
    FILE *from;
    int status;
    bool read;

    if (setenv("SALLY_HOST", host, 1) < 0 || setenv("SALLY_USER", user, 1) < 0 ||
        !(from = popen(command, "re"))) {
        say_local("--password-command", errno);
        return false;
    }
    setvbuf(from, NULL, _IONBF, 0); /* no copy of it is left in a buffer */
    read = read_line(command, fileno(from), stop, out);
    status = pclose(from);
    if (read && status != 0)
        WRONG(PASSWORD_COMMAND_FAILED, command);
    return read && status == 0;
}

static char *read_all(int fd, size_t size)
{
    char *text = malloc(size + 1);
    size_t n = 0;
    ssize_t got = 1;

    while (text && n < size && (got = read(fd, text + n, size - n)) > 0)
        n += (size_t)got;
    if (text)
        text[n] = '\0';
    return text;
}

/* $NETRC or ~/.netrc. 1: *ret is set; 0: it names none; -1: it is not to be read, and that was said. */
static int look_into_netrc(const char *host, const char *user, struct client_login *ret)
{
    const char *named = getenv("NETRC"), *home = getenv("HOME");
    char *name = NULL, *text;
    struct stat st;
    int fd, r = 0;

    if (asprintf(&name, "%s%s", named ? named : home ? home : "", named ? "" : "/.netrc") < 0)
        return 0;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= NETRC_MOST) {
        text = read_all(fd, (size_t)st.st_size);
        r = text ? client_netrc_find(text, host, user, ret) : -ENOMEM;
        if (text)
            explicit_bzero(text, strlen(text));
        free(text);
        if (r < 0)
            WRONG(LOCAL_FAILED, name, r == -EINVAL ? SAID(NETRC_SHORT) : speech_of(strerror(-r)));
        if (r == 1 && ret->password && (st.st_mode & 077)) {
            WRONG(NETRC_READABLE, name);
            client_login_free(ret);
            r = -1;
        }
    }
    fd_close(&fd);
    free(name);
    return r < 0 ? -1 : r;
}

bool ask_login(const struct options *o, struct show *show, const struct client_url *url, char **ret_user,
               char password[ASK_LINE])
{
    struct client_login login = {.user = NULL};
    bool is_given = url->user && (o->password_file || o->password_command);
    int found = is_given ? 0 : look_into_netrc(url->host, url->user, &login);
    bool has = false;

    *ret_user = NULL;
    *password = '\0';
    if (found < 0)
        return false;
    if (!url->user && !login.user)
        has = true; /* nobody, and no password */
    else if (!(*ret_user = strdup(url->user ? url->user : login.user)))
        say_local("sally", ENOMEM);
    else if (is_given && o->password_file)
        has = read_password_file(o->password_file, o->stop, password);
    else if (is_given)
        has = run_password_command(o->password_command, o->stop, *ret_user, url->host, password);
    else if (login.password && strlen(login.password) < ASK_LINE)
        has = strcpy(password, login.password) != NULL;
    else
        has = ask_password(show, o->stop, *ret_user, url->host, password);
    client_login_free(&login);
    if (!has) {
        free(*ret_user);
        *ret_user = NULL;
    }
    return has;
}
