/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_REFUSE_CALL_H
#define SALLY_TESTS_REFUSE_CALL_H

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>

/* From now on this process's call is answered with error, as a seccomp profile around it would. 0 or -errno. */
static inline int refuse_call(int call, int error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = filter ? seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), call, 0) : -ENOMEM;
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

#endif
