/* SPDX-License-Identifier: BSD-2-Clause */
#include "fragments.h"

#include "packet/decode.h"
#include "packet/reassemble.h"

#include <stdlib.h>

enum { REASSEMBLY = 1 << 22 };

struct fragments {
    struct packet_reassembler *reassembler; /* NULL: they go on as they come */
};

struct fragments *fragments_new(bool makes_whole)
{
    struct fragments *f = calloc(1, sizeof(*f));

    if (!f)
        die("out of memory");
    if (makes_whole && !(f->reassembler = packet_reassembler_new(REASSEMBLY)))
        die("out of memory");
    return f;
}

void fragments_free(struct fragments **f)
{
    if ((*f)->reassembler)
        packet_reassembler_free(&(*f)->reassembler);
    free(*f);
    *f = NULL;
}

/* Sums are checked only of what comes from outside. */
bool fragments_read(struct fragments *f, const struct step *step, uint64_t now, struct packet *ret)
{
    bool check = step->path != WALL_OUT;
    struct packet arrived;

    if (packet_decode(step->bytes, step->size, check, &arrived) < 0)
        return false;
    if (!f->reassembler) {
        *ret = arrived;
        return true;
    }
    return packet_reassemble(f->reassembler, &arrived, now, ret) == 1 &&
           packet_decode(ret->bytes, ret->captured, check, ret) == 0;
}
