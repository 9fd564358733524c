/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/admin/who.h"
#include "server/auth/accounts.h"
#include "server/monitor/monitor.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: sallyd [FILE] [-oNAME=VALUE ...] [--check-config]\n"
                            "       sallyd user add|passwd|list|del ...\n"
                            "       sallyd who [--json] [--socket PATH]\n"
                            "       sallyd kick ID [--socket PATH]\n"
                            "       sallyd -v\n"
                            "See sallyd(8) and sallyd.conf(5).\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} words[] = {{"user", accounts_command}, {"who", who_command}, {"kick", kick_command}};

static int check_config(const char *file, char *const *assignments)
{
    struct config *c = monitor_load_config(file, assignments);
    if (!c)
        return 2;
    config_free(&c);
    printf("%s: configuration is good\n", file ? file : "sallyd");
    return 0;
}

static int serve(int argc, char **argv)
{
    static const struct option longs[] = {{"check-config", no_argument, NULL, 'c'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {0}};
    char **assignments = calloc((size_t)argc + 1, sizeof(*assignments));
    size_t count = 0;
    bool check = false, bad = false;
    int c;
    if (!assignments)
        return 1;
    while ((c = getopt_long(argc, argv, "o:vh", longs, NULL)) != -1) {
        if (c == 'o')
            assignments[count++] = optarg;
        else if (c == 'c')
            check = true;
        else if (c == 'v' || c == 'h') {
            c == 'v' ? printf("sallyd %s\n", SALLY_VERSION) : fputs(usage, stdout);
            free(assignments);
            return 0;
        } else
            bad = true; /* getopt has said what is wrong */
    }
    int status = 2;
    const char *file = optind < argc ? argv[optind] : NULL;
    if (bad || optind + 1 < argc)
        fputs(usage, stderr);
    else
        status = check ? check_config(file, assignments) : monitor_run(file, assignments);
    free(assignments);
    return status;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(argv[1], words[i].name) == 0)
            return words[i].run(argc - 1, argv + 1);
    }
    return serve(argc, argv);
}
