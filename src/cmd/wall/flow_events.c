/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/flow_events.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/wall/commands.h"
#include "kernel/pins.h"

static volatile sig_atomic_t is_over;

static void end_watch(int signal)
{
    (void)signal;
    is_over = 1;
}

int flow_events_begin(const char *command, const struct kernel_wall *wall)
{
    struct sigaction action = {.sa_handler = end_watch};
    int alone = pins_lock_one_listener(kernel_wall_folder(wall), command); /* until this process ends */

    if (alone == -EWOULDBLOCK) {
        fprintf(stderr, "sallywall %s: another sallywall %s -E listens already, and events are told once\n",
                command, command);
        return STATUS_TROUBLE;
    }
    if (alone < 0) {
        fprintf(stderr, "sallywall %s: whether another one listens is not known: %s\n", command,
                strerror(-alone));
        return STATUS_TROUBLE;
    }
    sigaction(SIGINT, &action, NULL); /* both can be set for any process */
    sigaction(SIGTERM, &action, NULL);
    return 0;
}

bool flow_events_are_over(const struct kernel_wall *wall)
{
    return fflush(stdout) || is_over || !kernel_wall_state(wall)->armed;
}

void flow_events_print_type(const struct flow_order *o, uint32_t type)
{
    struct timespec now;

    if (o->timestamp) {
        clock_gettime(CLOCK_REALTIME, &now);
        printf("[%lld.%06ld]\t", (long long)now.tv_sec, now.tv_nsec / 1000);
    }
    printf("%9s ", type == BPF_FLOW_NEW ? "[NEW]" : type == BPF_FLOW_UPDATE ? "[UPDATE]" : "[DESTROY]");
}

void flow_events_end(const struct kernel_wall *wall, const char *what, unsigned long count, uint64_t lost)
{
    if (!kernel_wall_state(wall)->armed)
        fprintf(stderr, "sallywall: the wall has been taken down.\n");
    if (lost)
        fprintf(stderr, "sallywall: %llu events came too fast, and are not shown.\n",
                (unsigned long long)lost);
    fprintf(stderr, "sallywall: %lu %s events have been shown.\n", count, what);
}
