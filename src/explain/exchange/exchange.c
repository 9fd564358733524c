/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/exchange.h"
#include "explain/conclude.h"
#include "explain/exchange/script.h"
#include "explain/exchange/sentence.h"
#include "explain/fix/fix.h"
#include "explain/fix/makers.h"
#include "explain/make.h"
#include "explain/play/head.h"
#include "explain/play/ports.h"
#include "explain/play/world.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdlib.h>

/* ---- what is asked, completed ---- */

/* That clients send from, on one system or another; without the last, as of passive ports (complete.c). */
enum { PORT_FIRST = 1024, PORT_LAST = 65534 };

static int complete(const struct rules *r, uint8_t protocol, struct play *play)
{
    int error = play_complete(r, play);
    play->script = exchange_play;
    play->protocol = protocol == PACKET_ICMP && play->family == PACKET_IPV6 ? PACKET_ICMPV6 : protocol;
    if (packet_has_ports(protocol) && play->client_ports.last == 0)
        play->client_ports = (struct rules_range16){PORT_FIRST, PORT_LAST};
    return error;
}

static char *title(const struct story *story, const struct play *play)
{
    static const enum speech_phrase places[] = {[STORY_AT_SERVER] = SPEECH_ON_SERVER,
                                                [STORY_AT_GATEWAY] = SPEECH_ON_WAY,
                                                [STORY_AT_CLIENT] = SPEECH_ON_CLIENT};
    char *what = exchange_what(play);
    char *text = PHRASE(TITLE_EXCHANGE, what, story->client, speech_plain(places[play->where]));
    free(what);
    return text;
}

static int fill_head(struct story *story, const struct play *play)
{
    int error = play_head_fill(story, play);
    if (error)
        return error;
    story->title = title(story, play);
    return story->title ? 0 : -ENOMEM;
}

/* ---- repairs ---- */

static bool always_suits(const struct fix_attempt *a)
{
    (void)a;
    return true;
}

static const struct fix_maker makers[] = {{always_suits, NULL, fix_admit_common, false}};

static int repair(struct story *story, struct wall_rules *r, const struct play *whole,
                  const struct play_outcomes *outcomes)
{
    const struct fix_question question = {.play = whole,
                                          .outcomes = outcomes,
                                          .makers = makers,
                                          .maker_count = sizeof(makers) / sizeof(makers[0])};
    return fix_story(story, r, &question);
}

/* ---- who asks ---- */

static bool is_client_said(const struct play *asked)
{
    static const struct packet_address unsaid;
    return !packet_address_equal(&asked->client, &unsaid);
}

/* Who was assumed is stopped, and somebody whom the rules name is not: it depends. */
static void take_back(struct story *story)
{
    for (size_t i = 0; i < story->task_count; i++) {
        if (story->tasks[i].outcome == STORY_BLOCKED)
            story->tasks[i].outcome = STORY_UNKNOWN;
    }
    story->outcome = STORY_UNKNOWN;
}

static int try_clients(struct story *story, struct wall_rules *r, const struct play *asked,
                       const struct play *whole, struct exchange_clients *ret)
{
    if (is_client_said(asked) || play_is_local(whole))
        return 0;
    int error = exchange_clients_try(r, whole, ret);
    if (!error && story->outcome == STORY_BLOCKED && exchange_clients_find(ret, STORY_WORKS))
        take_back(story);
    return error;
}

struct story *exchange_explain(const struct rules *r, uint8_t protocol, const struct play *play)
{
    struct exchange_clients clients = {0};
    struct play_outcomes outcomes;
    struct play whole = *play, played;
    struct wall_rules *rules = wall_rules_new(r);
    struct story *story = NULL;
    if (rules && complete(r, protocol, &whole) == 0)
        story = play_worst(rules, &whole, false, &played, &outcomes);
    int error = story ? 0 : -ENOMEM;
    if (!error)
        error = fill_head(story, &whole);
    if (!error)
        error = try_clients(story, rules, play, &whole, &clients);
    if (!error)
        error = exchange_conclude(story, &played, &outcomes, &clients);
    if (!error)
        error = conclude_near(story);
    if (!error)
        error = conclude_neighbours(story, rules, &played);
    if (!error)
        error = exchange_notes(story, r, play, &played, &outcomes);
    if (!error && story->outcome != STORY_WORKS)
        error = repair(story, rules, &whole, &outcomes);
    wall_rules_free(&rules);
    if (error)
        story_free(&story);
    return story;
}
