/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/machine.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { BOOLEAN, BYTE, WORD, LIMIT };

#define TRACK(key)   "net.netfilter.nf_conntrack_" key
#define FIELD(name)  offsetof(struct track_config, name)
#define SECONDS(key) FIELD(timeouts.key)

/* net/netfilter/nf_conntrack_standalone.c */
static const struct {
    const char *name;
    size_t field;
    enum kind kind;
} switches[] = {
    {TRACK("max"), FIELD(max_flows), LIMIT},
    {TRACK("expect_max"), FIELD(max_expectations), WORD},
    {TRACK("helper"), FIELD(automatic_helper), BOOLEAN},
    {TRACK("checksum"), FIELD(check_sums), BOOLEAN},
    {TRACK("tcp_loose"), FIELD(tcp_loose), BOOLEAN},
    {TRACK("tcp_be_liberal"), FIELD(tcp_be_liberal), BOOLEAN},
    {TRACK("tcp_ignore_invalid_rst"), FIELD(tcp_ignore_invalid_rst), BOOLEAN},
    {TRACK("tcp_max_retrans"), FIELD(tcp_max_retrans), BYTE},
    {TRACK("tcp_timeout_syn_sent"), SECONDS(tcp_syn_sent), WORD},
    {TRACK("tcp_timeout_syn_recv"), SECONDS(tcp_syn_recv), WORD},
    {TRACK("tcp_timeout_established"), SECONDS(tcp_established), WORD},
    {TRACK("tcp_timeout_fin_wait"), SECONDS(tcp_fin_wait), WORD},
    {TRACK("tcp_timeout_close_wait"), SECONDS(tcp_close_wait), WORD},
    {TRACK("tcp_timeout_last_ack"), SECONDS(tcp_last_ack), WORD},
    {TRACK("tcp_timeout_time_wait"), SECONDS(tcp_time_wait), WORD},
    {TRACK("tcp_timeout_close"), SECONDS(tcp_close), WORD},
    {TRACK("tcp_timeout_max_retrans"), SECONDS(tcp_max_retrans_time), WORD},
    {TRACK("tcp_timeout_unacknowledged"), SECONDS(tcp_unacknowledged), WORD},
    {TRACK("udp_timeout"), SECONDS(udp), WORD},
    {TRACK("udp_timeout_stream"), SECONDS(udp_stream), WORD},
    {TRACK("icmp_timeout"), SECONDS(icmp), WORD},
    {TRACK("icmpv6_timeout"), SECONDS(icmpv6), WORD},
    {TRACK("gre_timeout"), SECONDS(gre), WORD},
    {TRACK("gre_timeout_stream"), SECONDS(gre_stream), WORD},
    {TRACK("generic_timeout"), SECONDS(generic), WORD},
};

enum { SWITCHES = sizeof switches / sizeof *switches, PORTS = 8 };

struct play_machine {
    struct host *host;
    struct sets *sets;
    struct verdict_sets bound;
    char release[64];
    uint32_t kernel; /* 0: not said */
    bool has[SWITCHES];
    uint32_t values[SWITCHES];
    enum snapshot_state helper, nat_helper;
    uint16_t ports[PORTS];
    uint8_t port_count; /* 0: not said */
    bool has_loose, loose;
};

void play_machine_free(struct play_machine **m)
{
    if (!*m)
        return;
    host_free(&(*m)->host);
    sets_free(&(*m)->sets);
    free(*m);
    *m = NULL;
}

struct host *play_machine_host(struct play_machine *m)
{
    return m->host;
}

/* ---- out of a snapshot ---- */

/* "6.1.0-18-amd64" */
static uint32_t read_kernel(const char *release)
{
    unsigned major, minor;

    if (sscanf(release, "%3u.%3u", &major, &minor) != 2 || major > 99 || minor > 255)
        return 0;
    return TRACK_KERNEL(major, minor);
}

static void read_switches(const struct snapshot *s, struct play_machine *m)
{
    int64_t value;

    for (size_t i = 0; i < SWITCHES; i++) {
        m->has[i] = snapshot_switch(s, switches[i].name, &value) && value >= 0 && value <= UINT32_MAX;
        if (m->has[i])
            m->values[i] = (uint32_t)value;
    }
}

/* "21,2121", as the kernel prints an array; without, the module's own default holds. */
static void read_ports(const char *text, struct play_machine *m)
{
    char *end;

    for (m->port_count = 0; m->port_count < PORTS; text = end + 1) {
        unsigned long port = strtoul(text, &end, 10);
        if (end == text || !port || port > UINT16_MAX)
            break;
        m->ports[m->port_count++] = (uint16_t)port;
        if (*end != ',')
            break;
    }
}

static void read_modules(const struct snapshot *s, struct play_machine *m)
{
    char text[64];

    m->helper = snapshot_module_state(s, "nf_conntrack_ftp");
    m->nat_helper = snapshot_module_state(s, "nf_nat_ftp");
    if (snapshot_parameter(s, "nf_conntrack_ftp.ports", text, sizeof text))
        read_ports(text, m);
    m->has_loose = snapshot_parameter(s, "nf_conntrack_ftp.loose", text, sizeof text);
    m->loose = m->has_loose && (text[0] == 'Y' || text[0] == '1');
}

struct telling {
    const char *name;
    void (*told)(void *arg, const struct rules_error *error);
    void *arg;
};

static void tell_host_error(void *arg, const struct host_error *error)
{
    const struct telling *t = arg;
    struct rules_error told = {.file = t->name, .line = error->line, .column = error->column};

    snprintf(told.message, sizeof told.message, "%s; this section is left out", error->text);
    t->told(t->arg, &told);
}

static int read_sets(const struct snapshot *s, const struct telling *t, struct play_machine *m)
{
    const struct snapshot_part *part = &s->parts[SNAPSHOT_IPSET];
    struct rules_error error = {0}, told;
    int r = part->is_there ? sets_read(part->text, part->size, t->name, &m->sets, &error) : 0;

    if (r == -EINVAL) {
        told = error;
        told.line += part->line - 1;
        snprintf(told.message, sizeof told.message, "%.350s; this section is left out", error.message);
        t->told(t->arg, &told);
    }
    if (m->sets)
        sets_bind(m->sets, &m->bound);
    return r == -EINVAL ? 0 : r;
}

struct play_machine *play_machine_new(const struct snapshot *s, const char *name,
                                      void (*told)(void *arg, const struct rules_error *error), void *arg)
{
    struct telling telling = {name, told, arg};
    struct play_machine *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->host = host_new();
    if (!m->host || snapshot_tell_host(s, m->host, tell_host_error, &telling) || read_sets(s, &telling, m)) {
        play_machine_free(&m);
        return NULL;
    }
    memcpy(m->release, s->kernel, sizeof m->release);
    m->kernel = read_kernel(s->kernel);
    read_switches(s, m);
    read_modules(s, m);
    return m;
}

/* ---- into a play ---- */

void play_machine_apply(const struct play_machine *m, const struct play_said *said, struct play *play)
{
    play->machine = m;
    play->host = m->host;
    if (m->kernel && !said->kernel)
        play->kernel = m->kernel;
    if (m->sets && !said->sets)
        play->sets = &m->bound;
    if (said->wall)
        return;
    if (m->port_count && !said->helper_ports) {
        memcpy(play->helper_ports, m->ports, sizeof m->ports);
        play->helper_port_count = m->port_count;
    }
    if (m->has_loose && !said->helper_loose)
        play->helper_loose = m->loose;
}

static bool same_ports(const struct play_machine *m, const struct play *play)
{
    return m->port_count == play->helper_port_count &&
           memcmp(m->ports, play->helper_ports, m->port_count * sizeof *m->ports) == 0;
}

const char *play_machine_contradicts(const struct play_machine *m, const struct play_said *said,
                                     const struct play *play, unsigned n, char text[160])
{
    const struct {
        bool is;
        const char *option, *what;
    } all[] = {
        {said->kernel && m->kernel && m->kernel != play->kernel, "--kernel", "another kernel: "},
        {said->helper_ports && m->port_count && !same_ports(m, play), "--helper-ports", "other ports"},
        {said->helper_loose && m->has_loose && m->loose != play->helper_loose, "--loose", "loose=0"},
        {said->sets && m->sets, "--sets", "sets of its own"},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].is || n-- > 0)
            continue;
        snprintf(text, 160, "%s goes before what the snapshot has: %s%s", all[i].option, all[i].what,
                 i == 0 ? m->release : "");
        return text;
    }
    return NULL;
}

static void set_field(struct track_config *config, size_t i, uint32_t value)
{
    char *field = (char *)config + switches[i].field;

    switch (switches[i].kind) {
    case BOOLEAN:
        *(bool *)(void *)field = value != 0;
        break;
    case BYTE:
        *(uint8_t *)(void *)field = (uint8_t)(value > UINT8_MAX ? UINT8_MAX : value);
        break;
    case LIMIT: /* 0: there is none */
        value = value ? value : UINT32_MAX;
        memcpy(field, &value, sizeof value);
        break;
    case WORD:
        memcpy(field, &value, sizeof value);
        break;
    }
}

void play_machine_configure(const struct play_machine *m, struct track_config *config)
{
    static const uint8_t nat_helpers[] = {[SNAPSHOT_UNKNOWN] = TRACK_NAT_FTP_UNKNOWN,
                                          [SNAPSHOT_LOADED] = TRACK_NAT_FTP_LOADED,
                                          [SNAPSHOT_BUILT_IN] = TRACK_NAT_FTP_LOADED,
                                          [SNAPSHOT_ABSENT] = TRACK_NAT_FTP_MISSING};

    for (size_t i = 0; i < SWITCHES; i++) {
        if (m->has[i])
            set_field(config, i, m->values[i]);
    }
    config->nat_ftp = nat_helpers[m->nat_helper];
    if (m->helper == SNAPSHOT_ABSENT)
        config->automatic_helper = false; /* there is none to be given */
}
