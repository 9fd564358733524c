/* SPDX-License-Identifier: BSD-2-Clause */
#include "speech/language.h"
#include "speech/speech.h"

#include "korean.h" /* by the build, of po/ko.po */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct language {
    const char *name;
    const char *const *catalogue;
} languages[] = {{"en", NULL}, {"ko", korean}, {"C", NULL}, {"POSIX", NULL}};

static const struct language *_Atomic spoken = &languages[0];

const char *const *speech_catalogue(void)
{
    return spoken->catalogue;
}

const char *speech_language(void)
{
    return spoken->catalogue ? spoken->name : "en";
}

/* Texts are UTF-8: in a locale that says it has other characters, ko_KR.EUC-KR, they could not be read. */
static bool has_our_characters(const char *locale)
{
    const char *dot = strchr(locale, '.');
    size_t size = dot ? strcspn(dot + 1, "@") : 0;

    return !dot || (size == 5 && strncasecmp(dot + 1, "UTF-8", 5) == 0) ||
           (size == 4 && strncasecmp(dot + 1, "utf8", 4) == 0);
}

/* ll[_CC][.CODESET][@MODIFIER], of which size bytes at name. */
static const struct language *find(const char *name, size_t size)
{
    char locale[64];

    if (size >= sizeof(locale))
        return NULL;
    memcpy(locale, name, size);
    locale[size] = '\0';
    size_t length = strcspn(locale, "_.@");
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
        const struct language *l = &languages[i];
        if (strlen(l->name) == length && strncmp(locale, l->name, length) == 0)
            return l->catalogue && !has_our_characters(locale) ? NULL : l;
    }
    return NULL;
}

bool speech_speak(const char *language)
{
    const struct language *found = find(language, strlen(language));

    if (found)
        spoken = found;
    return found;
}

static const char *locale_of_environment(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return value;
    }
    return "";
}

/* The first of a list "de:ko:en" that there is. */
static const struct language *find_first(const char *list)
{
    const struct language *found = NULL;

    while (*list && !found) {
        size_t size = strcspn(list, ":");
        found = find(list, size);
        list += size + (list[size] == ':');
    }
    return found;
}

void speech_speak_locale(void)
{
    const char *locale = locale_of_environment(), *list = getenv("LANGUAGE");
    const struct language *of_locale = find(locale, strlen(locale)), *found = NULL;
    bool is_c = of_locale && isupper((unsigned char)of_locale->name[0]);

    if (list && !is_c && has_our_characters(locale))
        found = find_first(list);
    spoken = found ? found : of_locale ? of_locale : &languages[0];
}
