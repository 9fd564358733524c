/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_TRANSFER_H
#define SALLY_SERVER_WORKER_TRANSFER_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Moving bytes between a file and a data channel, or hashing a file, in a thread of its own, with blocking
 * calls: a stalled disk or peer stalls its own session alone. The loop fills in a transfer and starts it;
 * from then until on_end is called in the loop, only `moved` may be read and transfer_abort called. Threads
 * wait idle for a few seconds for the next transfer and then end.
 */
enum transfer_kind {
    TRANSFER_SEND,    /* file or memory -> data channel */
    TRANSFER_RECEIVE, /* data channel -> file */
    TRANSFER_HASH,    /* file -> digest */
};

enum transfer_result {
    TRANSFER_DONE,
    TRANSFER_NETWORK, /* the peer went away, error says how */
    TRANSFER_FILE,    /* reading or writing the file failed: error */
    TRANSFER_QUOTA,   /* an upload beyond what its user may store */
    TRANSFER_STALLED, /* no byte moved for stall_timeout */
    TRANSFER_ABORTED, /* transfer_abort */
};

/* Of a transfer command, see cmd_transfer.c. */
enum transfer_phase {
    PHASE_OPENING,
    PHASE_CONNECTING,
    PHASE_MOVING,
    PHASE_CLOSING,
};

struct session;

struct transfer {
    /* filled in by the loop */
    enum transfer_kind kind;
    int file, data; /* owned; closed by the thread. -1: none */
    bool ascii;
    bool streamed; /* file is a memfd that may still grow (enum listing_seal) */
    bool sync;     /* receive: fsync before close */
    uint8_t hash;  /* hash_name() index */
    char *memory;  /* owned; send this instead of a file */
    size_t memory_len;
    uint64_t offset;        /* where in the file it begins */
    uint64_t rate;          /* bytes per second, 0: no limit */
    unsigned stall_timeout; /* seconds, 0: none */
    atomic_llong *quota;    /* receive: bytes that may still be stored, or NULL */
    long long quota_credit; /* bytes that replace old ones and so cost nothing */

    /* by the thread */
    atomic_ullong moved; /* bytes over the data channel (hash: of the file) so far */
    enum transfer_result result;
    int error;
    long long charged; /* bytes taken from quota */
    char digest[129];  /* hash: lower-case hexadecimal */

    pthread_mutex_t data_lock; /* held to close data, and to shut it down from the loop */

    /* the loop's own notes */
    struct session *session;
    enum transfer_phase phase;
    const char *verb; /* "RETR", "STOR", "LIST"... for logs and `sallyd who` */
    char *path;       /* absolute */
    char *shown;      /* as the client named it */
    uint64_t size;    /* of what is sent, for the 150 reply */
    double began;
    uint32_t upload, flags; /* FILE_WRITE's */
    bool made_file, unique;
    bool listing;
    bool lenient;        /* a listing that can't be had is an empty one, as vsftpd has it */
    bool failed_listing; /* ...and this is one */
    bool abort_asked, broker_died;
    bool running; /* a thread has it */
    atomic_bool aborted;
    STAILQ_ENTRY(transfer) queue;
};

struct transfer *transfer_new(enum transfer_kind kind);
/* Closes descriptors, frees. Not while running. */
void transfer_free(struct transfer **t);

/* Once, before the first start: on_end runs in base's loop for each transfer that has ended. 0 or -errno. */
int transfer_pool_init(struct event_base *base, void (*on_end)(struct transfer *));
/* Once, while files can still be opened: what hashing needs of them. */
void transfer_prepare(void);
/* Hands t to a thread. 0, or -EAGAIN if no thread can be had; t is then the caller's as before. */
int transfer_start(struct transfer *t);
/* Makes a running transfer end soon with TRANSFER_ABORTED. */
void transfer_abort(struct transfer *t);

/* "SHA-256", "SHA-512", "CRC32"; NULL past the last. */
const char *hash_name(unsigned index);

#endif
