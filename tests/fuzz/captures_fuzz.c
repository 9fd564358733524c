/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file, packed or not, through its reader, link headers, reassembly, the survey of what is said,
 * tracking in both manners, rules, and all tellers; kept, and streamed. */
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

static FILE *open_input(const uint8_t *data, size_t size)
{
    FILE *capture = fmemopen((void *)(data + 1), size - 1, "rb");

    if (!capture)
        abort();
    return capture;
}

/* As sallywall replay does it. */
static void stream(const uint8_t *data, size_t size, const struct rules *rules,
                   struct replay_options *options)
{
    struct story_text_options text = {0};
    struct replay_teller teller;
    struct replay *replay = NULL;
    char *message = NULL;
    FILE *out = fopen("/dev/null", "w");

    if (!out)
        abort();
    replay_teller_init(&teller, data[0] & 32 ? REPLAY_TEXT : REPLAY_STORY_JSON, &text, out);
    options->streamed = true;
    options->listener = &teller.listener;
    if (replay_capture(open_input(data, size), "capture", rules, options, &replay, &message) == 0)
        replay_teller_end(&teller, replay);
    replay_free(&replay);
    free(message);
    fclose(out);
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

    if (data[0] & 16) {
        stream(data, size, rules, &options);
    } else if (replay_capture(open_input(data, size), "capture", rules, &options, &replay, &message) == 0) {
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
