/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether what is read runs, may run or is skipped, and why. */
#include <stdlib.h>

#include "rules/shell/private.h"

enum shell_mode shell_weaker(enum shell_mode a, enum shell_mode b)
{
    return a > b ? a : b;
}

enum shell_mode shell_mode_if(enum shell_mode mode, enum shell_status status, enum shell_status wanted)
{
    return shell_weaker(mode, status == wanted         ? SHELL_RUNS
                              : status == SHELL_UNSURE ? SHELL_MAYBE
                                                       : SHELL_SKIPS);
}

enum shell_mode shell_now(const struct shell *sh, enum shell_mode mode)
{
    return sh->jump || sh->is_over            ? SHELL_SKIPS
           : sh->doubts || sh->may_have_ended ? shell_weaker(mode, SHELL_MAYBE)
                                              : mode;
}

char *shell_because(struct shell *sh, enum shell_mode before, enum shell_mode after, const char *what,
                    uint32_t line)
{
    const char *old = sh->maybe_why;

    if (before == SHELL_RUNS && after == SHELL_MAYBE)
        sh->maybe_why = shell_format(sh, "%s in line %u", what, line);
    return (char *)(uintptr_t)old;
}

void shell_because_end(struct shell *sh, char *old)
{
    if (sh->maybe_why == old)
        return;
    free((char *)(uintptr_t)sh->maybe_why);
    sh->maybe_why = old;
}
