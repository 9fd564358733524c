/* SPDX-License-Identifier: BSD-2-Clause */
/* up and down of the live wall. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/guard.h"
#include "cmd/wall/loading.h"
#include "cmd/wall/options.h"
#include "cmd/wall/source.h"
#include "cmd/wall/suit.h"
#include "kernel/wall.h"
#include "track/native/tracker.h"

static int fail(const char *command, const struct kernel_error *error)
{
    fprintf(stderr, "sallywall %s: %s\n", command, error->text);
    return STATUS_TROUBLE;
}

/* What came out less than was asked for. */
static void remark(const char *command, const struct kernel_error *error)
{
    if (error->remark[0])
        fprintf(stderr, "sallywall %s: %s\n", command, error->remark);
}

/* ---- up ---- */

enum { STATUS_REFUSED = 1 };

struct upping {
    const char *files[WALL_FAMILIES];
    struct track_config track;
    bool is_forced;
};

static bool take_rules(void *what, const char *value, const char **why)
{
    (void)why;
    ((struct upping *)what)->files[WALL_IPV4] = value;
    return true;
}

static bool take_rules6(void *what, const char *value, const char **why)
{
    (void)why;
    ((struct upping *)what)->files[WALL_IPV6] = value;
    return true;
}

/* "none", "ftp", "ftp=21,2121" */
static bool take_helper(void *what, const char *value, const char **why)
{
    enum { PORTS = sizeof(((struct track_config *)0)->ftp_ports) / sizeof(uint16_t) };
    struct track_config *track = &((struct upping *)what)->track;
    const char *at = value + 3;

    *why = "none, or ftp, or ftp=PORT,PORT... with at most 8 ports";
    track->always_helps = strcmp(value, "none") != 0;
    if (!track->always_helps || strcmp(value, "ftp") == 0)
        return true;
    track->ftp_port_count = 0;
    if (strncmp(value, "ftp=", 4) != 0)
        return false;
    while (*at) {
        char *end;
        unsigned long port = strtoul(at + 1, &end, 10);
        bool is_number = at[1] >= '0' && at[1] <= '9';
        if (!is_number || port < 1 || port > 65535 || track->ftp_port_count == PORTS || (*end && *end != ','))
            return false;
        track->ftp_ports[track->ftp_port_count++] = (uint16_t)port;
        at = end;
    }
    return true;
}

static bool take_mode(void *what, const char *value, const char **why)
{
    struct track_config *track = &((struct upping *)what)->track;

    *why = "robust or linux";
    track->manner = strcmp(value, "linux") == 0 ? TRACK_LINUX : TRACK_ROBUST;
    return strcmp(value, "linux") == 0 || strcmp(value, "robust") == 0;
}

static bool take_loose(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct upping *)what)->track.ftp_loose = true;
    return true;
}

static bool take_max_flows(void *what, const char *value, const char **why)
{
    enum { LEAST = 1024, MOST = 16 << 20 };
    struct track_config *track = &((struct upping *)what)->track;
    char *end;
    unsigned long number = strtoul(value, &end, 10);

    *why = "a number from 1024 to 16777216";
    if (*value < '0' || *value > '9' || *end || number < LEAST || number > MOST)
        return false;
    track->max_flows = (uint32_t)number;
    return true;
}

static bool take_force(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct upping *)what)->is_forced = true;
    return true;
}

static const struct option_row up_rows[] = {
    {"--rules", "FILE", "rules for IPv4, as iptables-save prints them; else everything passes", take_rules},
    {"--rules6", "FILE", "rules for IPv6, as ip6tables-save prints them; else everything passes",
     take_rules6},
    {"--helper", "ftp=PORTS|none", "the ports of FTP's control connections; ftp=21 unless said", take_helper},
    {"--mode", "robust|linux", "how the helper reads: robust unless said; linux: as the kernel's", take_mode},
    {"--max-flows", "NUMBER",
     "connections that are known at once: 262144 unless said; each takes about 300 bytes", take_max_flows},
    {"--loose", NULL, "data connections may come from other hosts than the server, too", take_loose},
    {"--force", NULL, "even if that cuts the connection that you work over", take_force},
};

static const struct option_command up_options = {
    "up",
    "[OPTION...]",
    "Puts up the wall in this network namespace: rules in the language of iptables, connection tracking and "
    "FTP\n"
    "helper, in the kernel. It stands without any process, until sallywall down or the next boot. Exit "
    "status: 0 it "
    "stands,\n1 it would cut the connection that you work over, 2 mistakes and trouble.",
    up_rows,
    sizeof(up_rows) / sizeof(up_rows[0]),
    0,
    0};

static int read_files(const struct upping *u, struct rules *ret[WALL_FAMILIES])
{
    static const uint8_t families[WALL_FAMILIES] = {PACKET_IPV4, PACKET_IPV6};
    int r = 0;

    for (unsigned f = 0; r == 0 && f < WALL_FAMILIES; f++) {
        char *name = NULL;
        if (u->files[f])
            r = source_read(u->files[f], SOURCE_SAVE, families[f], 0, &ret[f], &name);
        if (ret[f])
            suit_declare(ret[f]); /* as iptables-restore, where no rules are */
        free(name);
    }
    return r;
}

static bool may_go_up(const struct upping *u, struct rules *const rules[WALL_FAMILIES])
{
    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        if (rules[f] && !guard_may_go_up("sallywall up", rules[f], u->is_forced))
            return false;
    }
    return true;
}

/* Who gives one family rules may believe that the other is closed, too. */
static void tell_what_passes(struct rules *const rules[WALL_FAMILIES])
{
    static const char *const options[WALL_FAMILIES] = {"--rules", "--rules6"};

    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        if (!rules[f] || rules_pass_all(rules[f]))
            fprintf(stderr, "sallywall up: IPv%d has no rules: all of it passes%s%s%s\n",
                    f == WALL_IPV6 ? 6 : 4, rules[f] ? "" : " (", rules[f] ? "" : options[f],
                    rules[f] ? "" : " FILE gives it some)");
    }
}

static int put_up(const struct upping *u, struct rules *const rules[WALL_FAMILIES])
{
    struct kernel_error error = {0};
    struct loading loading;
    int status = 0;

    if (!may_go_up(u, rules))
        return STATUS_REFUSED;
    if (loading_begin(&loading, "sallywall up", rules[WALL_IPV4], rules[WALL_IPV6]))
        return STATUS_TROUBLE;
    struct wall_plan plan = {
        .rules = {rules[WALL_IPV4], rules[WALL_IPV6]}, .track = u->track, .terms = loading.terms};
    if (kernel_wall_up(&plan, &error))
        status = fail("up", &error);
    loading_end(&loading, &error);
    if (status == 0)
        tell_what_passes(rules);
    return status;
}

int up_command(int argc, char **argv)
{
    struct upping u = {0};
    struct rules *rules[WALL_FAMILIES] = {NULL, NULL};
    int operands, r;

    suit_track(&u.track);
    r = options_read(&up_options, argc, argv, &u, &operands);
    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    int status = read_files(&u, rules) ? STATUS_TROUBLE : put_up(&u, rules);
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        rules_free(&rules[f]);
    return status;
}

/* ---- down ---- */

static const struct option_command down_options = {
    "down",
    "",
    "Takes down the wall of this network namespace, and what is left of walls of namespaces that are gone.",
    NULL,
    0,
    0,
    0};

int down_command(int argc, char **argv)
{
    struct kernel_error error = {0};
    unsigned husks = 0;
    int operands, r = options_read(&down_options, argc, argv, NULL, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    r = kernel_wall_down(&husks, &error);
    remark("down", &error);
    if (husks)
        printf("removed what %u namespace%s that %s gone had left\n", husks, husks == 1 ? "" : "s",
               husks == 1 ? "is" : "are");
    return finish_output(r ? fail("down", &error) : 0);
}
