/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_EXT_FIELD_H
#define SALLY_RULES_EXT_FIELD_H

/* What rows of options are written with: places in a payload, and the kinds of arguments that several have. */
#include <stddef.h>

#include "rules/ext/extension.h"
#include "rules/language/parse.h"
#include "rules/language/print.h"
#include "rules/language/words.h"

#define RULES_COUNT(array)   (sizeof(array) / sizeof *(array))
#define RULES_OPTIONS(array) .options = (array), .option_count = RULES_COUNT(array)
#define RULES_ORDER(array)   .order = (array), .order_count = RULES_COUNT(array)
#define RULES_NAMES(array)   .list = (array), .count = RULES_COUNT(array)
#define RULES_BIT(id)        (1u << (id))

enum { RULES_PLACE_MOST = 256 }; /* bytes of an argument */

/* A member of struct rules_PAYLOAD, "match_ttl". */
#define RULES_AT(payload, member)                                                                            \
    {offsetof(struct rules_##payload, member), sizeof(((struct rules_##payload *)0)->member)}
/* Signs: a bool that becomes true, bits that are set, a member that becomes a constant. */
#define RULES_BOOL(payload, member)         {RULES_AT(payload, member), 1, 1}
#define RULES_BITS(payload, member, bits)   {RULES_AT(payload, member), bits, bits}
#define RULES_IS(payload, member, constant) {RULES_AT(payload, member), constant, UINT32_MAX}

/* An option, and what else it says. */
#define RULES_OPTION(word, number, bits, ...) {.name = word, .id = number, .flags = bits, __VA_ARGS__}
#define RULES_TAKES(kind, payload, member)    .value = &(kind), .at = RULES_AT(payload, member)

/* 1, 2, 4 or 8 bytes, from least to most, printed in decimal. */
extern const struct rules_value rules_number;
/* struct rules_range16, rules_range32: "5", "5:9", ":9", "5:". */
extern const struct rules_value rules_range;
/* struct rules_value32. */
extern const struct rules_value rules_value32;
/* One of names, kept as its value in as many bytes as its place has; the same in any case of letters, or exactly. */
extern const struct rules_value rules_choice;
/* Names with commas between them, kept as bits. */
extern const struct rules_value rules_set_of;
extern const struct rules_value rules_interface;
extern const struct rules_value rules_address;
/* The length of a prefix, which may be given as a mask; all of an address is the default. One byte. */
extern const struct rules_value rules_prefix;
/*
 * The name of a table that the kernel shows as a file in /proc (recent, hashlimit), whatever was there before: no
 * slash, not "." or "..", not empty (xt_check_proc_name), and no blank or quote, which iptables-save would print
 * bare so that nobody could read it back.
 */
extern const struct rules_value rules_file_name;

/* Parts of the above, for values of a row's own. */
MUST_USE int rules_read_number(struct rules_parse *p, const char *word, void *at);
MUST_USE int rules_read_choice(struct rules_parse *p, const char *word, void *at);
void rules_print_number(FILE *out, const void *at, const struct rules_print *how);
void rules_print_range(FILE *out, const void *at, const struct rules_print *how);
/* A string: as it is, or with quotes and escapes where it needs them. */
void rules_print_bare(FILE *out, const void *at, const struct rules_print *how);
void rules_print_text(FILE *out, const void *at, const struct rules_print *how);

/* Rates in packets a time, as -m limit and -m hashlimit write them: "5", "5/s", "3/minute", "7/h", "1/day". A
 * rate is kept as the time for one packet, in units of 1/scale of a second, rounded down as iptables does. */

/* 0 and the time and how many seconds the rate's unit has, or rules_fail's -EINVAL. */
MUST_USE int rules_rate_parse(struct rules_parse *p, const char *word, uint32_t scale, uint64_t *ret_time,
                              uint32_t *ret_unit);
/* "5/min": in the unit that iptables finds best. Returns the seconds of that unit. */
uint32_t rules_rate_print(FILE *out, uint64_t time, uint32_t scale);

/* As much of a row's save and list as its options say, heading included. */
void rules_save_options(FILE *out, const struct rules_extension *row, const void *data,
                        const struct rules_print *how);
void rules_list_options(FILE *out, const struct rules_extension *row, const void *data,
                        const struct rules_print *how);

#endif
