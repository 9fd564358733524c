/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/path.h"

#include "unit.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void join_resolves_textually(void **state)
{
    static const struct {
        const char *cwd, *argument, *want;
    } cases[] = {
        {"/", "", "/"},
        {"/a/b", "", "/a/b"},
        {"/a/b", "c", "/a/b/c"},
        {"/a/b", "/c", "/c"},
        {"/a/b", "..", "/a"},
        {"/a/b", "../..", "/"},
        {"/a/b", "../../../../../etc/passwd", "/etc/passwd"}, /* ".." ends at the root */
        {"/", "../../..", "/"},
        {"/", "//a///b//", "/a/b"},
        {"/a", ".", "/a"},
        {"/a", "./b/./c/.", "/a/b/c"},
        {"/a", "...", "/a/..."},
        {"/a", "..b/.c", "/a/..b/.c"},
        {"/a", " ", "/a/ "},
        {"/a", "b\nc", "/a/b\nc"},
        {"/a", "/", "/"},
        {"/a", "/..", "/"},
        {"/a", "b/../c/../d", "/a/d"},
        {"/a", "\\..\\x", "/a/\\..\\x"}, /* a backslash is no separator here */
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ftp_path_join(cases[i].cwd, cases[i].argument, out, sizeof(out)), 0);
        assert_string_equal(out, cases[i].want);
    }
}

static void below_the_root_or_not(void **state)
{
    static const struct {
        const char *cwd, *path;
        bool want;
    } cases[] = {
        {"/", "a", true},
        {"/", "", true},
        {"/", ".", true},
        {"/", "..", false},
        {"/", "a/../..", false},
        {"/", "...", true},
        {"/", "..a/../..", false},
        {"/", "./../a", false},
        {"/a", "..", true},
        {"/a", "../..", false},
        {"/a", "../../a", false}, /* below again at its end */
        {"/a", "../b/../..", false},
        {"/a", "b/../../c", true},
        {"/a", "b/../../../c", false},
        {"/a/b", "../../c", true},
        {"/a/b", "..//../c", true},
        {"/a/b", "../../../a/b/c", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ftp_path_is_below(ftp_path_depth(cases[i].cwd), cases[i].path), cases[i].want);
}

static void join_keeps_within_its_buffer(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 16; cap++) {
        char *out = malloc(cap ? cap : 1);
        int r = ftp_path_join("/abc", "def/g", out, cap);
        assert_int_equal(r, cap >= sizeof("/abc/def/g") ? 0 : -ENAMETOOLONG);
        if (r == 0)
            assert_string_equal(out, "/abc/def/g");
        free(out);
    }
}

static void quote_doubles_quotes(void **state)
{
    char out[16];
    (void)state;
    assert_int_equal(ftp_path_quote("/a \"b\"", out, sizeof(out)), 8);
    assert_string_equal(out, "/a \"\"b\"\"");
    assert_int_equal(ftp_path_quote("/a\nb", out, sizeof(out)), 4);
    assert_memory_equal(out, "/a\0b", 5);
    assert_int_equal(ftp_path_quote("", out, 1), 0);
    for (size_t cap = 0; cap < 12; cap++) {
        char *exact = malloc(cap ? cap : 1);
        assert_int_equal(ftp_path_quote("/\"x\"", exact, cap), cap >= 7 ? 6 : -ENAMETOOLONG);
        free(exact);
    }
}

static void glob_matches(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool want;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"abc", "ABC", false},
        {"*", "", true},
        {"*", "anything", true},
        {"*.txt", "a.txt", true},
        {"*.txt", "a.txt.gz", false},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-c-b", false},
        {"**a**", "a", true},
        {"?", "a", true},
        {"?", "", false},
        {"a?c", "abc", true},
        {"[a-c]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[!a-c]x", "dx", true},
        {"[^a-c]x", "bx", false},
        {"[]]", "]", true},
        {"[!]]", "]", false},
        {"[!]]", "a", true},
        {"[a-]", "-", true},
        {"[-a]", "-", true},
        {"[\xc0-\xff]", "\xe4", true}, /* bytes are unsigned */
        {"[abc", "[abc", true},
        {"[]", "[]", true},
        {"[!]", "[!]", true},
        {"a[", "a[", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\", "a\\", true},
        {"\\{a,b}", "{a,b}", true},
        {"{a,b}", "a", true},
        {"{a,b}", "b", true},
        {"{a,b}", "c", false},
        {"{a,b}", "{a,b}", false},
        {"x{a,b,}y", "xy", true},
        {"x{a,b,}y", "xby", true},
        {"x{a,b,}y", "xaby", false},
        {"{}", "", true},
        {"{,}", "", true},
        {"{a}", "a", true},
        {"{a,{b,c}d}e", "cde", true},
        {"{a,{b,c}d}e", "ce", false},
        {"{a,b}{c,d}", "bc", true},
        {"{a,b", "{a,b", true},
        {"{a,{b,c}", "{a,c", true},
        {"{a,{b,c}", "a", false},
        {"a,b}", "a,b}", true},
        {"*.{jpg,png}", "x.png", true},
        {"*.{jpg,p*}", "x.pdf", true},
        {"{*,a}b", "xxb", true},
        {"{[,],x}", ",", true}, /* a comma in a class divides nothing */
        {"*a*", "", false},
        {".*", ".profile", true},
        {"*", ".profile", true},
        {"a/b*", "a/bc", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (ftp_glob_match(cases[i].pattern, cases[i].name) != cases[i].want)
            fail_msg("pattern %s, name %s: want %d", cases[i].pattern, cases[i].name, cases[i].want);
}

/* Every pattern of up to five of these against every name of up to four, with the C library as the oracle. */
static void glob_agrees_with_fnmatch(void **state)
{
    static const char pattern_bytes[] = "ab*?[]!-\\", name_bytes[] = "ab]!";
    const size_t patterns = 9 * 9 * 9 * 9 * 9, names = 4 * 4 * 4;
    (void)state;
    for (size_t p = 0; p < patterns; p++) {
        char pattern[6] = "", name[4] = "";
        size_t rest = p;
        for (size_t i = 0; i < 5; i++, rest /= 9)
            pattern[i] = pattern_bytes[rest % 9];
        /* The oracle has these two otherwise: a backslash in a class, and one at the end. */
        if (strchr(pattern, '\\') && (strchr(pattern, '[') || pattern[4] == '\\'))
            continue;
        if (strstr(pattern, "[!-") || strstr(pattern, "--"))
            continue;
        for (size_t n = 0; n < names; n++) {
            for (size_t i = 0, left = n; i < 3; i++, left /= 4)
                name[i] = name_bytes[left % 4];
            bool want = fnmatch(pattern, name, 0) == 0;
            if (ftp_glob_match(pattern, name) != want)
                fail_msg("pattern %s, name %s: fnmatch says %d", pattern, name, want);
        }
    }
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Each of these takes a backtracking or expanding matcher years. */
static void ca_2001_07_cve_2011_0418_glob_bombs(void **state)
{
    static const struct {
        const char *repeated, *end;
    } bombs[] = {
        {"*a", "b"},
        {"*", "b"},
        {"?*", "b"},
        {"{a,a}", "b"},
        {"{a*,a*}", "b"},
        {"{,a}", "b"},
        {"{", "b"},
        {"{{", "a"},
        {"[", "b"},
        {"[a-", "b"},
        {"*[", "b"},
        {"{*,*}", "b"},
        {"\\", "b"},
        {"{a,b,c}", ""},
        {"{a,{a,{a,", ""},
        {"*{*,a}[a-z]", ""},
        {"a*a*a*{a,aa}", "b"},
        {",", "}"},
    };
    char name[256], pattern[FTP_GLOB_MAX + 1];
    struct timespec start;
    (void)state;
    memset(name, 'a', 255);
    name[255] = '\0';
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (size_t i = 0; i < COUNT(bombs); i++) {
        size_t len = 0, unit = strlen(bombs[i].repeated);
        for (; len + unit + strlen(bombs[i].end) <= FTP_GLOB_MAX; len += unit)
            memcpy(pattern + len, bombs[i].repeated, unit);
        strcpy(pattern + len, bombs[i].end);
        (void)ftp_glob_match(pattern, name);
        (void)ftp_glob_match(pattern, pattern);
    }
    assert_true(seconds_since(&start) < 1.0); /* with sanitizers, on a slow machine */
}

static void an_overlong_pattern_matches_nothing(void **state)
{
    char pattern[5001];
    (void)state;
    memset(pattern, '*', 5000);
    pattern[5000] = '\0';
    assert_false(ftp_glob_match(pattern, "a"));
    pattern[FTP_GLOB_MAX + 1] = '\0';
    assert_false(ftp_glob_match(pattern, "a"));
    pattern[FTP_GLOB_MAX] = '\0';
    assert_true(ftp_glob_match(pattern, "a"));
}

static void patterns_are_told_from_names(void **state)
{
    (void)state;
    assert_true(ftp_glob_is_pattern("*.txt"));
    assert_true(ftp_glob_is_pattern("a?"));
    assert_true(ftp_glob_is_pattern("[a]"));
    assert_true(ftp_glob_is_pattern("{a,b}"));
    assert_false(ftp_glob_is_pattern("plain name.txt"));
    assert_false(ftp_glob_is_pattern("back\\slash"));
    assert_false(ftp_glob_is_pattern(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_resolves_textually),
        cmocka_unit_test(below_the_root_or_not),
        cmocka_unit_test(join_keeps_within_its_buffer),
        cmocka_unit_test(quote_doubles_quotes),
        cmocka_unit_test(glob_matches),
        cmocka_unit_test(glob_agrees_with_fnmatch),
        cmocka_unit_test(ca_2001_07_cve_2011_0418_glob_bombs),
        cmocka_unit_test(an_overlong_pattern_matches_nothing),
        cmocka_unit_test(patterns_are_told_from_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
