/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/served.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/source.h"
#include "explain/play/play.h"
#include "server/config/config.h"
#include "speech/speech.h"

enum { MODES = 4, WIDTH = 10 };

static const struct {
    enum story_mode mode;
    const char *name;
    bool is_passive;
} modes[MODES] = {{STORY_PASSIVE, "passive", true},
                  {STORY_EPSV, "epsv", true},
                  {STORY_ACTIVE, "active", false},
                  {STORY_EPRT, "eprt", false}};

/* One way. */
struct served {
    bool is_offered;
    struct story *story; /* of what is offered */
};

/* ---- the server ---- */

static void tell_remark(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    if (remark->is_error) /* what else there is to say, sallyd says */
        fprintf(stderr, "sallywall explain: %s\n", remark->text);
}

/* NULL: told. */
static struct config *read_config(const char *name)
{
    struct config *c = config_new();
    char *text = NULL;
    size_t size = 0;
    int r = c ? files_read(name, &text, &size) : -ENOMEM;

    if (r)
        fprintf(stderr, "sallywall explain: %s: %s\n", name, source_reason(r));
    else
        r = config_parse(c, name, text, size, tell_remark, NULL);
    if (!r)
        r = config_check(c, name, tell_remark, NULL);
    free(text);
    if (r)
        config_free(&c);
    return c;
}

/* Does a rule ask for what only connection tracking knows? Then the kernel tracks. */
static bool asks_for_states(const struct rules_rule *rule)
{
    static const enum rules_match_type tracked[] = {RULES_MATCH_STATE, RULES_MATCH_CONNTRACK,
                                                    RULES_MATCH_HELPER, RULES_MATCH_CONNMARK,
                                                    RULES_MATCH_CONNLIMIT};

    for (unsigned i = 0; i < rule->match_count; i++)
        for (unsigned t = 0; t < sizeof(tracked) / sizeof(tracked[0]); t++)
            if (rule->matches[i].type == tracked[t])
                return true;
    return rule->target.type == RULES_TARGET_CT || rule->target.type == RULES_TARGET_CONNMARK;
}

static bool are_tracked(const struct rules *r)
{
    for (unsigned t = 0; t < RULES_TABLES; t++) {
        const struct rules_table *table = &r->tables[t];
        for (size_t c = 0; c < table->count; c++)
            for (size_t i = 0; i < table->chains[c]->count; i++)
                if (t == RULES_NAT || asks_for_states(&table->chains[c]->rules[i]))
                    return true;
    }
    return false;
}

/* ---- the ways ---- */

/* With a door the firewall knows as much as it does where its helper hears all: so that is what is played. */
static struct play play_for(const struct config *c, const struct asking *a, bool has_door, unsigned mode,
                            bool tls)
{
    struct play p = a->play;

    p.mode = modes[mode].mode;
    p.tls = tls && !has_door;
    if (has_door) {
        p.helper_always = true;
        p.manner = TRACK_ROBUST;
        p.helper_ports[0] = (uint16_t)c->listen_port;
        p.helper_port_count = 1;
    }
    p.server_port = (uint16_t)c->listen_port;
    if (!p.passive_ports.last)
        p.passive_ports = (struct rules_range16){(uint16_t)(c->pasv_min_port ? c->pasv_min_port : 1024),
                                                 (uint16_t)(c->pasv_max_port ? c->pasv_max_port : 65535)};
    if (!p.data_ports.last && !modes[mode].is_passive)
        p.data_ports = c->connect_from_port_20
                           ? (struct rules_range16){(uint16_t)c->ftp_data_port, (uint16_t)c->ftp_data_port}
                           : (struct rules_range16){1024, 65535};
    return p;
}

/* Do the rules know of each data connection, because the server says so? Else why not. */
enum doors { DOORS, DOORS_NOT_CHOSEN, DOORS_OF_VSFTPD, DOORS_ELSEWHERE };

static enum doors choose_doors(const struct config *c, const struct rules *r, bool is_wall)
{
    bool is_auto = strcmp(c->firewall, "auto") == 0;

    if (is_auto)
        return is_wall || are_tracked(r) ? DOORS : DOORS_NOT_CHOSEN;
    return strcmp(c->firewall, is_wall ? "sallywall" : "conntrack") == 0 ? DOORS : DOORS_NOT_CHOSEN;
}

/* The firewall stands between the client and the server, or leads the client on to another machine. */
static bool goes_through(const struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        if (strcmp(story->steps[i].hook, rules_hook_name(RULES_FORWARD)) == 0)
            return true;
    }
    return false;
}

static bool is_of_vsftpd(const char *file, const struct config *c)
{
    const char *name = strrchr(file, '/');

    return strcmp(name ? name + 1 : file, "vsftpd.conf") == 0 && strcmp(c->firewall, "auto") == 0;
}

/* 0 or -ENOMEM. */
static int find_doors(const struct config *c, const struct rules *r, const struct asking *a, enum doors *ret)
{
    struct play p = play_for(c, a, false, 0, false);

    *ret = choose_doors(c, r, a->play.helper_always);
    if (*ret != DOORS)
        return 0;
    if (is_of_vsftpd(a->server_config, c)) {
        *ret = DOORS_OF_VSFTPD;
        return 0;
    }
    struct story *story = p.where == STORY_AT_SERVER ? play_session(r, &p) : NULL;
    if (p.where == STORY_AT_SERVER && !story)
        return -ENOMEM;
    if (!story || goes_through(story))
        *ret = DOORS_ELSEWHERE;
    story_free(&story);
    return 0;
}

/* 0 or -ENOMEM; either way what all has is to be freed. */
static int play_all(const struct config *c, const struct rules *r, const struct asking *a, bool has_door,
                    struct served all[MODES][2])
{
    memset(all, 0, sizeof(struct served[MODES][2]));
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned tls = 0; tls < 2; tls++) {
            struct play p = play_for(c, a, has_door, m, tls);
            all[m][tls].is_offered =
                (modes[m].is_passive ? c->pasv_enable : c->port_enable) && (!tls || c->ssl_enable);
            if (!all[m][tls].is_offered)
                continue;
            all[m][tls].story = play_session(r, &p);
            if (!all[m][tls].story)
                return -ENOMEM;
        }
    return 0;
}

/* ---- telling ---- */

static int worst(const struct served all[MODES][2])
{
    static const int ranks[] = {[STORY_WORKS] = 0, [STORY_UNKNOWN] = 1, [STORY_BLOCKED] = 2};
    static const int statuses[] = {0, STATUS_UNKNOWN, 1};
    int rank = 0;

    for (unsigned m = 0; m < MODES; m++)
        for (unsigned tls = 0; tls < 2; tls++) {
            const struct served *s = &all[m][tls];
            if (s->is_offered && ranks[s->story->outcome] > rank)
                rank = ranks[s->story->outcome];
        }
    return statuses[rank];
}

static const char *outcome_word(const struct served *s)
{
    return !s->is_offered                       ? SAID(SERVED_OFF)
           : s->story->outcome == STORY_WORKS   ? SAID(OUTCOME_WORKS)
           : s->story->outcome == STORY_BLOCKED ? SAID(OUTCOME_BLOCKED)
                                                : SAID(OUTCOME_UNKNOWN);
}

static void say(char *phrase)
{
    printf("%s\n", phrase ? phrase : "?");
    free(phrase);
}

/* As many ways end alike, in the same words. */
static bool is_alike(const struct served *a, const struct served *b)
{
    return a->is_offered && b->is_offered && a->story->outcome == b->story->outcome &&
           strcmp(a->story->conclusion, b->story->conclusion) == 0;
}

enum { WAYS = MODES * 2 };

/* The ways from first on that end as it does; "" if one before it does, too. */
static void name_ways(const struct served all[MODES][2], unsigned first, char *out, size_t cap)
{
    size_t at = 0;

    *out = '\0';
    for (unsigned i = 0; i < WAYS; i++) {
        if (!is_alike(&all[i / 2][i % 2], &all[first / 2][first % 2]))
            continue;
        if (i < first)
            return;
        at += (size_t)snprintf(out + at, cap - at, "%s%s (%s)", at ? ", " : "", modes[i / 2].name,
                               i % 2 ? SAID(SERVED_TLS) : SAID(SERVED_PLAIN));
        if (at >= cap)
            return;
    }
}

static void tell_why(const struct served all[MODES][2], unsigned i, bool has_door)
{
    const struct served *s = &all[i / 2][i % 2];
    char ways[256];

    if (!s->is_offered || s->story->outcome == STORY_WORKS)
        return;
    name_ways(all, i, ways, sizeof(ways));
    if (!*ways)
        return;
    printf("\n");
    say(PHRASE(SERVED_WHY, ways, s->story->conclusion));
    if (has_door && s->story->outcome == STORY_BLOCKED)
        say(PHRASE(SERVED_USED));
    if (s->story->fix_count > 0) {
        say(PHRASE(SERVED_FIX, s->story->fixes[0].title));
        for (size_t n = 0; n < s->story->fixes[0].command_count; n++)
            printf("  %s\n", s->story->fixes[0].commands[n]);
    }
}

static void tell_text(const struct config *c, const struct asking *a, const struct served all[MODES][2],
                      enum doors doors, uint8_t family)
{
    bool has_door = doors == DOORS;

    if (a->brief && worst(all) == 0) {
        const char *over = family == PACKET_IPV6 ? "IPv6" : "IPv4";
        say(has_door ? PHRASE(SERVED_ALL_DOORS, over, a->play.rules_name)
                     : PHRASE(SERVED_ALL, over, a->play.rules_name));
        return;
    }
    say(PHRASE(SERVED_HEAD, strncmp(a->server_config, "/dev/fd/", 8) == 0 ? "sallyd.conf" : a->server_config,
               all[0][0].story ? all[0][0].story->rules_name : a->play.rules_name));
    switch (doors) {
    case DOORS_OF_VSFTPD:
        say(PHRASE(SERVED_OF_VSFTPD));
        break;
    case DOORS_ELSEWHERE:
        say(PHRASE(SERVED_ELSEWHERE));
        break;
    default:
        say(has_door ? PHRASE(SERVED_DOORS, c->firewall) : PHRASE(SERVED_NO_DOORS, c->firewall));
        break;
    }
    printf("\n%-*s %s | %s\n", WIDTH, "", SAID(SERVED_PLAIN), SAID(SERVED_TLS));
    for (unsigned m = 0; m < MODES; m++)
        printf("%-*s %s | %s\n", WIDTH, modes[m].name, outcome_word(&all[m][0]), outcome_word(&all[m][1]));
    for (unsigned i = 0; i < WAYS; i++)
        tell_why(all, i, has_door);
}

static const char *outcome_name(const struct served *s)
{
    static const char *const names[] = {
        [STORY_WORKS] = "works", [STORY_BLOCKED] = "blocked", [STORY_UNKNOWN] = "unknown"};

    return s->is_offered ? names[s->story->outcome] : "off";
}

static int tell_json(const struct config *c, const struct asking *a, const struct served all[MODES][2],
                     bool has_door)
{
    json_t *ways = json_array();
    json_t *top = json_pack("{s:s, s:s*, s:s, s:b, s:o*}", "server_config", a->server_config, "rules",
                            a->play.rules_name, "firewall", c->firewall, "doors", has_door, "ways", ways);
    int r = top ? 0 : -ENOMEM;

    for (unsigned m = 0; r == 0 && m < MODES; m++)
        for (unsigned tls = 0; tls < 2; tls++)
            r |= json_array_append_new(ways,
                                       json_pack("{s:s, s:b, s:s, s:s*}", "mode", modes[m].name, "tls", tls,
                                                 "outcome", outcome_name(&all[m][tls]), "conclusion",
                                                 all[m][tls].story ? all[m][tls].story->conclusion : NULL));
    if (r == 0)
        r = json_dumpf(top, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(top);
    return r;
}

int served_explain(const struct rules *r, const struct asking *a)
{
    struct config *c = read_config(a->server_config);
    struct served all[MODES][2];
    int status = STATUS_TROUBLE;
    enum doors doors = DOORS;

    if (!c)
        return STATUS_TROUBLE;
    memset(all, 0, sizeof(all));
    if (find_doors(c, r, a, &doors) || play_all(c, r, a, doors == DOORS, all))
        fprintf(stderr, "sallywall explain: out of memory\n");
    else if (!a->json || tell_json(c, a, all, doors == DOORS) == 0) {
        if (!a->json)
            tell_text(c, a, all, doors, r->family);
        status = finish_output(worst(all));
    }
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned tls = 0; tls < 2; tls++)
            story_free(&all[m][tls].story);
    config_free(&c);
    return status;
}
