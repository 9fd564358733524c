/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/pam.h"

#include "server/auth/why.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct auth_session {
    pam_handle_t *handle;
    const char *password; /* borrowed, only while pam_check runs */
    int last;             /* what PAM said last; modules want to know it at the end */
    bool has_session, has_credentials;
};

static void responses_free(struct pam_response *responses, int count)
{
    for (int i = 0; i < count; i++) {
        if (responses[i].resp)
            explicit_bzero(responses[i].resp, strlen(responses[i].resp));
        free(responses[i].resp);
    }
    free(responses);
}

/* FTP has one question and one answer: whatever asks without echo gets the password, a question with echo
 * ends it. */
static int converse(int count, const struct pam_message **messages, struct pam_response **ret, void *context)
{
    const struct auth_session *s = context;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *responses = calloc((size_t)count, sizeof(*responses));
    if (!responses)
        return PAM_BUF_ERR;

    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG)
            continue;
        if (style == PAM_PROMPT_ECHO_OFF && s->password)
            responses[i].resp = strdup(s->password);
        if (!responses[i].resp) {
            responses_free(responses, count);
            return PAM_CONV_ERR;
        }
    }
    *ret = responses;
    return PAM_SUCCESS;
}

static void no_delay(int status, unsigned microseconds, void *context)
{
    (void)status;
    (void)microseconds;
    (void)context;
}

/* Modules log the remote user in the middle of a line ("ruser=%s rhost=%s"): a name that could end its field there and
 * begin another, and that no user has, is not told. */
static bool is_one_word(const char *name)
{
    while ((unsigned char)*name > ' ' && *name != 0x7f)
        name++;
    return *name == '\0';
}

/* The items a module may look at. vsftpd sets the same ones. */
static int set_items(pam_handle_t *h, const char *user, const char *peer)
{
    /* pam_set_item takes the function as an object pointer, which C has no conversion for. */
    union {
        void (*function)(int, unsigned, void *);
        const void *item;
    } delay = {.function = no_delay};
    const struct {
        int type;
        const void *value;
    } items[] = {{PAM_RHOST, peer},
                 {PAM_TTY, "ftp"},
                 {PAM_RUSER, is_one_word(user) ? user : NULL},
                 {PAM_FAIL_DELAY, delay.item}};

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        int r = pam_set_item(h, items[i].type, items[i].value);
        if (r != PAM_SUCCESS)
            return r;
    }
    return PAM_SUCCESS;
}

/* Authenticate, account, credentials, session, in vsftpd's order. *ret_step: what was being done. */
static int run_stack(struct auth_session *s, bool keep, const char **ret_step)
{
    *ret_step = "authentication";
    s->last = pam_authenticate(s->handle, PAM_SILENT);
    if (s->last != PAM_SUCCESS)
        return s->last;
    *ret_step = "account check";
    s->last = pam_acct_mgmt(s->handle, PAM_SILENT);
    if (s->last != PAM_SUCCESS)
        return s->last;
    *ret_step = "setting credentials";
    s->last = pam_setcred(s->handle, PAM_ESTABLISH_CRED | PAM_SILENT);
    if (s->last != PAM_SUCCESS)
        return s->last;
    s->has_credentials = true;
    if (!keep)
        return PAM_SUCCESS;
    *ret_step = "opening a session";
    s->last = pam_open_session(s->handle, PAM_SILENT);
    s->has_session = s->last == PAM_SUCCESS;
    return s->last;
}

static bool service_exists(const char *service)
{
    char etc[256], usr[256];
    (void)snprintf(etc, sizeof(etc), "/etc/pam.d/%s", service);
    (void)snprintf(usr, sizeof(usr), "/usr/lib/pam.d/%s", service);
    return access(etc, F_OK) == 0 || access(usr, F_OK) == 0;
}

static int denied(struct auth_session *s, const char *service, const char *step, struct auth_why *why)
{
    const char *said = pam_strerror(s->handle, s->last);
    if (service_exists(service))
        return auth_fail(why, -EACCES, "PAM service \"%s\", %s: %s", service, step, said);
    return auth_fail(
        why, -EACCES,
        "PAM service \"%s\", %s: %s; there is no /etc/pam.d/%s, so \"other\" decided: make one, or "
        "name another with pam_service_name",
        service, step, said, service);
}

int pam_check(const char *service, const char *user, const char *password, const char *peer, bool keep,
              char **ret_user, struct auth_session **ret_session, struct auth_why *why)
{
    struct auth_session *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->password = password;

    const struct pam_conv conversation = {.conv = converse, .appdata_ptr = s};
    s->last = pam_start(service, user, &conversation, &s->handle);
    if (s->last == PAM_SUCCESS)
        s->last = set_items(s->handle, user, peer);
    if (s->last != PAM_SUCCESS) {
        int r = auth_fail(why, -EIO, "PAM service \"%s\" does not start: %s; see the system's log", service,
                          pam_strerror(s->handle, s->last));
        auth_session_close(&s);
        return r;
    }

    const char *step = NULL;
    const void *name = NULL;
    int r = run_stack(s, keep, &step) == PAM_SUCCESS ? 0 : denied(s, service, step, why);
    s->password = NULL;
    if (r == 0 && (pam_get_item(s->handle, PAM_USER, &name) != PAM_SUCCESS || !name))
        r = auth_fail(why, -EIO, "PAM service \"%s\" granted a login to nobody", service);
    char *copy = r == 0 ? strdup(name) : NULL;
    if (r == 0 && !copy)
        r = -ENOMEM;
    if (r < 0) {
        auth_session_close(&s);
        return r;
    }
    *ret_user = copy;
    if (keep) {
        *ret_session = s;
        return 0;
    }
    /* The broker's process gets its credentials from the kernel alone; none are taken back here, as vsftpd.
     */
    s->has_credentials = false;
    auth_session_close(&s);
    *ret_session = NULL;
    return 0;
}

void auth_session_close(struct auth_session **s)
{
    if (!*s)
        return;
    if ((*s)->has_session)
        (*s)->last = pam_close_session((*s)->handle, PAM_SILENT);
    if ((*s)->has_credentials)
        /* what a module leaves behind is its own log's business: the session is over */
        (void)pam_setcred((*s)->handle, PAM_DELETE_CRED | PAM_SILENT);
    if ((*s)->handle)
        (void)pam_end((*s)->handle, (*s)->last);
    free(*s);
    *s = NULL;
}
