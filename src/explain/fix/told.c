/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/told.h"
#include "explain/make.h"
#include "speech/speech.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it exposes ---- */

static char *with_commas(uint64_t n)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    char *out = calloc(1, 48), *at = out;
    for (int i = 0; out && i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    return out;
}

/* "1 port", "64,511 ports", "about 64,511 ports"; NULL: out of memory, which PHRASE passes on. */
static char *ports_text(const struct fix_exposure *e, uint64_t count)
{
    char *number = with_commas(count);
    char *text = count == 1      ? PHRASE(PORTS_ONE, number)
                 : e->is_sampled ? PHRASE(PORTS_ABOUT, number)
                                 : PHRASE(PORTS_MORE, number);
    free(number);
    return text;
}

/* Where the session goes, if no new connection is let in there. */
static char *exposes_no_port(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (a->deeds == 1U << FIX_NEIGHBOURS)
        return PHRASE(EXPOSES_NEIGHBOURS);
    if (e->pings)
        return PHRASE(EXPOSES_PING);
    if (e->outgoing) {
        char *ports = ports_text(e, e->outgoing);
        char *text = PHRASE(EXPOSES_OUTWARDS, ports);
        free(ports);
        return text;
    }
    if (a->deeds & 1U << FIX_WIDEN && e->announced) {
        char *ports = ports_text(e, e->announced);
        char *text = PHRASE(EXPOSES_ANNOUNCED_TO, ports);
        free(ports);
        return text;
    }
    if (a->deeds & (1U << FIX_HELPER | 1U << FIX_STATE | 1U << FIX_WIDEN))
        return PHRASE(EXPOSES_ANNOUNCED);
    return a->deeds & (1U << FIX_ANSWERS) ? PHRASE(EXPOSES_ANSWERS) : PHRASE(EXPOSES_SAME);
}

static char *exposes_here(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (e->ports == 0)
        return exposes_no_port(a, e);
    char *ports = ports_text(e, e->ports);
    char *text = e->to_anywhere ? PHRASE(EXPOSES_ANYWHERE, ports) : PHRASE(EXPOSES_OTHER_END, ports);
    free(ports);
    return text;
}

/* Who else is reached by the chain that was changed. */
static char *exposes_beside(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (!e->beside && !e->pings_beside)
        return strdup("");
    char *ports = e->beside ? ports_text(e, e->beside) : PHRASE(PINGS);
    char *text =
        a->play.where == STORY_AT_GATEWAY ? PHRASE(EXPOSES_ITSELF, ports) : PHRASE(EXPOSES_BEHIND, ports);
    free(ports);
    return text;
}

char *fix_exposes(const struct fix_attempt *a, const struct fix_exposure *e)
{
    char *here = exposes_here(a, e), *beside = exposes_beside(a, e);
    char *text = here && beside ? story_format("%s%s", here, beside) : NULL;
    free(here);
    free(beside);
    return text;
}

uint64_t fix_exposed_ports(const struct fix_exposure *e)
{
    uint64_t inwards = e->ports + e->beside;
    return inwards ? inwards : e->outgoing;
}

/* ---- its title ---- */

/* What a deed is called, and of which numbers it speaks. */
static const struct deed {
    enum speech_phrase phrase;
    enum { NO_NUMBER, CONTROL_PORT, DATA_PORT, RANGE } numbers;
} deeds[FIX_DEEDS] = {
    [FIX_NEIGHBOURS] = {SPEECH_FIX_NEIGHBOURS, NO_NUMBER},
    [FIX_OPEN_CONTROL] = {SPEECH_FIX_OPEN_CONTROL, CONTROL_PORT},
    [FIX_HELPER] = {SPEECH_FIX_HELPER, CONTROL_PORT},
    [FIX_STATE] = {SPEECH_FIX_STATE, NO_NUMBER},
    [FIX_ANSWERS] = {SPEECH_FIX_ANSWERS, NO_NUMBER},
    [FIX_WIDEN] = {SPEECH_FIX_WIDEN, NO_NUMBER},
    [FIX_ONE_PORT] = {SPEECH_FIX_ONE_PORT, RANGE},
    [FIX_RANGE] = {SPEECH_FIX_RANGE, RANGE},
    [FIX_SEND_FROM] = {SPEECH_FIX_SEND_FROM, DATA_PORT},
    [FIX_PORT_20] = {SPEECH_FIX_PORT_20, DATA_PORT},
    [FIX_FROM_20] = {SPEECH_FIX_FROM_20, DATA_PORT},
    [FIX_CONFIGURE] = {SPEECH_FIX_CONFIGURE, RANGE},
    [FIX_PING] = {SPEECH_FIX_PING, NO_NUMBER},
};

/* speech_new, or speech_english. */
typedef char *speak(enum speech_phrase phrase, size_t count, const char *const words[]);

static char *deed_text(const struct fix_attempt *a, enum fix_deed deed, speak *say)
{
    const struct deed *d = &deeds[deed];
    bool is_udp = deed == FIX_OPEN_CONTROL && a->play.protocol == PACKET_UDP;
    const char *const control[] = {NUMBER(a->play.server_port)};
    const char *const data[] = {NUMBER(a->play.data_ports.first)};
    const char *const range[] = {NUMBER(a->range.first), NUMBER(a->range.last)};
    const struct {
        size_t count;
        const char *const *words;
    } numbers[] = {[NO_NUMBER] = {0, NULL},
                   [CONTROL_PORT] = {1, control},
                   [DATA_PORT] = {1, data},
                   [RANGE] = {2, range}};

    return say(is_udp ? SPEECH_FIX_OPEN_CONTROL_UDP : d->phrase, numbers[d->numbers].count,
               numbers[d->numbers].words);
}

static char *join_deeds(const struct fix_attempt *a, speak *say)
{
    char *whole = NULL;
    for (int deed = 0; deed < FIX_DEEDS; deed++) {
        if (!(a->deeds & (1U << deed)))
            continue;
        char *text = deed_text(a, (enum fix_deed)deed, say);
        char *longer = !text ? NULL : whole ? story_format("%s, %s", whole, text) : strdup(text);
        free(text);
        free(whole);
        whole = longer;
        if (!whole)
            return NULL;
    }
    if (whole)
        whole[0] = (char)toupper((unsigned char)whole[0]);
    return whole;
}

char *fix_title(const struct fix_attempt *a)
{
    return join_deeds(a, speech_new);
}

char *fix_order(const struct fix_attempt *a)
{
    return join_deeds(a, speech_english);
}
