/* SPDX-License-Identifier: BSD-2-Clause */
#include "sys/sandbox.h"

#include "sys/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What was tried last, for whoever must say why the server does not start. */
static const char *step = "";

const char *sandbox_step(void)
{
    return step;
}

/* True if the call named went well. */
static bool did(const char *call, long r)
{
    step = call;
    return r >= 0;
}

/* --- identity and capabilities ----------------------------------------------------------------------- */

/* Empties the ambient and bounding sets. Must come while CAP_SETPCAP is still there, so before setresuid. */
static int empty_bounding_set(void)
{
    if (!did("prctl (PR_CAP_AMBIENT)", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) &&
        errno != EINVAL)
        return -errno;
    unsigned long cap = 0;
    while (did("prctl (PR_CAPBSET_READ)", prctl(PR_CAPBSET_READ, cap, 0, 0, 0))) {
        if (!did("prctl (PR_CAPBSET_DROP)", prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) && errno != EPERM)
            return -errno;
        cap++;
    }
    return errno == EINVAL && cap > 0 ? 0 : -errno; /* EINVAL: beyond the last that the kernel has */
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}}, now[2];
    if (!did("capset", syscall(SYS_capset, &header, none)) ||
        !did("capget", syscall(SYS_capget, &header, now)))
        return -errno;
    return memcmp(now, none, sizeof(none)) == 0 ? 0 : -EPERM;
}

static int change_ids(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count)
{
    if (uid == 0)
        return -EINVAL;
    bool done = did("setgroups (CAP_SETGID)", setgroups(group_count, groups)) &&
                did("setresgid (CAP_SETGID)", setresgid(gid, gid, gid)) &&
                did("setresuid (CAP_SETUID)", setresuid(uid, uid, uid));
    return done ? 0 : -errno;
}

/* A setuid that reported success and did nothing has happened (CVE-2000-0506's kind); look rather than trust.
 */
static bool is_only(uid_t uid, gid_t gid)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0)
        return false;
    return r == uid && e == uid && s == uid && rg == gid && eg == gid && sg == gid;
}

static int gain_nothing_more(void)
{
    if (!did("prctl (PR_SET_NO_NEW_PRIVS)", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
        return -errno;
    return drop_capabilities();
}

int sandbox_stay(void)
{
    int r = empty_bounding_set();
    return r < 0 ? r : gain_nothing_more();
}

int sandbox_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count)
{
    bool as_root = geteuid() == 0;
    if (!as_root && uid != geteuid())
        return -EPERM;
    int r = empty_bounding_set();
    if (r == 0 && as_root)
        r = change_ids(uid, gid, groups, group_count);
    if (r == 0)
        r = gain_nothing_more();
    if (r < 0)
        return r;
    step = "setresuid";
    if (as_root && !is_only(uid, gid))
        return -EPERM;
    return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ? -EPERM : 0;
}

/* --- an empty root ----------------------------------------------------------------------------------- */

/* True if dir_fd is a directory with nothing in it but "." and "..". */
static bool is_empty(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    if (!d) {
        fd_close(&copy);
        return false;
    }
    unsigned entries = 0;
    while (entries < 3 && readdir(d))
        entries++;
    closedir(d);
    return entries < 3;
}

/* A directory without a name: nothing can be made in it, not even by root. A descriptor or -errno. */
static int open_nameless(void)
{
    static const char *const places[] = {"/run/sallyd-XXXXXX", "/tmp/sallyd-XXXXXX",
                                         "/dev/shm/sallyd-XXXXXX"};
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[32];
        strcpy(path, places[i]);
        if (!did("mkdir", mkdtemp(path) ? 0 : -1)) {
            error = -errno;
            continue;
        }
        int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        error = fd < 0 ? -errno : 0;
        if (rmdir(path) < 0 && error == 0)
            error = -errno;
        if (error == 0)
            return fd;
        fd_close(&fd);
    }
    return error;
}

int sandbox_empty_root(const char *dir)
{
    __attribute__((cleanup(fd_close))) int fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || !is_empty(fd)) {
        fd_close(&fd);
        fd = open_nameless();
        if (fd < 0)
            return fd;
    }
    return sandbox_chroot(fd);
}

int sandbox_chroot(int dir_fd)
{
    bool done = did("fchdir", fchdir(dir_fd)) && did("chroot (CAP_SYS_CHROOT)", chroot(".")) &&
                did("chdir", chdir("/"));
    return done ? 0 : -errno;
}

/* --- landlock ---------------------------------------------------------------------------------------- */

/* What <linux/landlock.h> of Debian 12 does not know yet; values from the kernel's documentation,
 * userspace-api/landlock. */
#define ACCESS_FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define ACCESS_NET_TCP      3ULL         /* ABI 4: bind, connect */
#define SCOPED_ALL          3ULL         /* ABI 6: abstract UNIX sockets, signals */

#define ACCESS_FS_ABI1    ((1ULL << 13) - 1) /* execute ... make symbolic links */
#define ACCESS_FS_READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Making links, FIFOs and sockets is needed to rename them; the seccomp filter keeps new ones from being
 * made. */
#define ACCESS_FS_WRITING                                                                                    \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |        \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |               \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER |                \
     ACCESS_FS_TRUNCATE)

/* struct landlock_ruleset_attr as of ABI 6; an older kernel takes it as long as the fields it lacks are zero.
 */
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

static struct ruleset ruleset_of_abi(long abi)
{
    struct ruleset s = {.handled_access_fs = ACCESS_FS_ABI1};
    if (abi >= 2)
        s.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        s.handled_access_fs |= ACCESS_FS_TRUNCATE;
    if (abi >= 4)
        s.handled_access_net = ACCESS_NET_TCP;
    if (abi >= 5)
        s.handled_access_fs |= ACCESS_FS_IOCTL_DEV;
    if (abi >= 6)
        s.scoped = SCOPED_ALL;
    return s;
}

int sandbox_landlock(int root_fd, bool writable)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    step = "landlock_create_ruleset";
    if (abi < (writable ? 2 : 1))
        return -EOPNOTSUPP;

    struct ruleset wanted = ruleset_of_abi(abi);
    __attribute__((cleanup(fd_close))) int fd =
        (int)syscall(SYS_landlock_create_ruleset, &wanted, sizeof(wanted), 0);
    if (!did("landlock_create_ruleset", fd))
        return -errno;
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = wanted.handled_access_fs & (ACCESS_FS_READING | (writable ? ACCESS_FS_WRITING : 0)),
        .parent_fd = root_fd,
    };
    bool done = did("landlock_add_rule",
                    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0)) &&
                did("landlock_restrict_self", syscall(SYS_landlock_restrict_self, fd, 0));
    return done ? 0 : -errno;
}
