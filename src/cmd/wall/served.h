/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_SERVED_H
#define SALLY_CMD_WALL_SERVED_H

#include "base/result.h"
#include "cmd/wall/asking.h"

/* explain --server-config: every way in which clients of a server's configuration (sallyd.conf, vsftpd.conf) can ask for data, in the clear
 * and under TLS, played through the rules; with the doors that the server opens itself. */

/* Tells it; an exit status, as explain's: the worst of the ways that the server offers. */
MUST_USE int served_explain(const struct rules *r, const struct asking *a);

#endif
