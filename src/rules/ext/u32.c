/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -m u32: numbers cut out of the packet. net/netfilter/xt_u32.c
 *
 *     tests    := test { "&&" test }
 *     test     := number { operator number } "=" range { "," range }
 *     operator := "&" | "<<" | ">>" | "@"
 *     range    := number [ ":" number ]
 *
 * Blanks may stand anywhere between the parts.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/field.h"

enum {
    PARTS_MOST = RULES_U32_TESTS - 1,
    SHIFT_MOST = 31, /* the kernel refuses more */
};

static const char *const operators[] = {
    [RULES_U32_AND] = "&", [RULES_U32_LEFT] = "<<", [RULES_U32_RIGHT] = ">>", [RULES_U32_AT] = "@"};

enum { OPERATORS = sizeof operators / sizeof *operators };

struct reader {
    struct rules_parse *parse;
    const char *word, *at;
};

static int fail(struct reader *r, const char *expected)
{
    return rules_fail(r->parse, "expected %s at character %zu of \"%s\"", expected,
                      (size_t)(r->at - r->word) + 1, r->word);
}

/* Is token next? Then steps over it. */
static bool take(struct reader *r, const char *token)
{
    size_t length = strlen(token);

    while (isspace((unsigned char)*r->at))
        r->at++;
    if (strncmp(r->at, token, length) != 0)
        return false;
    r->at += length;
    return true;
}

static int take_number(struct reader *r, uint32_t *ret)
{
    unsigned long long value;
    char *end;

    while (isspace((unsigned char)*r->at))
        r->at++;
    if (!isdigit((unsigned char)*r->at))
        return fail(r, "a number");
    errno = 0;
    value = strtoull(r->at, &end, 0);
    if (errno != 0 || value > UINT32_MAX)
        return fail(r, "a number up to 0xffffffff");
    r->at = end;
    *ret = (uint32_t)value;
    return 0;
}

/* The operator that is next and its index, or OPERATORS. */
static uint8_t take_operator(struct reader *r)
{
    uint8_t op = 0;

    while (op < OPERATORS && !take(r, operators[op]))
        op++;
    return op;
}

static int take_location(struct reader *r, struct rules_u32_test *test)
{
    int error = take_number(r, &test->location[0].number);

    test->locations = 1;
    while (error == 0 && !take(r, "=")) {
        uint8_t op = take_operator(r);

        if (op == OPERATORS)
            return fail(r, "&, <<, >>, @ or =");
        if (test->locations == PARTS_MOST)
            return fail(r, "= (ten numbers are the most)");
        test->location[test->locations].operation = op;
        error = take_number(r, &test->location[test->locations].number);
        if (error == 0 && (op == RULES_U32_LEFT || op == RULES_U32_RIGHT) &&
            test->location[test->locations].number > SHIFT_MOST)
            return rules_fail(r->parse, "a shift of %u in \"%s\"; 31 is the most",
                              test->location[test->locations].number, r->word);
        test->locations++;
    }
    return error;
}

static int take_ranges(struct reader *r, struct rules_u32_test *test)
{
    do {
        struct rules_range32 *range = &test->range[test->ranges];
        int error;

        if (test->ranges == PARTS_MOST)
            return fail(r, "&& or the end (ten ranges are the most)");
        error = take_number(r, &range->first);
        range->last = range->first;
        if (error == 0 && take(r, ":"))
            error = take_number(r, &range->last);
        if (error < 0)
            return error;
        test->ranges++;
    } while (take(r, ","));
    return 0;
}

static int read_u32(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_u32 *u32 = at;
    struct reader r = {p, word, word};

    do {
        struct rules_u32_test *test = &u32->test[u32->tests];
        int error;

        if (u32->tests == PARTS_MOST)
            return fail(&r, "the end (ten tests are the most)");
        error = take_location(&r, test);
        if (error == 0)
            error = take_ranges(&r, test);
        if (error < 0)
            return error;
        u32->tests++;
    } while (take(&r, "&&"));
    take(&r, "");
    return *r.at == '\0' ? 0 : fail(&r, "\",\", \"&&\" or the end");
}

static void print_test(FILE *out, const struct rules_u32_test *test)
{
    fprintf(out, "0x%x", test->location[0].number);
    for (size_t i = 1; i < test->locations; i++)
        fprintf(out, "%s0x%x", operators[test->location[i].operation], test->location[i].number);
    for (size_t i = 0; i < test->ranges; i++) {
        fprintf(out, "%s0x%x", i ? "," : "=", test->range[i].first);
        if (test->range[i].first != test->range[i].last)
            fprintf(out, ":0x%x", test->range[i].last);
    }
}

static void print_u32(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_match_u32 *u32 = at;

    (void)how;
    fputc('"', out);
    for (size_t i = 0; i < u32->tests; i++) {
        fputs(i ? "&&" : "", out);
        print_test(out, &u32->test[i]);
    }
    fputc('"', out);
}

static const struct rules_value tests = {.read = read_u32, .print = print_u32};

static const struct rules_option options[] = {
    RULES_OPTION("u32", 0, RULES_ARGUMENT | RULES_INVERTS | RULES_NEEDED, .value = &tests,
                 .inverted = RULES_BOOL(match_u32, inverted), .listed = " u32 (! )"),
};

const struct rules_extension rules_match_u32 = {
    .name = "u32", .type = RULES_MATCH_U32, .heap = sizeof(struct rules_match_u32), RULES_OPTIONS(options)};
