/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/sets.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "verdict/sets/flat.h"

/*
 * What is written carries a new version, and counts once map "sets" says so. Keys with a version that it does not say
 * are left over.
 */

enum { BATCH = 1024 };

struct current {
    uint64_t id;
    uint32_t version;
};

struct writing {
    const struct kernel_sets_maps *maps;
    struct current *current; /* of the sets that are there, or that are being written */
    size_t count, capacity;
    uint32_t version; /* the last one given */
    int error;
};

/* ---- which versions count ---- */

static int note_current(struct writing *w, uint64_t id, uint32_t version)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 16;
        struct current *grown = reallocarray(w->current, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        w->current = grown;
        w->capacity = capacity;
    }
    w->current[w->count++] = (struct current){id, version};
    if (version > w->version)
        w->version = version;
    return 0;
}

static bool is_current(const struct writing *w, uint32_t version)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->current[i].version == version)
            return true;
    return false;
}

static int read_current(struct writing *w)
{
    uint64_t id, next;
    uint32_t version;
    int r = bpf_map_get_next_key(w->maps->sets, NULL, &next);

    w->count = 0;
    while (r == 0) {
        id = next;
        if (bpf_map_lookup_elem(w->maps->sets, &id, &version) == 0 && note_current(w, id, version) < 0)
            return -ENOMEM;
        r = bpf_map_get_next_key(w->maps->sets, &id, &next);
    }
    return r == -ENOENT ? 0 : r;
}

/* ---- what is left over ---- */

static int clear_heads(const struct writing *w)
{
    uint32_t version, next;
    int r = bpf_map_get_next_key(w->maps->set_heads, NULL, &next);

    while (r == 0) {
        version = next;
        r = bpf_map_get_next_key(w->maps->set_heads, &version, &next);
        if (!is_current(w, version) && bpf_map_delete_elem(w->maps->set_heads, &version) < 0)
            return -errno;
    }
    return r == -ENOENT ? 0 : r;
}

struct batch {
    struct sets_member_key keys[BATCH];
    uint32_t values[BATCH];
};

/* Some of the members from `in` on (NULL: from the first). 0: there are more; -ENOENT: these were the last. */
static int clear_batch(const struct writing *w, struct batch *b, uint32_t *in, uint32_t *ret_out)
{
    uint32_t count = BATCH;
    int r = bpf_map_lookup_batch(w->maps->members, in, ret_out, b->keys, b->values, &count, NULL);

    if (r < 0 && r != -ENOENT)
        return r;
    for (uint32_t i = 0; i < count; i++)
        if (!is_current(w, b->keys[i].version) && bpf_map_delete_elem(w->maps->members, &b->keys[i]) < 0)
            return errno == ENOENT ? -EAGAIN : -errno;
    return r;
}

static int clear_members(const struct writing *w)
{
    struct batch *b = malloc(sizeof(*b));
    uint32_t in, out;
    int r;

    if (!b)
        return -ENOMEM;
    r = clear_batch(w, b, NULL, &out);
    while (r == 0) {
        in = out;
        r = clear_batch(w, b, &in, &out);
    }
    free(b);
    return r == -ENOENT ? 0 : r;
}

static int clear(struct writing *w)
{
    int r = read_current(w);

    if (r == 0)
        r = clear_heads(w);
    return r == 0 ? clear_members(w) : r;
}

/* ---- writing ---- */

static bool write_head(void *arg, uint64_t id, const struct sets_head *head)
{
    struct writing *w = arg;

    w->error = note_current(w, id, w->version + 1);
    if (w->error == 0 && bpf_map_update_elem(w->maps->set_heads, &w->version, head, BPF_NOEXIST) < 0)
        w->error = -errno;
    return w->error == 0;
}

static bool write_member(void *arg, uint64_t id, const struct sets_member_key *member, bool nomatch)
{
    struct writing *w = arg;
    struct sets_member_key key = *member;
    uint32_t value = nomatch ? SETS_NOMATCH : SETS_MEMBER;

    (void)id;
    key.version = w->version;
    if (bpf_map_update_elem(w->maps->members, &key, &value, BPF_ANY) < 0)
        w->error = -errno;
    return w->error == 0;
}

static int write_all(struct writing *w, const struct sets *s)
{
    const struct sets_visitor visitor = {.arg = w, .head = write_head, .member = write_member};
    int r;

    w->count = 0;
    r = sets_each_flat(s, &visitor);
    return r == -ECANCELED ? w->error : r;
}

/* Names the sets that are new. If there is no room for all, none of them stays. */
static int add_new(const struct writing *w)
{
    bool *added = calloc(w->count + 1, sizeof(*added));
    int r = added ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < w->count; i++) {
        const struct current *one = &w->current[i];
        added[i] = bpf_map_update_elem(w->maps->sets, &one->id, &one->version, BPF_NOEXIST) == 0;
        r = added[i] || errno == EEXIST ? 0 : -errno;
    }
    for (size_t i = 0; r < 0 && added && i < w->count; i++)
        if (added[i])
            (void)bpf_map_delete_elem(w->maps->sets, &w->current[i].id); /* only this process knows of it */
    free(added);
    return r;
}

/* Says which versions count from now on, and waits until every packet that may have read an old one is through. */
static int switch_over(const struct writing *w)
{
    int r = add_new(w);

    for (size_t i = 0; r == 0 && i < w->count; i++)
        if (bpf_map_update_elem(w->maps->sets, &w->current[i].id, &w->current[i].version, BPF_EXIST) < 0)
            r = -errno;
    if (r == 0 && syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
        r = -errno;
    return r;
}

int kernel_sets_write(const struct kernel_sets_maps *maps, const struct sets *s)
{
    struct writing w = {.maps = maps};
    int r = clear(&w), cleared;

    if (r == 0)
        r = write_all(&w, s);
    if (r == 0)
        r = switch_over(&w);
    cleared = clear(&w);
    free(w.current);
    return r < 0 ? r : cleared;
}

int kernel_sets_ids(const struct kernel_sets_maps *maps, uint64_t **ret, size_t *ret_count)
{
    struct writing w = {.maps = maps};
    int r = read_current(&w);
    uint64_t *ids = r == 0 ? calloc(w.count + 1, sizeof(*ids)) : NULL;

    for (size_t i = 0; ids && i < w.count; i++)
        ids[i] = w.current[i].id;
    free(w.current);
    if (r == 0 && !ids)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret = ids;
    *ret_count = w.count;
    return 0;
}
