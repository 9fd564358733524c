/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct tracker *t)
{
    uint32_t capacity = t->control_capacity ? 2 * t->control_capacity : 16;
    uint8_t *controls = reallocarray(t->controls, capacity, t->control_size);

    if (!controls)
        return false;
    t->controls = controls;
    t->control_capacity = capacity;
    return true;
}

uint32_t tracker_control_new(struct tracker *t, uint32_t slot)
{
    uint32_t number = t->control_free;

    if (number) {
        t->control_free = tracker_control(t, number)->next_free;
    } else {
        if (t->control_top == t->control_capacity && !grow(t))
            return 0;
        number = ++t->control_top;
    }
    struct control *c = tracker_control(t, number);
    memset(c, 0, t->control_size);
    c->slot = slot;
    c->users = 1;
    return number;
}

void tracker_control_use(struct tracker *t, uint32_t number)
{
    tracker_control(t, number)->users++;
}

void tracker_control_unuse(struct tracker *t, uint32_t number)
{
    struct control *c = tracker_control(t, number);

    if (--c->users > 0)
        return;
    c->next_free = t->control_free;
    t->control_free = number;
}

const struct track_flow *tracker_flow(const struct tracker *t, uint32_t handle)
{
    if (handle == 0 || handle > t->control_top || tracker_control(t, handle)->users == 0)
        return NULL;
    uint32_t slot = tracker_control(t, handle)->slot;
    return slot == TABLE_NONE ? NULL : table_flow(&t->table, slot);
}
