/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "explain/packet/log.h"
#include "explain/packet/words.h"

static void lines_become_words(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"Nov 29 10:00:01 gate kernel: [ 99.5] [UFW BLOCK] IN=eth0 OUT= "
         "MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 "
         "SRC=203.0.113.9 DST=192.0.2.10 LEN=60 TOS=0x10 PREC=0x00 TTL=52 ID=42 DF PROTO=TCP SPT=50112 "
         "DPT=2121 "
         "WINDOW=64240 RES=0x00 SYN URGP=0",
         "tcp 203.0.113.9:50112 > 192.0.2.10:2121 syn in=eth0 hook=input length=60 ttl=52 tos=0x10 "
         "mac=02:00:00:00:00:02"},
        {"DROP:IN=lan0 OUT=wan0 SRC=192.0.2.1 DST=198.51.100.1 LEN=76 TOS=0x00 PREC=0x00 TTL=63 ID=0 "
         "PROTO=UDP SPT=123 "
         "DPT=123 LEN=56 MARK=0x7",
         "udp 192.0.2.1:123 > 198.51.100.1:123 in=lan0 out=wan0 hook=forward length=76 ttl=63 tos=0x00 "
         "mark=0x7"},
        {"IN= OUT=eth0 SRC=2001:0db8:0000:0000:0000:0000:0000:0001 "
         "DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=104 "
         "TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=5 SEQ=1",
         "icmpv6 [2001:0db8:0000:0000:0000:0000:0000:0001] > [2001:0db8:0000:0000:0000:0000:0000:0002] "
         "type=128 code=0 "
         "out=eth0 hook=output length=104 ttl=64 tos=0"},
        {"IN=eth0 OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=88 TOS=0x00 PREC=0xC0 TTL=64 ID=1 PROTO=ICMP "
         "TYPE=3 CODE=3 "
         "[SRC=192.0.2.2 DST=192.0.2.1 LEN=60 PROTO=TCP SPT=1 DPT=2 SYN ]",
         "icmp 192.0.2.1 > 192.0.2.2 type=3 code=3 in=eth0 hook=input length=88 ttl=64 tos=0x00"},
        {"IN=eth0 OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP "
         "SPT=1 DPT=2 "
         "WINDOW=0 RES=0x00 ACK RST FIN URGP=0\nIN=eth1 OUT= SRC=192.0.2.3",
         "tcp 192.0.2.1:1 > 192.0.2.2:2 ack rst fin in=eth0 hook=input length=40 ttl=64 tos=0x00"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *words = NULL, *message = NULL;
        struct packet_words read;

        assert_true(packet_log_is(cases[i].line));
        assert_int_equal(packet_log_words(cases[i].line, &words, &message), 0);
        assert_string_equal(words, cases[i].words);
        if (packet_words_read(cases[i].line, &read, &message))
            fail_msg("%s: %s", words, message);
        free(words);
    }
}

static void what_is_none_is_none(void **state)
{
    (void)state;
    assert_false(packet_log_is("tcp 192.0.2.1:1 > 192.0.2.2:2 syn in=eth0"));
    assert_false(packet_log_is("IN=eth0 OUT="));
    assert_false(packet_log_is("CHAIN=1 OUT= SRC=1 DST=2"));
}

static void what_lacks_is_said(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=60", "cut off"},
        {"IN= OUT= SRC=192.0.2.1 DST=192.0.2.2 PROTO=TCP SPT=1 DPT=2", "by which interface"},
        {"IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=60 FRAG:185 PROTO=TCP", "later fragment"},
        {"IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=60 PROTO=NONSENSE", "NONSENSE"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *message = NULL;
        struct packet_words read;

        assert_int_equal(packet_words_read(cases[i].line, &read, &message), -22);
        if (!strcasestr(message, cases[i].says))
            fail_msg("%s: %s", cases[i].line, message);
        free(message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_words),
        cmocka_unit_test(what_is_none_is_none),
        cmocka_unit_test(what_lacks_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
