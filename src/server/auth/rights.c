/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/rights.h"

#include <errno.h>

static const struct {
    char letter;
    uint32_t rights;
} letter_table[] = {
    {'r', RIGHT_READ | RIGHT_LIST},
    {'w', RIGHT_STORE | RIGHT_REPLACE | RIGHT_MKDIR | RIGHT_RENAME | RIGHT_CHMOD | RIGHT_TIMES},
    {'d', RIGHT_DELETE},
};

enum {
    LETTER_COUNT = sizeof(letter_table) / sizeof(letter_table[0]),
};

_Static_assert(LETTER_COUNT + 1 == RIGHTS_LETTERS_CAP, "one byte a letter, and the NUL");

int rights_parse(const char *letters, uint32_t *ret)
{
    uint32_t rights = 0;
    for (const char *at = letters; *at; at++) {
        uint32_t more = 0;
        for (int i = 0; i < LETTER_COUNT; i++)
            if (letter_table[i].letter == *at)
                more = letter_table[i].rights;
        if (more == 0 || (rights & more))
            return -EINVAL;
        rights |= more;
    }
    if (rights == 0)
        return -EINVAL;
    *ret = rights;
    return 0;
}

int rights_print(uint32_t rights, char out[RIGHTS_LETTERS_CAP])
{
    uint32_t said = 0;
    char text[RIGHTS_LETTERS_CAP] = "";
    size_t len = 0;
    for (int i = 0; i < LETTER_COUNT; i++) {
        if ((rights & letter_table[i].rights) != letter_table[i].rights)
            continue;
        said |= letter_table[i].rights;
        text[len++] = letter_table[i].letter;
    }
    if (said != rights || said == 0)
        return -EINVAL;
    for (size_t i = 0; i < RIGHTS_LETTERS_CAP; i++)
        out[i] = text[i];
    return 0;
}

uint32_t rights_of(const struct config *c, bool anonymous)
{
    uint32_t reading = (c->download_enable ? RIGHT_READ : 0) | (c->dirlist_enable ? RIGHT_LIST : 0);
    if (!c->write_enable)
        return reading;

    uint32_t times = c->mdtm_write ? RIGHT_TIMES : 0;
    if (anonymous) /* vsftpd.conf(5), chmod_enable: "Anonymous users never get to use SITE CHMOD" */
        return reading | (c->anon_upload_enable ? RIGHT_STORE : 0) |
               (c->anon_mkdir_write_enable ? RIGHT_MKDIR : 0) |
               (c->anon_other_write_enable ? RIGHT_REPLACE | RIGHT_RENAME | RIGHT_DELETE | times : 0);
    return reading | RIGHT_STORE | RIGHT_REPLACE | RIGHT_MKDIR | RIGHT_RENAME | RIGHT_DELETE | times |
           (c->chmod_enable ? RIGHT_CHMOD : 0);
}
