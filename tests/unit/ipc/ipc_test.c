/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc/ipc.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOWN = 1, UP = 2 };
enum { PLAIN, WITH_FD, MAYBE_FD, UPWARD, BIG, TYPES };

static const struct ipc_rule rules[TYPES] = {
    [PLAIN] = {"PLAIN", DOWN, IPC_FD_NEVER, 16},         [WITH_FD] = {"WITH_FD", DOWN, IPC_FD_ALWAYS, 0},
    [MAYBE_FD] = {"MAYBE_FD", DOWN, IPC_FD_MAYBE, 4},    [UPWARD] = {"UPWARD", UP, IPC_FD_NEVER, 16},
    [BIG] = {"BIG", DOWN, IPC_FD_NEVER, IPC_PACKET_MAX},
};
static const struct ipc_protocol protocol = {rules, TYPES};

/* The header of a packet: type, serial, id. */
enum { HEADER = 8 };

struct fixture {
    int pair[2];
    int file; /* some descriptor to pass */
    int open_before;
    uint8_t buffer[IPC_PACKET_MAX];
};

static int count_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->open_before = count_open();
    assert_int_equal(ipc_pair(f->pair), 0);
    f->file = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(f->file >= 0);
    *state = f;
    return 0;
}

/* Whatever the test did, no descriptor may be left. */
static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++)
        if (f->pair[i] >= 0)
            close(f->pair[i]);
    close(f->file);
    int leaked = count_open() - f->open_before;
    free(f);
    return leaked;
}

static int say(struct fixture *f, uint16_t type, size_t len, int fd)
{
    static const uint8_t payload[IPC_PACKET_MAX];
    const struct ipc_message m = {
        .type = type, .serial = 7, .id = 4711, .payload = payload, .len = len, .fd = fd};
    return ipc_send(f->pair[0], &m);
}

static int hear(struct fixture *f, struct ipc_message *ret)
{
    return ipc_receive(f->pair[1], &protocol, DOWN, f->buffer, ret);
}

/* What is heard must break the protocol, leave the answer alone and leak nothing (see tear_down). */
static void assert_refused(struct fixture *f)
{
    struct ipc_message m, before;
    memset(&m, 0x5a, sizeof(m));
    before = m;
    assert_int_equal(hear(f, &m), -EPROTO);
    assert_memory_equal(&m, &before, sizeof(m));
}

/* A packet that ipc_send would not make. */
static void send_raw(struct fixture *f, const void *bytes, size_t len, const int *fds, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec part = {(void *)bytes, len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    assert_int_equal(sendmsg(f->pair[0], &msg, MSG_NOSIGNAL), len);
}

static void a_message_arrives_as_sent(void **state)
{
    struct fixture *f = *state;
    const struct ipc_message sent = {.type = PLAIN,
                                     .serial = 0xfedc,
                                     .id = 0xfedcba98,
                                     .payload = (const uint8_t *)"sixteen bytes :)",
                                     .len = 16,
                                     .fd = -1};
    struct ipc_message m;
    assert_int_equal(ipc_send(f->pair[0], &sent), 0);
    assert_int_equal(hear(f, &m), 0);
    assert_int_equal(m.type, PLAIN);
    assert_int_equal(m.serial, 0xfedc);
    assert_int_equal(m.id, 0xfedcba98);
    assert_int_equal(m.len, 16);
    assert_memory_equal(m.payload, "sixteen bytes :)", 16);
    assert_int_equal(m.fd, -1);
}

static void a_descriptor_comes_along(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    struct stat here, there;
    assert_int_equal(say(f, WITH_FD, 0, f->file), 0);
    assert_int_equal(hear(f, &m), 0);
    assert_true(m.fd >= 0 && m.fd != f->file);
    assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fstat(f->file, &here), 0);
    assert_int_equal(fstat(m.fd, &there), 0);
    assert_int_equal(here.st_rdev, there.st_rdev);
    close(m.fd);

    assert_int_equal(say(f, MAYBE_FD, 4, -1), 0);
    assert_int_equal(hear(f, &m), 0);
    assert_int_equal(m.fd, -1);
    assert_int_equal(say(f, MAYBE_FD, 4, f->file), 0);
    assert_int_equal(hear(f, &m), 0);
    assert_true(m.fd >= 0);
    close(m.fd);
}

static void wrong_direction(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    assert_int_equal(say(f, UPWARD, 0, -1), 0);
    assert_refused(f);
    assert_int_equal(say(f, UPWARD, 0, -1), 0);
    assert_int_equal(ipc_receive(f->pair[1], &protocol, UP, f->buffer, &m), 0);
}

static void unknown_type(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(say(f, TYPES, 0, -1), 0);
    assert_refused(f);
    assert_int_equal(say(f, UINT16_MAX, 0, f->file), 0);
    assert_refused(f);
}

static void wrong_fd_count(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(say(f, PLAIN, 0, f->file), 0);
    assert_refused(f);
    assert_int_equal(say(f, WITH_FD, 0, -1), 0);
    assert_refused(f);
}

static void two_fds_and_more(void **state)
{
    struct fixture *f = *state;
    const uint8_t header[HEADER] = {MAYBE_FD};
    int fds[16];
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = f->file;
    for (size_t count = 2; count <= COUNT(fds); count++) { /* more than four: the kernel truncates them */
        send_raw(f, header, sizeof(header), fds, count);
        assert_refused(f);
    }
}

static void too_long_for_its_row(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(say(f, PLAIN, 17, -1), 0);
    assert_refused(f);
    assert_int_equal(say(f, WITH_FD, 1, f->file), 0);
    assert_refused(f);
}

static void too_long_for_any_packet(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    uint8_t *huge = calloc(1, IPC_PACKET_MAX + 1);
    assert_int_equal(say(f, BIG, IPC_PACKET_MAX - HEADER, -1), 0);
    assert_int_equal(hear(f, &m), 0);
    assert_int_equal(m.len, IPC_PACKET_MAX - HEADER);
    assert_int_equal(say(f, BIG, IPC_PACKET_MAX - HEADER + 1, -1), -EMSGSIZE);
    huge[0] = BIG;
    send_raw(f, huge, IPC_PACKET_MAX + 1, &f->file, 1); /* cut by the receiver's buffer */
    assert_refused(f);
    free(huge);
}

static void truncated_header(void **state)
{
    struct fixture *f = *state;
    const uint8_t header[HEADER] = {MAYBE_FD};
    for (size_t len = 1; len < HEADER; len++) {
        send_raw(f, header, len, NULL, 0);
        assert_refused(f);
        send_raw(f, header, len, &f->file, 1);
        assert_refused(f);
    }
}

static void a_message_after_a_broken_one_still_arrives(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    assert_int_equal(say(f, TYPES, 16, -1), 0);
    assert_int_equal(say(f, PLAIN, 3, -1), 0);
    assert_refused(f);
    assert_int_equal(hear(f, &m), 0);
    assert_int_equal(m.len, 3);
}

static void closed_peer(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    assert_int_equal(say(f, PLAIN, 1, -1), 0);
    close(f->pair[0]);
    f->pair[0] = -1;
    assert_int_equal(hear(f, &m), 0); /* what was said before still counts */
    assert_int_equal(hear(f, &m), -EPIPE);
    assert_int_equal(hear(f, &m), -EPIPE);
    const struct ipc_message reply = {.type = UPWARD, .fd = -1};
    assert_int_equal(ipc_send(f->pair[1], &reply), -EPIPE); /* and no SIGPIPE */
}

/* A peer that ends with unread messages resets the connection. */
static void closed_peer_that_had_not_listened(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    const struct ipc_message unread = {.type = UPWARD, .fd = -1};
    assert_int_equal(ipc_send(f->pair[1], &unread), 0);
    close(f->pair[0]);
    f->pair[0] = -1;
    assert_int_equal(hear(f, &m), -EPIPE);
}

static void an_empty_packet_is_the_end(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    assert_int_equal(send(f->pair[0], "", 0, MSG_NOSIGNAL), 0);
    assert_int_equal(hear(f, &m), -EPIPE);
}

static void an_empty_packet_leaks_no_descriptor(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    send_raw(f, "", 0, &f->file, 1);
    assert_true(hear(f, &m) < 0);
}

static void a_full_socket_says_again(void **state)
{
    struct fixture *f = *state;
    struct ipc_message m;
    int sent = 0, heard = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(f->pair[i], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(hear(f, &m), -EAGAIN);
    int r;
    while ((r = say(f, PLAIN, 16, -1)) == 0)
        sent++;
    assert_int_equal(r, -EAGAIN);
    while ((r = hear(f, &m)) == 0)
        heard++;
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(heard, sent);
}

static void decode_is_the_same_gate(void **state)
{
    (void)state;
    uint8_t packet[HEADER + 17] = {PLAIN, 0, 7, 0, 1, 2, 3, 4};
    struct ipc_message m;
    for (size_t len = 0; len < HEADER; len++)
        assert_int_equal(ipc_decode(&protocol, DOWN, packet, len, false, &m), -EPROTO);
    for (size_t len = HEADER; len <= HEADER + 16; len++) {
        assert_int_equal(ipc_decode(&protocol, DOWN, packet, len, false, &m), 0);
        assert_int_equal(m.len, len - HEADER);
        assert_int_equal(m.serial, 7);
        assert_int_equal(m.id, 0x04030201);
        assert_int_equal(m.fd, -1);
    }
    assert_int_equal(ipc_decode(&protocol, DOWN, packet, sizeof(packet), false, &m), -EPROTO);
    assert_int_equal(ipc_decode(&protocol, DOWN, packet, HEADER, true, &m), -EPROTO);
    assert_int_equal(ipc_decode(&protocol, UP, packet, HEADER, false, &m), -EPROTO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_arrives_as_sent),
        TEST(a_descriptor_comes_along),
        TEST(wrong_direction),
        TEST(unknown_type),
        TEST(wrong_fd_count),
        TEST(two_fds_and_more),
        TEST(too_long_for_its_row),
        TEST(too_long_for_any_packet),
        TEST(truncated_header),
        TEST(a_message_after_a_broken_one_still_arrives),
        TEST(closed_peer),
        TEST(closed_peer_that_had_not_listened),
        TEST(an_empty_packet_is_the_end),
        TEST(an_empty_packet_leaks_no_descriptor),
        TEST(a_full_socket_says_again),
        cmocka_unit_test(decode_is_the_same_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
