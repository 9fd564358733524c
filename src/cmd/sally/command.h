/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_COMMAND_H
#define SALLY_CMD_SALLY_COMMAND_H

#include "client/client.h"
#include "client/url.h"

enum { EXIT_USAGE = 2 };

/* What the command line says besides a command's URLs. */
struct options {
    struct client_site site; /* but for where and as whom */
    bool is_verbose, has_times;
    bool resumes; /* --continue */
    bool is_json;
    const char *output;
    const char *password_file;
    int stop; /* readable once Ctrl-C was pressed */
};

/* One session, and what of it is shown. */
struct show;
MUST_USE struct show *show_new(const struct options *o);
void show_free(struct show **s);
struct client_ears show_ears(struct show *s);
/* A transfer of this name begins, or is over: its bar. */
void show_begin(struct show *s, const char *name);
void show_end(struct show *s);
/* Something failed: what was held back is shown now. */
void show_failure(struct show *s);

/* Says on standard error what a system call said of a file of this machine; CLIENT_LOCAL_FAILED. */
int say_local(const char *name, int error);

/* What a command does in the session of a URL; word is the command's own. */
typedef enum client_result session_fn(const struct options *o, struct client *c, struct show *show,
                                      const struct client_url *url, const char *word);
/* Opens a session with the URL's host, runs it, and shows what was held back if something fails. An exit code. */
int session_run(const struct options *o, const char *url, const char *word, session_fn *run);

/* ---- commands: they return exit codes ---- */

int command_ls(const struct options *o, char *const urls[]);
int command_get(const struct options *o, char *const urls[]);
int command_cat(const struct options *o, char *const urls[]);
int command_put(const struct options *o, char *const words[]);

#endif
