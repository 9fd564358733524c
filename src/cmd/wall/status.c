/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in this network namespace, since when, and with what in it. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <jansson.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/flow_order.h"
#include "cmd/wall/options.h"
#include "kernel/inventory.h"
#include "kernel/link.h"
#include "kernel/watch.h"

enum { HOOKS_MOST = 128 };

static const uint8_t families[WALL_FAMILIES] = {PACKET_IPV4, PACKET_IPV6};
static const char *const family_names[WALL_FAMILIES] = {"IPv4", "IPv6"};

struct status {
    uint64_t since;
    bool knows_rewritten;
    struct {
        size_t count;
        enum wall_trial trial;
        unsigned seconds;
        bool answers, pass_all;
    } rules[WALL_FAMILIES];
    struct bpf_settings settings;
    struct bpf_pool pool;
    uint32_t room;
    size_t flows, expectations;
    struct bpf_drop_count drops[BPF_DROPS];
    uint64_t memory;
    bool memory_is_known;
    struct inventory_hook hooks[HOOKS_MOST];
    size_t hook_count;
    int hooks_error; /* of inventory_hooks */
    unsigned husks;
    struct utsname kernel;
};

/* ---- looking ---- */

static int look_at_rules(struct kernel_wall *wall, unsigned family, struct status *ret,
                         struct kernel_error *error)
{
    struct rules *r = NULL;
    int rc = kernel_wall_rules(wall, (enum packet_family)families[family], &r, error);

    if (rc)
        return rc;
    for (int t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < r->tables[t].count; c++)
            ret->rules[family].count += r->tables[t].chains[c]->count;
    }
    ret->rules[family].pass_all = rules_pass_all(r);
    rules_free(&r);
    ret->rules[family].trial =
        kernel_wall_trial(wall, (enum packet_family)families[family], &ret->rules[family].seconds);
    ret->rules[family].answers = kernel_wall_state(wall)->answers >> family & 1;
    return 0;
}

static bool count_flow(void *arg, const struct flows_place *place, const struct bpf_flow *flow)
{
    (void)place;
    (void)flow;
    ++*(size_t *)arg;
    return true;
}

static bool count_expectation(void *arg, const struct track_expectation *e, const struct track_flow *master)
{
    (void)e;
    (void)master;
    ++*(size_t *)arg;
    return true;
}

static int look_at_flows(struct status *ret)
{
    struct kernel_wall *wall = NULL;
    struct kernel_flows flows;
    uint32_t zero = 0;

    if (!flow_tables_open("status", &wall, &flows))
        return -1;
    uint64_t now = flows_clock();
    int r = flows_each(&flows, now, count_flow, &ret->flows);
    if (r == 0)
        r = expectations_each(&flows, now, count_expectation, &ret->expectations);
    if (r == 0)
        r = flows_pool(&flows, &ret->pool);
    if (r == 0 && bpf_map_lookup_elem(kernel_wall_map(wall, "settings"), &zero, &ret->settings))
        r = -errno;
    flows_close(&flows);
    kernel_wall_close(&wall);
    if (r)
        fprintf(stderr, "sallywall status: connections can't be read: %s\n", strerror(-r));
    return r ? -1 : 0;
}

static void take_hook(void *arg, const struct inventory_hook *hook)
{
    struct status *s = arg;

    if (s->hook_count < HOOKS_MOST)
        s->hooks[s->hook_count++] = *hook;
}

static int look(struct kernel_wall *wall, struct status *ret, struct kernel_error *error)
{
    int r = 0;

    ret->since = kernel_wall_state(wall)->since;
    ret->knows_rewritten = kernel_wall_state(wall)->knows_rewritten;
    for (unsigned f = 0; r == 0 && f < WALL_FAMILIES; f++)
        r = look_at_rules(wall, f, ret, error);
    if (r == 0)
        r = kernel_drop_counts(wall, ret->drops, error);
    if (r)
        return r;
    ret->memory_is_known = inventory_memory(wall, &ret->memory) == 0;
    ret->hooks_error = inventory_hooks(take_hook, ret);
    ret->husks = inventory_husks(wall);
    uname(&ret->kernel);
    return 0;
}

/* ---- telling ---- */

static void since_text(uint64_t since, char ret[40])
{
    time_t when = (time_t)since;
    struct tm local;

    strcpy(ret, "unknown");
    if (localtime_r(&when, &local))
        strftime(ret, 40, "%Y-%m-%d %H:%M:%S", &local);
}

static const char *mode_of(const struct status *s)
{
    return s->settings.track.config.manner == TRACK_ROBUST ? "robust" : "linux";
}

static void print_helper(const struct status *s)
{
    const struct track_config *track = &s->settings.track.config;

    printf("FTP helper: ");
    if (!track->always_helps)
        printf("none but by rules with CT --helper ftp");
    for (unsigned i = 0; track->always_helps && i < track->ftp_port_count; i++)
        printf("%s%u", i ? "," : "port ", track->ftp_ports[i]);
    printf(", mode %s%s\n", mode_of(s), track->ftp_loose ? ", loose" : "");
}

static void print_beside(const struct status *s)
{
    if (!s->knows_rewritten)
        puts("beside nf_nat_ftp of the kernel: acknowledgements may be taken for invalid, as nf_conntrack "
             "was not loaded "
             "when this wall went up: modprobe nf_conntrack, then sallywall down and up");
}

static void print_rules(const struct status *s)
{
    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        printf("%s: %zu rules%s", family_names[f], s->rules[f].count,
               s->rules[f].pass_all ? ": all of it passes" : "");
        if (s->rules[f].trial == WALL_ON_TRIAL)
            printf(", on trial: the old ones return in %u seconds unless sallywall confirm keeps these",
                   s->rules[f].seconds);
        printf("%s\n", s->rules[f].answers ? "; REJECT answers" : "");
    }
}

static void print_drops(const struct status *s)
{
    for (uint32_t i = 0; i < BPF_DROPS; i++) {
        if (s->drops[i].packets)
            printf("dropped: %llu packets, %llu bytes: %s\n", (unsigned long long)s->drops[i].packets,
                   (unsigned long long)s->drops[i].bytes, kernel_drop_text(i));
    }
}

static const char *hook_name(uint8_t hook)
{
    static const char *const names[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

    return hook < 5 ? names[hook] : "?";
}

static const char *family_of(const struct inventory_hook *hook)
{
    return family_names[hook->family == NFPROTO_IPV6];
}

static void print_hooks(const struct status *s)
{
    if (s->hooks_error)
        printf("other hooks of netfilter: unknown: %s\n",
               s->hooks_error == -EOPNOTSUPP ? "this kernel does not tell (CONFIG_NETFILTER_NETLINK_HOOK)"
                                             : strerror(-s->hooks_error));
    for (size_t i = 0; s->hooks_error == 0 && i < s->hook_count; i++)
        printf("hook: %s %s, priority %d: %s\n", family_of(&s->hooks[i]), hook_name(s->hooks[i].hook),
               s->hooks[i].priority, s->hooks[i].name[0] ? s->hooks[i].name : "unknown");
}

static void print_text(const struct status *s)
{
    char since[40];

    since_text(s->since, since);
    printf("up since %s, on Linux %s\n", since, s->kernel.release);
    print_rules(s);
    print_helper(s);
    print_beside(s);
    printf("connections: %zu of at most %u; %llu had to go for others, %llu found no room\n", s->flows,
           s->settings.track.config.max_flows, (unsigned long long)s->pool.evicted,
           (unsigned long long)s->pool.refused);
    printf("expectations: %zu\n", s->expectations);
    print_drops(s);
    if (s->memory_is_known)
        printf("memory: %.1f MB in maps\n", (double)s->memory / 1e6);
    else
        puts("memory: unknown");
    print_hooks(s);
    if (s->husks)
        printf("walls of namespaces that nobody has any more: %u; sallywall down removes them\n", s->husks);
}

static json_t *drops_json(const struct status *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < BPF_DROPS; i++) {
        if (s->drops[i].packets)
            json_array_append_new(all,
                                  json_pack("{s:s, s:s, s:I, s:I}", "cause", kernel_drop_name(i), "text",
                                            kernel_drop_text(i), "packets", (json_int_t)s->drops[i].packets,
                                            "bytes", (json_int_t)s->drops[i].bytes));
    }
    return all;
}

static json_t *hooks_json(const struct status *s)
{
    json_t *all = s->hooks_error ? json_string("unknown") : json_array();

    for (size_t i = 0; s->hooks_error == 0 && i < s->hook_count; i++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:s}", "family", family_of(&s->hooks[i]),
                                             "hook", hook_name(s->hooks[i].hook), "priority",
                                             (int)s->hooks[i].priority, "name", s->hooks[i].name));
    return all;
}

static json_t *rules_json(const struct status *s)
{
    json_t *all = json_object();

    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        bool is_tried = s->rules[f].trial == WALL_ON_TRIAL;
        json_object_set_new(all, family_names[f],
                            json_pack("{s:I, s:b, s:o, s:b}", "rules", (json_int_t)s->rules[f].count,
                                      "pass_all", s->rules[f].pass_all, "trial_seconds",
                                      is_tried ? json_integer(s->rules[f].seconds) : json_null(),
                                      "reject_answers", s->rules[f].answers));
    }
    return all;
}

static json_t *helper_json(const struct status *s)
{
    const struct track_config *track = &s->settings.track.config;
    json_t *ports = json_array();

    for (unsigned i = 0; track->always_helps && i < track->ftp_port_count; i++)
        json_array_append_new(ports, json_integer(track->ftp_ports[i]));
    return json_pack("{s:o, s:s, s:b}", "ftp_ports", ports, "mode", mode_of(s), "loose", track->ftp_loose);
}

static json_t *status_json(const struct status *s)
{
    return json_pack("{s:b, s:I, s:b, s:s, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:I, s:o, s:o, s:o, s:I}", "up",
                     true, "since", (json_int_t)s->since, "knows_nat_ftp", s->knows_rewritten, "kernel",
                     s->kernel.release, "families", rules_json(s), "helper", helper_json(s), "connections",
                     "count", (json_int_t)s->flows, "room", (json_int_t)s->settings.track.config.max_flows,
                     "evicted", (json_int_t)s->pool.evicted, "refused", (json_int_t)s->pool.refused,
                     "expectations", (json_int_t)s->expectations, "drops", drops_json(s), "memory_bytes",
                     s->memory_is_known ? json_integer((json_int_t)s->memory) : json_string("unknown"),
                     "hooks", hooks_json(s), "husks", (json_int_t)s->husks);
}

static int print_json(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;

    if (text)
        puts(text);
    free(text);
    json_decref(object);
    return text ? 0 : STATUS_TROUBLE;
}

/* ---- the command ---- */

static bool take_json(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    *(bool *)what = true;
    return true;
}

static const struct option_row rows[] = {{"--json", NULL, "as one JSON object", take_json}};

static const struct option_command options = {"status",
                                              "[--json]",
                                              "Tells about the wall of this network namespace. Exit status: "
                                              "0 it stands, 1 none does, 2 trouble, 3 it can't be "
                                              "told.",
                                              rows,
                                              1,
                                              0,
                                              0};

enum { STATUS_NONE = 1 };

/* None stands (r is -ENOENT), or whether one does is not known. */
static int tell_none(bool json, int r, const struct kernel_error *error)
{
    bool is_known = r == -ENOENT;

    if (json &&
        print_json(json_pack("{s:o, s:s}", "up", is_known ? json_false() : json_null(), "why", error->text)))
        return STATUS_TROUBLE;
    if (!json)
        printf("%s%s\n", is_known ? "" : "unknown: ", error->text);
    return is_known ? STATUS_NONE : STATUS_UNKNOWN;
}

int status_command(int argc, char **argv)
{
    static struct status status;
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    bool json = false;
    int operands, r = options_read(&options, argc, argv, &json, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    r = kernel_wall_open(&wall, &error);
    if (r == -ENOENT || r == -ENOMEDIUM || (r && error.refusal == KERNEL_FORBIDS))
        return finish_output(tell_none(json, r, &error));
    if (r == 0)
        r = look(wall, &status, &error);
    kernel_wall_close(&wall);
    if (r)
        fprintf(stderr, "sallywall status: %s\n", error.text);
    if (r || look_at_flows(&status))
        return STATUS_TROUBLE;
    if (json)
        return finish_output(print_json(status_json(&status)));
    print_text(&status);
    return finish_output(0);
}
