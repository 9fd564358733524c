/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/state.h"

#include "server/link.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

_Thread_local struct worker worker;
unsigned worker_loops = 1;
bool worker_has_kernel_tls;

double worker_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int worker_tell(enum server_message type, uint32_t id)
{
    const struct ipc_message m = {.type = (uint16_t)type, .id = id, .fd = -1};
    return link_send(worker.monitor, &m);
}

void worker_must_tell(enum server_message type, uint32_t id)
{
    int r = worker_tell(type, id);
    if (r < 0 && r != -EPIPE) /* a monitor that is gone is noticed when its socket is read */
        _exit(EXIT_FAILURE);
}
