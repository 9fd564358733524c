/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Not run: compiled with -target bpf, to see that the headers which the kernel programs share ask for no libc
 * and no function that is not inline.
 */
#include "packet/read.h"
#include "track/decide.h"
#include "track/hear.h"

struct track_settings settings;
struct track_template template;

int meet(struct packet_source *source, struct packet *packet, struct track_question *q);
int meet(struct packet_source *source, struct packet *packet, struct track_question *q)
{
    if (packet_read(source, packet) != PACKET_READ)
        return -1;
    track_ask(source, packet, &template, true, q);
    return track_error_fits(packet, q);
}

int move(const struct packet *packet, struct track_flow *flow, struct bounded_text *options);
int move(const struct packet *packet, struct track_flow *flow, struct bounded_text *options)
{
    struct track_segment s = track_segment_read(packet);
    struct track_moved moved = {.move = TRACK_MOVE_PASS};
    bool control = track_assign_helper(flow, &template, &settings.config);

    track_options_read(options, s.acknowledgement, &s.options);
    track_move_tcp(flow, &s, TRACK_ORIGINAL, control, 0, &settings.tcp, &moved);
    track_move_other(flow, packet->protocol, control, 0, &settings.config.timeouts, &moved);
    track_close(flow, 0, &settings);
    return moved.move + track_see_reply(flow, TRACK_REPLY) + (int)track_state_of(flow->status, TRACK_REPLY);
}

uint64_t hash_tuple(const struct track_tuple *tuple, const struct track_key *key);
uint64_t hash_tuple(const struct track_tuple *tuple, const struct track_key *key)
{
    return track_tuple_hash(tuple, key);
}

int listen(struct track_ftp *ftp, struct track_ftp_line *line, const struct track_flow *flow,
           struct ftp_reader *reader, struct track_ftp_place *place);
int listen(struct track_ftp *ftp, struct track_ftp_line *line, const struct track_flow *flow,
           struct ftp_reader *reader, struct track_ftp_place *place)
{
    if (track_listening(line, ftp, flow, TRACK_REPLY, 0, 9, &reader->text.at) == TRACK_LISTEN_ON &&
        track_line_take(line, true, &reader->text))
        return track_line_read(TRACK_REPLY, reader, place);
    return track_ftp_listen(ftp, TRACK_ORIGINAL, 0, 9, true, reader, place);
}
