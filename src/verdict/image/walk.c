/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/private.h"

#include "packet/extension.h"
#include "verdict/image/value.h"
#include "verdict/linear.h"

/*
 * A packet is looked up once per field, which gives a set of rules for each; all chains of the table share
 * these sets. In each chain that it enters, the walk gathers the rules in the intersection, a few at a time
 * and in the order of the chain, and asks them what the sets could not answer.
 *
 * Fields that take some looking up wait until a rule that comes next asks for them: the packet of a known
 * connection is mostly accepted before.
 */

/* gather runs with the processor's instruction for counting bits where it has one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define COUNTS_BITS __attribute__((target_clones("popcnt", "default")))
#else
#define COUNTS_BITS
#endif

enum {
    GATHERED = 8,
};

/* Where the walk stands in one chain. */
struct frame {
    uint32_t chain;              /* in the table */
    uint32_t after;              /* number of the rule that was looked at last */
    uint8_t count, next;         /* how many are gathered; which of them is next */
    bool more;                   /* after these there may be others */
    uint32_t gathered[GATHERED]; /* bits */
};

struct walk {
    const uint8_t *base;
    const struct image_table *table;
    const struct image_rule *rules;
    const struct rules_table *model;
    const struct rules_chain *builtin;
    const struct image_set *none;
    const uint64_t *joined;                     /* a vector, middle words first; NULL: all rules */
    const struct image_set *sets[IMAGE_FIELDS]; /* by place in the table's list of fields; NULL: all rules */
    bool mains_known;
    bool unsound;                   /* there is no sound transport header */
    uint32_t blind;                 /* bit f: the packet's value of enum image_field f is not known */
    bool in_full;                   /* for either reason each rule that comes up is asked in full */
    const struct verdict_packet *p; /* as the next rule sees it: the caller's, or state's */
    struct effect_state state;      /* only once a rule has changed the packet */
    bool changed;
    uint32_t looked_at; /* rules; see VERDICT_WORK */
    struct verdict_memory *memory;
    unsigned depth; /* frames in use */
    struct frame frames[VERDICT_DEPTH];
};

/* ---- looking up ---- */

static uint8_t state_of(const struct track_view *view)
{
    return view ? (uint8_t)view->state : TRACK_NONE;
}

static IMAGE_INLINE uint32_t find_set(const uint8_t *base, const struct image_index *index,
                                      const struct verdict_packet *p)
{
    return image_find(
        base, index,
        image_value(p->packet, (uint8_t)p->hook, p->in, p->out, state_of(p->view), index->field));
}

/*
 * Without a sound transport header matches drop the packet, or don't hold (packet.c). A field that they
 * would read is then as if all rules wanted its value: those that come up are asked in full, and the first
 * one that reads the header mostly ends it. Of later fragments it is known that no match holds that asks for
 * a field of the transport header; but for TCP's at byte 8, which drops them, and for those whose chain of
 * IPv6 headers goes on out of sight, which each rule that asks for a protocol drops.
 */
static const struct image_set *find_unsound(const struct walk *w, uint8_t field, const struct packet *packet)
{
    bool transport = field == IMAGE_SOURCE_PORT || field == IMAGE_DESTINATION_PORT || field == IMAGE_FLAGS;

    bool cut = packet->family == PACKET_IPV6 && extension_is_walked(packet->protocol);

    if (packet->fragment_offset && transport && packet->fragment_offset != 8 && !cut)
        return w->none;
    return NULL;
}

static void look_up(struct walk *w, unsigned first, unsigned end)
{
    const struct verdict_packet *p = w->p;

    for (unsigned i = first; i < end; i++) {
        const struct image_index *index = &w->table->index[i];
        if (w->blind >> index->field & 1)
            w->sets[i] = NULL;
        else if (w->unsound && !image_is_readable(index->field, w->table->late))
            w->sets[i] = find_unsound(w, index->field, p->packet);
        else
            w->sets[i] = image_at(w->base, find_set(w->base, index, p));
    }
}

static void look_up_mains(struct walk *w)
{
    w->mains_known = true;
    look_up(w, 0, w->table->mains);
}

/* All fields that are no main ones. */
static void look_up_plain(struct walk *w)
{
    uint32_t vector = w->table->joined;

    look_up(w, w->table->mains, w->table->count);
    for (unsigned i = 0; i < w->table->joins; i++)
        vector += find_set(w->base, &w->table->join[i], w->p);
    w->joined = w->in_full ? NULL : image_at(w->base, vector);
}

/* ---- gathering ---- */

static uint64_t bits_from(uint32_t n)
{
    return ~0ULL << n % 64;
}

static uint64_t bits_below(uint32_t n) /* all, if n is a multiple of 64 */
{
    return ~0ULL >> (64 - n % 64) % 64;
}

/* If its bit is in the intersection, is no later rule of its chain looked at? */
static bool ends_chain(const struct walk *w, uint32_t bit)
{
    return w->rules[bit].flags & IMAGE_FINAL && !w->in_full;
}

/* Puts a rule into its place among the gathered, all of which come before *bound. */
static IMAGE_INLINE void gather_rule(const struct walk *w, struct frame *frame, uint32_t bit, uint32_t *bound)
{
    const struct image_rule *rule = &w->rules[bit];
    uint32_t number = rule->number;
    unsigned place = frame->count;

    if (number <= frame->after || number >= *bound || (rule->flags & IMAGE_IDLE && !w->in_full))
        return;
    if (place == GATHERED) {
        place--;
        frame->more = true;
    } else {
        frame->count++;
    }
    for (; place > 0 && w->rules[frame->gathered[place - 1]].number > number; place--)
        frame->gathered[place] = frame->gathered[place - 1];
    frame->gathered[place] = bit;
    if (ends_chain(w, bit)) {
        frame->count = (uint8_t)(place + 1);
        frame->more = false;
        *bound = number;
    } else if (frame->count == GATHERED) {
        *bound = w->rules[frame->gathered[GATHERED - 1]].number;
    }
}

/* Which words of middle word m may have rules that the packet wants; of each set its middle word. */
static IMAGE_INLINE uint64_t middle_words(const struct walk *w, unsigned place, uint32_t m,
                                          const struct image_middle *middles[IMAGE_FIELDS])
{
    const struct image_table *t = w->table;
    const uint64_t *wild = (const uint64_t *)image_at(w->base, t->wild_middles) + m * t->count;
    uint64_t words = w->joined ? w->joined[m] : ~0ULL;
    bool dense = t->middles <= IMAGE_DENSE;

    for (unsigned i = place; i < t->count; i++) {
        middles[i] = NULL;
        if (!w->sets[i])
            continue;
        middles[i] = image_set_middle(w->sets[i], m, dense);
        words &= wild[i] | middles[i]->words;
    }
    return words;
}

/* Which rules of a word the packet wants. */
static IMAGE_INLINE uint64_t word_bits(const struct walk *w, unsigned place, uint32_t word,
                                       const struct image_middle *const middles[IMAGE_FIELDS])
{
    const struct image_table *t = w->table;
    const uint64_t *wild = (const uint64_t *)image_at(w->base, t->wild_words) + word * t->count;
    uint64_t bits = w->joined ? w->joined[t->middles + word] : ~0ULL;

    for (unsigned i = place; i < t->count; i++)
        if (middles[i])
            bits &= wild[i] | image_middle_bits(w->base, middles[i], word % 64);
    return bits;
}

/* Gathers from the bits first...end-1 of which the fields from place on decide. */
static IMAGE_INLINE void gather_bits(const struct walk *w, struct frame *frame, uint32_t first, uint32_t end,
                                     unsigned place, uint32_t *bound)
{
    uint32_t first_word = first / 64, last_word = (end - 1) / 64;

    if (first == end)
        return;
    for (uint32_t m = first_word / 64; m <= last_word / 64; m++) {
        const struct image_middle *middles[IMAGE_FIELDS];
        uint64_t words = middle_words(w, place, m, middles);

        if (m == first_word / 64)
            words &= bits_from(first_word);
        if (m == last_word / 64)
            words &= bits_below(last_word + 1);
        for (; words; words &= words - 1) {
            uint32_t word = m * 64 + (unsigned)__builtin_ctzll(words);
            uint64_t bits = word_bits(w, place, word, middles);

            if (word == first_word)
                bits &= bits_from(first);
            if (word == last_word)
                bits &= bits_below(end);
            for (; bits; bits &= bits - 1)
                gather_rule(w, frame, word * 64 + (unsigned)__builtin_ctzll(bits), bound);
        }
    }
}

COUNTS_BITS
static void gather_plain(const struct walk *w, struct frame *frame, const struct image_chain *chain,
                         uint32_t *bound)
{
    gather_bits(w, frame, chain->first, chain->plain_end, w->table->mains, bound);
}

COUNTS_BITS
static void gather_main(const struct walk *w, struct frame *frame, const struct image_chain *chain,
                        uint32_t *bound)
{
    gather_bits(w, frame, chain->plain_end, chain->end, 0, bound);
}

/* The next rules of the frame's chain, after the last one that was looked at. First those that come before
 * any rule that asks for a main field, so that these need not be looked up if one of them ends it. */
static void gather(struct walk *w, struct frame *frame)
{
    const struct image_chain *chain =
        (const struct image_chain *)image_at(w->base, w->table->chains) + frame->chain;
    uint32_t bound = chain->first_main;

    frame->count = frame->next = 0;
    frame->more = false;
    if (frame->after + 1 < bound) {
        gather_plain(w, frame, chain, &bound);
        if (frame->count) {
            frame->more |= !ends_chain(w, frame->gathered[frame->count - 1]);
            return;
        }
    }
    if (chain->first_main == (uint32_t)IMAGE_NONE)
        return;
    if (!w->mains_known)
        look_up_mains(w);
    bound = UINT32_MAX;
    if (chain->last_plain > frame->after && chain->last_plain > chain->first_main)
        gather_plain(w, frame, chain, &bound);
    gather_main(w, frame, chain, &bound);
}

/* The next rule of the frame's chain, or NULL. */
static const struct image_rule *next_rule(struct walk *w, struct frame *frame)
{
    if (frame->next == frame->count && frame->more)
        gather(w, frame);
    return frame->next < frame->count ? &w->rules[frame->gathered[frame->next++]] : NULL;
}

/* ---- deciding ---- */

static const struct rules_chain *chain_of(const struct walk *w, const struct frame *frame)
{
    return w->model->chains[frame->chain];
}

static void begin_change(struct walk *w)
{
    if (w->changed)
        return;
    linear_state_init(&w->state, w->p);
    w->p = &w->state.packet;
    w->changed = true;
}

/* The linear walk knows what to do where the answer is not certain. It goes on at the rule after the last one
 * that was looked at in each chain; in the innermost at rule number, which has answered if answer is not
 * NULL. */
static void hand_over(struct walk *w, uint32_t number, const struct match_answer *answer, struct verdict *ret)
{
    struct linear_place places[VERDICT_DEPTH];

    for (unsigned i = 0; i < w->depth; i++)
        places[i] = (struct linear_place){chain_of(w, &w->frames[i]), w->frames[i].after};
    places[w->depth - 1].next = number - 1;
    begin_change(w);
    w->state.work = w->looked_at;
    linear_resume(&w->state, w->builtin, places, w->depth, answer, w->memory, false, NULL, ret);
}

static bool enter_chain(struct walk *w, uint32_t chain, bool is_goto)
{
    struct frame *frame;

    if (!is_goto && w->depth == VERDICT_DEPTH)
        return false;
    frame = &w->frames[is_goto ? w->depth - 1 : w->depth++];
    frame->chain = chain;
    frame->after = frame->count = frame->next = 0;
    frame->more = true;
    return true;
}

/* MARK and its like. false: no longer certain. */
static bool apply_effect(struct walk *w, const struct effect *effect)
{
    const struct track_view *before = w->p->view;

    if (effect->kind == EFFECT_UNKNOWN || effect->kind >= EFFECT_TTL)
        return false;
    begin_change(w);
    linear_state_apply(&w->state, effect);
    if (w->state.packet.view != before) {
        /* CT and NOTRACK change what the rules behind them see as the packet's state. */
        look_up_plain(w);
        for (unsigned i = 0; i < w->depth; i++) {
            w->frames[i].next = w->frames[i].count;
            w->frames[i].more = true;
        }
    }
    return !w->state.template_unknown;
}

static struct match_answer ask(struct walk *w, const struct image_rule *rule, const struct rules_rule *model)
{
    uint64_t left = w->in_full ? UINT64_MAX : rule->residual;

    if (!w->in_full && !(rule->flags & IMAGE_RESIDUAL))
        return (struct match_answer){.answer = VERDICT_YES};
    return match_conditions(model, w->base, image_at(w->base, rule->conditions), rule->count, left, w->p,
                            w->memory);
}

static void conclude(const struct walk *w, enum verdict_code code, const struct rules_chain *chain,
                     const struct rules_rule *rule, bool hotdrop, struct verdict *ret)
{
    if (w->changed)
        linear_state_conclude(&w->state, code, chain, rule, ret);
    else
        linear_conclude(w->p, code, chain, rule, ret);
    ret->hotdrop = hotdrop;
}

enum step { STEP_ON, STEP_RETURN, STEP_DECIDED };

/* Does what a rule says that answered YES. */
static enum step act(struct walk *w, const struct image_rule *rule, const struct rules_chain *chain,
                     const struct rules_rule *model, struct verdict *ret)
{
    static const uint8_t codes[] = {
        [IMAGE_ACCEPT] = VERDICT_ACCEPT, [IMAGE_DROP] = VERDICT_DROP, [IMAGE_REJECT] = VERDICT_REJECT};
    static const struct match_answer yes = {.answer = VERDICT_YES};
    enum image_action action = (enum image_action)rule->action;

    switch (action) {
    case IMAGE_ACCEPT:
    case IMAGE_DROP:
    case IMAGE_REJECT:
        conclude(w, (enum verdict_code)codes[action], chain, model, false, ret);
        return STEP_DECIDED;
    case IMAGE_RETURN:
        return STEP_RETURN;
    case IMAGE_JUMP:
    case IMAGE_GOTO:
        if (enter_chain(w, rule->chain, action == IMAGE_GOTO))
            return STEP_ON;
        break;
    case IMAGE_TARGET:
        if (apply_effect(w, image_at(w->base, rule->effect)))
            return STEP_ON;
        break;
    default:
        return STEP_ON;
    }
    hand_over(w, rule->number, &yes, ret);
    return STEP_DECIDED;
}

/* Looks at the next rule of the innermost chain. */
static enum step walk_step(struct walk *w, struct verdict *ret)
{
    struct frame *frame = &w->frames[w->depth - 1];
    const struct rules_chain *chain = chain_of(w, frame);
    const struct image_rule *rule = next_rule(w, frame);
    uint32_t number = rule ? rule->number : (uint32_t)chain->count, work = number - frame->after;

    if (work > VERDICT_WORK - w->looked_at) {
        uint32_t last = frame->after + VERDICT_WORK - w->looked_at;

        w->looked_at = VERDICT_WORK;
        hand_over(w, last + 1, NULL, ret);
        return STEP_DECIDED;
    }
    frame->after = number;
    w->looked_at += work;
    if (!rule)
        return STEP_RETURN;

    const struct rules_rule *model = &chain->rules[number - 1];
    struct match_answer a = ask(w, rule, model);

    switch (a.answer) {
    case VERDICT_NO:
        return STEP_ON;
    case VERDICT_YES:
        return act(w, rule, chain, model, ret);
    case VERDICT_HOTDROP:
        conclude(w, VERDICT_DROP, chain, model, true, ret);
        return STEP_DECIDED;
    default:
        hand_over(w, number, &a, ret);
        return STEP_DECIDED;
    }
}

static void walk_table(struct walk *w, uint32_t builtin, struct verdict *ret)
{
    enum step step;

    w->builtin = w->model->chains[builtin];
    enter_chain(w, builtin, false);
    do {
        step = walk_step(w, ret);
        if (step == STEP_RETURN)
            w->depth--;
    } while (step != STEP_DECIDED && w->depth > 0);
    if (step != STEP_DECIDED)
        conclude(w, VERDICT_ACCEPT, w->builtin, NULL, false, ret);
}

static const struct image_table *table_at(const uint8_t *base, enum rules_table_type table)
{
    const struct image_header *header = image_at(base, 0);

    return header->tables[table] ? image_at(base, header->tables[table]) : NULL;
}

/* Interfaces that the hook has, that rules ask for, and that the caller does not know. */
static uint32_t blind_fields(const struct image_table *t, const struct verdict_packet *p)
{
    uint32_t unknown = t->asks & p->unknown;
    bool in = unknown & VERDICT_NO_IN && p->hook <= RULES_FORWARD;
    bool out = unknown & VERDICT_NO_OUT && p->hook >= RULES_FORWARD;

    return (in ? 1U << IMAGE_IN : 0) | (out ? 1U << IMAGE_OUT : 0);
}

static bool is_unsound(const struct packet *packet)
{
    return packet->fault == PACKET_SHORT || packet->fragment_offset;
}

void image_walk(const struct image *image, enum rules_table_type table, const struct verdict_packet *p,
                struct verdict_memory *memory, struct verdict *ret)
{
    const uint8_t *base = image->block.bytes;
    const struct image_header *header = image_at(base, 0);
    const struct image_table *t = table_at(base, table);
    struct walk w;

    /* The sets ask for the header as it came. */
    bool rewritten = condition_is_rewritten(p) || p->unknown & VERDICT_NO_ENDS ||
                     (p->view && p->view->flow && p->view->flow->status & (TRACK_SRC_NAT | TRACK_DST_NAT));
    if (!t || t->builtin[p->hook] == (uint32_t)IMAGE_NONE || p->packet->family != header->family ||
        rewritten) {
        linear_walk((struct rules *)(uintptr_t)image->rules, table, p, memory, false, NULL, ret);
        return;
    }
    w.base = base;
    w.table = t;
    w.rules = image_at(base, t->rules);
    w.model = &image->rules->tables[table];
    w.none = image_at(base, header->none);
    w.mains_known = false;
    w.unsound = is_unsound(p->packet);
    w.blind = blind_fields(t, p);
    w.in_full = w.unsound || w.blind;
    w.p = p;
    w.changed = false;
    w.looked_at = 0;
    w.memory = memory;
    w.depth = 0;
    look_up_plain(&w);
    walk_table(&w, t->builtin[p->hook], ret);
}
