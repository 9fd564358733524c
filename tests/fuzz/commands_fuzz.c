/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

/* Command lines, one a line, words parted by blanks, on one rule set; the first byte chooses the family. One
 * that fails leaves the rule set as it was; after one that does not, the rule set can be saved and read
 * again. */

enum {
    WORDS_MAX = 64,
    COMMANDS_MAX = 12,
};

static void check_saved(const struct rules *r)
{
    struct rules *again = NULL;
    struct rules_error error = {0};
    char *text = rules_save(r, NULL, RULES_SAVE_COUNTERS);

    int rc = rules_read(text, strlen(text), "saved", r->family, &again, &error);
    /* Loops that no packet reaches can't be made reachable by a command, so whatever commands made is
     * readable. */
    if (rc || !rules_equal(r, again))
        fprintf(stderr, "%u:%u: %s\n%s", error.line, error.column, error.message, text);
    MUST(rc == 0);
    MUST(rules_equal(r, again));
    rules_free(&again);
    free(text);
}

static void run_command(struct rules *r, int argc, const char *const *argv)
{
    struct rules *before = rules_copy(r);
    struct rules_outcome outcome = {0};
    struct rules_error error = {0};

    int rc = rules_command(r, argc, argv, &outcome, &error);
    MUST(rc == 0 || rc == -22);
    if (rc || outcome.status) {
        MUST(error.message[0] && memchr(error.message, '\0', sizeof(error.message)));
        MUST(rules_equal(r, before));
        MUST(!outcome.changed && !outcome.output);
    } else {
        MUST(outcome.changed || rules_equal(r, before));
        check_saved(r);
    }
    free(outcome.output);
    rules_free(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || memchr(data, '\0', size))
        return 0;
    struct rules *r = rules_new(data[0] & 1 ? PACKET_IPV6 : PACKET_IPV4);
    char *text = strndup((const char *)data + 1, size - 1);
    char *rest_of_lines = NULL;
    unsigned commands = 0;

    for (char *line = strtok_r(text, "\n", &rest_of_lines); line && commands < COMMANDS_MAX;
         line = strtok_r(NULL, "\n", &rest_of_lines), commands++) {
        const char *argv[WORDS_MAX];
        char *rest = NULL;
        int argc = 0;
        for (char *word = strtok_r(line, " ", &rest); word && argc < WORDS_MAX;
             word = strtok_r(NULL, " ", &rest))
            argv[argc++] = word;
        run_command(r, argc, argv);
    }
    free(text);
    rules_free(&r);
    return 0;
}
