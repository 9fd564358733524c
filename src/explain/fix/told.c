/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/told.h"
#include "explain/make.h"

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

/* "1 port", "64,511 ports" */
static char *ports_text(uint64_t count)
{
    char *number = with_commas(count);
    char *text = number ? story_format("%s port%s", number, count == 1 ? "" : "s") : NULL;
    free(number);
    return text;
}

/* Where the session goes, if no new connection is let in there. */
static char *exposes_no_port(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (e->pings)
        return strdup("no port; the machine can be pinged");
    if (e->outgoing) {
        char *ports = ports_text(e->outgoing);
        char *text = ports ? story_format("nothing inwards; %s outwards", ports) : NULL;
        free(ports);
        return text;
    }
    if (a->deeds & 1U << FIX_WIDEN && e->announced) {
        char *ports = ports_text(e->announced);
        char *text = ports ? story_format("none: only announced connections, to %s more", ports) : NULL;
        free(ports);
        return text;
    }
    if (a->deeds & (1U << FIX_HELPER | 1U << FIX_STATE | 1U << FIX_WIDEN))
        return strdup("none: only announced connections");
    return strdup(a->deeds & (1U << FIX_ANSWERS) ? "none: only answers on open connections"
                                                 : "none: the rules stay as they are");
}

static char *exposes_here(const struct fix_attempt *a, const struct fix_exposure *e)
{
    if (e->ports == 0)
        return exposes_no_port(a, e);
    char *ports = ports_text(e->ports);
    char *text = ports ? story_format("%s to %s", ports,
                                      e->to_anywhere ? "anywhere" : "the other end of the session only")
                       : NULL;
    free(ports);
    return text;
}

/* Who else is reached by the chain that was changed. */
static char *exposes_beside(const struct fix_attempt *a, const struct fix_exposure *e)
{
    const char *who = a->play.where == STORY_AT_GATEWAY ? "the firewall itself" : "machines behind it";
    const char *what = a->play.where == STORY_AT_GATEWAY ? "what is sent to it" : "what is forwarded";
    char *ports = e->beside ? ports_text(e->beside) : strdup(e->pings_beside ? "pings" : "");
    char *text = NULL;
    if (ports && ports[0])
        text = story_format("; and %s of %s, since %s comes by the changed rules, too", ports, who, what);
    else if (ports)
        text = strdup("");
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

static char *deed_text(const struct fix_attempt *a, enum fix_deed deed)
{
    unsigned port = a->play.server_port;
    struct rules_range16 r = a->range;
    switch (deed) {
    case FIX_OPEN_CONTROL:
        return story_format(a->play.protocol == PACKET_UDP ? "open UDP port %u" : "open port %u", port);
    case FIX_HELPER:
        return story_format("give port %u its helper", port);
    case FIX_STATE:
        return strdup("admit announced (RELATED) connections");
    case FIX_ANSWERS:
        return strdup("admit answers on open (ESTABLISHED) connections");
    case FIX_WIDEN:
        return strdup("lift the port limit of the state rule");
    case FIX_ONE_PORT:
        return story_format("use one passive port, %u, and open it", r.first);
    case FIX_RANGE:
        return story_format("open the passive ports %u:%u", r.first, r.last);
    case FIX_SEND_FROM:
        return story_format("make the server send data from port %u", a->play.data_ports.first);
    case FIX_PORT_20:
        return story_format("open port %u, which active data connections come from",
                            a->play.data_ports.first);
    case FIX_FROM_20:
        return story_format("admit what the server sends from port %u", a->play.data_ports.first);
    case FIX_CONFIGURE:
        return story_format("make the server use only ports %u:%u, which the rules admit", r.first, r.last);
    case FIX_PING:
        return strdup("admit echo requests (ping)");
    case FIX_DEEDS:
        break;
    }
    return NULL;
}

char *fix_title(const struct fix_attempt *a)
{
    char *title = NULL;
    for (int deed = 0; deed < FIX_DEEDS; deed++) {
        if (!(a->deeds & (1U << deed)))
            continue;
        char *text = deed_text(a, (enum fix_deed)deed);
        char *longer = !text ? NULL : title ? story_format("%s, %s", title, text) : strdup(text);
        free(text);
        free(title);
        title = longer;
        if (!title)
            return NULL;
    }
    if (title)
        title[0] = (char)toupper((unsigned char)title[0]);
    return title;
}
