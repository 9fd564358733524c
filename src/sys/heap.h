/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_HEAP_H
#define SALLY_SYS_HEAP_H

#include <stddef.h>

/*
 * So many bytes are going to be allocated, and written to: the heap gets them in pages as large as the kernel has, and keeps what is
 * freed of them. One by one, small pages of memory that nobody has used yet take more time than all that is done
 * with them: half of what replacing 10,000 rules took, on a virtual machine. Of a few bytes nothing is made, and where there are no large pages
 * it is as if it had not been called.
 */
void heap_expect(size_t bytes);

#endif
