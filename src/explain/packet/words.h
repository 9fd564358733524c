/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_PACKET_WORDS_H
#define SALLY_EXPLAIN_PACKET_WORDS_H

#include "base/result.h"
#include "explain/play/settings.h"
#include "packet/build.h"

/* What a line about a packet says; question.h has the language. */
struct packet_words {
    struct packet_recipe recipe;
    bool has_source, has_destination, has_source_port, has_destination_port, has_flags;
    bool has_state, has_path, has_mark, has_mac, has_pkttype, has_type;
    enum track_state state;
    enum track_direction direction;
    enum wall_path path;
    char in[RULES_INTERFACE], out[RULES_INTERFACE];
    uint32_t mark;
    uint8_t mac[6], pkttype;
    uint16_t length; /* of the whole packet; 0: as short as can be */
};

/* line may be one of the kernel's log (log.h). 0 and *ret; -EINVAL with *message (caller frees): column, what was found, what was expected; -ENOMEM. */
MUST_USE int packet_words_read(const char *line, struct packet_words *ret, char **message);

#endif
