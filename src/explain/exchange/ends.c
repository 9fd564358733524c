/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/exchange/ends.h"
#include "explain/make.h"
#include "packet/decode.h"
#include "rules/language/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ENDS_LONGEST = 256 };

struct reader {
    uint8_t protocol;
    char **message;
};

struct end { /* as it was said */
    struct packet_address address;
    uint8_t family; /* 0: no address */
    uint16_t port;  /* 0: none */
};

__attribute__((format(printf, 2, 3))) static int fail(const struct reader *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vasprintf(r->message, format, list);
    va_end(list);
    if (length < 0)
        *r->message = NULL;
    return length < 0 ? -ENOMEM : -EINVAL;
}

static bool has_ports(const struct reader *r)
{
    return packet_has_ports(r->protocol);
}

/* ---- one end ---- */

/* What is in nobody's list of services, and everybody says. */
static bool find_service(const char *name, uint8_t protocol, uint16_t *ret)
{
    if (strcasecmp(name, "dns") == 0)
        name = "domain";
    return rules_service_port(name, protocol, ret);
}

static int read_port(const struct reader *r, const char *text, uint16_t *ret)
{
    const char *name = rules_protocol_name(r->protocol);
    char *end;
    if (!has_ports(r))
        return fail(r, "\":%s\": ICMP has no ports; write the address alone", text);
    if (isdigit((unsigned char)*text)) {
        unsigned long port = strtoul(text, &end, 10);
        if (*end || port == 0 || port > UINT16_MAX)
            return fail(r, "\"%s\": expected one port, from 1 to 65535", text);
        *ret = (uint16_t)port;
        return 0;
    }
    if (find_service(text, r->protocol, ret))
        return 0;
    const char *near = rules_service_near(text, r->protocol);
    if (near)
        return fail(r,
                    "\"%s\" is no service of %s that is known here; did you mean \"%s\"? Or write the port's "
                    "number",
                    text, name, near);
    return fail(r, "\"%s\" is no service of %s that is known here; write the port's number", text, name);
}

static int read_address(const struct reader *r, const char *text, struct end *ret)
{
    if (packet_address_parse(text, &ret->address, &ret->family) == 0)
        return 0;
    if (strchr(text, '/'))
        return fail(r, "\"%s\" is a network; ask about one address of it at a time", text);
    if (isalpha((unsigned char)*text) && !strchr(text, ':'))
        return fail(r, "\"%s\": host names are not looked up; write the address, such as 192.0.2.10", text);
    return fail(r, "\"%s\": expected an address, such as 192.0.2.10, 192.0.2.10:22 or [2001:db8::10]:22",
                text);
}

/* "22", ":22", ":ssh", "ssh": a port alone, of which the first two can be nothing else. */
static bool is_port_alone(const struct reader *r, const char *text, bool is_server)
{
    uint16_t port;
    if (!is_server || !has_ports(r))
        return false;
    return text[strspn(text, "0123456789")] == '\0' || find_service(text, r->protocol, &port);
}

/* Splits off the port. NULL: there is none. */
static char *split_port(char *text)
{
    char *bracket = *text == '[' ? strchr(text, ']') : NULL, *colon = strchr(text, ':');
    if (bracket)
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    else if (colon && strchr(colon + 1, ':'))
        return NULL; /* IPv6 without a port */
    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* Takes the brackets off, if there are any. */
static int unbracket(const struct reader *r, char **text)
{
    size_t length = strlen(*text);
    if (**text != '[')
        return 0;
    if (length < 2 || (*text)[length - 1] != ']')
        return fail(
            r, "\"%s\": a bracket without its other one, or something behind it; write [2001:db8::10]:22",
            *text);
    (*text)[length - 1] = '\0';
    ++*text;
    return 0;
}

static int read_end(const struct reader *r, char *text, bool is_server, struct end *ret)
{
    *ret = (struct end){0};
    if (!*text)
        return 0;
    if (is_port_alone(r, text, is_server))
        return read_port(r, text, &ret->port);
    char *port = split_port(text);
    int error = unbracket(r, &text);
    if (!error && *text)
        error = read_address(r, text, ret);
    if (!error && port)
        error = read_port(r, port, &ret->port);
    return error;
}

/* ---- both ---- */

/* text without blanks, cut in two at its arrow; *ret_second is NULL if there is none. */
static int split(const struct reader *r, const char *text, char *out, char **ret_second)
{
    static const char *const arrows[] = {"->", "→", ">"};
    size_t size = 0;
    for (; *text; text++) {
        if (isspace((unsigned char)*text))
            continue;
        if (size + 1 >= ENDS_LONGEST)
            return fail(r, "that is longer than two addresses can be");
        out[size++] = *text;
    }
    out[size] = '\0';
    *ret_second = NULL;
    for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]) && !*ret_second; i++) {
        char *arrow = strstr(out, arrows[i]);
        if (!arrow)
            continue;
        *arrow = '\0';
        *ret_second = arrow + strlen(arrows[i]);
    }
    if (*ret_second && strchr(*ret_second, '>'))
        return fail(r, "two arrows; an exchange has two ends: 203.0.113.9 > 192.0.2.10:22");
    return 0;
}

static bool is_zero(const struct packet_address *a)
{
    static const struct packet_address zero;
    return packet_address_equal(a, &zero);
}

/* An address that --client or --server said as well. */
static int take_address(const struct reader *r, const struct end *end, const char *option, struct play *play,
                        struct packet_address *address)
{
    if (!end->family)
        return 0;
    if (play->family && play->family != end->family)
        return fail(r, "one address is IPv4 and the other IPv6 (or the rules are of the other kind: -4, -6)");
    if (!is_zero(address) && !packet_address_equal(address, &end->address))
        return fail(r, "another address than that of %s; say it once", option);
    play->family = end->family;
    *address = end->address;
    return 0;
}

static int check_ports(const struct reader *r, const struct end *server)
{
    if (!has_ports(r) || server->port)
        return 0;
    return fail(r, "to which port? Write it behind the server's address: 192.0.2.10:%s, [2001:db8::10]:%s",
                r->protocol == PACKET_UDP ? "53" : "22", r->protocol == PACKET_UDP ? "53" : "22");
}

int exchange_ends_read(const char *text, uint8_t protocol, struct play *play, char **message)
{
    const struct reader r = {.protocol = protocol, .message = message};
    char copy[ENDS_LONGEST], *second;
    struct end client = {0}, server;
    struct play read = *play;
    int error = split(&r, text, copy, &second);
    if (!error && second)
        error = read_end(&r, copy, false, &client);
    if (!error)
        error = read_end(&r, second ? second : copy, true, &server);
    if (!error)
        error = check_ports(&r, &server);
    if (!error)
        error = take_address(&r, &client, "--client", &read, &read.client);
    if (!error)
        error = take_address(&r, &server, "--server", &read, &read.server);
    if (error)
        return error;
    read.server_port = server.port;
    read.client_ports = (struct rules_range16){client.port, client.port};
    *play = read;
    return 0;
}
