/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/language/print.h"

#include <arpa/inet.h>
#include <string.h>

#include "rules/language/names.h"

/* The bytes that need no quotes, as iptables' xtables_save_string has them. */
static const char bare_bytes[] = "_-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void rules_print_string(FILE *out, const char *text)
{
    if (text[0] && text[strspn(text, bare_bytes)] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (strchr("\"\\'", *c))
            fputc('\\', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void rules_print_address(FILE *out, uint8_t family, const struct packet_address *address)
{
    char text[INET6_ADDRSTRLEN];

    fputs(inet_ntop(family == PACKET_IPV6 ? AF_INET6 : AF_INET, address->word, text, sizeof(text)), out);
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
    fputc('/', out);
    if (prefix >= 0)
        fprintf(out, "%d", prefix);
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
            fprintf(out, "%s%s", before, names->list[i].name);
            before = separator;
        }
    }
}

void rules_print_port(FILE *out, uint16_t port, uint8_t protocol, bool numeric)
{
    const char *name = numeric ? NULL : rules_service_name(port, protocol);

    if (name)
        fputs(name, out);
    else
        fprintf(out, "%u", port);
}

void rules_print_interface(FILE *out, const struct rules_interface *i)
{
    fprintf(out, "%s%s", i->name, i->wildcard ? "+" : "");
}
