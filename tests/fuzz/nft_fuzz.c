/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * nft's rules: what `nft -j list ruleset` might print, a NUL, then packets, each behind its length (2 bytes, big-endian), a byte
 * that says which way it goes and what is not known of it, and one that says how many units of 50 ms after the one before it
 * comes. Reading fails with a clean message in a line of the text, or gives rules that can be printed; and what is said of each
 * packet holds together.
 */
#include "verdict/wall.h"

#include "fuzz.h"

#include <string.h>

#include "packet/decode.h"
#include "rules/nft/attach.h"

enum { MOST_FLOWS = 64, HEADER = 4, INVALID = -22 };

static void check_text(const char *text)
{
    for (const char *p = text; *p; p++)
        MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_error(const struct rules_error *error, const uint8_t *data, size_t size)
{
    uint32_t lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    MUST(error->line >= 1 && error->line <= lines && error->column >= 1);
    MUST(memchr(error->message, '\0', sizeof(error->message)) && error->message[0]);
    check_text(error->message);
}

static void print_all(const struct nft_ruleset *n)
{
    for (size_t c = 0; c < n->chain_count; c++) {
        char *text = nft_chain_text(n->chains[c]);

        MUST(text);
        free(text);
        for (size_t i = 0; i < n->chains[c]->count; i++) {
            MUST(n->chains[c]->rules[i]->number == i + 1 && n->chains[c]->rules[i]->serial < n->rule_count);
            text = nft_rule_text(n->chains[c]->rules[i]);
            MUST(text);
            free(text);
        }
    }
}

static void check_report(const struct wall_report *r)
{
    const struct verdict *v = &r->verdict;

    MUST(r->fate <= WALL_UNKNOWN && r->stage <= WALL_BY_BESIDE);
    MUST(!v->nft_rule || v->nft_chain);
    if (r->stage != WALL_BY_RULES)
        return;
    MUST((r->fate == WALL_UNKNOWN) == (v->because != NULL));
    MUST(v->nat.kind == NAT_NONE || r->fate == WALL_UNKNOWN);
}

static void told(void *arg, const struct nft_rule *rule, enum verdict_answer answer)
{
    (void)arg;
    MUST(rule && answer <= VERDICT_UNKNOWN);
}

static void told_rule(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                      uint32_t number, enum verdict_answer answer)
{
    (void)arg, (void)chain, (void)rule, (void)number, (void)answer;
}

static void send_packets(struct wall *w, const uint8_t *data, size_t size)
{
    static const struct packet_address local = {{0x0100000a}};
    const struct verdict_trace trace = {.rule = told_rule, .nft_rule = told};
    uint64_t now = 100000;

    while (size > HEADER) {
        const struct wall_world world = {
            .in = "eth0",
            .out = "eth1",
            .local = &local,
            .local_count = 1,
            .time = 1700000000,
            .unknown = data[2] & 0x80 ? VERDICT_NO_SET | VERDICT_NO_MAC | VERDICT_NO_IN | VERDICT_NO_OUT |
                                            VERDICT_NO_MARK | VERDICT_NO_BYTES | VERDICT_NO_SHAPE |
                                            VERDICT_NO_TCP | VERDICT_NO_TIME
                                      : 0};
        size_t length = (size_t)data[0] << 8 | data[1];
        enum wall_path path = (enum wall_path)((data[2] & 0x7f) % WALL_PATHS);
        struct packet packet;

        now += (uint64_t)data[3] * 50;
        data += HEADER;
        size -= HEADER;
        length = length > size ? size : length;
        if (packet_decode(data, length, true, &packet) == 0) {
            struct wall_report report;
            wall_packet(w, &packet, path, &world, now, &trace, &report);
            check_report(&report);
        }
        data += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    size_t text = end ? (size_t)(end - data) : size;
    struct rules *r = NULL;
    struct rules_error error;
    struct track_config config;
    int rc = nft_read_rules((const char *)data, text, "input", 0, &r, &error);

    if (rc) {
        MUST(rc == INVALID && !r);
        check_error(&error, data, text);
        return 0;
    }
    print_all(r->nft);
    for (size_t i = 0; i < r->beside_count; i++)
        check_text(r->beside[i].what);
    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    config.max_flows = MOST_FLOWS;
    struct wall_rules *walked = wall_rules_new(r);
    struct wall *w = walked ? wall_new(walked, &config, NULL, NULL) : NULL;
    MUST(w);
    if (end)
        send_packets(w, end + 1, size - text - 1);
    wall_free(&w);
    wall_rules_free(&walked);
    rules_free(&r);
    return 0;
}
