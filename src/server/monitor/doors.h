/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_DOORS_H
#define SALLY_SERVER_MONITOR_DOORS_H

#include "base/result.h"
#include "kernel/pinhole.h"
#include "server/config/config.h"
#include "server/messages.h"

/*
 * Doors in the kernel's firewall (kernel/pinhole.h), one a session at a time. The worker asks for one and says when it is not
 * wanted any more; whose it is, is read from the control channel that comes along, and only for a passive port of
 * ours. A door that another session has been given since is that one's.
 */

/* What opens doors, made ready. */
struct doors_way {
    struct pinholes *pinholes[PINHOLE_WAYS]; /* NULL: not so, or as now */
    bool is_as_now;
    char text[256]; /* what they were made of */
};

/* By the option firewall of c; says which way it is. 0; or -errno told. */
MUST_USE int doors_make_ready(const struct config *c, struct doors_way *ret);
/* Uses it from now on, and tells the worker. Doors that are open another way are opened this way, for what is left of their time. Takes what way has. */
void doors_use(const struct doors_way *way);
/* Or does not. */
void doors_drop(struct doors_way *way);
void doors_end(void);
/* To a worker: is it to ask for doors? */
void doors_send(void);

/* With doors, or rules that might need some: has sallywall, if it is installed beside this program, say what clients will meet with the
 * rules of this machine. It does so by itself, on standard error. */
void doors_explain(void);

void doors_open(const struct ipc_message *m);
/* For an active data connection of a session to that port of its client's, which is shut as others are. 0, also where there
 * are no doors, or -errno. */
MUST_USE int doors_open_active(uint32_t session, int control, uint16_t port);
/* The session's, if it has one. */
void doors_shut(uint32_t session);
void doors_shut_all(void);

/* `sallyd --firewall-rule`: prints what an administrator adds to the firewall for c. An exit status. */
int doors_print_rule(const struct config *c);

#endif
