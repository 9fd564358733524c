/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_CONFIG_OPTIONS_H
#define SALLY_SERVER_CONFIG_OPTIONS_H

#include "server/config/options_files.h"
#include "server/config/options_firewall.h"
#include "server/config/options_login.h"
#include "server/config/options_network.h"
#include "server/config/options_process.h"
#include "server/config/options_tls.h"

/*
 * Every option there is, vsftpd 3.0.5's and ours: the one table from which struct config, the parser, the
 * checks and sallyd.conf(5) come. Its rows, by subject, are in the headers above:
 *
 *   BOOL(name, default, scope, why, text)
 *   NUMBER(name, default, least, most, unit, scope, why, text)
 *   STRING(name, default, what, scope, why, text)
 *
 * default: vsftpd's, for options that vsftpd has. unit, what, scope: enumerators of option_table.h; a NUMBER
 * whose unit is MODE is shown in octal. why: DONE, or a string that says why another value than the default
 * is accepted and changes nothing. text: what the manual says; names of options in it are set in bold.
 *
 * A further option is one row, and the code that reads c->name.
 */
#define CONFIG_OPTIONS(BOOL, NUMBER, STRING)                                                                 \
    CONFIG_OPTIONS_NETWORK(BOOL, NUMBER, STRING)                                                             \
    CONFIG_OPTIONS_FIREWALL(BOOL, NUMBER, STRING)                                                            \
    CONFIG_OPTIONS_LOGIN(BOOL, NUMBER, STRING)                                                               \
    CONFIG_OPTIONS_FILES(BOOL, NUMBER, STRING)                                                               \
    CONFIG_OPTIONS_PROCESS(BOOL, NUMBER, STRING)                                                             \
    CONFIG_OPTIONS_TLS(BOOL, NUMBER, STRING)

#endif
