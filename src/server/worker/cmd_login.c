/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/link.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/login.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- USER, PASS --------------------------------------------------------------------------------------- */

static bool send_login(struct session *s, enum server_message type, const char *password)
{
    uint8_t payload[2048];
    struct login_request request = {
        .user = s->user, .password = password, .host = s->host, .peer = s->peer, .local = s->local};
    int len = login_request_encode(&request, payload, sizeof(payload));
    struct ipc_message m = {
        .type = (uint16_t)type, .id = s->id, .payload = payload, .len = (size_t)len, .fd = -1};
    bool sent = len > 0 && link_send(worker.monitor, &m) == 0;
    explicit_bzero(payload, sizeof(payload));
    if (sent) {
        session_wait_for(s, WAIT_LOGIN);
        worker.logins_pending += type == MSG_LOGIN;
        s->known_to_monitor = s->known_to_monitor || type == MSG_LOGIN;
    }
    return sent;
}

static void ask_password(struct session *s)
{
    s->state = SESSION_NAMED;
    if (s->anonymous && session_config(s)->no_anon_password)
        cmd_pass(s, "");
    else
        reply(s, 331, "Please specify the password.");
}

void cmd_user(struct session *s, const char *argument)
{
    const struct config *c = session_config(s);
    if (s->state == SESSION_READY) {
        if (s->anonymous)
            reply(s, 530, "Can't change from guest user.");
        else if (strcmp(argument, s->user) == 0)
            reply(s, 331, "Any password will do.");
        else
            reply(s, 530, "Can't change to another user.");
        return;
    }
    bool anonymous = config_is_anonymous(c, argument);
    if (!anonymous && !c->local_enable && !c->virtual_enable) {
        reply(s, 530, "This FTP server is anonymous only.");
        return;
    }
    if (c->ssl_enable && (anonymous ? c->force_anon_logins_ssl : c->force_local_logins_ssl)) {
        reply(s, 530, "%s sessions must use encryption.", anonymous ? "Anonymous" : "Non-anonymous");
        return;
    }
    /* A name that no account can have is refused only after PASS, like any other that is unknown. */
    char *name = strndup(argument, LOGIN_NAME_MAX_BYTES);
    if (!name) {
        session_end(s);
        return;
    }
    s->name_too_long = strlen(argument) > LOGIN_NAME_MAX_BYTES;
    free(s->user);
    s->user = name;
    s->anonymous = anonymous;
    s->state = SESSION_GREETED;
    if (!anonymous && c->userlist_enable) {
        if (!send_login(s, MSG_CHECK_USER, ""))
            session_end(s);
    } else
        ask_password(s);
}

void login_user_checked(struct session *s, bool may)
{
    session_resume(s);
    if (may) {
        ask_password(s);
        return;
    }
    log_login(s, false);
    reply(s, 530, "Permission denied.");
}

/* Is one anonymous login like another, so that the monitor need not be asked for each? Not where lists of
 * addresses or of names, or files of users' own options, have a say. */
static bool anonymous_is_uniform(const struct config *c)
{
    return !c->deny_email_enable && !c->secure_email_list_enable && !c->userlist_enable &&
           !c->user_config_dir;
}

void login_remember(struct session *s, const struct login_reply *grant)
{
    struct settings *settings = s->settings;
    if (!s->anonymous || grant->result != LOGIN_GRANTED || !anonymous_is_uniform(settings->config))
        return;
    char *user = strdup(grant->user), *cwd = strdup(grant->cwd);
    free(settings->anonymous_user);
    free(settings->anonymous_cwd);
    settings->anonymous_grant = *grant;
    settings->anonymous_grant.user = settings->anonymous_user = user;
    settings->anonymous_grant.cwd = settings->anonymous_cwd = cwd;
}

static bool grant_anonymous(struct session *s)
{
    const struct settings *settings = s->settings;
    if (!s->anonymous || !settings->anonymous_user || !settings->anonymous_cwd ||
        !identity_find(settings->anonymous_grant.identity))
        return false;
    login_granted(s, &settings->anonymous_grant);
    return true;
}

void cmd_pass(struct session *s, const char *argument)
{
    if (s->state == SESSION_READY) {
        reply(s, 230, "Already logged in.");
        return;
    }
    if (s->state != SESSION_NAMED) {
        reply(s, 503, "Login with USER first.");
        return;
    }
    free(s->password);
    s->password = s->anonymous ? strndup(argument, 128) : NULL;
    s->login_began = worker_now();
    if (grant_anonymous(s))
        return;
    if (s->name_too_long || strlen(argument) > LOGIN_PASSWORD_MAX_BYTES ||
        !send_login(s, MSG_LOGIN, argument))
        login_denied(s);
}

/* --- denied --------------------------------------------------------------------------------------------- */

static void say_denied(struct session *s, const struct file_reply *unused, int fd)
{
    (void)unused;
    (void)fd;
    session_resume(s);
    s->state = SESSION_GREETED;
    reply(s, 530, "Login incorrect.");
    if (s->failures >= session_config(s)->max_login_fails && session_config(s)->max_login_fails > 0)
        session_end(s);
}

/*
 * The answer comes at a time that does not tell how far the check got: at a multiple of the configured delay
 * (at least a quarter of a second) after PASS, so that known and unknown names look alike (CVE-2021-47865
 * class). The delay is a timer; nobody else waits.
 */
void login_denied(struct session *s)
{
    double delay = session_config(s)->delay_failed_login;
    double step = delay > 0 ? delay : 0.25;
    double waited = worker_now() - s->login_began;
    s->failures++;
    log_login(s, false);
    session_wait_for(s, WAIT_DELAY);
    s->on_reply = say_denied;
    session_set_timer(s, step * ceil((waited + 0.001) / step) - waited);
}

/* --- granted: count the quota, read the message, wait as configured, then 230 ------------------------------
 */

static void say_welcome(struct session *s, const struct file_reply *reply_, int fd)
{
    (void)fd;
    session_resume(s);
    if (reply_ && reply_->error == 0 && session_first_visit(s, reply_->text))
        reply_text(s, 230, reply_->text, strlen(reply_->text));
    log_login(s, true);
    reply(s, 230, "Login successful.");
}

static void read_message(struct session *s, const struct file_reply *unused, int fd)
{
    (void)unused;
    (void)fd;
    session_resume(s);
    if (session_config(s)->dirmessage_enable)
        session_ask(s, MSG_FILE_CHDIR, &(struct file_request){.path = s->cwd}, say_welcome);
    else
        say_welcome(s, NULL, -1);
}

static void delay_welcome(struct session *s)
{
    unsigned delay = session_config(s)->delay_successful_login;
    if (delay == 0) {
        read_message(s, NULL, -1);
        return;
    }
    session_wait_for(s, WAIT_DELAY);
    s->on_reply = read_message;
    session_set_timer(s, delay);
}

static void on_usage(struct session *s, const struct file_reply *usage, int fd)
{
    struct identity *i = s->identity;
    (void)fd;
    session_resume(s);
    if (usage->error != 0) {
        log_event(s, "quota: cannot count what is stored: %s", strerror((int)usage->error));
        reply(s, 451, "Cannot count what you have stored: %s. Please try later.",
              strerror((int)usage->error));
        session_end(s);
        return;
    }
    if (!i->counted) {
        i->counted = true;
        atomic_store(&i->bytes_left, s->grant.quota_bytes > 0
                                         ? (long long)(s->grant.quota_bytes - usage->size)
                                         : INT64_MAX / 2);
        i->files_left =
            s->grant.quota_files > 0 ? (long long)(s->grant.quota_files - usage->files) : INT64_MAX / 2;
    }
    delay_welcome(s);
}

void login_granted(struct session *s, const struct login_reply *grant)
{
    struct identity *i = identity_find(grant->identity);
    session_resume(s);
    if (!i) {
        reply(s, 421, "The file service could not be started. Please try later.");
        session_end(s);
        return;
    }
    s->grant = *grant;
    s->grant.user = s->grant.cwd = NULL;
    char *user = strdup(grant->user);
    s->cwd = strdup(grant->cwd);
    s->home = strdup(grant->cwd);
    if (!user || !s->cwd || !s->home) {
        free(user);
        session_end(s);
        return;
    }
    free(s->user);
    s->user = user;
    s->umask = grant->umask;
    s->state = SESSION_READY;
    session_set_timer(s, session_config(s)->idle_session_timeout);
    identity_join(i, s);
    if ((grant->quota_bytes > 0 || grant->quota_files > 0) && !i->counted)
        session_ask(s, MSG_FILE_USAGE, &(struct file_request){.path = "/"}, on_usage);
    else
        delay_welcome(s);
}

/* --- the rest ---------------------------------------------------------------------------------------------
 */

void cmd_acct(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 202, "ACCT command ignored.");
}

/* RFC 959 section 4.1.1: as after the greeting, but the channel stays. */
void cmd_rein(struct session *s, const char *argument)
{
    (void)argument;
    data_reset(s);
    session_logout(s);
    settings_unref(&s->settings);
    s->settings = settings_ref(worker.settings);
    s->ascii = true;
    s->epsv_all = false;
    reply(s, 220, "Ready for a new user.");
}

void cmd_quit(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 221, "Goodbye.");
    session_end(s);
}

/* RFC 7151. There is one host here, whatever its name; after USER it is too late (section 3.1). */
void cmd_host(struct session *s, const char *argument)
{
    if (s->state != SESSION_GREETED || s->user) {
        reply(s, 503, "HOST comes before USER.");
        return;
    }
    if (strlen(argument) > 255) {
        reply(s, 501, "This is no host name.");
        return;
    }
    free(s->host);
    s->host = strdup(argument);
    reply(s, 220, "Host accepted.");
}
