/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/match/u32.h"

#include "verdict/condition/field.h"
#include "verdict/match/topic.h"

enum verdict_answer match_u32(const struct match_question *q)
{
    const struct packet *p = q->p->packet;
    struct packet_source source = {p->bytes, p->captured};
    struct u32_reader reader;
    enum u32_answer answer = u32_holds(q->match->u32, &source, p, condition_is_counted_down(q->p), &reader);

    if (q->p->unknown & VERDICT_NO_BYTES)
        return match_unknown(q, "bytes of a packet that is made up (a capture has real ones)");
    if (condition_is_rewritten(q->p))
        return match_unknown(q, "bytes of the packet, which a rule before it may have changed");
    return answer == U32_UNKNOWN ? match_unknown(q, MATCH_NOT_CAPTURED) : match_answer(answer == U32_YES);
}
