/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_AUTH_RIGHTS_H
#define SALLY_SERVER_AUTH_RIGHTS_H

#include "base/result.h"
#include "server/config/config.h"
#include "server/messages.h"

/* What c lets a local user do, or (anonymous) a session under the anon_* options: an anonymous one, or a
 * guest without virtual_use_local_privs. Set of enum right. */
uint32_t rights_of(const struct config *c, bool anonymous);

/* An account's rights as letters: r read and list, w store, replace, mkdir, rename, chmod, times; d delete.
 * 0, or -EINVAL: an unknown or repeated letter, or none. */
MUST_USE int rights_parse(const char *letters, uint32_t *ret);

enum {
    RIGHTS_LETTERS_CAP = 4,
};

/* The reverse; -EINVAL: not a set that letters can say. */
int rights_print(uint32_t rights, char out[RIGHTS_LETTERS_CAP]);

#endif
