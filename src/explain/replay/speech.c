/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/speech.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- lines ---- */

enum { HELD_MOST = 4096 };

static void end_line(struct speech *s, bool is_cut, speech_on_line *on_line, void *arg)
{
    while (s->size && s->line[s->size - 1] == '\r')
        s->size--;
    s->line[s->size] = '\0';
    if (s->size || is_cut)
        on_line(arg, s->line, is_cut);
    s->size = 0;
}

/* Telnet commands (RFC 959 section 4.1.3: ABOR comes with them) and zeros are no part of a line. */
static void take(struct speech *s, const uint8_t *bytes, uint32_t size, speech_on_line *on_line, void *arg)
{
    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] == '\n')
            end_line(s, false, on_line, arg);
        else if (s->size < SPEECH_LINE && bytes[i] && !(s->size == 0 && bytes[i] >= 0xf0))
            s->line[s->size++] = (char)bytes[i];
    }
}

static int hold(struct speech *s, uint32_t sequence, const uint8_t *bytes, uint32_t size)
{
    if (s->held || size > HELD_MOST)
        return 0;
    s->held = malloc(size ? size : 1);
    if (!s->held)
        return -ENOMEM;
    memcpy(s->held, bytes, size);
    s->held_at = sequence;
    s->held_size = size;
    return 0;
}

void speech_skip(struct speech *s, uint32_t sequence)
{
    if (s->started && (int32_t)(sequence - s->next) > 0) {
        s->next = sequence;
        s->size = 0;
    }
}

int speech_feed(struct speech *s, uint32_t sequence, const uint8_t *bytes, uint32_t there, uint32_t size,
                speech_on_line *on_line, void *arg)
{
    if (!s->started) {
        s->started = true;
        s->next = sequence;
    }
    int32_t ahead = (int32_t)(sequence - s->next);
    if (ahead > 0)
        return there == size ? hold(s, sequence, bytes, size) : 0;
    uint32_t known = 0 - (uint32_t)ahead;
    if (known >= size)
        return 0;
    s->next = sequence + size;
    if (known < there)
        take(s, bytes + known, there - known, on_line, arg);
    if (there < size)
        end_line(s, true, on_line, arg);
    if (!s->held)
        return 0;
    uint8_t *held = s->held;
    s->held = NULL;
    int r = speech_feed(s, s->held_at, held, s->held_size, s->held_size, on_line, arg);
    free(held);
    return r;
}

void speech_fini(struct speech *s)
{
    free(s->held);
    s->held = NULL;
}

/* ---- protocols ---- */

const char *speech_protocol_name(enum speech_protocol protocol)
{
    static const char *const names[] = {
        [SPEECH_UNKNOWN] = "nothing that is known",
        [SPEECH_FTP] = "FTP",
        [SPEECH_SMTP] = "SMTP",
        [SPEECH_NNTP] = "NNTP",
        [SPEECH_POP3] = "POP3",
        [SPEECH_IMAP] = "IMAP",
        [SPEECH_SSH] = "SSH",
        [SPEECH_HTTP] = "HTTP",
        [SPEECH_OTHER] = "another protocol",
    };
    return names[protocol];
}

unsigned speech_code(const char *line)
{
    if (line[0] < '1' || line[0] > '5' || !isdigit((unsigned char)line[1]) ||
        !isdigit((unsigned char)line[2]) || (line[3] && line[3] != ' ' && line[3] != '-'))
        return 0;
    return (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 + (unsigned)(line[2] - '0');
}

bool speech_is(const char *line, const char *verb)
{
    size_t size = strlen(verb);

    return strncasecmp(line, verb, size) == 0 && !isalnum((unsigned char)line[size]);
}

/* Commands that one protocol has and the others have not; USER and LIST are of several. */
static const struct {
    const char *verb;
    enum speech_protocol protocol;
} verbs[] = {
    {"EHLO", SPEECH_SMTP},     {"HELO", SPEECH_SMTP},         {"LHLO", SPEECH_SMTP},
    {"MAIL", SPEECH_SMTP},     {"RCPT", SPEECH_SMTP},         {"GET", SPEECH_HTTP},
    {"POST", SPEECH_HTTP},     {"HEAD", SPEECH_HTTP},         {"CONNECT", SPEECH_HTTP},
    {"OPTIONS", SPEECH_HTTP},  {"GROUP", SPEECH_NNTP},        {"ARTICLE", SPEECH_NNTP},
    {"AUTHINFO", SPEECH_NNTP}, {"CAPABILITIES", SPEECH_NNTP}, {"PASV", SPEECH_FTP},
    {"EPSV", SPEECH_FTP},      {"PORT", SPEECH_FTP},          {"EPRT", SPEECH_FTP},
    {"USER", SPEECH_FTP},      {"AUTH", SPEECH_FTP},          {"FEAT", SPEECH_FTP},
    {"SYST", SPEECH_FTP},      {"TYPE", SPEECH_FTP},          {"RETR", SPEECH_FTP},
    {"STOR", SPEECH_FTP},      {"MLSD", SPEECH_FTP},          {"NLST", SPEECH_FTP},
    {"CWD", SPEECH_FTP},       {"PWD", SPEECH_FTP},           {"OPTS", SPEECH_FTP},
    {"LIST", SPEECH_FTP},      {"SIZE", SPEECH_FTP},          {"PASS", SPEECH_FTP},
    {"HOST", SPEECH_FTP},      {"CLNT", SPEECH_FTP},          {"APPE", SPEECH_FTP},
};

static enum speech_protocol protocol_of_command(const char *line)
{
    if (speech_is(line, "MODE READER"))
        return SPEECH_NNTP;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (speech_is(line, verbs[i].verb))
            return verbs[i].protocol;
    }
    return SPEECH_UNKNOWN;
}

static const struct {
    const char *begins;
    enum speech_protocol protocol;
} greetings[] = {
    {"SSH-", SPEECH_SSH}, {"+OK", SPEECH_POP3},   {"-ERR", SPEECH_POP3},
    {"* ", SPEECH_IMAP},  {"HTTP/", SPEECH_HTTP},
};

static void hear_server(struct speech_guess *g, bool is_first, const char *line)
{
    unsigned code = speech_code(line);

    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        if (strncmp(line, greetings[i].begins, strlen(greetings[i].begins)) == 0)
            g->protocol = greetings[i].protocol;
    }
    g->replied |= code > 0;
    if (!is_first || g->protocol)
        return;
    g->greeted = code == 220 || code == 120 || code == 421;
    g->says_ftp = g->greeted && strcasestr(line, "FTP");
    if (g->greeted && !g->says_ftp && strcasestr(line, "SMTP"))
        g->protocol = SPEECH_SMTP;
    else if (code == 200 || code == 201) /* RFC 3977 section 5.1; FTP greets with 220 (RFC 959 section 5.4) */
        g->protocol = SPEECH_NNTP;
    else if (!code)
        g->protocol = SPEECH_OTHER;
}

/* USER is of POP3, too: FTP is what is spoken where replies have numbers. */
void speech_guess(struct speech_guess *g, bool by_server, bool from_start, const char *line)
{
    enum speech_protocol protocol = by_server ? SPEECH_UNKNOWN : protocol_of_command(line);
    bool is_first = !g->heard && from_start;

    g->heard = true;
    if (g->protocol && g->protocol != SPEECH_OTHER)
        return;
    if (by_server)
        hear_server(g, is_first, line);
    else if (protocol && protocol != SPEECH_FTP)
        g->protocol = protocol;
    g->asked |= protocol == SPEECH_FTP;
    if (!g->protocol && g->asked && g->replied)
        g->protocol = SPEECH_FTP;
}

bool speech_may_be_ftp(const uint8_t *bytes, size_t size)
{
    static const char *const beginnings[] = {"220",   "120",   "USER ", "PASV\r", "EPSV",
                                             "PORT ", "EPRT ", "227 ",  "229 ",   "RETR ",
                                             "STOR ", "LIST",  "MLSD",  "NLST",   "331 "};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t length = strlen(beginnings[i]);
        if (size > length && strncasecmp((const char *)bytes, beginnings[i], length) == 0)
            return true;
    }
    return false;
}
