/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet's and the connection's mark: -m mark, -m connmark, -j MARK, -j CONNMARK. */
#include "rules/ext/extension.h"

/* ---- matches ---- */

enum { MARK_VALUE };

static const struct rules_option match_options[] = {
    {"mark", MARK_VALUE, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, 0, 0},
};

static int match_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        void *data)
{
    struct rules_match_mark *mark = data;

    (void)o;
    mark->inverted = inverted;
    return rules_parse_value32(p, word, &mark->mark);
}

static void match_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_mark *mark = data;

    (void)how;
    fputs(mark->inverted ? " ! --mark " : " --mark ", out);
    rules_print_value32(out, mark->mark.value, mark->mark.mask);
}

static void mark_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_mark *mark = data;

    (void)how;
    fputs(mark->inverted ? " mark match ! " : " mark match ", out);
    rules_print_value32(out, mark->mark.value, mark->mark.mask);
}

static void connmark_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_mark *mark = data;

    (void)how;
    fputs(mark->inverted ? " connmark match ! " : " connmark match  ", out);
    rules_print_value32(out, mark->mark.value, mark->mark.mask);
}

const struct rules_extension rules_match_mark = {
    .name = "mark",
    .options = match_options,
    .option_count = sizeof match_options / sizeof *match_options,
    .type = RULES_MATCH_MARK,
    .families = RULES_BOTH,
    .option = match_option,
    .save = match_save,
    .list = mark_list,
};

const struct rules_extension rules_match_connmark = {
    .name = "connmark",
    .options = match_options,
    .option_count = sizeof match_options / sizeof *match_options,
    .type = RULES_MATCH_CONNMARK,
    .families = RULES_BOTH,
    .option = match_option,
    .save = match_save,
    .list = connmark_list,
};

/* ---- targets ---- */

enum {
    SET_XMARK,
    SET_MARK,
    AND_MARK,
    OR_MARK,
    XOR_MARK,
    SAVE_MARK,
    RESTORE_MARK,
    LEFT_SHIFT,
    RIGHT_SHIFT,
    CTMASK,
    NFMASK,
    MASK,
};

enum {
    SETS = 1u << SET_XMARK | 1u << SET_MARK | 1u << AND_MARK | 1u << OR_MARK | 1u << XOR_MARK,
    OPERATIONS = SETS | 1u << SAVE_MARK | 1u << RESTORE_MARK,
    SHIFT_MOST = 31, /* the kernel refuses 32 (xt_connmark.c) */
};

#define SETTING(word, id) {word, id, RULES_ARGUMENT, OPERATIONS & ~(1u << (id)), 0}

static const struct rules_option mark_options[] = {
    SETTING("set-xmark", SET_XMARK), SETTING("set-mark", SET_MARK), SETTING("and-mark", AND_MARK),
    SETTING("or-mark", OR_MARK),     SETTING("xor-mark", XOR_MARK),
};

static const struct rules_option connmark_options[] = {
    SETTING("set-xmark", SET_XMARK),
    SETTING("set-mark", SET_MARK),
    SETTING("and-mark", AND_MARK),
    SETTING("or-mark", OR_MARK),
    SETTING("xor-mark", XOR_MARK),
    {"save-mark", SAVE_MARK, 0, OPERATIONS & ~(1u << SAVE_MARK), 0},
    {"restore-mark", RESTORE_MARK, 0, OPERATIONS & ~(1u << RESTORE_MARK), 0},
    {"left-shift-mark", LEFT_SHIFT, RULES_ARGUMENT, 0, 0},
    {"right-shift-mark", RIGHT_SHIFT, RULES_ARGUMENT, 0, 0},
    {"ctmask", CTMASK, RULES_ARGUMENT, 1u << MASK, 0},
    {"nfmask", NFMASK, RULES_ARGUMENT, 1u << MASK, 0},
    {"mask", MASK, RULES_ARGUMENT, 1u << CTMASK | 1u << NFMASK, 0},
};

/* --set-mark and its like, as mark = (mark & ~mask) ^ value. */
static int parse_setting(struct rules_parse *p, uint8_t id, const char *word, uint32_t *ret_value,
                         uint32_t *ret_mask)
{
    struct rules_value32 given = {0};
    int r;

    if (id == SET_XMARK || id == SET_MARK)
        r = rules_parse_value32(p, word, &given);
    else
        r = rules_parse_u32(p, word, 0, UINT32_MAX, &given.value);
    if (r < 0)
        return r;
    *ret_value = id == AND_MARK ? 0 : given.value;
    *ret_mask = id == SET_XMARK  ? given.mask
                : id == SET_MARK ? given.value | given.mask
                : id == AND_MARK ? ~given.value
                : id == OR_MARK  ? given.value
                                 : 0;
    return 0;
}

static int mark_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                       void *data)
{
    struct rules_target_mark *mark = data;

    (void)inverted;
    return parse_setting(p, o->id, word, &mark->value, &mark->mask);
}

static int mark_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return rules_fail(p, "MARK needs one of --set-xmark, --set-mark, --and-mark, --or-mark, --xor-mark");
    return 0;
}

static void connmark_start(const struct rules_parse *p, void *data)
{
    struct rules_target_mark *mark = data;

    (void)p;
    mark->ctmask = mark->nfmask = UINT32_MAX;
}

static int connmark_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                           bool inverted, void *data)
{
    struct rules_target_mark *mark = data;
    int r;

    (void)inverted;
    /* For the kernel ctmask is the mask of --set-mark as well: of several the last one given holds. */
    switch (o->id) {
    case SAVE_MARK:
    case RESTORE_MARK:
        mark->action = o->id == SAVE_MARK ? RULES_MARK_SAVE : RULES_MARK_RESTORE;
        return 0;
    case LEFT_SHIFT:
    case RIGHT_SHIFT:
        mark->left_shift = o->id == LEFT_SHIFT;
        return rules_parse_u8(p, word, 0, SHIFT_MOST, &mark->shift);
    case CTMASK:
        r = rules_parse_u32(p, word, 0, UINT32_MAX, &mark->ctmask);
        mark->mask = mark->ctmask;
        return r;
    case NFMASK:
        return rules_parse_u32(p, word, 0, UINT32_MAX, &mark->nfmask);
    case MASK:
        r = rules_parse_u32(p, word, 0, UINT32_MAX, &mark->ctmask);
        mark->mask = mark->nfmask = mark->ctmask;
        return r;
    default:
        return parse_setting(p, o->id, word, &mark->value, &mark->mask);
    }
}

static int connmark_finish(struct rules_parse *p, void *data)
{
    struct rules_target_mark *mark = data;

    if (!(p->given & OPERATIONS))
        return rules_fail(p, "CONNMARK needs an operation: --set-mark, --save-mark, --restore-mark...");
    if (p->given & SETS)
        mark->ctmask = mark->nfmask = 0;
    else
        mark->mask = 0;
    if (mark->shift == 0)
        mark->left_shift = false;
    return 0;
}

static void mark_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_mark *mark = data;

    (void)how;
    fprintf(out, " --set-xmark 0x%x/0x%x", mark->value, mark->mask);
}

static void print_shift(FILE *out, const struct rules_target_mark *mark, const char *prefix)
{
    if (mark->shift)
        fprintf(out, " %s%s-shift-mark %u", prefix, mark->left_shift ? "left" : "right", mark->shift);
}

static void connmark_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_mark *mark = data;

    if (mark->action == RULES_MARK_SET)
        mark_save(out, data, how);
    else
        fprintf(out, " --%s-mark --nfmask 0x%x --ctmask 0x%x",
                mark->action == RULES_MARK_SAVE ? "save" : "restore", mark->nfmask, mark->ctmask);
    print_shift(out, mark, "--");
}

/* The plainest of the words for this value and mask. */
static void list_setting(FILE *out, const struct rules_target_mark *mark, const char *name)
{
    if (mark->value == 0)
        fprintf(out, " %s and 0x%x", name, ~mark->mask);
    else if (mark->value == mark->mask)
        fprintf(out, " %s or 0x%x", name, mark->value);
    else if (mark->mask == 0)
        fprintf(out, " %s xor 0x%x", name, mark->value);
    else if (mark->mask == UINT32_MAX)
        fprintf(out, " %s set 0x%x", name, mark->value);
    else
        fprintf(out, " %s xset 0x%x/0x%x", name, mark->value, mark->mask);
}

static void target_mark_list(FILE *out, const void *data, const struct rules_print *how)
{
    (void)how;
    list_setting(out, data, "MARK");
}

static void target_connmark_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_target_mark *mark = data;
    bool saves = mark->action == RULES_MARK_SAVE;

    (void)how;
    if (mark->action == RULES_MARK_SET) {
        list_setting(out, mark, "CONNMARK");
    } else {
        fprintf(out, " CONNMARK %s", saves ? "save" : "restore");
        if (mark->nfmask != mark->ctmask)
            fprintf(out, saves ? " nfmask 0x%x ctmask ~0x%x" : " ctmask 0x%x nfmask ~0x%x",
                    saves ? mark->nfmask : mark->ctmask, saves ? mark->ctmask : mark->nfmask);
        else if (mark->nfmask != UINT32_MAX)
            fprintf(out, " mask 0x%x", mark->nfmask);
    }
    print_shift(out, mark, "");
}

const struct rules_extension rules_target_mark = {
    .name = "MARK",
    .options = mark_options,
    .option_count = sizeof mark_options / sizeof *mark_options,
    .type = RULES_TARGET_MARK,
    .families = RULES_BOTH,
    .option = mark_option,
    .finish = mark_finish,
    .save = mark_save,
    .list = target_mark_list,
};

const struct rules_extension rules_target_connmark = {
    .name = "CONNMARK",
    .options = connmark_options,
    .option_count = sizeof connmark_options / sizeof *connmark_options,
    .type = RULES_TARGET_CONNMARK,
    .families = RULES_BOTH,
    .start = connmark_start,
    .option = connmark_option,
    .finish = connmark_finish,
    .save = connmark_save,
    .list = target_connmark_list,
};
