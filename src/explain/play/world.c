/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/world.h"
#include "explain/near/near.h"
#include "explain/near/nft.h"
#include "explain/play/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void play_config(const struct play *play, struct track_config *ret)
{
    track_config_default(ret, play->manner, play->kernel);
    if (play->machine)
        play_machine_configure(play->machine, ret);
    ret->ftp_loose = play->helper_loose;
    ret->always_helps = play->helper_always;
    if (!play->machine || play->nat_ftp != TRACK_NAT_FTP_UNKNOWN)
        ret->nat_ftp = play->nat_ftp;
    if (play->helper_port_count == 0)
        return;
    memcpy(ret->ftp_ports, play->helper_ports, sizeof(ret->ftp_ports));
    ret->ftp_port_count = play->helper_port_count;
}

enum wall_path play_path(const struct play *play, enum story_lane from)
{
    static const enum wall_path paths[][2] = {
        [STORY_AT_SERVER] = {[STORY_CLIENT] = WALL_IN, [STORY_SERVER] = WALL_OUT},
        [STORY_AT_GATEWAY] = {[STORY_CLIENT] = WALL_THROUGH, [STORY_SERVER] = WALL_THROUGH},
        [STORY_AT_CLIENT] = {[STORY_CLIENT] = WALL_OUT, [STORY_SERVER] = WALL_IN},
    };
    return play_is_local(play) ? WALL_LOOP : paths[play->where][from];
}

uint16_t play_port_in(struct rules_range16 range, uint16_t customary, unsigned n)
{
    unsigned span = (unsigned)range.last - range.first + 1U;
    if (customary >= range.first && customary + 2U <= range.last)
        return (uint16_t)(customary + n % 3U);
    return (uint16_t)(range.first + (3U + n) % span);
}

const struct packet_address *play_address(const struct play *play, enum story_lane side)
{
    return side == STORY_CLIENT ? &play->client : &play->server;
}

/* From a machine to itself: by loopback, whichever of its addresses is used. */
bool play_is_loopback(const struct packet_address *a, uint8_t family)
{
    static const uint8_t six[16] = {[15] = 1};
    const uint8_t *octet = (const uint8_t *)a->word;

    return family == PACKET_IPV4 ? octet[0] == 127 : memcmp(octet, six, sizeof(six)) == 0;
}

bool play_is_local(const struct play *play)
{
    static const struct packet_address unsaid;
    bool is_same =
        packet_address_equal(&play->client, &play->server) && !packet_address_equal(&play->client, &unsaid);
    bool has_loopback =
        play_is_loopback(&play->client, play->family) || play_is_loopback(&play->server, play->family);

    return play->where != STORY_AT_GATEWAY && (is_same || has_loopback);
}

bool play_is_here(const struct play *play, enum story_lane side)
{
    static const uint8_t here[][2] = {[STORY_AT_SERVER] = {[STORY_SERVER] = true},
                                      [STORY_AT_GATEWAY] = {false},
                                      [STORY_AT_CLIENT] = {[STORY_CLIENT] = true}};

    return play_is_local(play) || here[play->where][side];
}

/* By which packets come in, or go out. On a gateway --in is towards the client and --out towards the server, so that
 * answers go the other way; a machine at an end has mostly one for both, and one that is said will do. */
static const char *interface_of(const struct play *play, enum story_lane from, bool is_in)
{
    bool to_client = is_in == (from == STORY_CLIENT);
    const char *first = is_in ? play->in : play->out, *second = is_in ? play->out : play->in;
    if (play_is_local(play))
        return "lo";
    if (play->where == STORY_AT_GATEWAY)
        return to_client ? play->in : play->out;
    return first ? first : second;
}

/* Which end is the firewall's own machine. Both are where packets stay on it, and a loopback address is known to be. */
static enum story_lane own_side(const struct play *play)
{
    if (play_is_local(play))
        return play_is_loopback(&play->client, play->family) ? STORY_SERVER : STORY_CLIENT;
    return play->where == STORY_AT_SERVER ? STORY_SERVER : STORY_CLIENT;
}

static bool is_of_host(const struct play *play)
{
    return host_has_address(play->host, play->family, play_address(play, own_side(play))) == HOST_YES;
}

/* It was not said, but found by the routes: the wall asks them itself, for each packet. */
static bool is_found(const struct play *play, const char *interface)
{
    return interface &&
           ((play->in_found && interface == play->in) || (play->out_found && interface == play->out));
}

void play_world(const struct play *play, enum story_lane from, struct wall_world *ret)
{
    enum wall_path path = play_path(play, from);
    const char *in = path == WALL_OUT ? "" : interface_of(play, from, true);
    const char *out = path == WALL_IN ? "" : interface_of(play, from, false);
    *ret = (struct wall_world){
        .in = in ? in : "",
        .out = out ? out : "",
        .unknown = VERDICT_NO_MAC | VERDICT_NO_BYTES | VERDICT_NO_SHAPE | (in ? 0U : VERDICT_NO_IN) |
                   (out ? 0U : VERDICT_NO_OUT) | (play->sets ? 0U : VERDICT_NO_SET),
        .time = play->time,
        .sets = play->sets,
        .host = play->host,
    };
    bool has_own = play->where != STORY_AT_GATEWAY; /* neither end is an address of a gateway's own */
    if (has_own && !is_of_host(play)) {
        ret->host = NULL; /* who is asked about is another machine than the one that is known */
        ret->local = play_address(play, own_side(play));
        ret->local_count = 1;
        return;
    }
    ret->local = host_locals(play->host, play->family, &ret->local_count);
    if (!play->host || !is_found(play, out))
        return;
    ret->out = "";
    ret->unknown |= VERDICT_NO_OUT;
}

static void watch_rule(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                       uint32_t number, enum verdict_answer answer)
{
    struct play_watch *w = arg;
    if (w->error)
        return;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    w->error =
        story_looked_add(step, w->rules, (enum rules_table_type)chain->table, chain, rule, number, answer);
}

static void watch_nft_rule(void *arg, const struct nft_rule *rule, enum verdict_answer answer)
{
    struct play_watch *w = arg;
    if (!w->error)
        w->error = story_nft_looked_add(&w->story->steps[w->story->step_count - 1], rule, answer);
}

static bool is_told(const struct play_watch *w, const struct verdict *v)
{
    bool is_lost = v->code == VERDICT_DROP || v->code == VERDICT_REJECT;
    return !w->error && is_lost && !w->story->steps[w->story->step_count - 1].is_retry;
}

static void watch_nft_chain(void *arg, const struct verdict_packet *p, const struct verdict *v)
{
    struct play_watch *w = arg;
    if (is_told(w, v))
        w->error = near_nft_find(w->story, p, v);
}

/* What is sent again has been told of already. */
static void watch_table(void *arg, enum rules_table_type table, const struct verdict_packet *p,
                        const struct verdict *v)
{
    struct play_watch *w = arg;
    if (is_told(w, v))
        w->error = near_find(w->story, w->rules, table, p, v);
}

const struct verdict_trace *play_watch_trace(struct play_watch *w, const struct story_step *step,
                                             struct verdict_trace *ret)
{
    if (w->looked != (uint32_t)PLAY_WATCH_ALL && w->looked != step->number)
        return NULL;
    *ret = (struct verdict_trace){.arg = w,
                                  .rule = watch_rule,
                                  .nft_rule = watch_nft_rule,
                                  .nft_chain = watch_nft_chain,
                                  .table = watch_table};
    return ret;
}

void play_watch_event(void *arg, const struct track_event *event)
{
    struct play_watch *w = arg;
    char *text = NULL;
    if (w->error || w->story->step_count == 0)
        return;
    w->error = story_event_text(event, &text);
    if (w->error || !text)
        return;
    struct story_step *step = &w->story->steps[w->story->step_count - 1];
    w->error = story_event_add(step, event->type, event->reason, "%s", text);
    free(text);
}
