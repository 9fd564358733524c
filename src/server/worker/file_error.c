/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/file_error.h"

#include <errno.h>

static const struct {
    int error, code;
    const char *text;
} special[] = {
    {EPERM, 550, "Permission denied."},
    {EPIPE, 451, "The file service ended unexpectedly. Please try again."},
    {EAGAIN, 450, "Another transfer is using this file. Please try again."},
    {EIO, 451, "Input/output error on the server's disk."},
    {ESTALE, 451, "The server's file system went away."},
    {ENOMEM, 451, "The server is out of memory. Please try again."},
    {EMFILE, 451, "The server has too many files open. Please try again."},
    {ENFILE, 451, "The server has too many files open. Please try again."},
    {ENOSPC, 452, "No space left on the server's disk."},
    {EDQUOT, 552, "Quota exceeded."},
    {EFBIG, 552, "File too large for the server's disk."},
};

void file_error_reply(struct session *s, uint32_t error, int code, const char *text)
{
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (special[i].error == (int)error) {
            reply(s, special[i].code, "%s", special[i].text);
            return;
        }
    }
    reply(s, code, "%s", text);
}
