/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/admin/who.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/sallyd/control"

struct options {
    const char *socket;
    bool json;
};

static const char *advice(int error)
{
    if (error == ENOENT || error == ECONNREFUSED)
        return "is sallyd running, and is this its control_socket?";
    if (error == EACCES)
        return "only root and the control_group may do this";
    return "see control_socket in sallyd.conf(5)";
}

static int connect_server(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = 10};
    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "sallyd: %s: too long for a socket's path\n", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    fprintf(stderr, "sallyd: cannot reach the server at %s: %s (%s)\n", path, strerror(errno), advice(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* One request, one JSON object back. NULL: told. */
static json_t *ask(const char *path, const char *request)
{
    json_error_t error;
    int fd = connect_server(path);
    if (fd < 0)
        return NULL;
    if (write(fd, request, strlen(request)) != (ssize_t)strlen(request)) {
        fprintf(stderr, "sallyd: cannot ask the server: %s\n", strerror(errno));
        close(fd);
        return NULL;
    }
    json_t *answer = json_loadfd(fd, JSON_DISABLE_EOF_CHECK, &error);
    close(fd);
    if (!answer)
        fprintf(stderr, "sallyd: the server's answer makes no sense: %s\n", error.text);
    return answer;
}

static int parse(int argc, char **argv, struct options *ret)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"socket", required_argument, NULL, 's'}, {0}};
    int c;
    *ret = (struct options){.socket = DEFAULT_SOCKET};
    optind = 1;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'j')
            ret->json = true;
        else if (c == 's')
            ret->socket = optarg;
        else
            return -EINVAL;
    }
    return 0;
}

/* Text of a user or a file as a terminal may show it. */
static const char *shown(const json_t *row, const char *field, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(row, field));
    snprintf(out, cap, "%s", text ? text : "-");
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return out;
}

static void rate_text(double rate, char *out, size_t cap)
{
    static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s"};
    size_t unit = 0;
    while (rate >= 1000 && unit < 3)
        rate /= 1000, unit++;
    snprintf(out, cap, "%.1f %s", rate, units[unit]);
}

static void print_row(const json_t *row)
{
    char user[64], address[64], mode[16], command[16], file[512], rate[32], since[32];
    time_t began = (time_t)json_number_value(json_object_get(row, "since"));
    struct tm tm;
    localtime_r(&began, &tm);
    strftime(since, sizeof(since), "%m-%d %H:%M:%S", &tm);
    rate_text(json_number_value(json_object_get(row, "rate")), rate, sizeof(rate));
    bool busy = json_is_string(json_object_get(row, "command"));
    printf("%6lld  %-16s %-24s %-14s %-7s %-4s %-12s %s\n",
           (long long)json_integer_value(json_object_get(row, "id")), shown(row, "user", user, sizeof(user)),
           shown(row, "address", address, sizeof(address)), since, shown(row, "mode", mode, sizeof(mode)),
           shown(row, "command", command, sizeof(command)), busy ? rate : "idle",
           shown(row, "file", file, sizeof(file)));
}

int who_command(int argc, char **argv)
{
    struct options options;
    if (parse(argc, argv, &options) < 0 || optind != argc) {
        fprintf(stderr, "usage: sallyd who [--json] [--socket PATH]\n");
        return 2;
    }
    json_t *answer = ask(options.socket, "who\n");
    if (!answer)
        return 1;
    size_t i;
    const json_t *row, *rows = json_object_get(answer, "sessions");
    if (options.json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("%6s  %-16s %-24s %-14s %-7s %-4s %-12s %s\n", "ID", "USER", "ADDRESS", "SINCE", "MODE", "CMD",
               "RATE", "FILE");
        json_array_foreach(rows, i, row) print_row(row);
    }
    json_decref(answer);
    return 0;
}

int kick_command(int argc, char **argv)
{
    struct options options;
    char request[64];
    if (parse(argc, argv, &options) < 0 || optind + 1 != argc ||
        strspn(argv[optind], "0123456789") != strlen(argv[optind]) || strlen(argv[optind]) > 10 ||
        options.json) {
        fprintf(stderr, "usage: sallyd kick ID [--socket PATH]   (`sallyd who` shows the IDs)\n");
        return 2;
    }
    snprintf(request, sizeof(request), "kick %s\n", argv[optind]);
    json_t *answer = ask(options.socket, request);
    if (!answer)
        return 1;
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (error)
        fprintf(stderr, "sallyd: cannot kick %s: %s (`sallyd who` shows the IDs)\n", argv[optind], error);
    else
        printf("session %s ended\n", argv[optind]);
    int status = error ? 1 : 0;
    json_decref(answer);
    return status;
}
