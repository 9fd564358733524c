/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/line.h"

#include "explain/packet/log.h"
#include "explain/packet/words.h"
#include "packet/decode.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 2000 };

struct made {
    uint8_t bytes[BUFFER];
    struct packet packet;
};

/* The packet that a question's words describe. */
static void make(const char *line, struct made *ret)
{
    struct packet_words words;
    char *message = NULL;
    int size;

    assert_int_equal(packet_words_read(line, &words, &message), 0);
    size = packet_build(&words.recipe, ret->bytes, sizeof(ret->bytes));
    assert_true(size > 0);
    assert_int_equal(packet_decode(ret->bytes, (size_t)size, false, &ret->packet), 0);
}

static char *written(void (*write)(FILE *out, const void *what), const void *what)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    write(out, what);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void write_line(FILE *out, const void *packet)
{
    packet_line_write(out, packet);
}

static void write_log(FILE *out, const void *logged)
{
    packet_log_write(out, logged);
}

/* What is written is what is asked about. */
static void lines_are_read_back(void **state)
{
    static const char *const lines[] = {
        "tcp 198.51.100.7:40000 > 192.0.2.10:22 syn",
        "tcp 198.51.100.7:40000 > 192.0.2.10:22 syn,ack,ece",
        "tcp 198.51.100.7:40000 > 192.0.2.10:22 none",
        "tcp [2001:db8::7]:40000 > [2001:db8::1]:22 ack,fin,psh",
        "udp 198.51.100.7:40000 > 192.0.2.10:53",
        "udplite 198.51.100.7:40000 > 192.0.2.10:53",
        "icmp 198.51.100.7 > 192.0.2.10 type=8 code=0",
        "icmpv6 2001:db8::7 > 2001:db8::1 type=128 code=0",
        "gre 198.51.100.7 > 192.0.2.10",
        "99 198.51.100.7 > 192.0.2.10",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct made m;
        make(lines[i], &m);
        char *text = written(write_line, &m.packet);
        assert_string_equal(text, lines[i]);
        assert_true(packet_line_can_be_asked(&m.packet));
        free(text);
    }
}

static void log_line(const char *question, const struct packet_logged *how, const char *expected)
{
    struct made m;
    struct packet_logged logged = *how;

    make(question, &m);
    logged.packet = &m.packet;
    char *text = written(write_log, &logged);
    assert_string_equal(text, expected);
    assert_true(packet_log_is(text));
    free(text);
}

/* As lines of Linux 6.18 are. */
static void logs_have_the_kernels_form(void **state)
{
    static const uint8_t frame[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};

    (void)state;
    log_line("tcp 198.51.100.7:40000 > 192.0.2.10:22 syn ttl=64",
             &(struct packet_logged){.prefix = "[UFW BLOCK] ", .in = "eth0", .out = "", .frame = frame},
             "[UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=198.51.100.7 "
             "DST=192.0.2.10 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=40000 DPT=22 WINDOW=0 "
             "RES=0x00 SYN URGP=0 \n");
    log_line("udp 198.51.100.7:40000 > 192.0.2.10:53 ttl=63 tos=0x10",
             &(struct packet_logged){.prefix = "", .in = "", .out = "eth1", .mark = 7},
             "IN= OUT=eth1 SRC=198.51.100.7 DST=192.0.2.10 LEN=28 TOS=0x10 PREC=0x00 TTL=63 ID=0 PROTO=UDP "
             "SPT=40000 DPT=53 LEN=8 MARK=0x7 \n");
    log_line("icmpv6 2001:db8::7 > 2001:db8::1 type=128 ttl=64",
             &(struct packet_logged){.prefix = "", .in = "eth0", .out = "", .frame = frame, .options = 32},
             "IN=eth0 OUT= MACSRC=02:00:00:00:00:02 MACDST=02:00:00:00:00:01 MACPROTO=0800 "
             "SRC=2001:0db8:0000:0000:0000:0000:0000:0007 DST=2001:0db8:0000:0000:0000:0000:0000:0001 LEN=48 "
             "TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=0 SEQ=0 \n");
}

/* And are read as the packet that they are about. */
static void logs_are_read_back(void **state)
{
    const struct packet_logged how = {.prefix = "x: ", .in = "eth0", .out = ""};
    struct packet_logged logged = how;
    struct made m, again;
    char *text, *words = NULL, *message = NULL;

    (void)state;
    make("tcp [2001:db8::7]:40000 > [2001:db8::1]:22 syn,ack ttl=60", &m);
    logged.packet = &m.packet;
    text = written(write_log, &logged);
    assert_int_equal(packet_log_words(text, &words, &message), 0);
    make(words, &again);
    assert_int_equal(again.packet.destination_port, 22);
    assert_int_equal(again.packet.tcp.flags, PACKET_SYN | PACKET_ACK);
    assert_int_equal(again.packet.ttl, 60);
    free(words);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_back),
        cmocka_unit_test(logs_have_the_kernels_form),
        cmocka_unit_test(logs_are_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
