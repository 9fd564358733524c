/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/asking.h"
#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/source.h"
#include "explain/diff/diff.h"
#include "explain/packet/question.h"
#include "explain/play/play.h"
#include "explain/replay/replay.h"

static const char explain_help[] =
    "Plays an FTP session, or one packet, or a capture, through a rule set, without touching the machine, "
    "and says what\n"
    "became of each packet and why, and which changes would help. RULES is a file of iptables-save, - for "
    "standard\n"
    "input; without it, the rules that this machine runs (takes root).\n"
    "Exit status: 0 it works, 1 it is blocked, 2 mistakes and unreadable input, 3 it can't be told.";

static const struct option_command explain_options = {
    "explain", "[RULES|-] [OPTION...]", explain_help, ASKING_ROWS, 0, 0, 1};
static const struct option_command diff_options = {
    "diff",
    "OLD NEW [OPTION...]",
    "Says which packets and FTP sessions meet another fate with the rules of NEW than with those of OLD, "
    "each with a\n"
    "witness and the rules that decide. Exit status: 0 none, 1 some, 2 mistakes and unreadable input.",
    ASKING_ROWS,
    0,
    2,
    2};
static const struct option_command replay_options = {
    "replay",
    "CAPTURE [--rules RULES] [OPTION...]",
    "Runs a capture (pcap, pcapng) through connection tracking and, with --rules, a rule set: per packet its "
    "state and\n"
    "verdict, at the end connections as conntrack -L prints them, expectations, and data channels. Exit "
    "status as explain's.",
    ASKING_ROWS,
    0,
    1,
    1};

static int read_options(const struct option_command *rows, size_t count, int argc, char **argv,
                        struct asking *a, int *ret_operands)
{
    struct option_command command = *rows;

    command.row_count = count;
    asking_init(a);
    return options_read(&command, argc, argv, a, ret_operands);
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE)
        fprintf(stderr, "sallywall: the output could not be written: %s\n", strerror(errno));
    return STATUS_TROUBLE;
}

/* A story into a file, as a whole. */
static int write_story(const struct story *s, const char *name, int (*tell)(const struct story *s, FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int r = out ? tell(s, out) : -ENOMEM;

    if (out && fclose(out) && !r)
        r = -ENOMEM;
    if (!r)
        r = files_replace(name, text, size);
    free(text);
    if (r)
        fprintf(stderr, "sallywall: %s: can't be written: %s\n", name, strerror(-r));
    return r;
}

static int tell_story(const struct story *s, const struct asking *a)
{
    struct story_text_options options = asking_text_options(a);
    int r = a->json ? story_tell_json(s, stdout) : story_tell_text(s, &options, stdout);
    int status = finish_output(r ? STATUS_TROUBLE : story_exit_status(s));

    if (a->svg && write_story(s, a->svg, story_tell_svg))
        status = STATUS_TROUBLE;
    if (a->html && write_story(s, a->html, story_tell_html))
        status = STATUS_TROUBLE;
    return status;
}

static int out_of_memory(void)
{
    fprintf(stderr, "sallywall: out of memory\n");
    return STATUS_TROUBLE;
}

static int ask_packet(const struct rules *r, const struct asking *a)
{
    struct story *story = NULL;
    char *message = NULL;
    int result = packet_question_ask(r, a->packet, &a->play, &story, &message);

    if (result == -EINVAL) {
        fprintf(stderr, "sallywall explain: --packet: %s\n", message);
        free(message);
        return STATUS_TROUBLE;
    }
    if (result)
        return out_of_memory();
    int status = tell_story(story, a);
    story_free(&story);
    return status;
}

static int play_ftp(const struct rules *r, const struct asking *a)
{
    struct story *story = play_session(r, &a->play);

    if (!story)
        return out_of_memory();
    int status = tell_story(story, a);
    story_free(&story);
    return status;
}

/* name: of the capture. whole: replay's report, else explain's story. */
static int run_capture(const struct rules *r, const struct asking *a, const char *name, bool whole)
{
    struct replay_options options = {.play = a->play, .looked = a->json || a->verbose};
    struct replay *replay = NULL;
    char *message = NULL;
    FILE *capture = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");

    for (int i = 0; i < 4; i++)
        options.has_server |= a->play.server.word[i] != 0;
    if (!capture) {
        fprintf(stderr, "sallywall: %s: can't be read: %s\n", name, strerror(errno));
        return STATUS_TROUBLE;
    }
    int result = replay_capture(capture, name, r, &options, &replay, &message);
    if (result) {
        fprintf(stderr, "sallywall: %s: %s\n", name, message ? message : strerror(-result));
        free(message);
        return STATUS_TROUBLE;
    }
    int status;
    if (whole) {
        struct story_text_options text = asking_text_options(a);

        result = a->json ? replay_tell_json(replay, stdout) : replay_tell_text(replay, &text, stdout);
        status = finish_output(result ? STATUS_TROUBLE : story_exit_status(replay->story));
    } else {
        status = tell_story(replay->story, a);
    }
    replay_free(&replay);
    return status;
}

int explain_command(int argc, char **argv)
{
    struct asking a;
    struct rules *rules = NULL;
    char *name = NULL;
    int operands, status = STATUS_TROUBLE;
    int r = read_options(&explain_options, ASKING_EXPLAIN_COUNT, argc, argv, &a, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (operands && a.rules) {
        fprintf(stderr, "sallywall explain: two rule sets were named, %s and %s; diff compares two\n",
                argv[1], a.rules);
        return STATUS_TROUBLE;
    }
    if (!!a.packet + !!a.capture + a.play_ftp > 1) {
        fprintf(stderr,
                "sallywall explain: --ftp, --packet and --pcap are three questions; ask one at a time\n");
        return STATUS_TROUBLE;
    }
    uint8_t likely = a.packet ? packet_question_family(a.packet) : 0;
    if (!asking_complete(&a) && !source_read(operands ? argv[1] : a.rules, a.family, likely, &rules, &name)) {
        a.play.rules_name = name;
        status = a.packet    ? ask_packet(rules, &a)
                 : a.capture ? run_capture(rules, &a, a.capture, false)
                             : play_ftp(rules, &a);
    }
    free(name);
    rules_free(&rules);
    asking_fini(&a);
    return status;
}

int replay_command(int argc, char **argv)
{
    struct asking a;
    struct rules *rules = NULL;
    char *name = NULL;
    int operands, status = STATUS_TROUBLE;
    int r = read_options(&replay_options, ASKING_REPLAY_COUNT, argc, argv, &a, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (!asking_complete(&a) && (!a.rules || !source_read(a.rules, a.family, 0, &rules, &name))) {
        a.play.rules_name = name;
        status = run_capture(rules, &a, argv[1], true);
    }
    free(name);
    rules_free(&rules);
    asking_fini(&a);
    return status;
}

static int tell_diff(const struct rules *old, const struct rules *new, struct asking *a)
{
    struct story_text_options options = asking_text_options(a);
    struct diff *diff = diff_rules(old, new, &a->play);

    if (!diff)
        return out_of_memory();
    int r = a->json ? diff_tell_json(diff, stdout) : diff_tell_text(diff, &options, stdout);
    int status = finish_output(r ? STATUS_TROUBLE : diff->count ? 1 : 0);
    diff_free(&diff);
    return status;
}

int diff_command(int argc, char **argv)
{
    struct asking a;
    struct rules *old = NULL, *new = NULL;
    char *old_name = NULL, *new_name = NULL;
    int operands, status = STATUS_TROUBLE;
    int r = read_options(&diff_options, ASKING_DIFF_COUNT, argc, argv, &a, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (!asking_complete(&a) && !source_read(argv[1], a.family, 0, &old, &old_name) &&
        !source_read(argv[2], a.family, 0, &new, &new_name)) {
        if (old->family == new->family)
            status = tell_diff(old, new, &a);
        else
            fprintf(stderr, "sallywall diff: %s is of iptables and %s of ip6tables, or the other way round\n",
                    old_name, new_name);
    }
    free(old_name);
    free(new_name);
    rules_free(&old);
    rules_free(&new);
    asking_fini(&a);
    return status;
}
