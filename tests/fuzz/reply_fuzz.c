/* SPDX-License-Identifier: BSD-2-Clause */

/* What a server says, line by line. What is read off a whole reply lies within it, and is what it may be. */
#include "ftp/reply.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void look_at(const struct ftp_reply *r)
{
    struct ftp_address there;
    char path[64], *last = ftp_reply_last_line(r);
    uint64_t size;
    int64_t time;

    MUST(r->code >= 100 && r->code < 600 && strlen(r->text) == r->len && r->text[r->len - 1] == '\n');
    MUST(last && !strchr(last, '\n') && strlen(last) < r->len);
    free(last);
    if (ftp_reply_passive(r, &there))
        MUST(there.port != 0);
    if (ftp_reply_path(r, path, sizeof(path)))
        MUST(strnlen(path, sizeof(path)) < sizeof(path));
    (void)ftp_reply_extended_port(r);
    (void)ftp_reply_size(r, &size);
    (void)ftp_reply_time(r, &time);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = strndup((const char *)bytes, len), *rest = text, *line;
    struct ftp_reply r = {0};

    while ((line = strsep(&rest, "\n"))) {
        enum ftp_reply_state state = ftp_reply_add(&r, line);
        if (state == FTP_REPLY_WHOLE)
            look_at(&r);
        if (state != FTP_REPLY_MORE)
            ftp_reply_clear(&r);
    }
    ftp_reply_clear(&r);
    free(text);
    return 0;
}
