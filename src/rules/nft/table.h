/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_RULES_NFT_TABLE_H
#define SALLY_RULES_NFT_TABLE_H

/* What nft's language is made of: data types with their words, and the fields that expressions name. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 nft_number;

enum nft_type {
    NFT_TYPE_NONE, /* its values are kept as they are written */
    NFT_TYPE_INTEGER,
    NFT_TYPE_BOOLEAN, /* exists, missing */
    NFT_TYPE_VERDICT,
    NFT_TYPE_NFPROTO,
    NFT_TYPE_IPADDR,
    NFT_TYPE_IP6ADDR,
    NFT_TYPE_ETHERADDR,
    NFT_TYPE_ETHERTYPE,
    NFT_TYPE_PROTOCOL,
    NFT_TYPE_SERVICE,
    NFT_TYPE_ICMP_TYPE,
    NFT_TYPE_ICMP_CODE,
    NFT_TYPE_ICMPV6_TYPE,
    NFT_TYPE_ICMPV6_CODE,
    NFT_TYPE_ICMPX_CODE,
    NFT_TYPE_FRAG_OFF,
    NFT_TYPE_TCP_FLAGS,
    NFT_TYPE_DSCP,
    NFT_TYPE_ECN,
    NFT_TYPE_MARK,
    NFT_TYPE_IFINDEX, /* as its name: who lists rules sees names */
    NFT_TYPE_IFNAME,
    NFT_TYPE_PKTTYPE,
    NFT_TYPE_CT_STATE,
    NFT_TYPE_CT_STATUS,
    NFT_TYPE_CT_DIRECTION,
    NFT_TYPE_HELPER,
    NFT_TYPE_HELPER_OBJECT, /* name of one */
    NFT_TYPE_SECONDS,       /* spans of time: "10s" */
    NFT_TYPE_TIME,          /* ns since 1970, of the zone of who lists */
    NFT_TYPE_DAY,           /* 0: Sunday */
    NFT_TYPE_HOUR,          /* second of the day, likewise */
    NFT_TYPE_FIB_TYPE,      /* RTN_* */
    NFT_TYPES
};

struct nft_word {
    const char *word;
    uint64_t number;
};

struct nft_type_row {
    const char *name; /* of sets: "ipv4_addr"; NULL: has none */
    uint16_t bits;
    bool is_flags;                /* a bit each */
    bool is_hex;                  /* numbers without a word are printed as 0x... */
    const struct nft_word *words; /* ends with a word NULL; or NULL */
};

extern const struct nft_type_row nft_types[NFT_TYPES];
/* By the name that sets have it by; NONE: not known. */
enum nft_type nft_type_find(const char *name);
/* The number that a word stands for. false: it is none of the type's. */
bool nft_word_number(enum nft_type type, const char *word, nft_number *ret);
/* The word for a number, or NULL. */
const char *nft_number_word(enum nft_type type, nft_number number);

/* ---- fields ---- */

enum nft_base { NFT_BASE_LINK, NFT_BASE_NETWORK, NFT_BASE_TRANSPORT };

/* How a field is had. */
enum nft_what {
    NFT_WHAT_BYTES, /* of the packet, at base and offset */
    NFT_WHAT_SOURCE,
    NFT_WHAT_DESTINATION,
    NFT_WHAT_PROTOCOL, /* of the IPv4 header */
    NFT_WHAT_TTL,
    NFT_WHAT_DSCP,
    NFT_WHAT_ECN,
    NFT_WHAT_LENGTH,  /* IPv4's total */
    NFT_WHAT_LENGTH6, /* IPv6's, without its header */
    NFT_WHAT_VERSION,
    NFT_WHAT_SOURCE_PORT,
    NFT_WHAT_DESTINATION_PORT,
    NFT_WHAT_TCP_FLAGS,
    NFT_WHAT_ICMP_TYPE,
    NFT_WHAT_ICMP_CODE,
    NFT_WHAT_ICMP_ID,
    NFT_WHAT_MAC, /* source */
    NFT_WHAT_META_LENGTH,
    NFT_WHAT_ETHERTYPE,
    NFT_WHAT_NFPROTO,
    NFT_WHAT_L4PROTO,
    NFT_WHAT_MARK,
    NFT_WHAT_IN,
    NFT_WHAT_OUT,
    NFT_WHAT_PKTTYPE,
    NFT_WHAT_SOCKET, /* of the socket that it is of, if there is one */
    NFT_WHAT_TIME,
    NFT_WHAT_DAY,
    NFT_WHAT_HOUR,
    NFT_WHAT_CT_STATE,
    NFT_WHAT_CT_STATUS,
    NFT_WHAT_CT_MARK,
    NFT_WHAT_CT_DIRECTION,
    NFT_WHAT_CT_EXPIRATION,
    NFT_WHAT_CT_HELPER,
    NFT_WHAT_CT_FAMILY,
    NFT_WHAT_CT_SOURCE,
    NFT_WHAT_CT_DESTINATION,
    NFT_WHAT_CT_PROTOCOL,
    NFT_WHAT_CT_SOURCE_PORT,
    NFT_WHAT_CT_DESTINATION_PORT,
    NFT_WHAT_CT_ZONE,
    NFT_WHAT_NEXT_HOP,   /* of the route that the packet takes */
    NFT_WHAT_HEADER,     /* of IPv6's extension headers: is it there? offset: its kind */
    NFT_WHAT_TCP_OPTION, /* base: its kind, offset: byte in it */
    NFT_WHAT_HIDDEN,     /* known by name only */
};

/* A header by its name in the language, and what a packet must be to have it: nft's dependencies. */
struct nft_header {
    const char *name;
    uint8_t base;     /* enum nft_base */
    uint8_t family;   /* enum packet_family; 0: any */
    uint8_t protocol; /* enum packet_protocol; 0: any */
};

struct nft_field {
    const struct nft_header *header; /* NULL: meta, ct and the like */
    const char *group, *name;        /* "tcp", "dport" */
    uint8_t what;                    /* enum nft_what */
    uint8_t type;                    /* enum nft_type */
    uint16_t bits;
    uint8_t base;    /* see enum nft_what; of NFT_WHAT_BYTES enum nft_base */
    uint16_t offset; /* bits */
    uint8_t family;  /* enum packet_family: of addresses of connections; 0: the packet's */
};

/* NULL: not known. group: a header's name, "meta", "ct", "rt", "exthdr", "tcp option" (name: "maxseg size"; "maxseg": is it
 * there?). */
const struct nft_field *nft_field_find(const char *group, const char *name);
/* How one is written in a rule: "ct original packets", "iifname", "frag frag-off". direction: "" for none. */
void nft_field_text(const char *group, const char *direction, const char *name, char *out, size_t size);
/* The field of a packet's header that lies there, or NULL. */
const struct nft_field *nft_field_at(enum nft_base base, uint16_t offset, uint16_t bits, uint8_t family,
                                     uint8_t protocol);
/* May rules set a field of which only the name is known without a rule or conntrack being able to tell ("meta nftrace")? */
bool nft_field_is_harmless(const char *name);

#endif
