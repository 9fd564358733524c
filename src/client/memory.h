/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_MEMORY_H
#define SALLY_CLIENT_MEMORY_H

#include "client/client.h"

/*
 * What earlier sessions have found of servers: a file, a line a server, that people can read and edit:
 *
 *     HOST:PORT tls fingerprint=SHA256 way=PASV
 *
 * tls: it has offered TLS, and is not used without any more. fingerprint: of the certificate that somebody has trusted.
 */
struct client_known {
    bool has_tls;
    char fingerprint[65]; /* "": this system's trust decides */
    enum client_way way;  /* 0: none is known */
};

/* What is known of a server; nothing, where there is no file. 0; -EINVAL: a line is none of ours, and *ret_line (from 1) is its number;
 * another -errno. */
MUST_USE int client_memory_read(const char *file, const char *host, uint16_t port, struct client_known *ret,
                                unsigned *ret_line);
/* Puts it in place of what the file, whose folder is there, has of the server. That it has TLS stays. Two at once lose nothing. 0 or -errno. */
MUST_USE int client_memory_write(const char *file, const char *host, uint16_t port,
                                 const struct client_known *known);

/* "EPSV", "PASV", "PORT". */
const char *client_way_name(enum client_way way);

#endif
