/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_OWNERS_H
#define SALLY_SERVER_BROKER_OWNERS_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

/* The names of users and groups, for text_userdb_names, read before the chroot puts them out of reach. */
struct owners;

/* 0 or -ENOMEM. At most 10,000 users and as many groups; whoever comes after those is shown as a number. */
MUST_USE int owners_load(struct owners **ret);
void owners_free(struct owners **o);
/* The name, or NULL. o may be NULL. */
const char *owners_find(const struct owners *o, bool group, uint32_t id);

#endif
