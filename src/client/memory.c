/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/memory.h"

#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

static const struct way {
    enum client_way bit;
    const char *name;
} ways[] = {{CLIENT_EPSV, "EPSV"}, {CLIENT_PASV, "PASV"}, {CLIENT_ACTIVE, "PORT"}};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

const char *client_way_name(enum client_way way)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (ways[i].bit == way)
            return ways[i].name;
    return "";
}

/* ---- reading ---- */

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static int read_word(const char *word, struct client_known *ret)
{
    if (strcmp(word, "tls") == 0) {
        ret->has_tls = true;
        return 0;
    }
    if (strncmp(word, "fingerprint=", 12) == 0 && is_hex(word + 12, sizeof(ret->fingerprint) - 1)) {
        memcpy(ret->fingerprint, word + 12, sizeof(ret->fingerprint));
        return 0;
    }
    for (unsigned i = 0; i < WAYS && strncmp(word, "way=", 4) == 0; i++)
        if (strcmp(ways[i].name, word + 4) == 0) {
            ret->way = ways[i].bit;
            return 0;
        }
    return -EINVAL;
}

/* Is the line the server's? What it says into *ret. 1: yes, 0: no, -EINVAL. line is taken apart. */
static int read_line(char *line, const char *server, struct client_known *ret)
{
    char *rest, *word = strtok_r(line, " \t\n", &rest);
    struct client_known known = {.has_tls = false};
    bool is_it;

    if (!word || *word == '#')
        return 0;
    is_it = strcasecmp(word, server) == 0;
    while ((word = strtok_r(NULL, " \t\n", &rest)))
        if (read_word(word, &known) < 0)
            return -EINVAL;
    if (is_it)
        *ret = known;
    return is_it;
}

static char *server_name(const char *host, uint16_t port)
{
    char *name;

    return asprintf(&name, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port) < 0 ? NULL : name;
}

int client_memory_read(const char *file, const char *host, uint16_t port, struct client_known *ret,
                       unsigned *ret_line)
{
    char *server = server_name(host, port), *line = NULL;
    FILE *in = server ? fopen(file, "re") : NULL;
    size_t cap = 0;
    int r = 0;

    *ret = (struct client_known){.has_tls = false};
    *ret_line = 0;
    if (!in) {
        r = !server ? -ENOMEM : errno == ENOENT ? 0 : -errno;
        free(server);
        return r;
    }
    while (r >= 0 && getline(&line, &cap, in) >= 0) {
        ++*ret_line;
        r = read_line(line, server, ret);
    }
    if (r >= 0)
        r = ferror(in) ? -EIO : 0;
    free(line);
    free(server);
    fclose(in);
    return r;
}

/* ---- writing ---- */

static bool is_of(const char *line, const char *server)
{
    size_t len = strlen(server);

    return strncasecmp(line, server, len) == 0 &&
           (line[len] == ' ' || line[len] == '\t' || line[len] == '\n');
}

static void write_line(FILE *out, const char *server, const struct client_known *known)
{
    fprintf(out, "%s%s", server, known->has_tls ? " tls" : "");
    if (*known->fingerprint)
        fprintf(out, " fingerprint=%s", known->fingerprint);
    if (known->way)
        fprintf(out, " way=%s", client_way_name(known->way));
    fputc('\n', out);
}

/* Everything but the server's line, and then its new one. */
static int rewrite(const char *file, const char *made, const char *server, const struct client_known *known)
{
    FILE *in = fopen(file, "re"), *out = fopen(made, "we");
    struct client_known before, now = *known;
    char *line = NULL;
    size_t cap = 0;
    int r = out ? 0 : -errno;

    while (in && out && getline(&line, &cap, in) >= 0)
        if (!is_of(line, server))
            fputs(line, out);
        else if (read_line(line, server, &before) == 1)
            now.has_tls |= before.has_tls; /* another has found it out meanwhile */
    if (out)
        write_line(out, server, &now);
    if (out && (fflush(out) || fsync(fileno(out)) < 0 || ferror(out)))
        r = -errno;
    if (in)
        fclose(in);
    if (out && fclose(out) && !r)
        r = -errno;
    free(line);
    if (!r && rename(made, file) < 0)
        r = -errno;
    if (r && out)
        (void)!unlink(made); /* the next one writes over it */
    return r;
}

int client_memory_write(const char *file, const char *host, uint16_t port, const struct client_known *known)
{
    char *server = server_name(host, port), *lock = NULL, *made = NULL;
    int fd = -1, r = 0;

    if (!server || asprintf(&lock, "%s.lock", file) < 0 || asprintf(&made, "%s.new", file) < 0)
        r = -ENOMEM;
    if (!r) {
        fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0) /* whoever has it only rewrites a small file */
            r = -errno;
    }
    if (!r)
        r = rewrite(file, made, server, known);
    fd_close(&fd);
    free(server);
    free(lock);
    free(made);
    return r;
}
