/* SPDX-License-Identifier: BSD-2-Clause */
/* -m owner and -m physdev: kept, but nothing here can know a packet's socket or bridge port. */
#include <string.h>

#include "rules/ext/field.h"

/* ---- owner: net/netfilter/xt_owner.c ---- */

enum { OWNER_UID, OWNER_GID, OWNER_SOCKET, OWNER_SUPPLEMENTARY };

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

static const struct account *accounts_of(const struct rules_option *o)
{
    return o->id == OWNER_UID ? users : groups;
}

/* A name, a number, or two with - or : between them. The kernel refuses a descending range. */
static int read_owner(struct rules_parse *p, const char *word, void *at)
{
    struct rules_range32 *ret = at;
    size_t length = strspn(word, "0123456789abcdefxABCDEFX");
    char first[24];
    int r;

    for (const struct account *a = accounts_of(p->option); a->name != NULL; a++)
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

static void print_owner(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_range32 *id = at;

    (void)how;
    fprintf(out, "%u", id->first);
    if (id->first != id->last)
        fprintf(out, "-%u", id->last);
}

static void list_owner(FILE *out, const void *at, const struct rules_print *how)
{
    const struct account *account = accounts_of(how->option);
    const struct rules_range32 *id = at;

    while (account->name && account->id != id->first)
        account++;
    if (!how->numeric && account->name && id->first == id->last)
        fputs(account->name, out);
    else
        print_owner(out, at, how);
}

static const struct rules_value owner = {.read = read_owner, .print = print_owner, .list = list_owner};

static const struct rules_option owner_options[] = {
    RULES_OPTION("uid-owner", OWNER_UID, RULES_ARGUMENT | RULES_INVERTS, RULES_TAKES(owner, match_owner, uid),
                 .given = RULES_BOOL(match_owner, has_uid), .inverted = RULES_BOOL(match_owner, uid_inverted),
                 .listed = "( !) owner UID match "),
    RULES_OPTION("gid-owner", OWNER_GID, RULES_ARGUMENT | RULES_INVERTS, RULES_TAKES(owner, match_owner, gid),
                 .given = RULES_BOOL(match_owner, has_gid), .inverted = RULES_BOOL(match_owner, gid_inverted),
                 .listed = "( !) owner GID match "),
    RULES_OPTION("socket-exists", OWNER_SOCKET, RULES_INVERTS, .given = RULES_BOOL(match_owner, has_socket),
                 .inverted = RULES_BOOL(match_owner, socket_inverted), .listed = "( !) owner socket exists"),
    RULES_OPTION("suppl-groups", OWNER_SUPPLEMENTARY, 0, .requires = RULES_BIT(OWNER_GID),
                 .given = RULES_BOOL(match_owner, suppl_groups), .listed = " incl. suppl. groups"),
};

static const uint8_t owner_order[] = {OWNER_SOCKET, OWNER_UID, OWNER_GID, OWNER_SUPPLEMENTARY};

const struct rules_extension rules_match_owner = {
    .name = "owner",
    .type = RULES_MATCH_OWNER,
    .hooks = RULES_BIT(RULES_OUTPUT) | RULES_BIT(RULES_POSTROUTING),
    .heap = sizeof(struct rules_match_owner),
    RULES_OPTIONS(owner_options),
    RULES_ORDER(owner_order),
    .lacking = "owner needs one of --uid-owner, --gid-owner or --socket-exists",
};

/* ---- physdev: net/netfilter/xt_physdev.c ---- */

enum { PHYSDEV_IN, PHYSDEV_OUT, PHYSDEV_IS_IN, PHYSDEV_IS_OUT, PHYSDEV_IS_BRIDGED };

#define PORT(word, number, member)                                                                           \
    RULES_OPTION(word, number, RULES_ARGUMENT | RULES_INVERTS,                                               \
                 RULES_TAKES(rules_interface, match_physdev, member),                                        \
                 .inverted = RULES_BOOL(match_physdev, member.inverted), .listed = "( !) --" word " ")
#define IS(word, number, member)                                                                             \
    RULES_OPTION(word, number, RULES_INVERTS, .given = RULES_BOOL(match_physdev, member),                    \
                 .inverted = RULES_BOOL(match_physdev, member##_inverted), .listed = "( !) --" word)

static const struct rules_option physdev_options[] = {
    PORT("physdev-in", PHYSDEV_IN, in),
    PORT("physdev-out", PHYSDEV_OUT, out),
    IS("physdev-is-in", PHYSDEV_IS_IN, is_in),
    IS("physdev-is-out", PHYSDEV_IS_OUT, is_out),
    IS("physdev-is-bridged", PHYSDEV_IS_BRIDGED, is_bridged),
};

static const uint8_t physdev_order[] = {PHYSDEV_IS_IN, PHYSDEV_IN, PHYSDEV_IS_OUT, PHYSDEV_OUT,
                                        PHYSDEV_IS_BRIDGED};

const struct rules_extension rules_match_physdev = {
    .name = "physdev",
    .type = RULES_MATCH_PHYSDEV,
    .heap = sizeof(struct rules_match_physdev),
    RULES_OPTIONS(physdev_options),
    RULES_ORDER(physdev_order),
    .lacking = "physdev needs an option: --physdev-in, --physdev-out, --physdev-is-in...",
    .heading = " PHYSDEV match",
};
