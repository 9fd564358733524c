/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/conclude.h"
#include "explain/fix/nft.h"
#include "explain/make.h"
#include "explain/play/session.h"
#include "explain/play/world.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was assumed ---- */

/* What the reader of the rules has to say of them. */
static int note_remarks(struct story *story, const struct rules *r)
{
    int error = 0;

    for (size_t i = 0; i < r->remark_count && !error; i++)
        error = story_note_add(story, "%s", r->remarks[i].text);
    return error;
}

struct seen { /* what the rules ask for */
    bool interface, limit, recent, time, mark;
};

static void look_at_rule(const struct rules_rule *rule, struct seen *seen)
{
    const struct rules_interface *named[] = {&rule->in, &rule->out};
    for (size_t i = 0; i < 2; i++)
        seen->interface |= named[i]->name[0] && strcmp(named[i]->name, "lo") != 0;
    for (uint16_t m = 0; m < rule->match_count; m++) {
        uint8_t type = rule->matches[m].type;
        seen->limit |=
            type == RULES_MATCH_LIMIT || type == RULES_MATCH_HASHLIMIT || type == RULES_MATCH_CONNLIMIT;
        seen->recent |= type == RULES_MATCH_RECENT;
        seen->time |= type == RULES_MATCH_TIME;
        seen->mark |= type == RULES_MATCH_MARK || type == RULES_MATCH_CONNMARK;
    }
}

static struct seen look_at(const struct rules *r)
{
    struct seen seen = {0};
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++)
                look_at_rule(&chain->rules[i], &seen);
        }
    }
    return seen;
}

static bool is_zero(const struct packet_address *a)
{
    static const struct packet_address zero;
    return packet_address_equal(a, &zero);
}

static int note_addresses(struct story *story, const struct play *asked)
{
    bool no_client = is_zero(&asked->client), no_server = is_zero(&asked->server);
    const char *client = story->client, *server = story->server;
    if (!no_client && !no_server)
        return 0;
    return story_note_take(story, !no_server   ? PHRASE(NOTE_END_CLIENT, client, server)
                                  : !no_client ? PHRASE(NOTE_END_SERVER, client, server)
                                               : PHRASE(NOTE_ENDS, client, server));
}

static const char *family_name(uint8_t family)
{
    return family == PACKET_IPV6 ? "IPv6" : "IPv4";
}

static int note_assumptions(struct story *story, const struct rules *r, const struct play *played)
{
    struct seen seen = look_at(r);
    int error = 0;
    bool blind = !played->in && !played->out;
    if (r->family != played->family)
        error =
            story_note_take(story, PHRASE(NOTE_FAMILY, family_name(r->family), family_name(played->family)));
    if (!error && play_is_local(played))
        error = story_note_take(story, PHRASE(NOTE_LOOPBACK));
    else if (!error && seen.interface && blind)
        error = story_note_take(story, PHRASE(NOTE_INTERFACES));
    if (!error && seen.interface && played->in_found)
        error = story_note_take(story, PHRASE(NOTE_TOWARDS, played->in));
    if (!error && seen.interface && played->out_found)
        error = story_note_take(story, PHRASE(NOTE_TOWARDS_SERVER, played->out));
    if (!error && seen.limit)
        error = story_note_take(story, PHRASE(NOTE_LIMITS));
    if (!error && seen.recent)
        error = story_note_take(story, PHRASE(NOTE_RECENT));
    if (!error && seen.mark)
        error = story_note_take(story, PHRASE(NOTE_MARK));
    if (!error && seen.time)
        error = story_note_take(story, PHRASE(NOTE_TIME));
    return error;
}

/* ---- ports ---- */

static int note_parts(struct story *story, const struct play *played, const struct play_outcomes *outcomes)
{
    char list[PLAY_OUTCOMES_TEXT];
    bool any = session_is_active(played->mode) && play_data_format(outcomes, list);
    int error = any ? story_note_take(story, PHRASE(NOTE_DATA_PORT, list)) : 0;
    const char *who = session_is_active(played->mode) ? SAID(CLIENT) : SAID(SERVER);
    if (!error && play_only_again_fails(outcomes))
        return story_note_take(story, PHRASE(NOTE_PORT_AGAIN, who));
    if (error || !play_outcomes_format(outcomes, list))
        return error;
    return story_note_take(story, PHRASE(NOTE_PICKED_PORT, who, list));
}

static int note_range(struct story *story, const struct play *asked, const struct play *played)
{
    if (session_is_active(played->mode) && asked->data_ports.last == 0)
        return story_note_take(story, played->server_port == 21 ? PHRASE(NOTE_SENDS_FROM)
                                                                : PHRASE(NOTE_SENDS_FROM_BELOW));
    if (session_is_active(played->mode) || asked->passive_ports.last != 0)
        return 0;
    return story_note_take(story, PHRASE(NOTE_PASSIVE_PORTS));
}

/* ---- advice that no longer works ---- */

/* Documents up to about 2017 say: load nf_conntrack_ftp and admit RELATED. Would that have been enough? */
static int note_automatic_helper(struct story *story, struct wall_rules *r, const struct play *played)
{
    struct play old = *played;
    old.kernel = TRACK_KERNEL(4, 4);
    if (story->outcome == STORY_WORKS || played->kernel < TRACK_KERNEL(4, 7))
        return 0;
    struct story *then = session_play(r, &old, SESSION_LOOKS_AT_NONE);
    if (!then)
        return -ENOMEM;
    bool worked = then->outcome == STORY_WORKS;
    story_free(&then);
    if (!worked)
        return 0;
    bool is_gone = played->kernel >= TRACK_KERNEL(6, 0);
    const char *rule = fix_nft_is_all(wall_rules_model(r)) ? SAID(RULE_NFT_HELPER) : SAID(RULE_CT_HELPER);
    return story_note_take(story, is_gone ? PHRASE(NOTE_HELPER_GONE, story->kernel, rule)
                                          : PHRASE(NOTE_HELPER_OFF, story->kernel, rule));
}

static bool has_helper_rule(const struct rules *r)
{
    const struct rules_table *raw = &r->tables[RULES_RAW];
    for (size_t c = 0; c < raw->count; c++) {
        for (size_t i = 0; i < raw->chains[c]->count; i++) {
            const struct rules_target *t = &raw->chains[c]->rules[i].target;
            if (t->type == RULES_TARGET_CT && t->ct->helper[0])
                return true;
        }
    }
    return false;
}

static int note_tls(struct story *story, struct wall_rules *r, const struct play *played)
{
    struct play plain = *played;
    plain.tls = false;
    if (!played->tls || story->outcome != STORY_BLOCKED || !has_helper_rule(wall_rules_model(r)))
        return 0;
    struct story *without = session_play(r, &plain, SESSION_LOOKS_AT_NONE);
    if (!without)
        return -ENOMEM;
    bool worked = without->outcome == STORY_WORKS;
    story_free(&without);
    if (!worked)
        return 0;
    return story_note_take(story, PHRASE(NOTE_TLS));
}

/* ---- another mode ---- */

static int note_other_mode(struct story *story, struct wall_rules *r, const struct play *played)
{
    bool active = session_is_active(played->mode), v6 = played->family == PACKET_IPV6;
    struct play other = *played;
    other.mode = active ? (v6 ? STORY_EPSV : STORY_PASSIVE) : (v6 ? STORY_EPRT : STORY_ACTIVE);
    if (story->outcome != STORY_BLOCKED)
        return 0;
    struct play_outcomes outcomes;
    char list[PLAY_OUTCOMES_TEXT] = "";
    struct story *told = play_worst(r, &other, true, NULL, &outcomes);
    if (!told)
        return -ENOMEM;
    bool works = told->outcome == STORY_WORKS;
    story_free(&told);
    if (!works && (active || !play_data_format(&outcomes, list)))
        return 0;
    const char *mode = active ? SAID(MODE_PASSIVE) : SAID(MODE_ACTIVE), *option = story_mode_name(other.mode);
    if (!list[0])
        return story_note_take(story, PHRASE(NOTE_OTHER_MODE, mode, option));
    bool is_one = !strchr(list, ','); /* that the option can say */
    char *options = is_one ? story_format("%s --data-port %s", option, list) : strdup(option);
    int error = story_note_take(story, PHRASE(NOTE_OTHER_MODE_PORT, mode, list, options));
    free(options);
    return error;
}

/* Where rules lead a connection, somebody is taken to answer. */
static int note_led(struct story *story)
{
    const struct story_step *first = story->step_count ? &story->steps[0] : NULL;
    if (!first || !first->became_destination || strcmp(first->destination, first->became_destination) == 0)
        return 0;
    return story_note_take(story, PHRASE(NOTE_LED, first->became_destination));
}

int conclude_notes(struct story *story, struct wall_rules *r, const struct play *asked,
                   const struct play *played, const struct play_outcomes *outcomes)
{
    int error = note_automatic_helper(story, r, played);
    if (!error)
        error = note_tls(story, r, played);
    if (!error)
        error = note_parts(story, played, outcomes);
    if (!error)
        error = note_other_mode(story, r, played);
    if (!error)
        error = note_led(story);
    if (!error)
        error = note_addresses(story, asked);
    if (!error)
        error = note_assumptions(story, wall_rules_model(r), played);
    if (!error)
        error = note_range(story, asked, played);
    if (!error && story->named)
        error = story_note_take(story, PHRASE(NOTE_NAMES_OTHER, story->named, story->server));
    if (!error)
        error = note_remarks(story, wall_rules_model(r));
    return error;
}

int conclude_packet_notes(struct story *story, const struct rules *r, const struct play *played)
{
    int error = note_assumptions(story, r, played);

    return error ? error : note_remarks(story, r);
}

int conclude_exchange_notes(struct story *story, const struct rules *r, const struct play *asked,
                            const struct play *played)
{
    int error = note_led(story);
    if (!error)
        error = note_addresses(story, asked);
    return error ? error : note_assumptions(story, r, played);
}
