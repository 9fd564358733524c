/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * RETR, STOR, LIST and their kin. A transfer goes through four phases: OPENING, while the broker opens the
 * file or writes the listing; CONNECTING, while the data channel comes about; MOVING, while bytes flow (in a
 * thread, or in one send if they are few); CLOSING, while the broker makes an upload final. ABOR, the
 * client's end and the broker's death can meet it in each.
 */
#include "server/link.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/file_error.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"

#include "ftp/ascii.h"
#include "ftp/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the end of a transfer command
 * ------------------------------------------------------------------------------------ */

static void transfer_over(struct session *s)
{
    struct transfer *t = s->transfer;
    bool abort_asked = t->abort_asked;
    s->transfer = NULL;
    transfer_free(&t);
    data_reset(s);
    session_resume(s);
    if (abort_asked)
        reply(s, 226, "ABOR successful.");
    if (worker.draining && !s->ended) {
        reply(s, 421, "Service shutting down.");
        session_end(s);
    }
}

void transfer_fail(struct session *s, int code, const char *text)
{
    struct transfer *t = s->transfer;
    if (t->upload != 0)
        identity_drop_upload(s->identity, t->upload, t->made_file);
    log_transfer(s, t, false);
    reply(s, code, "%s", text);
    transfer_over(s);
}

bool transfer_awaits_data(const struct session *s)
{
    return s->transfer && s->transfer->phase == PHASE_CONNECTING;
}

static void reply_send_result(struct session *s, const struct transfer *t)
{
    if (t->result == TRANSFER_DONE)
        reply(s, 226, "%s",
              t->failed_listing ? "Transfer done (but failed to open directory)."
              : t->listing      ? "Directory send OK."
                                : "Transfer complete.");
    else if (t->result == TRANSFER_FILE)
        file_error_reply(s, (uint32_t)t->error, 451, "Failure reading local file.");
    else
        reply(s, 426, "Failure writing network stream.");
}

/* What the moving of bytes itself says, before a broker had its word. */
static void reply_receive_result(struct session *s, const struct transfer *t)
{
    if (t->result == TRANSFER_QUOTA)
        reply(s, 552, "Quota exceeded: you have no room left to store this.");
    else if (t->result == TRANSFER_FILE)
        file_error_reply(s, (uint32_t)t->error, 451, "Failure writing to local file.");
    else
        reply(s, 426, "Failure reading network stream.");
}

static void reply_hash(struct session *s, const struct transfer *t)
{
    unsigned long long bytes = atomic_load(&t->moved);
    if (t->result == TRANSFER_DONE)
        reply(s, 213, "%s %llu-%llu %s %s", hash_name(t->hash), (unsigned long long)t->offset,
              (unsigned long long)t->offset + bytes, t->digest, t->path);
    else
        file_error_reply(s, (uint32_t)t->error, 451, "Failure reading local file.");
}

/* True if one of the ends that all kinds share was answered. */
static bool reply_common_result(struct session *s, const struct transfer *t)
{
    if (t->broker_died)
        file_error_reply(s, EPIPE, 451, "");
    else if (t->result == TRANSFER_ABORTED)
        reply(s, 426, "Transfer aborted. Data connection closed.");
    else if (t->result == TRANSFER_STALLED) {
        reply(s, 421, "Data timeout. Reconnect. Sorry.");
        session_end(s);
    } else
        return false;
    return true;
}

static void on_upload_closed(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    (void)fd;
    bool ok = t->result == TRANSFER_DONE && r->error == 0;
    log_transfer(s, t, ok);
    if (!reply_common_result(s, t)) {
        if (t->result != TRANSFER_DONE)
            reply_receive_result(s, t);
        else if (r->error != 0)
            file_error_reply(s, r->error, 451, "Failure writing to local file.");
        else
            reply(s, 226, "Transfer complete.");
    }
    transfer_over(s);
}

static void close_upload(struct session *s)
{
    struct transfer *t = s->transfer;
    /* A data channel that ends together with its control channel is a client that vanished, not the end of a
     * file. */
    char byte;
    bool vanished = s->fd < 0 || recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    if (vanished && t->result == TRANSFER_DONE) {
        t->result = TRANSFER_NETWORK;
        t->error = ECONNRESET;
    }
    t->phase = PHASE_CLOSING;
    uint32_t flags = t->result == TRANSFER_DONE ? FILE_WHOLE : 0;
    session_ask(s, MSG_FILE_END, &(struct file_request){.upload = t->upload, .flags = flags},
                on_upload_closed);
}

static void conclude(struct session *s)
{
    struct transfer *t = s->transfer;
    if (t->kind == TRANSFER_RECEIVE) {
        close_upload(s);
        return;
    }
    log_transfer(s, t, t->result == TRANSFER_DONE);
    if (t->kind == TRANSFER_HASH && t->result != TRANSFER_ABORTED && !t->broker_died)
        reply_hash(s, t);
    else if (!reply_common_result(s, t))
        reply_send_result(s, t);
    transfer_over(s);
}

void transfer_ended(struct transfer *t)
{
    struct session *s = t->session;
    if (s->ended && t->kind == TRANSFER_RECEIVE && s->identity) {
        /* nobody is left to answer; the broker still learns how it ended */
        identity_drop_upload(s->identity, t->upload, false);
    }
    if (s->ended) {
        log_transfer(s, t, t->result == TRANSFER_DONE && t->kind != TRANSFER_RECEIVE);
        s->transfer = NULL;
        transfer_free(&t);
    } else
        conclude(s);
    session_settle(s);
}

void transfer_cancel(struct session *s)
{
    struct transfer *t = s->transfer;
    if (!t)
        return;
    if (t->running) {
        t->broker_died = !s->ended;
        if (t->broker_died)
            t->upload = 0; /* the next broker knows nothing of it, and may give the number to another */
        transfer_abort(t);
        return;
    }
    if (!s->ended) {
        /* the broker died: OPENING and CLOSING hear of it by their reply */
        if (t->phase == PHASE_CONNECTING) {
            t->upload = 0;
            transfer_fail(s, 451, "The file service ended unexpectedly. Please try again.");
        }
        return;
    }
    if (t->upload != 0 && t->phase == PHASE_CONNECTING)
        identity_drop_upload(s->identity, t->upload, t->made_file);
    if (t->phase == PHASE_CLOSING)
        log_transfer(s, t, t->result == TRANSFER_DONE);
    s->on_reply = NULL;
    s->transfer = NULL;
    transfer_free(&t);
}

void cmd_abor(struct session *s, const char *argument)
{
    struct transfer *t = s->transfer;
    (void)argument;
    if (!t) {
        reply(s, 225, "No transfer to ABOR.");
        return;
    }
    t->abort_asked = true;
    if (t->running)
        transfer_abort(t);
    else if (t->phase == PHASE_OPENING || t->phase == PHASE_CONNECTING) {
        s->on_reply = NULL; /* its broker's answer comes too late: discarded */
        transfer_fail(s, 426, "Transfer aborted. Data connection closed.");
    }
}

/* --- the data channel stands
 * ------------------------------------------------------------------------------------------- */

static void announce(struct session *s, const struct transfer *t)
{
    if (t->listing)
        reply(s, 150, "Here comes the directory listing.");
    else if (t->kind == TRANSFER_SEND)
        reply(s, 150, "Opening %s mode data connection for %s (%llu bytes).", t->ascii ? "ASCII" : "BINARY",
              t->shown, (unsigned long long)t->size);
    else if (t->unique)
        reply(s, 150, "FILE: %s", t->shown); /* RFC 1123 section 4.1.2.9 */
    else
        reply(s, 150, "Ok to send data.");
}

/* Few bytes that the socket takes at once need no thread. True: all sent. */
static bool send_at_once(struct transfer *t)
{
    if (!t->memory || t->rate > 0)
        return false;
    /* MSG_MORE: the last segment waits for the close that follows and takes its FIN along. */
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE;
    ssize_t n = t->memory_len > 0 ? send(t->data, t->memory, t->memory_len, flags) : 0;
    if (n < 0)
        return false; /* the thread meets the same failure and reports it */
    atomic_fetch_add(&t->moved, (unsigned long long)n);
    t->memory_len -= (size_t)n;
    memmove(t->memory, t->memory + n, t->memory_len);
    if (t->memory_len > 0)
        return false;
    close(t->data);
    t->data = -1;
    return true;
}

static void run(struct session *s)
{
    struct transfer *t = s->transfer;
    session_set_timer(s, 0); /* from here on the thread watches for stalls */
    t->phase = PHASE_MOVING;
    t->began = worker_now();
    if (send_at_once(t))
        conclude(s);
    else if (transfer_start(t) < 0)
        transfer_fail(s, 451, "The server can't run another transfer now. Please try again.");
}

void transfer_go(struct session *s, int data_fd)
{
    s->transfer->data = data_fd;
    announce(s, s->transfer);
    run(s);
}

static void connect_data(struct session *s)
{
    s->transfer->phase = PHASE_CONNECTING;
    data_acquire(s);
}

/* --- beginning
 * -----------------------------------------------------------------------------------------------------------
 */

/* A new transfer of the session, waiting. NULL after a reply. restart is used up by it. */
static struct transfer *begin(struct session *s, enum transfer_kind kind, const char *verb,
                              const char *argument)
{
    const struct config *c = session_config(s);
    uint64_t restart = s->restart;
    s->restart = 0;
    if (kind != TRANSFER_HASH && c->ssl_enable &&
        (s->anonymous ? c->force_anon_data_ssl : c->force_local_data_ssl)) {
        reply(s, 522, "Data connections must be encrypted.");
        return NULL;
    }
    if (kind != TRANSFER_HASH && s->data_mode == DATA_NONE) {
        reply(s, 425, "Use PORT or PASV first.");
        return NULL;
    }
    const char *path = session_path(s, argument);
    struct transfer *t = path ? transfer_new(kind) : NULL;
    if (!t || !(t->path = strdup(path)) || !(t->shown = strdup(argument))) {
        if (path)
            reply(s, 451, "The server is out of memory. Please try again.");
        transfer_free(&t);
        return NULL;
    }
    t->session = s;
    t->verb = verb;
    t->offset = restart;
    t->hash = s->hash;
    t->rate = s->grant.rate;
    t->stall_timeout = c->data_connection_timeout;
    t->sync = c->fsync_uploads;
    t->began = worker_now();
    s->transfer = t;
    session_wait_for(s, WAIT_TRANSFER);
    session_set_timer(s, c->data_connection_timeout); /* for the broker to open it */
    return t;
}

/* --- RETR, HASH
 * ------------------------------------------------------------------------------------------------------------
 */

static bool take_content(struct transfer *t, const struct file_reply *r, int fd)
{
    t->file = fd;
    if (fd >= 0)
        return true;
    size_t cap = t->ascii ? 2 * r->data_len : r->data_len;
    t->memory = malloc(cap > 0 ? cap : 1);
    if (!t->memory)
        return false;
    struct ftp_ascii ascii = {false};
    if (t->ascii)
        t->memory_len = ftp_ascii_to_wire(&ascii, (const char *)r->data, r->data_len, t->memory);
    else if (r->data_len > 0)
        memcpy(t->memory, r->data, t->memory_len = r->data_len);
    return true;
}

static void open_failed(struct session *s, const struct file_reply *r, int code, const char *text)
{
    struct transfer *t = s->transfer;
    log_transfer(s, t, false);
    file_error_reply(s, r->error, code, text);
    transfer_over(s);
}

static void on_read_open(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    if (r->error != 0)
        open_failed(s, r, 550, "Failed to open file.");
    else if (!take_content(t, r, fd))
        transfer_fail(s, 451, "The server is out of memory. Please try again.");
    else {
        t->size = r->size;
        if (t->kind == TRANSFER_HASH)
            run(s);
        else
            connect_data(s);
    }
}

void cmd_retr(struct session *s, const char *argument)
{
    struct transfer *t = begin(s, TRANSFER_SEND, "RETR", argument);
    if (!t)
        return;
    t->ascii = s->ascii && session_config(s)->ascii_download_enable;
    session_ask(s, MSG_FILE_READ,
                &(struct file_request){.path = t->path, .offset = t->offset, .flags = FILE_INLINE},
                on_read_open);
}

void cmd_hash(struct session *s, const char *argument)
{
    struct transfer *t = begin(s, TRANSFER_HASH, "HASH", argument);
    if (t)
        session_ask(s, MSG_FILE_READ, &(struct file_request){.path = t->path, .offset = t->offset},
                    on_read_open);
}

/* --- STOR, APPE, STOU
 * -------------------------------------------------------------------------------------------------------- */

/* The file is there; does the quota allow it? What truncating freed came with the reply. */
static bool admit_upload(struct session *s, struct transfer *t, const struct file_reply *r)
{
    struct identity *i = s->identity;
    bool replaces = (t->flags & FILE_ATOMIC) && r->mode != 0;
    t->made_file = r->files > 0;
    if (!i->counted)
        return true;
    t->quota = &i->bytes_left;
    if (t->offset > 0 && r->size > t->offset)
        t->quota_credit = (long long)(r->size - t->offset);
    if (t->made_file)
        i->files_left--;
    return !t->made_file || replaces || i->files_left >= 0;
}

/* An anonymous upload goes to its new owner before its first byte, as vsftpd does it. */
static void give_away(const struct session *s, int fd)
{
    const struct ipc_message m = {.type = MSG_CHOWN, .id = s->id, .fd = fd};
    if (s->anonymous && session_config(s)->chown_uploads)
        (void)link_send(worker.monitor, &m);
}

static void on_write_open(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    if (r->error != 0) {
        open_failed(s, r, 553, "Could not create file.");
        return;
    }
    t->file = fd;
    t->upload = r->upload;
    give_away(s, fd);
    if (t->unique) {
        char *path = strdup(r->text), *shown = strdup(r->text);
        if (path && shown) {
            free(t->path);
            free(t->shown);
            t->path = path;
            t->shown = shown;
        }
    }
    if (admit_upload(s, t, r)) {
        connect_data(s);
        return;
    }
    t->result = TRANSFER_QUOTA;
    t->phase = PHASE_CLOSING;
    session_ask(s, MSG_FILE_END, &(struct file_request){.upload = t->upload, .flags = FILE_REMOVE},
                on_upload_closed);
}

static void store(struct session *s, const char *verb, const char *argument, uint32_t flags)
{
    const struct config *c = session_config(s);
    struct identity *i = s->identity;
    struct transfer *t = begin(s, TRANSFER_RECEIVE, verb, argument);
    if (!t)
        return;
    t->ascii = s->ascii && c->ascii_upload_enable;
    t->unique = flags & FILE_UNIQUE;
    if (c->atomic_uploads && t->offset == 0 && !(flags & FILE_APPEND))
        flags |= FILE_ATOMIC;
    t->flags = flags;
    if (i->counted && atomic_load(&i->bytes_left) <= 0) {
        transfer_fail(s, 552, "Quota exceeded: you have no room left to store this.");
        return;
    }
    session_ask(
        s, MSG_FILE_WRITE,
        &(struct file_request){.path = t->path, .offset = t->offset, .flags = flags, .umask = s->umask},
        on_write_open);
}

void cmd_stor(struct session *s, const char *argument)
{
    store(s, "STOR", argument, 0);
}

void cmd_appe(struct session *s, const char *argument)
{
    s->restart = 0;
    store(s, "APPE", argument, FILE_APPEND);
}

void cmd_stou(struct session *s, const char *argument)
{
    s->restart = 0;
    store(s, "STOU", *argument ? argument : "STOU", FILE_UNIQUE);
}

/* A whole number of bytes, no sign, no blank, no more than a file can have (proftpd#2286). */
void cmd_rest(struct session *s, const char *argument)
{
    char *end;
    errno = 0;
    unsigned long long offset = strtoull(argument, &end, 10);
    if (strspn(argument, "0123456789") != strlen(argument) || errno != 0 || offset > INT64_MAX) {
        reply(s, 501, "REST needs a number of bytes.");
        return;
    }
    s->restart = offset;
    reply(s, 350, "Restart position accepted (%llu).", offset);
}

/* --- LIST, NLST, MLSD
 * ----------------------------------------------------------------------------------------------------------
 */

/* "-aR dir/pattern*": options of `ls` that clients send, then a path whose last part may be a pattern. */
static const char *list_options(const struct session *s, const char *argument, uint32_t *flags)
{
    while (*argument == '-' && argument[1] != '\0') {
        size_t len = strcspn(argument, " ");
        if (memchr(argument, 'a', len))
            *flags |= FILE_LIST_ALL;
        if (memchr(argument, 'd', len))
            *flags |= FILE_LIST_SELF;
        if (memchr(argument, 'R', len) && session_config(s)->ls_recurse_enable)
            *flags |= FILE_LIST_RECURSIVE;
        argument += len;
        argument += strspn(argument, " ");
    }
    return argument;
}

void list_request(struct session *s, const char *argument, enum file_list_format format,
                  file_reply_fn *on_reply)
{
    struct file_request request = {
        .mode = format, .offset = s->facts, .flags = s->transfer ? FILE_STREAM : 0};
    char folder[FILE_PATH_MAX], pattern[FILE_PATH_MAX] = "";
    if (format != LIST_FACTS)
        argument = list_options(s, argument, &request.flags);
    const char *path = session_path(s, argument);
    if (!path)
        return;
    if (format != LIST_FACTS && ftp_glob_is_pattern(argument)) {
        const char *slash = strrchr(path, '/');
        size_t len = slash > path ? (size_t)(slash - path) : 1;
        memcpy(folder, path, len);
        folder[len] = '\0';
        strcpy(pattern, slash + 1);
        path = folder;
    }
    request.path = path;
    request.path2 = pattern;
    session_ask(s, MSG_FILE_LIST, &request, on_reply);
}

static void on_listing(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    bool vsftpd_way = r->error == ENOENT || r->error == EACCES || r->error == ENOTDIR;
    if (r->error != 0 && !(t->lenient && vsftpd_way)) {
        open_failed(s, r, 550, "Failed to open directory.");
        return;
    }
    t->failed_listing = r->error != 0;
    t->streamed = fd >= 0;
    if (!take_content(t, r, fd))
        transfer_fail(s, 451, "The server is out of memory. Please try again.");
    else
        connect_data(s);
}

static void list(struct session *s, const char *verb, const char *argument, enum file_list_format format)
{
    uint32_t ignored = 0;
    struct transfer *t =
        begin(s, TRANSFER_SEND, verb, format == LIST_FACTS ? argument : list_options(s, argument, &ignored));
    if (!t)
        return;
    t->listing = true;
    t->offset = 0;
    t->lenient = format != LIST_FACTS;
    list_request(s, argument, format, on_listing);
}

void cmd_list(struct session *s, const char *argument)
{
    list(s, "LIST", argument, LIST_LONG);
}

void cmd_nlst(struct session *s, const char *argument)
{
    list(s, "NLST", argument, LIST_NAMES);
}

void cmd_mlsd(struct session *s, const char *argument)
{
    list(s, "MLSD", argument, LIST_FACTS);
}
