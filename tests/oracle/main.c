/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Our engine against netfilter, or (--program) our program in the kernel: see oracle.h. One case is one rule
 * set with its sequences. The last line is "N passed, N failed, N skipped"; the exit status is 0, 1 (something
 * differs), 2 (usage, or the machine failed) or 77 (skipped).
 */
#include "netfilter.h"
#include "packet/build.h"
#include "program.h"
#include "rules_made.h"
#include "sequence.h"
#include "trial.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SETS = 200,
    SEQUENCES = 500,
    MOST_WORKERS = 64,
    TOLD = 5,
    WAITING = 25,
    WAITING_SEQUENCES = 100,
    ALL = -1
};

struct options {
    unsigned sets, sequences;
    uint64_t seed;
    int only_set, only_sequence; /* ALL: no */
    unsigned workers;
    bool program; /* the other host is the kernel program, not netfilter */
};

/* One that, told so, gave port 21 the helper without a rule. */
static const uint32_t OLD = TRACK_KERNEL(5, 15);

/* What the workers share. */
struct tally {
    unsigned passed, failed;
    bool skipped;
    char why[2000];
};

/* One rule set with all that is made for it. */
struct made {
    const struct options *options;
    unsigned set;
    char *rules;
    struct sequence *sequences;
    struct trial trial;
};

/* A set that waits has two seconds for half of its states. */
static void shorten_timeouts(struct track_timeouts *t, struct dice *d)
{
    uint32_t *const SHORT[] = {
        &t->tcp_syn_sent, &t->tcp_syn_recv,  &t->tcp_established, &t->tcp_fin_wait, &t->tcp_close_wait,
        &t->tcp_last_ack, &t->tcp_time_wait, &t->tcp_close,       &t->udp,          &t->udp_stream,
        &t->icmp,         &t->icmpv6,        &t->generic,
    };
    for (size_t i = 0; i < sizeof(SHORT) / sizeof(SHORT[0]); i++)
        if (dice_chance(d, 50))
            *SHORT[i] = 2;
}

/* Those of the set's sequences that are asked for. */
static void make_sequences(struct made *m, bool headers)
{
    const struct options *o = m->options;
    struct trial *t = &m->trial;
    /* The part before the wait must be over before the short time-outs are. */
    unsigned all = t->waits && o->sequences > WAITING_SEQUENCES ? WAITING_SEQUENCES : o->sequences;

    m->sequences = calloc(o->sequences, sizeof(*m->sequences));
    if (!m->sequences)
        die("out of memory");
    for (unsigned i = 0; i < all; i++) {
        if (o->only_sequence != ALL && (unsigned)o->only_sequence != i)
            continue;
        struct dice own = dice_for(o->seed, m->set, i + 1);
        sequence_make(&m->sequences[t->count++], t->family, m->set, i, headers, &own);
    }
    t->sequences = m->sequences;
}

static void make(struct made *m, const struct options *o, unsigned set, struct host *host)
{
    struct dice d = dice_for(o->seed, set, 0);
    struct trial *t = &m->trial;
    bool headers = set % 4 == 3;

    *m = (struct made){.options = o, .set = set};
    t->host = host;
    t->family = set % 5 < 3 ? PACKET_IPV4 : PACKET_IPV6;
    t->nft = headers && !o->program;
    t->pieces = o->program && set % 3 == 2;
    t->waits = set % WAITING == WAITING - 1;
    t->variant = set / 2;
    bool open = o->program && set % 4 == 3;
    m->rules = open ? rules_none() : rules_made(t->family, t->nft, o->program, &d);
    if (host->leave_out)
        m->rules = rules_left(m->rules, t->family, host->leave_out);
    t->rules = m->rules;
    track_config_default(&t->config, o->program && set % 2 ? TRACK_ROBUST : TRACK_LINUX,
                         open ? OLD : TRACK_KERNEL(6, 18));
    t->config.automatic_helper = open;
    if (t->waits)
        shorten_timeouts(&t->config.timeouts, &d);
    make_sequences(m, headers);
}

static void unmake(struct made *m)
{
    for (unsigned i = 0; i < m->trial.count; i++)
        sequence_free(&m->sequences[i]);
    free(m->sequences);
    free(m->rules);
}

static bool still_differs(const struct trial *t, enum finding_kind kind)
{
    struct finding f;
    trial_run(t, &f);
    free(f.text);
    return f.kind == kind;
}

static void drop_step(struct sequence *s, unsigned i)
{
    memmove(s->step + i, s->step + i + 1, (--s->count - i) * sizeof(*s->step));
    if (s->split > i)
        s->split--;
}

/* The fewest packets of the one sequence that still show the disagreement. The bytes stay the full
 * sequence's. */
static void shrink(struct trial *t, struct sequence *s, enum finding_kind kind)
{
    for (unsigned i = s->count; i > 0 && !t->waits; i--) {
        struct sequence shorter = *s;
        drop_step(&shorter, i - 1);
        t->sequences = &shorter;
        if (still_differs(t, kind))
            *s = shorter;
        t->sequences = s;
    }
}

static void tell(struct made *m, const struct finding *f)
{
    struct trial alone = m->trial;
    struct finding again = *f;
    struct sequence one;

    printf("FAILED: set %u (seed %llu, IPv%u, %s%s%s%s)\n%s", m->set, (unsigned long long)m->options->seed,
           m->trial.family,
           m->options->program ? "program"
           : m->trial.nft      ? "nft"
                               : "legacy",
           m->trial.waits ? ", waits" : "", m->trial.config.manner == TRACK_ROBUST ? ", robust" : "",
           m->trial.pieces ? ", fragments as they come" : "", f->text);
    alone.careful = alone.afresh = true;
    if (f->kind == FINDING_COUNTER)
        trial_run(&alone, &again);
    if (again.kind == FINDING_NONE) {
        printf("    and not again when counters were read after each sequence\n");
        return;
    }
    one = m->sequences[again.sequence];
    printf("  sequence %u (%s); rules:\n%s", one.number, one.kind, m->rules);
    if (again.text != f->text)
        printf("  first seen as\n%s", again.text);
    alone.sequences = &one;
    alone.count = 1;
    if (still_differs(&alone, again.kind)) {
        shrink(&alone, &one, again.kind);
        char *told = trial_tell(&alone);
        trial_run(&alone, &again);
        printf("  alone:\n%s%s", told, again.text ? again.text : "");
        free(told);
    } else {
        char *told = trial_tell(&alone);
        printf("  not seen when it runs alone:\n%s", told);
        free(told);
    }
    if (again.text != f->text)
        free(again.text);
    printf("  to see it again: %s--seed %llu --set %u --sequences %u\n",
           m->options->program ? "--program " : "", (unsigned long long)m->options->seed, m->set,
           m->options->sequences);
}

static void run_set(const struct options *o, unsigned set, struct host *host, struct tally *tally)
{
    struct made m;
    struct finding f;

    make(&m, o, set, host);
    trial_run(&m.trial, &f);
    if (f.kind == FINDING_NONE)
        __atomic_add_fetch(&tally->passed, 1, __ATOMIC_RELAXED);
    else if (__atomic_add_fetch(&tally->failed, 1, __ATOMIC_RELAXED) <= TOLD)
        tell(&m, &f);
    else
        printf("FAILED: set %u (seed %llu): sequence %u\n%s", set, (unsigned long long)o->seed, f.sequence,
               f.text);
    fflush(stdout);
    free(f.text);
    unmake(&m);
}

static void work(const struct options *o, unsigned worker, struct tally *tally)
{
    const char *why;
    struct host *host = o->program ? program_open(&why) : netfilter_open(&why);

    if (!host) {
        snprintf(tally->why, sizeof(tally->why), "%s", why);
        tally->skipped = true;
        return;
    }
    for (unsigned set = worker; set < o->sets; set += o->workers)
        if (o->only_set == ALL || (unsigned)o->only_set == set)
            run_set(o, set, host, tally);
    if (o->program)
        program_close(&host);
    else
        netfilter_close(&host);
}

/* Each worker writes to a file of its own, so that reports don't mix. True: all ended well. */
static bool run_workers(const struct options *o, struct tally *tally)
{
    pid_t child[MOST_WORKERS];
    FILE *out[MOST_WORKERS];
    bool well = true;
    char line[4096];

    for (unsigned i = 0; i < o->workers; i++) {
        out[i] = tmpfile();
        if (!out[i])
            die("no temporary file: %s", strerror(errno));
        child[i] = fork();
        if (child[i] < 0)
            die("fork: %s", strerror(errno));
        if (child[i] == 0) {
            if (dup2(fileno(out[i]), 1) < 0)
                die("dup2: %s", strerror(errno));
            work(o, i, tally);
            exit(0);
        }
    }
    for (unsigned i = 0; i < o->workers; i++) {
        int status;
        while (waitpid(child[i], &status, 0) < 0 && errno == EINTR)
            ;
        well &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
        rewind(out[i]);
        while (fgets(line, sizeof(line), out[i]))
            fputs(line, stdout);
        fclose(out[i]);
        if (WIFSIGNALED(status))
            printf("FAILED: a worker was ended by signal %d\n", WTERMSIG(status));
    }
    return well;
}

static unsigned read_number(const char *text, const char *option)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || n > 1000000)
        die("%s takes a number up to 1000000, not \"%s\"", option, text);
    return (unsigned)n;
}

static void read_options(int argc, char **argv, struct options *o)
{
    static const struct option LONG[] = {
        {"sets", required_argument, NULL, 's'},     {"sequences", required_argument, NULL, 'q'},
        {"seed", required_argument, NULL, 'e'},     {"set", required_argument, NULL, 'S'},
        {"sequence", required_argument, NULL, 'Q'}, {"workers", required_argument, NULL, 'w'},
        {"program", no_argument, NULL, 'p'},        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        unsigned n = optarg ? read_number(optarg, "the option") : 0;
        if (c == 'p')
            o->program = true;
        else if (c == 's')
            o->sets = n;
        else if (c == 'q')
            o->sequences = n;
        else if (c == 'e')
            o->seed = n;
        else if (c == 'S')
            o->only_set = (int)n;
        else if (c == 'Q')
            o->only_sequence = (int)n;
        else if (c == 'w')
            o->workers = n;
        else
            exit(2);
    }
    if (optind < argc || o->workers < 1 || o->workers > MOST_WORKERS)
        die("usage: oracle [--program] [--sets N] [--sequences N] [--seed N] [--set N] [--sequence N] "
            "[--workers "
            "1...64]");
    if (o->only_set != ALL && (unsigned)o->only_set >= o->sets)
        o->sets = (unsigned)o->only_set + 1;
}

int main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {.sets = SETS,
                        .sequences = SEQUENCES,
                        .seed = 1,
                        .only_set = ALL,
                        .only_sequence = ALL,
                        .workers = processors < 1   ? 1
                                   : processors > 8 ? 8
                                                    : (unsigned)processors};
    struct tally *tally =
        mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (tally == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    read_options(argc, argv, &o);
    bool well = run_workers(&o, tally);
    unsigned wanted = o.only_set == ALL ? o.sets : 1;
    if (tally->skipped) {
        printf("SKIPPED: %s\n0 passed, 0 failed, %u skipped\n", tally->why, wanted);
        return 77;
    }
    unsigned lost = wanted - tally->passed - tally->failed; /* sets of a worker that fell */
    printf("%u passed, %u failed, 0 skipped\n", tally->passed, tally->failed + lost);
    return !well && !lost ? 2 : tally->failed + lost > 0;
}
