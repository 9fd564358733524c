/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * diff against the walk: a rule file, a NUL, then what makes another one of it (count, and for each change
 * three bytes: which, and two lines), then packets, ten bytes each. A packet that fares differently in the
 * two is one of those that diff found, and each witness that diff gives fares as it says.
 */
#include "explain/diff/search.h"
#include "explain/play/ports.h"

#include "fuzz.h"

#include <arpa/inet.h>
#include <string.h>

#include "packet/decode.h"
#include "verdict/match/match.h"

enum { LINES = 48, PACKET = 10, CHANGES = 4 };

/* ---- two rule sets ---- */

struct lines {
    const char *at[LINES];
    size_t size[LINES], count;
};

static bool split(const char *text, struct lines *ret)
{
    *ret = (struct lines){0};
    for (const char *end; *text; text = end) {
        end = strchrnul(text, '\n');
        end += *end == '\n';
        if (ret->count == LINES)
            return false;
        ret->at[ret->count] = text;
        ret->size[ret->count++] = (size_t)(end - text);
    }
    return true;
}

/* Leaves a rule out, puts one in a second time, or lets two change places. */
static void change_line(struct lines *l, const uint8_t data[3])
{
    size_t a = data[1] % l->count, b = data[2] % l->count;
    const char *text = l->at[a];
    size_t size = l->size[a];

    if (text[0] != '-' || l->at[b][0] != '-')
        return;
    if (data[0] % 3 == 0) {
        l->size[a] = 0;
        return;
    }
    if (data[0] % 3 == 2) {
        l->at[a] = l->at[b];
        l->size[a] = l->size[b];
    }
    l->at[b] = text;
    l->size[b] = size;
}

static struct rules *read_lines(const struct lines *l)
{
    char text[8192];
    struct rules *r = NULL;
    struct rules_error error;
    size_t size = 0;

    for (size_t i = 0; i < l->count; i++) {
        memcpy(text + size, l->at[i], l->size[i]);
        size += l->size[i];
    }
    return rules_read(text, size, "input", 0, &r, &error) < 0 ? NULL : r;
}

/* Of what diff says that it does not follow, and of what it takes for one thing wherever it is asked though
 * it changes meanwhile. */
static bool is_followed(const struct rules *r)
{
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                enum rules_target_type target = (enum rules_target_type)chain->rules[i].target.type;
                if (target == RULES_TARGET_MARK || target == RULES_TARGET_CONNMARK)
                    return false;
                for (uint16_t m = 0; m < chain->rules[i].match_count; m++) {
                    uint8_t type = chain->rules[i].matches[m].type;
                    if (type == RULES_MATCH_RECENT || type == RULES_MATCH_HASHLIMIT ||
                        type == RULES_MATCH_LIMIT || type == RULES_MATCH_CONNLIMIT ||
                        type == RULES_MATCH_STATISTIC)
                        return false;
                }
            }
        }
    }
    return true;
}

/* ---- one path ---- */

struct comparison {
    const struct rules *rules[2]; /* old, new */
    struct wall *walls[2];
    struct diff_names *names;
    struct diff_search search;
    struct diff_row rows[2];
    enum wall_path path;
};

static const struct verdict *ask(const struct comparison *c, int which, const struct packet *p,
                                 enum track_state state, const char *in, const char *out,
                                 struct wall_report *ret)
{
    struct packet_address local = c->path == WALL_OUT ? p->source : p->destination;
    struct wall_world world = {
        .in = in, .out = out, .local = &local, .local_count = c->path == WALL_THROUGH ? 0 : 1};
    struct wall_ask question = {.packet = p, .path = c->path, .world = &world, .state = state};

    wall_ask(c->walls[which], &question, NULL, ret);
    return wall_report_verdict(ret);
}

static bool is_by(const struct diff_entry *e, const struct verdict *v)
{
    return e->chain == v->chain && e->rule == v->rule;
}

static void check_witness(const struct comparison *c, const struct diff_find *f)
{
    static const enum wall_fate fates[] = {[DIFF_ACCEPT] = WALL_PASS,
                                           [DIFF_DROP] = WALL_DROP,
                                           [DIFF_REJECT] = WALL_REJECT,
                                           [DIFF_DEPENDS] = WALL_UNKNOWN};
    const struct diff_entry *entries[] = {f->old, f->new};
    static uint8_t buffer[PACKET_LONGEST];
    struct packet p;

    if (f->witness.has_atoms || f->old->action == DIFF_DEPENDS || f->new->action == DIFF_DEPENDS)
        return;
    MUST(diff_witness_build(&f->witness, buffer, &p) == 0);
    for (int i = 0; i < 2; i++) {
        struct wall_report report;
        const struct verdict *v = ask(c, i, &p, f->witness.state, f->witness.in, f->witness.out, &report);

        MUST(report.fate == fates[entries[i]->action]);
        MUST(is_by(entries[i], v));
    }
}

static bool is_found(const struct comparison *c, const struct verdict *old, const struct verdict *new)
{
    for (size_t i = 0; i < c->search.count; i++) {
        if (is_by(c->search.finds[i].old, old) && is_by(c->search.finds[i].new, new))
            return true;
    }
    return false;
}

/* An address that some rule names, or one beside it. */
static struct packet_address pick_address(const struct rules *r, uint8_t which)
{
    struct packet_address address = {{r->family == PACKET_IPV6 ? htonl(0x20010db8) : htonl(0xc0000207)}};
    unsigned left = which % 32;

    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++) {
            const struct rules_chain *chain = r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                address = which & 32 ? chain->rules[i].source.address : chain->rules[i].destination.address;
                if (left-- == 0)
                    break;
            }
        }
    }
    uint32_t *last = &address.word[r->family == PACKET_IPV6 ? 3 : 0];

    *last = htonl(ntohl(*last) + (which >> 6));
    return address;
}

/* A port at which something begins, or the one before it. */
static uint16_t pick_port(const uint16_t *bounds, size_t count, uint8_t which)
{
    return (uint16_t)(bounds[which / 2 % count] - which % 2);
}

/* States and flags that go together: what can't come about, diff does not speak of. */
static void make_packet(const struct comparison *c, const uint16_t *bounds, size_t count,
                        const uint8_t data[PACKET], struct packet_recipe *ret, enum track_state *ret_state)
{
    static const enum track_state states[] = {TRACK_NEW, TRACK_ESTABLISHED, TRACK_RELATED, TRACK_INVALID};
    static const uint8_t protocols[] = {PACKET_TCP, PACKET_TCP, PACKET_UDP, PACKET_ICMP, PACKET_GRE};
    uint8_t family = c->rules[0]->family, protocol = protocols[data[0] % sizeof(protocols)];
    const struct rules *named = c->rules[data[1] & 1];

    *ret_state = states[data[1] >> 1 & 3];
    if (protocol == PACKET_ICMP && family == PACKET_IPV6)
        protocol = PACKET_ICMPV6;
    *ret = (struct packet_recipe){.family = family,
                                  .protocol = protocol,
                                  .ttl = data[8] ? data[8] : 64,
                                  .tos = data[9],
                                  .source = pick_address(named, data[2]),
                                  .destination = pick_address(named, data[3]),
                                  .window_scale = -1};
    if (packet_has_ports(protocol)) {
        ret->source_port = pick_port(bounds, count, data[4]);
        ret->destination_port = pick_port(bounds, count, data[5]);
    }
    if (protocol == PACKET_TCP)
        ret->tcp = (struct packet_tcp){.window = 1000,
                                       .flags = *ret_state == TRACK_NEW || *ret_state == TRACK_RELATED
                                                    ? PACKET_SYN
                                                    : (uint8_t)(PACKET_ACK | (data[6] & PACKET_PSH))};
    if (protocol == PACKET_ICMP || protocol == PACKET_ICMPV6)
        ret->icmp.type = *ret_state == TRACK_NEW ? (family == PACKET_IPV6 ? 128 : 8) : data[6];
}

static const char *pick_interface(const struct comparison *c, bool has, uint8_t which)
{
    return has ? c->names->interface[which % c->names->interface_count] : "";
}

static void probe(const struct comparison *c, const uint16_t *bounds, size_t count,
                  const uint8_t data[PACKET])
{
    struct packet_recipe recipe;
    enum track_state state;
    uint8_t buffer[256];
    struct packet p;
    struct wall_report reports[2];
    const struct verdict *verdicts[2];

    make_packet(c, bounds, count, data, &recipe, &state);
    int size = packet_build(&recipe, buffer, sizeof(buffer));
    MUST(size > 0 && packet_decode(buffer, (size_t)size, false, &p) == 0);
    for (int i = 0; i < 2; i++)
        verdicts[i] = ask(c, i, &p, state, pick_interface(c, c->path != WALL_OUT, data[7] & 15),
                          pick_interface(c, c->path != WALL_IN, data[7] >> 4), &reports[i]);
    if (reports[0].fate == WALL_UNKNOWN || reports[1].fate == WALL_UNKNOWN)
        return;
    MUST(reports[0].fate == reports[1].fate || is_found(c, verdicts[0], verdicts[1]));
}

static void compare(struct comparison *c, const uint8_t *data, size_t size)
{
    const struct packet_address none = {{0}};

    for (int i = 0; i < 2; i++)
        MUST(diff_row_make(c->rules[i], c->rules[!i], c->path, c->names, &c->rows[i]) == 0);
    c->search = (struct diff_search){.old = &c->rows[0],
                                     .new = &c->rows[1],
                                     .path = c->path,
                                     .family = c->rules[0]->family,
                                     .names = c->names,
                                     .client = &none,
                                     .server = &none};
    MUST(diff_rows_number(&c->rows[0], &c->rows[1]) == 0);
    MUST(diff_search_run(&c->search) == 0);
    for (size_t i = 0; i < c->search.count; i++)
        check_witness(c, &c->search.finds[i]);
    if (!c->search.cut && !c->rows[0].cut && !c->rows[1].cut && !c->names->overflow &&
        !((c->rows[0].changes | c->rows[1].changes) & (c->rows[0].asks | c->rows[1].asks))) {
        size_t counts[2];
        uint16_t *bounds[] = {play_port_bounds(c->rules[0], &counts[0]),
                              play_port_bounds(c->rules[1], &counts[1])};

        MUST(bounds[0] && bounds[1]);
        for (; size >= PACKET; data += PACKET, size -= PACKET)
            probe(c, bounds[data[6] & 1], counts[data[6] & 1], data);
        free(bounds[0]);
        free(bounds[1]);
    }
    diff_search_clear(&c->search);
    diff_row_clear(&c->rows[0]);
    diff_row_clear(&c->rows[1]);
}

static void compare_all(const struct rules *old, const struct rules *new, const uint8_t *data, size_t size)
{
    static struct diff_names names;
    struct comparison c = {.rules = {old, new}, .names = &names};
    struct wall_rules *walked[2];
    struct track_config config;

    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    for (int i = 0; i < 2; i++) {
        walked[i] = wall_rules_new(c.rules[i]);
        MUST(walked[i]);
        c.walls[i] = wall_new(walked[i], &config, NULL, NULL);
        MUST(c.walls[i]);
    }
    for (int path = 0; path <= WALL_THROUGH; path++) {
        diff_names_collect(&names, old);
        diff_names_collect(&names, new);
        c.path = (enum wall_path)path;
        compare(&c, data, size);
        diff_names_clear(&names);
    }
    for (int i = 0; i < 2; i++) {
        wall_free(&c.walls[i]);
        wall_rules_free(&walked[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    struct lines lines;

    if (!end || end + 1 >= data + size || end - data > 4096 || !split((const char *)data, &lines) ||
        !lines.count)
        return 0;
    struct rules *old = read_lines(&lines), *new = NULL;
    const uint8_t *at = end + 1;

    size -= (size_t)(at - data);
    for (unsigned changes = 1 + *at % CHANGES; old && changes > 0 && size >= 4; changes--, at += 3, size -= 3)
        change_line(&lines, at + 1);
    if (old)
        new = read_lines(&lines);
    if (new && old->family == new->family && is_followed(old) && is_followed(new))
        compare_all(old, new, at + 1, size - 1);
    rules_free(&old);
    rules_free(&new);
    return 0;
}
