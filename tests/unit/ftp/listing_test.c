/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/listing.h"

#include "ftp/time.h"
#include "server/listing.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t now = 1718452800; /* 2024-06-15 12:00:00 UTC */

/* What a line says, in one: "file 1024 0644 20240131125900sz kim:staff <name> -> <target>". '-' is not known; s, m
 * or d is how exact the time is, z that it is UTC. */
static void tell(const struct ftp_listed *e, char *out, size_t cap)
{
    static const char *const kinds[] = {"unknown", "file", "folder", "link", "other", "self", "parent"};
    char size[32] = "-", mode[16] = "-", time[32] = "-";
    if (e->has_size)
        snprintf(size, sizeof(size), "%llu", (unsigned long long)e->size);
    if (e->has_mode)
        snprintf(mode, sizeof(mode), "%04o", e->mode);
    if (e->time.is_known) {
        assert_true(ftp_time_format(e->time.seconds, time));
        time[14] = "smd"[e->time.precision];
        time[15] = e->time.is_utc ? 'z' : '\0';
    }
    int len = snprintf(out, cap, "%s %s %s %s %.*s:%.*s <%.*s>", kinds[e->kind], size, mode, time,
                       (int)e->owner.len, e->owner.at ? e->owner.at : "", (int)e->group.len,
                       e->group.at ? e->group.at : "", (int)e->name.len, e->name.at);
    if (e->target.at)
        snprintf(out + len, cap - (size_t)len, " -> <%.*s>", (int)e->target.len, e->target.at);
}

/* From memory that ends where the line does, so that the sanitizer sees what is read behind it. */
static int read_exactly(struct ftp_dialect *dialect, const char *line, size_t len, char *out, size_t cap)
{
    struct ftp_listed e;
    char *copy = malloc(len ? len : 1);
    memcpy(copy, line, len);
    int r =
        dialect ? ftp_listed_read_line(dialect, copy, len, now, &e) : ftp_listed_read_facts(copy, len, &e);
    if (r == 1)
        tell(&e, out, cap);
    else
        snprintf(out, cap, "%s", r == 0 ? "nothing" : "not understood");
    assert_true(r == 1 || r == 0 || r == -EINVAL);
    free(copy);
    return r;
}

struct line {
    const char *line, *want;
};

static void check_lines(struct ftp_dialect *dialect, const struct line *lines, size_t count)
{
    char got[512];
    for (size_t i = 0; i < count; i++) {
        struct ftp_dialect fresh = {0};
        (void)!read_exactly(dialect ? dialect : &fresh, lines[i].line, strlen(lines[i].line), got,
                            sizeof(got));
        if (strcmp(got, lines[i].want) != 0)
            fail_msg("%s\n  is  %s\n  not %s", lines[i].line, got, lines[i].want);
    }
}

static void check_facts(const struct line *lines, size_t count)
{
    char got[512];
    for (size_t i = 0; i < count; i++) {
        (void)!read_exactly(NULL, lines[i].line, strlen(lines[i].line), got, sizeof(got));
        if (strcmp(got, lines[i].want) != 0)
            fail_msg("%s\n  is  %s\n  not %s", lines[i].line, got, lines[i].want);
    }
}

/* --- ls -l, and what calls itself so ----------------------------------------------------------------- */

static void unix_columns(void **state)
{
    static const struct line lines[] = {
        {"-rw-r--r--   1 kim      staff        1024 Jan 31 12:59 plan.txt",
         "file 1024 0644 20240131125900m kim:staff <plan.txt>"},
        {"-rw-r--r--   1 kim      staff        1024 Jan 31  2023 plan.txt\r\n",
         "file 1024 0644 20230131000000d kim:staff <plan.txt>"},
        {"drwxrwsr-t  12 0        0            4096 Jan 31 12:59 pub",
         "folder 4096 3775 20240131125900m 0:0 <pub>"},
        {"drwxrwsrwt123456 somebody-long staff  18446744073709551615 Jan 31 12:59 many-links",
         "folder 18446744073709551615 3777 20240131125900m somebody-long:staff <many-links>"},
        {"-rwSr-lr-T 1 a b 18446744073709551616 Jan 31 12:59 more-than-64-bits",
         "file - 7644 20240131125900m a:b <more-than-64-bits>"},
        {"-rw-rw-r--+ 1 kim staff 5000000000 Jan 31 12:59 access-list",
         "file 5000000000 0664 20240131125900m kim:staff <access-list>"},
        {"-rw-r--r--. 1 kim staff 1 Jan 31 12:59 label", "file 1 0644 20240131125900m kim:staff <label>"},
        {"-rw-r--r--@ 1 kim staff 1 Jan 31 12:59 extended",
         "file 1 0644 20240131125900m kim:staff <extended>"},
        {"-rw------a  1 kim              62 Jan 31  2017 dos-attribute",
         "file 62 0600 20170131000000d kim: <dos-attribute>"},
        {"-rw-r--r--   1 kim            1024 Jan 31 12:59 no-group",
         "file 1024 0644 20240131125900m kim: <no-group>"},
        {"-rw-r--r--   1            1024 Jan 31 12:59 no-owner",
         "file 1024 0644 20240131125900m : <no-owner>"},
        {"drwxrwxr-x               folder        2 May 10  1996 a Macintosh",
         "folder 2 0775 19960510000000d folder: <a Macintosh>"},
        {"-rw-rw-r--   1 kim      Domain Users     1024 Jan 31 12:59 blanks in a group",
         "file 1024 0664 20240131125900m kim:Domain Users <blanks in a group>"},
        {"-rw-rw----   root   sdcard_rw   1024 2024-01-31 12:59 no-links",
         "file 1024 0660 20240131125900m root:sdcard_rw <no-links>"},
        {"crw-rw----   1 root     disk       8,   1 Jan 31 12:59 sda1",
         "other - 0660 20240131125900m root:disk <sda1>"},
        {"brw-rw----   1 root     disk     8,1 Jan 31 12:59 sda1",
         "other - 0660 20240131125900m root:disk <sda1>"},
        {"prw-r--r--   1 root     root        0 Jan 31 12:59 pipe",
         "other 0 0644 20240131125900m root:root <pipe>"},
        {"-rw-r--r--   1 kim staff  1.2K Jan 31 12:59 rounded",
         "file - 0644 20240131125900m kim:staff <rounded>"},
        /* A user id, a group id and a size that are also days and years. */
        {"-rw-r--r--   1 12 31 2024 Jan 31 12:59 numbers", "file 2024 0644 20240131125900m 12:31 <numbers>"},
        {"-rw-r--r--   1 jan 20 2000 Jan 31 12:59 a-user-called-jan",
         "file 2000 0644 20240131125900m jan:20 <a-user-called-jan>"},
        {"-rw-r--r--   1 kim staff 31 31 Jan 2024 days", "file 31 0644 20240131000000d kim:staff <days>"},
    };
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
}

static void names_are_what_the_server_says(void **state)
{
    static const struct line lines[] = {
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59  two blanks  first and last ",
         "file 1 0644 20240131125900m a:b < two blanks  first and last >"},
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59 5 Jan 31 2024 x",
         "file 1 0644 20240131125900m a:b <5 Jan 31 2024 x>"},
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59 2023 report", "file 1 0644 20240131125900m a:b <2023 report>"},
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59 no -> link", "file 1 0644 20240131125900m a:b <no -> link>"},
        {"lrwxrwxrwx 1 a b 6 Jan 31 12:59 name -> target",
         "link 6 0777 20240131125900m a:b <name> -> <target>"},
        {"lrwxrwxrwx 1 a b 6 Jan 31 12:59 a -> b -> target",
         "link 6 0777 20240131125900m a:b <a -> b> -> <target>"},
        {"lrwxrwxrwx 1 a b 11 Jan 31 12:59 a -> b -> target",
         "link 11 0777 20240131125900m a:b <a> -> <b -> target>"},
        {"lrwxrwxrwx 1 a b 99 Jan 31 12:59 a -> b -> target",
         "link 99 0777 20240131125900m a:b <a> -> <b -> target>"},
        {"lrwxrwxrwx 1 a b 1 Jan 31 12:59 no target", "link 1 0777 20240131125900m a:b <no target>"},
        {"drwxr-xr-x 1 a b 1 Jan 31 12:59 .", "self 1 0755 20240131125900m a:b <.>"},
        {"lrwxrwxrwx 1 a b 1 Jan 31 12:59 .. -> /", "parent 1 0777 20240131125900m a:b <..> -> </>"},
        {"drwxr-xr-x 1 a b 1 Jan 31 12:59 ...", "folder 1 0755 20240131125900m a:b <...>"},
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59 ", "file 1 0644 20240131125900m a:b <>"},
        {"-rw-r--r-- 1 a b 1 Jan 31 12:59", "file 1 0644 20240131125900m a:b <>"},
    };
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
}

static void unfit_names_are_flagged(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        unsigned flaws;
    } names[] = {{"plain", 5, 0},
                 {"\xff\xc3\x28", 3, 0},
                 {"", 0, FTP_NAME_EMPTY},
                 {"../etc/passwd", 13, FTP_NAME_SLASH},
                 {"/", 1, FTP_NAME_SLASH},
                 {"a\0b", 3, FTP_NAME_CONTROL},
                 {"\033[2J", 4, FTP_NAME_CONTROL},
                 {"\x7f/", 2, FTP_NAME_CONTROL | FTP_NAME_SLASH}};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct ftp_listed e;
        char line[64];
        int len = snprintf(line, sizeof(line), "type=file; ");
        memcpy(line + len, names[i].name, names[i].len);
        assert_int_equal(ftp_listed_read_facts(line, (size_t)len + names[i].len, &e), 1);
        assert_int_equal(e.flaws, names[i].flaws);
        assert_int_equal(e.name.len, names[i].len);
        assert_memory_equal(e.name.at, names[i].name, names[i].len);
    }
}

static void dates_in_many_languages(void **state)
{
    static const struct {
        const char *date, *want;
    } dates[] = {
        {"Jan 31 12:59", "20240131125900m"},
        {"jan  1 00:00", "20240101000000m"},
        {"Jun 16 11:59", "20240616115900m"}, /* within a day: a clock or a zone ahead of ours */
        {"Jun 16 12:01", "20230616120100m"},
        {"Jul  1 12:59", "20230701125900m"}, /* some servers leave the year out for longer than half a year */
        {"Feb 29 12:59", "20240229125900m"},
        {"Feb 29  2023", "-"}, /* there was none */
        {"Jan 31  1969", "19690131000000d"},
        {"31 Jan  2024", "20240131000000d"},
        {"31 Jan 12:59", "20240131125900m"},
        {"Jan 31 12:59:58 2019", "20190131125958s"},
        {"2024-01-31 12:59", "20240131125900m"},
        {"2024/01/31 12:59", "20240131125900m"},
        {"2024-01-31 12:59:58", "20240131125958s"},
        {"2024-01-31 12:59:58.123456789 +0000", "20240131125958sz"},
        {"2024-01-31 00:59:58.5 +0230", "20240130222958sz"},
        {"2024-01-31 23:59:58 -0100", "20240201005958sz"},
        {"31. Jan 12:59", "20240131125900m"},
        {"31. Mär 2023", "20230331000000d"},
        {"31. M\xe4r 2023", "20230331000000d"}, /* Latin-1 */
        {"31 Okt 2023", "20231031000000d"},
        {"24 juil.  2023", "20230724000000d"},
        {"8 févr. 2023", "20230208000000d"},
        {"8 d\xe9"
         "c. 2023",
         "20231208000000d"},
        {"août 31 2023", "20230831000000d"},
        {"31 ene 2023", "20230131000000d"},
        {"31 mag 2023", "20230531000000d"},
        {"30 wrz 2023", "20230930000000d"},
        {"31 říj 2023", "20231031000000d"},
        {"1 kvě 2023", "20230501000000d"},
        {"1 Şub 2023", "20230201000000d"},
        {"31 мая 2023", "20230531000000d"},
        {"1月 31 12:59", "20240131125900m"},
        {" 1月 31日  2023年", "20230131000000d"},
        {"1\x8c\x8e 31 12:59", "20240131125900m"}, /* the same in another encoding */
        {"lip 31 2023", "-"},                      /* July in Polish, June in Croatian */
        {"Xyz 31 12:59", "-"},
        {"000 17 2025", "-"}, /* a robot's controller */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++) {
        struct ftp_dialect dialect = {0};
        char line[128], got[256], want[128];
        snprintf(line, sizeof(line), "-rw-r--r-- 1 a b 7 %s name", dates[i].date);
        snprintf(want, sizeof(want), "file 7 0644 %s a:b <name>", dates[i].want);
        assert_int_equal(read_exactly(&dialect, line, strlen(line), got, sizeof(got)), 1);
        if (strcmp(got, want) != 0)
            fail_msg("%s\n  is  %s\n  not %s", line, got, want);
    }
}

/* The last 29 February before March 1903 was in 1896. */
static void the_leap_day_may_be_far_back(void **state)
{
    static const char line[] = "-rw-r--r-- 1 a b 7 Feb 29 12:59 name";
    struct ftp_dialect dialect = {0};
    struct ftp_listed e;
    int64_t then, want;
    (void)state;
    assert_int_equal(ftp_time_parse("19030301000000", &then, NULL), 0);
    assert_int_equal(ftp_time_parse("18960229125900", &want, NULL), 0);
    assert_int_equal(ftp_listed_read_line(&dialect, line, sizeof(line) - 1, then, &e), 1);
    assert_true(e.time.is_known);
    assert_int_equal(e.time.seconds, want);
    /* At the ends of what an int64_t can hold. */
    assert_int_equal(ftp_listed_read_line(&dialect, line, sizeof(line) - 1, INT64_MIN, &e), 1);
    assert_false(e.time.is_known);
    assert_int_equal(ftp_listed_read_line(&dialect, line, sizeof(line) - 1, INT64_MAX, &e), 1);
    assert_true(e.time.is_known);
}

/* --- the others -------------------------------------------------------------------------------------- */

static void netware_has_rights_of_its_own(void **state)
{
    static const struct line lines[] = {
        {"d [R----F--] supervisor            512       Jan 16 18:53    login",
         "folder 512 - 20240116185300m supervisor: <login>"},
        {"- [RWCEAFMS] kim                214059       Oct 20 15:27    cx.exe",
         "file 214059 - 20231020152700m kim: <cx.exe>"},
        {"-[RWCEAFMS] 1 kim                 512 Jan 16 18:53 hellsoft",
         "file 512 - 20240116185300m kim: <hellsoft>"},
        {"d [R----F-", "not understood"},
        {"d", "not understood"},
    };
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
}

static void dos_lines(void **state)
{
    static const struct line lines[] = {
        {"01-31-24  12:59PM       <DIR>          a folder", "folder - - 20240131125900m : <a folder>"},
        {"01-31-24  12:59AM                 1024 a file.txt", "file 1024 - 20240131005900m : <a file.txt>"},
        {"01-31-2024  01:59PM           5000000000  blank", "file 5000000000 - 20240131135900m : < blank>"},
        {"01-31-24  12:59PM       <DIR>           blank", "folder - - 20240131125900m : < blank>"},
        {"01/31/97  01:59 PM <DIR> few-blanks", "folder - - 19970131135900m : <few-blanks>"},
        {"11-02-18  14:12       <DIR>          of 24 hours", "folder - - 20181102141200m : <of 24 hours>"},
        {"2024-01-31  12:59                 1024 iso", "file 1024 - 20240131125900m : <iso>"},
        {"31.01.2024  12:59                 1024 dots", "file 1024 - 20240131125900m : <dots>"},
        {"01-31-24  12:59PM       <SYMLINKD>     link [C:\\a [b]]",
         "link - - 20240131125900m : <link [C:\\a> -> <b]>"},
        {"01-31-24  12:59PM       <JUNCTION>     link [C:\\a]",
         "link - - 20240131125900m : <link> -> <C:\\a>"},
        {"01-31-24  12:59PM       <JUNCTION>     link", "link - - 20240131125900m : <link>"},
        {"01-31-24  12:59PM       <DIR>          ..", "parent - - 20240131125900m : <..>"},
        {"01-31-24  12:59PM       <DIR>", "folder - - 20240131125900m : <>"},
        {"13-13-24  12:59PM                 1024 no-such-day", "file 1024 - - : <no-such-day>"},
        {"01-31-24  12:59XM                 1024 name", "not understood"},
        {"01-31-24  12:59PM", "not understood"},
        {"01-31-24  name", "not understood"},
    };
    /* Days come first once a line has shown it. */
    static const struct line day_first[] = {
        {"01-02-24  12:59                 1024 a", "file 1024 - 20240102125900m : <a>"},
        {"31-01-24  12:59                 1024 b", "file 1024 - 20240131125900m : <b>"},
        {"01-02-24  12:59                 1024 c", "file 1024 - 20240201125900m : <c>"},
    };
    struct ftp_dialect dialect = {0};
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
    check_lines(&dialect, day_first, COUNT(day_first));
}

static void eplf_lines(void **state)
{
    static const struct line lines[] = {
        {"+i8388621.48594,m825718503,r,s280,\tdjb.html", "file 280 - 19960301221503sz : <djb.html>"},
        {"+i8388621.50690,m824255907,/,\t514", "folder - - 19960213235827sz : <514>"},
        {"+r,up0644,s280,\t two\ttabs ", "file 280 0644 - : < two\ttabs >"},
        {"+\tnothing else is said", "unknown - - - : <nothing else is said>"},
        {"+m99999999999999999999,sx,upx,\ta", "unknown - - - : <a>"},
        {"+m9223372036854775807,\ta", "unknown - - - : <a>"},
        {"+r,s280, no tab", "not understood"},
    };
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
}

static void vms_lines(void **state)
{
    static const struct line lines[] = {
        {"", "nothing"},
        {"Directory DISK$USER:[ANONYMOUS]", "nothing"},
        {"README.TXT;12             2/4      31-JAN-2024 12:59:58  [KIM]  (RWED,RWED,RE,)",
         "file - - 20240131125958s KIM: <README.TXT;12>"},
        {"PUB.DIR;1                 1  31-JAN-2024 12:59 [GRP,KIM] (RWE,RE,RE,RE)",
         "folder - - 20240131125900m GRP,KIM: <PUB>"},
        {"A_NAME_THAT_LEAVES_NO_ROOM_FOR_COLUMNS.TXT;1", "nothing"},
        {"                         34/36     31-JAN-2024 12:59:58  [KIM] (RWED,RWED,,)",
         "file - - 20240131125958s KIM: <A_NAME_THAT_LEAVES_NO_ROOM_FOR_COLUMNS.TXT;1>"},
        {"SECRET.TXT;1   %RMS-E-PRV, insufficient privilege", "file - - - : <SECRET.TXT;1>"},
        {"DAY.TXT;1  1  31-JAN-2024", "file - - 20240131000000d : <DAY.TXT;1>"},
        {"DAY.TXT;1  1  31-JAN-2024 12:599", "file - - 20240131000000d : <DAY.TXT;1>"},
        {"LOST.TXT;1", "nothing"},
        {"OTHER.TXT;1  1  31-JAN-2024 12:59", "file - - 20240131125900m : <OTHER.TXT;1>"},
        {"   34/36     31-JAN-2024 12:59:58", "not understood"}, /* goes on with nothing */
        {"Total of 3 files, 37 blocks.", "nothing"},
    };
    struct ftp_dialect dialect = {0};
    (void)state;
    check_lines(&dialect, lines, COUNT(lines));
}

static void a_name_longer_than_the_dialect_keeps(void **state)
{
    char line[600], got[1024];
    struct ftp_dialect dialect = {0};
    (void)state;
    for (size_t len = 250; len < 262; len++) {
        memset(line, 'A', len);
        memcpy(line + len - 2, ";1", 2);
        int want = len < sizeof(dialect.name) ? 0 : 1; /* an entry that is cut off is still one */
        assert_int_equal(read_exactly(&dialect, line, len, got, sizeof(got)), want);
    }
}

static void what_is_no_entry(void **state)
{
    static const struct line lines[] = {
        {"", "nothing"},
        {"\r\n", "nothing"},
        {"   ", "nothing"},
        {"total 12", "nothing"},
        {"insgesamt 12", "nothing"},
        {"total 1.2M", "nothing"},
        {"итого 12", "nothing"},
        {"总用量 12", "nothing"},
        {"README 12", "not understood"},
        {"README", "not understood"},
        {"ls: secret: Permission denied", "not understood"},
        {"-rw-r--r-- 1 kim staff 12 today name", "not understood"},
        {"-rw-r--r-- 1 kim staff 12 today at noon a 5 Jan 31 2024 name",
         "not understood"}, /* columns in a name */
        {"-rw-r--r-- 1 kim staff 12 Jan 32 12:59 name", "not understood"},
        {"-rw-r--r--", "not understood"},
        {"-rw-r--r", "not understood"},
        {"-rw-r--r-- 1 a b c d e f g h i j k l m n o 12 Jan 31 12:59 far", "not understood"},
    };
    struct ftp_listed e = {.size = 4711};
    struct ftp_dialect dialect = {0};
    (void)state;
    check_lines(NULL, lines, COUNT(lines));
    assert_int_equal(ftp_listed_read_line(&dialect, "-rw-r--r-- 1 2 3 4", 18, now, &e), -EINVAL);
    assert_int_equal(ftp_listed_read_line(&dialect, NULL, 0, now, &e), 0);
    assert_int_equal(ftp_listed_read_facts(NULL, 0, &e), 0);
    assert_int_equal(ftp_listed_read_facts("size=1", 6, &e), -EINVAL);
    assert_int_equal(e.size, 4711);
}

/* --- MLSD -------------------------------------------------------------------------------------------- */

static void fact_lines(void **state)
{
    static const struct line lines[] = {
        {"type=file;size=1024;modify=20240131125958;UNIX.mode=0644;UNIX.owner=0;UNIX.group=1; name",
         "file 1024 0644 20240131125958sz 0:1 <name>"},
        {"Type=DIR;SIZD=4096;Modify=20240131125958.123;unix.Mode=100755; a  folder ",
         "folder 4096 0755 20240131125958sz : <a  folder >"},
        {"type=cdir; /pub/kim", "self - - - : </pub/kim>"},
        {"type=pdir; /pub", "parent - - - : </pub>"},
        {"type=dir; ..", "parent - - - : <..>"},
        {"type=OS.unix=slink:../target;size=9; name", "link 9 - - : <name> -> <../target>"},
        {"type=OS.unix=symlink; name", "link - - - : <name>"},
        {"type=OS.unix=slink:; name", "link - - - : <name>"},
        {"type=OS.unix=slink:/a b; name", "link - - - : <name> -> </a b>"},
        {"type=OS.unix=chr-8/1; name", "other - - - : <name>"},
        {" only a name", "unknown - - - : <only a name>"},
        {"type=file;  blank", "file - - - : < blank>"},
        {"type=file; semi; colon=;", "file - - - : <semi; colon=;>"},
        {"type=file;size=7 no semicolon", "file 7 - - : <no semicolon>"},
        {"modify=20240131125958;UNIX.group=10;UNIX.groupname=domain users;UNIX.mode=0777; name",
         "unknown - 0777 20240131125958sz :domain users <name>"},
        {"type=file;size=;modify=20240231000000;UNIX.mode=9; name", "file - - - : <name>"},
        {"type=file;size=99999999999999999999999; name", "file - - - : <name>"},
        {"size=18446744073709551616;modify=2024013112595;perm=;x.y=z;;lang=; name", "unknown - - - : <name>"},
        {"type=file;modify=20240131125958x; name", "file - - - : <name>"},
        {"type=file;\r\n", "not understood"},
        {"type; name", "not understood"},
        {"-rw-r--r-- 1 kim staff 12 Jan 31 12:59 name", "not understood"},
        {"\r\n", "nothing"},
    };
    struct ftp_listed e;
    static const char line[] = "perm=adfrw;unique=801g1f; name";
    (void)state;
    check_facts(lines, COUNT(lines));
    assert_int_equal(ftp_listed_read_facts(line, sizeof(line) - 1, &e), 1);
    assert_int_equal(e.perm.len, 5);
    assert_memory_equal(e.perm.at, "adfrw", 5);
    assert_int_equal(e.unique.len, 6);
    assert_memory_equal(e.unique.at, "801g1f", 6);
}

/* --- what sallyd writes ------------------------------------------------------------------------------ */

static enum ftp_listed_kind kind_of(uint32_t mode)
{
    return S_ISREG(mode)   ? FTP_LISTED_FILE
           : S_ISDIR(mode) ? FTP_LISTED_FOLDER
           : S_ISLNK(mode) ? FTP_LISTED_LINK
                           : FTP_LISTED_OTHER;
}

static void assert_text(struct ftp_text got, const char *want)
{
    assert_int_equal(got.len, want ? strlen(want) : 0);
    assert_memory_equal(got.at ? got.at : "", want ? want : "", got.len);
}

static void assert_same(const struct ftp_entry *e, const struct ftp_listed *got)
{
    assert_int_equal(got->kind, kind_of(e->mode));
    assert_true(got->has_mode);
    assert_int_equal(got->mode, e->mode & 07777);
    assert_text(got->name, e->name);
    assert_text(got->owner, e->owner);
    assert_text(got->group, e->group);
    assert_text(got->target, e->link_target);
}

static void check_list(const struct ftp_entry *e)
{
    static const int64_t units[] = {1, 60, FTP_DAY};
    struct ftp_listing_clock clock = {.now = now};
    struct ftp_dialect dialect = {0};
    struct ftp_listed got;
    char line[1024];
    int len = ftp_list_line(e, &clock, line, sizeof(line));
    assert_true(len > 0);
    assert_int_equal(ftp_listed_read_line(&dialect, line, (size_t)len, now, &got), 1);
    assert_same(e, &got);
    assert_true(got.has_size && got.time.is_known && !got.time.is_utc);
    assert_int_equal(got.size, e->size);
    int64_t unit = units[got.time.precision], rest = e->mtime % unit;
    assert_int_equal(got.time.seconds, e->mtime - rest - (rest < 0 ? unit : 0));
}

static void check_mlsd(const struct ftp_entry *e)
{
    struct ftp_listed got;
    char line[1024];
    int len = ftp_fact_line(e, FTP_FACTS_ALL, 63, line, sizeof(line));
    assert_true(len > 0);
    assert_int_equal(ftp_listed_read_facts(line, (size_t)len, &got), 1);
    assert_same(e, &got);
    assert_int_equal(got.has_size, S_ISREG(e->mode));
    assert_true(!got.has_size || got.size == e->size);
    assert_true(got.time.is_known && got.time.is_utc && got.time.precision == FTP_TO_SECOND);
    assert_int_equal(got.time.seconds, e->mtime);
    assert_true(got.perm.len > 0 && got.unique.len > 0);
}

static void what_sallyd_writes_is_read_back(void **state)
{
    static const char *const names[] = {"name", " a b ", "a; b", "5 Jan 31 2024 x",
                                        "-> a", "a ->",  "\xff", "..."};
    static const uint32_t kinds[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
    static const int64_t times[] = {0,
                                    -1,
                                    1718452800,
                                    1718452801,
                                    1718452800 - 182 * FTP_DAY,
                                    1709211599,
                                    INT64_C(-62167219200),
                                    INT64_C(253402300799),
                                    1718452800 + 400 * FTP_DAY};
    (void)state;
    for (size_t n = 0; n < COUNT(names); n++)
        for (size_t k = 0; k < COUNT(kinds); k++)
            for (size_t t = 0; t < COUNT(times); t++) {
                struct ftp_entry e = {.name = names[n],
                                      .owner = "1000",
                                      .group = "31",
                                      .mode = kinds[k] | (uint32_t)(t * 0677 & 07777),
                                      .nlink = t % 2 ? 1 : UINT32_MAX,
                                      .size = t % 2 ? UINT64_MAX : 2024,
                                      .mtime = times[t],
                                      .uid = 1000,
                                      .gid = 31};
                if (S_ISLNK(e.mode)) {
                    e.link_target = t % 2 ? "../a->b" : "target";
                    e.size = strlen(e.link_target);
                }
                check_list(&e);
                check_mlsd(&e);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unix_columns),
        cmocka_unit_test(names_are_what_the_server_says),
        cmocka_unit_test(unfit_names_are_flagged),
        cmocka_unit_test(dates_in_many_languages),
        cmocka_unit_test(the_leap_day_may_be_far_back),
        cmocka_unit_test(netware_has_rights_of_its_own),
        cmocka_unit_test(dos_lines),
        cmocka_unit_test(eplf_lines),
        cmocka_unit_test(vms_lines),
        cmocka_unit_test(a_name_longer_than_the_dialect_keeps),
        cmocka_unit_test(what_is_no_entry),
        cmocka_unit_test(fact_lines),
        cmocka_unit_test(what_sallyd_writes_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
