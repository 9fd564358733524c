/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_MIRROR_H
#define SALLY_CLIENT_MIRROR_H

#include "client/fleet.h"

/*
 * A tree of the server's made here, or one of here made there: what is missing or differs is copied. A file is the same if size and time
 * are, as finely as both sides know the time. What the server names is used only where it is a name of one folder, and below the root
 * no link is followed, so nothing comes to lie outside it.
 */
enum client_mirror_act {
    CLIENT_MIRROR_GET,
    CLIENT_MIRROR_PUT,
    CLIENT_MIRROR_FOLDER, /* made */
    CLIENT_MIRROR_LINK,   /* made */
    CLIENT_MIRROR_DELETE,
    CLIENT_MIRROR_ACTS
};

struct client_mirror_plan {
    const char *remote; /* path of the folder there */
    int root;           /* the open folder here */
    bool is_upload;     /* from here to there */
    bool deletes;       /* what is not at the source */
    bool is_dry;        /* says what it would do, and does nothing */
    bool only_newer;    /* copies a file only if it is younger than the other, whatever its size */
    bool
        keeps_links; /* makes links of this machine, if they lead to nowhere outside the root; else links are left out */
    const char *const *
        includes; /* patterns as fnmatch(3) has them, NULL at the end, or NULL: files that are copied; none: all */
    const char *const *
        excludes; /* files and folders that are left alone. One with a slash is of the path from the root, else of the name. */
    /* Before it is done. From several threads, one at a time. NULL: nobody asks. */
    void (*tell)(void *arg, enum client_mirror_act act, const char *path);
    void *arg;
};

struct client_mirror_count {
    uint64_t done[CLIENT_MIRROR_ACTS];
    uint64_t same, failed, left_out; /* files; links and names that can't be */
    uint64_t bytes;
};

/* Result: that of the first that failed; what does not depend on it is done. *ret is set in any case. */
MUST_USE enum client_result client_mirror(struct client_fleet *f, const struct client_mirror_plan *plan,
                                          struct client_mirror_count *ret);

#endif
