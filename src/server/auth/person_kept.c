/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/person.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/*
 * Looking a user up costs 10 to 200 microseconds, most of it for the list of groups, and an FTP server does it for the same
 * user at each anonymous login. So the last one is kept, but only as long as nothing that could answer otherwise has changed:
 * every file and folder that the name service reads is looked at each time. What it reads is known only where it is
 * told to use files, and systemd's users of which there are none (nss-systemd(8)); elsewhere nothing is kept.
 */
enum {
    SETTLED_NS =
        50 * 1000 * 1000, /* a second change within a tick of the file system's clock would not show */
};

static const char *const sources[] = {
    "/etc/nsswitch.conf", "/etc/passwd",           "/etc/group",      "/etc/userdb",         "/run/userdb",
    "/run/host/userdb",   "/usr/local/lib/userdb", "/usr/lib/userdb", "/run/systemd/userdb",
};

enum {
    SOURCES = sizeof(sources) / sizeof(sources[0]),
    FIRST_OF_SYSTEMD =
        3, /* of those, folders whose entries are users and groups, and services that know some */
};

struct snapshot {
    struct stat of[SOURCES]; /* zero: not there */
};

static struct {
    char *name; /* NULL: nobody is kept */
    struct person person;
    struct snapshot taken;
} kept;

static void snapshot_take(struct snapshot *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < SOURCES; i++) {
        struct stat *st = &ret->of[i];
        if (stat(sources[i], st) < 0)
            memset(st, 0, sizeof(*st));
        memset(&st->st_atim, 0, sizeof(st->st_atim)); /* reading is no change */
    }
}

static bool snapshot_equal(const struct snapshot *a, const struct snapshot *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Was nothing of it changed just now? */
static bool snapshot_is_settled(const struct snapshot *s)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* can't fail: the clock exists and the pointer is good */
    for (size_t i = 0; i < SOURCES; i++) {
        const struct timespec *c = &s->of[i].st_ctim;
        long long age = (now.tv_sec - c->tv_sec) * 1000000000LL + (now.tv_nsec - c->tv_nsec);
        if (age < SETTLED_NS)
            return false;
    }
    return true;
}

/* Of "group: files [SUCCESS=merge] systemd", are all services ones that are looked at here? */
static bool services_are_known(char *services)
{
    char *rest = NULL;
    for (char *word = strtok_r(services, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        if (word[0] == '#')
            return true;
        if (word[0] != '[' && strcmp(word, "files") != 0 && strcmp(word, "systemd") != 0)
            return false;
    }
    return true;
}

static bool name_service_is_known(void)
{
    static const char *const databases[] = {"passwd:", "group:", "initgroups:"};
    char *line = NULL;
    size_t cap = 0;
    bool known = true;
    FILE *f = fopen("/etc/nsswitch.conf", "re");
    while (f && known && getline(&line, &cap, f) >= 0) {
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
            size_t len = strlen(databases[i]);
            if (strncmp(line, databases[i], len) == 0)
                known = services_are_known(line + len);
        }
    }
    known = known && f && !ferror(f);
    free(line);
    if (f)
        (void)fclose(f); /* it was only read */
    return known;
}

/* A folder of systemd's that holds nothing, or only the users of units with DynamicUser, whom nobody else's groups name. */
static bool has_nobody(const char *path)
{
    DIR *d = opendir(path);
    bool found = false;
    const struct dirent *e;
    if (!d)
        return errno == ENOENT;
    while (!found && (e = readdir(d)))
        found = e->d_name[0] != '.' && strcmp(e->d_name, "io.systemd.DynamicUser") != 0;
    (void)closedir(d); /* it was only read */
    return !found;
}

/* Are there no users and groups but those of the files? */
static bool is_plain(void)
{
    for (size_t i = FIRST_OF_SYSTEMD; i < SOURCES; i++) {
        if (!has_nobody(sources[i]))
            return false;
    }
    return name_service_is_known();
}

static void keep(const char *name, const struct person *p, const struct snapshot *taken)
{
    struct person copy = {0};
    char *copied = strdup(name);
    if (copied && person_copy(p, &copy) == 0) {
        kept.name = copied;
        kept.person = copy;
        kept.taken = *taken;
    } else
        free(copied);
}

static void forget(void)
{
    free(kept.name);
    kept.name = NULL;
    person_fini(&kept.person);
}

int person_find_kept(const char *name, struct person *ret)
{
    struct snapshot now;
    snapshot_take(&now);
    if (kept.name && strcmp(kept.name, name) == 0 && snapshot_equal(&kept.taken, &now))
        return person_copy(&kept.person, ret);
    forget();
    int r = person_find(name, ret);
    if (r == 0 && snapshot_is_settled(&now) && is_plain())
        keep(name, ret, &now);
    return r;
}
