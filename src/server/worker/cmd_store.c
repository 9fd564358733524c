/* SPDX-License-Identifier: BSD-2-Clause */

/* STOR, APPE, STOU. */
#include "server/link.h"
#include "server/worker/cmd_transfer.h"
#include "server/worker/command.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- the end ----------------------------------------------------------------------------------------- */

/* What the moving of bytes itself says, before a broker had its word. */
static void reply_receive_result(struct session *s, const struct transfer *t)
{
    if (t->result == TRANSFER_QUOTA)
        reply(s, 552, "Quota exceeded: you have no room left to store this.");
    else if (t->result == TRANSFER_FILE)
        reply_file_error(s, (uint32_t)t->error, 451, "Failure writing to local file.");
    else if (t->result == TRANSFER_CUT_OFF)
        reply(s, 426, "The data connection ended without TLS's end mark: what came may not be all.");
    else
        reply(s, 426, "Failure reading network stream.");
}

static void on_upload_closed(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    (void)fd;
    bool ok = t->result == TRANSFER_DONE && r->error == 0;
    if (t->result == TRANSFER_DONE)
        t->error = (int)r->error;
    log_transfer(s, t, ok);
    if (t->ended_bare)
        log_event(s, "the upload's TLS ended without close_notify, which strict_ssl_read_eof=NO lets pass");
    if (!transfer_reply_result(s, t)) {
        if (t->result != TRANSFER_DONE)
            reply_receive_result(s, t);
        else if (r->error != 0)
            reply_file_error(s, r->error, 451, "Failure writing to local file.");
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
    bool vanished = s->control.fd < 0 || recv(s->control.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    if (vanished && t->result == TRANSFER_DONE) {
        t->result = TRANSFER_NETWORK;
        t->error = ECONNRESET;
    }
    t->phase = PHASE_CLOSING;
    uint32_t flags = t->result == TRANSFER_DONE ? FILE_WHOLE : 0;
    transfer_end_quota(t);
    identity_ask(s, MSG_FILE_END, &(struct file_request){.upload = t->upload, .flags = flags},
                 on_upload_closed);
}

/* --- the beginning ----------------------------------------------------------------------------------- */

/*
 * The file is there; does the quota allow it? What truncating freed came with the reply. Overwriting costs only what goes
 * beyond the old content; an atomic upload, whose old content is there until the end, borrows it (transfer_end_quota).
 */
static bool admit_upload(struct session *s, struct transfer *t, const struct file_reply *r)
{
    const struct login_reply *g = &s->login.grant;
    struct quota *q = s->login.identity->quota;
    bool replaces = (t->flags & FILE_ATOMIC) && r->mode != 0;
    t->made_file = r->files > 0;
    if (!q)
        return true;
    t->quota = &q->bytes;
    t->quota_limit = quota_limit(g->quota_bytes);
    if (replaces)
        t->quota_credit = (long long)r->size;
    else if (t->offset > 0 && r->size > t->offset)
        t->quota_credit = (long long)(r->size - t->offset);
    t->borrows = replaces;
    bool is_new = t->made_file && !replaces;
    return !is_new || (q->files <= quota_limit(g->quota_files) && atomic_load(t->quota) < t->quota_limit);
}

/* Before its first byte: what the broker made for it goes. */
static void take_back(struct session *s, file_reply_fn *on_closed)
{
    s->transfer->phase = PHASE_CLOSING;
    transfer_end_quota(s->transfer);
    identity_ask(s, MSG_FILE_END, &(struct file_request){.upload = s->transfer->upload, .flags = FILE_REMOVE},
                 on_closed);
}

static void on_taken_back(struct session *s, const struct file_reply *r, int fd)
{
    (void)r;
    (void)fd;
    log_transfer(s, s->transfer, false);
    reply(s, 553, "Could not create file.");
    transfer_over(s);
}

static void on_given_away(struct session *s, int error)
{
    if (error == 0) {
        transfer_connect(s);
        return;
    }
    log_event(s, "chown_uploads: %s", strerror(error));
    s->transfer->why = "its owner could not be changed";
    s->transfer->result = TRANSFER_FILE;
    s->transfer->error = error;
    take_back(s, on_taken_back);
}

/* An anonymous upload goes to its new owner before its first byte, and is none if it can't, as vsftpd does it. */
static void give_away(struct session *s)
{
    const struct ipc_message m = {
        .type = MSG_CHOWN, .serial = s->files.serial, .id = s->id, .fd = s->transfer->file};
    int r = link_send(worker.monitor, &m);
    if (r < 0)
        on_given_away(s, -r);
}

void store_given_away(struct session *s, uint16_t serial, int error)
{
    /* Of an upload that was given up since, nothing is left to be told. */
    if (s->transfer && s->transfer->phase == PHASE_OPENING && serial == s->files.serial)
        on_given_away(s, error);
}

/* STOU: the name that was free, in the folder of the one that was wished for. False: out of memory. */
static bool take_name(struct transfer *t, const char *name)
{
    char *path = NULL, *shown = strdup(name);
    int folder = (int)(strrchr(t->path, '/') - t->path);
    if (!shown || asprintf(&path, "%.*s/%s", folder, t->path, name) < 0) {
        free(shown);
        return false;
    }
    free(t->path);
    free(t->shown);
    t->path = path;
    t->shown = shown;
    return true;
}

static void on_write_open(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    if (r->error != 0) {
        transfer_open_failed(s, r, 553, "Could not create file.");
        return;
    }
    t->file = fd;
    t->upload = r->upload;
    if (t->unique && !take_name(t, r->text)) {
        transfer_fail(s, 451, "The server is out of memory. Please try again.", strerror(ENOMEM));
        return;
    }
    if (admit_upload(s, t, r)) {
        if (s->login.anonymous && session_config(s)->chown_uploads)
            give_away(s);
        else
            transfer_connect(s);
        return;
    }
    t->result = TRANSFER_QUOTA;
    take_back(s, on_upload_closed);
}

static void store(struct session *s, const char *verb, const char *argument, uint32_t flags)
{
    const struct config *c = session_config(s);
    struct transfer *t = transfer_begin(s, TRANSFER_RECEIVE, verb, argument, close_upload);
    if (!t)
        return;
    t->ascii = s->mode.ascii && c->ascii_upload_enable;
    t->unique = flags & FILE_UNIQUE;
    if (c->atomic_uploads && t->offset == 0 && !(flags & FILE_APPEND))
        flags |= FILE_ATOMIC;
    t->flags = flags;
    identity_ask(
        s, MSG_FILE_WRITE,
        &(struct file_request){.path = t->path, .offset = t->offset, .flags = flags, .umask = s->files.umask},
        on_write_open);
}

void cmd_stor(struct session *s, const char *argument)
{
    store(s, "STOR", argument, 0);
}

void cmd_appe(struct session *s, const char *argument)
{
    s->mode.restart = 0;
    store(s, "APPE", argument, FILE_APPEND);
}

void cmd_stou(struct session *s, const char *argument)
{
    s->mode.restart = 0;
    store(s, "STOU", *argument ? argument : "STOU", FILE_UNIQUE);
}
