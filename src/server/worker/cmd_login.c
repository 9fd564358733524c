/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/cmd_login.h"

#include "server/link.h"
#include "server/worker/anonymous.h"
#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/identity.h"
#include "server/worker/log.h"
#include "server/worker/output.h"
#include "tls/channel.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- USER, PASS -------------------------------------------------------------------------------------- */

static bool send_login(struct session *s, enum server_message type, const char *password,
                       const char *certificate)
{
    uint8_t payload[2048];
    struct login_request request = {.user = s->login.user,
                                    .password = password,
                                    .host = s->login.host,
                                    .certificate = certificate,
                                    .peer = s->peer,
                                    .local = s->local};
    int len = login_request_encode(&request, payload, sizeof(payload));
    struct ipc_message m = {
        .type = (uint16_t)type, .id = s->id, .payload = payload, .len = (size_t)len, .fd = -1};
    bool sent = len > 0 && link_send(worker.monitor, &m) == 0;
    explicit_bzero(payload, sizeof(payload));
    if (sent) {
        session_wait_for(s, WAIT_LOGIN);
        if (type == MSG_LOGIN) {
            identity_login_began();
            s->login.known_to_monitor = true;
            if (s->login.anonymous)
                anonymous_asked(s);
        }
    }
    return sent;
}

enum {
    CERTIFICATE_TRIES_MAX = 3, /* in a session: each is a process */
};

/* Under TLS, a client that has shown a certificate may be let in by it (login_certificates). */
static bool tries_certificate(struct session *s)
{
    char certificate[TLS_FINGERPRINT_CHARS];
    bool can = !s->login.anonymous && session_config(s)->virtual_enable && s->control.tls &&
               !s->login.name_too_long && s->control.certificate_tries++ < CERTIFICATE_TRIES_MAX &&
               tls_channel_client_fingerprint(s->control.tls, certificate);
    s->login.by_certificate = can && send_login(s, MSG_LOGIN, "", certificate);
    return s->login.by_certificate;
}

static void ask_password(struct session *s)
{
    s->state = SESSION_NAMED;
    s->login.began = worker_now();
    if (tries_certificate(s))
        return;
    if (s->login.anonymous && session_config(s)->no_anon_password)
        cmd_pass(s, "");
    else
        reply(s, 331, "Please specify the password.");
}

void cmd_user(struct session *s, const char *argument)
{
    const struct config *c = session_config(s);
    if (s->state == SESSION_READY) {
        if (s->login.anonymous)
            reply(s, 530, "Can't change from guest user.");
        else if (strcmp(argument, s->login.user) == 0)
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
    bool is_forced = c->ssl_enable && (anonymous ? c->force_anon_logins_ssl : c->force_local_logins_ssl);
    if (is_forced && !s->control.tls) {
        reply(s, 530, "%s sessions must use encryption.", anonymous ? "Anonymous" : "Non-anonymous");
        return;
    }
    if (anonymous && s->control.tls && !c->allow_anon_ssl) {
        reply(s, 530, "Anonymous sessions may not use encryption.");
        return;
    }
    /* A name that no account can have is refused only after PASS, like any other that is unknown. */
    char *name = strndup(argument, LOGIN_NAME_MAX_BYTES);
    if (!name) {
        session_end(s);
        return;
    }
    s->login.name_too_long = strlen(argument) > LOGIN_NAME_MAX_BYTES;
    free(s->login.user);
    s->login.user = name;
    s->login.anonymous = anonymous;
    s->state = SESSION_GREETED;
    if (!anonymous && c->userlist_enable) {
        if (!send_login(s, MSG_CHECK_USER, "", ""))
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
    free(s->login.password);
    s->login.password = s->login.anonymous ? strndup(argument, 128) : NULL;
    s->login.began = worker_now();
    const struct login_reply *known = s->login.anonymous ? anonymous_answer(s) : NULL;
    if (known)
        login_granted(s, known);
    else if (s->login.anonymous && anonymous_wait(s)) {
        session_wait_for(s, WAIT_LOGIN);
        identity_login_began();
    } else if (s->login.name_too_long || strlen(argument) > LOGIN_PASSWORD_MAX_BYTES ||
               !send_login(s, MSG_LOGIN, argument, ""))
        login_denied(s);
}

void login_other_answered(struct session *s)
{
    const struct login_reply *known = anonymous_answer(s);
    anonymous_wait_over(s);
    identity_login_over();
    if (known)
        login_granted(s, known);
    else if (!send_login(s, MSG_LOGIN, s->login.password ? s->login.password : "", ""))
        login_denied(s);
}

void login_answered(struct session *s, const struct login_reply *answer)
{
    if (answer->kind == LOGIN_ANONYMOUS || answer->result != LOGIN_GRANTED)
        s->login.known_to_monitor = false; /* it holds nothing for these */
    if (answer->result == LOGIN_GRANTED && s->login.lacks_own_settings)
        login_refused(s, LOGIN_FAILED);
    else if (answer->result == LOGIN_GRANTED)
        login_granted(s, answer);
    else if (answer->result == LOGIN_DENIED && s->login.by_certificate) {
        s->login.by_certificate = false; /* it is not that account's: then by password */
        session_resume(s);
        reply(s, 331, "Please specify the password.");
    } else if (answer->result == LOGIN_DENIED)
        login_denied(s);
    else
        login_refused(s, (enum login_result)answer->result);
}

/* --- denied ------------------------------------------------------------------------------------------ */

static void begin_anew(struct session *s)
{
    unsigned most = session_config(s)->max_login_fails;
    session_resume(s);
    s->state = SESSION_GREETED;
    if (most > 0 && s->login.failures >= most)
        session_end(s);
}

static void say_denied(struct session *s)
{
    reply(s, 530, "Login incorrect.");
    begin_anew(s);
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
    double waited = worker_now() - s->login.began;
    s->login.failures++;
    log_login(s, false);
    session_delay(s, step * ceil((waited + 0.001) / step) - waited, say_denied);
}

/* Not "FAIL LOGIN" in the log, for which fail2ban bans: nobody guessed here. */
void login_refused(struct session *s, enum login_result why)
{
    static const struct {
        int code;
        const char *text;
    } answers[] = {
        [LOGIN_HOMELESS] = {530, "Cannot change to your home directory."},
        [LOGIN_ROOT_WRITABLE] = {530, "Refusing to run with writable root inside chroot()."},
        [LOGIN_MISCONFIGURED] = {530, "This server is not set up for this login; its log says why."},
        [LOGIN_FAILED] = {421, "Logins cannot be checked now. Please try later."},
    };
    s->login.failures++;
    log_event(s, "login refused: %s", answers[why].text);
    reply(s, answers[why].code, "%s", answers[why].text);
    begin_anew(s);
    if (answers[why].code == 421)
        session_end(s);
}

/* --- granted: count the quota, read the message, wait as configured, then 230 ------------------------ */

static void say_welcome(struct session *s, const struct file_reply *reply_, int fd)
{
    (void)fd;
    session_resume(s);
    if (reply_ && reply_->error == 0 && session_first_visit(s, reply_->text))
        reply_text(s, s->login.by_certificate ? 232 : 230, reply_->text, strlen(reply_->text));
    log_login(s, true);
    if (s->login.by_certificate)
        reply(s, 232, "User logged in, authorized by security data exchange."); /* RFC 2228 section 5.1 */
    else
        reply(s, 230, "Login successful.");
}

static void read_message(struct session *s)
{
    session_resume(s);
    if (session_config(s)->dirmessage_enable)
        identity_ask(s, MSG_FILE_CHDIR, &(struct file_request){.path = s->files.cwd}, say_welcome);
    else
        say_welcome(s, NULL, -1);
}

static void delay_welcome(struct session *s)
{
    unsigned delay = session_config(s)->delay_successful_login;
    if (delay == 0)
        read_message(s);
    else
        session_delay(s, delay, read_message);
}

static void on_usage(struct session *s, const struct file_reply *usage, int fd)
{
    struct quota *q = s->login.identity->quota;
    (void)fd;
    session_resume(s);
    if (usage->error != 0) {
        log_event(s, "quota: cannot count what is stored: %s", strerror((int)usage->error));
        reply(s, 451, "Cannot count what you have stored: %s. Please try later.",
              strerror((int)usage->error));
        session_end(s);
        return;
    }
    quota_count(q, (long long)usage->size, (long long)usage->files);
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
    s->login.grant = *grant;
    s->login.grant.user = s->login.grant.cwd = NULL;
    char *user = strdup(grant->user);
    s->files.cwd = strdup(grant->cwd);
    s->files.home = strdup(grant->cwd);
    if (!user || !s->files.cwd || !s->files.home) {
        free(user);
        session_end(s);
        return;
    }
    free(s->login.user);
    s->login.user = user;
    s->files.umask = grant->umask;
    s->state = SESSION_READY;
    session_set_idle_timer(s);
    if (identity_join(i, s) < 0)
        session_end(s);
    else if (i->quota && !i->quota->counted)
        identity_ask(s, MSG_FILE_USAGE, &(struct file_request){.path = "/"}, on_usage);
    else
        delay_welcome(s);
}

void login_end(struct session *s)
{
    struct login *l = &s->login;
    anonymous_wait_over(s);
    if (s->waiting == WAIT_LOGIN && s->state == SESSION_NAMED)
        identity_login_over();
    if (l->known_to_monitor)
        worker_must_tell(MSG_LOGOUT, s->id);
    if (l->identity)
        identity_leave(s);
    free(l->user);
    free(l->password);
    *l = (struct login){.host = l->host, .failures = l->failures, .since = worker_now()};
    free(s->files.cwd);
    free(s->files.home);
    free(s->files.rename_from);
    free(s->files.visited);
    s->files.cwd = s->files.home = s->files.rename_from = NULL;
    s->files.visited = NULL;
    s->files.visited_count = 0;
    s->mode.restart = 0;
    s->state = SESSION_GREETED;
}

/* --- the rest ---------------------------------------------------------------------------------------- */

void cmd_acct(struct session *s, const char *argument)
{
    (void)argument;
    reply(s, 202, "ACCT command ignored.");
}

/* RFC 959 section 4.1.1: as after the greeting, but the channel stays. Under TLS it would have to go back into the clear (RFC
 * 4217 section 11): whoever wants that may connect anew. */
void cmd_rein(struct session *s, const char *argument)
{
    (void)argument;
    if (s->control.keys) {
        reply(s, 502, "REIN is not for sessions under TLS.");
        return;
    }
    data_reset(s);
    login_end(s);
    settings_unref(&s->settings);
    s->settings = settings_ref(worker.settings);
    s->mode.ascii = true;
    s->data.epsv_all = false;
    session_set_idle_timer(s);
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
    if (s->state != SESSION_GREETED || s->login.user) {
        reply(s, 503, "HOST comes before USER.");
        return;
    }
    if (strlen(argument) > 255) {
        reply(s, 501, "This is no host name.");
        return;
    }
    free(s->login.host);
    s->login.host = strdup(argument);
    reply(s, 220, "Host accepted.");
}
