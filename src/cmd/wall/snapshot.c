/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a machine, into one text that its owner can read before it is sent. Only what the table of sections names
 * (host/sections.c) is asked for: no connections, no processes, no users, no names of hosts.
 */
#include "cmd/wall/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/options.h"
#include "sys/run.h"

enum { PATH = 192, VALUE = 128 };

struct taking {
    FILE *out;
    uint32_t without;
    uint32_t missing; /* sections that matter and could not be had */
    uint32_t absent;  /* those whose program is not there */
};

static const struct option_command snapshot_options = {
    "snapshot",
    "> FILE",
    "Writes what is known of this machine into one text: rules of all back ends, tables of nftables, sets, "
    "addresses,\n"
    "routes, switches of the kernel and the state of its FTP helper. \"sallywall explain FILE\" knows it "
    "all, on "
    "any machine.\n"
    "Read it before you send it: nothing else is in it. It takes root; without, it has what there is.\n"
    "Exit status: 0 all of it, 2 mistakes, 3 something is missing, which is told.",
    NULL,
    0,
    0,
    0};

static uint32_t bit(enum snapshot_section section)
{
    return UINT32_C(1) << section;
}

/* ---- sections ---- */

static void begin(const struct taking *t, enum snapshot_section section)
{
    char name[SNAPSHOT_NAME];

    fprintf(t->out, SNAPSHOT_HEAD "%s\n", snapshot_name(section, name));
}

static void miss(const struct taking *t, const char *why)
{
    fprintf(t->out, SNAPSHOT_MISSING "%.*s\n", (int)strcspn(why, "\n"), why);
}

static bool looks_like_ours(const char *line)
{
    static const char *const starts[] = {SNAPSHOT_HEAD, SNAPSHOT_VERSION, SNAPSHOT_MISSING};

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (strncmp(line, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

/* What a program said, of which no line may be taken for one of the snapshot's own: a comment of a rule can hold any. */
static void put_text(FILE *out, const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        if (looks_like_ours(text))
            putc(' ', out);
        for (size_t i = 0; i < length; i++)
            putc(text[i] ? text[i] : '?', out);
        putc('\n', out);
        text += length + 1;
    }
}

/* ---- what programs say ---- */

static void put_version(const struct taking *t, const struct snapshot_row *row)
{
    static const char *const words[] = {"--version", NULL};
    struct run_said said = {0};

    if (run_program(row->program, words, "", -1, &said) == 0)
        fprintf(t->out, SNAPSHOT_VERSION "%.*s\n", (int)strcspn(said.output, "\n"), said.output);
    run_said_free(&said);
}

static const char *reason(int r, const struct snapshot_row *row, const struct run_said *said,
                          char text[VALUE])
{
    if (r == -EPERM && said->errors[0])
        snprintf(text, VALUE, "%.*s", (int)strcspn(said->errors, "\n"), said->errors);
    else if (r == -EPERM)
        snprintf(text, VALUE, "%s failed with status %d", row->program, said->status);
    else if (r == -ENOENT)
        snprintf(text, VALUE, "%s is not installed", row->program);
    else
        snprintf(text, VALUE, "%s: %s", row->program, strerror(-r));
    return text;
}

static bool has_ipv6(void)
{
    return access("/proc/sys/net/ipv6", F_OK) == 0;
}

static void take_program(struct taking *t, enum snapshot_section section)
{
    const struct snapshot_row *row = &SNAPSHOT_ROWS[section];
    struct run_said said = {0};
    char why[VALUE];

    if (t->without & bit(section))
        return;
    begin(t, section);
    if (row->family == PACKET_IPV6 && !has_ipv6()) {
        miss(t, "this kernel has no IPv6");
        return;
    }
    int r = run_program(row->program, row->words, "", -1, &said);
    if (r == 0) {
        if (row->has_version)
            put_version(t, row);
        put_text(t->out, said.output, said.size);
    } else {
        miss(t, reason(r, row, &said, why));
        t->missing |= bit(section);
        t->absent |= r == -ENOENT ? bit(section) : 0;
    }
    run_said_free(&said);
}

/* Of a family one back end is enough where the other is not installed; where neither has a name, that of both is asked. */
static void take_saves(struct taking *t, enum snapshot_section nft, enum snapshot_section legacy,
                       enum snapshot_section plain)
{
    uint32_t both = bit(nft) | bit(legacy);

    take_program(t, nft);
    take_program(t, legacy);
    if ((t->absent & both) == both) {
        take_program(t, plain);
        t->missing &= t->missing & bit(plain) ? UINT32_MAX : ~both;
    } else {
        t->missing &= ~(t->absent & both);
    }
}

/* ---- what the kernel says ---- */

/* The first line of a file. false: there is none that can be read. */
static bool read_line(const char *path, char text[VALUE])
{
    FILE *f = fopen(path, "re");
    bool has = f && fgets(text, VALUE, f);

    if (f)
        fclose(f);
    if (has)
        text[strcspn(text, "\n")] = '\0';
    return has;
}

static void replace(char *text, char from, char to)
{
    for (; *text; text++)
        *text = *text == from ? to : *text;
}

/* name: as sysctl has it, "net.ipv4.conf.%s.rp_filter" of an interface. */
static bool put_switch(const struct taking *t, const char *name, const char *interface)
{
    char path[PATH], value[VALUE], shown[HOST_INTERFACE] = "";
    const char *place = strstr(name, "%s");
    int before = place ? (int)(place - name) : (int)strlen(name);
    const char *behind = place ? place + 2 : "";

    snprintf(path, sizeof(path), "/proc/sys/%.*s", before, name);
    replace(path, '.', '/');
    size_t size = strlen(path);
    snprintf(path + size, sizeof(path) - size, "%s%s", interface, behind);
    if (place)
        replace(path + size + strlen(interface), '.', '/');
    if (!read_line(path, value))
        return false;
    snprintf(shown, sizeof(shown), "%s", interface);
    replace(shown, '.', '/');
    fprintf(t->out, "%.*s%s%s = %s\n", before, name, shown, behind, value);
    return true;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strlen(entry->d_name) < HOST_INTERFACE;
}

static bool put_switches_of_interfaces(const struct taking *t, const char *name)
{
    struct dirent **entries = NULL;
    bool is_ipv6 = strncmp(name, "net.ipv6.", 9) == 0, any = false;
    int count = scandir(is_ipv6 ? "/proc/sys/net/ipv6/conf" : "/proc/sys/net/ipv4/conf", &entries, is_name,
                        alphasort);

    for (int i = 0; i < count; i++) {
        any |= put_switch(t, name, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return any;
}

static void take_switches(struct taking *t)
{
    bool any = false;

    begin(t, SNAPSHOT_SWITCHES);
    for (size_t i = 0; i < SNAPSHOT_SWITCH_COUNT; i++) {
        const char *name = SNAPSHOT_SWITCH_NAMES[i];
        any |= strstr(name, "%s") ? put_switches_of_interfaces(t, name) : put_switch(t, name, "");
    }
    if (any)
        return;
    miss(t, "/proc/sys can't be read");
    t->missing |= bit(SNAPSHOT_SWITCHES);
}

/* Does the file have a line that begins, or a path that ends, with this? */
static bool file_has(const char *path, const char *start, const char *end)
{
    char *text = NULL, *rest;
    size_t size;
    bool found = false;

    if (files_read(path, &text, &size))
        return false;
    for (char *line = strtok_r(text, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strlen(line), want = end ? strlen(end) : 0;
        found = start ? strncmp(line, start, strlen(start)) == 0
                      : length >= want && strcmp(line + length - want, end) == 0;
    }
    free(text);
    return found;
}

static enum snapshot_state state_of(const char *module, const char *release)
{
    char folder[PATH], start[VALUE], builtin[PATH], end[VALUE];

    snprintf(folder, sizeof(folder), "/sys/module/%s", module);
    snprintf(start, sizeof(start), "%s ", module);
    snprintf(builtin, sizeof(builtin), "/lib/modules/%s/modules.builtin", release);
    snprintf(end, sizeof(end), "/%s.ko", module);
    if (file_has("/proc/modules", start, NULL))
        return SNAPSHOT_LOADED;
    if (access(folder, F_OK) == 0 || file_has(builtin, NULL, end))
        return SNAPSHOT_BUILT_IN;
    if (access("/proc/modules", F_OK) == 0)
        return SNAPSHOT_ABSENT;
    /* without modules, and without a list of what is built in, a function of the module's name tells */
    snprintf(end, sizeof(end), " %s", module);
    return file_has("/proc/kallsyms", NULL, end) ? SNAPSHOT_BUILT_IN : SNAPSHOT_UNKNOWN;
}

static void take_modules(const struct taking *t, const char *release)
{
    char path[PATH], value[VALUE];

    begin(t, SNAPSHOT_MODULES);
    for (size_t i = 0; i < SNAPSHOT_MODULE_COUNT; i++) {
        const struct snapshot_module *m = &SNAPSHOT_MODULE_NAMES[i];
        fprintf(t->out, "%s: %s\n", m->name, SNAPSHOT_STATES[state_of(m->name, release)]);
        for (size_t p = 0; m->parameters[p]; p++) {
            snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", m->name, m->parameters[p]);
            if (read_line(path, value))
                fprintf(t->out, "%s.%s = %s\n", m->name, m->parameters[p], value);
        }
    }
}

static void take_wall(struct taking *t)
{
    int stands = live_stands();

    begin(t, SNAPSHOT_WALL);
    if (stands >= 0) {
        fprintf(t->out, "%s\n", stands ? "up" : "none");
        return;
    }
    miss(t, "whether a wall is up can't be told; it takes root");
    t->missing |= bit(SNAPSHOT_WALL);
}

/* ---- all of it ---- */

static void take_all(struct taking *t)
{
    struct utsname name;
    const char *release = uname(&name) == 0 ? name.release : "not known";

    fprintf(t->out, SNAPSHOT_TITLE "%d\n" SNAPSHOT_KERNEL "%s\n", SNAPSHOT_FORMAT, release);
    take_saves(t, SNAPSHOT_NFT_SAVE, SNAPSHOT_LEGACY_SAVE, SNAPSHOT_SAVE);
    take_saves(t, SNAPSHOT_NFT_SAVE6, SNAPSHOT_LEGACY_SAVE6, SNAPSHOT_SAVE6);
    for (int i = SNAPSHOT_NFT; i < SNAPSHOT_SWITCHES; i++)
        take_program(t, (enum snapshot_section)i);
    t->missing &= ~(t->absent & bit(SNAPSHOT_IPSET)); /* without its program sets are rarely made */
    take_switches(t);
    take_modules(t, release);
    take_wall(t);
}

int snapshot_take(uint32_t without, char **ret_text, size_t *ret_size, uint32_t *ret_missing)
{
    char *text = NULL;
    size_t size = 0;
    struct taking t = {.out = open_memstream(&text, &size), .without = without};

    if (!t.out)
        return -ENOMEM;
    take_all(&t);
    bool failed = ferror(t.out);
    if (fclose(t.out) || failed) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    *ret_size = size;
    *ret_missing = t.missing;
    return 0;
}

static int tell_missing(const char *text, size_t size, uint32_t missing)
{
    struct snapshot s;
    struct host_error error;
    char name[SNAPSHOT_NAME];

    if (snapshot_read(text, size, &s, &error)) {
        fprintf(stderr, "sallywall snapshot: what was written can't be read back: line %u: %s\n", error.line,
                error.text);
        return STATUS_TROUBLE;
    }
    for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
        if (missing & bit((enum snapshot_section)i))
            fprintf(stderr, "sallywall snapshot: missing: %s (%s): %s\n", SNAPSHOT_ROWS[i].tells,
                    snapshot_name((enum snapshot_section)i, name), s.parts[i].missing);
    }
    if (missing && geteuid() != 0)
        fprintf(stderr, "sallywall snapshot: run as root, it has more\n");
    return missing ? STATUS_UNKNOWN : 0;
}

int snapshot_command(int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    uint32_t missing;
    int operands, r = options_read(&snapshot_options, argc, argv, NULL, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    r = snapshot_take(0, &text, &size, &missing);
    if (r) {
        fprintf(stderr, "sallywall snapshot: %s\n", strerror(-r));
        return STATUS_TROUBLE;
    }
    fwrite(text, 1, size, stdout); /* finish_output says if it failed */
    int status = tell_missing(text, size, missing);
    free(text);
    return finish_output(status);
}
