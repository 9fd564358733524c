/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_VERDICT_ASK_H
#define SALLY_TESTS_VERDICT_ASK_H

/* What the tests of this room share: rules from text, packets from a few words, one rule asked about one
 * packet. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "rules/rules.h"
#include "track/tcp_state.h" /* has a NO of its own */
#include "verdict/linear.h"
#include "verdict/match/match.h"

static inline struct packet_address address(const char *text)
{
    struct packet_address a;
    uint8_t family;

    if (packet_address_parse(text, &a, &family) < 0)
        fail_msg("%s is no address", text);
    return a;
}

static inline struct rules *read_rules(const char *text, uint8_t family)
{
    struct rules *r = NULL;
    struct rules_error error = {0};

    if (rules_read(text, strlen(text), "test", family, &r, &error) != 0)
        fail_msg("%u:%u: %s\n%.600s", error.line, error.column, error.message, text);
    return r;
}

/* A packet and the bytes it is decoded from. */
struct sample {
    uint8_t bytes[2048];
    size_t size;
    struct packet packet;
};

static inline void sample_decode(struct sample *s)
{
    assert_int_equal(packet_decode(s->bytes, s->size, false, &s->packet), 0);
}

static inline void sample_build(struct sample *s, const struct packet_recipe *recipe)
{
    struct packet_recipe r = *recipe;

    if (r.family == 0)
        r.family = PACKET_IPV4;
    if (r.protocol == 0)
        r.protocol = PACKET_TCP;
    static const struct packet_address none;
    if (packet_address_equal(&r.source, &none))
        r.source = address(r.family == PACKET_IPV4 ? "192.0.2.1" : "2001:db8::1");
    if (packet_address_equal(&r.destination, &none))
        r.destination = address(r.family == PACKET_IPV4 ? "192.0.2.2" : "2001:db8::2");
    int size = packet_build(&r, s->bytes, sizeof s->bytes);
    assert_true(size > 0);
    s->size = (size_t)size;
    sample_decode(s);
}

/* Asks a rule with these words about a packet; the hook is p's, the memory is thrown away. */
static inline struct match_answer ask_rule(const char *words, const struct verdict_packet *p)
{
    static const char *const chains[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
    char text[1024];
    const char *chain = chains[p->hook], *table = p->hook == RULES_PREROUTING ? "raw" : "filter";

    snprintf(text, sizeof text, "*%s\n:%s ACCEPT [0:0]\n-A %s %s\nCOMMIT\n", table, chain, chain, words);
    struct rules *r = read_rules(text, p->packet->family);
    struct verdict_memory *memory = verdict_memory_new();
    struct rules_chain *c =
        rules_chain_at(r, p->hook == RULES_PREROUTING ? RULES_RAW : RULES_FILTER, p->hook);
    assert_non_null(c);
    struct match_answer answer = match_rule(&c->rules[0], p, memory);
    verdict_memory_free(&memory);
    rules_free(&r);
    return answer;
}

static inline enum verdict_answer ask(const char *words, const struct verdict_packet *p)
{
    struct match_answer a = ask_rule(words, p);

    if ((a.answer == VERDICT_UNKNOWN) != (a.because != NULL))
        fail_msg("%s: unknown without a reason, or with one that it does not need", words);
    return a.answer;
}

#define assert_answer(words, p, expected)                                                                    \
    do {                                                                                                     \
        enum verdict_answer answer_ = ask(words, p);                                                         \
        if (answer_ != (expected))                                                                           \
            fail_msg("%s: %d, expected %d", words, answer_, expected);                                       \
    } while (0)

#define YES     VERDICT_YES
#define NO      VERDICT_NO
#define UNKNOWN VERDICT_UNKNOWN
#define HOTDROP VERDICT_HOTDROP

struct question {
    const char *words;
    enum verdict_answer answer;
};

static inline void ask_all(const struct question *questions, size_t count, const struct verdict_packet *p)
{
    for (size_t i = 0; i < count; i++)
        assert_answer(questions[i].words, p, questions[i].answer);
}

#define ASK_ALL(p, ...)                                                                                      \
    do {                                                                                                     \
        static const struct question questions_[] = {__VA_ARGS__};                                           \
        ask_all(questions_, COUNT(questions_), p);                                                           \
    } while (0)

#endif
