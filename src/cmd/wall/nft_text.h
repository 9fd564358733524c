/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_WALL_NFT_TEXT_H
#define SALLY_CMD_WALL_NFT_TEXT_H

#include "base/result.h"

#include <stddef.h>

/*
 * nft's own language made into what `nft -j list ruleset` prints, by the installed nft, in a user and network namespace that end
 * with it: nothing of the machine is touched, and nft has no more rights outside than nobody, or than who asks if that is not root.
 * Interfaces that the text asks for by number ("iif") are made there first. 0 with *ret_json, NUL-terminated and the caller's;
 * -EINVAL: nft refuses the text, and what it said, with its lines, is in *ret_said, the caller's; -ENOTSUP: it can't be done here,
 * *ret_said says why.
 */
MUST_USE int nft_text_list(const char *text, char **ret_json, size_t *ret_size, char **ret_said);

#endif
