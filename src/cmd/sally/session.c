/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions with servers, for commands: who logs in, whom to trust, and what is remembered of a server. */
#include "channel/channel.h"
#include "client/memory.h"
#include "cmd/sally/ask.h"
#include "cmd/sally/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FTP_PORT = 21, FTPS_PORT = 990 };

struct session {
    const struct options *o;
    struct show *show;
    struct client_url url;      /* a copy; its path is of no meaning */
    struct client_site site;    /* its strings are those below */
    char *user;                 /* owned; NULL: anonymous */
    char password[ASK_LINE];    /* for as long as sessions may be opened */
    char fingerprint[65];       /* that site trusts, or "" */
    char *file;                 /* of what is remembered; NULL: nothing is. Owned. */
    struct client_known known;  /* what that says */
    struct client_fleet *fleet; /* NULL: not open */
};

void say_wrong(char *text)
{
    fprintf(stderr, "sally: %s\n", text ? text : SAID(URL_NO_MEMORY));
    free(text);
}

int say_local(const char *name, int error)
{
    WRONG(LOCAL_FAILED, name, speech_of(strerror(error)));
    return CLIENT_LOCAL_FAILED;
}

int say_no_url(const char *text, enum client_url_error error)
{
    if (client_url_may_have_password(text))
        WRONG(URL_SECRET_WRONG, client_url_why(error));
    else
        WRONG(URL_WRONG, text, client_url_why(error));
    return EXIT_USAGE;
}

struct client_fleet *session_fleet(struct session *s)
{
    return s->fleet;
}

const struct client_site *session_site(const struct session *s)
{
    return &s->site;
}

/* ---- what is remembered ---- */

static bool recall(struct session *s)
{
    unsigned line;
    int error;

    s->file = place_of(PLACE_STATE, "servers");
    if (!s->file)
        return true;
    error = client_memory_read(s->file, s->site.host, s->site.port, &s->known, &line);
    if (error == -EINVAL)
        WRONG(MEMORY_LINE, s->file, NUMBER(line));
    else if (error)
        say_local(s->file, -error);
    return !error;
}

/* Writes what is new. A session that broke may have found something out too. */
static void remember(struct session *s, const struct client_seen *seen)
{
    struct client_known now = s->known;
    int error;

    now.has_tls |= seen->is_secure;
    if (s->site.fingerprint && strcasecmp(s->site.fingerprint, seen->fingerprint) == 0)
        for (unsigned i = 0; i < sizeof(now.fingerprint); i++) /* as the file has it: in small letters */
            now.fingerprint[i] =
                (char)(seen->fingerprint[i] >= 'A' && seen->fingerprint[i] <= 'F' ? seen->fingerprint[i] | 32
                                                                                  : seen->fingerprint[i]);
    if (seen->way)
        now.way = seen->way;
    if (!s->file || (now.has_tls == s->known.has_tls && now.way == s->known.way &&
                     strcmp(now.fingerprint, s->known.fingerprint) == 0))
        return;
    free(place_made(PLACE_STATE, "servers"));
    error = client_memory_write(s->file, s->site.host, s->site.port, &now);
    if (error)
        WRONG(MEMORY_LOST, s->file, speech_of(strerror(-error)), s->site.host);
    else
        s->known = now;
}

/* ---- opening ---- */

static void say_no_tls_any_more(const struct session *s)
{
    WRONG(TLS_WAS_OFFERED, s->site.host, s->file);
}

/* Can a person's word, or the option that stands for it, mend this? Then what it changes is changed. */
static bool is_mended(struct session *s, const struct client_seen *seen)
{
    const char *const words[SPEECH_WORDS] = {s->site.host, seen->why, seen->fingerprint};

    if (*seen->fingerprint && !seen->is_trusted && !s->site.fingerprint) {
        bool is_first = !s->known.has_tls; /* else this system has trusted another certificate */
        if (!(s->o->trusts_new && is_first) && !ask_yes(s->show, s->o->stop, SPEECH_ASK_TRUST, words))
            return false;
        memcpy(s->fingerprint, seen->fingerprint, sizeof(s->fingerprint));
        s->site.fingerprint = s->fingerprint;
        if (s->site.security == CLIENT_TLS_IF_OFFERED)
            s->site.security = CLIENT_TLS_EXPLICIT; /* it has been offered */
        return true;
    }
    if (seen->is_plain && !s->site.is_plain_allowed) {
        s->site.is_plain_allowed = ask_yes(s->show, s->o->stop, SPEECH_ASK_PLAIN, words);
        return s->site.is_plain_allowed;
    }
    return false;
}

/* Opens *c, a new one for each thing that a person has changed. */
static enum client_result open_first(struct session *s, struct client **c)
{
    struct client_ears ears = show_ears(s->show, 0);

    for (unsigned attempt = 0;;) {
        enum client_result r;
        if (!*c && !(*c = client_new(&s->site, &ears, s->o->stop)))
            return (enum client_result)say_local("sally", s->site.encoding ? EINVAL : ENOMEM);
        r = client_open(*c);
        if (r == CLIENT_NO_TLS && is_mended(s, client_seen(*c))) {
            client_free(c);
        } else if (client_is_passing(r) && attempt++ < s->o->retries) {
            r = client_pause(*c, s->o->delay_ms);
            if (r)
                return r;
        } else {
            if (r == CLIENT_NO_TLS && s->known.has_tls && client_opening(*c)->step == CLIENT_STEP_TLS &&
                client_opening(*c)->code >= 400)
                say_no_tls_any_more(s);
            return r;
        }
    }
}

bool session_trust(struct session *s, const struct client_seen *seen)
{
    if (!is_mended(s, seen))
        return false;
    remember(s, seen);
    return true;
}

static enum client_result ask(struct session *s)
{
    const struct channel_limits glance = {.patience = 0, .stop = s->o->stop};

    if (!ask_login(s->o, s->show, &s->url, &s->user, s->password))
        return channel_wait(-1, 0, &glance) == -ECANCELED ? CLIENT_CANCELED : CLIENT_LOCAL_FAILED;
    s->site.user = s->user;
    s->site.password = s->user ? s->password : NULL;
    return CLIENT_OK;
}

static enum client_result begin(struct session *s)
{
    struct client_fleet_plan plan = {.site = &s->site,
                                     .sessions =
                                         s->o->parallel > s->o->segments ? s->o->parallel : s->o->segments,
                                     .retries = s->o->retries,
                                     .delay_ms = s->o->delay_ms,
                                     .stop = s->o->stop,
                                     .ears = show_ears,
                                     .arg = s->show};
    struct client *c = NULL;
    enum client_result r = open_first(s, &c);

    if (!r && client_seen(c)->is_secure && s->site.security == CLIENT_TLS_IF_OFFERED)
        s->site.security = CLIENT_TLS_EXPLICIT; /* for all other sessions */
    if (!r && !(s->fleet = client_fleet_new(&plan, c)))
        r = (enum client_result)say_local("sally", ENOMEM);
    if (c)
        remember(s, client_seen(c));
    if (r)
        client_free(&c);
    return r;
}

static enum client_result start(struct session *s)
{
    enum client_result r = ask(s);

    return r ? r : begin(s);
}

enum client_result session_renew(struct session *s, const struct options *o)
{
    struct client_site site = o->site;

    site.host = s->site.host;
    site.port = s->site.port;
    site.user = s->site.user;
    site.password = s->site.password;
    if (s->site.security != CLIENT_TLS_IF_OFFERED)
        site.security = s->site.security;
    if (!site.fingerprint)
        site.fingerprint = s->site.fingerprint;
    site.is_plain_allowed |= s->site.is_plain_allowed;
    site.first_way = s->known.way;
    client_fleet_free(&s->fleet);
    s->site = site;
    s->o = o;
    return begin(s);
}

static bool is_same_server(const struct client_url *a, const struct client_url *b)
{
    return strcasecmp(a->host, b->host) == 0 && a->port == b->port && a->is_implicit == b->is_implicit &&
           (a->user && b->user ? strcmp(a->user, b->user) == 0 : a->user == b->user);
}

static struct session *prepare(const struct options *o, struct show *show, const struct client_url *url)
{
    struct session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct session){.o = o, .show = show, .site = o->site, .url = *url};
    s->url.path = NULL;
    s->url.host = strdup(url->host);
    s->url.user = url->user ? strdup(url->user) : NULL;
    if (!s->url.host || (url->user && !s->url.user)) {
        session_close(&s);
        return NULL;
    }
    s->site.host = s->url.host;
    s->site.port = url->port ? url->port : url->is_implicit ? FTPS_PORT : FTP_PORT;
    if (url->is_implicit)
        s->site.security = CLIENT_TLS_IMPLICIT;
    return s;
}

/* Into *s, which is NULL. */
static enum client_result know(struct session **s, const struct options *o, struct show *show,
                               const struct client_url *url)
{
    *s = prepare(o, show, url);
    if (!*s)
        return (enum client_result)say_local("sally", ENOMEM);
    if (!recall(*s)) {
        session_close(s);
        return CLIENT_LOCAL_FAILED;
    }
    if (((*s)->known.has_tls || (*s)->site.fingerprint) && (*s)->site.security == CLIENT_TLS_IF_OFFERED)
        (*s)->site.security = CLIENT_TLS_EXPLICIT;
    if (!(*s)->site.fingerprint && *(*s)->known.fingerprint)
        (*s)->site.fingerprint = (*s)->known.fingerprint;
    (*s)->site.first_way = (*s)->known.way;
    return CLIENT_OK;
}

enum client_result session_at(struct session **s, const struct options *o, struct show *show,
                              const struct client_url *url)
{
    enum client_result r;

    if (*s && is_same_server(&(*s)->url, url))
        return CLIENT_OK;
    session_close(s);
    r = know(s, o, show, url);
    if (!r)
        r = start(*s);
    if (r)
        session_close(s);
    return r;
}

enum client_result session_prepare(struct session **s, const struct options *o, struct show *show,
                                   const struct client_url *url)
{
    enum client_result r = know(s, o, show, url);

    if (!r)
        r = ask(*s);
    if (r)
        session_close(s);
    return r;
}

enum client_result session_beside(struct session **s, const struct session *other, const struct options *o,
                                  struct show *show)
{
    enum client_result r = know(s, o, show, &other->url);

    if (!r && other->user && !((*s)->user = strdup(other->user)))
        r = (enum client_result)say_local("sally", ENOMEM);
    if (r) {
        session_close(s);
        return r;
    }
    memcpy((*s)->password, other->password, sizeof(other->password));
    snprintf((*s)->fingerprint, sizeof((*s)->fingerprint), "%s",
             other->site.fingerprint ? other->site.fingerprint : "");
    (*s)->site.user = (*s)->user;
    (*s)->site.password = (*s)->user ? (*s)->password : NULL;
    (*s)->site.is_plain_allowed |= other->site.is_plain_allowed;
    if (!o->site.fingerprint && *(*s)->fingerprint)
        (*s)->site.fingerprint = (*s)->fingerprint;
    return CLIENT_OK;
}

void session_close(struct session **s)
{
    if (!*s)
        return;
    if ((*s)->fleet && client_fleet_session((*s)->fleet))
        remember(*s, client_seen(client_fleet_session((*s)->fleet)));
    client_fleet_free(&(*s)->fleet);
    explicit_bzero((*s)->password, sizeof((*s)->password));
    free((*s)->user);
    free((*s)->file);
    client_url_free(&(*s)->url);
    free(*s);
    *s = NULL;
}

/* ---- tasks ---- */

struct job {
    struct task task;
    task_fn *run;
};

static enum client_result run_job(struct client *c, unsigned attempt, void *arg)
{
    struct job *j = arg;

    j->task.is_again = attempt > 0;
    return j->run(c, &j->task);
}

static void drop_job(void *arg)
{
    struct job *j = arg;

    free(j->task.path);
    free(j);
}

enum client_result session_add(struct session *s, const struct options *o, const char *path, const char *word,
                               task_fn *run)
{
    struct job *j = malloc(sizeof(*j));
    char *copy = strdup(path);

    if (!j || !copy) {
        free(j);
        free(copy);
        return (enum client_result)say_local("sally", ENOMEM);
    }
    *j = (struct job){.task = {.o = o, .fleet = s->fleet, .path = copy, .word = word}, .run = run};
    return client_fleet_add(s->fleet, run_job, drop_job, j) < 0
               ? (enum client_result)say_local("sally", ENOMEM)
               : CLIENT_OK;
}

enum client_result session_run(struct session *s)
{
    return client_fleet_run(s->fleet);
}

/* Does what was added for s, and goes over to the server of url (NULL: to none). */
static enum client_result go_over(struct session **s, const struct options *o, struct show *show,
                                  const struct client_url *url)
{
    enum client_result r = CLIENT_OK, next = CLIENT_OK;

    if (*s && (!url || !is_same_server(&(*s)->url, url)))
        r = session_run(*s);
    if (r == CLIENT_CANCELED || !url)
        session_close(s);
    else
        next = session_at(s, o, show, url);
    return r ? r : next;
}

static enum client_result task_at(struct session **s, const struct options *o, struct show *show,
                                  const struct client_url *url, const char *word, task_fn *run)
{
    enum client_result r = go_over(s, o, show, url),
                       added = *s ? session_add(*s, o, url->path, word, run) : CLIENT_OK;

    return r ? r : added;
}

/* A command line with one URL that is none does nothing of the others. */
static int check_urls(char *const urls[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct client_url url;
        enum client_url_error error = client_url_parse(urls[i], &url);
        if (error)
            return say_no_url(urls[i], error);
        client_url_free(&url);
    }
    return 0;
}

/* Servers that could not be had: they are not tried again for each of their URLs. */
struct lost {
    struct client_url *urls;
    size_t count;
};

static bool is_lost(const struct lost *l, const struct client_url *url)
{
    for (size_t i = 0; i < l->count; i++)
        if (is_same_server(&l->urls[i], url))
            return true;
    return false;
}

/* Takes url. Without memory for it its server is tried again. */
static void lose(struct lost *l, struct client_url *url)
{
    struct client_url *more = reallocarray(l->urls, l->count + 1, sizeof(*more));

    if (more) {
        l->urls = more;
        l->urls[l->count++] = *url;
    } else {
        client_url_free(url);
    }
}

static void lost_free(struct lost *l)
{
    for (size_t i = 0; i < l->count; i++)
        client_url_free(&l->urls[i]);
    free(l->urls);
}

int session_tasks(const struct options *o, char *const urls[], char *const words[], size_t count,
                  task_fn *run)
{
    int wrong = check_urls(urls, count);
    struct show *show = wrong ? NULL : show_new(o);
    struct session *s = NULL;
    struct lost lost = {.count = 0};
    enum client_result first = CLIENT_OK, r = CLIENT_OK;

    if (!show)
        return wrong ? wrong : say_local("sally", ENOMEM);
    for (size_t i = 0; i < count && r != CLIENT_CANCELED; i++) {
        struct client_url url;
        if (client_url_parse(urls[i], &url)) {
            first = first ? first : (enum client_result)say_local("sally", ENOMEM);
            break;
        }
        if (is_lost(&lost, &url)) {
            client_url_free(&url);
            continue;
        }
        r = task_at(&s, o, show, &url, words ? words[i] : NULL, run);
        if (s)
            client_url_free(&url);
        else
            lose(&lost, &url);
        first = first ? first : r;
    }
    lost_free(&lost);
    r = go_over(&s, o, show, NULL);
    first = first ? first : r;
    if (first)
        show_failure(show);
    show_free(&show);
    return (int)first;
}
