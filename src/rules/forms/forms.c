/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/forms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/lines.h"
#include "rules/forms/listing.h"
#include "rules/forms/look.h"
#include "rules/forms/rows.h"
#include "rules/forms/script.h"
#include "rules/language/words.h"
#include "rules/nft/attach.h"

/* ---- reading ---- */

static void take_warnings(const char *text, size_t size, struct form_notes *notes)
{
    struct rows row;

    rows_begin(&row, text, size);
    while (rows_next(&row)) {
        if (row.size && row.text[0] == '#' && notes_take_warning(notes, row.text, row.size, row.number))
            continue;
    }
}

/* Forms without tables, by way of iptables-save's. */
static int read_sections(enum form_kind kind, const char *text, size_t size, const char *name, uint8_t family,
                         struct form_notes *notes, struct rules **ret, struct rules_error *error)
{
    struct sections sections = {0};
    struct made made;

    if (!made_open(&made))
        return -ENOMEM;
    int rc = kind == FORM_LISTING ? listing_read(text, size, name, family, &sections, notes, error)
                                  : lines_read(text, size, name, family, &sections, error);
    if (rc == 0)
        rc = sections_make(&sections, name, family, notes, &made, error);
    if (rc == 0)
        rc = made_read(&made, name, family, ret, error);
    sections_fini(&sections);
    made_fini(&made);
    return rc;
}

/* What stands before the first table is somebody's prompt, maybe: comments take its place. */
static int read_save(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
                     struct rules_error *error)
{
    struct prompt prompt;
    struct rows row;

    rows_begin(&row, text, size);
    while (rows_next(&row) && (!row.size || (row.text[0] == '#' && !row_is_prompt(&row, &prompt))))
        ;
    if (!row.size || row.text[0] == '#' || !row_is_prompt(&row, &prompt))
        return rules_read(text, size, name, family, ret, error);
    char *changed = malloc(size);
    if (!changed)
        return -ENOMEM;
    memcpy(changed, text, size);
    changed[row.whole - text] = '#';
    int rc = rules_read(changed, size, name, family, ret, error);
    free(changed);
    return rc;
}

static int refuse(const struct form *form, const char *name, struct rules_error *error)
{
    return rules_fail_at(error, name, form->line, 1, "this is %s; %s", form->is, form->instead);
}

int forms_read(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
               struct rules_error *error)
{
    struct form form = form_of(text, size);
    struct form_notes notes = {0};
    struct rules *r = NULL;
    uint8_t asked = family;
    int rc;

    if (!family)
        family = forms_family(text, size);
    if (!family)
        family = PACKET_IPV4;
    if (form.kind == FORM_NFT_JSON)
        return nft_read_rules(text, size, name, asked, ret, error);
    if (form.kind == FORM_OTHER || form.kind == FORM_NFT)
        return refuse(&form, name, error);
    if (form.kind != FORM_SCRIPT)
        take_warnings(text, size, &notes);
    if (form.kind == FORM_SAVE)
        rc = read_save(text, size, name, family, &r, error);
    else if (form.kind == FORM_SCRIPT)
        rc = script_read(text, size, name, family, &notes, &r, error);
    else
        rc = read_sections(form.kind, text, size, name, family, &notes, &r, error);
    if (rc == 0)
        rc = look_at_rules(r, &notes);
    if (rc == 0)
        rc = notes_give(&notes, r);
    notes_fini(&notes);
    if (rc)
        rules_free(&r);
    else
        *ret = r;
    return rc;
}

/* ---- the family ---- */

/* An address that stands anywhere, as in listings. */
static uint8_t family_of_word(const char *word, size_t size)
{
    char text[INET6_ADDRSTRLEN + 1];
    uint8_t address[16];

    if (size && word[0] == '!') {
        word++;
        size--;
    }
    size_t host = 0;
    while (host < size && word[host] != '/')
        host++;
    if (!host || host >= sizeof(text))
        return 0;
    memcpy(text, word, host);
    text[host] = '\0';
    return inet_pton(AF_INET6, text, address) == 1  ? PACKET_IPV6
           : inet_pton(AF_INET, text, address) == 1 ? PACKET_IPV4
                                                    : 0;
}

static uint8_t listing_family(const char *text, size_t size)
{
    struct rows row;
    struct prompt prompt;

    rows_begin(&row, text, size);
    while (rows_next(&row)) {
        const char *at = row.text, *end = at + row.size, *word;
        size_t word_size;
        if (row_begins(&row, "IPV4") || row_begins(&row, "IPV6"))
            return row.text[3] == '6' ? PACKET_IPV6 : PACKET_IPV4;
        if (row_is_prompt(&row, &prompt))
            return prompt.family;
        while ((word = row_word(&at, end, &word_size))) {
            uint8_t family = family_of_word(word, word_size);
            if (family)
                return family;
        }
    }
    return 0;
}

/* ip6tables alone is called. */
static uint8_t script_family(const char *text, size_t size)
{
    const char *six = memmem(text, size, "ip6tables", 9), *four = memmem(text, size, "iptables", 8);

    return six && !four ? PACKET_IPV6 : four ? PACKET_IPV4 : 0;
}

static uint8_t prompted_family(const char *text, size_t size)
{
    struct rows row;
    struct prompt prompt;

    rows_begin(&row, text, size);
    while (rows_next(&row)) {
        if (row.size && row.text[0] != '-' && row_is_prompt(&row, &prompt))
            return prompt.family;
    }
    return 0;
}

uint8_t forms_family(const char *text, size_t size)
{
    enum form_kind kind = form_of(text, size).kind;

    if (kind == FORM_LISTING)
        return listing_family(text, size);
    if (kind == FORM_SCRIPT)
        return script_family(text, size);
    uint8_t family = rules_text_family(text, size);
    return family ? family : prompted_family(text, size);
}
