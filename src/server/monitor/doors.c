/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/monitor/doors.h"

#include "kernel/pinhole.h"
#include "server/monitor/listen.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"
#include "sys/fd.h"
#include "sys/net.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uthash.h>

enum {
    PORTS_MOST = 16, /* control ports; systemd may pass several */
    EXPLAIN_SECONDS = 20,
    ACTIVE_SECONDS = 300, /* a door for a connection of ours, where connect_timeout has no limit */
};

/* What the kernel tells doors apart by. */
struct door_key {
    struct in6_addr client, server;
    uint32_t port;
    uint32_t is_active;
};

struct door {
    UT_hash_handle hh, hh_session;
    struct door_key key;
    uint32_t session;
    uint32_t turn; /* see door_request */
    struct pinhole hole;
    bool is_unheard; /* so the kernel said when it was opened */
    double until;    /* monitor_now */
};

static struct pinholes *pinholes[PINHOLE_WAYS];             /* by way; NULL: not so */
static char way_now[sizeof(((struct doors_way *)0)->text)]; /* what they were made of */
static bool is_used;                                        /* for the first time, and since */
static struct door *by_key, *by_session;

/* --- which way --------------------------------------------------------------------------------------- */

static enum pinhole_way way_named(const char *name)
{
    for (enum pinhole_way way = 0; way < PINHOLE_WAYS; way++)
        if (strcmp(name, pinhole_way_name(way)) == 0)
            return way;
    return PINHOLE_WAYS;
}

/* Is this way to be used? *ret_why: why it is, or is not, if firewall=auto. */
static bool is_wanted(const struct config *c, enum pinhole_way way, const char **ret_why)
{
    *ret_why = "";
    if (strcmp(c->firewall, "auto") != 0)
        return way_named(c->firewall) == way;
    if (!monitor.root) {
        *ret_why = "they take root";
        return false;
    }
    if (way == PINHOLE_SALLYWALL && pinhole_has_wall()) {
        *ret_why = "sallywall stands here";
        return true;
    }
    if (way != PINHOLE_CONNTRACK)
        return false;
    int is_tracked = pinhole_is_tracked();
    *ret_why = is_tracked > 0   ? "this machine's rules ask for connection states"
               : is_tracked < 0 ? "whether this machine tracks connections can't be found out"
                                : "no rule of this machine asks for connection states";
    return is_tracked > 0;
}

static struct pinholes *new_pinholes(const struct config *c, enum pinhole_way way,
                                     struct pinhole_error *error)
{
    uint16_t ports[PORTS_MOST];
    const struct pinhole_plan plan = {.ports = ports,
                                      .port_count = listen_control_ports(ports, PORTS_MOST),
                                      .helper = c->firewall_helper,
                                      .table = c->firewall_table,
                                      .set = c->firewall_set};

    return pinholes_new(way, &plan, error);
}

/* Those that c wants, by name, and what they are made of. */
static void describe(const struct config *c, const bool *wanted, char *out, size_t cap)
{
    size_t at = 0;
    *out = '\0';
    for (enum pinhole_way way = 0; way < PINHOLE_WAYS; way++)
        if (wanted[way] && at < cap)
            at += (size_t)snprintf(out + at, cap - at, "%s %s %s %s ", pinhole_way_name(way),
                                   c->firewall_helper, c->firewall_table, c->firewall_set);
}

/* 0 or -errno told. With auto what does not work is none. */
static int make_one(const struct config *c, enum pinhole_way way, const char *why, struct doors_way *ret)
{
    struct pinhole_error error = {.text = ""};
    const bool is_auto = *why;

    ret->pinholes[way] = new_pinholes(c, way, &error);
    if (ret->pinholes[way]) {
        tell("firewall: a door for each data connection, by way of %s%s%s", pinhole_way_name(way),
             is_auto ? ", since " : "", why);
        return 0;
    }
    if (!*error.text)
        snprintf(error.text, sizeof(error.text), "%s", strerror(ENOMEM));
    if (is_auto)
        tell("firewall: no doors, though %s: %s", why, error.text);
    else
        tell("firewall=%s does not work here: %s", c->firewall, error.text);
    return is_auto ? 0 : -EOPNOTSUPP;
}

int doors_make_ready(const struct config *c, struct doors_way *ret)
{
    const char *why[PINHOLE_WAYS];
    bool wanted[PINHOLE_WAYS];
    unsigned count = 0;
    int r = 0;

    memset(ret, 0, sizeof(*ret));
    for (enum pinhole_way way = 0; way < PINHOLE_WAYS; way++)
        count += wanted[way] = is_wanted(c, way, &why[way]);
    describe(c, wanted, ret->text, sizeof(ret->text));
    ret->is_as_now = is_used && strcmp(ret->text, way_now) == 0;
    if (ret->is_as_now)
        return 0;
    if (count == 0 && *why[PINHOLE_CONNTRACK])
        tell("firewall: no doors, since %s (what opens them: sallyd --firewall-rule)",
             why[PINHOLE_CONNTRACK]);
    for (enum pinhole_way way = 0; r == 0 && way < PINHOLE_WAYS; way++)
        if (wanted[way])
            r = make_one(c, way, why[way], ret);
    if (r < 0)
        doors_drop(ret);
    return r;
}

void doors_drop(struct doors_way *way)
{
    for (unsigned i = 0; i < PINHOLE_WAYS; i++)
        pinholes_free(&way->pinholes[i]);
}

static bool has_doors(void)
{
    unsigned i = 0;
    while (i < PINHOLE_WAYS && !pinholes[i])
        i++;
    return i < PINHOLE_WAYS;
}

void doors_send(void)
{
    uint32_t wants = has_doors();
    monitor_send_all(MSG_DOORS, &wants, sizeof(wants), -1);
}

/* --- what clients will meet -------------------------------------------------------------------------- */

/* The configuration as it came out: with firewall=auto, doors are what there is. NULL: no memory. */
static char *text_of_now(void)
{
    char assignment[64];
    struct config *c = config_copy(monitor.config);
    enum pinhole_way way = pinholes[PINHOLE_SALLYWALL] ? PINHOLE_SALLYWALL : 0;
    while (way < PINHOLE_WAYS && !pinholes[way])
        way++;
    snprintf(assignment, sizeof(assignment), "firewall=%s",
             way < PINHOLE_WAYS ? pinhole_way_name(way) : "none");
    char *text = c && config_set(c, assignment, tell_remark, NULL) == 0 ? config_text(c) : NULL;
    config_free(&c);
    return text;
}

/* A descriptor that a program which is started has, with that text; or -errno. */
static int text_for_others(void)
{
    char *text = text_of_now();
    int fd = text ? memfd_create("sallyd.conf", 0) : -ENOMEM;
    size_t len = text ? strlen(text) : 0;
    if (text && fd < 0)
        fd = -errno;
    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0))
        fd_close(&fd);
    free(text);
    return fd;
}

/* sallywall, in the folder that this program is in. False: it is not there. */
static bool find_sallywall(char *path, size_t cap)
{
    ssize_t len = readlink("/proc/self/exe", path, cap - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    size_t left = slash ? cap - (size_t)(slash + 1 - path) : 0;
    return slash && (size_t)snprintf(slash + 1, left, "sallywall") < left && access(path, X_OK) == 0;
}

void doors_explain(void)
{
    char path[PATH_MAX], config[32];
    if (!monitor.root || strcmp(monitor.config->firewall, "none") == 0 || !find_sallywall(path, sizeof(path)))
        return;
    int fd = text_for_others();
    if (fd < 0)
        return;
    snprintf(config, sizeof(config), "/dev/fd/%d", fd);
    pid_t pid = fork(); /* reaped as all children are */
    if (pid == 0) {
        monitor_child_begin(&fd, 1);
        alarm(EXPLAIN_SECONDS);
        if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
            execl(path, "sallywall", "explain", "--server-config", config, "--brief", "--color", "never",
                  pinholes[PINHOLE_SALLYWALL] ? "--wall" : NULL, (char *)NULL);
        _exit(1);
    }
    fd_close(&fd);
}

/* --- doors ------------------------------------------------------------------------------------------- */

static struct door *door_of(uint32_t session)
{
    struct door *d;
    HASH_FIND(hh_session, by_session, &session, sizeof(session), d);
    return d;
}

static void forget(struct door *d)
{
    HASH_DELETE(hh, by_key, d);
    HASH_DELETE(hh_session, by_session, d);
    free(d);
}

/* Who the control channel is between. False: it is none of ours. */
static bool read_ends(int control, struct pinhole *ret)
{
    struct sockaddr_storage server = {0}, client = {0};
    socklen_t server_len = sizeof(server), client_len = sizeof(client);
    if (getsockname(control, (struct sockaddr *)&server, &server_len) < 0 ||
        getpeername(control, (struct sockaddr *)&client, &client_len) < 0 ||
        !listen_has(net_port_of(&server), false))
        return false;
    ret->server = net_ip_of(&server);
    ret->server_port = net_port_of(&server);
    ret->client = net_ip_of(&client);
    ret->client_port = net_port_of(&client);
    return true;
}

static struct door_key key_of(const struct pinhole *hole)
{
    return (struct door_key){hole->client, hole->server, hole->port, hole->is_active};
}

/* Has another session got that port since this one did? Then this one's connection has come, or it was taken over. */
static bool is_late(uint32_t session, uint32_t turn, const struct door_key *key)
{
    const struct door *d;
    HASH_FIND(hh, by_key, key, sizeof(*key), d);
    return d && d->session != session && (int32_t)(turn - d->turn) < 0;
}

/* The session's door is this one from now on. NULL: out of memory. */
static struct door *note(uint32_t session, uint32_t turn, const struct pinhole *hole)
{
    const struct door_key key = key_of(hole);
    struct door *d = door_of(session);
    struct door *other;
    if (d && memcmp(&d->key, &key, sizeof(key)) != 0) {
        doors_shut(session);
        d = NULL;
    }
    HASH_FIND(hh, by_key, &key, sizeof(key), other);
    if (other && other != d)
        forget(other); /* whose session has used it, or given it up, and has yet to say so */
    if (!d && (d = calloc(1, sizeof(*d)))) {
        d->key = key;
        d->session = session;
        HASH_ADD(hh, by_key, key, sizeof(d->key), d);
        HASH_ADD(hh_session, by_session, session, sizeof(d->session), d);
    }
    if (d) {
        d->turn = turn;
        d->hole = *hole;
        d->until = monitor_now() + hole->seconds;
    }
    return d;
}

/* Every way that there is. As pinhole_open. */
static int open_all(const struct pinhole *hole)
{
    bool is_heard = false;
    for (unsigned i = 0; i < PINHOLE_WAYS; i++) {
        int r = pinholes[i] ? pinhole_open(pinholes[i], hole) : 0;
        if (r < 0)
            return r;
        is_heard |= r == PINHOLE_HEARD;
    }
    return is_heard ? PINHOLE_HEARD : 0;
}

static bool is_same_control(const struct pinhole *a, const struct pinhole *b)
{
    return a->client_port == b->client_port && a->server_port == b->server_port &&
           memcmp(&a->client, &b->client, sizeof(a->client)) == 0 &&
           memcmp(&a->server, &b->server, sizeof(a->server)) == 0;
}

static int open_door(uint32_t session, uint32_t turn, struct pinhole *hole)
{
    const struct door_key key = key_of(hole);
    const struct door *before = door_of(session);
    if (is_late(session, turn, &key))
        return 0;
    hole->is_again = before && memcmp(&before->key, &key, sizeof(key)) == 0;
    hole->is_unheard = before && before->is_unheard && is_same_control(&before->hole, hole);
    struct door *d = note(session, turn, hole);
    int r = d ? open_all(hole) : -ENOMEM;
    if (d)
        d->is_unheard = r == 0;
    if (r < 0)
        doors_shut(session);
    return r;
}

void doors_open(const struct ipc_message *m)
{
    struct door_request request;
    struct pinhole hole = {.is_active = false};
    uint8_t payload[8];
    int r = -EPROTO;
    if (!has_doors())
        r = 0; /* there are none any more */
    else if (m->fd >= 0 && door_request_decode(m, &request) && read_ends(m->fd, &hole) &&
             listen_has(request.port, true)) { /* else the worker has been taken over */
        hole.port = request.port;
        hole.seconds = request.seconds;
        r = open_door(m->id, request.turn, &hole);
    }
    if (m->fd >= 0)
        close(m->fd);
    const struct door_reply reply = {.error = r < 0 ? (uint32_t)-r : 0, .is_heard = r == PINHOLE_HEARD};
    int len = door_reply_encode(&reply, payload, sizeof(payload));
    monitor_send(MSG_DOOR_REPLY, m->id, m->serial, payload, (size_t)len, -1);
}

int doors_open_active(uint32_t session, int control, uint16_t port)
{
    const unsigned seconds = monitor.config->connect_timeout;
    struct pinhole hole = {
        .is_active = true, .port = port, .seconds = seconds > 0 ? seconds : ACTIVE_SECONDS};
    if (!has_doors() || !read_ends(control, &hole))
        return 0;
    int r = open_door(session, 0, &hole); /* clients choose these ports: the last one counts */
    return r < 0 ? r : 0;
}

static void close_all(const struct pinhole *hole)
{
    for (unsigned i = 0; i < PINHOLE_WAYS; i++) {
        int r = pinholes[i] ? pinhole_close(pinholes[i], hole) : 0;
        if (r < 0)
            tell("a door in the firewall (%s) was not shut, and stays open until its time is over: %s",
                 pinhole_way_name(i), strerror(-r));
    }
}

void doors_shut(uint32_t session)
{
    struct door *d = door_of(session);
    if (!d)
        return;
    close_all(&d->hole);
    forget(d);
}

void doors_shut_all(void)
{
    while (by_session)
        doors_shut(by_session->session);
}

/* --- another way ------------------------------------------------------------------------------------- */

static void each_door(void (*what)(struct door *d))
{
    struct door *d, *next;
    HASH_ITER(hh, by_key, d, next)
        what(d);
}

static void shut_for_now(struct door *d)
{
    close_all(&d->hole);
}

/* Its client has been told its port, and may be on his way: it is open for what is left of its time. */
static void open_again(struct door *d)
{
    const double left = d->until - monitor_now();
    if (has_doors() && left > 0) {
        d->hole.seconds = left < 1 ? 1 : (uint32_t)left;
        int r = open_all(&d->hole);
        if (r >= 0)
            return;
        tell("a door in the firewall was lost as the way of doors changed: %s", strerror(-r));
    }
    doors_shut(d->session);
}

static void end_ways(void)
{
    for (unsigned i = 0; i < PINHOLE_WAYS; i++)
        pinholes_free(&pinholes[i]);
}

void doors_use(const struct doors_way *way)
{
    if (way->is_as_now)
        return;
    is_used = true;
    each_door(shut_for_now);
    end_ways();
    memcpy(pinholes, way->pinholes, sizeof(pinholes));
    snprintf(way_now, sizeof(way_now), "%s", way->text);
    each_door(open_again);
    doors_send();
}

void doors_end(void)
{
    doors_shut_all();
    end_ways();
}

/* --- for the administrator --------------------------------------------------------------------------- */

static void print_nft(const struct config *c, unsigned port)
{
    static const struct {
        const char *suffix, *family, *type;
    } families[] = {{"4", "ip", "ipv4_addr"}, {"6", "ip6", "ipv6_addr"}};
    const char *t = c->firewall_table, *s = c->firewall_set;
    printf("# Into nftables.conf, or to nft -f. Before the last rule of each chain; \"input\" and \"output\" "
           "are yours.\n");
    for (size_t i = 0; i < 2; i++)
        printf("add set %s %s%s { type %s . %s . inet_service; flags timeout,dynamic; gc-interval 20ms; }\n",
               t, s, families[i].suffix, families[i].type, families[i].type);
    printf("add rule %s input ct state established,related accept\nadd rule %s input tcp dport %u accept\n",
           t, t, port);
    for (size_t i = 0; i < 2; i++)
        printf("add rule %s input tcp flags & (syn|ack) == syn %s saddr . %s daddr . tcp dport @%s%s delete "
               "@%s%s { %s saddr "
               ". %s daddr . tcp dport } accept\n",
               t, families[i].family, families[i].family, s, families[i].suffix, s, families[i].suffix,
               families[i].family, families[i].family);
    printf(
        "# Active mode, if the output is locked:\nadd rule %s output ct state established,related accept\n",
        t);
    for (size_t i = 0; i < 2; i++)
        printf(
            "add rule %s output tcp flags & (syn|ack) == syn %s saddr . %s daddr . tcp dport @%s%s accept\n",
            t, families[i].family, families[i].family, s, families[i].suffix);
}

static void print_ipset(const struct config *c, unsigned port)
{
    const char *s = c->firewall_set;
    printf("# Once at each boot, before the rules; and the rules before the last one of each chain. A door "
           "serves once: a chain\n"
           "# of its own takes out of the set who has come in.\n");
    for (size_t i = 0; i < 2; i++) {
        const char *program = i ? "ip6tables" : "iptables", *suffix = i ? "6" : "4";
        printf("ipset create %s%s hash:ip,port,ip%s timeout 60\n", s, suffix, i ? " family inet6" : "");
        printf("%s -N %s\n%s -A %s -j SET --del-set %s%s src,dst,dst\n%s -A %s -j ACCEPT\n", program, s,
               program, s, s, suffix, program, s);
        printf("%s -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
               "%s -A INPUT -p tcp --dport %u -j ACCEPT\n",
               program, program, port);
        printf("%s -A INPUT -p tcp --syn -m set --match-set %s%s src,dst,dst -j %s\n", program, s, suffix, s);
        printf("# Active mode, if the output is locked:\n%s -A OUTPUT -m conntrack --ctstate "
               "ESTABLISHED,RELATED -j ACCEPT\n"
               "%s -A OUTPUT -p tcp --syn -m set --match-set %s%s src,dst,dst -j ACCEPT\n",
               program, program, s, suffix);
    }
}

static void print_states(unsigned port)
{
    printf("# Before the last rule of each chain.\n");
    for (size_t i = 0; i < 2; i++) {
        const char *program = i ? "ip6tables" : "iptables";
        printf("%s -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
               "%s -A INPUT -p tcp --dport %u -j ACCEPT\n"
               "# Active mode, if the output is locked:\n"
               "%s -A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n",
               program, program, port, program);
    }
}

static void print_range(const struct config *c)
{
    unsigned low = c->pasv_min_port > 0 ? c->pasv_min_port : 1024,
             high = c->pasv_max_port > 0 ? c->pasv_max_port : 65535;
    printf("# No doors: the passive ports are open to everybody. Narrow them with pasv_min_port and "
           "pasv_max_port: one is\n"
           "# enough for any number of clients.\n");
    for (size_t i = 0; i < 2; i++)
        printf("%s -A INPUT -p tcp -m multiport --dports %u,%u:%u -j ACCEPT\n", i ? "ip6tables" : "iptables",
               c->listen_port, low, high);
}

int doors_print_rule(const struct config *c)
{
    enum pinhole_way way = way_named(c->firewall);
    if (way == PINHOLE_NFT)
        print_nft(c, c->listen_port);
    else if (way == PINHOLE_IPSET)
        print_ipset(c, c->listen_port);
    else if (strcmp(c->firewall, "none") == 0)
        print_range(c);
    else
        print_states(c->listen_port);
    return fflush(stdout) == 0 ? 0 : 1;
}
