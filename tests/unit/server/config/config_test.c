/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/option_table.h"
#include "server/config/told.h"
#include "unit.h"

#include <stdlib.h>

/* Any change to these would change what an existing vsftpd.conf means. */
static void defaults_are_those_of_vsftpd(void **state)
{
    struct config *c = config_new();
    (void)state;
    assert_true(c->anonymous_enable);
    assert_false(c->local_enable);
    assert_false(c->write_enable);
    assert_true(c->listen);
    assert_int_equal(c->listen_port, 21);
    assert_int_equal(c->pasv_min_port, 5001);
    assert_int_equal(c->pasv_max_port, 0);
    assert_int_equal(c->local_umask, 077);
    assert_int_equal(c->file_open_mode, 0666);
    assert_int_equal(c->max_clients, 2000);
    assert_string_equal(c->ftp_username, "ftp");
    assert_string_equal(c->message_file, ".message");
    assert_null(c->ftpd_banner);
    char *text = config_text(c);
    assert_string_equal(text, "");
    free(text);
    config_free(&c);
}

static void the_table_is_sound(void **state)
{
    size_t in_sections = 0;
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        assert_ptr_equal(option_find(o->name, strlen(o->name)), o); /* no name twice */
        assert_true(strlen(o->text) > 5);
        if (o->type == OPTION_NUMBER)
            assert_true(o->least <= o->value.number && o->value.number <= o->most);
    }
    for (size_t i = 0; i < option_section_count; i++)
        in_sections += option_sections[i].count;
    assert_int_equal(in_sections, option_count);
    assert_null(option_find("listen_por", 10));
    assert_null(option_find("", 0));
}

/* Every option at once is set to something else than its default, written, read, and written again. */
static void text_is_read_back_equal(void **state)
{
    struct config *c = config_new(), *again = config_new();
    struct told told = {.errors = 0};
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->type == OPTION_BOOL)
            *option_boolean(c, o) = !o->value.boolean;
        else if (o->type == OPTION_NUMBER)
            *option_number(c, o) = o->value.number == o->most ? o->least : o->most;
        else
            assert_int_equal(option_set_string(c, o, "a = b", o->value.string ? 0 : 5), 0);
    }
    char *text = config_text(c);
    assert_int_equal(config_parse(again, "f", text, strlen(text), told_tell, &told), 0);
    assert_string_equal(told.text, "");
    for (size_t i = 0; i < option_count; i++)
        assert_false(option_is_default(again, &option_table[i]));
    char *text_again = config_text(again);
    assert_string_equal(text, text_again);
    assert_non_null(strstr(text, "local_umask=0777\n"));
    assert_non_null(strstr(text, "\nmessage_file=\n"));
    free(text);
    free(text_again);
    config_free(&c);
    config_free(&again);
}

static void a_copy_shares_nothing(void **state)
{
    struct config *c = config_new();
    struct told told = {.errors = 0};
    (void)state;
    assert_int_equal(config_set(c, "ftpd_banner=hello", told_tell, &told), 0);
    struct config *copy = config_copy(c);
    assert_int_equal(config_set(c, "ftpd_banner=changed", told_tell, &told), 0);
    config_free(&c);
    assert_string_equal(copy->ftpd_banner, "hello");
    assert_string_equal(copy->ftp_username, "ftp");
    assert_null(copy->anon_root);
    config_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_vsftpd),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(text_is_read_back_equal),
        cmocka_unit_test(a_copy_shares_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
