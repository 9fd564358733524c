/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/nft_text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/run.h"

enum {
    NOBODY = 65534,
    INTERFACES = 32, /* that are made for a text */
    NAME = 16,       /* IFNAMSIZ */
    MEMORY = 1 << 30,
    SECONDS = 20, /* of one nft's time on a processor */
    ALL_SECONDS = 60,
    LONGEST = 64 << 20,
};

/* How the process in the cell ends. */
enum { DONE = 0, REFUSED = 1, NO_CELL = 2, NO_NFT = 3, HAS_OWNER = 4, TOO_LONG = 5 };

/* ---- the cell ---- */

static bool write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);

    if (fd >= 0)
        close(fd);
    return done;
}

/* Root of a user namespace is root outside, too, if root made it: it has to be nobody first. What may be written to
 * /proc/self belongs to root as long as the process may not be traced. */
static bool drop_root(void)
{
    if (geteuid() != 0)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0 && geteuid() == NOBODY &&
           prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool limit(int what, rlim_t most)
{
    const struct rlimit l = {most, most};

    return setrlimit((__rlimit_resource_t)what, &l) == 0;
}

static bool enter_cell(void)
{
    char users[40], groups[40];

    if (!drop_root() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    snprintf(users, sizeof(users), "0 %u 1\n", (unsigned)geteuid());
    snprintf(groups, sizeof(groups), "0 %u 1\n", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) == 0 &&
           write_line("/proc/self/setgroups", "deny") && write_line("/proc/self/uid_map", users) &&
           write_line("/proc/self/gid_map", groups) && limit(RLIMIT_AS, MEMORY) &&
           limit(RLIMIT_CPU, SECONDS) && limit(RLIMIT_FSIZE, LONGEST) && limit(RLIMIT_CORE, 0);
}

/* ---- inside ---- */

/* The name that nft complains of: "/dev/stdin:4:6-11: Error: Interface does not exist", and it stands there in the text. */
static bool find_interface(const char *text, const char *errors, char ret[NAME])
{
    unsigned line, first, last;
    const char *error = strstr(errors, "Error: Interface does not exist");

    while (error && error > errors && error[-1] != '\n')
        error--;
    const char *numbers = error ? strchr(error, ':') : NULL;
    if (!numbers || sscanf(numbers, ":%u:%u-%u:", &line, &first, &last) != 3 || first == 0 || last < first)
        return false;
    for (; line > 1 && *text; line--)
        text += strcspn(text, "\n"), text += *text == '\n';
    if (strcspn(text, "\n") < last)
        return false;
    size_t size = last - first + 1;
    text += first - 1;
    if (size > 2 && text[0] == '"') {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= NAME || text[0] == '-')
        return false;
    memcpy(ret, text, size);
    ret[size] = '\0';
    return true;
}

static bool make_interface(const char *name)
{
    const char *const words[] = {"link", "add", "name", name, "type", "bridge", NULL};
    struct run_said said = {0};
    bool made = run_program("ip", words, "", -1, &said) == 0;

    run_said_free(&said);
    return made;
}

static void put(int fd, const char *text)
{
    size_t size = text ? strlen(text) : 0;

    if (write(fd, text ? text : "", size) != (ssize_t)size)
        _exit(NO_NFT);
}

/* Such a table goes when the nft that made it ends, and nothing of it would be listed. */
static bool has_owner(const char *text)
{
    for (const char *flags = text; (flags = strstr(flags, "flags")); flags += strlen("flags")) {
        const char *owner = strstr(flags, "owner");

        if (owner && (size_t)(owner - flags) < strcspn(flags, "\n;"))
            return true;
    }
    return false;
}

/* Loads and lists; the end of the process. */
__attribute__((noreturn)) static void work(const char *text, int out)
{
    static const char *const load[] = {"-f", "-", NULL}, *const list[] = {"-j", "list", "ruleset", NULL};
    struct run_said said = {0};
    char name[NAME];
    int r;

    if (has_owner(text))
        _exit(HAS_OWNER);
    alarm(ALL_SECONDS);
    if (!enter_cell())
        _exit(NO_CELL);
    for (int i = 0; (r = run_program("nft", load, text, -1, &said)) == -EPERM && i < INTERFACES; i++) {
        if (!find_interface(text, said.errors, name) || !make_interface(name))
            break;
        run_said_free(&said);
    }
    if (r == -EPERM && strstr(said.errors, "Message too long"))
        _exit(TOO_LONG);
    if (r == -EPERM) {
        put(out, said.errors);
        _exit(REFUSED);
    }
    run_said_free(&said);
    if (r || run_program("nft", list, "", -1, &said))
        _exit(NO_NFT);
    put(out, said.output);
    _exit(DONE);
}

/* ---- outside ---- */

static char *read_back(int fd, size_t *ret_size)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = size < 0 || size > LONGEST ? NULL : malloc((size_t)size + 1);

    if (text && pread(fd, text, (size_t)size, 0) == size) {
        text[size] = '\0';
        *ret_size = (size_t)size;
        return text;
    }
    free(text);
    return NULL;
}

static int refuse(const char *why, char **ret_said)
{
    *ret_said = strdup(why);
    return *ret_said ? -ENOTSUP : -ENOMEM;
}

static int judge(int status, int out, char **ret_json, size_t *ret_size, char **ret_said)
{
    size_t size = 0;
    char *said;

    if (!WIFEXITED(status))
        return refuse("nft takes too long with it", ret_said);
    if (WEXITSTATUS(status) == NO_NFT)
        return refuse("there is no nft here that prints JSON", ret_said);
    if (WEXITSTATUS(status) == NO_CELL)
        return refuse("no user namespace for it can be made here", ret_said);
    if (WEXITSTATUS(status) == TOO_LONG)
        return refuse("it is more than may be loaded at once without privilege (net.core.wmem_max)",
                      ret_said);
    if (WEXITSTATUS(status) == HAS_OWNER)
        return refuse("a table of it has the flag owner, so that it goes with the nft that made it",
                      ret_said);
    said = read_back(out, &size);
    if (!said)
        return -ENOMEM;
    if (WEXITSTATUS(status) == REFUSED) {
        *ret_said = said;
        return -EINVAL;
    }
    *ret_json = said;
    *ret_size = size;
    return 0;
}

int nft_text_list(const char *text, char **ret_json, size_t *ret_size, char **ret_said)
{
    int out = memfd_create("nft", MFD_CLOEXEC), status = 0, r;
    pid_t child;

    if (out < 0)
        return -errno;
    fflush(stdout);
    fflush(stderr);
    child = fork();
    if (child == 0)
        work(text, out);
    if (child < 0) {
        r = -errno;
        close(out);
        return r;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    r = judge(status, out, ret_json, ret_size, ret_said);
    close(out);
    return r;
}
