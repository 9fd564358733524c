/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_MARKUP_H
#define SALLY_EXPLAIN_TELL_MARKUP_H

#include "base/result.h"
#include "explain/story.h"

/* Text as XML and HTML may hold it: harmless (plain.h) and with & < > " ' escaped. */
void markup_text(FILE *out, const char *text);
/* The first most columns of it, and an ellipsis if there is more. */
void markup_text_cut(FILE *out, const char *text, int most);

/* The sequence diagram. is_inline: for HTML, without what only a file of its own has. 0, -EIO, -ENOMEM. */
MUST_USE int markup_svg(const struct story *s, bool is_inline, FILE *out);

#endif
