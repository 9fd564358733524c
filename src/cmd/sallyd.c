/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/admin/who.h"
#include "server/auth/accounts.h"
#include "server/monitor/doors.h"
#include "server/monitor/keys.h"
#include "server/monitor/monitor.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: sallyd [FILE] [-oNAME=VALUE ...] [--check-config | --firewall-rule]\n"
                            "       sallyd user add|passwd|list|del ...\n"
                            "       sallyd who [--json] [--socket PATH]\n"
                            "       sallyd kick ID [--socket PATH]\n"
                            "       sallyd -v\n"
                            "See sallyd(8) and sallyd.conf(5).\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} words[] = {{"user", accounts_command}, {"who", who_command}, {"kick", kick_command}};

/* The file to read when none is named. A server must not open to everybody because a file is missing, so a
 * missing one is not the same as an empty one: NULL, and the reason has been told. */
static const char *default_file(void)
{
    static const char file[] = SALLYD_CONF;         /* meson.build: it follows the prefix */
    if (access(file, F_OK) == 0 || errno != ENOENT) /* one that can't be read is told by who reads it */
        return file;
    fprintf(
        stderr,
        "sallyd: no configuration: %s does not exist, and no other FILE is named. Name one: sallyd FILE; or "
        "sallyd /dev/null, to serve with every option's default\n",
        file);
    return NULL;
}

static int check_config(const char *file, char *const *assignments)
{
    struct config *c = monitor_load_config(file, assignments);
    bool is_good = c && keys_check(c);
    config_free(&c);
    if (!is_good)
        return 2;
    printf("%s: configuration is good\n", file);
    return 0;
}

static int print_rule(const char *file, char *const *assignments)
{
    struct config *c = monitor_load_config(file, assignments);
    int status = c ? doors_print_rule(c) : 2;
    config_free(&c);
    return status;
}

static int serve(int argc, char **argv)
{
    static const struct option longs[] = {{"check-config", no_argument, NULL, 'c'},
                                          {"firewall-rule", no_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {0}};
    char **assignments = calloc((size_t)argc + 1, sizeof(*assignments));
    size_t count = 0;
    bool check = false, rule = false, bad = false;
    int c;
    if (!assignments)
        return 1;
    while ((c = getopt_long(argc, argv, "o:vh", longs, NULL)) != -1) {
        if (c == 'o')
            assignments[count++] = optarg;
        else if (c == 'c')
            check = true;
        else if (c == 'f')
            rule = true;
        else if (c == 'v' || c == 'h') {
            c == 'v' ? printf("sallyd %s\n", SALLY_VERSION) : fputs(usage, stdout);
            free(assignments);
            return 0;
        } else
            bad = true; /* getopt has said what is wrong */
    }
    int status = 2;
    const char *file = NULL;
    if (bad || optind + 1 < argc)
        fputs(usage, stderr);
    else if ((file = optind < argc ? argv[optind] : default_file()))
        status = check  ? check_config(file, assignments)
                 : rule ? print_rule(file, assignments)
                        : monitor_run(file, assignments);
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
