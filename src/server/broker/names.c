/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/broker/names.h"

#include "server/messages.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMES_MAX = 8 * 1000 * 1000,
    STACK_BYTES_MAX = 64 * 1024 * 1024,
};

/* Makes room for need bytes. 0 or -ENOMEM; *bytes is unchanged then. */
static int reserve(void *bytes, size_t *cap, size_t need)
{
    if (need <= *cap)
        return 0;
    size_t bigger = *cap > 0 ? *cap + *cap / 2 : 4096;
    if (bigger < need)
        bigger = need;
    void *old;
    memcpy(&old, bytes, sizeof(old));
    void *moved = realloc(old, bigger);
    if (!moved)
        return -ENOMEM;
    memcpy(bytes, &moved, sizeof(moved));
    *cap = bigger;
    return 0;
}

struct facts {
    int64_t size, mtime;
    uint32_t kind;
} __attribute__((packed));

/* The kind of st: the last one if it is the same. 0 or -ENOMEM. */
static int add_kind(struct names *n, const struct stat *st)
{
    const struct name_kind kind = {st->st_mode, (uint32_t)st->st_nlink, st->st_uid, st->st_gid};
    if (n->kind_count > 0 && memcmp(&n->kinds[n->kind_count - 1], &kind, sizeof(kind)) == 0)
        return 0;
    if (reserve(&n->kinds, &n->kinds_cap, (n->kind_count + 1) * sizeof(kind)) < 0)
        return -ENOMEM;
    n->kinds[n->kind_count++] = kind;
    return 0;
}

int names_add(struct names *n, const char *name, unsigned char type, const struct stat *st)
{
    size_t len = strlen(name) + 1, before = n->keeps_facts ? sizeof(struct facts) : 0;
    if (n->count >= NAMES_MAX)
        return -E2BIG;
    if (reserve(&n->bytes, &n->cap, n->len + before + 1 + len) < 0 ||
        reserve(&n->entries, &n->entries_cap, (n->count + 1) * sizeof(*n->entries)) < 0 ||
        (n->keeps_facts && add_kind(n, st) < 0))
        return -ENOMEM;
    char *at = n->bytes + n->len;
    if (n->keeps_facts) {
        const struct facts f = {st->st_size, st->st_mtime, (uint32_t)(n->kind_count - 1)};
        memcpy(at, &f, sizeof(f));
    }
    n->entries[n->count++].at = (uint32_t)(n->len + before); /* 8 million of 277 bytes at most: fits */
    at[before] = (char)type;
    memcpy(at + before + 1, name, len);
    n->len += before + 1 + len;
    return 0;
}

void names_facts(const struct names *n, size_t i, struct stat *ret_st)
{
    struct facts f;
    memcpy(&f, n->bytes + n->entries[i].at - sizeof(f), sizeof(f));
    const struct name_kind *kind = &n->kinds[f.kind];
    *ret_st = (struct stat){.st_mode = kind->mode,
                            .st_nlink = kind->nlink,
                            .st_uid = kind->uid,
                            .st_gid = kind->gid,
                            .st_size = f.size};
    ret_st->st_mtime = f.mtime;
}

const char *names_get(const struct names *n, size_t i)
{
    return n->bytes + n->entries[i].at + 1;
}

unsigned char names_type(const struct names *n, size_t i)
{
    return (unsigned char)n->bytes[n->entries[i].at];
}

/* How many bytes all names begin with in common. */
static size_t common_prefix(const struct names *n)
{
    const char *first = names_get(n, 0);
    size_t common = strlen(first);
    for (size_t i = 1; i < n->count && common > 0; i++) {
        const char *name = names_get(n, i);
        size_t same = 0;
        while (same < common && name[same] == first[same])
            same++;
        common = same;
    }
    return common;
}

/* Eight bytes as a number that sorts as they do; a name that ends earlier is filled up with NULs. */
static uint64_t key_of(const char *name)
{
    uint64_t key = 0;
    memcpy(&key, name, strnlen(name, sizeof(key)));
    return be64toh(key);
}

/* skip: the common prefix and the key. */
static bool is_before(const struct names *n, const struct name_entry *a, const struct name_entry *b,
                      size_t skip)
{
    if (a->key != b->key)
        return a->key < b->key;
    if ((a->key & 0xff) == 0) /* both ended within the key: they are the same */
        return false;
    return strcmp(n->bytes + a->at + 1 + skip, n->bytes + b->at + 1 + skip) < 0;
}

/* Sorts count entries; other: room for half of them. */
static void sort(const struct names *n, struct name_entry *entries, size_t count, struct name_entry *other,
                 size_t skip)
{
    size_t half = count / 2;
    if (count < 2)
        return;
    sort(n, entries, half, other, skip);
    sort(n, entries + half, count - half, other, skip);
    if (!is_before(n, &entries[half], &entries[half - 1], skip))
        return;
    memcpy(other, entries, half * sizeof(*other));
    size_t a = 0, b = half;
    for (size_t i = 0; a < half; i++) {
        bool take_b = b < count && is_before(n, &entries[b], &other[a], skip);
        entries[i] = take_b ? entries[b++] : other[a++];
    }
}

/* As a key: the latest first. */
static uint64_t key_of_time(const struct names *n, size_t i)
{
    struct stat st;
    names_facts(n, i, &st);
    return ~((uint64_t)st.st_mtime ^ UINT64_C(1) << 63);
}

/* Entries with the same key stay in the order of their names. */
static void sort_by_time(struct names *n, struct name_entry *other)
{
    for (size_t i = 0; i < n->count; i++)
        n->entries[i].key = key_of_time(n, i);
    sort(n, n->entries, n->count, other, 0);
}

static void reverse(struct names *n)
{
    for (size_t i = 0; i < n->count / 2; i++) {
        struct name_entry last = n->entries[n->count - 1 - i];
        n->entries[n->count - 1 - i] = n->entries[i];
        n->entries[i] = last;
    }
}

int names_sort(struct names *n, bool by_time, bool reversed)
{
    if (n->count < 2)
        return 0;
    struct name_entry *other = malloc(n->count / 2 * sizeof(*other));
    if (!other)
        return -ENOMEM;
    size_t common = common_prefix(n);
    for (size_t i = 0; i < n->count; i++)
        n->entries[i].key = key_of(names_get(n, i) + common);
    sort(n, n->entries, n->count, other, common + sizeof(uint64_t));
    if (by_time)
        sort_by_time(n, other);
    free(other);
    if (reversed)
        reverse(n);
    return 0;
}

void names_clear(struct names *n)
{
    n->len = 0;
    n->count = 0;
    n->kind_count = 0;
}

void names_free(struct names *n)
{
    free(n->bytes);
    free(n->entries);
    free(n->kinds);
    *n = (struct names){0};
}

int path_stack_push(struct path_stack *s, const char *dir, const char *name)
{
    size_t dir_len = strlen(dir), name_len = strlen(name), slash = dir_len > 0;
    size_t len = dir_len + slash + name_len + 1;
    if (len > FILE_PATH_MAX)
        return -ENAMETOOLONG;
    if (s->len + len > STACK_BYTES_MAX)
        return -E2BIG;
    if (reserve(&s->bytes, &s->cap, s->len + len + 1) < 0)
        return -ENOMEM;
    char *at = s->bytes + s->len;
    *at++ = '\0'; /* the end below, where pop stops searching backwards */
    memcpy(at, dir, dir_len);
    memcpy(at + dir_len, "/", slash);
    memcpy(at + dir_len + slash, name, name_len);
    s->len += len;
    return 0;
}

bool path_stack_pop(struct path_stack *s, char *path)
{
    if (s->len == 0)
        return false;
    const char *from = memrchr(s->bytes, '\0', s->len);
    size_t begin = (size_t)(from - s->bytes), len = s->len - begin - 1;
    memcpy(path, from + 1, len);
    path[len] = '\0';
    s->len = begin;
    return true;
}

void path_stack_free(struct path_stack *s)
{
    free(s->bytes);
    *s = (struct path_stack){0};
}
