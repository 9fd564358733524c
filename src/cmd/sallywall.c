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
    {"snapshot", "write what is known of this machine into one text, for explain elsewhere",
     snapshot_command},
    {"check", "can a rule file be read?", check_command},
    {"save", "read a rule file and print it as iptables-save would", save_command},
    {"up", "put up the wall in this network namespace: rules, tracking and FTP helper in the kernel",
     up_command},
    {"down", "take it down", down_command},
    {"status", "what stands, since when, with how much in it", status_command},
    {"conntrack", "the connections that the wall knows: list, delete, watch, count", conntrack_command},
    {"expect", "those that FTP sessions have announced to it", expect_command},
    {"watch", "what it drops, by which rule and why; what its rules log", watch_command},
    {"apply", "give the wall the rules of a file, unless they cut you off; on trial, if you like",
     apply_command},
    {"confirm", "keep the rules that apply --confirm has put on trial", confirm_command},
    {"save-boot", "save the wall for the next boot", save_boot_command},
    {"restore-boot", "put up the wall that was saved, or the last one that could be", restore_boot_command},
    {"import", "take over the rules of iptables that this machine runs", import_command},
    {"sets", "give it the members of ipset's sets as they are now", sets_command},
    {"iptables", "list or change the wall's rules, or a file's, in the language of iptables",
     iptables_command},
    {"ip6tables", "the same for IPv6", iptables_command},
    {"iptables-save", "print the wall's rules", live_save_command},
    {"ip6tables-save", "the same for IPv6", live_save_command},
    {"iptables-restore", "load the wall's rules from a file, as a whole or not at all", restore_command},
    {"ip6tables-restore", "the same for IPv6", restore_command},
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static void print_usage(FILE *out)
{
    fprintf(out, "usage: sallywall COMMAND ...\n\n");
    for (int i = 0; i < WORDS; i++)
        fprintf(out, "  %-17s %s\n", words[i].name, words[i].help);
    fprintf(out, "\nsallywall COMMAND --help says more, and sallywall(8) most. Try: iptables-save | "
                 "sallywall explain -\n");
}

/* Called by a link of that name, sallywall is that command; -1: it is not. */
static int run_by_name(int argc, char **argv)
{
    char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

    for (int i = 0; i < WORDS; i++) {
        if (strstr(name, "tables") && strcmp(name, words[i].name) == 0) {
            argv[0] = name;
            return words[i].run(argc, argv);
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    const char *names[WORDS];

    setlocale(LC_CTYPE, "");  /* which characters the terminal can show */
    signal(SIGPIPE, SIG_IGN); /* told by fflush, once */
    live_begin();
    int status = argc ? run_by_name(argc, argv) : -1;
    if (status >= 0)
        return status;
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
