/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_COMMAND_H
#define SALLY_CMD_SALLY_COMMAND_H

#include "client/fleet.h"
#include "client/url.h"

#include <stdio.h>

enum { EXIT_USAGE = 2, PATTERNS = 64, SESSIONS_MOST = 64 };

/* What the command line says besides a command's URLs. */
struct options {
    struct client_site site; /* but for where and as whom */
    bool is_verbose, has_times, is_json;
    bool resumes; /* --continue */
    const char *output;
    const char *password_file, *password_command;
    bool trusts_new;   /* a certificate that nobody vouches for is remembered at first sight */
    unsigned parallel; /* sessions */
    unsigned segments; /* of a file that is got */
    unsigned retries;
    int delay_ms;
    /* mirror, rm */
    bool is_reverse, deletes, is_dry, only_newer, keeps_links, is_recursive;
    bool stores_nothing;                                         /* doctor */
    const char *includes[PATTERNS + 1], *excludes[PATTERNS + 1]; /* NULL at the end */
    int stop;                                                    /* readable once Ctrl-C was pressed */
};

enum option_result { OPTIONS_OK, OPTIONS_WRONG, OPTIONS_HELP, OPTIONS_VERSION };
/* Reads the options among words[1...count-1], which come to stand first, into o. OPTIONS_OK: *ret_first is the first other word; OPTIONS_WRONG: it was
 * said what. */
enum option_result options_read(int count, char **words, struct options *o, int *ret_first);

/* ---- usage.c ---- */

void usage_print(FILE *out);

/* ---- show.c: what is shown of the sessions of a command ---- */

struct show;
MUST_USE struct show *show_new(const struct options *o);
void show_free(struct show **s);
/* As client_fleet_plan wants it: arg is the show. */
struct client_ears show_ears(void *arg, unsigned session);
/* Something failed: what was held back is shown now. */
void show_failure(struct show *s);
/* All went well: what was held back is of no interest any more. */
void show_success(struct show *s);
/* A line of the command's own, on standard output, past the bars. */
void show_line(struct show *s, const char *line);
/* The log as it happens, or only if something fails; what it was before. */
bool show_be_verbose(struct show *s, bool is_verbose);
/* A short line in place of bars, on a terminal, until something else is shown. */
void show_status(struct show *s, const char *text);
/* An event of the command's own, where events are shown. Takes it. */
struct json_t;
void show_event(struct show *s, struct json_t *event);
/* A string; what is not UTF-8 is a character a byte. NULL: no memory. The caller's to decref. */
MUST_USE struct json_t *show_text(const char *text);
/* Called off for a question on the terminal, and on again. */
void show_pause(struct show *s);

/* ---- session.c: a server, who we are there, and what is known of it ---- */

struct session;
/* The session with the URL's server: *s if it is that, else a new one in its place. Asks the terminal what only a person can
 * say. *s is NULL if it could not be had. */
MUST_USE enum client_result session_at(struct session **s, const struct options *o, struct show *show,
                                       const struct client_url *url);
struct client_fleet *session_fleet(struct session *s);
/* Opens it anew, as the same person at the same server, with other options, which outlive it. Then it may be of no use: session_close. */
MUST_USE enum client_result session_renew(struct session *s, const struct options *o);
/* A session that is not opened, for who opens sessions of its own by its site: who, whom to trust, and what is known of the server. *s is
 * NULL before, and if it could not be had. */
MUST_USE enum client_result session_prepare(struct session **s, const struct options *o, struct show *show,
                                            const struct client_url *url);
/* The same for the server of another session: as the same person, trusting what that one does. Asks nothing. */
MUST_USE enum client_result session_beside(struct session **s, const struct session *other,
                                           const struct options *o, struct show *show);
const struct client_site *session_site(const struct session *s);
/* Asks whether the certificate that was seen is to be trusted; then the site does, and it is remembered. */
bool session_trust(struct session *s, const struct client_seen *seen);
/* Remembers what was found out. Also sets *s to NULL. */
void session_close(struct session **s);

/* What a command does with one path of a server. */
struct task {
    const struct options *o;
    struct client_fleet *fleet;
    char *path;       /* owned */
    const char *word; /* the command's own; NULL: none */
    bool is_again;    /* it failed, and is done again */
    bool has_begun;   /* something was stored: NAME.part at the server is ours */
};
typedef enum client_result task_fn(struct client *c, struct task *t);
/* Puts it with what session_run does; o and word outlive that. */
MUST_USE enum client_result session_add(struct session *s, const struct options *o, const char *path,
                                        const char *word, task_fn *run);
/* Does all that was added. */
MUST_USE enum client_result session_run(struct session *s);
/* Does it for each of count URLs and words (NULL: none), in sessions with their servers. Goes on where one fails, and shows then what was held
 * back. An exit code, of the first that failed. */
int session_tasks(const struct options *o, char *const urls[], char *const words[], size_t count,
                  task_fn *run);

/* Says on standard error what is wrong. Takes the text; NULL: for want of memory there is none. */
void say_wrong(char *text);
/* WRONG(NOTHING_FITS, "*.txt") */
#define WRONG(name, ...) say_wrong(PHRASE(name __VA_OPT__(, ) __VA_ARGS__))
/* Says on standard error that a text is no URL, without it if a password may be in it. EXIT_USAGE. */
int say_no_url(const char *text, enum client_url_error error);
/* Says on standard error what a system call said of a file of this machine; CLIENT_LOCAL_FAILED. */
int say_local(const char *name, int error);

/* ---- bar.c ---- */

/* A line of at most width columns that shows how far a transfer is. total UINT64_MAX: not known. rate: bytes a second. Into out. */
void bar_text(const char *name, uint64_t bytes, uint64_t total, double rate, unsigned width, char *out,
              size_t cap);

size_t count_words(char *const words[]);
/* Do files and URLs have names of their own in the folder that all of them go to? Else it is said. */
bool names_differ(char *const words[], size_t count, bool are_urls);
/* The URL of a folder that one of several files goes to ends in a slash; else it is the URL as it is. NULL: no memory. The caller's to free. */
MUST_USE char *folder_url(const char *url, bool is_folder);
/* The present folder, one above it, or all there is at the server: who removes that means something else. */
bool tree_is_where_we_are(const char *path);

/* ---- tasks: what commands do, and the shell's as well ---- */

task_fn task_ls, task_cat, task_get, task_put, task_rm;
/* Makes the folder here (upload: at path there) like the other; prints what is done, if o says so. */
MUST_USE enum client_result tree_mirror(const struct options *o, struct session *s, struct show *show,
                                        const char *path, const char *here);

/* ---- commands: they return exit codes ---- */

int command_ls(const struct options *o, char *const urls[]);
int command_get(const struct options *o, char *const urls[]);
int command_cat(const struct options *o, char *const urls[]);
int command_put(const struct options *o, char *const words[]);
int command_rm(const struct options *o, char *const urls[]);
int command_queue(const struct options *o, char *const words[]);
int command_mirror(const struct options *o, char *const words[]);
int command_doctor(const struct options *o, char *const urls[]);
/* The same for the server of a session, and a folder there. */
int doctor_beside(const struct options *o, const struct session *s, const char *folder);
/* A session that a person types commands into. */
int shell_run(const struct options *o, const char *url);

#endif
