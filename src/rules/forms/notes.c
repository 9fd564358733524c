/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/notes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_noted(const struct form_notes *n, const char *text)
{
    for (size_t i = 0; i < n->count; i++) {
        if (strcmp(n->list[i].text, text) == 0)
            return true;
    }
    return false;
}

/* What may decide is never left out: it takes the place of a remark, or is one with another that may. */
static struct form_note *make_room(struct form_notes *n, enum form_note_kind kind)
{
    if (n->count < NOTES_MOST)
        return &n->list[n->count++];
    n->left_out += kind == NOTE_REMARK;
    for (size_t i = n->count; kind != NOTE_REMARK && i > 0; i--) {
        struct form_note *note = &n->list[i - 1];
        if (note->kind != NOTE_REMARK)
            continue;
        n->left_out++;
        free(note->text);
        return note;
    }
    return NULL;
}

void notes_add(struct form_notes *n, enum form_note_kind kind, uint32_t line, const char *command,
               const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        n->failed = true;
        return;
    }
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    if (is_noted(n, text)) {
        free(text);
        return;
    }
    struct form_note *note = make_room(n, kind);
    if (!note) {
        if (kind == NOTE_REWRITES) /* all of them may decide; one that may do anything is enough */
            n->list[n->count - 1].kind = NOTE_REWRITES;
        free(text);
        return;
    }
    *note = (struct form_note){.kind = kind, .line = line, .text = text, .command = command};
}

static int give(const struct form_note *note, struct rules *r)
{
    if (note->kind == NOTE_REMARK)
        return rules_remark_add(r, note->text, note->line);
    return rules_beside_add(r, note->text, note->command, note->kind == NOTE_REWRITES);
}

int notes_give(const struct form_notes *n, struct rules *r)
{
    int rc = n->failed ? -ENOMEM : 0;
    char more[64];

    for (size_t i = 0; i < n->count && rc == 0; i++)
        rc = give(&n->list[i], r);
    snprintf(more, sizeof(more), "%u more such remarks are left out.", n->left_out);
    return rc == 0 && n->left_out ? rules_remark_add(r, more, 0) : rc;
}

void notes_fini(struct form_notes *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->list[i].text);
    n->count = 0;
}

/* ---- warnings inside inputs ---- */

static const char *skip(const char *at, const char *end, const char *what)
{
    size_t size = strlen(what);

    return at && (size_t)(end - at) >= size && strncasecmp(at, what, size) == 0 ? at + size : NULL;
}

static const char *find(const char *at, const char *end, const char *what)
{
    return at ? memmem(at, (size_t)(end - at), what, strlen(what)) : NULL;
}

/* "Table `filter' contains incompatible base-chains, use 'nft' tool to list them."
 * "Table `filter' is incompatible, use 'nft' tool." */
static bool take_table(struct form_notes *n, const char *at, const char *end, uint32_t number)
{
    const char *name = skip(at, end, "Table `"), *stop = find(name, end, "'");

    if (!stop)
        return false;
    if (find(stop, end, "incompatible base-chains")) {
        notes_add(n, NOTE_REWRITES, number, "nft list ruleset",
                  "chains of nft in the table %.*s, which iptables can't show (line %u says so)",
                  (int)(stop - name), name, number);
        return true;
    }
    if (!find(stop, end, "is incompatible"))
        return false;
    notes_add(n, NOTE_REWRITES, number, "nft list ruleset",
              "the whole table %.*s, which holds rules of nft that iptables can't show (line %u says so)",
              (int)(stop - name), name, number);
    return true;
}

/* "Warning: iptables-legacy tables present, use iptables-legacy-save to see them" */
static bool take_present(struct form_notes *n, const char *at, const char *end, uint32_t number)
{
    static const struct {
        const char *name, *command;
    } programs[] = {{"iptables-legacy", "iptables-legacy-save"},
                    {"ip6tables-legacy", "ip6tables-legacy-save"},
                    {"iptables-nft", "iptables-nft-save"},
                    {"ip6tables-nft", "ip6tables-nft-save"},
                    {"arptables-legacy", NULL},
                    {"ebtables-legacy", NULL}};
    const char *name = skip(at, end, "Warning: ");

    for (size_t i = 0; name && i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *rest = skip(name, end, programs[i].name);
        if (!skip(rest, end, " tables present"))
            continue;
        if (programs[i].command)
            notes_add(n, NOTE_REWRITES, number, programs[i].command,
                      "tables of %s, which are not shown here (line %u says so)", programs[i].name, number);
        return true;
    }
    return false;
}

bool notes_take_warning(struct form_notes *n, const char *line, size_t size, uint32_t number)
{
    const char *at = line, *end = line + size;

    while (at < end && (*at == ' ' || *at == '\t' || *at == '#'))
        at++;
    return take_table(n, at, end, number) || take_present(n, at, end, number);
}
