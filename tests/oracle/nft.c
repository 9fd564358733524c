/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our side of tests/oracle/nft.py: a rule set of nft's, printed, and packets walked through it.
 *
 *     nft IN OUT LOCAL...    packets come in by IN, and leave by OUT unless they are to one of LOCAL, the machine's addresses
 *
 * A request is a line "WORD SIZE" and SIZE bytes; the answer a line "STATUS SIZE" and SIZE bytes.
 *
 *     know   KIND TEXT        of the machine: KIND is a number of enum host_text, TEXT as ip prints it
 *     read   JSON             replaces the rule set, and forgets all connections; a message if it can't be read
 *     print  ""               base chains' heads and rules, a line each, with "# handle N" behind rules
 *     packet MS HEX           MS on a clock: "HANDLE YES|NO|UNKNOWN" of each rule that was looked at, and "fate NAME"
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packet/decode.h"
#include "rules/nft/attach.h"
#include "verdict/wall.h"

enum { LOCALS = 8, ANSWER = 1 << 20, PACKET = 4096 };

static struct {
    struct rules *rules[2]; /* of IPv4 and IPv6 */
    struct wall_rules *walked[2];
    struct wall *wall[2];
    struct packet_address local[2][LOCALS];
    size_t local_count[2];
    struct host *host;
    const char *in, *out;
    char answer[ANSWER];
    size_t used;
} our;

static void say(const char *text)
{
    size_t size = strlen(text);

    if (our.used + size < sizeof our.answer) {
        memcpy(our.answer + our.used, text, size + 1);
        our.used += size;
    }
}

static void end_answer(int status)
{
    printf("%d %zu\n%.*s", status, our.used, (int)our.used, our.answer);
    fflush(stdout);
    our.used = 0;
}

static void forget(void)
{
    for (int f = 0; f < 2; f++) {
        wall_free(&our.wall[f]);
        wall_rules_free(&our.walked[f]);
        rules_free(&our.rules[f]);
    }
}

static void do_read(const char *text, size_t size)
{
    static const uint8_t families[] = {PACKET_IPV4, PACKET_IPV6};
    struct rules_error error = {0};
    struct track_config config;

    forget();
    track_config_default(&config, TRACK_LINUX, TRACK_KERNEL(6, 18));
    for (int f = 0; f < 2; f++) {
        if (nft_read_rules(text, size, "rules", families[f], &our.rules[f], &error) < 0) {
            say(error.message);
            end_answer(1);
            return;
        }
        our.walked[f] = wall_rules_new(our.rules[f]);
        our.wall[f] = our.walked[f] ? wall_new(our.walked[f], &config, NULL, NULL) : NULL;
        if (!our.wall[f])
            abort();
    }
    end_answer(0);
}

static void do_know(const char *words, size_t size)
{
    struct host_error error = {0};
    char *text;
    unsigned long kind = strtoul(words, &text, 10);

    if (!our.host && !(our.host = host_new()))
        abort();
    if (host_read(our.host, (enum host_text)kind, text + 1, size - (size_t)(text + 1 - words), &error) < 0)
        say(error.text);
    end_answer(our.used != 0);
}

static void say_line(char *text, const struct nft_rule *rule)
{
    char handle[40] = "\n";

    if (!text)
        abort();
    if (rule)
        snprintf(handle, sizeof handle, " # handle %llu\n", (unsigned long long)rule->handle);
    if (*text) {
        say(text);
        say(handle);
    }
    free(text);
}

static void do_print(void)
{
    const struct nft_ruleset *n = our.rules[0]->nft;

    for (size_t c = 0; c < n->chain_count; c++) {
        say_line(nft_chain_text(n->chains[c]), NULL);
        for (size_t i = 0; i < n->chains[c]->count; i++)
            say_line(nft_rule_text(n->chains[c]->rules[i]), n->chains[c]->rules[i]);
    }
    end_answer(0);
}

static void told_rules(void *arg, const struct rules_chain *chain, const struct rules_rule *rule,
                       uint32_t number, enum verdict_answer answer)
{
    (void)arg, (void)chain, (void)rule, (void)number, (void)answer;
}

static void told_nft(void *arg, const struct nft_rule *rule, enum verdict_answer answer)
{
    static const char *const names[] = {[VERDICT_NO] = "NO",
                                        [VERDICT_YES] = "YES",
                                        [VERDICT_UNKNOWN] = "UNKNOWN",
                                        [VERDICT_HOTDROP] = "HOTDROP"};
    char text[80];

    (void)arg;
    snprintf(text, sizeof text, "%llu %s\n", (unsigned long long)rule->handle, names[answer]);
    say(text);
}

static size_t unhex(const char *hex, uint8_t *to)
{
    size_t count = 0;
    unsigned byte;

    for (; count < PACKET && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        to[count++] = (uint8_t)byte;
    return count;
}

static void do_packet(const char *words)
{
    static const char *const fates[] = {
        [WALL_PASS] = "pass", [WALL_DROP] = "drop", [WALL_REJECT] = "reject", [WALL_UNKNOWN] = "unknown"};
    const struct verdict_trace trace = {.rule = told_rules, .nft_rule = told_nft};
    uint8_t bytes[PACKET];
    struct wall_report report;
    struct packet packet;
    char text[300];
    char *hex;
    uint64_t ms = strtoull(words, &hex, 10);
    size_t size = unhex(hex + 1, bytes);

    if (packet_decode(bytes, size, true, &packet) < 0) {
        end_answer(1);
        return;
    }
    int f = packet.family == PACKET_IPV6;
    bool is_local = false;
    for (size_t i = 0; i < our.local_count[f]; i++)
        is_local |= packet_address_equal(&our.local[f][i], &packet.destination);
    const struct wall_world world = {.in = our.in,
                                     .out = is_local ? "" : our.out,
                                     .mac = {2, 0, 0, 0, 0, 1},
                                     .time = time(NULL),
                                     .local = our.local[f],
                                     .local_count = our.local_count[f],
                                     .host = our.host};
    wall_packet(our.wall[f], &packet, is_local ? WALL_IN : WALL_THROUGH, &world, ms, &trace, &report);
    snprintf(text, sizeof text, "fate %s %s\n", fates[report.fate],
             report.fate == WALL_UNKNOWN && report.verdict.because ? report.verdict.because : "");
    say(text);
    end_answer(0);
}

static void read_arguments(int argc, char **argv)
{
    our.in = argv[1];
    our.out = argv[2];
    for (int i = 3; i < argc; i++) {
        int f = strchr(argv[i], ':') != NULL;

        if (our.local_count[f] == LOCALS ||
            inet_pton(f ? AF_INET6 : AF_INET, argv[i], &our.local[f][our.local_count[f]++]) != 1)
            abort();
    }
}

int main(int argc, char **argv)
{
    char word[16];
    size_t size;

    if (argc < 3)
        return 2;
    read_arguments(argc, argv);
    while (scanf("%15s %zu", word, &size) == 2 && getchar() == '\n') {
        char *text = malloc(size + 1);

        if (!text || fread(text, 1, size, stdin) != size)
            return 2;
        text[size] = '\0';
        if (strcmp(word, "read") == 0)
            do_read(text, size);
        else if (strcmp(word, "know") == 0)
            do_know(text, size);
        else if (strcmp(word, "print") == 0)
            do_print();
        else
            do_packet(text);
        free(text);
    }
    forget();
    host_free(&our.host);
    return 0;
}
