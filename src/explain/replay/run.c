/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/replay/cure.h"
#include "explain/replay/survey.h"
#include "packet/decode.h"
#include "speech/speech.h"

enum { CONNECTION_LONGEST = 512 };

static void on_event(void *arg, const struct track_event *event)
{
    struct run *run = arg;

    play_watch_event(&run->watch, event);
    if (!run->error)
        run->error = announced_event(run->announced, event, run->number);
}

static int replay_all(struct run *run)
{
    struct reading_packet packet;
    int r = reading_again(run->reading);

    while (!r && (r = reading_next(run->reading, &packet)) == 1)
        r = run_packet(run, &packet);
    return r;
}

/* ---- what stands at the end ---- */

struct listing {
    struct replay *replay;
    uint64_t now_ms;
    size_t capacity;
    int error;
};

static bool list_flow(void *arg, const struct track_flow *flow)
{
    struct listing *l = arg;
    char line[CONNECTION_LONGEST];

    if (flow->expires <= l->now_ms)
        return true;
    if (l->replay->connection_count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 16;
        char **larger = reallocarray(l->replay->connections, capacity, sizeof(*larger));

        if (!larger) {
            l->error = -ENOMEM;
            return false;
        }
        l->replay->connections = larger;
        l->capacity = capacity;
    }
    (void)!track_flow_format(flow, l->now_ms, line, sizeof(line)); /* no flow has a longer line */
    char *copy = strdup(line);
    if (copy)
        l->replay->connections[l->replay->connection_count++] = copy;
    l->error = copy ? 0 : -ENOMEM;
    return copy;
}

static int list_connections(struct run *run)
{
    struct listing listing = {run->replay, reading_facts(run->reading)->last_ms, 0, 0};

    tracker_each_flow(wall_tracker(run->wall), list_flow, &listing);
    return listing.error;
}

static int list_channels(struct run *run)
{
    const struct survey *s = &run->survey;
    struct replay *replay = run->replay;

    replay->channels = calloc(s->data_count + 1, sizeof(*replay->channels));
    if (!replay->channels)
        return -ENOMEM;
    for (size_t i = 0; i < s->data_count; i++) {
        const struct survey_session *of = run_session(run, s->data[i].session);
        struct replay_channel *c = &replay->channels[replay->channel_count];

        if (!of->is_ftp)
            continue;
        char *from = story_end_text(&of->client, of->family, of->client_port);
        char *to = story_end_text(&of->server, of->family, of->server_port);
        replay->channel_count++;
        c->data = strdup(s->data[i].ends);
        c->control = from && to ? story_format("%s -> %s", from, to) : NULL;
        c->announced_by = strdup(s->data[i].said);
        free(from);
        free(to);
        if (!c->data || !c->control || !c->announced_by)
            return -ENOMEM;
    }
    return 0;
}

static int tell_end(struct run *run)
{
    const struct reading_facts *facts = reading_facts(run->reading);
    struct story *s = run->story;

    run->replay->packets = facts->frames;
    run->replay->not_ip = facts->not_ip;
    run->replay->doubled = facts->doubled;
    run->replay->cut = facts->cut;
    run->replay->complete = !facts->damage && !facts->limited;
    int r = judge_conclude(&run->judge, s);
    if (!r && run->not_told)
        r = story_note_take(s, PHRASE(NOTE_NOT_TOLD, NUMBER(run->not_told), NUMBER(STEPS_MOST)));
    if (!r && !run->own)
        r = cure_find(s, run->rules, &run->play, &run->survey, &run->judge);
    if (!r)
        r = list_connections(run);
    if (!r)
        r = list_channels(run);
    if (!r)
        announced_take(run->announced, &run->replay->expectations, &run->replay->expectation_count);
    return r;
}

/* ---- before the first packet ---- */

/* Without rules: everything is accepted, and the control ports have their helper, so that data channels are
 * seen as such. */
static int make_rules(struct run *run, const struct rules *r)
{
    static const char *const chains[] = {"PREROUTING", "OUTPUT"};
    struct rules_outcome outcome = {0};
    struct rules_error error;
    char port[8];

    run->rules = r;
    if (r)
        return 0;
    run->rules = run->own = rules_new(run->play.family);
    for (size_t i = 0; run->own && i < run->port_count * 2; i++) {
        const char *const command[] = {"-t",      "raw", "-A", chains[i % 2], "-p",       "tcp",
                                       "--dport", port,  "-j", "CT",          "--helper", "ftp"};

        snprintf(port, sizeof(port), "%u", run->ports[i / 2]);
        if (rules_command(run->own, sizeof(command) / sizeof(command[0]), command, &outcome, &error))
            return -ENOMEM;
        free(outcome.output);
    }
    return run->own ? story_note_take(run->story, PHRASE(NOTE_NO_RULES)) : -ENOMEM;
}

static void choose_ports(struct run *run)
{
    const struct play *play = &run->play;

    run->ports[run->port_count++] = play->server_port ? play->server_port : 21;
    for (size_t i = 0; i < play->helper_port_count; i++)
        run->ports[run->port_count++] = play->helper_ports[i];
}

static bool is_given(const struct packet_address *a)
{
    return a->word[0] | a->word[1] | a->word[2] | a->word[3];
}

/* Who asked about one server, or one client, gets an answer about that one. */
static void leave_out_others(struct run *run)
{
    const struct play *asked = &run->options->play;

    for (size_t i = 0; i < run->survey.session_count; i++) {
        struct survey_session *s = &run->survey.sessions[i];
        bool another = (run->options->has_server && !packet_address_equal(&s->server, &asked->server)) ||
                       (is_given(&asked->client) && !packet_address_equal(&s->client, &asked->client));

        if (!s->is_ftp || !another)
            continue;
        s->is_ftp = false;
        s->left_out = true;
        run->survey.ftp_count--;
    }
}

/* The session that is whole serves best to say who is who. */
static const struct survey_session *main_session(const struct run *run)
{
    const struct survey_session *best = NULL;

    for (size_t i = 0; i < run->survey.session_count; i++) {
        const struct survey_session *s = &run->survey.sessions[i];

        if (s->is_ftp && (!best || (!best->greeted && s->greeted)))
            best = s;
    }
    return best;
}

static int find_ends(struct run *run, char **message)
{
    const struct survey_session *s = main_session(run);

    if (!run->survey.first_family) {
        const struct reading_facts *f = reading_facts(run->reading);
        *message = f->damage ? story_format("holds no IP packet that can be read: it %s", f->damage)
                             : strdup("holds no IP packet");
        return *message ? -EINVAL : -ENOMEM;
    }
    if (s) {
        run->play.server = s->server;
        run->play.client = s->client;
        run->play.family = s->family;
        run->play.server_port = s->server_port;
        run->ports[0] = s->server_port;
        return 0;
    }
    run->play.client = run->survey.first_from;
    run->play.family = run->survey.first_family;
    if (run->options->has_server)
        return 0;
    run->play.server = run->survey.first_to;
    return story_note_take(run->story, PHRASE(NOTE_FIRST_IS_SERVER));
}

static void find_suspicious(struct run *run)
{
    for (size_t i = 0; i < run->survey.session_count && run->suspicious_count < SUSPICIOUS; i++) {
        if (run->survey.sessions[i].is_ftp && survey_is_incomplete(&run->survey.sessions[i]))
            run->suspicious[run->suspicious_count++] = (uint32_t)i;
    }
}

static int describe_story(struct run *run, const char *name)
{
    static const enum speech_phrase places[] = {[STORY_AT_SERVER] = SPEECH_ON_SERVER,
                                                [STORY_AT_GATEWAY] = SPEECH_ON_GATEWAY,
                                                [STORY_AT_CLIENT] = SPEECH_ON_CLIENT};
    struct story *s = run->story;
    const struct play *play = &run->play;
    char address[64];

    s->kind = STORY_CAPTURE;
    s->where = play->where;
    s->tls = play->tls;
    for (size_t i = 0; i < run->survey.session_count; i++)
        s->tls |= run->survey.sessions[i].is_ftp && run->survey.sessions[i].tls;
    s->mode = play->mode;
    s->rules_name = strdup(play->rules_name ? play->rules_name : "none");
    s->server = strdup(packet_address_format(&play->server, play->family, address));
    s->client = strdup(packet_address_format(&play->client, play->family, address));
    s->kernel = story_format("%u.%u", play->kernel >> 16, play->kernel >> 8 & 0xff);
    s->manner = strdup(play->manner == TRACK_ROBUST ? "robust" : "linux");
    const char *place = speech_plain(places[play->where]);
    s->title = run->survey.ftp_count ? PHRASE(TITLE_CAPTURE, name, s->server, place)
                                     : PHRASE(TITLE_CAPTURE_OTHER, name, place);
    return s->rules_name && s->server && s->client && s->kernel && s->manner && s->title ? 0 : -ENOMEM;
}

static int make_wall(struct run *run)
{
    struct track_config config;

    play_config(&run->play, &config);
    if (run->own) /* of a firewall that is not there no quirk is told */
        config.manner = TRACK_ROBUST;
    run->watch = (struct play_watch){.story = run->story,
                                     .rules = run->rules,
                                     .looked = run->options->looked ? (uint32_t)PLAY_WATCH_ALL : 0};
    run->walked = wall_rules_new(run->rules);
    run->wall = run->walked ? wall_new(run->walked, &config, on_event, run) : NULL;
    run->asked = run->walked ? wall_new(run->walked, &config, NULL, NULL) : NULL;
    run->within_line = calloc(run->survey.session_count + 1, sizeof(*run->within_line));
    run->announced = announced_new();
    run->follower = follower_new();
    return run->wall && run->asked && run->within_line && run->announced && run->follower ? 0 : -ENOMEM;
}

static int prepare(struct run *run, const struct rules *r, const char *name, char **message)
{
    choose_ports(run);
    int result = survey_make(run->reading, run->ports, run->port_count, &run->survey);

    if (!result) {
        leave_out_others(run);
        find_suspicious(run);
        result = find_ends(run, message);
    }
    if (!result)
        result = describe_story(run, name);
    if (!result)
        result = make_rules(run, r);
    if (!result)
        result = make_wall(run);
    if (!result)
        result = judge_init(&run->judge, &run->survey, reading_facts(run->reading), r);
    if (!result && run->options->listener)
        result = run->options->listener->begin(run->options->listener->arg, run->replay);
    return result;
}

static void run_fini(struct run *run)
{
    for (size_t i = 0; i < run->passed_count; i++)
        story_rule_clear(&run->passed[i].rule);
    free(run->within_line);
    judge_fini(&run->judge);
    survey_fini(&run->survey);
    reading_close(&run->reading);
    wall_free(&run->wall);
    wall_free(&run->asked);
    wall_rules_free(&run->walked);
    rules_free(&run->own);
    announced_free(&run->announced);
    follower_free(&run->follower);
}

int replay_capture(FILE *capture, const char *name, const struct rules *r,
                   const struct replay_options *options, struct replay **ret, char **message)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    struct story *story = calloc(1, sizeof(*story));
    struct run run = {.replay = replay, .story = story, .play = options->play, .options = options};

    if (!replay || !story) {
        free(replay);
        free(story);
        fclose(capture);
        return -ENOMEM;
    }
    replay->story = story;
    int result = reading_open(capture, name, &run.reading, message);
    if (!result)
        result = prepare(&run, r, name, message);
    if (!result)
        result = replay_all(&run);
    if (!result)
        result = tell_end(&run);
    run_fini(&run);
    if (result)
        replay_free(&replay);
    else
        *ret = replay;
    return result;
}

static void lines_free(char **lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    free(lines);
}

void replay_free(struct replay **r)
{
    if (!*r)
        return;
    lines_free((*r)->connections, (*r)->connection_count);
    lines_free((*r)->expectations, (*r)->expectation_count);
    for (size_t i = 0; i < (*r)->channel_count; i++) {
        free((*r)->channels[i].data);
        free((*r)->channels[i].control);
        free((*r)->channels[i].announced_by);
    }
    free((*r)->channels);
    story_free(&(*r)->story);
    free(*r);
    *r = NULL;
}
