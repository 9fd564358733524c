/* SPDX-License-Identifier: BSD-2-Clause */
#include "wallload.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: wallload flood --interface I --mac M --from A --to A --port N [--syn] [--random] [--frames N]\n"
    "                      [--count N] [--rate N] [--seconds S] [--seed N]\n"
    "       wallload serve --port N [--seconds S]\n"
    "       wallload bulk --to A --port N --seconds S\n"
    "       wallload connect --to A --port N --seconds S\n"
    "       wallload probe --to A --behind FILE --port N --forbidden N --rate N [--seconds S]\n"
    "What neither --seconds nor --count ends, the end of standard input does.\n";

static const struct {
    const char *name;
    void (*run)(const struct wallload *asked);
} commands[] = {{"flood", wallload_flood},
                {"serve", wallload_serve},
                {"bulk", wallload_bulk},
                {"connect", wallload_connect},
                {"probe", wallload_probe}};

static double read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double wallload_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double wallload_processor(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void wallload_fail(const char *what, const char *name)
{
    fprintf(stderr, "wallload: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

bool wallload_is_over(const struct wallload *asked, double begin)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    if (asked->seconds > 0)
        return wallload_now() - begin >= asked->seconds;
    return poll(&input, 1, 0) > 0;
}

void wallload_pace(const struct wallload *asked, double begin, uint64_t number)
{
    double early = asked->rate ? begin + (double)number / asked->rate - wallload_now() : 0;
    struct timespec rest = {.tv_sec = (time_t)early};

    if (early <= 0)
        return;
    rest.tv_nsec = (long)((early - (double)rest.tv_sec) * 1e9);
    nanosleep(&rest, NULL);
}

/* The same letters for all commands. False: not understood. */
static bool read_options(int argc, char **argv, struct wallload *ret)
{
    static const struct option names[] = {{"interface", required_argument, NULL, 'i'},
                                          {"mac", required_argument, NULL, 'm'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"to", required_argument, NULL, 't'},
                                          {"behind", required_argument, NULL, 'b'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"forbidden", required_argument, NULL, 'F'},
                                          {"syn", no_argument, NULL, 'S'},
                                          {"random", no_argument, NULL, 'R'},
                                          {"frames", required_argument, NULL, 'n'},
                                          {"count", required_argument, NULL, 'c'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'x'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

        switch (option) {
        case 'i':
            ret->interface = optarg;
            break;
        case 'm':
            ret->mac = optarg;
            break;
        case 'f':
            ret->from = optarg;
            break;
        case 't':
            ret->to = optarg;
            break;
        case 'b':
            ret->behind = optarg;
            break;
        case 'p':
            ret->port = (uint16_t)number;
            break;
        case 'F':
            ret->forbidden = (uint16_t)number;
            break;
        case 'S':
            ret->is_syn = true;
            break;
        case 'R':
            ret->is_random = true;
            break;
        case 'n':
            ret->frames = (uint32_t)number;
            break;
        case 'c':
            ret->count = number;
            break;
        case 'r':
            ret->rate = (uint32_t)number;
            break;
        case 's':
            ret->seconds = strtod(optarg, NULL);
            break;
        case 'x':
            ret->seed = number;
            break;
        default:
            return false;
        }
    }
    return optind == argc && ret->port && ret->frames;
}

/* Who started us may die; nobody else would end what goes on until its input ends. */
int main(int argc, char **argv)
{
    struct wallload asked = {.frames = 1, .seed = 1};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (!read_options(argc - 1, argv + 1, &asked))
            break;
        commands[i].run(&asked);
        return 0;
    }
    fputs(usage, stderr);
    return 2;
}
