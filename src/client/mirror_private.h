/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_MIRROR_PRIVATE_H
#define SALLY_CLIENT_MIRROR_PRIVATE_H

#include "client/folder.h"
#include "client/mirror.h"

#include <pthread.h>
#include <sys/stat.h>

struct mirror {
    const struct client_mirror_plan *plan;
    struct client_fleet *fleet;
    pthread_mutex_t lock; /* of count, and of who tells */
    struct client_mirror_count count;
};

/* A folder or a file of the tree: a job's. */
struct branch {
    struct mirror *m;
    char *path;                /* from the root; "": the root. Owned. */
    bool is_new;               /* the folder was not at the target before */
    struct client_facts facts; /* of a file that is fetched */
    uint32_t mode;
    bool has_mode;
    bool has_begun; /* of a file that is stored: NAME.part is ours */
};

/* Adds a job for path in the tree; takes path, which may be NULL (no memory). */
MUST_USE enum client_result mirror_add(struct client *c, client_job_fn *run, const struct branch *like,
                                       char *path);
void mirror_tell(struct mirror *m, enum client_mirror_act act, const char *path);
/* is_failed, or left out. */
void mirror_count_file(struct mirror *m, bool is_failed);
void mirror_count_same(struct mirror *m);
void mirror_count_bytes(struct mirror *m, uint64_t bytes);

/* path: from the root. name: its last part. */
bool mirror_is_excluded(const struct client_mirror_plan *plan, const char *path, const char *name);
bool mirror_is_included(const struct client_mirror_plan *plan, const char *path, const char *name);
/* Is a file of here younger than the entry (1), as old as far as the listing says (0), or older (-1)? */
int mirror_compare_time(const struct client_entry *e, int64_t here);
/* A NAME.part of a NAME that the listing has is being written. */
bool mirror_is_part(const char *name, const struct client_folder *listing);
/* Says that a file is called as another on its way, and so is left out: one of them would become the other. Returns result. */
enum client_result mirror_leave_part(struct client *c, struct mirror *m, const char *path,
                                     enum client_result result);
/* Says that a folder lies deeper than any that is meant: there may be no end to it. */
bool mirror_is_too_deep(struct client *c, struct mirror *m, const char *path);
/* The path at the server. */
MUST_USE char *mirror_remote(const struct mirror *m, const char *path);

/* The jobs of a folder, both ways. */
client_job_fn mirror_down, mirror_up;

#endif
