/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads a decimal number of one to max_digits digits (at most 9) and moves on past it. False if there is
 * none, it is longer, or it is above most. No sign and no blank: strtoul would take both. */
static bool read_number(const char **at, unsigned max_digits, unsigned most, unsigned *ret)
{
    unsigned value = 0, digits = 0;
    for (; is_digit((*at)[digits]); digits++) {
        if (digits == max_digits)
            return false;
        value = value * 10 + (unsigned)((*at)[digits] - '0');
    }
    if (digits == 0 || value > most)
        return false;
    *at += digits;
    *ret = value;
    return true;
}

static struct in6_addr mapped_v4(const void *octets)
{
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&ip.s6_addr[12], octets, 4);
    return ip;
}

enum ftp_eprt_result ftp_port_parse(const char *argument, struct ftp_address *ret)
{
    uint8_t octets[6];
    for (size_t i = 0; i < sizeof(octets); i++) {
        unsigned value;
        if (!read_number(&argument, 3, 255, &value))
            return FTP_ADDRESS_SYNTAX;
        if (*argument != (i == sizeof(octets) - 1 ? '\0' : ','))
            return FTP_ADDRESS_SYNTAX;
        argument++;
        octets[i] = (uint8_t)value;
    }
    uint16_t port = (uint16_t)(octets[4] << 8 | octets[5]);
    if (port == 0)
        return FTP_ADDRESS_SYNTAX;
    *ret = (struct ftp_address){mapped_v4(octets), port};
    return FTP_ADDRESS_OK;
}

/* The address between two delimiters, of the network protocol 1 or 2. */
static bool read_ip(const char *text, size_t len, unsigned protocol, struct in6_addr *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (protocol == 2)
        return inet_pton(AF_INET6, copy, ret) == 1;
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return false;
    *ret = mapped_v4(&v4);
    return true;
}

enum ftp_eprt_result ftp_eprt_parse(const char *argument, struct ftp_address *ret)
{
    unsigned protocol, port;
    struct in6_addr ip;
    char delimiter = *argument;
    if (delimiter < 33 || delimiter > 126)
        return FTP_ADDRESS_SYNTAX;
    argument++;
    if (!read_number(&argument, 5, 65535, &protocol) || *argument != delimiter)
        return FTP_ADDRESS_SYNTAX;
    if (protocol != 1 && protocol != 2)
        return FTP_ADDRESS_PROTOCOL;
    argument++;
    const char *ip_end = strchr(argument, delimiter);
    if (!ip_end || !read_ip(argument, (size_t)(ip_end - argument), protocol, &ip))
        return FTP_ADDRESS_SYNTAX;
    argument = ip_end + 1;
    if (!read_number(&argument, 5, 65535, &port) || port == 0 || argument[0] != delimiter ||
        argument[1] != '\0')
        return FTP_ADDRESS_SYNTAX;
    *ret = (struct ftp_address){ip, (uint16_t)port};
    return FTP_ADDRESS_OK;
}

int ftp_epsv_parse(const char *argument)
{
    static const char *const known[] = {"", "1", "2", "ALL"};
    for (int i = 0; i < 4; i++)
        if (strcasecmp(argument, known[i]) == 0)
            return i;
    return argument[strspn(argument, "0123456789")] == '\0' ? -EPROTONOSUPPORT : -EINVAL;
}

bool ftp_address_is_v4(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip);
}

void ftp_address_format(const struct in6_addr *ip, char *text)
{
    if (ftp_address_is_v4(ip))
        inet_ntop(AF_INET, &ip->s6_addr[12], text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, ip, text, INET6_ADDRSTRLEN);
}
