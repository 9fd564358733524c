/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/accounts.h"

#include "base/nearest.h"
#include "server/auth/prompt.h"
#include "server/auth/rights.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* `sallyd user add|passwd|list|del`: the accounts file from the command line. */

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
};

static const char default_accounts[] = "/var/lib/sallyd/accounts.db";

static const char usage_text[] =
    "usage: sallyd user add NAME --home DIR [--rights rwd] [--rate N[K|M|G]]\n"
    "                       [--quota-bytes N[K|M|G]] [--quota-files N] [--password-stdin]\n"
    "       sallyd user passwd NAME [--password-stdin]\n"
    "       sallyd user list [--json]\n"
    "       sallyd user del NAME\n"
    "\n"
    "  --accounts FILE    the accounts file (default /var/lib/sallyd/accounts.db)\n"
    "  --home DIR         the directory that the user sees as \"/\"\n"
    "  --rights LETTERS   r read and list, w store, replace, rename, make directories,\n"
    "                     d delete (default r)\n"
    "  --rate N           at most N bytes a second; 0, the default: no limit\n"
    "  --quota-bytes N    uploads stop at N bytes below the home; 0, the default: no limit\n"
    "  --quota-files N    the same for a number of files\n"
    "  --password-stdin   read the password as one line from standard input\n"
    "  --json             print JSON\n";

struct request {
    const char *accounts, *name;
    const char *home; /* NULL: not given */
    bool from_stdin, json;
    struct account account; /* rights, rate and quotas */
};

__attribute__((format(printf, 2, 3))) static int complain(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("sallyd user: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return status;
}

/* --- the accounts file, and what may be wrong with it ------------------------------------------------ */

static int complain_file(const char *path, int r)
{
    switch (-r) {
    case ENOENT:
        return complain(EXIT_FAILED, "there is no accounts file %s: `sallyd user add` makes it", path);
    case EUCLEAN:
        return complain(EXIT_FAILED,
                        "%s is damaged or not an accounts file: restore it from a copy, or move it away and "
                        "add the users again",
                        path);
    case EPERM:
        return complain(EXIT_FAILED,
                        "%s belongs to somebody else, or others may write to it: check what is in it, then "
                        "chown root and chmod 600 it",
                        path);
    case EACCES:
        return complain(EXIT_FAILED, "no permission to open %s: run this as root", path);
    case EBUSY:
        return complain(EXIT_FAILED, "%s is in use by another command: try again", path);
    case ENOSPC:
        return complain(EXIT_FAILED, "no space left on the disk of %s: nothing was changed", path);
    default:
        return complain(EXIT_FAILED, "%s: %s; nothing was changed", path, strerror(-r));
    }
}

/* The directory of path, 0700, if absent (only that one: a mistyped path should not grow a tree). */
static int make_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash && slash != path ? strndup(path, (size_t)(slash - path)) : NULL;
    if (!dir)
        return 0;
    int r = mkdir(dir, 0700) < 0 && errno != EEXIST ? -errno : 0;
    free(dir);
    return r;
}

/* 0 or an exit status. */
static int open_accounts(const struct request *q, bool write, bool create, struct accounts **ret)
{
    if (create) {
        int r = make_directory(q->accounts);
        if (r < 0)
            return complain(EXIT_FAILED, "cannot make the directory of %s: %s", q->accounts, strerror(-r));
    }
    /* Only `add` makes the file; the others would leave an empty one behind for a mistyped --accounts. */
    if (write && !create && access(q->accounts, F_OK) < 0)
        return complain_file(q->accounts, -errno);
    int r = accounts_open(q->accounts, write, ret);
    return r < 0 ? complain_file(q->accounts, r) : 0;
}

/* --- passwords --------------------------------------------------------------------------------------- */

/* Reads a password and hashes it. *ret is malloc'ed. 0 or an exit status. */
static int ask_hash(const struct request *q, char **ret)
{
    char password[PROMPT_CAP];
    int r = q->from_stdin ? prompt_from(STDIN_FILENO, password) : prompt_terminal(q->name, password);
    char *hash = r == 0 ? password_hash(password) : NULL;
    explicit_bzero(password, sizeof(password));

    switch (-r) {
    case 0:
        break;
    case ENOTTY:
        return complain(EXIT_FAILED, "no terminal to ask for the password on: give --password-stdin");
    case EINTR:
        return complain(EXIT_FAILED, "interrupted; nothing was changed");
    case EBADMSG:
        return complain(EXIT_FAILED, "the two passwords differ; nothing was changed");
    case ENODATA:
        return complain(EXIT_FAILED, "the password is empty; nothing was changed");
    case EMSGSIZE:
        return complain(EXIT_FAILED, "the password is longer than %d bytes; nothing was changed",
                        PASSWORD_MAX);
    case EINVAL:
        return complain(EXIT_FAILED,
                        "the password has a NUL or carriage return in it, which FTP cannot send");
    default:
        return complain(EXIT_FAILED, "cannot read the password: %s", strerror(-r));
    }
    if (!hash)
        return complain(EXIT_FAILED, "cannot hash the password: %s", strerror(errno));
    *ret = hash;
    return 0;
}

/* --- subcommands ------------------------------------------------------------------------------------- */

/* --home as an absolute path to a directory. malloc'ed, or NULL after a complaint. */
static char *home_resolve(const char *home)
{
    struct stat st;
    char *path = *home == '/' ? strdup(home) : realpath(home, NULL);
    if (!path || stat(path, &st) < 0)
        (void)complain(EXIT_FAILED, "home %s: %s; make it first, owned by guest_username if it is to store",
                       home, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        (void)complain(EXIT_FAILED, "home %s is not a directory", home);
    else
        return path;
    free(path);
    return NULL;
}

static int user_add(struct request *q)
{
    struct accounts *accounts = NULL;
    struct account a = q->account, old = {0};
    if (!q->home)
        return complain(EXIT_USAGE, "add needs --home DIR: the directory that %s will see as \"/\"", q->name);

    a.home = home_resolve(q->home);
    if (!a.home)
        return EXIT_FAILED;

    int status = open_accounts(q, true, true, &accounts);
    if (status == 0 && accounts_find(accounts, q->name, &old) == 0)
        status =
            complain(EXIT_FAILED, "there is a user \"%s\" already: `sallyd user passwd` changes the password",
                     q->name);
    account_fini(&old);
    if (status == 0)
        status = ask_hash(q, &a.hash);
    if (status == 0) {
        a.name = strdup(q->name);
        int r = a.name ? accounts_add(accounts, &a) : -ENOMEM;
        if (r == -EEXIST)
            status =
                complain(EXIT_FAILED, "somebody else has just added \"%s\"; nothing was changed", q->name);
        else if (r == -EINVAL)
            status = complain(EXIT_FAILED, "home %s has control characters in it or is not UTF-8", a.home);
        else if (r < 0)
            status = complain_file(q->accounts, r);
    }
    account_fini(&a);
    accounts_close(&accounts);
    return status;
}

static int complain_unknown(const struct request *q)
{
    return complain(EXIT_FAILED, "there is no user \"%s\" in %s: `sallyd user list` shows all", q->name,
                    q->accounts);
}

static int user_passwd(struct request *q)
{
    struct accounts *accounts = NULL;
    struct account found = {0};
    char *hash = NULL;
    int status = open_accounts(q, true, false, &accounts);
    if (status != 0)
        return status;

    int r = accounts_find(accounts, q->name, &found);
    account_fini(&found);
    if (r == 0) {
        status = ask_hash(q, &hash);
        if (status == 0)
            r = accounts_set_password(accounts, q->name, hash);
    }
    if (r < 0)
        status = r == -ENOENT ? complain_unknown(q) : complain_file(q->accounts, r);
    if (hash)
        explicit_bzero(hash, strlen(hash));
    free(hash);
    accounts_close(&accounts);
    return status;
}

static int user_del(struct request *q)
{
    struct accounts *accounts = NULL;
    int status = open_accounts(q, true, false, &accounts);
    if (status != 0)
        return status;
    int r = accounts_delete(accounts, q->name);
    accounts_close(&accounts);
    if (r < 0)
        return r == -ENOENT ? complain_unknown(q) : complain_file(q->accounts, r);
    return EXIT_DONE;
}

static bool list_text(void *ctx, const struct account *a)
{
    char letters[RIGHTS_LETTERS_CAP] = "";
    bool *headed = ctx;
    if (!*headed)
        (void)printf("%-20s %-6s %12s %15s %11s  %s\n", "NAME", "RIGHTS", "RATE", "QUOTA-BYTES",
                     "QUOTA-FILES", "HOME");
    *headed = true;
    (void)rights_print(a->rights, letters);
    (void)printf("%-20s %-6s %12" PRIu64 " %15" PRIu64 " %11" PRIu64 "  %s\n", a->name, letters, a->rate,
                 a->quota_bytes, a->quota_files, a->home);
    return true;
}

static bool list_json(void *ctx, const struct account *a)
{
    char letters[RIGHTS_LETTERS_CAP] = "";
    (void)rights_print(a->rights, letters);
    json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "name", a->name, "home", a->home, "rights",
                            letters, "rate", (json_int_t)a->rate, "quota_bytes", (json_int_t)a->quota_bytes,
                            "quota_files", (json_int_t)a->quota_files);
    return json_array_append_new(ctx, row) == 0;
}

static int user_list(struct request *q)
{
    struct accounts *accounts = NULL;
    int status = open_accounts(q, false, false, &accounts);
    if (status != 0)
        return status;

    bool headed = false;
    json_t *rows = q->json ? json_array() : NULL;
    int r = q->json ? accounts_each(accounts, list_json, rows) : accounts_each(accounts, list_text, &headed);
    if (r == 0 && q->json && (json_dumpf(rows, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF))
        r = -EIO;
    json_decref(rows);
    accounts_close(&accounts);
    if (r < 0)
        return complain_file(q->accounts, r);
    if (fflush(stdout) == EOF)
        return complain(EXIT_FAILED, "cannot write the list: %s", strerror(errno));
    return EXIT_DONE;
}

/* --- arguments --------------------------------------------------------------------------------------- */

/* One row a subcommand; options are those it takes, beside --accounts. */
static const struct subcommand {
    const char *name, *options;
    bool wants_name;
    int (*run)(struct request *q);
} subcommands[] = {
    {"add", "hrnbfs", true, user_add},
    {"passwd", "s", true, user_passwd},
    {"list", "j", false, user_list},
    {"del", "", true, user_del},
};

enum {
    SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0]),
};

static const struct option long_options[] = {
    {"accounts", required_argument, NULL, 'a'},
    {"home", required_argument, NULL, 'h'},
    {"rights", required_argument, NULL, 'r'},
    {"rate", required_argument, NULL, 'n'},
    {"quota-bytes", required_argument, NULL, 'b'},
    {"quota-files", required_argument, NULL, 'f'},
    {"password-stdin", no_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, '?'},
    {0},
};

/* "10M" as 10 * 2^20; units allowed or not. 0 or an exit status. */
static int parse_number(const char *option, const char *text, bool units, uint64_t *ret)
{
    static const char letters[] = "KMG";
    char *end = NULL;
    errno = 0;
    uint64_t value = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    const char *unit = end && *end && units ? strchr(letters, *end & ~0x20) : NULL;
    unsigned shift = unit ? 10 * ((unsigned)(unit - letters) + 1) : 0;

    if (!end || errno || end[unit ? 1 : 0] || value > (uint64_t)INT64_MAX >> shift)
        return complain(EXIT_USAGE, "--%s %s is not a number of %s", option, text,
                        units ? "bytes: 1000000, or 500K, 10M, 2G (times 1024)" : "files");
    *ret = value << shift;
    return 0;
}

static int take_option(struct request *q, const struct option *option, const char *value)
{
    switch (option->val) {
    case 'a':
        q->accounts = value;
        return 0;
    case 'h':
        q->home = value;
        return 0;
    case 'r':
        if (rights_parse(value, &q->account.rights) == 0)
            return 0;
        return complain(EXIT_USAGE, "--rights %s: give some of the letters r (read), w (write), d (delete)",
                        value);
    case 'n':
        return parse_number(option->name, value, true, &q->account.rate);
    case 'b':
        return parse_number(option->name, value, true, &q->account.quota_bytes);
    case 'f':
        return parse_number(option->name, value, false, &q->account.quota_files);
    case 's':
        q->from_stdin = true;
        return 0;
    default:
        q->json = true;
        return 0;
    }
}

/* 0, or an exit status; *ret_help: the usage was asked for. */
static int parse_options(const struct subcommand *s, int argc, char **argv, struct request *q, bool *ret_help)
{
    opterr = 0;
    optind = 0; /* glibc: start over, whoever called getopt before */
    for (;;) {
        int index = -1, at = optind > 0 ? optind : 1;
        int letter = getopt_long(argc, argv, ":", long_options, &index);
        if (letter == -1)
            return 0;
        if (letter == ':')
            return complain(EXIT_USAGE, "%s needs a value", argv[optind - 1]);
        if (index < 0)
            return complain(EXIT_USAGE, "unknown option %s; `sallyd user --help` shows all",
                            optind > at ? argv[optind - 1] : argv[at]);
        if (letter == '?') {
            *ret_help = true;
            return 0;
        }
        if (letter != 'a' && !strchr(s->options, letter))
            return complain(EXIT_USAGE, "%s takes no --%s", s->name, long_options[index].name);
        int status = take_option(q, &long_options[index], optarg);
        if (status != 0)
            return status;
    }
}

static int complain_subcommand(const char *word)
{
    const char *names[SUBCOMMAND_COUNT];
    for (int i = 0; i < SUBCOMMAND_COUNT; i++)
        names[i] = subcommands[i].name;
    const char *near = nearest_name(word, names, SUBCOMMAND_COUNT);
    if (near)
        return complain(EXIT_USAGE, "unknown command \"%s\"; is it \"%s\" that was meant?", word, near);
    return complain(EXIT_USAGE, "unknown command \"%s\": add, passwd, list or del", word);
}

static int usage(bool asked)
{
    (void)fputs(usage_text, asked ? stdout : stderr);
    return asked ? EXIT_DONE : EXIT_USAGE;
}

int accounts_command(int argc, char **argv)
{
    if (argc < 2)
        return usage(false);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return usage(true);
    const struct subcommand *s = NULL;
    for (int i = 0; i < SUBCOMMAND_COUNT; i++)
        if (strcmp(subcommands[i].name, argv[1]) == 0)
            s = &subcommands[i];
    if (!s)
        return complain_subcommand(argv[1]);

    bool help = false;
    struct request q = {.accounts = default_accounts, .account = {.rights = RIGHT_READ | RIGHT_LIST}};
    argc--, argv++; /* getopt then sees the subcommand as the program's name */
    int status = parse_options(s, argc, argv, &q, &help);
    if (status != 0)
        return status;
    if (help)
        return usage(true);
    if (argc - optind != (s->wants_name ? 1 : 0))
        return complain(EXIT_USAGE,
                        s->wants_name ? "%s needs one NAME; `sallyd user --help` shows how"
                                      : "%s takes no NAME; `sallyd user --help` shows how",
                        s->name);
    q.name = s->wants_name ? argv[optind] : NULL;
    const char *fault = s->run == user_add ? account_name_fault(q.name) : NULL;
    if (fault)
        return complain(EXIT_USAGE, "the name \"%s\" %s: choose another", q.name, fault);
    return s->run(&q);
}
