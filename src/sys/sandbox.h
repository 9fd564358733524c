/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_SANDBOX_H
#define SALLY_SYS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What a process gives up for good. Each function is called once, in a single-threaded process, and cannot be
 * undone; a failure that would leave the process stronger than promised is returned as -errno and the caller
 * must exit.
 */

/* Groups, gid, uid, then no_new_privs, no capability and an empty ambient and bounding set; proves afterwards
 * that root cannot come back. The bounding set stays as it is where CAP_SETPCAP is missing: with no_new_privs
 * nothing can be gained from it. Without root: no_new_privs and the capabilities only; uid must then be our
 * own. */
int sandbox_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

/* chroot into dir, if it is an empty directory, else into a directory that no longer has a name. Needs root.
 */
int sandbox_empty_root(const char *dir);

/*
 * Only beneath root_fd (an O_PATH directory), and only reading unless writable; no TCP, no signal to and no
 * abstract socket of a process outside (where the kernel's landlock knows these). Needs no_new_privs.
 * -EOPNOTSUPP where the kernel has no landlock, or, for writable, only its first version (Linux 5.13
 * to 5.18), which forbids to rename from one directory to another: nothing was changed then, and the caller
 * may go on without.
 */
int sandbox_landlock(int root_fd, bool writable);

/* Allow-lists of system calls. Of everything else, what a mistake or an intruder would plausibly try (open,
 * openat, socket, connect, execve, ptrace, kill...; for the broker all but openat2) answers EPERM, calls
 * newer than this code ENOSYS, and the rest kills the process. Needs no_new_privs. */
int sandbox_seccomp_worker(void);
int sandbox_seccomp_broker(void);

#endif
