/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include "packet/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FRAGMENT_ROOM = 1 << 28, LATE_US = 2000, LATE_TRIES = 50 };

static const char NETWORK[] = "link set lo up\n"
                              "link set tun0 up mtu 65535\n"
                              "link set tun1 up mtu 65535\n"
                              "addr add 10.1.255.254/32 dev tun0\n"
                              "addr add 10.2.255.254/32 dev tun1\n"
                              "route add 10.1.0.0/16 dev tun0\n"
                              "route add 10.2.0.0/16 dev tun1\n"
                              "addr add fd01::fffe/128 dev tun0 nodad\n"
                              "addr add fd02::fffe/128 dev tun1 nodad\n"
                              "route add fd01::/64 dev tun0\n"
                              "route add fd02::/64 dev tun1\n";

/* Conntrack looks only where somebody asks it; a table that the engine does not read asks. */
static const char ALWAYS_TRACK[] = "*mangle\n-A PREROUTING -m conntrack --ctstate INVALID\nCOMMIT\n";

static const char NO_RULES[] = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
                               "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
                               "[0:0]\nCOMMIT\n";

uint64_t kernel_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);
    if (!text || size < 0 || pread(fd, text, (size_t)size, 0) != size)
        die("cannot read what a tool said: %s", strerror(errno));
    text[size] = '\0';
    close(fd);
    return text;
}

/* Runs a tool with input. 0 and what it wrote, or -EIO and its messages. */
static int run_tool(const char *const *argv, const char *input, char **ret_output)
{
    int in = memfd_create("input", 0), out = memfd_create("output", 0), errors = memfd_create("errors", 0),
        status;
    size_t size = strlen(input);
    if (in < 0 || out < 0 || errors < 0 || write(in, input, size) != (ssize_t)size ||
        lseek(in, 0, SEEK_SET) != 0)
        die("cannot make a file in memory: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        die("fork: %s", strerror(errno));
    if (child == 0) {
        dup2(in, 0);
        dup2(out, 1);
        dup2(errors, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(2, "%s: %s", argv[0], strerror(errno));
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    close(in);
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    *ret_output = read_all(well ? out : errors);
    close(well ? errors : out);
    return well ? 0 : -EIO;
}

/* /proc/sys/net/NAME = value */
static void set(const char *name, unsigned value)
{
    char path[200], text[20];
    snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC), n = snprintf(text, sizeof(text), "%u", value);
    if (fd < 0 || write(fd, text, (size_t)n) != n)
        die("%s: %s", path, strerror(errno));
    close(fd);
}

/* A machine that is bare may lack the node, though its kernel has the driver: then one is made, opened, and
 * removed. */
static int open_tun_node(void)
{
    char folder[] = "/tmp/tun-XXXXXX", node[sizeof(folder) + 4];
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 || errno != ENOENT || !mkdtemp(folder))
        return fd;
    snprintf(node, sizeof(node), "%s/tun", folder);
    if (mknod(node, S_IFCHR | 0600, makedev(10, 200)) == 0) /* Documentation/networking/tuntap.rst */
        fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    unlink(node);
    rmdir(folder);
    return fd;
}

static int open_tun(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open_tun_node();
    strcpy(request.ifr_name, name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_raw(int family)
{
    int one = 1, mark = KERNEL_MARK;
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, 36 /* IPV6_HDRINCL */, &one, sizeof(one));
    return fd;
}

static const char *tool(uint8_t family, bool nft, bool save)
{
    static const char *const NAMES[2][2][2] = {
        {{"iptables-legacy-restore", "iptables-legacy-save"}, {"iptables-nft-restore", "iptables-nft-save"}},
        {{"ip6tables-legacy-restore", "ip6tables-legacy-save"},
         {"ip6tables-nft-restore", "ip6tables-nft-save"}},
    };
    return NAMES[family == PACKET_IPV6][nft][save];
}

/* Datagrams that never become whole stay for half a minute, from all rule sets; and no peer may send too much
 * in between (ip_frag_too_far). */
static void make_room_for_fragments(void)
{
    set("ipv4/ipfrag_high_thresh", FRAGMENT_ROOM);
    set("netfilter/nf_conntrack_frag6_high_thresh", FRAGMENT_ROOM);
    set("ipv4/ipfrag_max_dist", 0);
}

static void set_up_network(void)
{
    static const char *const ON[] = {"ipv4/ip_forward", "ipv6/conf/all/forwarding"};
    static const char *const OFF[] = {"ipv4/conf/all/rp_filter", "ipv4/conf/tun0/rp_filter",
                                      "ipv4/conf/tun1/rp_filter", "ipv6/conf/tun0/accept_dad",
                                      "ipv6/conf/tun1/accept_dad"};
    const char *const argv[] = {"ip", "-batch", "-", NULL};
    char *said;
    for (size_t i = 0; i < sizeof(OFF) / sizeof(OFF[0]); i++)
        set(OFF[i], 0);
    if (run_tool(argv, NETWORK, &said))
        die("ip could not set up the network: %s", said);
    free(said);
    for (size_t i = 0; i < sizeof(ON) / sizeof(ON[0]); i++)
        set(ON[i], 1);
    make_room_for_fragments();
}

int kernel_open(struct kernel *k, const char **ret_why)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        *ret_why = "it makes a network namespace, which takes root";
        return -EPERM;
    }
    k->tun[TUN_CLIENTS] = open_tun("tun0");
    k->tun[TUN_SERVERS] = open_tun("tun1");
    k->raw[0] = open_raw(AF_INET);
    k->raw[1] = open_raw(AF_INET6);
    if (k->tun[0] < 0 || k->tun[1] < 0 || k->raw[0] < 0 || k->raw[1] < 0) {
        *ret_why = "this machine has no TUN devices (/dev/net/tun) or no raw sockets";
        return -EPERM;
    }
    set_up_network();
    for (uint8_t family = PACKET_IPV4; family <= PACKET_IPV6; family += PACKET_IPV6 - PACKET_IPV4) {
        char *said = kernel_load(family, false, ALWAYS_TRACK);
        if (said) {
            static char why[512];
            snprintf(why, sizeof(why), "iptables-legacy does not work here: %s", said);
            why[strcspn(why, "\n")] = '\0';
            *ret_why = why;
            free(said);
            return -EPERM;
        }
    }
    return 0;
}

void kernel_set_timeouts(const struct track_timeouts *t)
{
    const struct {
        const char *name;
        uint32_t seconds;
    } table[] = {
        {"netfilter/nf_conntrack_tcp_timeout_syn_sent", t->tcp_syn_sent},
        {"netfilter/nf_conntrack_tcp_timeout_syn_recv", t->tcp_syn_recv},
        {"netfilter/nf_conntrack_tcp_timeout_established", t->tcp_established},
        {"netfilter/nf_conntrack_tcp_timeout_fin_wait", t->tcp_fin_wait},
        {"netfilter/nf_conntrack_tcp_timeout_close_wait", t->tcp_close_wait},
        {"netfilter/nf_conntrack_tcp_timeout_last_ack", t->tcp_last_ack},
        {"netfilter/nf_conntrack_tcp_timeout_time_wait", t->tcp_time_wait},
        {"netfilter/nf_conntrack_tcp_timeout_close", t->tcp_close},
        {"netfilter/nf_conntrack_udp_timeout", t->udp},
        {"netfilter/nf_conntrack_udp_timeout_stream", t->udp_stream},
        {"netfilter/nf_conntrack_icmp_timeout", t->icmp},
        {"netfilter/nf_conntrack_icmpv6_timeout", t->icmpv6},
        {"netfilter/nf_conntrack_generic_timeout", t->generic},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        set(table[i].name, table[i].seconds);
}

char *kernel_load(uint8_t family, bool nft, const char *rules)
{
    const char *const argv[] = {tool(family, nft, false), "-w", NULL}; /* another worker has the lock */
    char *said;
    if (run_tool(argv, rules, &said))
        return said;
    free(said);
    return NULL;
}

void kernel_close(struct kernel *k)
{
    for (unsigned i = 0; i < ORACLE_SIDES; i++) {
        close(k->tun[i]);
        close(k->raw[i]);
    }
}

void kernel_unload(uint8_t family, bool nft)
{
    char *said = kernel_load(family, nft, NO_RULES);
    if (said)
        die("the rules could not be taken out: %s", said);
}

char *kernel_save(uint8_t family, bool nft)
{
    const char *const argv[] = {tool(family, nft, true), "-c", NULL};
    char *said;
    if (run_tool(argv, "", &said))
        die("%s failed: %s", argv[0], said);
    return said;
}

/* Reads all that came out. Was there a packet of this IP version? The other one's are the kernel's own, and
 * no rule drops them. */
static bool drain(int fd, uint8_t version)
{
    static uint8_t sink[65536];
    bool any = false;
    while (read(fd, sink, sizeof(sink)) > 0)
        any |= sink[0] >> 4 == version;
    return any;
}

static void send_raw(const struct kernel *k, const struct step *step)
{
    struct packet p;
    if (packet_decode(step->bytes, step->size, false, &p) < 0)
        return;
    if (p.family == PACKET_IPV4) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = p.destination.word[0]};
        sendto(k->raw[0], step->bytes, step->size, 0, (const struct sockaddr *)&to, sizeof(to));
    } else {
        struct sockaddr_in6 to = {.sin6_family = AF_INET6};
        memcpy(&to.sin6_addr, p.destination.word, 16);
        sendto(k->raw[1], step->bytes, step->size, 0, (const struct sockaddr *)&to, sizeof(to));
    }
}

void kernel_packet(struct kernel *k, const struct step *step, bool *ret_passed)
{
    uint8_t version = step->bytes[0] >> 4;
    drain(k->tun[0], version);
    drain(k->tun[1], version);
    if (step->path == WALL_OUT)
        send_raw(k, step);
    else if (write(k->tun[step->side], step->bytes, step->size) != (ssize_t)step->size)
        die("a packet could not be written to tun%u: %s", step->side, strerror(errno));
    if (step->path == WALL_IN)
        return;
    bool out[ORACLE_SIDES] = {drain(k->tun[0], version), drain(k->tun[1], version)};
    *ret_passed = out[0] || out[1];
}

bool kernel_packet_is_late(struct kernel *k, const struct step *step)
{
    uint8_t version = step->bytes[0] >> 4;
    for (unsigned i = 0; i < LATE_TRIES; i++) {
        usleep(LATE_US);
        if (drain(k->tun[0], version) || drain(k->tun[1], version))
            return true;
    }
    return false;
}
