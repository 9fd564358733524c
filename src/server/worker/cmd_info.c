/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/listing.h"
#include "server/worker/command.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "server/worker/transfer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cmd_syst(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 215, "UNIX Type: L8");
}

void cmd_noop(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 200, "NOOP ok.");
}

void cmd_clnt(struct session *s, const char *argument)
{
    log_event(s, "client says it is %.100s", argument);
    reply(s, 200, "Noted.");
}

void cmd_allo(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 202, "ALLO command ignored.");
}

/* --- FEAT, HELP, OPTS: RFC 2389 ---------------------------------------------------------------------- */

/* "SHA-256*;SHA-512;CRC32", the star at the one in use (draft-bryan-ftp-hash section 4). */
static void hash_list(const struct session *s, char *out, size_t cap)
{
    size_t at = 0;
    for (unsigned i = 0; hash_name(i) && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s%s%s", i > 0 ? ";" : "", hash_name(i),
                               i == s->mode.hash ? "*" : "");
}

void cmd_feat(struct session *s, const char *argument)
{
    char detail[256];
    (void)argument;
    reply_more(s, 211, "Features:");
    if (session_config(s)->ssl_enable) {
        reply_within(s, "AUTH TLS");
        reply_within(s, "PBSZ");
        reply_within(s, "PROT");
    }
    for (size_t i = 0; i < command_count; i++) {
        const char *feature = commands[i].feature;
        if (!feature)
            continue;
        detail[0] = '\0';
        if (commands[i].run == cmd_mlst)
            (void)!ftp_facts_format(s->mode.facts, true, detail, sizeof(detail)); /* all facts fit into it */
        else if (commands[i].run == cmd_hash)
            hash_list(s, detail, sizeof(detail));
        reply_within(s, "%s%s%s", feature, detail[0] ? " " : "", detail);
    }
    reply_within(s, "TVFS");
    reply_within(s, "UTF8");
    reply(s, 211, "End");
}

static void help_all(struct session *s)
{
    char line[80] = "";
    size_t at = 0;
    reply_more(s, 214, "The following commands are recognized.");
    for (size_t i = 0; i < command_count; i++) {
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%-5s", commands[i].name);
        if (at > 60 || i + 1 == command_count) {
            reply_within(s, "%s", line);
            at = 0;
        }
    }
    reply(s, 214, "Help OK.");
}

static const char *upper(const char *word, char out[16])
{
    size_t i;
    for (i = 0; i < 15 && word[i]; i++)
        out[i] = (char)toupper((unsigned char)word[i]);
    out[i] = '\0';
    return out;
}

void cmd_help(struct session *s, const char *argument)
{
    char name[16];
    if (*argument == '\0') {
        help_all(s);
        return;
    }
    if (strcasecmp(argument, "SITE") == 0) {
        cmd_site(s, "HELP");
        return;
    }
    const struct command *c = command_find(upper(argument, name));
    if (c)
        reply(s, 214, "Syntax: %s%s%s", c->name, *c->syntax ? " " : "", c->syntax);
    else
        reply(s, 502, "Unknown command.");
}

static void opts_mlst(struct session *s, const char *facts)
{
    char enabled[256];
    s->mode.facts = ftp_facts_parse(facts);
    if (ftp_facts_format(s->mode.facts, false, enabled, sizeof(enabled)) < 0)
        enabled[0] = '\0';
    reply(s, 200, "MLST OPTS%s%s", enabled[0] ? " " : "", enabled);
}

static void opts_hash(struct session *s, const char *algorithm)
{
    for (unsigned i = 0; *algorithm && hash_name(i); i++) {
        if (strcasecmp(algorithm, hash_name(i)) == 0) {
            s->mode.hash = (uint8_t)i;
            reply(s, 200, "%s", hash_name(i));
            return;
        }
    }
    if (*algorithm)
        reply(s, 501, "Unknown algorithm; FEAT lists those that are known.");
    else
        reply(s, 200, "%s", hash_name(s->mode.hash));
}

static void opts_utf8(struct session *s, const char *value)
{
    if (strcasecmp(value, "ON") == 0 || *value == '\0')
        reply(s, 200, "Always in UTF8 mode.");
    else
        reply(s, 501, "Names are always UTF8 here.");
}

void cmd_opts(struct session *s, const char *argument)
{
    static const struct {
        const char *name;
        void (*set)(struct session *, const char *);
    } options[] = {{"UTF8", opts_utf8}, {"UTF-8", opts_utf8}, {"MLST", opts_mlst}, {"HASH", opts_hash}};
    size_t len = strcspn(argument, " ");
    const char *value = argument + len + (argument[len] == ' ');
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (len == strlen(options[i].name) && strncasecmp(argument, options[i].name, len) == 0) {
            options[i].set(s, value);
            return;
        }
    }
    reply(s, 501, "Option not understood.");
}

/* --- TYPE, STRU, MODE: RFC 959 section 5.3.2 --------------------------------------------------------- */

void cmd_type(struct session *s, const char *argument)
{
    static const struct {
        const char *argument;
        bool ascii;
    } types[] = {{"I", false}, {"L8", false}, {"L 8", false}, {"A", true}, {"A N", true}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(argument, types[i].argument) == 0) {
            s->mode.ascii = types[i].ascii;
            reply(s, 200, "Switching to %s mode.", s->mode.ascii ? "ASCII" : "Binary");
            return;
        }
    }
    reply(s, strchr("AaEeLl", *argument) ? 504 : 500, "Unrecognised TYPE command.");
}

void cmd_stru(struct session *s, const char *argument)
{
    if (strcasecmp(argument, "F") == 0)
        reply(s, 200, "Structure set to F.");
    else
        reply(s, 504, "Bad STRU command.");
}

void cmd_mode(struct session *s, const char *argument)
{
    if (strcasecmp(argument, "S") == 0)
        reply(s, 200, "Mode set to S.");
    else
        reply(s, 504, "Bad MODE command.");
}

/* --- STAT -------------------------------------------------------------------------------------------- */

enum {
    STAT_BYTES_MAX = 256 * 1024, /* of a listing over the control channel */
};

/* Whole lines only: where the text was cut, its end would be a wrong name. */
static void stat_lines(struct session *s, const char *text, size_t len)
{
    const char *end;
    while ((end = memchr(text, '\n', len))) {
        size_t n = (size_t)(end - text) + 1, shown = n - 1;
        while (shown > 0 && text[shown - 1] == '\r')
            shown--;
        reply_within(s, "%.*s", (int)shown, text);
        text += n;
        len -= n;
    }
}

/* The beginning of a listing in a memfd, which is closed. Its length, or -1; *ret_text is to be freed. */
static ssize_t read_listing(int fd, char **ret_text)
{
    *ret_text = malloc(STAT_BYTES_MAX);
    ssize_t n = *ret_text ? pread(fd, *ret_text, STAT_BYTES_MAX, 0) : -1;
    close(fd);
    return n;
}

static void on_stat_listing(struct session *s, const struct file_reply *listing, int fd)
{
    char *text = NULL;
    session_resume(s);
    ssize_t n = fd >= 0 ? read_listing(fd, &text) : 0;
    if (listing->error != 0 || n < 0) {
        reply_file_error(s, n < 0 ? ENOMEM : listing->error, 550, "Failed to open directory.");
        free(text);
        return;
    }
    reply_more(s, 213, "Status follows:");
    stat_lines(s, (const char *)listing->data, listing->data_len);
    stat_lines(s, text ? text : "", (size_t)n);
    if (n == STAT_BYTES_MAX)
        reply_within(s, "(cut short: use LIST)");
    free(text);
    reply(s, 213, "End of status");
}

static void stat_transfer(struct session *s)
{
    const struct transfer *t = s->transfer;
    double seconds = worker_now() - t->began;
    unsigned long long bytes = atomic_load(&t->moved);
    reply_more(s, 211, "Transfer in progress:");
    reply_within(s, "%s %s", t->verb, t->path);
    reply_within(s, "%llu bytes in %.1f seconds, %.1f kB/s", bytes, seconds,
                 (double)bytes / 1000.0 / (seconds > 0.001 ? seconds : 0.001));
    reply(s, 211, "End of status");
}

static void stat_server(struct session *s)
{
    const struct config *c = session_config(s);
    reply_more(s, 211, "FTP server status:");
    reply_within(s, "    Connected to %s", session_peer_text(s));
    reply_within(s, "    Logged in as %s", s->login.user);
    reply_within(s, "    TYPE: %s", s->mode.ascii ? "ASCII" : "BINARY");
    if (s->login.grant.rate > 0)
        reply_within(s, "    Session bandwidth limit in byte/s is %llu",
                     (unsigned long long)s->login.grant.rate);
    else
        reply_within(s, "    No session bandwidth limit");
    reply_within(s, "    Session timeout in seconds is %u", c->idle_session_timeout);
    reply_within(s, "    Control connection is %s", s->control.tls ? "encrypted" : "plain text");
    reply_within(s, "    Data connections will be %s", s->data.is_private ? "encrypted" : "plain text");
    reply_within(s, "    sallyd %s", SALLY_VERSION);
    reply(s, 211, "End of status");
}

void cmd_stat(struct session *s, const char *argument)
{
    if (s->transfer && s->waiting == WAIT_TRANSFER)
        stat_transfer(s);
    else if (*argument == '\0')
        stat_server(s);
    else if (!(s->login.grant.rights & RIGHT_LIST))
        reply(s, 550, "Permission denied.");
    else
        list_request(s, argument, LIST_LONG, on_stat_listing);
}
