/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* ---- the mount ---- */

static bool is_bpffs(int fd)
{
    struct statfs about;

    return fstatfs(fd, &about) == 0 && about.f_type == BPF_FS_MAGIC;
}

static int open_directory(void)
{
    int fd = open(KERNEL_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

/* Of two that come here at once, for whichever namespaces, the second finds what the first has mounted. below: the folder
 * that is mounted on. */
static int mount_on(int below, struct kernel_error *error)
{
    int fd = flock(below, LOCK_EX) ? -1 : open_directory();

    if (fd >= 0 && is_bpffs(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    if (mount("bpf", KERNEL_PINS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return kernel_refuse(error, errno == EPERM ? KERNEL_FORBIDS : KERNEL_FAILS, -errno,
                             "a bpffs, where the wall is kept, can't be mounted at " KERNEL_PINS ": %s%s",
                             strerror(errno),
                             errno == EPERM ? "; call it as root, outside of containers" : "");
    fd = open_directory();
    return fd >= 0 ? fd : kernel_refuse(error, KERNEL_FAILS, fd, KERNEL_PINS ": %s", strerror(-fd));
}

static int mount_here(struct kernel_error *error)
{
    int below, r;

    if (mkdir(KERNEL_PINS, 0700) && errno != EEXIST)
        return kernel_refuse(error, KERNEL_FAILS, -errno, KERNEL_PINS " can't be made: %s", strerror(errno));
    below = open_directory();
    if (below < 0)
        return kernel_refuse(error, KERNEL_FAILS, below, KERNEL_PINS ": %s", strerror(-below));
    r = mount_on(below, error);
    close(below);
    return r;
}

static int open_here(bool may_mount, struct kernel_error *error)
{
    int fd = open_directory();

    if (fd >= 0 && is_bpffs(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    if (fd < 0 && fd != -ENOENT)
        return kernel_refuse(error, fd == -EACCES ? KERNEL_FORBIDS : KERNEL_FAILS, fd, KERNEL_PINS ": %s%s",
                             strerror(-fd), fd == -EACCES ? "; walls are root's" : "");
    if (!may_mount)
        return kernel_refuse(error, KERNEL_FAILS, -ENOENT, "no wall is up on this machine");
    return mount_here(error);
}

/* Mounts have numbers, and none is in two namespaces: two processes that have the same first one are in the same.
 * Comparing /proc/PID/ns/mnt would take ptrace's rights over process 1. */
static bool first_mount(const char *process, unsigned *ret)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%.20s/mountinfo", process);
    FILE *mounts = fopen(path, "re");
    bool is_read = mounts && fscanf(mounts, "%u", ret) == 1;
    if (mounts)
        fclose(mounts);
    return is_read;
}

static bool is_number(const char *name)
{
    return name[0] && name[strspn(name, "0123456789")] == '\0';
}

/* The mount namespace with that first mount, by any process in it that this one may look at; -1: none. */
static int find_namespace(unsigned wanted)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    char path[64];
    unsigned mount;
    int fd = -1;

    while (fd < 0 && processes && (entry = readdir(processes))) {
        if (!is_number(entry->d_name) || !first_mount(entry->d_name, &mount) || mount != wanted)
            continue;
        snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", entry->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (processes)
        closedir(processes);
    return fd;
}

static int refuse_proc(struct kernel_error *error)
{
    return kernel_refuse(
        error, KERNEL_FAILS, -ENOMEDIUM,
        "/proc, by which the mounts of process 1 and the walls there are found, can't be read; "
        "mount -t proc proc /proc, or call it as root");
}

static int refuse_namespace(struct kernel_error *error, const char *why)
{
    return kernel_refuse(
        error, KERNEL_FORBIDS, -EPERM,
        "this process has mounts of its own (as under ip netns exec), with which the wall would be "
        "gone, and those of process 1 can't be entered: %s. Call it with nsenter --net=... from a "
        "shell that has not",
        why);
}

/* In the mount namespace there, and back again. */
static int open_there(int there, bool may_mount, struct kernel_error *error)
{
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), directory = open(".", O_PATH | O_CLOEXEC), r;

    if (own < 0 || directory < 0 || setns(there, CLONE_NEWNS)) {
        r = refuse_namespace(error, strerror(errno));
    } else {
        r = open_here(may_mount, error);
        if (setns(own, CLONE_NEWNS) || fchdir(directory)) {
            if (r >= 0)
                close(r);
            r = kernel_refuse(error, KERNEL_FAILS, -errno,
                              "the mount namespace of before can't be entered again: %s", strerror(errno));
        }
    }
    if (own >= 0)
        close(own);
    if (directory >= 0)
        close(directory);
    return r;
}

int pins_mounts(void)
{
    unsigned first, own;

    return first_mount("1", &first) && first_mount("self", &own) && first != own ? find_namespace(first) : -1;
}

int pins_open_root(bool may_mount, struct kernel_error *error)
{
    unsigned first, own;
    int there, r;

    if (!first_mount("1", &first) || !first_mount("self", &own))
        return refuse_proc(error);
    if (first == own)
        return open_here(may_mount, error);
    there = find_namespace(first);
    if (there < 0)
        return refuse_namespace(error, "no process of theirs may be looked at");
    r = open_there(there, may_mount, error);
    close(there);
    return r;
}

/* ---- folders ---- */

int pins_cookie(uint64_t *ret, struct kernel_error *error)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;
    socklen_t size = sizeof(*ret);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size))
        r = kernel_refuse(
            error, KERNEL_LACKS, -errno,
            "the kernel does not tell which network namespace this is (SO_NETNS_COOKIE, Linux 5.14): %s",
            strerror(errno));
    if (fd >= 0)
        close(fd);
    return r;
}

void pins_folder_name(uint64_t cookie, char ret[PINS_NAME])
{
    snprintf(ret, PINS_NAME, "%016" PRIx64, cookie);
}

static int refuse_path(struct kernel_error *error, const char *name, const char *what)
{
    return kernel_refuse(error, KERNEL_FAILS, -errno, KERNEL_PINS "/%s %s: %s", name, what, strerror(errno));
}

int pins_open_folder(int root, const char *name, struct kernel_error *error)
{
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return kernel_refuse(error, KERNEL_FAILS, -ENOENT,
                             "no wall is up in this network namespace; sallywall up puts one up");
    return refuse_path(error, name, "can't be opened");
}

/* ---- locks ---- */

enum { PAUSE_MS = 20, TOLD_AFTER_MS = 1000 };

static void (*tell_waiting)(long process);

void pins_on_wait(void (*tell)(long process))
{
    tell_waiting = tell;
}

/* The process that has the lock of a folder; 0: none is seen that has. */
static long holder_of(int folder)
{
    struct stat about;
    unsigned major_number, minor_number;
    unsigned long long inode;
    char *line = NULL;
    size_t size = 0;
    long process, found = 0;
    FILE *locks = fstat(folder, &about) ? NULL : fopen("/proc/locks", "re");

    while (locks && !found && getline(&line, &size, locks) > 0) {
        if (sscanf(line, "%*u: FLOCK %*s %*s %ld %x:%x:%llu", &process, &major_number, &minor_number,
                   &inode) == 4 &&
            makedev(major_number, minor_number) == about.st_dev && inode == about.st_ino)
            found = process;
    }
    free(line);
    if (locks)
        fclose(locks);
    return found;
}

static int refuse_locked(int folder, struct kernel_error *error)
{
    long holder = holder_of(folder);
    char process[32] = "another process";

    if (holder > 0)
        snprintf(process, sizeof(process), "process %ld", holder);
    return kernel_refuse(error, KERNEL_FAILS, -EAGAIN, "%s is changing the wall of this network namespace",
                         process);
}

static long ms_since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000;
}

static int lock(int folder, int seconds, struct kernel_error *error)
{
    static const struct timespec PAUSE = {.tv_nsec = PAUSE_MS * 1000000L};
    struct timespec begin;
    bool is_told = false;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (flock(folder, LOCK_EX | LOCK_NB)) {
        long waited = ms_since(&begin);
        if (errno != EWOULDBLOCK)
            return kernel_refuse(error, KERNEL_FAILS, -errno, KERNEL_PINS " can't be locked: %s",
                                 strerror(errno));
        if (seconds >= 0 && waited >= seconds * 1000L)
            return refuse_locked(folder, error);
        if (!is_told && waited >= TOLD_AFTER_MS && tell_waiting) {
            tell_waiting(holder_of(folder));
            is_told = true;
        }
        nanosleep(&PAUSE, NULL);
    }
    return 0;
}

/* Who waits for a folder may get one that is removed by then. */
int pins_lock_folder(int root, const char *name, int seconds, bool may_make, struct kernel_error *error)
{
    struct stat about;

    for (;;) {
        if (may_make && mkdirat(root, name, 0700) && errno != EEXIST)
            return refuse_path(error, name, "can't be made");
        int folder = pins_open_folder(root, name, error);
        if (folder == -ENOENT && may_make)
            continue;
        if (folder < 0)
            return folder;
        int r = lock(folder, seconds, error);
        if (r == 0 && fstat(folder, &about) == 0 && about.st_nlink > 0)
            return folder;
        close(folder);
        if (r)
            return r;
    }
}

int pins_lock_one_listener(int folder, const char *what)
{
    char name[PINS_NAME];
    int fd;

    snprintf(name, sizeof(name), "listens-%.20s", what);
    if (mkdirat(folder, name, 0700) && errno != EEXIST)
        return -errno;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* ---- what is in them ---- */

int pins_each(int folder, void (*visit)(void *arg, const char *name), void *arg)
{
    int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = own < 0 ? NULL : fdopendir(own);
    const struct dirent *entry;

    if (!directory) {
        int error = -errno;
        if (own >= 0)
            close(own);
        return error;
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.')
            visit(arg, entry->d_name);
    }
    closedir(directory);
    return 0;
}

struct removal {
    int folder, error;
    bool links; /* only these */
};

static void remove_pin(void *arg, const char *name)
{
    struct removal *r = arg;

    if (r->links && strncmp(name, "link", 4) != 0)
        return;
    if (unlinkat(r->folder, name, 0) && (errno != EISDIR || unlinkat(r->folder, name, AT_REMOVEDIR)))
        r->error = -errno;
}

/* Links before the maps and programs that they need. */
int pins_empty_folder(int folder)
{
    struct removal removal = {.folder = folder, .links = true};
    int r = pins_each(folder, remove_pin, &removal);

    removal.links = false;
    if (r == 0)
        r = pins_each(folder, remove_pin, &removal);
    return r ? r : removal.error;
}

int pins_remove_folder(int root, const char *name, struct kernel_error *error)
{
    int folder = pins_open_folder(root, name, error), r;

    if (folder < 0)
        return folder;
    r = pins_empty_folder(folder);
    close(folder);
    errno = -r;
    return r || unlinkat(root, name, AT_REMOVEDIR) ? refuse_path(error, name, "can't be removed") : 0;
}

/* ---- pins ---- */

/* A path that leads there from every mount namespace. */
static void path_of(int folder, const char *name, char ret[64])
{
    snprintf(ret, 64, "/proc/self/fd/%d/%.30s", folder, name);
}

int pins_put(int folder, const char *name, int fd, struct kernel_error *error)
{
    char path[64];

    path_of(folder, name, path);
    if (unlink(path) && errno != ENOENT)
        return kernel_refuse(error, KERNEL_FAILS, -errno, "the pin \"%s\" can't be replaced: %s", name,
                             strerror(errno));
    if (bpf_obj_pin(fd, path))
        return kernel_refuse(error, KERNEL_FAILS, -errno, "\"%s\" can't be pinned in " KERNEL_PINS ": %s",
                             name, strerror(errno));
    return 0;
}

int pins_get(int folder, const char *name)
{
    char path[64];

    path_of(folder, name, path);
    int fd = bpf_obj_get(path);
    return fd < 0 ? -errno : fd;
}
