/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_SORTED_H
#define SALLY_EXPLAIN_REPLAY_SORTED_H

#include "base/result.h"
#include "explain/replay/capture.h"

/*
 * Frames of several interfaces lie in a file as their buffers were emptied, and not always in the order of
 * time: the answer may stand before the question. So a few hundred are held, and the earliest goes first. Frames
 * of one interface stay as they are, whatever its clock does.
 */
enum { SORTED_HELD = 512 };

struct sorted;

MUST_USE struct sorted *sorted_new(void); /* NULL: out of memory */
void sorted_free(struct sorted **o);
/* As capture_next, and *ret_number the frame's number in the file, 1... Once the capture is at its end or
 * damaged, what is held comes first. */
MUST_USE int sorted_next(struct sorted *o, struct capture *c, struct capture_frame *ret, uint64_t *ret_number,
                         char **message);

#endif
