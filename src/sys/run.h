/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_RUN_H
#define SALLY_SYS_RUN_H

/* Programs of the system, run without a shell and waited for. */
#include <stddef.h>

#include "base/result.h"

struct run_said {
    char *output, *errors; /* with a NUL behind; the caller's (run_said_free) */
    size_t size;           /* of the output */
    int status;            /* as a shell has it; signals as 128 and more */
};

enum { RUN_ARGUMENTS = 30, RUN_SECONDS = 30 };

/*
 * Runs the program of this name in /usr/sbin, /sbin, /usr/bin or /bin, with these words (NULL ends them; at most
 * RUN_ARGUMENTS; NULL itself: none) and input ("": none), in the mount namespace mounts (-1: this one). One that takes longer than RUN_SECONDS is
 * killed. 0 if it ended with 0; -EPERM if it ended otherwise, *ret says how; -ENOENT: there is no such program, or it is
 * this one under another name; -ETIMEDOUT; other -errno. With the last three, *ret is untouched.
 */
MUST_USE int run_program(const char *program, const char *const *words, const char *input, int mounts,
                         struct run_said *ret);
void run_said_free(struct run_said *said);

#endif
