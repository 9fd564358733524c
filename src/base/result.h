/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BASE_RESULT_H
#define SALLY_BASE_RESULT_H

/* For a function whose result says whether it worked (0 or -errno, success as a bool, NULL on failure): who calls
 * it looks. Where it really does not matter: (void)!call(...), with the reason (tests/discards.py asks for it). */
#define MUST_USE __attribute__((warn_unused_result))

#endif
