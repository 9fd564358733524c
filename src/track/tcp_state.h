/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_TCP_STATE_H
#define SALLY_TRACK_TCP_STATE_H

/*
 * The TCP state machine of a firewall that sees both directions. Freestanding.
 * The states and what moves them are those of net/netfilter/nf_conntrack_proto_tcp.c in Linux 6.12.
 */
#include "track/flow.h"

enum track_tcp_state {
    TRACK_TCP_NONE,
    TRACK_TCP_SYN_SENT,
    TRACK_TCP_SYN_RECV,
    TRACK_TCP_ESTABLISHED,
    TRACK_TCP_FIN_WAIT,
    TRACK_TCP_CLOSE_WAIT,
    TRACK_TCP_LAST_ACK,
    TRACK_TCP_TIME_WAIT,
    TRACK_TCP_CLOSE,
    TRACK_TCP_SYN_SENT2,
    TRACK_TCP_STATES,
    /* not states, but what the table says of a packet */
    TRACK_TCP_INVALID = TRACK_TCP_STATES,
    TRACK_TCP_IGNORE, /* pass it and believe nothing: the answer will show which of us is out of step */
};

/* What a segment is, by its most telling flag. */
enum track_tcp_class {
    TRACK_TCP_SYN,
    TRACK_TCP_SYN_ACK,
    TRACK_TCP_FIN,
    TRACK_TCP_ACK,
    TRACK_TCP_RST,
    TRACK_TCP_FLAGLESS,
    TRACK_TCP_CLASSES
};

static inline enum track_tcp_class track_tcp_classify(uint8_t flags)
{
    if (flags & PACKET_RST)
        return TRACK_TCP_RST;
    if (flags & PACKET_SYN)
        return flags & PACKET_ACK ? TRACK_TCP_SYN_ACK : TRACK_TCP_SYN;
    if (flags & PACKET_FIN)
        return TRACK_TCP_FIN;
    return flags & PACKET_ACK ? TRACK_TCP_ACK : TRACK_TCP_FLAGLESS;
}

/* S, SU, SA, R, RA, FA, FAU, A, AU; PSH, ECE and CWR may always be there. */
static inline bool track_tcp_flags_are_valid(uint8_t flags)
{
    switch (flags & (PACKET_FIN | PACKET_SYN | PACKET_RST | PACKET_ACK | PACKET_URG)) {
    case PACKET_SYN:
    case PACKET_SYN | PACKET_URG:
    case PACKET_SYN | PACKET_ACK:
    case PACKET_RST:
    case PACKET_RST | PACKET_ACK:
    case PACKET_FIN | PACKET_ACK:
    case PACKET_FIN | PACKET_ACK | PACKET_URG:
    case PACKET_ACK:
    case PACKET_ACK | PACKET_URG:
        return true;
    default:
        return false;
    }
}

/*
 * What a segment of a class makes of a state, for either sender. A column is a state; the reason stands
 * beside the row whose cells it explains.
 */
static inline uint8_t track_tcp_next(enum track_direction direction, enum track_tcp_class class,
                                     enum track_tcp_state state)
{
    enum {
        NO = TRACK_TCP_NONE,
        SS = TRACK_TCP_SYN_SENT,
        SR = TRACK_TCP_SYN_RECV,
        ES = TRACK_TCP_ESTABLISHED,
        FW = TRACK_TCP_FIN_WAIT,
        CW = TRACK_TCP_CLOSE_WAIT,
        LA = TRACK_TCP_LAST_ACK,
        TW = TRACK_TCP_TIME_WAIT,
        CL = TRACK_TCP_CLOSE,
        S2 = TRACK_TCP_SYN_SENT2,
        IV = TRACK_TCP_INVALID,
        IG = TRACK_TCP_IGNORE,
    };
    /* clang-format off */
    static const uint8_t fsm[TRACK_DIRECTIONS][TRACK_TCP_CLASSES][TRACK_TCP_STATES] = {
        [TRACK_ORIGINAL] = {
            /*                    NO  SS  SR  ES  FW  CW  LA  TW  CL  S2 */
            [TRACK_TCP_SYN]     = {SS, SS, IG, IG, IG, IG, IG, SS, SS, S2},
            /* NO begins; SS, S2: sent again. SR...LA: either a stray, or the client has restarted and we hold a
             * dead connection; its peer answers with RST, SYN/ACK or a challenge ACK, which tells. TW, CL: the
             * ports are used again (RFC 9293 section 3.6.1). */
            [TRACK_TCP_SYN_ACK] = {IV, IV, SR, IV, IV, IV, IV, IV, IV, SR},
            /* Only in a simultaneous open does the opener send one (S2), maybe twice (SR). */
            [TRACK_TCP_FIN]     = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
            /* NO: too late to learn anything. SS, S2: nobody closes what has not been answered. FW: both sides
             * have sent theirs, or this is the same one again. */
            [TRACK_TCP_ACK]     = {ES, IV, ES, ES, CW, CW, TW, TW, CL, IV},
            /* NO: picked up in the middle (loose). SS: there was nothing to acknowledge. SR: the handshake is
             * done. LA: the last ACK, unless it is a challenge ACK (RFC 5961 section 4). */
            [TRACK_TCP_RST]     = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
            /* Whether it may reset anything is for the window check to say. */
            [TRACK_TCP_FLAGLESS] = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
        },
        [TRACK_REPLY] = {
            /*                    NO  SS  SR  ES  FW  CW  LA  TW  CL  S2 */
            [TRACK_TCP_SYN]     = {IV, S2, IV, IV, IV, IV, IV, SS, IV, S2},
            /* NO can't be: a reply has a connection. SS: simultaneous open. TW: the ports are used again, with
             * the roles changed. Else a server does not open. */
            [TRACK_TCP_SYN_ACK] = {IV, SR, IG, IG, IG, IG, IG, IG, IG, SR},
            /* SS: the usual answer. Later: sent again, or the answer to a SYN that was ignored above. */
            [TRACK_TCP_FIN]     = {IV, IV, FW, FW, LA, LA, LA, TW, CL, IV},
            [TRACK_TCP_ACK]     = {IV, IG, SR, ES, CW, CW, TW, TW, CL, IG},
            /* SS, S2: the server may hold half a connection from before. SR: answers a SYN that came late. */
            [TRACK_TCP_RST]     = {IV, CL, CL, CL, CL, CL, CL, CL, CL, CL},
            [TRACK_TCP_FLAGLESS] = {IV, IV, IV, IV, IV, IV, IV, IV, IV, IV},
        },
    };
    /* clang-format on */

    /* Both come from memory, which the verifier does not trust. */
    uint32_t c = class, s = state;
    return c < TRACK_TCP_CLASSES && s < TRACK_TCP_STATES ? fsm[direction & 1][c][s] : IV;
}

/* Is the connection as good as over, so that one may need its place? */
static inline bool track_tcp_is_closing(uint8_t state)
{
    return state >= TRACK_TCP_FIN_WAIT && state <= TRACK_TCP_CLOSE;
}

#endif
