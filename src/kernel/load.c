/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bpf/limits.h"
#include "kernel/object.h"

/* Headers of Linux 6.1, which Debian 12 builds with, don't have them. */
enum { PROG_TYPE_NETFILTER = 32, ATTACH_NETFILTER = 45 };

enum { LOG_LINES = 12 };

static const char BTF[] = "/sys/kernel/btf/vmlinux";

struct kernel_program {
    struct bpf_object *object;
    int fd;
};

/* ---- what libbpf says of its troubles ---- */

/* The last of it: the verifier's log may have a million lines. */
static struct {
    char text[8192];
    size_t size;
} heard;

static void keep(const char *text, size_t size)
{
    size_t room = sizeof(heard.text) - 1;
    size_t taken = size < room ? size : room, kept = heard.size + taken > room ? room - taken : heard.size;

    memmove(heard.text, heard.text + heard.size - kept, kept);
    memcpy(heard.text + kept, text + size - taken, taken);
    heard.size = kept + taken;
    heard.text[heard.size] = '\0';
}

static int hear(enum libbpf_print_level level, const char *format, va_list arguments)
{
    char *text;
    int size = level == LIBBPF_WARN ? vasprintf(&text, format, arguments) : -1;

    if (size < 0)
        return 0;
    keep(text, (size_t)size);
    free(text);
    return size;
}

/* Of libbpf's own errors as well. */
static const char *words_of(int error)
{
    static char text[100];

    libbpf_strerror(error, text, sizeof(text));
    return text;
}

/* The last lines of what was heard. */
static const char *last_lines(unsigned lines)
{
    char *at = heard.text + heard.size;

    if (at > heard.text && at[-1] == '\n')
        *--at = '\0';
    while (at > heard.text && (at[-1] != '\n' || --lines))
        at--;
    return at;
}

/* ---- why it is refused ---- */

int kernel_refuse(struct kernel_error *ret, enum kernel_refusal refusal, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    ret->refusal = refusal;
    vsnprintf(ret->text, sizeof(ret->text), format, arguments);
    va_end(arguments);
    return error;
}

static bool is_older_than_6_4(const char *release)
{
    unsigned major, minor;

    return sscanf(release, "%u.%u", &major, &minor) == 2 && (major < 6 || (major == 6 && minor < 4));
}

static int refuse_unknown_type(struct kernel_error *ret, int error)
{
    struct utsname name;

    uname(&name);
    if (is_older_than_6_4(name.release))
        return kernel_refuse(
            ret, KERNEL_LACKS, error,
            "netfilter programs need Linux 6.4, and this is %s; Debian 12: install linux-image-amd64 "
            "from bookworm-backports (6.12)",
            name.release);
    return kernel_refuse(ret, KERNEL_LACKS, error,
                         "this kernel, Linux %s, knows no netfilter programs: it was built without "
                         "CONFIG_NETFILTER_BPF_LINK; Debian's kernels have it",
                         name.release);
}

/* Can programs of this type be loaded at all? Asked with one that accepts everything: of ours, libbpf would
 * first miss other things that an old kernel lacks. */
static int probe(struct kernel_error *ret)
{
    static const struct bpf_insn accept[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.expected_attach_type = (enum bpf_attach_type)ATTACH_NETFILTER;
    int fd = bpf_prog_load((enum bpf_prog_type)PROG_TYPE_NETFILTER, "sally_probe", "GPL", accept,
                           sizeof(accept) / sizeof(accept[0]), &options);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    switch (fd) {
    case -EINVAL:
        return refuse_unknown_type(ret, fd);
    case -EPERM:
    case -EACCES:
        return kernel_refuse(
            ret, KERNEL_FORBIDS, fd,
            "loading a netfilter program takes the capabilities CAP_BPF and CAP_NET_ADMIN, which "
            "this process does not have here: call it as root, outside of containers");
    case -ENOSYS:
        return kernel_refuse(ret, KERNEL_LACKS, fd,
                             "this kernel has no bpf(2): it was built without CONFIG_BPF_SYSCALL");
    default:
        return kernel_refuse(ret, KERNEL_FAILS, fd, "a netfilter program could not be loaded: %s",
                             words_of(fd));
    }
}

static int refuse_loading(struct kernel_error *ret, const char *path, int error)
{
    char *end = strstr(heard.text, "-- END PROG LOAD LOG --");

    if (access(BTF, R_OK) < 0)
        return kernel_refuse(
            ret, KERNEL_LACKS, error,
            "%s can't be read, which says where things lie in this kernel: it was built without "
            "CONFIG_DEBUG_INFO_BTF, or /sys is not mounted",
            BTF);
    if (!end)
        return kernel_refuse(ret, KERNEL_FAILS, error, "%s could not be loaded: %s\n%s", path,
                             words_of(error), last_lines(LOG_LINES));
    while (end > heard.text && end[-1] != '\n')
        end--;
    *end = '\0';
    heard.size = (size_t)(end - heard.text);
    return kernel_refuse(ret, KERNEL_VERIFIER, error,
                         "the kernel's verifier refuses %s: %s. The end of its log:\n%s", path,
                         words_of(error), last_lines(LOG_LINES));
}

/* ---- loading ---- */

static int set_entries(struct bpf_object *object, const char *name, uint32_t entries)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);

    if (!entries)
        return 0;
    return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

static struct bpf_map *constants_of(struct bpf_object *object)
{
    struct bpf_map *map = NULL;

    while ((map = bpf_object__next_map(object, map)))
        if (strstr(bpf_map__name(map), ".rodata"))
            return map;
    return NULL;
}

/* Where a constant of the program (const volatile uint32_t) lies among all of them. By name: compilers order them as they like.
 * -ENOENT: there is none. */
static int64_t constant_offset(const struct bpf_object *object, const char *name)
{
    const struct btf *btf = bpf_object__btf(object);
    int section = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
    const struct btf_type *all = section < 0 ? NULL : btf__type_by_id(btf, (uint32_t)section);

    for (unsigned i = 0; all && i < btf_vlen(all); i++) {
        const struct btf_var_secinfo *place = btf_var_secinfos(all) + i;
        const struct btf_type *variable = btf__type_by_id(btf, place->type);
        if (place->size == sizeof(uint32_t) &&
            strcmp(btf__name_by_offset(btf, variable->name_off), name) == 0)
            return place->offset;
    }
    return -ENOENT;
}

static int set_constant(struct bpf_object *object, const char *name, uint32_t value)
{
    struct bpf_map *map = constants_of(object);
    int64_t offset = constant_offset(object, name);
    size_t size = 0;
    const void *old = map ? bpf_map__initial_value(map, &size) : NULL;

    if (offset < 0 || !old || (size_t)offset + sizeof(value) > size)
        return -ENOENT;
    uint8_t *values = malloc(size);
    if (!values)
        return -ENOMEM;
    memcpy(values, old, size);
    memcpy(values + offset, &value, sizeof(value));
    int r = bpf_map__set_initial_value(map, values, size);
    free(values);
    return r;
}

static int set_value(struct bpf_object *object, const char *name, uint32_t size)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);

    if (!size)
        return 0;
    return map ? bpf_map__set_value_size(map, size) : -ENOENT;
}

static int set_image(struct bpf_object *object, uint32_t size)
{
    int r = set_value(object, "image", size);

    return r < 0 || !size ? r : set_constant(object, "image_size", size);
}

/* The pool, what leads into it, and what is free of it. */
static int set_flows(struct bpf_object *object, uint32_t flows)
{
    static const char *const MAPS[] = {"flows", "flow_index", "free_slots"};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < sizeof(MAPS) / sizeof(MAPS[0]); i++)
        r = set_entries(object, MAPS[i], flows);
    return r;
}

static int set_scratch(struct bpf_object *object)
{
    int processors = libbpf_num_possible_cpus();
    uint32_t slots =
        processors > SCRATCH_TRIES / SCRATCH_EACH ? (uint32_t)processors * SCRATCH_EACH : SCRATCH_TRIES;
    int r = set_entries(object, "scratch", slots);

    return r < 0 ? r : set_constant(object, "scratch_slots", slots);
}

static int set_sizes(struct bpf_object *object, const struct kernel_sizes *sizes)
{
    int r = set_image(object, sizes->image);

    if (r == 0)
        r = set_scratch(object);
    if (r == 0)
        r = set_entries(object, "rule_counts", sizes->rule_counts);
    if (r == 0)
        r = set_flows(object, sizes->flows);
    if (r == 0)
        r = set_entries(object, "expected", sizes->expected);
    return r;
}

/* libbpf 1.1 does not know netfilter programs by their section's name. */
static void set_types(struct bpf_object *object)
{
    struct bpf_program *program;

    bpf_object__for_each_program(program, object)
    {
        if (strcmp(bpf_program__section_name(program), "netfilter") != 0)
            continue;
        bpf_program__set_type(program, (enum bpf_prog_type)PROG_TYPE_NETFILTER);
        bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)ATTACH_NETFILTER);
    }
}

static int set_shared(struct bpf_object *object, const struct kernel_shared *shared)
{
    for (; shared && shared->name; shared++) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, shared->name);
        int r = map ? bpf_map__reuse_fd(map, shared->fd) : -ENOENT;

        if (r < 0)
            return r;
    }
    return 0;
}

/* What is wanted of an object. */
struct wanted {
    const char *path; /* NULL: the one built in */
    const struct kernel_sizes *sizes;
    const struct kernel_shared *shared; /* or NULL */
};

static const char *name_of(const struct wanted *wanted)
{
    return wanted->path ? wanted->path : "the kernel program";
}

static int load(struct bpf_object *object, const struct wanted *wanted, struct kernel_error *ret_error)
{
    struct bpf_program *program = bpf_object__find_program_by_name(object, "wall");
    int r = program ? set_sizes(object, wanted->sizes) : -ENOENT;

    if (r == 0)
        r = set_shared(object, wanted->shared);
    if (r < 0)
        return kernel_refuse(
            ret_error, KERNEL_FAILS, r,
            "%s has not the program and the maps that this program expects: both must come from one build",
            name_of(wanted));
    set_types(object);
    r = bpf_object__load(object);
    if (r < 0)
        return refuse_loading(ret_error, name_of(wanted), r);
    return bpf_program__fd(program);
}

static struct bpf_object *open_object(const char *path)
{
    size_t size;
    const void *built_in = path ? NULL : kernel_object(&size);

    if (path)
        return bpf_object__open_file(path, NULL);
    errno = ENOENT;
    return built_in ? bpf_object__open_mem(built_in, size, NULL) : NULL;
}

static int open_and_load(const struct wanted *wanted, struct kernel_program **ret_program,
                         struct kernel_error *ret_error)
{
    struct bpf_object *object = open_object(wanted->path);
    struct kernel_program *program;

    if (!object) {
        int error = -errno;
        return kernel_refuse(ret_error, KERNEL_FAILS, error,
                             "%s could not be opened as a kernel program: %s\n%s", name_of(wanted),
                             words_of(error), last_lines(LOG_LINES));
    }
    int fd = load(object, wanted, ret_error);
    program = fd < 0 ? NULL : malloc(sizeof(*program));
    if (fd >= 0 && !program)
        fd = kernel_refuse(ret_error, KERNEL_FAILS, -ENOMEM, "out of memory");
    if (fd < 0) {
        bpf_object__close(object);
        return fd;
    }
    *program = (struct kernel_program){object, fd};
    *ret_program = program;
    return 0;
}

static int load_wanted(const struct wanted *wanted, struct kernel_program **ret_program,
                       struct kernel_error *ret_error)
{
    libbpf_print_fn_t before = libbpf_set_print(hear);
    int r = probe(ret_error);

    heard.text[heard.size = 0] = '\0';
    if (r == 0 && !wanted->path && !kernel_object(&(size_t){0}))
        r = kernel_refuse(
            ret_error, KERNEL_LACKS, -ENOENT,
            "this sallywall was built without its kernel program: that takes clang-14 or clang-19, "
            "and libbpf-dev");
    if (r == 0)
        r = open_and_load(wanted, ret_program, ret_error);
    libbpf_set_print(before);
    return r;
}

int kernel_program_load(const char *path, const struct kernel_sizes *sizes,
                        struct kernel_program **ret_program, struct kernel_error *ret_error)
{
    return load_wanted(&(struct wanted){.path = path, .sizes = sizes}, ret_program, ret_error);
}

int kernel_program_load_beside(const struct kernel_shared *shared, const struct kernel_sizes *sizes,
                               struct kernel_program **ret_program, struct kernel_error *ret_error)
{
    return load_wanted(&(struct wanted){.sizes = sizes, .shared = shared}, ret_program, ret_error);
}

void kernel_program_free(struct kernel_program **program)
{
    if (!*program)
        return;
    bpf_object__close((*program)->object);
    free(*program);
    *program = NULL;
}

int kernel_program_fd(const struct kernel_program *program)
{
    return program->fd;
}

int kernel_program_map(const struct kernel_program *program, const char *name)
{
    return bpf_object__find_map_fd_by_name(program->object, name);
}

int kernel_program_named(const struct kernel_program *program, const char *name)
{
    const struct bpf_program *found = bpf_object__find_program_by_name(program->object, name);

    return found ? bpf_program__fd(found) : -ENOENT;
}

int kernel_program_maps(const struct kernel_program *program,
                        int (*visit)(void *arg, const char *name, int fd), void *arg)
{
    struct bpf_map *map = NULL;
    int r = 0;

    while (r == 0 && (map = bpf_object__next_map(program->object, map)))
        r = visit(arg, bpf_map__name(map), bpf_map__fd(map));
    return r;
}

/* ---- being run ---- */

static int run(int program, void *order, uint32_t size)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = order, .ctx_size_in = size);

    return bpf_prog_test_run_opts(program, &options) < 0 ? -errno : (int)options.retval;
}

int kernel_program_run(int program, void *order, uint32_t size)
{
    static const struct timespec PAUSE = {.tv_nsec = 4000000};
    enum { TRIES = 500 };
    int r = run(program, order, size);

    for (unsigned i = 0; i < TRIES && r == -ENOMEM; i++) {
        nanosleep(&PAUSE, NULL);
        r = run(program, order, size);
    }
    return r;
}
