/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_KEYS_KEYS_H
#define SALLY_SERVER_KEYS_KEYS_H

#include "server/config/config.h"

/*
 * The key process: holds the private keys of one configuration's certificates, and signs with them what a TLS server signs in
 * a handshake (tls/sign.h), for workers; nothing else of it can be had. So who takes over a worker can use the keys as long as
 * he is there, and can't take them along.
 *
 * Called in a child that the monitor has just forked, still as root (or as the launching user, without root): reads
 * certificates and keys, tries each, becomes nopriv_user in an empty root without any system call but those for messages and
 * memory, and says KEYS_READY; what stands in the way it says before by KEYS_SAYS, and ends. monitor: its socket
 * (SEQPACKET); workers' come by KEYS_SERVE. Ends when the monitor's end and those of all workers are closed. Never returns.
 * kept: see keys_load.
 */
_Noreturn void keys_main(int monitor, int kept, const struct config *c);

#endif
