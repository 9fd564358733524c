/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SYS_SANDBOX_H
#define SALLY_SYS_SANDBOX_H

#include "base/result.h"

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
 * nothing can be gained from it. Never to uid 0. Without root: no_new_privs and the capabilities only; uid
 * must then be our own. */
MUST_USE int sandbox_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

/* The same without a change of who we are, for run_as_launching_user: root is then root's uid with no
 * capability, which owns root's files and can do nothing else that root can. */
MUST_USE int sandbox_stay(void);

/* The system call that the last failure of these functions met, and the capability it needs, for a message. Not
 * of the filters below: theirs is seccomp. */
const char *sandbox_step(void);

/* fchdir, chroot, chdir("/"). */
MUST_USE int sandbox_chroot(int dir_fd);

/* chroot into dir, if it is an empty directory, else into a directory that no longer has a name. Needs root.
 */
MUST_USE int sandbox_empty_root(const char *dir);

/*
 * Only beneath root_fd (an O_PATH directory), and only reading unless writable; no TCP, no signal to and no
 * abstract socket of a process outside (where the kernel's landlock knows these). Needs no_new_privs.
 * -EOPNOTSUPP where the kernel has no landlock, or, for writable, only its first version (Linux 5.13
 * to 5.18), which forbids to rename from one directory to another: nothing was changed then, and the caller
 * may go on without.
 */
MUST_USE int sandbox_landlock(int root_fd, bool writable);

/* Allow-lists of system calls. Of everything else, what a mistake or an intruder would plausibly try (open,
 * openat, socket, connect, execve, ptrace, kill...; for the broker all but openat2) answers EPERM, calls
 * newer than this code ENOSYS, and the rest kills the process. Needs no_new_privs. */
/* kernel_tls: connections may be given to the kernel's TLS, for what is sent (TCP_ULP; TLS_TX). Else EPERM, as for all else that
 * TCP_ULP and SOL_TLS do. */
MUST_USE int sandbox_seccomp_worker(bool kernel_tls);
MUST_USE int sandbox_seccomp_broker(void);
/* Messages and memory: not even a socket to accept from. */
MUST_USE int sandbox_seccomp_keys(void);

#endif
