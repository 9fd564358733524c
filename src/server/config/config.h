/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_CONFIG_H
#define SALLY_SERVER_CONFIG_CONFIG_H

#include "base/result.h"
#include "server/config/options.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The server's configuration: vsftpd.conf(5)'s language, options and defaults, and ours besides
 * (sallyd.conf(5)). options.h is the one table; this struct, the parser, the defaults, the checks and the
 * manual come from it. A boolean option is a bool, a number an unsigned, a string a `const char *` that is
 * NULL when unset or set to nothing.
 */
struct config {
#define BOOL(name, ...)   bool name;
#define NUMBER(name, ...) unsigned name;
#define STRING(name, ...) const char *name;
    CONFIG_OPTIONS(BOOL, NUMBER, STRING)
#undef BOOL
#undef NUMBER
#undef STRING
};

/* One thing to tell the person who wrote the configuration. */
struct config_remark {
    bool is_error;
    const char *text; /* one line: file, line, what is wrong, what to do; no newline at the end */
};

/* A new configuration with every default. NULL: out of memory. A copy shares nothing with its origin. */
MUST_USE struct config *config_new(void);
MUST_USE struct config *config_copy(const struct config *c);
void config_free(struct config **c);

/*
 * Reads configuration text (a whole file's content) over c: each option replaces what was there. name is what
 * remarks call the text ("/etc/sallyd.conf"). Each remark goes to tell(ctx, ...), errors and warnings alike,
 * all of them (errors: the first 100). 0, or -EINVAL if there was any error; c is then partly changed and
 * must be dropped.
 */
MUST_USE int config_parse(struct config *c, const char *name, const char *text, size_t len,
                          void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/* "NAME=VALUE" from the command line's -o, remarks name it "-oNAME=VALUE". As config_parse. */
MUST_USE int config_set(struct config *c, const char *assignment,
                        void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/*
 * Contradictions between options (a passive range upside down, listen and listen_ipv6 both, ...) and warnings
 * about options whose effect we do not give. Called once when all is read. 0 or -EINVAL.
 */
MUST_USE int config_check(const struct config *c, const char *name,
                          void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/* All options that differ from their defaults as text that config_parse reads back to an equal struct.
 * malloc'ed; NULL: out of memory. */
MUST_USE char *config_text(const struct config *c);

/* config_parse of a file's content. A file that cannot be read, that is longer than 1 MiB or that everybody
 * may write is an error as well. */
MUST_USE int config_load(struct config *c, const char *path,
                         void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/*
 * What c->user_config_dir says about this one user, over a copy of c: options that concern the whole server
 * are left as they are, with a warning. *ret_config is NULL if there is nothing about the user, and c itself
 * counts. user may be anything that a client sent. 0, -EINVAL (told; the login must fail), -ENOMEM.
 */
MUST_USE int config_load_user(const struct config *c, const char *user, struct config **ret_config,
                              void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/*
 * With pasv_addr_resolve, looks pasv_address up and replaces it by its dotted form; else nothing. Once, after
 * config_check, in a process that may wait for the name service. 0, -EINVAL (told) or -ENOMEM.
 */
MUST_USE int config_resolve(struct config *c, const char *name,
                            void (*tell)(void *ctx, const struct config_remark *), void *ctx);

/* Is this a name that logs in anonymously under c ("anonymous", "ftp", any case)? */
bool config_is_anonymous(const struct config *c, const char *user);

/* The address to name in a 227 reply to a client at peer, or false: the control connection's own.
 * Follows pasv_address_map, then pasv_address. peer: 16 bytes, IPv4 as ::ffff:a.b.c.d. Writes 4 bytes. */
MUST_USE bool config_passive_address(const struct config *c, const unsigned char peer[16],
                                     unsigned char ret_address[4]);

#endif
