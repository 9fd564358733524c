/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/cpus.h"

#include <sched.h>
#include <sys/socket.h>

static cpu_set_t ours;
static unsigned count;

unsigned cpus_count(void)
{
    if (count > 0)
        return count;
    if (sched_getaffinity(0, sizeof(ours), &ours) < 0) /* more than CPU_SETSIZE: one loop, unpinned */
        CPU_ZERO(&ours);
    count = (unsigned)CPU_COUNT(&ours);
    if (count == 0)
        count = 1;
    return count;
}

/* The kernel's number of ours; -1: there is no such. */
static int kernel_number(unsigned number)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &ours) && number-- == 0)
            return cpu;
    }
    return -1;
}

void cpus_pin(unsigned number)
{
    cpu_set_t one;
    int cpu = kernel_number(number);
    CPU_ZERO(&one);
    if (cpu < 0)
        return;
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one); /* only how fast */
}

void cpus_unpin(void)
{
    if (CPU_COUNT(&ours) > 0)
        (void)sched_setaffinity(0, sizeof(ours), &ours); /* only how fast */
}

int cpus_incoming(int sock)
{
    int cpu = -1, number = 0;
    socklen_t len = sizeof(cpu);
    if (getsockopt(sock, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &len) < 0 || cpu < 0 || cpu >= CPU_SETSIZE ||
        !CPU_ISSET(cpu, &ours))
        return -1;
    for (int i = 0; i < cpu; i++)
        number += CPU_ISSET(i, &ours) != 0;
    return number;
}
