/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/messages.h"
#include "server/monitor/listen.h"
#include "server/monitor/monitor.h"
#include "server/monitor/tell.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct event *admin_event;
static char *admin_path; /* a reload may change the option, not the socket */

/* Who could connect is who may: the socket's mode is the permission (unix(7)). The worker answers. */
static void on_admin(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    (void)arg;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    monitor_send(MSG_ADMIN, 0, 0, NULL, 0, client);
    close(client);
}

static int bind_admin(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        close(fd);
        return -EADDRINUSE; /* another server answers there */
    }
    if (errno == ECONNREFUSED)
        (void)unlink(path); /* left by one that was killed */
    mode_t mask = umask(0177);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 16) == 0 ? 0 : -errno;
    umask(mask);
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

static void open_to_group(const char *path, const char *name)
{
    const struct group *group = getgrnam(name);
    if (!group)
        tell("control_group: there is no group %s; only root may use `sallyd who`", name);
    else if (chown(path, (uid_t)-1, group->gr_gid) < 0 || chmod(path, 0660) < 0)
        tell("control_group: cannot give %s to group %s: %s", path, name, strerror(errno));
}

void listen_open_admin(void)
{
    const struct config *c = monitor.config;
    if (!c->control_socket)
        return;
    char *copy = strdup(c->control_socket);
    if (copy && monitor.root)
        (void)mkdir(dirname(copy), 0755); /* /run/sallyd; systemd makes it itself */
    free(copy);
    int fd = bind_admin(c->control_socket);
    if (fd < 0) {
        tell("control_socket %s: %s; `sallyd who` and `sallyd kick` will not work", c->control_socket,
             strerror(-fd));
        return;
    }
    if (c->control_group)
        open_to_group(c->control_socket, c->control_group);
    admin_event = event_new(monitor.base, fd, EV_READ | EV_PERSIST, on_admin, NULL);
    admin_path = strdup(c->control_socket);
    if (!admin_event || event_add(admin_event, NULL) < 0)
        tell("control_socket %s: out of memory; `sallyd who` and `sallyd kick` will not work",
             c->control_socket);
}

void listen_close_admin(void)
{
    if (!admin_event)
        return;
    close(event_get_fd(admin_event));
    event_free(admin_event);
    admin_event = NULL;
    if (admin_path)
        (void)unlink(admin_path); /* one that is left is recognised by the next server, and replaced */
    free(admin_path);
    admin_path = NULL;
}
