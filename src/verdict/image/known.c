/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/image/known.h"

#include <stdlib.h>

static bool grow(struct image_known *known)
{
    struct image_known next = {.count = known->count, .size = known->size ? known->size * 2 : 256};

    next.places = calloc(next.size, sizeof(*next.places));
    if (!next.places)
        return false;
    for (size_t i = 0; i < known->size; i++) {
        size_t place = known->places[i].hash & (next.size - 1);

        if (!known->places[i].offset)
            continue;
        while (next.places[place].offset)
            place = (place + 1) & (next.size - 1);
        next.places[place] = known->places[i];
    }
    free(known->places);
    *known = next;
    return true;
}

struct image_known_place *image_known_find(struct image_known *known, uint64_t hash, image_known_is *is,
                                           const void *arg)
{
    size_t place;

    if (known->count * 2 >= known->size && !grow(known))
        return NULL;
    for (place = hash & (known->size - 1); known->places[place].offset;
         place = (place + 1) & (known->size - 1))
        if (known->places[place].hash == hash && is(arg, known->places[place].offset))
            return &known->places[place];
    known->places[place].hash = hash;
    known->count++;
    return &known->places[place];
}

void image_known_fini(struct image_known *known)
{
    free(known->places);
    *known = (struct image_known){0};
}
