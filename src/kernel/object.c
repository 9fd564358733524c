/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/object.h"

#ifdef WALL_BUILT_IN

#include "wall_object.h" /* WALL_OBJECT: where it is; made by the build */

__asm__(".section .rodata\n"
        ".balign 16\n"
        "wall_object_begin:\n"
        ".incbin \"" WALL_OBJECT "\"\n"
        "wall_object_end:\n"
        ".previous\n");

extern const char wall_object_begin[] __attribute__((visibility("hidden")));
extern const char wall_object_end[] __attribute__((visibility("hidden")));

const void *kernel_object(size_t *ret_size)
{
    *ret_size = (size_t)(wall_object_end - wall_object_begin);
    return wall_object_begin;
}

#else

const void *kernel_object(size_t *ret_size)
{
    *ret_size = 0;
    return NULL;
}

#endif
