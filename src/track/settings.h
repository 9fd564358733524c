/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_TRACK_SETTINGS_H
#define SALLY_TRACK_SETTINGS_H

/*
 * What a tracker is told once: whose manner, which time-outs, which switches. Freestanding, without pointers: the
 * kernel program has it in a map.
 */
#include "track/hash.h"
#include "track/tcp.h"

enum track_manner {
    TRACK_LINUX,  /* bit for bit as the kernel does, quirks included */
    TRACK_ROBUST, /* commands across segments, multi-line replies, octets checked, nothing dropped for a
                     partial match */
};

enum track_nat_ftp { TRACK_NAT_FTP_LOADED, TRACK_NAT_FTP_MISSING, TRACK_NAT_FTP_UNKNOWN };

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
    bool always_helps;     /* the helper needs no rule, whatever the kernel is: the live wall's own */
    bool tcp_loose, tcp_be_liberal, tcp_ignore_invalid_rst;
    uint8_t tcp_max_retrans;
    bool check_sums;       /* net.netfilter.nf_conntrack_checksum: PACKET_BAD_CHECKSUM is INVALID */
    uint16_t ftp_ports[8]; /* nf_conntrack_ftp ports=; 21. Only what a control connection's port is for the
                              AUTOMATIC helper */
    uint8_t ftp_port_count;
    bool ftp_loose;  /* nf_conntrack_ftp loose= */
    uint8_t nat_ftp; /* enum track_nat_ftp: does nf_nat_ftp rewrite what is said on connections with NAT? */
    uint32_t max_flows; /* 262144; a full table drops new connections (early drop of unassured ones first) */
    uint32_t max_expectations; /* 4096 */
    struct track_timeouts timeouts;
    /* Of the hash table, so that nobody can aim at one bucket. A fixed one by default: the same input then
     * always gives the same events. Who tracks what strangers send now (and not a capture) sets a random one.
     */
    struct track_key key;
};

/* As the tracker asks for it. */
struct track_settings {
    struct track_config config;
    struct track_tcp_config tcp;
};

static inline struct track_tcp_config track_tcp_config_of(const struct track_config *c)
{
    return (struct track_tcp_config){
        .loose = c->tcp_loose,
        .be_liberal = c->tcp_be_liberal,
        .ignore_invalid_rst = c->tcp_ignore_invalid_rst,
        .max_retransmissions = c->tcp_max_retrans,
        .age =
            {
                [TRACK_TCP_SYN_SENT] = c->timeouts.tcp_syn_sent,
                [TRACK_TCP_SYN_RECV] = c->timeouts.tcp_syn_recv,
                [TRACK_TCP_ESTABLISHED] = c->timeouts.tcp_established,
                [TRACK_TCP_FIN_WAIT] = c->timeouts.tcp_fin_wait,
                [TRACK_TCP_CLOSE_WAIT] = c->timeouts.tcp_close_wait,
                [TRACK_TCP_LAST_ACK] = c->timeouts.tcp_last_ack,
                [TRACK_TCP_TIME_WAIT] = c->timeouts.tcp_time_wait,
                [TRACK_TCP_CLOSE] = c->timeouts.tcp_close,
                [TRACK_TCP_SYN_SENT2] = c->timeouts.tcp_syn_sent2,
                [TRACK_TCP_AGE_RETRANS] = c->timeouts.tcp_max_retrans_time,
                [TRACK_TCP_AGE_UNACKNOWLEDGED] = c->timeouts.tcp_unacknowledged,
            },
    };
}

static inline struct track_settings track_settings_of(const struct track_config *c)
{
    return (struct track_settings){.config = *c, .tcp = track_tcp_config_of(c)};
}

/* What the rules of raw said before tracking (target CT, NOTRACK). */
struct track_template {
    bool notrack;
    uint16_t zone;
    enum track_helper helper;
};

#endif
