/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/wall/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wall/commands.h"
#include "cmd/wall/files.h"
#include "cmd/wall/nft_text.h"
#include "cmd/wall/running.h"
#include "cmd/wall/snapshot.h"
#include "explain/tell/plain.h"
#include "rules/forms/beside.h"
#include "rules/forms/forms.h"
#include "rules/nft/attach.h"

enum { LINE_SHOWN = 160 };

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

static void put_lines(const char *text)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        put_plain(line, strcspn(line, "\n"));
        putc('\n', stderr);
    }
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

/* ---- what is to be read ---- */

struct source {
    const char *name; /* as it was given; NULL: this machine */
    char *shown;
    char *text;
    size_t size;
    bool is_snapshot;
    bool is_asked; /* else its rules are taken for something else, which knows one back end alone */
    struct snapshot snapshot;
};

static void fini(struct source *s)
{
    free(s->shown);
    free(s->text);
}

static int tell_error(const struct source *s, int r)
{
    fprintf(stderr, "sallywall: %s: %s\n", s->shown ? s->shown : "out of memory", strerror(-r));
    return -1;
}

/* Of this machine the rules of one family are asked for, and the network; what nobody reads takes its time. */
static uint32_t not_wanted(uint8_t family)
{
    uint32_t without = UINT32_C(1) << SNAPSHOT_NFT; /* its JSON says the same */

    for (int i = SNAPSHOT_NFT_SAVE; i <= SNAPSHOT_SAVE6; i++)
        without |= SNAPSHOT_ROWS[i].family == family ? 0U : UINT32_C(1) << i;
    return without;
}

static int read_text(struct source *s, uint8_t family)
{
    uint32_t missing;
    int r;

    s->shown = strdup(!s->name ? "this machine" : strcmp(s->name, "-") == 0 ? "standard input" : s->name);
    if (!s->shown)
        return tell_error(s, -ENOMEM);
    r = s->name ? files_read(s->name, &s->text, &s->size)
                : snapshot_take(not_wanted(family), &s->text, &s->size, &missing);
    if (r)
        fprintf(stderr, "sallywall: %s: can't be read: %s\n", s->shown, source_reason(r));
    return r ? -1 : 0;
}

/* 0, or -1 and told. */
static int look_for_snapshot(struct source *s)
{
    struct host_error error;

    s->is_snapshot = snapshot_is(s->text, s->size);
    if (!s->is_snapshot || snapshot_read(s->text, s->size, &s->snapshot, &error) == 0)
        return 0;
    struct rules_error told = {.file = s->shown, .line = error.line, .column = error.column};
    memcpy(told.message, error.text, sizeof(error.text));
    source_tell_mistake(&told, s->text, s->size);
    return -1;
}

/* ---- a rule set ---- */

/* nft's own language, by way of nft. 0, or -1 and told. */
static int read_nft(struct source *s)
{
    const struct form form = form_of(s->text, s->size);
    char *json = NULL, *said = NULL;
    size_t size = 0;

    if (form.kind != FORM_NFT)
        return 0;
    int r = nft_text_list(s->text, &json, &size, &said);
    if (r == -EINVAL) {
        fprintf(stderr, "sallywall: %s: nft refuses this text:\n", s->shown);
        put_lines(said);
    } else if (r == -ENOTSUP) {
        fprintf(stderr, "sallywall: %s: this is %s; %s: %s\n", s->shown, form.is, said, form.instead);
    } else if (r) {
        tell_error(s, r);
    } else {
        free(s->text);
        s->text = json;
        s->size = size;
    }
    free(said);
    return r ? -1 : 0;
}

static int read_plain(struct source *s, enum source_forms forms, uint8_t family, uint8_t likely,
                      struct rules **ret)
{
    struct rules_error error = {0};
    bool any = forms == SOURCE_ANY;

    if (any && read_nft(s))
        return -1;
    if (!family && !(any ? forms_family(s->text, s->size) : rules_text_family(s->text, s->size)))
        family = likely;
    int r = any ? forms_read(s->text, s->size, s->shown, family, ret, &error)
                : rules_read(s->text, s->size, s->shown, family, ret, &error);
    if (r == -EINVAL)
        source_tell_mistake(&error, s->text, s->size);
    else if (r)
        return tell_error(s, r);
    return r ? -1 : 0;
}

/* ---- a snapshot ---- */

/* The rules of a family: of the back end that has some; if both have, the other's stand beside. */
struct back_ends {
    const struct snapshot_part *ours, *other; /* NULL: it has none */
    bool other_is_legacy, is_legacy_beside;
    const struct snapshot_part *nft;   /* what iptables made of nft's tables; NULL: it is not shown */
    const struct snapshot_part *asked; /* for why there is nothing */
};

static bool has_rules(const struct snapshot_part *part)
{
    return part->is_there && beside_holds_rules(part->text, part->size);
}

static struct back_ends choose_back_end(const struct snapshot *s, uint8_t family)
{
    bool six = family == PACKET_IPV6;
    const struct snapshot_part *nft = &s->parts[six ? SNAPSHOT_NFT_SAVE6 : SNAPSHOT_NFT_SAVE];
    const struct snapshot_part *legacy = &s->parts[six ? SNAPSHOT_LEGACY_SAVE6 : SNAPSHOT_LEGACY_SAVE];
    const struct snapshot_part *plain = &s->parts[six ? SNAPSHOT_SAVE6 : SNAPSHOT_SAVE];

    if (plain->is_there && strstr(plain->version, "nf_tables"))
        nft = plain;
    else if (plain->is_there)
        legacy = plain;
    bool is_legacy = !nft->is_there || (has_rules(legacy) && !has_rules(nft));
    struct back_ends ret = {.nft = nft->is_there ? nft : NULL, .asked = nft->line ? nft : plain};
    ret.ours = is_legacy ? legacy : nft;
    ret.is_legacy_beside = is_legacy && nft->is_there;
    if (!ret.ours->is_there)
        ret.ours = NULL;
    if (has_rules(nft) && has_rules(legacy)) {
        ret.other = legacy;
        ret.other_is_legacy = true;
    }
    return ret;
}

/* The rules as a text of its own, in which lines have the numbers of the file that people have. */
static char *cut_out(const struct source *s, const struct snapshot_part *part, size_t *ret_size)
{
    size_t before = s->name ? part->line - 1 : 0;
    char *text = malloc(before + part->size + 1);

    if (!text)
        return NULL;
    memset(text, '\n', before);
    memcpy(text + before, part->text, part->size);
    text[before + part->size] = '\0';
    running_strip_wall(text);
    *ret_size = strlen(text);
    return text;
}

/* "this machine (iptables-save v1.8.9 (nf_tables))", by whichever name the program was called. */
static int show_version(struct source *s, const struct snapshot_part *part, uint8_t family)
{
    const char *number = strchr(part->version, ' ');
    char *shown = NULL;

    if (!number)
        return 0;
    if (asprintf(&shown, "%s (%s%s)", s->shown, family == PACKET_IPV6 ? "ip6tables-save" : "iptables-save",
                 number) < 0)
        return -ENOMEM;
    free(s->shown);
    s->shown = shown;
    return 0;
}

static int refuse_without_rules(const struct source *s, const struct back_ends *b, uint8_t family)
{
    const char *program = family == PACKET_IPV6 ? "ip6tables-save" : "iptables-save";
    const char *why = b->asked->missing;

    if (s->name)
        fprintf(stderr, "sallywall: %s: this snapshot has no rules of %s: %s\n", s->shown, program,
                why[0] ? why : "the section is missing");
    else if (strstr(why, "not installed"))
        fprintf(stderr,
                "sallywall: this machine has no %s; name a rule file (made by %s on the firewall), or - for "
                "standard input\n",
                program, program);
    else
        fprintf(stderr, "%s\nsallywall: %s failed (see above); it needs root. Or name a rule file\n", why,
                program);
    return -1;
}

static int add_nft(const struct snapshot *s, const struct snapshot_part *saved, struct rules *r)
{
    const struct snapshot_part *json = &s->parts[SNAPSHOT_NFT_JSON], *part = &s->parts[SNAPSHOT_NFT];

    if (json->is_there)
        return nft_attach_list(r, json->text, json->size, saved ? saved->text : NULL,
                               saved ? saved->size : 0);
    if (part->is_there)
        return beside_nft(r, part->text, part->size, saved != NULL);
    return snapshot_module_state(s, "nf_tables") == SNAPSHOT_ABSENT ? 0 : running_add_unlisted(r);
}

static int add_wall(const struct source *s, struct rules *r)
{
    const struct snapshot_part *part = &s->snapshot.parts[SNAPSHOT_WALL];
    bool is_up = part->is_there && part->size >= 2 && memcmp(part->text, "up", 2) == 0;

    if (!is_up && !part->missing[0])
        return 0;
    return rules_beside_add(
        r,
        is_up ? "the wall of this machine (sallywall up), which tracks connections by itself"
              : "the wall of this machine, if one is up, which can't be told",
        r->family == PACKET_IPV6 ? "sallywall explain --wall -6" : "sallywall explain --wall", true);
}

/* The other back end's rules are asked, too; unless they can't be read. */
static int add_other(const struct source *s, const struct back_ends *b, struct rules *r)
{
    struct rules *other = NULL;
    struct rules_error error;
    int e = !s->is_asked
                ? -EINVAL
                : rules_read(b->other->text, b->other->size, b->other->version, r->family, &other, &error);

    if (e == -EINVAL)
        return running_add_other(r, b->other_is_legacy, b->other->text, b->other->size);
    if (e == 0)
        rules_put_other(r, &other, b->other_is_legacy ? "legacy" : "nft");
    return e;
}

/* What else decides about the packets of that machine. */
static int add_beside(const struct source *s, const struct back_ends *b, struct rules *r)
{
    int error = b->other ? add_other(s, b, r) : 0;

    if (!error)
        error = add_nft(&s->snapshot, b->nft, r);
    return error ? error : add_wall(s, r);
}

static int read_rules_of(struct source *s, const struct snapshot_part *part, uint8_t family,
                         struct rules **ret)
{
    struct rules_error error = {0};
    size_t size = 0;
    char *text = cut_out(s, part, &size);
    int r = text ? rules_read(text, size, s->shown, family, ret, &error) : -ENOMEM;

    if (r == -EINVAL)
        source_tell_mistake(&error, text, size);
    free(text);
    return r;
}

static int read_snapshot(struct source *s, uint8_t family, struct rules **ret)
{
    struct back_ends b = choose_back_end(&s->snapshot, family);
    struct rules *rules = NULL;
    int r = 0;

    if (!b.ours && !s->snapshot.parts[SNAPSHOT_NFT].is_there &&
        !s->snapshot.parts[SNAPSHOT_NFT_JSON].is_there)
        return refuse_without_rules(s, &b, family);
    if (b.ours)
        r = read_rules_of(s, b.ours, family, &rules);
    else if (!(rules = rules_new(family)))
        r = -ENOMEM;
    if (!r)
        r = add_beside(s, &b, rules);
    if (!r)
        rules->is_legacy_beside = b.is_legacy_beside;
    if (!r && b.ours)
        r = show_version(s, b.ours, family);
    if (!r) {
        *ret = rules;
        return 0;
    }
    rules_free(&rules);
    return r == -EINVAL ? -1 : tell_error(s, r);
}

static void tell_left_out(void *arg, const struct rules_error *error)
{
    const struct source *s = arg;

    source_tell_mistake(error, s->text, s->size);
}

static int read_machine(struct source *s, struct play_machine **ret)
{
    *ret = play_machine_new(&s->snapshot, s->shown, tell_left_out, s);
    return *ret ? 0 : tell_error(s, -ENOMEM);
}

/* ---- both ---- */

int source_read_machine(const char *name, enum source_forms forms, uint8_t family, uint8_t likely,
                        struct rules **ret, char **ret_name, struct play_machine **ret_machine)
{
    struct source s = {.name = name, .is_asked = forms == SOURCE_ANY};
    struct play_machine *machine = NULL;
    struct rules *rules = NULL;
    uint8_t sure = family ? family : likely ? likely : PACKET_IPV4;
    int r = read_text(&s, sure);

    if (!r)
        r = look_for_snapshot(&s);
    if (!r && s.is_snapshot && ret_machine)
        r = read_machine(&s, &machine);
    if (!r)
        r = s.is_snapshot ? read_snapshot(&s, sure, &rules) : read_plain(&s, forms, family, likely, &rules);
    if (r) {
        play_machine_free(&machine);
        fini(&s);
        return -1;
    }
    *ret = rules;
    *ret_name = s.shown;
    s.shown = NULL;
    if (ret_machine)
        *ret_machine = machine;
    fini(&s);
    return 0;
}

int source_read(const char *name, enum source_forms forms, uint8_t family, uint8_t likely, struct rules **ret,
                char **ret_name)
{
    return source_read_machine(name, forms, family, likely, ret, ret_name, NULL);
}
