/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_COMMAND_H
#define SALLY_SERVER_WORKER_COMMAND_H

#include "base/result.h"
#include "server/worker/session.h"

/*
 * The table of commands: dispatch, stage and permission checks, FEAT, HELP and cmds_allowed all come from it.
 */
enum command_argument {
    ARGUMENT_NONE, /* one that comes is ignored, as vsftpd does */
    ARGUMENT_OPTIONAL,
    ARGUMENT_NEEDED, /* 501 without */
};

enum command_stage {
    BEFORE_LOGIN = SESSION_GREETED | SESSION_NAMED,
    LOGGED_IN = SESSION_READY,
    ANY_TIME = BEFORE_LOGIN | LOGGED_IN,
    IN_TRANSFER = 8, /* also heard while a transfer runs */
};

struct command {
    const char *name;
    const char *syntax; /* of the argument, for HELP */
    uint8_t stages;
    uint8_t argument; /* enum command_argument */
    uint16_t rights;  /* enum right, all of them needed */
    void (*run)(struct session *s, const char *argument);
    const char *feature; /* FEAT line, or NULL */
    bool secret;         /* the argument is not logged */
};

/* Sorted by name. */
extern const struct command commands[];
extern const size_t command_count;

const struct command *command_find(const char *name);
/* Runs one line. */
void command_run(struct session *s, char *line);
/* May this line run while a transfer does? */
bool command_is_in_transfer(const char *line);
bool command_is_abort(const char *line);
/* Fills settings->forbidden from cmds_allowed and cmds_denied. */
void command_forbid(struct settings *settings);

/* The client's path as an absolute one. NULL after a reply, if it is too long. Valid until the next call. */
MUST_USE const char *command_path(struct session *s, const char *argument);

/* The handlers, by file. */
#define COMMAND_HANDLER(name) void cmd_##name(struct session *s, const char *argument)
/* cmd_login.c */
COMMAND_HANDLER(user);
COMMAND_HANDLER(pass);
COMMAND_HANDLER(acct);
COMMAND_HANDLER(rein);
COMMAND_HANDLER(quit);
COMMAND_HANDLER(host);
/* cmd_info.c */
COMMAND_HANDLER(syst);
COMMAND_HANDLER(feat);
COMMAND_HANDLER(help);
COMMAND_HANDLER(noop);
COMMAND_HANDLER(opts);
COMMAND_HANDLER(clnt);
COMMAND_HANDLER(stat);
COMMAND_HANDLER(type);
COMMAND_HANDLER(stru);
COMMAND_HANDLER(mode);
COMMAND_HANDLER(allo);
/* cmd_tls.c */
COMMAND_HANDLER(auth);
COMMAND_HANDLER(pbsz);
COMMAND_HANDLER(prot);
COMMAND_HANDLER(ccc);
/* cmd_file.c */
COMMAND_HANDLER(pwd);
COMMAND_HANDLER(cwd);
COMMAND_HANDLER(cdup);
COMMAND_HANDLER(mkd);
COMMAND_HANDLER(rmd);
COMMAND_HANDLER(dele);
COMMAND_HANDLER(rnfr);
COMMAND_HANDLER(rnto);
COMMAND_HANDLER(size);
COMMAND_HANDLER(mdtm);
COMMAND_HANDLER(mfmt);
COMMAND_HANDLER(mlst);
COMMAND_HANDLER(avbl);
COMMAND_HANDLER(site);
/* data.c */
COMMAND_HANDLER(port);
COMMAND_HANDLER(eprt);
COMMAND_HANDLER(pasv);
COMMAND_HANDLER(epsv);
/* cmd_transfer.c */
COMMAND_HANDLER(abor);
COMMAND_HANDLER(rest);
/* cmd_send.c */
COMMAND_HANDLER(retr);
COMMAND_HANDLER(hash);
/* cmd_store.c */
COMMAND_HANDLER(stor);
COMMAND_HANDLER(appe);
COMMAND_HANDLER(stou);
/* cmd_list.c */
COMMAND_HANDLER(list);
COMMAND_HANDLER(nlst);
COMMAND_HANDLER(mlsd);
#undef COMMAND_HANDLER

/* cmd_list.c. Once, before the first session. */
void list_init(void);
/* Asks for a listing as LIST's argument ("-aR dir/pattern*") wants it. */
void list_request(struct session *s, const char *argument, enum file_list_format format,
                  file_reply_fn *on_reply);

#endif
