/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/condition/read.h"

struct visitor {
    condition_visit *visit;
    void *arg;
};

static bool tell(void *arg, const struct condition *c)
{
    const struct visitor *v = arg;

    return v->visit(v->arg, c);
}

#define CONDITION_VISIT tell
#include "verdict/condition/reading.h"

bool condition_read(const struct rules_rule *rule, uint8_t family, condition_visit *visit, void *arg)
{
    struct visitor v = {visit, arg};

    return condition_read_inline(rule, family, &v);
}
