/* SPDX-License-Identifier: BSD-2-Clause */
/* Members of sets, anew. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/members.h"
#include "cmd/wall/options.h"
#include "kernel/sets.h"
#include "kernel/wall.h"

static const struct option_command sets_options = {
    "sets",
    "",
    "Gives the wall the members of sets as ipset has them now. A packet sees each set as it was or as it is.",
    NULL,
    0,
    0,
    0};

static int write_sets(struct kernel_wall *wall, const struct sets *sets)
{
    const struct kernel_sets_maps maps = {kernel_wall_map(wall, "sets"), kernel_wall_map(wall, "set_heads"),
                                          kernel_wall_map(wall, "members")};
    int r = kernel_sets_write(&maps, sets);

    if (r == -E2BIG)
        fprintf(stderr, "sallywall sets: the sets have more members than the wall has room for (1,048,576 in "
                        "1,024 sets); they stay as they were\n");
    else if (r)
        fprintf(stderr, "sallywall sets: the members can't be put into the kernel: %s\n", strerror(-r));
    return r ? STATUS_TROUBLE : 0;
}

int sets_command(int argc, char **argv)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    struct sets *sets = NULL;
    int operands, status = STATUS_TROUBLE, r = options_read(&sets_options, argc, argv, NULL, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (kernel_wall_open_to_change(-1, &wall, &error))
        fprintf(stderr, "sallywall sets: %s\n", error.text);
    else if (members_read(&sets) == 0 && !sets)
        fprintf(stderr, "sallywall sets: there is no ipset here, so that no sets are known; install ipset\n");
    else if (sets)
        status = write_sets(wall, sets);
    sets_free(&sets);
    kernel_wall_close(&wall);
    return status;
}
