/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/asking.h"
#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/served.h"
#include "cmd/wall/source.h"
#include "explain/diff/diff.h"
#include "explain/exchange/ends.h"
#include "explain/exchange/exchange.h"
#include "explain/packet/question.h"
#include "explain/play/play.h"
#include "explain/play/world.h"
#include "explain/replay/replay.h"
#include "speech/speech.h"

static const char explain_help[] =
    "Plays an FTP session, a plain exchange, one packet or a capture through a rule set, without touching "
    "the "
    "machine, and says what\n"
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
    "witness and the rules that decide. Exit status: 0 none, 1 some, 2 mistakes and unreadable input, 3 none "
    "found, but\nnot all can be told.",
    ASKING_ROWS,
    0,
    2,
    2};
static const struct option_command replay_options = {
    "replay",
    "CAPTURE [--rules RULES] [OPTION...]",
    "Runs a capture (pcap, pcapng, .gz of them) through connection tracking and, with --rules, a rule set: "
    "per packet its "
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

static FILE *open_capture(const char *name)
{
    FILE *capture = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");

    if (!capture)
        fprintf(stderr, "sallywall: %s: can't be read: %s\n", name, strerror(errno));
    return capture;
}

/* 0 and *ret, or the exit status. */
static int replay_into(const char *name, const struct rules *r, const struct replay_options *options,
                       struct replay **ret)
{
    char *message = NULL;
    FILE *capture = open_capture(name);
    int result = capture ? replay_capture(capture, name, r, options, ret, &message) : -EINVAL;

    if (!result)
        return 0;
    if (result == -EIO && ferror(stdout))
        return finish_output(STATUS_TROUBLE);
    if (capture)
        fprintf(stderr, "sallywall: %s: %s\n", name, message ? message : strerror(-result));
    free(message);
    return STATUS_TROUBLE;
}

/* The story in memory, since a drawing has to see all of it. */
static int tell_kept(const struct rules *r, const struct asking *a, const char *name,
                     const struct replay_options *options)
{
    struct replay *replay = NULL;
    int status = replay_into(name, r, options, &replay);

    if (!status)
        status = tell_story(replay->story, a);
    replay_free(&replay);
    return status;
}

static int tell_streamed(const struct rules *r, const struct asking *a, const char *name,
                         enum replay_form form, struct replay_options *options)
{
    struct story_text_options text = asking_text_options(a);
    struct replay_teller teller;
    struct replay *replay = NULL;

    replay_teller_init(&teller, form, &text, stdout);
    options->listener = &teller.listener;
    options->streamed = true;
    int status = replay_into(name, r, options, &replay);
    if (!status) {
        int result = replay_teller_end(&teller, replay);

        status = finish_output(result ? STATUS_TROUBLE : story_exit_status(replay->story));
    }
    replay_free(&replay);
    return status;
}

/* name: of the capture. whole: replay's report, else explain's story. */
static int run_capture(const struct rules *r, const struct asking *a, const char *name, bool whole)
{
    struct replay_options options = {.play = a->play, .looked = a->json || a->verbose};

    for (int i = 0; i < 4; i++)
        options.has_server |= a->play.server.word[i] != 0;
    if (whole)
        return tell_streamed(r, a, name, a->json ? REPLAY_JSON : REPLAY_TEXT, &options);
    return a->json && !a->svg && !a->html ? tell_streamed(r, a, name, REPLAY_STORY_JSON, &options)
                                          : tell_kept(r, a, name, &options);
}

/* ---- what is asked ---- */

struct asked {
    const char *option, *about;
    const char *value; /* NULL: not asked */
    uint8_t protocol;  /* of an exchange, else 0 */
};
enum { QUESTIONS = 7 };

static size_t list_questions(const struct asking *a, struct asked *ret)
{
    const struct asked all[QUESTIONS] = {
        {"--ftp", "an FTP session", a->play_ftp ? "" : NULL, 0},
        {"--tcp", "a plain exchange", a->tcp, PACKET_TCP},
        {"--udp", "a plain exchange", a->udp, PACKET_UDP},
        {"--icmp", "a plain exchange", a->icmp, PACKET_ICMP},
        {"--packet", "one packet", a->packet, 0},
        {"--pcap", "a capture", a->capture, 0},
        {"--server-config", "all sessions of a server", a->server_config, 0},
    };
    size_t count = 0;

    for (size_t i = 0; i < QUESTIONS; i++) {
        if (all[i].value)
            ret[count++] = all[i];
    }
    return count;
}

/* Options of FTP sessions beside another question. */
static bool refuse_ftp_options(const struct asking *a, const struct asked *q)
{
    const struct {
        const char *option;
        bool given;
    } of_ftp[] = {{"--tls", a->play.tls},
                  {"--pasv-ports", a->play.passive_ports.last != 0},
                  {"--data-port", a->play.data_ports.last != 0}};

    for (size_t i = 0; i < sizeof(of_ftp) / sizeof(of_ftp[0]); i++) {
        if (!of_ftp[i].given)
            continue;
        fprintf(stderr, "sallywall explain: %s is about an FTP session, and %s asks about %s\n",
                of_ftp[i].option, q->option, q->about);
        return true;
    }
    return false;
}

static bool refuse_passive_data_port(const struct asking *a)
{
    bool passive = a->play.mode == STORY_PASSIVE || a->play.mode == STORY_EPSV;

    if (!a->play.data_ports.last || !passive)
        return false;
    fprintf(stderr,
            "sallywall explain: --data-port is the port that the server sends from in active mode, and this "
            "session is passive; ask with --ftp active or eprt\n");
    return true;
}

/* What is this machine's own never comes by a gateway. */
static bool refuse_loopback_at_gateway(const struct asking *a)
{
    const struct play *play = &a->play;

    if (play->where != STORY_AT_GATEWAY || !play->family ||
        (!play_is_loopback(&play->client, play->family) && !play_is_loopback(&play->server, play->family)))
        return false;
    fprintf(stderr,
            "sallywall explain: an address of loopback is never forwarded; ask with --at server, or with the "
            "address that the others see\n");
    return true;
}

/* One question, whose options suit it. ret->value NULL: none was asked. 0, or -1 and told. */
static int choose_question(const struct asking *a, struct asked *ret)
{
    struct asked all[QUESTIONS] = {0};
    size_t count = list_questions(a, all);

    if (count > 1) {
        fprintf(stderr, "sallywall explain: %s and %s are two questions; ask one at a time\n", all[0].option,
                all[1].option);
        return -1;
    }
    bool is_ftp = count == 0 || a->play_ftp, is_capture = a->capture != NULL;
    if (is_ftp ? refuse_passive_data_port(a) : !is_capture && refuse_ftp_options(a, &all[0]))
        return -1;
    *ret = all[0];
    return 0;
}

/* The ends of an exchange, which may tell the family of the rules. 0, or -1 and told. */
static int read_ends(const struct asked *q, struct asking *a)
{
    char *message = NULL;

    if (!q->protocol)
        return 0;
    int r = exchange_ends_read(q->value, q->protocol, &a->play, &message);
    if (r) {
        fprintf(stderr, "sallywall explain: %s: %s\n", q->option, message ? message : strerror(-r));
        free(message);
        return -1;
    }
    a->family = a->play.family;
    return 0;
}

/* ---- answers ---- */

/* NULL: *ret_message says why it can't be asked, or is NULL for want of memory. */
static struct story *find_answer(const struct rules *r, const struct asked *q, const struct asking *a,
                                 char **ret_message)
{
    struct story *story = NULL;

    if (q->protocol)
        return exchange_explain(r, q->protocol, &a->play);
    if (!a->packet)
        return play_session(r, &a->play);
    return packet_question_ask(r, a->packet, &a->play, &story, ret_message) ? NULL : story;
}

/* An answer that hangs on what stands beside the rules: what they would say alone is more than nothing. */
static int add_alone(struct story *story, const struct rules *r, const struct asked *q,
                     const struct asking *a)
{
    struct rules *rules = rules_copy(r);
    struct story *alone = NULL;
    char *message = NULL;

    if (rules) {
        rules_beside_clear(rules);
        alone = find_answer(rules, q, a, &message);
    }
    int error = alone ? story_add_alone(story, alone) : -ENOMEM;
    story_free(&alone);
    rules_free(&rules);
    free(message);
    return error;
}

static int answer(const struct rules *r, const struct asked *q, const struct asking *a)
{
    char *message = NULL;
    int status;

    if (a->capture)
        return run_capture(r, a, a->capture, false);
    if (a->server_config)
        return served_explain(r, a);
    struct story *story = find_answer(r, q, a, &message);
    if (story && story_hangs_on_what_is_beside(story) && add_alone(story, r, q, a))
        story_free(&story);
    if (story) {
        status = tell_story(story, a);
    } else if (message) {
        fprintf(stderr, "sallywall explain: --packet: %s\n", message);
        status = STATUS_TROUBLE;
    } else {
        status = out_of_memory();
    }
    story_free(&story);
    free(message);
    return status;
}

/* Of a file, of this machine, or with --wall and no file of the wall that stands on it. 0, or -1 and told. */
static int read_rules(const char *file, struct asking *a, uint8_t likely, struct rules **ret, char **ret_name)
{
    struct play_machine *machine = NULL;

    if (file || !a->play.helper_always) {
        if (source_read_machine(file, SOURCE_ANY, a->family, likely, ret, ret_name, &machine))
            return -1;
        return asking_meet(a, machine);
    }
    *ret_name = strdup(SAID(WALL_HERE));
    if (!*ret_name || live_read(a->family ? a->family : likely ? likely : PACKET_IPV4, ret))
        return -1;
    return asking_meet(a, NULL);
}

int explain_command(int argc, char **argv)
{
    struct asking a;
    struct asked question;
    struct rules *rules = NULL;
    char *name = NULL;
    int operands, status = STATUS_TROUBLE;

    speech_speak_locale();
    int r = read_options(&explain_options, ASKING_EXPLAIN_COUNT, argc, argv, &a, &operands);
    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (a.json)
        (void)!speech_speak("en"); /* which there always is; it is what scripts read */
    if (operands && a.rules) {
        fprintf(stderr, "sallywall explain: two rule sets were named, %s and %s; diff compares two\n",
                argv[1], a.rules);
        return STATUS_TROUBLE;
    }
    if (choose_question(&a, &question) || read_ends(&question, &a) || refuse_loopback_at_gateway(&a))
        return STATUS_TROUBLE;
    uint8_t likely = a.packet ? packet_question_family(a.packet) : 0;
    if (!asking_complete(&a) && !read_rules(operands ? argv[1] : a.rules, &a, likely, &rules, &name)) {
        a.play.rules_name = name;
        status = answer(rules, &question, &a);
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
    bool has_rules = a.rules != NULL;
    struct play_machine *machine = NULL;

    if (!asking_complete(&a) &&
        (!has_rules || !source_read_machine(a.rules, SOURCE_ANY, a.family, 0, &rules, &name, &machine)) &&
        !asking_meet(&a, machine)) {
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
    int status = finish_output(r ? STATUS_TROUBLE : diff->count ? 1 : diff->complete ? 0 : STATUS_UNKNOWN);
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
    struct play_machine *machine = NULL;

    /* What both are asked on is the machine of the new ones, if they say which that is. */
    if (!asking_complete(&a) && !source_read(argv[1], SOURCE_ANY, a.family, 0, &old, &old_name) &&
        !source_read_machine(argv[2], SOURCE_ANY, a.family, 0, &new, &new_name, &machine) &&
        !asking_meet(&a, machine)) {
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
