/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BYTES ((size_t)256 * 1024)

double load_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Every worker passes both barriers, whatever happened to it, so that no other waits for ever. */
static void *worker_main(void *argument)
{
    struct load_worker *worker = argument;
    struct load *load = worker->load;
    int r = worker->prepare ? worker->prepare(worker) : 0;

    if (r < 0)
        atomic_store(&load->failed, true);
    pthread_barrier_wait(&load->barrier);
    /* Between the barriers the main thread may wait for the word to go. */
    pthread_barrier_wait(&load->barrier);
    if (atomic_load(&load->failed))
        return NULL;
    worker->begin = load_now();
    r = worker->run(worker);
    worker->end = load_now();
    if (r == 0 && worker->finish)
        r = worker->finish(worker);
    if (r < 0)
        atomic_store(&load->failed, true);
    return NULL;
}

static void go_wait(const struct load *load)
{
    char line[16];

    if (!load->options->wait || atomic_load(&load->failed))
        return;
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        fprintf(stderr, "ftpload: nobody said go; starting anyway\n");
}

static void result_add(struct load_result *result, const struct load_worker *workers, unsigned count)
{
    double begin = workers[0].begin;
    double end = workers[0].end;

    for (unsigned i = 0; i < count; i++) {
        begin = workers[i].begin < begin ? workers[i].begin : begin;
        end = workers[i].end > end ? workers[i].end : end;
        result->done += workers[i].done;
        result->bytes += workers[i].bytes;
        result->resumed += workers[i].session.resumed;
    }
    result->seconds = end - begin;
}

int load_run(struct load *load, const struct load_worker *pattern, struct load_result *ret_result,
             char ret_error[256])
{
    unsigned count = load->options->sessions;
    struct load_worker *workers = calloc(count, sizeof(*workers));
    pthread_t threads[LOAD_SESSIONS_MAX];
    struct load_result result = {0};

    if (!workers || pthread_barrier_init(&load->barrier, NULL, count + 1) != 0) {
        snprintf(ret_error, 256, "no memory for %u sessions", count);
        free(workers);
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        workers[i] = *pattern;
        workers[i].load = load;
        workers[i].index = i;
        workers[i].session.fd = -1;
        if (pthread_create(&threads[i], NULL, worker_main, &workers[i]) != 0) {
            /* The threads that run would wait at the barrier for ever: nothing to save here. */
            fprintf(stderr, "ftpload: cannot start thread %u of %u\n", i + 1, count);
            exit(1);
        }
    }
    pthread_barrier_wait(&load->barrier);
    go_wait(load);
    load->deadline = load_now() + load->options->seconds;
    pthread_barrier_wait(&load->barrier);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);

    const char *error = NULL;

    for (unsigned i = 0; i < count && !error; i++)
        error = workers[i].session.error[0] ? workers[i].session.error : NULL;
    if (error)
        snprintf(ret_error, 256, "%s", error);
    else
        result_add(&result, workers, count);
    for (unsigned i = 0; i < count; i++)
        client_session_close(&workers[i].session);
    pthread_barrier_destroy(&load->barrier);
    free(workers);
    if (error)
        return -1;
    *ret_result = result;
    return 0;
}

/* True when the first aligned word of this read holds its own index. */
static bool pattern_matches(const char *bytes, size_t length, uint64_t offset)
{
    size_t skip = (size_t)(-offset & 7);
    uint64_t word;

    if (skip + sizeof(word) > length)
        return true;
    memcpy(&word, bytes + skip, sizeof(word));
    return le64toh(word) == (offset + skip) / 8;
}

int load_receive(struct client_session *session, struct client_data *data, uint64_t size)
{
    static _Thread_local char buffer[RECEIVE_BYTES] __attribute__((aligned(4096)));
    uint64_t total = 0;
    ssize_t got;

    while ((got = client_data_receive(data, buffer, sizeof(buffer))) > 0) {
        if (!pattern_matches(buffer, (size_t)got, total)) {
            client_data_close(data);
            return client_fail(session, "wrong bytes near offset %llu", (unsigned long long)total);
        }
        total += (uint64_t)got;
    }

    if (got < 0)
        client_fail(session, "receiving at offset %llu: %s", (unsigned long long)total,
                    client_data_error(data));
    client_data_close(data);
    if (got < 0)
        return -1;
    if (total != size)
        return client_fail(session, "received %llu bytes, expected %llu", (unsigned long long)total,
                           (unsigned long long)size);
    return 0;
}

int load_send_file(int fd, int file, uint64_t size)
{
    off_t offset = 0;

    while ((uint64_t)offset < size) {
        ssize_t sent = sendfile(fd, file, &offset, size - (uint64_t)offset);

        if (sent < 0)
            return -errno;
        if (sent == 0)
            return -ENODATA;
    }
    return 0;
}
