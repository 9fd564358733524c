/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_IPC_IPC_H
#define SALLY_IPC_IPC_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages between privilege-separated processes: one AF_UNIX SOCK_SEQPACKET packet each, a fixed header
 * and a payload, with at most one descriptor (SCM_RIGHTS) beside it.
 *
 * What may be said is a const table, one row a message type; a packet that its row does not allow is
 * -EPROTO, and whoever receives -EPROTO ends the peer (ARCHITECTURE: an internal peer that breaks
 * protocol is ended).
 */
enum {
    IPC_PACKET_MAX = 24 * 1024, /* header and payload, bytes */
    IPC_PAYLOAD_MAX = IPC_PACKET_MAX - 8,
};

enum ipc_fd {
    IPC_FD_NEVER,
    IPC_FD_ALWAYS,
    IPC_FD_MAYBE,
};

/* One row of a protocol. What the directions mean the protocol's owner defines. */
struct ipc_rule {
    const char *name;
    uint8_t direction; /* exactly one bit: who says it to whom */
    enum ipc_fd fd;
    uint32_t longest; /* payload bytes */
};

struct ipc_protocol {
    const struct ipc_rule *rules;
    size_t count;
};

struct ipc_message {
    uint16_t type; /* index of its row */
    uint16_t
        serial;  /* a reply repeats its request's, so that an abandoned request's reply is known as stale */
    uint32_t id; /* the session (or other object) it is about */
    const uint8_t *payload;
    size_t len;
    int fd;       /* -1: none */
    bool fd_lost; /* one was sent, but this process has no room for it (RLIMIT_NOFILE); fd is -1 */
};

/* Sends one message on a SEQPACKET socket; m->fd is duplicated to the peer and stays the caller's.
 * 0, or -EAGAIN (non-blocking socket is full; nothing was sent), -EPIPE, -EMSGSIZE or another -errno. */
MUST_USE int ipc_send(int sock, const struct ipc_message *m);

/*
 * Receives one message. ret->payload points into buffer (IPC_PACKET_MAX bytes, the caller's), ret->fd is the
 * caller's to close. The packet has passed the gate: known type, this direction, length within its row,
 * descriptor exactly as its row says, or lost. 0; -EAGAIN: nothing there; -EPIPE: the peer is gone;
 * -EPROTO: broke protocol (any descriptors that came are closed). On failure *ret is untouched.
 */
MUST_USE int ipc_receive(int sock, const struct ipc_protocol *protocol, uint8_t direction, void *buffer,
                         struct ipc_message *ret);

/* The gate and decoder behind ipc_receive, pure: a packet's bytes, and whether a descriptor came. 0 or
 * -EPROTO. */
MUST_USE int ipc_decode(const struct ipc_protocol *protocol, uint8_t direction, const void *packet,
                        size_t len, bool has_fd, struct ipc_message *ret);

/* A connected pair of close-on-exec SEQPACKET sockets with room for a few hundred packets. 0 or -errno. */
MUST_USE int ipc_pair(int ret_pair[2]);

#endif
