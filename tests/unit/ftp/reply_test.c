/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/reply.h"

#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Adds lines up to a NULL; the state after the last. */
static enum ftp_reply_state add(struct ftp_reply *r, const char *const lines[])
{
    enum ftp_reply_state state = FTP_REPLY_MORE;

    ftp_reply_clear(r);
    for (size_t i = 0; lines[i]; i++) {
        assert_int_equal(state, FTP_REPLY_MORE);
        state = ftp_reply_add(r, lines[i]);
    }
    return state;
}
#define ADD(r, ...) add((r), (const char *const[]){__VA_ARGS__, NULL})

static void lines_make_a_reply(void **state)
{
    struct ftp_reply r = {0};
    (void)state;
    assert_int_equal(ADD(&r, "220 hello"), FTP_REPLY_WHOLE);
    assert_int_equal(r.code, 220);
    assert_string_equal(r.text, "hello\n");
    assert_int_equal(ADD(&r, "221"), FTP_REPLY_WHOLE);
    assert_string_equal(r.text, "\n");
    /* Lines between may begin with anything, another code too (RFC 959 section 4.2). */
    assert_int_equal(ADD(&r, "211-Features:", " MDTM", "230 not the end", "211-nor this", "211 End"),
                     FTP_REPLY_WHOLE);
    assert_string_equal(r.text, "Features:\n MDTM\n230 not the end\n211-nor this\nEnd\n");
    char *last = ftp_reply_last_line(&r);
    assert_string_equal(last, "End");
    free(last);
    assert_int_equal(ADD(&r, "211-Features:"), FTP_REPLY_MORE);
    ftp_reply_clear(&r);
}

static void what_is_no_reply(void **state)
{
    static const char *const none[] = {"", "2", "22", "hello", "099 x", "600 x", "220x", "22a x", " 220 x"};
    struct ftp_reply r = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(ADD(&r, none[i]), FTP_REPLY_NONE);
    assert_int_equal(ftp_reply_add(&r, "220-begins"), FTP_REPLY_MORE);
    char line[4001];
    memset(line, 'x', 4000);
    line[4000] = '\0';
    enum ftp_reply_state last = FTP_REPLY_MORE;
    for (unsigned i = 0; i < FTP_REPLY_MOST / 4000 + 1 && last == FTP_REPLY_MORE; i++)
        last = ftp_reply_add(&r, line);
    assert_int_equal(last, FTP_REPLY_TOO_LONG);
    ftp_reply_clear(&r);
}

static void data_ports(void **state)
{
    static const struct {
        const char *line, *ip;
        uint16_t port;
    } passive[] = {
        {"227 Entering Passive Mode (192,0,2,1,39,106).", "192.0.2.1", 10090},
        {"227 Entering Passive Mode. 192,0,2,1,0,1", "192.0.2.1", 1},
        {"227 1 of 2 ways: =127,0,0,1,4,1", "127.0.0.1", 1025},
        {"227 192,0,2,1,39", NULL, 0},
        {"227 192,0,2,1,0,0", NULL, 0},
        {"227 192,0,2,256,39,106", NULL, 0},
        {"227 nothing", NULL, 0},
    };
    static const struct {
        const char *line;
        uint16_t port;
    } extended[] = {
        {"229 Entering Extended Passive Mode (|||6446|)", 6446},
        {"229 (!!!1!)", 1},
        {"229 (|||65535|) and more", 65535},
        {"229 (|||65536|)", 0},
        {"229 (|||0|)", 0},
        {"229 (|||99999999999999999999|)", 0},
        {"229 (|1|192.0.2.1|6446|)", 0},
        {"229 (|||6446)", 0},
        {"229 (111111)", 0},
        {"229 |||6446|", 0},
        {"229 (", 0},
    };
    struct ftp_reply r = {0};
    struct ftp_address there;
    (void)state;
    for (size_t i = 0; i < sizeof(passive) / sizeof(passive[0]); i++) {
        assert_int_equal(ADD(&r, passive[i].line), FTP_REPLY_WHOLE);
        assert_int_equal(ftp_reply_passive(&r, &there), passive[i].ip != NULL);
        if (!passive[i].ip)
            continue;
        char text[INET_ADDRSTRLEN];
        assert_string_equal(inet_ntop(AF_INET, &there.ip.s6_addr[12], text, sizeof(text)), passive[i].ip);
        assert_int_equal(there.port, passive[i].port);
    }
    for (size_t i = 0; i < sizeof(extended) / sizeof(extended[0]); i++) {
        assert_int_equal(ADD(&r, extended[i].line), FTP_REPLY_WHOLE);
        assert_int_equal(ftp_reply_extended_port(&r), extended[i].port);
    }
    ftp_reply_clear(&r);
}

static void names_sizes_and_times(void **state)
{
    struct ftp_reply r = {0};
    char path[16];
    uint64_t size;
    int64_t time;
    (void)state;
    assert_int_equal(ADD(&r, "257 \"/a \"\"b\"\"\" is current"), FTP_REPLY_WHOLE);
    assert_true(ftp_reply_path(&r, path, sizeof(path)));
    assert_string_equal(path, "/a \"b\"");
    assert_false(ftp_reply_path(&r, path, 6));
    assert_int_equal(ADD(&r, "257 \"/never ends"), FTP_REPLY_WHOLE);
    assert_false(ftp_reply_path(&r, path, sizeof(path)));
    assert_int_equal(ADD(&r, "213 18446744073709551615"), FTP_REPLY_WHOLE);
    assert_true(ftp_reply_size(&r, &size));
    assert_int_equal(size, UINT64_MAX);
    assert_int_equal(ADD(&r, "213 18446744073709551616"), FTP_REPLY_WHOLE);
    assert_false(ftp_reply_size(&r, &size));
    assert_int_equal(ADD(&r, "213 20200913122640.123"), FTP_REPLY_WHOLE);
    assert_true(ftp_reply_time(&r, &time));
    assert_int_equal(time, 1600000000);
    assert_int_equal(ADD(&r, "213 20200230000000"), FTP_REPLY_WHOLE);
    assert_false(ftp_reply_time(&r, &time));
    ftp_reply_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_make_a_reply),
        cmocka_unit_test(what_is_no_reply),
        cmocka_unit_test(data_ports),
        cmocka_unit_test(names_sizes_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
