/* SPDX-License-Identifier: BSD-2-Clause */
/* watch: what the live wall drops, and what its rules log. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/wall/asking.h"
#include "cmd/wall/commands.h"
#include "cmd/wall/flood.h"
#include "cmd/wall/options.h"
#include "cmd/wall/watched.h"
#include "explain/make.h"
#include "explain/packet/line.h"
#include "explain/packet/question.h"
#include "explain/replay/pcap.h"
#include "explain/tell/json.h"

struct watching {
    bool json, log, explain;
    const char *capture_name;
    uint64_t most;    /* packets; 0: no end */
    uint32_t seconds; /* likewise */
    uint32_t lines;

    struct kernel_watch *watch;
    struct flood *flood;
    FILE *capture;
    struct asking asking; /* for --explain */
    uint64_t packets;
    struct bpf_drop_count counts[BPF_DROPS];
    bool failed; /* and told */
};

static volatile sig_atomic_t is_over;

/* ---- options ---- */

static bool take_json(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct watching *)what)->json = true;
    return true;
}

static bool take_log(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct watching *)what)->log = true;
    return true;
}

static bool take_explain(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct watching *)what)->explain = true;
    return true;
}

static bool take_capture(void *what, const char *value, const char **why)
{
    (void)why;
    ((struct watching *)what)->capture_name = value;
    return true;
}

static bool read_number(const char *value, unsigned long least, unsigned long most, unsigned long *ret)
{
    char *end;

    errno = 0;
    *ret = strtoul(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && !*end && !errno && *ret >= least && *ret <= most;
}

static bool take_count(void *what, const char *value, const char **why)
{
    unsigned long number;
    bool is_read = read_number(value, 1, ULONG_MAX, &number);

    *why = "a number of packets";
    ((struct watching *)what)->most = number;
    return is_read;
}

static bool take_seconds(void *what, const char *value, const char **why)
{
    unsigned long number;
    bool is_read = read_number(value, 1, 1000000000, &number);

    *why = "a number of seconds";
    ((struct watching *)what)->seconds = (uint32_t)number;
    return is_read;
}

static bool take_lines(void *what, const char *value, const char **why)
{
    unsigned long number;
    bool is_read = read_number(value, FLOOD_LEAST, 1000000, &number);

    *why = "a number of lines, 8 or more";
    ((struct watching *)what)->lines = (uint32_t)number;
    return is_read;
}

static const struct option_row rows[] = {
    {"--explain", NULL, "to each: what sallywall explain --packet says of it", take_explain},
    {"--json", NULL, "one JSON object a line (sallywall(8) has its members)", take_json},
    {"--pcap", "FILE", "writes all of them, their first 128 bytes, into FILE as well", take_capture},
    {"--log", NULL, "instead: what rules with LOG and NFLOG log, as the kernel's log has it", take_log},
    {"--count", "N", "ends after so many packets", take_count},
    {"--seconds", "N", "ends after so many seconds", take_seconds},
    {"--lines", "N", "at most so many lines a second, 50 unless said; what more there is is summed up",
     take_lines},
};

static const struct option_command watch_options = {
    "watch",
    "[OPTION...]",
    "Shows what the wall of this network namespace drops while it is watched: which packet, by which rule or "
    "policy, "
    "and\nwhy. Rules with LOG and NFLOG log while sallywall watch --log runs. Ends with ^C, or when the wall "
    "goes down.",
    rows,
    sizeof(rows) / sizeof(rows[0]),
    0,
    0};

/* ---- output ---- */

static void fail(struct watching *w, const char *what, const char *why)
{
    if (!w->failed)
        fprintf(stderr, "sallywall watch: %s: %s\n", what, why);
    w->failed = true;
    is_over = true;
}

static void out_of_memory(struct watching *w)
{
    fail(w, "a packet could not be told", "out of memory");
}

static void put_time(time_t seconds, int us)
{
    struct tm local;
    char text[32] = "?";

    if (localtime_r(&seconds, &local))
        strftime(text, sizeof(text), "%T", &local);
    if (us >= 0)
        printf("%s.%03d ", text, us / 1000);
    else
        printf("%s     ", text);
}

static void tell_json(struct watching *w, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    if (text)
        puts(text);
    else
        out_of_memory(w);
    free(text);
    json_decref(object);
}

static void tell_line(struct watching *w, const struct watched *packet)
{
    uint32_t us;
    time_t seconds = (time_t)watched_time(packet->told->now_ns, &us);
    char *what = watched_packet(packet), *why = watched_why(packet);

    if (what && why) {
        put_time(seconds, (int)us);
        printf("%s ", watched_verb(packet));
        watched_put(what, stdout);
        fputs(": ", stdout);
        watched_put(why, stdout);
        putchar('\n');
    } else {
        out_of_memory(w);
    }
    free(what);
    free(why);
}

/* ---- sums ---- */

static json_t *more_json(const struct flood_more *more)
{
    return json_pack("{s:I, s:s, s:I, s:s?, s:s?}", "second", (json_int_t)more->second, "fate", more->verb,
                     "more_packets", (json_int_t)more->packets, "like", more->first, "by", more->decider);
}

static void tell_more(void *arg, const struct flood_more *more)
{
    struct watching *w = arg;

    if (w->json) {
        tell_json(w, more_json(more));
        return;
    }
    put_time((time_t)more->second, -1);
    printf("%s %llu more", more->verb, (unsigned long long)more->packets);
    if (more->first) {
        fputs(" like ", stdout);
        watched_put(more->first, stdout);
    }
    fputs(more->decider ? ": " : ", by other rules", stdout);
    if (more->decider)
        watched_put(more->decider, stdout);
    putchar('\n');
}

/* Those for which the ring had no room, since the last look. */
static uint64_t count_untold(struct watching *w)
{
    struct bpf_drop_count now[BPF_DROPS];
    struct kernel_error ignored;
    uint64_t untold = 0;

    if (kernel_drop_counts(kernel_watch_wall(w->watch), now, &ignored))
        return 0;
    for (uint32_t i = 0; i < BPF_DROPS; i++)
        untold += now[i].untold - w->counts[i].untold;
    memcpy(w->counts, now, sizeof(now));
    return untold;
}

static void tell_untold(struct watching *w)
{
    uint64_t untold = count_untold(w);
    time_t now = time(NULL);

    if (!untold)
        return;
    if (w->json) {
        tell_json(w, json_pack("{s:I, s:s, s:I}", "second", (json_int_t)now, "fate", "drop", "untold_packets",
                               (json_int_t)untold));
        return;
    }
    put_time(now, -1);
    printf("drop %llu more, too fast to be looked at; sallywall status has the sums by reason\n",
           (unsigned long long)untold);
}

/* ---- files ---- */

static void begin_capture(struct watching *w)
{
    const struct pcap_head head = {
        .magic = PCAP_MICRO, .major = 2, .minor = 4, .snap = BPF_TOLD_BYTES, .link = PCAP_LINK_RAW};

    w->capture = fopen(w->capture_name, "we");
    if (!w->capture || fwrite(&head, sizeof(head), 1, w->capture) != 1 || fflush(w->capture))
        fail(w, w->capture_name, strerror(errno));
}

static void write_capture(struct watching *w, const struct bpf_told *told)
{
    struct pcap_record record = {.captured = told->captured, .length = told->length};

    record.seconds = (uint32_t)watched_time(told->now_ns, &record.fraction);
    if (fwrite(&record, sizeof(record), 1, w->capture) != 1 ||
        fwrite(told->bytes, 1, told->captured, w->capture) != told->captured)
        fail(w, w->capture_name, strerror(errno));
}

/* ---- as explain says it ---- */

static void tell_explained(struct watching *w, const struct watched *packet)
{
    struct story_text_options options = asking_text_options(&w->asking);
    char *question = watched_question(packet), *message = NULL;
    struct story *story = NULL;
    int r = question && packet->has_rule
                ? packet_question_ask(packet->rule.rules, question, &w->asking.play, &story, &message)
                : 0;

    if (story && story->step_count && !story_rule_equal(&story->steps[0].rule, &packet->quoted))
        printf("explain, which knows the rules and this packet alone, says:\n");
    if (story && story_tell_text(story, &options, stdout))
        fail(w, "standard output", "what explain says could not be written");
    if (r == -ENOMEM)
        out_of_memory(w);
    else if (r)
        printf("explain has no answer: %s\n", message ? message : strerror(-r));
    if (story)
        putchar('\n');
    story_free(&story);
    free(message);
    free(question);
}

/* ---- packets ---- */

static void tell_drop(struct watching *w, const struct watched *packet)
{
    if (!flood_take(w->flood, packet))
        return;
    if (w->json)
        tell_json(w, watched_json(packet));
    else
        tell_line(w, packet);
    if (w->explain && !w->json)
        tell_explained(w, packet);
}

static const char *log_prefix(const struct watched *packet)
{
    const struct rules_target *target =
        packet->has_rule && packet->rule.rule ? &packet->rule.rule->target : NULL;

    if (target && target->type == RULES_TARGET_LOG)
        return target->log->prefix;
    return target && target->type == RULES_TARGET_NFLOG ? target->nflog->prefix : "";
}

static void tell_log(struct watching *w, const struct watched *packet)
{
    const struct bpf_told *t = packet->told;
    const struct rules_rule *rule = packet->has_rule ? packet->rule.rule : NULL;
    struct packet_logged logged = {
        .prefix = log_prefix(packet),
        .in = t->in,
        .out = t->out,
        .frame = t->has_mac ? t->mac : NULL,
        .packet = &packet->packet,
        .mark = t->mark,
        .options = rule && rule->target.type == RULES_TARGET_LOG ? rule->target.log->options : 0,
    };

    if (w->json)
        tell_json(w, watched_json(packet));
    else if (packet->is_read)
        packet_log_write(stdout, &logged);
}

static void take(void *arg, const struct bpf_told *told)
{
    struct watching *w = arg;
    struct watched packet;

    if (w->most && w->packets >= w->most)
        return;
    if (watched_read(w->watch, told, &packet)) {
        out_of_memory(w);
        return;
    }
    w->packets++;
    if (w->capture)
        write_capture(w, told);
    if (told->kind == BPF_TOLD_LOG)
        tell_log(w, &packet);
    else
        tell_drop(w, &packet);
    watched_fini(&packet);
}

/* ---- watching ---- */

static void end(int number)
{
    (void)number;
    is_over = true;
}

static void flush(struct watching *w)
{
    if (fflush(stdout))
        fail(w, "standard output", strerror(errno));
    if (w->capture && fflush(w->capture))
        fail(w, w->capture_name, strerror(errno));
}

static bool is_enough(const struct watching *w, time_t begun)
{
    return is_over || (w->most && w->packets >= w->most) ||
           (w->seconds && time(NULL) - begun >= (time_t)w->seconds);
}

/* 0: it was enough; or -errno with *error. */
static int watch_until_enough(struct watching *w, struct kernel_error *error)
{
    enum { WAIT_MS = 200 };
    time_t begun = time(NULL), looked = begun;
    int r = 0;

    while (r == 0 && !is_enough(w, begun)) {
        r = kernel_watch_next(w->watch, WAIT_MS, take, w, error);
        if (r == -EINTR)
            r = 0;
        flood_end(w->flood, false, tell_more, w);
        if (time(NULL) != looked) {
            tell_untold(w);
            looked = time(NULL);
        }
        flush(w);
    }
    flood_end(w->flood, true, tell_more, w);
    tell_untold(w);
    flush(w);
    return r;
}

static int begin(struct watching *w, struct kernel_error *error)
{
    struct sigaction ends = {.sa_handler = end};
    int r;

    w->flood = flood_new(w->lines);
    if (!w->flood)
        return kernel_refuse(error, KERNEL_FAILS, -ENOMEM, "out of memory");
    r = kernel_watch_open(w->log ? BPF_TOLD_LOG : BPF_TOLD_DROP, &w->watch, error);
    if (r)
        return r;
    (void)count_untold(w); /* those of before are not of interest */
    sigaction(SIGINT, &ends, NULL);
    sigaction(SIGTERM, &ends, NULL);
    if (w->capture_name)
        begin_capture(w);
    return 0;
}

static void finish(struct watching *w)
{
    kernel_watch_close(&w->watch);
    flood_free(&w->flood);
    asking_fini(&w->asking);
    if (w->capture && fclose(w->capture))
        fail(w, w->capture_name, strerror(errno));
}

int watch_command(int argc, char **argv)
{
    struct watching w = {.lines = 50};
    struct kernel_error error = {0};
    int operands, r = options_read(&watch_options, argc, argv, &w, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (w.explain && !w.json) /* a page each */
        w.lines = FLOOD_LEAST;
    asking_init(&w.asking);
    w.asking.play.rules_name = "the wall";
    r = begin(&w, &error);
    if (r == 0)
        r = watch_until_enough(&w, &error);
    finish(&w);
    if (r)
        fprintf(stderr, "sallywall watch: %s\n", error.text);
    return finish_output(r || w.failed ? STATUS_TROUBLE : 0);
}
