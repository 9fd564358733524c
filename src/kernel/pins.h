/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_KERNEL_PINS_H
#define SALLY_KERNEL_PINS_H

/*
 * Where the walls of this machine are kept: a bpffs of our own at KERNEL_PINS, in it a folder for each network
 * namespace that has one, named by the namespace's cookie (SO_NETNS_COOKIE: never used again). What is pinned
 * there lives without a process. It is mounted in the mount namespace of process 1, whatever namespace this process
 * is in: what `ip netns exec` mounts is gone with its command, and pins with it.
 *
 * All functions return 0 or a descriptor, or -errno with *error.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "kernel/load.h"

#define KERNEL_PINS "/run/sallywall"

enum { PINS_NAME = 32 };

/* The root of the bpffs, mounted now if need be (with may_mount; else -ENOENT: there is none, and so no wall, unless it is
 * hidden: unseen.h). -ENOMEDIUM: where it is can't be found out. */
MUST_USE int pins_open_root(bool may_mount, struct kernel_error *error);
/* The mount namespace that it lies in: a descriptor, or -1: this process is in it, or it can't be had. */
MUST_USE int pins_mounts(void);
/* Cookie of the network namespace that this process is in. */
MUST_USE int pins_cookie(uint64_t *ret, struct kernel_error *error);
/* "000000000000002a" */
void pins_folder_name(uint64_t cookie, char ret[PINS_NAME]);
/* -ENOENT: there is none. */
MUST_USE int pins_open_folder(int root, const char *name, struct kernel_error *error);
/* The same, with may_make one that is made now if need be; and nobody else changes what is in it until the descriptor is
 * closed. Waits for at most seconds (negative: as long as it takes), then -EAGAIN. */
MUST_USE int pins_lock_folder(int root, const char *name, int seconds, bool may_make,
                              struct kernel_error *error);
/* Who waits for a lock longer than a second is told, once, with the process that has it (0: it is not seen). */
void pins_on_wait(void (*tell)(long process));
/* A lock of its own for what ("conntrack"), which one process has at a time, until it closes the descriptor; -EWOULDBLOCK:
 * another has it. */
MUST_USE int pins_lock_one_listener(int folder, const char *what);
/* Removes all that is pinned in it; links first. 0 or -errno. */
MUST_USE int pins_empty_folder(int folder);
/* And the folder. */
MUST_USE int pins_remove_folder(int root, const char *name, struct kernel_error *error);

/* Pins what fd is under name in folder, in place of what is there. */
MUST_USE int pins_put(int folder, const char *name, int fd, struct kernel_error *error);
/* A descriptor of what is pinned there. -ENOENT: nothing. */
MUST_USE int pins_get(int folder, const char *name);

/* Calls visit with the name of each entry of a folder. 0 or -errno. */
MUST_USE int pins_each(int folder, void (*visit)(void *arg, const char *name), void *arg);

#endif
