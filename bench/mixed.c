/* SPDX-License-Identifier: BSD-2-Clause */
#include "mixed.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum {
    AT_A_TIME = 64,
    LONGEST = 1500,
    PACE_US = 20,
    SERVER = 0xac1fff15, /* MIXED_SERVER */
    CLIENTS = 0x14000000,
    FTP_EACH = 8, /* one talk in so many is an FTP session */
    LINKTYPE_RAW = 101,
};

enum { FIN = PACKET_FIN, SYN = PACKET_SYN, ACK = PACKET_ACK, PUSH = PACKET_PSH | PACKET_ACK };

/* One packet of a script. data: on the data connection of an FTP session. */
struct line {
    bool back, data;
    uint8_t flags;
    const char *text; /* "%s": where the data port is said; NULL: no payload */
    uint16_t filler;  /* bytes of payload without a meaning */
};

static const struct line web[] = {
    {false, false, SYN, NULL, 0},    {true, false, SYN | ACK, NULL, 0}, {false, false, ACK, NULL, 0},
    {false, false, PUSH, NULL, 300}, {true, false, ACK, NULL, 0},       {true, false, PUSH, NULL, 1400},
    {true, false, PUSH, NULL, 1400}, {false, false, ACK, NULL, 0},      {true, false, PUSH, NULL, 700},
    {false, false, ACK, NULL, 0},    {true, false, FIN | ACK, NULL, 0}, {false, false, FIN | ACK, NULL, 0},
    {true, false, ACK, NULL, 0},
};
static const struct line refused[] = {
    {false, false, SYN, NULL, 40}, {false, false, SYN, NULL, 40}, {false, false, SYN, NULL, 40}};
static const struct line request[] = {{false, false, 0, NULL, 40}, {true, false, 0, NULL, 200}};
static const struct line ftp[] = {
    {false, false, SYN, NULL, 0},
    {true, false, SYN | ACK, NULL, 0},
    {false, false, ACK, NULL, 0},
    {true, false, PUSH, "220 ready\r\n", 0},
    {false, false, PUSH, "USER anonymous\r\n", 0},
    {true, false, PUSH, "331 Password?\r\n", 0},
    {false, false, PUSH, "PASS a@b\r\n", 0},
    {true, false, PUSH, "230 Welcome.\r\n", 0},
    {false, false, PUSH, "PASV\r\n", 0},
    {true, false, PUSH, "227 Entering Passive Mode (172,31,255,21,%u,%u).\r\n", 0},
    {false, true, SYN, NULL, 0},
    {true, true, SYN | ACK, NULL, 0},
    {false, true, ACK, NULL, 0},
    {false, false, PUSH, "RETR file\r\n", 0},
    {true, false, PUSH, "150 Here it is.\r\n", 0},
    {true, true, PUSH, NULL, 1400},
    {true, true, PUSH, NULL, 1400},
    {false, true, ACK, NULL, 0},
    {true, true, FIN | ACK, NULL, 0},
    {false, true, FIN | ACK, NULL, 0},
    {true, true, ACK, NULL, 0},
    {true, false, PUSH, "226 Done.\r\n", 0},
    {false, false, PUSH, "QUIT\r\n", 0},
    {true, false, PUSH, "221 Goodbye.\r\n", 0},
    {true, false, FIN | ACK, NULL, 0},
    {false, false, FIN | ACK, NULL, 0},
    {true, false, ACK, NULL, 0},
};

struct talk {
    struct packet_recipe first; /* who with whom */
    const struct line *lines;
    size_t count, next;
    uint32_t sequence[2][2]; /* of the next byte: on control and data connection, there and back */
    uint16_t data_port[2];
};

struct mixer {
    struct ruleset *set;
    bool (*accepts)(void *arg, const struct packet_recipe *first);
    void *arg;
    struct talk talks[AT_A_TIME];
    uint32_t begun;
    uint64_t random;
    FILE *out;
};

static uint32_t draw(struct mixer *m)
{
    m->random = m->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(m->random >> 33);
}

static void use_script(struct talk *t, const struct line *lines, size_t count)
{
    t->lines = lines;
    t->count = count;
}

static void begin(struct mixer *m, struct talk *t)
{
    const char *in;

    *t = (struct talk){0};
    for (int i = 0; i < 4; i++)
        t->sequence[i / 2][i % 2] = draw(m);
    if (m->begun++ % FTP_EACH == 0) {
        t->first = (struct packet_recipe){.family = PACKET_IPV4, .protocol = PACKET_TCP};
        t->first.source.word[0] = htonl(CLIENTS + draw(m) % (1U << 28));
        t->first.destination.word[0] = htonl(SERVER);
        t->first.source_port = (uint16_t)(30000 + m->begun % 30000);
        t->first.destination_port = 21;
        t->data_port[0] = (uint16_t)(t->first.source_port + 1);
        t->data_port[1] = (uint16_t)(10090 + draw(m) % 1000);
        use_script(t, ftp, sizeof(ftp) / sizeof(ftp[0]));
        return;
    }
    ruleset_packet(m->set, &t->first, &in);
    if (!m->accepts(m->arg, &t->first))
        use_script(t, refused, sizeof(refused) / sizeof(refused[0]));
    else if (t->first.protocol == PACKET_TCP)
        use_script(t, web, sizeof(web) / sizeof(web[0]));
    else
        use_script(t, request, sizeof(request) / sizeof(request[0]));
}

/* The headers of the next packet of t. */
static struct packet_recipe address(struct talk *t, const struct line *line)
{
    struct packet_recipe r = t->first;

    r.ttl = 63;
    if (line->data) {
        r.source_port = t->data_port[0];
        r.destination_port = t->data_port[1];
    }
    if (line->back) {
        struct packet_recipe forth = r;

        r.source = forth.destination;
        r.destination = forth.source;
        r.source_port = forth.destination_port;
        r.destination_port = forth.source_port;
        r.icmp.type = r.icmp.type == 8 ? 0 : r.icmp.type;
    }
    if (r.protocol == PACKET_TCP) {
        r.tcp = (struct packet_tcp){.sequence = t->sequence[line->data][line->back], .window = 64240};
        r.tcp.flags = line->flags;
        r.tcp.acknowledgement = line->flags & ACK ? t->sequence[line->data][!line->back] : 0;
    }
    r.window_scale = -1;
    return r;
}

static int write_next(struct mixer *m, struct talk *t, uint64_t now_us)
{
    static const uint8_t filler[LONGEST];
    const struct line *line = &t->lines[t->next++];
    struct packet_recipe r = address(t, line);
    uint8_t bytes[LONGEST + 60];
    char text[128];

    r.payload = filler;
    r.payload_size = line->filler;
    if (line->text) {
        int length = snprintf(text, sizeof(text), line->text, t->data_port[1] >> 8, t->data_port[1] & 255);

        r.payload = text;
        r.payload_size = (size_t)length;
    }
    if (t->lines != refused)
        t->sequence[line->data][line->back] +=
            (uint32_t)r.payload_size + (line->flags & SYN ? 1U : 0) + (line->flags & FIN ? 1U : 0);
    int size = packet_build(&r, bytes, sizeof(bytes));

    if (size < 0)
        return -1;
    uint32_t head[4] = {(uint32_t)(now_us / 1000000), (uint32_t)(now_us % 1000000), (uint32_t)size,
                        (uint32_t)size};

    return fwrite(head, sizeof(head), 1, m->out) == 1 && fwrite(bytes, (size_t)size, 1, m->out) == 1 ? 0 : -1;
}

int mixed_write(struct ruleset *set, bool (*accepts)(void *arg, const struct packet_recipe *first), void *arg,
                size_t packets, FILE *out)
{
    static const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, longest, type;
    } head = {0xa1b2c3d4, 2, 4, 0, 0, 65535, LINKTYPE_RAW};
    static struct mixer m;

    m = (struct mixer){.set = set, .accepts = accepts, .arg = arg, .out = out};
    for (size_t i = 0; i < AT_A_TIME; i++)
        begin(&m, &m.talks[i]);
    if (fwrite(&head, sizeof(head), 1, out) != 1)
        return -1;
    for (size_t i = 0; i < packets; i++) {
        struct talk *t = &m.talks[draw(&m) % AT_A_TIME];

        if (t->next == t->count)
            begin(&m, t);
        if (write_next(&m, t, 1600000000000000 + i * PACE_US) < 0)
            return -1;
    }
    return 0;
}
