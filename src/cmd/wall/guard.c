/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/wall/files.h"
#include "cmd/wall/suit.h"
#include "kernel/wall.h"

enum { ENDS = 120, WORDS_MOST = 256 };

const char *guard_directory(void)
{
    const char *said = getenv("SALLYWALL_DIR");

    return said && *said ? said : "/var/lib/sallywall";
}

/* ---- what would be cut ---- */

/* "your connection from 198.51.100.7:50000 to 192.0.2.18:22" */
static void name_session(const struct sessions *sessions, const struct session *s, char ret[200])
{
    char ends[ENDS];

    snprintf(ret, 200, "%s %s", sessions->is_own ? "your connection from" : "the connection from",
             session_format(s, ends));
}

static void tell_rule(const struct story_rule *rule)
{
    char *place = rule->chain ? story_place(rule) : NULL;

    if (place)
        fprintf(stderr, "%s (%s)", place, rule->text);
    else
        fprintf(stderr, "what is not a rule");
    free(place);
}

static void tell_cut(const char *name, const struct session *s, enum session_packet which,
                     const struct story_rule *rule)
{
    if (which == SESSION_AGAIN)
        fprintf(stderr, "these rules let %s go on, but a new one from there to port %u would be stopped by ",
                name, s->server_port);
    else
        fprintf(stderr, "these rules cut %s: what %s would be stopped by ", name,
                which == SESSION_SENDS ? "comes over it" : "this machine answers");
    tell_rule(rule);
    putc('\n', stderr);
}

static void tell_unknown(const char *name, const struct session *s, enum session_packet which,
                         const struct story_rule *rule)
{
    if (which == SESSION_AGAIN)
        fprintf(stderr, "whether %s could be begun again (port %u) can't be told: that hangs on ", name,
                s->server_port);
    else
        fprintf(stderr, "whether %s goes on can't be told: that hangs on ", name);
    tell_rule(rule);
    putc('\n', stderr);
}

enum { LASTING = SESSION_MET }; /* packets: what comes of the others is gone at once */

/* The first packet whose fate is that, and was not before. SESSION_PACKETS: none. */
static enum session_packet find_news(const struct session_answer *before, const struct session_answer *next,
                                     enum session_fate fate)
{
    for (int i = 0; i < LASTING; i++) {
        if (next->fate[i] == fate && before->fate[i] < fate)
            return (enum session_packet)i;
    }
    return SESSION_PACKETS;
}

static enum session_fate tell_session(const char *command, const struct sessions *sessions,
                                      const struct session *s, const struct session_answer *before,
                                      const struct session_answer *next)
{
    char name[200];
    enum session_packet cut = find_news(before, next, SESSION_CUT),
                        unknown = find_news(before, next, SESSION_UNKNOWN);

    if (cut == SESSION_PACKETS && unknown == SESSION_PACKETS)
        return SESSION_PASSES;
    name_session(sessions, s, name);
    fprintf(stderr, "%s: ", command);
    if (cut == SESSION_PACKETS)
        tell_unknown(name, s, unknown, &next->rule[unknown]);
    else
        tell_cut(name, s, cut, &next->rule[cut]);
    return cut == SESSION_PACKETS ? SESSION_UNKNOWN : SESSION_CUT;
}

static bool passes(const struct session_answer *answer)
{
    for (int i = 0; i < LASTING; i++) {
        if (answer->fate[i] != SESSION_PASSES)
            return false;
    }
    return true;
}

/* The rules of before are asked only if there is something to tell. */
static enum session_fate look_at(const char *command, const struct sessions *sessions,
                                 const struct session *s, const struct rules *before,
                                 const struct rules *next)
{
    struct session_answer was = {0}, is = {0};
    enum session_fate fate = SESSION_UNKNOWN;

    if (session_judge(next, s, &is) || (!passes(&is) && before && session_judge(before, s, &was)))
        fprintf(stderr, "%s: out of memory: whether a connection would be cut was not looked at\n", command);
    else
        fate = tell_session(command, sessions, s, &was, &is);
    session_answer_fini(&was);
    session_answer_fini(&is);
    return fate;
}

enum session_fate guard_tell(const char *command, const struct sessions *sessions, const struct rules *before,
                             const struct rules *next)
{
    enum session_fate worst = SESSION_PASSES;

    for (size_t i = 0; i < sessions->count; i++) {
        const struct session *s = &sessions->all[i];
        if (s->family != next->family)
            continue;
        enum session_fate fate = look_at(command, sessions, s, before, next);
        worst = fate > worst ? fate : worst;
    }
    return worst;
}

/* false: there is no more to tell. */
static bool tell_met(const char *command, const struct sessions *sessions, const struct session *s,
                     const struct rules *next)
{
    struct session_answer answer = {0};
    char name[200];
    bool is_stopped = s->family == next->family && session_judge(next, s, &answer) == 0 &&
                      answer.fate[SESSION_MET] == SESSION_CUT;

    if (is_stopped) {
        name_session(sessions, s, name);
        fprintf(stderr,
                "%s: connections that are there already, like %s, are met in their middle: what comes over "
                "them is "
                "stopped, until this machine itself sends something, by ",
                command, name);
        tell_rule(&answer.rule[SESSION_MET]);
        putc('\n', stderr);
    }
    session_answer_fini(&answer);
    return !is_stopped;
}

bool guard_may_go_up(const char *command, const struct rules *next, bool is_forced)
{
    struct sessions sessions;

    sessions_find(false, &sessions);
    for (size_t i = 0; i < sessions.count; i++) {
        if (!tell_met(command, &sessions, &sessions.all[i], next))
            break;
    }
    if (guard_tell(command, &sessions, NULL, next) != SESSION_CUT || is_forced)
        return true;
    fprintf(stderr, "%s: nothing was changed. --force does it all the same\n", command);
    return false;
}

/* ---- the way back ---- */

struct words {
    const char *word[WORDS_MOST];
    int count;
};

static bool is_any(const char *word, const char *brief, const char *full)
{
    return strcmp(word, brief) == 0 || strcmp(word, full) == 0;
}

static const char *policy_of(const struct rules *r, int argc, const char *const *argv, const char *chain)
{
    const char *table = "filter";
    const struct rules_chain *found = NULL;

    for (int i = 0; i + 1 < argc; i++) {
        if (is_any(argv[i], "-t", "--table"))
            table = argv[i + 1];
    }
    for (int t = 0; t < RULES_TABLES && !found; t++) {
        if (strcmp(rules_table_name((enum rules_table_type)t), table) == 0)
            found = rules_chain_find(r, (enum rules_table_type)t, chain);
    }
    return found && found->policy == RULES_POLICY_DROP ? "DROP" : "ACCEPT";
}

/* The command that may undo this one: deletes what it adds, sets the policy of before. false: there is none. */
static bool turn_round(const struct rules *before, int argc, const char *const *argv, struct words *ret)
{
    bool turned = false;

    ret->count = 0;
    for (int i = 0; i < argc && ret->count + 3 < WORDS_MOST; i++) {
        bool is_insert = is_any(argv[i], "-I", "--insert"), is_policy = is_any(argv[i], "-P", "--policy");
        if (is_insert || is_any(argv[i], "-A", "--append")) {
            turned = true;
            ret->word[ret->count++] = "-D";
            if (is_insert && i + 2 < argc && argv[i + 2][strspn(argv[i + 2], "0123456789")] == '\0') {
                ret->word[ret->count++] = argv[i + 1];
                i += 2;
            }
        } else if (is_policy && i + 2 < argc) {
            turned = true;
            ret->word[ret->count++] = "-P";
            ret->word[ret->count++] = argv[i + 1];
            ret->word[ret->count++] = policy_of(before, argc, argv, argv[i + 1]);
            i += 2;
        } else {
            ret->word[ret->count++] = argv[i];
        }
    }
    return turned;
}

static bool is_bare(const struct rules_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->chains[i]->count || t->chains[i]->policy != RULES_POLICY_ACCEPT)
            return false;
    }
    return true;
}

/* A table that is not there says the same as one that is empty. */
static bool is_same(const struct rules *a, const struct rules *b)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        bool both_bare = is_bare(&a->tables[t]) && is_bare(&b->tables[t]);
        if (!both_bare && !rules_table_equal(a, b, (enum rules_table_type)t))
            return false;
    }
    return true;
}

/* Carried out on what will stand, does it make what stood? */
static bool undoes(const struct rules *before, const struct rules *next, const struct words *undo)
{
    struct rules_outcome outcome = {0};
    struct rules_error error;
    struct rules *copy = rules_copy(next);
    bool is_undone = copy && rules_command(copy, undo->count, undo->word, &outcome, &error) == 0 &&
                     outcome.status == 0 && is_same(copy, before);

    free(outcome.output);
    rules_free(&copy);
    return is_undone;
}

static void print_word(const char *word)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";

    if (*word && word[strspn(word, PLAIN)] == '\0') {
        fprintf(stderr, " %s", word);
        return;
    }
    fputs(" '", stderr);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stderr);
        else
            putc(*word, stderr);
    }
    putc('\'', stderr);
}

/* The rules of before into a file, which is told. */
static void save_before(const char *family_command, const struct rules *before)
{
    char path[4096];
    char *text = rules_save(before, NULL, RULES_SAVE_COUNTERS);
    int r = text ? 0 : -ENOMEM;

    snprintf(path, sizeof(path), "%s/undo.v%d", guard_directory(), before->family == PACKET_IPV6 ? 6 : 4);
    if (r == 0 && mkdir(guard_directory(), 0700) && errno != EEXIST)
        r = -errno;
    if (r == 0)
        r = files_replace(path, text, strlen(text));
    free(text);
    if (r)
        fprintf(stderr, "sallywall %s: there is no undo: the rules of before can't be saved in %s: %s\n",
                family_command, path, strerror(-r));
    else
        fprintf(stderr, "sallywall %s: this undoes it: sallywall %s-restore %s\n", family_command,
                family_command, path);
}

static void tell_undo(const char *family_command, const struct rules *before, const struct rules *next,
                      int argc, const char *const *argv)
{
    struct words undo;

    if (!argv || !turn_round(before, argc, argv, &undo) || !undoes(before, next, &undo)) {
        save_before(family_command, before);
        return;
    }
    fprintf(stderr, "sallywall %s: this undoes it: sallywall %s", family_command, family_command);
    for (int i = 0; i < undo.count; i++)
        print_word(undo.word[i]);
    putc('\n', stderr);
}

/* The rules that stand, read apart: what the caller has read of its wall goes on to be true of it. */
static struct rules *read_standing(uint8_t family)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error ignored; /* without them the warning is only less exact */
    struct rules *r = NULL;

    if (kernel_wall_open(&wall, &ignored) ||
        kernel_wall_rules(wall, (enum packet_family)family, &r, &ignored))
        r = NULL;
    kernel_wall_close(&wall);
    if (r)
        suit_declare(r); /* as those that will stand, which commands have changed */
    return r;
}

/* Does any session of that family meet trouble? */
static bool is_worth_a_look(const struct sessions *sessions, const struct rules *next)
{
    for (size_t i = 0; i < sessions->count; i++) {
        struct session_answer answer = {0};
        bool is_fine = sessions->all[i].family != next->family ||
                       (session_judge(next, &sessions->all[i], &answer) == 0 && passes(&answer));
        session_answer_fini(&answer);
        if (!is_fine)
            return true;
    }
    return false;
}

void guard_warn(const char *family_command, const struct rules *next, int argc, const char *const *argv)
{
    struct sessions sessions;
    struct rules *before;
    char command[64];

    sessions_find(true, &sessions);
    if (!is_worth_a_look(&sessions, next))
        return;
    before = read_standing(next->family);
    snprintf(command, sizeof(command), "sallywall %s: warning", family_command);
    if (guard_tell(command, &sessions, before, next) == SESSION_CUT && before)
        tell_undo(family_command, before, next, argc, argv);
    fflush(stderr);
    rules_free(&before);
}
