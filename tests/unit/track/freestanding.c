/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Not run: compiled with -target bpf, to see that the headers which the kernel programs share ask for no libc
 * and no function that is not inline.
 */
#include "track/expect.h"
#include "track/ftp.h"
#include "track/ftp_line.h"
#include "track/hash.h"
#include "track/icmp.h"
#include "track/tcp.h"
#include "track/udp.h"

struct track_tcp_config config;

int meet_tcp(const struct packet *packet, struct track_flow *flow);
int meet_tcp(const struct packet *packet, struct track_flow *flow)
{
    struct track_segment s = track_segment_read(packet);

    if (!track_tcp_flags_are_valid(s.flags) || !track_tcp_begin(&flow->tcp, &s, true))
        return -1;
    return track_tcp_packet(&flow->tcp, flow->status, TRACK_ORIGINAL, &s, 0, &config).verdict;
}

int meet_icmp(const struct packet *packet, struct track_tuple *tuple);
int meet_icmp(const struct packet *packet, struct track_tuple *tuple)
{
    uint32_t inner = track_icmp_inner_offset(packet);

    if (track_icmp6_redirect(packet, &inner) == TRACK_REDIRECT_INVALID)
        return -1;
    return track_inner_read(packet->bytes + inner, packet->captured - inner, packet->family, 0, tuple) &&
           track_tuple_invert(tuple, tuple) && track_tuple_read(packet, 0, tuple);
}

uint64_t hash_tuple(const struct track_tuple *tuple, const struct track_key *key);
uint64_t hash_tuple(const struct track_tuple *tuple, const struct track_key *key)
{
    return track_tuple_hash(tuple, key);
}

int listen(struct track_ftp *ftp, struct track_ftp_line *line, const uint8_t *data, uint32_t size,
           struct track_ftp_place *place);
int listen(struct track_ftp *ftp, struct track_ftp_line *line, const uint8_t *data, uint32_t size,
           struct track_ftp_place *place)
{
    uint32_t at = track_line_meet(line, 0, size, false);

    if (track_line_take(line, TRACK_REPLY, data, size, &at))
        return track_line_read(TRACK_REPLY, line->text, line->size, place);
    return track_ftp_listen(ftp, TRACK_ORIGINAL, 0, data, size, place);
}

int age(struct track_flow *flow, const struct track_ages *ages, bool *assured);
int age(struct track_flow *flow, const struct track_ages *ages, bool *assured)
{
    return (int)(track_udp_age(flow, true, 0, ages, assured) + track_pair_age(flow, ages, assured));
}
