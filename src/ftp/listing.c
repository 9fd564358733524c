/* SPDX-License-Identifier: BSD-2-Clause */
#include "ftp/listing.h"

#include "ftp/time.h"

#include <errno.h>
#include <string.h>

/* What follows a word of the line: behind one blank, and behind further ones up to so many. */
static struct ftp_text name_after(struct ftp_text line, struct ftp_text word, size_t blanks)
{
    struct ftp_text name = ftp_text_from(line, (size_t)(word.at - line.at) + word.len + 1);
    while (--blanks > 0 && name.len > 0 && ftp_is_blank(*name.at))
        name = ftp_text_from(name, 1);
    return name;
}

/* --- Unix; and NetWare, which has rights of its own -------------------------------------------------- */

/* "rwsr-xr-t"; 'l' (locks) and 'a' (an attribute of DOS) are at the end of three. */
static bool read_mode(struct ftp_text t, uint32_t *ret)
{
    uint32_t mode = 0;
    for (unsigned i = 0; i < 9; i++) {
        uint32_t bit = UINT32_C(0400) >> i, special = UINT32_C(04000) >> i / 3;
        char c = i < t.len ? t.at[i] : '\0';
        bool is_last = i % 3 == 2;
        if (c == "rwx"[i % 3])
            mode |= bit;
        else if (is_last && (c == 's' || c == 't'))
            mode |= bit | special;
        else if (is_last && (c == 'S' || c == 'T' || c == 'l' || c == 'L'))
            mode |= special;
        else if (c != '-' && !(is_last && c == 'a'))
            return false;
    }
    *ret = mode;
    return true;
}

/* "-rw-r--r--+" or "d [RWCEAFMS]". Its length or 0. */
static size_t read_rights(struct ftp_text line, struct ftp_listed *e)
{
    if (line.len == 0 || !memchr("-dlbcpsDnCM", *line.at, 11))
        return 0;
    e->kind = *line.at == '-'   ? FTP_LISTED_FILE
              : *line.at == 'd' ? FTP_LISTED_FOLDER
              : *line.at == 'l' ? FTP_LISTED_LINK
                                : FTP_LISTED_OTHER;
    e->has_mode = read_mode(ftp_text_from(line, 1), &e->mode);
    if (e->has_mode) /* access lists and labels have a mark; a long count of links has no blank before it */
        return line.len > 10 && memchr(".+@", line.at[10], 3) ? 11 : 10;
    size_t at = line.len > 1 && line.at[1] == ' ' ? 2 : 1;
    const char *end = at < line.len && line.at[at] == '[' ? memchr(line.at, ']', line.len) : NULL;
    return end ? (size_t)(end - line.at) + 1 : 0;
}

/* A size's column: a number, or what has no exact one, "8," and "1.2K". */
static bool read_size(struct ftp_text t, struct ftp_listed *e)
{
    e->has_size = ftp_text_number(t, 10, &e->size);
    for (size_t i = 0; i < t.len; i++)
        if (!ftp_is_digit(t.at[i]) && (i == 0 || !memchr(".,kKMGTP", t.at[i], 8)))
            return false;
    return true;
}

/* The columns between the rights and the size: links, owner, group (which may have blanks), or fewer. */
static void read_owners(const struct ftp_text *w, size_t count, struct ftp_listed *e)
{
    uint64_t links;
    struct ftp_text last = w[count - 1];
    if (ftp_is_digit(*last.at) && last.at[last.len - 1] == ',') { /* "8, 1": the numbers of a device */
        e->has_size = false;
        count--;
    }
    size_t at = count > 0 && ftp_text_number(w[0], 10, &links) ? 1 : 0;
    if (at < count)
        e->owner = w[at];
    if (at + 1 < count)
        e->group =
            (struct ftp_text){w[at + 1].at, (size_t)(w[count - 1].at - w[at + 1].at) + w[count - 1].len};
}

/* "name -> target". A name may have an arrow too; in Unix the size is the target's length, which tells. */
static void split_link(struct ftp_listed *e)
{
    static const char arrow[] = " -> ";
    struct ftp_text all = e->name;
    const char *found = memmem(all.at, all.len, arrow, 4);
    if (found && e->has_size && e->size > 0 && e->size <= all.len - 4 &&
        memcmp(all.at + all.len - e->size - 4, arrow, 4) == 0)
        found = all.at + all.len - e->size - 4;
    if (!found)
        return;
    e->name.len = (size_t)(found - all.at);
    e->target = ftp_text_from(all, e->name.len + 4);
}

/* Columns have no fixed places, and an owner or a group may have blanks. So the size is the first number with a
 * date behind it, not too far to the right, lest a name pass for columns. */
static int read_unix(struct ftp_dialect *dialect, struct ftp_text line, int64_t now, struct ftp_listed *e)
{
    enum { SIZE_LAST = 7 };
    size_t rights = read_rights(line, e), used = 0;
    (void)dialect;
    if (rights == 0)
        return -EINVAL;
    struct ftp_words w = ftp_text_split(ftp_text_from(line, rights));
    for (size_t i = 1; i <= SIZE_LAST && i < w.count; i++) {
        const struct ftp_text *date = &w.word[i + 1];
        size_t count = w.count - i - 1;
        if (!read_size(w.word[i], e) || (used = ftp_date_ls(date, count, now, &e->time)) == 0)
            continue;
        read_owners(w.word, i, e);
        e->name = name_after(line, date[used - 1], e->has_mode ? 1 : line.len);
        if (e->kind == FTP_LISTED_LINK)
            split_link(e);
        return 1;
    }
    return -EINVAL;
}

/* --- DOS and IIS: "01-31-24  12:59PM       <DIR>          name" -------------------------------------- */

static bool read_dos_kind(struct ftp_text t, struct ftp_listed *e)
{
    if (*t.at != '<') {
        e->kind = FTP_LISTED_FILE;
        return read_size(t, e);
    }
    e->kind = ftp_text_is(t, "<DIR>")                                              ? FTP_LISTED_FOLDER
              : ftp_text_begins(t, "<SYMLINK") || ftp_text_begins(t, "<JUNCTION>") ? FTP_LISTED_LINK
                                                                                   : FTP_LISTED_OTHER;
    return t.at[t.len - 1] == '>';
}

/* "name [target]" */
static void split_dos_link(struct ftp_listed *e)
{
    struct ftp_text all = e->name;
    const char *open = memrchr(all.at, '[', all.len);
    if (!open || open < all.at + 2 || open[-1] != ' ' || all.at[all.len - 1] != ']')
        return;
    e->name.len = (size_t)(open - all.at) - 1;
    e->target = ftp_text_from(all, e->name.len + 2);
    e->target.len--;
}

static int read_dos(struct ftp_dialect *dialect, struct ftp_text line, int64_t now, struct ftp_listed *e)
{
    enum { KIND_WIDTH = 15 }; /* of "<DIR>" and the blanks behind it */
    struct ftp_words w = ftp_text_split(line);
    size_t at = ftp_date_dos(w.word, w.count, &dialect->day_first, &e->time);
    (void)now;
    if (at == 0 || at == w.count || !read_dos_kind(w.word[at], e))
        return -EINVAL;
    size_t blanks = KIND_WIDTH - w.word[at].len;
    e->name = name_after(line, w.word[at], *w.word[at].at == '<' && w.word[at].len < KIND_WIDTH ? blanks : 1);
    if (e->kind == FTP_LISTED_LINK)
        split_dos_link(e);
    return 1;
}

/* --- EPLF: "+i8388621.29609,m824255902,/,\tdev" ------------------------------------------------------ */

static void read_eplf_fact(struct ftp_text fact, struct ftp_listed *e)
{
    struct ftp_text value = ftp_text_from(fact, 1);
    uint64_t number;
    if (ftp_text_is(fact, "/")) {
        e->kind = FTP_LISTED_FOLDER;
    } else if (ftp_text_is(fact, "r") && e->kind == FTP_LISTED_UNKNOWN) {
        e->kind = FTP_LISTED_FILE;
    } else if (ftp_text_begins(fact, "s")) {
        e->has_size = ftp_text_number(value, 10, &e->size);
    } else if (ftp_text_begins(fact, "i")) {
        e->unique = value;
    } else if (ftp_text_begins(fact, "up") && ftp_text_number(ftp_text_from(fact, 2), 8, &number)) {
        e->has_mode = true;
        e->mode = number & 07777;
    } else if (ftp_text_begins(fact, "m") && ftp_text_number(value, 10, &number) && number <= INT64_MAX) {
        e->time.is_known = e->time.is_utc = ftp_time_can_say((int64_t)number);
        e->time.seconds = (int64_t)number;
    }
}

static int read_eplf(struct ftp_dialect *dialect, struct ftp_text line, int64_t now, struct ftp_listed *e)
{
    (void)dialect;
    (void)now;
    if (!ftp_text_begins(line, "+") || !memchr(line.at, '\t', line.len))
        return -EINVAL;
    e->name = ftp_text_from(line, 1);
    for (struct ftp_text facts = ftp_text_take(&e->name, '\t'); facts.len > 0;)
        read_eplf_fact(ftp_text_take(&facts, ','), e);
    return 1;
}

/* --- VMS: "NAME.EXT;1  12/15  31-JAN-2024 12:59:59  [OWNER]  (RWED,RWED,RE,)" ------------------------ */

/* With its version. A folder is "NAME.DIR;1" and gone into as "NAME". */
static bool read_vms_name(struct ftp_text t, struct ftp_listed *e)
{
    struct ftp_text version = t, name = ftp_text_take(&version, ';');
    uint64_t number;
    if (name.len == 0 || !ftp_text_number(version, 10, &number))
        return false;
    bool is_folder = name.len > 4 && ftp_text_is(ftp_text_from(name, name.len - 4), ".DIR");
    e->kind = is_folder ? FTP_LISTED_FOLDER : FTP_LISTED_FILE;
    e->name = (struct ftp_text){t.at, is_folder ? name.len - 4 : t.len};
    return true;
}

/* Which there are differs between servers. Sizes are in blocks, so it is not known how many bytes. */
static void read_vms_columns(const struct ftp_text *w, size_t count, struct ftp_listed *e)
{
    for (size_t i = 0; i < count; i++) {
        if (w[i].len > 2 && *w[i].at == '[' && w[i].at[w[i].len - 1] == ']')
            e->owner = (struct ftp_text){w[i].at + 1, w[i].len - 2};
        if (!e->time.is_known)
            (void)ftp_date_vms(w + i, count - i, &e->time); /* other columns are no dates */
    }
}

/* A long name has a line of its own, and the columns follow in the next one, behind blanks. */
static int read_vms(struct ftp_dialect *dialect, struct ftp_text line, int64_t now, struct ftp_listed *e)
{
    struct ftp_words w = ftp_text_split(line);
    struct ftp_text begun = {dialect->name, dialect->begun};
    (void)now;
    dialect->begun = 0;
    if (w.count > 0 && ftp_is_blank(*line.at) && read_vms_name(begun, e)) {
        read_vms_columns(w.word, w.count, e);
        return 1;
    }
    if (w.count == 0 || !read_vms_name(w.word[0], e))
        return -EINVAL;
    if (w.count == 1 && w.word[0].len < sizeof(dialect->name)) {
        memcpy(dialect->name, w.word[0].at, w.word[0].len);
        dialect->begun = (uint16_t)w.word[0].len;
        return 0;
    }
    read_vms_columns(w.word + 1, w.count - 1, e);
    return 1;
}

/* --- a line ------------------------------------------------------------------------------------------ */

static struct ftp_text without_end(const char *line, size_t len)
{
    struct ftp_text t = {len > 0 ? line : "", len};
    t.len -= t.len > 0 && t.at[t.len - 1] == '\n';
    t.len -= t.len > 0 && t.at[t.len - 1] == '\r';
    return t;
}

static void look_at_name(struct ftp_listed *e)
{
    e->flaws = e->name.len == 0 ? FTP_NAME_EMPTY : 0;
    for (size_t i = 0; i < e->name.len; i++) {
        uint8_t c = (uint8_t)e->name.at[i];
        e->flaws |= c == '/' ? FTP_NAME_SLASH : c < ' ' || c == 0x7f ? FTP_NAME_CONTROL : 0;
    }
    if (ftp_text_is(e->name, "."))
        e->kind = FTP_LISTED_SELF;
    else if (ftp_text_is(e->name, ".."))
        e->kind = FTP_LISTED_PARENT;
}

/* "total 12" in a language that ls speaks; what VMS writes above and below; nothing at all. */
static bool says_nothing(struct ftp_text line)
{
    static const char *const sums[] = {"total", "totaal", "insgesamt", "celkem", "razem", "*"};
    struct ftp_words w = ftp_text_split(line);
    bool is_sum = false;
    for (size_t i = 0; w.count > 1 && i < sizeof(sums) / sizeof(sums[0]); i++)
        is_sum |= ftp_text_begins(w.word[0], sums[i]);
    return w.count == 0 || (w.count == 2 && is_sum && ftp_is_digit(*w.word[1].at)) ||
           (w.count == 2 && ftp_text_is(w.word[0], "Directory")) ||
           (w.count > 2 && ftp_text_is(w.word[0], "Total") && ftp_text_is(w.word[1], "of"));
}

int ftp_listed_read_line(struct ftp_dialect *dialect, const char *line, size_t len, int64_t now,
                         struct ftp_listed *ret)
{
    static int (*const readers[])(struct ftp_dialect *, struct ftp_text, int64_t,
                                  struct ftp_listed *) = {read_eplf, read_unix, read_dos, read_vms};
    struct ftp_text text = without_end(line, len);
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        struct ftp_listed e = {0};
        int r = readers[i](dialect, text, now, &e);
        look_at_name(&e);
        if (r == 1)
            *ret = e;
        if (r != -EINVAL)
            return r;
    }
    return says_nothing(text) ? 0 : -EINVAL;
}

/* --- MLSD and MLST ----------------------------------------------------------------------------------- */

static void read_type(struct ftp_text value, struct ftp_listed *e)
{
    static const struct {
        const char *name;
        enum ftp_listed_kind kind;
    } kinds[] = {{"file", FTP_LISTED_FILE},          {"dir", FTP_LISTED_FOLDER},
                 {"cdir", FTP_LISTED_SELF},          {"pdir", FTP_LISTED_PARENT},
                 {"OS.unix=slink", FTP_LISTED_LINK}, {"OS.unix=symlink", FTP_LISTED_LINK}};
    struct ftp_text target = value, type = ftp_text_take(&target, ':');
    e->kind = FTP_LISTED_OTHER;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (ftp_text_is(type, kinds[i].name))
            e->kind = kinds[i].kind;
    if (e->kind == FTP_LISTED_LINK && target.len > 0)
        e->target = target;
}

static void read_fact_size(struct ftp_text value, struct ftp_listed *e)
{
    e->has_size = ftp_text_number(value, 10, &e->size);
}

/* A blank or a semicolon follows the value. */
static void read_modify(struct ftp_text value, struct ftp_listed *e)
{
    const char *end;
    e->time.is_known = ftp_time_parse(value.at, &e->time.seconds, &end) == 0 && end == value.at + value.len;
    e->time.is_utc = e->time.is_known;
}

static void read_fact_mode(struct ftp_text value, struct ftp_listed *e)
{
    uint64_t mode = 0;
    e->has_mode = ftp_text_number(value, 8, &mode);
    e->mode = mode & 07777;
}

static void read_fact(struct ftp_text name, struct ftp_text value, struct ftp_listed *e)
{
    static const struct {
        const char *name;
        void (*read)(struct ftp_text value, struct ftp_listed *e);
    } facts[] = {{"type", read_type},
                 {"size", read_fact_size},
                 {"sizd", read_fact_size}, /* of a folder */
                 {"modify", read_modify},
                 {"UNIX.mode", read_fact_mode}};
    static const struct {
        const char *name;
        size_t place;
    } texts[] = {{"perm", offsetof(struct ftp_listed, perm)},
                 {"unique", offsetof(struct ftp_listed, unique)},
                 {"UNIX.owner", offsetof(struct ftp_listed, owner)},
                 {"UNIX.ownername", offsetof(struct ftp_listed, owner)},
                 {"UNIX.uid", offsetof(struct ftp_listed, owner)},
                 {"UNIX.group", offsetof(struct ftp_listed, group)},
                 {"UNIX.groupname", offsetof(struct ftp_listed, group)},
                 {"UNIX.gid", offsetof(struct ftp_listed, group)}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        if (ftp_text_is(name, facts[i].name))
            facts[i].read(value, e);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (ftp_text_is(name, texts[i].name))
            *(struct ftp_text *)((char *)e + texts[i].place) = value;
}

/* Where the blank before the name is. The facts have none (RFC 3659 section 7.2), but ProFTPD writes a group of
 * "domain users", and Pure-FTPd links to what has one: then it is the blank behind a semicolon. NULL: nowhere. */
static const char *end_of_facts(struct ftp_text line)
{
    const char *blank = memchr(line.at, ' ', line.len);
    if (!blank || blank == line.at || blank[-1] == ';')
        return blank;
    const char *later = memmem(blank, line.len - (size_t)(blank - line.at), "; ", 2);
    return later ? later + 1 : blank;
}

int ftp_listed_read_facts(const char *line, size_t len, struct ftp_listed *ret)
{
    struct ftp_text text = without_end(line, len);
    struct ftp_listed e = {0};
    if (text.len == 0)
        return 0;
    const char *blank = end_of_facts(text);
    if (!blank)
        return -EINVAL;
    struct ftp_text facts = {text.at, (size_t)(blank - text.at)};
    e.name = ftp_text_from(text, facts.len + 1);
    while (facts.len > 0) {
        struct ftp_text value = ftp_text_take(&facts, ';');
        if (value.len == 0)
            continue;
        if (!memchr(value.at, '=', value.len))
            return -EINVAL;
        struct ftp_text name = ftp_text_take(&value, '=');
        read_fact(name, value, &e);
    }
    look_at_name(&e);
    *ret = e;
    return 1;
}
