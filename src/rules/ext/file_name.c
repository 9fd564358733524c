/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/ext/file_name.h"

#include <string.h>

int rules_parse_file_name(struct rules_parse *p, const char *word, char *dst, size_t size)
{
    if (*word == '\0' || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 ||
        strpbrk(word, "/ \t\n\"'\\") != NULL)
        return rules_fail(p,
                          "\"%s\" is no name here: the kernel makes a file of it; expected a name without "
                          "slashes, blanks and quotes",
                          word);
    memset(dst, 0, size);
    return rules_parse_text(p, word, dst, size);
}
