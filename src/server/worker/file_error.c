/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/file_error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What is answered in other words than the command's own. */
static const struct {
    int error, code;
    const char *text;
} special[] = {
    {EPERM, 550, "Permission denied."},
    {EPIPE, 451, "The file service ended unexpectedly. Please try again."},
    {EAGAIN, 450, "Another transfer is using this file. Please try again."},
    {EIO, 451, "Input/output error on the server's disk."},
    {ENODATA, 451, "The file became shorter while it was sent."},
    {ESTALE, 451, "The server's file system went away."},
    {ENOMEM, 451, "The server is out of memory. Please try again."},
    {EMFILE, 451, "The server has too many files open. Please try again."},
    {ENFILE, 451, "The server has too many files open. Please try again."},
    {ENOSPC, 452, "No space left on the server's disk."},
    {EDQUOT, 552, "Quota exceeded."},
    {E2BIG, 451, "There is more than one listing can tell."},
    {ERANGE, 550, "The file system can't keep this time."},
    {EFBIG, 552, "File too large for the server's disk."},
};

/* Reasons that a client may read after the command's own words. "No such file" is what vsftpd's words mean without. */
static const int told[] = {EACCES,       EROFS, EEXIST, EISDIR, ENOTDIR, ENOTEMPTY,
                           ENAMETOOLONG, ELOOP, EXDEV,  EBUSY,  EMLINK};

const char *file_error_text(int error)
{
    const char *text = strerrordesc_np(error);
    if (error == EPIPE)
        return "the broker died";
    return text ? text : "an error that has no name";
}

static bool is_told(int error)
{
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (told[i] == error)
            return true;
    }
    return false;
}

int file_error_answer(int error, int code, const char *words, char *text, size_t cap)
{
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (special[i].error == error) {
            (void)snprintf(text, cap, "%s", special[i].text);
            return special[i].code;
        }
    }
    if (is_told(error))
        (void)snprintf(text, cap, "%s %s.", words, file_error_text(error));
    else
        (void)snprintf(text, cap, "%s", words);
    return code;
}
