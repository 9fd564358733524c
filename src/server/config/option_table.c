/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/option_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DONE    NULL
#define OLD_TLS "TLS 1.0 and 1.1 are broken and not offered (RFC 8996); TLS 1.2 and 1.3 are"

const struct option option_table[] = {
#define BOOL(name_, value_, scope_, why_, text_)                                                             \
    {.name = #name_,                                                                                         \
     .type = OPTION_BOOL,                                                                                    \
     .scope = scope_,                                                                                        \
     .offset = offsetof(struct config, name_),                                                               \
     .value.boolean = value_,                                                                                \
     .why = why_,                                                                                            \
     .text = text_},
#define NUMBER(name_, value_, least_, most_, unit_, scope_, why_, text_)                                     \
    {.name = #name_,                                                                                         \
     .type = OPTION_NUMBER,                                                                                  \
     .scope = scope_,                                                                                        \
     .offset = offsetof(struct config, name_),                                                               \
     .value.number = value_,                                                                                 \
     .least = least_,                                                                                        \
     .most = most_,                                                                                          \
     .unit = unit_,                                                                                          \
     .why = why_,                                                                                            \
     .text = text_},
#define STRING(name_, value_, what_, scope_, why_, text_)                                                    \
    {.name = #name_,                                                                                         \
     .type = OPTION_STRING,                                                                                  \
     .scope = scope_,                                                                                        \
     .offset = offsetof(struct config, name_),                                                               \
     .value.string = value_,                                                                                 \
     .what = what_,                                                                                          \
     .why = why_,                                                                                            \
     .text = text_},
    CONFIG_OPTIONS(BOOL, NUMBER, STRING)
#undef BOOL
#undef NUMBER
#undef STRING
};

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

#define ONE(...) +1
const struct option_section option_sections[] = {
    {"Connections", 0 CONFIG_OPTIONS_NETWORK(ONE, ONE, ONE)},
    {"The firewall of this machine", 0 CONFIG_OPTIONS_FIREWALL(ONE, ONE, ONE)},
    {"Users", 0 CONFIG_OPTIONS_LOGIN(ONE, ONE, ONE)},
    {"Files and transfers", 0 CONFIG_OPTIONS_FILES(ONE, ONE, ONE)},
    {"Logs and processes", 0 CONFIG_OPTIONS_PROCESS(ONE, ONE, ONE)},
    {"TLS", 0 CONFIG_OPTIONS_TLS(ONE, ONE, ONE)},
};
#undef ONE

const size_t option_section_count = sizeof(option_sections) / sizeof(option_sections[0]);

const struct option *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < option_count; i++)
        if (strlen(option_table[i].name) == len && memcmp(option_table[i].name, name, len) == 0)
            return &option_table[i];
    return NULL;
}

int option_set_string(struct config *c, const struct option *o, const char *value, size_t len)
{
    char *copy = NULL;
    if (len > 0) {
        copy = strndup(value, len);
        if (!copy)
            return -ENOMEM;
    }
    free((char *)*option_string(c, o));
    *option_string(c, o) = copy;
    return 0;
}

bool option_is_default(const struct config *c, const struct option *o)
{
    const void *at = (const char *)c + o->offset;
    switch (o->type) {
    case OPTION_BOOL:
        return *(const bool *)at == o->value.boolean;
    case OPTION_NUMBER:
        return *(const unsigned *)at == o->value.number;
    case OPTION_STRING:
        break;
    }
    const char *string = *(const char *const *)at;
    if (!string || !o->value.string)
        return string == o->value.string;
    return strcmp(string, o->value.string) == 0;
}

const char *option_show_number(const struct option *o, unsigned number, char into[OPTION_SHOWN_MAX])
{
    snprintf(into, OPTION_SHOWN_MAX, o->unit == MODE && number ? "0%o" : "%u", number);
    return into;
}

const char *option_show_range(const struct option *o, char into[OPTION_SHOWN_MAX])
{
    static const struct {
        const char *before, *after;
    } units[] = {
        [COUNT] = {"a number from ", ""}, [SECONDS] = {"", " seconds"},
        [BYTES] = {"", " bytes"},         [RATE] = {"", " bytes per second"},
        [PORT] = {"a port from ", ""},    [MODE] = {"an octal mode from ", ""},
    };
    static const char *const whats[] = {
        [TEXT] = "text",
        [PATH] = "a path",
        [NAME] = "a name",
        [HOST] = "an IPv4 address or a host name",
        [LIST] = "a list",
        [ADDRESS4] = "an IPv4 address",
        [ADDRESS6] = "an IPv6 address",
        [PATTERN] = "a pattern",
    };
    char least[OPTION_SHOWN_MAX], most[OPTION_SHOWN_MAX];
    switch (o->type) {
    case OPTION_BOOL:
        return strcpy(into, "YES or NO");
    case OPTION_NUMBER:
        snprintf(into, OPTION_SHOWN_MAX, "%s%.16s to %.16s%s", units[o->unit].before,
                 option_show_number(o, o->least, least), option_show_number(o, o->most, most),
                 units[o->unit].after);
        return into;
    case OPTION_STRING:
        break;
    }
    return strcpy(into, whats[o->what]);
}
