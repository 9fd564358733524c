/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/asking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cmd/wall/files.h"
#include "cmd/wall/source.h"
#include "packet/decode.h"
#include "speech/speech.h"

struct word {
    const char *name;
    int value;
};

static bool choose(const struct word *words, const char *name, int *ret)
{
    for (; words->name; words++) {
        if (strcmp(words->name, name) == 0) {
            *ret = words->value;
            return true;
        }
    }
    return false;
}

/* A decimal number up to most; moves *text behind it. */
static bool read_number(const char **text, unsigned long most, unsigned long *ret)
{
    char *end;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    unsigned long n = strtoul(*text, &end, 10);
    if (errno || n > most)
        return false;
    *text = end;
    *ret = n;
    return true;
}

static bool take_ftp(void *what, const char *value, const char **why)
{
    static const struct word words[] = {{"passive", STORY_PASSIVE},
                                        {"pasv", STORY_PASSIVE},
                                        {"active", STORY_ACTIVE},
                                        {"port", STORY_ACTIVE},
                                        {"epsv", STORY_EPSV},
                                        {"eprt", STORY_EPRT},
                                        {0}};
    struct asking *a = what;
    int mode;

    *why = "passive, active, epsv or eprt";
    if (!choose(words, value, &mode))
        return false;
    a->play.mode = (enum story_mode)mode;
    a->play_ftp = true;
    return true;
}

static bool take_family(struct asking *a, uint8_t family, const char **why)
{
    *why = "an address of the same family as the others";
    if (a->family && a->family != family)
        return false;
    a->family = a->play.family = family;
    return true;
}

static bool take_client(void *what, const char *value, const char **why)
{
    struct asking *a = what;
    uint8_t family;

    *why = "an address such as 192.0.2.7 or 2001:db8::7";
    return packet_address_parse(value, &a->play.client, &family) == 0 && take_family(a, family, why);
}

/* ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT */
static bool take_server(void *what, const char *value, const char **why)
{
    struct asking *a = what;
    char address[64];
    uint8_t family;
    const char *colon = strrchr(value, ':'), *start = value, *end;
    unsigned long port = a->play.server_port;

    *why = "an address, with or without a port: 192.0.2.18, 192.0.2.18:2121, [2001:db8::18]:2121";
    if (*value == '[') {
        start = value + 1;
        end = strchr(value, ']');
        colon = end && end[1] == ':' ? end + 1 : NULL;
        if (!end || (end[1] && !colon))
            return false;
    } else {
        bool has_port = colon && strchr(value, ':') == colon;

        colon = has_port ? colon : NULL;
        end = colon ? colon : value + strlen(value);
    }
    if (colon) {
        const char *at = colon + 1;

        if (!read_number(&at, UINT16_MAX, &port) || *at || !port)
            return false;
    }
    if ((size_t)(end - start) >= sizeof(address))
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)(end - start), start);
    a->play.server_port = (uint16_t)port;
    return packet_address_parse(address, &a->play.server, &family) == 0 && take_family(a, family, why);
}

static bool take_at(void *what, const char *value, const char **why)
{
    static const struct word words[] = {
        {"server", STORY_AT_SERVER}, {"gateway", STORY_AT_GATEWAY}, {"client", STORY_AT_CLIENT}, {0}};
    int where;

    *why = "server, gateway or client: where the firewall runs";
    if (!choose(words, value, &where))
        return false;
    ((struct asking *)what)->play.where = (enum story_at)where;
    ((struct asking *)what)->play.at_said = true;
    return true;
}

static bool take_tls(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct asking *)what)->play.tls = true;
    return true;
}

/* PORT, FIRST:LAST or FIRST-LAST. */
static bool read_ports(const char *value, struct rules_range16 *ret)
{
    unsigned long first, last;

    if (!read_number(&value, UINT16_MAX, &first) || !first)
        return false;
    last = first;
    if (*value) {
        if (*value != ':' && *value != '-')
            return false;
        value++;
        if (!read_number(&value, UINT16_MAX, &last) || *value || last < first)
            return false;
    }
    *ret = (struct rules_range16){(uint16_t)first, (uint16_t)last};
    return true;
}

static bool take_pasv_ports(void *what, const char *value, const char **why)
{
    *why = "FIRST:LAST, or one port, of 1 to 65535";
    return read_ports(value, &((struct asking *)what)->play.passive_ports);
}

static bool take_data_port(void *what, const char *value, const char **why)
{
    struct rules_range16 *ports = &((struct asking *)what)->play.data_ports;

    *why = "a port of 1 to 65535 (20 is the usual one), FIRST:LAST, or any";
    if (strcmp(value, "any") != 0)
        return read_ports(value, ports);
    *ports = (struct rules_range16){1024, UINT16_MAX - 1}; /* what a system gives to who asks for none */
    return true;
}

static bool take_kernel(void *what, const char *value, const char **why)
{
    unsigned long major, minor = 0;

    *why = "a version of Linux from 2.6 on, such as 6.18";
    if (!read_number(&value, 99, &major))
        return false;
    if (*value == '.') {
        value++;
        if (!read_number(&value, 255, &minor))
            return false;
    }
    /* what uname adds behind it does not matter */
    if (*value && *value != '.' && *value != '-' && *value != '+')
        return false;
    ((struct asking *)what)->play.kernel = TRACK_KERNEL(major, minor);
    ((struct asking *)what)->said.kernel = true;
    return major > 2 || (major == 2 && minor >= 6);
}

static bool take_nat_helper(void *what, const char *value, const char **why)
{
    struct asking *a = what;
    bool yes = strcmp(value, "yes") == 0;

    *why = "expected yes or no";
    a->play.nat_ftp = yes ? TRACK_NAT_FTP_LOADED : TRACK_NAT_FTP_MISSING;
    return yes || strcmp(value, "no") == 0;
}

static bool take_helper_ports(void *what, const char *value, const char **why)
{
    struct asking *a = what;
    unsigned long port;

    *why = "one to eight ports with commas between them";
    a->play.helper_port_count = 0;
    a->said.helper_ports = true;
    do {
        if (a->play.helper_port_count == 8 || !read_number(&value, UINT16_MAX, &port) || !port)
            return false;
        a->play.helper_ports[a->play.helper_port_count++] = (uint16_t)port;
    } while (*value == ',' && *++value);
    return !*value;
}

static bool take_loose(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct asking *)what)->play.helper_loose = true;
    ((struct asking *)what)->said.helper_loose = true;
    return true;
}

static bool take_mode(void *what, const char *value, const char **why)
{
    static const struct word words[] = {{"linux", TRACK_LINUX}, {"robust", TRACK_ROBUST}, {0}};
    int manner;

    *why = "linux (as the kernel does) or robust (as a helper should)";
    if (!choose(words, value, &manner))
        return false;
    ((struct asking *)what)->play.manner = (enum track_manner)manner;
    return true;
}

static bool take_wall(void *what, const char *value, const char **why)
{
    struct play *play = &((struct asking *)what)->play;

    (void)value;
    (void)why;
    ((struct asking *)what)->said.wall = true;
    play->manner = TRACK_ROBUST;
    play->helper_always = true;
    return true;
}

static bool take_interface(const char **name, const char *value, const char **why)
{
    *why = "the name of an interface, of 1 to 15 bytes";
    *name = value;
    return *value && strlen(value) < RULES_INTERFACE;
}

static bool take_in(void *what, const char *value, const char **why)
{
    return take_interface(&((struct asking *)what)->play.in, value, why);
}

static bool take_out(void *what, const char *value, const char **why)
{
    return take_interface(&((struct asking *)what)->play.out, value, why);
}

/* Said as often as one likes. Whether it can be read is tried at once, on a host of no further use. */
static bool take_said(const char **kept, size_t *count, const char *value,
                      int (*add)(struct host *h, const char *value, struct host_error *error))
{
    struct host *trial = host_new();
    struct host_error error;
    bool fits = trial && *count < ASKING_SAID && add(trial, value, &error) == 0;

    host_free(&trial);
    if (fits)
        kept[(*count)++] = value;
    return fits;
}

/* [INTERFACE=]ADDRESS[/BITS] */
static int add_address(struct host *h, const char *value, struct host_error *error)
{
    char interface[HOST_INTERFACE] = "";
    const char *equals = strchr(value, '=');
    size_t size = equals ? (size_t)(equals - value) : 0;

    if (size >= sizeof(interface) || (equals && size == 0)) {
        *error = (struct host_error){0};
        return -EINVAL;
    }
    memcpy(interface, value, size);
    return host_add_address(h, equals ? interface : NULL, equals ? equals + 1 : value, error);
}

static bool take_address(void *what, const char *value, const char **why)
{
    struct asking *a = what;

    *why = "an address of the firewall's machine, with its interface and network or without: "
           "eth0=192.0.2.18/24, 2001:db8::18";
    return take_said(a->addresses, &a->address_count, value, add_address);
}

static bool take_route(void *what, const char *value, const char **why)
{
    struct asking *a = what;

    *why = "a route as \"ip route\" prints it: \"default via 192.0.2.1 dev eth0\"";
    return take_said(a->routes, &a->route_count, value, host_add_route);
}

static bool take_time(void *what, const char *value, const char **why)
{
    struct tm tm = {0};
    const char *end = strptime(value, "%Y-%m-%dT%H:%M", &tm);

    *why = "YYYY-MM-DDTHH:MM, in UTC";
    if (!end || *end)
        return false;
    ((struct asking *)what)->play.time = timegm(&tm);
    return true;
}

static bool take_4(void *what, const char *value, const char **why)
{
    (void)value;
    return take_family(what, PACKET_IPV4, why);
}

static bool take_6(void *what, const char *value, const char **why)
{
    (void)value;
    return take_family(what, PACKET_IPV6, why);
}

static bool take_colour(void *what, const char *value, const char **why)
{
    static const struct word words[] = {{"auto", -1}, {"always", 1}, {"never", 0}, {0}};

    *why = "auto, always or never";
    return choose(words, value, &((struct asking *)what)->colour);
}

static bool take_language(void *what, const char *value, const char **why)
{
    (void)what;
    *why = "en or ko";
    return speech_speak(value);
}

#define TAKE_TEXT(function, member)                                                                          \
    static bool function(void *what, const char *value, const char **why)                                    \
    {                                                                                                        \
        *why = "something that is not empty";                                                                \
        ((struct asking *)what)->member = value;                                                             \
        return *value;                                                                                       \
    }

/* A question: said once. */
#define TAKE_ONCE(function, member)                                                                          \
    static bool function(void *what, const char *value, const char **why)                                    \
    {                                                                                                        \
        const char **kept = &((struct asking *)what)->member;                                                \
        bool first = !*kept;                                                                                 \
                                                                                                             \
        *why = first ? "something that is not empty" : "to be asked once at a time";                         \
        *kept = value;                                                                                       \
        return first && *value;                                                                              \
    }

#define TAKE_FLAG(function, member)                                                                          \
    static bool function(void *what, const char *value, const char **why)                                    \
    {                                                                                                        \
        (void)value;                                                                                         \
        (void)why;                                                                                           \
        ((struct asking *)what)->member = true;                                                              \
        return true;                                                                                         \
    }

TAKE_TEXT(take_sets, sets_file)
TAKE_ONCE(take_packet, packet)
TAKE_ONCE(take_server_config, server_config)

static bool take_brief(void *what, const char *value, const char **why)
{
    (void)value;
    (void)why;
    ((struct asking *)what)->brief = true;
    return true;
}
TAKE_ONCE(take_capture, capture)
TAKE_ONCE(take_tcp, tcp)
TAKE_ONCE(take_udp, udp)
TAKE_ONCE(take_icmp, icmp)
TAKE_TEXT(take_svg, svg)
TAKE_TEXT(take_html, html)
TAKE_TEXT(take_rules, rules)
TAKE_FLAG(take_json, json)
TAKE_FLAG(take_verbose, verbose)

const struct option_row ASKING_ROWS[] = {
    /* all */
    {"--client", "ADDRESS", "the client's address", take_client},
    {"--server", "ADDRESS[:PORT]", "the server's address; port 21", take_server},
    {"--at", "PLACE",
     "where the firewall runs: server, gateway, client; default: as its addresses say, or server", take_at},
    {"--tls", NULL, "the control channel is encrypted (AUTH TLS)", take_tls},
    {"--pasv-ports", "A:B", "the server's passive range", take_pasv_ports},
    {"--data-port", "PORT", "that the server sends data from in active mode: 20, say, or any",
     take_data_port},
    {"--kernel", "VERSION", "of the firewall's Linux; default: the snapshot's, or 6.18", take_kernel},
    {"--helper-ports", "PORTS", "nf_conntrack_ftp's ports=; default 21", take_helper_ports},
    {"--nat-helper", "YES", "yes or no: is nf_nat_ftp there, which FTP behind NAT needs?", take_nat_helper},
    {"--loose", NULL, "nf_conntrack_ftp's loose=1", take_loose},
    {"--mode", "MODE", "linux (default), or robust: a helper without the kernel's quirks", take_mode},
    {"--wall", NULL, "the rules are a wall's (sallywall up): its helper needs no rule, and is robust",
     take_wall},
    {"--in", "INTERFACE", "towards the client, on the firewall", take_in},
    {"--out", "INTERFACE", "towards the server, on the firewall", take_out},
    {"--address", "[IF=]ADDRESS[/N]", "that the firewall's machine has; may be said again", take_address},
    {"--route", "ROUTE", "likewise: 'default via 192.0.2.1 dev eth0'", take_route},
    {"--sets", "FILE", "members of ipset's sets, as ipset save prints them", take_sets},
    {"--time", "TIME", "of day, for -m time: YYYY-MM-DDTHH:MM, UTC; default: now", take_time},
    {"-4", NULL, "the rules are iptables'", take_4},
    {"-6", NULL, "the rules are ip6tables'", take_6},
    {"--json", NULL, "one JSON object instead of text", take_json},
    {"--color", "WHEN", "auto (default: on a terminal), always, never", take_colour},
    {"-v", NULL, "every packet, and every rule that was looked at", take_verbose},
    /* replay */
    {"--rules", "FILE", "the rules to run it through; default: none, all is accepted", take_rules},
    /* explain */
    {"--lang", "LANGUAGE", "of the answer: en, ko; default: the locale's. JSON is English", take_language},
    {"--svg", "FILE", "also draw it", take_svg},
    {"--html", "FILE", "also write it as one page", take_html},
    {"--server-config", "FILE",
     "all that clients of this server (sallyd.conf, vsftpd.conf) may do, in one table", take_server_config},
    {"--brief", NULL, "one line, if all of that works", take_brief},
    {"--ftp", "MODE", "play a session: passive (default), active, epsv, eprt", take_ftp},
    {"--tcp", "ENDS", "play a TCP connection there and back: '203.0.113.9 > 192.0.2.10:22'", take_tcp},
    {"--udp", "ENDS", "a question over UDP and its answer: '203.0.113.9 > 192.0.2.10:53'", take_udp},
    {"--icmp", "ENDS", "a ping: '203.0.113.9 > 192.0.2.10'", take_icmp},
    {"--packet", "PACKET", "ask about one: 'tcp 192.0.2.7:40000 > 192.0.2.18:22 syn'", take_packet},
    {"--pcap", "FILE", "replay a capture (pcap, pcapng)", take_capture},
};
const size_t ASKING_DIFF_COUNT = 23, ASKING_REPLAY_COUNT = 24,
             ASKING_EXPLAIN_COUNT = sizeof(ASKING_ROWS) / sizeof(ASKING_ROWS[0]);

void asking_init(struct asking *a)
{
    *a = (struct asking){.colour = -1};
    play_defaults(&a->play);
    a->play.time = time(NULL); /* unless --time says another */
}

void asking_fini(struct asking *a)
{
    sets_free(&a->sets);
    host_free(&a->host);
    play_machine_free(&a->machine);
}

int asking_complete(struct asking *a)
{
    struct rules_error error = {0};
    char *text;
    size_t size;

    if (!a->sets_file)
        return 0;
    int r = files_read(a->sets_file, &text, &size);
    if (r) {
        fprintf(stderr, "sallywall: %s: can't be read: %s\n", a->sets_file, source_reason(r));
        return -1;
    }
    r = sets_read(text, size, a->sets_file, &a->sets, &error);
    if (r == -EINVAL)
        source_tell_mistake(&error, text, size);
    else if (r)
        fprintf(stderr, "sallywall: %s: %s\n", a->sets_file, strerror(-r));
    free(text);
    if (r)
        return -1;
    sets_bind(a->sets, &a->bound);
    a->play.sets = &a->bound;
    a->said.sets = true;
    return 0;
}

/* ---- the machine ---- */

static bool is_unsaid(const struct packet_address *a)
{
    static const struct packet_address zero;

    return packet_address_equal(a, &zero);
}

static bool has_address_before(const struct host_address *all, size_t count, const struct host_address *new)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i].family == new->family && packet_address_equal(&all[i].address, &new->address))
            return true;
    }
    return false;
}

/* What was said goes in beside what is known, and a new address is told as one. 0 or -ENOMEM. */
static int add_said(const struct asking *a, struct host *h, bool is_snapshot)
{
    struct host_error error;
    size_t before, after;
    int r = 0;

    for (size_t i = 0; i < a->address_count && r != -ENOMEM; i++) {
        (void)host_addresses(h, &before); /* the count is what is asked for */
        r = add_address(h, a->addresses[i], &error);
        const struct host_address *all = host_addresses(h, &after);
        if (r == 0 && is_snapshot && !has_address_before(all, before, &all[after - 1]))
            fprintf(stderr,
                    "sallywall: --address %s: the snapshot has no such address; it is taken as one more\n",
                    a->addresses[i]);
    }
    for (size_t i = 0; i < a->route_count && r != -ENOMEM; i++)
        r = host_add_route(h, a->routes[i], &error);
    return r == -ENOMEM ? r : 0; /* all else was tried when it was read */
}

static void tell_contradictions(const struct asking *a, const struct host *h)
{
    const struct {
        const char *option, *interface;
    } interfaces[] = {{"--in", a->play.in}, {"--out", a->play.out}};
    char text[160];

    for (unsigned n = 0; play_machine_contradicts(a->machine, &a->said, &a->play, n, text); n++)
        fprintf(stderr, "sallywall: %s\n", text);
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
        if (interfaces[i].interface && host_has_interface(h, interfaces[i].interface) == HOST_NO)
            fprintf(stderr, "sallywall: %s %s: the snapshot has no interface of that name\n",
                    interfaces[i].option, interfaces[i].interface);
    }
}

/* The end that is the machine itself by what was said, and of which the machine does not say so. */
static int add_own_end(const struct asking *a, struct host *h)
{
    const struct play *play = &a->play;
    const struct packet_address *own = play->where == STORY_AT_CLIENT ? &play->client : &play->server;
    char text[INET6_ADDRSTRLEN];
    struct host_error error;

    if (play->where == STORY_AT_GATEWAY || !host_is_reachable(h, play->family) || !play->family ||
        is_unsaid(own))
        return 0;
    enum host_answer has = host_has_address(h, play->family, own);
    if (has == HOST_YES)
        return 0;
    packet_address_format(own, play->family, text);
    if (has == HOST_NO)
        fprintf(stderr,
                "sallywall: the snapshot's machine has no address %s, which it is said to have (--at); it is "
                "taken as one more\n",
                text);
    return host_add_address(h, NULL, text, &error) == -ENOMEM ? -ENOMEM : 0;
}

/* Unless it was said, the machine's addresses tell where it stands. */
static void find_place(const struct host *h, struct play *play)
{
    if (play->at_said || !host_is_reachable(h, play->family) || !play->family || is_unsaid(&play->server) ||
        host_has_address(h, play->family, &play->server) != HOST_NO)
        return;
    if (!is_unsaid(&play->client) && host_has_address(h, play->family, &play->client) == HOST_YES)
        play->where = STORY_AT_CLIENT;
    else
        play->where = STORY_AT_GATEWAY;
}

static int meet_machine(struct asking *a)
{
    struct host *h = play_machine_host(a->machine);
    int r = add_said(a, h, true);

    play_machine_apply(a->machine, &a->said, &a->play);
    tell_contradictions(a, h);
    find_place(h, &a->play);
    return r ? r : add_own_end(a, h);
}

static int meet_said(struct asking *a)
{
    if (!a->address_count && !a->route_count)
        return 0;
    a->host = host_new();
    if (!a->host || add_said(a, a->host, false))
        return -ENOMEM;
    a->play.host = a->host;
    return add_own_end(a, a->host);
}

int asking_meet(struct asking *a, struct play_machine *machine)
{
    a->machine = machine;
    int r = machine ? meet_machine(a) : meet_said(a);

    if (r)
        fprintf(stderr, "sallywall: out of memory\n");
    return r;
}

struct story_text_options asking_text_options(const struct asking *a)
{
    struct winsize size = {0};
    bool terminal = isatty(STDOUT_FILENO);

    if (terminal)
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size); /* else it stays zero: a width that is not known */
    return (struct story_text_options){
        .colour = a->colour >= 0 ? a->colour : terminal && !getenv("NO_COLOR"),
        .ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0 && strcmp(speech_language(), "en") == 0,
        .verbose = a->verbose,
        .width = size.ws_col,
    };
}
