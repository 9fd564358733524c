/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/transfer.h"

#include "ftp/ascii.h"
#include "server/messages.h"
#include "tls/channel.h"

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
    ASCII_BYTES = 64 * 1024,      /* block for converting */
    PIPE_BYTES = 1024 * 1024,     /* most that one splice moves */
    UNSENT_BYTES = 32 * 1024,     /* that the kernel may hold beyond what the network has taken */
    SENDFILE_BYTES = 1024 * 1024, /* a call: `moved` advances this often */
    RATE_STEPS = 20,              /* blocks a second when a rate is set */
    STREAM_BYTES = 128 * 1024,    /* of a growing listing, read at once and given back */
    STREAM_NAP_NS = 500 * 1000,   /* until there is more of it */
    READ_AHEAD_BYTES = 64 * 1024, /* of TLS records */
    UNREAD_READS = 4,             /* after the end: more than any close_notify takes */
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
    tls_channel_free(&t->tls);
    close_data(t);
    pthread_mutex_destroy(&t->data_lock);
    free(t->memory);
    free(t->path);
    free(t->shown);
    free(t);
}

/* --- ends -------------------------------------------------------------------------------------------- */

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

/* Does the kernel do TLS, so that files are sent as if there were none? */
static bool is_in_kernel(const struct transfer *t)
{
    return t->tls && tls_channel_in_kernel(t->tls);
}

/* --- rate: sleeps until `bytes` since `began` are due ------------------------------------------------ */

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
        double ns = wait * 1e9, most = NAP_NS;
        nanosleep(&(struct timespec){0, (long)(ns < most ? ns : most)}, NULL);
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

/* --- steps ------------------------------------------------------------------------------------------- */

/* All bytes again, until TLS has taken them all, as it asks for. */
static bool send_private(struct transfer *t, const char *bytes, size_t len)
{
    ssize_t n;
    while ((n = tls_channel_write(t->tls, bytes, len)) < 0) {
        if (n != -EAGAIN || has_stalled(t))
            return stop_network(t, (int)-n);
    }
    return true;
}

static bool send_all(struct transfer *t, const char *bytes, size_t len)
{
    if (t->tls)
        return send_private(t, bytes, len);
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
        t->unwritten -= n;
    }
    return true;
}

/* A block of memory for the paths that copy; false: none to be had. */
static bool want_buffer(struct transfer *t, struct transfer_tools *tools)
{
    if (!tools->buffer)
        tools->buffer = malloc(BUFFER_BYTES);
    return tools->buffer || stop(t, TRANSFER_FILE, ENOMEM);
}

/* And one for what becomes of it in ASCII mode. */
static bool want_buffers(struct transfer *t, struct transfer_tools *tools)
{
    if (!tools->converted)
        tools->converted = malloc((size_t)(2 * ASCII_BYTES));
    return want_buffer(t, tools) && (tools->converted || stop(t, TRANSFER_FILE, ENOMEM));
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

/* A file that somebody made shorter meanwhile was not sent whole, though its end was reached. */
static void check_whole(struct transfer *t, uint64_t sent)
{
    if (t->offset < t->size && sent < t->size - t->offset)
        stop(t, TRANSFER_FILE, ENODATA);
}

/* Read and sent by way of a buffer. */
static void send_copying(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    uint64_t sent = 0;
    ssize_t n;
    if (!want_buffer(t, tools))
        return;
    while ((n = read(t->file, tools->buffer, pace_block(pace, BUFFER_BYTES))) > 0) {
        if (!send_all(t, tools->buffer, (size_t)n) || !pace_wait(t, pace, (size_t)n))
            return;
        sent += (uint64_t)n;
    }
    if (n < 0)
        stop(t, TRANSFER_FILE, errno);
    else
        check_whole(t, sent);
}

/* Refused as a call, by a seccomp profile or the kernel: there is another way. */
static bool is_refused(ssize_t n)
{
    return n < 0 && (errno == ENOSYS || errno == EPERM);
}

static void send_binary(struct transfer *t, struct transfer_tools *tools, struct pace *pace)
{
    uint64_t sent = 0;
    for (;;) {
        double began = now();
        size_t block = pace_block(pace, SENDFILE_BYTES);
        ssize_t n = sendfile(t->data, t->file, NULL, block);
        if (n == 0) {
            check_whole(t, sent);
            return;
        }
        if (is_refused(n) || (n < 0 && errno == EINVAL && sent == 0)) { /* EINVAL: not from such a file */
            send_copying(t, tools, pace);
            return;
        }
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
        sent += (uint64_t)n;
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
    if (!want_buffer(t, tools))
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
            /* else the memory goes back later, with the listing */
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
    uint64_t sent = 0;
    if (!want_buffers(t, tools))
        return;
    for (;;) {
        ssize_t n = read(t->file, tools->buffer, pace_block(pace, ASCII_BYTES));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            stop(t, TRANSFER_FILE, errno);
        else if (n == 0)
            check_whole(t, sent);
        if (n <= 0)
            return;
        sent += (uint64_t)n;
        size_t len = ftp_ascii_to_wire(&ascii, tools->buffer, (size_t)n, tools->converted);
        if (!send_all(t, tools->converted, len) || !pace_wait(t, pace, len))
            return;
    }
}

/* --- receiving --------------------------------------------------------------------------------------- */

/* May len more bytes be stored? Adds them to what the account stores, or as many as it may: returns how many. */
static size_t charge(struct transfer *t, size_t len)
{
    if (!t->quota)
        return len;
    long long cost = (long long)len > t->quota_credit ? (long long)len - t->quota_credit : 0;
    long long over = atomic_fetch_add(t->quota, cost) + cost - t->quota_limit;
    long long refund = over <= 0 ? 0 : over < cost ? over : cost;
    atomic_fetch_sub(t->quota, refund);
    cost -= refund;
    len -= (size_t)refund;
    t->credited += (long long)len - cost;
    t->quota_credit -= (long long)len - cost;
    t->paid += cost;
    t->unwritten += (long long)len;
    return len;
}

/* A full disk took less than was charged: credit is used first, so that what was paid last is given back first. */
static void refund_unwritten(struct transfer *t)
{
    if (!t->quota)
        return;
    long long paid = t->unwritten < t->paid ? t->unwritten : t->paid;
    atomic_fetch_sub(t->quota, paid);
    t->paid -= paid;
    t->credited -= t->unwritten - paid;
    t->unwritten = 0;
}

static bool store(struct transfer *t, const char *bytes, size_t len)
{
    size_t may = charge(t, len);
    return write_all(t, bytes, may) && (may == len || stop(t, TRANSFER_QUOTA, EDQUOT));
}

/* TLS ended without saying so: anybody on the way could have done that, and what came may not be all. */
static void end_bare(struct transfer *t)
{
    bool is_in_record = tls_channel_has_input(t->tls);
    if (t->strict_eof || is_in_record)
        stop(t, TRANSFER_CUT_OFF, EPIPE);
    else
        t->ended_bare = true;
}

/* As much as there is: records are shorter than blocks. */
static size_t receive_private(struct transfer *t, char *bytes, size_t len)
{
    size_t got = 0;
    ssize_t n = 0;
    if (t->has_ended)
        return 0;
    do {
        n = tls_channel_read(t->tls, bytes + got, len - got);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 && got < len && tls_channel_has_input(t->tls));
    t->has_ended = n <= 0; /* what came before its end is stored in any case */
    if (n == -EPIPE)
        end_bare(t);
    else if (n == -EPROTO)
        stop(t, TRANSFER_CUT_OFF, EPROTO);
    else if (n < 0)
        stop_network(t, (int)-n);
    return got;
}

/* One block from the channel. 0: the end, or a failure that is noted. */
static size_t receive(struct transfer *t, char *bytes, size_t len)
{
    ssize_t n;
    if (t->tls)
        return receive_private(t, bytes, len);
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
    if (!want_buffer(t, tools))
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
    while ((n = receive(t, tools->buffer, pace_block(pace, ASCII_BYTES))) > 0) {
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
        if (n > 0)
            t->unwritten -= n;
        if (n < 0 && errno == EINVAL) {
            n = want_buffer(t, tools)
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
        if (is_refused(n)) {
            receive_copying(t, tools, pace);
            return;
        }
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

/* --- hashing ----------------------------------------------------------------------------------------- */

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
        /* loads what it needs from files; if that fails, hash_file says so */
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
        if (context && EVP_DigestUpdate(context, buffer, (size_t)n) != 1)
            return stop(t, TRANSFER_FILE, ENOMEM);
        if (!context)
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
    if (!want_buffer(t, tools))
        return;
    if (openssl_names[t->hash] && (!context || !EVP_DigestInit_ex(context, algorithm, NULL)))
        stop(t, TRANSFER_FILE, ENOMEM);
    else if (hash_blocks(t, tools->buffer, context, &crc)) {
        if (context && EVP_DigestFinal_ex(context, digest, &len) != 1)
            stop(t, TRANSFER_FILE, ENOMEM);
        for (unsigned i = 0; i < len; i++)
            snprintf(t->digest + (size_t)(2 * i), 3, "%02x", digest[i]);
        if (!context)
            snprintf(t->digest, sizeof(t->digest), "%08lx", crc);
    }
    EVP_MD_CTX_free(context);
}

/* --- the whole of one -------------------------------------------------------------------------------- */

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
    if (t->tls) { /* large writes by themselves; a record that waits for more would wait for itself */
        (void)setsockopt(t->data, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only how fast */
        return;
    }
    /* None of these changes what is sent, only how fast. */
    (void)setsockopt(t->data, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    if (t->streamed)
        (void)setsockopt(t->data, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only how fast */
    else if (t->rate == 0)
        (void)setsockopt(t->data, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)); /* only how fast */
}

/* False: nobody would notice a client that stands still, so nothing is moved. */
static bool limit_stalls(struct transfer *t)
{
    const int share = stall_share_ms(t);
    const struct timeval whole = {.tv_sec = t->stall_timeout}, part = {share / 1000, share % 1000 * 1000};
    if (t->data < 0 || t->stall_timeout == 0)
        return true;
    /* TLS answers some of what it reads (KeyUpdate): that, too, must not wait for ever. */
    if (t->tls && setsockopt(t->data, SOL_SOCKET, SO_SNDTIMEO, &part, sizeof(part)) < 0)
        return stop(t, TRANSFER_NETWORK, errno);
    int r = t->kind == TRANSFER_SEND ? setsockopt(t->data, SOL_SOCKET, SO_SNDTIMEO, &part, sizeof(part))
                                     : setsockopt(t->data, SOL_SOCKET, SO_RCVTIMEO, &whole, sizeof(whole));
    return r == 0 || stop(t, TRANSFER_NETWORK, errno);
}

/*
 * All was sent. A client that reads 150 and 226 at once may take the transfer for one that never began (aria2 waits for ever
 * then), so it has a moment to come to the channel's end and close it. One that closes without having read it all says so
 * by a reset.
 */
static void await_close(struct transfer *t)
{
    struct pollfd closed = {.fd = t->data, .events = POLLIN};
    if (t->kind != TRANSFER_SEND || t->result != TRANSFER_DONE || t->data < 0 ||
        (!is_in_kernel(t) && shutdown(t->data, SHUT_WR) < 0))
        return;
    if (poll(&closed, 1, ENDING_MS) == 1 && transfer_was_reset(t))
        stop_network(t, ECONNRESET);
}

bool transfer_was_reset(const struct transfer *t)
{
    char unread[512]; /* under TLS its close_notify: left unread, our close would become a reset */
    ssize_t n = 1;
    for (int i = 0; n > 0 && i < UNREAD_READS; i++) /* who sends on and on may have his reset */
        n = recv(t->data, unread, sizeof(unread), MSG_DONTWAIT);
    return n < 0 && errno == ECONNRESET;
}

/* The other side's close_notify, which comes when it has read all. */
static void await_close_notify(struct transfer *t)
{
    char byte;
    const struct timeval whole = {.tv_sec = t->stall_timeout};
    if (setsockopt(t->data, SOL_SOCKET, SO_RCVTIMEO, &whole, sizeof(whole)) < 0) {
        stop_network(t, errno);
        return;
    }
    ssize_t n = tls_channel_read(t->tls, &byte, 1);
    if (n != 0)
        stop(t, n == -EAGAIN ? TRANSFER_STALLED : TRANSFER_CUT_OFF, n < 0 ? (int)-n : EPROTO);
}

/*
 * The kernel takes bytes before it has room for the record that they become, and then a call is a success though its time ran out.
 * The last one waits for all before it, so it gets all the time there is, and must not need it. Errors met on the way are the
 * socket's.
 */
static int close_in_kernel(struct transfer *t)
{
    const struct timeval whole = {.tv_sec = t->stall_timeout};
    double began = now();
    int error = 0;
    socklen_t len = sizeof(error);
    if (setsockopt(t->data, SOL_SOCKET, SO_SNDTIMEO, &whole, sizeof(whole)) < 0)
        return -errno;
    int r = tls_channel_close(t->tls);
    if (r < 0)
        return r;
    if (getsockopt(t->data, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0)
        return error != 0 ? -error : -errno;
    return t->stall_timeout > 0 && now() - began >= t->stall_timeout ? -EAGAIN : 0;
}

/* Says that this was all: whoever ends the connection without that does not have the keys. */
static void say_end(struct transfer *t)
{
    int r = 0;
    bool is_whole = t->result == TRANSFER_DONE;
    if (!t->tls || t->data < 0 || !is_whole)
        return; /* of a broken off transfer nobody is to believe that it is whole */
    if (is_in_kernel(t))
        r = close_in_kernel(t);
    else
        while ((r = tls_channel_close(t->tls)) == -EAGAIN && !has_stalled(t))
            ;
    if (t->kind == TRANSFER_SEND && r < 0)
        stop_network(t, -r);
    else if (t->kind == TRANSFER_SEND && t->strict_close)
        await_close_notify(t);
}

/* What one write to the network, or one read, is worth. */
static bool tune_private(struct transfer *t)
{
    if (!t->tls)
        return true;
    if (t->kind == TRANSFER_RECEIVE)
        tls_channel_read_ahead(t->tls, READ_AHEAD_BYTES);
    bool can_wait =
        t->kind == TRANSFER_SEND && t->rate == 0 && !t->streamed && !t->memory && !is_in_kernel(t);
    return !can_wait || tls_channel_gather(t->tls, BUFFER_BYTES) || stop(t, TRANSFER_FILE, ENOMEM);
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
    tune_sending(t);
    if (!limit_stalls(t) || !tune_private(t))
        ; /* that is how it ended */
    else if (t->kind == TRANSFER_HASH)
        hash_file(t, tools);
    else if (t->kind == TRANSFER_SEND && t->memory)
        send_memory(t, &pace);
    else if (t->kind == TRANSFER_SEND && t->streamed)
        send_streamed(t, tools, &pace);
    else if (t->kind == TRANSFER_SEND && t->ascii)
        send_ascii(t, tools, &pace);
    else if (t->kind == TRANSFER_SEND)
        (t->tls && !is_in_kernel(t)) ? send_copying(t, tools, &pace) : send_binary(t, tools, &pace);
    else if (t->ascii)
        receive_ascii(t, tools, &pace);
    else if (!t->tls && want_pipe(tools))
        receive_splicing(t, tools, &pace);
    else
        receive_copying(t, tools, &pace);
    /* An abort shuts the channel down, which reads like its end. */
    if (t->kind == TRANSFER_RECEIVE && atomic_load(&t->aborted))
        stop(t, TRANSFER_ABORTED, ECANCELED);
    refund_unwritten(t);
    close_file(t);
    say_end(t);
    await_close(t);
    close_data(t);
}
