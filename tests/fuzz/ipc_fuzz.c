/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The messages between our processes: what a taken-over worker or broker could send to the others. The first
 * byte says in which direction it is read and whether a descriptor came. A packet passes the gate only as its
 * row says; then every payload decoder runs over it, not only the one that belongs to it, and what one takes
 * means the same when written again.
 */
#include "server/messages.h"

#include "fuzz.h"

#include <string.h>

enum {
    HEADER = 8, /* type, serial, id */
};

static const uint8_t *payload_start, *payload_end;

/* A string from a decoder lies in the payload with its NUL, or is the reader's own "". */
static void check_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    MUST(at >= payload_start && at < payload_end);
    MUST(memchr(at, '\0', (size_t)(payload_end - at)) != NULL);
}

static void check_login_request(const struct login_request *r)
{
    check_text(r->user);
    check_text(r->password);
    check_text(r->host);
    check_text(r->certificate);
}

static void check_login_reply(const struct login_reply *r)
{
    MUST(r->result <= LOGIN_FAILED && r->kind <= LOGIN_VIRTUAL);
    check_text(r->user);
    check_text(r->cwd);
}

static void check_connect_request(const struct connect_request *r)
{
    (void)r;
}

static void check_connect_reply(const struct connect_reply *r)
{
    (void)r;
}

static void check_door_request(const struct door_request *r)
{
    MUST(r->port > 0 && r->seconds > 0 && r->seconds <= DOOR_SECONDS_MOST);
}

static void check_door_reply(const struct door_reply *r)
{
    (void)r;
}

static void check_file_request(const struct file_request *r)
{
    check_text(r->path);
    check_text(r->path2);
    check_text(r->prefix);
}

static void check_file_reply(const struct file_reply *r)
{
    check_text(r->text);
    MUST(r->data >= payload_start && r->data + r->data_len <= payload_end);
}

#define CODECS(X)                                                                                            \
    X(login_request)                                                                                         \
    X(login_reply)                                                                                           \
    X(connect_request) X(connect_reply) X(door_request) X(door_reply) X(file_request) X(file_reply)

#define X(name)                                                                                              \
    static void try_##name(const struct ipc_message *m)                                                      \
    {                                                                                                        \
        static uint8_t again[IPC_PACKET_MAX];                                                                \
        struct name got, before;                                                                             \
        memset(&got, 0x5a, sizeof(got));                                                                     \
        before = got;                                                                                        \
        if (!name##_decode(m, &got)) {                                                                       \
            MUST(memcmp(&got, &before, sizeof(got)) == 0);                                                   \
            return;                                                                                          \
        }                                                                                                    \
        check_##name(&got);                                                                                  \
        MUST(name##_encode(&got, again, sizeof(again)) == (int)m->len);                                      \
        MUST(memcmp(again, m->payload, m->len) == 0);                                                        \
    }
CODECS(X)
#undef X

static void check_gate(const struct ipc_message *m, uint8_t direction, bool has_fd)
{
    MUST(m->type < server_protocol.count);
    const struct ipc_rule *rule = &server_protocol.rules[m->type];
    MUST(rule->direction == direction && m->len <= rule->longest && m->fd == -1);
    MUST(m->payload == payload_start && m->len == (size_t)(payload_end - payload_start));
    MUST(has_fd ? rule->fd != IPC_FD_NEVER : rule->fd != IPC_FD_ALWAYS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ipc_message m, before;
    if (size < 1 + HEADER)
        return 0;
    bool has_fd = data[0] & 16;
    uint8_t direction = data[0] & 15;
    size_t len = size - 1;
    uint8_t *packet = malloc(len); /* of its own length, for the sanitizer */
    memcpy(packet, data + 1, len);
    payload_start = packet + HEADER;
    payload_end = packet + len;
    memset(&m, 0x5a, sizeof(m));
    before = m;
    if (ipc_decode(&server_protocol, direction, packet, len, has_fd, &m) == 0)
        check_gate(&m, direction, has_fd);
    else
        MUST(memcmp(&m, &before, sizeof(m)) == 0);

    const struct ipc_message any = {.payload = payload_start, .len = len - HEADER, .fd = -1};
#define X(name) try_##name(&any);
    CODECS(X)
#undef X
    free(packet);
    return 0;
}
