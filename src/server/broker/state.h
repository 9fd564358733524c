/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_STATE_H
#define SALLY_SERVER_BROKER_STATE_H

#include "base/result.h"
#include "ipc/ipc.h"
#include "server/auth/auth.h"
#include "server/config/config.h"
#include "server/messages.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/*
 * What the files of broker/ share. A struct broker is filled before the first thread starts; after that only
 * `threads`, `idle`, `closed`, `failed` (atomic) and `uploads` (under its own lock) change.
 */
struct owners;
struct upload;

struct uploads {
    pthread_mutex_t lock;
    struct upload **slots; /* NULL: free */
    size_t count;
    uint16_t generation;
};

struct broker {
    int cpu; /* where its loop is; -1: anywhere */
    int sock;
    int root_fd; /* O_PATH, the session's "/" */
    struct stat root;
    const struct config *c;
    const struct auth_grant *grant;
    struct owners *owners; /* text_userdb_names, else NULL */
    struct uploads uploads;
    atomic_uint threads, idle;
    atomic_bool closed, failed; /* the worker closed the socket; somebody broke protocol */
};

enum {
    WORKSPACE_OUT = 64 * 1024,
    WORKSPACE_ENTRIES = 8 * 1024, /* few enough to be in the cache still when each is looked at */
};

/* One a thread, from mmap: pages that no request needed cost nothing. */
struct workspace {
    uint8_t packet[IPC_PACKET_MAX];
    uint8_t payload[IPC_PACKET_MAX];
    char out[WORKSPACE_OUT];         /* content of a file, lines of a listing, text of a reply */
    char entries[WORKSPACE_ENTRIES]; /* getdents64 */
};

/* A request being served. */
struct call {
    struct broker *b;
    struct workspace *w;
    const struct file_request *in;
    struct file_reply *out;
    const struct ipc_message *request;
    int fd; /* goes with the reply and is closed at the end; -1: none */
    bool replied;
};

/* Sends *out and fd now, for a handler that has more to do afterwards; what that returns is seen by nobody
 * then. Once a call. 0 or -errno. */
MUST_USE int call_reply(struct call *call);

/* Handlers: 0 with *out (and fd) filled, or -errno. Rights that every request of the kind needs were checked.
 */
MUST_USE int file_stat(struct call *call);
MUST_USE int file_chdir(struct call *call);
MUST_USE int file_read(struct call *call);
MUST_USE int file_mkdir(struct call *call);
MUST_USE int file_rmdir(struct call *call);
MUST_USE int file_delete(struct call *call);
MUST_USE int file_rename(struct call *call);
MUST_USE int file_chmod(struct call *call);
MUST_USE int file_utime(struct call *call);
MUST_USE int file_space(struct call *call);
MUST_USE int file_write(struct call *call); /* upload.c */
MUST_USE int file_end(struct call *call);
MUST_USE int file_list(struct call *call);  /* list.c */
MUST_USE int file_usage(struct call *call); /* usage.c */

/* A joinable thread with a small stack. 0 or -errno. */
MUST_USE int broker_thread_create(pthread_t *ret, void *(*run)(void *), void *arg);

static inline bool broker_may(const struct broker *b, uint32_t rights)
{
    return (b->grant->rights & rights) == rights;
}

/* Copies mode, owner, size and time. */
static inline void reply_describe(struct file_reply *out, const struct stat *st)
{
    out->mode = st->st_mode;
    out->uid = st->st_uid;
    out->gid = st->st_gid;
    out->size = (uint64_t)st->st_size;
    out->mtime = st->st_mtime;
}

#endif
