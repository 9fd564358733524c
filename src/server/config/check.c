/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/address.h"
#include "server/config/option_table.h"
#include "server/config/remark.h"
#include "server/loops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const char *yes_or_no(bool value)
{
    return value ? "YES" : "NO";
}

static void address_check(const char *option, const char *address, int family, struct remarks *r)
{
    struct in6_addr into;
    if (address && inet_pton(family, address, &into) != 1)
        remark_error(r, "%s=%s: expected an IPv%c address", option, address, family == AF_INET ? '4' : '6');
}

static void listening_check(const struct config *c, struct remarks *r)
{
    if (c->listen && c->listen_ipv6)
        remark_error(
            r,
            "listen=YES (the default) and listen_ipv6=YES exclude each other; listen_ipv6=YES alone serves "
            "IPv4 as well, so set listen=NO");
    address_check("listen_address", c->listen_address, AF_INET, r);
    address_check("listen_address6", c->listen_address6, AF_INET6, r);
    struct sockaddr_un un;
    if (c->control_socket && strlen(c->control_socket) >= sizeof(un.sun_path))
        remark_error(r, "control_socket=%s: a socket's path has at most %zu bytes", c->control_socket,
                     sizeof(un.sun_path) - 1);
    if (c->control_group && !c->control_socket)
        remark_warning(r, "control_group=%s changes nothing while control_socket is empty", c->control_group);
}

static void passive_ports_check(const struct config *c, struct remarks *r)
{
    if (c->pasv_max_port && c->pasv_min_port > c->pasv_max_port)
        remark_error(r, "pasv_min_port=%u is above pasv_max_port=%u; no port is left for passive mode",
                     c->pasv_min_port, c->pasv_max_port);
    else if (c->pasv_min_port == c->listen_port && c->pasv_max_port == c->listen_port)
        remark_error(
            r, "pasv_min_port=pasv_max_port=%u is also listen_port; passive mode needs a port of its own",
            c->listen_port);
    if (!c->pasv_enable && !c->port_enable)
        remark_warning(r, "pasv_enable=NO and port_enable=NO: nothing can be listed or transferred");
}

static void passive_address_check(const struct config *c, struct remarks *r)
{
    struct in_addr dotted;
    if (c->pasv_address && !c->pasv_addr_resolve && inet_pton(AF_INET, c->pasv_address, &dotted) != 1)
        remark_error(
            r, "pasv_address=%s is not an IPv4 address; if it is a host name, set pasv_addr_resolve=YES",
            c->pasv_address);
    if (!c->pasv_address_map)
        return;
    struct address_map_entry entry;
    const char *map = c->pasv_address_map, *text;
    int len;
    for (int result; (result = address_map_next(&map, &entry, &text, &len)) != 0;)
        if (result < 0)
            remark_error(r,
                         "pasv_address_map: '%.*s': expected NETWORK/BITS=ADDRESS, as in 10.0.0.0/8=10.0.0.5",
                         len, text);
}

static void workers_check(const struct config *c, struct remarks *r)
{
    const char *w = c->workers ? c->workers : "";
    bool is_number = *w && strspn(w, "0123456789") == strlen(w) && strlen(w) <= 2 &&
                     strtoul(w, NULL, 10) >= 1 && strtoul(w, NULL, 10) <= LOOPS_MAX;
    if (strcmp(w, "auto") != 0 && !is_number)
        remark_error(r, "workers=%s: expected auto or a number from 1 to %d", w, LOOPS_MAX);
}

/* Names that nft, ipset and iptables take as they are. */
static bool is_plain(const char *text, bool may_have_blank)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && len < 30 &&
           strspn(text, may_have_blank
                            ? " ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
                            : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") == len;
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && (!text || strcmp(text, *words) != 0))
        words++;
    return *words != NULL;
}

static void firewall_check(const struct config *c, struct remarks *r)
{
    static const char *const ways[] = {"auto", "conntrack", "nft", "ipset", "sallywall", "none", NULL},
                             *const helpers[] = {"sane", "ftp", NULL};
    if (!is_one_of(c->firewall, ways))
        remark_error(r, "firewall=%s: expected auto, conntrack, nft, ipset, sallywall or none",
                     c->firewall ? c->firewall : "");
    if (!is_one_of(c->firewall_helper, helpers))
        remark_error(r, "firewall_helper=%s: expected sane or ftp",
                     c->firewall_helper ? c->firewall_helper : "");
    if (!is_plain(c->firewall_set, false))
        remark_error(r, "firewall_set=%s: expected a name of letters, digits, '_', '-' and '.', at most 29",
                     c->firewall_set ? c->firewall_set : "");
    if (!is_plain(c->firewall_table, true) || !strchr(c->firewall_table, ' '))
        remark_error(r, "firewall_table=%s: expected a family and a name, as in inet filter",
                     c->firewall_table ? c->firewall_table : "");
}

static void users_check(const struct config *c, struct remarks *r)
{
    if (!c->anonymous_enable && !c->local_enable && !c->virtual_enable)
        remark_error(r, "nobody could log in: set anonymous_enable, local_enable or virtual_enable to YES");
}

/* Options that another one needs in order to do anything. */
static void companions_check(const struct config *c, struct remarks *r)
{
#define NEEDS(flag, string) {#flag, #string, c->flag, c->string}
    const struct {
        const char *flag_name, *string_name;
        bool flag;
        const char *string;
    } strings[] = {
        NEEDS(anonymous_enable, ftp_username),
        NEEDS(local_enable, pam_service_name),
        NEEDS(guest_enable, guest_username),
        NEEDS(virtual_enable, guest_username),
        NEEDS(virtual_enable, accounts_file),
        NEEDS(userlist_enable, userlist_file),
        NEEDS(chroot_list_enable, chroot_list_file),
        NEEDS(deny_email_enable, banned_email_file),
        NEEDS(secure_email_list_enable, email_password_file),
        NEEDS(chown_uploads, chown_username),
        NEEDS(dirmessage_enable, message_file),
    };
#undef NEEDS
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        if (strings[i].flag && !strings[i].string)
            remark_error(r, "%s=YES needs %s, which is empty", strings[i].flag_name, strings[i].string_name);
    if (!c->nopriv_user && (!c->run_as_launching_user || geteuid() == 0))
        remark_error(r, "nopriv_user is empty; the worker must be some user other than root");

#define WRITES(flag) {#flag, c->flag}
    const struct {
        const char *name;
        bool value;
    } writes[] = {WRITES(anon_upload_enable), WRITES(anon_mkdir_write_enable),
                  WRITES(anon_other_write_enable)};
#undef WRITES
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        if (writes[i].value && !c->write_enable)
            remark_warning(r, "%s=YES permits nothing while write_enable is NO", writes[i].name);
}

static void tls_check(const struct config *c, struct remarks *r)
{
    if (!c->ssl_enable)
        return;
    if (c->ssl_sslv2 || c->ssl_sslv3)
        remark_error(r, "%s=YES: OpenSSL 3 has no SSL 2 and no SSL 3, and nobody should",
                     c->ssl_sslv2 ? "ssl_sslv2" : "ssl_sslv3");
    if (c->dsa_cert_file)
        remark_error(r,
                     "dsa_cert_file=%s: TLS has no DSA any more; rsa_cert_file takes RSA and EC certificates",
                     c->dsa_cert_file);
    if (!c->ssl_tlsv12 && !c->ssl_tlsv13)
        remark_error(r, "ssl_enable=YES with ssl_tlsv12=NO and ssl_tlsv13=NO leaves no TLS to offer");
    if (c->validate_cert && !c->ca_certs_file)
        remark_error(r, "validate_cert=YES needs ca_certs_file, which is empty");
    if (!c->force_local_logins_ssl && (c->local_enable || c->virtual_enable))
        remark_warning(r, "force_local_logins_ssl=NO: passwords may cross the network unencrypted");
    if (!c->require_ssl_reuse)
        remark_warning(
            r, "require_ssl_reuse=NO: whoever reaches a data port first gets the file, or gives another");
}

/* Options with another effect than the one asked for: none. */
static void effects_check(const struct config *c, struct remarks *r)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->why || option_is_default(c, o))
            continue;
        const void *at = (const char *)c + o->offset;
        if (o->type == OPTION_BOOL)
            remark_warning(r, "%s=%s changes nothing: %s", o->name, yes_or_no(*(const bool *)at), o->why);
        else
            remark_warning(r, "%s changes nothing: %s", o->name, o->why);
    }
}

int config_check(const struct config *c, const char *name,
                 void (*tell)(void *ctx, const struct config_remark *), void *ctx)
{
    static void (*const checks[])(const struct config *, struct remarks *) = {
        listening_check, workers_check,    firewall_check, passive_ports_check, passive_address_check,
        users_check,     companions_check, tls_check,      effects_check,
    };
    struct remarks r = {.tell = tell, .ctx = ctx, .name = name};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](c, &r);
    return r.failed ? -EINVAL : 0;
}
