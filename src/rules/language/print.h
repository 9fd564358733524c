/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_LANGUAGE_PRINT_H
#define SALLY_RULES_LANGUAGE_PRINT_H

#include "rules/ext/extension.h"

/* What rows and the core print of one argument, without a space before it. */

/* Whatever is printed of very many rules: printf and its like take their time, most of all into memory. */
static inline void rules_put(FILE *out, const char *text)
{
    for (; *text; text++)
        putc_unlocked(*text, out);
}
void rules_put_number(FILE *out, uint64_t number);

/* As iptables-save writes a string: bare if it needs no quotes, else in double quotes with \" \\ \' escaped. */
void rules_print_string(FILE *out, const char *text);
void rules_print_address(FILE *out, uint8_t family, const struct packet_address *address);
/* "/24" or, if it is no prefix, "/255.0.255.0"; nothing for a full prefix. */
void rules_print_mask(FILE *out, uint8_t family, const struct packet_address *mask);
/* -1: the mask is no prefix. */
int rules_mask_prefix(uint8_t family, const struct packet_address *mask);
struct packet_address rules_prefix_mask(uint8_t family, unsigned prefix);
/* "0x1" or, if mask is not all ones, "0x1/0xff". */
void rules_print_value32(FILE *out, uint32_t value, uint32_t mask);
/* The names whose bits are in set. */
void rules_print_names(FILE *out, const struct rules_names *names, uint32_t set, const char *separator);
/* Service name unless numeric or unknown. */
void rules_print_port(FILE *out, uint16_t port, uint8_t protocol, bool numeric);
void rules_print_interface(FILE *out, const struct rules_interface *i);

#endif
