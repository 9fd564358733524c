/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expectation of the wall that `sallywall up` has put up in this network namespace (src/bpf/sweep.h, order_expected). Its programs are
 * looked up by name each time: a wall that is put up anew is another one. A wall's pins are seen where process 1's mounts are.
 */
#include "kernel/pinhole_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/maps.h"
#include "sys/fd.h"

enum { PATH = 96 };

struct sallywall {
    char folder[PATH];
};

static int find_folder(struct sallywall *w)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    if (fd < 0)
        return -errno;
    r = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 ? -errno : 0;
    fd_close(&fd);
    snprintf(w->folder, sizeof(w->folder), "/run/sallywall/%016llx", (unsigned long long)cookie);
    return r;
}

/* Runs the wall's program of that name; what it returns, or -errno: -ENXIO, there is no wall. */
static int run(const struct sallywall *w, const char *name, struct bpf_order *order)
{
    char path[PATH + 32];
    union bpf_attr get = {.pathname = (uint64_t)(uintptr_t)path}, run;
    int fd, r;

    snprintf(path, sizeof(path), "%s/%s", w->folder, name);
    fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &get, sizeof(get));
    if (fd < 0)
        return errno == ENOENT ? -ENXIO : -errno;
    memset(&run, 0, sizeof(run));
    run.test.prog_fd = (uint32_t)fd;
    run.test.ctx_in = (uint64_t)(uintptr_t)order;
    run.test.ctx_size_in = sizeof(*order);
    r = (int)syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof(run)) < 0 ? -errno : (int)run.test.retval;
    fd_close(&fd);
    return r;
}

static struct packet_address address_of(const struct in6_addr *ip)
{
    struct packet_address a = {.word = {0}};

    memcpy(&a, pinhole_bytes(ip), IN6_IS_ADDR_V4MAPPED(ip) ? 4 : 16);
    return a;
}

static struct bpf_order order_for(const struct pinhole *h)
{
    const uint8_t family = pinhole_is_v4(h) ? PACKET_IPV4 : PACKET_IPV6;

    return (struct bpf_order){.seconds = h->seconds,
                              .size = sizeof(struct bpf_order),
                              .expected = {.source = address_of(pinhole_from(h)),
                                           .destination = address_of(pinhole_to(h)),
                                           .port = h->port,
                                           .family = family},
                              .control = {.source = address_of(&h->client),
                                          .destination = address_of(&h->server),
                                          .source_port = h->client_port,
                                          .destination_port = h->server_port,
                                          .family = family,
                                          .protocol = PACKET_TCP}};
}

static int order_one(const struct sallywall *w, const struct pinhole *h)
{
    struct bpf_order order = order_for(h);

    return run(w, "order_expected", &order); /* which the wall's own helper leaves alone */
}

/* Was the wall taken down, and not another version's put up? */
static bool is_down(const struct sallywall *w)
{
    return access(w->folder, F_OK) < 0 && errno == ENOENT;
}

static int open_hole(void *state, const struct pinhole *h)
{
    const struct sallywall *w = state;
    int r = order_one(w, h);

    return r == -ENXIO && is_down(w) ? 0 : r; /* nothing stands in the way */
}

static int close_hole(void *state, const struct pinhole *h)
{
    struct bpf_order order = order_for(h);
    int r = run(state, "forget_expected", &order);

    return r == -ENXIO || r >= 0 ? 0 : r; /* with a wall its doors are gone */
}

static void end(void *state)
{
    free(state);
}

static void *begin(const struct pinhole_plan *plan, struct pinhole_error *error)
{
    static const struct in6_addr nobody = {.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}}; /* RFC 5737 */
    const struct pinhole h = {.client = nobody, .server = nobody, .seconds = 1};
    struct sallywall *w = calloc(1, sizeof(*w));
    int r = w ? find_folder(w) : -ENOMEM;

    (void)plan;
    if (!r)
        r = order_one(w, &h);
    if (r == -ENOENT) /* that connection is not there, and the wall is */
        return w;
    snprintf(error->text, sizeof(error->text), "%s",
             r == -ENXIO
                 ? "no wall stands in this network namespace (sallywall up), or it is of an older version"
             : r == -EPROTO
                 ? "the wall that stands here is of another version of sallywall: take it down and up again"
                 : strerror(-r));
    free(w);
    return NULL;
}

bool pinhole_has_wall(void)
{
    struct pinhole_error error;
    void *w = begin(NULL, &error);

    free(w);
    return w != NULL;
}

const struct pinhole_back_end pinhole_sallywall = {
    .name = "sallywall", .begin = begin, .end = end, .open = open_hole, .close = close_hole};
