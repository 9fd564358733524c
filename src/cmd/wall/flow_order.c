/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/flow_order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/options.h"
#include "kernel/pins.h"
#include "packet/decode.h"
#include "track/native/tracker.h"
#include "track/tuple.h"

/* ---- words ---- */

/* The whole word is a number up to most. */
static bool read_number(const char *text, unsigned long most, unsigned long *ret)
{
    char *end;

    errno = 0;
    *ret = strtoul(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret <= most;
}

struct word {
    const char *name;
    uint32_t value;
};

/* Each of the words between commas; their values together. */
static bool read_words(const char *text, const struct word *words, size_t count, uint32_t *ret)
{
    for (;;) {
        size_t length = strcspn(text, ","), i = 0;
        while (i < count &&
               (strlen(words[i].name) != length || strncasecmp(words[i].name, text, length) != 0))
            i++;
        if (i == count)
            return false;
        *ret |= words[i].value;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

/* ADDRESS or ADDRESS/PREFIX. */
static bool read_address(struct flow_filter *f, const char *text, struct packet_address *ret,
                         struct packet_address *ret_mask)
{
    const char *slash = strchr(text, '/');
    char address[64];
    unsigned long prefix;
    uint8_t family;
    size_t length = slash ? (size_t)(slash - text) : strlen(text);

    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (packet_address_parse(address, ret, &family) < 0 || (f->family && f->family != family))
        return false;
    unsigned bits = family == PACKET_IPV6 ? 128 : 32;
    prefix = bits;
    if (slash && !read_number(slash + 1, bits, &prefix))
        return false;
    f->family = family;
    for (unsigned i = 0; i < bits; i++)
        if (i < prefix)
            ((uint8_t *)ret_mask)[i / 8] |= (uint8_t)(0x80 >> i % 8);
    for (unsigned w = 0; w < 4; w++)
        ret->word[w] &= ret_mask->word[w];
    return true;
}

/* ---- what to do ---- */

static bool take_task(void *what, enum flow_task task)
{
    struct flow_order *o = what;

    o->is_twice = o->task != FLOW_NO_TASK && o->task != task;
    o->task = task;
    return true;
}

#define TASK(name, task)                                                                                     \
    static bool name(void *what, const char *value, const char **why)                                        \
    {                                                                                                        \
        (void)value;                                                                                         \
        (void)why;                                                                                           \
        return take_task(what, task);                                                                        \
    }
TASK(take_list, FLOW_LIST)
TASK(take_delete, FLOW_DELETE)
TASK(take_flush, FLOW_FLUSH)
TASK(take_watch, FLOW_WATCH)
TASK(take_count, FLOW_COUNT)
#undef TASK

/* ---- which ---- */

static struct flow_filter *filter_of(void *what)
{
    return &((struct flow_order *)what)->filter;
}

static const char AN_ADDRESS[] = "an address of the family that is asked for, or ADDRESS/PREFIX";

#define ADDRESS(name, direction, end)                                                                        \
    static bool name(void *what, const char *value, const char **why)                                        \
    {                                                                                                        \
        struct flow_ends *ends = &filter_of(what)->ends[direction];                                          \
        *why = AN_ADDRESS;                                                                                   \
        return read_address(filter_of(what), value, &ends->end, &ends->end##_mask);                          \
    }
ADDRESS(take_source, TRACK_ORIGINAL, source)
ADDRESS(take_destination, TRACK_ORIGINAL, destination)
ADDRESS(take_reply_source, TRACK_REPLY, source)
ADDRESS(take_reply_destination, TRACK_REPLY, destination)
#undef ADDRESS

static bool read_port(const char *value, bool *ret_has, uint16_t *ret, const char **why)
{
    unsigned long port;

    *why = "a port from 0 to 65535";
    if (!read_number(value, 65535, &port))
        return false;
    *ret_has = true;
    *ret = (uint16_t)port;
    return true;
}

#define PORT(name, direction, end)                                                                           \
    static bool name(void *what, const char *value, const char **why)                                        \
    {                                                                                                        \
        struct flow_ends *ends = &filter_of(what)->ends[direction];                                          \
        return read_port(value, &ends->has_##end##_port, &ends->end##_port, why);                            \
    }
PORT(take_source_port, TRACK_ORIGINAL, source)
PORT(take_destination_port, TRACK_ORIGINAL, destination)
PORT(take_reply_source_port, TRACK_REPLY, source)
PORT(take_reply_destination_port, TRACK_REPLY, destination)
#undef PORT

static bool take_protocol(void *what, const char *value, const char **why)
{
    static const struct word PROTOCOLS[] = {
        {"tcp", PACKET_TCP},   {"udp", PACKET_UDP},       {"udplite", PACKET_UDPLITE},
        {"icmp", PACKET_ICMP}, {"icmpv6", PACKET_ICMPV6}, {"sctp", PACKET_SCTP},
        {"gre", PACKET_GRE},   {"dccp", PACKET_DCCP},     {"ipv6-icmp", PACKET_ICMPV6}};
    struct flow_filter *f = filter_of(what);
    unsigned long number;

    *why = "tcp, udp, udplite, icmp, icmpv6, sctp, gre, dccp, or a number from 0 to 255";
    f->has_protocol = true;
    for (size_t i = 0; i < sizeof(PROTOCOLS) / sizeof(PROTOCOLS[0]); i++) {
        if (strcasecmp(value, PROTOCOLS[i].name) != 0)
            continue;
        f->protocol = (uint8_t)PROTOCOLS[i].value;
        return true;
    }
    if (!read_number(value, 255, &number))
        return false;
    f->protocol = (uint8_t)number;
    return true;
}

static bool take_family(void *what, const char *value, const char **why)
{
    struct flow_filter *f = filter_of(what);
    uint8_t before = f->family;

    *why = "ipv4 or ipv6, as the addresses are";
    f->family = strcmp(value, "ipv6") == 0 ? PACKET_IPV6 : PACKET_IPV4;
    return (strcmp(value, "ipv4") == 0 || strcmp(value, "ipv6") == 0) && (!before || before == f->family);
}

static bool take_state(void *what, const char *value, const char **why)
{
    struct flow_filter *f = filter_of(what);

    *why =
        "a state of TCP: SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT or CLOSE";
    f->state = track_tcp_state_find(value);
    return f->state >= 0;
}

static bool take_status(void *what, const char *value, const char **why)
{
    enum { UNSET = 1 << 16 };
    static const struct word STATUS[] = {{"ASSURED", TRACK_ASSURED},
                                         {"SEEN_REPLY", TRACK_SEEN_REPLY},
                                         {"EXPECTED", TRACK_EXPECTED},
                                         {"CONFIRMED", TRACK_CONFIRMED},
                                         {"UNSET", UNSET}};
    struct flow_filter *f = filter_of(what);
    uint32_t status = 0;

    *why = "ASSURED, SEEN_REPLY, EXPECTED, CONFIRMED or UNSET, or some of them with commas between";
    if (!read_words(value, STATUS, sizeof(STATUS) / sizeof(STATUS[0]), &status))
        return false;
    f->status = (uint16_t)status;
    f->is_unset = status & UNSET;
    return true;
}

static bool take_mark(void *what, const char *value, const char **why)
{
    struct flow_filter *f = filter_of(what);
    const char *slash = strchr(value, '/');
    unsigned long mark, mask = UINT32_MAX;
    char text[32];
    size_t length = slash ? (size_t)(slash - value) : strlen(value);

    *why = "MARK or MARK/MASK";
    if (length >= sizeof(text))
        return false;
    memcpy(text, value, length);
    text[length] = '\0';
    if (!read_number(text, UINT32_MAX, &mark) || (slash && !read_number(slash + 1, UINT32_MAX, &mask)))
        return false;
    f->mark = (uint32_t)mark;
    f->mark_mask = (uint32_t)mask;
    return true;
}

static bool take_zone(void *what, const char *value, const char **why)
{
    return read_port(value, &filter_of(what)->has_zone, &filter_of(what)->zone, why) ||
           (*why = "a zone from 0 to 65535", false);
}

static bool take_icmp_type(void *what, const char *value, const char **why)
{
    struct flow_filter *f = filter_of(what);
    unsigned long number;

    *why = "a number from 0 to 255";
    f->has_icmp_type = read_number(value, 255, &number);
    f->icmp_type = (uint8_t)number;
    return f->has_icmp_type;
}

static bool take_icmp_code(void *what, const char *value, const char **why)
{
    struct flow_filter *f = filter_of(what);
    unsigned long number;

    *why = "a number from 0 to 255";
    f->has_icmp_code = read_number(value, 255, &number);
    f->icmp_code = (uint8_t)number;
    return f->has_icmp_code;
}

static bool take_icmp_id(void *what, const char *value, const char **why)
{
    return read_port(value, &filter_of(what)->has_icmp_id, &filter_of(what)->icmp_id, why) ||
           (*why = "a number from 0 to 65535", false);
}

/* ---- how it is told ---- */

static bool take_output(void *what, const char *value, const char **why)
{
    enum { EXTENDED = 1, NUMBER = 2, TIMESTAMP = 4 };
    static const struct word OUTPUT[] = {{"extended", EXTENDED}, {"id", NUMBER}, {"timestamp", TIMESTAMP}};
    struct flow_order *o = what;
    uint32_t output = 0;

    *why = "extended, id or timestamp, or some of them with commas between";
    if (!read_words(value, OUTPUT, sizeof(OUTPUT) / sizeof(OUTPUT[0]), &output))
        return false;
    o->extended |= output & EXTENDED;
    o->number |= !!(output & NUMBER);
    o->timestamp |= !!(output & TIMESTAMP);
    return true;
}

static bool take_events(void *what, const char *value, const char **why)
{
    static const struct word EVENTS[] = {{"NEW", BPF_FLOW_NEW},
                                         {"UPDATES", BPF_FLOW_UPDATE},
                                         {"DESTROY", BPF_FLOW_DESTROY},
                                         {"ALL", BPF_FLOW_NEW | BPF_FLOW_UPDATE | BPF_FLOW_DESTROY}};

    *why = "ALL, NEW, UPDATES or DESTROY, or some of them with commas between";
    return read_words(value, EVENTS, sizeof(EVENTS) / sizeof(EVENTS[0]),
                      &((struct flow_order *)what)->events);
}

/* ---- the options ---- */

static const struct option_row rows[] = {
    {"-L", NULL, "list the table", take_list},
    {"--dump", NULL, "the same", take_list},
    {"-D", NULL, "delete those that the options below choose", take_delete},
    {"--delete", NULL, "the same", take_delete},
    {"-F", NULL, "delete all", take_flush},
    {"--flush", NULL, "the same", take_flush},
    {"-C", NULL, "how many there are", take_count},
    {"--count", NULL, "the same", take_count},
    {"-E", NULL, "connections that come, change and go, as they do; until Ctrl-C", take_watch},
    {"--event", NULL, "the same", take_watch},
    {"-p", "PROTOCOL", "tcp, udp, icmp... or a number", take_protocol},
    {"--proto", "PROTOCOL", "the same", take_protocol},
    {"-f", "FAMILY", "ipv4 or ipv6", take_family},
    {"--family", "FAMILY", "the same", take_family},
    {"-s", "ADDRESS", "source of the first packet; ADDRESS/PREFIX for a network", take_source},
    {"--src", "ADDRESS", "the same", take_source},
    {"--orig-src", "ADDRESS", "the same", take_source},
    {"-d", "ADDRESS", "destination of the first packet", take_destination},
    {"--dst", "ADDRESS", "the same", take_destination},
    {"--orig-dst", "ADDRESS", "the same", take_destination},
    {"-r", "ADDRESS", "source of the replies", take_reply_source},
    {"--reply-src", "ADDRESS", "the same", take_reply_source},
    {"-q", "ADDRESS", "destination of the replies", take_reply_destination},
    {"--reply-dst", "ADDRESS", "the same", take_reply_destination},
    {"--sport", "PORT", "source port of the first packet", take_source_port},
    {"--orig-port-src", "PORT", "the same", take_source_port},
    {"--dport", "PORT", "destination port of the first packet", take_destination_port},
    {"--orig-port-dst", "PORT", "the same", take_destination_port},
    {"--reply-port-src", "PORT", "source port of the replies", take_reply_source_port},
    {"--reply-port-dst", "PORT", "destination port of the replies", take_reply_destination_port},
    {"--state", "STATE", "state of a TCP connection, ESTABLISHED say", take_state},
    {"--icmp-type", "NUMBER", "type of an ICMP question", take_icmp_type},
    {"--icmp-code", "NUMBER", "its code", take_icmp_code},
    {"--icmp-id", "NUMBER", "its id", take_icmp_id},
    {"-u", "STATUS", "ASSURED, SEEN_REPLY, EXPECTED; UNSET: nobody has replied", take_status},
    {"--status", "STATUS", "the same", take_status},
    {"-m", "MARK[/MASK]", "the connection's mark", take_mark},
    {"--mark", "MARK[/MASK]", "the same", take_mark},
    {"-w", "ZONE", "the connection's zone", take_zone},
    {"--zone", "ZONE", "the same", take_zone},
    {"-o", "OUTPUT", "extended: with the family; id: with a number; timestamp: of -E, when", take_output},
    {"--output", "OUTPUT", "the same", take_output},
    {"-e", "EVENTS", "of -E: ALL, NEW, UPDATES, DESTROY", take_events},
    {"--event-mask", "EVENTS", "the same", take_events},
};

static const struct option_command conntrack_options = {
    "conntrack",
    "-L|-D|-F|-C|-E [expect] [OPTION...]",
    "The connections that the wall of this network namespace knows, in the words and the format of "
    "conntrack(8).",
    rows,
    sizeof(rows) / sizeof(rows[0]),
    0,
    1};

static const struct option_command expect_options = {
    "expect",
    "-L|-D|-F|-C [OPTION...]",
    "The connections that FTP sessions have announced to the wall of this network namespace, as conntrack(8) "
    "prints "
    "them.",
    rows,
    sizeof(rows) / sizeof(rows[0]),
    0,
    0};

/* The word behind the task: which table. */
static bool read_table(const char *word, struct flow_order *o)
{
    o->of_expectations = strcmp(word, "expect") == 0;
    if (o->of_expectations || strcmp(word, "conntrack") == 0)
        return true;
    fprintf(stderr, "sallywall conntrack: there is no table \"%s\": conntrack and expect are\n", word);
    return false;
}

static int check(const char *command, const struct flow_order *o)
{
    if (o->task == FLOW_NO_TASK || o->is_twice) {
        fprintf(stderr, "sallywall %s: %s of -L, -D, -F, -C and -E; see sallywall %s --help\n", command,
                o->is_twice ? "only one" : "one", command);
        return -1;
    }
    return 0;
}

int flow_order_read(int argc, char **argv, struct flow_order *ret)
{
    bool of_expectations = strcmp(argv[0], "expect") == 0;
    int operands, r;

    *ret = (struct flow_order){.of_expectations = of_expectations, .filter.state = -1};
    r = options_read(of_expectations ? &expect_options : &conntrack_options, argc, argv, ret, &operands);
    if (r)
        return r;
    if (operands && !read_table(argv[1], ret))
        return -1;
    if (!ret->events)
        ret->events = BPF_FLOW_NEW | BPF_FLOW_UPDATE | BPF_FLOW_DESTROY;
    return check(argv[0], ret);
}

/* ---- choosing ---- */

static bool ends_take(const struct flow_ends *e, const struct track_tuple *t)
{
    bool has_ports = track_has_ports(t->protocol) || t->protocol == PACKET_DCCP;

    return packet_address_under(&t->source, &e->source, &e->source_mask) &&
           packet_address_under(&t->destination, &e->destination, &e->destination_mask) &&
           (!e->has_source_port || (has_ports && t->source_port == e->source_port)) &&
           (!e->has_destination_port || (has_ports && t->destination_port == e->destination_port));
}

static bool icmp_takes(const struct flow_filter *f, const struct track_tuple *t)
{
    if (!f->has_icmp_type && !f->has_icmp_code && !f->has_icmp_id)
        return true;
    return track_is_icmp(t->protocol) && (!f->has_icmp_type || t->destination_port >> 8 == f->icmp_type) &&
           (!f->has_icmp_code || (t->destination_port & 0xff) == f->icmp_code) &&
           (!f->has_icmp_id || t->source_port == f->icmp_id);
}

static bool status_takes(const struct flow_filter *f, const struct track_flow *flow)
{
    if (f->is_unset && flow->status & (TRACK_ASSURED | TRACK_SEEN_REPLY))
        return false;
    if (f->state >= 0 && (flow->tuple.protocol != PACKET_TCP || flow->tcp.state != f->state))
        return false;
    return (flow->status & f->status) == f->status && (flow->mark & f->mark_mask) == f->mark;
}

bool flow_filter_takes(const struct flow_filter *f, const struct track_flow *flow)
{
    const struct track_tuple *t = &flow->tuple;

    return (!f->family || f->family == t->family) && (!f->has_protocol || f->protocol == t->protocol) &&
           (!f->has_zone || f->zone == t->zone) && ends_take(&f->ends[TRACK_ORIGINAL], t) &&
           ends_take(&f->ends[TRACK_REPLY], &flow->reply) && icmp_takes(f, t) && status_takes(f, flow);
}

bool flow_filter_expects(const struct flow_filter *f, const struct track_expectation *e)
{
    struct track_tuple t = {.source = e->source,
                            .destination = e->destination,
                            .destination_port = e->port,
                            .family = e->family,
                            .protocol = PACKET_TCP,
                            .zone = e->zone};

    return (!f->family || f->family == t.family) && (!f->has_protocol || f->protocol == PACKET_TCP) &&
           (!f->has_zone || f->zone == t.zone) && ends_take(&f->ends[TRACK_ORIGINAL], &t);
}

/* ---- the tables ---- */

static int open_one(void *arg, const char *name, bool is_program)
{
    const struct kernel_wall *wall = arg;
    int fd = is_program ? pins_get(kernel_wall_folder(wall), name) : kernel_wall_map(wall, name);

    if (is_program || fd < 0)
        return fd;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

bool flow_tables_open(const char *command, struct kernel_wall **ret_wall, struct kernel_flows *ret_flows)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error;
    const char *lacking;

    if (kernel_wall_open(&wall, &error)) {
        fprintf(stderr, "sallywall %s: %s\n", command, error.text);
        return false;
    }
    int r = flows_open(ret_flows, open_one, wall, &lacking);
    if (r < 0) {
        fprintf(stderr,
                "sallywall %s: the wall's \"%s\" can't be opened: %s. If another version of sallywall has "
                "put it up, that "
                "one can\n",
                command, lacking, strerror(-r));
        kernel_wall_close(&wall);
        return false;
    }
    *ret_wall = wall;
    return true;
}
