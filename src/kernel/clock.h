/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_CLOCK_H
#define SALLY_KERNEL_CLOCK_H

#include <stdint.h>

/* Seconds that TAI is ahead of UTC as this machine's clock has it, for struct bpf_settings: the kernel program asks
 * for TAI, having no other clock of the day. It is 0 until a time service says otherwise (adjtimex(2): ADJ_TAI), once,
 * and then 37; so it is read anew whenever the settings are written. */
int64_t kernel_tai_offset(void);

#endif
