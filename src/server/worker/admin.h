/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_WORKER_ADMIN_H
#define SALLY_SERVER_WORKER_ADMIN_H

/* One connection of `sallyd who` or `sallyd kick ID`: a line "who" or "kick ID" comes, one JSON object goes
 * back, and the connection ends. The monitor has checked who it is. Takes fd. */
void admin_serve(int fd);

#endif
