/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/replay.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain/make.h"
#include "explain/play/world.h"
#include "explain/replay/announced.h"
#include "explain/replay/frames.h"
#include "explain/replay/tasks.h"
#include "packet/decode.h"
#include "packet/reassemble.h"

/* Steps hold the quotations of what decided: a hundred thousand are 100 MB. Beyond, only packets that did not
 * pass. */
enum {
    STEPS_MOST = 100000,
    HELD_FRAGMENTS = 4 << 20,
    LINE_MOST = 120,
    CONNECTION_LONGEST = 512,
    SYNS_KEPT = 64
};

struct syn {
    struct packet_address source, destination;
    uint32_t sequence;
    uint16_t source_port, destination_port;
    uint8_t family;
};

struct run {
    struct replay *replay;
    struct story *story;
    struct frames frames;
    const struct rules *rules;
    struct rules *own; /* rules, if none were given; else NULL */
    struct wall_rules *walked;
    struct wall *wall;
    struct play play;
    uint16_t ports[9]; /* where control channels are */
    size_t port_count;
    struct packet_reassembler *reassembler;
    struct announced *announced;
    struct replay_tasks tasks;
    struct play_watch watch;
    char said[LINE_MOST + 1];   /* by the packet that is on its way */
    uint32_t number;            /* of the packet that is on its way */
    struct syn syns[SYNS_KEPT]; /* the latest, to know them again */
    size_t syn_count;
    uint64_t start_us, now_ms;
    uint64_t dropped, unknown, not_told;
    bool raw_doubt;
    int error;
};

static void on_event(void *arg, const struct track_event *event)
{
    struct run *run = arg;

    play_watch_event(&run->watch, event);
    if (!run->error)
        run->error = announced_event(run->announced, event, run->said, run->number);
}

static bool is_control(const struct run *run, const struct packet *p)
{
    for (size_t i = 0; p->protocol == PACKET_TCP && i < run->port_count; i++) {
        if (p->source_port == run->ports[i] || p->destination_port == run->ports[i])
            return true;
    }
    return false;
}

/* The first line of a control channel's payload, unless it is under TLS. What is told may be passed on to
 * people whom a password is no business of. */
static void read_said(struct run *run, const struct packet *p)
{
    size_t size = packet_payload_size(p), length = 0;
    const char *text = (const char *)p->bytes + p->payload;

    if (size > 0 && !isalnum((unsigned char)text[0]))
        return;
    if (size > 5 && (strncasecmp(text, "PASS ", 5) == 0 || strncasecmp(text, "ACCT ", 5) == 0)) {
        snprintf(run->said, sizeof(run->said), "%.4s ...", text);
        return;
    }
    while (length < size && length < LINE_MOST && text[length] != '\r' && text[length] != '\n' &&
           text[length])
        length++;
    memcpy(run->said, text, length);
    run->said[length] = '\0';
}

/* Over loopback, or from a server to itself, addresses don't tell: ports do. */
static enum story_lane lane_by_ports(const struct run *run, const struct packet *p)
{
    for (size_t i = 0; i < run->port_count; i++) {
        if (p->destination_port == run->ports[i])
            return STORY_CLIENT;
        if (p->source_port == run->ports[i] || p->source_port == run->ports[i] - 1)
            return STORY_SERVER;
        if (p->destination_port == run->ports[i] - 1)
            return STORY_CLIENT;
    }
    return replay_tasks_listens(&run->tasks, p) ? STORY_SERVER : STORY_CLIENT;
}

static enum story_lane lane_of(const struct run *run, const struct packet *p)
{
    if (!packet_address_equal(&p->source, &run->play.server))
        return STORY_CLIENT;
    return packet_address_equal(&p->destination, &run->play.server) ? lane_by_ports(run, p) : STORY_SERVER;
}

/* A packet that is neither from nor to the server is routed, wherever the firewall stands. */
static enum wall_path path_of(const struct run *run, const struct packet *p, enum story_lane from)
{
    if (from == STORY_CLIENT && !packet_address_equal(&p->destination, &run->play.server))
        return WALL_THROUGH;
    return play_path(&run->play, from);
}

static bool starts_connection(const struct packet *p)
{
    return p->protocol == PACKET_TCP && !p->fault && (p->tcp.flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;
}

static enum story_channel channel_of(struct run *run, const struct packet *p,
                                     const struct wall_report *report, bool is_retry)
{
    bool data = false;

    if (is_control(run, p))
        return STORY_CONTROL;
    if (starts_connection(p) && report->view.fresh && !run->error && !is_retry) {
        uint16_t active_from = (uint16_t)(run->play.server_port - 1);

        run->error = announced_connect(run->announced, p, p->source_port == active_from, &data);
    }
    struct track_tuple ends = {.source = p->source,
                               .destination = p->destination,
                               .source_port = p->source_port,
                               .destination_port = p->destination_port,
                               .family = p->family};
    return data || (is_retry && replay_tasks_is_data(&run->tasks, &ends)) ||
                   (report->has_flow && (report->flow.status & TRACK_EXPECTED ||
                                         replay_tasks_is_data(&run->tasks, &report->flow.tuple)))
               ? STORY_DATA
               : STORY_OTHER;
}

/* Was this very SYN seen before, not long ago? */
static bool is_retry(struct run *run, const struct packet *p)
{
    if (!starts_connection(p))
        return false;
    for (size_t i = 0; i < SYNS_KEPT; i++) {
        const struct syn *syn = &run->syns[i];

        if (syn->family == p->family && syn->sequence == p->tcp.sequence &&
            syn->source_port == p->source_port && syn->destination_port == p->destination_port &&
            packet_address_equal(&syn->source, &p->source) &&
            packet_address_equal(&syn->destination, &p->destination))
            return true;
    }
    run->syns[run->syn_count++ % SYNS_KEPT] = (struct syn){.source = p->source,
                                                           .destination = p->destination,
                                                           .sequence = p->tcp.sequence,
                                                           .source_port = p->source_port,
                                                           .destination_port = p->destination_port,
                                                           .family = p->family};
    return false;
}

static int describe(struct run *run, struct story_step *step, const struct packet *p)
{
    step->packet = story_packet_text(p);
    step->label = run->said[0] ? strdup(run->said) : step->packet ? strdup(step->packet) : NULL;
    step->phase = strdup("");
    step->source = story_end_text(&p->source, p->family, p->source_port);
    step->destination = story_end_text(&p->destination, p->family, p->destination_port);
    return step->packet && step->label && step->phase && step->source && step->destination ? 0 : -ENOMEM;
}

static void count(struct run *run, const struct wall_report *report)
{
    bool is_stopped = report->fate == WALL_DROP || report->fate == WALL_REJECT;

    /* Once raw's rules leave open how a packet is tracked, nobody knows what they make of those that follow.
     */
    run->raw_doubt |= report->fate == WALL_UNKNOWN && report->stage == WALL_BY_RAW;
    run->dropped += is_stopped && !run->raw_doubt;
    run->unknown += report->fate == WALL_UNKNOWN;
}

static int replay_packet(struct run *run, const struct packet *p)
{
    struct story_step *step = story_step_add(run->story);
    struct verdict_trace trace;
    struct wall_world world;
    struct wall_report report;

    if (!step)
        return -ENOMEM;
    step->from = lane_of(run, p);
    step->at_ms = run->now_ms;
    step->is_retry = is_retry(run, p);
    step->number = run->number;
    enum wall_path path = path_of(run, p, step->from);
    run->said[0] = '\0';
    if (is_control(run, p))
        read_said(run, p);
    play_world(&run->play, step->from, &world);
    world.time = (int64_t)((run->start_us + run->now_ms * 1000) / 1000000);
    wall_packet(run->wall, p, path, &world, run->now_ms, play_watch_trace(&run->watch, step, &trace),
                &report);
    bool is_told = run->story->step_count <= STEPS_MOST || report.fate != WALL_PASS;
    if (is_told && (describe(run, step, p) || story_step_judge(step, run->rules, &report, path)))
        return -ENOMEM;
    step->fate = report.fate;
    step->channel = channel_of(run, p, &report, step->is_retry);
    count(run, &report);
    if (!run->error)
        run->error = replay_tasks_look(&run->tasks, step, p, run->said);
    if (!run->error)
        run->error = run->watch.error;
    if (!is_told) {
        story_step_drop_last(run->story);
        run->not_told++;
    }
    return run->error;
}

static int replay_all(struct run *run)
{
    struct packet p, whole;

    for (size_t i = 0; i < run->frames.count; i++) {
        const struct frame *frame = &run->frames.frames[i];
        /* Clocks jump: the tracker's never goes back. */
        uint64_t at = frame->time_us > run->start_us ? (frame->time_us - run->start_us) / 1000 : 0;

        run->now_ms = at > run->now_ms ? at : run->now_ms;
        run->number = frame->number;
        if (!frames_packet(&run->frames, i, &p)) {
            run->replay->not_ip++;
            continue;
        }
        if (p.is_fragment) {
            int r = packet_reassemble(run->reassembler, &p, run->now_ms, &whole);

            if (r == -ENOMEM)
                return r;
            if (r != 1)
                continue;
            p = whole;
        }
        int r = replay_packet(run, &p);
        if (r)
            return r;
    }
    return 0;
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
    struct listing listing = {run->replay, run->now_ms, 0, 0};

    tracker_each_flow(wall_tracker(run->wall), list_flow, &listing);
    return listing.error;
}

static int tell_end(struct run *run)
{
    struct story *s = run->story;
    unsigned long long packets = run->frames.count;

    s->outcome = run->dropped ? STORY_BLOCKED : run->unknown ? STORY_UNKNOWN : STORY_WORKS;
    s->conclusion = replay_conclude(s, run->dropped, run->unknown);
    int r = s->conclusion ? 0 : -ENOMEM;
    if (!r)
        r = story_note_add(
            s, "What the firewall of that day dropped before the place of the capture is not in the capture, "
               "and answers to it are not either.");
    if (!r && run->frames.damage)
        r = story_note_add(s, "The capture breaks off after packet %llu: it %s.", packets,
                           run->frames.damage);
    if (!r && run->frames.cut)
        r = story_note_add(s, "Only the first %llu packets were replayed: the capture is longer.", packets);
    if (!r && run->not_told)
        r = story_note_add(s, "%llu packets that passed are not told one by one: only the first %d are.",
                           (unsigned long long)run->not_told, STEPS_MOST);
    return r ? r : replay_tasks_take(&run->tasks, s);
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
    return run->own ? story_note_add(
                          run->story,
                          "No rules were given: everything is accepted, and the FTP helper reads the control "
                          "channel.")
                    : -ENOMEM;
}

static void choose_ports(struct run *run)
{
    const struct play *play = &run->play;

    run->ports[run->port_count++] = play->server_port ? play->server_port : 21;
    for (size_t i = 0; i < play->helper_port_count; i++)
        run->ports[run->port_count++] = play->helper_ports[i];
}

static int find_server(struct run *run, const struct replay_options *options, char **message)
{
    uint16_t port = run->play.server_port;
    bool guessed = false;

    choose_ports(run);
    if (options->has_server)
        return 0;
    if (!frames_find_server(&run->frames, run->ports, run->port_count, &run->play.server, &port,
                            &run->play.family, &guessed)) {
        *message = strdup("holds no IP packet");
        return *message ? -EINVAL : -ENOMEM;
    }
    if (port != run->play.server_port)
        run->ports[0] = run->play.server_port = port;
    return guessed
               ? story_note_add(
                     run->story,
                     "No FTP session was recognised: the end that took the first connection is taken for the "
                     "server (--server).")
               : 0;
}

static bool find_client(struct run *run)
{
    struct packet p;

    for (size_t i = 0; i < run->frames.count; i++) {
        if (frames_packet(&run->frames, i, &p) && packet_address_equal(&p.destination, &run->play.server)) {
            run->play.client = p.source;
            run->play.family = p.family;
            return true;
        }
    }
    return false;
}

static int describe_story(struct run *run, const char *name)
{
    static const char *const places[] = {[STORY_AT_SERVER] = "on the server",
                                         [STORY_AT_GATEWAY] = "on a gateway",
                                         [STORY_AT_CLIENT] = "on the client"};
    struct story *s = run->story;
    const struct play *play = &run->play;
    char address[64];

    s->kind = STORY_CAPTURE;
    s->where = play->where;
    s->tls = play->tls;
    s->mode = play->mode;
    s->rules_name = strdup(play->rules_name ? play->rules_name : "none");
    s->server = strdup(packet_address_format(&play->server, play->family, address));
    s->client =
        strdup(find_client(run) ? packet_address_format(&play->client, play->family, address) : "clients");
    s->kernel = story_format("%u.%u", play->kernel >> 16, play->kernel >> 8 & 0xff);
    s->manner = strdup(play->manner == TRACK_ROBUST ? "robust" : "linux");
    s->title = s->server ? story_format("%s replayed: FTP server %s, firewall %s", name, s->server,
                                        places[play->where])
                         : NULL;
    return s->rules_name && s->server && s->client && s->kernel && s->manner && s->title ? 0 : -ENOMEM;
}

static int prepare(struct run *run, const struct rules *r, const char *name,
                   const struct replay_options *options, char **message)
{
    struct track_config config;
    int result = find_server(run, options, message);

    if (!result)
        result = describe_story(run, name);
    if (!result)
        result = make_rules(run, r);
    if (result)
        return result;
    play_config(&run->play, &config);
    run->watch = (struct play_watch){
        .story = run->story, .rules = run->rules, .looked = options->looked ? (uint32_t)PLAY_WATCH_ALL : 0};
    run->walked = wall_rules_new(run->rules);
    run->wall = run->walked ? wall_new(run->walked, &config, on_event, run) : NULL;
    run->reassembler = packet_reassembler_new(HELD_FRAGMENTS);
    run->announced = announced_new();
    run->start_us = run->frames.count ? run->frames.frames[0].time_us : 0;
    return run->wall && run->reassembler && run->announced ? 0 : -ENOMEM;
}

static void run_fini(struct run *run)
{
    frames_fini(&run->frames);
    wall_free(&run->wall);
    wall_rules_free(&run->walked);
    rules_free(&run->own);
    packet_reassembler_free(&run->reassembler);
    announced_free(&run->announced);
    replay_tasks_fini(&run->tasks);
}

int replay_capture(FILE *capture, const char *name, const struct rules *r,
                   const struct replay_options *options, struct replay **ret, char **message)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    struct story *story = calloc(1, sizeof(*story));
    struct run run = {.replay = replay, .story = story, .play = options->play};

    if (!replay || !story) {
        free(replay);
        free(story);
        fclose(capture);
        return -ENOMEM;
    }
    replay->story = story;
    int result = frames_read(capture, &run.frames, message);
    replay->packets = run.frames.packets;
    replay->not_ip = run.frames.not_ip;
    if (!result)
        result = prepare(&run, r, name, options, message);
    if (!result)
        result = replay_all(&run);
    if (!result)
        result = list_connections(&run);
    if (!result)
        result = tell_end(&run);
    if (!result)
        announced_take(run.announced, &replay->found);
    run_fini(&run);
    if (result)
        replay_free(&replay);
    else
        *ret = replay;
    return result;
}

void replay_free(struct replay **r)
{
    if (!*r)
        return;
    for (size_t i = 0; i < (*r)->connection_count; i++)
        free((*r)->connections[i]);
    announced_found_clear(&(*r)->found);
    free((*r)->connections);
    story_free(&(*r)->story);
    free(*r);
    *r = NULL;
}
