/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_TRANSFER_H
#define SALLY_SERVER_WORKER_TRANSFER_H

#include "base/result.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Moving bytes between a file and a data channel, or hashing a file, in a thread of its own, with blocking
 * calls: a stalled disk or peer stalls its own session alone. The loop fills in a transfer and starts it;
 * from then until its end is told in the loop, only `moved` may be read and transfer_abort (pool.h) called.
 */
enum transfer_kind {
    TRANSFER_SEND,    /* file or memory -> data channel */
    TRANSFER_RECEIVE, /* data channel -> file */
    TRANSFER_HASH,    /* file -> digest */
};

enum {
    ENDING_MS = 20, /* for a client to close the channel before it is told that all was sent */
};

enum transfer_result {
    TRANSFER_DONE,
    TRANSFER_NETWORK, /* the peer went away, error says how */
    TRANSFER_FILE,    /* reading or writing the file failed: error */
    TRANSFER_QUOTA,   /* an upload beyond what its user may store */
    TRANSFER_CUT_OFF, /* TLS: it ended, or was changed, by who does not have its keys: error */
    TRANSFER_STALLED, /* no byte moved for stall_timeout */
    TRANSFER_ABORTED, /* transfer_abort */
};

/* Of a transfer command, see cmd_transfer.c. */
enum transfer_phase {
    PHASE_OPENING,
    PHASE_CONNECTING,
    PHASE_SECURING, /* TLS handshake */
    PHASE_MOVING,
    PHASE_ENDING, /* all was sent by the loop; the client has not closed the channel yet */
    PHASE_CLOSING,
};

struct event;
struct handshake;
struct session;
struct tls_channel;

struct transfer {
    /* filled in by the loop */
    enum transfer_kind kind;
    int file, data; /* owned; closed by the thread. -1: none */
    bool ascii;
    bool streamed;           /* file is a memfd that may still grow (enum listing_seal) */
    bool sync;               /* receive: fsync before close */
    bool strict_eof;         /* TLS, receive: an end without close_notify is none */
    bool strict_close;       /* TLS, send: the other side must say close_notify, too */
    struct tls_channel *tls; /* over data, owned; NULL: in the clear */
    uint8_t hash;            /* hash_name() index */
    char *memory;            /* owned; send this instead of a file */
    size_t memory_len;
    uint64_t offset;        /* where in the file it begins */
    uint64_t size;          /* send: of the file, when it was opened */
    uint64_t rate;          /* bytes per second, 0: no limit */
    unsigned stall_timeout; /* seconds, 0: none */
    atomic_llong *quota;    /* receive: the bytes that its account stores, or NULL: no limit */
    long long quota_limit;  /* of these */
    long long quota_credit; /* bytes that replace old ones and so cost nothing: what is left of them */

    /* by the thread */
    atomic_ullong moved; /* bytes over the data channel (hash: of the file) so far */
    enum transfer_result result;
    int error;
    long long credited;  /* bytes that cost nothing */
    long long paid;      /* bytes that cost */
    long long unwritten; /* bytes of both that the file does not have yet */
    bool has_ended;      /* TLS, receive: nothing more is to be read */
    bool ended_bare;     /* TLS, receive: without close_notify, and that was let pass */
    char digest[129];    /* hash: lower-case hexadecimal */

    pthread_mutex_t data_lock; /* held to close data, and to shut it down from the loop */

    /* the loop's own notes */
    struct session *session;
    struct handshake *handshake;         /* PHASE_SECURING */
    struct event *ending;                /* PHASE_ENDING */
    void (*conclude)(struct session *s); /* its bytes have moved, or could not: answers, and is over */
    enum transfer_phase phase;
    const char *why;  /* for the logs: why it failed before a byte moved, where no errno says so */
    const char *verb; /* "RETR", "STOR", "LIST"... for logs and `sallyd who` */
    char *path;       /* absolute */
    char *shown;      /* as the client named it; a listing's whole argument */
    double began;
    uint32_t upload, flags; /* FILE_WRITE's */
    bool made_file, unique;
    bool borrows; /* quota_credit is of a file that is there until the upload's end */
    bool listing;
    uint8_t format;      /* of a listing: enum file_list_format */
    bool lenient;        /* a listing that can't be had is an empty one, as vsftpd has it */
    bool failed_listing; /* ...and this is one */
    bool announced;      /* 150 is said */
    bool abort_asked, broker_died;
    bool running; /* a thread has it */
    atomic_bool aborted;
    STAILQ_ENTRY(transfer) queue;
};

MUST_USE struct transfer *transfer_new(enum transfer_kind kind);
/* Closes descriptors, frees. Not while running. */
void transfer_free(struct transfer **t);

/* Once, while files can still be opened: what hashing needs of them. */
void transfer_prepare(void);

/* What a thread keeps from one transfer to the next. */
struct transfer_tools {
    int pipe[2]; /* for splice; -1: none yet */
    char *buffer;
    char *converted;
};

/* Runs t to its end, in the calling thread: result, error, moved; closes file and data channel. */
void transfer_run(struct transfer *t, struct transfer_tools *tools);
/* All was sent, and the other side has done something: did it end the connection before it had all? */
bool transfer_was_reset(const struct transfer *t);
void transfer_tools_fini(struct transfer_tools *tools);

/* "SHA-256", "SHA-512", "CRC32"; NULL past the last. */
const char *hash_name(unsigned index);

#endif
