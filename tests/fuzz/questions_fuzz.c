/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What people ask: the words of a packet, and the ends of an exchange. The first byte says which of them the rest
 * is. A text is understood and answered, or refused with a message that says why, and nothing is changed then.
 */
#include "explain/exchange/ends.h"
#include "explain/exchange/exchange.h"
#include "explain/packet/question.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static const char rules_text[] =
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n"
    "-A INPUT -p tcp --dport 22:53 --sport 1024:65535 -j ACCEPT\n"
    "-A INPUT -p udp --dport 53 -j ACCEPT\n-A FORWARD -i lan -o wan -j ACCEPT\nCOMMIT\n";

static struct rules *rules_of(uint8_t family)
{
    struct rules *r = NULL;
    struct rules_error error;
    MUST(rules_read(rules_text, strlen(rules_text), "fuzz", family, &r, &error) == 0);
    return r;
}

/* A story holds together, and can be told. */
static void check(struct story *s)
{
    static const struct story_text_options options = {.ascii = true};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    MUST(s && out && s->conclusion && s->title && s->client && s->server);
    for (size_t i = 0; i < s->step_count; i++)
        MUST(s->steps[i].label && s->steps[i].hook && s->steps[i].source);
    for (size_t i = 0; i < s->task_count; i++)
        MUST(s->tasks[i].step <= s->step_count);
    MUST(story_tell_text(s, &options, out) == 0);
    MUST(fclose(out) == 0 && size > 0);
    free(text);
    story_free(&s);
}

static void refused(int error, char *message)
{
    MUST(error == -EINVAL && message && message[0]);
    free(message);
}

static void ask_packet(const char *text, enum story_at where)
{
    struct play play;
    struct story *story = NULL;
    char *message = NULL;
    uint8_t family = packet_question_family(text);
    struct rules *r = rules_of(family ? family : PACKET_IPV4);
    play_defaults(&play);
    play.where = where;
    int error = packet_question_ask(r, text, &play, &story, &message);
    if (error) {
        MUST(!story);
        refused(error, message);
    } else {
        check(story);
    }
    rules_free(&r);
}

static void ask_exchange(const char *text, uint8_t protocol, enum story_at where)
{
    struct play play, before;
    char *message = NULL;
    play_defaults(&play);
    play.where = where;
    before = play;
    int error = exchange_ends_read(text, protocol, &play, &message);
    if (error) {
        MUST(memcmp(&play, &before, sizeof(play)) == 0);
        refused(error, message);
        return;
    }
    struct rules *r = rules_of(play.family ? play.family : PACKET_IPV4);
    check(exchange_explain(r, protocol, &play));
    rules_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t protocols[] = {0, PACKET_TCP, PACKET_UDP, PACKET_ICMP};
    if (size == 0)
        return 0;
    uint8_t protocol = protocols[data[0] & 3];
    enum story_at where = (enum story_at)((data[0] >> 2 & 3) % 3);
    char *text = strndup((const char *)data + 1, size - 1);
    MUST(text);
    if (protocol)
        ask_exchange(text, protocol, where);
    else
        ask_packet(text, where);
    free(text);
    return 0;
}
