/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_DOOR_H
#define SALLY_SERVER_WORKER_DOOR_H

#include "server/worker/session.h"

/*
 * A session's door in the kernel's firewall, which the monitor opens and shuts: from before a passive port is announced
 * until its connection has come. That of an active connection is opened with it.
 */

/* nft: EBUSY, until what was used is swept out of the set, which takes so long from when nobody asks (pinhole_nft.c). */
enum { DOOR_SWEPT_MS = 45 };

/* Are doors to be asked for? */
bool door_is_needed(void);
/* DOORS, in each loop. */
void door_set_needed(bool is_needed);

/* Asks for one to the session's passive port, or for more time for the one that is there. then (NULL: nobody) hears how it
 * went, later, unless the session's data channel is reset. */
void door_ask(struct session *s, void (*then)(struct session *s, int error));
/* A transfer waits for the connection: it is opened again, for its whole time, and in case that the firewall has
 * forgotten it since. False: there is none, and then is not called. */
bool door_renew(struct session *s, void (*then)(struct session *s, int error));
/* An active connection is being made: the monitor has opened one. */
void door_opened_with_connection(struct session *s);
void door_shut(struct session *s);
/* The session's own connection has come in by it. */
void door_used(struct session *s);
/* DOOR_REPLY to the question with this serial. */
void door_answered(struct session *s, uint16_t serial, int error, bool is_heard);
/* What a client is told of an error. */
const char *door_words(int error);

#endif
