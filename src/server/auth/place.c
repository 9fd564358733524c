/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/place.h"

#include "server/auth/lines.h"
#include "server/auth/why.h"
#include "server/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void place_fini(struct place *p)
{
    free(p->root);
    free(p->cwd);
    *p = (struct place){0};
}

/* text with every token replaced by user; token NULL: a copy. malloc'ed, NULL: out of memory. */
static char *substitute(const char *text, const char *token, const char *user)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    if (!f)
        return NULL;
    for (const char *hit; token && *token && (hit = strstr(text, token)); text = hit + strlen(token)) {
        (void)fwrite(text, 1, (size_t)(hit - text), f);
        (void)fputs(user, f);
    }
    (void)fputs(text, f);
    if (fclose(f) == 0)
        return out;
    free(out);
    return NULL;
}

/* path as it is meant when we stand in base, cleaned of "." and "..". 0, -ENOMEM, -ENAMETOOLONG. */
static int clean_join(const char *base, const char *path, char **ret)
{
    char stem[FILE_PATH_MAX], joined[FILE_PATH_MAX];
    int r = ftp_path_join("/", base, stem, sizeof(stem));
    if (r == 0)
        r = ftp_path_join(stem, path, joined, sizeof(joined));
    char *copy = r == 0 ? strdup(joined) : NULL;
    if (!copy)
        return r < 0 ? r : -ENOMEM;
    *ret = copy;
    return 0;
}

/* base/path as it stands: the kernel resolves it, so that ".." behind a symlink means what it always means.
 */
static char *host_join(const char *base, const char *path)
{
    char *out = NULL;
    if (*path == '/')
        return strdup(path);
    return asprintf(&out, "%s/%s", *base ? base : "", path) < 0 ? NULL : out;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int user_is_jailed(const struct config *c, const char *user, bool *ret, struct auth_why *why)
{
    bool listed = false;
    if (c->chroot_list_enable) {
        int r = lines_contain(c->chroot_list_file, user, &listed);
        if (r < 0)
            return auth_fail(why, auth_own_failure(r),
                             "cannot read chroot_list_file %s: %s; make it, or set chroot_list_enable=NO",
                             c->chroot_list_file ? c->chroot_list_file : "(unset)", strerror(-r));
    }
    /* The list names the exceptions, whichever way the rule is. */
    *ret = c->chroot_local_user != listed;
    return 0;
}

/* Fills root and cwd from start (a host path) and tail (below it). */
static int place_fill(struct place *p, bool jail, const char *start, const char *tail)
{
    p->is_jail = jail;
    p->root = strdup(jail ? start : "/");
    if (!p->root)
        return -ENOMEM;
    return clean_join(jail ? "/" : start, tail, &p->cwd);
}

int place_local(const struct config *c, const char *user, const struct person *p, bool always_jail,
                struct place *ret, struct auth_why *why)
{
    struct place place = {0};
    bool jail = always_jail;
    int r = jail ? 0 : user_is_jailed(c, user, &jail, why);
    if (r < 0)
        return r;

    char *home = substitute(p->home, c->user_sub_token, user);
    char *wish = c->local_root ? substitute(c->local_root, c->user_sub_token, user) : NULL;
    char *cut = home && c->passwd_chroot_enable ? strstr(home, "/./") : NULL;
    const char *tail = "";
    if (cut) { /* takes precedence over local_root */
        *cut = '\0';
        tail = cut + strlen("/./");
        free(wish);
        wish = NULL;
    }

    char *start = NULL;
    if (home)
        start = wish ? host_join(home, wish) : strdup(*home ? home : "/");
    /* vsftpd.conf(5), local_root: a failure to go there is ignored - but not when it would be the jail. */
    if (start && wish && !jail && !is_directory(start)) {
        free(start);
        start = strdup(home);
    }
    if (!start || (c->local_root && !cut && !wish))
        r = -ENOMEM;
    else if (*start != '/')
        r = auth_fail(why, -ENOTDIR, "home directory \"%s\" is not an absolute path; correct passwd(5)",
                      start);
    else
        r = place_fill(&place, jail, start, tail);
    free(home);
    free(wish);
    free(start);
    if (r < 0)
        place_fini(&place);
    else
        *ret = place;
    return r;
}

int place_fixed(const char *dir, const char *home, struct place *ret)
{
    struct place place = {0};
    char *start = host_join(home, dir);
    int r = start ? place_fill(&place, true, start, "") : -ENOMEM;
    free(start);
    if (r < 0)
        place_fini(&place);
    else
        *ret = place;
    return r;
}

int place_check(const struct config *c, const struct place *place, const struct person *p,
                struct auth_why *why)
{
    bool writable = false;
    const char *dir = place->is_jail ? place->root : place->cwd;
    int r = person_may_write(p, dir, &writable);
    if (r == -ENOENT || r == -ENOTDIR)
        return auth_fail(why, -ENOTDIR, "cannot change to directory %s: %s", dir, strerror(-r));
    if (r == 0 && writable && place->is_jail && !c->allow_writeable_chroot && !c->run_as_launching_user)
        return auth_fail(why, -EPERM,
                         "refusing to run with writable root %s: take away uid %u's permission to write "
                         "to it, or set allow_writeable_chroot=YES",
                         dir, p->uid);
    return 0;
}
