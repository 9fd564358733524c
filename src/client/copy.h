/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_COPY_H
#define SALLY_CLIENT_COPY_H

#include "client/fleet.h"

/*
 * One file, from the server or to it. It is called NAME.part on the way and has its name only once all of it is there, so
 * nothing looks whole that is not, whatever is killed.
 *
 * A NAME.part bears on it of which file it is the beginning (its size and time at the server), and is gone on with only while the
 * server's file is still that one; what was put together so is compared by HASH where the server has it.
 */
struct client_copy {
    const char *remote; /* path */
    int folder;         /* of this machine; below it no link is followed. AT_FDCWD: local is any path */
    const char *local;  /* path from there */
    bool resumes;       /* goes on with what an earlier one has left */
    bool is_durable;    /* it is on the disk before it has its name */
    bool keeps_mode;    /* mode is taken over, as far as this machine's umask lets it */
    bool
        is_known; /* facts are what a listing has just said; else the server is asked, and they fill what it does not say */
    struct client_facts facts;
    uint32_t mode; /* 0777 */
};

/* Bytes that were moved into ret_bytes. CLIENT_LOCAL_FAILED also if another is at the same file. */
MUST_USE enum client_result client_fetch(struct client *c, const struct client_copy *copy,
                                         uint64_t *ret_bytes);
/* The same in several pieces at once, each a job of the fleet's; c is the session that asks for the facts now. What can't be had so comes in
 * one. copy's strings need not outlive the call. */
MUST_USE enum client_result client_fetch_in_pieces(struct client_fleet *f, struct client *c,
                                                   const struct client_copy *copy, unsigned pieces);
/* A link at local itself is followed if folder is AT_FDCWD. */
MUST_USE enum client_result client_store(struct client *c, const struct client_copy *copy,
                                         uint64_t *ret_bytes);

/* Opens path below folder, where no link is followed; any path, if folder is AT_FDCWD. A descriptor or -errno. */
MUST_USE int client_open_local(int folder, const char *path, int flags, unsigned mode);

#endif
