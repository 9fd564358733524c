/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet's and the connection's mark: -m mark, -m connmark, -j MARK, -j CONNMARK. */
#include "rules/ext/field.h"

/* ---- matches ---- */

#define MARK_OPTION(label)                                                                                   \
    {RULES_OPTION("mark", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED,                                  \
                  RULES_TAKES(rules_value32, match_mark, mark),                                              \
                  .inverted = RULES_BOOL(match_mark, inverted), .listed = label)}

static const struct rules_option match_mark_options[] = MARK_OPTION(" mark match (! )"),
                                 match_connmark_options[] = MARK_OPTION(" connmark match (!) ");

const struct rules_extension rules_match_mark = {
    .name = "mark", .type = RULES_MATCH_MARK, RULES_OPTIONS(match_mark_options)};
const struct rules_extension rules_match_connmark = {
    .name = "connmark", .type = RULES_MATCH_CONNMARK, RULES_OPTIONS(match_connmark_options)};

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
    MASK
};

enum {
    SETS = RULES_BIT(SET_XMARK) | RULES_BIT(SET_MARK) | RULES_BIT(AND_MARK) | RULES_BIT(OR_MARK) |
           RULES_BIT(XOR_MARK),
    OPERATIONS = SETS | RULES_BIT(SAVE_MARK) | RULES_BIT(RESTORE_MARK),
    SHIFT_MOST = 31, /* the kernel refuses 32 (xt_connmark.c) */
};

/* --set-mark and its like, as mark = (mark & ~mask) ^ value. */
static int read_setting(struct rules_parse *p, const char *word, void *at)
{
    struct rules_target_mark *mark = at;
    const uint8_t id = p->option->id;
    struct rules_value32 given = {0};
    int r;

    if (id == SET_XMARK || id == SET_MARK)
        r = rules_parse_value32(p, word, &given);
    else
        r = rules_parse_u32(p, word, 0, UINT32_MAX, &given.value);
    if (r < 0)
        return r;
    mark->value = id == AND_MARK ? 0 : given.value;
    mark->mask = id == SET_XMARK  ? given.mask
                 : id == SET_MARK ? given.value | given.mask
                 : id == AND_MARK ? ~given.value
                 : id == OR_MARK  ? given.value
                                  : 0;
    return 0;
}

/* For the kernel ctmask is the mask of --set-mark as well: of several the last one given holds. */
static int read_mask(struct rules_parse *p, const char *word, void *at)
{
    struct rules_target_mark *mark = at;
    int r = rules_parse_u32(p, word, 0, UINT32_MAX, p->option->id == NFMASK ? &mark->nfmask : &mark->ctmask);

    if (p->option->id != NFMASK)
        mark->mask = mark->ctmask;
    if (p->option->id == MASK)
        mark->nfmask = mark->ctmask;
    return r;
}

static const struct rules_value setting = {.read = read_setting}, mask = {.read = read_mask};

#define SETTING(word, number)                                                                                \
    RULES_OPTION(word, number, RULES_ARGUMENT, .excludes = OPERATIONS, .value = &setting)

static const struct rules_option options[] = {
    SETTING("set-xmark", SET_XMARK),
    SETTING("set-mark", SET_MARK),
    SETTING("and-mark", AND_MARK),
    SETTING("or-mark", OR_MARK),
    SETTING("xor-mark", XOR_MARK),
    RULES_OPTION("save-mark", SAVE_MARK, 0, .excludes = OPERATIONS,
                 .given = RULES_IS(target_mark, action, RULES_MARK_SAVE)),
    RULES_OPTION("restore-mark", RESTORE_MARK, 0, .excludes = OPERATIONS,
                 .given = RULES_IS(target_mark, action, RULES_MARK_RESTORE)),
    RULES_OPTION("left-shift-mark", LEFT_SHIFT, RULES_ARGUMENT, RULES_TAKES(rules_number, target_mark, shift),
                 .most = SHIFT_MOST, .given = RULES_IS(target_mark, left_shift, true)),
    RULES_OPTION("right-shift-mark", RIGHT_SHIFT, RULES_ARGUMENT,
                 RULES_TAKES(rules_number, target_mark, shift), .most = SHIFT_MOST,
                 .given = RULES_IS(target_mark, left_shift, false)),
    RULES_OPTION("ctmask", CTMASK, RULES_ARGUMENT, .excludes = RULES_BIT(MASK), .value = &mask),
    RULES_OPTION("nfmask", NFMASK, RULES_ARGUMENT, .excludes = RULES_BIT(MASK), .value = &mask),
    RULES_OPTION("mask", MASK, RULES_ARGUMENT, .excludes = RULES_BIT(CTMASK) | RULES_BIT(NFMASK),
                 .value = &mask),
};

enum { MARK_OPTIONS = XOR_MARK + 1 }; /* those that set */

static void connmark_start(void *data)
{
    struct rules_target_mark *mark = data;

    mark->ctmask = mark->nfmask = UINT32_MAX;
}

static int connmark_finish(struct rules_parse *p, void *data)
{
    struct rules_target_mark *mark = data;

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
    .type = RULES_TARGET_MARK,
    .options = options,
    .option_count = MARK_OPTIONS,
    .lacking = "MARK needs one of --set-xmark, --set-mark, --and-mark, --or-mark, --xor-mark",
    .save = mark_save,
    .list = target_mark_list,
};

const struct rules_extension rules_target_connmark = {
    .name = "CONNMARK",
    .type = RULES_TARGET_CONNMARK,
    RULES_OPTIONS(options),
    .one_of = OPERATIONS,
    .lacking = "CONNMARK needs an operation: --set-mark, --save-mark, --restore-mark...",
    .start = connmark_start,
    .finish = connmark_finish,
    .save = connmark_save,
    .list = target_connmark_list,
};
