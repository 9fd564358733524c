/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/loading.h"

#include <errno.h>
#include <stdio.h>

#include "cmd/wall/members.h"

static void print_note(void *arg, const struct able_note *note)
{
    const struct loading *l = arg;

    fprintf(stderr, "%s: ", l->command);
    able_note_print(stderr, note);
}

int loading_begin(struct loading *l, const char *command, const struct rules *a, const struct rules *b)
{
    *l = (struct loading){.command = command};
    if ((members_are_asked(a) || members_are_asked(b)) && members_read(&l->sets)) {
        fprintf(stderr, "%s: nothing was changed\n", command);
        return -1;
    }
    l->terms = (struct wall_terms){.able.sets = l->sets, .tell = print_note, .arg = l};
    return 0;
}

void loading_end(struct loading *l, const struct kernel_error *error)
{
    if (error->remark[0])
        fprintf(stderr, "%s: %s\n", l->command, error->remark);
    sets_free(&l->sets);
}

int loading_replace(const char *command, struct kernel_wall *wall, const struct rules *rules,
                    enum wall_counters counters, unsigned seconds, struct kernel_error *error)
{
    struct loading loading;
    int r;

    if (loading_begin(&loading, command, rules, NULL))
        return kernel_refuse(error, KERNEL_FAILS, -ENODATA, "the members of sets are not known");
    r = seconds ? kernel_wall_try(wall, rules, seconds, &loading.terms, error)
                : kernel_wall_replace(wall, rules, counters, &loading.terms, error);
    loading_end(&loading, error);
    return r;
}
