/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/wall/files.h"
#include "packet/build.h"
#include "packet/decode.h"

enum { PORT_SSH = 22 };

char *session_format(const struct session *s, char *text)
{
    char client[64], server[64];
    bool is_ipv6 = s->family == PACKET_IPV6;

    packet_address_format(&s->client, s->family, client);
    packet_address_format(&s->server, s->family, server);
    snprintf(text, 120, is_ipv6 ? "[%s]:%u to [%s]:%u" : "%s:%u to %s:%u", client, s->client_port, server,
             s->server_port);
    return text;
}

/* ---- addresses of this machine ---- */

static bool is_mapped(const struct packet_address *a)
{
    return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == htonl(0xffff);
}

/* A socket of IPv6 speaks IPv4 with addresses of ::ffff:0:0/96. */
static void unmap(struct session *s)
{
    if (s->family != PACKET_IPV6 || !is_mapped(&s->client) || !is_mapped(&s->server))
        return;
    s->family = PACKET_IPV4;
    s->client = (struct packet_address){{s->client.word[3]}};
    s->server = (struct packet_address){{s->server.word[3]}};
}

static bool read_sockaddr(const struct sockaddr *from, uint8_t family, struct packet_address *ret)
{
    *ret = (struct packet_address){0};
    if (from && family == PACKET_IPV4 && from->sa_family == AF_INET)
        memcpy(ret->word, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    else if (from && family == PACKET_IPV6 && from->sa_family == AF_INET6)
        memcpy(ret->word, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else
        return false;
    return true;
}

/* Has this network namespace that address? All of 127.0.0.0/8 is everybody's. */
static bool is_here(const struct ifaddrs *all, const struct packet_address *address, uint8_t family)
{
    struct packet_address own;

    if (family == PACKET_IPV4 && ntohl(address->word[0]) >> 24 == IN_LOOPBACKNET)
        return true;
    for (; all; all = all->ifa_next) {
        if (read_sockaddr(all->ifa_addr, family, &own) && packet_address_equal(&own, address))
            return true;
    }
    return false;
}

/* ---- by which device ---- */

struct route_question {
    struct nlmsghdr head;
    struct rtmsg route;
    char attributes[64];
};

static void add_address(struct route_question *q, uint16_t type, const struct packet_address *a, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)(void *)((char *)q + NLMSG_ALIGN(q->head.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), a->word, size);
    q->head.nlmsg_len = NLMSG_ALIGN(q->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static int ask_route(const struct session *s, char *answer, size_t size)
{
    size_t length = s->family == PACKET_IPV6 ? 16 : 4;
    struct route_question q = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                 .nlmsg_type = RTM_GETROUTE,
                 .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = s->family == PACKET_IPV6 ? AF_INET6 : AF_INET,
                  .rtm_dst_len = (uint8_t)(length * 8),
                  .rtm_src_len = (uint8_t)(length * 8)},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    add_address(&q, RTA_DST, &s->client, length);
    add_address(&q, RTA_SRC, &s->server, length);
    ssize_t got = fd >= 0 && send(fd, &q, q.head.nlmsg_len, 0) > 0 ? recv(fd, answer, size, 0) : -1;
    if (fd >= 0)
        close(fd);
    return (int)got;
}

/* By the route of what it answers. */
static void find_device(struct session *s)
{
    _Alignas(struct nlmsghdr) char answer[4096];
    int size = ask_route(s, answer, sizeof(answer));
    const struct nlmsghdr *head = (const struct nlmsghdr *)(const void *)answer;

    if (size < 0 || !NLMSG_OK(head, (unsigned)size) || head->nlmsg_type != RTM_NEWROUTE)
        return;
    const struct rtattr *attribute = RTM_RTA(NLMSG_DATA(head));
    unsigned index, left = (unsigned)RTM_PAYLOAD(head);
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type != RTA_OIF)
            continue;
        memcpy(&index, RTA_DATA(attribute), sizeof(index));
        if (!if_indextoname(index, s->device))
            s->device[0] = '\0';
    }
}

/* Takes s into ret if it ends here, and comes from elsewhere unless may_be_local. */
static void add_session(struct sessions *ret, struct session *s, const struct ifaddrs *here,
                        bool may_be_local)
{
    unmap(s);
    s->is_local = is_here(here, &s->client, s->family);
    if (ret->count == SESSIONS_MOST || !is_here(here, &s->server, s->family) ||
        (s->is_local && !may_be_local))
        return;
    if (s->is_local)
        strcpy(s->device, "lo");
    else
        find_device(s);
    ret->all[ret->count++] = *s;
}

/* ---- SSH_CONNECTION ---- */

static bool read_end(const char *address, const char *port, struct packet_address *ret, uint8_t *ret_family,
                     uint16_t *ret_port)
{
    char plain[64], *end;
    unsigned long number = strtoul(port, &end, 10);

    snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(address, "%"), address);
    if (packet_address_parse(plain, ret, ret_family) || *end || number < 1 || number > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* "198.51.100.7 50000 192.0.2.18 22" */
static bool read_ssh_connection(const char *text, struct session *ret)
{
    char client[64], client_port[8], server[64], server_port[8];
    uint8_t family;

    *ret = (struct session){0};
    return sscanf(text, "%63s %7s %63s %7s", client, client_port, server, server_port) == 4 &&
           read_end(client, client_port, &ret->client, &ret->family, &ret->client_port) &&
           read_end(server, server_port, &ret->server, &family, &ret->server_port) && family == ret->family;
}

static int read_proc(const char *process, const char *file, char **ret, size_t *ret_size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%.20s/%.20s", process, file);
    return files_read(path, ret, ret_size);
}

static bool find_in_environment(const char *process, struct session *ret)
{
    static const char NAME[] = "SSH_CONNECTION=";
    char *text = NULL;
    size_t size = 0;
    bool found = false;

    if (read_proc(process, "environ", &text, &size))
        return false;
    for (const char *at = text; !found && at < text + size; at += strlen(at) + 1)
        found = strncmp(at, NAME, sizeof(NAME) - 1) == 0 && read_ssh_connection(at + sizeof(NAME) - 1, ret);
    free(text);
    return found;
}

/* 0: it has none, or none that can be seen from here. */
static int parent_of(const char *process)
{
    char *text = NULL;
    size_t size;
    int parent = 0;

    if (read_proc(process, "stat", &text, &size))
        return 0;
    const char *behind = strrchr(text, ')'); /* of the program's name, which may have any letters */
    if (!behind || sscanf(behind, ") %*c %d", &parent) != 1)
        parent = 0;
    free(text);
    return parent;
}

/* sudo and su take it away; those that started them still have it. */
static bool find_own(struct session *ret)
{
    enum { GENERATIONS = 32 };
    char process[24] = "self";

    for (int i = 0; i < GENERATIONS; i++) {
        if (find_in_environment(process, ret))
            return true;
        int parent = parent_of(process);
        if (parent <= 1)
            return false;
        snprintf(process, sizeof(process), "%d", parent);
    }
    return false;
}

/* ---- what is connected ---- */

enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 }; /* include/net/tcp_states.h */

struct tcp_line {
    struct packet_address own, other;
    unsigned own_port, other_port, state;
};

/* Each word as a number of this machine: the address lies in memory as it was. */
static bool read_hex(const char *text, uint8_t family, struct packet_address *ret)
{
    int words = family == PACKET_IPV6 ? 4 : 1;

    *ret = (struct packet_address){0};
    for (int i = 0; i < words; i++) {
        if (sscanf(text + 8 * i, "%8" SCNx32, &ret->word[i]) != 1)
            return false;
    }
    return strlen(text) == (size_t)words * 8;
}

/* A line of /proc/net/tcp or tcp6. */
static bool read_tcp_line(const char *line, uint8_t family, struct tcp_line *ret)
{
    char own[40], other[40];

    return sscanf(line, " %*u: %39[0-9A-F]:%x %39[0-9A-F]:%x %x", own, &ret->own_port, other,
                  &ret->other_port, &ret->state) == 5 &&
           read_hex(own, family, &ret->own) && read_hex(other, family, &ret->other);
}

/* Calls visit with each socket of TCP in this network namespace. */
static void each_socket(uint8_t family, void (*visit)(void *arg, uint8_t family, const struct tcp_line *line),
                        void *arg)
{
    FILE *sockets = fopen(family == PACKET_IPV6 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp", "re");
    char text[512];
    struct tcp_line line;

    while (sockets && fgets(text, sizeof(text), sockets)) {
        if (read_tcp_line(text, family, &line))
            visit(arg, family, &line);
    }
    if (sockets)
        fclose(sockets);
}

struct connected {
    struct sessions *ret;
    const struct ifaddrs *here;
    uint8_t listens[8192]; /* a bit for each port */
    bool only_ssh;
};

static void note_listener(void *arg, uint8_t family, const struct tcp_line *line)
{
    struct connected *c = arg;

    (void)family;
    if (line->state == STATE_LISTEN && line->own_port <= UINT16_MAX)
        c->listens[line->own_port / 8] |= (uint8_t)(1U << line->own_port % 8);
}

static void note_connection(void *arg, uint8_t family, const struct tcp_line *line)
{
    struct connected *c = arg;
    struct session s = {.family = family,
                        .client = line->other,
                        .server = line->own,
                        .client_port = (uint16_t)line->other_port,
                        .server_port = (uint16_t)line->own_port};

    if (line->state != STATE_ESTABLISHED || line->own_port > UINT16_MAX)
        return;
    if (c->only_ssh ? line->own_port == PORT_SSH : (c->listens[line->own_port / 8] >> line->own_port % 8) & 1)
        add_session(c->ret, &s, c->here, false);
}

static void find_connected(struct sessions *ret, const struct ifaddrs *here)
{
    struct connected c = {.ret = ret, .here = here, .only_ssh = true};

    each_socket(PACKET_IPV4, note_connection, &c);
    each_socket(PACKET_IPV6, note_connection, &c);
    if (ret->count)
        return;
    c.only_ssh = false;
    each_socket(PACKET_IPV4, note_listener, &c);
    each_socket(PACKET_IPV6, note_listener, &c);
    each_socket(PACKET_IPV4, note_connection, &c);
    each_socket(PACKET_IPV6, note_connection, &c);
}

void sessions_find(bool own_only, struct sessions *ret)
{
    struct ifaddrs *here = NULL;
    struct session own;

    *ret = (struct sessions){.count = 0};
    if (getifaddrs(&here))
        return;
    if (find_own(&own))
        add_session(ret, &own, here, true);
    ret->is_own = ret->count > 0;
    if (!ret->is_own && !own_only)
        find_connected(ret, here);
    freeifaddrs(here);
}

/* ---- what rules make of it ---- */

static const struct {
    bool is_answer;
    enum track_state state;
    uint8_t flags;
} packets[SESSION_PACKETS] = {
    [SESSION_SENDS] = {false, TRACK_ESTABLISHED, PACKET_PSH | PACKET_ACK},
    [SESSION_ANSWERS] = {true, TRACK_ESTABLISHED, PACKET_PSH | PACKET_ACK},
    [SESSION_AGAIN] = {false, TRACK_NEW, PACKET_SYN},
    [SESSION_MET] = {false, TRACK_NEW, PACKET_PSH | PACKET_ACK},
};

static int build(const struct session *s, enum session_packet which, uint8_t buffer[128], struct packet *ret)
{
    bool is_answer = packets[which].is_answer;
    const struct packet_recipe recipe = {
        .family = s->family,
        .protocol = PACKET_TCP,
        .source = is_answer ? s->server : s->client,
        .destination = is_answer ? s->client : s->server,
        .source_port = is_answer ? s->server_port : s->client_port,
        .destination_port = is_answer ? s->client_port : s->server_port,
        .tcp = {.flags = packets[which].flags, .window = 64240},
        .window_scale = -1,
    };
    int size = packet_build(&recipe, buffer, 128);

    return size < 0 ? size : packet_decode(buffer, (size_t)size, false, ret);
}

static void describe(const struct session *s, bool is_answer, struct wall_world *ret)
{
    const char *device = s->device[0] ? s->device : NULL;

    *ret = (struct wall_world){
        .in = device && (!is_answer || s->is_local) ? device : "",
        .out = device && (is_answer || s->is_local) ? device : "",
        .unknown = VERDICT_NO_BYTES | VERDICT_NO_SHAPE | VERDICT_NO_MAC | VERDICT_NO_PKTTYPE |
                   VERDICT_NO_MARK | VERDICT_NO_CONNMARK | VERDICT_NO_SET |
                   (device ? 0U : VERDICT_NO_IN | VERDICT_NO_OUT),
        .time = (int64_t)time(NULL),
        .local = &s->server,
        .local_count = 1,
    };
}

static int judge_packet(struct wall *wall, const struct rules *r, const struct session *s,
                        enum session_packet which, struct session_answer *ret)
{
    static const enum session_fate fates[] = {[WALL_PASS] = SESSION_PASSES,
                                              [WALL_DROP] = SESSION_CUT,
                                              [WALL_REJECT] = SESSION_CUT,
                                              [WALL_UNKNOWN] = SESSION_UNKNOWN};
    bool is_answer = packets[which].is_answer;
    struct wall_world world;
    struct wall_report report;
    struct packet packet;
    uint8_t buffer[128];
    int error = build(s, which, buffer, &packet);

    if (error)
        return error;
    describe(s, is_answer, &world);
    const struct wall_ask ask = {.packet = &packet,
                                 .path = s->is_local ? WALL_LOOP
                                         : is_answer ? WALL_OUT
                                                     : WALL_IN,
                                 .world = &world,
                                 .state = packets[which].state,
                                 .direction = is_answer ? TRACK_REPLY : TRACK_ORIGINAL};
    wall_ask(wall, &ask, NULL, &report);
    ret->fate[which] = fates[report.fate];
    const struct verdict *v = wall_report_verdict(&report);
    if (!v || report.fate == WALL_PASS)
        return 0;
    return story_verdict_quote(&ret->rule[which], r, report.table, v);
}

int session_judge(const struct rules *r, const struct session *s, struct session_answer *ret)
{
    struct session_answer answer = {0};
    struct track_config config;

    track_config_default(&config, TRACK_ROBUST, TRACK_KERNEL(6, 18));
    struct wall_rules *rules = wall_rules_new(r);
    struct wall *wall = rules ? wall_new(rules, &config, NULL, NULL) : NULL;
    int error = wall ? 0 : -ENOMEM;
    for (int i = 0; error == 0 && i < SESSION_PACKETS; i++)
        error = judge_packet(wall, r, s, (enum session_packet)i, &answer);
    wall_free(&wall);
    wall_rules_free(&rules);
    if (error)
        session_answer_fini(&answer);
    else
        *ret = answer;
    return error;
}

void session_answer_fini(struct session_answer *answer)
{
    for (int i = 0; i < SESSION_PACKETS; i++)
        story_rule_clear(&answer->rule[i]);
}
