/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/ascii.h"

size_t ftp_ascii_to_wire(struct ftp_ascii *state, const char *in, size_t len, char *out)
{
    char *at = out;
    bool after_cr = state->after_cr;
    for (size_t i = 0; i < len; i++) {
        if (in[i] == '\n' && !after_cr)
            *at++ = '\r';
        *at++ = in[i];
        after_cr = in[i] == '\r';
    }
    state->after_cr = after_cr;
    return (size_t)(at - out);
}

size_t ftp_ascii_from_wire(struct ftp_ascii *state, const char *in, size_t len, char *out)
{
    char *at = out;
    bool after_cr = state->after_cr;
    for (size_t i = 0; i < len; i++) {
        if (after_cr && in[i] != '\n')
            *at++ = '\r';
        after_cr = in[i] == '\r';
        if (!after_cr)
            *at++ = in[i];
    }
    state->after_cr = after_cr;
    return (size_t)(at - out);
}

size_t ftp_ascii_from_wire_end(struct ftp_ascii *state, char *out)
{
    if (!state->after_cr)
        return 0;
    state->after_cr = false;
    *out = '\r';
    return 1;
}
