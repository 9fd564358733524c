/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/run.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/* Between the ends of a session of whose announcements the capture may lack some: likely a data channel. Ports
 * below 1024 are other services', but for the one that active mode sends from. */
static uint32_t find_suspect(const struct run *run, const struct follow *c)
{
    for (size_t i = 0; i < run->suspicious_count; i++) {
        const struct survey_session *s = run_session(run, run->suspicious[i]);
        bool to_server = packet_address_equal(&c->address[0], &s->client) &&
                         packet_address_equal(&c->address[1], &s->server);
        bool to_client = packet_address_equal(&c->address[0], &s->server) &&
                         packet_address_equal(&c->address[1], &s->client);

        if (s->family == c->family && survey_may_lack_announcement(s, c->syn_frame) && c->port[1] >= 1024 &&
            (to_server || to_client) && (c->port[0] >= 1024 || c->port[0] == s->server_port - 1))
            return run->suspicious[i];
    }
    return SURVEY_NONE;
}

/* What struct follow.user holds here: what the survey found, found once a connection. */
enum { USER_UNKNOWN = 0, USER_OTHER, USER_SUSPECT, USER_ROLES };

static uint32_t user_of(const struct run *run, const struct follow *c)
{
    const struct survey_role *role = survey_role(&run->survey, c->serial);

    if (role && run_session(run, role->session)->is_ftp)
        return USER_ROLES + (uint32_t)(role - run->survey.roles);
    return !role && find_suspect(run, c) != SURVEY_NONE ? USER_SUSPECT : USER_OTHER;
}

static void find_role(struct run *run, struct passing *g)
{
    struct follow *c = g->follow.of;

    if (c->user == USER_UNKNOWN)
        c->user = user_of(run, c);
    if (c->user == USER_SUSPECT) {
        g->session = find_suspect(run, c);
        if (g->follow.is_new)
            judge_suspect(&run->judge, g->session, g->packet->number);
        g->is_suspect = true;
    } else if (c->user >= USER_ROLES) {
        const struct survey_role *role = &run->survey.roles[c->user - USER_ROLES];
        g->session = role->session;
        g->is_suspect = role->data == SURVEY_TWIN;
        if (g->is_suspect)
            return;
        g->data = role->data;
        g->channel = role->data == SURVEY_NONE ? STORY_CONTROL : STORY_DATA;
    }
}

static enum story_lane lane_in_session(const struct run *run, const struct passing *g)
{
    const struct survey_session *s = run_session(run, g->session);
    const struct packet *p = &g->packet->packet;

    if (g->is_suspect && s->translated)
        return g->follow.side ? STORY_SERVER : STORY_CLIENT;
    if (g->channel == STORY_CONTROL)
        return g->follow.side == s->client_side ? STORY_CLIENT : STORY_SERVER;
    if (!packet_address_equal(&s->client, &s->server))
        return packet_address_equal(&p->source, &s->client) ? STORY_CLIENT : STORY_SERVER;
    bool by_client = g->data == SURVEY_NONE || run->survey.data[g->data].from_client;
    return (g->follow.side == 0) == by_client ? STORY_CLIENT : STORY_SERVER;
}

enum story_at run_place(const struct run *run, const struct survey_session *s)
{
    const struct play *play = &run->play;
    const struct packet_address *own = play->where == STORY_AT_SERVER ? &play->server : &play->client;

    if (play->where == STORY_AT_GATEWAY || packet_address_equal(&s->client, &s->server))
        return play->where;
    if (packet_address_equal(own, play->where == STORY_AT_SERVER ? &s->client : &s->server))
        return play->where == STORY_AT_SERVER ? STORY_AT_CLIENT : STORY_AT_SERVER;
    return play->where;
}

/* A packet of other traffic that is neither from nor to the server is routed, wherever the firewall stands. */
static void find_way(const struct run *run, struct passing *g)
{
    const struct packet *p = &g->packet->packet;
    struct play play = run->play;

    if (g->session != SURVEY_NONE) {
        g->from = lane_in_session(run, g);
        play.where = g->where = run_place(run, run_session(run, g->session));
        g->path = play_path(&play, g->from);
        return;
    }
    g->where = run->play.where;
    g->from = packet_address_equal(&p->source, &run->play.server) ? STORY_SERVER : STORY_CLIENT;
    g->path = g->from == STORY_CLIENT && !packet_address_equal(&p->destination, &run->play.server)
                  ? WALL_THROUGH
                  : play_path(&run->play, g->from);
}

/* The rest of a line that began in another packet is not told: it may be that of a password. */
static void note_said(struct run *run, const struct passing *g)
{
    const struct survey_session *s = run_session(run, g->session);
    const struct packet *p = &g->packet->packet;
    uint32_t size = packet_payload_size(p);
    bool by_client = g->from == STORY_CLIENT;

    if (!size || (s->tls && s->tls < g->packet->number))
        return;
    if (!by_client || !run->within_line[g->session])
        read_said(run, p);
    if (by_client)
        run->within_line[g->session] = p->bytes[p->payload + size - 1] != '\n';
}

int run_look_at(struct run *run, const struct reading_packet *packet, struct passing *ret)
{
    const struct packet *p = &packet->packet;

    *ret = (struct passing){
        .packet = packet, .session = SURVEY_NONE, .data = SURVEY_NONE, .channel = STORY_OTHER};
    if (p->protocol == PACKET_TCP && !p->fault && !p->is_fragment) {
        int r = follow_packet(run->follower, p, packet->number, packet->now_ms, &ret->follow);

        if (r)
            return r;
        ret->has_follow = true;
        find_role(run, ret);
    }
    find_way(run, ret);
    run->said[0] = '\0';
    if (ret->channel == STORY_CONTROL)
        note_said(run, ret);
    return 0;
}
