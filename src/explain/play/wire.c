/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/wire.h"
#include "host/host.h"
#include "packet/build.h"
#include "packet/decode.h"
#include "rules/language/names.h"
#include "speech/speech.h"
#include "verdict/nft/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIRE_LATENCY_MS = 10,
    WIRE_SCALE = 7,
    WIRE_FIRST_WINDOW = 64240, /* on a SYN, unscaled */
    WIRE_WINDOW = 502,         /* later: 64,256 bytes */
    WIRE_GIVE_UP_MS = 4000,    /* after the last repetition: when the next one would be due */
    WIRE_BUFFER = 2048,
};

static const uint32_t wait_before_ms[] = {0, 1000, 2000}; /* a packet is sent again after 1 s and 3 s */

static uint8_t protocol_of(const struct wire *w)
{
    return w->play->protocol ? w->play->protocol : PACKET_TCP;
}

static void add_tcp(const struct wire *w, const struct wire_connection *c, enum story_lane from,
                    uint8_t flags, struct packet_recipe *recipe)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    bool is_syn = flags & PACKET_SYN;
    recipe->tcp = (struct packet_tcp){.sequence = c->next[from],
                                      .acknowledgement = flags & PACKET_ACK ? c->seen[to] : 0,
                                      .window = is_syn ? WIRE_FIRST_WINDOW : WIRE_WINDOW,
                                      .flags = flags};
    recipe->mss = is_syn ? (w->play->family == PACKET_IPV6 ? 1440 : 1460) : 0;
    recipe->window_scale = is_syn ? WIRE_SCALE : -1;
    recipe->sack_permitted = is_syn;
}

/* The client pings. */
static void add_echo(const struct wire_connection *c, enum story_lane from, struct packet_recipe *recipe)
{
    static const uint8_t types[][2] = {{8, 0}, {128, 129}}; /* request and reply (RFC 792, RFC 4443) */
    recipe->icmp = (struct packet_icmp){
        .type = types[recipe->protocol == PACKET_ICMPV6][from != STORY_CLIENT], .id = c->own[from].port};
    recipe->icmp_sequence = 1;
}

static int build(const struct wire *w, const struct wire_connection *c, enum story_lane from, uint8_t flags,
                 const void *payload, size_t size, void *buffer)
{
    struct packet_recipe recipe = {
        .family = w->play->family,
        .protocol = protocol_of(w),
        .ttl = 64,
        .source = c->own[from].address,
        .destination = c->peer[from].address,
        .source_port = c->own[from].port,
        .destination_port = c->peer[from].port,
        .window_scale = -1,
        .payload = payload,
        .payload_size = size,
    };
    if (recipe.protocol == PACKET_TCP)
        add_tcp(w, c, from, flags, &recipe);
    if (recipe.protocol == PACKET_ICMP || recipe.protocol == PACKET_ICMPV6)
        add_echo(c, from, &recipe);
    return packet_build(&recipe, buffer, WIRE_BUFFER);
}

static int describe(struct wire *w, struct story_step *step, const struct packet *packet, const char *label)
{
    step->at_ms = w->now_ms;
    step->label = strdup(label);
    step->phase = strdup(w->phase);
    step->source = story_end_text(&packet->source, packet->family, packet->source_port);
    step->destination = story_end_text(&packet->destination, packet->family, packet->destination_port);
    step->packet = story_packet_text(packet);
    bool whole = step->label && step->phase && step->source && step->destination && step->packet;
    return whole ? 0 : -ENOMEM;
}

/* Who is answered with a reset, or refused before a connection is there, does not try again; of an ICMP error
 * on an open connection TCP takes no notice (RFC 5461). */
static bool is_final(const struct wire *w, const struct wall_report *report, const struct packet *packet)
{
    const struct verdict *v = wall_report_verdict(report);
    if (report->fate != WALL_REJECT)
        return false;
    if (packet->protocol != PACKET_TCP || packet->tcp.flags == PACKET_SYN || !v)
        return true;
    if (!v->rule)
        return !v->nft_rule || nft_rule_resets(v->nft_rule);
    return strstr(rules_reject_name(w->rules->family, v->rule->target.reject.with), "reset") != NULL;
}

static uint32_t segment_size(const struct packet *p)
{
    return packet_payload_size(p) + (p->tcp.flags & PACKET_SYN ? 1U : 0U) +
           (p->tcp.flags & PACKET_FIN ? 1U : 0U);
}

/* NAT may have sent the packet to where nobody waits for it. */
static bool is_waited_for(const struct wire_connection *c, const struct wall_report *report)
{
    const struct packet *p = &report->packet;
    bool here = report->path == WALL_IN || report->path == WALL_LOOP;

    if (c->waits.port == 0)
        return true;
    return p->destination_port == c->waits.port && here == c->waits_here &&
           (here || packet_address_equal(&p->destination, &c->waits.address));
}

/* It has come to another address, at the same port: that may be one more of the same machine's. */
static bool may_be_waited_for(const struct wire_connection *c, const struct wall_report *report)
{
    bool here = report->path == WALL_IN || report->path == WALL_LOOP;

    return report->packet.destination_port == c->waits.port && here == c->waits_here;
}

static bool is_end(const struct wire_end *end, const struct packet_address *a, uint16_t port)
{
    return packet_address_equal(&end->address, a) && end->port == port;
}

/* Does it belong to the connection as the receiver knows it? NAT may have written to it what no answer can have. */
static bool is_of_connection(const struct wire_connection *c, enum story_lane to, const struct packet *p)
{
    bool ports = packet_has_ports(p->protocol);
    uint16_t source = ports ? p->source_port : p->icmp.id,
             destination = ports ? p->destination_port : p->icmp.id;

    return is_end(&c->peer[to], &p->source, source) && is_end(&c->own[to], &p->destination, destination);
}

/* The interface by which a is reached without a router; "": it is not, or not known. */
static void link_of(const struct wire *w, const struct packet_address *a, char ret[HOST_INTERFACE])
{
    const struct host_question q = {.family = w->play->family, .destination = *a};
    struct host_way way;

    host_route(w->play->host, &q, &way);
    bool direct = way.fate == HOST_FORWARD && way.has_next && packet_address_equal(&way.next, a);
    snprintf(ret, HOST_INTERFACE, "%s", direct ? way.out : "");
}

/* NAT leads it to another machine of the sender's own network, to which its address was left: that one answers it directly, from an
 * address that it has not asked. */
static bool is_answered_past(const struct wire *w, const struct wire_connection *c, enum story_lane from,
                             const struct wall_report *report)
{
    const struct packet *p = &report->packet;
    char there[HOST_INTERFACE], here[HOST_INTERFACE];

    if (report->path != WALL_THROUGH || packet_address_equal(&p->destination, &c->peer[from].address) ||
        !packet_address_equal(&p->source, &c->own[from].address))
        return false;
    link_of(w, &p->destination, there);
    link_of(w, &p->source, here);
    return there[0] && strcmp(there, here) == 0;
}

/* Why a packet that got through is of no use to who gets it; 0: it is. */
static enum speech_phrase useless(const struct wire *w, const struct wire_connection *c, enum story_lane to,
                                  const struct wall_report *report)
{
    const struct packet *p = &report->packet;

    bool leaves = report->path == WALL_OUT || report->path == WALL_THROUGH;

    if (leaves && packet_address_equal(&p->source, &p->destination))
        return SPEECH_FROM_ITSELF;
    if (!c->met[to] && !is_waited_for(c, report))
        return SPEECH_NOBODY_WAITS;
    if (!c->met[to])
        return is_answered_past(w, c, (enum story_lane) !to, report) &&
                       !host_has_ports(w->play->host, report->out)
                   ? SPEECH_ANSWERED_PAST
                   : SPEECH_NOTHING;
    return is_of_connection(c, to, p) ? SPEECH_NOTHING : SPEECH_OF_NO_CONNECTION;
}

static void note_useless(struct wire *w, struct story_step *step, enum speech_phrase why,
                         const struct packet *p)
{
    char *source = story_end_text(&p->source, p->family, p->source_port),
         *destination = story_end_text(&p->destination, p->family, p->destination_port);

    step->cause =
        source && destination ? speech_new(why, 2, (const char *const[]){destination, source}) : NULL;
    if (!step->cause)
        w->error = -ENOMEM;
    if (w->lost_step == 0)
        w->lost_step = step->number;
    free(source);
    free(destination);
}

/* Whether it is of use is not known: it goes on as if it was. because is the step's then. */
static void note_doubt(struct wire *w, struct story_step *step, char *because, const char *ask)
{
    story_rule_clear(&step->rule);
    step->stage = WALL_BY_ROUTE;
    step->fate = WALL_UNKNOWN;
    step->because = because;
    step->ask = strdup(ask);
    if (!step->because || !step->ask)
        w->error = -ENOMEM;
    if (w->doubt_step == 0)
        w->doubt_step = step->number;
}

static void doubt_that_somebody_waits(struct wire *w, struct story_step *step, const struct packet *p)
{
    char *place = story_end_text(&p->destination, p->family, p->destination_port);
    bool is_led = place && strcmp(place, step->destination) != 0;

    note_doubt(w, step,
               !place   ? NULL
               : is_led ? PHRASE(MAYBE_NOBODY_WAITS, place)
                        : PHRASE(MAYBE_NOT_LED, place),
               "ss -tln");
    free(place);
}

/* What a bridge does with a packet that goes back into the network where it came from: to the same machine only in hairpin mode;
 * to another one, whose answer iptables sees, and leads back, only if it is called for bridges. NULL: nothing to doubt. */
static char *doubt_of_bridge(const struct wire *w, const struct wire_connection *c, enum story_lane from,
                             const struct wall_report *report)
{
    if (report->path != WALL_THROUGH || c->met[!from] || !host_has_ports(w->play->host, report->out))
        return NULL;
    if (packet_address_equal(&report->packet.destination, &c->own[from].address))
        return PHRASE(MAYBE_NO_HAIRPIN, report->out);
    return is_answered_past(w, c, from, report) ? PHRASE(MAYBE_PAST_BRIDGE, report->out) : NULL;
}

/* What the other side learns of the packet that comes to it. */
static void deliver(struct wire *w, struct wire_connection *c, enum story_lane from,
                    const struct wall_report *report)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    const struct packet *p = &report->packet;
    bool echo = p->protocol == PACKET_ICMP || p->protocol == PACKET_ICMPV6;
    size_t size = packet_payload_size(p);

    if (!c->met[to]) {
        c->own[to] = (struct wire_end){p->destination, echo ? p->icmp.id : p->destination_port};
        c->peer[to] = (struct wire_end){p->source, echo ? p->icmp.id : p->source_port};
        c->met[to] = true;
        c->stand[to].is_known = report->path != play_path(w->play, from) || c->stand[to].is_known;
        c->stand[to].is_here = report->path == WALL_IN || report->path == WALL_LOOP;
        memcpy(c->stand[to].interface, report->out, sizeof(report->out));
    }
    if (p->protocol == PACKET_TCP)
        c->seen[from] = p->tcp.sequence + segment_size(p);
    if (size == 0)
        return;
    size = size < sizeof(w->heard) ? size : sizeof(w->heard) - 1;
    memcpy(w->heard, p->bytes + p->payload, size);
    w->heard[size] = '\0';
}

/* Where it is that NAT has sent packets to. */
static enum wall_path place(const struct wire *w, const struct wire_connection *c, enum story_lane from,
                            struct wall_world *world)
{
    static const enum wall_path paths[2][2] = {{WALL_THROUGH, WALL_IN}, {WALL_OUT, WALL_LOOP}};
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    const struct wire_stand *ours = &c->stand[from], *theirs = &c->stand[to];
    bool here[2] = {play_is_here(w->play, STORY_CLIENT), play_is_here(w->play, STORY_SERVER)};

    play_world(w->play, from, world);
    world->made_up = !packet_address_equal(&c->peer[from].address, play_address(w->play, to));
    if (!ours->is_known && !theirs->is_known)
        return play_path(w->play, from);
    here[from] = ours->is_known ? ours->is_here : here[from];
    here[to] = theirs->is_known ? theirs->is_here : here[to];
    if (ours->is_known) {
        world->in = ours->is_here ? "" : ours->interface;
        world->unknown &= ~(uint32_t)VERDICT_NO_IN;
        world->unknown |= ours->is_here || ours->interface[0] ? 0 : VERDICT_NO_IN;
    }
    if (theirs->is_known) {
        world->out = theirs->is_here ? "" : theirs->interface;
        world->unknown &= ~(uint32_t)VERDICT_NO_OUT;
        world->unknown |= theirs->is_here || theirs->interface[0] ? 0 : VERDICT_NO_OUT;
    }
    return paths[here[from]][here[to]];
}

static enum wall_fate attempt(struct wire *w, struct wire_connection *c, enum story_lane from,
                              const struct packet *packet, const char *label, bool is_retry,
                              bool *ret_is_final)
{
    struct verdict_trace trace;
    struct wall_report report;
    struct wall_world world;
    enum wall_path path = place(w, c, from, &world);
    struct story_step *step = story_step_add(w->story);
    if (!step) {
        w->error = -ENOMEM;
        return WALL_DROP;
    }
    step->from = from;
    step->channel = c->channel;
    step->is_retry = is_retry;
    w->error = describe(w, step, packet, label);
    wall_packet(w->wall, packet, path, &world, w->now_ms, play_watch_trace(&w->watch, step, &trace), &report);
    wall_report_follow(&report);
    if (!w->error)
        w->error = w->watch.error;
    if (!w->error)
        w->error = story_step_judge(step, w->rules, &report);
    if (report.astray && w->raw_doubt == 0)
        w->raw_doubt = step->number;
    if (report.fate == WALL_UNKNOWN && w->doubt_step == 0)
        w->doubt_step = step->number;
    if ((report.fate == WALL_DROP || report.fate == WALL_REJECT) && w->lost_step == 0)
        w->lost_step = step->number;
    *ret_is_final = is_final(w, &report, packet);
    if (report.fate == WALL_DROP || report.fate == WALL_REJECT)
        return report.fate;
    enum speech_phrase why = useless(w, c, (enum story_lane) !from, &report);
    if (why == SPEECH_NOBODY_WAITS && may_be_waited_for(c, &report)) {
        if (report.fate != WALL_UNKNOWN)
            doubt_that_somebody_waits(w, step, &report.packet);
    } else if (why != SPEECH_NOTHING) {
        note_useless(w, step, why, &report.packet);
        *ret_is_final = !is_retry;
        return WALL_DROP;
    }
    char *doubt = report.fate != WALL_UNKNOWN ? doubt_of_bridge(w, c, from, &report) : NULL;
    if (doubt)
        note_doubt(w, step, doubt, "bridge -d link; sysctl net.bridge");
    deliver(w, c, from, &report);
    return report.fate;
}

void wire_begin(struct wire_connection *c, enum story_lane from, const struct wire_end *own,
                const struct wire_end *peer)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;

    c->own[from] = c->peer[to] = *own;
    c->peer[from] = c->own[to] = *peer;
    c->met[from] = true;
}

static void advance(struct wire_connection *c, enum story_lane from, uint8_t flags, size_t size)
{
    c->next[from] += (uint32_t)size + (flags & PACKET_SYN ? 1U : 0U) + (flags & PACKET_FIN ? 1U : 0U);
}

bool wire_send(struct wire *w, struct wire_connection *c, enum story_lane from, uint8_t flags,
               const void *payload, size_t size, const char *label)
{
    uint8_t buffer[WIRE_BUFFER];
    struct packet packet;
    if (w->is_dead || w->error || w->raw_doubt)
        return false; /* behind a doubt about where packets go there is nothing to tell */
    int built = build(w, c, from, flags, payload, size, buffer);
    if (built < 0 || packet_decode(buffer, (size_t)built, false, &packet) < 0) {
        w->error = -EINVAL;
        return false;
    }
    for (size_t i = 0; i < sizeof(wait_before_ms) / sizeof(wait_before_ms[0]); i++) {
        bool ends = false;
        w->now_ms += wait_before_ms[i];
        enum wall_fate fate = attempt(w, c, from, &packet, label, i > 0, &ends);
        if (w->error)
            return false;
        if (fate == WALL_PASS || fate == WALL_UNKNOWN) {
            w->now_ms += WIRE_LATENCY_MS;
            advance(c, from, flags, size);
            return true;
        }
        if (ends)
            return false;
    }
    w->now_ms += WIRE_GIVE_UP_MS;
    return false;
}

bool wire_connect(struct wire *w, struct wire_connection *c, enum story_lane from)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    return wire_send(w, c, from, PACKET_SYN, NULL, 0, "SYN") &&
           wire_send(w, c, to, PACKET_SYN | PACKET_ACK, NULL, 0, "SYN ACK") &&
           wire_send(w, c, from, PACKET_ACK, NULL, 0, "ACK");
}

bool wire_close(struct wire *w, struct wire_connection *c, enum story_lane from)
{
    enum story_lane to = from == STORY_CLIENT ? STORY_SERVER : STORY_CLIENT;
    if (!wire_send(w, c, from, PACKET_FIN | PACKET_ACK, NULL, 0, "FIN") ||
        !wire_send(w, c, to, PACKET_FIN | PACKET_ACK, NULL, 0, "FIN"))
        return false;
    /* Both have all by now: who does not hear the last word waits in vain, and loses nothing. */
    uint32_t lost = w->lost_step, doubt = w->doubt_step;
    (void)!wire_send(w, c, from, PACKET_ACK, NULL, 0, "ACK"); /* heard or not, see above */
    w->lost_step = lost;
    w->doubt_step = doubt;
    return !w->error;
}
