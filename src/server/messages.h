/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MESSAGES_H
#define SALLY_SERVER_MESSAGES_H

#include "ipc/ipc.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Everything the server's processes may say to one another. One table: it generates the enum, the gate
 * (ipc_receive) and the fuzz target. Payloads are the four structs below, one codec each; messages marked
 * "nothing" carry none.
 *
 * id: the session it is about, or the identity (a broker's number) where the row says so.
 */
enum server_direction {
    TO_MONITOR = 1,  /* worker -> monitor */
    TO_WORKER = 2,   /* monitor -> worker */
    TO_BROKER = 4,   /* worker -> broker */
    FROM_BROKER = 8, /* broker -> worker */
};

enum server_stage {
    STAGE_SERVING = 1,
    STAGE_DRAINING = 2, /* SIGTERM came: what runs may finish, nothing new begins */
    STAGE_ANY = 3,
};

/* X(name, direction, stages, descriptor, longest payload) */
#define SERVER_MESSAGES(X)                                                                                   \
    /* worker -> monitor */                                                                                  \
    X(LOGIN, TO_MONITOR, STAGE_ANY, NEVER, 2048) /* login_request */                                         \
    X(CHECK_USER, TO_MONITOR, STAGE_ANY, NEVER,                                                              \
      2048)                                          /* login_request: may this name be asked a password? */ \
    X(LOGOUT, TO_MONITOR, STAGE_ANY, NEVER, 0)       /* nothing; also for a login still being checked */     \
    X(BROKER_BROKE, TO_MONITOR, STAGE_ANY, NEVER, 0) /* id: identity whose broker broke protocol */          \
    X(RELEASE, TO_MONITOR, STAGE_ANY, NEVER, 0)      /* id: identity that no session uses any more */        \
    X(CONNECT, TO_MONITOR, STAGE_ANY, ALWAYS, 64)    /* connect_request: an active data connection */        \
    X(MORE_PORTS, TO_MONITOR, STAGE_ANY, NEVER, 0)   /* nothing: one more passive listener, please */        \
    X(CHOWN, TO_MONITOR, STAGE_ANY, ALWAYS, 0)       /* an anonymous upload, for chown_uploads */            \
    X(DRAINED, TO_MONITOR, STAGE_ANY, NEVER, 0)      /* nothing: the last session has ended */               \
    /* monitor -> worker */                                                                                  \
    X(LOGIN_REPLY, TO_WORKER, STAGE_ANY, NEVER, 8192)  /* login_reply */                                     \
    X(CHECK_REPLY, TO_WORKER, STAGE_ANY, NEVER, 4)     /* u32, 1: yes */                                     \
    X(SESSION_CONFIG, TO_WORKER, STAGE_ANY, ALWAYS, 0) /* memfd: configuration text, before LOGIN_REPLY */   \
    X(BROKER, TO_WORKER, STAGE_ANY, ALWAYS, 0)         /* id: identity; the socket of its (new) broker */    \
    X(CONNECT_REPLY, TO_WORKER, STAGE_ANY, MAYBE, 4)   /* u32 errno; a socket whose connect() has begun */   \
    X(CHOWN_REPLY, TO_WORKER, STAGE_ANY, NEVER, 4)     /* u32 errno */                                       \
    X(LISTENER, TO_WORKER, STAGE_ANY, ALWAYS, 8)       /* u16 port, u8 passive?, a listening socket */       \
    X(NO_LISTENER, TO_WORKER, STAGE_ANY, NEVER, 0)     /* nothing: the passive range has no port left */     \
    X(LOG_FILE, TO_WORKER, STAGE_ANY, MAYBE, 1)        /* u8 enum log_sink; append-only; none: closed */     \
    X(CONFIG, TO_WORKER, STAGE_ANY, ALWAYS, 0)         /* memfd: configuration text for new sessions */      \
    X(ADMIN, TO_WORKER, STAGE_ANY, ALWAYS, 0)          /* a connection of `sallyd who` or `kick` */          \
    X(DRAIN, TO_WORKER, STAGE_ANY, NEVER, 4)           /* u32 seconds at most */                             \
    /* worker -> broker; payload file_request */                                                             \
    X(FILE_STAT, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                          \
    X(FILE_CHDIR, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_READ, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                          \
    X(FILE_WRITE, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_END, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                           \
    X(FILE_LIST, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                          \
    X(FILE_MKDIR, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_RMDIR, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_DELETE, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                        \
    X(FILE_RENAME, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                        \
    X(FILE_CHMOD, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_UTIME, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_SPACE, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    X(FILE_USAGE, TO_BROKER, STAGE_ANY, NEVER, 9000)                                                         \
    /* broker -> worker */                                                                                   \
    X(FILE_REPLY, FROM_BROKER, STAGE_ANY, MAYBE, 20 * 1024) /* file_reply; same id and serial */

enum server_message {
#define X(name, direction, stages, fd, longest) MSG_##name,
    SERVER_MESSAGES(X)
#undef X
        MSG_COUNT
};

extern const struct ipc_protocol server_protocol;

/* --- sessions --------------------------------------------------------------------------------------- */

enum log_sink {
    LOG_SINK_XFER,   /* xferlog_file */
    LOG_SINK_VSFTPD, /* vsftpd_log_file */
    LOG_SINK_JSON,   /* json_log_file */
    LOG_SINK_SYSLOG, /* a connected /dev/log datagram socket */
    LOG_SINK_COUNT,
};

struct login_request {
    const char *user, *password, *host; /* host: what HOST named, or "" */
    struct in6_addr peer, local;        /* IPv4 as ::ffff:a.b.c.d */
};

/* What a session may do; from configuration and account, enforced by the worker's command table and again by
 * the broker. */
enum right {
    RIGHT_READ = 1,    /* RETR, HASH */
    RIGHT_LIST = 2,    /* LIST, NLST, MLSD, MLST, STAT path */
    RIGHT_STORE = 4,   /* STOR, STOU: new files, and over old ones with RIGHT_REPLACE */
    RIGHT_REPLACE = 8, /* overwrite or append to what is there */
    RIGHT_MKDIR = 16,
    RIGHT_RENAME = 32,
    RIGHT_DELETE = 64, /* DELE, RMD */
    RIGHT_CHMOD = 128, /* SITE CHMOD */
    RIGHT_TIMES = 256, /* MFMT, MDTM set, SITE UTIME */
    RIGHT_ALL = 511,
};

enum login_kind {
    LOGIN_ANONYMOUS,
    LOGIN_LOCAL,
    LOGIN_GUEST, /* guest_enable: a local user who becomes guest_username */
    LOGIN_VIRTUAL,
};

enum login_result {
    LOGIN_GRANTED,
    LOGIN_DENIED, /* name, password or policy: the client is not told which */
    LOGIN_FAILED, /* our own failure: resources, account file unreadable */
};

struct login_reply {
    uint32_t result; /* enum login_result; all else only with LOGIN_GRANTED */
    uint32_t kind;   /* enum login_kind */
    uint32_t identity;
    uint32_t rights;
    uint32_t umask;
    uint32_t uid;
    uint64_t rate;        /* bytes per second, 0: no limit */
    uint64_t quota_bytes; /* 0: no limit */
    uint64_t quota_files; /* 0: no limit */
    const char *user;     /* as logs show it */
    const char *cwd;      /* where the session starts, below its root: "/" or "/home/kim" */
};

struct connect_request {
    struct in6_addr from, to; /* our address on the control connection; where to */
    uint16_t port;
};

/* --- files ------------------------------------------------------------------------------------------ */

enum {
    FILE_INLINE_MAX = 16 * 1024, /* a file, or the rest of one, up to this long comes in the reply itself */
    FILE_PATH_MAX = 4096,        /* bytes with the NUL, as PATH_MAX */
};

enum file_list_format {
    LIST_LONG,      /* as `ls -l`, "LIST" */
    LIST_NAMES,     /* "NLST" */
    LIST_FACTS,     /* RFC 3659 "MLSD" */
    LIST_FACTS_ONE, /* RFC 3659 "MLST": one line for path itself, whatever it is */
};

/*
 * Flags of a request, per message:
 *   FILE_READ   FILE_INLINE: content may come in the reply
 *   FILE_WRITE  FILE_APPEND (offset ignored), FILE_UNIQUE (STOU: path is the wished name), FILE_ATOMIC;
 *               none: from offset on, where 0 truncates
 *   FILE_END    FILE_WHOLE: the upload is complete; else drop it (atomic, or delete_failed_uploads) or leave
 * it; FILE_REMOVE: drop it in any case (nothing was stored) FILE_LIST   FILE_LIST_ALL (-a),
 * FILE_LIST_RECURSIVE (-R), FILE_LIST_SELF (-d), FILE_STREAM (the memfd may come while it still grows); mode:
 * enum file_list_format; path2: glob pattern for the last component or ""; offset: MLST fact bits FILE_CHMOD
 * mode FILE_UTIME  time (modification, seconds since 1970 UTC)
 */
enum file_flag {
    FILE_INLINE = 1,
    FILE_APPEND = 2,
    FILE_UNIQUE = 4,
    FILE_ATOMIC = 8,
    FILE_WHOLE = 16,
    FILE_LIST_ALL = 32,
    FILE_LIST_RECURSIVE = 64,
    FILE_LIST_SELF = 128,
    FILE_REMOVE = 256,
    FILE_STREAM = 512,
};

/* How a streamed listing's memfd ends: it may still grow until it has one of these seals. */
enum listing_seal {
    LISTING_WHOLE = F_SEAL_GROW,
    LISTING_BROKEN = F_SEAL_SHRINK, /* the broker could not go on: what is there is not all */
};

struct file_request {
    const char *path;  /* absolute below the session's root, "/a/b", already without "." and ".." */
    const char *path2; /* RENAME: the new name; LIST: pattern */
    const char
        *prefix;     /* LIST: what precedes each name of LIST_NAMES, as the client typed it ("dir/"), or "" */
    uint64_t offset; /* READ, WRITE: where to begin */
    int64_t time;
    uint32_t flags;
    uint32_t mode;
    uint32_t umask;  /* WRITE, MKDIR: the session's */
    uint32_t upload; /* END: which, as FILE_WRITE's reply named it */
};

/*
 * READ: descriptor open for reading and positioned at offset, or (FILE_INLINE) data. WRITE: descriptor open
 * and positioned, upload, size (length of what was there before), freed (the part of it that truncating has
 * freed already), files (1: a file was made for it, under its own or a hidden name), text (STOU: name
 * chosen). END: freed and freed_files: what then left the disk: the file that a commit replaced, or the
 * upload that was dropped. LIST: a memfd with the lines from offset 0 on and size their length (with
 * FILE_STREAM: 0, and its seals say when it is whole), or data when short. CHDIR: text: the message file's
 * content or "". DELETE, RENAME: freed bytes and freed_files, for quota. SPACE: size = bytes available.
 * USAGE: size and files below the root. A descriptor always comes in the same packet.
 */
struct file_reply {
    uint32_t error; /* errno, 0: done */
    uint32_t mode;  /* st_mode of what it is about (STAT, READ, CHDIR) */
    uint32_t uid, gid;
    uint32_t upload;
    uint32_t freed_files;
    uint64_t size;
    uint64_t freed;
    uint64_t files;
    int64_t mtime; /* seconds */
    const char *text;
    const uint8_t *data;
    size_t data_len;
};

/* Encoders return the payload's length or -EMSGSIZE. Decoders return true only if the payload was well-formed
 * and consumed exactly; strings and data then point into it, and enums and flags are within range. */
int login_request_encode(const struct login_request *in, void *payload, size_t cap);
bool login_request_decode(const struct ipc_message *m, struct login_request *ret);
int login_reply_encode(const struct login_reply *in, void *payload, size_t cap);
bool login_reply_decode(const struct ipc_message *m, struct login_reply *ret);
int connect_request_encode(const struct connect_request *in, void *payload, size_t cap);
bool connect_request_decode(const struct ipc_message *m, struct connect_request *ret);
int file_request_encode(const struct file_request *in, void *payload, size_t cap);
bool file_request_decode(const struct ipc_message *m, struct file_request *ret);
int file_reply_encode(const struct file_reply *in, void *payload, size_t cap);
bool file_reply_decode(const struct ipc_message *m, struct file_reply *ret);

#endif
