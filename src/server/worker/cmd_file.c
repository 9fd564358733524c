/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/time.h"
#include "server/path.h"
#include "server/worker/command.h"
#include "server/worker/file_error.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Keeps the path that a request is about until its reply. False after a reply, if there is no such path. */
static bool want(struct session *s, const char *argument)
{
    const char *path = command_path(s, argument);
    if (!path)
        return false;
    free(s->files.wanted);
    s->files.wanted = strdup(path);
    if (!s->files.wanted)
        reply(s, 451, "The server is out of memory. Please try again.");
    return s->files.wanted != NULL;
}

static void ask_about(struct session *s, const char *argument, enum server_message type,
                      struct file_request request, file_reply_fn *on_reply)
{
    if (!want(s, argument))
        return;
    request.path = s->files.wanted;
    identity_ask(s, type, &request, on_reply);
}

/* Logs what was done to path, or why not. */
static void log_done(const struct session *s, const char *what, const char *path, const char *detail,
                     const struct file_reply *r)
{
    log_action(s, what, path, detail, r->error != 0 ? file_error_text((int)r->error) : NULL);
}

/* Answers a request that only asked, and logs it if it was refused: that there is no such file is no refusal. */
static void answer_refused(struct session *s, const char *what, const struct file_reply *r, const char *words)
{
    if (r->error != 0 && r->error != ENOENT)
        log_done(s, what, s->files.wanted, NULL, r);
    reply_file_error(s, r->error, 550, words);
}

/* --- directories ------------------------------------------------------------------------------------- */

static void reply_quoted(struct session *s, const char *path, const char *after)
{
    char quoted[2 * FILE_PATH_MAX];
    if (ftp_path_quote(path, quoted, sizeof(quoted)) < 0)
        reply(s, 550, "Path too long.");
    else
        reply(s, 257, "\"%s\" %s", quoted, after);
}

void cmd_pwd(struct session *s, const char *argument)
{
    (void)argument;
    reply_quoted(s, s->files.cwd, "is the current directory");
}

static void on_cwd(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    if (r->error != 0) {
        answer_refused(s, "CWD", r, "Failed to change directory.");
        return;
    }
    free(s->files.cwd);
    s->files.cwd = s->files.wanted;
    s->files.wanted = NULL;
    if (session_first_visit(s, r->text))
        reply_text(s, 250, r->text, strlen(r->text));

    reply(s, 250, "Directory successfully changed.");
}

void cmd_cwd(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_CHDIR, (struct file_request){0}, on_cwd);
}

void cmd_cdup(struct session *s, const char *argument)
{
    (void)argument;
    cmd_cwd(s, "..");
}

static void on_mkd(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    log_done(s, "MKDIR", s->files.wanted, NULL, r);
    if (r->error == 0)
        reply_quoted(s, s->files.wanted, "created");
    else
        reply_file_error(s, r->error, 550, "Create directory operation failed.");
}

void cmd_mkd(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_MKDIR, (struct file_request){.umask = s->files.umask}, on_mkd);
}

static void on_rmd(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    log_done(s, "RMDIR", s->files.wanted, NULL, r);
    if (r->error == 0)
        reply(s, 250, "Remove directory operation successful.");
    else
        reply_file_error(s, r->error, 550, "Remove directory operation failed.");
}

void cmd_rmd(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_RMDIR, (struct file_request){0}, on_rmd);
}

/* --- names ------------------------------------------------------------------------------------------- */

static void on_dele(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    log_done(s, "DELETE", s->files.wanted, NULL, r);
    if (r->error == 0)
        reply(s, 250, "Delete operation successful.");
    else
        reply_file_error(s, r->error, 550, "Delete operation failed.");
}

void cmd_dele(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_DELETE, (struct file_request){0}, on_dele);
}

static void on_rnfr(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    free(s->files.rename_from);
    s->files.rename_from = NULL;
    if (r->error != 0) {
        answer_refused(s, "RNFR", r, "RNFR command failed.");
        return;
    }
    s->files.rename_from = s->files.wanted;
    s->files.wanted = NULL;
    reply(s, 350, "Ready for RNTO.");
}

void cmd_rnfr(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_STAT, (struct file_request){0}, on_rnfr);
}

static void on_rnto(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    log_done(s, "RENAME", s->files.rename_from, s->files.wanted, r);
    free(s->files.rename_from);
    s->files.rename_from = NULL;
    if (r->error == 0)
        reply(s, 250, "Rename successful.");
    else
        reply_file_error(s, r->error, 550, "Rename failed.");
}

void cmd_rnto(struct session *s, const char *argument)
{
    if (!s->files.rename_from) {
        reply(s, 503, "RNFR required first.");
        return;
    }
    if (!want(s, argument))
        return;
    identity_ask(s, MSG_FILE_RENAME,
                 &(struct file_request){.path = s->files.rename_from, .path2 = s->files.wanted}, on_rnto);
}

/* --- facts: RFC 3659 --------------------------------------------------------------------------------- */

static void on_size(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    if (r->error != 0 || !S_ISREG(r->mode))
        answer_refused(s, "SIZE", r, "Could not get file size.");
    else
        reply(s, 213, "%llu", (unsigned long long)r->size);
}

/* The file's own size, in ASCII mode as well, as vsftpd has it: the size on the wire would be known only by
 * reading all of it. */
void cmd_size(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_STAT, (struct file_request){0}, on_size);
}

static void on_mdtm(struct session *s, const struct file_reply *r, int fd)
{
    char text[16];
    (void)fd;
    session_resume(s);
    if (r->error != 0 || !S_ISREG(r->mode) || !ftp_time_format(r->mtime, text)) {
        answer_refused(s, "MDTM", r, "Could not get file modification time.");
        return;
    }
    reply(s, 213, "%s", text);
}

static void on_mdtm_set(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    if (r->error == 0)
        reply(s, 213, "File modification time set.");
    else
        answer_refused(s, "MDTM", r, "Could not set file modification time.");
}

/* MDTM with a time before the name sets it, as clients of vsftpd and wu-ftpd expect (mdtm_write); a file of
 * such a name is still found, since it must then exist. */
void cmd_mdtm(struct session *s, const char *argument)
{
    int64_t seconds;
    const char *end;
    bool sets = ftp_time_parse(argument, &seconds, &end) == 0 && *end == ' ' && end[1] != '\0';
    if (!sets)
        ask_about(s, argument, MSG_FILE_STAT, (struct file_request){0}, on_mdtm);
    else if (!(s->login.grant.rights & RIGHT_TIMES))
        reply(s, 550, "Permission denied.");
    else
        ask_about(s, end + 1, MSG_FILE_UTIME, (struct file_request){.time = seconds}, on_mdtm_set);
}

static void on_mfmt(struct session *s, const struct file_reply *r, int fd)
{
    char text[16];
    (void)fd;
    session_resume(s);
    if (r->error != 0) {
        answer_refused(s, "MFMT", r, "Could not set file modification time.");
        return;
    }
    (void)!ftp_time_format(r->mtime, text); /* the broker set what MFMT could say */
    reply(s, 213, "Modify=%s; %s", text, s->files.wanted);
}

/* draft-somers-ftp-mfxx section 3. */
void cmd_mfmt(struct session *s, const char *argument)
{
    int64_t seconds;
    const char *end;
    if (ftp_time_parse(argument, &seconds, &end) < 0 || *end != ' ' || end[1] == '\0')
        reply(s, 501, "MFMT needs a time and a name: MFMT YYYYMMDDHHMMSS <path>");
    else
        ask_about(s, end + 1, MSG_FILE_UTIME, (struct file_request){.time = seconds}, on_mfmt);
}

static void on_mlst(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    const char *facts = (const char *)r->data;
    const char *blank = r->error == 0 ? memchr(facts, ' ', r->data_len) : NULL;
    if (!blank) {
        answer_refused(s, "MLST", r, "No such file or directory.");
        return;
    }
    reply_more(s, 250, "Listing %s", s->files.wanted);
    reply_within(s, "%.*s %s", (int)(blank - facts), facts, s->files.wanted);
    reply(s, 250, "End");
}

void cmd_mlst(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_LIST,
              (struct file_request){.mode = LIST_FACTS_ONE, .offset = s->mode.facts}, on_mlst);
}

static void on_avbl(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    if (r->error != 0) {
        answer_refused(s, "AVBL", r, "No such file or directory.");
        return;
    }
    uint64_t free_bytes = r->size;
    const struct quota *q = s->login.identity->quota;
    if (q) {
        long long left = quota_limit(s->login.grant.quota_bytes) - atomic_load(&q->bytes);
        if (left < 0)
            left = 0;
        free_bytes = (uint64_t)left < free_bytes ? (uint64_t)left : free_bytes;
    }
    reply(s, 213, "%llu", (unsigned long long)free_bytes);
}

void cmd_avbl(struct session *s, const char *argument)
{
    ask_about(s, argument, MSG_FILE_SPACE, (struct file_request){0}, on_avbl);
}

/* --- SITE -------------------------------------------------------------------------------------------- */

static bool read_octal(const char *text, char **ret_end, uint32_t *ret)
{
    unsigned long value = strtoul(text, ret_end, 8);
    if (*ret_end == text || value > 07777 || !isdigit((unsigned char)*text))
        return false;
    *ret = (uint32_t)value;
    return true;
}

static void on_chmod(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    log_done(s, "CHMOD", s->files.wanted, NULL, r);
    if (r->error == 0)
        reply(s, 200, "SITE CHMOD command ok.");
    else
        reply_file_error(s, r->error, 550, "SITE CHMOD command failed.");
}

static void site_chmod(struct session *s, const char *argument)
{
    struct file_request request = {0};
    char *end;
    if (!(s->login.grant.rights & RIGHT_CHMOD))
        reply(s, 550, "Permission denied.");
    else if (!strchr(argument, ' '))
        reply(s, 500, "SITE CHMOD needs 2 arguments.");
    else if (!read_octal(argument, &end, &request.mode) || *end != ' ' || end[1] == '\0')
        reply(s, 501, "SITE CHMOD needs an octal mode and a name: SITE CHMOD 644 <path>");
    else
        ask_about(s, end + 1, MSG_FILE_CHMOD, request, on_chmod);
}

static void site_umask(struct session *s, const char *argument)
{
    char *end;
    uint32_t mask;
    if (*argument == '\0')
        reply(s, 200, "Your current UMASK is %03o", s->files.umask);
    else if (!read_octal(argument, &end, &mask) || *end != '\0' || mask > 0777)
        reply(s, 501, "SITE UMASK needs an octal mask: SITE UMASK 022");
    else {
        s->files.umask = mask;
        reply(s, 200, "UMASK set to %03o", mask);
    }
}

static void on_utime(struct session *s, const struct file_reply *r, int fd)
{
    (void)fd;
    session_resume(s);
    if (r->error == 0)
        reply(s, 200, "SITE UTIME command ok.");
    else
        answer_refused(s, "UTIME", r, "SITE UTIME command failed.");
}

/* Both spellings in use: "YYYYMMDDHHMM[SS] path", and "path atime mtime ctime UTC" where mtime counts. */
static void site_utime(struct session *s, const char *argument)
{
    char stamp[16] = "", path[FTP_LINE_MAX + 1], tail[64];
    int64_t seconds;
    size_t digits = strspn(argument, "0123456789");
    const char *name = argument + digits + 1;
    if (!(s->login.grant.rights & RIGHT_TIMES)) {
        reply(s, 550, "Permission denied.");
        return;
    }
    if ((digits == 12 || digits == 14) && argument[digits] == ' ' && *name) {
        memcpy(stamp, argument, digits);
        memcpy(stamp + digits, "00", digits == 12 ? 3 : 0);
    } else {
        /* the last four words are times and "UTC"; the name before them may hold blanks */
        size_t len = strlen(argument);
        const size_t times = 14 * 3 + 2 + 1 + 3;
        if (len > times + 1 && argument[len - times - 1] == ' ') {
            memcpy(tail, argument + len - times, times + 1);
            memcpy(stamp, tail + 15, 14);
            memcpy(path, argument, len - times - 1);
            path[len - times - 1] = '\0';
            name = path;
        }
    }
    if (ftp_time_parse(stamp, &seconds, NULL) < 0)
        reply(s, 501, "SITE UTIME needs a time and a name: SITE UTIME YYYYMMDDHHMMSS <path>");
    else
        ask_about(s, name, MSG_FILE_UTIME, (struct file_request){.time = seconds}, on_utime);
}

static void site_help(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 214, "CHMOD UMASK UTIME HELP");
}

void cmd_site(struct session *s, const char *argument)
{
    static const struct {
        const char *name;
        void (*run)(struct session *, const char *);
    } sites[] = {{"CHMOD", site_chmod}, {"UMASK", site_umask}, {"UTIME", site_utime}, {"HELP", site_help}};
    size_t len = strcspn(argument, " ");
    const char *rest = argument + len + (argument[len] == ' ');
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
        if (len == strlen(sites[i].name) && strncasecmp(argument, sites[i].name, len) == 0) {
            sites[i].run(s, rest);
            return;
        }
    }
    reply(s, 500, "Unknown SITE command.");
}
