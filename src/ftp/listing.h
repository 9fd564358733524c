/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_LISTING_H
#define SALLY_FTP_LISTING_H

#include "ftp/dates.h"

/*
 * What servers list, read line by line: MLSD and MLST, which RFC 3659 says, and LIST, which nothing says. Pure.
 *
 * A line is bytes of any kind and length, with or without the CR LF that ends it. What is read from it is as true
 * as the server: a name may be "../../etc/passwd", and the caller decides what it is used for (flaws tells).
 */
enum ftp_listed_kind {
    FTP_LISTED_UNKNOWN, /* the server did not say */
    FTP_LISTED_FILE,
    FTP_LISTED_FOLDER,
    FTP_LISTED_LINK,
    FTP_LISTED_OTHER,  /* a device, a socket and the like */
    FTP_LISTED_SELF,   /* the listed folder: "." or cdir, whose name may be a whole path */
    FTP_LISTED_PARENT, /* ".." or pdir, likewise */
};

/* What makes a name unfit to be a file's in one folder. */
enum ftp_name_flaw {
    FTP_NAME_EMPTY = 1,
    FTP_NAME_SLASH = 2,
    FTP_NAME_CONTROL =
        4, /* a byte below a blank, or DEL. In MLSD of sallyd and others a NUL stands for LF. */
};

/* Texts are pieces of the line, or, if an earlier line began the entry, of the dialect until its next line. */
struct ftp_listed {
    enum ftp_listed_kind kind;
    bool has_size, has_mode;
    uint8_t flaws;               /* enum ftp_name_flaw, of the name */
    uint32_t mode;               /* 07777 */
    uint64_t size;               /* bytes */
    struct ftp_listed_time time; /* of the last change */
    struct ftp_text name, target /* of a link, if it is told */, owner, group;
    struct ftp_text unique, perm; /* RFC 3659 sections 7.5.2 and 7.5.5 */
};

/* What the earlier lines of one LIST say about its later ones. Zeroed at first, opaque. */
struct ftp_dialect {
    bool day_first;
    uint16_t begun; /* bytes of name */
    char name[256];
};

/* A line of MLSD, or of MLST without the blank that stands before it there. 1: *ret is set; 0: an empty line;
 * -EINVAL: not understood. */
MUST_USE int ftp_listed_read_facts(const char *line, size_t len, struct ftp_listed *ret);

/* A line of LIST as Unix (ls -l), NetWare, DOS and IIS, EPLF or VMS write it. now: seconds since 1970, from which
 * a year that is not said is found. 1: *ret is set; 0: no entry ("total 12", or the first half of one); -EINVAL:
 * not understood. */
MUST_USE int ftp_listed_read_line(struct ftp_dialect *dialect, const char *line, size_t len, int64_t now,
                                  struct ftp_listed *ret);

#endif
