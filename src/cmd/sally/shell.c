/* SPDX-License-Identifier: BSD-2-Clause */
/* sally URL: a session that a person types commands into. What moves files is done by the command line's own tasks. */
#include "cmd/sally/shell.h"

#include "cmd/sally/queue.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- paths ---- */

char *shell_there(const struct shell *sh, const char *word)
{
    return *word == '/'                       ? strdup(word)
           : strcmp(word, ".") == 0 || !*word ? strdup(sh->there)
                                              : client_join(sh->there, word);
}

static void forget_listing(struct shell *sh)
{
    client_folder_free(&sh->kept);
    free(sh->kept_path);
    sh->kept_path = NULL;
}

struct listed {
    const char *path;
    struct client_folder folder;
};

static enum client_result list_job(struct client *c, unsigned attempt, void *arg)
{
    struct listed *l = arg;

    (void)attempt; /* an earlier one has left nothing */
    return client_folder_read(c, l->path, &l->folder);
}

/* A job of the shell's own, in a session that is opened again if it broke. */
static enum client_result do_job(struct shell *sh, client_job_fn *run, void *arg)
{
    if (client_fleet_add(session_fleet(sh->s), run, NULL, arg) < 0)
        return (enum client_result)say_local("sally", ENOMEM);
    return session_run(sh->s);
}

const struct client_folder *shell_listing(struct shell *sh, const char *path)
{
    struct listed l = {.path = path};

    if (!sh->s)
        return NULL;
    if (sh->kept_path && strcmp(sh->kept_path, path) == 0)
        return &sh->kept;
    forget_listing(sh);
    if (do_job(sh, list_job, &l) != CLIENT_OK)
        client_folder_free(&l.folder);
    else if (!(sh->kept_path = strdup(path)))
        client_folder_free(&l.folder);
    else
        sh->kept = l.folder;
    return sh->kept_path ? &sh->kept : NULL;
}

/* ---- sessions ---- */

static int failed(struct shell *sh, enum client_result r)
{
    if (r)
        show_failure(sh->show);
    else
        show_success(sh->show);
    return (int)r;
}

static enum client_result where_job(struct client *c, unsigned attempt, void *arg)
{
    (void)attempt;
    return client_where(c, arg, SHELL_PATH);
}

/* One command to the server, and what becomes of the session's folder. */
struct said {
    const char *verb, *argument;
};

static enum client_result say_job(struct client *c, unsigned attempt, void *arg)
{
    const struct said *said = arg;

    (void)attempt;
    return client_do(c, said->verb, said->argument);
}

static enum client_result tell_server(struct shell *sh, const char *verb, const char *argument)
{
    struct said said = {.verb = verb, .argument = argument};

    forget_listing(sh);
    return do_job(sh, say_job, &said);
}

static void shut(struct shell *sh)
{
    session_close(&sh->s);
    forget_listing(sh);
    client_url_free(&sh->url);
    sh->url = (struct client_url){.host = NULL};
}

static enum client_result enter(struct shell *sh, const char *path)
{
    enum client_result r = tell_server(sh, "CWD", path);

    return r ? r : do_job(sh, where_job, sh->there);
}

static int open_url(struct shell *sh, const char *text)
{
    char *marked = bookmark_find(text);
    struct client_url url;
    enum client_url_error error = client_url_parse(marked ? marked : text, &url);
    enum client_result r;

    free(marked);
    if (error)
        return say_no_url(text, error);
    shut(sh);
    sh->url = url;
    sh->used = sh->o;
    r = session_at(&sh->s, &sh->used, sh->show, &url);
    if (!r)
        r = do_job(sh, where_job, sh->there);
    if (!r && *url.path) {
        char *path = shell_there(sh, url.path);
        r = path ? enter(sh, path) : CLIENT_FAILED;
        free(path);
    }
    return failed(sh, r);
}

/* ---- commands ---- */

typedef int run_fn(struct shell *sh, const struct options *o, char *const words[]);

static int run_open(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    return open_url(sh, words[0]);
}

static int run_close(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    (void)words;
    shut(sh);
    return 0;
}

static int run_quit(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    (void)words;
    sh->is_over = true;
    return 0;
}

static int run_cd(struct shell *sh, const struct options *o, char *const words[])
{
    char *path = words[0] ? shell_there(sh, words[0]) : strdup("/");
    int code = path ? failed(sh, enter(sh, path)) : say_local("sally", ENOMEM);

    (void)o;
    free(path);
    return code;
}

static int run_pwd(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    (void)words;
    char text[SPEECH_TEXT]; /* the server says it */

    show_line(sh->show, speech_text(SPEECH_VERBATIM, (const char *const[SPEECH_WORDS]){sh->there, "", "", ""},
                                    text, sizeof(text)));
    return 0;
}

static int run_lcd(struct shell *sh, const struct options *o, char *const words[])
{
    const char *folder = words[0] ? words[0] : getenv("HOME");

    (void)sh;
    (void)o;
    return chdir(folder ? folder : "/") < 0 ? say_local(folder ? folder : "/", errno) : 0;
}

static int run_lpwd(struct shell *sh, const struct options *o, char *const words[])
{
    char here[SHELL_PATH];

    (void)o;
    (void)words;
    if (!getcwd(here, sizeof(here)))
        return say_local(".", errno);
    show_line(sh->show, here);
    return 0;
}

/* run for each word, which names something at the server. */
static int run_each(struct shell *sh, const struct options *o, char *const words[], task_fn *run)
{
    enum client_result r = CLIENT_OK, done;

    for (; *words && !r; words++) {
        char *path = shell_there(sh, *words);
        r = path ? session_add(sh->s, o, path, NULL, run) : (enum client_result)say_local("sally", ENOMEM);
        free(path);
    }
    done = session_run(sh->s);
    fflush(stdout);
    return failed(sh, r ? r : done);
}

static int run_ls(struct shell *sh, const struct options *o, char *const words[])
{
    char *const present[] = {(char *)(uintptr_t)".", NULL};

    return run_each(sh, o, *words ? words : present, task_ls);
}

static int run_cat(struct shell *sh, const struct options *o, char *const words[])
{
    return run_each(sh, o, words, task_cat);
}

static int run_get(struct shell *sh, const struct options *o, char *const words[])
{
    if (o->output && words[1]) {
        WRONG(OUTPUT_ONE);
        return EXIT_USAGE;
    }
    if (!o->output && !names_differ(words, count_words(words), false))
        return EXIT_USAGE;
    return run_each(sh, o, words, task_get);
}

static int run_rm(struct shell *sh, const struct options *o, char *const words[])
{
    for (char *const *word = words; *word && o->is_recursive; word++)
        if (tree_is_where_we_are(*word))
            return say_local(*word, EISDIR);
    forget_listing(sh);
    return run_each(sh, o, words, task_rm);
}

/* Adds a get for each file of a pattern's folder that fits it. How many. */
static int add_fitting(struct shell *sh, const struct options *o, const char *word)
{
    char *pattern = shell_there(sh, word), *slash = pattern ? strrchr(pattern, '/') : NULL;
    const struct client_folder *folder;
    int count = 0;

    if (slash) {
        *slash = '\0';
        folder = shell_listing(sh, *pattern ? pattern : "/");
        for (size_t i = 0; folder && i < folder->count; i++) {
            const struct client_entry *e = &folder->entries[i];
            char *path =
                e->flaws || e->kind == FTP_LISTED_FOLDER || fnmatch(slash + 1, e->name, FNM_PERIOD) != 0
                    ? NULL
                    : client_join(*pattern ? pattern : "/", e->name);
            count += path && !session_add(sh->s, o, path, NULL, task_get);
            free(path);
        }
    }
    free(pattern);
    return count;
}

static int run_mget(struct shell *sh, const struct options *o, char *const words[])
{
    int code = 0;

    forget_listing(sh); /* what is there now is meant */
    for (; *words; words++) {
        if (add_fitting(sh, o, *words) > 0)
            continue;
        WRONG(NOTHING_FITS, *words);
        code = CLIENT_REMOTE_REFUSED;
    }
    int done = failed(sh, session_run(sh->s));
    return done ? done : code;
}

/* Stores files in the folder where the session is. */
static int store(struct shell *sh, const struct options *o, char *const files[], size_t count)
{
    char *folder = client_join(sh->there, ""); /* with the slash that says so */
    enum client_result r = folder ? CLIENT_OK : (enum client_result)say_local("sally", ENOMEM), done;

    for (size_t i = 0; i < count && !r; i++)
        r = session_add(sh->s, o, folder, files[i], task_put);
    done = session_run(sh->s);
    free(folder);
    forget_listing(sh);
    return failed(sh, r ? r : done);
}

static int run_put(struct shell *sh, const struct options *o, char *const words[])
{
    size_t count = count_words(words);

    return names_differ(words, count, false) ? store(sh, o, words, count) : EXIT_USAGE;
}

static int run_mput(struct shell *sh, const struct options *o, char *const words[])
{
    glob_t found = {.gl_pathc = 0};
    int code = 0;

    for (char *const *word = words; *word; word++)
        if (glob(*word, GLOB_MARK | (word == words ? 0 : GLOB_APPEND), NULL, &found) == GLOB_NOMATCH) {
            WRONG(NOTHING_FITS, *word);
            code = CLIENT_LOCAL_FAILED;
        }
    for (size_t i = 0, kept = 0; i <= found.gl_pathc && found.gl_pathv; i++) { /* folders are mirror's */
        char *path = i < found.gl_pathc ? found.gl_pathv[i] : NULL;
        if (path && path[strlen(path) - 1] == '/')
            continue;
        if (!path) {
            int done =
                !names_differ(found.gl_pathv, kept, false) ? EXIT_USAGE : store(sh, o, found.gl_pathv, kept);
            code = done ? done : code;
            break;
        }
        char *other = found.gl_pathv[kept];
        found.gl_pathv[kept++] = path;
        found.gl_pathv[i] = other;
    }
    globfree(&found);
    return code;
}

/* A folder of this machine goes into the one where the session is, by its last name. */
static char *own_name_there(const struct shell *sh, const char *here)
{
    size_t end = strlen(here), begin;
    char *name, *path;

    while (end > 0 && here[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && here[begin - 1] != '/';)
        begin--;
    name = strndup(here + begin, end - begin);
    path = name ? shell_there(sh, name) : NULL;
    free(name);
    return path;
}

static int run_mirror(struct shell *sh, const struct options *o, char *const words[])
{
    const char *from = words[0], *to = words[1];
    const char *there = o->is_reverse && to ? to : from, *slash = strrchr(there, '/');
    const char *here = o->is_reverse ? from : to ? to : slash ? slash + 1 : there;
    char *path = o->is_reverse && !to ? own_name_there(sh, from) : shell_there(sh, there);
    int code = path ? failed(sh, tree_mirror(o, sh->s, sh->show, path, *here ? here : "."))
                    : say_local("sally", ENOMEM);

    free(path);
    forget_listing(sh);
    return code;
}

static int run_doctor(struct shell *sh, const struct options *o, char *const words[])
{
    (void)words;
    forget_listing(sh); /* it may leave a file */
    return doctor_beside(o, sh->s, sh->there);
}

static int run_mkdir(struct shell *sh, const struct options *o, char *const words[])
{
    int code = 0;

    (void)o;
    for (; *words && !code; words++) {
        char *path = shell_there(sh, *words);
        code = path ? failed(sh, tell_server(sh, "MKD", path)) : say_local("sally", ENOMEM);
        free(path);
    }
    return code;
}

static int run_mv(struct shell *sh, const struct options *o, char *const words[])
{
    char *from = shell_there(sh, words[0]), *to = shell_there(sh, words[1]);
    enum client_result r =
        from && to ? tell_server(sh, "RNFR", from) : (enum client_result)say_local("sally", ENOMEM);

    (void)o;
    if (!r)
        r = tell_server(sh, "RNTO", to);
    free(from);
    free(to);
    return failed(sh, r);
}

static int say_line(struct shell *sh, const char *line)
{
    const char *blank = strchr(line, ' ');
    char verb[32];

    snprintf(verb, sizeof(verb), "%.*s", (int)(blank ? blank - line : (long)strlen(line)), line);
    return failed(sh, tell_server(sh, verb, blank ? blank + 1 : NULL));
}

static char *join_words(const char *first, char *const words[])
{
    char *line = strdup(first);

    for (; line && *words; words++) {
        char *more;
        int n = asprintf(&more, "%s%s%s", line, *line ? " " : "", *words);
        free(line);
        line = n < 0 ? NULL : more;
    }
    return line;
}

static int run_said(struct shell *sh, const char *first, char *const words[])
{
    bool before = show_be_verbose(sh->show, true); /* the answer is what was asked for */
    char *line = join_words(first, words);
    int code = line ? say_line(sh, line) : say_local("sally", ENOMEM);

    show_be_verbose(sh->show, before);

    free(line);
    return code;
}

static int run_quote(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    return run_said(sh, "", words);
}

static int run_site(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    return run_said(sh, "SITE", words);
}

static int run_chmod(struct shell *sh, const struct options *o, char *const words[])
{
    int code = 0;

    (void)o;
    for (char *const *file = words + 1; *file && !code; file++) {
        char *path = shell_there(sh, *file);
        char *const rest[] = {words[0], path, NULL};
        code = path ? run_said(sh, "SITE CHMOD", rest) : say_local("sally", ENOMEM);
        free(path);
    }
    return code;
}

static void print_bookmark(void *arg, const char *name, const char *url)
{
    (void)arg;
    printf("%s %s\n", name, url);
}

/* Without words: all; NAME: this place; NAME URL; -NAME: away with it. */
static int run_bookmark(struct shell *sh, const struct options *o, char *const words[])
{
    char *here = NULL;
    bool done = true;

    (void)o;
    if (!words[0]) {
        bookmark_each(print_bookmark, NULL);
    } else if (*words[0] == '-') {
        done = bookmark_set(words[0] + 1, NULL);
    } else if (words[1]) {
        struct client_url url;
        enum client_url_error error = client_url_parse(words[1], &url);
        if (error)
            return say_no_url(words[1], error);
        client_url_free(&url);
        done = bookmark_set(words[0], words[1]);
    } else if (sh->s && (here = client_url_text(&sh->url, sh->there))) {
        done = bookmark_set(words[0], here);
    } else {
        WRONG(BOOKMARK_NO_SESSION);
        done = false;
    }
    free(here);
    return done ? 0 : CLIENT_LOCAL_FAILED;
}

/* Adds each word's file to what waits. */
static int wait_for(struct shell *sh, bool is_put, char *const words[])
{
    int code = 0;

    for (; *words && !code; words++) {
        const char *slash = strrchr(*words, '/'), *name = slash ? slash + 1 : *words;
        char *path = is_put ? client_join(sh->there, name) : shell_there(sh, *words);
        char *url = path ? client_url_text(&sh->url, path) : NULL;
        code = url ? queue_add(is_put, url, is_put ? *words : name) : say_local("sally", ENOMEM);
        free(url);
        free(path);
    }
    return code;
}

static int run_queue(struct shell *sh, const struct options *o, char *const words[])
{
    bool is_put = words[0] && strcmp(words[0], "put") == 0;

    if (!words[0])
        return queue_list();
    if (words[1] && (is_put || strcmp(words[0], "get") == 0) && sh->s)
        return wait_for(sh, is_put, words + 1);
    if (!words[1] && strcmp(words[0], "clear") == 0)
        return queue_clear();
    if (!words[1] && strcmp(words[0], "run") == 0) {
        forget_listing(sh);
        return queue_run(o);
    }
    fprintf(stderr, "sally: queue [run | clear | get FILE... | put FILE...]\n");
    return EXIT_USAGE;
}

static int run_set(struct shell *sh, const struct options *o, char *const words[])
{
    (void)o;
    (void)words;
    show_be_verbose(sh->show, sh->o.is_verbose);
    return 0;
}

static int run_help(struct shell *sh, const struct options *o, char *const words[]);

static const struct row {
    const char *name;
    int least, most; /* words behind it, options apart */
    bool needs_session, has_options;
    enum shell_word word;
    run_fn *run;
    const char *form;
    enum speech_phrase what;
} rows[] = {
    {"bookmark", 0, 2, false, false, SHELL_BOOKMARK, run_bookmark, "[-]NAME [URL]", SPEECH_SHELL_BOOKMARK},
    {"bye", 0, 0, false, false, SHELL_NOTHING, run_quit, "", SPEECH_SHELL_QUIT},
    {"cat", 1, 200, true, true, SHELL_THERE, run_cat, "FILE...", SPEECH_SHELL_CAT},
    {"cd", 0, 1, true, false, SHELL_THERE_FOLDER, run_cd, "[FOLDER]", SPEECH_SHELL_CD},
    {"chmod", 2, 200, true, false, SHELL_THERE, run_chmod, "MODE FILE...", SPEECH_SHELL_CHMOD},
    {"close", 0, 0, false, false, SHELL_NOTHING, run_close, "", SPEECH_SHELL_CLOSE},
    {"doctor", 0, 0, true, true, SHELL_NOTHING, run_doctor, "[--no-upload]", SPEECH_SHELL_DOCTOR},
    {"get", 1, 200, true, true, SHELL_THERE, run_get, "[-c] [-o FILE] FILE...", SPEECH_SHELL_GET},
    {"help", 0, 1, false, false, SHELL_NOTHING, run_help, "[COMMAND]", SPEECH_SHELL_HELP},
    {"lcd", 0, 1, false, false, SHELL_HERE, run_lcd, "[FOLDER]", SPEECH_SHELL_LCD},
    {"lpwd", 0, 0, false, false, SHELL_NOTHING, run_lpwd, "", SPEECH_SHELL_LPWD},
    {"ls", 0, 200, true, true, SHELL_THERE, run_ls, "[--json] [FOLDER...]", SPEECH_SHELL_LS},
    {"mget", 1, 200, true, true, SHELL_THERE, run_mget, "PATTERN...", SPEECH_SHELL_MGET},
    {"mirror", 1, 2, true, true, SHELL_THERE, run_mirror, "[-R] [-n] [--delete] FROM [TO]",
     SPEECH_SHELL_MIRROR},
    {"mkdir", 1, 200, true, false, SHELL_THERE_FOLDER, run_mkdir, "FOLDER...", SPEECH_SHELL_MKDIR},
    {"mput", 1, 200, true, true, SHELL_HERE, run_mput, "PATTERN...", SPEECH_SHELL_MPUT},
    {"mv", 2, 2, true, false, SHELL_THERE, run_mv, "FROM TO", SPEECH_SHELL_MV},
    {"open", 1, 1, false, false, SHELL_BOOKMARK, run_open, "URL", SPEECH_SHELL_OPEN},
    {"put", 1, 200, true, true, SHELL_HERE, run_put, "[-c] FILE...", SPEECH_SHELL_PUT},
    {"pwd", 0, 0, true, false, SHELL_NOTHING, run_pwd, "", SPEECH_SHELL_PWD},
    {"queue", 0, 200, false, true, SHELL_THERE, run_queue, "[run | clear | get FILE... | put FILE...]",
     SPEECH_SHELL_QUEUE},
    {"quit", 0, 0, false, false, SHELL_NOTHING, run_quit, "", SPEECH_SHELL_QUIT},
    {"quote", 1, 200, true, false, SHELL_NOTHING, run_quote, "WORD...", SPEECH_SHELL_QUOTE},
    {"rm", 1, 200, true, true, SHELL_THERE, run_rm, "[-r] FILE...", SPEECH_SHELL_RM},
    {"set", 0, 0, false, true, SHELL_NOTHING, run_set, "OPTION...", SPEECH_SHELL_SET},
    {"site", 1, 200, true, false, SHELL_NOTHING, run_site, "WORD...", SPEECH_SHELL_SITE},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *find_row(const char *name)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int run_help(struct shell *sh, const struct options *o, char *const words[])
{
    (void)sh;
    (void)o;
    for (unsigned i = 0; i < ROWS; i++)
        if (!words[0] || strcmp(words[0], rows[i].name) == 0)
            printf("%-8s %-32s %s\n", rows[i].name, rows[i].form, speech_plain(rows[i].what));
    if (words[0] && !find_row(words[0]))
        WRONG(COMMAND_UNKNOWN, words[0]);
    return words[0] && !find_row(words[0]) ? EXIT_USAGE : 0;
}

enum shell_word shell_word_kind(const char *command, unsigned i)
{
    const struct row *row = find_row(command);

    return i == 0 || !row ? SHELL_NOTHING : row->word;
}

const char *shell_command_name(unsigned i)
{
    return i < ROWS ? rows[i].name : NULL;
}

/* ---- lines ---- */

/* Options are needed for longer than their line. Words become copies. */
static bool keep_words(struct shell *sh, int count, char **words)
{
    char **more = reallocarray(sh->set, sh->set_count + (size_t)count, sizeof(*more));

    if (!more)
        return false;
    sh->set = more;
    for (int i = 0; i < count; i++) {
        char *word = strdup(words[i]);
        if (!word)
            return false;
        words[i] = sh->set[sh->set_count++] = word;
    }
    return true;
}

static bool is_other(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

/* Is it by another session that a command is to be done? */
static bool is_for_sessions(const struct options *a, const struct options *b)
{
    const struct client_site *one = &a->site, *other = &b->site;

    return a->parallel != b->parallel || a->segments != b->segments || a->retries != b->retries ||
           a->delay_ms != b->delay_ms || one->rate != other->rate || one->ways != other->ways ||
           one->security != other->security || one->connect_ms != other->connect_ms ||
           one->active_first != other->active_first || one->active_last != other->active_last ||
           is_other(one->active_address, other->active_address) || is_other(one->encoding, other->encoding) ||
           is_other(one->fingerprint, other->fingerprint);
}

static int run_row(struct shell *sh, const struct row *row, int count, char **words)
{
    struct options own = sh->o;
    int first = 1, left, code;
    bool was_verbose;

    if (row->has_options && !keep_words(sh, count, words))
        return say_local("sally", ENOMEM);
    if (row->has_options)
        switch (options_read(count, words, row->run == run_set ? &sh->o : &own, &first)) {
        case OPTIONS_OK:
            break;
        case OPTIONS_WRONG:
            return EXIT_USAGE;
        case OPTIONS_HELP:
        case OPTIONS_VERSION: /* of the program, which is no command's */
            return run_help(sh, &own, (char *const[]){words[0], NULL});
        }
    left = count - first;
    if (left < row->least || left > row->most) {
        fprintf(stderr, "sally: %s %s\n", row->name, row->form);
        return EXIT_USAGE;
    }
    if (row->needs_session && !sh->s) {
        WRONG(NO_SESSION);
        return CLIENT_NO_CONNECTION;
    }
    if (row->needs_session && is_for_sessions(&own, &sh->used)) {
        enum client_result r;
        sh->used = own;
        r = session_renew(sh->s, &sh->used);
        if (r) {
            shut(sh);
            return failed(sh, r);
        }
    }
    was_verbose = show_be_verbose(sh->show, own.is_verbose);
    code = row->run(sh, &own, words + first);
    if (row->run != run_set)
        show_be_verbose(sh->show, was_verbose);
    return code;
}

/* Words as a shell has them: in quotes, or with \ before blanks. */
static int run_line(struct shell *sh, const char *line)
{
    Tokenizer *t = tok_init(NULL);
    const char **found;
    char *words[SHELL_WORDS + 1];
    int count, code = 0;

    if (!t)
        return say_local("sally", ENOMEM);
    if (tok_str(t, line, &count, &found) != 0 || count > SHELL_WORDS) {
        say_wrong(count > SHELL_WORDS ? PHRASE(LINE_LONG) : PHRASE(LINE_QUOTE));
        tok_end(t);
        return EXIT_USAGE;
    }
    for (int i = 0; i < count; i++)
        words[i] = (char *)(uintptr_t)found[i]; /* options_read moves them about, and changes none */
    words[count] = NULL;
    if (count > 0 && *words[0] != '#') {
        const struct row *row = find_row(words[0]);
        if (row)
            code = run_row(sh, row, count, words);
        else
            WRONG(COMMAND_UNKNOWN_HELP, words[0]);
        code = row ? code : EXIT_USAGE;
    }
    tok_end(t);
    return code;
}

/* Ctrl-C has ended what ran, and no more. */
static void forget_stop(const struct shell *sh)
{
    uint64_t count;

    (void)!read(sh->o.stop, &count, sizeof(count)); /* there may be none */
}

int shell_run(const struct options *o, const char *url)
{
    struct shell sh = {.o = *o, .show = show_new(o)};
    struct shell_line *l = shell_line_new(&sh);
    int code = 0, first;

    if (!sh.show || !l)
        code = say_local("sally", ENOMEM);
    else if (url)
        code = open_url(&sh, url);
    first = code;
    /* A script goes no further than to what fails, and a person may try again. */
    while (l && sh.show && !sh.is_over && (!code || shell_line_has_person(l))) {
        const char *line = shell_line_read(l);
        forget_stop(&sh);
        if (!line)
            break;
        code = run_line(&sh, line);
        first = first ? first : code;
    }
    shut(&sh);
    for (size_t i = 0; i < sh.set_count; i++)
        free(sh.set[i]);
    free(sh.set);
    shell_line_free(&l);
    show_free(&sh.show);
    return first;
}
