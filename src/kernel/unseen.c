/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/unseen.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/link.h"
#include "kernel/pins.h"

/* The kernel takes links away some time after their pins: a wall that was taken down just now is looked for again. */
enum { LOOKS = 20 };

/* Of Linux 6.4; Debian 12 builds with headers that have them not. */
enum { LINK_NETFILTER = 10, PROGRAM_NETFILTER = 32, ATTACH_NETFILTER = 45 };

/* ---- walls that are seen ---- */

struct search {
    int root;
    uint32_t program; /* by its number */
    bool found;
};

static bool program_info(int fd, struct bpf_prog_info *ret)
{
    uint32_t size = sizeof(*ret);

    memset(ret, 0, size);
    return bpf_obj_get_info_by_fd(fd, ret, &size) == 0;
}

static void look_into(void *arg, const char *name)
{
    struct search *s = arg;
    struct kernel_error ignored;
    struct bpf_prog_info info;
    int folder = pins_open_folder(s->root, name, &ignored), gate = folder < 0 ? -1 : pins_get(folder, "gate");

    s->found |= gate >= 0 && program_info(gate, &info) && info.id == s->program;
    if (gate >= 0)
        close(gate);
    if (folder >= 0)
        close(folder);
}

static bool is_seen(int root, uint32_t program)
{
    struct search s = {.root = root, .program = program};

    return root >= 0 && pins_each(root, look_into, &s) == 0 && s.found;
}

/* ---- walls that stand ---- */

/* The number of the program at a hook, if it is a wall's; else 0. */
static uint32_t gate_of(const struct bpf_link_info *link)
{
    struct bpf_prog_info info;
    int program = link->type == LINK_NETFILTER ? bpf_prog_get_fd_by_id(link->prog_id) : -1;
    bool is_gate = program >= 0 && program_info(program, &info) && strcmp(info.name, "gate") == 0;

    if (program >= 0)
        close(program);
    return is_gate ? link->prog_id : 0;
}

/* 1: a wall stands that is not seen, wherever, 0: none does, -errno. */
static int look(int root)
{
    uint32_t id = 0, last = 0;

    while (bpf_link_get_next_id(id, &id) == 0) {
        struct bpf_link_info info = {0};
        uint32_t size = sizeof(info);
        int link = bpf_link_get_fd_by_id(id);
        if (link < 0 && errno == ENOENT)
            continue;
        if (link < 0)
            return -errno;
        uint32_t gate = bpf_obj_get_info_by_fd(link, &info, &size) == 0 ? gate_of(&info) : 0;
        close(link);
        if (gate && gate != last && !is_seen(root, gate))
            return 1;
        last = gate;
    }
    return errno == ENOENT ? 0 : -errno;
}

/* ---- does one stand here? ---- */

/* A program that lets everything pass. */
static int load_nothing(void)
{
    static const struct bpf_insn ACCEPT[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
                                             {.code = BPF_JMP | BPF_EXIT}};
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = (enum bpf_attach_type)ATTACH_NETFILTER);
    int fd = bpf_prog_load((enum bpf_prog_type)PROGRAM_NETFILTER, "is_it_free", "Dual BSD/GPL", ACCEPT,
                           sizeof(ACCEPT) / sizeof(ACCEPT[0]), &options);

    return fd < 0 ? -errno : fd;
}

/* Tries the place of a wall's first program, where only one can be. 1: it is taken, 0: it is free, -errno. */
static int try_place(void)
{
    struct kernel_error ignored;
    int program = load_nothing(), link;

    if (program < 0)
        return program;
    link = link_attach(program, &link_places[0], &ignored);
    if (link >= 0)
        close(link);
    close(program);
    return link == -EBUSY ? 1 : link < 0 ? link : 0;
}

static int refuse(int why, struct kernel_error *error)
{
    if (why < 0)
        return kernel_refuse(
            error, why == -EPERM ? KERNEL_FORBIDS : KERNEL_FAILS, -ENOMEDIUM,
            "no wall is seen in " KERNEL_PINS
            ", and the kernel does not tell whether it has the program of one all the same: %s%s",
            strerror(-why), why == -EPERM ? "; call it as root, outside of containers" : "");
    return kernel_refuse(
        error, KERNEL_FAILS, -ENOMEDIUM,
        "the kernel has the program of a wall that is not seen in " KERNEL_PINS
        " (unmounted, or hidden by another mount), and in this network namespace something stands where "
        "a wall would; nsenter --target 1 --mount, outside of containers, may see it");
}

int unseen_check(int root, struct kernel_error *error)
{
    static const struct timespec PAUSE = {.tv_nsec = 50000000};
    int r = 1;

    for (int i = 0; i < LOOKS && r == 1; i++) {
        if (i)
            nanosleep(&PAUSE, NULL);
        r = look(root);
        if (r == 1)
            r = try_place();
    }
    return r ? refuse(r, error) : -ENOENT;
}
