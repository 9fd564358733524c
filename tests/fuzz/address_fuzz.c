/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The arguments of PORT, EPRT and EPSV. What is taken has a port, means the same when written out in the
 * plainest way, and what is refused leaves the result alone.
 */
#include "ftp/address.h"
#include "sys/net.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

static const struct ftp_address untouched = {.port = 4711};

static bool same(const struct ftp_address *a, const struct ftp_address *b)
{
    return memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0 && a->port == b->port;
}

static void check_eprt_again(const struct ftp_address *a)
{
    char ip[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];
    struct ftp_address again;
    memset(ip, 'x', sizeof(ip));
    net_ip_format(&a->ip, ip);
    MUST(strnlen(ip, sizeof(ip)) < sizeof(ip));
    snprintf(text, sizeof(text), "|%c|%s|%u|", net_ip_is_v4(&a->ip) ? '1' : '2', ip, a->port);
    MUST(ftp_eprt_parse(text, &again) == FTP_ADDRESS_OK && same(a, &again));
}

static void check_port(const char *argument)
{
    struct ftp_address a = untouched, again;
    char text[32];
    enum ftp_eprt_result r = ftp_port_parse(argument, &a);
    MUST(r == FTP_ADDRESS_OK || r == FTP_ADDRESS_SYNTAX);
    if (r != FTP_ADDRESS_OK) {
        MUST(same(&a, &untouched));
        return;
    }
    const uint8_t *o = &a.ip.s6_addr[12];
    MUST(a.port > 0 && net_ip_is_v4(&a.ip));
    snprintf(text, sizeof(text), "%u,%u,%u,%u,%u,%u", o[0], o[1], o[2], o[3], a.port >> 8, a.port & 255);
    MUST(ftp_port_parse(text, &again) == FTP_ADDRESS_OK && same(&a, &again));
    MUST(strspn(argument, "0123456789,") == strlen(argument) && strlen(argument) <= 23);
    check_eprt_again(&a);
}

static void check_eprt(const char *argument)
{
    struct ftp_address a = untouched;
    enum ftp_eprt_result r = ftp_eprt_parse(argument, &a);
    if (r != FTP_ADDRESS_OK) {
        MUST(r == FTP_ADDRESS_SYNTAX || r == FTP_ADDRESS_PROTOCOL);
        MUST(same(&a, &untouched));
        return;
    }
    MUST(a.port > 0 && argument[0] == argument[strlen(argument) - 1]);
    check_eprt_again(&a);
}

static void check_epsv(const char *argument)
{
    int r = ftp_epsv_parse(argument);
    MUST((r >= 0 && r <= 3) || r == -EPROTONOSUPPORT || r == -EINVAL);
    MUST((r == 0) == (*argument == '\0'));
    MUST(r != -EPROTONOSUPPORT || strspn(argument, "0123456789") == strlen(argument));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argument = malloc(size + 1);
    memcpy(argument, data, size);
    argument[size] = '\0';
    check_port(argument);
    check_eprt(argument);
    check_epsv(argument);
    free(argument);
    return 0;
}
