/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_UNIT_H
#define SALLY_TESTS_UNIT_H

/* cmocka, and the headers that have to come before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Elements of an array. */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
