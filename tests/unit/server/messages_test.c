/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/messages.h"

#include "unit.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const struct login_request login_request = {
    .user = "kim",
    .password = "p\xc3\xa4ss word\n",
    .host = "ftp.example.org",
    .certificate = "0123456789abcdef",
    .peer = {.s6_addr = {0x20, 0x01, [15] = 1}},
    .local = {.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
};
static const struct login_reply login_reply = {
    .result = LOGIN_GRANTED,
    .kind = LOGIN_VIRTUAL,
    .identity = 3,
    .rights = RIGHT_ALL,
    .umask = 077,
    .uid = 0xfffffffe,
    .rate = 1,
    .quota_bytes = UINT64_MAX,
    .quota_files = UINT64_C(0x100000000),
    .user = "kim",
    .cwd = "/home/kim",
};
static const struct connect_request connect_request = {
    .from = {.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
    .to = {.s6_addr = {[15] = 1}},
    .port = 0xfedc,
};
static const struct connect_reply connect_reply = {.error = 24, .is_door = 1};
static const struct door_request door_request = {.port = 30021, .seconds = 60, .turn = 0xfffffffe};
static const struct door_reply door_reply = {.error = 24, .is_heard = 1};
static const struct file_request file_request = {
    .path = "/a b/\n\xff",
    .path2 = "*.txt",
    .offset = UINT64_MAX,
    .time = -1,
    .flags = FILE_APPEND | FILE_LIST_SELF,
    .mode = 0644,
    .umask = 022,
    .upload = 9,
};
static const struct file_reply file_reply = {
    .error = ENOENT,
    .mode = 0100644,
    .uid = 1,
    .gid = 2,
    .upload = 3,
    .freed_files = 4,
    .size = 5,
    .freed = 6,
    .files = 7,
    .mtime = INT64_MIN,
    .text = "welcome",
    .data = (const uint8_t *)"a\0b",
    .data_len = 3,
};

/* One set of functions of the same shape for every codec, so that each test runs over all. */
#define CODECS(X)                                                                                            \
    X(login_request)                                                                                         \
    X(login_reply)                                                                                           \
    X(connect_request) X(connect_reply) X(door_request) X(door_reply) X(file_request) X(file_reply)

#define X(name)                                                                                              \
    static int name##_sample(void *payload, size_t cap)                                                      \
    {                                                                                                        \
        return name##_encode(&name, payload, cap);                                                           \
    }                                                                                                        \
    /* Decodes, and encodes what it got. -EPROTO if it did not decode, in which case nothing was touched. */ \
    static int name##_again(const struct ipc_message *m, void *payload, size_t cap)                          \
    {                                                                                                        \
        struct name got, before;                                                                             \
        memset(&got, 0x5a, sizeof(got));                                                                     \
        before = got;                                                                                        \
        if (name##_decode(m, &got))                                                                          \
            return name##_encode(&got, payload, cap);                                                        \
        assert_memory_equal(&got, &before, sizeof(got));                                                     \
        return -EPROTO;                                                                                      \
    }
CODECS(X)
#undef X

static const struct codec {
    const char *name;
    int (*sample)(void *payload, size_t cap);
    int (*again)(const struct ipc_message *m, void *payload, size_t cap);
} codecs[] = {
#define X(name) {#name, name##_sample, name##_again},
    CODECS(X)
#undef X
};

static int again(const struct codec *c, const void *bytes, size_t len, void *payload, size_t cap)
{
    const struct ipc_message m = {.payload = bytes, .len = len, .fd = -1};
    return c->again(&m, payload, cap);
}

static void round_trip(void **state)
{
    uint8_t sent[512], back[512];
    (void)state;
    for (const struct codec *c = codecs; c < codecs + COUNT(codecs); c++) {
        int len = c->sample(sent, sizeof(sent));
        assert_true(len > 0);
        assert_int_equal(again(c, sent, (size_t)len, back, sizeof(back)), len);
        assert_memory_equal(sent, back, (size_t)len);
    }
}

/* Each prefix in a block of its own length, so that the sanitizer sees a byte read too far. */
static void every_truncation_fails(void **state)
{
    uint8_t sent[512], back[512];
    (void)state;
    for (const struct codec *c = codecs; c < codecs + COUNT(codecs); c++) {
        int whole = c->sample(sent, sizeof(sent));
        for (size_t len = 0; len < (size_t)whole; len++) {
            uint8_t *prefix = malloc(len ? len : 1);
            memcpy(prefix, sent, len);
            if (again(c, prefix, len, back, sizeof(back)) != -EPROTO)
                fail_msg("%s took %zu of %d bytes", c->name, len, whole);
            free(prefix);
        }
    }
}

static void a_leftover_byte_fails(void **state)
{
    uint8_t sent[512] = {0}, back[512];
    (void)state;
    for (const struct codec *c = codecs; c < codecs + COUNT(codecs); c++) {
        int len = c->sample(sent, sizeof(sent) - 1);
        sent[len] = 0;
        assert_int_equal(again(c, sent, (size_t)len + 1, back, sizeof(back)), -EPROTO);
    }
}

static void what_does_not_fit_is_emsgsize(void **state)
{
    uint8_t sent[512];
    (void)state;
    for (const struct codec *c = codecs; c < codecs + COUNT(codecs); c++) {
        int len = c->sample(sent, sizeof(sent));
        for (size_t cap = 0; cap < (size_t)len; cap++) {
            uint8_t *small = malloc(cap ? cap : 1);
            assert_int_equal(c->sample(small, cap), -EMSGSIZE);
            free(small);
        }
        assert_int_equal(c->sample(sent, (size_t)len), len);
    }
}

static void values_out_of_range_fail(void **state)
{
    uint8_t bytes[512];
    struct login_reply in = login_reply, out;
    struct ipc_message m = {.payload = bytes, .fd = -1};
    (void)state;
    in.result = LOGIN_FAILED + 1;
    m.len = (size_t)login_reply_encode(&in, bytes, sizeof(bytes));
    assert_false(login_reply_decode(&m, &out));
    in.result = LOGIN_FAILED;
    in.kind = LOGIN_VIRTUAL + 1;
    m.len = (size_t)login_reply_encode(&in, bytes, sizeof(bytes));
    assert_false(login_reply_decode(&m, &out));
}

/* A door is open for minutes at most, whatever a worker asks for. */
static void a_door_has_its_time(void **state)
{
    const uint32_t refused[] = {0, DOOR_SECONDS_MOST + 1, UINT32_MAX};
    uint8_t bytes[16];
    struct door_request in = door_request, out;
    struct ipc_message m = {.payload = bytes, .fd = -1};
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        in.seconds = refused[i];
        m.len = (size_t)door_request_encode(&in, bytes, sizeof(bytes));
        assert_false(door_request_decode(&m, &out));
    }
    in.seconds = DOOR_SECONDS_MOST;
    m.len = (size_t)door_request_encode(&in, bytes, sizeof(bytes));
    assert_true(door_request_decode(&m, &out));
}

/* A name with a NUL inside would be one name to the gate and another to the kernel. */
static void a_nul_inside_a_name_fails(void **state)
{
    uint8_t bytes[512];
    struct file_request out;
    struct ipc_message m = {.payload = bytes, .fd = -1};
    (void)state;
    m.len = (size_t)file_request_encode(&file_request, bytes, sizeof(bytes));
    assert_true(file_request_decode(&m, &out));
    uint8_t *blank = memchr(bytes, ' ', m.len);
    assert_non_null(blank);
    *blank = '\0';
    assert_false(file_request_decode(&m, &out));
}

static void the_table_is_sound(void **state)
{
    (void)state;
    assert_int_equal(server_protocol.count, MSG_COUNT);
    for (size_t i = 0; i < server_protocol.count; i++) {
        const struct ipc_rule *rule = &server_protocol.rules[i];
        assert_non_null(rule->name);
        assert_true(rule->direction != 0 && (rule->direction & (rule->direction - 1)) == 0);
        assert_true(rule->longest <= IPC_PACKET_MAX - 8);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rule->name, server_protocol.rules[j].name);
    }
}

/* The longest path there is, twice, and the longest content must pass the gate. */
static void the_longest_payloads_fit_their_rows(void **state)
{
    static char path[FILE_PATH_MAX];
    static uint8_t content[FILE_INLINE_MAX], bytes[IPC_PACKET_MAX];
    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    const struct file_request rename = {.path = path, .path2 = path};
    int len = file_request_encode(&rename, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_FILE_RENAME].longest);
    const struct file_reply reply = {.data = content, .data_len = sizeof(content)};
    len = file_reply_encode(&reply, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_FILE_REPLY].longest);
    len = connect_request_encode(&connect_request, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_CONNECT].longest);
    len = connect_reply_encode(&connect_reply, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_CONNECT_REPLY].longest);
    len = door_request_encode(&door_request, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_DOOR].longest);
    len = door_reply_encode(&door_reply, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_DOOR_REPLY].longest);
}

/* --- what the key process is asked --------------------------------------------------------------------- */

static const struct tls_to_sign to_sign = {255, TLS_SHA512, TLS_PSS, (const uint8_t *)"an input\0with a NUL",
                                           19};

static void a_request_to_sign_round_trip(void **state)
{
    uint8_t bytes[64];
    struct tls_to_sign out;
    struct ipc_message m = {.payload = bytes, .fd = -1};
    (void)state;
    int len = sign_request_encode(&to_sign, bytes, sizeof(bytes));
    assert_true(len > 0);
    m.len = (size_t)len;
    assert_true(sign_request_decode(&m, &out));
    assert_int_equal(out.key, 255);
    assert_int_equal(out.digest, TLS_SHA512);
    assert_int_equal(out.padding, TLS_PSS);
    assert_int_equal(out.len, 19);
    assert_memory_equal(out.input, to_sign.input, 19);
    assert_true(out.input >= bytes && out.input + out.len <= bytes + m.len);
}

/* The longest input there is passes the gate. What does not fit in a packet is -EMSGSIZE. */
static void a_request_to_sign_has_room(void **state)
{
    static uint8_t input[100000], bytes[110000];
    struct tls_to_sign in = to_sign;
    (void)state;
    in.input = input;
    in.len = TLS_INPUT_MAX;
    int len = sign_request_encode(&in, bytes, sizeof(bytes));
    assert_true(len > 0 && (uint32_t)len <= server_protocol.rules[MSG_SIGN].longest);
    for (size_t cap = 0; cap < (size_t)len; cap++) {
        uint8_t *small = malloc(cap ? cap : 1);
        assert_int_equal(sign_request_encode(&in, small, cap), -EMSGSIZE);
        free(small);
    }
    in.len = 0;
    assert_true(sign_request_encode(&in, bytes, sizeof(bytes)) > 0);
}

/* Truncated, with a byte too many, or with another length than there are bytes: nothing is decoded, nothing touched. */
static void a_request_to_sign_that_lies(void **state)
{
    static const uint32_t lengths[] = {0, 1, 18, 20, 0xffff, 0x10000, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint8_t bytes[64] = {0};
    struct tls_to_sign out, before;
    (void)state;
    int whole = sign_request_encode(&to_sign, bytes, sizeof(bytes));
    assert_true(whole > 0);
    memset(&out, 0x5a, sizeof(out));
    before = out;
    for (size_t len = 0; len <= (size_t)whole + 1; len++) {
        uint8_t *part = malloc(len ? len : 1);
        memcpy(part, bytes, len);
        const struct ipc_message m = {.payload = part, .len = len, .fd = -1};
        if (len != (size_t)whole)
            assert_false(sign_request_decode(&m, &out));
        free(part);
    }
    size_t at = (size_t)whole - to_sign.len,
           width = at - 3; /* of the length: it is between the three bytes and the input */
    for (size_t i = 0; i < COUNT(lengths); i++) {
        uint8_t *changed = malloc((size_t)whole);
        memcpy(changed, bytes, (size_t)whole);
        memcpy(changed + 3, &lengths[i], width);
        const struct ipc_message m = {.payload = changed, .len = (size_t)whole, .fd = -1};
        assert_false(sign_request_decode(&m, &out));
        free(changed);
    }
    assert_memory_equal(&out, &before, sizeof(out));
}

/* Digests and paddings that there are not pass the codec, and tls_sign refuses them. */
static void a_request_to_sign_what_there_is_not(void **state)
{
    uint8_t bytes[64], signature[TLS_SIGNATURE_MAX];
    struct tls_to_sign out;
    struct ipc_message m = {.payload = bytes, .fd = -1};
    size_t len;
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    m.len = (size_t)sign_request_encode(&to_sign, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 65536; i += 251) {
        bytes[1] = (uint8_t)i;
        bytes[2] = (uint8_t)(i >> 8);
        if (sign_request_decode(&m, &out))
            assert_int_equal(tls_sign(key, &out, signature, &len), -EINVAL);
    }
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(every_truncation_fails),
        cmocka_unit_test(a_leftover_byte_fails),
        cmocka_unit_test(what_does_not_fit_is_emsgsize),
        cmocka_unit_test(values_out_of_range_fail),
        cmocka_unit_test(a_door_has_its_time),
        cmocka_unit_test(a_nul_inside_a_name_fails),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(the_longest_payloads_fit_their_rows),
        cmocka_unit_test(a_request_to_sign_round_trip),
        cmocka_unit_test(a_request_to_sign_has_room),
        cmocka_unit_test(a_request_to_sign_that_lies),
        cmocka_unit_test(a_request_to_sign_what_there_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
