/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_SCRATCH_H
#define SALLY_TESTS_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of a test's own, 0755, that is gone at the end. */
static char scratch[64];

static inline int scratch_make(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof(scratch), "/tmp/sallyport-test-XXXXXX");
    return mkdtemp(scratch) && chmod(scratch, 0755) == 0 ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int scratch_remove(void **state)
{
    (void)state;
    return nftw(scratch, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* scratch/name, in one of eight buffers that take turns. */
static inline const char *in_scratch(const char *name)
{
    static char paths[8][256];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
    return path;
}

static inline const char *write_scratch(const char *name, const char *text, mode_t mode)
{
    const char *path = in_scratch(name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, mode) != 0)
        abort();
    return path;
}

static inline const char *mkdir_scratch(const char *name, mode_t mode)
{
    const char *path = in_scratch(name);
    if (mkdir(path, mode) != 0 || chmod(path, mode) != 0)
        abort();
    return path;
}

#endif
