/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/link.h"
#include "kernel/pins.h"
#include "kernel/reject.h"
#include "kernel/watch.h"

/* How packets are answered, as rules_reject_name numbers it, and the program that tells that they are noted at all. */
static const char *const PROGRAMS[] = {"closer", "noted",  "noted0", "noted1", "noted2",
                                       "noted3", "noted4", "noted5", "noted6", "noted7"};
enum { PROGRAM_COUNT = sizeof(PROGRAMS) / sizeof(PROGRAMS[0]), CLOSERS = LINK_CLOSERS / WALL_FAMILIES };

static enum packet_family family_of(unsigned family)
{
    return family == WALL_IPV6 ? PACKET_IPV6 : PACKET_IPV4;
}

int answers_pin(const struct kernel_wall *wall, const struct kernel_program *program,
                struct kernel_error *error)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < PROGRAM_COUNT; i++)
        r = pins_put(wall->folder, PROGRAMS[i], kernel_program_named(program, PROGRAMS[i]), error);
    return r;
}

/* ---- what stands behind the rules ---- */

static bool is_pinned(int folder, const char *name)
{
    struct stat about;

    return fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0;
}

static int close_hooks(const struct kernel_wall *wall, unsigned family, struct kernel_error *error)
{
    int closer = pins_get(wall->folder, "closer"), r = closer < 0 ? closer : 0;

    if (r)
        return kernel_refuse(error, KERNEL_FAILS, r, "the program behind the rules can't be opened: %s",
                             strerror(-r));
    for (unsigned i = family * CLOSERS; r == 0 && i < (family + 1) * CLOSERS; i++) {
        if (is_pinned(wall->folder, link_closers[i].name))
            continue; /* a command that was killed came so far */
        int link = link_attach(closer, &link_closers[i], error);
        r = link < 0 ? link : pins_put(wall->folder, link_closers[i].name, link, error);
        if (link >= 0)
            close(link);
    }
    close(closer);
    return r;
}

static void open_hooks(const struct kernel_wall *wall, unsigned family)
{
    for (unsigned i = family * CLOSERS; i < (family + 1) * CLOSERS; i++)
        unlinkat(wall->folder, link_closers[i].name, 0); /* what is not there need not go */
}

/* ---- all of it ---- */

static bool is_answering(const struct kernel_wall *wall, unsigned family)
{
    return wall->state->answers >> family & 1;
}

static int begin(struct kernel_wall *wall, unsigned family, struct kernel_error *error)
{
    char name[PINS_NAME];
    uint64_t cookie;
    int r = pins_cookie(&cookie, error);

    if (r == 0)
        r = close_hooks(wall, family, error);
    if (r == 0) {
        pins_folder_name(cookie, name);
        r = reject_put(name, family_of(family), error);
    }
    if (r && !is_answering(wall, family)) /* else packets are noted, and pass if nobody stands there */
        open_hooks(wall, family);
    else if (r == 0)
        __atomic_fetch_or(&wall->state->answers, 1U << family, __ATOMIC_SEQ_CST);
    return r;
}

/* Has somebody taken our rules away, at any time? Then they are put there again. */
static bool are_missed(const struct kernel_wall *wall)
{
    struct bpf_drop_count counts[BPF_DROPS];
    struct kernel_error ignored;

    return kernel_drop_counts(wall, counts, &ignored) == 0 && counts[BPF_DROP_UNANSWERED].packets;
}

void answers_want(struct kernel_wall *wall, const struct rules *rules, struct kernel_error *error)
{
    unsigned family = wall_family(rules->family);
    struct kernel_error why = {0};

    if (!reject_is_asked(rules) || (is_answering(wall, family) && !are_missed(wall)) ||
        begin(wall, family, &why) == 0)
        return;
    snprintf(error->remark, sizeof(error->remark),
             "rules with REJECT act as DROP (%s): answering them takes iptables beside the wall, and a "
             "kernel with "
             "xt_bpf (%.300s)",
             family == WALL_IPV6 ? "IPv6" : "IPv4", why.text);
}

void answers_again(struct kernel_wall *wall, unsigned family, struct kernel_error *error)
{
    struct kernel_error why = {0};
    char name[PINS_NAME];
    uint64_t cookie;

    if (!(wall->state->answers >> family & 1))
        return;
    if (pins_cookie(&cookie, &why) == 0) {
        pins_folder_name(cookie, name);
        if (reject_put(name, family_of(family), &why) == 0)
            return;
    }
    snprintf(error->remark, sizeof(error->remark), "rules with REJECT act as DROP from now on (%s): %.300s",
             family == WALL_IPV6 ? "IPv6" : "IPv4", why.text);
}

void answers_end(int root, const char *name, struct kernel_error *error)
{
    struct kernel_error why = {0};
    int folder = pins_open_folder(root, name, &why);

    for (unsigned f = 0; folder >= 0 && f < WALL_FAMILIES; f++) {
        if (is_pinned(folder, link_closers[f * CLOSERS].name) && reject_take(family_of(f), &why))
            snprintf(error->remark, sizeof(error->remark),
                     "rules of the wall's own are left in the filter table of iptables (chain " REJECT_CHAIN
                     "), and do nothing: %.300s",
                     why.text);
    }
    if (folder >= 0)
        close(folder);
}
