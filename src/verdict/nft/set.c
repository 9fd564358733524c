/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/nft/state.h"
#include "verdict/nft/value.h"

/* Flags one beside the other, or joined by "|", are all of them. false: there is something else among them. */
static bool join_flags(const struct nft_expr *e, nft_number *all)
{
    bool known = true;

    if (e->kind == NFT_EXPR_BINARY && e->binary.operation == NFT_OR)
        return join_flags(e->binary.left, all) && join_flags(e->binary.right, all);
    if (e->kind == NFT_EXPR_VALUE)
        *all |= e->value.first;
    for (const struct nft_expr *one = e->kind == NFT_EXPR_LIST ? e->parts.first : NULL; one; one = one->next)
        known &= join_flags(one, all);
    return known && (e->kind == NFT_EXPR_VALUE || e->kind == NFT_EXPR_LIST);
}

/* A part of an element's key. */
static enum verdict_answer part_has(const struct nft_expr *wanted, const struct nft_part *part)
{
    nft_number all = 0;

    switch (wanted->kind) {
    case NFT_EXPR_VALUE:
        return nft_part_within(part, wanted->value.first, wanted->value.last);
    case NFT_EXPR_ANY:
        return VERDICT_YES;
    default:
        return join_flags(wanted, &all) ? nft_part_within(part, all, all) : VERDICT_UNKNOWN;
    }
}

enum verdict_answer nft_element_has(const struct nft_element *e, const struct nft_value *key)
{
    enum verdict_answer all = VERDICT_YES;
    unsigned i = 0;

    if (e->key->kind == NFT_EXPR_UNKNOWN)
        return VERDICT_UNKNOWN;
    if (e->key->kind != NFT_EXPR_CONCAT)
        return key->count == 1 ? part_has(e->key, &key->part[0]) : VERDICT_UNKNOWN;
    for (const struct nft_expr *part = e->key->parts.first; part; part = part->next, i++) {
        enum verdict_answer one = i < key->count ? part_has(part, &key->part[i]) : VERDICT_UNKNOWN;

        if (one == VERDICT_NO)
            return VERDICT_NO;
        all = one == VERDICT_UNKNOWN ? one : all;
    }
    return i == key->count ? all : VERDICT_UNKNOWN;
}

static enum verdict_answer found(const struct nft_element *e, const struct nft_element **ret,
                                 const char **ret_because)
{
    *ret = e;
    if (!e->is_limited)
        return VERDICT_YES;
    *ret_because = "what the limit of a set's element has counted";
    return VERDICT_UNKNOWN;
}

/* "*" stands for what no other element has. */
enum verdict_answer nft_lookup(const struct nft_set *set, const struct nft_value *key,
                               const struct nft_world *w, const struct nft_element **ret,
                               const char **ret_because)
{
    const struct nft_element *any = NULL, *has = NULL;
    enum verdict_answer answer = nft_state_lookup(set, key, w, ret_because);
    bool maybe = answer == VERDICT_UNKNOWN;

    *ret = NULL;
    if (answer == VERDICT_YES)
        return answer;
    if (answer == VERDICT_HOTDROP) /* it was deleted */
        return VERDICT_NO;
    for (size_t i = 0; i < set->count && !has; i++) {
        const struct nft_element *e = &set->elements[i];
        enum verdict_answer one = e->key->kind == NFT_EXPR_ANY ? VERDICT_NO : nft_element_has(e, key);

        any = e->key->kind == NFT_EXPR_ANY ? e : any;
        has = one == VERDICT_YES ? e : NULL;
        maybe |= one == VERDICT_UNKNOWN;
    }
    /* A map may have another value for what maybe is another element's; a set has it anyway. */
    if (maybe && (!has || set->is_map))
        return VERDICT_UNKNOWN;
    has = has ? has : any;
    return has ? found(has, ret, ret_because) : VERDICT_NO;
}
