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
        say_wrong(count < commands[i].least ? PHRASE(COMMAND_SHORT, name) : PHRASE(COMMAND_LONG, name));
        usage_print(stderr);
        return EXIT_USAGE;
    }
    if (count == 0)
        return shell_run(o, name); /* the word is a URL, or a bookmark */
    WRONG(COMMAND_UNKNOWN, name);
    usage_print(stderr);
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
        usage_print(stdout);
        return 0;
    case OPTIONS_VERSION:
        puts("sally " SALLY_VERSION);
        return 0;
    }
    if (!catch_stop(&o)) {
        say_local("sally", errno);
        return CLIENT_FAILED;
    }
    if (first == argc)
        return shell_run(&o, NULL);
    return run_command(&o, argv[first], argv + first + 1, argc - first - 1);
}
