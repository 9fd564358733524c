/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"
#include "server/auth/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A grant crosses one pipe, from the child that checked a password to the monitor. The child ran PAM modules,
 * so the monitor checks again what must never be: uid 0, a relative root, rights that do not exist. */

void auth_grant_fini(struct auth_grant *g)
{
    free(g->user);
    free(g->groups);
    free(g->root);
    free(g->cwd);
    *g = (struct auth_grant){0};
}

size_t auth_grant_room(const struct auth_grant *g)
{
    enum { FIXED = 128 }; /* numbers, and what precedes or ends a string */
    return FIXED + strlen(g->user) + strlen(g->root) + strlen(g->cwd) + g->group_count * sizeof(*g->groups);
}

int auth_grant_encode(const struct auth_grant *g, void *bytes, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, bytes, cap);
    wire_put_u8(&w, (uint8_t)g->kind);
    wire_put_u8(&w, g->root_as_user);
    wire_put_u32(&w, g->uid);
    wire_put_u32(&w, g->gid);
    wire_put_u32(&w, g->rights);
    wire_put_u32(&w, g->umask);
    wire_put_u64(&w, g->rate);
    wire_put_u64(&w, g->quota_bytes);
    wire_put_u64(&w, g->quota_files);
    wire_put_u64(&w, g->root_dev);
    wire_put_u64(&w, g->root_ino);
    wire_put_str(&w, g->user);
    wire_put_str(&w, g->root);
    wire_put_str(&w, g->cwd);
    wire_put_bytes(&w, g->groups, g->group_count * sizeof(*g->groups));
    return wire_writer_length(&w);
}

bool auth_may_be(const struct config *c, uid_t uid)
{
    return uid != 0 || (c->run_as_launching_user && getuid() == 0);
}

static bool grant_is_sane(const struct auth_grant *g, uint8_t as_user, size_t groups_len)
{
    return g->kind <= LOGIN_VIRTUAL && as_user <= 1 && g->uid != (uid_t)-1 &&
           (g->rights & ~(uint32_t)RIGHT_ALL) == 0 && g->umask <= 0777 && groups_len % sizeof(gid_t) == 0;
}

int auth_grant_decode(const struct config *c, const void *bytes, size_t len, struct auth_grant *ret)
{
    struct wire_reader r;
    wire_reader_init(&r, bytes, len);
    struct auth_grant g = {.kind = (enum login_kind)wire_get_u8(&r)};
    uint8_t as_user = wire_get_u8(&r);
    g.root_as_user = as_user == 1;
    g.uid = wire_get_u32(&r);
    g.gid = wire_get_u32(&r);
    g.rights = wire_get_u32(&r);
    g.umask = wire_get_u32(&r);
    g.rate = wire_get_u64(&r);
    g.quota_bytes = wire_get_u64(&r);
    g.quota_files = wire_get_u64(&r);
    g.root_dev = wire_get_u64(&r);
    g.root_ino = wire_get_u64(&r);
    const char *user = wire_get_str(&r), *root = wire_get_str(&r), *cwd = wire_get_str(&r);
    size_t groups_len = 0;
    const uint8_t *groups = wire_get_bytes(&r, &groups_len);
    if (!wire_reader_done(&r) || !grant_is_sane(&g, as_user, groups_len) || !auth_may_be(c, g.uid) ||
        !*user || *root != '/' || *cwd != '/')
        return -EPROTO;

    g.user = strdup(user);
    g.root = strdup(root);
    g.cwd = strdup(cwd);
    g.groups = malloc(groups_len + sizeof(gid_t)); /* never of length zero */
    if (!g.user || !g.root || !g.cwd || !g.groups) {
        auth_grant_fini(&g);
        return -ENOMEM;
    }
    memcpy(g.groups, groups, groups_len);
    g.group_count = groups_len / sizeof(gid_t);
    *ret = g;
    return 0;
}
