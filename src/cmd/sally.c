/* SPDX-License-Identifier: BSD-2-Clause */
/* sally: FTP and FTPS client. Arguments and wiring only. */
#include "cmd/sally/command.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <iconv.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: sally get    [options] URL...\n"
    "       sally put    [options] FILE... URL\n"
    "       sally mirror [options] URL [FOLDER]\n"
    "       sally mirror --reverse [options] FOLDER URL\n"
    "       sally ls     [options] URL...\n"
    "       sally cat    [options] URL...\n"
    "       sally rm     [options] URL...\n"
    "\n"
    "A URL is ftp://[USER@]HOST[:PORT]/PATH or ftps://..., or HOST/PATH. TLS is used wherever the server "
    "offers it.\n"
    "\n"
    "  -v, --verbose             the message log, as it happens; else only if something fails\n"
    "  -t, --times               with the time of day\n"
    "      --json                events, and ls's entries, as objects for scripts, one a line\n"
    "  -P, --parallel N          so many sessions at once (1)\n"
    "  -c, --continue            get, put: go on with what an earlier one has left as NAME.part\n"
    "  -o, --output FILE         get: into this file\n"
    "      --retries N           of what broke off (2); --retry-delay SECONDS before each (5)\n"
    "      --timeout SECONDS     until a connection stands (20)\n"
    "      --limit-rate BYTES    a second, for each session; k, M and G may follow\n"
    "      --encoding NAME       of names at the server, if they are not UTF-8\n"
    "\n"
    "Trees:\n"
    "  -R, --reverse             mirror: from here to the server\n"
    "      --delete              mirror: what is not at the source\n"
    "  -n, --dry-run             mirror: say what would be done\n"
    "      --only-newer          mirror: only files that are younger than those at the target\n"
    "      --links               mirror: make links that stay in the tree\n"
    "      --include PATTERN, --exclude PATTERN\n"
    "  -r, --recursive           rm: folders with all that is in them\n"
    "\n"
    "Trust:\n"
    "      --password-file FILE  the password is its first line; -: of standard input\n"
    "      --password-command C  the first line that this prints; it has SALLY_HOST and SALLY_USER\n"
    "      --tls                 with TLS or not at all\n"
    "      --plain               a password may be sent in clear where the server offers no TLS\n"
    "      --fingerprint SHA256  the server's certificate has this one, whoever has signed it\n"
    "      --trust-new           a certificate that nobody vouches for is remembered at first sight\n"
    "\n"
    "Data connections:\n"
    "      --passive, --active   only so (both are tried, passive first)\n"
    "      --active-ports A:B    ports that the server is to come to\n"
    "      --active-address IP   the address that it is told\n"
    "\n"
    "  -h, --help\n"
    "      --version\n";

enum {
    TLS = 256,
    PLAIN,
    FINGERPRINT,
    PASSIVE,
    ACTIVE,
    ACTIVE_PORTS,
    ACTIVE_ADDRESS,
    PASSWORD_FILE,
    PASSWORD_COMMAND,
    TRUST_NEW,
    JSON,
    RETRIES,
    RETRY_DELAY,
    TIMEOUT,
    LIMIT_RATE,
    ENCODING,
    DELETE,
    ONLY_NEWER,
    LINKS,
    INCLUDE,
    EXCLUDE,
    VERSION
};

static const struct option longs[] = {
    {"verbose", no_argument, NULL, 'v'},
    {"times", no_argument, NULL, 't'},
    {"json", no_argument, NULL, JSON},
    {"parallel", required_argument, NULL, 'P'},
    {"continue", no_argument, NULL, 'c'},
    {"output", required_argument, NULL, 'o'},
    {"retries", required_argument, NULL, RETRIES},
    {"retry-delay", required_argument, NULL, RETRY_DELAY},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"limit-rate", required_argument, NULL, LIMIT_RATE},
    {"encoding", required_argument, NULL, ENCODING},
    {"reverse", no_argument, NULL, 'R'},
    {"delete", no_argument, NULL, DELETE},
    {"dry-run", no_argument, NULL, 'n'},
    {"only-newer", no_argument, NULL, ONLY_NEWER},
    {"links", no_argument, NULL, LINKS},
    {"include", required_argument, NULL, INCLUDE},
    {"exclude", required_argument, NULL, EXCLUDE},
    {"recursive", no_argument, NULL, 'r'},
    {"password-file", required_argument, NULL, PASSWORD_FILE},
    {"password-command", required_argument, NULL, PASSWORD_COMMAND},
    {"tls", no_argument, NULL, TLS},
    {"plain", no_argument, NULL, PLAIN},
    {"fingerprint", required_argument, NULL, FINGERPRINT},
    {"trust-new", no_argument, NULL, TRUST_NEW},
    {"passive", no_argument, NULL, PASSIVE},
    {"active", no_argument, NULL, ACTIVE},
    {"active-ports", required_argument, NULL, ACTIVE_PORTS},
    {"active-address", required_argument, NULL, ACTIVE_ADDRESS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static const struct command {
    const char *name;
    int least, most; /* words behind it */
    int (*run)(const struct options *o, char *const words[]);
} commands[] = {
    {"get", 1, 1000, command_get},       {"put", 2, 1000, command_put}, {"ls", 1, 1000, command_ls}, {"cat", 1, 1000, command_cat},
    {"mirror", 1, 2, command_mirror}, {"rm", 1, 1000, command_rm},
};

/* ---- Ctrl-C ---- */

static int stop_event = -1;

static void on_stop(int signal)
{
    uint64_t one = 1;

    (void)signal;
    (void)!write(stop_event, &one, sizeof(one)); /* nothing can be done about it here */
}

static bool catch_stop(struct options *o)
{
    struct sigaction action = {.sa_handler = on_stop};

    o->stop = stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* A server that is gone is told by what writing to it returns, under TLS as well. */
    return stop_event >= 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR && sigaction(SIGINT, &action, NULL) == 0 &&
           sigaction(SIGTERM, &action, NULL) == 0;
}

/* ---- options ---- */

static bool read_ports(const char *text, struct client_site *site)
{
    unsigned first, last;
    char rest;

    if (sscanf(text, "%5u:%5u%c", &first, &last, &rest) != 2 || first == 0 || last > UINT16_MAX ||
        last < first)
        return false;
    site->active_first = (uint16_t)first;
    site->active_last = (uint16_t)last;
    return true;
}

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "sally: %s: %s\n", what, value);
    return false;
}

/* A whole number from least to most, with nothing behind it. */
static bool read_number(const char *text, unsigned long least, unsigned long most, unsigned long *ret)
{
    char *end;

    errno = 0;
    *ret = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && !errno && *ret >= least && *ret <= most;
}

static bool take_number(const char *what, unsigned long most, unsigned *to)
{
    unsigned long n;

    if (!read_number(optarg, strcmp(what, "--retries") == 0 ? 0 : 1, most, &n))
        return wrong(what, optarg);
    *to = (unsigned)n;
    return true;
}

/* Seconds, also parts of one, as milliseconds. */
static bool take_seconds(const char *what, double least, int *to)
{
    char *end;
    double seconds = strtod(optarg, &end);

    if (end == optarg || *end || !(seconds >= least && seconds <= 86400))
        return wrong(what, optarg);
    *to = (int)(seconds * 1000);
    return true;
}

static bool take_rate(uint64_t *to)
{
    static const char units[] = "kMGT";
    char *end;
    double rate = strtod(optarg, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;

    for (; unit && unit >= units; unit--)
        rate *= 1000;
    if (end == optarg || (*end && (!strchr(units, *end) || end[1])) || !(rate >= 1 && rate <= 1e15))
        return wrong("--limit-rate is no number of bytes a second", optarg);
    *to = (uint64_t)rate;
    return true;
}

static bool take_pattern(const char *what, const char **patterns)
{
    for (unsigned i = 0; i < PATTERNS; i++)
        if (!patterns[i]) {
            patterns[i] = optarg;
            return true;
        }
    return wrong(what, optarg);
}

static bool take_address(const char **to)
{
    unsigned char address[16];

    *to = optarg;
    return inet_pton(AF_INET, optarg, address) == 1 || inet_pton(AF_INET6, optarg, address) == 1 ||
           wrong("--active-address is no IP address", optarg);
}

static bool take_encoding(const char **to)
{
    iconv_t known = iconv_open(optarg, "UTF-8");

    *to = optarg;
    if (known == (iconv_t)-1)
        return wrong("--encoding is none that this system knows (iconv -l)", optarg);
    iconv_close(known);
    return true;
}

static bool take_fingerprint(const char **to)
{
    *to = optarg;
    return (strlen(optarg) == 64 && strspn(optarg, "0123456789abcdefABCDEF") == 64) ||
           wrong("no SHA-256 fingerprint, which has 64 hexadecimal digits", optarg);
}

static bool take_option(int option, struct options *o)
{
    switch (option) {
    case 'P':
        return take_number("--parallel is from 1 to 64", SESSIONS_MOST, &o->parallel);
    case RETRIES:
        return take_number("--retries", 1000000, &o->retries);
    case RETRY_DELAY:
        return take_seconds("--retry-delay is no number of seconds", 0, &o->delay_ms);
    case TIMEOUT:
        return take_seconds("--timeout is no number of seconds", 0.001, &o->site.connect_ms);
    case LIMIT_RATE:
        return take_rate(&o->site.rate);
    case ENCODING:
        return take_encoding(&o->site.encoding);
    case 'R':
        o->is_reverse = true;
        return true;
    case DELETE:
        o->deletes = true;
        return true;
    case 'n':
        o->is_dry = true;
        return true;
    case ONLY_NEWER:
        o->only_newer = true;
        return true;
    case LINKS:
        o->keeps_links = true;
        return true;
    case INCLUDE:
        return take_pattern("too many --include", o->includes);
    case EXCLUDE:
        return take_pattern("too many --exclude", o->excludes);
    case 'r':
        o->is_recursive = true;
        return true;
    case PASSWORD_COMMAND:
        o->password_command = optarg;
        return true;
    case TRUST_NEW:
        o->trusts_new = true;
        return true;
    case 'v':
        o->is_verbose = true;
        return true;
    case 't':
        o->has_times = true;
        return true;
    case 'c':
        o->resumes = true;
        return true;
    case 'o':
        o->output = optarg;
        return true;
    case PASSWORD_FILE:
        o->password_file = optarg;
        return true;
    case JSON:
        o->is_json = true;
        return true;
    case TLS:
        o->site.security = CLIENT_TLS_EXPLICIT;
        return true;
    case PLAIN:
        o->site.is_plain_allowed = true;
        return true;
    case FINGERPRINT:
        return take_fingerprint(&o->site.fingerprint);
    case PASSIVE:
        o->site.ways |= CLIENT_PASSIVE;
        return true;
    case ACTIVE:
        o->site.ways |= CLIENT_ACTIVE;
        return true;
    case ACTIVE_PORTS:
        return read_ports(optarg, &o->site) || wrong("no ports A:B, from 1 to 65535", optarg);
    case ACTIVE_ADDRESS:
        return take_address(&o->site.active_address);
    default:
        return false; /* getopt_long has said what is wrong */
    }
}

static int run_command(const struct options *o, const char *name, char *const words[], int count)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (count >= commands[i].least && count <= commands[i].most)
            return commands[i].run(o, words);
        fprintf(stderr, "sally: %s: %s\n%s", name,
                count < commands[i].least ? "something is missing" : "too many words", usage);
        return EXIT_USAGE;
    }
    fprintf(stderr, "sally: there is no command \"%s\"\n%s", name, usage);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct options o = {.stop = -1, .parallel = 1, .retries = 2, .delay_ms = 5000};
    int option;

    argv[0] = program_invocation_short_name; /* getopt's messages begin with it */
    setlocale(LC_ALL, "");
    textdomain("sallyport");
    while ((option = getopt_long(argc, argv, "vtcP:o:nRrh", longs, NULL)) != -1) {
        if (option == 'h' || option == VERSION) {
            fputs(option == 'h' ? usage : "sally " SALLY_VERSION "\n", stdout);
            return 0;
        }
        if (!take_option(option, &o))
            return EXIT_USAGE;
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (!catch_stop(&o)) {
        perror("sally");
        return CLIENT_FAILED;
    }
    return run_command(&o, argv[optind], argv + optind + 1, argc - optind - 1);
}
