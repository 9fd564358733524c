/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/flood.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

enum { GROUPS = 1024 }; /* of each kind that are told apart */

/* What packets that are alike share; of a rule's group only the first three. All bytes count, so it is zeroed first. */
struct key {
    uint32_t cause, serial, counter;
    uint32_t is_rule; /* a rule's, not one of alike packets */
    struct packet_address source;
    uint16_t port;
    uint8_t family, protocol;
};

struct group {
    struct key key;
    uint64_t packets; /* that were not told by themselves */
    char *first, *decider;
    const char *verb;
    UT_hash_handle hh;
};

struct flood {
    uint32_t lines, told; /* in this second */
    time_t second;
    struct group *alike, *rules;
    uint64_t rest; /* of more rules than are told apart */
};

struct flood *flood_new(uint32_t lines)
{
    struct flood *f = calloc(1, sizeof(*f));

    if (f) {
        f->lines = lines < FLOOD_LEAST ? FLOOD_LEAST : lines;
        f->second = time(NULL);
    }
    return f;
}

static void forget(struct group **all)
{
    struct group *group, *next;

    HASH_ITER(hh, *all, group, next) {
        HASH_DEL(*all, group);
        free(group->first);
        free(group->decider);
        free(group);
    }
}

void flood_free(struct flood **flood)
{
    if (!*flood)
        return;
    forget(&(*flood)->alike);
    forget(&(*flood)->rules);
    free(*flood);
    *flood = NULL;
}

/* ---- counting ---- */

static struct key key_of(const struct watched *w, bool is_rule)
{
    struct key key;

    memset(&key, 0, sizeof(key));
    key.cause = w->told->cause;
    key.serial = w->told->serial;
    key.counter = w->told->counter;
    key.is_rule = is_rule;
    if (is_rule || !w->is_read)
        return key;
    key.source = w->packet.source;
    key.family = w->packet.family;
    key.protocol = w->packet.protocol;
    key.port = w->packet.destination_port;
    return key;
}

/* NULL: there are too many others, or no memory; then is_rule's are asked, and then nobody's. */
static struct group *group_of(struct group **all, const struct watched *w, bool is_rule)
{
    struct key key = key_of(w, is_rule);
    struct group *group = NULL;

    HASH_FIND(hh, *all, &key, sizeof(key), group);
    if (group || HASH_COUNT(*all) >= GROUPS)
        return group;
    group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    group->key = key;
    group->first = is_rule ? NULL : watched_packet(w);
    group->decider = watched_decider(w);
    group->verb = watched_verb(w);
    HASH_ADD(hh, *all, key, sizeof(group->key), group);
    return group;
}

/* Half of a second's lines are for packets, a quarter for those that are alike, and but for two the rest for rules. */
bool flood_take(struct flood *f, const struct watched *w)
{
    uint32_t before = HASH_COUNT(f->alike);
    struct group *group = group_of(&f->alike, w, false);
    bool is_first = group && HASH_COUNT(f->alike) != before;

    if (is_first && f->told < f->lines / 2) {
        f->told++;
        return true;
    }
    if (!group)
        group = group_of(&f->rules, w, true);
    if (group)
        group->packets++;
    else
        f->rest++;
    return false;
}

/* ---- the end of a second ---- */

struct ending {
    struct flood *flood;
    void (*tell)(void *arg, const struct flood_more *more);
    void *arg;
    uint32_t room;
};

static void tell_group(struct ending *e, const struct group *group)
{
    const struct flood_more more = {.packets = group->packets,
                                    .first = group->first,
                                    .decider = group->decider ? group->decider : "the wall",
                                    .verb = group->verb,
                                    .second = (uint32_t)e->flood->second};

    e->tell(e->arg, &more);
    e->room--;
}

/* What has no line of its own goes into its rule's sum. */
static void add_to_rule(struct flood *f, struct group *group)
{
    struct key key = group->key;
    struct group *rule = NULL;

    memset(&key, 0, sizeof(key));
    key.cause = group->key.cause;
    key.serial = group->key.serial;
    key.counter = group->key.counter;
    key.is_rule = true;
    HASH_FIND(hh, f->rules, &key, sizeof(key), rule);
    if (!rule && HASH_COUNT(f->rules) < GROUPS && (rule = calloc(1, sizeof(*rule)))) {
        rule->key = key;
        rule->decider = group->decider;
        rule->verb = group->verb;
        group->decider = NULL;
        HASH_ADD(hh, f->rules, key, sizeof(rule->key), rule);
    }
    if (rule)
        rule->packets += group->packets;
    else
        f->rest += group->packets;
}

static int compare_groups(const struct group *a, const struct group *b)
{
    return (a->packets < b->packets) - (a->packets > b->packets);
}

void flood_end(struct flood *f, bool whatever, void (*tell)(void *arg, const struct flood_more *more),
               void *arg)
{
    struct ending e = {f, tell, arg, f->lines / 4};
    time_t now = time(NULL);
    struct group *group, *next;

    if (now == f->second && !whatever)
        return;
    HASH_SORT(f->alike, compare_groups);
    HASH_ITER(hh, f->alike, group, next) {
        if (group->packets && e.room)
            tell_group(&e, group);
        else if (group->packets)
            add_to_rule(f, group);
    }
    e.room = f->lines / 4 - 1;
    HASH_SORT(f->rules, compare_groups);
    HASH_ITER(hh, f->rules, group, next) {
        if (e.room)
            tell_group(&e, group);
        else
            f->rest += group->packets;
    }
    if (f->rest)
        tell(arg, &(struct flood_more){.packets = f->rest, .verb = "drop", .second = (uint32_t)f->second});
    forget(&f->alike);
    forget(&f->rules);
    f->rest = f->told = 0;
    f->second = now;
}
