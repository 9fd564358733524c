/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_COPY_PRIVATE_H
#define SALLY_CLIENT_COPY_PRIVATE_H

#include "client/copy.h"

#include <time.h>

/* Where a file comes to: names in an open folder. */
struct place {
    int folder;
    char *path,
        *part; /* a copy of the whole path, whose part before the name may be cut off; NAME.part. Owned. */
    const char *name; /* in path */
};

/* A file on its way here. */
struct fetch {
    struct client *c; /* in whose session something is done just now */
    const struct client_copy *copy;
    struct place place;
    struct client_facts facts;
    int fd;          /* NAME.part, locked; -1: not open */
    bool was_there;  /* NAME.part had something in it */
    bool is_cleared; /* and that is gone */
    uint64_t offset, bytes;
    uint32_t mode;
};

/* Opens NAME.part, which is nobody else's then, and finds out the file's facts. fetch_close in any case. */
MUST_USE enum client_result fetch_open(struct client *c, const struct client_copy *copy, struct fetch *f);
/* A NAME.part in which there is nothing goes. */
void fetch_close(struct fetch *f);
/* Empties NAME.part from offset on, the first time, and if is_marked says on it of what it is the beginning, else that it may have holes. 0; or -errno:
 * the latter can't be said there, or it is not emptied. */
MUST_USE int fetch_clear(struct fetch *f, bool is_marked);
/* Leaves the first bytes, for who goes on with them. */
void fetch_leave(struct fetch *f, uint64_t bytes);
/* Is it one file that was put together? */
MUST_USE enum client_result fetch_check_pieces(struct fetch *f);
/* Its mode, its time, its name. */
MUST_USE enum client_result fetch_finish(struct fetch *f);
/* Writes all of it at an offset. 0 or -errno. */
MUST_USE int fetch_write(int fd, const void *bytes, size_t len, uint64_t offset);
void copy_say_moved(struct client *c, uint64_t bytes, const struct timespec *began);

#endif
