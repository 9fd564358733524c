/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/near/nft.h"

#include <errno.h>
#include <stdlib.h>

#include "explain/make.h"
#include "explain/near/near.h"
#include "explain/near/words.h"
#include "rules/nft/nft.h"
#include "verdict/nft/walk.h"

/* What a rule asks of the packet. */
struct asked {
    unsigned fails;
    const struct nft_statement *failing; /* the first of them */
    bool by_port;                        /* it asks for a port, and the packet has that */
    bool accepts;                        /* in the end, if all holds */
    bool is_odd;                         /* something else than conditions decides, or it is not known */
};

static bool is_of_port(const struct nft_statement *s)
{
    const struct nft_expr *left = s->match.left;

    return left->kind == NFT_EXPR_FIELD && left->type == NFT_TYPE_SERVICE;
}

static void ask(const struct nft_statement *s, const struct verdict_packet *p, struct verdict_memory *memory,
                struct asked *ret)
{
    const char *because;
    enum verdict_answer answer;

    switch (s->kind) {
    case NFT_DO_MATCH:
        answer = nft_match_holds(s, p, memory, &because);
        ret->is_odd |= answer == VERDICT_UNKNOWN;
        ret->by_port |= answer == VERDICT_YES && is_of_port(s);
        if (answer == VERDICT_NO && !ret->fails++)
            ret->failing = s;
        break;
    case NFT_DO_VERDICT:
        ret->accepts = s->verdict.code == NFT_ACCEPT;
        break;
    case NFT_DO_COUNTER:
    case NFT_DO_LOG:
        break;
    default:
        ret->is_odd = true;
        break;
    }
}

static struct asked ask_all(const struct nft_rule *rule, const struct verdict_packet *p,
                            struct verdict_memory *memory)
{
    struct asked asked = {0};

    for (const struct nft_statement *s = rule->statements; s; s = s->next)
        ask(s, p, memory, &asked);
    return asked;
}

/* The rule's port is the packet's: who asks for another one is not near. */
static bool is_near(const struct asked *a, const struct nft_rule *rule, const struct verdict *v)
{
    bool is_behind = v->nft_rule && rule->number > v->nft_rule->number;

    if (!a->accepts || a->is_odd || !a->by_port)
        return false;
    return a->fails == 0 ? is_behind : a->fails == 1 && !is_of_port(a->failing);
}

static int fill(struct story_near *near, const struct asked *a, const struct nft_rule *rule,
                const struct verdict *v, const char *hook)
{
    bool rejects = v->code == VERDICT_REJECT;
    int error = story_nft_quote(&near->rule, rule->chain, rule);

    near->kind = a->fails ? STORY_NEAR_BUT : STORY_NEAR_BEHIND;
    if (!error && near->kind == STORY_NEAR_BEHIND)
        error = story_nft_quote(&near->other, v->nft_chain, v->nft_rule);
    if (!error && near->kind == STORY_NEAR_BUT) {
        near->but = calloc(1, sizeof(*near->but));
        if (!near->but || !(near->but[0] = nft_match_text(a->failing)))
            return -ENOMEM;
        near->but_count = 1;
    }
    if (error)
        return error;
    near->text = near_clause(near, rejects ? "reject" : "drop", hook);
    return near->text ? 0 : -ENOMEM;
}

int near_nft_find(struct story *story, const struct verdict_packet *p, const struct verdict *v)
{
    struct story_step *step = &story->steps[story->step_count - 1];
    const struct nft_chain *chain = v->nft_chain;
    struct verdict_memory *memory = chain ? verdict_memory_new() : NULL;
    int error = chain && !memory ? -ENOMEM : 0;

    for (size_t i = 0; chain && i < chain->count && !error && step->near_count < NEAR_TOLD; i++) {
        struct asked asked = ask_all(chain->rules[i], p, memory);
        struct story_near near = {0};

        if (is_near(&asked, chain->rules[i], v))
            error = near_add(step, &near, fill(&near, &asked, chain->rules[i], v, rules_hook_name(p->hook)));
    }
    verdict_memory_free(&memory);
    return error;
}
