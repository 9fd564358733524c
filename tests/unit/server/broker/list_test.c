/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness.h"

#include "server/listing.h"
#include "server/path.h"

#include <sys/resource.h>

enum {
    MANY = 100 * 1000,
};

/* Asks, and compares the whole text. */
static void expect(struct harness *h, struct file_request in, const char *expected)
{
    assert_int_equal(harness_ask(h, MSG_FILE_LIST, in), 0);
    char *text = harness_text(h, NULL);
    assert_string_equal(text, expected);
    free(text);
}

#define EXPECT(h, expected, ...) expect(h, (struct file_request){__VA_ARGS__}, expected)

/* Asks for one with many lines, and waits until its seal says how it ended. */
static int await_seal(struct harness *h, enum file_list_format format)
{
    int seals;
    struct file_request in = {
        .path = "/", .mode = format, .offset = FTP_FACTS_ALL, .flags = FILE_LIST_ALL | FILE_STREAM};
    assert_int_equal(harness_ask(h, MSG_FILE_LIST, in), 0);
    assert_true(h->fd >= 0);
    assert_int_equal(h->reply.size, 0);
    for (int ms = 0; ms < PATIENCE_MS; ms++) {
        seals = fcntl(h->fd, F_GET_SEALS);
        assert_true(seals >= 0);
        if (seals & (LISTING_WHOLE | LISTING_BROKEN))
            return seals;
        (void)poll(NULL, 0, 1);
    }
    return 0;
}

static void fill(const struct harness *h, int count)
{
    char path[256];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/file-%05d.txt", h->root, (int)((long)i * 7919 % count));
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        close(fd);
    }
}

static void test_names_are_sorted_and_dots_hidden(void **state)
{
    struct harness *h = *state;
    static const char *const names[] = {
        "/b",       "/a", "/.dot", "/B", "/a b", "/\xc3\xa4", "/aaaaaaaaaaaaaaab", "/aaaaaaaaaaaaaaaa",
        "/aaaaaaaa"};
    for (size_t i = 0; i < COUNT(names); i++)
        harness_put(h, names[i], "1", 0644);
    harness_start(h);
    EXPECT(h, "B\r\na\r\na b\r\naaaaaaaa\r\naaaaaaaaaaaaaaaa\r\naaaaaaaaaaaaaaab\r\nb\r\n\xc3\xa4\r\n",
           .path = "/", .mode = LIST_NAMES);
    EXPECT(h, ".dot\r\n", .path = "/", .mode = LIST_NAMES, .path2 = ".*");
    EXPECT(h, "a\r\nb\r\n", .path = "/", .mode = LIST_NAMES, .path2 = "[ab]");
}

/* NLST gives names that the client can give to RETR: in the directory as it called that. */
static void test_names_as_the_client_says_them(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *path, *path2, *typed, *want;
        uint32_t flags;
    } cases[] = {
        {"/d", "", "d", "d/e\r\nd/f\r\n", 0},
        {"/d", "", "d/", "d/e\r\nd/f\r\n", 0},
        {"/d", "", "/d", "/d/e\r\n/d/f\r\n", 0},
        {"/d", "", "x/../d//", "x/../d//e\r\nx/../d//f\r\n", 0},
        {"/d", "", "", "e\r\nf\r\n", 0},
        {"/d", "", ".", "e\r\nf\r\n", 0},
        {"/d", "", "./", "./e\r\n./f\r\n", 0},
        {"/", "", "..", "../d\r\n", 0},
        {"/", "", "/", "/d\r\n", 0},
        {"/", "?", "/?", "/d\r\n", 0},
        {"/d", "[ex]", "d/[ex]", "d/e\r\n", 0},
        {"/d", "*", "*", "e\r\nf\r\n", 0},
        {"/d", "*", "./*", "e\r\nf\r\n", 0},
        {"/d/f", "", "d/f", "d/f\r\n", 0},
        {"/d/f", "", "f", "f\r\n", 0},
        {"/d/f", "", "/d/f", "/d/f\r\n", 0},
        {"/d", "", "d", "d\r\n", FILE_LIST_SELF},
        {"/d", "", "../d/", "../d/\r\n", FILE_LIST_SELF},
        {"/d", "", "", ".\r\n", FILE_LIST_SELF},
        {"/", "", "/", "/\r\n", FILE_LIST_SELF},
        {"/d", "*", "d/*", "d/e\r\nd/f\r\n", FILE_LIST_SELF},
        {"/d", "", "d", "d/.\r\nd/..\r\nd/e\r\nd/f\r\n", FILE_LIST_ALL},
        {"/d", "", "d", "d/f\r\nd/e\r\n", FILE_LIST_REVERSED},
        {"/d", "", "d", "d/e/\r\nd/f\r\n", FILE_LIST_MARK},
        {"/d", "", "d", "d:\r\nd/e\r\nd/f\r\n\r\nd/e:\r\nd/e/g\r\n", FILE_LIST_RECURSIVE},
        {"/d", "", "", ".:\r\ne\r\nf\r\n\r\n./e:\r\n./e/g\r\n", FILE_LIST_RECURSIVE},
        {"/d", "[eg]", "d/[eg]", "d:\r\nd/e\r\n\r\nd/e:\r\nd/e/g\r\n", FILE_LIST_RECURSIVE},
    };
    harness_mkdir(h, "/d");
    harness_mkdir(h, "/d/e");
    harness_put(h, "/d/e/g", "1", 0644);
    harness_put(h, "/d/f", "1", 0644);
    h->c->ls_recurse_enable = true;
    harness_start(h);
    for (size_t i = 0; i < COUNT(cases); i++)
        EXPECT(h, cases[i].want, .path = cases[i].path, .path2 = cases[i].path2, .prefix = cases[i].typed,
               .mode = LIST_NAMES, .flags = cases[i].flags);
    assert_int_equal(ASK(h, LIST, .path = "/d/f", .prefix = "d/f/", .mode = LIST_NAMES), ENOTDIR);
}

/* A name that exists is that name, whatever else matches it as a pattern. */
static void test_names_that_look_like_patterns(void **state)
{
    struct harness *h = *state;
    static const char *const directories[] = {"a*b", "[ab]", "what?", "br{a,b}"};
    static const char *const others[] = {"/axb", "/a", "/whatx", "/bra", "/filex", "/lxnk"};
    char name[64], want[64];
    harness_put(h, "/file*", "1", 0644);
    harness_link(h, "a*b", "/l*nk");
    harness_link(h, "nowhere", "/n*");
    for (size_t i = 0; i < COUNT(others); i++)
        harness_put(h, others[i], "1", 0644);
    for (size_t i = 0; i < COUNT(directories); i++) {
        snprintf(name, sizeof(name), "/%s", directories[i]);
        harness_mkdir(h, name);
        snprintf(name, sizeof(name), "/%s/in", directories[i]);
        harness_put(h, name, "1", 0644);
    }
    h->c->deny_file = strdup("d*");
    harness_start(h);
    for (size_t i = 0; i < COUNT(directories); i++) {
        snprintf(want, sizeof(want), "%s/in\r\n", directories[i]);
        EXPECT(h, want, .path = "/", .path2 = directories[i], .prefix = directories[i], .mode = LIST_NAMES);
    }
    EXPECT(h, "l*nk/in\r\n", .path = "/", .path2 = "l*nk", .prefix = "l*nk", .mode = LIST_NAMES);
    EXPECT(h, "file*\r\n", .path = "/", .path2 = "file*", .prefix = "file*", .mode = LIST_NAMES);
    EXPECT(h, "n*\r\n", .path = "/", .path2 = "n*", .prefix = "n*", .mode = LIST_NAMES);
    EXPECT(h, "in\r\n", .path = "/a*b", .path2 = "i*", .mode = LIST_NAMES);
    EXPECT(h, "axb\r\n", .path = "/", .path2 = "ax*", .mode = LIST_NAMES);
    EXPECT(h, "", .path = "/", .path2 = "d*", .mode = LIST_NAMES); /* deny_file; no match is no error */
    EXPECT(h, "", .path = "/", .path2 = "*/..", .mode = LIST_NAMES);
    char *longest = calloc(1, FTP_GLOB_MAX + 2);
    memset(longest, '*', FTP_GLOB_MAX);
    assert_int_equal(ASK(h, LIST, .path = "/", .path2 = longest, .mode = LIST_NAMES), 0);
    longest[FTP_GLOB_MAX] = '*';
    assert_int_equal(ASK(h, LIST, .path = "/", .path2 = longest, .mode = LIST_NAMES), EINVAL);
    free(longest);
}

static void set_mtime(const struct harness *h, const char *name, time_t mtime)
{
    char path[512];
    const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
    harness_path(h, name, path, sizeof(path));
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_order_and_marks(void **state)
{
    struct harness *h = *state;
    static const char *const names[] = {"/b", "/d", "/a", "/c"};
    harness_put(h, "/b", "1", 0644);
    harness_mkdir(h, "/d");
    harness_link(h, "b", "/a");
    harness_put(h, "/c", "1", 0644);
    for (size_t i = 0; i < COUNT(names); i++)
        set_mtime(h, names[i], 1000 - (time_t)i);
    harness_start(h);
    EXPECT(h, "b\r\nd\r\na\r\nc\r\n", .path = "/", .mode = LIST_NAMES, .flags = FILE_LIST_BY_TIME);
    EXPECT(h, "c\r\na@\r\nd/\r\nb\r\n", .path = "/", .mode = LIST_NAMES,
           .flags = FILE_LIST_BY_TIME | FILE_LIST_REVERSED | FILE_LIST_MARK);
    assert_int_equal(ASK(h, LIST, .path = "/", .flags = FILE_LIST_MARK), 0);
    char *text = harness_text(h, NULL);
    assert_non_null(strstr(text, " a -> b\r\n"));
    assert_non_null(strstr(text, " d/\r\n"));
    assert_non_null(strstr(text, " c\r\n"));
    free(text);
}

/* A directory that may be read but not searched has no facts to tell: nobody is told that it is empty. */
static void test_directories_that_may_not_be_searched(void **state)
{
    struct harness *h = *state;
    char path[512];
    harness_mkdir(h, "/d");
    harness_put(h, "/d/file", "1", 0644);
    harness_mkdir(h, "/closed");
    harness_path(h, "/closed", path, sizeof(path));
    assert_int_equal(chmod(path, 0), 0);
    harness_path(h, "/d", path, sizeof(path));
    assert_int_equal(chmod(path, 0444), 0);
    h->c->ls_recurse_enable = true;
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/d"), EACCES);
    assert_int_equal(ASK(h, LIST, .path = "/d", .mode = LIST_FACTS), EACCES);
    assert_int_equal(ASK(h, LIST, .path = "/d", .flags = FILE_LIST_RECURSIVE), EACCES);
    EXPECT(h, "file\r\n", .path = "/d", .mode = LIST_NAMES);
    EXPECT(h, ".:\r\nclosed\r\nd\r\n\r\n./d:\r\n./d/file\r\n", .path = "/", .mode = LIST_NAMES,
           .flags = FILE_LIST_RECURSIVE);
    assert_int_equal(ASK(h, LIST, .path = "/closed", .flags = FILE_LIST_RECURSIVE), EACCES);
    assert_int_equal(chmod(path, 0755), 0);
}

/* What mirrors need of a link; nothing of what lies outside. */
static void test_targets_of_links(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *target, *said; /* NULL: not said */
    } links[] = {
        {"file", "file"},     {"nowhere", "nowhere"}, {"../d", "../d"},       {"./../d/file", "./../d/file"},
        {"../../etc", NULL},  {"../d/../../x", NULL}, {"/d/file", "/d/file"}, {"/", "/"},
        {"/d/nowhere", NULL}, {"/../outside", NULL},  {"/proc/self", NULL},   {"two words", NULL},
        {"a;type=dir", NULL}, {"a\nb", NULL},         {"a\rb", NULL},         {"\xff\xe9", "\xff\xe9"},
    };
    char name[64], want[128];
    harness_mkdir(h, "/d");
    harness_put(h, "/d/file", "1", 0644);
    harness_put(h, "outside", "1", 0644);
    for (size_t i = 0; i < COUNT(links); i++) {
        snprintf(name, sizeof(name), "/d/l%zu", i);
        harness_link(h, links[i].target, name);
    }
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/d", .mode = LIST_FACTS, .offset = FTP_FACT_TYPE), 0);
    char *text = harness_text(h, NULL);
    for (size_t i = 0; i < COUNT(links); i++) {
        const char *said = links[i].said;
        snprintf(want, sizeof(want), "type=OS.unix=%s%s; l%zu\r\n", said ? "slink:" : "symlink",
                 said ? said : "", i);
        assert_non_null(strstr(text, want));
    }
    free(text);
    EXPECT(h, "type=file;size=1; l0\r\n", .path = "/d/l0", .mode = LIST_FACTS_ONE,
           .offset = FTP_FACT_TYPE | FTP_FACT_SIZE);
    EXPECT(h, "type=OS.unix=slink:nowhere; l1\r\n", .path = "/d/l1", .mode = LIST_FACTS_ONE,
           .offset = FTP_FACT_TYPE);
    EXPECT(h, "type=dir; l2\r\n", .path = "/d/l2", .mode = LIST_FACTS_ONE, .offset = FTP_FACT_TYPE);
    EXPECT(h, "type=OS.unix=symlink; l4\r\n", .path = "/d/l4", .mode = LIST_FACTS_ONE,
           .offset = FTP_FACT_TYPE);
}

static void test_long_format(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/file", "12345", 0640);
    harness_mkdir(h, "/dir");
    harness_link(h, "file", "/link");
    h->c->hide_ids = true;
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/"), 0);
    char *text = harness_text(h, NULL);
    char *dir = strstr(text, "drwxr-xr-x"), *file = strstr(text, "-rw-r-----"),
         *link = strstr(text, "lrwxrwxrwx");
    assert_true(dir == text && file > dir && link > file);
    assert_non_null(strstr(file, " ftp "));
    assert_non_null(strstr(link, "link -> file\r\n"));
    free(text);
    assert_int_equal(ASK(h, LIST, .path = "/file"), 0);
    text = harness_text(h, NULL);
    assert_non_null(strstr(text, " file\r\n"));
    free(text);
    EXPECT(h, "", .path = "/dir");
    assert_int_equal(ASK(h, LIST, .path = "/absent"), ENOENT);
}

static void test_user_names(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/file", "12345", 0640);
    h->c->text_userdb_names = true;
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/"), 0);
    char *text = harness_text(h, NULL);
    if (geteuid() == 0)
        assert_non_null(strstr(text, " nobody "));
    free(text);
}

static void test_facts(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/file", "12345", 0640);
    harness_put(h, "/.dot", "", 0640);
    harness_mkdir(h, "/dir");
    harness_start(h);
    static const char dots[] = "type=cdir; .\r\ntype=pdir; ..\r\n";
    static const char *const others[] = {"type=file; .dot\r\n", "type=dir; dir\r\n", "type=file; file\r\n"};
    assert_int_equal(ASK(h, LIST, .path = "/", .mode = LIST_FACTS, .offset = FTP_FACT_TYPE), 0);
    char *text = harness_text(h, NULL);
    size_t len = strlen(dots);
    assert_memory_equal(text, dots, len);
    for (size_t i = 0; i < COUNT(others); i++) { /* in no order */
        assert_non_null(strstr(text, others[i]));
        len += strlen(others[i]);
    }
    assert_int_equal(strlen(text), len);
    free(text);
    EXPECT(h, "type=file;size=5;perm=adfrw; file\r\n", .path = "/file", .mode = LIST_FACTS_ONE,
           .offset = FTP_FACT_TYPE | FTP_FACT_SIZE | FTP_FACT_PERM);
    EXPECT(h, "type=dir; /\r\n", .path = "/", .mode = LIST_FACTS_ONE, .offset = FTP_FACT_TYPE);
    assert_int_equal(ASK(h, LIST, .path = "/file", .mode = LIST_FACTS), ENOTDIR);
    assert_int_equal(ASK(h, LIST, .path = "/absent", .mode = LIST_FACTS_ONE), ENOENT);
    assert_int_equal(ASK(h, LIST, .path = "/", .mode = 99), EINVAL);
}

/* ".." of the root is the root: what is above it is nobody's business. */
static void test_parent_of_the_root(void **state)
{
    struct harness *h = *state;
    char root[256], top[256];
    struct stat st;
    harness_link(h, "/", "/self");
    assert_int_equal(stat(h->root, &st), 0);
    snprintf(root, sizeof(root), "g%llx; ", (unsigned long long)st.st_ino);
    assert_int_equal(stat(h->top, &st), 0);
    snprintf(top, sizeof(top), "g%llx; ", (unsigned long long)st.st_ino);
    harness_start(h);
    static const char *const paths[] = {"/", "/self"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(ASK(h, LIST, .path = paths[i], .mode = LIST_FACTS, .offset = FTP_FACT_UNIQUE), 0);
        char *text = harness_text(h, NULL);
        assert_non_null(strstr(text, root));
        assert_null(strstr(text, top));
        free(text);
    }
}

static void test_hidden_files(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a.mp3", "1", 0644);
    harness_put(h, "/b", "1", 0644);
    h->c->hide_file = strdup("{*.mp3}");
    harness_start(h);
    EXPECT(h, "b\r\n", .path = "/", .mode = LIST_NAMES);
    assert_int_equal(ASK(h, READ, .path = "/a.mp3"), 0);
}

static void test_dot_files(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/.a", "1", 0644);
    h->c->force_dot_files = true;
    harness_start(h);
    EXPECT(h, ".a\r\n", .path = "/", .mode = LIST_NAMES);
    EXPECT(h, ".\r\n..\r\n.a\r\n", .path = "/", .mode = LIST_NAMES, .flags = FILE_LIST_ALL);
}

static void test_newline_in_a_name(void **state)
{
    struct harness *h = *state;
    harness_put(h, "/a\nb", "1", 0644);
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/", .mode = LIST_NAMES), 0);
    size_t len;
    char *text = harness_text(h, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(text, "a\0b\r\n", 5);
    free(text);
    assert_int_equal(ASK(h, LIST, .path = "/", .prefix = "\n", .mode = LIST_NAMES), 0);
    text = harness_text(h, &len);
    assert_int_equal(len, 7);
    assert_memory_equal(text, "\0/a\0b\r\n", 7);
    free(text);
}

static void test_recursive(void **state)
{
    struct harness *h = *state;
    harness_mkdir(h, "/b");
    harness_mkdir(h, "/a");
    harness_mkdir(h, "/a/c");
    harness_put(h, "/a/c/file", "1", 0644);
    harness_link(h, "/", "/a/loop");
    harness_start(h);
    EXPECT(h, "a\r\nb\r\n", .path = "/", .mode = LIST_NAMES, .flags = FILE_LIST_RECURSIVE);
    harness_stop(h);
    h->c->ls_recurse_enable = true;
    harness_start(h);
    EXPECT(h, ".:\r\na\r\nb\r\n\r\n./a:\r\n./a/c\r\n./a/loop\r\n\r\n./a/c:\r\n./a/c/file\r\n\r\n./b:\r\n",
           .path = "/", .mode = LIST_NAMES, .flags = FILE_LIST_RECURSIVE);
}

/* Makes a chain of directories of one name below another, each in the one before: its path may be longer than
 * any system call takes. */
static void nest(const struct harness *h, const char *below, const char *name, int levels)
{
    char host[512];
    harness_path(h, below, host, sizeof(host));
    int at = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < levels; i++) {
        assert_int_equal(mkdirat(at, name, 0755), 0);
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    close(at);
}

static unsigned count_headings(const char *text)
{
    unsigned headings = 0;
    for (const char *at = text; (at = strstr(at, ":\r\n")); at++)
        headings++;
    return headings;
}

/* Nested far deeper than anybody's stack (CVE-2019-20176): all of it is told, or it is an error. */
static void test_recursion_is_whole_or_fails(void **state)
{
    struct harness *h = *state;
    const struct file_request in = {.path = "/", .mode = LIST_LONG, .flags = FILE_LIST_RECURSIVE};
    char name[201] = "";
    memset(name, 'x', sizeof(name) - 1);
    nest(h, "/", "d", 400);
    harness_mkdir(h, "/brim");
    nest(h, "/brim", name, 20); /* 4,026 bytes */
    harness_mkdir(h, "/other");
    nest(h, "/other", name, 21); /* its path is more than FILE_PATH_MAX */
    h->c->ls_recurse_enable = true;
    harness_start(h);
    assert_int_equal(ASK(h, LIST, .path = "/d", .flags = FILE_LIST_RECURSIVE), 0);
    char *text = harness_text(h, NULL);
    assert_int_equal(count_headings(text), 400);
    free(text);
    assert_int_equal(ASK(h, LIST, .path = "/brim", .flags = FILE_LIST_RECURSIVE), 0);
    text = harness_text(h, NULL);
    assert_int_equal(count_headings(text), 21);
    free(text);
    assert_int_equal(harness_ask(h, MSG_FILE_LIST, in), E2BIG);
    assert_int_equal(ASK(h, LIST, .path = "/other", .flags = FILE_LIST_RECURSIVE), E2BIG);
}

static double milliseconds(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) * 1e3 + (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

/* Every file-NNNNN.txt once: by number, or (facts) as they come after "." and "..". */
static void check_files(const char *text, size_t len, bool sorted, int dots)
{
    static bool seen[MANY];
    const char *at = text, *end = text + len;
    memset(seen, 0, sizeof(seen));
    for (int line = -dots; line < MANY; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(newline);
        at = newline + 1;
        if (line < 0)
            continue;
        assert_memory_equal(at - 16, "file-", 5);
        assert_memory_equal(at - 6, ".txt\r\n", 6);
        int number = atoi(at - 11);
        assert_true(number >= 0 && number < MANY && !seen[number]);
        if (sorted)
            assert_int_equal(number, line);
        seen[number] = true;
    }
    assert_ptr_equal(at, end);
}

static void test_a_hundred_thousand_entries(void **state)
{
    struct harness *h = *state;
    static const uint32_t formats[] = {LIST_LONG, LIST_NAMES, LIST_FACTS};
    fill(h, MANY);
    harness_start(h);
    for (size_t i = 0; i < COUNT(formats); i++) {
        struct timespec from;
        size_t len;
        bool facts = formats[i] == LIST_FACTS;
        clock_gettime(CLOCK_MONOTONIC, &from);
        assert_int_equal(ASK(h, LIST, .path = "/", .mode = formats[i], .offset = FTP_FACTS_ALL), 0);
        print_message("format %u: %.0f ms\n", formats[i], milliseconds(&from));
        char *text = harness_text(h, &len);
        assert_int_equal(h->reply.size, len);
        check_files(text, len, !facts, facts ? 2 : 0);
        free(text);
        assert_true(await_seal(h, formats[i]) & LISTING_WHOLE);
        text = harness_text(h, &len);
        check_files(text, len, !facts, 2); /* -a */
        if (facts)
            assert_memory_equal(text, "type=cdir;", 10);
        free(text);
    }
}

/* A listing that cannot be finished must not look as if it were: here for want of room. */
static void test_a_listing_that_breaks_off(void **state)
{
    struct harness *h = *state;
    struct rlimit before, little = {.rlim_cur = 100 * 1000};
    fill(h, 5000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    harness_start(h);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(await_seal(h, LIST_LONG), LISTING_BROKEN);
    assert_int_equal(await_seal(h, LIST_FACTS), LISTING_BROKEN);
    assert_int_equal(ASK(h, LIST, .path = "/"), EFBIG);
    assert_int_equal(ASK(h, LIST, .path = "/absent", .flags = FILE_STREAM), ENOENT);
    EXPECT(h, "file-00001.txt\r\n", .path = "/", .mode = LIST_NAMES, .path2 = "file-00001*",
           .flags = FILE_STREAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_names_are_sorted_and_dots_hidden),
        HARNESS_TEST(test_names_as_the_client_says_them),
        HARNESS_TEST(test_names_that_look_like_patterns),
        HARNESS_TEST(test_order_and_marks),
        HARNESS_TEST(test_directories_that_may_not_be_searched),
        HARNESS_TEST(test_targets_of_links),
        HARNESS_TEST(test_long_format),
        HARNESS_TEST(test_user_names),
        HARNESS_TEST(test_facts),
        HARNESS_TEST(test_parent_of_the_root),
        HARNESS_TEST(test_hidden_files),
        HARNESS_TEST(test_dot_files),
        HARNESS_TEST(test_newline_in_a_name),
        HARNESS_TEST(test_recursive),
        HARNESS_TEST(test_recursion_is_whole_or_fails),
        HARNESS_TEST(test_a_hundred_thousand_entries),
        HARNESS_TEST(test_a_listing_that_breaks_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
