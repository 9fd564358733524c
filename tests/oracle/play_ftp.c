/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/decode.h"
#include "stage.h"

#include <stdio.h>
#include <string.h>

/*
 * FTP sessions as the helper sees them: a control connection, what is said on it in all the forms that the
 * helper reads, misreads and overlooks (net/netfilter/nf_conntrack_ftp.c), and the data connections that
 * follow, announced or not.
 */

struct session {
    struct talk control;
    uint16_t data_port;
    bool active; /* the server comes to the client */
};

static void say(struct stage *s, struct session *f, unsigned from, const char *text)
{
    talk_segment(s, &f->control, from, PACKET_ACK | PACKET_PSH, text, strlen(text));
    if (dice_chance(s->dice, 40))
        talk_segment(s, &f->control, !from, PACKET_ACK, NULL, 0);
}

/* In two segments, cut anywhere. */
static void say_split(struct stage *s, struct session *f, unsigned from, const char *text)
{
    size_t size = strlen(text), cut = 1 + dice_below(s->dice, (uint32_t)size - 1);
    talk_segment(s, &f->control, from, PACKET_ACK | PACKET_PSH, text, cut);
    talk_segment(s, &f->control, from, PACKET_ACK | PACKET_PSH, text + cut, size - cut);
}

/* Whose address is announced: mostly the sender's own. */
static const struct packet_address *choose_address(struct stage *s, unsigned from)
{
    if (dice_chance(s->dice, 6))
        return &s->cast.stranger;
    if (dice_chance(s->dice, 3))
        return from ? &s->cast.client : &s->cast.server;
    return from ? &s->cast.server : &s->cast.client;
}

/* h1,h2,h3,h4,p1,p2; now and then with numbers that are no octets. */
static void six_numbers(struct stage *s, const struct packet_address *a, uint16_t port, char *text,
                        size_t size)
{
    const uint8_t *at = (const uint8_t *)a->word;
    unsigned high = port >> 8, low = port & 255;
    if (dice_chance(s->dice, 4))
        low += 256u * (1 + dice_below(s->dice, 5));
    if (dice_chance(s->dice, 2))
        high += 256;
    snprintf(text, size, "%u,%u,%u,%u,%u,%u", at[0], at[1], at[2], at[3], high, low);
    if (dice_chance(s->dice, 3) && strlen(text) > 4) /* one missing, or another separator */
        text[dice_below(s->dice, (uint32_t)strlen(text))] = dice_chance(s->dice, 50) ? '.' : '\0';
}

static void extended(struct stage *s, const struct packet_address *a, uint16_t port, char *text, size_t size)
{
    char address[46];
    char bar = dice_chance(s->dice, 90) ? '|' : (char)(33 + dice_below(s->dice, 94));
    unsigned family = s->cast.family == PACKET_IPV4 ? 1 : 2;
    if (dice_chance(s->dice, 5))
        family = 3 - family;
    packet_address_format(a, s->cast.family, address);
    snprintf(text, size, "%c%u%c%s%c%u%c", bar, family, bar, address, bar,
             dice_chance(s->dice, 4) ? 70000u : port, bar);
}

/* PORT or EPRT by the client. */
static void command_text(struct stage *s, uint16_t port, char *text, size_t size)
{
    struct dice *d = s->dice;
    const struct packet_address *a = choose_address(s, 0);
    char numbers[100];
    bool v4 = s->cast.family == PACKET_IPV4;
    static const char *const PORTS[] = {"PORT", "PORT", "PORT", "PORT", "port", "pOrT"},
                             *const EPRTS[] = {"EPRT", "EPRT", "EPRT", "eprt"},
                             *const ENDS[] = {"\r\n", "\r\n", "\r\n", "\r\n",  "\r\n",
                                              "\n",   "",     "\r",   " \r\n", "\r\nLIST\r\n"};
    bool eprt = v4 ? dice_chance(d, 20) : dice_chance(d, 95);
    if (eprt)
        extended(s, a, port, numbers, sizeof(numbers));
    else
        six_numbers(s, a, port, numbers, sizeof(numbers));
    snprintf(text, size, "%s%s%s%s%s", dice_chance(d, 3) ? "NOOP\r\n" : "",
             eprt ? dice_pick(d, EPRTS) : dice_pick(d, PORTS),
             dice_chance(d, 95)   ? " "
             : dice_chance(d, 50) ? "  "
                                  : "",
             numbers, dice_pick(d, ENDS));
}

/* 227 or 229 by the server. */
static void reply_text(struct stage *s, uint16_t port, char *text, size_t size)
{
    struct dice *d = s->dice;
    const struct packet_address *a = choose_address(s, 1);
    char numbers[100];
    static const char *const SHAPES[] = {"227 Entering Passive Mode (%s).\r\n",
                                         "227 Entering Passive Mode (%s).\r\n",
                                         "227 Entering Passive Mode (%s).\r\n",
                                         "227 Entering Passive Mode %s\r\n",
                                         "227 =%s\r\n",
                                         "227 Ok, port 5 (%s)\r\n",
                                         "227 (%s)\r\n",
                                         "227(%s)\r\n",
                                         "227-Entering\r\n227 Passive (%s)\r\n",
                                         "227 (%s",
                                         "228 (%s)\r\n"},
                             *const LONG[] = {"229 Entering Extended Passive Mode (|||%u|)\r\n",
                                              "229 Entering Extended Passive Mode (|||%u|)\r\n",
                                              "229 Extended (|||%u|).\r\n",
                                              "229 ok |||%u|\r\n",
                                              "229 (|||%u)\r\n",
                                              "229 (!!!%u!)\r\n",
                                              "229 ((|||%u|)\r\n",
                                              "229 (|1||%u|)\r\n",
                                              "229-Entering (|||%u|)\r\n",
                                              "229 (|||%u|"};
    bool v4 = s->cast.family == PACKET_IPV4;
    if (v4 ? dice_chance(d, 25) : dice_chance(d, 95)) {
        snprintf(text, size, dice_pick(d, LONG), dice_chance(d, 4) ? 70000u : port);
        return;
    }
    six_numbers(s, a, port, numbers, sizeof(numbers));
    snprintf(text, size, dice_pick(d, SHAPES), numbers);
}

static void announce(struct stage *s, struct session *f)
{
    struct dice *d = s->dice;
    char text[400];
    static const char *const STUMBLES[] = {"P",     "POR",        "PORT", "E",
                                           "EPRT ", "PORT 1,2,3", "PASV", "NOOP\r\n"},
                             *const REPLY_STUMBLES[] = {
                                 "2",       "227 Logout.\r\n", "227",      "229 No.\r\n", "229 (",
                                 "227 1,2", "220 hello\r\n",   "227 \r\n", "22"};
    f->active = dice_chance(d, 50);
    f->data_port = (uint16_t)(dice_chance(d, 90) ? 40100 + dice_below(d, 20) : dice_below(d, 2000));
    unsigned from = f->active ? 0 : 1;
    if (!f->active && dice_chance(d, 80))
        say(s, f, 0, dice_chance(d, 50) ? "PASV\r\n" : "EPSV\r\n");
    if (dice_chance(d, 8)) {
        say(s, f, from, from ? dice_pick(d, REPLY_STUMBLES) : dice_pick(d, STUMBLES));
        if (dice_chance(d, 50))
            return;
    }
    if (from)
        reply_text(s, f->data_port, text, sizeof(text));
    else
        command_text(s, f->data_port, text, sizeof(text));
    if (dice_chance(d, 6) && strlen(text) > 2)
        say_split(s, f, from, text);
    else
        say(s, f, from, text);
    if (f->active && dice_chance(d, 70))
        say(s, f, 1, "200 PORT command successful.\r\n");
}

/* A data connection: to the announced port, or beside it. */
static void open_data(struct stage *s, struct session *f)
{
    struct dice *d = s->dice;
    struct talk t;
    talk_init(s, &t, f->active ? 20 : f->data_port);
    t.mutations = f->control.mutations;
    uint16_t port = dice_chance(d, 92) ? f->data_port : (uint16_t)(f->data_port + 1);
    unsigned opener = f->active;
    t.port[!opener] = port;
    if (f->active)
        t.port[1] = dice_chance(d, 80) ? 20 : (uint16_t)(30000 + dice_below(d, 1000));
    talk_segment(s, &t, opener, PACKET_SYN, NULL, 0);
    talk_segment(s, &t, !opener, PACKET_SYN | PACKET_ACK, NULL, 0);
    if (dice_chance(d, 60)) {
        talk_segment(s, &t, opener, PACKET_ACK, NULL, 0);
        talk_segment(s, &t, dice_below(d, 2), PACKET_ACK | PACKET_PSH, "PORT 10,1,1,1,4,5\r\n", 19);
    }
    if (dice_chance(d, 30))
        talk_close(s, &t);
}

void play_ftp(struct stage *s)
{
    struct dice *d = s->dice;
    struct session f = {0};

    talk_init(s, &f.control, dice_chance(d, 90) ? 21 : 2121);
    if (dice_chance(d, 60))
        f.control.mutations = MUTATIONS_NONE;
    talk_handshake(s, &f.control);
    if (dice_chance(d, 85))
        say(s, &f, 1, dice_chance(d, 90) ? "220 (vsFTPd 3.0.3)\r\n" : "220-Welcome\r\n220 to this");
    if (dice_chance(d, 85))
        say(s, &f, 0, "USER anonymous\r\n");
    if (dice_chance(d, 50))
        say(s, &f, 1, "331 Please specify the password.\r\n");
    if (dice_chance(d, 20))
        say(s, &f, 0, dice_chance(d, 50) ? "PASS x" : "\r\n");
    for (unsigned n = 1 + dice_below(d, 3); n; n--) {
        announce(s, &f);
        for (unsigned m = dice_chance(d, 85) ? 1 + dice_below(d, 2) : 0; m; m--)
            open_data(s, &f);
        if (dice_chance(d, 30))
            say(s, &f, 1, "226 Transfer complete.\r\n");
    }
    if (dice_chance(d, 25))
        talk_close(s, &f.control);
}
