/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_DOCTOR_PRIVATE_H
#define SALLY_CLIENT_DOCTOR_PRIVATE_H

#include "client/doctor.h"

/* A file that a listing showed. */
struct doctor_file {
    char name[200]; /* "": none */
    uint64_t size;
};

/* An examination that runs. */
struct doctor {
    const struct doctor_plan *plan;
    struct doctor_report *report;
    struct doctor_file small,
        large; /* of the listing that was last seen: what may be had where nothing may be stored */
    /* Since doctor_listen: the server's last line, the first reason for a failure, who else came to an active data connection. */
    char reply[160], said[240], stranger[46];
    bool is_refused; /* the login, with a password: it is not repeated, or somebody is banned for it */
};

void doctor_listen(struct doctor *d);
/* What was heard since then, of a step that ended so. */
void doctor_note(const struct doctor *d, enum doctor_end end, struct doctor_step *ret);
/* And what came of its data connection. */
void doctor_note_data(const struct doctor *d, enum doctor_end end, const struct client_data *data,
                      struct doctor_step *ret);
/* How a transfer ended. */
enum doctor_end doctor_end_of(enum client_result r, const struct client_data *data);

/* ---- doctor_move.c ---- */

/* An entry of the listing. arg: the doctor. */
enum client_result doctor_see(void *arg, const struct ftp_listed *entry);
/* A small and a large file, to the server and back where it may be, else one that is there. CLIENT_OK, whatever came of it, or CLIENT_CANCELED. */
MUST_USE enum client_result doctor_move(struct doctor *d, struct doctor_row *row, struct client *c);

#endif
