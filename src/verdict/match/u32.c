/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/u32.h"

#include "verdict/match/topic.h"

enum verdict_answer match_u32(const struct match_question *q)
{
    const struct packet *p = q->p->packet;
    struct packet_source source = {p->bytes, p->captured};
    struct u32_reader reader;
    enum u32_answer answer = u32_holds(q->match->u32, &source, p, q->p->hook == RULES_FORWARD, &reader);

    return answer == U32_UNKNOWN ? match_unknown(q, MATCH_NOT_CAPTURED) : match_answer(answer == U32_YES);
}
