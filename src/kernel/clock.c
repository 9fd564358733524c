/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/clock.h"

#include <sys/timex.h>

int64_t kernel_tai_offset(void)
{
    struct timex t = {.modes = 0};

    return adjtimex(&t) < 0 ? 0 : t.tai;
}
