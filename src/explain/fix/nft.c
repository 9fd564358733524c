/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/fix/nft.h"
#include "explain/make.h"
#include "explain/play/world.h"
#include "packet/decode.h"
#include "rules/nft/edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 400, OBJECTS = 1200 };

bool fix_nft_decides(const struct story_step *step)
{
    return step->rule.table && strchr(step->rule.table, ' ');
}

bool fix_nft_is_all(const struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        if (r->tables[t].present)
            return false;
    }
    return nft_is_met(r->nft, r->family);
}

/* ---- where a rule goes ---- */

static const struct nft_chain *find_chain(const struct nft_ruleset *n, const struct story_rule *rule)
{
    char table[200];

    for (size_t i = 0; n && i < n->chain_count; i++) {
        const struct nft_chain *chain = n->chains[i];

        snprintf(table, sizeof(table), "%s %s", nft_family_name((enum nft_family)chain->table->family),
                 chain->table->name);
        if (strcmp(table, rule->table) == 0 && strcmp(chain->name, rule->chain) == 0)
            return chain;
    }
    return NULL;
}

/* A shell and nft both take it as one word. */
static bool is_plain(const char *name)
{
    return *name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name);
}

static void take(struct fix_attempt *a, struct nft_ruleset *n)
{
    wall_rules_free(&a->walked);
    nft_release(&a->rules->nft);
    a->rules->nft = n;
}

/* words: as nft has them; json: the same as it prints them. */
static int add_rule(struct fix_attempt *a, const struct story_step *step, const char *words, const char *json)
{
    const struct nft_chain *chain = find_chain(a->rules->nft, &step->rule);
    uint32_t number = step->rule.number;
    struct nft_ruleset *changed = NULL;
    char handle[40] = "";

    if (!chain || number > chain->count || !is_plain(chain->name) || !is_plain(chain->table->name))
        return -ENOENT;
    const struct nft_rule *before = number ? chain->rules[number - 1] : NULL;
    if (before && before->handle == 0)
        return -ENOENT; /* one that this attempt has made has no handle yet */
    if (before)
        snprintf(handle, sizeof(handle), " handle %llu", (unsigned long long)before->handle);
    char *command = story_format("nft %s rule %s %s %s%s %s", before ? "insert" : "add",
                                 nft_family_name((enum nft_family)chain->table->family), chain->table->name,
                                 chain->name, handle, words);
    int r = command ? nft_edit_rule(a->rules->nft, chain, before, json, &changed) : -ENOMEM;
    if (r) {
        free(command);
        return r == -EINVAL ? -ENOENT : r;
    }
    take(a, changed);
    return fix_remember(a, command);
}

/* ---- what it says ---- */

/* "ip daddr 192.0.2.10 " where the firewall stands between more machines than these two. */
static void name_server(const struct fix_attempt *a, enum story_lane from, char words[WORDS],
                        char json[WORDS])
{
    const char *header = a->play.family == PACKET_IPV6 ? "ip6" : "ip",
               *field = from == STORY_CLIENT ? "daddr" : "saddr";
    char address[64];

    words[0] = json[0] = '\0';
    if (a->play.where == STORY_AT_SERVER)
        return;
    packet_address_format(&a->play.server, a->play.family, address);
    snprintf(words, WORDS, "%s %s %s ", header, field, address);
    snprintf(json, WORDS,
             "{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"%s\",\"field\":\"%s\"}},"
             "\"right\":\"%s\"}},",
             header, field, address);
}

/* The statements, after those of server. */
static void ports_json(char *json, size_t size, const char *server, const char *protocol, const char *field,
                       struct rules_range16 ports)
{
    char range[48];

    snprintf(range, sizeof(range), ports.first == ports.last ? "%u" : "{\"range\":[%u,%u]}", ports.first,
             ports.last);
    snprintf(json, size,
             "%s{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"%s\",\"field\":\"%s\"}},"
             "\"right\":%s}},"
             "{\"accept\":null}",
             server, protocol, field, range);
}

int fix_nft_append_ports(struct fix_attempt *a, const struct nft_chain *chain, const char *protocol,
                         struct rules_range16 ports)
{
    struct nft_ruleset *changed = NULL;
    char json[3 * WORDS];

    ports_json(json, sizeof(json), "", protocol, "dport", ports);
    int r = nft_edit_rule(a->rules->nft, chain, NULL, json, &changed);
    if (r)
        return r == -ENOMEM ? r : -ENOENT;
    take(a, changed);
    return 0;
}

int fix_nft_accept_ports(struct fix_attempt *a, const struct story_step *step, struct rules_range16 ports)
{
    const char *protocol = a->play.protocol ? packet_protocol_name(a->play.protocol) : "tcp";
    const char *field = step->from == STORY_CLIENT ? "dport" : "sport";
    char server[WORDS], server_json[WORDS], words[2 * WORDS], json[3 * WORDS], range[16];

    name_server(a, step->from, server, server_json);
    snprintf(range, sizeof(range), ports.first == ports.last ? "%u" : "%u-%u", ports.first, ports.last);
    snprintf(words, sizeof(words), "%s%s %s %s accept", server, protocol, field, range);
    ports_json(json, sizeof(json), server_json, protocol, field, ports);
    return add_rule(a, step, words, json);
}

int fix_nft_accept_echo(struct fix_attempt *a, const struct story_step *step)
{
    const char *what = step->from == STORY_CLIENT ? "echo-request" : "echo-reply";
    const char *protocol = a->play.protocol == PACKET_ICMPV6 ? "icmpv6" : "icmp";
    char server[WORDS], server_json[WORDS], words[2 * WORDS], json[3 * WORDS];

    name_server(a, step->from, server, server_json);
    snprintf(words, sizeof(words), "%s%s type %s accept", server, protocol, what);
    snprintf(json, sizeof(json),
             "%s{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"%s\",\"field\":\"type\"}},"
             "\"right\":\"%s\"}},"
             "{\"accept\":null}",
             server_json, protocol, what);
    return add_rule(a, step, words, json);
}

int fix_nft_accept_neighbours(struct fix_attempt *a, const struct story_step *step)
{
    return add_rule(
        a, step, "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"icmpv6\",\"field\":\"type\"}},"
        "\"right\":{\"set\":[\"nd-neighbor-solicit\",\"nd-neighbor-advert\"]}}},{\"accept\":null}");
}

int fix_nft_accept_states(struct fix_attempt *a, const struct story_step *step, bool related)
{
    return add_rule(
        a, step, related ? "ct state established,related accept" : "ct state established accept",
        related
            ? "{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":[\"established\","
              "\"related\"]}},{\"accept\":null}"
            : "{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":\"established\"}},"
              "{\"accept\":null}");
}

/* ---- the helper ---- */

#define TABLE "ftp-helper"
#define OF    "\"family\":\"inet\",\"table\":\"" TABLE "\""

static int remember_all(struct fix_attempt *a, const char *hook, const char *server)
{
    char *const commands[] = {
        strdup("nft add table inet " TABLE),
        strdup("nft 'add ct helper inet " TABLE " ftp { type \"ftp\" protocol tcp; }'"),
        story_format("nft 'add chain inet " TABLE " begin { type filter hook %s priority 0; }'", hook),
        story_format("nft 'add rule inet " TABLE " begin %stcp dport %u ct helper set \"ftp\"'", server,
                     a->play.server_port),
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (r)
            free(commands[i]);
        else
            r = fix_remember(a, commands[i]);
    }
    return r;
}

int fix_nft_helper(struct fix_attempt *a)
{
    bool leaves = a->play.where == STORY_AT_CLIENT || play_is_local(&a->play);
    const char *hook = leaves ? "output" : "prerouting";
    char server[WORDS], server_json[WORDS], objects[OBJECTS];
    struct nft_ruleset *changed = NULL;

    name_server(a, STORY_CLIENT, server, server_json);
    snprintf(objects, sizeof(objects),
             "{\"table\":{\"family\":\"inet\",\"name\":\"" TABLE "\"}},"
             "{\"ct helper\":{" OF
             ",\"name\":\"ftp\",\"type\":\"ftp\",\"protocol\":\"tcp\",\"l3proto\":\"inet\"}},"
             "{\"chain\":{" OF
             ",\"name\":\"begin\",\"type\":\"filter\",\"hook\":\"%s\",\"prio\":0,\"policy\":\"accept\"}},"
             "{\"rule\":{" OF
             ",\"chain\":\"begin\",\"handle\":0,\"expr\":[%s{\"match\":{\"op\":\"==\",\"left\":{\"payload\":"
             "{\"protocol\":\"tcp\",\"field\":\"dport\"}},\"right\":%u}},{\"ct helper\":\"ftp\"}]}}",
             hook, server_json, a->play.server_port);
    int r = nft_edit_add(a->rules->nft, objects, &changed);
    if (r)
        return r == -ENOMEM ? r : -ENOENT;
    take(a, changed);
    return remember_all(a, hook, server);
}
