/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/may.h"

#include "server/listing.h"

static bool in_group(const struct auth_grant *g, gid_t gid)
{
    for (size_t i = 0; i < g->group_count; i++) {
        if (g->groups[i] == gid)
            return true;
    }
    return g->gid == gid;
}

/* The rwx bits that count for us. */
static unsigned own_bits(const struct auth_grant *g, const struct stat *st)
{
    if (st->st_uid == g->uid)
        return st->st_mode >> 6 & 7;
    return in_group(g, st->st_gid) ? st->st_mode >> 3 & 7 : st->st_mode & 7;
}

/* In a sticky directory only the owner of the file or of the directory removes names. */
static bool may_unlink(const struct auth_grant *g, const struct stat *dir, const struct stat *st)
{
    return (own_bits(g, dir) & 3) == 3 &&
           (!(dir->st_mode & S_ISVTX) || st->st_uid == g->uid || dir->st_uid == g->uid);
}

uint32_t may_do(const struct broker *b, const struct stat *dir, const struct stat *st)
{
    const struct auth_grant *g = b->grant;
    unsigned bits = own_bits(g, st);
    bool is_dir = S_ISDIR(st->st_mode), changes = dir && may_unlink(g, dir, st);
    bool hidden = b->c->anon_world_readable_only && g->kind == LOGIN_ANONYMOUS && !(st->st_mode & S_IROTH);
    uint32_t m = 0;
    if (is_dir ? (bits & 1) : (bits & 4) && !hidden && broker_may(b, RIGHT_READ))
        m |= FTP_MAY_READ;
    if (!is_dir && (bits & 2) && broker_may(b, RIGHT_STORE | RIGHT_REPLACE))
        m |= FTP_MAY_APPEND;
    if (is_dir && (bits & 3) == 3 && broker_may(b, RIGHT_STORE))
        m |= FTP_MAY_CREATE;
    if (is_dir && (bits & 3) == 3 && broker_may(b, RIGHT_MKDIR))
        m |= FTP_MAY_MKDIR;
    if (changes && broker_may(b, RIGHT_RENAME))
        m |= FTP_MAY_RENAME;
    if (changes && broker_may(b, RIGHT_DELETE))
        m |= FTP_MAY_DELETE;
    return m;
}
