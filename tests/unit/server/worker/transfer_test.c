/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/transfer_harness.h"

/* --- sending ----------------------------------------------------------------------------------------- */

static void check_send(const char *content, size_t len, size_t offset, bool ascii)
{
    struct peer p;
    int peers;
    char *wire = malloc(2 * len + 1);
    assert_non_null(wire);
    size_t wire_len = len - offset;
    memcpy(wire, content + offset, wire_len);
    if (ascii)
        wire_len = simple_to_wire(content + offset, len - offset, wire);
    struct transfer *t = new_transfer(TRANSFER_SEND, &peers);
    t->file = make_file(content, len);
    t->ascii = ascii;
    t->offset = offset;
    assert_int_equal(lseek(t->file, (off_t)offset, SEEK_SET), (off_t)offset);
    run_with_peer(t, peers, &p, NULL, 0);
    expect_end(t, TRANSFER_DONE, 0);
    assert_int_equal(atomic_load(&t->moved), wire_len);
    assert_int_equal(p.got_len, wire_len);
    assert_true(memcmp(p.got, wire, wire_len) == 0);
    free(p.got);
    free(wire);
    transfer_free(&t);
    assert_null(t);
}

static void check_send_edges(bool ascii)
{
    for (size_t i = 0; i < COUNT(edges); i++) {
        char *content = content_of(edges[i]);
        check_send(content, edges[i], 0, ascii);
        free(content);
    }
}

static void test_send_binary(void **state)
{
    (void)state;
    check_send_edges(false);
}

static void test_send_ascii(void **state)
{
    (void)state;
    check_send_edges(true);
}

/* The longest that conversion can make of a block, and CR LF cut in two by a block's edge. */
static void test_send_ascii_at_its_worst(void **state)
{
    char *content = malloc(2 * BLOCK);
    (void)state;
    assert_non_null(content);
    memset(content, '\n', 2 * BLOCK);
    check_send(content, 2 * BLOCK, 0, true);
    content[BLOCK - 1] = '\r';
    check_send(content, 2 * BLOCK, 0, true);
    free(content);
}

static void test_send_from_an_offset(void **state)
{
    static const size_t offsets[] = {1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 100};
    char *content = content_of(BLOCK + 100);
    (void)state;
    for (size_t i = 0; i < COUNT(offsets); i++) {
        check_send(content, BLOCK + 100, offsets[i], false);
        check_send(content, BLOCK + 100, offsets[i], true);
    }
    free(content);
}

static void test_send_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++) {
        struct peer p;
        int peers;
        struct transfer *t = new_transfer(TRANSFER_SEND, &peers);
        t->memory = content_of(edges[i]);
        t->memory_len = edges[i];
        run_with_peer(t, peers, &p, NULL, 0);
        expect_end(t, TRANSFER_DONE, 0);
        assert_int_equal(atomic_load(&t->moved), edges[i]);
        assert_int_equal(p.got_len, edges[i]);
        assert_true(memcmp(p.got, t->memory, edges[i]) == 0);
        free(p.got);
        transfer_free(&t);
    }
}

/* --- receiving --------------------------------------------------------------------------------------- */

static struct transfer *receive(int *ret_kept, const char *wire, size_t len, struct transfer *t, int peers)
{
    struct peer p;
    t->file = make_file("", 0);
    *ret_kept = fcntl(t->file, F_DUPFD_CLOEXEC, 3);
    assert_true(*ret_kept >= 0);
    run_with_peer(t, peers, &p, wire, len);
    return t;
}

static void check_receive(const char *wire, size_t len, bool ascii)
{
    int kept, peers;
    char *file = malloc(len + 1);
    assert_non_null(file);
    memcpy(file, wire, len);
    size_t file_len = ascii ? simple_from_wire(wire, len, file) : len;
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    t->ascii = ascii;
    t->sync = len == 1;
    receive(&kept, wire, len, t, peers);
    expect_end(t, TRANSFER_DONE, 0);
    assert_int_equal(atomic_load(&t->moved), len);
    assert_int_equal(t->credited, 0);
    expect_content(kept, file, file_len);
    close(kept);
    free(file);
    transfer_free(&t);
}

static void check_receive_edges(bool ascii)
{
    for (size_t i = 0; i < COUNT(edges); i++) {
        char *wire = content_of(edges[i]);
        check_receive(wire, edges[i], ascii);
        if (edges[i] > 0) {
            wire[edges[i] - 1] = '\r'; /* a last CR that nothing follows */
            check_receive(wire, edges[i], ascii);
        }
        free(wire);
    }
}

static void test_receive_binary(void **state)
{
    (void)state;
    check_receive_edges(false);
}

static void test_receive_ascii(void **state)
{
    (void)state;
    check_receive_edges(true);
}

static void test_receive_after_what_is_there(void **state)
{
    int peers;
    struct peer p;
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    (void)state;
    t->file = make_file("12345", 5);
    t->offset = 3;
    int kept = fcntl(t->file, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(lseek(t->file, 3, SEEK_SET), 3);
    run_with_peer(t, peers, &p, "xyz", 3);
    expect_end(t, TRANSFER_DONE, 0);
    expect_content(kept, "123xyz", 6);
    close(kept);
    transfer_free(&t);
}

/* --- quota ------------------------------------------------------------------------------------------- */

enum {
    USED = 10000, /* what the account stores already */
};

/* left: what it may store beside that. */
static void check_quota(size_t sent, bool ascii, long long left, long long credit, long long may)
{
    int kept, peers;
    atomic_llong used = USED;
    char *wire = malloc(sent);
    assert_non_null(wire);
    memset(wire, 'x', sent);
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    t->ascii = ascii;
    t->quota = &used;
    t->quota_limit = USED + left;
    t->quota_credit = credit;
    receive(&kept, wire, sent, t, peers);
    long long stored = may < (long long)sent ? may : (long long)sent;
    long long cost = stored > credit ? stored - credit : 0;
    if ((long long)sent > may)
        expect_end(t, TRANSFER_QUOTA, EDQUOT);
    else
        expect_end(t, TRANSFER_DONE, 0);
    expect_content(kept, wire, (size_t)stored);
    assert_int_equal(t->credited, stored - cost);
    assert_int_equal(atomic_load(&used), USED + cost);
    close(kept);
    free(wire);
    transfer_free(&t);
}

static void test_quota(void **state)
{
    static const struct {
        size_t sent;
        long long quota, credit, may;
    } cases[] = {
        {1000, 5000, 0, 5000},                 /* plenty */
        {1000, 1000, 0, 1000},                 /* to the byte */
        {1001, 1000, 0, 1000},                 /* one too many */
        {1000, 0, 0, 0},                       /* nothing left */
        {1000, 0, 1000, 1000},                 /* but it replaces as much */
        {1001, 0, 1000, 1000},                 /* or not quite */
        {1000, 300, 600, 900},                 /* part of it replaces */
        {1000, 400, 600, 1000},                /* */
        {1000, -50, 0, 0},                     /* overdrawn, as an account whose quota was lowered */
        {1000, -50, 200, 200},                 /* */
        {2 * BLOCK + 10, BLOCK, 0, BLOCK},     /* an edge of blocks */
        {2 * BLOCK, BLOCK, 7, BLOCK + 7},      /* credit spent in the first block */
        {2 * BLOCK, 7, BLOCK + 7, BLOCK + 14}, /* credit for more than a block */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_quota(cases[i].sent, false, cases[i].quota, cases[i].credit, cases[i].may);
        check_quota(cases[i].sent, true, cases[i].quota, cases[i].credit, cases[i].may);
    }
}

/* What counts is what the file holds: CR LF is one byte there. */
static void test_quota_counts_the_files_bytes(void **state)
{
    int kept, peers;
    atomic_llong used = 0;
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    (void)state;
    t->ascii = true;
    t->quota = &used;
    t->quota_limit = 4;
    receive(&kept, "a\r\nb\r\n", 6, t, peers);
    expect_end(t, TRANSFER_DONE, 0);
    assert_int_equal(atomic_load(&used), 4);
    expect_content(kept, "a\nb\n", 4);
    close(kept);
    transfer_free(&t);
}

struct uploader {
    pthread_t thread;
    struct transfer *t;
    struct peer peer;
    double took;
};

static void *upload_main(void *arg)
{
    struct uploader *u = arg;
    struct transfer_tools own = {.pipe = {-1, -1}};
    double began = now();
    transfer_run(u->t, &own);
    u->took = now() - began;
    transfer_tools_fini(&own);
    return NULL;
}

/* Many at once cannot store more than one alone, nor lose what was left. */
static void test_quota_is_shared_exactly(void **state)
{
    struct uploader u[6];
    atomic_llong used = 0;
    char *wire = content_of(BLOCK);
    (void)state;
    for (size_t i = 0; i < COUNT(u); i++) {
        u[i].t = new_transfer(TRANSFER_RECEIVE, &u[i].peer.fd);
        u[i].t->file = make_file("", 0);
        u[i].t->ascii = i % 2 == 0;
        u[i].t->quota = &used;
        u[i].t->quota_limit = BLOCK + 12345;
        u[i].peer.send = wire;
        u[i].peer.send_len = BLOCK;
        assert_int_equal(pthread_create(&u[i].peer.thread, NULL, peer_main, &u[i].peer), 0);
        assert_int_equal(pthread_create(&u[i].thread, NULL, upload_main, &u[i]), 0);
    }
    for (size_t i = 0; i < COUNT(u); i++) {
        assert_int_equal(pthread_join(u[i].thread, NULL), 0);
        assert_int_equal(pthread_join(u[i].peer.thread, NULL), 0);
        assert_true(u[i].t->result == TRANSFER_DONE || u[i].t->result == TRANSFER_QUOTA);
        close(u[i].peer.fd);
        transfer_free(&u[i].t);
    }
    assert_int_equal(atomic_load(&used), BLOCK + 12345);
    free(wire);
}

/* --- hashing ----------------------------------------------------------------------------------------- */

static void check_hash(unsigned index, const char *content, size_t offset, const char *digest)
{
    struct transfer *t = new_transfer(TRANSFER_HASH, NULL);
    t->hash = (uint8_t)index;
    t->file = make_file(content, strlen(content));
    t->offset = offset;
    assert_int_equal(lseek(t->file, (off_t)offset, SEEK_SET), (off_t)offset);
    transfer_run(t, &tools);
    expect_end(t, TRANSFER_DONE, 0);
    assert_string_equal(t->digest, digest);
    assert_int_equal(atomic_load(&t->moved), strlen(content) - offset);
    transfer_free(&t);
}

/* FIPS 180-4's examples, and the check value of CRC-32. */
static void test_hash_values(void **state)
{
    static const struct {
        const char *name, *content, *digest;
    } cases[] = {
        {"SHA-256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"SHA-256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"SHA-512", "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {"CRC32", "123456789", "cbf43926"},
        {"CRC32", "", "00000000"},
    };
    (void)state;
    transfer_prepare();
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned index = 0;
        while (hash_name(index) && strcmp(hash_name(index), cases[i].name) != 0)
            index++;
        assert_non_null(hash_name(index));
        check_hash(index, cases[i].content, 0, cases[i].digest);
    }
}

static void test_hash_from_an_offset(void **state)
{
    (void)state;
    check_hash(0, "skipped abc", 8, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_hash(2, "xx123456789", 2, "cbf43926");
    check_hash(2, "xx", 2, "00000000");
}

/* A million times "a" (FIPS 180-4), which is several blocks. */
static void test_hash_of_many_blocks(void **state)
{
    char *content = malloc(1000 * 1000 + 1);
    (void)state;
    assert_non_null(content);
    memset(content, 'a', 1000 * 1000);
    content[1000 * 1000] = '\0';
    check_hash(0, content, 0, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(content);
}

static void test_hash_names(void **state)
{
    unsigned count = 0;
    (void)state;
    while (hash_name(count))
        count++;
    assert_int_equal(count, 3);
    assert_null(hash_name(count + 1));
    assert_null(hash_name(UINT_MAX));
}

static void test_hash_of_what_cannot_be_read(void **state)
{
    struct transfer *t = new_transfer(TRANSFER_HASH, NULL);
    (void)state;
    t->file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    transfer_run(t, &tools);
    expect_end(t, TRANSFER_FILE, EISDIR);
    assert_string_equal(t->digest, "");
    transfer_free(&t);
}

/* --- pace -------------------------------------------------------------------------------------------- */

enum { PACE_RATE = 100 * 1000, PACE_BYTES = 60 * 1000 };

static void expect_pace(double began)
{
    double due = (double)PACE_BYTES / PACE_RATE, took = now() - began;
    if (took < 0.9 * due || took > 1.1 * due)
        fail_msg("took %.3f s instead of %.3f s", took, due);
}

static void check_pace_of_sending(bool memory, bool ascii)
{
    struct peer p;
    int peers;
    char *content = malloc(PACE_BYTES);
    assert_non_null(content);
    memset(content, 'x', PACE_BYTES);
    struct transfer *t = new_transfer(TRANSFER_SEND, &peers);
    t->rate = PACE_RATE;
    t->ascii = ascii;
    if (memory) {
        t->memory = content;
        t->memory_len = PACE_BYTES;
    } else
        t->file = make_file(content, PACE_BYTES);
    double began = now();
    run_with_peer(t, peers, &p, NULL, 0);
    expect_end(t, TRANSFER_DONE, 0);
    assert_int_equal(p.got_len, PACE_BYTES);
    expect_pace(began);
    free(p.got);
    if (!memory)
        free(content);
    transfer_free(&t);
}

static void check_pace_of_receiving(bool ascii)
{
    int kept, peers;
    char *wire = malloc(PACE_BYTES);
    assert_non_null(wire);
    memset(wire, 'x', PACE_BYTES);
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    t->rate = PACE_RATE;
    t->ascii = ascii;
    double began = now();
    receive(&kept, wire, PACE_BYTES, t, peers);
    expect_end(t, TRANSFER_DONE, 0);
    expect_content(kept, wire, PACE_BYTES);
    expect_pace(began);
    close(kept);
    free(wire);
    transfer_free(&t);
}

static void test_pace_of_sending(void **state)
{
    (void)state;
    check_pace_of_sending(false, false);
    check_pace_of_sending(false, true);
    check_pace_of_sending(true, false);
}

static void test_pace_of_receiving(void **state)
{
    (void)state;
    check_pace_of_receiving(false);
    check_pace_of_receiving(true);
}

/* --- ends that are not good -------------------------------------------------------------------------- */

/* A file of len zeroes that takes no room. */
static int make_sparse(off_t len)
{
    int fd = make_file("", 0);
    assert_int_equal(ftruncate(fd, len), 0);
    return fd;
}

/* The many ways a transfer can wait for its peer. */
enum way { SEND_BINARY, SEND_ASCII, SEND_MEMORY, RECEIVE_BINARY, RECEIVE_ASCII, WAYS };

enum { MORE_THAN_SOCKETS_HOLD = 64 * 1024 * 1024 };

static struct transfer *new_of_way(enum way way, int *ret_peers)
{
    struct transfer *t = new_transfer(way >= RECEIVE_BINARY ? TRANSFER_RECEIVE : TRANSFER_SEND, ret_peers);
    t->ascii = way == SEND_ASCII || way == RECEIVE_ASCII;
    if (way == SEND_MEMORY) {
        t->memory_len = MORE_THAN_SOCKETS_HOLD;
        t->memory = calloc(1, t->memory_len);
        assert_non_null(t->memory);
    } else
        t->file = way < SEND_MEMORY ? make_sparse(MORE_THAN_SOCKETS_HOLD) : make_file("", 0);
    return t;
}

/* All at once, each in a thread: however they move bytes, they notice within the limit and little more. */
static void test_stall(void **state)
{
    struct uploader u[WAYS];
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        u[way].t = new_of_way((enum way)way, &u[way].peer.fd);
        u[way].t->stall_timeout = 1;
        assert_int_equal(pthread_create(&u[way].thread, NULL, upload_main, &u[way]), 0);
    }
    for (int way = 0; way < WAYS; way++) {
        assert_int_equal(pthread_join(u[way].thread, NULL), 0);
        expect_end(u[way].t, TRANSFER_STALLED, EAGAIN);
        assert_true(u[way].took >= 0.95);
        assert_true(u[way].took < 1.9);
        close(u[way].peer.fd);
        transfer_free(&u[way].t);
    }
}

/* A channel that can't be limited in time (a pipe, here) is not used: a stall on it would never end. */
static void test_no_limit_no_transfer(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct transfer *t = transfer_new(TRANSFER_RECEIVE);
    assert_non_null(t);
    t->file = make_file("", 0);
    t->data = ends[0];
    t->stall_timeout = 1;
    close(ends[1]);
    transfer_run(t, &tools);
    expect_end(t, TRANSFER_NETWORK, ENOTSOCK);
    transfer_free(&t);
}

/* A slow peer is not a stalled one. */
static void test_slow_is_not_stalled(void **state)
{
    struct uploader u;
    const struct timespec nap = {.tv_nsec = 600 * 1000 * 1000};
    (void)state;
    u.t = new_of_way(RECEIVE_BINARY, &u.peer.fd);
    u.t->stall_timeout = 1;
    assert_int_equal(pthread_create(&u.thread, NULL, upload_main, &u), 0);
    for (int i = 0; i < 3; i++) {
        nanosleep(&nap, NULL);
        assert_int_equal(send(u.peer.fd, "x", 1, MSG_NOSIGNAL), 1);
    }
    close(u.peer.fd);
    assert_int_equal(pthread_join(u.thread, NULL), 0);
    expect_end(u.t, TRANSFER_DONE, 0);
    assert_int_equal(atomic_load(&u.t->moved), 3);
    transfer_free(&u.t);
}

static void abort_and_expect(struct uploader *u)
{
    const struct timespec nap = {.tv_nsec = 100 * 1000 * 1000};
    assert_int_equal(pthread_create(&u->thread, NULL, upload_main, u), 0);
    nanosleep(&nap, NULL); /* by now it waits */
    double began = now();
    transfer_abort(u->t);
    assert_int_equal(pthread_join(u->thread, NULL), 0);
    assert_true(now() - began < 0.5);
    assert_int_equal(u->t->result, TRANSFER_ABORTED);
    transfer_free(&u->t);
}

static void test_abort_while_waiting_for_the_peer(void **state)
{
    struct uploader u;
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        u.t = new_of_way((enum way)way, &u.peer.fd);
        abort_and_expect(&u);
        close(u.peer.fd);
    }
}

/* With a byte every few seconds the thread sleeps, and the channel has nothing to wake it by. */
static void test_abort_while_pacing(void **state)
{
    struct uploader u;
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        u.t = new_of_way((enum way)way, &u.peer.fd);
        u.t->rate = 1;
        assert_int_equal(send(u.peer.fd, "0123456789", 10, MSG_NOSIGNAL), 10);
        abort_and_expect(&u);
        close(u.peer.fd);
    }
}

static void test_abort_of_hashing(void **state)
{
    struct uploader u = {.t = new_transfer(TRANSFER_HASH, NULL)};
    (void)state;
    u.t->file = make_sparse((off_t)1 << 40);
    abort_and_expect(&u);
}

/* The descriptor is gone when the thread has closed it: a late abort must not touch another's. */
static void test_abort_after_the_end(void **state)
{
    struct peer p;
    int peers, ours, theirs;
    struct transfer *t = new_transfer(TRANSFER_SEND, &peers);
    char byte;
    (void)state;
    t->file = make_file("abc", 3);
    run_with_peer(t, peers, &p, NULL, 0);
    connect_channel(&ours, &theirs); /* likely under the same number */
    transfer_abort(t);
    assert_int_equal(send(ours, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(theirs, &byte, 1, 0), 1);
    expect_end(t, TRANSFER_DONE, 0);
    close(ours);
    close(theirs);
    free(p.got);
    transfer_free(&t);
}

static void test_full_disk(void **state)
{
    char *wire = content_of(2 * BLOCK);
    (void)state;
    for (int ascii = 0; ascii < 2; ascii++) {
        struct peer p;
        int peers;
        struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
        t->ascii = ascii;
        t->file = open("/dev/full", O_WRONLY | O_CLOEXEC);
        assert_true(t->file >= 0);
        run_with_peer(t, peers, &p, wire, 2 * BLOCK);
        expect_end(t, TRANSFER_FILE, ENOSPC);
        transfer_free(&t);
    }
    free(wire);
}

/* The bytes of an upload that failed must not turn up at the head of the thread's next one. */
static void test_failure_leaves_nothing_behind(void **state)
{
    struct peer p;
    int peers;
    struct transfer *t = new_transfer(TRANSFER_RECEIVE, &peers);
    (void)state;
    t->file = open("/dev/full", O_WRONLY | O_CLOEXEC);
    run_with_peer(t, peers, &p, "secret", 6);
    expect_end(t, TRANSFER_FILE, ENOSPC);
    transfer_free(&t);
    check_receive("public", 6, false);
    check_quota(100, false, 40, 0, 40);
    check_receive("public", 6, false);
}

static void test_send_of_what_cannot_be_read(void **state)
{
    struct peer p;
    int peers;
    struct transfer *t = new_transfer(TRANSFER_SEND, &peers);
    (void)state;
    t->ascii = true;
    t->file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run_with_peer(t, peers, &p, NULL, 0);
    expect_end(t, TRANSFER_FILE, EISDIR);
    assert_int_equal(p.got_len, 0);
    free(p.got);
    transfer_free(&t);
}

/* With RST, as a client that was killed. */
static void test_peer_closed(void **state)
{
    const struct linger hard = {.l_onoff = 1};
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        int peers;
        struct transfer *t = new_of_way((enum way)way, &peers);
        assert_int_equal(setsockopt(peers, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
        close(peers);
        transfer_run(t, &tools);
        assert_int_equal(t->result, TRANSFER_NETWORK);
        assert_true(t->error == ECONNRESET || t->error == EPIPE);
        transfer_free(&t);
    }
}

#define TRANSFER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRANSFER_TEST(test_send_binary),
        TRANSFER_TEST(test_send_ascii),
        TRANSFER_TEST(test_send_ascii_at_its_worst),
        TRANSFER_TEST(test_send_from_an_offset),
        TRANSFER_TEST(test_send_memory),
        TRANSFER_TEST(test_receive_binary),
        TRANSFER_TEST(test_receive_ascii),
        TRANSFER_TEST(test_receive_after_what_is_there),
        TRANSFER_TEST(test_quota),
        TRANSFER_TEST(test_quota_counts_the_files_bytes),
        TRANSFER_TEST(test_quota_is_shared_exactly),
        TRANSFER_TEST(test_hash_values),
        TRANSFER_TEST(test_hash_from_an_offset),
        TRANSFER_TEST(test_hash_of_many_blocks),
        TRANSFER_TEST(test_hash_names),
        TRANSFER_TEST(test_hash_of_what_cannot_be_read),
        TRANSFER_TEST(test_pace_of_sending),
        TRANSFER_TEST(test_pace_of_receiving),
        TRANSFER_TEST(test_stall),
        TRANSFER_TEST(test_no_limit_no_transfer),
        TRANSFER_TEST(test_slow_is_not_stalled),
        TRANSFER_TEST(test_abort_while_waiting_for_the_peer),
        TRANSFER_TEST(test_abort_while_pacing),
        TRANSFER_TEST(test_abort_of_hashing),
        TRANSFER_TEST(test_abort_after_the_end),
        TRANSFER_TEST(test_full_disk),
        TRANSFER_TEST(test_failure_leaves_nothing_behind),
        TRANSFER_TEST(test_send_of_what_cannot_be_read),
        TRANSFER_TEST(test_peer_closed),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does; sendfile has no MSG_NOSIGNAL */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
