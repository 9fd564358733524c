/* SPDX-License-Identifier: BSD-2-Clause */
/* -m owner and -m physdev: kept, but nothing here can know a packet's socket or bridge port. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/extension.h"

/* ---- owner: net/netfilter/xt_owner.c ---- */

enum { OWNER_UID, OWNER_GID, OWNER_SOCKET, OWNER_SUPPLEMENTARY };

static const struct rules_option owner_options[] = {
    {"uid-owner", OWNER_UID, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"gid-owner", OWNER_GID, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"socket-exists", OWNER_SOCKET, RULES_INVERTS, 0, 0},
    {"suppl-groups", OWNER_SUPPLEMENTARY, 0, 0, 1u << OWNER_GID},
};

/* The accounts that Debian gives the same number everywhere (base-passwd); other names are a machine's own,
 * and nothing is looked up on this one. */
struct account {
    uint32_t id;
    const char *name;
};

static const struct account users[] = {
    {0, "root"},      {1, "daemon"},  {2, "bin"},   {3, "sys"},  {4, "sync"},       {5, "games"},
    {6, "man"},       {7, "lp"},      {8, "mail"},  {9, "news"}, {10, "uucp"},      {13, "proxy"},
    {33, "www-data"}, {34, "backup"}, {38, "list"}, {39, "irc"}, {65534, "nobody"}, {0, NULL}};

static const struct account groups[] = {
    {0, "root"},    {1, "daemon"},      {2, "bin"},      {3, "sys"},      {4, "adm"},    {5, "tty"},
    {6, "disk"},    {7, "lp"},          {8, "mail"},     {9, "news"},     {10, "uucp"},  {12, "man"},
    {13, "proxy"},  {15, "kmem"},       {20, "dialout"}, {21, "fax"},     {22, "voice"}, {24, "cdrom"},
    {25, "floppy"}, {26, "tape"},       {27, "sudo"},    {29, "audio"},   {30, "dip"},   {33, "www-data"},
    {34, "backup"}, {37, "operator"},   {38, "list"},    {39, "irc"},     {40, "src"},   {42, "shadow"},
    {43, "utmp"},   {44, "video"},      {45, "sasl"},    {46, "plugdev"}, {50, "staff"}, {60, "games"},
    {100, "users"}, {65534, "nogroup"}, {0, NULL}};

static const char *account_name(const struct account *accounts, uint32_t id)
{
    for (; accounts->name != NULL; accounts++)
        if (accounts->id == id)
            return accounts->name;
    return NULL;
}

/* A name, a number, or two with - or : between them. The kernel refuses a descending range. */
static int parse_owner(struct rules_parse *p, const char *word, const struct account *accounts,
                       struct rules_range32 *ret)
{
    size_t length = strspn(word, "0123456789abcdefxABCDEFX");
    char first[24];
    int r;

    for (const struct account *a = accounts; a->name != NULL; a++)
        if (strcmp(word, a->name) == 0) {
            ret->first = ret->last = a->id;
            return 0;
        }
    if (*word < '0' || *word > '9' || length >= sizeof first)
        return rules_fail(
            p,
            "\"%s\" is not a name that every machine knows; expected its number (see id -u, getent "
            "group)",
            word);
    memcpy(first, word, length);
    first[length] = '\0';
    r = rules_parse_u32(p, first, 0, UINT32_MAX - 1, &ret->first);
    if (r < 0)
        return r;
    ret->last = ret->first;
    if (word[length] == '\0')
        return 0;
    if (word[length] != '-' && word[length] != ':')
        return rules_fail(p, "\"%s\" is no number or range of numbers; expected NUMBER or NUMBER-NUMBER",
                          word);
    r = rules_parse_u32(p, word + length + 1, 0, UINT32_MAX - 1, &ret->last);
    if (r == 0 && ret->last < ret->first)
        return rules_fail(p, "the range %s goes down; expected the smaller number first", word);
    return r;
}

static int owner_option(struct rules_parse *p, const struct rules_option *o, const char *word, bool inverted,
                        void *data)
{
    struct rules_match_owner *owner = data;

    switch (o->id) {
    case OWNER_UID:
        owner->has_uid = true;
        owner->uid_inverted = inverted;
        return parse_owner(p, word, users, &owner->uid);
    case OWNER_GID:
        owner->has_gid = true;
        owner->gid_inverted = inverted;
        return parse_owner(p, word, groups, &owner->gid);
    case OWNER_SOCKET:
        owner->has_socket = true;
        owner->socket_inverted = inverted;
        return 0;
    default: /* OWNER_SUPPLEMENTARY */
        owner->suppl_groups = true;
        return 0;
    }
}

static int owner_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return rules_fail(p, "owner needs one of --uid-owner, --gid-owner or --socket-exists");
    return 0;
}

/* names NULL: numbers only. */
static void print_owner(FILE *out, const char *label, const struct rules_range32 *id, bool inverted,
                        const struct account *names)
{
    const char *name = names ? account_name(names, id->first) : NULL;

    fprintf(out, "%s %s ", inverted ? " !" : "", label);
    if (id->first != id->last)
        fprintf(out, "%u-%u", id->first, id->last);
    else if (name != NULL)
        fputs(name, out);
    else
        fprintf(out, "%u", id->first);
}

static void owner_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_owner *owner = data;

    (void)how;
    if (owner->has_socket)
        fputs(owner->socket_inverted ? " ! --socket-exists" : " --socket-exists", out);
    if (owner->has_uid)
        print_owner(out, "--uid-owner", &owner->uid, owner->uid_inverted, NULL);
    if (owner->has_gid)
        print_owner(out, "--gid-owner", &owner->gid, owner->gid_inverted, NULL);
    if (owner->suppl_groups)
        fputs(" --suppl-groups", out);
}

static void owner_list(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_owner *owner = data;

    if (owner->has_socket)
        fputs(owner->socket_inverted ? " ! owner socket exists" : " owner socket exists", out);
    if (owner->has_uid)
        print_owner(out, "owner UID match", &owner->uid, owner->uid_inverted, how->numeric ? NULL : users);
    if (owner->has_gid)
        print_owner(out, "owner GID match", &owner->gid, owner->gid_inverted, how->numeric ? NULL : groups);
    if (owner->suppl_groups)
        fputs(" incl. suppl. groups", out);
}

const struct rules_extension rules_match_owner = {
    .name = "owner",
    .options = owner_options,
    .option_count = sizeof owner_options / sizeof *owner_options,
    .type = RULES_MATCH_OWNER,
    .families = RULES_BOTH,
    .hooks = 1u << RULES_OUTPUT | 1u << RULES_POSTROUTING,
    .heap = sizeof(struct rules_match_owner),
    .option = owner_option,
    .finish = owner_finish,
    .save = owner_save,
    .list = owner_list,
};

/* ---- physdev: net/netfilter/xt_physdev.c ---- */

enum { PHYSDEV_IN, PHYSDEV_OUT, PHYSDEV_IS_IN, PHYSDEV_IS_OUT, PHYSDEV_IS_BRIDGED };

static const struct rules_option physdev_options[] = {
    {"physdev-in", PHYSDEV_IN, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"physdev-out", PHYSDEV_OUT, RULES_ARGUMENT | RULES_INVERTS, 0, 0},
    {"physdev-is-in", PHYSDEV_IS_IN, RULES_INVERTS, 0, 0},
    {"physdev-is-out", PHYSDEV_IS_OUT, RULES_INVERTS, 0, 0},
    {"physdev-is-bridged", PHYSDEV_IS_BRIDGED, RULES_INVERTS, 0, 0},
};

static int physdev_option(struct rules_parse *p, const struct rules_option *o, const char *word,
                          bool inverted, void *data)
{
    struct rules_match_physdev *physdev = data;

    switch (o->id) {
    case PHYSDEV_IN:
        physdev->in.inverted = inverted;
        return rules_parse_interface(p, word, &physdev->in);
    case PHYSDEV_OUT:
        physdev->out.inverted = inverted;
        return rules_parse_interface(p, word, &physdev->out);
    case PHYSDEV_IS_IN:
        physdev->is_in = true;
        physdev->is_in_inverted = inverted;
        return 0;
    case PHYSDEV_IS_OUT:
        physdev->is_out = true;
        physdev->is_out_inverted = inverted;
        return 0;
    default: /* PHYSDEV_IS_BRIDGED */
        physdev->is_bridged = true;
        physdev->is_bridged_inverted = inverted;
        return 0;
    }
}

static int physdev_finish(struct rules_parse *p, void *data)
{
    (void)data;
    if (p->given == 0)
        return rules_fail(p, "physdev needs an option: --physdev-in, --physdev-out, --physdev-is-in...");
    return 0;
}

static void print_flag(FILE *out, bool set, bool inverted, const char *word)
{
    if (set)
        fprintf(out, "%s %s", inverted ? " !" : "", word);
}

static void print_port(FILE *out, const struct rules_interface *port, const char *word)
{
    if (port->name[0] == '\0' && !port->wildcard)
        return;
    fprintf(out, "%s %s ", port->inverted ? " !" : "", word);
    rules_print_interface(out, port);
}

static void physdev_save(FILE *out, const void *data, const struct rules_print *how)
{
    const struct rules_match_physdev *physdev = data;

    (void)how;
    print_flag(out, physdev->is_in, physdev->is_in_inverted, "--physdev-is-in");
    print_port(out, &physdev->in, "--physdev-in");
    print_flag(out, physdev->is_out, physdev->is_out_inverted, "--physdev-is-out");
    print_port(out, &physdev->out, "--physdev-out");
    print_flag(out, physdev->is_bridged, physdev->is_bridged_inverted, "--physdev-is-bridged");
}

static void physdev_list(FILE *out, const void *data, const struct rules_print *how)
{
    fputs(" PHYSDEV match", out);
    physdev_save(out, data, how);
}

const struct rules_extension rules_match_physdev = {
    .name = "physdev",
    .options = physdev_options,
    .option_count = sizeof physdev_options / sizeof *physdev_options,
    .type = RULES_MATCH_PHYSDEV,
    .families = RULES_BOTH,
    .heap = sizeof(struct rules_match_physdev),
    .option = physdev_option,
    .finish = physdev_finish,
    .save = physdev_save,
    .list = physdev_list,
};
