/* SPDX-License-Identifier: BSD-2-Clause */
#include "track/native/parts.h"

#include <stdlib.h>

size_t tracker_flow_count(const struct tracker *t)
{
    return t->table.used;
}

size_t tracker_memory(const struct tracker *t)
{
    return sizeof(*t) + table_memory(&t->table) + t->control_capacity * t->control_size +
           t->expectations.capacity * sizeof(struct expected);
}

const struct track_flow *tracker_find(const struct tracker *t, const struct track_tuple *tuple,
                                      uint64_t now_ms)
{
    enum track_direction direction;
    uint32_t slot = table_find(&t->table, tuple, table_hash(&t->table, tuple), &direction);

    if (slot == TABLE_NONE)
        return NULL;
    const struct track_flow *flow = table_flow(&t->table, slot);
    return flow->expires > now_ms && track_tuple_equal(&flow->tuple, tuple) ? flow : NULL;
}

static int compare_serials(const void *a, const void *b)
{
    const struct track_flow *const *x = a, *const *y = b;

    return ((*x)->serial > (*y)->serial) - ((*x)->serial < (*y)->serial);
}

/* Out of memory, the order is that of the pool. */
void tracker_each_flow(const struct tracker *t, bool (*visit)(void *arg, const struct track_flow *flow),
                       void *arg)
{
    const struct track_flow **flows = calloc(t->table.used + 1, sizeof(*flows));
    size_t count = 0;

    for (uint32_t slot = 1; slot <= t->table.top; slot++) {
        const struct track_flow *flow = table_flow(&t->table, slot);
        if (!table_has(&t->table, slot) ||
            (flow->status & (TRACK_CONFIRMED | TRACK_DYING)) != TRACK_CONFIRMED || flow->expires <= t->now)
            continue;
        if (flows)
            flows[count++] = flow;
        else if (!visit(arg, flow))
            return;
    }
    if (count)
        qsort(flows, count, sizeof(*flows), compare_serials);
    for (size_t i = 0; i < count; i++) {
        if (!visit(arg, flows[i]))
            break;
    }
    free(flows);
}

/* RFC 8446 section 5.1: a content type 20...23 (24: heartbeat) and version 3.x. */
bool track_payload_is_tls(const void *payload, size_t size)
{
    const uint8_t *p = payload;

    return size >= 3 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4;
}
