/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_CMD_TLS_H
#define SALLY_SERVER_WORKER_CMD_TLS_H

#include "server/worker/session.h"

/* TLS on the control channel (RFC 4217): AUTH, PBSZ, PROT, CCC, and implicit_ssl. */

/* Shakes hands on the control channel, after what was replied; then calls and_then. The session waits. Or it ends, and the log
 * says why. */
void tls_begin(struct session *s, void (*and_then)(struct session *s));
/* CCC, and the client has ended TLS, too: from now on in the clear. */
void tls_cleared(struct session *s);

#endif
