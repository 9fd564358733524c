/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/listing.h"

#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const int64_t noon = 1704110400; /* 2024-01-01 12:00:00 UTC */

static struct ftp_entry file_entry(const char *name)
{
    return (struct ftp_entry){.name = name,
                              .owner = "0",
                              .group = "0",
                              .mode = S_IFREG | 0644,
                              .nlink = 1,
                              .size = 1024,
                              .mtime = noon,
                              .dev = 0x801,
                              .ino = 0x1f};
}

static void assert_list(const struct ftp_entry *e, int64_t now, const char *want)
{
    struct ftp_listing_clock clock = {.now = now};
    char out[1024];
    int len = ftp_list_line(e, &clock, out, sizeof(out));
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out, want, strlen(want));
}

static void list_lines_are_vsftpds(void **state)
{
    struct ftp_entry e = file_entry("name");
    (void)state;
    assert_list(&e, noon, "-rw-r--r--    1 0        0            1024 Jan 01 12:00 name\r\n");
    e.mode = S_IFLNK | 0777;
    e.link_target = "target";
    assert_list(&e, noon, "lrwxrwxrwx    1 0        0            1024 Jan 01 12:00 name -> target\r\n");
    e.link_target = NULL;
    e.mode = S_IFDIR | 07777;
    e.nlink = 123456;
    e.owner = "somebody-long";
    e.group = "staff";
    e.size = UINT64_MAX;
    assert_list(&e, noon,
                "drwsrwsrwt123456 somebody-long staff    18446744073709551615 Jan 01 12:00 name\r\n");
    e = file_entry("odd");
    e.mode = S_IFREG | 07000;
    assert_list(&e, noon, "---S--S--T    1 0        0            1024 Jan 01 12:00 odd\r\n");
}

static void every_kind_has_its_letter(void **state)
{
    static const struct {
        uint32_t kind;
        char letter;
    } kinds[] = {{S_IFREG, '-'},  {S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFIFO, 'p'},
                 {S_IFSOCK, 's'}, {S_IFCHR, 'c'}, {S_IFBLK, 'b'}, {0, '-'}};
    struct ftp_listing_clock clock = {.now = noon};
    char out[512];
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct ftp_entry e = file_entry("x");
        e.mode = kinds[i].kind;
        assert_true(ftp_list_line(&e, &clock, out, sizeof(out)) > 0);
        assert_int_equal(out[0], kinds[i].letter);
    }
}

static void old_and_future_files_show_the_year(void **state)
{
    const int64_t half_a_year = INT64_C(182) * 86400;
    struct ftp_entry e = file_entry("n");
    (void)state;
    assert_list(&e, noon + half_a_year, "-rw-r--r--    1 0        0            1024 Jan 01 12:00 n\r\n");
    assert_list(&e, noon + half_a_year + 1, "-rw-r--r--    1 0        0            1024 Jan 01  2024 n\r\n");
    assert_list(&e, noon - 1, "-rw-r--r--    1 0        0            1024 Jan 01  2024 n\r\n");
    e.mtime = INT64_MIN;
    assert_list(&e, noon, "-rw-r--r--    1 0        0            1024 Jan 01  0000 n\r\n");
    e.mtime = INT64_MAX;
    assert_list(&e, noon, "-rw-r--r--    1 0        0            1024 Dec 31  9999 n\r\n");
}

/* The clock's cache must not show one entry's time for another's. */
static void neighbours_keep_their_own_time(void **state)
{
    struct ftp_listing_clock clock = {.now = noon};
    struct ftp_entry e = file_entry("n");
    const int64_t times[] = {0,    noon,         noon - 1,           noon - 60, noon + 1,
                             noon, noon - 86400, noon - 400 * 86400, 0,         -1};
    char out[512], fresh_out[512];
    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        struct ftp_listing_clock fresh = {.now = noon};
        e.mtime = times[i];
        int len = ftp_list_line(&e, &clock, out, sizeof(out));
        assert_int_equal(len, ftp_list_line(&e, &fresh, fresh_out, sizeof(fresh_out)));
        assert_memory_equal(out, fresh_out, (size_t)len);
    }
}

static void local_time_is_the_zones(void **state)
{
    struct ftp_listing_clock clock = {.now = noon, .use_localtime = 1};
    struct ftp_entry e = file_entry("n");
    char out[512];
    (void)state;
    setenv("TZ", "XYZ-05:45", 1);
    tzset();
    int len = ftp_list_line(&e, &clock, out, sizeof(out));
    unsetenv("TZ");
    tzset();
    assert_true(len > 0);
    assert_memory_equal(out + len - 17, " Jan 01 17:45 n\r\n", 17);
}

static void a_name_cannot_end_its_line(void **state)
{
    struct ftp_entry e = file_entry("a\r\nb");
    char out[512];
    (void)state;
    e.mode = S_IFLNK | 0777;
    e.link_target = "c\nd\r";
    assert_list(&e, noon, "lrwxrwxrwx    1 0        0            1024 Jan 01 12:00 a??b -> c?d?\r\n");
    e.link_target = NULL; /* such a target is not told: ftp_fact_can_say */
    static const char want[] = "type=OS.unix=symlink; a?\0b\r\n";
    int len = ftp_fact_line(&e, FTP_FACT_TYPE, 0, out, sizeof(out));
    assert_int_equal(len, sizeof(want) - 1);
    assert_memory_equal(out, want, sizeof(want) - 1);
}

static void assert_facts(const struct ftp_entry *e, uint32_t facts, uint32_t may, const char *want)
{
    char out[1024];
    int len = ftp_fact_line(e, facts, may, out, sizeof(out));
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out, want, strlen(want));
}

static void fact_lines(void **state)
{
    struct ftp_entry e = file_entry("name");
    (void)state;
    assert_facts(
        &e, FTP_FACTS_ALL, FTP_MAY_READ | FTP_MAY_APPEND | FTP_MAY_RENAME | FTP_MAY_DELETE,
        "type=file;size=1024;modify=20240101120000;perm=adfrw;unique=801g1f;UNIX.mode=0644;UNIX.owner=0;"
        "UNIX.group=0; name\r\n");
    assert_facts(&e, 0, 63, " name\r\n");
    assert_facts(&e, FTP_FACT_PERM, FTP_MAY_CREATE | FTP_MAY_MKDIR,
                 "perm=; name\r\n"); /* a folder's, not a file's */
    e.mode = S_IFDIR | S_ISVTX | 0777;
    e.uid = UINT32_MAX;
    assert_facts(
        &e, FTP_FACTS_ALL & ~FTP_FACT_MODIFY, 63,
        "type=dir;perm=cdeflmp;unique=801g1f;UNIX.mode=1777;UNIX.owner=4294967295;UNIX.group=0; name\r\n");
    assert_facts(&e, FTP_FACT_PERM, FTP_MAY_READ, "perm=el; name\r\n");
    e.name = ".";
    assert_facts(&e, FTP_FACT_TYPE, 0, "type=cdir; .\r\n");
    e.name = "..";
    assert_facts(&e, FTP_FACT_TYPE, 0, "type=pdir; ..\r\n");
    e.name = " ..";
    assert_facts(&e, FTP_FACT_TYPE, 0, "type=dir;  ..\r\n");
}

static void links_tell_their_target(void **state)
{
    struct ftp_entry e = file_entry("name");
    static const char *const sayable[] = {"a", "../a/b", "/", "\xff\xe9", "a:b=c", "-"};
    static const char *const unsayable[] = {"a b", "a;b", "a\nb", "\r", "a\x01", "\x7f", "\t", " "};
    (void)state;
    e.mode = S_IFLNK | 0777;
    assert_facts(&e, FTP_FACT_TYPE, 0, "type=OS.unix=symlink; name\r\n");
    e.link_target = "../a";
    assert_facts(&e, FTP_FACT_TYPE | FTP_FACT_SIZE, 0, "type=OS.unix=slink:../a; name\r\n");
    for (size_t i = 0; i < COUNT(sayable); i++)
        assert_true(ftp_fact_can_say(sayable[i]));
    for (size_t i = 0; i < COUNT(unsayable); i++)
        assert_false(ftp_fact_can_say(unsayable[i]));
}

/* "modify" has four digits for the year: a time that they can't say is not told, rather than another. */
static void times_that_cannot_be_said(void **state)
{
    struct ftp_entry e = file_entry("name");
    (void)state;
    e.mtime = INT64_C(253402300799);
    assert_facts(&e, FTP_FACT_MODIFY, 0, "modify=99991231235959; name\r\n");
    e.mtime++;
    assert_facts(&e, FTP_FACT_TYPE | FTP_FACT_MODIFY, 0, "type=file; name\r\n");
    e.mtime = INT64_C(-62167219200);
    assert_facts(&e, FTP_FACT_MODIFY, 0, "modify=00000101000000; name\r\n");
    e.mtime--;
    assert_facts(&e, FTP_FACT_MODIFY, 0, " name\r\n");
}

/* proftpd#2146: a long path in MLSD. The buffer ends where the sanitizer sees it. */
static void proftpd_2146_overlong_path(void **state)
{
    char *name = malloc(5001);
    (void)state;
    memset(name, 'n', 5000);
    name[5000] = '\0';
    for (size_t cap = 0; cap < 5300; cap += cap < 4900 ? 100 : 1) {
        struct ftp_entry e = file_entry(name);
        struct ftp_listing_clock clock = {.now = noon};
        char *out = malloc(cap ? cap : 1);
        e.size = e.dev = e.ino = UINT64_MAX;
        e.uid = e.gid = e.nlink = UINT32_MAX;
        e.owner = e.group = "";
        e.mode = S_IFREG | 07777;
        bool fits = cap >= 5000 + FTP_LISTING_ROOM;
        assert_int_equal(ftp_fact_line(&e, FTP_FACTS_ALL, 63, out, cap) > 0, fits);
        assert_int_equal(ftp_list_line(&e, &clock, out, cap) > 0, fits);
        if (!fits)
            assert_int_equal(ftp_fact_line(&e, FTP_FACTS_ALL, 63, out, cap), -ENOSPC);
        free(out);
    }
    free(name);
}

static void the_longest_line_fits_its_room(void **state)
{
    char out[FTP_LISTING_ROOM];
    struct ftp_listing_clock clock = {.now = noon};
    struct ftp_entry e = {.name = "",
                          .owner = "",
                          .group = "",
                          .link_target = "",
                          .mode = S_IFDIR,
                          .nlink = UINT32_MAX,
                          .size = UINT64_MAX,
                          .mtime = INT64_MIN,
                          .dev = UINT64_MAX,
                          .ino = UINT64_MAX,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
    (void)state;
    assert_true(ftp_list_line(&e, &clock, out, sizeof(out)) > 0);
    assert_true(ftp_fact_line(&e, FTP_FACTS_ALL, 63, out, sizeof(out)) > 0);
    e.mode = S_IFREG;
    assert_true(ftp_fact_line(&e, FTP_FACTS_ALL, 63, out, sizeof(out)) > 0);
    e.mode = S_IFLNK;
    assert_true(ftp_fact_line(&e, FTP_FACTS_ALL, 63, out, sizeof(out)) > 0);
}

static void facts_are_named_and_read(void **state)
{
    static const char all[] = "type*;size*;modify*;perm*;unique*;UNIX.mode*;UNIX.owner*;UNIX.group*;";
    char out[128];
    (void)state;
    assert_int_equal(ftp_facts_format(FTP_FACTS_ALL, 1, out, sizeof(out)), sizeof(all) - 1);
    assert_string_equal(out, all);
    assert_int_equal(ftp_facts_format(FTP_FACTS_ALL, 1, out, 40), -ENOSPC);
    assert_true(ftp_facts_format(FTP_FACT_SIZE, 1, out, sizeof(out)) > 0);
    assert_string_equal(out, "type;size*;modify;perm;unique;UNIX.mode;UNIX.owner;UNIX.group;");
    assert_int_equal(ftp_facts_format(FTP_FACT_TYPE | FTP_FACT_UNIX_MODE, 0, out, sizeof(out)), 15);
    assert_string_equal(out, "type;UNIX.mode;");
    assert_int_equal(ftp_facts_format(0, 0, out, sizeof(out)), 0);
    assert_string_equal(out, "");

    assert_int_equal(ftp_facts_parse(""), 0);
    assert_int_equal(ftp_facts_parse("Type;SIZE;unix.Mode;"),
                     FTP_FACT_TYPE | FTP_FACT_SIZE | FTP_FACT_UNIX_MODE);
    assert_int_equal(ftp_facts_parse("type;nonsense;;typ;types;modify"), FTP_FACT_TYPE | FTP_FACT_MODIFY);
    for (uint32_t facts = 0; facts <= FTP_FACTS_ALL; facts++) {
        assert_true(ftp_facts_format(facts, 0, out, sizeof(out)) >= 0);
        assert_int_equal(ftp_facts_parse(out), facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_lines_are_vsftpds),
        cmocka_unit_test(every_kind_has_its_letter),
        cmocka_unit_test(old_and_future_files_show_the_year),
        cmocka_unit_test(neighbours_keep_their_own_time),
        cmocka_unit_test(local_time_is_the_zones),
        cmocka_unit_test(a_name_cannot_end_its_line),
        cmocka_unit_test(fact_lines),
        cmocka_unit_test(links_tell_their_target),
        cmocka_unit_test(times_that_cannot_be_said),
        cmocka_unit_test(proftpd_2146_overlong_path),
        cmocka_unit_test(the_longest_line_fits_its_room),
        cmocka_unit_test(facts_are_named_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
