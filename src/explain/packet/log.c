/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/packet/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain/make.h"

enum { VALUE = 64 };

struct logged {
    char in[VALUE], out[VALUE], mac[VALUE], source[VALUE], destination[VALUE], protocol[VALUE];
    char source_port[VALUE], destination_port[VALUE], type[VALUE], code[VALUE], length[VALUE], ttl[VALUE],
        tos[VALUE], mark[VALUE];
    char flags[VALUE]; /* "syn,ack" */
    bool is_later_fragment;
};

static const struct key {
    const char *name;
    size_t at;
} keys[] = {
#define KEY(name, member) {name, offsetof(struct logged, member)}
    KEY("IN=", in),           KEY("OUT=", out),
    KEY("MAC=", mac),         KEY("SRC=", source),
    KEY("DST=", destination), KEY("PROTO=", protocol),
    KEY("SPT=", source_port), KEY("DPT=", destination_port),
    KEY("TYPE=", type),       KEY("CODE=", code),
    KEY("LEN=", length),      KEY("TTL=", ttl),
    KEY("HOPLIMIT=", ttl),    KEY("TOS=", tos),
    KEY("TC=", tos),          KEY("MARK=", mark),
#undef KEY
};

/* "IN=" at the beginning of a word. */
static const char *find_begin(const char *text)
{
    for (const char *at = text; (at = strstr(at, "IN=")); at++) {
        if (at == text || strchr(" \t\n]\"':", at[-1]))
            return at;
    }
    return NULL;
}

bool packet_log_is(const char *text)
{
    const char *begin = find_begin(text);

    return begin && strstr(begin, " OUT=") && strstr(begin, " SRC=") && strstr(begin, " DST=");
}

static bool begins(const char *word, size_t size, const char *with)
{
    return size >= strlen(with) && memcmp(word, with, strlen(with)) == 0;
}

/* The first value of a key holds: UDP's own LEN comes behind the packet's. */
static void take_value(struct logged *l, const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t name = strlen(keys[i].name);
        char *value = (char *)l + keys[i].at;

        if (!begins(word, size, keys[i].name))
            continue;
        if (!value[0] && size - name < VALUE) {
            memcpy(value, word + name, size - name);
            value[size - name] = '\0';
        }
        return;
    }
}

static void take_flag(struct logged *l, const char *word, size_t size)
{
    static const struct {
        const char *logged, *word;
    } flags[] = {{"CWR", "cwr"}, {"ECE", "ece"}, {"URG", "urg"}, {"ACK", "ack"},
                 {"PSH", "psh"}, {"RST", "rst"}, {"SYN", "syn"}, {"FIN", "fin"}};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (size == 3 && memcmp(word, flags[i].logged, 3) == 0 && strlen(l->flags) + 5 < sizeof(l->flags)) {
            strcat(l->flags, " ");
            strcat(l->flags, flags[i].word);
        }
    }
    if (begins(word, size, "FRAG:") && strncmp(word, "FRAG:0 ", 7) != 0)
        l->is_later_fragment = true;
}

/* To the end of the line, or to the packet that an ICMP error quotes in brackets. */
static void take_words(struct logged *l, const char *at)
{
    size_t line = strcspn(at, "\n[");
    const char *end = at + line;

    while (at < end) {
        size_t size = 0;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        while (at + size < end && !strchr(" \t\r\"", at[size]))
            size++;
        take_value(l, at, size);
        take_flag(l, at, size);
        at += size ? size : (at < end);
    }
}

static int lacks(const char *what, char **message)
{
    *message = story_format("this line of a log %s", what);
    return *message ? -EINVAL : -ENOMEM;
}

static bool has_ports(const struct logged *l)
{
    return l->source_port[0] && l->destination_port[0];
}

static void put_end(FILE *out, const char *address, const char *port, bool ports)
{
    bool is_six = strchr(address, ':');

    fprintf(out, is_six ? "[%s]" : "%s", address);
    if (ports)
        fprintf(out, ":%s", port);
}

static void put_option(FILE *out, const char *name, const char *value)
{
    if (value[0])
        fprintf(out, " %s=%s", name, value);
}

/* "MAC=" is the frame's header: destination, source, type. */
static void put_mac(FILE *out, const struct logged *l)
{
    if (strlen(l->mac) >= 35)
        fprintf(out, " mac=%.17s", l->mac + 18);
}

static void put_words(FILE *out, const struct logged *l)
{
    bool is_icmp = strncasecmp(l->protocol, "ICMP", 4) == 0;

    for (const char *c = l->protocol; *c; c++)
        fputc(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c, out);
    fputc(' ', out);
    put_end(out, l->source, l->source_port, has_ports(l));
    fputs(" > ", out);
    put_end(out, l->destination, l->destination_port, has_ports(l));
    if (is_icmp) {
        put_option(out, "type", l->type);
        put_option(out, "code", l->code);
    } else {
        fputs(l->flags, out);
    }
    put_option(out, "in", l->in);
    put_option(out, "out", l->out);
    fprintf(out, " hook=%s", l->in[0] && l->out[0] ? "forward" : l->in[0] ? "input" : "output");
    put_option(out, "length", l->length);
    put_option(out, "ttl", l->ttl);
    put_option(out, "tos", l->tos);
    put_option(out, "mark", l->mark);
    put_mac(out, l);
}

int packet_log_words(const char *text, char **ret, char **message)
{
    struct logged l = {0};
    size_t size;
    char *words = NULL;
    const char *begin = find_begin(text);

    if (!begin)
        return lacks("holds no packet: no IN= is in it", message);
    take_words(&l, begin);
    if (!l.source[0] || !l.destination[0] || !l.protocol[0])
        return lacks("is cut off: SRC=, DST= and PROTO= are needed", message);
    if (l.is_later_fragment)
        return lacks("is about a later fragment, which has no ports and can't be asked about", message);
    if (!l.in[0] && !l.out[0])
        return lacks("says neither by which interface the packet came nor by which it left", message);
    FILE *out = open_memstream(&words, &size);
    if (!out)
        return -ENOMEM;
    put_words(out, &l);
    if (fclose(out) != 0) {
        free(words);
        return -ENOMEM;
    }
    *ret = words;
    return 0;
}
