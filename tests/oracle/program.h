/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_PROGRAM_H
#define SALLY_TESTS_ORACLE_PROGRAM_H

#include "host.h"

/*
 * Our program in the kernel, asked by test runs (BPF_PROG_TEST_RUN): it is attached nowhere, and no packet
 * leaves this process. What each compiler made of it is loaded in turns. Time is its own: a packet takes a
 * millisecond, and waiting takes none.
 */
/* NULL and *ret_why: this kernel does not take it, or it was not built. The verifier's refusal ends the
 * program. */
struct host *program_open(const char **ret_why);
void program_close(struct host **h);

#endif
