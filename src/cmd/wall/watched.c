/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/watched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/ask.h"
#include "explain/make.h"
#include "explain/packet/line.h"
#include "explain/tell/json.h"
#include "explain/tell/plain.h"
#include "packet/decode.h"
#include "track/native/tracker.h"

enum { NANOSECONDS = 1000000000 };

int watched_read(struct kernel_watch *watch, const struct bpf_told *told, struct watched *ret)
{
    struct watched w = {.told = told};

    w.is_read = packet_decode(told->bytes, told->captured, false, &w.packet) == 0;
    w.has_rule = kernel_watch_find(watch, told, &w.rule);
    if (w.has_rule && story_rule_quote(&w.quoted, w.rule.rules, (enum rules_table_type)w.rule.chain->table,
                                       w.rule.chain, w.rule.rule, w.rule.number))
        return -ENOMEM;
    *ret = w;
    return 0;
}

void watched_fini(struct watched *w)
{
    if (w->has_rule)
        story_rule_clear(&w->quoted);
    w->has_rule = false;
}

int64_t watched_time(uint64_t monotonic_ns, uint32_t *ret_us)
{
    struct timespec real, monotonic;

    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    int64_t at = (real.tv_sec - monotonic.tv_sec) * NANOSECONDS + real.tv_nsec - monotonic.tv_nsec +
                 (int64_t)monotonic_ns;
    *ret_us = (uint32_t)(at % NANOSECONDS / 1000);
    return at / NANOSECONDS;
}

void watched_put(const char *text, FILE *out)
{
    uint32_t glyphs[PLAIN_MOST];
    int wide;

    while (*text) {
        int count = plain_next(&text, glyphs, &wide);
        for (int i = 0; i < count; i++)
            plain_put(glyphs[i], out);
    }
}

/* ---- the packet ---- */

/* enum rules_hook; the others are no places of the wall. */
static const char *hook_word(uint8_t hook)
{
    return hook == RULES_INPUT ? "input" : hook == RULES_FORWARD ? "forward" : "output";
}

static const char *state_word(uint8_t state)
{
    static const char *const words[] = {[TRACK_INVALID] = "invalid",
                                        [TRACK_NEW] = "new",
                                        [TRACK_ESTABLISHED] = "established",
                                        [TRACK_RELATED] = "related",
                                        [TRACK_UNTRACKED] = "untracked"};

    return state < sizeof(words) / sizeof(words[0]) ? words[state] : NULL;
}

static void write_packet(FILE *out, const struct watched *w)
{
    const struct bpf_told *t = w->told;

    if (w->is_read)
        packet_line_write(out, &w->packet);
    else
        fprintf(out, "%u bytes that are no IP packet", t->length);
    if (state_word(t->state))
        fprintf(out, " state=%s", state_word(t->state));
    if (t->in[0])
        fprintf(out, " in=%s", t->in);
    if (t->out[0])
        fprintf(out, " out=%s", t->out);
}

char *watched_packet(const struct watched *w)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    write_packet(out, w);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool is_by_rules(const struct bpf_told *t)
{
    return t->cause < BPF_DROP_CAUSES && t->cause != BPF_DROP_NO_SCRATCH && t->cause != BPF_DROP_UNREADABLE;
}

char *watched_question(const struct watched *w)
{
    const struct bpf_told *t = w->told;
    char *packet, *text;

    if (!w->is_read || !packet_line_can_be_asked(&w->packet) || !is_by_rules(t))
        return NULL;
    packet = watched_packet(w);
    text = packet ? story_format("%s%s hook=%s ttl=%u tos=%u mark=%u", packet,
                                 t->direction == TRACK_REPLY ? " dir=reply" : "", hook_word(t->hook),
                                 w->packet.ttl, w->packet.tos, t->mark)
                  : NULL;
    free(packet);
    return text;
}

/* ---- why ---- */

const char *watched_verb(const struct watched *w)
{
    return w->told->cause == BPF_DROP_REJECT ? "reject" : "drop";
}

char *watched_decider(const struct watched *w)
{
    if (w->has_rule)
        return story_place(&w->quoted);
    if (w->told->cause >= BPF_DROP_CAUSES)
        return strdup(w->told->stage == BPF_BY_HELPER ? "the FTP helper" : "connection tracking");
    if (w->told->counter != (uint32_t)BPF_TOLD_NO_COUNTER)
        return story_format("%s that has been replaced since", kernel_drop_text(w->told->cause));
    return strdup("the wall");
}

char *watched_why(const struct watched *w)
{
    bool is_invalid = w->told->state == TRACK_INVALID && w->told->reason != TRACK_OK && is_by_rules(w->told);
    const char *invalid = is_invalid ? track_reason_text((enum track_reason)w->told->reason) : "";
    const char *text = w->has_rule ? w->quoted.text : kernel_drop_text(w->told->cause);
    char *decider = watched_decider(w), *why;
    bool says_it = !w->has_rule && w->told->counter != (uint32_t)BPF_TOLD_NO_COUNTER;

    why = decider ? story_format("%s%s%s%s%s%s", decider, says_it ? "" : ": ", says_it ? "" : text,
                                 is_invalid ? " (invalid: " : "", invalid, is_invalid ? ")" : "")
                  : NULL;
    free(decider);
    return why;
}

/* ---- for programs ---- */

static int set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) ? -ENOMEM : 0;
}

static char *end_text(const struct watched *w, const struct packet_address *address)
{
    char *text = malloc(64);

    return text ? packet_address_format(address, w->packet.family, text) : NULL;
}

static int set_ends(json_t *object, const struct watched *w)
{
    char *source = end_text(w, &w->packet.source), *destination = end_text(w, &w->packet.destination);
    bool has_ports = packet_has_ports(w->packet.protocol) && packet_line_can_be_asked(&w->packet);
    int r = set(object, "protocol", json_integer(w->packet.protocol)) ||
            set(object, "source", json_text(source)) || set(object, "destination", json_text(destination));

    if (r == 0 && has_ports)
        r = set(object, "source_port", json_integer(w->packet.source_port)) ||
            set(object, "destination_port", json_integer(w->packet.destination_port));
    free(source);
    free(destination);
    return r;
}

static json_t *time_json(const struct bpf_told *t)
{
    uint32_t us;
    time_t seconds = (time_t)watched_time(t->now_ns, &us);
    struct tm utc;
    char text[64], whole[80];

    if (!gmtime_r(&seconds, &utc))
        return json_null();
    strftime(text, sizeof(text), "%FT%T", &utc);
    snprintf(whole, sizeof(whole), "%s.%06uZ", text, us);
    return json_string(whole);
}

static int fill(json_t *object, const struct watched *w)
{
    const struct bpf_told *t = w->told;
    char *packet = watched_packet(w), *why = watched_why(w);
    bool is_log = t->kind == BPF_TOLD_LOG;
    int r = set(object, "time", time_json(t)) ||
            set(object, "fate", json_string(is_log ? "log" : watched_verb(w))) ||
            set(object, "cause", is_log ? json_null() : json_text(kernel_drop_name(t->cause))) ||
            set(object, "packet", json_text(packet)) || set(object, "why", json_text(why)) ||
            set(object, "rule", json_rule(&w->quoted)) ||
            set(object, "hook", json_string(hook_word(t->hook))) ||
            set(object, "state", json_text(state_word(t->state))) ||
            set(object, "reason", json_text(track_reason_name((enum track_reason)t->reason))) ||
            set(object, "in", json_text(t->in[0] ? t->in : NULL)) ||
            set(object, "out", json_text(t->out[0] ? t->out : NULL)) ||
            set(object, "mark", json_integer(t->mark)) || set(object, "length", json_integer(t->length)) ||
            set(object, "family", json_integer(t->family));

    free(packet);
    free(why);
    return r;
}

json_t *watched_json(const struct watched *w)
{
    json_t *object = json_object();

    if (object && (fill(object, w) || (w->is_read && set_ends(object, w)))) {
        json_decref(object);
        object = NULL;
    }
    return object;
}
