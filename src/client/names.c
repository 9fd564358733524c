/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in another encoding (site.encoding) than this machine's, on their way to the server and back. */
#include "client/private.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

static const iconv_t none = (iconv_t)-1;

int client_names_open(struct client *c)
{
    c->to_server = c->from_server = none;
    if (!c->site.encoding)
        return 0;
    c->to_server = iconv_open(c->site.encoding, nl_langinfo(CODESET));
    if (c->to_server == none)
        return -errno;
    c->from_server = iconv_open(nl_langinfo(CODESET), c->site.encoding);
    return c->from_server == none ? -errno : 0;
}

void client_names_close(struct client *c)
{
    if (c->to_server != none)
        iconv_close(c->to_server);
    if (c->from_server != none)
        iconv_close(c->from_server);
    c->to_server = c->from_server = none;
}

/* NULL: errno says why. */
static char *convert(iconv_t with, const char *text, size_t len, size_t *ret_len)
{
    size_t cap = with == none ? len : 4 * len + 16, room = cap;
    char *out = malloc(cap + 1), *to = out, *from = (char *)(uintptr_t)text; /* which iconv does not change */

    if (!out)
        return NULL;
    if (with == none) {
        memcpy(out, text, len);
        to += len;
    } else {
        iconv(with, NULL, NULL, NULL, NULL); /* begins anew */
        if (iconv(with, &from, &len, &to, &room) == (size_t)-1 ||
            iconv(with, NULL, NULL, &to, &room) == (size_t)-1) {
            int error = errno;
            free(out);
            errno = error == EINVAL ? EILSEQ : error;
            return NULL;
        }
    }
    *to = '\0';
    *ret_len = (size_t)(to - out);
    return out;
}

char *client_name_out(const struct client *c, const char *text)
{
    size_t len;

    return convert(c->to_server, text, strlen(text), &len);
}

char *client_name_in(const struct client *c, const char *text, size_t len, size_t *ret_len)
{
    return convert(c->from_server, text, len, ret_len);
}
