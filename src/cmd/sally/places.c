/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/sally/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *variable, *below_home;
} places[] = {
    [PLACE_CONFIG] = {"XDG_CONFIG_HOME", ".config"}, [PLACE_STATE] = {"XDG_STATE_HOME", ".local/state"}};

char *place_of(enum place place, const char *name)
{
    const char *set = getenv(places[place].variable), *home = getenv("HOME");
    char *file;
    int n;

    if (set && *set == '/')
        n = asprintf(&file, "%s/sally/%s", set, name);
    else if (home && *home == '/')
        n = asprintf(&file, "%s/%s/sally/%s", home, places[place].below_home, name);
    else
        return NULL;
    return n < 0 ? NULL : file;
}

char *place_made(enum place place, const char *name)
{
    char *file = place_of(place, name);

    for (char *slash = file ? strchr(file + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)!mkdir(file, 0700); /* it may be there; whoever opens the file hears of anything else */
        *slash = '/';
    }
    return file;
}
