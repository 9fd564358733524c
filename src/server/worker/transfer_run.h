/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_TRANSFER_RUN_H
#define SALLY_SERVER_WORKER_TRANSFER_RUN_H

#include "server/worker/transfer.h"

/* What a transfer thread keeps from one transfer to the next. */
struct transfer_tools {
    int pipe[2]; /* for splice; -1: none yet */
    char *buffer;
    char *converted;
};

/* Runs t to its end, in the calling thread: result, error, moved; closes file and data channel. */
void transfer_run(struct transfer *t, struct transfer_tools *tools);
void transfer_tools_fini(struct transfer_tools *tools);

#endif
