/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_FAMILY_H
#define SALLY_RULES_FAMILY_H

#include <stddef.h>
#include <stdint.h>

/* The enum packet_family that an iptables-save file is for, told from its addresses, the comment of
 * iptables-save or ip6tables-save, and words that only ip6tables has; IPv4 if nothing tells. */
uint8_t family_of_text(const char *text, size_t size);

#endif
