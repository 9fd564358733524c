/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MESSAGES_H
#define SALLY_SERVER_MESSAGES_H

#include "base/result.h"
#include "ipc/ipc.h"
#include "tls/sign.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Everything the server's processes may say to one another. One table: it generates the enum, the gate
 * (ipc_receive) and the fuzz target. Payloads are the structs below, one codec each, or what the row's comment says;
 * messages marked "nothing" carry none.
 *
 * id: the session it is about, or the identity (a broker's number) where the row says so.
 */
enum server_direction {
    TO_MONITOR = 1,    /* worker -> monitor */
    TO_WORKER = 2,     /* monitor -> worker */
    TO_BROKER = 4,     /* worker -> broker */
    FROM_BROKER = 8,   /* broker -> worker */
    TO_KEYS = 16,      /* worker -> key process */
    FROM_KEYS = 32,    /* key process -> worker */
    KEYS_COMMAND = 64, /* monitor -> key process */
    KEYS_REPORT = 128, /* key process -> monitor */
};

/* X(name, direction, descriptor, longest payload) */
#define SERVER_MESSAGES(X)                                                                                   \
    /* worker -> monitor */                                                                                  \
    X(LOGIN, TO_MONITOR, NEVER, 2048)      /* login_request */                                               \
    X(CHECK_USER, TO_MONITOR, NEVER, 2048) /* login_request: may this name be asked a password? */           \
    X(LOGOUT, TO_MONITOR, NEVER, 0)        /* nothing; also for a login still being checked */               \
    X(BROKER_BROKE, TO_MONITOR, NEVER, 0)  /* id: identity whose broker is of no use */                      \
    X(RELEASE, TO_MONITOR, NEVER, 0)       /* id: identity that no session uses any more */                  \
    X(CONNECT, TO_MONITOR, ALWAYS, 64)     /* connect_request: an active data connection */                  \
    X(DOOR, TO_MONITOR, ALWAYS, 16)        /* door_request: the control channel; also again, for its time */ \
    X(DOOR_SHUT, TO_MONITOR, NEVER, 0)     /* nothing: the session's door is not wanted any more */          \
    X(MORE_PORTS, TO_MONITOR, NEVER, 0)    /* nothing: one more passive listener, please */                  \
    X(CHOWN, TO_MONITOR, ALWAYS, 0)        /* an anonymous upload, for chown_uploads */                      \
    X(LOG_LOST, TO_MONITOR, NEVER, 8)      /* u8 enum log_sink, u32 errno: its lines get lost */             \
    X(READY, TO_MONITOR, NEVER, 0)         /* nothing: confined, and all that it needs works */              \
    X(DRAINED, TO_MONITOR, NEVER, 0)       /* nothing: the last session has ended */                         \
    /* monitor -> worker */                                                                                  \
    X(LOGIN_REPLY, TO_WORKER, NEVER, 8192)  /* login_reply */                                                \
    X(CHECK_REPLY, TO_WORKER, NEVER, 4)     /* u32, 1: yes */                                                \
    X(SESSION_CONFIG, TO_WORKER, ALWAYS, 0) /* memfd: configuration text, before LOGIN_REPLY */              \
    X(BROKER, TO_WORKER, ALWAYS, 0)         /* id: identity; the socket of its (new) broker */               \
    X(CONNECT_REPLY, TO_WORKER, MAYBE, 8)   /* connect_reply; a socket whose connect() has begun */          \
    X(CHOWN_REPLY, TO_WORKER, NEVER, 4)     /* u32 errno */                                                  \
    X(DOORS, TO_WORKER, NEVER, 4)           /* u32, 1: doors are to be asked for */                          \
    X(DOOR_REPLY, TO_WORKER, NEVER, 8)      /* door_reply */                                                 \
    X(LISTENER, TO_WORKER, ALWAYS, 8)       /* u16 port, u8 passive?, a listening socket */                  \
    X(NO_LISTENER, TO_WORKER, NEVER, 0)     /* nothing: the passive range has no port left */                \
    X(LOG_FILE, TO_WORKER, MAYBE, 2)        /* u8 enum log_sink, u8 wanted?; append-only */                  \
    X(CONFIG, TO_WORKER, ALWAYS, 0)         /* memfd: configuration text for new sessions */                 \
    X(ADMIN, TO_WORKER, ALWAYS, 0)          /* a connection of `sallyd who` or `kick` */                     \
    X(DRAIN, TO_WORKER, NEVER, 4)           /* u32 seconds at most */                                        \
    X(KEYS, TO_WORKER, ALWAYS, 0)           /* the socket of a (new) key process */                          \
    X(NO_KEYS, TO_WORKER, NEVER, 0)         /* nothing: no TLS for new sessions */                           \
    /* monitor <-> key process */                                                                            \
    X(KEYS_SERVE, KEYS_COMMAND, ALWAYS, 0) /* a worker's socket */                                           \
    X(KEYS_SAYS, KEYS_REPORT, NEVER, 2048) /* text: for the administrator */                                 \
    X(KEYS_READY, KEYS_REPORT, NEVER, 0)   /* nothing: confined, and its files are of use */                 \
    /* worker <-> key process */                                                                             \
    X(TLS_FILES, FROM_KEYS, ALWAYS, 0) /* memfd: tls_files.h; before all else */                             \
    X(SIGN, TO_KEYS, NEVER, 1024)      /* sign_request; id: the worker's own number for it */                \
    X(SIGNED, FROM_KEYS, NEVER, 1024)  /* the signature, or nothing: it is not signed; same id */            \
    /* worker -> broker; payload file_request */                                                             \
    X(FILE_STAT, TO_BROKER, NEVER, 9000)                                                                     \
    X(FILE_CHDIR, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_READ, TO_BROKER, NEVER, 9000)                                                                     \
    X(FILE_WRITE, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_END, TO_BROKER, NEVER, 9000)                                                                      \
    X(FILE_LIST, TO_BROKER, NEVER, 9000)                                                                     \
    X(FILE_MKDIR, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_RMDIR, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_DELETE, TO_BROKER, NEVER, 9000)                                                                   \
    X(FILE_RENAME, TO_BROKER, NEVER, 9000)                                                                   \
    X(FILE_CHMOD, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_UTIME, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_SPACE, TO_BROKER, NEVER, 9000)                                                                    \
    X(FILE_USAGE, TO_BROKER, NEVER, 9000)                                                                    \
    /* broker -> worker */                                                                                   \
    X(FILE_REPLY, FROM_BROKER, MAYBE, 20 * 1024) /* file_reply; same id and serial */

enum server_message {
#define X(name, direction, fd, longest) MSG_##name,
    SERVER_MESSAGES(X)
#undef X
        MSG_COUNT
};

extern const struct ipc_protocol server_protocol;

/* --- sessions ---------------------------------------------------------------------------------------- */

enum log_sink {
    LOG_SINK_XFER,   /* xferlog_file */
    LOG_SINK_VSFTPD, /* vsftpd_log_file */
    LOG_SINK_JSON,   /* json_log_file */
    LOG_SINK_SYSLOG, /* a connected /dev/log datagram socket */
    LOG_SINK_COUNT,
};

struct login_request {
    const char *user, *password, *host; /* host: what HOST named, or "" */
    const char *
        certificate; /* SHA-256 of the client's, in hexadecimal, to log in by in place of the password; or "" */
    struct in6_addr peer, local; /* IPv4 as ::ffff:a.b.c.d */
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

/* All but the first two are met by who has the right password, so the client may hear which; the reason in
 * full is in the server's log. */
enum login_result {
    LOGIN_GRANTED,
    LOGIN_DENIED,        /* name, password or policy: the client is not told which */
    LOGIN_HOMELESS,      /* the root is not there, or closed to the user */
    LOGIN_ROOT_WRITABLE, /* allow_writeable_chroot=NO */
    LOGIN_MISCONFIGURED, /* until an administrator changes something: a file, a user that is not there */
    LOGIN_FAILED,        /* later it may go: resources, a locked file */
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

struct connect_reply {
    uint32_t error;   /* errno, 0: a socket comes along */
    uint32_t is_door; /* 1: it is the firewall's, which takes no door */
};

enum { DOOR_SECONDS_MOST = 300 };

/* A door in the firewall for the passive data connection to port. Who the client is, the control channel says. */
struct door_request {
    uint16_t port;
    uint32_t seconds; /* at most DOOR_SECONDS_MOST */
    uint32_t
        turn; /* who got the port later has a greater one: what two loops say may come in any order (holders.h) */
};

struct door_reply {
    uint32_t error; /* errno, 0: it is open */
    uint32_t
        is_heard; /* 1: in the clear it must be asked for again once the port was announced (kernel/pinhole.h) */
};

/* --- keys -------------------------------------------------------------------------------------------- */

MUST_USE int sign_request_encode(const struct tls_to_sign *in, void *payload, size_t cap);
/* ret->input points into the payload; what it asks for is for tls_sign to judge. */
MUST_USE bool sign_request_decode(const struct ipc_message *m, struct tls_to_sign *ret);

/* --- files ------------------------------------------------------------------------------------------- */

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
 * Flags of a request, and what else it uses, per message:
 *
 *   FILE_READ   FILE_INLINE: content may come in the reply
 *   FILE_WRITE  FILE_APPEND (offset ignored), FILE_UNIQUE (STOU: path is the wished name), FILE_ATOMIC;
 *               none: from offset on, where 0 truncates
 *   FILE_END    FILE_WHOLE: the upload is complete; else drop it (atomic, or delete_failed_uploads) or leave
 *               it; FILE_REMOVE: drop it in any case (nothing was stored)
 *   FILE_LIST   FILE_LIST_ALL (-a), FILE_LIST_RECURSIVE (-R), FILE_LIST_SELF (-d), FILE_LIST_BY_TIME (-t),
 *               FILE_LIST_REVERSED (-r), FILE_LIST_MARK (-F), FILE_STREAM (the memfd may come while it still
 *               grows); mode: enum file_list_format; path2: "", or what follows path and is a name, or else a
 *               pattern of names; prefix; offset: MLST fact bits
 *   FILE_CHMOD  mode
 *   FILE_UTIME  time (modification, seconds since 1970 UTC)
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
    FILE_LIST_BY_TIME = 1024,
    FILE_LIST_REVERSED = 2048,
    FILE_LIST_MARK = 4096,
};

/* How a streamed listing's memfd ends: it may still grow until it has one of these seals. */
enum listing_seal {
    LISTING_WHOLE = F_SEAL_GROW,
    LISTING_BROKEN = F_SEAL_SHRINK, /* the broker could not go on: what is there is not all */
};

struct file_request {
    const char *path;   /* absolute below the session's root, "/a/b", already without "." and ".." */
    const char *path2;  /* RENAME: the new name; LIST: a name or a pattern */
    const char *prefix; /* LIST: what is to be listed (path and path2) as the client typed it, or "" */
    uint64_t offset;    /* READ, WRITE: where to begin */
    int64_t time;
    uint32_t flags;
    uint32_t mode;
    uint32_t umask;  /* WRITE, MKDIR: the session's */
    uint32_t upload; /* END: which, as FILE_WRITE's reply named it */
};

/*
 * What a reply fills beside error, per message:
 *
 *   READ    a descriptor open for reading and positioned at offset, or (FILE_INLINE) data
 *   WRITE   a descriptor open and positioned; upload; size (length of what was there before); freed (the part
 *           of it that truncating has freed already); files (1: a file was made for it, under its own or a
 *           hidden name); text (STOU: the name chosen)
 *   END     freed and freed_files: what then left the disk: the file that a commit replaced, or the upload
 *           that was dropped
 *   LIST    a memfd with the lines from offset 0 on and size their length (with FILE_STREAM: 0, and its seals
 *           say when it is whole), or data when short
 *   CHDIR   text: the message file's content or ""
 *   DELETE, RENAME  freed bytes and freed_files, for quota
 *   SPACE   size: bytes available
 *   USAGE   size and files below the root
 *
 * A descriptor always comes in the same packet.
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
MUST_USE int login_request_encode(const struct login_request *in, void *payload, size_t cap);
MUST_USE bool login_request_decode(const struct ipc_message *m, struct login_request *ret);
MUST_USE int login_reply_encode(const struct login_reply *in, void *payload, size_t cap);
MUST_USE bool login_reply_decode(const struct ipc_message *m, struct login_reply *ret);
MUST_USE int connect_request_encode(const struct connect_request *in, void *payload, size_t cap);
MUST_USE bool connect_request_decode(const struct ipc_message *m, struct connect_request *ret);
MUST_USE int connect_reply_encode(const struct connect_reply *in, void *payload, size_t cap);
MUST_USE bool connect_reply_decode(const struct ipc_message *m, struct connect_reply *ret);
MUST_USE int door_request_encode(const struct door_request *in, void *payload, size_t cap);
MUST_USE bool door_request_decode(const struct ipc_message *m, struct door_request *ret);
MUST_USE int door_reply_encode(const struct door_reply *in, void *payload, size_t cap);
MUST_USE bool door_reply_decode(const struct ipc_message *m, struct door_reply *ret);
MUST_USE int file_request_encode(const struct file_request *in, void *payload, size_t cap);
MUST_USE bool file_request_decode(const struct ipc_message *m, struct file_request *ret);
MUST_USE int file_reply_encode(const struct file_reply *in, void *payload, size_t cap);
MUST_USE bool file_reply_decode(const struct ipc_message *m, struct file_reply *ret);

#endif
