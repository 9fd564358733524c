/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_URL_H
#define SALLY_CLIENT_URL_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

/* ftp://[user@]host[:port]/path and ftps://... (RFC 1738 section 3.2, RFC 3986); or host, or host/path, as people type it. */
struct client_url {
    char *host; /* without the brackets of an IPv6 address */
    char *user; /* NULL: none */
    char *
        path; /* decoded; "" if none. From where the login leads to; from the root where the URL has // or %2F before it */
    uint16_t port;    /* 0: the scheme's */
    bool is_implicit; /* ftps */
};

enum client_url_error {
    CLIENT_URL_OK,
    CLIENT_URL_NO_MEMORY,
    CLIENT_URL_SCHEME,   /* neither ftp nor ftps */
    CLIENT_URL_HOST,     /* none */
    CLIENT_URL_PORT,     /* not 1...65535 */
    CLIENT_URL_ENCODING, /* %XX that is none, or that is a NUL or a line end */
    CLIENT_URL_PASSWORD, /* user:password@: everybody on the machine could read it in ps(1) */
};

/* *ret only if OK; then client_url_free. */
enum client_url_error client_url_parse(const char *text, struct client_url *ret);
/* Whether it is a URL or not: is it better not shown to anybody? */
bool client_url_may_have_password(const char *text);
void client_url_free(struct client_url *url);
/* The URL as a text that client_url_parse reads, with an absolute path in place of its own. The caller's to free; NULL: no memory. */
MUST_USE char *client_url_text(const struct client_url *url, const char *path);
/* A name as a URL has it: %XX for what has a meaning there. The caller's to free; NULL: no memory. */
MUST_USE char *client_url_encode(const char *text);
/* "the port is no number from 1 to 65535", in the language that is spoken */
const char *client_url_why(enum client_url_error error);

#endif
