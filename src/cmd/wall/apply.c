/* SPDX-License-Identifier: BSD-2-Clause */
/* sallywall apply and confirm: other rules for the wall that stands, with a way back. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/wall/asking.h"
#include "cmd/wall/commands.h"
#include "cmd/wall/guard.h"
#include "cmd/wall/loading.h"
#include "cmd/wall/options.h"
#include "cmd/wall/source.h"
#include "cmd/wall/suit.h"
#include "explain/diff/diff.h"
#include "kernel/wall.h"

enum {
    STATUS_REFUSED = 1, /* or taken back: the rules of before count */
    SECONDS_MOST = 86400,
    LOOK_MS = 200, /* from one look at a trial to the next */
};

static int fail(const char *command, const struct kernel_error *error)
{
    fprintf(stderr, "sallywall %s: %s\n", command, error->text);
    return STATUS_TROUBLE;
}

static int out_of_memory(void)
{
    fprintf(stderr, "sallywall: out of memory\n");
    return STATUS_TROUBLE;
}

/* ---- what is asked ---- */

struct applying {
    uint8_t family;   /* 0: the file tells */
    unsigned seconds; /* 0: for good */
    bool is_forced;
    const char *file;
};

static bool take_confirm(void *what, const char *value, const char **why)
{
    char *end;
    unsigned long seconds = strtoul(value, &end, 10);

    *why = "a number of seconds, 1 to 86400";
    if (value[0] < '0' || value[0] > '9' || *end || seconds < 1 || seconds > SECONDS_MOST)
        return false;
    ((struct applying *)what)->seconds = (unsigned)seconds;
    return true;
}

static bool take_force(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct applying *)what)->is_forced = true;
    return true;
}

static bool take_ipv4(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct applying *)what)->family = PACKET_IPV4;
    return true;
}

static bool take_ipv6(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct applying *)what)->family = PACKET_IPV6;
    return true;
}

static const struct option_row apply_rows[] = {
    {"--confirm", "SECONDS", "the old rules return by themselves unless you say yes in so many seconds",
     take_confirm},
    {"--force", NULL, "even if that cuts the connection that you work over", take_force},
    {"-4", NULL, "FILE has rules for IPv4; unless said, it tells by what is in it", take_ipv4},
    {"-6", NULL, "FILE has rules for IPv6", take_ipv6},
};

static const struct option_command apply_options = {
    "apply",
    "FILE|- [OPTION...]",
    "Gives the wall the rules of FILE, as iptables-save prints them: says what changes, and refuses what "
    "would cut "
    "the\nconnection that you work over. Tables that FILE does not have stay as they are. Exit status: 0 the "
    "new "
    "rules\ncount, 1 the old ones do, 2 mistakes and trouble.",
    apply_rows,
    sizeof(apply_rows) / sizeof(apply_rows[0]),
    1,
    1};

/* ---- a trial ---- */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = interrupt};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)sigaction(signals[i], &action, NULL); /* of these it can't fail */
}

static int tell_end(enum wall_trial trial)
{
    if (trial == WALL_KEPT) {
        puts("Kept: the new rules stay.");
        return finish_output(0);
    }
    puts("Not confirmed: the old rules count again.");
    return finish_output(STATUS_REFUSED);
}

/* The old rules, now. If that does not work, the timer brings them. */
static int take_back(enum packet_family family)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    int r = kernel_wall_open_to_change(1, &wall, &error);
    enum wall_trial trial = WALL_RETURNED;

    if (r == 0 && kernel_wall_end_trial(wall, family, false))
        trial = kernel_wall_trial(wall, family, NULL);
    kernel_wall_close(&wall);
    if (r == 0)
        return tell_end(trial);
    fail("apply", &error);
    fprintf(stderr, "sallywall apply: the old rules return when the time is over\n");
    return STATUS_REFUSED;
}

/* A line that was typed, or "" if there is none yet; NULL: there will be none. */
static const char *read_answer(bool *is_open)
{
    static char line[64];
    struct pollfd input = {.fd = *is_open ? STDIN_FILENO : -1, .events = POLLIN};
    ssize_t got;

    if (poll(&input, 1, LOOK_MS) <= 0 || !input.revents)
        return "";
    got = read(STDIN_FILENO, line, sizeof(line) - 1);
    if (got <= 0) {
        *is_open = false;
        return "";
    }
    line[got] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* Until somebody, here or elsewhere, or the time has decided. */
static int wait_for_answer(struct kernel_wall *wall, enum packet_family family)
{
    bool is_open = true;
    enum wall_trial trial;

    while ((trial = kernel_wall_trial(wall, family, NULL)) == WALL_ON_TRIAL && !is_interrupted) {
        const char *answer = read_answer(&is_open);
        if (!kernel_wall_state(wall)->armed) {
            fprintf(stderr, "sallywall apply: the wall was taken down meanwhile\n");
            return STATUS_TROUBLE;
        }
        if (strcmp(answer, "yes") == 0)
            (void)!kernel_wall_end_trial(wall, family, true); /* too late is what the next look tells */
        else if (strcmp(answer, "no") == 0)
            return take_back(family);
        else if (*answer)
            fputs("yes keeps the new rules, no brings the old ones back: ", stderr);
    }
    return is_interrupted && trial == WALL_ON_TRIAL ? take_back(family) : tell_end(trial);
}

static int confirm_here(const struct applying *a, enum packet_family family)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    int status;

    fprintf(
        stderr,
        "The new rules count. If you can still work, type yes within %u seconds. Else the old rules return "
        "by "
        "themselves,\nwhatever becomes of this terminal. From another one, sallywall confirm does it, too.\n",
        a->seconds);
    if (kernel_wall_open(&wall, &error))
        return fail("apply", &error);
    status = wait_for_answer(wall, family);
    kernel_wall_close(&wall);
    return status;
}

/* ---- applying ---- */

static int tell_changes(const struct rules *before, const struct rules *next)
{
    struct asking a;
    int r;

    asking_init(&a);
    const struct story_text_options options = asking_text_options(&a);
    struct diff *diff = diff_rules(before, next, &a.play);
    r = diff ? diff_tell_text(diff, &options, stdout) : -ENOMEM;
    diff_free(&diff);
    asking_fini(&a);
    return r == -ENOMEM ? out_of_memory() : finish_output(0);
}

/* May they be? 0, or the exit status. */
static int guard(const struct applying *a, const struct rules *before, const struct rules *next)
{
    struct sessions sessions;

    sessions_find(false, &sessions);
    switch (guard_tell("sallywall apply", &sessions, before, next)) {
    case SESSION_PASSES:
        return 0;
    case SESSION_UNKNOWN:
        if (!a->seconds)
            fprintf(stderr,
                    "sallywall apply: --confirm SECONDS would bring the old rules back if it does not\n");
        return 0;
    default:
        if (a->is_forced)
            return 0;
        fprintf(stderr, "sallywall apply: nothing was changed. --force does it all the same%s\n",
                a->seconds ? "" : "; with --confirm SECONDS the old rules then return unless you confirm");
        return STATUS_REFUSED;
    }
}

static int replace(const struct applying *a, struct kernel_wall *wall, const struct rules *next)
{
    struct kernel_error error = {0};
    int r = loading_replace("sallywall apply", wall, next, WALL_ALIKE_RULES, a->seconds, &error);

    return r ? fail("apply", &error) : 0;
}

static struct rules *read_standing(struct kernel_wall *wall, uint8_t family)
{
    struct kernel_error error = {0};
    struct rules *r = NULL;

    if (kernel_wall_rules(wall, (enum packet_family)family, &r, &error) == 0)
        return r;
    fail("apply", &error);
    return NULL;
}

/* What was told of the change is true only if they still are what they were. 0, or the exit status. */
static int change(const struct applying *a, const struct rules *before, const struct rules *next)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    struct rules *now;
    int status;

    if (kernel_wall_open_to_change(-1, &wall, &error))
        return fail("apply", &error);
    now = read_standing(wall, before->family);
    if (!now) {
        status = STATUS_TROUBLE;
    } else if (!rules_equal(now, before)) {
        fprintf(stderr,
                "sallywall apply: somebody else has changed the rules meanwhile: nothing was changed; look "
                "again\n");
        status = STATUS_REFUSED;
    } else {
        status = replace(a, wall, next);
    }
    rules_free(&now);
    kernel_wall_close(&wall);
    return status;
}

/* Nobody is kept from changing rules while this one reads what would change. */
static int look_and_change(const struct applying *a, const struct rules *before, const struct rules *next)
{
    int status = suit_check("sallywall apply", next) ? STATUS_TROUBLE : tell_changes(before, next);

    if (status || rules_equal(before, next))
        return status;
    status = guard(a, before, next);
    if (status == 0)
        status = change(a, before, next);
    return status || !a->seconds ? status : confirm_here(a, (enum packet_family)next->family);
}

static int apply_file(const struct applying *a, const struct rules *file)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    struct rules *before, *next;
    int status = STATUS_TROUBLE;

    if (kernel_wall_open(&wall, &error))
        return fail("apply", &error);
    before = read_standing(wall, file->family);
    kernel_wall_close(&wall);
    next = before ? suit_complete(before, file) : NULL;
    if (next)
        status = look_and_change(a, before, next);
    else if (before)
        status = out_of_memory();
    rules_free(&before);
    rules_free(&next);
    return status;
}

int apply_command(int argc, char **argv)
{
    struct applying a = {0};
    struct rules *file = NULL;
    char *name = NULL;
    int operands, status = STATUS_TROUBLE, r = options_read(&apply_options, argc, argv, &a, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (a.seconds)
        catch_signals();
    if (source_read(argv[1], SOURCE_SAVE, a.family, 0, &file, &name) == 0)
        status = apply_file(&a, file);
    rules_free(&file);
    free(name);
    return status;
}

/* ---- sallywall confirm ---- */

static bool take_no(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    *(bool *)what = true;
    return true;
}

static const struct option_row confirm_rows[] = {
    {"--no", NULL, "brings the old rules back, at once", take_no},
};

static const struct option_command confirm_options = {
    "confirm",
    "[--no]",
    "Keeps the rules that sallywall apply --confirm has put on trial. Exit status: 0 done, 1 nothing waits "
    "to be "
    "confirmed.",
    confirm_rows,
    1,
    0,
    0};

/* Was there something to end? */
static bool end_trial(struct kernel_wall *wall, enum packet_family family, bool keep)
{
    const char *name = family == PACKET_IPV6 ? "IPv6" : "IPv4";

    if (kernel_wall_end_trial(wall, family, keep) == 0) {
        printf(keep ? "%s: the new rules stay\n" : "%s: the old rules count again\n", name);
        return true;
    }
    if (kernel_wall_trial(wall, family, NULL) == WALL_RETURNED)
        fprintf(stderr,
                "sallywall confirm: the last %s rules were not confirmed in time: the old ones count\n",
                name);
    return false;
}

int confirm_command(int argc, char **argv)
{
    bool no = false;
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    int operands, r = options_read(&confirm_options, argc, argv, &no, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (no ? kernel_wall_open_to_change(-1, &wall, &error) : kernel_wall_open(&wall, &error))
        return fail("confirm", &error);
    bool is_done = end_trial(wall, PACKET_IPV4, !no);
    is_done |= end_trial(wall, PACKET_IPV6, !no);
    kernel_wall_close(&wall);
    if (!is_done)
        fprintf(stderr, "sallywall confirm: nothing waits to be confirmed\n");
    return finish_output(is_done ? 0 : STATUS_REFUSED);
}
