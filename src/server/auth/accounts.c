/* SPDX-License-Identifier: BSD-2-Clause */
#include "server/auth/accounts.h"

#include "server/auth/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One table. The application id says that the file is ours, the user version which shape it has; both are
 * written in the transaction that makes the table. A rollback journal, not a write-ahead log: the file stays
 * a single one that can be copied, and a reader needs no second file that it may write to.
 */
enum {
    ACCOUNTS_ID = 0x53614163, /* "SaAc" */
    ACCOUNTS_VERSION = 1,
    BUSY_MILLISECONDS = 10000,
};

#define NAME_MAX_BYTES       64
#define TEXT_OF(number)      TEXT_OF_LITERAL(number)
#define TEXT_OF_LITERAL(arg) #arg

static const char schema[] = "CREATE TABLE account ("
                             "  name TEXT PRIMARY KEY NOT NULL,"
                             "  hash TEXT NOT NULL,"
                             "  home TEXT NOT NULL,"
                             "  rights TEXT NOT NULL," /* letters: they outlive a change of enum right */
                             "  rate INTEGER NOT NULL CHECK (rate >= 0),"
                             "  quota_bytes INTEGER NOT NULL CHECK (quota_bytes >= 0),"
                             "  quota_files INTEGER NOT NULL CHECK (quota_files >= 0)"
                             ") STRICT, WITHOUT ROWID;";

struct accounts {
    sqlite3 *db;
};

void account_fini(struct account *a)
{
    if (a->hash)
        explicit_bzero(a->hash, strlen(a->hash));
    free(a->name);
    free(a->hash);
    free(a->home);
    *a = (struct account){0};
}

/* One character of well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). Its length
 * in bytes and *ret, or 0. */
static int utf8_decode(const unsigned char *at, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length */
    int len = *at < 0x80 ? 1 : *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf8 ? 4 : 0;
    if (len < 2) {
        *ret = *at;
        return len;
    }
    uint32_t code = *at & (0xffu >> (len + 1));
    for (int i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) /* the NUL at the end as well */
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    *ret = code;
    return code >= least[len] && (code < 0xd800 || code > 0xdfff) && code <= 0x10ffff ? len : 0;
}

/* UTF-8 without control characters (C0, DEL, C1)? */
static bool is_printable_utf8(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        uint32_t code = 0;
        int len = utf8_decode(at, &code);
        if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += len;
    }
    return true;
}

const char *account_name_fault(const char *name)
{
    if (!*name)
        return "is empty";
    if (strlen(name) > NAME_MAX_BYTES)
        return "is longer than " TEXT_OF(NAME_MAX_BYTES) " bytes";
    if (!is_printable_utf8(name))
        return "has a control character or is not UTF-8";
    if (strchr(name, '/'))
        return "has a \"/\" in it";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "is a directory's";
    if (strcasecmp(name, "anonymous") == 0 || strcasecmp(name, "ftp") == 0)
        return "is what anonymous users log in with";
    return NULL;
}

/* --- SQLite ------------------------------------------------------------------------------------------ */

static int error_of(sqlite3 *db, int code)
{
    static const struct {
        int code, error;
    } errors[] = {
        {SQLITE_OK, 0},           {SQLITE_DONE, 0},
        {SQLITE_ROW, 0},          {SQLITE_BUSY, EBUSY},
        {SQLITE_LOCKED, EBUSY},   {SQLITE_NOMEM, ENOMEM},
        {SQLITE_READONLY, EROFS}, {SQLITE_FULL, ENOSPC},
        {SQLITE_IOERR, EIO},      {SQLITE_CONSTRAINT, EEXIST},
        {SQLITE_PERM, EACCES},    {SQLITE_AUTH, EACCES},
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].code == (code & 0xff))
            return -errors[i].error;
    if ((code & 0xff) == SQLITE_CANTOPEN && db && sqlite3_system_errno(db))
        return -sqlite3_system_errno(db);
    return -EUCLEAN; /* CORRUPT, NOTADB, a missing table, a column of another type */
}

static int run(struct accounts *a, const char *sql)
{
    return error_of(a->db, sqlite3_exec(a->db, sql, NULL, NULL, NULL));
}

/* A prepared statement with its text arguments bound. NULL and *ret_error on failure. */
static sqlite3_stmt *prepare(struct accounts *a, const char *sql, const char *const *texts, int count,
                             int *ret_error)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(a->db, sql, -1, &s, NULL);
    for (int i = 0; i < count && code == SQLITE_OK; i++)
        code = sqlite3_bind_text(s, i + 1, texts[i], -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        return s;
    *ret_error = error_of(a->db, code);
    (void)sqlite3_finalize(s);
    return NULL;
}

/* Runs a statement that changes rows, to its end. 0, -ENOENT: it changed none; or -errno. */
static int finish_change(struct accounts *a, sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    int changed = sqlite3_changes(a->db);
    int last = sqlite3_finalize(s);
    if (code != SQLITE_DONE || last != SQLITE_OK)
        return error_of(a->db, code == SQLITE_DONE ? last : code);
    return changed > 0 ? 0 : -ENOENT;
}

static int pragma_get(struct accounts *a, const char *sql, int *ret)
{
    int r = 0;
    sqlite3_stmt *s = prepare(a, sql, NULL, 0, &r);
    if (!s)
        return r;
    int code = sqlite3_step(s);
    int value = code == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
    (void)sqlite3_finalize(s);
    if (code != SQLITE_ROW)
        return error_of(a->db, code);
    *ret = value;
    return 0;
}

/* Is it ours? With create, an empty database becomes ours. */
static int accounts_adopt(struct accounts *a, bool create)
{
    int id = 0, version = 0, tables = 0;
    int r = pragma_get(a, "PRAGMA application_id", &id);
    if (r == 0)
        r = pragma_get(a, "PRAGMA user_version", &version);
    if (r == 0)
        r = pragma_get(a, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0)
        return r;
    if (id == ACCOUNTS_ID && version == ACCOUNTS_VERSION)
        return 0;
    if (!create || id != 0 || version != 0 || tables != 0)
        return -EUCLEAN;

    char stamp[96];
    (void)snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d;", ACCOUNTS_ID,
                   ACCOUNTS_VERSION);
    r = run(a, schema);
    return r < 0 ? r : run(a, stamp);
}

static int accounts_prepare(struct accounts *a, bool write)
{
    (void)sqlite3_extended_result_codes(a->db, 1);
    (void)sqlite3_busy_timeout(a->db, BUSY_MILLISECONDS);
    (void)sqlite3_db_config(a->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int r = run(a, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;");
    if (r < 0)
        return r;
    /* A reader opens for writing too, where it may: only so can it roll back what a killed writer left. */
    if (!write) {
        r = run(a, "PRAGMA query_only = ON");
        return r < 0 ? r : accounts_adopt(a, false);
    }
    r = run(a, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    if (r < 0)
        return r;
    r = accounts_adopt(a, true);
    return r < 0 ? r : run(a, "COMMIT"); /* closing rolls back */
}

/* Passwords' hashes are in there, and who may write to it may be anybody: made 0600, and taken only from its
 * owner. */
static int file_check(const char *path, bool create)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (create ? O_CREAT : 0), 0600);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    (void)close(fd);
    if (r < 0)
        return r;
    if (!S_ISREG(st.st_mode))
        return -EUCLEAN;
    return (st.st_mode & 022) || (st.st_uid != 0 && st.st_uid != geteuid()) ? -EPERM : 0;
}

int accounts_open(const char *path, bool write, struct accounts **ret)
{
    int r = file_check(path, write);
    if (r < 0)
        return r;
    struct accounts *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;

    int code = sqlite3_open_v2(path, &a->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    r = code == SQLITE_OK ? accounts_prepare(a, write) : error_of(a->db, code);
    if (r < 0) {
        accounts_close(&a);
        return r;
    }
    *ret = a;
    return 0;
}

void accounts_close(struct accounts **a)
{
    if (!*a)
        return;
    (void)sqlite3_close_v2((*a)->db);
    free(*a);
    *a = NULL;
}

/* --- rows -------------------------------------------------------------------------------------------- */

static char *column_copy(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text ? strdup(text) : NULL;
}

/* The row that s stands on: name, hash, home, rights, rate, quota_bytes, quota_files. 0, -ENOMEM, -EUCLEAN.
 */
static int row_read(sqlite3_stmt *s, struct account *ret)
{
    struct account a = {
        .name = column_copy(s, 0),
        .hash = column_copy(s, 1),
        .home = column_copy(s, 2),
        .rate = (uint64_t)sqlite3_column_int64(s, 4),
        .quota_bytes = (uint64_t)sqlite3_column_int64(s, 5),
        .quota_files = (uint64_t)sqlite3_column_int64(s, 6),
    };
    const char *letters = (const char *)sqlite3_column_text(s, 3);
    int r = a.name && a.hash && a.home && letters ? 0 : -ENOMEM;
    if (r == 0 && (rights_parse(letters, &a.rights) < 0 || a.home[0] != '/'))
        r = -EUCLEAN;
    if (r < 0)
        account_fini(&a);
    else
        *ret = a;
    return r;
}

#define COLUMNS "name, hash, home, rights, rate, quota_bytes, quota_files"

int accounts_find(struct accounts *a, const char *name, struct account *ret)
{
    int r = 0;
    sqlite3_stmt *s = prepare(a, "SELECT " COLUMNS " FROM account WHERE name = ?1", &name, 1, &r);
    if (!s)
        return r;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        r = row_read(s, ret);
    else
        r = code == SQLITE_DONE ? -ENOENT : error_of(a->db, code);
    (void)sqlite3_finalize(s);
    return r;
}

int accounts_each(struct accounts *a, bool (*each)(void *ctx, const struct account *), void *ctx)
{
    int r = 0, code = SQLITE_DONE;
    sqlite3_stmt *s = prepare(a, "SELECT " COLUMNS " FROM account ORDER BY name", NULL, 0, &r);
    if (!s)
        return r;
    bool more = true;
    while (more && r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct account account;
        r = row_read(s, &account);
        if (r == 0) {
            more = each(ctx, &account);
            account_fini(&account);
        }
    }
    (void)sqlite3_finalize(s);
    return r < 0 || !more ? r : error_of(a->db, code);
}

int accounts_add(struct accounts *a, const struct account *in)
{
    char letters[RIGHTS_LETTERS_CAP];
    if (account_name_fault(in->name) || in->home[0] != '/' || !is_printable_utf8(in->home) ||
        rights_print(in->rights, letters) < 0 || in->rate > INT64_MAX || in->quota_bytes > INT64_MAX ||
        in->quota_files > INT64_MAX)
        return -EINVAL;

    int r = 0;
    const char *const texts[] = {in->name, in->hash, in->home, letters};
    sqlite3_stmt *s =
        prepare(a, "INSERT INTO account (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", texts, 4, &r);
    if (!s)
        return r;
    const uint64_t numbers[] = {in->rate, in->quota_bytes, in->quota_files};
    for (int i = 0; i < 3; i++) {
        int code = sqlite3_bind_int64(s, 5 + i, (sqlite3_int64)numbers[i]);
        if (code != SQLITE_OK)
            r = error_of(a->db, code);
    }
    if (r < 0) {
        (void)sqlite3_finalize(s);
        return r;
    }
    return finish_change(a, s);
}

int accounts_set_password(struct accounts *a, const char *name, const char *hash)
{
    int r = 0;
    const char *const texts[] = {name, hash};
    sqlite3_stmt *s = prepare(a, "UPDATE account SET hash = ?2 WHERE name = ?1", texts, 2, &r);
    return s ? finish_change(a, s) : r;
}

int accounts_delete(struct accounts *a, const char *name)
{
    int r = 0;
    sqlite3_stmt *s = prepare(a, "DELETE FROM account WHERE name = ?1", &name, 1, &r);
    return s ? finish_change(a, s) : r;
}
