/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/path.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool is_dots(const char *part, size_t len)
{
    return len == 2 && part[0] == '.' && part[1] == '.';
}

/* Walks path from where out (len bytes, "" being the root) stands. */
static int walk(const char *path, char *out, size_t cap, size_t *len)
{
    while (*path) {
        size_t part = strcspn(path, "/");
        if (is_dots(path, part)) {
            while (*len > 0 && out[--*len] != '/')
                ;
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (part + 1 >= cap - *len)
                return -ENAMETOOLONG;
            out[(*len)++] = '/';
            memcpy(out + *len, path, part);
            *len += part;
        }
        path += part + (path[part] == '/');
    }
    return 0;
}

int ftp_path_join(const char *cwd, const char *argument, char *out, size_t cap)
{
    size_t len = 0;
    int r = 0;
    if (cap < 2)
        return -ENAMETOOLONG;
    if (*argument != '/')
        r = walk(cwd, out, cap, &len);
    if (r == 0)
        r = walk(argument, out, cap, &len);
    if (r < 0)
        return r;
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return 0;
}

size_t ftp_path_depth(const char *path)
{
    size_t depth = path[1] != '\0';
    for (const char *at = path + 1; *at; at++)
        depth += *at == '/';
    return depth;
}

bool ftp_path_is_below(size_t depth, const char *path)
{
    while (*path) {
        size_t part = strcspn(path, "/");
        bool up = is_dots(path, part);
        if (up && depth == 0)
            return false;
        if (up)
            depth--;
        else if (part > 0 && !(part == 1 && *path == '.'))
            depth++;
        path += part + (path[part] == '/');
    }
    return true;
}

int ftp_path_quote(const char *path, char *out, size_t cap)
{
    size_t len = 0;
    for (; *path; path++) {
        if (len + 1 + (*path == '"') >= cap)
            return -ENAMETOOLONG;
        if (*path == '"')
            out[len++] = '"';
        out[len++] = *path;
        if (*path == '\n')
            out[len - 1] = '\0';
    }
    if (len >= cap)
        return -ENAMETOOLONG;
    out[len] = '\0';
    return (int)len;
}

/*
 * A pattern is run as a nondeterministic automaton whose states are the places in the pattern: the set of
 * places that the name's bytes so far can have led to, one bit each. Every step from place to place goes
 * forward, but for '*', which also stays; so one sweep upward over the set follows what needs no byte ('*'
 * for nothing, braces) and what the next byte allows. There is no recursion and no backtracking.
 */
enum {
    PLACES = FTP_GLOB_MAX + 1, /* the end is a place too */
    WORDS = PLACES / 64,
};

struct glob {
    const char *pattern;
    size_t len;
    /* For a '[': its ']'. For a '{' or ',' of braces: the next ',' or '}' of the same braces. For a '}' of
     * braces: itself. 0: the byte stands for itself or is a wildcard of one byte. */
    uint16_t next[PLACES];
    uint16_t close[PLACES]; /* for a ',' of braces: their '}' */
};

struct places {
    uint64_t bits[WORDS];
};

static void places_add(struct places *p, size_t place)
{
    p->bits[place / 64] |= UINT64_C(1) << place % 64;
}

/* The ']' of the '[' at place, or 0: a ']' that comes first is a member. */
static size_t class_end(const char *pattern, size_t place)
{
    size_t first = place + 1 + (pattern[place + 1] == '!' || pattern[place + 1] == '^');
    if (pattern[first] == '\0')
        return 0;
    const char *end = strchr(pattern + first + 1, ']');
    return end ? (size_t)(end - pattern) : 0;
}

/* Links the braces that began at open and end at close: open -> first ',' -> ... -> close. commas are chained
 * backward through next[] from last. */
static void link_braces(struct glob *g, size_t open, size_t last, size_t close)
{
    size_t after = close;
    g->next[close] = (uint16_t)close;
    while (last != open) {
        size_t before = g->next[last];
        g->next[last] = (uint16_t)after;
        g->close[last] = (uint16_t)close;
        after = last;
        last = before;
    }
    g->next[open] = (uint16_t)after;
}

/* Forgets the commas of braces that nothing closes: they stand for themselves. */
static void unlink_braces(struct glob *g, size_t open, size_t last)
{
    while (last != open) {
        size_t before = g->next[last];
        g->next[last] = 0;
        last = before;
    }
}

/* Finds what belongs together, in one pass. */
static void glob_init(struct glob *g, const char *pattern, size_t len)
{
    uint16_t open[PLACES],
        last[PLACES]; /* of the braces around the place: the '{'; the last ',' so far, or the '{' */
    size_t depth = 0;
    bool classes = true;
    g->pattern = pattern;
    g->len = len;
    memset(g->next, 0, (len + 1) * sizeof(g->next[0]));
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] == '\\' && i + 1 < len) {
            i++;
        } else if (pattern[i] == '[' && classes) {
            size_t end = class_end(pattern, i);
            classes = end > 0; /* none from here on, so never search again */
            g->next[i] = (uint16_t)end;
            i = end > 0 ? end : i;
        } else if (pattern[i] == '{') {
            open[depth] = last[depth] = (uint16_t)i;
            depth++;
        } else if (pattern[i] == ',' && depth > 0) {
            g->next[i] = last[depth - 1];
            last[depth - 1] = (uint16_t)i;
        } else if (pattern[i] == '}' && depth > 0) {
            depth--;
            link_braces(g, open[depth], last[depth], i);
        }
    }
    while (depth > 0) {
        depth--;
        unlink_braces(g, open[depth], last[depth]);
    }
}

/* Is byte in the class from '[' at place to ']' at end? */
static bool class_has(const struct glob *g, size_t place, size_t end, uint8_t byte)
{
    const uint8_t *p = (const uint8_t *)g->pattern;
    bool found = false;
    bool negated = p[place + 1] == '!' || p[place + 1] == '^';
    for (size_t i = place + 1 + negated; i < end; i++) {
        if (i + 2 < end && p[i + 1] == '-') {
            found |= byte >= p[i] && byte <= p[i + 2];
            i += 2;
        } else {
            found |= byte == p[i];
        }
    }
    return found != negated;
}

/* Follows what needs no byte from a place, into the same set. False if the place needs one. */
static bool follow_freely(const struct glob *g, size_t place, struct places *set)
{
    size_t next = g->next[place];
    switch (g->pattern[place]) {
    case '*':
        places_add(set, place + 1);
        return false; /* it may also take a byte */
    case '{':
        for (size_t i = place; next > 0 && i != next; i = next, next = g->next[i])
            places_add(set, i + 1);
        return g->next[place] > 0;
    case ',': /* the end of an alternative that is not the last */
        if (next > 0)
            places_add(set, (size_t)g->close[place] + 1);
        return next > 0;
    case '}':
        if (next > 0)
            places_add(set, place + 1);
        return next > 0;
    default:
        return false;
    }
}

/* Follows byte from a place into the set after it. */
static void follow_byte(const struct glob *g, size_t place, uint8_t byte, struct places *after)
{
    const uint8_t *p = (const uint8_t *)g->pattern + place;
    switch (*p) {
    case '*':
        places_add(after, place);
        return;
    case '?':
        places_add(after, place + 1);
        return;
    case '[':
        if (g->next[place] > 0) {
            if (class_has(g, place, g->next[place], byte))
                places_add(after, (size_t)g->next[place] + 1);
            return;
        }
        break;
    case '\\':
        if (place + 1 < g->len) {
            if (p[1] == byte)
                places_add(after, place + 2);
            return;
        }
        break;
    default:
        break;
    }
    if (*p == byte)
        places_add(after, place + 1);
}

/* One sweep: completes set with what needs no byte; with a byte (>= 0) fills after. True if set has any
 * place. */
static bool sweep(const struct glob *g, struct places *set, int byte, struct places *after)
{
    bool any = false;
    for (size_t w = 0; w <= g->len / 64; w++) {
        uint64_t done = 0, left;
        while ((left = set->bits[w] & ~done) != 0) {
            size_t place = w * 64 + (size_t)__builtin_ctzll(left);
            done |= left & -left;
            any = true;
            if (place < g->len && !follow_freely(g, place, set) && byte >= 0)
                follow_byte(g, place, (uint8_t)byte, after);
        }
    }
    return any;
}

bool ftp_glob_match(const char *pattern, const char *name)
{
    size_t len = strnlen(pattern, FTP_GLOB_MAX + 1);
    struct places sets[2] = {0};
    struct places *set = &sets[0], *after = &sets[1];
    struct glob g;
    if (len > FTP_GLOB_MAX)
        return false;
    glob_init(&g, pattern, len);
    places_add(set, 0);
    for (; *name; name++) {
        memset(after, 0, sizeof(*after));
        if (!sweep(&g, set, (uint8_t)*name, after))
            return false;
        struct places *spare = set;
        set = after;
        after = spare;
    }
    sweep(&g, set, -1, after);
    return set->bits[len / 64] >> len % 64 & 1;
}

bool ftp_glob_is_pattern(const char *text)
{
    return text[strcspn(text, "*?[{")] != '\0';
}
