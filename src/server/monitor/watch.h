/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_SERVER_MONITOR_WATCH_H
#define SALLY_SERVER_MONITOR_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Files that are followed by name (inotify(7)): the folder of the name is watched, and, if that is a symbolic link, the
 * folder of the file. What no event tells (another machine's writing, folders further up that are moved, no inotify at
 * all), the caller finds by looking every WATCH_ROUNDS seconds himself.
 */
enum {
    WATCH_ROUNDS = 5,
};

struct watch;

/* Calls on_event after something happened in one of the folders: names came, went or were given to another file; with
 * content also when any file there was written to. on_event may free the watch. paths: count of them, NULLs are passed over.
 * NULL: there is no inotify, or no memory. */
struct watch *watch_new(const char *const *paths, size_t count, bool content, void (*on_event)(void));
/* NULL is fine; sets *w to NULL. */
void watch_free(struct watch **w);

#endif
