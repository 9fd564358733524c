/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_NAMES_H
#define SALLY_SERVER_BROKER_NAMES_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * The names in a directory, sorted bytewise or by time, with what LIST shows of each: 12 bytes, the name, and 20 bytes
 * for facts, so that all of them cost less than the listing that is made of them. Before names_sort they are
 * in the order they came.
 */
struct name_entry {
    uint64_t key; /* eight bytes of the name, as a number: most comparisons need no more */
    uint32_t at;  /* into bytes: the type, then the name and its NUL; before it the facts, if kept */
} __attribute__((packed));

/* What neighbours in a directory mostly have in common. */
struct name_kind {
    uint32_t mode, nlink, uid, gid;
};

struct names {
    bool keeps_facts; /* set before the first names_add */
    char *bytes;
    size_t len, cap;
    struct name_entry *entries;
    size_t count, entries_cap;
    struct name_kind *kinds;
    size_t kind_count, kinds_cap;
};

/* type: d_type of getdents64. st: only looked at if facts are kept. 0, -ENOMEM, or -E2BIG when there are too
 * many. */
MUST_USE int names_add(struct names *n, const char *name, unsigned char type, const struct stat *st);
/* By name, or (where facts are kept) the latest first. Never quadratic, whatever the names are. 0 or -ENOMEM. */
MUST_USE int names_sort(struct names *n, bool by_time, bool reversed);
/* Valid until the next names_add. */
const char *names_get(const struct names *n, size_t i);
unsigned char names_type(const struct names *n, size_t i);
/* Where facts are kept: mode, nlink, uid, gid, size and mtime as they were given. */
void names_facts(const struct names *n, size_t i, struct stat *ret_st);
/* Forgets the names; free gives the memory back. */
void names_clear(struct names *n);
void names_free(struct names *n);

/* A stack of paths yet to be walked, for walking a tree without recursion (CVE-2019-20176). */
struct path_stack {
    char *bytes;
    size_t len, cap;
};

/* Pushes "dir/name", or name if dir is "". 0, -ENOMEM, -E2BIG (64 MiB of paths), -ENAMETOOLONG. */
MUST_USE int path_stack_push(struct path_stack *s, const char *dir, const char *name);
/* The topmost, into path (FILE_PATH_MAX bytes). False: none left. */
MUST_USE bool path_stack_pop(struct path_stack *s, char *path);
void path_stack_free(struct path_stack *s);

#endif
