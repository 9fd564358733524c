/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_PINHOLE_H
#define SALLY_KERNEL_PINHOLE_H

/*
 * Pinholes: what lets one data connection through the kernel's firewall, from this client to this server, to one port,
 * for so many seconds. A pinhole lives in the kernel, which ends it when its time is over, whatever becomes of
 * us. Four ways, one file each:
 *
 *   conntrack   an expectation of the control connection's entry: the data connection is RELATED (RFC: none; Linux,
 *               net/netfilter/nf_conntrack_expect.c). An nft table of ours, which is gone with this process, gives
 *               control connections the helper that an expectation takes.
 *   nft         an element of a set of the administrator's, to which his rule refers
 *   ipset       the same of ipset
 *   sallywall   an expectation of the wall that `sallywall up` put up
 *
 * No call blocks: netfilter answers while it is asked.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum pinhole_way { PINHOLE_CONNTRACK, PINHOLE_NFT, PINHOLE_IPSET, PINHOLE_SALLYWALL, PINHOLE_WAYS };

/* One data connection. Addresses are those of the control connection, IPv4 as ::ffff:a.b.c.d. */
struct pinhole {
    struct in6_addr client, server;
    uint16_t client_port, server_port; /* of the control connection */
    uint16_t port; /* passive: the server's, to which the client will come; active: the client's */
    bool is_active;
    bool
        is_again; /* it has been opened, for this control connection; whether it is still there is not known */
    bool
        is_unheard; /* a moment ago pinhole_open said 0, not PINHOLE_HEARD, of one for this control connection */
    uint32_t seconds; /* from now on; at least 1 */
};

struct pinhole_plan {
    const uint16_t *ports; /* of control connections: conntrack */
    size_t port_count;
    const char *helper; /* conntrack: whose name control connections get, "sane" or "ftp" */
    const char *table;  /* nft: "inet filter" */
    const char *set;    /* nft, ipset: "sallyd" for the sets sallyd4 and sallyd6 */
};

struct pinhole_error {
    char text[256]; /* what failed, on what, and what to do */
};

/* A way that is ready to be used. */
struct pinholes;

const char *pinhole_way_name(enum pinhole_way way);

/* Does the kernel track connections in this network namespace, because some rule asks for it? It is sent a broken packet, over
 * the loopback, and is asked whether it has counted it. 1, 0, or -errno: it can't be asked. */
MUST_USE int pinhole_is_tracked(void);

/* Has this network namespace a wall of sallywall, of this version? */
MUST_USE bool pinhole_has_wall(void);

/* NULL: it does not work here, and error says why. */
MUST_USE struct pinholes *pinholes_new(enum pinhole_way way, const struct pinhole_plan *plan,
                                       struct pinhole_error *error);
/* Sets *p to NULL. Pinholes that are open stay until their time is over. */
void pinholes_free(struct pinholes **p);
enum pinhole_way pinholes_way(const struct pinholes *p);

/*
 * Opens it; one that is there for the same client, server and port is taken over, with its time. 0, PINHOLE_HEARD or -errno:
 *   -EMFILE, -ENOSPC, -ENFILE  the kernel's table, or the set, is full
 *   -ENOENT                    the set is not there any more; or (conntrack) the control connection is not known, and can't be made known
 */
MUST_USE int pinhole_open(struct pinholes *p, const struct pinhole *hole);
/* It is open, and the kernel's own FTP helper listens to that control connection: where that is in the clear, the reply that
 * names the port puts the helper's own expectation, of 300 s, in this one's place. So it is opened again after the reply. */
enum { PINHOLE_HEARD = 1 };
/* 0, also if it is not there any more; or -errno. */
MUST_USE int pinhole_close(struct pinholes *p, const struct pinhole *hole);

#endif
