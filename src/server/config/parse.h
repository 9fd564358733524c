/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_PARSE_H
#define SALLY_SERVER_CONFIG_PARSE_H

#include "base/result.h"
#include "server/config/option_table.h"
#include "server/config/remark.h"

/* config_parse with remarks to r; per_user: options of the whole server are not changed, with a warning. */
MUST_USE int config_parse_lines(struct config *c, const char *text, size_t len, bool per_user,
                                struct remarks *r);

#endif
