/* SPDX-License-Identifier: BSD-2-Clause */
/* iptables-save and iptables-restore, for both families, on the wall that stands. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/live.h"
#include "cmd/wall/source.h"

/* What both are asked. */
struct asked {
    const char *command;
    enum packet_family family;
    struct rules_look look; /* of which only the lock's part counts */
    struct rules_restore how;
    const char *file; /* to read or to write; NULL: standard input or output */
    bool tests, is_answered;
};

/* ---- options, as getopt_long has them for iptables' own ---- */

static const struct option long_options[] = {
    {"counters", no_argument, NULL, 'c'},
    {"file", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"ipv4", no_argument, NULL, '4'},
    {"ipv6", no_argument, NULL, '6'},
    {"modprobe", required_argument, NULL, 'M'},
    {"noflush", no_argument, NULL, 'n'},
    {"table", required_argument, NULL, 'T'},
    {"test", no_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"wait", optional_argument, NULL, 'w'},
    {"wait-interval", optional_argument, NULL, 'W'},
    {0},
};

static const char restore_letters[] = "bchntvVw::W::M:T:46";
static const char save_letters[] = "bcdhVf:M:t:46";

static void print_help(const struct asked *a, bool restores)
{
    printf("usage: sallywall %s %s\n", a->command,
           restores ? "[-c] [-n] [-t] [-v] [-T TABLE] [-w [SECONDS]] [-4 | -6] [FILE]"
                    : "[-c] [-t TABLE] [-f FILE] [-4 | -6]");
    puts(restores ? "Carries out FILE, as iptables-save prints it, on the wall that stands: all of it or "
                    "nothing, from one packet to\nthe next."
                  : "Prints the rules of the wall that stands.");
    puts("\nMore in sallywall(8).");
}

static int refuse(const struct asked *a, const char *what, const char *which)
{
    fprintf(stderr, "%s: %s%s; %s --help tells what there is\n", a->command, what, which, a->command);
    return LIVE_OTHER; /* as those of iptables */
}

/* -w SECONDS, -wSECONDS, -w. */
static int take_wait(struct asked *a, int argc, char **argv)
{
    const char *word = optarg;
    char *end;

    if (!word && optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
        word = argv[optind++];
    a->look.waits = true;
    a->look.seconds = -1;
    if (!word)
        return 0;
    unsigned long seconds = strtoul(word, &end, 10);
    if (*end || word[0] < '0' || word[0] > '9' || seconds > INT_MAX)
        return refuse(a, "-w needs a number of seconds, or nothing, and not ", word);
    a->look.seconds = (int)seconds;
    return 0;
}

static void pass_number(int argc, char **argv)
{
    if (!optarg && optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
        optind++;
}

static int take_table(struct asked *a)
{
    static const char *const all[] = {"filter", "raw", "nat", "mangle", "security"};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(optarg, all[i]) == 0) {
            a->how.table = all[i];
            return 0;
        }
    }
    fprintf(stderr, "%s: there is no table \"%s\"; the wall has filter and raw\n", a->command, optarg);
    return LIVE_VERSION;
}

static int take(struct asked *a, int letter, bool restores, int argc, char **argv)
{
    switch (letter) {
    case 'c':
        a->how.counts = true;
        return 0;
    case 'n':
        a->how.keeps = true;
        return 0;
    case 'v':
        a->how.tells = true;
        return 0;
    case '4':
    case '6':
        a->family = letter == '6' ? PACKET_IPV6 : PACKET_IPV4;
        return 0;
    case 'f':
        a->file = optarg;
        return 0;
    case 't':
        a->tests = true;
        return restores ? 0 : take_table(a);
    case 'T':
        return take_table(a);
    case 'w':
        return take_wait(a, argc, argv);
    case 'W':
        pass_number(argc, argv);
        return 0;
    case 'b': /* of no meaning any more, to iptables either */
    case 'd':
    case 'M': /* there is nothing to load */
        return 0;
    default:
        return refuse(a, "these words can't be read", "");
    }
}

/* 0, or the status to exit with; with is_answered there is nothing more to do. */
static int read_words(struct asked *a, bool restores, int argc, char **argv)
{
    const char *letters = restores ? restore_letters : save_letters;
    int letter, status = 0;

    optind = 1;
    while (status == 0 && !a->is_answered &&
           (letter = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        a->is_answered = letter == 'h' || letter == 'V';
        if (letter == 'h')
            print_help(a, restores);
        else if (letter == 'V')
            print_iptables_version(a->command);
        else
            status = take(a, letter, restores, argc, argv);
    }
    if (status || a->is_answered)
        return status;
    if (restores && optind < argc)
        a->file = argv[optind++];
    return optind < argc ? refuse(a, "one word too many: ", argv[optind]) : 0;
}

static struct asked asked_of(char **argv)
{
    return (struct asked){
        .command = argv[0],
        .family = live_family(argv[0]),
        .how = {.tables = LIVE_TABLES, .why_not = live_no_table},
    };
}

/* ---- iptables-restore ---- */

static void tell_line(const struct asked *a, uint32_t line)
{
    fprintf(stderr, "%s: line %u failed, and nothing of the file is loaded\n", a->command, line);
}

static int carry_out(const struct asked *a, struct live *live, const char *text, size_t size)
{
    struct rules_outcome outcome = {0};
    struct rules_error wrong = {0};
    int r = rules_restore(live->rules, text, size, a->file ? a->file : "standard input", &a->how, &outcome,
                          &wrong);
    int status = r == -EINVAL ? outcome.status : r ? LIVE_OTHER : 0;

    if (r == -EINVAL) {
        tell_line(a, wrong.line);
        source_tell_mistake(&wrong, text, size);
    } else if (r) {
        fprintf(stderr, "%s: %s\n", a->command, strerror(-r));
    }
    if (status == 0 && outcome.changed)
        status = a->tests ? live_try(live) : live_replace(live);
    if (live->refused_line)
        tell_line(a, live->refused_line);
    if (status == 0 && outcome.output)
        fputs(outcome.output, stdout);
    free(outcome.output);
    return finish_output(status);
}

static int restore(const struct asked *a)
{
    struct live live = {0};
    char *text = NULL;
    size_t size = 0;
    int r = files_read(a->file ? a->file : "-", &text, &size), status;

    if (r) {
        fprintf(stderr, "%s: %s can't be read: %s\n", a->command, a->file ? a->file : "standard input",
                source_reason(r));
        return LIVE_OTHER;
    }
    status = live_open(a->command, a->family, &a->look, rules_restore_anew(text, size, &a->how), &live);
    if (status == 0)
        status = carry_out(a, &live, text, size);
    live_close(&live);
    free(text);
    return status;
}

int restore_command(int argc, char **argv)
{
    struct asked a = asked_of(argv);
    int status = read_words(&a, true, argc, argv);

    return status || a.is_answered ? finish_output(status) : restore(&a);
}

/* ---- iptables-save ---- */

static void print_when(FILE *out, const char *what)
{
    time_t now = time(NULL);
    struct tm local;
    char when[40] = "an unknown day";

    if (localtime_r(&now, &local))
        strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &local);
    fprintf(out, "# %s on %s\n", what, when);
}

static int print_table(FILE *out, const struct asked *a, const struct rules *r, const char *table)
{
    char *text = rules_save(r, table, RULES_SAVE_NO_COMMENTS | (a->how.counts ? RULES_SAVE_COUNTERS : 0));

    if (!text)
        return -ENOMEM;
    print_when(out, a->family == PACKET_IPV6 ? "Generated by sallywall ip6tables-save v" SALLY_VERSION
                                             : "Generated by sallywall iptables-save v" SALLY_VERSION);
    fputs(text, out);
    print_when(out, "Completed");
    free(text);
    return 0;
}

/* All that are there, or the one that is asked for. */
static int print_tables(FILE *out, const struct asked *a, const struct rules *r)
{
    unsigned present = 0;
    int rc = 0;

    if (a->how.table)
        return print_table(out, a, r, a->how.table);
    for (int t = 0; t < RULES_TABLES; t++)
        present += r->tables[t].present;
    for (unsigned i = 0; rc == 0 && i < present; i++)
        rc = print_table(out, a, r, rules_table_name((enum rules_table_type)r->order[i]));
    return rc;
}

static char *save_text(const struct asked *a, const struct rules *r)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    int rc = print_tables(out, a, r);
    if (fclose(out) == 0 && rc == 0)
        return text;
    free(text);
    return NULL;
}

static int print_rules(const struct asked *a, const struct rules *r)
{
    char *text = save_text(a, r);
    int rc = text ? 0 : -ENOMEM;

    if (text && !a->file)
        fputs(text, stdout);
    else if (text)
        rc = files_replace(a->file, text, strlen(text));
    if (rc)
        fprintf(stderr, "%s: %s can't be written: %s\n", a->command, a->file ? a->file : "the rules",
                strerror(-rc));
    free(text);
    return finish_output(rc ? LIVE_OTHER : 0);
}

static int save_kernels(const struct asked *a)
{
    const char *words[6] = {"-t", a->how.table};
    int count = 2;

    if (a->how.counts)
        words[count++] = "-c";
    if (a->file) {
        words[count++] = "-f";
        words[count++] = a->file;
    }
    return live_list_kernels(a->family == PACKET_IPV6 ? "ip6tables-save" : "iptables-save", a->how.table,
                             words);
}

int live_save_command(int argc, char **argv)
{
    struct asked a = asked_of(argv);
    struct live live = {0};
    int status = read_words(&a, false, argc, argv);

    if (status || a.is_answered)
        return finish_output(status);
    if (a.how.table && strcmp(a.how.table, "filter") != 0 && strcmp(a.how.table, "raw") != 0)
        return save_kernels(&a);
    a.look = (struct rules_look){.waits = true, .seconds = -1}; /* iptables-save knows no lock */
    status = live_open(a.command, a.family, &a.look, 0, &live);
    if (status == 0)
        status = print_rules(&a, live.rules);
    live_close(&live);
    return status;
}
