/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of the commands of the live wall, where the build had no libbpf. */
#include <stdio.h>

#include "cmd/wall/commands.h"

static int refuse(const char *command)
{
    fprintf(
        stderr,
        "sallywall %s: this sallywall was built without the live wall: that takes libbpf-dev and clang (14 "
        "or 19); ./run build installs them\n",
        command);
    return STATUS_TROUBLE;
}

#define REFUSED(command)                                                                                     \
    int command(int argc, char **argv)                                                                       \
    {                                                                                                        \
        (void)argc;                                                                                          \
        return refuse(argv[0]);                                                                              \
    }

REFUSED(up_command)
REFUSED(conntrack_command)
REFUSED(expect_command)
REFUSED(sets_command)
REFUSED(down_command)
REFUSED(status_command)
REFUSED(watch_command)
REFUSED(apply_command)
REFUSED(confirm_command)
REFUSED(save_boot_command)
REFUSED(restore_boot_command)
REFUSED(import_command)
REFUSED(live_iptables)
REFUSED(restore_command)
REFUSED(live_save_command)

void live_begin(void)
{
}

int live_read(uint8_t family, struct rules **ret)
{
    (void)family;
    (void)ret;
    (void)refuse("explain --wall"); /* the caller exits with the same status */
    return -1;
}

int live_stands(void)
{
    return 0;
}
