/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_EXT_FILE_NAME_H
#define SALLY_RULES_EXT_FILE_NAME_H

#include "base/result.h"
#include "rules/ext/extension.h"

/*
 * The name of a table that the kernel shows as a file in /proc (recent, hashlimit) into an array of size
 * bytes, whatever was there before: no slash, not "." or "..", not empty (xt_check_proc_name), and no blank
 * or quote, which iptables-save would print bare so that nobody could read it back. 0 or -EINVAL.
 */
MUST_USE int rules_parse_file_name(struct rules_parse *p, const char *word, char *dst, size_t size);

#endif
