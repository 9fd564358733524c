/* SPDX-License-Identifier: BSD-2-Clause */
/* A session for a URL: whose password, and where it is from. */
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "sys/fd.h"

enum { PASSWORD = 1024 };

/* A line of a file, or of the terminal without its being seen. False: there is none, and it was said. */
static bool read_line(const char *name, int fd, char out[PASSWORD])
{
    size_t n = 0;
    ssize_t got = 0;

    while (n + 1 < PASSWORD && (got = read(fd, out + n, 1)) == 1 && out[n] != '\n')
        n++;
    out[n] = '\0';
    if (got < 0 || n + 1 == PASSWORD) {
        fprintf(stderr, "sally: %s: %s\n", name,
                got < 0 ? strerror(errno) : "its first line is too long for a password");
        return false;
    }
    return true;
}

static bool ask_terminal(const struct client_url *url, char out[PASSWORD])
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct termios before, quiet;
    bool read = false;

    if (fd >= 0 && tcgetattr(fd, &before) == 0) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        dprintf(fd, "Password for %s at %s: ", url->user, url->host);
        if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0)
            read = read_line("/dev/tty", fd, out);
        (void)!tcsetattr(fd, TCSAFLUSH, &before); /* nothing better can be done for the terminal */
        dprintf(fd, "\n");
    } else {
        fprintf(stderr,
                "sally: a password for %s at %s is needed, and there is no terminal to ask for it: "
                "--password-file FILE\n",
                url->user, url->host);
    }
    fd_close(&fd);
    return read;
}

static bool find_password(const struct options *o, const struct client_url *url, char out[PASSWORD])
{
    int fd;
    bool read;

    if (!o->password_file)
        return ask_terminal(url, out);
    fd =
        strcmp(o->password_file, "-") == 0 ? dup(STDIN_FILENO) : open(o->password_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "sally: %s: %s\n", o->password_file, strerror(errno));
        return false;
    }
    read = read_line(o->password_file, fd, out);
    close(fd);
    return read;
}

static enum client_result session_open(const struct options *o, const struct client_url *url,
                                       struct show *show, struct client **ret)
{
    struct client_site site = o->site;
    struct client_ears ears = show_ears(show);
    char password[PASSWORD];
    enum client_result r;

    site.host = url->host;
    site.port = url->port;
    site.user = url->user;
    if (url->is_implicit)
        site.security = CLIENT_TLS_IMPLICIT;
    if (url->user) {
        if (!find_password(o, url, password))
            return CLIENT_LOCAL_FAILED;
        site.password = password;
    }
    *ret = client_new(&site, &ears, o->stop);
    r = *ret ? client_open(*ret) : CLIENT_FAILED;
    explicit_bzero(password, sizeof(password));
    if (r && *ret)
        client_free(ret);
    return r;
}

int say_local(const char *name, int error)
{
    fprintf(stderr, "sally: %s: %s\n", name, strerror(error));
    return CLIENT_LOCAL_FAILED;
}

int session_run(const struct options *o, const char *text, const char *word, session_fn *run)
{
    struct client_url url;
    enum client_url_error error = client_url_parse(text, &url);
    struct client *c = NULL;
    struct show *show;
    enum client_result r = CLIENT_FAILED;

    if (error) {
        fprintf(stderr, "sally: \"%s\" is no URL: %s\n", text, client_url_why(error));
        return EXIT_USAGE;
    }
    show = show_new(o);
    if (show) {
        r = session_open(o, &url, show, &c);
        if (!r)
            r = run(o, c, show, &url, word);
        client_free(&c);
        if (r)
            show_failure(show);
    } else {
        say_local("sally", ENOMEM);
    }
    show_free(&show);
    client_url_free(&url);
    return (int)r;
}
