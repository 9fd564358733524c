/* SPDX-License-Identifier: BSD-2-Clause */

/* RETR, HASH. */
#include "server/worker/cmd_transfer.h"
#include "server/worker/command.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"

#include <errno.h>
#include <string.h>

/* --- the end ----------------------------------------------------------------------------------------- */

static void reply_send_result(struct session *s, const struct transfer *t)
{
    if (t->result == TRANSFER_DONE)
        reply(s, 226, "%s",
              t->failed_listing ? "Transfer done (but failed to open directory)."
              : t->listing      ? "Directory send OK."
                                : "Transfer complete.");
    else if (t->result == TRANSFER_FILE)
        reply_file_error(s, (uint32_t)t->error, 451, "Failure reading local file.");
    else
        reply(s, 426, "Failure writing network stream.");
}

void transfer_conclude_send(struct session *s)
{
    struct transfer *t = s->transfer;
    log_transfer(s, t, t->result == TRANSFER_DONE && !t->why);
    if (!transfer_reply_result(s, t))
        reply_send_result(s, t);
    transfer_over(s);
}

static void reply_hash(struct session *s, const struct transfer *t)
{
    unsigned long long bytes = atomic_load(&t->moved);
    if (t->result == TRANSFER_DONE)
        reply(s, 213, "%s %llu-%llu %s %s", hash_name(t->hash), (unsigned long long)t->offset,
              (unsigned long long)t->offset + bytes, t->digest, t->path);
    else
        reply_file_error(s, (uint32_t)t->error, 451, "Failure reading local file.");
}

static void conclude_hash(struct session *s)
{
    struct transfer *t = s->transfer;
    log_transfer(s, t, t->result == TRANSFER_DONE);
    if (!transfer_reply_result(s, t))
        reply_hash(s, t);
    transfer_over(s);
}

/* --- the beginning ----------------------------------------------------------------------------------- */

static void on_read_open(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    if (r->error != 0)
        transfer_open_failed(s, r, 550, "Failed to open file.");
    else if (!transfer_take_content(t, r, fd))
        transfer_fail(s, 451, "The server is out of memory. Please try again.", strerror(ENOMEM));
    else {
        t->size = r->size;
        if (t->kind == TRANSFER_HASH)
            transfer_move(s);
        else
            transfer_connect(s);
    }
}

void cmd_retr(struct session *s, const char *argument)
{
    struct transfer *t = transfer_begin(s, TRANSFER_SEND, "RETR", argument, transfer_conclude_send);
    if (!t)
        return;
    t->ascii = s->mode.ascii && session_config(s)->ascii_download_enable;
    identity_ask(s, MSG_FILE_READ,
                 &(struct file_request){.path = t->path, .offset = t->offset, .flags = FILE_INLINE},
                 on_read_open);
}

void cmd_hash(struct session *s, const char *argument)
{
    struct transfer *t = transfer_begin(s, TRANSFER_HASH, "HASH", argument, conclude_hash);
    if (t)
        identity_ask(s, MSG_FILE_READ, &(struct file_request){.path = t->path, .offset = t->offset},
                     on_read_open);
}
