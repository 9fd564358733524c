/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_VERDICT_MATCH_OWNER_H
#define SALLY_VERDICT_MATCH_OWNER_H

/* What owner computes: net/netfilter/xt_owner.c. Freestanding. */
#include "rules/model.h"

/* Whose the socket is that sends a packet. */
struct owner {
    bool has_socket;
    bool has_file; /* else the process has closed it */
    uint32_t uid, gid;
};

/* What is asked of a user, or of nobody, matches in the negative only. */
static inline bool owner_lacks_user(const struct rules_match_owner *m)
{
    return m->has_uid == m->uid_inverted && m->has_gid == m->gid_inverted;
}

static inline bool owner_in(struct rules_range32 range, uint32_t id)
{
    return id >= range.first && id <= range.last;
}

static inline bool owner_holds(const struct rules_match_owner *m, const struct owner *o)
{
    if (!o->has_socket)
        return owner_lacks_user(m) && m->has_socket == m->socket_inverted;
    if (m->has_socket && m->socket_inverted)
        return false;
    if (!o->has_file)
        return owner_lacks_user(m);
    return (!m->has_uid || owner_in(m->uid, o->uid) != m->uid_inverted) &&
           (!m->has_gid || owner_in(m->gid, o->gid) != m->gid_inverted);
}

#endif
