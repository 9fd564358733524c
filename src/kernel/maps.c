/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Takes fd over, whether it can be added or not. */
static int take_map(struct maps *m, int fd)
{
    struct map_view *map = &m->all[m->count];
    struct bpf_map_info info = {0};
    uint32_t size = sizeof(info);

    if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
        int error = -errno;
        close(fd);
        return error;
    }
    *map = (struct map_view){.fd = fd, .value_size = info.value_size, .entries = info.max_entries};
    memcpy(map->name, info.name, MAPS_NAME - 1);
    m->count++;
    return 0;
}

static int add_map(struct maps *m, uint32_t id)
{
    int fd = bpf_map_get_fd_by_id(id);

    return fd < 0 ? -errno : take_map(m, fd);
}

int maps_add(struct maps *m, int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own < 0)
        return -errno;
    if (m->count < MAPS_MOST)
        return take_map(m, own);
    close(own);
    return -E2BIG;
}

int maps_open(struct maps *m, int program)
{
    uint32_t ids[MAPS_MOST], size = sizeof(struct bpf_prog_info);
    struct bpf_prog_info info = {.nr_map_ids = MAPS_MOST, .map_ids = (uint64_t)(uintptr_t)ids};
    int r = 0;

    maps_close(m);
    if (bpf_obj_get_info_by_fd(program, &info, &size))
        return -errno;
    if (info.nr_map_ids > MAPS_MOST)
        return -E2BIG;
    for (uint32_t i = 0; r == 0 && i < info.nr_map_ids; i++)
        r = add_map(m, ids[i]);
    if (r)
        maps_close(m);
    return r;
}

void maps_close(struct maps *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->all[i].memory)
            munmap(m->all[i].memory, m->all[i].size);
        close(m->all[i].fd);
    }
    *m = (struct maps){.count = 0};
}

struct map_view *maps_find(struct maps *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (strncmp(m->all[i].name, name, MAPS_NAME - 1) == 0)
            return &m->all[i];
    }
    return NULL;
}

void *maps_memory(struct maps *m, const char *name)
{
    struct map_view *map = maps_find(m, name);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    errno = ENOENT;
    if (!map || map->memory)
        return map ? map->memory : NULL;
    map->size = (map_entry_size(map) * map->entries + page - 1) / page * page;
    void *memory = mmap(NULL, map->size, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    map->memory = memory == MAP_FAILED ? NULL : memory;
    return map->memory;
}

/* Of maps of maps the kernel waits, after a change, until no program can see the map of before
 * (maybe_wait_bpf_programs, kernel/bpf/syscall.c): so for one that nobody else has. */
int maps_wait(void)
{
    uint32_t first = 0;
    int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sally_inner", sizeof(first), sizeof(first), 1, NULL),
        outer, r;

    if (inner < 0)
        return -errno;
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (uint32_t)inner);
    outer =
        bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "sally_wait", sizeof(first), sizeof(inner), 1, &options);
    r = outer < 0 || bpf_map_update_elem(outer, &first, &inner, BPF_ANY) ? -errno : 0;
    if (outer >= 0)
        close(outer);
    close(inner);
    return r;
}
