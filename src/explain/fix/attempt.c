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

int fix_remember(struct fix_attempt *a, char *line)
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

static int carry_out_list(struct fix_attempt *a, char command[FIX_LINE], const char *format, va_list list)
{
    int length = vsnprintf(command, FIX_LINE, format, list);
    if (length < 0 || length >= FIX_LINE)
        return -ENOENT;
    wall_rules_free(&a->walked);
    return carry_out(a->rules, command);
}

int fix_carry_out(struct fix_attempt *a, const char *format, ...)
{
    char command[FIX_LINE];
    va_list list;
    va_start(list, format);
    int error = carry_out_list(a, command, format, list);
    va_end(list);
    return error;
}

int fix_command(struct fix_attempt *a, const char *format, ...)
{
    char command[FIX_LINE];
    va_list list;
    va_start(list, format);
    int error = carry_out_list(a, command, format, list);
    va_end(list);
    if (error)
        return error;
    return fix_remember(a, story_format("%s%s %s", a->rules->family == PACKET_IPV6 ? "ip6tables" : "iptables",
                                        a->rules->is_legacy_beside ? "-legacy" : "", command));
}

int fix_configure(struct fix_attempt *a, const char *format, ...)
{
    char *line = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    return fix_remember(a, length < 0 ? NULL : line);
}

void fix_attempt_clear(struct fix_attempt *a)
{
    wall_rules_free(&a->walked);
    rules_free(&a->rules);
    for (size_t i = 0; i < a->count; i++)
        free(a->commands[i]);
    a->count = 0;
}
