/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/wall/files.h"
#include "explain/tell/plain.h"

enum { LINE_SHOWN = 160, STATUS_NO_PROGRAM = 127 };

/* Hostile text for a terminal: at most size bytes, whole characters. Returns the columns that it took. */
static int put_plain(const char *text, size_t size)
{
    const char *end = text + size;
    int columns = 0;

    while (text < end) {
        uint32_t glyphs[PLAIN_MOST];
        int wide, count = plain_next(&text, glyphs, &wide);

        for (int i = 0; i < count; i++)
            plain_put(glyphs[i], stderr);
        columns += count * wide;
    }
    return columns;
}

void source_tell_mistake(const struct rules_error *error, const char *text, size_t size)
{
    fprintf(stderr, "%s:%u:%u: ", error->file ? error->file : "command", error->line, error->column);
    put_plain(error->message, strlen(error->message));
    putc('\n', stderr);
    if (!text || !error->line)
        return;

    const char *at = text, *end = text + size;
    for (uint32_t n = 1; at < end && n < error->line; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        at = newline ? newline + 1 : end;
    }
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    size_t length = (size_t)((stop ? stop : end) - at), column = error->column ? error->column - 1 : 0;
    size_t from = column > LINE_SHOWN / 2 ? column - LINE_SHOWN / 2 : 0;

    if (column > length)
        return;
    fputs("    ", stderr);
    int before = put_plain(at + from, column - from);
    put_plain(at + column, length - column < LINE_SHOWN / 2 ? length - column : LINE_SHOWN / 2);
    fprintf(stderr, "\n    %*s^\n", before, "");
}

const char *source_reason(int r)
{
    return r == -EFBIG ? "larger than 64 MB, which no rule set is" : strerror(-r);
}

/* Runs a program of the system without a shell; its output, whole. */
static int run_program(const char *program, const char *argument, char **ret_text, size_t *ret_size)
{
    static const char *const directories[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    char path[64];
    int ends[2];

    if (pipe(ends))
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0)
            _exit(1); /* else its rules would go elsewhere, and none be read as an empty firewall */
        close(ends[0]);
        close(ends[1]);
        for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
            snprintf(path, sizeof(path), "%s/%s", directories[i], program);
            execle(path, program, argument, NULL,
                   (char *[]){"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C", NULL});
        }
        _exit(STATUS_NO_PROGRAM);
    }
    close(ends[1]);

    FILE *stream = fdopen(ends[0], "r");
    int r = stream ? files_read_stream(stream, ret_text, ret_size) : -errno, status = 0;
    if (stream)
        fclose(stream);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!r && (!WIFEXITED(status) || WEXITSTATUS(status))) {
        free(*ret_text);
        *ret_text = NULL;
        return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NO_PROGRAM ? -ENOENT : -EPERM;
    }
    return r;
}

/* Is there anything to evaluate? Empty tables let everything pass. */
static bool holds_rules(const char *text)
{
    bool evaluated = false;

    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (line[0] == '*')
            evaluated = strncmp(line, "*filter\n", 8) == 0 || strncmp(line, "*raw\n", 5) == 0;
        if (evaluated && strncmp(line, "-A ", 3) == 0)
            return true;
        if (evaluated && line[0] == ':' && strncmp(line + strcspn(line, " \n"), " DROP", 5) == 0)
            return true;
    }
    return false;
}

struct running {
    char *version, *text;
    size_t size;
};

static void running_fini(struct running *r)
{
    free(r->version);
    free(r->text);
    *r = (struct running){0};
}

static int run_save(const char *program, struct running *ret)
{
    size_t size;
    int r = run_program(program, "--version", &ret->version, &size);

    if (!r)
        r = run_program(program, NULL, &ret->text, &ret->size);
    return r;
}

/*
 * iptables-save knows the rules of its own back end only, and the kernel runs those of both. If all the rules
 * are of the other one, that is taken. 0, or -1: they are of both, and told.
 */
static int choose_back_end(uint8_t family, struct running *ours)
{
    bool nft = strstr(ours->version, "nf_tables") != NULL;
    const char *prefix = family == PACKET_IPV6 ? "ip6tables" : "iptables";
    struct running other = {0};
    char program[32];

    snprintf(program, sizeof(program), "%s-%s-save", prefix, nft ? "legacy" : "nft");
    if (run_save(program, &other) || !holds_rules(other.text)) {
        running_fini(&other);
        return 0;
    }
    if (holds_rules(ours->text)) {
        fprintf(stderr,
                "sallywall: this machine has rules of both back ends of %s, and a packet has to pass both. "
                "Ask about each: %s-legacy-save | sallywall explain -, and the same with %s-nft-save\n",
                prefix, prefix, prefix);
        running_fini(&other);
        return -1;
    }
    running_fini(ours);
    *ours = other;
    return 0;
}

static bool is_of_iptables(const char *table)
{
    static const char *const names[] = {"filter", "raw", "nat", "mangle", "security"};
    const char *name = strncmp(table, "ip6 ", 4) == 0  ? table + 4
                       : strncmp(table, "ip ", 3) == 0 ? table + 3
                                                       : "";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Tables made by nft itself act on every packet, too, and iptables-save keeps silent about them. */
static void warn_of_nft_tables(void)
{
    char *text = NULL, *rest;
    size_t size;

    if (run_program("nft", "list tables", &text, &size))
        return;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "table ", 6) == 0 && !is_of_iptables(line + 6))
            fprintf(
                stderr,
                "sallywall: warning: this machine also has the nftables table \"%s\", which iptables-save "
                "does not show; what is said here leaves it out. See: nft list ruleset\n",
                line + 6);
    }
    free(text);
}

/* What this machine runs, and "this machine (iptables-save v1.8.9 (nf_tables))". */
static int read_running(uint8_t family, char **ret_text, size_t *ret_size, char **ret_name)
{
    const char *program = family == PACKET_IPV6 ? "ip6tables-save" : "iptables-save";
    struct running running = {0};
    int r = run_save(program, &running);

    if (r == -ENOENT)
        fprintf(stderr,
                "sallywall: this machine has no %s; name a rule file (made by %s on the firewall), or - for "
                "standard input\n",
                program, program);
    else if (r)
        fprintf(stderr,
                "sallywall: %s failed (see above, if it said why); it needs root. Or name a rule file\n",
                program);
    else
        r = choose_back_end(family, &running);
    if (!r &&
        asprintf(ret_name, "this machine (%.*s)", (int)strcspn(running.version, "\n"), running.version) < 0)
        r = -ENOMEM;
    if (!r) {
        warn_of_nft_tables();
        *ret_text = running.text;
        *ret_size = running.size;
        running.text = NULL;
    }
    running_fini(&running);
    return r;
}

int source_read(const char *name, uint8_t family, uint8_t likely, struct rules **ret, char **ret_name)
{
    struct rules_error error = {0};
    char *text = NULL, *shown = NULL;
    size_t size = 0;
    int r;

    if (!name) {
        family = family ? family : likely ? likely : PACKET_IPV4;
        if (read_running(family, &text, &size, &shown))
            return -1;
    } else {
        shown = strdup(strcmp(name, "-") == 0 ? "standard input" : name);
        r = shown ? files_read(name, &text, &size) : -ENOMEM;
        if (r) {
            fprintf(stderr, "sallywall: %s: can't be read: %s\n", shown ? shown : name, source_reason(r));
            free(shown);
            return -1;
        }
    }
    if (!family && !rules_text_family(text, size))
        family = likely;
    r = rules_read(text, size, shown, family, ret, &error);
    if (r == -EINVAL)
        source_tell_mistake(&error, text, size);
    else if (r)
        fprintf(stderr, "sallywall: %s: %s\n", shown, strerror(-r));
    free(text);
    if (r) {
        free(shown);
        return -1;
    }
    *ret_name = shown;
    return 0;
}
