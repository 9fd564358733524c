/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/auth.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

/* Who we are, to come back to. */
struct self {
    gid_t gid, *groups;
    int group_count;
};

static int self_note(struct self *ret)
{
    int count = getgroups(0, NULL);
    gid_t *groups = count < 0 ? NULL : calloc((size_t)count + 1, sizeof(*groups));
    if (!groups)
        return count < 0 ? -errno : -ENOMEM;
    count = getgroups(count, groups);
    if (count < 0) {
        free(groups);
        return -errno;
    }
    *ret = (struct self){getegid(), groups, count};
    return 0;
}

static int become(const struct auth_grant *g)
{
    bool done = setgroups(g->group_count, g->groups) == 0 && setegid(g->gid) == 0 && seteuid(g->uid) == 0;
    return done ? 0 : -errno;
}

static int come_back(const struct self *self)
{
    bool done =
        seteuid(0) == 0 && setegid(self->gid) == 0 && setgroups((size_t)self->group_count, self->groups) == 0;
    return done ? 0 : -ENOTRECOVERABLE;
}

static int open_plainly(const struct auth_grant *g)
{
    int fd = open(g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int auth_open_root(const struct auth_grant *g)
{
    struct self self = {0};
    if (!g->root_as_user || geteuid() != 0)
        return open_plainly(g);
    int r = self_note(&self);
    if (r < 0)
        return r;
    int fd = become(g);
    if (fd == 0)
        fd = open_plainly(g);
    r = come_back(&self);
    free(self.groups);
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}
