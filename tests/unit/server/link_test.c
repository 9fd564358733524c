/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/link.h"

#include "server/messages.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_HEARD = 512,
    PATIENCE_SECONDS = 2,
    FULL_MESSAGES = 200, /* far more than a small socket holds */
};

/* One end, and what it heard. */
struct end {
    struct link *link;
    struct event_base *base;
    uint32_t ids[MOST_HEARD];
    unsigned heard, last_len, ended;
    int error;
    unsigned enough;      /* messages after which the loop stops; 0: at the end */
    unsigned free_at;     /* frees its link in the callback for this message, 0: never */
    bool free_when_ended; /* ...or in on_ended */
    bool fds_wrong;
    struct end *answers; /* replies to each message through this end's link */
};

struct fixture {
    struct event_base *base;
    int pair[2]; /* not yet a link's */
    struct end monitor, worker;
    int open_before;
};

static int count_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* A descriptor's content is the id of its message. */
static bool is_fd_of(int fd, uint32_t id)
{
    uint32_t content = ~id;
    return pread(fd, &content, sizeof(content), 0) == sizeof(content) && content == id;
}

static int send_to(struct link *l, uint16_t type, uint32_t id, size_t len, int fd)
{
    static const uint8_t payload[2 * IPC_PACKET_MAX];
    const struct ipc_message m = {.type = type, .id = id, .payload = payload, .len = len, .fd = fd};
    return link_send(l, &m);
}

static int send_file(struct link *l, uint16_t type, uint32_t id)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &id, sizeof(id)), sizeof(id));
    int r = send_to(l, type, id, 1, fd);
    close(fd);
    return r;
}

static void on_message(void *ctx, const struct ipc_message *m)
{
    struct end *e = ctx;
    if (e->heard < MOST_HEARD)
        e->ids[e->heard] = m->id;
    e->heard++;
    e->last_len = (unsigned)m->len;
    if (m->fd >= 0) {
        e->fds_wrong |= !is_fd_of(m->fd, m->id);
        close(m->fd);
    }
    if (e->answers)
        (void)send_to(e->link, MSG_LOGOUT, m->id, 0, -1);
    if (e->heard == e->free_at)
        link_free(&e->link);
    if (e->heard == e->enough)
        event_base_loopbreak(e->base);
}

static void on_ended(void *ctx, int error)
{
    struct end *e = ctx;
    e->ended++;
    e->error = error;
    if (e->free_when_ended)
        link_free(&e->link);
    if (e->enough == 0)
        event_base_loopbreak(e->base);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->open_before = count_open();
    f->base = event_base_new();
    assert_non_null(f->base);
    assert_int_equal(ipc_pair(f->pair), 0);
    f->monitor.base = f->worker.base = f->base;
    *state = f;
    return 0;
}

/* Whatever the test did, no descriptor may be left. */
static int tear_down(void **state)
{
    struct fixture *f = *state;
    link_free(&f->monitor.link);
    link_free(&f->worker.link);
    for (int i = 0; i < 2; i++)
        if (f->pair[i] >= 0)
            close(f->pair[i]);
    event_base_free(f->base);
    int leaked = count_open() - f->open_before;
    free(f);
    return leaked;
}

static void open_monitor(struct fixture *f)
{
    f->monitor.link = link_new(f->base, f->pair[0], TO_MONITOR, on_message, on_ended, &f->monitor);
    assert_non_null(f->monitor.link);
    f->pair[0] = -1;
}

static void open_worker(struct fixture *f)
{
    f->worker.link = link_new(f->base, f->pair[1], TO_WORKER, on_message, on_ended, &f->worker);
    assert_non_null(f->worker.link);
    f->pair[1] = -1;
}

/* Until an end has heard enough, bounded in time. */
static void run(struct fixture *f)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    assert_int_equal(event_base_loopexit(f->base, &patience), 0);
    assert_true(event_base_dispatch(f->base) >= 0);
}

/* What can be done at once, and no waiting. */
static void run_a_little(struct fixture *f)
{
    for (int i = 0; i < 20; i++)
        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static void shrink(int sock)
{
    const int least = 1;
    assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
}

/* Is the socket full, so that messages wait inside the link? Asked before anyone reads. */
static bool is_full(int sock)
{
    const struct ipc_message m = {.type = MSG_LOGOUT, .fd = -1};
    return ipc_send(sock, &m) == -EAGAIN;
}

static void expect_in_order(const struct end *e, unsigned count)
{
    assert_int_equal(e->heard, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(e->ids[i], i + 1);
    assert_false(e->fds_wrong);
}

/* --- messages ---------------------------------------------------------------------------------------- */

static void test_both_ways(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    open_worker(f);
    f->worker.answers = &f->monitor;
    f->monitor.enough = 3;
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, id, 4, -1), 0);
    run(f);
    expect_in_order(&f->worker, 3);
    assert_int_equal(f->worker.last_len, 4);
    expect_in_order(&f->monitor, 3);
    assert_int_equal(f->monitor.last_len, 0);
    assert_int_equal(f->monitor.ended + f->worker.ended, 0);
}

static void test_descriptor_stays_the_senders(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    open_worker(f);
    f->worker.enough = 1;
    uint32_t id = 1;
    int fd = memfd_create("message", MFD_CLOEXEC);
    assert_int_equal(write(fd, &id, sizeof(id)), sizeof(id));
    assert_int_equal(send_to(f->monitor.link, MSG_LISTENER, id, 3, fd), 0);
    run(f);
    expect_in_order(&f->worker, 1);
    assert_true(is_fd_of(fd, id));
    close(fd);
}

static void test_longest_message(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    open_worker(f);
    f->worker.enough = 1;
    assert_int_equal(send_to(f->monitor.link, MSG_LOGIN_REPLY, 1, 8192, -1), 0);
    run(f);
    expect_in_order(&f->worker, 1);
    assert_int_equal(f->worker.last_len, 8192);
    assert_int_equal(send_to(f->monitor.link, MSG_LOGIN_REPLY, 2, IPC_PACKET_MAX, -1), -EMSGSIZE);
}

/* --- queueing ---------------------------------------------------------------------------------------- */

static void test_full_socket_delivers_in_order(void **state)
{
    struct fixture *f = *state;
    int sock = f->pair[0];
    shrink(sock);
    open_monitor(f);
    for (uint32_t id = 1; id <= FULL_MESSAGES; id++)
        assert_int_equal(send_file(f->monitor.link, MSG_LISTENER, id), 0);
    assert_true(is_full(sock));
    open_worker(f);
    f->worker.enough = FULL_MESSAGES;
    run(f);
    expect_in_order(&f->worker, FULL_MESSAGES);
    f->worker.enough = FULL_MESSAGES + 1; /* the queue is empty again, and its event at rest */
    assert_int_equal(send_file(f->monitor.link, MSG_LISTENER, FULL_MESSAGES + 1), 0);
    run(f);
    expect_in_order(&f->worker, FULL_MESSAGES + 1);
}

static void test_new_messages_stay_behind_queued_ones(void **state)
{
    struct fixture *f = *state;
    uint8_t buffer[IPC_PACKET_MAX];
    struct ipc_message m;
    shrink(f->pair[0]);
    open_monitor(f);
    for (uint32_t id = 1; id <= 100; id++)
        assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, id, 4, -1), 0);
    assert_int_equal(ipc_receive(f->pair[1], &server_protocol, TO_WORKER, buffer, &m), 0);
    assert_int_equal(m.id, 1); /* now there is room in the socket, but it is not for what comes next */
    for (uint32_t id = 101; id <= 110; id++)
        assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, id, 4, -1), 0);
    open_worker(f);
    f->worker.ids[f->worker.heard++] = m.id;
    f->worker.enough = 110;
    run(f);
    expect_in_order(&f->worker, 110);
}

/* A peer that never reads must not take all memory. */
static void test_queue_has_an_end(void **state)
{
    struct fixture *f = *state;
    int r = 0;
    shrink(f->pair[0]);
    open_monitor(f);
    for (uint32_t id = 1; r == 0 && id <= 100 * 1000; id++)
        r = send_to(f->monitor.link, MSG_DRAIN, id, 4, -1);
    assert_int_equal(r, -ENOMEM);
}

/* tear_down sees whether the queued descriptors went with it. */
static void test_free_drops_the_queue(void **state)
{
    struct fixture *f = *state;
    shrink(f->pair[0]);
    open_monitor(f);
    for (uint32_t id = 1; id <= FULL_MESSAGES; id++)
        assert_int_equal(send_file(f->monitor.link, MSG_LISTENER, id), 0);
    link_free(&f->monitor.link);
    assert_null(f->monitor.link);
}

static void test_busy_link_leaves_others_their_turn(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    open_worker(f);
    for (uint32_t id = 1; id <= FULL_MESSAGES; id++)
        assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, id, 4, -1), 0);
    assert_int_equal(send_to(f->worker.link, MSG_LOGOUT, 1, 0, -1), 0);
    assert_true(event_base_loop(f->base, EVLOOP_ONCE) >= 0);
    assert_int_equal(f->monitor.heard, 1);
    assert_true(f->worker.heard < FULL_MESSAGES);
    f->worker.enough = FULL_MESSAGES;
    run(f);
    expect_in_order(&f->worker, FULL_MESSAGES);
}

/* --- ends -------------------------------------------------------------------------------------------- */

static void test_free_inside_on_message(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    open_worker(f);
    f->worker.free_at = 2;
    for (uint32_t id = 1; id <= 5; id++)
        assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, id, 4, -1), 0);
    run(f);
    assert_null(f->worker.link);
    expect_in_order(&f->worker, 2);
    assert_int_equal(f->worker.ended, 0);
    assert_int_equal(f->monitor.ended, 1);
    assert_int_equal(f->monitor.error, -EPIPE);
}

static void test_closed_peer_is_told_once(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    close(f->pair[1]);
    f->pair[1] = -1;
    run(f);
    run_a_little(f);
    assert_int_equal(f->monitor.ended, 1);
    assert_int_equal(f->monitor.error, -EPIPE);
    assert_int_equal(send_to(f->monitor.link, MSG_DRAIN, 1, 4, -1), -EPIPE);
}

/* What a peer said before it went is heard; what it left unread makes the end no other one. */
static void test_last_words_of_a_closed_peer(void **state)
{
    struct fixture *f = *state;
    open_monitor(f);
    for (uint32_t id = 1; id <= 3; id++) {
        const struct ipc_message m = {.type = MSG_LOGOUT, .id = id, .fd = -1};
        assert_int_equal(ipc_send(f->pair[1], &m), 0);
    }
    close(f->pair[1]);
    f->pair[1] = -1;
    f->monitor.free_when_ended = true;
    run(f);
    expect_in_order(&f->monitor, 3);
    assert_int_equal(f->monitor.ended, 1);
    assert_int_equal(f->monitor.error, -EPIPE);
    assert_null(f->monitor.link);
}

static void test_peer_closed_with_a_queue_waiting(void **state)
{
    struct fixture *f = *state;
    shrink(f->pair[0]);
    open_monitor(f);
    for (uint32_t id = 1; id <= FULL_MESSAGES; id++)
        assert_int_equal(send_file(f->monitor.link, MSG_LISTENER, id), 0);
    close(f->pair[1]);
    f->pair[1] = -1;
    run(f);
    run_a_little(f);
    assert_int_equal(f->monitor.ended, 1);
    assert_int_equal(f->monitor.error, -EPIPE);
}

/* Sends raw bytes as one packet, then something legal, which must not be heard any more. */
static void expect_violation(struct fixture *f, const void *packet, size_t len)
{
    const struct ipc_message legal = {.type = MSG_LOGOUT, .id = 2, .fd = -1};
    const struct ipc_message first = {.type = MSG_LOGOUT, .id = 1, .fd = -1};
    open_monitor(f);
    assert_int_equal(ipc_send(f->pair[1], &first), 0);
    assert_int_equal(send(f->pair[1], packet, len, MSG_NOSIGNAL), (ssize_t)len);
    assert_int_equal(ipc_send(f->pair[1], &legal), 0);
    run(f);
    run_a_little(f);
    expect_in_order(&f->monitor, 1);
    assert_int_equal(f->monitor.ended, 1);
    assert_int_equal(f->monitor.error, -EPROTO);
}

static void test_short_packet(void **state)
{
    expect_violation(*state, "\1\2\3", 3);
}

static void test_unknown_type(void **state)
{
    const uint16_t packet[4] = {MSG_COUNT};
    expect_violation(*state, packet, sizeof(packet));
}

static void test_wrong_direction(void **state)
{
    const uint16_t packet[4] = {MSG_NO_LISTENER};
    expect_violation(*state, packet, sizeof(packet));
}

static void test_missing_descriptor(void **state)
{
    const uint16_t packet[4] = {MSG_CHOWN};
    expect_violation(*state, packet, sizeof(packet));
}

static void test_too_long_payload(void **state)
{
    const uint16_t packet[5] = {MSG_LOGOUT};
    expect_violation(*state, packet, sizeof(packet));
}

static void test_free_inside_on_ended(void **state)
{
    struct fixture *f = *state;
    f->monitor.free_when_ended = true;
    expect_violation(f, "", 1);
    assert_null(f->monitor.link);
}

static void test_free_of_nothing(void **state)
{
    struct link *none = NULL;
    (void)state;
    link_free(&none);
    assert_null(none);
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(test_both_ways),
        LINK_TEST(test_descriptor_stays_the_senders),
        LINK_TEST(test_longest_message),
        LINK_TEST(test_full_socket_delivers_in_order),
        LINK_TEST(test_new_messages_stay_behind_queued_ones),
        LINK_TEST(test_queue_has_an_end),
        LINK_TEST(test_free_drops_the_queue),
        LINK_TEST(test_busy_link_leaves_others_their_turn),
        LINK_TEST(test_free_inside_on_message),
        LINK_TEST(test_closed_peer_is_told_once),
        LINK_TEST(test_last_words_of_a_closed_peer),
        LINK_TEST(test_peer_closed_with_a_queue_waiting),
        LINK_TEST(test_short_packet),
        LINK_TEST(test_unknown_type),
        LINK_TEST(test_wrong_direction),
        LINK_TEST(test_missing_descriptor),
        LINK_TEST(test_too_long_payload),
        LINK_TEST(test_free_inside_on_ended),
        cmocka_unit_test(test_free_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
