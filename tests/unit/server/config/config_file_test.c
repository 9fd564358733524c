/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include "server/config/told.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char directory[PATH_MAX / 2];
    char path[PATH_MAX];
};

static int place_make(void **state)
{
    static struct place place;
    const char *tmp = getenv("TMPDIR");
    snprintf(place.directory, sizeof(place.directory), "%s/sally-config-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(place.directory))
        return -1;
    snprintf(place.path, sizeof(place.path), "%s/kim", place.directory);
    *state = &place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    return rmdir(place->directory);
}

static void write_file(const char *path, const char *text, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void a_file_is_loaded(void **state)
{
    struct place *place = *state;
    struct told told = {.errors = 0};
    struct config *c = config_new();
    write_file(place->path, "listen_port=2121\n", 17, 0644);
    assert_int_equal(config_load(c, place->path, told_tell, &told), 0);
    assert_int_equal(c->listen_port, 2121);
    assert_int_equal(config_load(c, "/dev/null", told_tell, &told), 0);
    assert_string_equal(told.text, "");
    config_free(&c);
}

static void a_file_that_cannot_be_trusted_or_read_is_an_error(void **state)
{
    struct place *place = *state;
    struct told told = {.errors = 0};
    struct config *c = config_new();
    write_file(place->path, "", 0, 0666);
    assert_int_equal(config_load(c, place->path, told_tell, &told), -EINVAL);
    assert_non_null(strstr(told.text, "everybody may write this file"));
    assert_int_equal(config_load(c, "/nonexistent/sallyd.conf", told_tell, &told), -EINVAL);
    assert_non_null(
        strstr(told.text, "E /nonexistent/sallyd.conf: cannot be opened: No such file or directory\n"));
    assert_int_equal(config_load(c, place->directory, told_tell, &told), -EINVAL);
    assert_non_null(strstr(told.text, "cannot be read: Is a directory"));
    assert_int_equal(config_load(c, "/dev/zero", told_tell, &told), -EINVAL);
    assert_non_null(strstr(told.text, "E /dev/zero: cannot be read: File too large\n"));
    config_free(&c);
}

static void a_user_may_have_options_of_the_own(void **state)
{
    static const char text[] = "write_enable=YES\nlocal_umask=022\nlisten_port=1\n";
    struct place *place = *state;
    struct told told = {.errors = 0};
    struct config *c = config_new(), *user = NULL;
    char assignment[PATH_MAX];
    snprintf(assignment, sizeof(assignment), "user_config_dir=%s", place->directory);
    assert_int_equal(config_set(c, assignment, told_tell, &told), 0);

    write_file(place->path, text, sizeof(text) - 1, 0644);
    assert_int_equal(config_load_user(c, "kim", &user, told_tell, &told), 0);
    assert_true(user->write_enable);
    assert_int_equal(user->local_umask, 022);
    assert_int_equal(user->listen_port, 21);
    assert_false(c->write_enable);
    assert_non_null(
        strstr(told.text, "kim:3: listen_port is left alone: it cannot be set for a single user\n"));
    config_free(&user);

    write_file(place->path, "write_enable=maybe\n", 19, 0644);
    assert_int_equal(config_load_user(c, "kim", &user, told_tell, &told), -EINVAL);
    assert_null(user);
    config_free(&c);
}

static void a_user_without_a_file_has_none(void **state)
{
    static const char *const names[] = {"lee",         "",     ".",      "..", "../etc/passwd",
                                        "/etc/passwd", "kim/", "kim/kim"};
    struct place *place = *state;
    struct told told = {.errors = 0};
    struct config *c = config_new(), *user = c;
    assert_int_equal(config_load_user(c, "kim", &user, told_tell, &told), 0); /* no user_config_dir */
    assert_null(user);

    char assignment[PATH_MAX];
    snprintf(assignment, sizeof(assignment), "user_config_dir=%s", place->directory);
    assert_int_equal(config_set(c, assignment, told_tell, &told), 0);
    write_file(place->path, "", 0, 0644);
    for (size_t i = 0; i < COUNT(names); i++) {
        user = c;
        assert_int_equal(config_load_user(c, names[i], &user, told_tell, &told), 0);
        assert_null(user);
    }
    assert_string_equal(told.text, "");
    config_free(&c);
}

/* The example is what most people start from. */
static void the_example_that_is_installed_is_sound(void **state)
{
    struct told told = {.errors = 0};
    struct config *c = config_new();
    (void)state;
    assert_int_equal(config_load(c, "packaging/sallyd.conf.in", told_tell, &told), 0);
    assert_int_equal(config_check(c, "packaging/sallyd.conf.in", told_tell, &told), 0);
    assert_string_equal(told.text, "");
    config_free(&c);
}

/* Nor may what it has in comments be wrong: they are uncommented one by one. */
static void the_example_has_sound_comments(void **state)
{
    struct told told = {.errors = 0};
    struct config *c = config_new();
    char line[4096];
    FILE *example = fopen("packaging/sallyd.conf.in", "r");
    (void)state;
    assert_non_null(example);
    while (fgets(line, sizeof(line), example)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z')
            assert_int_equal(config_set(c, line + 1, told_tell, &told), 0);
    }
    fclose(example);
    assert_string_equal(told.text, "");
    assert_int_equal(config_check(c, "packaging/sallyd.conf.in", told_tell, &told), 0);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(a_file_that_cannot_be_trusted_or_read_is_an_error),
        cmocka_unit_test(a_user_may_have_options_of_the_own),
        cmocka_unit_test(a_user_without_a_file_has_none),
        cmocka_unit_test(the_example_that_is_installed_is_sound),
        cmocka_unit_test(the_example_has_sound_comments),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
