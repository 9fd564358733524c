/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_NATIVE_TRACKER_H
#define SALLY_TRACK_NATIVE_TRACKER_H

/*
 * Connection tracking with native storage: a hash table and a pool around the freestanding headers of this
 * room (tcp.h, icmp.h, ftp.h...: the state tables and the helper, written once for this host and for BPF).
 *
 * The world is injected: packets, a clock, no I/O, no globals. A packet is tracked in two steps, as
 * netfilter's hooks do it:
 *
 * - tracker_begin, at PREROUTING or OUTPUT, priority -200, after raw: finds or makes the connection, and
 * moves its state. Then comes the filter's verdict.
 * - tracker_commit, at INPUT or POSTROUTING: the helper reads the packet, a new connection enters the table.
 * - tracker_abandon instead, if the filter dropped it: a connection that this packet began is forgotten; but
 * what tracker_begin did to a known one stays, and an expectation that it used up is gone, as in the kernel.
 *
 * Not followed: the states of SCTP (it has ports, and else is tracked like any protocol without a tracker of
 * its own), PPTP's keys in GRE, NAT.
 *
 * One begin, then one commit or abandon, before the next begin. Not thread-safe; a tracker belongs to one
 * thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "track/expect.h"
#include "track/flow.h"
#include "track/hash.h"

enum track_manner {
    TRACK_LINUX,  /* bit for bit as the kernel does, quirks included */
    TRACK_ROBUST, /* commands across segments, multi-line replies, octets checked, nothing dropped for a
                     partial match */
};

/* Kernel version as KERNEL_VERSION has it: 6.18 is TRACK_KERNEL(6, 18). */
#define TRACK_KERNEL(major, minor) (((uint32_t)(major) << 16) | ((uint32_t)(minor) << 8))

/* Time-outs and switches as the sysctls under net.netfilter have them; seconds. */
struct track_timeouts {
    uint32_t tcp_syn_sent, tcp_syn_recv, tcp_established, tcp_fin_wait, tcp_close_wait, tcp_last_ack,
        tcp_time_wait, tcp_close, tcp_syn_sent2, tcp_max_retrans_time, tcp_unacknowledged;
    uint32_t udp, udp_stream, icmp, icmpv6, gre, gre_stream, generic, expectation;
};

struct track_config {
    enum track_manner manner;
    uint32_t
        kernel; /* whose age decides about the automatic helper and details; default TRACK_KERNEL(6, 18) */
    bool automatic_helper; /* the switch net.netfilter.nf_conntrack_helper, which existed 3.5...5.19; set by
                              default up to 4.6; ignored from 6.0 */
    bool tcp_loose, tcp_be_liberal, tcp_ignore_invalid_rst;
    uint8_t tcp_max_retrans;
    bool check_sums;       /* net.netfilter.nf_conntrack_checksum: PACKET_BAD_CHECKSUM is INVALID */
    uint16_t ftp_ports[8]; /* nf_conntrack_ftp ports=; 21. Only what a control connection's port is for the
                              AUTOMATIC helper */
    uint8_t ftp_port_count;
    bool ftp_loose;     /* nf_conntrack_ftp loose= */
    uint32_t max_flows; /* 262144; a full table drops new connections (early drop of unassured ones first) */
    uint32_t max_expectations; /* 4096 */
    struct track_timeouts timeouts;
    /* Of the hash table, so that nobody can aim at one bucket. A fixed one by default: the same input then
     * always gives the same events. Who tracks what strangers send now (and not a capture) sets a random one.
     */
    struct track_key key;
};

/* What the rules of raw said before tracking (target CT, NOTRACK). */
struct track_template {
    bool notrack;
    uint16_t zone;
    enum track_helper helper;
};

/* Why a packet is INVALID, an expectation was missed, or the helper dropped a packet. */
enum track_reason {
    TRACK_OK,
    /* INVALID */
    TRACK_SHORT_PACKET,
    TRACK_BAD_CHECKSUM,
    TRACK_BAD_TCP_FLAGS,
    TRACK_TCP_NOT_A_START, /* SYN/ACK, FIN or RST of an unknown connection */
    TRACK_TCP_OUT_OF_WINDOW,
    TRACK_TCP_INVALID_IN_STATE, /* the table says so */
    TRACK_TCP_STALE_SYN,        /* a SYN or its answer in a state where only an ACK can show if it is real */
    TRACK_ICMP_NOT_A_REQUEST,
    TRACK_ICMP_UNKNOWN_INNER, /* the error's inner packet belongs to no tracked connection */
    TRACK_ICMP_WRONG_OUTER,   /* the error goes to somebody else than the inner packet's sender */
    TRACK_FRAGMENT,           /* a fragment that was not reassembled */
    TRACK_TABLE_FULL,
    /* no expectation though a command or reply named a data port */
    TRACK_NO_HELPER,            /* nothing assigned the helper to this connection */
    TRACK_HELPER_REMOVED,       /* the automatic helper would have in older kernels */
    TRACK_NOT_READABLE,         /* TLS on the control channel */
    TRACK_NOT_AT_LINE_START,    /* the segment did not begin right after a newline seen before */
    TRACK_FIRST_PAYLOAD,        /* the first payload of a direction is never looked at */
    TRACK_NOT_AT_SEGMENT_START, /* something stands before it in the segment */
    TRACK_FOREIGN_ADDRESS,      /* loose=0 and not the sender's own address */
    TRACK_BAD_ADDRESS,          /* robust: an octet over 255, a port of 0 */
    TRACK_EXPECTATIONS_FULL,
    TRACK_EXPECTATION_TAKEN, /* another control connection has announced the same */
    TRACK_NOT_ESTABLISHED,
    /* the helper dropped the packet */
    TRACK_PARTIAL_MATCH,
    TRACK_REASONS
};

/* A sentence without a full stop that a person understands, for any reason. */
const char *track_reason_text(enum track_reason reason);

enum track_event_type {
    TRACK_FLOW_NEW,     /* entered the table */
    TRACK_FLOW_REPLIED, /* first reply seen */
    TRACK_FLOW_ASSURED,
    TRACK_FLOW_ENDED, /* deleted or expired */
    TRACK_EXPECT_NEW,
    TRACK_EXPECT_REPLACED,  /* by a newer one of the same control connection */
    TRACK_EXPECT_REFRESHED, /* announced again */
    TRACK_EXPECT_USED,      /* flow is the data connection (maybe not yet confirmed) */
    TRACK_EXPECT_EXPIRED,
    TRACK_EXPECT_REMOVED, /* its control connection ended */
    TRACK_EXPECT_MISSED,  /* a port was named on the control channel, and reason says why nothing is expected
                           */
    TRACK_PACKET_DROPPED, /* by the helper; reason */
};

struct track_event {
    enum track_event_type type;
    enum track_reason reason;
    uint64_t now;
    const struct track_flow *flow; /* or NULL */
    const struct track_expectation
        *expectation; /* or NULL; for MISSED: what would have been expected, as far as it could be read */
};

/* Borrowed arguments, valid during the call; the tracker must not be called from it. */
typedef void track_on_event(void *arg, const struct track_event *event);

/* What tracker_begin found. flow stays valid until abandon, or until the begin after a commit that let it
 * pass; NULL when INVALID or UNTRACKED. */
struct track_view {
    enum track_state state;
    enum track_direction direction;
    enum track_reason reason; /* why INVALID, else TRACK_OK */
    struct track_flow *flow;
    bool fresh; /* this packet began the flow: it is not in the table yet */
    bool drop;  /* conntrack itself drops the packet (NF_DROP): table full */
};

struct tracker;

/* The kernel's defaults for a manner and a kernel version. */
void track_config_default(struct track_config *ret, enum track_manner manner, uint32_t kernel);
/* NULL: out of memory. on_event may be NULL. Grows as flows come, up to config->max_flows. */
MUST_USE struct tracker *tracker_new(const struct track_config *config, track_on_event *on_event, void *arg);
void tracker_free(struct tracker **t);

/* now_ms never goes back. template NULL: none. A later fragment or unsound packet is INVALID or what the
 * kernel makes of it. */
void tracker_begin(struct tracker *t, const struct packet *packet, uint64_t now_ms,
                   const struct track_template *template, struct track_view *ret);
/* false: the helper, or a full table, drops the packet after all (*ret_reason says why). */
MUST_USE bool tracker_commit(struct tracker *t, const struct packet *packet, struct track_view *view,
                             enum track_reason *ret_reason);
void tracker_abandon(struct tracker *t, struct track_view *view);
/* Before abandon: the firewall answers with a reset of its own, and a TCP connection that is in the table is
 * closed from here (nf_conntrack_tcp_set_closing; since Linux 6.3, before nothing happens). */
void tracker_close(struct tracker *t, struct track_view *view);

/*
 * Fetches what tracker_begin of this packet will look at into the cache, without waiting for it. In a burst:
 * first tracker_prefetch for all packets (the table), then tracker_prefetch_flow for all (the flows) with
 * what it returned, then track them. tracker_prefetch_flow returns whether the packet seems to be of a known
 * flow: a hint, for what is worth doing ahead for packets that begin one.
 */
uint32_t tracker_prefetch(struct tracker *t, const struct packet *packet);
bool tracker_prefetch_flow(const struct tracker *t, uint32_t hash);

/* Is it a TLS record, as far as its beginning shows? Then the helper can't read what the control channel
 * says. */
bool track_payload_is_tls(const void *payload, size_t size);

/* Lets time pass: ends what has expired until now. begin does it by itself as far as it matters to the
 * packet. */
void tracker_tick(struct tracker *t, uint64_t now_ms);

size_t tracker_flow_count(const struct tracker *t);
size_t tracker_memory(const struct tracker *t); /* bytes held for flows, table and expectations */
/* The control connection behind a handle (track_flow.master, track_expectation.master), or NULL: it has
 * ended. Only flows with a helper have handles. */
const struct track_flow *tracker_flow(const struct tracker *t, uint32_t handle);
/* The flow in the table that packets with these ends belong to, or NULL; not one that has expired at now_ms.
 */
const struct track_flow *tracker_find(const struct tracker *t, const struct track_tuple *tuple,
                                      uint64_t now_ms);
/* In the order in which they began. visit returns false to stop. */
void tracker_each_flow(const struct tracker *t, bool (*visit)(void *arg, const struct track_flow *flow),
                       void *arg);
void tracker_each_expectation(const struct tracker *t,
                              bool (*visit)(void *arg, const struct track_expectation *e), void *arg);
/* A line as `conntrack -L` prints it (without "[OFFLOAD]" and the like), into text; returns its length as
 * snprintf. */
MUST_USE int track_flow_format(const struct track_flow *flow, uint64_t now_ms, char *text, size_t size);
/* A line as `conntrack -L expect` prints it. */
MUST_USE int track_expectation_format(const struct tracker *t, const struct track_expectation *e,
                                      uint64_t now_ms, char *text, size_t size);

#endif
