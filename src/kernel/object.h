/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_OBJECT_H
#define SALLY_KERNEL_OBJECT_H

#include <stddef.h>

/* The kernel program's object file, as this program was built with it. NULL: it was built without. */
const void *kernel_object(size_t *ret_size);

#endif
