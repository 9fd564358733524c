/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/cmd_tls.h"

#include "server/worker/command.h"
#include "server/worker/data.h"
#include "server/worker/handshake.h"
#include "server/worker/log.h"
#include "server/worker/output.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the handshake ----------------------------------------------------------------------------------- */

static void on_handshake(struct session *s, struct tls_channel *c, const char *why)
{
    s->control.handshake = NULL;
    s->control.tls = c;
    if (!c) {
        log_event(s, "TLS handshake failed: %s", why);
        session_end(s);
        return;
    }
    log_tls(s);
    session_resume(s);
    if (s->after)
        s->after(s);
}

void tls_begin(struct session *s, void (*and_then)(struct session *s))
{
    output_flush();
    s->after = and_then;
    if (!s->control.keys)
        s->control.keys = keys_ref_now();
    bool can = s->control.keys && !output_is_blocked(s);
    if (can)
        s->control.handshake = handshake_begin(s, s->control.keys, s->control.fd, NULL, on_handshake);
    if (s->control.handshake) {
        session_wait_for(s, WAIT_HANDSHAKE);
        return;
    }
    log_event(s, "no TLS: %s",
              !s->control.keys ? "there is no certificate"
              : can            ? "out of memory"
                               : "its client does not read");
    session_end(s);
}

/* --- AUTH (RFC 4217 section 4) ----------------------------------------------------------------------- */

static bool is_tls(const char *mechanism)
{
    static const char *const names[] = {"TLS", "TLS-C", "TLS-P", "SSL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(mechanism, names[i]) == 0)
            return true;
    }
    return false;
}

/* "TLS-P" and "SSL" of the drafts before RFC 4217 begin with private data channels. */
static bool is_private_from_the_start(const char *mechanism)
{
    return strcasecmp(mechanism, "SSL") == 0 || strcasecmp(mechanism, "TLS-P") == 0;
}

/*
 * Bytes that came in the clear together with AUTH, before its reply, were written by somebody on the way, or by nobody who
 * speaks FTP: none of them may count as said under TLS (CVE-2011-0411 and its kin).
 */
static bool has_said_more(const struct session *s)
{
    return s->control.lines.len > 0 || s->control.lines.telnet != 0 || s->control.deferred_len > 0;
}

void cmd_auth(struct session *s, const char *argument)
{
    if (!session_config(s)->ssl_enable)
        reply(s, 502, "TLS is not enabled on this server.");
    else if (s->control.keys)
        reply(s, 503, "TLS is in use already, or was.");
    else if (!is_tls(argument))
        reply(s, 504, "Unknown AUTH type: TLS is known.");
    else if (has_said_more(s)) {
        log_event(s, "bytes came in the clear after AUTH, before its reply: ended");
        reply(s, 421, "Nothing may be sent after AUTH before its reply.");
        session_end(s);
    } else if (!(s->control.keys = keys_ref_now())) {
        log_event(s, "no TLS: there is no certificate");
        reply(s, 431, "TLS cannot be had now. Please try later.");
    } else {
        free(s->login.user); /* what was said in the clear is forgotten */
        s->login.user = NULL;
        s->state = SESSION_GREETED;
        s->data.is_private = is_private_from_the_start(argument);
        reply(s, 234, "Proceed with negotiation.");
        tls_begin(s, NULL);
    }
}

/* --- PBSZ, PROT, CCC (RFC 2228 section 3, RFC 4217 sections 8 to 12) --------------------------------- */

static bool is_secure(struct session *s, const char *command)
{
    if (s->control.tls)
        return true;
    if (session_config(s)->ssl_enable)
        reply(s, 503, "%s needs TLS: AUTH TLS comes first.", command);
    else
        reply(s, 502, "TLS is not enabled on this server.");
    return false;
}

void cmd_pbsz(struct session *s, const char *argument)
{
    (void)argument; /* RFC 4217 section 8: whatever was asked for, it is 0 */
    if (is_secure(s, "PBSZ"))
        reply(s, 200, "PBSZ set to 0.");
}

void cmd_prot(struct session *s, const char *argument)
{
    if (!is_secure(s, "PROT"))
        return;
    if (strcasecmp(argument, "C") == 0) {
        s->data.is_private = false;
        if (!passive_unbind(&s->data.passive)) /* only TLS would tell it from others on that port */
            data_reset(s);
        reply(s, 200, "PROT now Clear.");
    } else if (strcasecmp(argument, "P") == 0) {
        s->data.is_private = true;
        reply(s, 200, "PROT now Private.");
    } else if (strcasecmp(argument, "S") == 0 || strcasecmp(argument, "E") == 0)
        reply(s, 536, "TLS has no such level: C or P.");
    else
        reply(s, 504, "Unknown level: C or P.");
}

/* The reply is the last thing under TLS; then both sides end it, and go on in the clear. */
void cmd_ccc(struct session *s, const char *argument)
{
    (void)argument;
    if (!s->control.tls) {
        reply(s, 533, "The control connection is in the clear.");
        return;
    }
    if (!session_config(s)->ssl_allow_ccc) {
        reply(s, 534, "CCC is not permitted here (ssl_allow_ccc).");
        return;
    }
    reply(s, 200, "Control connection goes on in the clear.");
    output_flush();
    if (has_said_more(s) || output_is_blocked(s) || tls_channel_close(s->control.tls) < 0) {
        log_event(s, "CCC: TLS could not be ended properly");
        session_end(s);
        return;
    }
    s->control.is_clearing = true;
}

void tls_cleared(struct session *s)
{
    s->control.is_clearing = false;
    s->control.tls_before = s->control.tls; /* data channels continue its session still */
    s->control.tls = NULL;
    log_event(s, "CCC: the control connection goes on in the clear");
}
