/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_SANDBOX_H
#define SALLY_SYS_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * What a process gives up for good. Each function is called once, in a single-threaded process, and cannot be
 * undone; a failure that would leave the process stronger than promised is returned as -errno and the caller must exit.
 */

/* Groups, gid, uid, then no_new_privs and an empty capability bounding and ambient set; proves afterwards that root cannot come back.
 * Without root: only no_new_privs; uid must then be our own. */
int sandbox_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

/* chroot into dir, if it is an empty directory, else into a directory that no longer has a name. Needs root. */
int sandbox_empty_root(const char *dir);

/* Only beneath root_fd (an O_PATH directory), and only reading unless writable; -EOPNOTSUPP where the kernel has no landlock. */
int sandbox_landlock(int root_fd, bool writable);

/* Allow-lists. Everything else: open, openat, openat2, creat, socket, connect, execve... answer EPERM, the rest kills the process. */
int sandbox_seccomp_worker(void);
int sandbox_seccomp_broker(void);

#endif
