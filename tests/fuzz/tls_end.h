/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TESTS_TLS_END_H
#define SALLY_TESTS_TLS_END_H

#include "tls/channel.h"

/* A server of TLS 1.2 and 1.3, its certificate, and its key process: here, so an answer comes when it is given. */
struct tls_server *tls_end_serve(void);
/* Signatures asked for and not answered yet; set to 0 before each input. It is never more than one. */
extern unsigned tls_end_asked;
/* Answers; is_right false: with a signature that does not hold. */
void tls_end_answer(struct tls_channel *c, bool is_right);

#endif
