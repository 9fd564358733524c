/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_WORKER_H
#define SALLY_SERVER_WORKER_WORKER_H

#include "server/config/config.h"

/*
 * The worker: the process that the network talks to. Event loops, one for each processor in a thread of its own, hold the
 * control channels (state.h); threads of theirs (transfer.h) move the bytes of data channels. It can open no file and no socket: listeners and active data connections
 * come from the monitor, files from the brokers (link.h).
 *
 * Files, from below: state.c, settings.c, session.c what is known; output.c, log.c what is said; passive.c, data.c,
 * identity.c where connections and files come from; transfer.c, pool.c bytes; command.c and cmd_*.c what clients can ask
 * for; control.c whose turn it is; worker.c the loop and the monitor's messages. None includes one above it
 * (tests/includes.py).
 */

enum {
    WORKER_CANNOT_RUN = 4, /* exit status: it would not run the next time either; it has said why */
};

/* Runs until drained, or until the monitor goes away, with a loop for each of the count sockets to the monitor (LOOPS_MAX at
 * most). Takes all; listen sockets and all else come by message. Each loop says READY once it is confined and all that it
 * needs works. */
_Noreturn void worker_main(const int *monitors, unsigned count, struct config *config, char *banner);

#endif
