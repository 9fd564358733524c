/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/told.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

/* Reads text, as "f", over the defaults; the caller frees what it gets. */
static struct config *read_bytes(const char *text, size_t len, int expected, struct told *told)
{
    struct config *c = config_new();
    assert_non_null(c);
    *told = (struct told){.errors = 0};
    assert_int_equal(config_parse(c, "f", text, len, told_tell, told), expected);
    return c;
}

static struct config *read_text(const char *text, int expected, struct told *told)
{
    return read_bytes(text, strlen(text), expected, told);
}

static void an_ordinary_file_is_read(void **state)
{
    struct told told;
    struct config *c = read_text("# a comment\n"
                                 "\n"
                                 "listen=NO\n"
                                 "listen_ipv6=yes\n"
                                 "local_enable=TRUE\n"
                                 "write_enable=1\n"
                                 "pasv_enable=False\n"
                                 "port_enable=0\n"
                                 "listen_port=2121\n"
                                 "local_umask=022\n"
                                 "ftpd_banner=Welcome = here, with \"quotes\" # and this\n"
                                 "hide_file={*.mp3,.hidden}\n",
                                 0, &told);
    (void)state;
    assert_string_equal(told.text, "");
    assert_false(c->listen);
    assert_true(c->listen_ipv6);
    assert_true(c->local_enable);
    assert_true(c->write_enable);
    assert_false(c->pasv_enable);
    assert_false(c->port_enable);
    assert_int_equal(c->listen_port, 2121);
    assert_int_equal(c->local_umask, 022);
    assert_string_equal(c->ftpd_banner, "Welcome = here, with \"quotes\" # and this");
    assert_string_equal(c->hide_file, "{*.mp3,.hidden}");
    config_free(&c);
    assert_null(c);
}

static void nothing_after_the_equals_sign_unsets_a_string(void **state)
{
    struct told told;
    struct config *c = read_text("message_file=\nchown_username=  \n", 0, &told);
    (void)state;
    assert_null(c->message_file);
    assert_null(c->chown_username);
    config_free(&c);
}

static void the_last_line_counts(void **state)
{
    struct told told;
    struct config *c = read_text("listen_port=1\nftpd_banner=a\nlisten_port=2\nftpd_banner=b", 0, &told);
    (void)state;
    assert_int_equal(c->listen_port, 2);
    assert_string_equal(c->ftpd_banner, "b"); /* no newline at the end of the file */
    config_free(&c);
}

static void files_from_elsewhere_are_read(void **state)
{
    struct told told;
    struct config *c = read_text("\xef\xbb\xbf# from Windows\r\n"
                                 "listen_port=2121\r\n"
                                 "\r\n"
                                 "local_enable=YES \t\r\n"
                                 "   # indented\r\n"
                                 "  ftpd_banner= \xc3\xa9t\xc3\xa9 \r\n",
                                 0, &told);
    (void)state;
    assert_string_equal(told.text, "");
    assert_int_equal(c->listen_port, 2121);
    assert_true(c->local_enable);
    assert_string_equal(c->ftpd_banner, "\xc3\xa9t\xc3\xa9");
    config_free(&c);
}

/* One wrong line each, and all that is said about it. */
static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *line, *told;
    } mistakes[] = {
        {"listn_port=21", "E f:1: unknown option 'listn_port'; did you mean 'listen_port'?\n"},
        {"Listen_Port=21", "E f:1: unknown option 'Listen_Port'; did you mean 'listen_port'?\n"},
        {"quite_something_else=1",
         "E f:1: unknown option 'quite_something_else'; sallyd.conf(5) lists all there are\n"},
        {"=1", "E f:1: unknown option ''; sallyd.conf(5) lists all there are\n"},
        {"listen_port =21", "E f:1: there must be no space between listen_port and the =\n"},
        {"listen_port= 21", "E f:1: listen_port= 21: there must be no space after the =\n"},
        {"local_enable= YES", "E f:1: local_enable= YES: there must be no space after the =\n"},
        {"local_enable=On", "E f:1: local_enable=On: expected YES or NO\n"},
        {"local_enable=", "E f:1: local_enable=: expected YES or NO\n"},
        {"listen_port=", "E f:1: listen_port=: expected a port from 1 to 65535\n"},
        {"listen_port=0", "E f:1: listen_port=0: expected a port from 1 to 65535\n"},
        {"listen_port=65536", "E f:1: listen_port=65536: expected a port from 1 to 65535\n"},
        {"listen_port=99999999999999999999999999999",
         "E f:1: listen_port=99999999999999999999999999999: expected a port from 1 to 65535\n"},
        {"listen_port=2x", "E f:1: listen_port=2x: expected a port from 1 to 65535\n"},
        {"listen_port=-1", "E f:1: listen_port=-1: expected a port from 1 to 65535\n"},
        {"accept_timeout=1e3", "E f:1: accept_timeout=1e3: expected 0 to 86400 seconds\n"},
        {"local_umask=099", "E f:1: local_umask=099: expected an octal mode from 0 to 0777\n"},
        {"local_umask=07777", "E f:1: local_umask=07777: expected an octal mode from 0 to 0777\n"},
        {"listen", "E f:1: 'listen': expected NAME=VALUE, or a comment that begins with #\n"},
        {"ftpd_banner=a\rb",
         "E f:1: there is a control character (byte 0x0d) at position 14; is this a text file?\n"},
        {"\x1b[2Jx=1",
         "E f:1: there is a control character (byte 0x1b) at position 1; is this a text file?\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct told told;
        struct config *c = read_text(mistakes[i].line, -EINVAL, &told);
        assert_string_equal(told.text, mistakes[i].told);
        config_free(&c);
    }
}

static void every_mistake_is_told_with_its_line(void **state)
{
    struct told told;
    struct config *c = read_text("listen=maybe\n\nlisten_port=21\nlisten_prot=21\n", -EINVAL, &told);
    (void)state;
    assert_string_equal(told.text, "E f:1: listen=maybe: expected YES or NO\n"
                                   "E f:4: unknown option 'listen_prot'; did you mean 'listen_port'?\n");
    config_free(&c);
}

static void what_is_no_configuration_at_all_is_not_read_to_the_end(void **state)
{
    static char lines[2 * 1000 + 1];
    struct told told;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) - 1; i += 2)
        memcpy(lines + i, "x\n", 2);
    struct config *c = read_text(lines, -EINVAL, &told);
    assert_int_equal(told.errors, 101);
    config_free(&c);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char nul[] = "ftpd_banner=a\0b\nlisten_port=2121\n";
    static char overlong[5000];
    struct told told;
    (void)state;

    struct config *c = read_bytes(nul, sizeof(nul) - 1, -EINVAL, &told);
    assert_int_equal(told.errors, 1);
    assert_int_equal(c->listen_port, 2121); /* what follows is read, so that its mistakes are told, too */
    config_free(&c);

    memset(overlong, 'a', sizeof(overlong) - 1);
    c = read_text(overlong, -EINVAL, &told);
    assert_string_equal(told.text, "E f:1: the line is longer than 4096 bytes\n");
    config_free(&c);

    memcpy(overlong, "ftpd_banner=", 12);
    overlong[4096] = '\0';
    c = read_text(overlong, 0, &told);
    assert_int_equal(strlen(c->ftpd_banner), 4096 - 12);
    config_free(&c);
}

/* vsftpd reads 22 as decimal and 021 as octal, whatever the option; so do we, but not without a word. */
static void a_base_that_surprises_is_told(void **state)
{
    struct told told;
    struct config *c = read_text("local_umask=22\n", 0, &told);
    (void)state;
    assert_int_equal(c->local_umask, 22);
    assert_string_equal(
        told.text, "W f:1: local_umask=22 is a decimal number, the mode 026; if you mean octal, write 022\n");
    config_free(&c);

    c = read_text("listen_port=021\n", 0, &told);
    assert_int_equal(c->listen_port, 17);
    assert_int_equal(told.warnings, 1);
    config_free(&c);

    c = read_text("local_umask=7\nmax_per_ip=07\nanon_umask=0\n", 0, &told);
    assert_string_equal(told.text, "");
    config_free(&c);
}

static void the_command_line_sets_options(void **state)
{
    struct told told = {.errors = 0};
    struct config *c = config_new();
    (void)state;
    assert_int_equal(config_set(c, "listen_port=2121", told_tell, &told), 0);
    assert_int_equal(c->listen_port, 2121);
    assert_int_equal(config_set(c, "listen_prt=1", told_tell, &told), -EINVAL);
    assert_int_equal(config_set(c, "ftpd_banner=a\nlisten=NO", told_tell, &told), -EINVAL);
    assert_true(c->listen);
    assert_int_equal(config_set(c, "", told_tell, &told), -EINVAL);
    assert_string_equal(told.text,
                        "E -olisten_prt=1: unknown option 'listen_prt'; did you mean 'listen_port'?\n"
                        "E -oftpd_banner=a?listen=NO: there is a control character (byte 0x0a) at position "
                        "14; is this a text file?\n"
                        "E -o: '': expected NAME=VALUE, or a comment that begins with #\n");
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_file_is_read),
        cmocka_unit_test(nothing_after_the_equals_sign_unsets_a_string),
        cmocka_unit_test(the_last_line_counts),
        cmocka_unit_test(files_from_elsewhere_are_read),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(every_mistake_is_told_with_its_line),
        cmocka_unit_test(what_is_no_configuration_at_all_is_not_read_to_the_end),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_base_that_surprises_is_told),
        cmocka_unit_test(the_command_line_sets_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
