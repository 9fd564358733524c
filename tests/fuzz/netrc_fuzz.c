/* SPDX-License-Identifier: BSD-2-Clause */

/* A .netrc: host, user and text, with a line each before it. What is found is of the user who was asked for. */
#include "client/netrc.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = strndup((const char *)bytes, len), *rest = text;
    const char *host = strsep(&rest, "\n"), *user = rest ? strsep(&rest, "\n") : NULL;
    struct client_login login = {.user = NULL};

    if (rest) {
        const char *wanted = *user ? user : NULL;
        int r = client_netrc_find(rest, host, wanted, &login);
        MUST(r == 1 || (!login.user && !login.password));
        if (r == 1 && wanted)
            MUST(login.user && strcmp(login.user, wanted) == 0);
        client_login_free(&login);
    }
    free(text);
    return 0;
}
