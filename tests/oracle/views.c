/* SPDX-License-Identifier: BSD-2-Clause */
#include "oracle.h"
#include "packet/decode.h"
#include "track/native/tracker.h"
#include "verdict/image/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("oracle: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static const char *const TUN[ORACLE_SIDES] = {"tun0", "tun1"};

const char *step_in(const struct step *step)
{
    return step->path == WALL_OUT ? "" : TUN[step->side];
}

const char *step_out(const struct step *step)
{
    return step->path == WALL_IN ? "" : TUN[step->path == WALL_OUT ? step->side : !step->side];
}

static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 16;
    void *grown = realloc(items, *capacity * size);
    if (!grown)
        die("out of memory");
    return grown;
}

void flow_list_add(struct flow_list *l, const struct flow_view *v)
{
    l->items = grow(l->items, l->count, &l->capacity, sizeof(*v));
    l->items[l->count++] = *v;
}

void flow_list_free(struct flow_list *l)
{
    free(l->items);
    *l = (struct flow_list){0};
}

void expectation_list_add(struct expectation_list *l, const struct expectation_view *v)
{
    l->items = grow(l->items, l->count, &l->capacity, sizeof(*v));
    l->items[l->count++] = *v;
}

void expectation_list_free(struct expectation_list *l)
{
    free(l->items);
    *l = (struct expectation_list){0};
}

static int64_t seconds_left(uint64_t expires, uint64_t now)
{
    return expires > now ? (int64_t)((expires - now) / 1000) : 0;
}

struct flow_view flow_view_of(const struct track_flow *f, uint64_t now)
{
    struct flow_view v = {
        .tuple = f->tuple,
        .status = f->status,
        .mark = f->mark,
        .seconds = seconds_left(f->expires, now),
        .tcp_state = f->tuple.protocol == PACKET_TCP ? f->tcp.state : -1,
    };
    if (f->helper == TRACK_HELPER_FTP)
        strcpy(v.helper, "ftp");
    return v;
}

struct expectation_view expectation_view_of(const struct track_expectation *e, uint64_t now)
{
    return (struct expectation_view){
        .source = e->source,
        .destination = e->destination,
        .port = e->port,
        .family = e->family,
        .seconds = seconds_left(e->expires, now),
    };
}

bool tuple_equal(const struct track_tuple *a, const struct track_tuple *b)
{
    return a->family == b->family && a->protocol == b->protocol && a->zone == b->zone &&
           a->source_port == b->source_port && a->destination_port == b->destination_port &&
           packet_address_equal(&a->source, &b->source) &&
           packet_address_equal(&a->destination, &b->destination);
}

const struct flow_view *flow_list_find(const struct flow_list *l, const struct track_tuple *t)
{
    for (size_t i = 0; i < l->count; i++)
        if (tuple_equal(&l->items[i].tuple, t))
            return &l->items[i];
    return NULL;
}

/* A word of a list, or what is in place of one. */
#define WORD(list, n) ((n) < sizeof(list) / sizeof((list)[0]) && (list)[n] ? (list)[n] : "?")

char *answer_format(const struct bpf_answer *a, char *text, size_t size)
{
    static const char *const CODES[] = {[IMAGE_CONTINUE] = "unknown",
                                        [IMAGE_ACCEPT] = "pass",
                                        [IMAGE_DROP] = "drop",
                                        [IMAGE_REJECT] = "reject"},
                             *const STAGES[] = {"raw", "conntrack", "filter", "helper"},
                             *const STATES[] = {"none",        "INVALID", "NEW",
                                                "ESTABLISHED", "RELATED", "UNTRACKED"};

    snprintf(text, size, "%s by %s, %s%s: %s", WORD(CODES, a->code), WORD(STAGES, a->stage),
             WORD(STATES, a->state), a->direction == TRACK_REPLY ? " reply" : "",
             a->reason < TRACK_REASONS ? track_reason_text((enum track_reason)a->reason) : "?");
    return text;
}

char *flow_view_format(const struct flow_view *v, char *text, size_t size)
{
    static const char *const STATES[] = {"NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
                                         "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
    char source[46], destination[46];
    packet_address_format(&v->tuple.source, v->tuple.family, source);
    packet_address_format(&v->tuple.destination, v->tuple.family, destination);
    snprintf(
        text, size, "proto %u %s:%u > %s:%u zone %u status 0x%x%s%s%s%s mark 0x%x %s %llds helper \"%s\"",
        v->tuple.protocol, source, v->tuple.source_port, destination, v->tuple.destination_port,
        v->tuple.zone, v->status, v->status & TRACK_EXPECTED ? " EXPECTED" : "",
        v->status & TRACK_SEEN_REPLY ? " SEEN_REPLY" : "", v->status & TRACK_ASSURED ? " ASSURED" : "",
        v->status & TRACK_CONFIRMED ? "" : " unconfirmed", v->mark,
        v->tcp_state < 0 || v->tcp_state > 9 ? "-" : STATES[v->tcp_state], (long long)v->seconds, v->helper);
    return text;
}

char *expectation_view_format(const struct expectation_view *v, char *text, size_t size)
{
    char source[46], destination[46], master[46];
    packet_address_format(&v->source, v->family, source);
    packet_address_format(&v->destination, v->family, destination);
    packet_address_format(&v->master_source, v->family, master);
    snprintf(text, size, "%s > %s:%u of %s:%u, %llds", source, destination, v->port, master, v->master_port,
             (long long)v->seconds);
    return text;
}
