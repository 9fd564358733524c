/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_DOCTOR_SIGNS_H
#define SALLY_CLIENT_DOCTOR_SIGNS_H

#include "client/doctor.h"

/* What was seen of one family. A row that was not tried is one in which nothing was. */
struct doctor_evidence {
    const struct doctor_row *plain, *tls;
};

/* Where a sign was seen, and what is to be said of it. */
struct doctor_sign {
    const struct doctor_row *row;
    char detail[160];
};

/* Was it seen? Then also sets *ret. Pure. */
typedef bool doctor_sign_fn(const struct doctor_evidence *e, struct doctor_sign *ret);

doctor_sign_fn doctor_saw_active_came, doctor_saw_active_refused, doctor_saw_active_silent,
    doctor_saw_changed, doctor_saw_closed, doctor_saw_control_blocked, doctor_saw_control_cut,
    doctor_saw_data_tls, doctor_saw_foreign, doctor_saw_gave_up_at_once, doctor_saw_handshake,
    doctor_saw_large_stalls, doctor_saw_large_works, doctor_saw_login_refused, doctor_saw_moves_hang,
    doctor_saw_no_epsv, doctor_saw_no_route, doctor_saw_not_offered, doctor_saw_other_peer,
    doctor_saw_passive_blocked, doctor_saw_passive_mixed, doctor_saw_passive_refused,
    doctor_saw_passive_stood, doctor_saw_plain_active_fail, doctor_saw_plain_only_pasv,
    doctor_saw_plain_passive_blocked, doctor_saw_ports_mixed, doctor_saw_private_here, doctor_saw_prohibited,
    doctor_saw_refused, doctor_saw_resumed, doctor_saw_seems_read, doctor_saw_server_says,
    doctor_saw_session_or_tls, doctor_saw_silent, doctor_saw_small_stalls, doctor_saw_tls_active_fail,
    doctor_saw_tls_looks_the_same, doctor_saw_tls_names_itself, doctor_saw_tls_only_pasv,
    doctor_saw_tls_passive_blocked, doctor_saw_tls_passive_stood, doctor_saw_tls_takes_active,
    doctor_saw_tls_takes_epsv, doctor_saw_too_many, doctor_saw_unanswered, doctor_saw_untrusted,
    doctor_saw_stranger, doctor_saw_tls_gone, doctor_saw_wants_session, doctor_saw_wants_tls;

/* Does something not work that should? */
bool doctor_is_failure(enum doctor_end end);
/* A passive connection did not come to stand. */
bool doctor_is_blocked(const struct doctor_step *step);

#endif
