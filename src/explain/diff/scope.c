/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/diff/scope.h"
#include "explain/make.h"
#include "packet/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diff_scope_of(const struct diff_region *region, bool untracked, struct diff_scope *ret)
{
    *ret = (struct diff_scope){.holds = region->holds, .fails = region->fails, .untracked = untracked};
    for (int f = 0; f < DIFF_INTERVALS; f++) {
        ret->piece[f][0] = region->interval[f];
        ret->pieces[f] = 1;
    }
    memcpy(ret->bits, region->bits, sizeof(ret->bits));
}

/* ---- joining ---- */

/* Both lists together; false: more pieces than there is room for. */
static bool join_pieces(struct diff_scope *to, const struct diff_scope *other, int field)
{
    struct diff_interval all[2 * DIFF_PIECES];
    size_t a = 0, b = 0, count = 0;
    while (a < to->pieces[field] || b < other->pieces[field]) {
        bool take_a = b == other->pieces[field] ||
                      (a < to->pieces[field] && to->piece[field][a].first < other->piece[field][b].first);
        struct diff_interval next = take_a ? to->piece[field][a++] : other->piece[field][b++];
        if (count > 0 && next.first <= all[count - 1].last + 1 && all[count - 1].last + 1 != 0) {
            if (next.last > all[count - 1].last)
                all[count - 1].last = next.last;
        } else {
            all[count++] = next;
        }
    }
    if (count > DIFF_PIECES)
        return false;
    memcpy(to->piece[field], all, count * sizeof(all[0]));
    to->pieces[field] = (uint8_t)count;
    return true;
}

static bool same_bits(const struct diff_bits *a, const struct diff_bits *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_pieces(const struct diff_scope *a, const struct diff_scope *b, int field)
{
    if (a->pieces[field] != b->pieces[field])
        return false;
    for (uint8_t i = 0; i < a->pieces[field]; i++) {
        if (a->piece[field][i].first != b->piece[field][i].first ||
            a->piece[field][i].last != b->piece[field][i].last)
            return false;
    }
    return true;
}

/* An atom that holds in one and fails in the other, all others being alike: then it does not matter. */
static bool join_atoms(struct diff_scope *to, const struct diff_scope *other)
{
    struct diff_bits opposite = {0};
    unsigned count = 0;
    for (int i = 0; i < 4; i++) {
        opposite.word[i] =
            (to->holds.word[i] & other->fails.word[i]) | (to->fails.word[i] & other->holds.word[i]);
        count += (unsigned)__builtin_popcountll(opposite.word[i]);
        uint64_t unlike =
            (to->holds.word[i] ^ other->holds.word[i]) | (to->fails.word[i] ^ other->fails.word[i]);
        if (unlike & ~opposite.word[i])
            return false;
    }
    for (int i = 0; i < 4 && count == 1; i++) {
        to->holds.word[i] &= ~opposite.word[i];
        to->fails.word[i] &= ~opposite.word[i];
    }
    return count == 1;
}

bool diff_scope_join(struct diff_scope *to, const struct diff_scope *other)
{
    int differing = -1, count = 0;
    for (int f = 0; f < DIFF_INTERVALS; f++) {
        if (!same_pieces(to, other, f)) {
            differing = f;
            count++;
        }
    }
    for (int f = 0; f < DIFF_BITMAPS; f++) {
        if (!same_bits(&to->bits[f], &other->bits[f])) {
            differing = DIFF_INTERVALS + f;
            count++;
        }
    }
    bool same_atoms = same_bits(&to->holds, &other->holds) && same_bits(&to->fails, &other->fails);
    if (to->untracked != other->untracked || count > 1 || (count == 1 && !same_atoms))
        return false;
    if (count == 0)
        return same_atoms || join_atoms(to, other);
    if (differing < DIFF_INTERVALS)
        return join_pieces(to, other, differing);
    for (int i = 0; i < 4; i++)
        to->bits[differing - DIFF_INTERVALS].word[i] |= other->bits[differing - DIFF_INTERVALS].word[i];
    return true;
}

/* ---- in words ---- */

struct writer {
    FILE *out;
    const struct diff_scope *scope;
    const struct diff_names *names;
    uint8_t family;
};

static const struct diff_bits *bits_of(const struct writer *w, enum diff_field field)
{
    return &w->scope->bits[field - DIFF_INTERVALS];
}

/* The pieces, or if that is shorter what lies between them. true: between. */
static bool shorter(const struct diff_scope *scope, int field, diff_number last, struct diff_interval *ret,
                    uint8_t *ret_count)
{
    const struct diff_interval *piece = scope->piece[field];
    uint8_t count = scope->pieces[field], gaps = 0;
    struct diff_interval gap[DIFF_PIECES + 1];
    diff_number next = 0;
    for (uint8_t i = 0; i < count; i++) {
        if (piece[i].first > next)
            gap[gaps++] = (struct diff_interval){next, piece[i].first - 1};
        next = piece[i].last + 1;
    }
    bool is_open = piece[count - 1].last < last;
    if (is_open)
        gap[gaps++] = (struct diff_interval){next, last};
    bool use_gaps = gaps < count || (gaps == 0);
    memcpy(ret, use_gaps ? gap : piece, (use_gaps ? gaps : count) * sizeof(*ret));
    *ret_count = use_gaps ? gaps : count;
    return use_gaps;
}

static void put_address(const struct writer *w, const struct diff_interval *in)
{
    struct packet_address first = diff_address_of(in->first, w->family);
    struct packet_address last = diff_address_of(in->last, w->family);
    diff_number size = in->last - in->first;
    unsigned bits = w->family == PACKET_IPV6 ? 128 : 32;
    char one[64], two[64];
    packet_address_format(&first, w->family, one);
    packet_address_format(&last, w->family, two);
    fputs(one, w->out);
    if (size == 0)
        return;
    if (size & (size + 1) || in->first & size) {
        fprintf(w->out, "-%s", two);
        return;
    }
    for (; size; size >>= 1)
        bits--;
    fprintf(w->out, "/%u", bits);
}

static void put_addresses_of(const struct writer *w, int field, const char *word)
{
    struct diff_interval list[DIFF_PIECES + 1];
    uint8_t count = 0;
    diff_number last = w->family == PACKET_IPV6 ? ~(diff_number)0 : UINT32_MAX;
    bool is_gap = shorter(w->scope, field, last, list, &count);
    for (uint8_t i = 0; i < count; i++) {
        if (i == 0)
            fprintf(w->out, " %s %s", word, is_gap ? "anything but " : "");
        else
            fputs(", ", w->out);
        put_address(w, &list[i]);
    }
}

/* "port 22", "ports 1:10, 20", "any port but 22"; word stands before it if no address does. */
static void put_ports_of(const struct writer *w, int field, int address, const char *word)
{
    struct diff_interval list[DIFF_PIECES + 1];
    uint8_t count = 0;
    bool is_gap = shorter(w->scope, field, 65535, list, &count);
    if (count == 0)
        return; /* all of them */
    const struct diff_interval *a = &w->scope->piece[address][0];
    bool is_any = w->scope->pieces[address] == 1 && a->first == 0 &&
                  a->last == (w->family == PACKET_IPV6 ? ~(diff_number)0 : UINT32_MAX);
    bool is_one = count == 1 && list[0].first == list[0].last;
    fprintf(w->out, "%s%s %s", is_any ? " " : "", is_any ? word : "",
            is_gap   ? "any port but"
            : is_one ? "port"
                     : "ports");
    for (uint8_t i = 0; i < count; i++) {
        fputs(i ? ", " : " ", w->out);
        if (list[i].first == list[i].last)
            fprintf(w->out, "%u", (unsigned)list[i].first);
        else
            fprintf(w->out, "%u:%u", (unsigned)list[i].first, (unsigned)list[i].last);
    }
}

static void put_protocol_name(FILE *out, unsigned protocol)
{
    const char *name = packet_protocol_name((uint8_t)protocol);
    if (name)
        fputs(name, out);
    else
        fprintf(out, "protocol %u", protocol);
}

static void put_protocols(const struct writer *w)
{
    const struct diff_bits *bits = bits_of(w, DIFF_PROTOCOL);
    unsigned count = 0;
    for (unsigned i = 0; i < 256; i++)
        count += diff_bits_has(bits, i);
    bool most = count > 128;
    fputs(most ? "everything" : "", w->out);
    const char *space = most ? " but " : "";
    for (unsigned i = 0; i < 256; i++) {
        if (diff_bits_has(bits, i) == most)
            continue;
        fputs(space, w->out);
        put_protocol_name(w->out, i);
        space = ", ";
    }
}

static void put_icmp(const struct writer *w)
{
    const struct diff_interval *in = w->scope->piece[DIFF_ICMP];
    if (w->scope->pieces[DIFF_ICMP] != 1 || (in->first == 0 && in->last == 65535))
        return;
    if (in->first >> 8 == in->last >> 8)
        fprintf(w->out, " type %u", (unsigned)(in->first >> 8));
    else
        fprintf(w->out, " types %u to %u", (unsigned)(in->first >> 8), (unsigned)(in->last >> 8));
}

static void put_interface(const struct writer *w, enum diff_field field, const char *word)
{
    const struct diff_bits *bits = bits_of(w, field);
    unsigned count = 0;
    for (unsigned i = 0; i < w->names->interface_count; i++)
        count += diff_bits_has(bits, i);
    if (count == w->names->interface_count)
        return;
    fprintf(w->out, ", %s ", word);
    const char *space = "";
    for (unsigned i = 0; i < w->names->interface_count; i++) {
        if (!diff_bits_has(bits, i))
            continue;
        fprintf(w->out, "%s%s", space, i == 0 ? "another interface" : w->names->interface[i]);
        space = " or ";
    }
}

static void put_states(const struct writer *w)
{
    static const enum track_state states[] = {TRACK_INVALID, TRACK_NEW, TRACK_ESTABLISHED, TRACK_RELATED,
                                              TRACK_UNTRACKED};
    uint64_t bits = bits_of(w, DIFF_STATE)->word[0] & 31, all = w->family == PACKET_IPV6 ? 31 : 15;
    const char *space = ", ";
    if (w->scope->untracked)
        bits = RULES_STATE_UNTRACKED;
    for (int i = 0; i < 5 && bits != all; i++) {
        if (!(bits >> i & 1))
            continue;
        fprintf(w->out, "%s%s", space, story_state_name(states[i]));
        space = " or ";
    }
}

static void put_flags(const struct writer *w)
{
    static const struct diff_bits all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    const struct diff_bits *flags = bits_of(w, DIFF_FLAGS);
    bool first = diff_bits_has(flags, PACKET_SYN), later = diff_bits_has(flags, PACKET_ACK);
    if (memcmp(flags, &all, sizeof(all)) == 0)
        return;
    fputs(first && !later   ? ", first packets (SYN)"
          : !first && later ? ", all but first packets (SYN)"
                            : ", with certain flags",
          w->out);
}

static void put_rest(const struct writer *w)
{
    const struct diff_interval *length = w->scope->piece[DIFF_LENGTH];
    if (length->first > 20 || length->last < 65535)
        fprintf(w->out, ", %u to %u bytes long", (unsigned)length->first, (unsigned)length->last);
    for (unsigned i = 0; i < w->names->atom_count; i++) {
        bool holds = diff_bits_has(&w->scope->holds, i);
        if (holds || diff_bits_has(&w->scope->fails, i))
            fprintf(w->out, ", where \"%s\" %s", w->names->atom[i], holds ? "holds" : "does not hold");
    }
}

char *diff_scope_text(const struct diff_scope *scope, uint8_t family, enum wall_path path,
                      const struct diff_names *names)
{
    char *text = NULL;
    size_t size;
    struct writer w = {open_memstream(&text, &size), scope, names, family};
    if (!w.out)
        return NULL;
    put_protocols(&w);
    put_icmp(&w);
    put_addresses_of(&w, DIFF_SOURCE, "from");
    put_ports_of(&w, DIFF_SOURCE_PORT, DIFF_SOURCE, "from");
    put_addresses_of(&w, DIFF_DESTINATION, "to");
    put_ports_of(&w, DIFF_DESTINATION_PORT, DIFF_DESTINATION, "to");
    if (path != WALL_OUT)
        put_interface(&w, DIFF_IN, "coming in on");
    if (path != WALL_IN)
        put_interface(&w, DIFF_OUT, "going out on");
    put_states(&w);
    put_flags(&w);
    put_rest(&w);
    if (fclose(w.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
