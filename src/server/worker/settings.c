/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/worker/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings *settings_new(struct config *config, char *banner)
{
    struct settings *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    *s = (struct settings){.refs = 1, .config = config, .banner = banner};
    return s;
}

struct settings *settings_ref(struct settings *s)
{
    s->refs++;
    return s;
}

void settings_unref(struct settings **settings)
{
    struct settings *s = *settings;
    *settings = NULL;
    if (!s || --s->refs > 0)
        return;
    config_free(&s->config);
    free(s->banner);
    free(s);
}

static void ignore_remark(void *ctx, const struct config_remark *remark)
{
    (void)ctx;
    (void)remark; /* the monitor told the administrator when it read the file */
}

static char *read_all(int fd, size_t *ret_len)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (text && pread(fd, text, (size_t)size, 0) != size) {
        free(text);
        text = NULL;
    }
    if (text) {
        text[size] = '\0';
        *ret_len = (size_t)size;
    }
    return text;
}

struct settings *settings_receive(int fd)
{
    size_t len = 0;
    char *text = read_all(fd, &len);
    struct config *config = text ? config_new() : NULL;
    struct settings *s = NULL;
    close(fd);
    if (config && config_parse(config, "monitor", text, strlen(text), ignore_remark, NULL) == 0) {
        size_t banner_at = strlen(text) + 1;
        char *banner = banner_at < len ? strdup(text + banner_at) : NULL;
        s = settings_new(config, banner);
        if (s)
            config = NULL;
        else
            free(banner);
    }
    config_free(&config);
    free(text);
    return s;
}
