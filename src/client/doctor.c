/* SPDX-License-Identifier: BSD-2-Clause */
/* The trials: who is asked what, in which order, and what is noted of it. */
#include "client/doctor_private.h"

#include "sys/fd.h"
#include "sys/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Half a minute of patience for everything that is blocked would be minutes for all of it. */
enum { CONNECT_MS = 10000, DATA_MS = 5000, IDLE_MS = 8000, FTP_PORT = 21, FTPS_PORT = 990 };

static const enum client_way bits[] = {
    [DOCTOR_EPSV] = CLIENT_EPSV, [DOCTOR_PASV] = CLIENT_PASV, [DOCTOR_ACTIVE] = CLIENT_ACTIVE};

/* ---- listening to the log ---- */

/* The reason for a failure is in the first of these: what comes behind it is what it led to. */
static bool is_reason(enum client_event_kind kind, enum speech_phrase phrase)
{
    return kind == CLIENT_ERROR || phrase == SPEECH_ADDRESS_REPLACED || phrase == SPEECH_WRONG_PEER;
}

static void hear(void *arg, enum client_event_kind kind, enum speech_phrase phrase, const char *const words[])
{
    struct doctor *d = arg;
    char text[SPEECH_TEXT];

    if (kind == CLIENT_RESPONSE)
        snprintf(d->reply, sizeof(d->reply), "%s", words[0]);
    if (phrase == SPEECH_WRONG_PEER)
        snprintf(d->stranger, sizeof(d->stranger), "%s", words[0]);
    if (phrase == SPEECH_MODE_FAILED) /* by which way is told with it */
        snprintf(d->said, sizeof(d->said), "%s", words[1]);
    else if (is_reason(kind, phrase) && !*d->said)
        snprintf(d->said, sizeof(d->said), "%s", speech_text(phrase, words, text, sizeof(text)));
    d->plan->ears.hear(d->plan->ears.arg, kind, phrase, words);
}

static void move(void *arg, uint64_t bytes, uint64_t total)
{
    const struct doctor *d = arg;

    if (d->plan->ears.move)
        d->plan->ears.move(d->plan->ears.arg, bytes, total);
}

static void transfer(void *arg, const char *name)
{
    const struct doctor *d = arg;

    if (d->plan->ears.transfer)
        d->plan->ears.transfer(d->plan->ears.arg, name);
}

void doctor_listen(struct doctor *d)
{
    *d->reply = *d->said = *d->stranger = '\0';
}

void doctor_note(const struct doctor *d, enum doctor_end end, struct doctor_step *ret)
{
    ret->end = end;
    snprintf(ret->reply, sizeof(ret->reply), "%s", d->reply);
    snprintf(ret->said, sizeof(ret->said), "%s", end == DOCTOR_WORKS ? "" : d->said);
}

void doctor_note_data(const struct doctor *d, enum doctor_end end, const struct client_data *data,
                      struct doctor_step *ret)
{
    doctor_note(d, end, ret);
    ret->error = data->error;
    ret->code = data->code;
    ret->ms = data->done_ms;
    ret->bytes = data->bytes;
    ret->way = data->way;
    ret->stage = data->stage;
    ret->port = data->port;
    ret->is_resumed = data->is_resumed;
}

/* ---- how things end ---- */

static enum doctor_end end_of_error(int error, enum doctor_end otherwise)
{
    switch (-error) {
    case ETIMEDOUT:
        return DOCTOR_TIMED_OUT;
    case ECONNREFUSED:
        return DOCTOR_REFUSED;
    case EHOSTUNREACH:
    case EACCES:
        return DOCTOR_PROHIBITED;
    case ENETUNREACH:
        return DOCTOR_NO_ROUTE;
    default:
        return otherwise;
    }
}

static enum doctor_end end_of_tls(const struct client_opening *o, const struct client_seen *seen,
                                  bool is_wanted)
{
    if (!seen->is_secure && o->code >= 400)
        return is_wanted ? DOCTOR_SAID_NO : DOCTOR_NOT_OFFERED;
    if (o->error)
        return end_of_error(o->error, o->error == -EPROTO ? DOCTOR_NO_TLS : DOCTOR_BROKEN);
    return o->code >= 400 ? DOCTOR_SAID_NO : DOCTOR_UNTRUSTED;
}

static enum doctor_end end_of_login(const struct doctor *d, const struct client *c, enum client_result r)
{
    const struct client_opening *o = client_opening(c);

    if (r == CLIENT_OK)
        return DOCTOR_WORKS;
    if (o->step == CLIENT_STEP_TLS)
        return end_of_tls(o, client_seen(c), d->plan->site->security == CLIENT_TLS_EXPLICIT);
    return o->code >= 400 ? DOCTOR_SAID_NO : end_of_error(o->error, DOCTOR_BROKEN);
}

/* A server that breaks TLS off may say why on the control connection. */
static enum doctor_end end_of_moving(const struct client_data *data)
{
    if (data->code >= 400)
        return DOCTOR_SAID_NO;
    if (data->stage == CLIENT_DATA_TLS)
        return DOCTOR_NO_TLS;
    return data->error == -ETIMEDOUT ? DOCTOR_STALLED : DOCTOR_BROKEN;
}

enum doctor_end doctor_end_of(enum client_result r, const struct client_data *data)
{
    if (r == CLIENT_OK)
        return DOCTOR_WORKS;
    switch (data->stage) {
    case CLIENT_DATA_NONE:
    case CLIENT_DATA_DONE:
        return DOCTOR_BROKEN; /* the session was over before, or is of an earlier transfer */
    case CLIENT_DATA_ASKED:
    case CLIENT_DATA_BEGIN:
        /* A reply that can't be read is a no as well. */
        return data->error ? end_of_error(data->error, DOCTOR_BROKEN) : DOCTOR_SAID_NO;
    case CLIENT_DATA_CONNECT:
        return end_of_error(data->error, DOCTOR_BROKEN);
    case CLIENT_DATA_TLS:
    case CLIENT_DATA_MOVE:
    case CLIENT_DATA_END:
        return end_of_moving(data);
    }
    return DOCTOR_BROKEN;
}

/* ---- one session ---- */

static struct client *new_client(struct doctor *d, const struct doctor_row *row, enum client_way way)
{
    struct client_site site = *d->plan->site;
    struct client_ears ears = {.arg = d, .hear = hear, .move = move, .transfer = transfer};

    site.family = row->family;
    site.security = !row->is_tls                           ? CLIENT_PLAIN
                    : site.security == CLIENT_TLS_IMPLICIT ? CLIENT_TLS_IMPLICIT
                                                           : CLIENT_TLS_EXPLICIT;
    site.ways = way;
    site.first_way = 0;
    site.data_ms = site.connect_ms && site.connect_ms < DATA_MS ? site.connect_ms : DATA_MS;
    site.idle_ms = site.connect_ms && site.connect_ms < IDLE_MS ? site.connect_ms : IDLE_MS;
    site.connect_ms = site.connect_ms ? site.connect_ms : CONNECT_MS;
    return client_new(&site, &ears, d->plan->stop);
}

/* Opens *c; once more where a person trusts the certificate now. */
static enum client_result open_session(struct doctor *d, const struct doctor_row *row, enum client_way way,
                                       struct client **c)
{
    enum client_result r;

    for (unsigned attempt = 0;; attempt++) {
        doctor_listen(d);
        *c = new_client(d, row, way);
        if (!*c)
            return CLIENT_FAILED;
        r = client_open(*c);
        if (r != CLIENT_NO_TLS || attempt || !d->plan->trust ||
            !d->plan->trust(d->plan->arg, client_seen(*c)))
            return r;
        client_free(c);
    }
}

/* What the first session of a row has shown. */
static void note_login(struct doctor *d, const struct client *c, enum client_result r, struct doctor_row *row)
{
    const struct client_opening *o = client_opening(c);

    doctor_note(d, end_of_login(d, c, r), &row->login);
    row->login.error = o->error;
    row->login.code = o->code;
    d->is_refused |= o->step == CLIENT_STEP_LOGIN && o->code == 530 && d->plan->site->password;
    row->login.ms = o->done_ms[CLIENT_STEP_OPEN];
    row->step = o->step;
    memcpy(row->done_ms, o->done_ms, sizeof(row->done_ms));
    memcpy(row->fingerprint, client_seen(c)->fingerprint, sizeof(row->fingerprint));
    memcpy(row->server, o->server, sizeof(row->server));
    memcpy(row->here, o->here, sizeof(row->here));
}

static void note_way(const struct doctor *d, const struct client *c, enum client_result r,
                     struct doctor_way *way)
{
    const struct client_data *data = client_data(c);

    if (data->stage == CLIENT_DATA_DONE) /* what was listed may not be understood, and it came */
        r = CLIENT_OK;
    doctor_note_data(d, doctor_end_of(r, data), data, &way->step);
    if (data->is_foreign)
        snprintf(way->step.said, sizeof(way->step.said), "%s", d->said);
    way->is_foreign = data->is_foreign;
    memcpy(way->named, data->way == CLIENT_ACTIVE ? d->stranger : data->named, sizeof(way->named));
    way->asked_ms = data->asked_ms;
    way->began_ms = data->began_ms;
}

/* A later session of a row need not come as far as the first. */
static void note_no_session(const struct doctor *d, const struct client *c, enum client_result r,
                            struct doctor_way *way)
{
    const struct client_opening *o = client_opening(c);

    doctor_note(d, end_of_login(d, c, r), &way->step);
    way->step.error = o->error;
    way->step.code = o->code;
}

static bool has_moved(const struct doctor_row *row)
{
    for (unsigned m = 0; m < DOCTOR_MOVES; m++)
        if (row->moves[m].end)
            return true;
    return false;
}

static enum client_result try_session(struct doctor *d, struct doctor_row *row, struct doctor_way *way,
                                      struct client *c)
{
    enum client_result r;

    doctor_listen(d);
    d->small = d->large = (struct doctor_file){.name = ""};
    r = client_list(c, d->plan->folder, doctor_see, d);
    note_way(d, c, r, way);
    if (r == CLIENT_CANCELED)
        return r;
    if (way->step.end == DOCTOR_WORKS && !has_moved(row))
        return doctor_move(d, row, c);
    return CLIENT_OK;
}

/* CLIENT_OK, whatever came of it; CLIENT_NO_ADDRESS, CLIENT_CANCELED, CLIENT_FAILED. */
static enum client_result try_way(struct doctor *d, struct doctor_row *row, enum doctor_way_number number)
{
    struct client *c = NULL;
    enum client_result r, end = CLIENT_OK;

    if (d->plan->begin)
        d->plan->begin(d->plan->arg, row, number);
    r = open_session(d, row, bits[number], &c);
    if (!c || r == CLIENT_NO_ADDRESS || r == CLIENT_CANCELED) {
        end = r;
    } else if (!row->login.end) {
        note_login(d, c, r, row);
    } else if (r) {
        note_no_session(d, c, r, &row->ways[number]);
    }
    if (!r)
        end = try_session(d, row, &row->ways[number], c);
    client_free(&c);
    return end;
}

/* ---- rows ---- */

static bool is_to_try(const struct doctor *d, const struct doctor_row *row, unsigned way)
{
    unsigned ways = d->plan->site->ways ? d->plan->site->ways : CLIENT_ANY_WAY;

    return ways & bits[way] && (way != DOCTOR_PASV || row->family == AF_INET);
}

static enum client_result try_row(struct doctor *d, struct doctor_row *row)
{
    for (enum doctor_way_number way = 0; way < DOCTOR_WAYS; way++) {
        enum client_result r = CLIENT_OK;
        bool is_open = !d->is_refused && (!row->login.end || row->login.end == DOCTOR_WORKS);
        if (is_open && is_to_try(d, row, way))
            r = try_way(d, row, way);
        if (r)
            return r;
    }
    return CLIENT_OK;
}

/* Whence this machine would go there, which a connection that never stood does not tell. Nothing is sent. */
static void find_here(const struct doctor_report *report, struct doctor_row *row)
{
    struct sockaddr_storage to, here = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(here);
    struct in6_addr ip;
    char mapped[64];
    int fd = socket(row->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(mapped, sizeof(mapped), "%s%s", row->family == AF_INET ? "::ffff:" : "", row->server);
    if (fd >= 0 && !*row->here && inet_pton(AF_INET6, mapped, &ip) == 1 &&
        connect(fd, (struct sockaddr *)&to, net_sockaddr(&ip, report->port, &to)) == 0 &&
        getsockname(fd, (struct sockaddr *)&here, &len) == 0) {
        ip = net_ip_of(&here);
        net_ip_format(&ip, row->here);
    }
    fd_close(&fd);
}

static bool is_in_network(const struct ifaddrs *i, const struct doctor_row *row)
{
    const unsigned char *own, *mask;
    unsigned char server[16];
    size_t len = row->family == AF_INET ? 4 : 16, same = 0;

    if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != row->family ||
        inet_pton(row->family, row->server, server) != 1)
        return false;
    if (row->family == AF_INET) {
        own = (const unsigned char *)&((const struct sockaddr_in *)i->ifa_addr)->sin_addr;
        mask = (const unsigned char *)&((const struct sockaddr_in *)i->ifa_netmask)->sin_addr;
    } else {
        own = (const unsigned char *)&((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
        mask = (const unsigned char *)&((const struct sockaddr_in6 *)i->ifa_netmask)->sin6_addr;
    }
    while (same < len && ((own[same] ^ server[same]) & mask[same]) == 0)
        same++;
    return same == len;
}

static bool is_near(const struct doctor_row *row)
{
    struct ifaddrs *all;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next)
        found = is_in_network(i, row);
    freeifaddrs(all);
    return found;
}

static struct doctor_row *add_row(struct doctor_report *report, int family, bool is_tls)
{
    struct doctor_row *row = &report->rows[report->row_count++];

    *row = (struct doctor_row){.family = family, .is_tls = is_tls};
    return row;
}

/* With TLS first: where no connection stands at all, it would not stand without either, and time is spared. */
static enum client_result try_family(struct doctor *d, int family)
{
    struct doctor_report *report = d->report;
    const struct client_site *site = d->plan->site;
    struct doctor_row *tls = add_row(report, family, true), *plain;
    enum client_result r = try_row(d, tls);

    if (r == CLIENT_NO_ADDRESS)
        report->row_count--;
    find_here(report, tls);
    tls->is_near = is_near(tls);
    if (r || d->plan->is_tls_only || site->security == CLIENT_TLS_IMPLICIT)
        return r;
    plain = add_row(report, family, false);
    plain->is_near = tls->is_near;
    if (tls->step == CLIENT_STEP_CONNECT) {
        *plain = *tls;
        plain->is_tls = false;
    } else if (site->password && !site->is_plain_allowed) {
        plain->login.end = DOCTOR_KEPT_BACK;
    } else {
        r = try_row(d, plain);
    }
    return r;
}

enum client_result doctor_examine(const struct doctor_plan *plan, struct doctor_report *ret)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct doctor d = {.plan = plan, .report = ret};
    enum client_result r = CLIENT_OK;

    *ret = (struct doctor_report){.port = plan->site->port};
    if (!ret->port)
        ret->port = plan->site->security == CLIENT_TLS_IMPLICIT ? FTPS_PORT : FTP_PORT;
    for (unsigned i = 0; i < 2 && (r == CLIENT_OK || r == CLIENT_NO_ADDRESS); i++)
        r = try_family(&d, families[i]);
    if (r && r != CLIENT_NO_ADDRESS)
        return r;
    if (!ret->row_count)
        return CLIENT_NO_ADDRESS;
    doctor_judge(ret);
    return CLIENT_OK;
}
