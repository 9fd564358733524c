/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/husks.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/maps.h"
#include "kernel/pins.h"

/* ---- which namespace it is ---- */

static uint64_t inode_of(const char *path)
{
    struct stat about;

    return stat(path, &about) ? 0 : about.st_ino;
}

void husks_mark(struct bpf_state *ret)
{
    ret->namespace = inode_of("/proc/self/ns/net");
    ret->network = inode_of("/proc/self/net/dev");
}

/* ---- does anybody have it? ---- */

/* What a file /proc/PID/net/dev is differs from namespace to namespace, and looking takes no rights over the process. */
static bool is_in(const char *process, const struct bpf_state *wanted)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%.20s/net/dev", process);
    return inode_of(path) == wanted->network;
}

/* Is it mounted anywhere, as ip netns does? */
static bool is_mounted(const char *process, const char *name)
{
    char path[64], *line = NULL;
    size_t size = 0;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%.20s/mountinfo", process);
    FILE *mounts = fopen(path, "re");
    while (mounts && !found && getline(&line, &size, mounts) > 0)
        found = strstr(line, name) != NULL;
    free(line);
    if (mounts)
        fclose(mounts);
    return found;
}

/* Is one of the process's files it? */
static bool is_open(const char *process, const char *name)
{
    char path[64], target[64];
    const struct dirent *entry;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", process);
    DIR *files = opendir(path);
    while (files && !found && (entry = readdir(files))) {
        ssize_t length = readlinkat(dirfd(files), entry->d_name, target, sizeof(target) - 1);
        target[length < 0 ? 0 : length] = '\0';
        found = strcmp(target, name) == 0;
    }
    if (files)
        closedir(files);
    return found;
}

/* The first PID namespace has this inode in every kernel (PROC_PID_INIT_INO, include/linux/proc_ns.h). In another one only
 * some processes are seen, and the others' walls would look as if nobody had them. */
enum { FIRST_PIDS = 0xEFFFFFFC };

static bool sees_all(void)
{
    return inode_of("/proc/self/ns/pid") == (uint32_t)FIRST_PIDS;
}

/* If nobody can be asked, somebody has it. */
static bool is_held(const struct bpf_state *wanted)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    char name[32];
    bool held = !processes || !sees_all();

    snprintf(name, sizeof(name), "net:[%" PRIu64 "]", wanted->namespace);
    while (!held && (entry = readdir(processes))) {
        const char *process = entry->d_name;
        if (process[0] < '0' || process[0] > '9')
            continue;
        held = is_in(process, wanted) || is_mounted(process, name) || is_open(process, name);
    }
    if (processes)
        closedir(processes);
    return held;
}

/* ---- folders ---- */

static bool read_state(int root, const char *name, struct bpf_state *ret)
{
    struct kernel_error ignored;
    uint32_t zero = 0;
    int folder = pins_open_folder(root, name, &ignored), map = folder < 0 ? -1 : pins_get(folder, "state");
    bool is_read = map >= 0 && bpf_map_lookup_elem(map, &zero, ret) == 0;

    if (map >= 0)
        close(map);
    if (folder >= 0)
        close(folder);
    return is_read;
}

struct search {
    int root;
    unsigned count;
    bool removes;
};

/* Unless somebody else is about to. */
static bool remove_husk(int root, const char *name)
{
    struct kernel_error ignored;
    int folder = pins_lock_folder(root, name, 0, false, &ignored);
    bool is_removed = folder >= 0 && pins_remove_folder(root, name, &ignored) == 0;

    if (folder >= 0)
        close(folder);
    return is_removed;
}

static void look_at(void *arg, const char *name)
{
    struct search *s = arg;
    struct bpf_state state;

    if (strlen(name) == 16 && read_state(s->root, name, &state) && !is_held(&state))
        s->count += !s->removes || remove_husk(s->root, name);
}

static unsigned search(int root, bool removes)
{
    struct search s = {.root = root, .removes = removes};

    (void)!pins_each(root, look_at, &s); /* a root that can't be read has none */
    return s.count;
}

unsigned husks_count(int root)
{
    return search(root, false);
}

unsigned husks_remove(int root)
{
    return search(root, true);
}
