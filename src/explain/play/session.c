/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The script: what a client and a server of the vsftpd family say to each other when somebody logs in, lists
 * a directory, fetches a file and stores one. The order on the data channel is curl's in passive mode
 * (connect, then ask) and vsftpd's in active mode (connect back, then say 150).
 */
#include "explain/play/session.h"
#include "explain/play/wire.h"
#include "ftp/address.h"
#include "ftp/reply.h"
#include "packet/decode.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_CLIENT_PORT = 40000,  /* of the control channel; data channels take those after it */
    SESSION_PASSIVE_PORT = 12484, /* named first where the range allows it */
    SESSION_ACTIVE_PORT = 55960,  /* likewise */
    SESSION_DATA_PORT = 45001,    /* likewise, that active data connections come from */
    SESSION_LINE = 400,           /* longest command or reply */
    SESSION_CONTROL_ISN = 0x3a5c0001,
    SESSION_DATA_ISN = 0x51000001,
};

struct session {
    struct wire wire;
    struct wire_connection control;
    bool is_encrypted;
    uint32_t control_doubt; /* first step on the control channel of which it can't be told */
    uint16_t transfers;     /* begun so far */
};

/* ---- the control channel ---- */

/* One TLS record (RFC 8446 section 5.1) of a type, with a body that no one can read. Never ends in a newline,
 * as most don't. */
static size_t tls_record(uint8_t type, size_t body, uint8_t *out)
{
    const uint8_t head[] = {type, 3, 3, (uint8_t)(body >> 8), (uint8_t)body};
    memcpy(out, head, sizeof(head));
    for (size_t i = 0; i < body; i++)
        out[sizeof(head) + i] = (uint8_t)(0x80 | (i * 37 + type));
    return sizeof(head) + body;
}

static bool send_control(struct session *s, enum story_lane from, const void *payload, size_t size,
                         const char *label)
{
    bool arrived = wire_send(&s->wire, &s->control, from, PACKET_PSH | PACKET_ACK, payload, size, label);
    if (s->control_doubt == 0)
        s->control_doubt = s->wire.doubt_step;
    if (!arrived)
        s->wire.is_dead = true; /* TCP delivers in order: nothing after it is heard */
    return arrived;
}

/* A command or reply of one line. */
__attribute__((format(printf, 3, 4))) static bool say(struct session *s, enum story_lane from,
                                                      const char *format, ...)
{
    char line[SESSION_LINE], label[SESSION_LINE];
    uint8_t record[SESSION_LINE + 32];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof(line) - 2, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(line) - 2) {
        s->wire.error = -EINVAL;
        return false;
    }
    /* A password is not for tickets. */
    const char *shown = strncmp(line, "PASS ", 5) == 0 ? "PASS ..." : line;
    if (s->is_encrypted) {
        /* TLS 1.3 adds the type of the content and a tag of 16 bytes. */
        size_t size = tls_record(0x17, (size_t)length + 2 + 17, record);
        char *inside = PHRASE(INSIDE_TLS, shown);
        bool arrived = send_control(s, from, record, size, inside ? inside : shown);
        free(inside);
        return arrived;
    }
    snprintf(label, sizeof(label), "%s", shown);
    memcpy(line + length, "\r\n", 2);
    return send_control(s, from, line, (size_t)length + 2, label);
}

struct session_line {
    enum story_lane from;
    const char *text;
};

static bool say_all(struct session *s, const struct session_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!say(s, lines[i].from, "%s", lines[i].text))
            return false;
    }
    return true;
}

static bool start_tls(struct session *s)
{
    static const struct {
        enum story_lane from;
        uint8_t type;
        uint16_t body;
        const char *label;
    } handshake[] = {
        {STORY_CLIENT, 0x16, 512, "TLS ClientHello"},
        {STORY_SERVER, 0x16, 1200, "TLS ServerHello, certificate"},
        {STORY_CLIENT, 0x17, 69, "TLS Finished"},
    };
    static const struct session_line ask[] = {{STORY_CLIENT, "AUTH TLS"},
                                              {STORY_SERVER, "234 Proceed with negotiation."}};
    uint8_t record[1400];
    if (!say_all(s, ask, 2))
        return false;
    for (size_t i = 0; i < sizeof(handshake) / sizeof(handshake[0]); i++) {
        size_t size = tls_record(handshake[i].type, handshake[i].body, record);
        if (!send_control(s, handshake[i].from, record, size, handshake[i].label))
            return false;
    }
    s->is_encrypted = true;
    return true;
}

static bool login(struct session *s)
{
    static const struct session_line who[] = {{STORY_CLIENT, "USER kim"},
                                              {STORY_SERVER, "331 Please specify the password."},
                                              {STORY_CLIENT, "PASS secret"},
                                              {STORY_SERVER, "230 Login successful."}};
    static const struct session_line protect[] = {{STORY_CLIENT, "PBSZ 0"},
                                                  {STORY_SERVER, "200 PBSZ set to 0."},
                                                  {STORY_CLIENT, "PROT P"},
                                                  {STORY_SERVER, "200 PROT now Private."}};
    static const struct session_line binary[] = {{STORY_CLIENT, "TYPE I"},
                                                 {STORY_SERVER, "200 Switching to Binary mode."}};
    bool tls = s->wire.play->tls;
    return say(s, STORY_SERVER, "220 (sallyd)") && (!tls || start_tls(s)) && say_all(s, who, 4) &&
           (!tls || say_all(s, protect, 4)) && say_all(s, binary, 2);
}

/* ---- where the data channel goes ---- */

static uint16_t named_port(const struct play *play, unsigned n)
{
    if (session_is_active(play->mode))
        return play_port_in(play->active_ports, SESSION_ACTIVE_PORT, n);
    return play_port_in(play->passive_ports, SESSION_PASSIVE_PORT, n);
}

struct rules_range16 session_data_ports(const struct play *play)
{
    static const struct rules_range16 customary = {20, 20};
    return play->data_ports.last ? play->data_ports : customary;
}

/* "192,168,0,18,39,110" of RFC 959. */
static void host_port(const struct packet_address *address, uint16_t port, char *out, size_t size)
{
    uint8_t octet[4];
    memcpy(octet, &address->word[0], sizeof(octet));
    snprintf(out, size, "%u,%u,%u,%u,%u,%u", octet[0], octet[1], octet[2], octet[3], port >> 8, port & 255);
}

static enum track_reason reason_missed(const struct session *s)
{
    struct track_config config;
    if (s->is_encrypted)
        return TRACK_NOT_READABLE;
    play_config(s->wire.play, &config);
    for (uint8_t i = 0; i < config.ftp_port_count; i++) {
        if (config.ftp_ports[i] == s->wire.play->server_port && config.kernel >= TRACK_KERNEL(4, 7))
            return TRACK_HELPER_REMOVED;
    }
    return TRACK_NO_HELPER;
}

static bool has_expectation_event(const struct story_step *step)
{
    for (size_t i = 0; i < step->event_count; i++) {
        enum track_event_type type = step->events[i].type;
        if (type == TRACK_EXPECT_NEW || type == TRACK_EXPECT_REPLACED || type == TRACK_EXPECT_REFRESHED ||
            type == TRACK_EXPECT_MISSED)
            return true;
    }
    return false;
}

/* With brackets for IPv6, since ":*" follows. */
static char *bare_address(const struct packet_address *address, uint8_t family)
{
    char text[64];
    packet_address_format(address, family, text);
    return story_format(family == PACKET_IPV6 ? "[%s]" : "%s", text);
}

/* A port was named in the last step: if the tracker made nothing of it, the reader is told why. */
static void note_announcement(struct session *s, const struct wire_connection *data)
{
    struct wire *w = &s->wire;
    if (w->error || w->story->step_count == 0)
        return;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    if (has_expectation_event(step))
        return;
    bool active = session_is_active(w->play->mode);
    enum story_lane opener = active ? STORY_SERVER : STORY_CLIENT;
    enum story_lane opened = active ? STORY_CLIENT : STORY_SERVER;
    enum track_reason reason = reason_missed(s);
    char *source = bare_address(&data->own[opener].address, w->play->family);
    char *destination = story_end_text(&data->own[opened].address, w->play->family, data->own[opened].port);
    char *ends = source && destination ? story_format(" %s:* -> %s", source, destination) : NULL;
    char *missed = PHRASE(EXPECTS_NOT, ends);
    w->error = missed ? story_event_add(step, TRACK_EXPECT_MISSED, reason, "%s: %s", missed,
                                        speech_of(track_reason_text(reason)))
                      : -ENOMEM;
    free(source);
    free(destination);
    free(ends);
    free(missed);
}

/* ---- what was heard of it ---- */

static struct wire_end end_of(const struct ftp_address *a, uint8_t family)
{
    struct wire_end end = {.port = a->port};
    size_t size = family == PACKET_IPV6 ? 16 : 4;
    memcpy(end.address.word, a->ip.s6_addr + 16 - size, size);
    return end;
}

static bool is_here(const struct session *s, enum story_lane side)
{
    const struct wire_stand *stand = &s->control.stand[side];

    return stand->is_known ? stand->is_here : play_is_here(s->wire.play, side);
}

/* A 227 names another address than the client's own for the server. */
static void note_named(struct session *s, const struct ftp_address *address, const struct wire_end *server)
{
    struct story *story = s->wire.story;
    struct wire_end named = end_of(address, s->wire.play->family);

    if (s->wire.play->mode != STORY_PASSIVE || s->is_encrypted || !address->port || story->named ||
        packet_address_equal(&named.address, &server->address))
        return;
    story->named = story_end_text(&named.address, s->wire.play->family, 0);
    if (!story->named)
        s->wire.error = -ENOMEM;
}

/* The client connects to the port of the reply as it heard it, at the server's address as it knows that: of the
 * address in a 227 clients of today take no notice (curl since 7.74, lftp, ftplib, sally). */
static bool go_by_reply(struct session *s, struct wire_connection *data)
{
    struct ftp_reply reply = {0};
    struct ftp_address address = {.port = data->own[STORY_SERVER].port};
    struct wire_end to = s->control.peer[STORY_CLIENT];
    s->wire.heard[strcspn(s->wire.heard, "\r\n")] = '\0';
    if (!s->is_encrypted && ftp_reply_add(&reply, s->wire.heard) == FTP_REPLY_WHOLE) {
        if (s->wire.play->mode == STORY_EPSV)
            address.port = ftp_reply_extended_port(&reply);
        else if (!ftp_reply_passive(&reply, &address))
            address.port = 0;
    }
    ftp_reply_clear(&reply);
    note_named(s, &address, &to);
    to.port = address.port;
    data->waits = data->own[STORY_SERVER];
    data->waits_here = is_here(s, STORY_SERVER);
    wire_begin(data, STORY_CLIENT, &data->own[STORY_CLIENT], &to);
    return to.port != 0;
}

/* The server connects to what the command names, as it heard it. false: it refuses to, since that is not whom it
 * talks to (RFC 2577 section 3). */
static bool go_by_command(struct session *s, struct wire_connection *data)
{
    struct ftp_address address;
    struct wire_end to = data->own[STORY_CLIENT], *heard = &to;
    char *heard_text = s->wire.heard;
    heard_text[strcspn(heard_text, "\r\n")] = '\0';
    const char *argument = strchr(heard_text, ' ');
    bool extended = s->wire.play->mode == STORY_EPRT;
    if (!s->is_encrypted) {
        if (!argument ||
            (extended ? ftp_eprt_parse(argument + 1, &address) : ftp_port_parse(argument + 1, &address)))
            return false;
        *heard = end_of(&address, s->wire.play->family);
    }
    if (!packet_address_equal(&to.address, &s->control.peer[STORY_SERVER].address))
        return false;
    data->waits = data->own[STORY_CLIENT];
    data->waits_here = is_here(s, STORY_CLIENT);
    wire_begin(data, STORY_SERVER, &data->own[STORY_SERVER], &to);
    memcpy(data->stand, s->control.stand, sizeof(data->stand));
    return true;
}

/* The command came through, and is of no use. */
static void note_refusal(struct session *s, const struct packet_address *named)
{
    struct wire *w = &s->wire;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    char *name = story_end_text(named, w->play->family, 0),
         *from = story_end_text(&s->control.peer[STORY_SERVER].address, w->play->family, 0);
    step->cause = PHRASE(REFUSES_NAMED, name, from);
    if (!step->cause)
        w->error = -ENOMEM;
    if (w->lost_step == 0)
        w->lost_step = step->number;
    free(name);
    free(from);
}

/* PASV, EPSV, PORT or EPRT with their answers. */
static bool announce(struct session *s, struct wire_connection *data)
{
    const struct play *play = s->wire.play;
    const struct wire_end *ends = data->own;
    char server[32], client[32], *address;
    bool said = false;
    host_port(&ends[STORY_SERVER].address, ends[STORY_SERVER].port, server, sizeof(server));
    host_port(&ends[STORY_CLIENT].address, ends[STORY_CLIENT].port, client, sizeof(client));
    switch (play->mode) {
    case STORY_PASSIVE:
        said =
            say(s, STORY_CLIENT, "PASV") && say(s, STORY_SERVER, "227 Entering Passive Mode (%s).", server);
        break;
    case STORY_EPSV:
        said = say(s, STORY_CLIENT, "EPSV") &&
               say(s, STORY_SERVER, "229 Entering Extended Passive Mode (|||%u|)", ends[STORY_SERVER].port);
        break;
    case STORY_ACTIVE:
        said = say(s, STORY_CLIENT, "PORT %s", client);
        break;
    case STORY_EPRT:
        address = story_end_text(&ends[STORY_CLIENT].address, play->family, 0);
        if (!address) {
            s->wire.error = -ENOMEM;
            return false;
        }
        said = say(s, STORY_CLIENT, "EPRT |%d|%s|%u|", play->family == PACKET_IPV6 ? 2 : 1, address,
                   ends[STORY_CLIENT].port);
        free(address);
        break;
    }
    if (said)
        note_announcement(s, data);
    if (!said || !session_is_active(play->mode))
        return said && go_by_reply(s, data);
    if (!go_by_command(s, data)) {
        note_refusal(s, &data->own[STORY_CLIENT].address);
        (void)!say(s, STORY_SERVER, "500 Illegal %s command.",
                   play->mode == STORY_EPRT ? "EPRT" : "PORT"); /* it is refused, heard or not */
        return false;
    }
    return say(s, STORY_SERVER, "200 %s command successful. Consider using %s.",
               play->mode == STORY_EPRT ? "EPRT" : "PORT", play->mode == STORY_EPRT ? "EPSV" : "PASV");
}

/* ---- transfers ---- */

struct session_transfer {
    const char *task, *command, *begin, *done, *failed;
    enum story_lane sender;
    uint16_t size;
};

static const struct session_transfer transfers[] = {
    {"LIST", "LIST", "150 Here comes the directory listing.", "226 Directory send OK.",
     "426 Failure writing network stream.", STORY_SERVER, 134},
    {"RETR", "RETR report.txt", "150 Opening BINARY mode data connection for report.txt (1400 bytes).",
     "226 Transfer complete.", "426 Failure writing network stream.", STORY_SERVER, 1400},
    {"STOR", "STOR photo.jpg", "150 Ok to send data.", "226 Transfer complete.",
     "426 Failure reading network stream.", STORY_CLIENT, 1400},
};

/* The bytes, and the end of the connection that says there are no more. */
static bool move_data(struct session *s, struct wire_connection *data, const struct session_transfer *t)
{
    static const struct {
        enum story_lane from;
        uint16_t body;
        const char *label;
    } handshake[] = {{STORY_CLIENT, 512, "TLS ClientHello"},
                     {STORY_SERVER, 900, "TLS ServerHello, resumed"},
                     {STORY_CLIENT, 69, "TLS Finished"}};
    enum story_lane receiver = t->sender == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    uint8_t bytes[1448];
    for (size_t i = 0; s->wire.play->tls && i < sizeof(handshake) / sizeof(handshake[0]); i++) {
        size_t size = tls_record(0x16, handshake[i].body, bytes);
        if (!wire_send(&s->wire, data, handshake[i].from, PACKET_PSH | PACKET_ACK, bytes, size,
                       handshake[i].label))
            return false;
    }
    size_t size = t->size;
    if (s->wire.play->tls)
        size = tls_record(0x17, t->size, bytes);
    else
        memset(bytes, 'x', t->size);
    return wire_send(&s->wire, data, t->sender, PACKET_PSH | PACKET_ACK, bytes, size, "first data") &&
           wire_send(&s->wire, data, receiver, PACKET_ACK, NULL, 0, "ACK") &&
           wire_close(&s->wire, data, t->sender);
}

static bool transfer_passive(struct session *s, struct wire_connection *data,
                             const struct session_transfer *t)
{
    if (!wire_connect(&s->wire, data, STORY_CLIENT))
        return false; /* the client has not asked yet, so the server has nothing to say */
    if (!say(s, STORY_CLIENT, "%s", t->command) || !say(s, STORY_SERVER, "%s", t->begin))
        return false;
    if (move_data(s, data, t))
        return say(s, STORY_SERVER, "%s", t->done);
    say(s, STORY_SERVER, "%s", t->failed);
    return false;
}

static bool transfer_active(struct session *s, struct wire_connection *data, const struct session_transfer *t)
{
    if (!say(s, STORY_CLIENT, "%s", t->command))
        return false;
    if (!wire_connect(&s->wire, data, STORY_SERVER)) {
        say(s, STORY_SERVER, "425 Failed to establish connection.");
        return false;
    }
    if (!say(s, STORY_SERVER, "%s", t->begin))
        return false;
    if (move_data(s, data, t))
        return say(s, STORY_SERVER, "%s", t->done);
    say(s, STORY_SERVER, "%s", t->failed);
    return false;
}

static bool transfer(struct session *s, const struct session_transfer *t)
{
    const struct play *play = s->wire.play;
    unsigned n = s->transfers++;
    bool active = session_is_active(play->mode);
    struct wire_connection data = {
        .channel = STORY_DATA,
        .next = {SESSION_DATA_ISN + n * 0x10000U, SESSION_DATA_ISN + 0x8000000U + n * 0x10000U},
    };
    for (int side = 0; side < 2; side++)
        data.own[side].address = s->control.own[side].address;
    data.own[STORY_CLIENT].port = active ? named_port(play, n) : (uint16_t)(SESSION_CLIENT_PORT + 1U + n);
    data.own[STORY_SERVER].port =
        active ? play_port_in(session_data_ports(play), SESSION_DATA_PORT, n) : named_port(play, n);
    if (!announce(s, &data))
        return false;
    return active ? transfer_active(s, &data, t) : transfer_passive(s, &data, t);
}

/* ---- tasks ---- */

static void task_begin(struct session *s, const char *name)
{
    s->wire.phase = name;
    s->wire.lost_step = s->wire.doubt_step = 0;
    if (!s->wire.error && !story_task_add(s->wire.story, name))
        s->wire.error = -ENOMEM;
}

/* A doubt about the control channel is one about all that follows; one about a data channel is not. What
 * stops a packet behind filter's doubt stops the session either way; behind raw's, it may be tracked
 * otherwise and pass. */
static void task_end(struct session *s, bool is_done)
{
    if (s->wire.error)
        return;
    struct story_task *task = &s->wire.story->tasks[s->wire.story->task_count - 1];
    uint32_t doubt = s->wire.doubt_step ? s->wire.doubt_step : s->control_doubt;
    bool was_blocked = s->wire.story->task_count > 1 && task[-1].outcome == STORY_BLOCKED;
    bool is_blocked = !is_done && (!s->wire.raw_doubt || was_blocked ||
                                   (s->wire.lost_step && s->wire.lost_step < s->wire.raw_doubt));
    if (!is_done && !is_blocked)
        doubt = s->wire.raw_doubt;
    task->outcome = is_blocked ? STORY_BLOCKED : doubt ? STORY_UNKNOWN : STORY_WORKS;
    task->step = is_blocked ? s->wire.lost_step : doubt;
}

static void play_tasks(struct session *s)
{
    task_begin(s, "connect");
    bool connected = wire_connect(&s->wire, &s->control, STORY_CLIENT);
    s->control_doubt = s->wire.doubt_step;
    s->wire.is_dead = !connected;
    task_end(s, connected);
    task_begin(s, "login");
    bool logged_in = connected && login(s);
    task_end(s, logged_in);
    for (size_t i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
        task_begin(s, transfers[i].task);
        bool done = logged_in && transfer(s, &transfers[i]);
        task_end(s, done);
    }
    s->wire.phase = "quit";
    if (logged_in && say(s, STORY_CLIENT, "QUIT") && say(s, STORY_SERVER, "221 Goodbye."))
        (void)!wire_close(&s->wire, &s->control,
                          STORY_SERVER); /* all tasks are over: its packets are the story */
}

/* What never began was stopped by what stopped the task before it. */
static void blame_earlier(struct story *story)
{
    uint32_t step = 0;
    for (size_t i = 0; i < story->task_count; i++) {
        struct story_task *task = &story->tasks[i];
        if (task->outcome == STORY_BLOCKED && task->step == 0)
            task->step = step;
        if (task->outcome == STORY_BLOCKED)
            step = task->step;
        if (task->outcome == STORY_BLOCKED)
            story->outcome = STORY_BLOCKED;
        else if (task->outcome == STORY_UNKNOWN && story->outcome == STORY_WORKS)
            story->outcome = STORY_UNKNOWN;
    }
}

static int play_all(struct session *s, struct wall_rules *r)
{
    struct track_config config;
    play_config(s->wire.play, &config);
    s->wire.wall = wall_new(r, &config, play_watch_event, &s->wire.watch);
    if (!s->wire.wall)
        return -ENOMEM;
    play_tasks(s);
    wall_free(&s->wire.wall);
    return s->wire.error;
}

struct story *session_play(struct wall_rules *r, const struct play *play, uint32_t looked)
{
    struct story *story = calloc(1, sizeof(*story));
    if (!story)
        return NULL;
    struct session s = {
        .wire = {.rules = wall_rules_model(r),
                 .play = play,
                 .story = story,
                 .watch = {.story = story, .rules = wall_rules_model(r), .looked = looked}},
        .control = {.channel = STORY_CONTROL,
                    .next = {SESSION_CONTROL_ISN, SESSION_CONTROL_ISN + 0x8000000U}},
    };
    wire_begin(&s.control, STORY_CLIENT, &(struct wire_end){play->client, SESSION_CLIENT_PORT},
               &(struct wire_end){play->server, play->server_port});
    story->kind = STORY_FTP;
    story->mode = play->mode;
    story->where = play->where;
    story->tls = play->tls;
    if (play_all(&s, r) < 0)
        story_free(&story);
    else
        blame_earlier(story);
    return story;
}
