/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/person.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    GROUPS_FIRST = 32,
    GROUPS_MOST = 65536, /* NGROUPS_MAX of Linux */
    ENTRY_FIRST = 1024,
    ENTRY_MOST = 1024 * 1024,
};

void person_fini(struct person *p)
{
    free(p->groups);
    free(p->home);
    *p = (struct person){0};
}

/* getpwnam_r (name) or getpwuid_r (name NULL) with a buffer that grows; *ret_buffer is the caller's to free.
 */
static int entry_find(const char *name, uid_t uid, struct passwd *ret, char **ret_buffer)
{
    for (size_t cap = ENTRY_FIRST; cap <= ENTRY_MOST; cap *= 2) {
        char *buffer = malloc(cap);
        struct passwd entry, *found = NULL;
        if (!buffer)
            return -ENOMEM;
        int r = name ? getpwnam_r(name, &entry, buffer, cap, &found)
                     : getpwuid_r(uid, &entry, buffer, cap, &found);
        if (found) {
            *ret = entry;
            *ret_buffer = buffer;
            return 0;
        }
        free(buffer);
        if (r != ERANGE) /* getpwnam(3): these stand for "not found" as well */
            return r == 0 || r == ESRCH || r == EBADF || r == EPERM ? -ENOENT : -r;
    }
    return -ERANGE;
}

static int groups_find(const char *name, gid_t gid, gid_t **ret, size_t *ret_count)
{
    for (int cap = GROUPS_FIRST; cap <= GROUPS_MOST; cap *= 2) {
        gid_t *groups = calloc((size_t)cap, sizeof(*groups));
        int count = cap;
        if (!groups)
            return -ENOMEM;
        if (getgrouplist(name, gid, groups, &count) >= 0) {
            *ret = groups;
            *ret_count = (size_t)count;
            return 0;
        }
        free(groups);
    }
    return -ERANGE;
}

int person_find(const char *name, struct person *ret)
{
    struct passwd entry;
    char *buffer = NULL;
    int r = entry_find(name, 0, &entry, &buffer);
    if (r < 0)
        return r;

    struct person p = {.uid = entry.pw_uid, .gid = entry.pw_gid, .home = strdup(entry.pw_dir)};
    r = p.home ? groups_find(entry.pw_name, entry.pw_gid, &p.groups, &p.group_count) : -ENOMEM;
    free(buffer);
    if (r < 0) {
        person_fini(&p);
        return r;
    }
    *ret = p;
    return 0;
}

int person_copy(const struct person *p, struct person *ret)
{
    struct person copy = {.uid = p->uid, .gid = p->gid, .group_count = p->group_count};
    copy.home = strdup(p->home);
    copy.groups = malloc((p->group_count + 1) * sizeof(*copy.groups)); /* never of length zero */
    if (!copy.home || !copy.groups) {
        person_fini(&copy);
        return -ENOMEM;
    }
    memcpy(copy.groups, p->groups, p->group_count * sizeof(*copy.groups));
    *ret = copy;
    return 0;
}

int person_self(struct person *ret)
{
    struct passwd entry;
    char *buffer = NULL;
    struct person p = {.uid = getuid(), .gid = getgid()};
    int count = getgroups(0, NULL);
    if (count < 0)
        return -errno;

    int r = entry_find(NULL, p.uid, &entry, &buffer);
    p.home = strdup(r == 0 ? entry.pw_dir : "/");
    free(buffer);
    p.groups = calloc((size_t)count + 1, sizeof(*p.groups));
    if (!p.home || !p.groups) {
        person_fini(&p);
        return -ENOMEM;
    }
    count = getgroups(count, p.groups);
    p.group_count = count > 0 ? (size_t)count : 0;
    *ret = p;
    return 0;
}

static bool person_has_group(const struct person *p, gid_t gid)
{
    for (size_t i = 0; i < p->group_count; i++)
        if (p->groups[i] == gid)
            return true;
    return p->gid == gid;
}

int person_may_write(const struct person *p, const char *path, bool *ret)
{
    struct stat st;
    struct statvfs fs = {0};
    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;

    mode_t bit = st.st_uid == p->uid ? S_IWUSR : person_has_group(p, st.st_gid) ? S_IWGRP : S_IWOTH;
    bool may = st.st_mode & bit;
    if (may && statvfs(path, &fs) < 0)
        return -errno;
    *ret = may && !(fs.f_flag & ST_RDONLY);
    return 0;
}
