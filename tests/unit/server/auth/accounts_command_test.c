/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "scratch.h"
#include "server/auth/accounts.h"

#include <jansson.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>

/* What the last command wrote. */
static char output[8192], errors[8192];

static void slurp(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out[fread(out, 1, cap - 1, f)] = '\0';
    (void)fclose(f);
}

/* `sallyd user` with these arguments (NULL: the end) in a child without a terminal, input on stdin. */
static int command(const char *input, const char *const *arguments)
{
    char *argv[24] = {(char *)"user"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];

    const char *in = write_scratch("stdin", input, 0600);
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        if (!freopen(in, "r", stdin) || !freopen(in_scratch("stdout"), "w", stdout) ||
            !freopen(in_scratch("stderr"), "w", stderr))
            _exit(99);
        int status = accounts_command(argc, argv);
        (void)fflush(NULL);
        _exit(status);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    slurp(in_scratch("stdout"), output, sizeof(output));
    slurp(in_scratch("stderr"), errors, sizeof(errors));
    return WEXITSTATUS(status);
}

#define RUN(input, ...) command(input, (const char *const[]){__VA_ARGS__, NULL})

static char db[256], home[256];

static int setup(void **state)
{
    int r = scratch_make(state);
    (void)snprintf(db, sizeof(db), "%s", in_scratch("var/accounts.db"));
    (void)snprintf(home, sizeof(home), "%s", mkdir_scratch("home", 0755));
    return r;
}

static void a_user_is_added_listed_changed_and_deleted(void **state)
{
    (void)state;
    assert_int_equal(RUN("secret\nrest", "add", "kim", "--home", home, "--rights", "rwd", "--rate", "500K",
                         "--quota-bytes", "2g", "--quota-files", "100", "--password-stdin", "--accounts", db),
                     0);
    assert_string_equal(errors, "");
    struct stat st;
    assert_int_equal(stat(in_scratch("var"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    assert_int_equal(RUN("", "list", "--accounts", db), 0);
    assert_non_null(strstr(output, "kim"));
    assert_null(strstr(output, "$y$"));

    assert_int_equal(RUN("", "list", "--json", "--accounts", db), 0);
    assert_null(strstr(output, "$y$"));
    json_t *rows = json_loads(output, 0, NULL), *row = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "kim");
    assert_string_equal(json_string_value(json_object_get(row, "home")), home);
    assert_string_equal(json_string_value(json_object_get(row, "rights")), "rwd");
    assert_int_equal(json_integer_value(json_object_get(row, "rate")), 500 << 10);
    assert_int_equal(json_integer_value(json_object_get(row, "quota_bytes")), 2LL << 30);
    assert_int_equal(json_integer_value(json_object_get(row, "quota_files")), 100);
    json_decref(rows);

    struct accounts *a = NULL;
    struct account found;
    assert_int_equal(RUN("other\r\n", "passwd", "kim", "--password-stdin", "--accounts", db), 0);
    assert_int_equal(accounts_open(db, false, &a), 0);
    assert_int_equal(accounts_find(a, "kim", &found), 0);
    assert_true(password_verify("other", found.hash));
    account_fini(&found);
    accounts_close(&a);

    assert_int_equal(RUN("", "del", "kim", "--accounts", db), 0);
    assert_int_equal(RUN("", "list", "--json", "--accounts", db), 0);
    assert_string_equal(output, "[]\n");
}

static void failures_say_what_to_do(void **state)
{
    (void)state;
    assert_int_equal(RUN("x\n", "add", "ann", "--home", home, "--password-stdin", "--accounts", db), 0);
    assert_int_equal(RUN("x\n", "add", "ann", "--home", home, "--password-stdin", "--accounts", db), 1);
    assert_non_null(strstr(errors, "already"));
    assert_int_equal(
        RUN("x\n", "add", "bob", "--home", in_scratch("nowhere"), "--password-stdin", "--accounts", db), 1);
    assert_non_null(strstr(errors, "make it first"));
    assert_int_equal(RUN("x\n", "add", "bob", "--home", home, "--accounts", db), 1);
    assert_non_null(strstr(errors, "--password-stdin"));
    assert_int_equal(RUN("\n", "add", "bob", "--home", home, "--password-stdin", "--accounts", db), 1);
    assert_non_null(strstr(errors, "empty"));
    assert_int_equal(RUN("x\n", "passwd", "bob", "--password-stdin", "--accounts", db), 1);
    assert_non_null(strstr(errors, "no user \"bob\""));
    assert_int_equal(RUN("", "del", "bob", "--accounts", db), 1);
    assert_int_equal(RUN("", "list", "--accounts", in_scratch("none.db")), 1);
    assert_non_null(strstr(errors, "sallyd user add"));
    assert_int_equal(RUN("", "del", "bob", "--accounts", in_scratch("none.db")), 1);
    assert_int_equal(access(in_scratch("none.db"), F_OK), -1);
    assert_int_equal(RUN("", "list", "--accounts", write_scratch("junk", "junk", 0600)), 1);
    assert_non_null(strstr(errors, "not an accounts file"));

    char longest[600];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(RUN(longest, "add", "bob", "--home", home, "--password-stdin", "--accounts", db), 1);
    assert_non_null(strstr(errors, "longer than"));
}

static void wrong_usage_is_status_2(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[8];
        const char *says;
    } rows[] = {
        {{NULL}, "usage:"},
        {{"ad", "kim"}, "add"},
        {{"frobnicate"}, "passwd"},
        {{"add"}, "NAME"},
        {{"add", "a", "b"}, "NAME"},
        {{"add", "kim"}, "--home"},
        {{"add", "kim", "--home"}, "needs a value"},
        {{"add", "kim", "--hoem", "/"}, "--hoem"},
        {{"add", "kim", "-x"}, "-x"},
        {{"add", "kim", "--home", "/", "--rights", "rx"}, "rx"},
        {{"add", "kim", "--home", "/", "--rate", "10T"}, "10T"},
        {{"add", "kim", "--home", "/", "--rate", "-1"}, "-1"},
        {{"add", "kim", "--home", "/", "--rate", ""}, "--rate"},
        {{"add", "kim", "--home", "/", "--quota-files", "1K"}, "1K"},
        {{"add", "kim", "--home", "/", "--quota-bytes", "9223372036854775807K"}, "9223372036854775807K"},
        {{"add", "Anonymous", "--home", "/"}, "anonymous"},
        {{"add", "a/b", "--home", "/"}, "\"/\""},
        {{"add", "", "--home", "/"}, "empty"},
        {{"list", "kim"}, "no NAME"},
        {{"list", "--home", "/"}, "--home"},
        {{"del", "kim", "--json"}, "--json"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int status = command("", rows[i].arguments);
        if (status != 2 || !strstr(errors, rows[i].says))
            fail_msg("row %zu: status %d, %s", i, status, errors);
    }
    assert_int_equal(RUN("", "--help"), 0);
    assert_non_null(strstr(output, "usage:"));
    assert_int_equal(RUN("", "add", "--help"), 0);
}

/* Reads what the terminal shows, behind what output holds already, until wanted is there. */
static void expect(int terminal, const char *wanted)
{
    size_t len = strlen(output);
    while (!strstr(output, wanted)) {
        ssize_t n = read(terminal, output + len, sizeof(output) - 1 - len);
        if (n <= 0)
            fail_msg("the terminal ended before \"%s\": %s", wanted, output);
        len += (size_t)n;
        output[len] = '\0';
    }
}

/* `sallyd user passwd tess` on a terminal, where first and second (NULL: none) are typed. Its exit status. */
static int change_on_terminal(const char *first, const char *second)
{
    int terminal = -1, status = -1;
    char *argv[] = {(char *)"user", (char *)"passwd", (char *)"tess", (char *)"--accounts", db, NULL};
    output[0] = '\0';
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(child >= 0);
    if (child == 0) {
        int result = accounts_command(5, argv);
        struct termios after;
        if (tcgetattr(STDIN_FILENO, &after) < 0 || !(after.c_lflag & ECHO))
            _exit(98);
        (void)fflush(NULL);
        _exit(result);
    }
    expect(terminal, "Password for \"tess\": ");
    assert_int_equal(write(terminal, first, strlen(first)), strlen(first));
    if (second) {
        expect(terminal, "Once more for \"tess\": ");
        assert_int_equal(write(terminal, second, strlen(second)), strlen(second));
    }
    expect(terminal, "\n");
    while (read(terminal, errors, sizeof(errors)) > 0) /* EIO: the other end is closed */
        ;
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(terminal);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_terminal_is_asked_twice_without_echo(void **state)
{
    (void)state;
    struct accounts *a = NULL;
    struct account found;
    assert_int_equal(RUN("x\n", "add", "tess", "--home", home, "--password-stdin", "--accounts", db), 0);
    assert_int_equal(change_on_terminal("typed one\n", "typed one\n"), 0);
    assert_null(strstr(output, "typed"));
    assert_int_equal(change_on_terminal("typed one\n", "typed two\n"), 1);
    assert_int_equal(change_on_terminal("typed\003", NULL), 1); /* ^C; the child saw its echo come back */
    assert_int_equal(accounts_open(db, false, &a), 0);
    assert_int_equal(accounts_find(a, "tess", &found), 0);
    assert_true(password_verify("typed one", found.hash));
    account_fini(&found);
    accounts_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_added_listed_changed_and_deleted),
        cmocka_unit_test(failures_say_what_to_do),
        cmocka_unit_test(wrong_usage_is_status_2),
        cmocka_unit_test(a_terminal_is_asked_twice_without_echo),
    };
    return cmocka_run_group_tests(tests, setup, scratch_remove);
}
