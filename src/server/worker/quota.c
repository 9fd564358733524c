/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/quota.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of quotas and what is not atomic in them */
static struct quota *quotas;                             /* by user */

static struct quota *make(const char *user)
{
    struct quota *q = calloc(1, sizeof(*q));
    if (!q || !(q->user = strdup(user))) {
        free(q);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, quotas, q->user, strlen(q->user), q);
    return q;
}

struct quota *quota_ref(const char *user, bool may_make)
{
    struct quota *q;
    pthread_mutex_lock(&lock);
    HASH_FIND_STR(quotas, user, q);
    if (!q && may_make)
        q = make(user);
    if (q)
        q->refs++;
    pthread_mutex_unlock(&lock);
    return q;
}

void quota_unref(struct quota **quota)
{
    struct quota *q = *quota;
    *quota = NULL;
    if (!q)
        return;
    pthread_mutex_lock(&lock);
    if (--q->refs > 0)
        q = NULL;
    else
        HASH_DEL(quotas, q);
    pthread_mutex_unlock(&lock);
    if (q)
        free(q->user);
    free(q);
}

void quota_count(struct quota *q, long long bytes, long long files)
{
    pthread_mutex_lock(&lock);
    if (!q->counted) {
        q->bytes = bytes;
        q->files = files;
        q->counted = true;
    }
    pthread_mutex_unlock(&lock);
}
