/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/command.h"

#include "server/worker/log.h"
#include "server/worker/output.h"

#include "server/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ    RIGHT_READ
#define LISTING RIGHT_LIST

/* clang-format off */
const struct command commands[] = {
    /* name,  syntax,                        stages,                 argument,          rights,        handler,  feature */
    {"ABOR", "",                             LOGGED_IN | IN_TRANSFER, ARGUMENT_NONE,     0,            cmd_abor, NULL, false},
    {"ACCT", "<account>",                    ANY_TIME,               ARGUMENT_OPTIONAL, 0,             cmd_acct, NULL, true},
    {"ALLO", "<bytes>",                      LOGGED_IN,              ARGUMENT_OPTIONAL, 0,             cmd_allo, NULL, false},
    {"APPE", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_STORE | RIGHT_REPLACE, cmd_appe, NULL, false},
    {"AUTH", "TLS | SSL",                    BEFORE_LOGIN,           ARGUMENT_NEEDED,   0,             cmd_auth, NULL, false},
    {"AVBL", "[<path>]",                     LOGGED_IN,              ARGUMENT_OPTIONAL, 0,             cmd_avbl, "AVBL", false},
    {"CCC",  "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_ccc,  NULL, false},
    {"CDUP", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_cdup, NULL, false},
    {"CLNT", "<name of client>",             ANY_TIME,               ARGUMENT_OPTIONAL, 0,             cmd_clnt, "CLNT", false},
    {"CWD",  "<path>",                       LOGGED_IN,              ARGUMENT_OPTIONAL, 0,             cmd_cwd,  NULL, false},
    {"DELE", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_DELETE,  cmd_dele, NULL, false},
    {"EPRT", "|1 or 2|<address>|<port>|",    LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_eprt, "EPRT", false},
    {"EPSV", "[1 | 2 | ALL]",                LOGGED_IN,              ARGUMENT_OPTIONAL, 0,             cmd_epsv, "EPSV", false},
    {"FEAT", "",                             ANY_TIME,               ARGUMENT_NONE,     0,             cmd_feat, NULL, false},
    {"HASH", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   READ,          cmd_hash, "HASH", false},
    {"HELP", "[<command>]",                  ANY_TIME,               ARGUMENT_OPTIONAL, 0,             cmd_help, NULL, false},
    {"HOST", "<host name>",                  BEFORE_LOGIN,           ARGUMENT_NEEDED,   0,             cmd_host, "HOST", false},
    {"LIST", "[-adR] [<path>]",              LOGGED_IN,              ARGUMENT_OPTIONAL, LISTING,       cmd_list, NULL, false},
    {"MDTM", "[<YYYYMMDDHHMMSS>] <path>",    LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_mdtm, "MDTM", false},
    {"MFMT", "<YYYYMMDDHHMMSS> <path>",      LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_TIMES,   cmd_mfmt, "MFMT", false},
    {"MKD",  "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_MKDIR,   cmd_mkd,  NULL, false},
    {"MLSD", "[<path>]",                     LOGGED_IN,              ARGUMENT_OPTIONAL, LISTING,       cmd_mlsd, NULL, false},
    {"MLST", "[<path>]",                     LOGGED_IN,              ARGUMENT_OPTIONAL, LISTING,       cmd_mlst, "MLST", false},
    {"MODE", "S",                            LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_mode, NULL, false},
    {"NLST", "[-a] [<path>]",                LOGGED_IN,              ARGUMENT_OPTIONAL, LISTING,       cmd_nlst, NULL, false},
    {"NOOP", "",                             ANY_TIME,               ARGUMENT_NONE,     0,             cmd_noop, NULL, false},
    {"OPTS", "UTF8 ON | MLST <facts> | HASH [<algorithm>]", ANY_TIME, ARGUMENT_NEEDED,  0,             cmd_opts, NULL, false},
    {"PASS", "<password>",                   BEFORE_LOGIN | LOGGED_IN, ARGUMENT_OPTIONAL, 0,           cmd_pass, NULL, true},
    {"PASV", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_pasv, "PASV", false},
    {"PBSZ", "0",                            ANY_TIME,               ARGUMENT_NEEDED,   0,             cmd_pbsz, NULL, false},
    {"PORT", "h1,h2,h3,h4,p1,p2",            LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_port, NULL, false},
    {"PROT", "C | P",                        ANY_TIME,               ARGUMENT_NEEDED,   0,             cmd_prot, NULL, false},
    {"PWD",  "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_pwd,  NULL, false},
    {"QUIT", "",                             ANY_TIME,               ARGUMENT_NONE,     0,             cmd_quit, NULL, false},
    {"REIN", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_rein, NULL, false},
    {"REST", "<offset>",                     LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_rest, "REST STREAM", false},
    {"RETR", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   READ,          cmd_retr, NULL, false},
    {"RMD",  "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_DELETE,  cmd_rmd,  NULL, false},
    {"RNFR", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_RENAME,  cmd_rnfr, NULL, false},
    {"RNTO", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_RENAME,  cmd_rnto, NULL, false},
    {"SITE", "CHMOD | UMASK | UTIME | HELP", LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_site, NULL, false},
    {"SIZE", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_size, "SIZE", false},
    {"STAT", "[<path>]",                     LOGGED_IN | IN_TRANSFER, ARGUMENT_OPTIONAL, 0,            cmd_stat, NULL, false},
    {"STOR", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_STORE,   cmd_stor, NULL, false},
    {"STOU", "[<path>]",                     LOGGED_IN,              ARGUMENT_OPTIONAL, RIGHT_STORE,   cmd_stou, NULL, false},
    {"STRU", "F",                            LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_stru, NULL, false},
    {"SYST", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_syst, NULL, false},
    {"TYPE", "A | I | L 8",                  LOGGED_IN,              ARGUMENT_NEEDED,   0,             cmd_type, NULL, false},
    {"USER", "<name>",                       ANY_TIME,               ARGUMENT_NEEDED,   0,             cmd_user, NULL, false},
    {"XCUP", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_cdup, NULL, false},
    {"XCWD", "<path>",                       LOGGED_IN,              ARGUMENT_OPTIONAL, 0,             cmd_cwd,  NULL, false},
    {"XMKD", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_MKDIR,   cmd_mkd,  NULL, false},
    {"XPWD", "",                             LOGGED_IN,              ARGUMENT_NONE,     0,             cmd_pwd,  NULL, false},
    {"XRMD", "<path>",                       LOGGED_IN,              ARGUMENT_NEEDED,   RIGHT_DELETE,  cmd_rmd,  NULL, false},
};
/* clang-format on */

const size_t command_count = sizeof(commands) / sizeof(commands[0]);
_Static_assert(sizeof(commands) / sizeof(commands[0]) <= 128, "settings.forbidden has 128 bits");

enum {
    STRANGE_COMMANDS_MAX = 10, /* before login; then it is not a client of FTP that talks (CVE-2021-3618) */
};

static int by_name(const void *name, const void *row)
{
    return strcmp(name, ((const struct command *)row)->name);
}

const struct command *command_find(const char *name)
{
    return bsearch(name, commands, command_count, sizeof(commands[0]), by_name);
}

static const struct command *command_of(const char *line)
{
    char copy[16] = "", verb[16];
    const char *argument;
    strncpy(copy, line, sizeof(copy) - 1);
    ftp_line_split(copy, verb, &argument);
    return command_find(verb);
}

bool command_is_in_transfer(const char *line)
{
    const struct command *c = command_of(line);
    return c && (c->stages & IN_TRANSFER);
}

bool command_is_abort(const char *line)
{
    const struct command *c = command_of(line);
    return c && c->run == cmd_abor;
}

/* --- cmds_allowed, cmds_denied ----------------------------------------------------------------------- */

/* Is name one of a list like "PASV,RETR, QUIT" ? */
static bool is_in_list(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at && *at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, name, len) == 0 && (at[len] == '\0' || strchr(", \t", at[len])))
            return true;
    }
    return false;
}

void command_forbid(struct settings *settings)
{
    const struct config *c = settings->config;
    for (size_t i = 0; i < command_count; i++) {
        bool forbidden = (c->cmds_allowed && !is_in_list(c->cmds_allowed, commands[i].name)) ||
                         (c->cmds_denied && is_in_list(c->cmds_denied, commands[i].name));
        if (forbidden)
            settings->forbidden[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static bool is_forbidden(const struct session *s, const struct command *c)
{
    size_t i = (size_t)(c - commands);
    return s->settings->forbidden[i / 64] >> (i % 64) & 1;
}

/* --- paths ------------------------------------------------------------------------------------------- */

const char *command_path(struct session *s, const char *argument)
{
    static _Thread_local char path[FILE_PATH_MAX];
    const char *from = s->files.cwd;
    if (argument[0] == '~' && (argument[1] == '/' || argument[1] == '\0')) {
        from = s->files.home; /* as vsftpd, and ls of old, have it */
        argument += argument[1] == '/' ? 2 : 1;
    }
    if (ftp_path_join(from, argument, path, sizeof(path)) == 0)
        return path;
    reply(s, 550, "Path too long: at most %d bytes.", FILE_PATH_MAX - 1);
    return NULL;
}

/* --- running a line ---------------------------------------------------------------------------------- */

/* A browser that was tricked into talking to us must not get its own words back (ALPACA, CVE-2021-3618). */
static bool is_http(const char *verb)
{
    static const char *const verbs[] = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                        "PATCH",   "POST",   "PUT", "TRACE"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i]) == 0)
            return true;
    }
    return false;
}

static void unknown(struct session *s, const char *verb)
{
    if (is_http(verb)) {
        reply(s, 500, "HTTP protocol commands not allowed.");
        log_event(s, "HTTP on the control channel");
        session_end(s);
    } else if (s->state == SESSION_READY)
        reply(s, 500, "Unknown command.");
    else if (++s->control.strange < STRANGE_COMMANDS_MAX)
        reply(s, 530, "Please login with USER and PASS.");
    else {
        reply(s, 500, "Too many commands that are not known here.");
        session_end(s);
    }
}

static void log_line(const struct session *s, const struct command *c, const char *line)
{
    if (!session_config(s)->log_ftp_protocol)
        return;
    char masked[32];
    if (c && c->secret) {
        (void)snprintf(masked, sizeof(masked), "%s <password>", c->name);
        log_protocol(s, true, "", masked);
    } else
        log_protocol(s, true, "", line);
}

/* By the administrator's word: the client is told as vsftpd tells it, the logs why. */
static void refuse(struct session *s, const struct command *c, const char *why)
{
    log_event(s, "%s refused: %s", c->name, why);
    reply(s, 550, "Permission denied.");
}

void command_run(struct session *s, char *line)
{
    char verb[16];
    const char *argument;
    const struct command *c;
    char *shown = session_config(s)->log_ftp_protocol ? strdup(line) : NULL;
    ftp_line_split(line, verb, &argument);
    c = command_find(verb);
    if (shown)
        log_line(s, c, shown);
    free(shown);

    if (!c)
        unknown(s, verb);
    else if (!(c->stages & s->state))
        s->state == SESSION_READY ? reply(s, 503, "%s is for before login.", c->name)
                                  : reply(s, 530, "Please login with USER and PASS.");
    else if (s->state == SESSION_READY && is_forbidden(s, c))
        refuse(s, c, "cmds_allowed or cmds_denied");
    else if (s->state == SESSION_READY && (c->rights & s->login.grant.rights) != c->rights)
        refuse(s, c, "neither the configuration nor the account permits it");
    else if (c->argument == ARGUMENT_NEEDED && *argument == '\0')
        reply(s, 501, "%s needs an argument: %s %s", c->name, c->name, c->syntax);
    else
        c->run(s, argument);
}
