/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/messages.h"

#include "base/cursor.h"

static const struct ipc_rule rules[MSG_COUNT] = {
#define X(name, direction, fd, longest) {#name, direction, IPC_FD_##fd, longest},
    SERVER_MESSAGES(X)
#undef X
};

const struct ipc_protocol server_protocol = {rules, MSG_COUNT};

int login_request_encode(const struct login_request *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_str(&w, in->user);
    wire_put_str(&w, in->password);
    wire_put_str(&w, in->host);
    wire_put_str(&w, in->certificate);
    wire_put_raw(&w, &in->peer, sizeof(in->peer));
    wire_put_raw(&w, &in->local, sizeof(in->local));
    return wire_writer_length(&w);
}

bool login_request_decode(const struct ipc_message *m, struct login_request *ret)
{
    struct wire_reader r;
    struct login_request out;
    wire_reader_init(&r, m->payload, m->len);
    out.user = wire_get_str(&r);
    out.password = wire_get_str(&r);
    out.host = wire_get_str(&r);
    out.certificate = wire_get_str(&r);
    wire_get_raw(&r, &out.peer, sizeof(out.peer));
    wire_get_raw(&r, &out.local, sizeof(out.local));
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int login_reply_encode(const struct login_reply *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u32(&w, in->result);
    wire_put_u32(&w, in->kind);
    wire_put_u32(&w, in->identity);
    wire_put_u32(&w, in->rights);
    wire_put_u32(&w, in->umask);
    wire_put_u32(&w, in->uid);
    wire_put_u64(&w, in->rate);
    wire_put_u64(&w, in->quota_bytes);
    wire_put_u64(&w, in->quota_files);
    wire_put_str(&w, in->user);
    wire_put_str(&w, in->cwd);
    return wire_writer_length(&w);
}

bool login_reply_decode(const struct ipc_message *m, struct login_reply *ret)
{
    struct wire_reader r;
    struct login_reply out;
    wire_reader_init(&r, m->payload, m->len);
    out.result = wire_get_u32(&r);
    out.kind = wire_get_u32(&r);
    out.identity = wire_get_u32(&r);
    out.rights = wire_get_u32(&r);
    out.umask = wire_get_u32(&r);
    out.uid = wire_get_u32(&r);
    out.rate = wire_get_u64(&r);
    out.quota_bytes = wire_get_u64(&r);
    out.quota_files = wire_get_u64(&r);
    out.user = wire_get_str(&r);
    out.cwd = wire_get_str(&r);
    if (!wire_reader_done(&r) || out.result > LOGIN_FAILED || out.kind > LOGIN_VIRTUAL)
        return false;
    *ret = out;
    return true;
}

int connect_request_encode(const struct connect_request *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_raw(&w, &in->from, sizeof(in->from));
    wire_put_raw(&w, &in->to, sizeof(in->to));
    wire_put_u16(&w, in->port);
    return wire_writer_length(&w);
}

bool connect_request_decode(const struct ipc_message *m, struct connect_request *ret)
{
    struct wire_reader r;
    struct connect_request out;
    wire_reader_init(&r, m->payload, m->len);
    wire_get_raw(&r, &out.from, sizeof(out.from));
    wire_get_raw(&r, &out.to, sizeof(out.to));
    out.port = wire_get_u16(&r);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int connect_reply_encode(const struct connect_reply *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u32(&w, in->error);
    wire_put_u32(&w, in->is_door);
    return wire_writer_length(&w);
}

bool connect_reply_decode(const struct ipc_message *m, struct connect_reply *ret)
{
    struct wire_reader r;
    struct connect_reply out;
    wire_reader_init(&r, m->payload, m->len);
    out.error = wire_get_u32(&r);
    out.is_door = wire_get_u32(&r);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int door_request_encode(const struct door_request *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u16(&w, in->port);
    wire_put_u32(&w, in->seconds);
    wire_put_u32(&w, in->turn);
    return wire_writer_length(&w);
}

bool door_request_decode(const struct ipc_message *m, struct door_request *ret)
{
    struct wire_reader r;
    struct door_request out;
    wire_reader_init(&r, m->payload, m->len);
    out.port = wire_get_u16(&r);
    out.seconds = wire_get_u32(&r);
    out.turn = wire_get_u32(&r);
    if (!wire_reader_done(&r) || out.port == 0 || out.seconds == 0 || out.seconds > DOOR_SECONDS_MOST)
        return false;
    *ret = out;
    return true;
}

int door_reply_encode(const struct door_reply *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u32(&w, in->error);
    wire_put_u32(&w, in->is_heard);
    return wire_writer_length(&w);
}

bool door_reply_decode(const struct ipc_message *m, struct door_reply *ret)
{
    struct wire_reader r;
    struct door_reply out;
    wire_reader_init(&r, m->payload, m->len);
    out.error = wire_get_u32(&r);
    out.is_heard = wire_get_u32(&r);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int file_request_encode(const struct file_request *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_str(&w, in->path);
    wire_put_str(&w, in->path2);
    wire_put_str(&w, in->prefix);
    wire_put_u64(&w, in->offset);
    wire_put_u64(&w, (uint64_t)in->time);
    wire_put_u32(&w, in->flags);
    wire_put_u32(&w, in->mode);
    wire_put_u32(&w, in->umask);
    wire_put_u32(&w, in->upload);
    return wire_writer_length(&w);
}

bool file_request_decode(const struct ipc_message *m, struct file_request *ret)
{
    struct wire_reader r;
    struct file_request out;
    wire_reader_init(&r, m->payload, m->len);
    out.path = wire_get_str(&r);
    out.path2 = wire_get_str(&r);
    out.prefix = wire_get_str(&r);
    out.offset = wire_get_u64(&r);
    out.time = (int64_t)wire_get_u64(&r);
    out.flags = wire_get_u32(&r);
    out.mode = wire_get_u32(&r);
    out.umask = wire_get_u32(&r);
    out.upload = wire_get_u32(&r);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int file_reply_encode(const struct file_reply *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u32(&w, in->error);
    wire_put_u32(&w, in->mode);
    wire_put_u32(&w, in->uid);
    wire_put_u32(&w, in->gid);
    wire_put_u32(&w, in->upload);
    wire_put_u32(&w, in->freed_files);
    wire_put_u64(&w, in->size);
    wire_put_u64(&w, in->freed);
    wire_put_u64(&w, in->files);
    wire_put_u64(&w, (uint64_t)in->mtime);
    wire_put_str(&w, in->text);
    wire_put_bytes(&w, in->data, in->data_len);
    return wire_writer_length(&w);
}

bool file_reply_decode(const struct ipc_message *m, struct file_reply *ret)
{
    struct wire_reader r;
    struct file_reply out;
    wire_reader_init(&r, m->payload, m->len);
    out.error = wire_get_u32(&r);
    out.mode = wire_get_u32(&r);
    out.uid = wire_get_u32(&r);
    out.gid = wire_get_u32(&r);
    out.upload = wire_get_u32(&r);
    out.freed_files = wire_get_u32(&r);
    out.size = wire_get_u64(&r);
    out.freed = wire_get_u64(&r);
    out.files = wire_get_u64(&r);
    out.mtime = (int64_t)wire_get_u64(&r);
    out.text = wire_get_str(&r);
    out.data = wire_get_bytes(&r, &out.data_len);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}

int sign_request_encode(const struct tls_to_sign *in, void *payload, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, payload, cap);
    wire_put_u8(&w, in->key);
    wire_put_u8(&w, (uint8_t)in->digest);
    wire_put_u8(&w, (uint8_t)in->padding);
    wire_put_bytes(&w, in->input, in->len);
    return wire_writer_length(&w);
}

bool sign_request_decode(const struct ipc_message *m, struct tls_to_sign *ret)
{
    struct wire_reader r;
    struct tls_to_sign out;
    wire_reader_init(&r, m->payload, m->len);
    out.key = wire_get_u8(&r);
    out.digest = wire_get_u8(&r);
    out.padding = wire_get_u8(&r);
    out.input = wire_get_bytes(&r, &out.len);
    if (!wire_reader_done(&r))
        return false;
    *ret = out;
    return true;
}
