/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/inventory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel/husks.h"
#include "kernel/standing.h"

/* ---- memory ---- */

static int add_memory(int fd, uint64_t *sum)
{
    char path[64], *line = NULL;
    size_t size = 0;
    unsigned long long bytes = 0;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    FILE *about = fopen(path, "re");
    if (!about)
        return -errno;
    while (!found && getline(&line, &size, about) > 0)
        found = sscanf(line, "memlock: %llu", &bytes) == 1;
    free(line);
    fclose(about);
    *sum += bytes;
    return found ? 0 : -ENODATA;
}

int inventory_memory(struct kernel_wall *wall, uint64_t *ret)
{
    int r = 0;

    *ret = 0;
    for (size_t i = 0; r == 0 && i < wall->maps.count; i++)
        r = add_memory(wall->maps.all[i].fd, ret);
    return r;
}

unsigned inventory_husks(const struct kernel_wall *wall)
{
    return husks_count(wall->root);
}

/* ---- hooks (net/netfilter/nfnetlink_hook.c; its header is newer than Debian 12's) ---- */

enum {
    SUBSYS_HOOK = 12,
    HOOK_GET = 0,
    HOOK_NUMBER = 1,
    HOOK_PRIORITY = 2,
    HOOK_FUNCTION = 4,
    HOOK_MODULE = 5
};

enum { ANSWER = 1 << 15, PATIENCE_S = 2 };

struct hook_request {
    struct nlmsghdr head;
    struct nfgenmsg about;
    struct nlattr attribute;
    uint32_t number;
};

static int ask_hook(int fd, uint8_t family, uint8_t hook)
{
    struct hook_request request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = SUBSYS_HOOK << 8 | HOOK_GET,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .about = {.nfgen_family = family, .version = NFNETLINK_V0},
        .attribute = {.nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = HOOK_NUMBER},
        .number = htonl(hook),
    };

    return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static void take_attribute(const struct nlattr *a, const void *value, size_t size, struct inventory_hook *ret)
{
    size_t used = strlen(ret->name);
    uint32_t number;

    switch (a->nla_type & NLA_TYPE_MASK) {
    case HOOK_PRIORITY:
        if (size >= sizeof(number)) {
            memcpy(&number, value, sizeof(number));
            ret->priority = (int32_t)ntohl(number);
        }
        break;
    case HOOK_FUNCTION:
    case HOOK_MODULE:
        snprintf(ret->name + used, sizeof(ret->name) - used, "%s%.*s", used ? " " : "",
                 (int)strnlen(value, size), (const char *)value);
        break;
    default:
        break;
    }
}

static void read_hook(const struct nlmsghdr *head, uint8_t family, uint8_t hook, struct inventory_hook *ret)
{
    const char *at = (const char *)NLMSG_DATA(head) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    const char *end = (const char *)head + head->nlmsg_len;

    *ret = (struct inventory_hook){.family = family, .hook = hook};
    while (end - at >= NLA_HDRLEN) {
        const struct nlattr *a = (const struct nlattr *)(const void *)at;
        if (a->nla_len < NLA_HDRLEN || a->nla_len > end - at)
            return;
        take_attribute(a, at + NLA_HDRLEN, a->nla_len - NLA_HDRLEN, ret);
        at += NLA_ALIGN(a->nla_len);
    }
}

/* What an answer without hooks means: an end, or why not. 1: the answers go on. */
static int read_end(const struct nlmsghdr *head)
{
    int error = 0;

    if (head->nlmsg_type == NLMSG_DONE)
        return 0;
    if (head->nlmsg_type != NLMSG_ERROR)
        return 1;
    memcpy(&error, NLMSG_DATA(head), sizeof(error));
    return error == -EINVAL || error == -ENOENT ? (error == -ENOENT ? 0 : -EOPNOTSUPP) : error;
}

static int hear_hook(int fd, uint8_t family, uint8_t hook,
                     void (*see)(void *arg, const struct inventory_hook *hook), void *arg)
{
    char buffer[16384] __attribute__((aligned(8)));
    struct inventory_hook found;
    int r = 1;

    while (r == 1) {
        ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
        if (size <= 0)
            return size < 0 ? -errno : -ENODATA;
        int left = (int)size;
        for (struct nlmsghdr *head = (struct nlmsghdr *)(void *)buffer;
             r == 1 && NLMSG_OK(head, (unsigned)left); head = NLMSG_NEXT(head, left)) {
            r = read_end(head);
            if (r != 1)
                break;
            read_hook(head, family, hook, &found);
            see(arg, &found);
        }
    }
    return r;
}

int inventory_hooks(void (*see)(void *arg, const struct inventory_hook *hook), void *arg)
{
    static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
    static const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), r;

    if (fd < 0)
        return -errno;
    r = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ? -errno : 0;
    for (unsigned f = 0; r == 0 && f < 2; f++) {
        for (uint8_t hook = 0; r == 0 && hook < NF_INET_NUMHOOKS; hook++) {
            r = ask_hook(fd, families[f], hook);
            if (r == 0)
                r = hear_hook(fd, families[f], hook, see, arg);
        }
    }
    close(fd);
    return r;
}
