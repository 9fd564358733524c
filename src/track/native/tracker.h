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
 * Between the two NAT may map its ends (nat.h).
 *
 * Not followed: the states of SCTP (it has ports, and else is tracked like any protocol without a tracker of
 * its own), PPTP's keys in GRE.
 *
 * One begin, then one commit or abandon, before the next begin. Not thread-safe; a tracker belongs to one
 * thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "packet/rewrite.h"
#include "track/native/event.h"
#include "track/settings.h"
#include "track/view.h"

/* A sentence without a full stop that a person understands, for any reason. */
const char *track_reason_text(enum track_reason reason);
/* "table-full": for programs. NULL for TRACK_OK. */
const char *track_reason_name(enum track_reason reason);

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
/* NAT's helper may rewrite what is said, and then packet is copy's; NULL: nobody maps this tracker's connections. true with
 * TRACK_NAT_FTP_OPEN: whether it does is not known, and it was taken to. */
MUST_USE bool tracker_commit(struct tracker *t, const struct packet *packet, struct packet_copy *copy,
                             struct track_view *view, enum track_reason *ret_reason);
void tracker_abandon(struct tracker *t, struct track_view *view);
/* Between begin and commit: rules give a connection that this packet begins a helper (nft_ct_helper_obj_eval). */
void tracker_help(struct tracker *t, struct track_view *view, enum track_helper helper);
/* Before abandon: the firewall answers with a reset of its own, and a TCP connection that is in the table is
 * closed from here (nf_conntrack_tcp_set_closing; since Linux 6.3, before nothing happens). */
void tracker_close(struct tracker *t, struct track_view *view);

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
enum track_format_kind {
    TRACK_FORMAT_LIST, /* conntrack -L */
    TRACK_FORMAT_NEW,  /* conntrack -E, behind "[NEW]"... */
    TRACK_FORMAT_UPDATE,
    TRACK_FORMAT_DESTROY,
};

struct track_format {
    enum track_format_kind kind;
    const uint64_t *packets, *bytes; /* of each direction; NULL: as without nf_conntrack_acct */
    bool family;                     /* -o extended */
    bool number;                     /* -o id: the serial */
};

/* The same with what conntrack's options add. */
MUST_USE int track_flow_format_as(const struct track_flow *flow, uint64_t now_ms,
                                  const struct track_format *how, char *text, size_t size);
/* -1: no state of TCP has that name. */
MUST_USE int track_tcp_state_find(const char *name);
/* A line as `conntrack -L expect` prints it. */
MUST_USE int track_expectation_format(const struct tracker *t, const struct track_expectation *e,
                                      uint64_t now_ms, char *text, size_t size);
/* The same; master: its control connection, or NULL. */
MUST_USE int track_expectation_format_of(const struct track_expectation *e, const struct track_flow *master,
                                         uint64_t now_ms, char *text, size_t size);

#endif
