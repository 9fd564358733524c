/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ftpload: load on an FTP server, measured. Each kind of load prints one JSON object; a reply code, a byte
 * count or a byte that is not what it must be is an error (exit status 1), never a number.
 *
 * The whole process is bounded by --limit (alarm), so that no socket needs a time-out of its own.
 */
#include "burst.h"
#include "load.h"
#include "reference.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTING_BYTES_MAX   ((size_t)64 * 1024 * 1024)
#define SMALL_FILE_BYTES    1024
#define HOLD_LOGINS_AT_ONCE 8

static int session_login(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;
    struct client_session *session = &worker->session;

    if (client_session_open(session, &options->server) < 0 || (options->tls && client_secure(session) < 0))
        return -1;
    session->is_forgetful = options->full;
    return client_login(session);
}

/* For transfers. */
static int session_login_protected(struct load_worker *worker)
{
    if (session_login(worker) < 0)
        return -1;
    return worker->load->options->tls ? client_protect(&worker->session) : 0;
}

static int session_login_binary(struct load_worker *worker)
{
    if (session_login_protected(worker) < 0)
        return -1;
    return client_command(&worker->session, "TYPE I\r\n", 200);
}

static int session_quit(struct load_worker *worker)
{
    return client_quit(&worker->session);
}

/* ---- logins: connect, USER, PASS, QUIT, again and again ---- */

static int logins_run(struct load_worker *worker)
{
    while (load_now() < worker->load->deadline && !atomic_load(&worker->load->failed)) {
        if (session_login(worker) < 0 || client_quit(&worker->session) < 0)
            return -1;
        worker->done++;
    }
    return 0;
}

/* ---- hold: many sessions, logged in and idle ---- */

static int hold_run(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;

    for (unsigned i = worker->index; i < options->count; i += options->sessions) {
        if (atomic_load(&worker->load->failed))
            return 0;
        if (session_login(worker) < 0)
            return -1;
        if (worker->session.start != worker->session.end)
            return client_fail(&worker->session, "the server said more than 230 at login");
        if (worker->session.ssl)
            tls_tickets_ignore(worker->session.ssl);
        worker->load->held[i] = (struct load_held){worker->session.fd, worker->session.ssl};
        worker->session.fd = -1;
        worker->session.ssl = NULL;
        client_session_close(&worker->session);
        worker->done++;
    }
    return 0;
}

/* The sessions were only worth holding if every one of them still answers. */
static int held_check(struct load *load, char error[256])
{
    struct client_session session = {.fd = -1};

    for (unsigned i = 0; i < load->options->count; i++) {
        session.fd = load->held[i].fd;
        session.ssl = load->held[i].ssl;
        if (client_command(&session, "NOOP\r\n", 200) < 0) {
            snprintf(error, 256, "held session %u of %u: %.200s", i + 1, load->options->count, session.error);
            return -1;
        }
    }
    return 0;
}

static void held_wait(void)
{
    char line[16];

    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return; /* end of input ends the holding, as a line does */
}

/* ---- retr, stor: one large file per session ---- */

static int retr_run(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;
    struct client_session *session = &worker->session;
    struct client_data data;
    char line[512];

    if (client_data_open(session, &options->server, &data) < 0)
        return -1;
    snprintf(line, sizeof(line), "RETR %s\r\n", options->path);
    if (client_command(session, line, 150) < 0 || client_data_secure(session, &data) < 0) {
        client_data_close(&data);
        return -1;
    }
    if (load_receive(session, &data, options->size) < 0 || client_expect(session, 226, "end of RETR") < 0)
        return -1;
    worker->bytes += options->size;
    worker->done++;
    return 0;
}

struct stor_source {
    int fd;
    const void *mapped; /* with TLS */
};

static int stor_send(struct load_worker *worker, struct client_data *data)
{
    const struct load_options *options = worker->load->options;
    const struct stor_source *source = worker->data;
    struct client_session *session = &worker->session;

    if (!data->ssl) {
        int r = load_send_file(data->fd, source->fd, options->size);

        return r < 0 ? client_fail(session, "sending %s: %s", options->source, strerror(-r)) : 0;
    }
    if (tls_send_whole(data->ssl, data->fd, source->mapped, options->size) < 0)
        return client_fail(session, "sending %s: %s", options->source, tls_error());
    return client_data_drain(session, data);
}

static int stor_run(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;
    struct client_session *session = &worker->session;
    struct client_data data;
    char line[512];

    if (client_data_open(session, &options->server, &data) < 0)
        return -1;
    snprintf(line, sizeof(line), "STOR %s-%u\r\n", options->path, worker->index);

    int r = client_command(session, line, 150);

    if (r == 0)
        r = client_data_secure(session, &data);
    if (r == 0)
        r = stor_send(worker, &data);
    client_data_close(&data);
    if (r < 0)
        return -1;
    if (client_expect(session, 226, "end of STOR") < 0)
        return -1;
    worker->bytes += options->size;
    worker->done++;
    return 0;
}

/* ---- small: files of 1 KiB, one after another ---- */

/* Files are PATH/0000, PATH/0001...; each begins with its own number as 8 bytes, little endian. */
static int small_get(struct load_worker *worker, unsigned number)
{
    const struct load_options *options = worker->load->options;
    struct client_session *session = &worker->session;
    char line[512];
    union {
        char bytes[SMALL_FILE_BYTES + 1];
        uint64_t number;
    } content;
    size_t total = 0;
    ssize_t got;
    struct client_data data;

    if (client_data_open(session, &options->server, &data) < 0)
        return -1;
    snprintf(line, sizeof(line), "RETR %s/%04u\r\n", options->path, number);
    if (client_send(session, line) < 0 || client_data_secure(session, &data) < 0) {
        client_data_close(&data);
        return -1;
    }
    /* The data first: by its end both replies are often there for one read. */
    while ((got = client_data_receive(&data, content.bytes + total, sizeof(content.bytes) - total)) > 0)
        total += (size_t)got;
    client_data_close(&data);
    if (client_expect(session, 150, "RETR") < 0)
        return -1;
    if (got < 0 || total != SMALL_FILE_BYTES || le64toh(content.number) != number)
        return client_fail(session, "file %04u: wrong content, or not %d bytes but %zu", number,
                           SMALL_FILE_BYTES, total);
    if (client_expect(session, 226, "end of RETR") < 0)
        return -1;
    worker->bytes += total;
    worker->done++;
    return 0;
}

static int small_run(struct load_worker *worker)
{
    unsigned number = worker->index;

    while (load_now() < worker->load->deadline && !atomic_load(&worker->load->failed)) {
        if (small_get(worker, number % worker->load->options->count) < 0)
            return -1;
        number += worker->load->options->sessions;
    }
    return 0;
}

/* ---- list: one large folder ---- */

static int list_prepare(struct load_worker *worker)
{
    char line[512];

    worker->data = mmap(NULL, LISTING_BYTES_MAX, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (worker->data == MAP_FAILED)
        return client_fail(&worker->session, "no memory for a listing");
    if (session_login_protected(worker) < 0)
        return -1;
    snprintf(line, sizeof(line), "CWD %s\r\n", worker->load->options->path);
    return client_command(&worker->session, line, 250);
}

static int list_run(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;
    struct client_session *session = &worker->session;
    char line[16];
    ssize_t got;
    struct client_data data;

    if (client_data_open(session, &options->server, &data) < 0)
        return -1;
    snprintf(line, sizeof(line), "%s\r\n", options->verb);
    if (client_command(session, line, 150) < 0 || client_data_secure(session, &data) < 0) {
        client_data_close(&data);
        return -1;
    }
    while ((got = client_data_receive(&data, (char *)worker->data + worker->bytes,
                                      LISTING_BYTES_MAX - worker->bytes)) > 0)
        worker->bytes += (uint64_t)got;
    client_data_close(&data);
    if (got < 0 || worker->bytes == LISTING_BYTES_MAX)
        return client_fail(session, "the listing broke off, or is longer than %zu bytes", LISTING_BYTES_MAX);
    return client_expect(session, 226, "end of listing");
}

/* Counts the files: LIST lines begin with '-', MLSD lines (RFC 3659 section 7.5.1) have the fact type=file.
 */
static int list_finish(struct load_worker *worker)
{
    const struct load_options *options = worker->load->options;
    bool facts = !strcmp(options->verb, "MLSD");
    char *at = worker->data;
    char *end = at + worker->bytes;
    char *newline;

    for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
        *newline = '\0';
        if (facts ? strcasestr(at, "type=file;") != NULL : *at == '-')
            worker->done++;
    }
    munmap(worker->data, LISTING_BYTES_MAX);
    if (worker->done != options->count)
        return client_fail(&worker->session, "%s named %llu files, expected %u", options->verb,
                           (unsigned long long)worker->done, options->count);
    return session_quit(worker);
}

/* ---- commands ---- */

static void result_print(const char *command, const struct load_options *options,
                         const struct load_result *result)
{
    printf("{\"command\": \"%s\", \"sessions\": %u, \"seconds\": %.6f, \"done\": %llu, \"bytes\": %llu, "
           "\"per_second\": %.3f, \"megabytes_per_second\": %.3f, \"resumed\": %llu}\n",
           command, options->sessions, result->seconds, (unsigned long long)result->done,
           (unsigned long long)result->bytes, (double)result->done / result->seconds,
           (double)result->bytes / 1e6 / result->seconds, (unsigned long long)result->resumed);
}

static int failure_print(const char *command, const char *error)
{
    fprintf(stderr, "ftpload %s: %s\n", command, error);
    return 1;
}

static int pattern_command(const char *command, const struct load_options *options,
                           const struct load_worker *pattern)
{
    struct load load = {.options = options};
    struct load_result result;
    char error[256];

    if (load_run(&load, pattern, &result, error) < 0)
        return failure_print(command, error);
    result_print(command, options, &result);
    return 0;
}

static int logins_command(const struct load_options *options)
{
    return pattern_command("logins", options, &(struct load_worker){.run = logins_run});
}

static int retr_command(const struct load_options *options)
{
    return pattern_command(
        "retr", options,
        &(struct load_worker){.prepare = session_login_binary, .run = retr_run, .finish = session_quit});
}

static int small_command(const struct load_options *options)
{
    return pattern_command(
        "small", options,
        &(struct load_worker){.prepare = session_login_binary, .run = small_run, .finish = session_quit});
}

static int list_command(const struct load_options *options)
{
    return pattern_command(
        "list", options,
        &(struct load_worker){.prepare = list_prepare, .run = list_run, .finish = list_finish});
}

static int stor_command(const struct load_options *options)
{
    struct stor_source source = {.fd = open(options->source, O_RDONLY | O_CLOEXEC)};

    if (source.fd < 0)
        return failure_print("stor", strerror(errno));
    if (options->tls) {
        source.mapped = mmap(NULL, options->size, PROT_READ, MAP_SHARED | MAP_POPULATE, source.fd, 0);
        if (source.mapped == MAP_FAILED)
            return failure_print("stor", strerror(errno));
    }

    int status = pattern_command(
        "stor", options,
        &(struct load_worker){
            .prepare = session_login_binary, .run = stor_run, .finish = session_quit, .data = &source});

    close(source.fd);
    return status;
}

static int sendfile_command(const struct load_options *options)
{
    struct reference reference;
    int r = reference_sender_start(&reference, options);

    if (r < 0)
        return failure_print("sendfile", strerror(-r));
    return pattern_command("sendfile", options,
                           &(struct load_worker){.run = reference_run, .data = &reference});
}

/* The ceiling for logins: what the client reaches when the answers cost next to nothing. */
static int ceiling_command(const struct load_options *options)
{
    struct reference reference;
    int r = reference_answerer_start(&reference, options);

    if (r < 0)
        return failure_print("ceiling", strerror(-r));

    struct load_options ceiling = *options;

    ceiling.server = reference.address;
    return pattern_command("ceiling", &ceiling, &(struct load_worker){.run = logins_run});
}

static int hold_command(const struct load_options *options)
{
    struct load_options hold = *options;
    struct load load = {.options = &hold, .held = calloc(options->count, sizeof(struct load_held))};
    struct load_result result;
    char error[256];

    hold.sessions = HOLD_LOGINS_AT_ONCE;
    if (!load.held)
        return failure_print("hold", "no memory");

    int r = load_run(&load, &(struct load_worker){.run = hold_run}, &result, error);

    if (r == 0) {
        result_print("hold", &hold, &result);
        held_wait();
        r = held_check(&load, error);
    }
    free(load.held);
    if (r < 0)
        return failure_print("hold", error);
    puts("{\"alive\": true}");
    return 0;
}

/* Does the local file consist of exactly --size bytes of the pattern? */
static int verify_command(const struct load_options *options)
{
    struct stat status;
    int fd = open(options->source, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return failure_print("verify", strerror(errno));
    if ((uint64_t)status.st_size != options->size || options->size == 0)
        return failure_print("verify", "the file has the wrong size");

    const uint64_t *words = mmap(NULL, options->size, PROT_READ, MAP_SHARED, fd, 0);

    close(fd);
    if (words == MAP_FAILED)
        return failure_print("verify", strerror(errno));
    for (uint64_t i = 0; i < options->size / sizeof(*words); i++) {
        if (le64toh(words[i]) != i)
            return failure_print("verify", "the file has wrong bytes");
    }
    printf("{\"command\": \"verify\", \"bytes\": %llu}\n", (unsigned long long)options->size);
    return 0;
}

/* Writes the pattern: --size bytes, each aligned 8 of them their own index. */
static int pattern_write_command(const struct load_options *options)
{
    FILE *file = fopen(options->source, "we");

    if (!file)
        return failure_print("pattern", strerror(errno));
    for (uint64_t i = 0; i < options->size / sizeof(i); i++) {
        uint64_t word = htole64(i);

        fwrite(&word, sizeof(word), 1, file);
    }
    if (ferror(file) | fclose(file))
        return failure_print("pattern", "the file could not be written");
    printf("{\"command\": \"pattern\", \"bytes\": %llu}\n", (unsigned long long)options->size);
    return 0;
}

static const struct command {
    const char *name;
    int (*run)(const struct load_options *options);
    const char *help;
} commands[] = {
    {"logins", logins_command, "anonymous logins for --seconds, --sessions at once"},
    {"hold", hold_command, "log in --count sessions, print, hold them until a line on stdin, check all"},
    {"burst", burst_command,
     "TLS handshakes of --count sessions begun at once; how long NOOP takes another session"},
    {"retr", retr_command, "download --path of --size bytes, once in each of --sessions"},
    {"stor", stor_command, "upload --size bytes of --source as --path-0, --path-1..., --sessions at once"},
    {"small", small_command, "download --path/0000... (--count files of 1 KiB) for --seconds"},
    {"list", list_command, "--verb LIST or MLSD of --path, which has --count files"},
    {"sendfile", sendfile_command, "reference: --source by bare sendfile, --sessions at once"},
    {"ceiling", ceiling_command, "reference: logins at a server that only recites, --sessions at once"},
    {"pattern", pattern_write_command, "write --size bytes of the pattern to --source"},
    {"verify", verify_command, "is --source exactly --size bytes of the pattern?"},
};

static int usage(FILE *stream)
{
    fprintf(stream, "usage: ftpload COMMAND [--port N] [--sessions N] [--count N] [--seconds S] [--path P]\n"
                    "               [--source FILE] [--size BYTES] [--verb LIST|MLSD] [--tls [--full]] "
                    "[--limit S] [--wait]\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].help);
    return stream == stdout ? 0 : 2;
}

static int options_parse(int argc, char **argv, struct load_options *options)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"sessions", required_argument, NULL, 'n'},
        {"count", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 't'},
        {"path", required_argument, NULL, 'f'},
        {"source", required_argument, NULL, 's'},
        {"size", required_argument, NULL, 'b'},
        {"verb", required_argument, NULL, 'v'},
        {"limit", required_argument, NULL, 'l'},
        {"tls", no_argument, NULL, 'e'},
        {"full", no_argument, NULL, 'h'},
        {"wait", no_argument, NULL, 'w'},
        {0},
    };
    unsigned limit = 120;
    int letter;

    while ((letter = getopt_long(argc, argv, "", names, NULL)) >= 0) {
        switch (letter) {
        case 'p':
            options->server.sin_port = htons((uint16_t)atoi(optarg));
            break;
        case 'n':
            options->sessions = (unsigned)atoi(optarg);
            break;
        case 'c':
            options->count = (unsigned)atoi(optarg);
            break;
        case 't':
            options->seconds = atof(optarg);
            break;
        case 'f':
            options->path = optarg;
            break;
        case 's':
            options->source = optarg;
            break;
        case 'b':
            options->size = strtoull(optarg, NULL, 10);
            break;
        case 'v':
            options->verb = optarg;
            break;
        case 'l':
            limit = (unsigned)atoi(optarg);
            break;
        case 'e':
            options->tls = true;
            break;
        case 'h':
            options->full = true;
            break;
        case 'w':
            options->wait = true;
            break;
        default:
            return -EINVAL;
        }
    }
    if (options->sessions < 1 || options->sessions > LOAD_SESSIONS_MAX || options->count < 1)
        return -EINVAL;
    if (options->tls && tls_prepare() < 0) {
        fprintf(stderr, "ftpload: OpenSSL cannot be set up for TLS 1.3\n");
        return -ENOTSUP;
    }
    alarm(limit);
    return 0;
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        .sessions = 1,
        .count = 1,
        .seconds = 3,
        .path = "",
        .source = "",
        .verb = "LIST",
    };

    if (argc < 2)
        return usage(stderr);
    if (!strcmp(argv[1], "--help"))
        return usage(stdout);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name))
            continue;
        if (options_parse(argc - 1, argv + 1, &options) < 0)
            return usage(stderr);
        return commands[i].run(&options);
    }
    return usage(stderr);
}
