/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_MAPS_H
#define SALLY_KERNEL_MAPS_H

/* The maps of a loaded program, by their names (at most 15 bytes of them, as the kernel keeps them). */
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum { MAPS_MOST = 64, MAPS_NAME = 16 };

struct map_view {
    char name[MAPS_NAME];
    int fd;
    uint32_t value_size, entries;
    void *memory; /* once maps_memory was asked */
    size_t size;  /* of it */
};

struct maps {
    struct map_view all[MAPS_MOST];
    size_t count;
};

/* Opens the maps of a program, in place of those that *m has; *m all zero has none. 0 or -errno. Takes
 * CAP_SYS_ADMIN. */
MUST_USE int maps_open(struct maps *m, int program);
/* And one more, of which m gets a descriptor of its own. */
MUST_USE int maps_add(struct maps *m, int fd);
void maps_close(struct maps *m);

/* NULL: there is none. */
struct map_view *maps_find(struct maps *m, const char *name);
/* Its values, as the program sees them: of an array that may be mapped. Each is entry_size apart. NULL: there is no
 * such map, or it can't be mapped (errno). */
void *maps_memory(struct maps *m, const char *name);

/* Arrays round their values up. */
static inline size_t map_entry_size(const struct map_view *map)
{
    return (map->value_size + 7) / 8 * 8;
}

/* When it returns, every program that was running when it was called has ended: 0 or -errno. */
MUST_USE int maps_wait(void);

#endif
