/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/nft/value.h"

static nft_number ones(uint16_t bits)
{
    return bits == 0 || bits >= 128 ? ~(nft_number)0 : ((nft_number)1 << bits) - 1;
}

/* Parts behind count are nobody's, and are left as they are: this is done for each rule. */
static void be(struct nft_value *ret, enum verdict_answer absent, const char *because, struct nft_part part)
{
    ret->absent = absent;
    ret->because = because;
    ret->count = 1;
    ret->part[0] = part;
}

void nft_be(struct nft_value *ret, nft_number value)
{
    be(ret, VERDICT_NO, NULL, (struct nft_part){.value = value});
}

void nft_be_hidden(struct nft_value *ret, uint16_t bits, const char *because)
{
    be(ret, VERDICT_NO, because, (struct nft_part){.hidden = ones(bits)});
}

void nft_be_absent(struct nft_value *ret)
{
    be(ret, VERDICT_YES, NULL, (struct nft_part){0});
}

enum verdict_answer nft_part_within(const struct nft_part *part, nft_number first, nft_number last)
{
    nft_number least = part->value, most = part->value | part->hidden;

    if (first > last || least > last || most < first)
        return VERDICT_NO;
    if (least >= first && most <= last)
        return VERDICT_YES;
    if (first == last && ((first ^ part->value) & ~part->hidden))
        return VERDICT_NO;
    return part->excludes && first == part->excluded && last == first ? VERDICT_NO : VERDICT_UNKNOWN;
}

/* ---- operators ---- */

static struct nft_part join_bits(enum nft_operator operation, const struct nft_part *a,
                                 const struct nft_part *b)
{
    nft_number may_be_a = a->value | a->hidden, may_be_b = b->value | b->hidden;
    struct nft_part part = {0};

    switch (operation) {
    case NFT_AND:
        part.value = a->value & b->value;
        part.hidden = (may_be_a & may_be_b) & ~part.value;
        break;
    case NFT_OR:
        part.value = a->value | b->value;
        part.hidden = (a->hidden | b->hidden) & ~part.value;
        break;
    case NFT_XOR:
        part.hidden = a->hidden | b->hidden;
        part.value = (a->value ^ b->value) & ~part.hidden;
        break;
    case NFT_LEFT:
        part.value = b->value < 128 ? a->value << b->value : 0;
        part.hidden = b->value < 128 ? a->hidden << b->value : 0;
        break;
    case NFT_RIGHT:
        part.value = b->value < 128 ? a->value >> b->value : 0;
        part.hidden = b->value < 128 ? a->hidden >> b->value : 0;
        break;
    }
    return part;
}

/* What is absent in one is so in both. */
static void note_absence(struct nft_value *to, const struct nft_value *from)
{
    if (from->absent == VERDICT_YES || (from->absent == VERDICT_UNKNOWN && to->absent == VERDICT_NO))
        to->absent = from->absent;
    if (!to->because)
        to->because = from->because;
}

static void evaluate_binary(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret)
{
    struct nft_value right;
    bool shifts = e->binary.operation == NFT_LEFT || e->binary.operation == NFT_RIGHT;

    nft_evaluate(e->binary.left, w, ret);
    nft_evaluate(e->binary.right, w, &right);
    note_absence(ret, &right);
    if (ret->count != 1 || right.count != 1 || (shifts && right.part[0].hidden)) {
        nft_be_hidden(ret, e->bits, "an operation that is not evaluated");
        return;
    }
    ret->part[0] = join_bits((enum nft_operator)e->binary.operation, &ret->part[0], &right.part[0]);
    ret->part[0].value &= ones(e->bits);
    ret->part[0].hidden &= ones(e->bits);
}

/* ---- what is made of others ---- */

static void evaluate_parts(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret)
{
    struct nft_value one;

    nft_be(ret, 0);
    ret->count = 0;
    for (const struct nft_expr *part = e->parts.first; part; part = part->next) {
        nft_evaluate(part, w, &one);
        note_absence(ret, &one);
        for (unsigned i = 0; i < one.count && ret->count < NFT_PARTS; i++)
            ret->part[ret->count++] = one.part[i];
    }
}

/* Flags one beside the other are all of them. */
static void evaluate_list(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret)
{
    struct nft_value one;

    nft_be(ret, 0);
    for (const struct nft_expr *part = e->parts.first; part; part = part->next) {
        nft_evaluate(part, w, &one);
        note_absence(ret, &one);
        ret->part[0] = join_bits(NFT_OR, &ret->part[0], &one.part[0]);
    }
}

/* A key that the map does not have ends the rule (nft_lookup_eval). */
static void evaluate_map(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret)
{
    const struct nft_element *element = NULL;
    const char *because = "what a map has for the packet";
    struct nft_value key;
    enum verdict_answer found;

    nft_evaluate(e->map.key, w, &key);
    found = nft_lookup(e->map.set, &key, w, &element, &because);
    if (key.absent == VERDICT_YES || found == VERDICT_NO) {
        nft_be_absent(ret);
    } else if (found == VERDICT_YES && element && element->data) {
        nft_evaluate(element->data, w, ret);
        note_absence(ret, &(struct nft_value){.absent = key.absent, .because = key.because});
    } else {
        nft_be_hidden(ret, 0, key.because ? key.because : because);
        ret->absent = VERDICT_UNKNOWN;
    }
}

void nft_evaluate(const struct nft_expr *e, const struct nft_world *w, struct nft_value *ret)
{
    switch (e->kind) {
    case NFT_EXPR_VALUE:
    case NFT_EXPR_SURE:
        nft_be(ret, e->value.first);
        break;
    case NFT_EXPR_LIST:
        evaluate_list(e, w, ret);
        break;
    case NFT_EXPR_CONCAT:
        evaluate_parts(e, w, ret);
        break;
    case NFT_EXPR_MAP:
        evaluate_map(e, w, ret);
        break;
    case NFT_EXPR_FIELD:
        nft_field_value(e, w->p, ret);
        break;
    case NFT_EXPR_RAW:
        nft_raw_value(e, w->p, ret);
        break;
    case NFT_EXPR_FIB:
        nft_fib_value(e, w->p, ret);
        break;
    case NFT_EXPR_BINARY:
        evaluate_binary(e, w, ret);
        break;
    default:
        nft_be_hidden(ret, 0, e->because ? e->because : "an expression that is not evaluated");
        ret->absent = VERDICT_UNKNOWN;
        break;
    }
}
