/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_FD_H
#define SALLY_SYS_FD_H

#include "base/result.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Closes *fd, if any, and makes it -1. For __attribute__((cleanup)). Keeps errno. */
void fd_close(int *fd);

/* Closes every descriptor above 2 but those in keep. 0; or -errno: some may be open still, and the caller must
 * not go on. Sorts keep. */
MUST_USE int fd_close_others(int *keep, size_t count);

/*
 * Opens path below root_fd as if root_fd were "/": neither "..", nor a symbolic link, nor a link that changes
 * while it is walked leads out of it, and links of /proc that are not paths are not followed (openat2(2),
 * RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS; CVE-2017-7418). resolve: more RESOLVE_ flags. O_CLOEXEC is
 * added. A descriptor or -errno; -ENOSYS before Linux 5.6.
 */
MUST_USE int fd_open_in_root(int root_fd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve);

/* An advisory lock on the whole open file (fcntl(2) F_OFD_SETLK), not waiting. type: F_RDLCK or F_WRLCK. 0;
 * -EAGAIN: somebody holds one against it. A file system without locks counts as locked. */
MUST_USE int fd_lock(int fd, short type);

#endif
