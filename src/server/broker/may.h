/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_MAY_H
#define SALLY_SERVER_BROKER_MAY_H

#include "server/broker/state.h"

/* What the session may do with an entry: enum ftp_may bits, for MLST's perm fact. dir: the directory it is
 * in, or NULL if nothing there is to be renamed or deleted ("." and ".."). */
uint32_t may_do(const struct broker *b, const struct stat *dir, const struct stat *st);

#endif
