/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_LISTING_H
#define SALLY_SERVER_LISTING_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines of LIST and MLSD. Pure: the caller brings the file's facts, the time and the buffer. */
struct ftp_entry {
    const char *name;
    const char *link_target;   /* of a symbolic link, if it is to be told, or NULL */
    const char *owner, *group; /* text for LIST */
    uint32_t mode;             /* st_mode */
    uint32_t nlink;
    uint64_t size;
    int64_t mtime;     /* seconds */
    uint64_t dev, ino; /* MLSD unique */
    uint32_t uid, gid;
};

enum {
    /* A line needs at most this much beside its strings (name, link target, owner, group): in a buffer with
     * so much left, neither ftp_list_line nor ftp_fact_line ever fails. */
    FTP_LISTING_ROOM = 256,
};

/* MLST facts (RFC 3659 section 7.5), in the order FEAT names them; and the OS-specific ones. */
enum ftp_fact {
    FTP_FACT_TYPE = 1,
    FTP_FACT_SIZE = 2,
    FTP_FACT_MODIFY = 4,
    FTP_FACT_PERM = 8,
    FTP_FACT_UNIQUE = 16,
    FTP_FACT_UNIX_MODE = 32,
    FTP_FACT_UNIX_OWNER = 64,
    FTP_FACT_UNIX_GROUP = 128,
    FTP_FACTS_ALL = 255,
    FTP_FACTS_DEFAULT = 255,
};

/* How an entry's time is shown, kept between the lines of one listing: neighbours often share a minute. */
struct ftp_listing_clock {
    int64_t now;
    int use_localtime; /* 0: GMT */
    /* opaque, zeroed at first */
    int64_t cached_minute;
    int cached_recent;
    char cached_text[16];
};

/* "-rw-r--r--    1 0        0            1024 Jan 01 12:00 name -> target\r\n", as vsftpd prints it; files
 * older than half a year or from the future show the year. CR and LF in names become '?'. No NUL follows.
 * Length, or -ENOSPC if cap is less than the strings and FTP_LISTING_ROOM. */
MUST_USE int ftp_list_line(const struct ftp_entry *e, struct ftp_listing_clock *clock, char *out, size_t cap);

/* What the session may do with the entry, for "perm=" (RFC 3659 section 7.5.5): by the session's rights (enum
 * right of server/messages.h) and the entry's mode bits together. */
enum ftp_may {
    FTP_MAY_READ = 1,    /* r; l and e for a folder */
    FTP_MAY_APPEND = 2,  /* a and w */
    FTP_MAY_CREATE = 4,  /* c, for a folder */
    FTP_MAY_MKDIR = 8,   /* m, for a folder */
    FTP_MAY_RENAME = 16, /* f */
    FTP_MAY_DELETE = 32, /* d; and p for a folder */
};

/* "type=file;size=1024;modify=20240101120000;perm=adfrw;unique=801g1f;UNIX.mode=0644;UNIX.owner=0;UNIX.group=0;
 * name\r\n". type: "cdir" if name is ".", "pdir" if "..", for links "OS.unix=slink:target", which must be one
 * that can be said so, or "OS.unix=symlink" without it. size only for plain files; modify only if its year has
 * four digits. LF in names becomes NUL (see line.h), CR becomes '?'. No NUL follows the line. Length, or
 * -ENOSPC if cap is less than the strings and FTP_LISTING_ROOM. */
MUST_USE int ftp_fact_line(const struct ftp_entry *e, uint32_t facts, uint32_t may, char *out, size_t cap);

/* Can a link's target stand in a fact? The syntax (RFC 3659 section 7.2) has no way to quote what ends facts:
 * ';', a blank, control bytes. */
bool ftp_fact_can_say(const char *target);

/* with_stars: every fact, a star after each enabled one, "type*;size*;modify;", for FEAT. Without: the
 * enabled ones, "type;size;", for the reply to OPTS MLST. NUL-terminated. Length, or -ENOSPC. */
MUST_USE int ftp_facts_format(uint32_t enabled, int with_stars, char *out, size_t cap);
/* "type;size;modify;" (any case, unknown ones ignored; RFC 3659 section 7.9) into bits. */
uint32_t ftp_facts_parse(const char *argument);

#endif
