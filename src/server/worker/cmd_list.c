/* SPDX-License-Identifier: BSD-2-Clause */

/* LIST, NLST, MLSD. */
#include "server/worker/cmd_transfer.h"
#include "server/worker/command.h"
#include "server/worker/file_error.h"
#include "server/worker/identity.h"
#include "server/worker/output.h"

#include "server/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "-aR dir/pattern*": one word of options, as vsftpd has them ("ls" of old), then after one blank a path. */
static const char *list_options(const char *argument, uint32_t *flags, enum file_list_format *format)
{
    static const struct {
        char letter;
        uint32_t flag;
    } options[] = {{'a', FILE_LIST_ALL},     {'d', FILE_LIST_SELF},     {'F', FILE_LIST_MARK},
                   {'t', FILE_LIST_BY_TIME}, {'r', FILE_LIST_REVERSED}, {'R', FILE_LIST_RECURSIVE}};
    size_t len = *argument == '-' ? strcspn(argument, " ") : 0;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (memchr(argument, options[i].letter, len))
            *flags |= options[i].flag;
    if (memchr(argument, 'l', len))
        *format = LIST_LONG;
    return argument + len + (len > 0 && argument[len] == ' ');
}

static void refuse_pattern(struct session *s)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "Pattern too long: at most %d bytes.", FTP_GLOB_MAX);
    if (s->transfer)
        transfer_fail(s, 501, text, "the pattern is too long");
    else
        reply(s, 501, "%s", text);
}

void list_request(struct session *s, const char *argument, enum file_list_format format,
                  file_reply_fn *on_reply)
{
    /* STAT shows names with a leading dot, as vsftpd's */
    struct file_request request = {.offset = s->mode.facts,
                                   .flags = s->transfer ? FILE_STREAM : FILE_LIST_ALL};
    char folder[FILE_PATH_MAX];
    if (format != LIST_FACTS)
        argument = list_options(argument, &request.flags, &format);
    const char *path = command_path(s, argument), *slash = strrchr(argument, '/');
    if (!path)
        return;
    request.mode = format;
    request.path = path;
    request.prefix = *argument == '~' ? path : argument;
    if (format != LIST_FACTS && ftp_glob_is_pattern(slash ? slash + 1 : argument)) {
        request.path2 = strrchr(path, '/') + 1;
        size_t len = (size_t)(request.path2 - path);
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(len > 1 ? len - 1 : len), path);
        request.path = folder;
        if (strlen(request.path2) > FTP_GLOB_MAX) {
            refuse_pattern(s);
            return;
        }
    }
    identity_ask(s, MSG_FILE_LIST, &request, on_reply);
}

static void on_listing(struct session *s, const struct file_reply *r, int fd)
{
    struct transfer *t = s->transfer;
    bool vsftpd_way = r->error == ENOENT || r->error == EACCES || r->error == ENOTDIR;
    if (r->error != 0 && !(t->lenient && vsftpd_way)) {
        transfer_open_failed(s, r, 550, "Failed to open directory.");
        return;
    }
    t->failed_listing = r->error != 0;
    t->why = r->error == 0 || r->error == ENOENT ? NULL : file_error_text((int)r->error);
    t->streamed = fd >= 0;
    if (!t->streamed)
        listing_turn_release(&s->listing); /* it is short */
    if (!transfer_take_content(t, r, fd))
        transfer_fail(s, 451, "The server is out of memory. Please try again.", strerror(ENOMEM));
    else
        transfer_connect(s);
}

static void ask(struct session *s)
{
    list_request(s, s->transfer->shown, s->transfer->format, on_listing);
}

/* The session's turn has come, perhaps while another one gives its up; and perhaps it has given it up itself since. */
static void on_turn(uint32_t session, uint32_t serial)
{
    struct session *s = session_find(session);
    if (s && s->transfer && s->listing.serial == serial && s->listing.state == LISTING_HAS)
        ask(s);
}

void list_init(void)
{
    listing_turn_init(on_turn);
}

static void list(struct session *s, const char *verb, const char *argument, enum file_list_format format)
{
    uint32_t ignored = 0;
    enum file_list_format shown_as = format;
    const char *path = format == LIST_FACTS ? argument : list_options(argument, &ignored, &shown_as);
    struct transfer *t = transfer_begin(s, TRANSFER_SEND, verb, path, transfer_conclude_send);
    char *shown = t ? strdup(argument) : NULL;
    if (!t)
        return;
    t->listing = true;
    t->offset = 0;
    t->lenient = format != LIST_FACTS;
    t->format = (uint8_t)format;
    if (!shown) {
        transfer_fail(s, 451, "The server is out of memory. Please try again.", strerror(ENOMEM));
        return;
    }
    free(t->shown);
    t->shown = shown;
    if (listing_turn_request(&s->listing, s->id, &s->peer) == LISTING_HAS)
        ask(s);
}

void cmd_list(struct session *s, const char *argument)
{
    list(s, "LIST", argument, LIST_LONG);
}

void cmd_nlst(struct session *s, const char *argument)
{
    list(s, "NLST", argument, LIST_NAMES);
}

void cmd_mlsd(struct session *s, const char *argument)
{
    list(s, "MLSD", argument, LIST_FACTS);
}
