/* SPDX-License-Identifier: BSD-2-Clause */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cmd/wall/commands.h"

static const struct {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} words[] = {
    {"explain", "what a firewall does to an FTP session, a packet or a capture, why, and what would help",
     explain_command},
    {"diff", "what changes from one rule set to another", diff_command},
    {"replay", "run a capture through connection tracking and rules", replay_command},
    {"check", "can a rule file be read?", check_command},
    {"save", "read a rule file and print it as iptables-save would", save_command},
    {"iptables", "list or change a rule file in the language of iptables", iptables_command},
    {"ip6tables", "the same for IPv6", iptables_command},
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static void print_usage(FILE *out)
{
    fprintf(out, "usage: sallywall COMMAND ...\n\n");
    for (int i = 0; i < WORDS; i++)
        fprintf(out, "  %-10s %s\n", words[i].name, words[i].help);
    fprintf(out, "\nsallywall COMMAND --help says more, and sallywall(8) most. Try: iptables-save | "
                 "sallywall explain -\n");
}

int main(int argc, char **argv)
{
    const char *names[WORDS];

    setlocale(LC_CTYPE, "");  /* which characters the terminal can show */
    signal(SIGPIPE, SIG_IGN); /* told by fflush, once */
    for (int i = 0; i < WORDS; i++) {
        names[i] = words[i].name;
        if (argc > 1 && strcmp(argv[1], words[i].name) == 0)
            return words[i].run(argc - 1, argv + 1);
    }
    if (argc > 1 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return finish_output(0);
    }
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        printf("sallywall %s\n", SALLY_VERSION);
        return finish_output(0);
    }
    if (argc > 1) {
        const char *near = nearest_name(argv[1], names, WORDS);

        fprintf(stderr, "sallywall: unknown command \"%s\"%s%s%s\n\n", argv[1], near ? ": did you mean " : "",
                near ? near : "", near ? "?" : "");
    }
    print_usage(stderr);
    return STATUS_TROUBLE;
}
