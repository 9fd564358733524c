/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_FTP_ADDRESS_H
#define SALLY_FTP_ADDRESS_H

#include "base/result.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Data-connection addresses as commands and replies spell them. IPv4 is held as ::ffff:a.b.c.d. */
struct ftp_address {
    struct in6_addr ip;
    uint16_t port;
};

enum ftp_eprt_result {
    FTP_ADDRESS_OK,
    FTP_ADDRESS_SYNTAX,   /* 501 */
    FTP_ADDRESS_PROTOCOL, /* 522: a network protocol number other than 1 and 2 (RFC 2428 section 2) */
};

/* "h1,h2,h3,h4,p1,p2" (RFC 959 section 5.3.2): six decimal octets of one to three digits, each 0..255,
 * nothing else. Port 0 is FTP_ADDRESS_SYNTAX. Whether the client may name this host and port is not asked
 * here. *ret only if OK. */
enum ftp_eprt_result ftp_port_parse(const char *argument, struct ftp_address *ret);
/* "|1|132.235.1.2|6275|", "|2|1080::8:800:200C:417A|5282|" with any delimiter 33..126 (RFC 2428 section 2).
 * Port 1..65535; no scope ("%eth0"). *ret only if OK. */
enum ftp_eprt_result ftp_eprt_parse(const char *argument, struct ftp_address *ret);
/* EPSV's argument: "" -> 0, "1" -> 1, "2" -> 2, "ALL" (any case) -> 3, another number -> -EPROTONOSUPPORT,
 * else -EINVAL. */
MUST_USE int ftp_epsv_parse(const char *argument);

#endif
