/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_FOLD_H
#define SALLY_EXPLAIN_TELL_FOLD_H

#include "explain/story.h"

/* What tellers leave out so that the rest can be seen: bare acknowledgements, closings and repetitions that
 * met with the fate of the packet before. */
struct fold {
    size_t shown;     /* the last step that is shown, 1...; 0: none yet */
    bool has_control; /* there is an FTP session, which the rest only clutters */
    bool bare_only;   /* all that there is are bare acknowledgements and the like: then they are the story */
    bool counted;
    uint32_t hidden;  /* packets left out so far */
    uint32_t retries; /* of the last packet shown */
    uint64_t last_ms; /* when the last of those was tried */
};

/* Is the step to be shown? Counts it if not. Steps are given in order, from a zeroed fold. */
bool fold_shows(struct fold *f, const struct story *s, size_t index);

/* If a phase begins at index that goes as the one before it went, packet for packet but for its ports and
 * numbers: how many steps it has, and the other's name in *ret_like. Else 0. */
size_t fold_phase(const struct story *s, size_t index, const char **ret_like);

/* The same words but for their numbers? */
bool fold_alike(const char *a, const char *b);

/* Was an event like this one, but for its numbers, told of an earlier step? Then its reason need not be said
 * again. */
bool fold_event_again(const struct story *s, size_t index, const struct story_event *event);

/* Is it a story of FTP, with its two kinds of channel and the helper that reads along? */
bool fold_has_ftp(const struct story *s);

/* Does the step give the answer away: dropped, rejected, unknown, or with an event? */
bool fold_is_telling(const struct story_step *step);

#endif
