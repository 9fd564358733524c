/* SPDX-License-Identifier: BSD-2-Clause */
/* sally: FTP and FTPS client. Arguments and wiring only. */
#include "cmd/sally/command.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: sally        [options] [URL]\n"
    "       sally get    [options] URL...\n"
    "       sally put    [options] FILE... URL\n"
    "       sally mirror [options] URL [FOLDER]\n"
    "       sally mirror --reverse [options] FOLDER URL\n"
    "       sally ls     [options] URL...\n"
    "       sally cat    [options] URL...\n"
    "       sally rm     [options] URL...\n"
    "       sally doctor [options] URL\n"
    "       sally queue  [options] [run | clear | get URL... | put FILE... URL]\n"
    "\n"
    "A URL is ftp://[USER@]HOST[:PORT]/PATH or ftps://..., or HOST/PATH. TLS is used wherever the server "
    "offers it.\n"
    "\n"
    "  -v, --verbose             the message log, as it happens; else only if something fails\n"
    "  -t, --times               with the time of day\n"
    "      --json                events, and ls's entries, as objects for scripts, one a line\n"
    "  -P, --parallel N          so many sessions at once (1)\n"
    "      --segments N          get: a file in so many pieces at once\n"
    "  -c, --continue            get, put: go on with what an earlier one has left as NAME.part\n"
    "  -o, --output FILE         get: into this file\n"
    "      --retries N           of what broke off (2); --retry-delay SECONDS before each (5)\n"
    "      --timeout SECONDS     until a connection stands (20)\n"
    "      --limit-rate BYTES    a second, for each session; k, M and G may follow\n"
    "      --no-upload           doctor: store nothing at the server\n"
    "      --encoding NAME       of names at the server, if they are not UTF-8\n"
    "      --lang LANGUAGE       of the message log: en, ko (the locale's)\n"
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

static const struct command {
    const char *name;
    int least, most; /* words behind it */
    int (*run)(const struct options *o, char *const words[]);
} commands[] = {
    {"get", 1, 1000, command_get}, {"put", 2, 1000, command_put},     {"ls", 1, 1000, command_ls},
    {"cat", 1, 1000, command_cat}, {"queue", 0, 1000, command_queue}, {"mirror", 1, 2, command_mirror},
    {"rm", 1, 1000, command_rm},   {"doctor", 1, 1, command_doctor},
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
    if (count == 0)
        return shell_run(o, name); /* the word is a URL, or a bookmark */
    fprintf(stderr, "sally: there is no command \"%s\"\n%s", name, usage);
    return EXIT_USAGE;
}

/* Else the next file, or session, that is opened would be what is written to people. Nothing can be read or written there, as before. */
static void occupy_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(CLIENT_FAILED);
}

int main(int argc, char **argv)
{
    struct options o = {.stop = -1, .parallel = 1, .retries = 2, .delay_ms = 5000};
    int first;

    occupy_streams();
    argv[0] = program_invocation_short_name; /* getopt's messages begin with it */
    if (!setlocale(LC_ALL, ""))
        setlocale(LC_CTYPE, "C.UTF-8"); /* this system lacks the locale; the terminal has UTF-8 */
    speech_speak_locale();
    switch (options_read(argc, argv, &o, &first)) {
    case OPTIONS_OK:
        break;
    case OPTIONS_WRONG:
        return EXIT_USAGE;
    case OPTIONS_HELP:
        fputs(usage, stdout);
        return 0;
    case OPTIONS_VERSION:
        puts("sally " SALLY_VERSION);
        return 0;
    }
    if (!catch_stop(&o)) {
        perror("sally");
        return CLIENT_FAILED;
    }
    if (first == argc)
        return shell_run(&o, NULL);
    return run_command(&o, argv[first], argv + first + 1, argc - first - 1);
}
