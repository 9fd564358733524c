/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/ext/field.h"

#include <inttypes.h>
#include <string.h>

/* ---- numbers in places ---- */

static uint64_t load(const void *at, size_t size)
{
    return size == sizeof(uint8_t)    ? *(const uint8_t *)at
           : size == sizeof(uint16_t) ? *(const uint16_t *)at
           : size == sizeof(uint32_t) ? *(const uint32_t *)at
                                      : *(const uint64_t *)at;
}

static void store(void *at, size_t size, uint64_t value)
{
    if (size == sizeof(uint8_t))
        *(uint8_t *)at = (uint8_t)value;
    else if (size == sizeof(uint16_t))
        *(uint16_t *)at = (uint16_t)value;
    else if (size == sizeof(uint32_t))
        *(uint32_t *)at = (uint32_t)value;
    else
        *(uint64_t *)at = value;
}

static void set_sign(const struct rules_sign *sign, void *data)
{
    char *at = (char *)data + sign->place.at;

    if (sign->mask)
        store(at, sign->place.size, (load(at, sign->place.size) & ~(uint64_t)sign->mask) | sign->value);
}

static bool has_sign(const struct rules_sign *sign, const void *data)
{
    return sign->mask &&
           (load((const char *)data + sign->place.at, sign->place.size) & sign->mask) == sign->value;
}

/* ---- kinds of arguments ---- */

int rules_read_number(struct rules_parse *p, const char *word, void *at)
{
    uint64_t value, most = p->option->most ? p->option->most : UINT64_MAX >> (64 - 8 * p->option->at.size);
    int rc = rules_parse_number(p, word, p->option->least, most, &value);

    if (rc == 0)
        store(at, p->option->at.size, value);
    return rc;
}

void rules_print_number(FILE *out, const void *at, const struct rules_print *how)
{
    rules_put_number(out, load(at, how->option->at.size));
}

const struct rules_value rules_number = {.read = rules_read_number, .print = rules_print_number};

static int read_range(struct rules_parse *p, const char *word, void *at)
{
    if (p->option->at.size == sizeof(struct rules_range16))
        return rules_parse_range16(p, word, UINT16_MAX, at);
    return rules_parse_range32(p, word, UINT32_MAX, at);
}

void rules_print_range(FILE *out, const void *at, const struct rules_print *how)
{
    size_t size = how->option->at.size / 2U;
    uint64_t first = load(at, size), last = load((const char *)at + size, size);

    rules_put_number(out, first);
    if (last == first)
        return;
    putc_unlocked(':', out);
    rules_put_number(out, last);
}

const struct rules_value rules_range = {.read = read_range, .print = rules_print_range};

static int read_value32(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_value32(p, word, at);
}

static void print_value32(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_value32 *value = at;

    (void)how;
    rules_print_value32(out, value->value, value->mask);
}

const struct rules_value rules_value32 = {.read = read_value32, .print = print_value32};

int rules_read_choice(struct rules_parse *p, const char *word, void *at)
{
    uint32_t value = 0;
    int rc = rules_parse_name(p, word, p->option->names, &value);

    if (rc == 0)
        store(at, p->option->at.size, value);
    return rc;
}

static void print_choice(FILE *out, const void *at, const struct rules_print *how)
{
    const struct rules_name *name = how->option->names->list;
    uint64_t value = load(at, how->option->at.size);

    while (name->value != value)
        name++;
    rules_put(out, name->name);
}

const struct rules_value rules_choice = {.read = rules_read_choice, .print = print_choice};

static int read_set(struct rules_parse *p, const char *word, void *at)
{
    uint32_t set = 0;
    int rc = rules_parse_names(p, word, p->option->names, &set);

    if (rc == 0)
        store(at, p->option->at.size, set);
    return rc;
}

static void print_set(FILE *out, const void *at, const struct rules_print *how)
{
    rules_print_names(out, how->option->names, (uint32_t)load(at, how->option->at.size), ",");
}

const struct rules_value rules_set_of = {.read = read_set, .print = print_set};

static int read_interface(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_interface(p, word, at);
}

static void print_interface(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    rules_print_interface(out, at);
}

const struct rules_value rules_interface = {.read = read_interface, .print = print_interface};

static int read_address(struct rules_parse *p, const char *word, void *at)
{
    return rules_parse_address(p, word, at);
}

static void print_address(FILE *out, const void *at, const struct rules_print *how)
{
    rules_print_address(out, how->family, at);
}

const struct rules_value rules_address = {.read = read_address, .print = print_address};

static uint8_t full_prefix(uint8_t family)
{
    return family == PACKET_IPV6 ? 128 : 32;
}

static void start_prefix(uint8_t family, void *at)
{
    *(uint8_t *)at = full_prefix(family);
}

static int read_prefix(struct rules_parse *p, const char *word, void *at)
{
    struct packet_address mask;
    int rc = rules_parse_mask(p, word, &mask);

    if (rc)
        return rc;
    rc = rules_mask_prefix(p->family, &mask);
    if (rc < 0)
        return rules_fail(p, "\"%s\" is no prefix; expected a length of 0 to %u", word,
                          full_prefix(p->family));
    *(uint8_t *)at = (uint8_t)rc;
    return 0;
}

const struct rules_value rules_prefix = {
    .start = start_prefix, .read = read_prefix, .print = rules_print_number};

static int read_file_name(struct rules_parse *p, const char *word, void *at)
{
    if (*word == '\0' || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 ||
        strpbrk(word, "/ \t\n\"'\\") != NULL)
        return rules_fail(p,
                          "\"%s\" is no name here: the kernel makes a file of it; expected a name without "
                          "slashes, blanks and quotes",
                          word);
    memset(at, 0, p->option->at.size);
    return rules_parse_text(p, word, at, p->option->at.size);
}

void rules_print_bare(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    rules_put(out, at);
}

void rules_print_text(FILE *out, const void *at, const struct rules_print *how)
{
    (void)how;
    rules_print_string(out, at);
}

const struct rules_value rules_file_name = {.read = read_file_name, .print = rules_print_bare};

/* ---- options ---- */

static bool says_all(const struct rules_option *o)
{
    return o->value || o->given.mask || o->inverted.mask;
}

/* The row that says what an alias means. */
static const struct rules_option *find_meaning(const struct rules_extension *row,
                                               const struct rules_option *o)
{
    for (unsigned i = 0; !says_all(o) && i < row->option_count; i++)
        if (row->options[i].id == o->id && says_all(&row->options[i]))
            return &row->options[i];
    return o;
}

static void start_option(const struct rules_option *o, uint8_t family, void *at)
{
    if (o->value && o->value->start)
        o->value->start(family, at);
    else if (o->standard)
        store(at, o->at.size, o->standard);
}

static bool is_default(const struct rules_option *o, uint8_t family, const void *at)
{
    _Alignas(uint64_t) char initial[RULES_PLACE_MOST] = "";

    start_option(o, family, initial);
    return memcmp(initial, at, o->at.size) == 0;
}

static bool is_shown(const struct rules_option *o, const void *data, uint8_t family)
{
    bool is_inverted = has_sign(&o->inverted, data);

    if (o->given.mask)
        return has_sign(&o->given, data) || (is_inverted && o->given.place.at == o->inverted.place.at);
    return is_inverted || (o->flags & (RULES_NEEDED | RULES_SHOWN)) ||
           !is_default(o, family, (const char *)data + o->at.at);
}

/* See struct rules_option.listed. */
static void print_label(FILE *out, const char *label, bool inverted)
{
    for (; *label; label++) {
        if (*label != '(') {
            fputc(*label, out);
            continue;
        }
        const char *one = label + 1, *end = one + strcspn(one, ")");
        const char *bar = one + strcspn(one, "|)"), *other = bar < end ? bar + 1 : end;
        if (inverted)
            fwrite(one, 1, (size_t)(bar - one), out);
        else
            fwrite(other, 1, (size_t)(end - other), out);
        label = end;
    }
}

static void save_option(FILE *out, const struct rules_option *o, const void *at,
                        const struct rules_print *how)
{
    rules_put(out, how->inverted ? " ! --" : " --");
    rules_put(out, o->name);
    if (o->value && (o->flags & RULES_ARGUMENT)) {
        putc_unlocked(' ', out);
        o->value->print(out, at, how);
    }
}

static void list_option(FILE *out, const struct rules_option *o, const void *at,
                        const struct rules_print *how)
{
    bool has_argument = o->value && (o->flags & RULES_ARGUMENT);

    if (o->listed)
        print_label(out, o->listed, how->inverted);
    else
        fprintf(out, "%s %s%s", how->inverted ? " !" : "", o->name, has_argument ? " " : "");
    if (has_argument && (!o->listed || *o->listed))
        (o->value->list ? o->value->list : o->value->print)(out, at, how);
}

static void print_options(FILE *out, const struct rules_extension *row, const void *data,
                          const struct rules_print *how, bool lists)
{
    struct rules_print here = *how;
    unsigned count = row->order ? row->order_count : row->option_count;

    for (unsigned i = 0; i < count; i++) {
        const struct rules_option *o = &row->options[row->order ? row->order[i] : i];
        if (!says_all(o) || (o->value && !o->value->print) ||
            (!(lists && (o->flags & RULES_LISTED)) && !is_shown(o, data, how->family)))
            continue;
        here.option = o;
        here.inverted = has_sign(&o->inverted, data);
        (lists ? list_option : save_option)(out, o, (const char *)data + o->at.at, &here);
    }
}

void rules_save_options(FILE *out, const struct rules_extension *row, const void *data,
                        const struct rules_print *how)
{
    print_options(out, row, data, how, false);
}

void rules_list_options(FILE *out, const struct rules_extension *row, const void *data,
                        const struct rules_print *how)
{
    fputs(row->heading ? row->heading : "", out);
    print_options(out, row, data, how, true);
}

/* ---- rows ---- */

void rules_extension_start(const struct rules_extension *row, uint8_t family, void *data)
{
    for (unsigned i = 0; i < row->option_count; i++)
        start_option(&row->options[i], family, (char *)data + row->options[i].at.at);
    if (row->start)
        row->start(data);
}

int rules_extension_read(const struct rules_extension *row, struct rules_parse *p,
                         const struct rules_option *o, const char *word, bool inverted, void *data)
{
    const struct rules_option *meaning = find_meaning(row, o);
    int rc = 0;

    set_sign(&meaning->given, data);
    if (inverted)
        set_sign(&meaning->inverted, data);
    p->name = o->name;
    p->option = meaning;
    p->inverted = inverted;
    if (meaning->value)
        rc = meaning->value->read(p, word, (char *)data + meaning->at.at);
    p->name = NULL;
    return rc;
}

int rules_extension_finish(const struct rules_extension *row, struct rules_parse *p, void *data)
{
    if (row->lacking && !(p->given & (row->one_of ? row->one_of : UINT32_MAX)))
        return rules_fail(p, "%s", row->lacking);
    return row->finish ? row->finish(p, data) : 0;
}

void rules_extension_save(FILE *out, const struct rules_extension *row, const void *data,
                          const struct rules_print *how)
{
    (row->save ? row->save(out, data, how) : rules_save_options(out, row, data, how));
}

void rules_extension_list(FILE *out, const struct rules_extension *row, const void *data,
                          const struct rules_print *how)
{
    (row->list ? row->list(out, data, how) : rules_list_options(out, row, data, how));
}
