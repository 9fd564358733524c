/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuse ERRNO CALL[,CALL...] PROGRAM [ARGUMENT...]: runs the program where each system call named is answered
 * with that errno, as a container's seccomp profile (EPERM) or an old kernel (ENOSYS) would.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without a name in Debian 12's libseccomp. */
static int call_number(const char *name)
{
    return strcmp(name, "fchmodat2") == 0 ? 452 : seccomp_syscall_resolve_name(name);
}

static int refuse(const char *error, char *calls)
{
    uint32_t answer = SCMP_ACT_ERRNO(strcmp(error, "ENOSYS") == 0 ? ENOSYS : EPERM);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0)
                   : -ENOMEM; /* as a container's: root stays root */
    for (char *name = strtok(calls, ","); r == 0 && name; name = strtok(NULL, ",")) {
        int number = call_number(name);
        r = number < 0 ? -ENOENT : seccomp_rule_add(filter, answer, number, 0);
        if (r < 0)
            fprintf(stderr, "refuse: %s: %s\n", name, strerror(-r));
    }
    return r == 0 ? seccomp_load(filter) : r;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: refuse EPERM|ENOSYS CALL[,CALL...] PROGRAM [ARGUMENT...]\n");
        return 125;
    }
    if (refuse(argv[1], argv[2]) < 0)
        return 125;
    execv(argv[3], argv + 3);
    fprintf(stderr, "refuse: %s: %s\n", argv[3], strerror(errno));
    return 126;
}
