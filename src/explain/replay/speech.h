/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_REPLAY_SPEECH_H
#define SALLY_EXPLAIN_REPLAY_SPEECH_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is said on a TCP connection, line by line, and in which protocol. */
enum { SPEECH_LINE = 160 /* bytes of a line that are kept */ };

/* One direction, zeroed at first. */
struct speech {
    char line[SPEECH_LINE + 1];
    uint16_t size;
    bool started;
    uint32_t next; /* sequence number of the byte to come */
    uint8_t *held; /* a segment that came before its time, or NULL */
    uint32_t held_at, held_size;
};

/* is_cut: the line's end was not captured. */
typedef void speech_on_line(void *arg, const char *line, bool is_cut);

/* A segment of size bytes on the wire, of which there are those at bytes. 0 or -ENOMEM. */
MUST_USE int speech_feed(struct speech *s, uint32_t sequence, const uint8_t *bytes, uint32_t there,
                         uint32_t size, speech_on_line *on_line, void *arg);
/* Bytes before sequence are lost for good: goes on from there. */
void speech_skip(struct speech *s, uint32_t sequence);
void speech_fini(struct speech *s);

enum speech_protocol {
    SPEECH_UNKNOWN,
    SPEECH_FTP,
    SPEECH_SMTP,
    SPEECH_NNTP,
    SPEECH_POP3,
    SPEECH_IMAP,
    SPEECH_SSH,
    SPEECH_HTTP,
    SPEECH_OTHER,
};
const char *speech_protocol_name(enum speech_protocol protocol); /* "SMTP"; "another protocol" */

/* What was heard so far, zeroed at first. */
struct speech_guess {
    enum speech_protocol protocol; /* UNKNOWN while there is doubt */
    bool greeted;                  /* the first line of either end was a reply of 220, 120 or 421 */
    bool replied;                  /* some line of the server's was a reply with a number */
    bool says_ftp;                 /* the greeting does */
    bool heard;                    /* anything at all */
    bool asked;                    /* a command that FTP has */
};
/* from_start: the connection's beginning is in the capture, so that a first line is the first. */
void speech_guess(struct speech_guess *g, bool by_server, bool from_start, const char *line);
/* May this payload be of an FTP control channel, by its first bytes? */
bool speech_may_be_ftp(const uint8_t *bytes, size_t size);
/* 100...599 of "220 ..." or "220-..."; 0: no reply. */
unsigned speech_code(const char *line);
/* Is the line a command of this verb? In any case. */
bool speech_is(const char *line, const char *verb);

#endif
