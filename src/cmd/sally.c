/* SPDX-License-Identifier: BSD-2-Clause */
/* sally: FTP and FTPS client. Arguments and wiring only. */
#include "cmd/sally/command.h"

#include <errno.h>
#include <getopt.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: sally get [options] URL...\n"
    "       sally put [options] FILE... URL\n"
    "       sally ls  [options] URL...\n"
    "       sally cat [options] URL...\n"
    "\n"
    "A URL is ftp://[USER@]HOST[:PORT]/PATH or ftps://..., or HOST/PATH. TLS is used wherever the server "
    "offers it.\n"
    "\n"
    "  -v, --verbose             the message log, as it happens; else only if something fails\n"
    "  -t, --times               with the time of day\n"
    "  -c, --continue            get: go on with what an earlier one has left as NAME.part\n"
    "  -o, --output FILE         get: into this file\n"
    "      --json                ls: an object for each entry, one a line\n"
    "      --password-file FILE  the password is its first line; -: of standard input\n"
    "      --tls                 with TLS or not at all\n"
    "      --plain               a password may be sent in clear where the server offers no TLS\n"
    "      --fingerprint SHA256  the server's certificate has this one, whoever has signed it\n"
    "      --passive, --active   data connections only so (both are tried, passive first)\n"
    "      --active-ports A:B    ports that the server is to come to\n"
    "      --active-address IP   the address that it is told\n"
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
    JSON,
    VERSION
};

static const struct option longs[] = {
    {"verbose", no_argument, NULL, 'v'},
    {"times", no_argument, NULL, 't'},
    {"continue", no_argument, NULL, 'c'},
    {"output", required_argument, NULL, 'o'},
    {"password-file", required_argument, NULL, PASSWORD_FILE},
    {"json", no_argument, NULL, JSON},
    {"tls", no_argument, NULL, TLS},
    {"plain", no_argument, NULL, PLAIN},
    {"fingerprint", required_argument, NULL, FINGERPRINT},
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
    {"get", 1, 1000, command_get},
    {"put", 2, 1000, command_put},
    {"ls", 1, 1000, command_ls},
    {"cat", 1, 1000, command_cat},
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

static bool take_option(int option, struct options *o)
{
    switch (option) {
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
        o->site.fingerprint = optarg;
        return strlen(optarg) == 64 ||
               wrong("no SHA-256 fingerprint, which has 64 hexadecimal digits", optarg);
    case PASSIVE:
        o->site.ways |= CLIENT_PASSIVE;
        return true;
    case ACTIVE:
        o->site.ways |= CLIENT_ACTIVE;
        return true;
    case ACTIVE_PORTS:
        return read_ports(optarg, &o->site) || wrong("no ports A:B, from 1 to 65535", optarg);
    case ACTIVE_ADDRESS:
        o->site.active_address = optarg;
        return true;
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
    struct options o = {.stop = -1};
    int option;

    argv[0] = program_invocation_short_name; /* getopt's messages begin with it */
    setlocale(LC_ALL, "");
    textdomain("sallyport");
    while ((option = getopt_long(argc, argv, "vtco:h", longs, NULL)) != -1) {
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
