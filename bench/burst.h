/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_BENCH_BURST_H
#define SALLY_BENCH_BURST_H

#include "load.h"

/*
 * What a session that is there already feels of a rush: options->count clients send their ClientHello at once
 * while it asks for NOOP every few milliseconds. Each client has connected and said AUTH TLS before the clock runs,
 * and each handshake must come to its end. Prints a JSON object: the longest and the median time that a reply
 * took from the first ClientHello to the last handshake's end. Returns the exit status.
 */
int burst_command(const struct load_options *options);

#endif
