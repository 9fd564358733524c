/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_DIGEST_H
#define SALLY_CLIENT_DIGEST_H

#include "client/client.h"

/* SHA-256, in hexadecimal, of the first bytes of an open file. 0; -ENODATA: it has fewer; another -errno. */
MUST_USE int client_digest(int fd, uint64_t bytes, char ret[CLIENT_HASH]);

#endif
