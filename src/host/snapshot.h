/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_HOST_SNAPSHOT_H
#define SALLY_HOST_SNAPSHOT_H

/*
 * What `sallywall snapshot` writes about a machine, and reads back: one text of sections, each headed by the command that
 * made it. One table says which there are, for who writes and who reads.
 *
 *     # sallywall snapshot 1
 *     # kernel: 6.1.0-18-amd64
 *     # ---- iptables-nft-save -c
 *     # version: iptables-save v1.8.9 (nf_tables)
 *     *filter
 *     ...
 *     # ---- ipset save
 *     # not to be had: ipset is not installed
 */
#include "base/result.h"
#include "host/host.h"

#define SNAPSHOT_TITLE   "# sallywall snapshot "
#define SNAPSHOT_FORMAT  1
#define SNAPSHOT_KERNEL  "# kernel: "
#define SNAPSHOT_HEAD    "# ---- "
#define SNAPSHOT_VERSION "# version: "
#define SNAPSHOT_MISSING "# not to be had: "

enum snapshot_section {
    SNAPSHOT_NFT_SAVE,    /* rules of iptables, by back end... */
    SNAPSHOT_LEGACY_SAVE, /* */
    SNAPSHOT_SAVE,        /* ...and of a machine that has but one, without its name */
    SNAPSHOT_NFT_SAVE6,
    SNAPSHOT_LEGACY_SAVE6,
    SNAPSHOT_SAVE6,
    SNAPSHOT_NFT,      /* all tables of nftables, as text with handles... */
    SNAPSHOT_NFT_JSON, /* ...and as JSON */
    SNAPSHOT_IPSET,
    SNAPSHOT_ADDRESSES,
    SNAPSHOT_LINKS,
    SNAPSHOT_RULES4,
    SNAPSHOT_RULES6,
    SNAPSHOT_ROUTES4,
    SNAPSHOT_ROUTES6,
    SNAPSHOT_NEIGHBOURS6,
    SNAPSHOT_SWITCHES, /* "net.ipv4.ip_forward = 1" */
    SNAPSHOT_MODULES,  /* "nf_conntrack_ftp: loaded", "nf_conntrack_ftp.ports = 21" */
    SNAPSHOT_WALL,     /* "up", "none": sallywall's own */
    SNAPSHOT_SECTIONS
};

enum { SNAPSHOT_WORDS = 6 };

struct snapshot_row {
    const char *program;               /* NULL: no program makes it */
    const char *words[SNAPSHOT_WORDS]; /* its arguments; without a program [0] is the section's name */
    uint8_t family;                    /* of which it tells; 0: of both */
    bool has_version;
    const char *tells; /* for people: "rules of iptables (nft)" */
};
extern const struct snapshot_row SNAPSHOT_ROWS[SNAPSHOT_SECTIONS];

enum { SNAPSHOT_NAME = 64 };
/* "ip -4 rule show" into text, at least SNAPSHOT_NAME bytes. Returns text. */
char *snapshot_name(enum snapshot_section section, char *text);

/* The switches that are written: names of sysctl; "%s" stands for each interface, and for "all" and "default". */
extern const char *const SNAPSHOT_SWITCH_NAMES[];
extern const size_t SNAPSHOT_SWITCH_COUNT;

/* The modules that are written, each with its parameters. */
struct snapshot_module {
    const char *name, *parameters[3];
};
extern const struct snapshot_module SNAPSHOT_MODULE_NAMES[];
extern const size_t SNAPSHOT_MODULE_COUNT;

struct snapshot_part {
    bool is_there;    /* had, even if it is empty */
    const char *text; /* borrowed; not terminated */
    size_t size;
    uint32_t line;     /* of the whole, at which text begins */
    char missing[100]; /* why it could not be had; "": it was, or nothing is said of it */
    char version[80];  /* of the program; "": not said */
};

struct snapshot {
    char kernel[64];
    struct snapshot_part parts[SNAPSHOT_SECTIONS];
};

/* By its first line. */
bool snapshot_is(const char *text, size_t size);

/* 0; -EINVAL: it is none, of a later format, or has a section twice, ret_error says where. Sections that are not known are
 * passed over. *ret borrows text. */
MUST_USE int snapshot_read(const char *text, size_t size, struct snapshot *ret, struct host_error *ret_error);

/* Addresses, links, rules, routes and switches into h, in this order; each that can't be read is left out as a whole and
 * told (may be NULL), with lines of the whole snapshot. 0 or -ENOMEM. */
typedef void snapshot_on_error(void *arg, const struct host_error *error);
MUST_USE int snapshot_tell_host(const struct snapshot *s, struct host *h, snapshot_on_error *told, void *arg);

/* "net.netfilter.nf_conntrack_max" of the switches. false: not said, or no number. */
bool snapshot_switch(const struct snapshot *s, const char *name, int64_t *ret);

enum snapshot_state { SNAPSHOT_UNKNOWN, SNAPSHOT_LOADED, SNAPSHOT_BUILT_IN, SNAPSHOT_ABSENT };
extern const char *const SNAPSHOT_STATES[]; /* by enum snapshot_state: "loaded" */
enum snapshot_state snapshot_module_state(const struct snapshot *s, const char *name);
/* The value of "nf_conntrack_ftp.ports" into text of size bytes. false: not said, or too long. */
bool snapshot_parameter(const struct snapshot *s, const char *name, char *text, size_t size);

#endif
