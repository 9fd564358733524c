/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/transfer.h"

#include "ftp/ascii.h"
#include "server/messages.h"
#include "server/worker/transfer_run.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    BUFFER_BYTES = 256 * 1024,    /* block for copying */
    PIPE_BYTES = 1024 * 1024,     /* most that one splice moves */
    UNSENT_BYTES = 32 * 1024,     /* that the kernel may hold beyond what the network has taken */
    SENDFILE_BYTES = 1024 * 1024, /* a call: `moved` advances this often */
    RATE_STEPS = 20,              /* blocks a second when a rate is set */
    STREAM_BYTES = 128 * 1024,    /* of a growing listing, read at once and given back */
    STREAM_NAP_NS = 500 * 1000,   /* until there is more of it */
    NAP_NS = 50 * 1000 * 1000,    /* how long a limited transfer may be deaf to an abort */
};

struct transfer *transfer_new(enum transfer_kind kind)
{
    struct transfer *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->kind = kind;
    t->file = t->data = -1;
    pthread_mutex_init(&t->data_lock, NULL);
    return t;
}

static void close_data(struct transfer *t)
{
    pthread_mutex_lock(&t->data_lock);
    int fd = t->data;
    t->data = -1;
    pthread_mutex_unlock(&t->data_lock);
    if (fd >= 0)
        close(fd);
}

void transfer_free(struct transfer **transfer)
{
    struct transfer *t = *transfer;
    if (!t)
        return;
    *transfer = NULL;
    if (t->file >= 0)
        close(t->file);
    close_data(t);
    pthread_mutex_destroy(&t->data_lock);
    free(t->memory);
    free(t->path);
    free(t->shown);
    free(t);
}

/* --- ends ------------------------------------------------------------------------------------------- */

/* Notes how it ended, if nothing was noted before. Always false, so that a step can return it. */
static bool stop(struct transfer *t, enum transfer_result result, int error)
{
    if (t->result == TRANSFER_DONE) {
        t->result = atomic_load(&t->aborted) ? TRANSFER_ABORTED : result;
        t->error = error;
    }
    return false;
}

/* A blocking socket with a time limit answers EAGAIN when nothing moved for that long. */
static bool stop_network(struct transfer *t, int error)
{
    return stop(t, error == EAGAIN ? TRANSFER_STALLED : TRANSFER_NETWORK, error);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- rate: sleeps until `bytes` since `began` are due ------------------------------------------------- */

struct pace {
    uint64_t rate, bytes;
    double began;
};

static size_t pace_block(const struct pace *p, size_t most)
{
    uint64_t step = p->rate / RATE_STEPS + 1;
    return p->rate > 0 && step < most ? (size_t)step : most;
}

static bool pace_wait(struct transfer *t, struct pace *p, size_t moved)
{
    atomic_fetch_add_explicit(&t->moved, moved, memory_order_relaxed);
    p->bytes += moved;
    while (p->rate > 0 && !atomic_load_explicit(&t->aborted, memory_order_relaxed)) {
        double wait = p->began + (double)p->bytes / (double)p->rate - now();
        if (wait <= 0)
            break;
        long ns = wait * 1e9 > NAP_NS ? NAP_NS : (long)(wait * 1e9);
        nanosleep(&(struct timespec){0, ns}, NULL);
    }
    return !atomic_load_explicit(&t->aborted, memory_order_relaxed) || stop(t, TRANSFER_ABORTED, ECANCELED);
}

/*
 * The kernel's time limit is for one wait inside a call, of which sendfile makes up to three before it says
 * so. So a sending call has an eighth of stall_timeout; one that ran into it is followed by a wait for the
 * rest.
 */
static int stall_share_ms(const struct transfer *t)
{
    return (int)(t->stall_timeout * 1000 / 8);
}

/* After a call that sent less than it should: has nothing moved for stall_timeout? Waits to find out. */
static bool has_stalled(const struct transfer *t)
{
    struct pollfd room = {.fd = t->data, .events = POLLOUT};
    return t->stall_timeout > 0 && poll(&room, 1, (int)t->stall_timeout * 1000 - stall_share_ms(t)) == 0;
}

/* --- steps ------------------------------------------------------------------------------------------ */

static bool send_all(struct transfer *t, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(t->data, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return stop_network(t, errno);
        if (n < (ssize_t)len && has_stalled(t))
            return stop_network(t, EAGAIN);
        if (n < 0)
            continue;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_all(struct transfer *t, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(t->file, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return stop(t, TRANSFER_FILE, errno);
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Blocks of memory for the paths that copy; false: none to be had. */
static bool want_buffers(struct transfer *t, struct transfer_tools *tools)
{
    if (!tools->buffer)
        tools->buffer = malloc(BUFFER_BYTES);
    if (!tools->converted)
        tools->converted = malloc(2 * BUFFER_BYTES);
    return (tools->buffer && tools->converted) || stop(t, TRANSFER_FILE, ENOMEM);
}

static void send_memory(struct transfer *t, struct pace *pace)
{
    size_t done = 0;
    while (done < t->memory_len) {
        size_t left = t->memory_len - done, block = pace_block(pace, left);
        if (!send_all(t, t->memory + done, block) || !pace_wait(t, pace, block))
            return;
        done += block;
    }
}

static void send_binary(struct transfer *t, struct pace *pace)
{
    for (;;) {
        double began = now();
        size_t block = pace_block(pace, SENDFILE_BYTES);
        ssize_t n = sendfile(t->data, t->file, NULL, block);
        if (n == 0)
            return;
        bool timed_out = (n < 0 && errno == EAGAIN) ||
                         (n > 0 && (size_t)n < block && (now() - began) * 1000 >= stall_share_ms(t));
        if (timed_out && has_stalled(t)) {
            stop_network(t, EAGAIN);
            return;
        }
        if (n < 0 && (errno == EINTR || timed_out))
            continue;
        if (n < 0) {
            /* sendfile does not say which side failed; a file that cannot be read is the rarer case */
            if (errno == EIO || errno == EINVAL || errno == ENOMEM || errno == ESTALE)
                stop(t, TRANSFER_FILE, errno);
            else
                stop_network(t, errno);
            return;
        }
        if (!pace_wait(t, pace, (size_t)n))
            return;
    }
}

/* Until there may be more of a growing listing. */
static bool stream_nap(struct transfer *t)
{
    nanosleep(&(struct timespec){0, STREAM_NAP_NS}, NULL);
    return !atomic_load_explicit(&t->aborted, memory_order_relaxed) || stop(t, TRANSFER_ABORTED, ECANCELED);
}

/*
 * A listing that the broker may still be writing. What was read is given back, so that memory holds only what
 * the client has yet to take. At the end of what is there the seals, looked at before, say whether more is to
 * come; a broker that dies leaves none, and the loop aborts the transfer then.
 *
 * Not with sendfile: a hole clears in place the part of a page (or of a larger folio) that it covers, and
 * that page may still be on its way.
 */
static void send_streamed(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    off_t at = 0;
    if (!want_buffers(t, tools))
        return;
    for (;;) {
        int seals = fcntl(t->file, F_GET_SEALS);
        ssize_t n = seals < 0 ? -1 : pread(t->file, tools->buffer, pace_block(pace, STREAM_BYTES), at);
        bool is_broken = n == 0 && (seals & LISTING_BROKEN);
        if (n < 0 || is_broken)
            stop(t, TRANSFER_FILE, is_broken ? EIO : errno);
        if (n < 0 || (n == 0 && (seals & (LISTING_WHOLE | LISTING_BROKEN))))
            return;
        if (n > 0)
            (void)fallocate(t->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n);
        at += n;
        bool go_on =
            n == 0 ? stream_nap(t) : send_all(t, tools->buffer, (size_t)n) && pace_wait(t, pace, (size_t)n);
        if (!go_on)
            return;
    }
}

static void send_ascii(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    struct ftp_ascii ascii = {false};
    if (!want_buffers(t, tools))
        return;
    for (;;) {
        ssize_t n = read(t->file, tools->buffer, pace_block(pace, BUFFER_BYTES));
        if (n == 0)
            return;
        if (n < 0) {
            stop(t, TRANSFER_FILE, errno);
            return;
        }
        size_t len = ftp_ascii_to_wire(&ascii, tools->buffer, (size_t)n, tools->converted);
        if (!send_all(t, tools->converted, len) || !pace_wait(t, pace, len))
            return;
    }
}

/* --- receiving -------------------------------------------------------------------------------------- */

/* May len more bytes be stored? Takes them from the quota, or what is left of it: returns how many. */
static size_t charge(struct transfer *t, size_t len)
{
    if (!t->quota)
        return len;
    long long cost = (long long)len > t->quota_credit ? (long long)len - t->quota_credit : 0;
    long long left = atomic_fetch_sub(t->quota, cost) - cost;
    if (left < 0) {
        long long refund = -left < cost ? -left : cost;
        atomic_fetch_add(t->quota, refund);
        cost -= refund;
        len -= (size_t)refund;
    }
    t->quota_credit -= (long long)len - cost;
    t->charged += cost;
    return len;
}

static bool store(struct transfer *t, const char *bytes, size_t len)
{
    size_t may = charge(t, len);
    return write_all(t, bytes, may) && (may == len || stop(t, TRANSFER_QUOTA, EDQUOT));
}

/* One block from the channel. 0: the end, or a failure that is noted. */
static size_t receive(struct transfer *t, char *bytes, size_t len)
{
    ssize_t n;
    do
        n = recv(t->data, bytes, len, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        stop_network(t, errno);
    return n > 0 ? (size_t)n : 0;
}

static void receive_copying(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    size_t n;
    if (!want_buffers(t, tools))
        return;
    while ((n = receive(t, tools->buffer, pace_block(pace, BUFFER_BYTES))) > 0) {
        if (!store(t, tools->buffer, n) || !pace_wait(t, pace, n))
            return;
    }
}

static void receive_ascii(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    struct ftp_ascii ascii = {false};
    size_t n, len;
    if (!want_buffers(t, tools))
        return;
    while ((n = receive(t, tools->buffer, pace_block(pace, BUFFER_BYTES))) > 0) {
        len = ftp_ascii_from_wire(&ascii, tools->buffer, n, tools->converted);
        if (!store(t, tools->converted, len) || !pace_wait(t, pace, n))
            return;
    }
    len = ftp_ascii_from_wire_end(&ascii, tools->converted);
    if (t->result == TRANSFER_DONE)
        store(t, tools->converted, len);
}

/*
 * The kernel lets one user have 16,384 pages of pipe (fs.pipe-user-pages-soft) and makes further pipes
 * uselessly small, so the first uploads get large ones, more get smaller ones, and the rest copy.
 */
static int pipe_size(unsigned others)
{
    static const struct {
        unsigned count;
        int bytes;
    } sizes[] = {{32, 1024 * 1024}, {96, 256 * 1024}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (others < sizes[i].count)
            return sizes[i].bytes;
        others -= sizes[i].count;
    }
    return 0;
}

static atomic_uint pipes;

static bool want_pipe(struct transfer_tools *tools)
{
    if (tools->pipe[0] >= 0)
        return true;
    int size = pipe_size(atomic_fetch_add(&pipes, 1));
    if (size == 0 || pipe2(tools->pipe, O_CLOEXEC) < 0) {
        atomic_fetch_sub(&pipes, 1);
        return false;
    }
    (void)fcntl(tools->pipe[0], F_SETPIPE_SZ, size); /* smaller is slower, not wrong */
    return true;
}

/* What a failed transfer left in the pipe must not get into the next one's file. */
static void drop_pipe(struct transfer_tools *tools)
{
    if (tools->pipe[0] < 0)
        return;
    for (int i = 0; i < 2; i++) {
        close(tools->pipe[i]);
        tools->pipe[i] = -1;
    }
    atomic_fetch_sub(&pipes, 1);
}

/* Pipe to file. False: failed and noted. A file system without splice gets its bytes by way of a buffer. */
static bool empty_pipe(struct transfer *t, struct transfer_tools *tools, size_t len)
{
    while (len > 0) {
        ssize_t n = splice(tools->pipe[0], NULL, t->file, NULL, len, SPLICE_F_MOVE);
        if (n < 0 && errno == EINVAL) {
            n = want_buffers(t, tools)
                    ? read(tools->pipe[0], tools->buffer, len < BUFFER_BYTES ? len : BUFFER_BYTES)
                    : -1;
            if (n > 0 && !write_all(t, tools->buffer, (size_t)n))
                return false;
        }
        if (n <= 0 && errno != EINTR)
            return stop(t, TRANSFER_FILE, n < 0 ? errno : EIO);
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Channel to pipe to file, without a copy to user space. */
static void receive_splicing(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    for (;;) {
        ssize_t n = splice(t->data, NULL, tools->pipe[1], NULL, pace_block(pace, PIPE_BYTES),
                           SPLICE_F_MOVE | SPLICE_F_MORE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            stop_network(t, errno);
        if (n <= 0)
            return;
        size_t may = charge(t, (size_t)n);
        bool stored = empty_pipe(t, tools, may) && (may == (size_t)n || stop(t, TRANSFER_QUOTA, EDQUOT));
        if (!stored)
            drop_pipe(tools);
        if (!stored || !pace_wait(t, pace, (size_t)n))
            return;
    }
}

void transfer_tools_fini(struct transfer_tools *tools)
{
    drop_pipe(tools);
    free(tools->buffer);
    free(tools->converted);
}

/* --- hashing ---------------------------------------------------------------------------------------- */

static const char *const hash_names[] = {"SHA-256", "SHA-512", "CRC32"};

const char *hash_name(unsigned index)
{
    return index < sizeof(hash_names) / sizeof(hash_names[0]) ? hash_names[index] : NULL;
}

static const char *const openssl_names[] = {"SHA256", "SHA512", NULL}; /* as hash_names; NULL: zlib's */

void transfer_prepare(void)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    for (unsigned i = 0; openssl_names[i]; i++)
        (void)EVP_Digest("", 0, digest, NULL, EVP_get_digestbyname(openssl_names[i]), NULL);
}

static bool hash_blocks(struct transfer *t, char *buffer, EVP_MD_CTX *context, unsigned long *crc)
{
    for (;;) {
        ssize_t n = read(t->file, buffer, BUFFER_BYTES);
        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return stop(t, TRANSFER_FILE, errno);
        if (context)
            EVP_DigestUpdate(context, buffer, (size_t)n);
        else
            *crc = crc32(*crc, (const Bytef *)buffer, (uInt)n);
        atomic_fetch_add_explicit(&t->moved, (unsigned long long)n, memory_order_relaxed);
        if (atomic_load_explicit(&t->aborted, memory_order_relaxed))
            return stop(t, TRANSFER_ABORTED, ECANCELED);
    }
}

static void hash_file(struct transfer *t, struct transfer_tools *tools)
{
    const EVP_MD *algorithm = openssl_names[t->hash] ? EVP_get_digestbyname(openssl_names[t->hash]) : NULL;
    EVP_MD_CTX *context = algorithm ? EVP_MD_CTX_new() : NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    unsigned long crc = crc32(0, NULL, 0);
    if (!want_buffers(t, tools))
        return;
    if (openssl_names[t->hash] && (!context || !EVP_DigestInit_ex(context, algorithm, NULL)))
        stop(t, TRANSFER_FILE, ENOMEM);
    else if (hash_blocks(t, tools->buffer, context, &crc)) {
        if (context)
            EVP_DigestFinal_ex(context, digest, &len);
        for (unsigned i = 0; i < len; i++)
            snprintf(t->digest + (size_t)(2 * i), 3, "%02x", digest[i]);
        if (!context)
            snprintf(t->digest, sizeof(t->digest), "%08lx", crc);
    }
    EVP_MD_CTX_free(context);
}

/* --- the whole of one ------------------------------------------------------------------------------- */

/*
 * Few bytes waiting unsent keep what is sent and what is received next to each other in the processor's
 * cache: over loopback that is worth a factor of two (doc/decisions). What is on its way is not limited, so
 * long lines stay full. CORK: whole segments only, until the close; but not where the file may make a pause,
 * which would then be one of 200 ms.
 */
static void tune_sending(const struct transfer *t)
{
    const int unsent = UNSENT_BYTES, on = 1;
    if (t->kind != TRANSFER_SEND || t->data < 0)
        return;
    if (t->streamed) {
        (void)setsockopt(t->data, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return;
    }
    (void)setsockopt(t->data, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    if (t->rate == 0)
        (void)setsockopt(t->data, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

static void limit_stalls(const struct transfer *t)
{
    const int share = stall_share_ms(t);
    const struct timeval whole = {.tv_sec = t->stall_timeout}, part = {share / 1000, share % 1000 * 1000};
    if (t->data < 0 || t->stall_timeout == 0)
        return;
    if (t->kind == TRANSFER_SEND)
        (void)setsockopt(t->data, SOL_SOCKET, SO_SNDTIMEO, &part, sizeof(part));
    else
        (void)setsockopt(t->data, SOL_SOCKET, SO_RCVTIMEO, &whole, sizeof(whole));
}

/* An upload counts as whole only when the file system has said so. */
static void close_file(struct transfer *t)
{
    if (t->file < 0)
        return;
    if (t->kind == TRANSFER_RECEIVE && t->sync && t->result == TRANSFER_DONE && fsync(t->file) < 0)
        stop(t, TRANSFER_FILE, errno);
    if (close(t->file) < 0 && t->kind == TRANSFER_RECEIVE)
        stop(t, TRANSFER_FILE, errno);
    t->file = -1;
}

void transfer_run(struct transfer *t, struct transfer_tools *tools)
{
    struct pace pace = {.rate = t->rate, .began = now()};
    limit_stalls(t);
    tune_sending(t);
    if (t->kind == TRANSFER_HASH)
        hash_file(t, tools);
    else if (t->kind == TRANSFER_SEND && t->memory)
        send_memory(t, &pace);
    else if (t->kind == TRANSFER_SEND && t->streamed)
        send_streamed(t, tools, &pace);
    else if (t->kind == TRANSFER_SEND)
        (t->ascii) ? send_ascii(t, tools, &pace) : send_binary(t, &pace);
    else if (t->ascii)
        receive_ascii(t, tools, &pace);
    else if (want_pipe(tools))
        receive_splicing(t, tools, &pace);
    else
        receive_copying(t, tools, &pace);
    /* An abort shuts the channel down, which reads like its end. */
    if (t->kind == TRANSFER_RECEIVE && atomic_load(&t->aborted))
        stop(t, TRANSFER_ABORTED, ECANCELED);
    close_file(t);
    close_data(t);
}
