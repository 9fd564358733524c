/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/config/option_table.h"
#include "server/config/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1024 * 1024 };

/* All of fd, malloc'ed. 0 or -errno; -EFBIG. */
static int file_read(int fd, char **ret_text, size_t *ret_len)
{
    size_t len = 0;
    char *text = malloc(FILE_BYTES_MAX + 1);
    if (!text)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(fd, text + len, FILE_BYTES_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        int error = n < 0 ? -errno : -EFBIG;
        if (n > 0)
            len += (size_t)n;
        if (n < 0 || len > FILE_BYTES_MAX) {
            free(text);
            return error;
        }
        if (n == 0)
            break;
    }
    *ret_text = text;
    *ret_len = len;
    return 0;
}

/* Who can write the configuration of a server that starts as root can become root. */
static bool file_is_writable_by_all(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH);
}

static int descriptor_parse(struct config *c, int fd, bool per_user, struct remarks *r)
{
    if (file_is_writable_by_all(fd)) {
        remark_error(r, "everybody may write this file, and could so become root; chmod o-w it");
        return -EINVAL;
    }
    char *text = NULL;
    size_t len = 0;
    int error = file_read(fd, &text, &len);
    if (error) {
        remark_error(r, "cannot be read: %s", strerror(-error));
        return -EINVAL;
    }
    error = config_parse_lines(c, text, len, per_user, r);
    free(text);
    return error;
}

int config_load(struct config *c, const char *path, void (*tell)(void *ctx, const struct config_remark *),
                void *ctx)
{
    struct remarks r = {.tell = tell, .ctx = ctx, .name = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        remark_error(&r, "cannot be opened: %s", strerror(errno));
        return -EINVAL;
    }
    int error = descriptor_parse(c, fd, false, &r);
    close(fd);
    return error;
}

/* Of the checks of a user's configuration only errors are news: the warnings were told when the server
 * started. */
struct error_filter {
    void (*tell)(void *ctx, const struct config_remark *);
    void *ctx;
};

static void error_filter_tell(void *ctx, const struct config_remark *remark)
{
    const struct error_filter *filter = ctx;
    if (remark->is_error)
        filter->tell(filter->ctx, remark);
}

static int user_descriptor_apply(const struct config *c, int fd, struct config **ret_config,
                                 struct remarks *r)
{
    struct config *copy = config_copy(c);
    if (!copy)
        return -ENOMEM;
    struct error_filter filter = {.tell = r->tell, .ctx = r->ctx};
    int error = descriptor_parse(copy, fd, true, r);
    if (!error)
        error = config_check(copy, r->name, error_filter_tell, &filter);
    if (error) {
        config_free(&copy);
        return error;
    }
    *ret_config = copy;
    return 0;
}

/* The name comes from a client; it must be one file name, as no user's is "", ".", ".." or has a '/'. */
static bool user_is_file_name(const char *user)
{
    return *user && strcmp(user, ".") != 0 && strcmp(user, "..") != 0 && !strchr(user, '/');
}

int config_load_user(const struct config *c, const char *user, struct config **ret_config,
                     void (*tell)(void *ctx, const struct config_remark *), void *ctx)
{
    if (!c->user_config_dir || !user_is_file_name(user)) {
        *ret_config = NULL;
        return 0;
    }
    char *path;
    if (asprintf(&path, "%s/%s", c->user_config_dir, user) < 0)
        return -ENOMEM;

    struct remarks r = {.tell = tell, .ctx = ctx, .name = path};
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0) {
        error = user_descriptor_apply(c, fd, ret_config, &r);
        close(fd);
    } else if (errno == ENOENT || errno == ENAMETOOLONG) {
        *ret_config = NULL;
    } else {
        remark_error(&r, "cannot be opened: %s", strerror(errno));
        error = -EINVAL;
    }
    free(path);
    return error;
}
