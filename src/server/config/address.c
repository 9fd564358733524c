/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/address.h"

#include "server/config/option_table.h"
#include "server/config/remark.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static bool dotted_read(const char *text, size_t len, struct in_addr *ret_address)
{
    char copy[INET_ADDRSTRLEN];
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET, copy, ret_address) == 1;
}

static bool prefix_length_read(const char *text, size_t len, unsigned *ret_bits)
{
    if (len < 1 || len > 2)
        return false;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text[i] - '0');
    }
    *ret_bits = bits;
    return bits <= 32;
}

static bool entry_read(const char *text, size_t len, struct address_map_entry *ret_entry)
{
    const char *equals = memchr(text, '=', len);
    if (!equals)
        return false;
    size_t network_len = (size_t)(equals - text), address_len = len - network_len - 1;
    const char *slash = memchr(text, '/', network_len);
    unsigned bits = 32;
    if (slash) {
        if (!prefix_length_read(slash + 1, (size_t)(equals - slash) - 1, &bits))
            return false;
        network_len = (size_t)(slash - text);
    }
    struct in_addr network, address = {.s_addr = 0};
    if (!dotted_read(text, network_len, &network) ||
        (address_len > 0 && !dotted_read(equals + 1, address_len, &address)))
        return false;

    uint32_t mask = bits ? UINT32_MAX << (32 - bits) : 0;
    *ret_entry = (struct address_map_entry){
        .network = ntohl(network.s_addr) & mask, .mask = mask, .own = address_len == 0, .address = address};
    return true;
}

int address_map_next(const char **map, struct address_map_entry *ret_entry, const char **ret_text,
                     int *ret_len)
{
    const char *text = *map + strspn(*map, " \t,");
    if (!*text)
        return 0;
    size_t len = strcspn(text, ",");
    *map = text + len;
    while (text[len - 1] == ' ' || text[len - 1] == '\t')
        len--;
    *ret_text = text;
    *ret_len = (int)len;
    return entry_read(text, len, ret_entry) ? 1 : -EINVAL;
}

bool config_passive_address(const struct config *c, const unsigned char peer[16],
                            unsigned char ret_address[4])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(peer, mapped, sizeof(mapped)) != 0)
        return false; /* PASV is for IPv4: RFC 2428 */
    uint32_t client;
    memcpy(&client, peer + 12, sizeof(client));
    client = ntohl(client);

    struct address_map_entry entry;
    const char *map = c->pasv_address_map ? c->pasv_address_map : "", *text;
    int len;
    for (int r; (r = address_map_next(&map, &entry, &text, &len)) != 0;)
        if (r > 0 && (client & entry.mask) == entry.network) {
            if (!entry.own)
                memcpy(ret_address, &entry.address, 4);
            return !entry.own;
        }

    struct in_addr address;
    if (!c->pasv_address || inet_pton(AF_INET, c->pasv_address, &address) != 1)
        return false;
    memcpy(ret_address, &address, 4);
    return true;
}

int config_resolve(struct config *c, const char *name, void (*tell)(void *ctx, const struct config_remark *),
                   void *ctx)
{
    struct in_addr dotted;
    if (!c->pasv_addr_resolve || !c->pasv_address || inet_pton(AF_INET, c->pasv_address, &dotted) == 1)
        return 0;

    struct remarks r = {.tell = tell, .ctx = ctx, .name = name};
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int error = getaddrinfo(c->pasv_address, NULL, &hints, &found);
    if (error) {
        remark_error(&r, "pasv_address=%s cannot be looked up: %s; give an IPv4 address, or try again later",
                     c->pasv_address, gai_strerror(error));
        return -EINVAL;
    }
    struct sockaddr_in first;
    memcpy(&first, found->ai_addr, sizeof(first));
    freeaddrinfo(found);

    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &first.sin_addr, text, sizeof(text));
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free((char *)c->pasv_address);
    c->pasv_address = copy;
    return 0;
}
