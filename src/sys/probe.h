/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_PROBE_H
#define SALLY_SYS_PROBE_H

#include "base/result.h"

#include <stdbool.h>

/*
 * A seccomp profile around the server, or a kernel that is too old, refuses system calls. What a process can't
 * do without is tried before the server says that it is ready, in the process itself and inside its sandbox,
 * so that nobody finds out by files that can't be opened. What can be done in another way (close_range,
 * sendfile, splice, fallocate, fchmodat2) is not in here.
 */
enum probe_process {
    PROBE_MONITOR = 1,
    PROBE_WORKER = 2,
    PROBE_BROKER = 4,
};

/* Tries each call that such a process needs, with arguments that have no effect. NULL: all are there; else the
 * name of the first that is refused, and with which errno. */
MUST_USE const char *probe_calls(enum probe_process process, int *ret_error);

/* Has the kernel TLS, which a TCP connection may be given (Documentation/networking/tls.rst)? Asked with CAP_NET_ADMIN it loads
 * the module if there is one. Which ciphers it has shows only when a connection gets its keys. */
MUST_USE bool probe_kernel_tls(void);

#endif
