/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_CLIENT_FOLDER_H
#define SALLY_CLIENT_FOLDER_H

#include "client/client.h"

/* What a server's folder holds, kept and sorted by name. */
struct client_entry {
    const char *name, *target; /* target NULL: none was told. Both the folder's. */
    enum ftp_listed_kind kind;
    uint8_t flaws; /* enum ftp_name_flaw, of the name */
    bool has_mode;
    uint32_t mode;
    struct client_facts
        facts; /* a time that the listing gave in the server's own zone is moved to UTC, or is not there */
    enum ftp_precision precision;
};

struct client_folder {
    struct client_entry *entries;
    size_t count, cap;
};

/* As client_list; also sets *ret if that was CLIENT_FAILED, to what was understood. Else *ret is empty. Then client_folder_free. */
MUST_USE enum client_result client_folder_read(struct client *c, const char *path, struct client_folder *ret);
void client_folder_free(struct client_folder *f);
/* NULL: there is none of this name. */
const struct client_entry *client_folder_find(const struct client_folder *f, const char *name);

/* Is there such a folder? To some servers' listings one that is not there is an empty one. CLIENT_OK, CLIENT_REMOTE_REFUSED, or the session is
 * over. */
MUST_USE enum client_result client_folder_exists(struct client *c, const char *path);

/* "folder/name", "name" where folder is "", "/name" where it is "/". NULL: no memory. The caller's to free. */
MUST_USE char *client_join(const char *folder, const char *name);

/* Removes what lies at path, of this kind, and all in it; links are not followed. tell is called (NULL: not) before each is removed; with
 * is_dry that is all. Goes on where something can't be removed, and returns why the first could not. */
typedef void client_remove_fn(void *arg, const char *path);
MUST_USE enum client_result client_remove(struct client *c, const char *path, enum ftp_listed_kind kind,
                                          bool is_dry, client_remove_fn *tell, void *arg);

#endif
