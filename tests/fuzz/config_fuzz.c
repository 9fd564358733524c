/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A configuration file: whatever it says, reading it tells only clean lines, and what was read can be written
 * and read again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void tell(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    for (const char *p = remark->text; *p; p++)
        require((unsigned char)*p >= ' ');
}

static void check_round_trip(const struct config *c)
{
    struct config *again = config_new();
    char *text = config_text(c);
    require(config_parse(again, "again", text, strlen(text), tell, NULL) == 0);
    char *text_again = config_text(again);
    require(strcmp(text, text_again) == 0);
    free(text);
    free(text_again);
    config_free(&again);
}

static void check_passive_address(const struct config *c, const uint8_t *data, size_t size)
{
    unsigned char peer[16] = {[10] = 0xff, [11] = 0xff}, address[4];
    if (size >= 4)
        memcpy(peer + 12, data, 4);
    config_passive_address(c, peer, address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = config_new();
    if (config_parse(c, "fuzz", (const char *)data, size, tell, NULL) == 0) {
        config_check(c, "fuzz", tell, NULL);
        check_round_trip(c);
        check_passive_address(c, data, size);
        struct config *copy = config_copy(c);
        config_free(&copy);
    }
    config_free(&c);

    char *assignment = strndup((const char *)data, size);
    c = config_new();
    config_set(c, assignment, tell, NULL);
    config_free(&c);
    free(assignment);
    return 0;
}
