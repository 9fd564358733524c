/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_ORACLE_NETFILTER_H
#define SALLY_TESTS_ORACLE_NETFILTER_H

#include "host.h"

/* This machine's netfilter, in a namespace of its own; one a process. NULL and *ret_why as kernel_open. */
struct host *netfilter_open(const char **ret_why);
void netfilter_close(struct host **h);

#endif
