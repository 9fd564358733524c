/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/suit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/loading.h"
#include "rules/build.h"

void suit_track(struct track_config *ret)
{
    track_config_default(ret, TRACK_ROBUST, TRACK_KERNEL(6, 18));
    ret->always_helps = true;
    ret->check_sums = false; /* by who has the packet's end */
}

/* ---- what the file leaves as it is ---- */

/* The text of a table, behind what there is already. */
static char *append_table(char *text, const struct rules *r, enum rules_table_type table)
{
    char *more = text ? rules_save(r, rules_table_name(table), RULES_SAVE_COUNTERS) : NULL;
    char *both = more ? realloc(text, strlen(text) + strlen(more) + 1) : NULL;

    if (both)
        strcat(both, more);
    else
        free(text);
    free(more);
    return both;
}

static void keep_policies(const struct rules *before, struct rules *next)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < next->tables[t].count; c++) {
            struct rules_chain *chain = next->tables[t].chains[c];
            const struct rules_chain *old = rules_chain_find(before, (enum rules_table_type)t, chain->name);
            if (!chain->undeclared)
                continue;
            chain->undeclared = false;
            if (old)
                chain->policy = old->policy;
        }
    }
}

void suit_declare(struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++)
            r->tables[t].chains[c]->undeclared = false;
    }
}

struct rules *suit_complete(const struct rules *before, const struct rules *file)
{
    char *text = strdup("");
    struct rules *next = NULL;
    struct rules_error error;

    for (int t = 0; t < RULES_TABLES; t++) {
        if (file->tables[t].present || before->tables[t].present)
            text = append_table(text, file->tables[t].present ? file : before, (enum rules_table_type)t);
    }
    if (!text || rules_read(text, strlen(text), "the rules that will count", file->family, &next, &error))
        next = NULL;
    free(text);
    if (next)
        keep_policies(before, next);
    return next;
}

/* ---- what the program carries out ---- */

int suit_check(const char *command, const struct rules *r)
{
    struct kernel_error none = {0};
    struct loading loading;
    struct image *image = image_compile(r);
    int error = -ENOMEM;

    if (loading_begin(&loading, command, r, NULL)) {
        image_free(&image);
        return -1;
    }
    if (image)
        error = able_check(r, image, &loading.terms.able, loading.terms.tell, loading.terms.arg);
    loading_end(&loading, &none);
    image_free(&image);
    if (error)
        fprintf(stderr, "%s: %s\n", command, error == -ENOMEM ? "out of memory" : "nothing was changed");
    return error ? -1 : 0;
}
