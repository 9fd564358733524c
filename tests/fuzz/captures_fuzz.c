/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file, through libpcap, link headers, reassembly, tracking in both manners, rules, and all
 * tellers. */
#include "fuzz.h"

#include "explain/replay/replay.h"

#include <stdlib.h>
#include <string.h>

static const char rules_text[] =
    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
    "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    "-A INPUT -p tcp -m tcp --dport 21 --tcp-flags SYN,RST,ACK,FIN SYN -j ACCEPT\n"
    "-A INPUT -p tcp -m tcpmss --mss 1:1000 -j DROP\nCOMMIT\n";

static void tell(const struct replay *r, FILE *out)
{
    const struct story_text_options options = {.verbose = true};

    replay_tell_text(r, &options, out);
    replay_tell_json(r, out);
    story_tell_text(r->story, &options, out);
    story_tell_svg(r->story, out);
    story_tell_html(r->story, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay_options options = {0};
    struct rules *rules = NULL;
    struct rules_error error;
    struct replay *replay = NULL;
    char *message = NULL, *text = NULL;
    size_t text_size;

    if (size < 2)
        return 0;
    play_defaults(&options.play);
    options.play.where = data[0] % 3;
    options.play.manner = data[0] & 4 ? TRACK_ROBUST : TRACK_LINUX;
    options.play.rules_name = "rules";
    if (data[0] & 8 && rules_read(rules_text, strlen(rules_text), "rules", 0, &rules, &error))
        abort();

    FILE *capture = fmemopen((void *)(data + 1), size - 1, "rb");
    if (!capture)
        abort();
    if (replay_capture(capture, "capture", rules, &options, &replay, &message) == 0) {
        FILE *out = open_memstream(&text, &text_size);

        if (!out)
            abort();
        tell(replay, out);
        fclose(out);
        free(text);
        replay_free(&replay);
    }
    free(message);
    rules_free(&rules);
    return 0;
}
