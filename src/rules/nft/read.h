/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_READ_H
#define SALLY_RULES_NFT_READ_H

/*
 * Between the files that read: read.c (the list of objects), read_set.c, read_rule.c (statements), read_expr.c. A sticky error
 * ends it all: -ENOMEM, or -E2BIG, that there is more than nf_tables itself takes.
 */
#include <jansson.h>

#include "rules/nft/memory.h"
#include "rules/nft/nft.h"

struct nft_reader {
    struct nft_ruleset *rules;
    struct nft_memory *memory;
    int error;
    size_t nodes; /* expressions, statements, elements */
    size_t objects;
    const struct nft_table *table; /* whose object is being read */
    json_t *index;                 /* "chain inet filter input": its number in the ruleset's list */
    uint32_t serial;
    bool is_1_1; /* what is read was printed by nft 1.1, or a later one */
};

/* What a value stands for where it is written: how it is to be read. */
struct nft_kind_of {
    uint8_t types[NFT_PARTS]; /* enum nft_type */
    uint16_t bits[NFT_PARTS];
    uint8_t count;
};

/* Zeroed; NULL: r->error is set. */
MUST_USE void *nft_get(struct nft_reader *r, size_t size);
/* A copy; NULL of NULL, or r->error is set. */
MUST_USE const char *nft_keep(struct nft_reader *r, const char *text);
/* "queue, which is not evaluated", kept. */
const char *nft_unknown_phrase(struct nft_reader *r, const char *what);
/* Appends to a list that lies in the rule set's memory. */
void nft_push(struct nft_reader *r, const void ***list, size_t *count, const void *item);
/* A named string of an object; "" if it has none. */
const char *nft_string(const json_t *object, const char *name);
uint64_t nft_whole(const json_t *object, const char *name);
/* The only name of an object with one member, and that member. false: it is something else. */
bool nft_only(json_t *object, const char **ret_name, json_t **ret_value);

/* ---- expressions (read_expr.c) ---- */

/* What is asked of the packet, or values of a kind; of NULL: as they come. NULL: r->error is set. */
const struct nft_expr *nft_read_expr(struct nft_reader *r, json_t *j, const struct nft_kind_of *of,
                                     int depth);
/* What kind an expression's values are of. */
void nft_kind_of_expr(const struct nft_expr *e, struct nft_kind_of *ret);
/* The same of a set's keys, or data. */
void nft_kind_of_types(const uint8_t *types, uint8_t count, struct nft_kind_of *ret);

/* ---- values (read_value.c) ---- */

/* A word or number as a value of a type. false: it is none, or of a type that has no numbers. */
bool nft_read_value(json_t *j, enum nft_type type, struct nft_expr *ret);

/* ---- sets (read_set.c) ---- */

/* As "set" or "map" of the list has it. */
void nft_read_set(struct nft_reader *r, json_t *j, bool is_map);
/* Its elements, when all chains and sets have their names. */
void nft_read_elements(struct nft_reader *r, json_t *j, const struct nft_set *set);
/* One that is written where it is asked for; data: of a map, NULL: verdicts if pairs are. */
const struct nft_set *nft_read_written(struct nft_reader *r, json_t *j, const struct nft_kind_of *key,
                                       bool is_map, const struct nft_kind_of *data);
/* "@name"; NULL: there is none. */
const struct nft_set *nft_find_set(const struct nft_reader *r, const char *name);
const struct nft_object *nft_find_object(const struct nft_reader *r, const char *kind, const char *name);
/* {"accept": null}, {"jump": ...}. false: it is none. */
bool nft_read_verdict(struct nft_reader *r, json_t *j, struct nft_verdict *ret);

/* ---- statements (read_rule.c) ---- */

const struct nft_statement *nft_read_statements(struct nft_reader *r, json_t *array);
/* An object of the list: limit, quota, as in statements. */
void nft_read_limit(struct nft_reader *r, json_t *j, struct nft_limit *ret);
void nft_read_quota(struct nft_reader *r, json_t *j, struct nft_quota *ret);

#endif
