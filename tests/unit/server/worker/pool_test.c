/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/transfer_harness.h"

/* --- the pool ---------------------------------------------------------------------------------------- */

enum { POOL_TRANSFERS = 50, POOL_BYTES = 1000 };

static struct {
    struct event_base *base;
    struct transfer *transfers[POOL_TRANSFERS];
    unsigned ends[POOL_TRANSFERS];
    unsigned ended, unknown, still_running;
} pool_seen;

static void on_end(struct transfer *t)
{
    size_t i = 0;
    while (i < POOL_TRANSFERS && pool_seen.transfers[i] != t)
        i++;
    if (i < POOL_TRANSFERS)
        pool_seen.ends[i]++;
    else
        pool_seen.unknown++;
    pool_seen.still_running += t->running;
    if (++pool_seen.ended == POOL_TRANSFERS)
        event_base_loopbreak(pool_seen.base);
}

/* A transfer with all that its peer has to say already said; the peer's end. */
static int prepare_for_pool(size_t i, const char *content)
{
    static const enum transfer_kind kinds[] = {TRANSFER_SEND, TRANSFER_RECEIVE, TRANSFER_HASH};
    struct transfer *t = pool_seen.transfers[i] = transfer_new(kinds[i % COUNT(kinds)]);
    int pair[2] = {-1, -1};
    assert_non_null(t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    t->file = make_file(content, t->kind == TRANSFER_RECEIVE ? 0 : POOL_BYTES);
    t->data = pair[0];
    if (t->kind == TRANSFER_RECEIVE) {
        assert_int_equal(send(pair[1], content, POOL_BYTES, MSG_NOSIGNAL), POOL_BYTES);
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
    }
    assert_int_equal(lseek(t->file, 0, SEEK_SET), 0);
    return pair[1];
}

static void run_pool_once(void)
{
    const struct timeval patience = {.tv_sec = 2}, short_while = {.tv_usec = 50 * 1000};
    int peers[POOL_TRANSFERS];
    char *content = content_of(POOL_BYTES);
    struct event_base *base = pool_seen.base;
    memset(&pool_seen, 0, sizeof(pool_seen));
    pool_seen.base = base;
    for (size_t i = 0; i < POOL_TRANSFERS; i++)
        peers[i] = prepare_for_pool(i, content);
    for (size_t i = 0; i < POOL_TRANSFERS; i++)
        assert_int_equal(transfer_start(pool_seen.transfers[i]), 0);
    assert_int_equal(event_base_loopexit(base, &patience), 0);
    assert_true(event_base_dispatch(base) >= 0);
    assert_int_equal(event_base_loopexit(base, &short_while), 0); /* would one come twice? */
    assert_true(event_base_dispatch(base) >= 0);
    assert_int_equal(pool_seen.ended, POOL_TRANSFERS);
    assert_int_equal(pool_seen.unknown, 0);
    assert_int_equal(pool_seen.still_running, 0);
    for (size_t i = 0; i < POOL_TRANSFERS; i++) {
        struct transfer *t = pool_seen.transfers[i];
        assert_int_equal(pool_seen.ends[i], 1);
        expect_end(t, TRANSFER_DONE, 0);
        assert_int_equal(atomic_load(&t->moved), POOL_BYTES);
        transfer_free(&t);
        close(peers[i]);
    }
    free(content);
}

/* The second time, threads of the first are idle and take what comes. */
static void test_pool(void **state)
{
    (void)state;
    run_pool_once();
    run_pool_once();
}

static void test_pool_aborts_all(void **state)
{
    const struct timeval patience = {.tv_sec = 2};
    int peers[POOL_TRANSFERS];
    struct event_base *base = pool_seen.base;
    (void)state;
    memset(&pool_seen, 0, sizeof(pool_seen));
    pool_seen.base = base;
    for (size_t i = 0; i < POOL_TRANSFERS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pool_seen.transfers[i] = transfer_new(TRANSFER_RECEIVE);
        assert_non_null(pool_seen.transfers[i]);
        pool_seen.transfers[i]->file = make_file("", 0);
        pool_seen.transfers[i]->data = pair[0];
        peers[i] = pair[1];
        assert_int_equal(transfer_start(pool_seen.transfers[i]), 0);
    }
    for (size_t i = 0; i < POOL_TRANSFERS; i++)
        transfer_abort(pool_seen.transfers[i]);
    assert_int_equal(event_base_loopexit(base, &patience), 0);
    assert_true(event_base_dispatch(base) >= 0);
    assert_int_equal(pool_seen.ended, POOL_TRANSFERS);
    for (size_t i = 0; i < POOL_TRANSFERS; i++) {
        assert_int_equal(pool_seen.ends[i], 1);
        assert_int_equal(pool_seen.transfers[i]->result, TRANSFER_ABORTED);
        transfer_free(&pool_seen.transfers[i]);
        close(peers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool), /* its threads keep pipes: no counting of descriptors */
        cmocka_unit_test(test_pool_aborts_all),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does; sendfile has no MSG_NOSIGNAL */
    pool_seen.base = event_base_new();
    if (!pool_seen.base || transfer_pool_init(pool_seen.base, on_end) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
