/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_DIALOG_H
#define SALLY_EXPLAIN_REPLAY_DIALOG_H

#include "explain/replay/findings.h"

/* What client and server say on a control connection (RFC 959, RFC 2428, RFC 4217), and what that means for
 * what the client wants. */
struct dialog {
    struct survey *survey;
    uint32_t session, frame;
    /* Called when a data channel was announced: who is to listen, and the words. 0 or -ENOMEM. */
    int (*announced)(void *arg, const struct dialog *d, bool by_server, const struct packet_address *address,
                     uint16_t port, const char *said);
    void *arg;
    int error;
};

void dialog_client(void *dialog, const char *line, bool is_cut);
void dialog_server(void *dialog, const char *line, bool is_cut);

#endif
