/* SPDX-License-Identifier: BSD-2-Clause */
/* The wall over a reboot: save-boot and restore-boot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/guard.h"
#include "cmd/wall/loading.h"
#include "cmd/wall/options.h"
#include "cmd/wall/source.h"
#include "cmd/wall/suit.h"
#include "kernel/wall.h"

/*
 * What is saved are three files: rules for IPv4, rules for IPv6, and the words that sallywall up was told beside them. A
 * set that could be loaded at boot is kept beside as *.good, for the day when the next one can't.
 */
enum { STATUS_LAST_GOOD = 1, PATH = 4096, WORDS_MOST = 32 };

static const char *const names[] = {"rules.v4", "rules.v6", "options"};
enum { RULES_V4, RULES_V6, OPTIONS, SAVED };

static const uint8_t families[WALL_FAMILIES] = {PACKET_IPV4, PACKET_IPV6};

static char *path_of(int file, bool is_good, char ret[PATH])
{
    snprintf(ret, PATH, "%s/%s%s", guard_directory(), names[file], is_good ? ".good" : "");
    return ret;
}

static int fail(const char *command, const struct kernel_error *error)
{
    fprintf(stderr, "sallywall %s: %s\n", command, error->text);
    return STATUS_TROUBLE;
}

/* ---- saving ---- */

/* text is freed. 0, or -1 and told. */
static int write_saved(int file, char *text)
{
    char path[PATH];
    int r = text ? files_replace(path_of(file, false, path), text, strlen(text)) : -ENOMEM;

    free(text);
    if (r)
        fprintf(stderr, "sallywall save-boot: %s can't be written: %s\n", path_of(file, false, path),
                strerror(-r));
    return r ? -1 : 0;
}

/* As words for sallywall up. A new string, or NULL. */
static char *write_options(const struct track_config *track)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "--helper %s", track->always_helps ? "ftp" : "none");
    for (int i = 0; track->always_helps && i < track->ftp_port_count; i++)
        fprintf(out, "%c%u", i ? ',' : '=', track->ftp_ports[i]);
    fprintf(out, "\n--mode %s\n%s", track->manner == TRACK_LINUX ? "linux" : "robust",
            track->ftp_loose ? "--loose\n" : "");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static int save_rules(struct kernel_wall *wall, unsigned f, struct kernel_error *error)
{
    struct rules *r = NULL;

    if (kernel_wall_rules(wall, (enum packet_family)families[f], &r, error)) {
        fail("save-boot", error);
        return -1;
    }
    int rc = write_saved(f == WALL_IPV6 ? RULES_V6 : RULES_V4, rules_save(r, NULL, 0));
    rules_free(&r);
    return rc;
}

static bool is_on_trial(const struct kernel_wall *wall)
{
    return kernel_wall_trial(wall, PACKET_IPV4, NULL) == WALL_ON_TRIAL ||
           kernel_wall_trial(wall, PACKET_IPV6, NULL) == WALL_ON_TRIAL;
}

static int save(struct kernel_wall *wall)
{
    struct kernel_error error = {0};
    struct track_config track;
    int r = kernel_wall_track(wall, &track);

    if (is_on_trial(wall)) {
        fprintf(stderr,
                "sallywall save-boot: rules wait to be confirmed: sallywall confirm keeps them, sallywall "
                "confirm --no brings the old ones back. Save then\n");
        return STATUS_TROUBLE;
    }
    if (r == 0 && mkdir(guard_directory(), 0700) && errno != EEXIST)
        r = -errno;
    if (r) {
        fprintf(stderr, "sallywall save-boot: nothing can be saved in %s: %s\n", guard_directory(),
                strerror(-r));
        return STATUS_TROUBLE;
    }
    for (unsigned f = 0; f < WALL_FAMILIES; f++) {
        if (save_rules(wall, f, &error))
            return STATUS_TROUBLE;
    }
    if (write_saved(OPTIONS, write_options(&track)))
        return STATUS_TROUBLE;
    printf("saved in %s; the unit sallywall.service puts it up at boot (systemctl enable sallywall)\n",
           guard_directory());
    return finish_output(0);
}

static const struct option_command save_options = {"save-boot",
                                                   "",
                                                   "Saves the rules that stand, and what sallywall up was "
                                                   "told, in /var/lib/sallywall, from where sallywall\n"
                                                   "restore-boot takes them.",
                                                   NULL,
                                                   0,
                                                   0,
                                                   0};

int save_boot_command(int argc, char **argv)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error error = {0};
    int operands, r = options_read(&save_options, argc, argv, NULL, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    if (kernel_wall_open_to_change(-1, &wall, &error))
        return fail("save-boot", &error);
    r = save(wall);
    kernel_wall_close(&wall);
    return r;
}

/* ---- putting it up ---- */

/* Cuts text into its words; returns how many, or -1: too many. */
static int cut_words(char *text, char *words[WORDS_MOST])
{
    char *rest, *word = strtok_r(text, " \t\r\n", &rest);
    int count = 0;

    for (; word && count < WORDS_MOST; word = strtok_r(NULL, " \t\r\n", &rest))
        words[count++] = word;
    return word ? -1 : count;
}

/* As sallywall up does, with its words; whatever is connected at boot, it is the wall that was saved. */
static int put_up(bool is_good)
{
    enum { BEGINNING = 6 };
    static char up[] = "up", rules4[] = "--rules", rules6[] = "--rules6", force[] = "--force";
    char path[SAVED][PATH],
        *text = NULL,
        *argv[BEGINNING + WORDS_MOST + 1] = {up, rules4, path[RULES_V4], rules6, path[RULES_V6], force};
    size_t size;
    int r = files_read(path_of(OPTIONS, is_good, path[OPTIONS]), &text, &size);
    int count = r ? -1 : cut_words(text, argv + BEGINNING);

    if (count < 0) {
        fprintf(stderr, "sallywall restore-boot: %s: %s\n", path[OPTIONS],
                r ? strerror(-r) : "has too many words");
        free(text);
        return STATUS_TROUBLE;
    }
    path_of(RULES_V4, is_good, path[RULES_V4]);
    path_of(RULES_V6, is_good, path[RULES_V6]);
    r = up_command(BEGINNING + count, argv);
    free(text);
    return r;
}

static int read_family(unsigned f, struct rules **ret)
{
    char path[PATH], *name = NULL;
    int r = source_read(path_of(f == WALL_IPV6 ? RULES_V6 : RULES_V4, false, path), SOURCE_SAVE, families[f],
                        0, ret, &name);

    if (r == 0)
        r = suit_check("sallywall restore-boot", *ret);
    free(name);
    return r ? STATUS_TROUBLE : 0;
}

/* A wall that stands gets other rules, both families' or none; what it was told beside them stays. */
static int replace(struct kernel_wall *wall)
{
    struct kernel_error error = {0};
    struct rules *rules[WALL_FAMILIES] = {NULL, NULL};
    int status = 0;

    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++)
        status = read_family(f, &rules[f]);
    if (status)
        fprintf(stderr, "sallywall restore-boot: nothing was loaded: the wall has the rules that it had\n");
    for (unsigned f = 0; status == 0 && f < WALL_FAMILIES; f++) {
        if (loading_replace("sallywall restore-boot", wall, rules[f], WALL_ALIKE_RULES, 0, &error))
            status = fail("restore-boot", &error);
    }
    for (unsigned f = 0; f < WALL_FAMILIES; f++)
        rules_free(&rules[f]);
    return status;
}

static bool is_same(const char *path, const char *text, size_t size)
{
    char *other = NULL;
    size_t other_size = 0;
    bool same =
        files_read(path, &other, &other_size) == 0 && size == other_size && memcmp(text, other, size) == 0;

    free(other);
    return same;
}

/* They could be loaded: these are the last good ones now. That a copy can't be made is told, and changes nothing. */
static void keep_good(void)
{
    char path[PATH], good[PATH], *text = NULL;
    size_t size = 0;

    for (int i = 0; i < SAVED; i++) {
        int r = files_read(path_of(i, false, path), &text, &size);
        path_of(i, true, good);
        if (r == 0 && !is_same(good, text, size))
            r = files_replace(good, text, size);
        if (r)
            fprintf(stderr, "sallywall restore-boot: %s can't be kept as %s: %s\n", path, good, strerror(-r));
        free(text);
        text = NULL;
    }
}

static bool has_saved(bool is_good)
{
    char path[PATH];

    for (int i = 0; i < SAVED; i++) {
        if (access(path_of(i, is_good, path), F_OK))
            return false;
    }
    return true;
}

static int refuse(void)
{
    fprintf(stderr, "sallywall restore-boot: NO WALL STANDS, and everything passes\n");
    return STATUS_TROUBLE;
}

/* What is saved; if that can't be, what could be the last time. */
static int boot(void)
{
    char path[PATH];

    if (put_up(false) == 0) {
        keep_good();
        return 0;
    }
    fprintf(stderr, "sallywall restore-boot: what is saved in %s can't be loaded (why is said above)\n",
            guard_directory());
    if (!has_saved(true) || put_up(true))
        return refuse();
    fprintf(
        stderr,
        "sallywall restore-boot: instead the last rules stand that could be loaded at boot, %s and its like; "
        "put right what is said above, then sallywall restore-boot\n",
        path_of(RULES_V4, true, path));
    return STATUS_LAST_GOOD;
}

static int restore(void)
{
    struct kernel_wall *wall = NULL;
    struct kernel_error none;
    bool stands = kernel_wall_open_to_change(-1, &wall, &none) == 0;
    int status;

    if (!has_saved(false) && !has_saved(true)) {
        fprintf(stderr,
                "sallywall restore-boot: nothing is saved in %s; sallywall save-boot saves what stands\n",
                guard_directory());
        status = stands ? STATUS_TROUBLE : refuse();
    } else {
        status = stands ? replace(wall) : boot();
    }
    kernel_wall_close(&wall);
    return status;
}

static const struct option_command restore_options = {
    "restore-boot",
    "",
    "Puts up the wall that save-boot has saved; if that can't be loaded, the last one that could. A wall "
    "that stands is\n"
    "given the rules that are saved, or keeps its own. Exit status: 0 what was saved stands, 1 the last good "
    "one does, 2\n"
    "neither.",
    NULL,
    0,
    0,
    0};

int restore_boot_command(int argc, char **argv)
{
    int operands, r = options_read(&restore_options, argc, argv, NULL, &operands);

    if (r)
        return r > 0 ? 0 : STATUS_TROUBLE;
    return restore();
}
