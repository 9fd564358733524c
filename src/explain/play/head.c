/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/head.h"
#include "explain/make.h"

#include <errno.h>
#include <string.h>

int play_head_fill(struct story *story, const struct play *play)
{
    story->rules_name = strdup(play->rules_name ? play->rules_name : "");
    story->client = story_end_text(&play->client, play->family, 0);
    story->server = story_end_text(&play->server, play->family, 0);
    story->kernel = story_format("%u.%u", play->kernel >> 16, play->kernel >> 8 & 255);
    story->manner = strdup(play->manner == TRACK_ROBUST ? "robust" : "linux");
    bool whole = story->rules_name && story->client && story->server && story->kernel && story->manner;
    return whole ? 0 : -ENOMEM;
}
