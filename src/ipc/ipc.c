/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct header {
    uint16_t type, serial;
    uint32_t id;
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(4 * sizeof(int))]; /* room to see, and close, more descriptors than are allowed */
};

int ipc_send(int sock, const struct ipc_message *m)
{
    struct header header = {.type = m->type, .serial = m->serial, .id = m->id};
    struct iovec parts[2] = {{&header, sizeof(header)}, {(void *)m->payload, m->len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = m->len > 0 ? 2 : 1};
    union control control;
    _Static_assert(sizeof(header) == IPC_PACKET_MAX - IPC_PAYLOAD_MAX, "the header is what a payload leaves");
    if (m->len > IPC_PAYLOAD_MAX)
        return -EMSGSIZE;
    if (m->fd >= 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
    }
    while (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return errno == ECONNRESET ? -EPIPE : -errno;
    }
    return 0;
}

/* Keeps the first descriptor that came, closes any other; returns how many came. */
static size_t collect_fds(struct msghdr *msg, int *ret_fd)
{
    size_t count = 0;
    *ret_fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++, count++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (count == 0)
                *ret_fd = fd;
            else
                close(fd);
        }
    }
    return count;
}

int ipc_decode(const struct ipc_protocol *protocol, uint8_t direction, const void *packet, size_t len,
               bool has_fd, struct ipc_message *ret)
{
    struct header header;
    if (len < sizeof(header))
        return -EPROTO;
    memcpy(&header, packet, sizeof(header));
    if (header.type >= protocol->count)
        return -EPROTO;
    const struct ipc_rule *rule = &protocol->rules[header.type];
    size_t payload = len - sizeof(header);
    bool fd_wrong = has_fd ? rule->fd == IPC_FD_NEVER : rule->fd == IPC_FD_ALWAYS;
    if (rule->direction != direction || payload > rule->longest || fd_wrong)
        return -EPROTO;
    *ret = (struct ipc_message){.type = header.type,
                                .serial = header.serial,
                                .id = header.id,
                                .payload = (const uint8_t *)packet + sizeof(header),
                                .len = payload,
                                .fd = -1};
    return 0;
}

int ipc_receive(int sock, const struct ipc_protocol *protocol, uint8_t direction, void *buffer,
                struct ipc_message *ret)
{
    union control control;
    struct iovec part = {buffer, IPC_PACKET_MAX};
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
    ssize_t n;
    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;

    int fd;
    size_t fds = collect_fds(&msg, &fd);
    struct ipc_message m;
    /* Every packet has a header, so an empty one is the end; but it can bring a descriptor. */
    int r = n == 0 ? -EPIPE : -EPROTO;
    bool lost = fds == 0 && (msg.msg_flags & MSG_CTRUNC); /* our table is full: no fault of the peer's */
    if (n > 0 && fds <= 1 && !(msg.msg_flags & MSG_TRUNC) && (lost || !(msg.msg_flags & MSG_CTRUNC)))
        r = ipc_decode(protocol, direction, buffer, (size_t)n, fds == 1 || lost, &m);
    if (r < 0) {
        if (fd >= 0)
            close(fd);
        return r;
    }
    m.fd = fd;
    m.fd_lost = lost;
    *ret = m;
    return 0;
}

int ipc_pair(int ret_pair[2])
{
    const int room = 1024 * 1024; /* the kernel caps it at net.core.wmem_max; that is fine */
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room,
                         sizeof(room)); /* less room is slower, not wrong */
    ret_pair[0] = pair[0];
    ret_pair[1] = pair[1];
    return 0;
}
