/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/address.h"

#include "ftp/numbers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static struct in6_addr mapped_v4(const void *octets)
{
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&ip.s6_addr[12], octets, 4);
    return ip;
}

static struct ftp_reader reader_of(const char *argument)
{
    return (struct ftp_reader){
        .text = {.bytes = (const uint8_t *)argument, .size = (uint32_t)strlen(argument)}};
}

static enum ftp_eprt_result result_of(const struct ftp_reader *r, int read, bool v6, struct ftp_address *ret)
{
    if (read != FTP_READ_PLACE || bounded_here(&r->text) != BOUNDED_END)
        return FTP_ADDRESS_SYNTAX;
    ret->ip = mapped_v4(r->address);
    if (v6)
        memcpy(&ret->ip, r->address, sizeof(ret->ip));
    ret->port = r->port;
    return FTP_ADDRESS_OK;
}

enum ftp_eprt_result ftp_port_parse(const char *argument, struct ftp_address *ret)
{
    struct ftp_reader r = reader_of(argument);
    int read = ftp_read_host_port(&r, FTP_AS_SERVER);

    return result_of(&r, read, false, ret);
}

enum ftp_eprt_result ftp_eprt_parse(const char *argument, struct ftp_address *ret)
{
    enum { NOT_A_NUMBER = FTP_NO_DIGIT | FTP_LONG_PORT | FTP_OVER_PORT };
    struct ftp_reader r = reader_of(argument);
    uint32_t delimiter = bounded_here(&r.text);

    if (!ftp_is_delimiter(delimiter))
        return FTP_ADDRESS_SYNTAX;
    r.text.at++;
    ftp_read_number(&r, 0);
    if ((r.flaws & NOT_A_NUMBER) || bounded_here(&r.text) != delimiter)
        return FTP_ADDRESS_SYNTAX;
    r.text.at++;
    bool v6 = r.number[0] == 2;
    if (r.number[0] != 1 && !v6)
        return FTP_ADDRESS_PROTOCOL;
    int read = ftp_read_ends(&r, delimiter, v6, FTP_AS_SERVER);
    return result_of(&r, read, v6, ret);
}

int ftp_epsv_parse(const char *argument)
{
    static const char *const known[] = {"", "1", "2", "ALL"};
    for (int i = 0; i < 4; i++)
        if (strcasecmp(argument, known[i]) == 0)
            return i;
    return argument[strspn(argument, "0123456789")] == '\0' ? -EPROTONOSUPPORT : -EINVAL;
}
