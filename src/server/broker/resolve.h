/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_BROKER_RESOLVE_H
#define SALLY_SERVER_BROKER_RESOLVE_H

#include "base/result.h"
#include "server/broker/state.h"

/* Names that begin so are uploads on their way: no client sees or reaches them. */
#define UPLOAD_PREFIX ".sallyd-upload."

/* May a client use this path at all? 0; -EINVAL: not absolute, or "." or ".." or an empty component in it;
 * -ENOENT: an upload on its way; -EPERM: deny_file. */
MUST_USE int resolve_check(const struct broker *b, const char *path);

/* Opens path below the root, following links inside it. A descriptor or -errno. */
MUST_USE int resolve_open(const struct broker *b, const char *path, uint64_t flags, mode_t mode);

/* Opens (O_PATH) the directory that path's last component is in, which ret_name then points to; nobody has
 * looked at that. -EBUSY: path is "/". */
MUST_USE int resolve_open_parent(const struct broker *b, const char *path, const char **ret_name);

/* Does deny_file or hide_file (a pattern, or NULL) mean this name? As vsftpd: it matches, or it contains the
 * pattern's text. */
bool resolve_is_filtered(const char *pattern, const char *name);

bool resolve_is_upload(const char *name);

/* renameat that fails with -EEXIST rather than replace anything, also on file systems without
 * RENAME_NOREPLACE. */
MUST_USE int resolve_rename_new(int old_dir, const char *old_name, int new_dir, const char *new_name);

#endif
