/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/attempt.h"
#include "explain/make.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIX_ARGUMENTS = 64, FIX_LINE = 600 };

/* ---- commands ---- */

static int remember(struct fix_attempt *a, char *line)
{
    if (!line)
        return -ENOMEM;
    if (a->count == FIX_COMMANDS) {
        free(line);
        return -ENOENT;
    }
    a->commands[a->count++] = line;
    return 0;
}

/* Commands that fixes make hold no quotes. */
static int carry_out(struct rules *r, const char *command)
{
    char copy[FIX_LINE], *save = NULL;
    const char *argv[FIX_ARGUMENTS];
    struct rules_outcome outcome = {0};
    struct rules_error error;
    int argc = 0;
    snprintf(copy, sizeof(copy), "%s", command);
    for (char *word = strtok_r(copy, " ", &save); word && argc < FIX_ARGUMENTS;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    int result = rules_command(r, argc, argv, &outcome, &error);
    if (result == -ENOMEM)
        return -ENOMEM;
    bool done = result == 0 && outcome.status == 0;
    if (result == 0)
        free(outcome.output);
    return done ? 0 : -ENOENT;
}

int fix_command(struct fix_attempt *a, const char *format, ...)
{
    char command[FIX_LINE];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(command, sizeof(command), format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(command))
        return -ENOENT;
    wall_rules_free(&a->walked);
    int error = carry_out(a->rules, command);
    if (error)
        return error;
    return remember(
        a, story_format("%s %s", a->rules->family == PACKET_IPV6 ? "ip6tables" : "iptables", command));
}

int fix_configure(struct fix_attempt *a, const char *format, ...)
{
    char *line = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    return remember(a, length < 0 ? NULL : line);
}

void fix_attempt_clear(struct fix_attempt *a)
{
    wall_rules_free(&a->walked);
    rules_free(&a->rules);
    for (size_t i = 0; i < a->count; i++)
        free(a->commands[i]);
    a->count = 0;
}
