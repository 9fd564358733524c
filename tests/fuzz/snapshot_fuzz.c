/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Snapshots: read whole or refused at a place within them. What is read of the machine answers every question, with words
 * for all that it can't tell; what nft prints is looked through.
 */
#include "host/snapshot.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "explain/play/machine.h"
#include "packet/decode.h"
#include "rules/forms/beside.h"

static void ask_route(const struct host *h, const char *from, const char *to, const char *in)
{
    struct host_question q = {.in = in, .mark = 1, .mark_unknown = in == NULL, .tos = 0x10};
    struct host_way way;
    struct packet_address own;

    MUST(packet_address_parse(from, &q.source, &q.family) == 0);
    MUST(packet_address_parse(to, &q.destination, &q.family) == 0);
    host_route(h, &q, &way);
    MUST((way.fate == HOST_UNKNOWN) == (way.lacks != NULL));
    MUST((way.fate == HOST_NOWHERE) == (way.why != NULL));
    MUST(strlen(way.out) < HOST_INTERFACE);
    (void)host_address_of(h, "eth0", q.family, &q.destination, &own);
    (void)host_address_of(h, "eth0", q.family, NULL, &own);
    (void)host_forwards(h, q.family, "eth0");
    (void)host_towards(h, q.family, &q.destination);
}

static void ask_host(const struct host *h)
{
    static const char *const in[] = {NULL, "", "eth0", "lo"};

    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        ask_route(h, "10.0.0.9", "10.0.0.1", in[i]);
        ask_route(h, "10.0.0.1", "198.51.100.7", in[i]);
        ask_route(h, "0.0.0.0", "127.0.0.1", in[i]);
        ask_route(h, "fd00::9", "fd00::1", in[i]);
        ask_route(h, "fe80::9", "fe80::1", in[i]);
    }
}

static void tell(void *arg, const struct rules_error *error)
{
    const size_t *size = arg;

    MUST(error->line > 0 && error->line <= *size + 1 && error->column > 0 && error->message[0]);
}

static void look_beside(const struct snapshot *s, uint8_t family)
{
    const struct snapshot_part *part = &s->parts[SNAPSHOT_NFT];
    struct rules *r = rules_new(family);

    MUST(r && (!part->is_there || beside_nft(r, part->text, part->size, family == PACKET_IPV4) == 0));
    rules_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot s;
    struct host_error error = {0};
    struct track_config config;
    struct play play;
    int r = snapshot_read((const char *)data, size, &s, &error);

    if (r < 0) {
        MUST(r == -EINVAL && error.line > 0 && error.column > 0 && error.text[0]);
        return 0;
    }
    for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
        const struct snapshot_part *part = &s.parts[i];
        MUST(!part->size ||
             (part->text >= (const char *)data && part->text + part->size <= (const char *)data + size));
    }
    struct play_machine *m = play_machine_new(&s, "input", tell, &size);
    MUST(m);
    play_defaults(&play);
    play_machine_apply(m, &(struct play_said){0}, &play);
    track_config_default(&config, TRACK_LINUX, play.kernel);
    play_machine_configure(m, &config);
    MUST(play.helper_port_count > 0 && play.helper_port_count <= 8 && config.max_flows > 0);
    ask_host(play.host);
    look_beside(&s, PACKET_IPV4);
    look_beside(&s, PACKET_IPV6);
    play_machine_free(&m);
    MUST(!m);
    return 0;
}
