/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/print.h"

#include <arpa/inet.h>
#include <string.h>

#include "packet/decode.h"
#include "rules/language/names.h"

/* The bytes that need no quotes, as iptables' xtables_save_string has them. */
static const char bare_bytes[] = "_-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void rules_put_number(FILE *out, uint64_t number)
{
    char digits[24], *at = &digits[sizeof(digits) - 1];

    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    rules_put(out, at);
}

void rules_print_string(FILE *out, const char *text)
{
    if (text[0] && text[strspn(text, bare_bytes)] == '\0') {
        rules_put(out, text);
        return;
    }
    putc_unlocked('"', out);
    for (const char *c = text; *c; c++) {
        if (strchr("\"\\'", *c))
            putc_unlocked('\\', out);
        putc_unlocked(*c, out);
    }
    putc_unlocked('"', out);
}

void rules_print_address(FILE *out, uint8_t family, const struct packet_address *address)
{
    char text[INET6_ADDRSTRLEN];

    rules_put(out, packet_address_format(address, family, text));
}

int rules_mask_prefix(uint8_t family, const struct packet_address *mask)
{
    unsigned words = family == PACKET_IPV6 ? 4 : 1;
    int prefix = 0;

    for (unsigned i = 0; i < words; i++) {
        uint32_t host = ~ntohl(mask->word[i]);
        if (host & (host + 1)) /* ones are not all at the end */
            return -1;
        if (host != UINT32_MAX && prefix != (int)i * 32)
            return -1;
        prefix += 32 - __builtin_popcount(host);
    }
    return prefix;
}

struct packet_address rules_prefix_mask(uint8_t family, unsigned prefix)
{
    struct packet_address mask = {0};
    unsigned words = family == PACKET_IPV6 ? 4 : 1;

    for (unsigned i = 0; i < words && prefix > i * 32; i++) {
        unsigned here = prefix - i * 32;
        mask.word[i] = here >= 32 ? UINT32_MAX : htonl(~(UINT32_MAX >> here));
    }
    return mask;
}

void rules_print_mask(FILE *out, uint8_t family, const struct packet_address *mask)
{
    int prefix = rules_mask_prefix(family, mask);

    if (prefix == (family == PACKET_IPV6 ? 128 : 32))
        return;
    putc_unlocked('/', out);
    if (prefix >= 0)
        rules_put_number(out, (unsigned)prefix);
    else
        rules_print_address(out, family, mask);
}

void rules_print_value32(FILE *out, uint32_t value, uint32_t mask)
{
    fprintf(out, "0x%x", value);
    if (mask != UINT32_MAX)
        fprintf(out, "/0x%x", mask);
}

void rules_print_names(FILE *out, const struct rules_names *names, uint32_t set, const char *separator)
{
    const char *before = "";

    for (unsigned i = 0; i < names->count; i++) {
        uint32_t bit = names->list[i].value;
        if ((set & bit) && (bit & (bit - 1)) == 0) {
            rules_put(out, before);
            rules_put(out, names->list[i].name);
            before = separator;
        }
    }
}

void rules_print_port(FILE *out, uint16_t port, uint8_t protocol, bool numeric)
{
    const char *name = numeric ? NULL : rules_service_name(port, protocol);

    if (name)
        rules_put(out, name);
    else
        rules_put_number(out, port);
}

void rules_print_interface(FILE *out, const struct rules_interface *i)
{
    rules_put(out, i->name);
    rules_put(out, i->wildcard ? "+" : "");
}
