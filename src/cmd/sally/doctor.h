/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CMD_SALLY_DOCTOR_H
#define SALLY_CMD_SALLY_DOCTOR_H

#include "client/doctor.h"
#include "cmd/sally/command.h"

/* The report for a person, on standard output: a table, what fits and what does not, what would tell, and what to send to whom. */
void doctor_print(const struct doctor_report *report);
/* The report as an object. NULL: no memory. The caller's to decref. */
MUST_USE struct json_t *doctor_json(const char *host, const struct doctor_report *report);

/* "IPv4 TLS" into out. */
void doctor_row_name(const struct doctor_row *row, char *out, size_t cap);
/* The text of a finding's phrase, into out. */
void doctor_phrase(const struct doctor_report *report, const struct doctor_finding *f,
                   enum speech_phrase phrase, char out[SPEECH_TEXT]);

/* A step that did not go well, and where: "IPv4 TLS EPSV". */
typedef void doctor_seen_fn(void *arg, const char *where, const struct doctor_step *step);
/* Each of those of a report. */
void doctor_each_seen(const struct doctor_report *report, doctor_seen_fn *visit, void *arg);

#endif
