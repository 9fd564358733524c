/* SPDX-License-Identifier: BSD-2-Clause */
/* The doctor's report for a person. */
#include "cmd/sally/doctor.h"
#include "cmd/sally/paragraph.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

enum { COLUMNS = 7, CELL = 64, GAP = 2, GAP_LEAST = 1 };

struct table {
    char cells[DOCTOR_ROWS + 1][COLUMNS][CELL];
    unsigned rows, widths[COLUMNS];
};

static const enum speech_phrase phrases[DOCTOR_ENDS] = {
    [DOCTOR_WORKS] = SPEECH_CELL_WORKS,
    [DOCTOR_KEPT_BACK] = SPEECH_CELL_KEPT_BACK,
    [DOCTOR_NOT_OFFERED] = SPEECH_CELL_NOT_OFFERED,
    [DOCTOR_NOT_ALLOWED] = SPEECH_CELL_NOT_ALLOWED,
    [DOCTOR_NO_ROUTE] = SPEECH_CELL_NO_ROUTE,
    [DOCTOR_TIMED_OUT] = SPEECH_CELL_TIMED_OUT,
    [DOCTOR_REFUSED] = SPEECH_CELL_REFUSED,
    [DOCTOR_PROHIBITED] = SPEECH_CELL_PROHIBITED,
    [DOCTOR_BROKEN] = SPEECH_CELL_BROKEN,
    [DOCTOR_STALLED] = SPEECH_CELL_STALLED,
    [DOCTOR_NO_TLS] = SPEECH_CELL_NO_TLS,
    [DOCTOR_UNTRUSTED] = SPEECH_CELL_UNTRUSTED,
    [DOCTOR_DIFFERS] = SPEECH_CELL_DIFFERS,
};

static void write_cell(enum doctor_end end, int code, int ms, char out[CELL])
{
    char number[16];

    snprintf(number, sizeof(number), "%d", end == DOCTOR_SAID_NO ? code : ms);
    if (end == DOCTOR_SAID_NO)
        snprintf(out, CELL, "%s", code ? number : "?");
    else if (end == DOCTOR_NOT_TRIED)
        snprintf(out, CELL, "-");
    else
        speech_text(phrases[end], (const char *const[SPEECH_WORDS]){number, "", "", ""}, out, CELL);
}

static void write_way(const struct doctor_way *way, char out[CELL])
{
    if (way->is_foreign && way->step.end == DOCTOR_WORKS)
        speech_text(SPEECH_CELL_FOREIGN, NULL, out, CELL);
    else
        write_cell(way->step.end, way->step.code, way->step.ms, out);
}

/* Both directions in one: what is wrong with either, else what they took together. */
static void write_moves(const struct doctor_step *up, const struct doctor_step *down, char out[CELL])
{
    const struct doctor_step *told = up->end > DOCTOR_NO_ROUTE ? up : down;

    if (up->end == DOCTOR_WORKS && down->end == DOCTOR_WORKS)
        write_cell(DOCTOR_WORKS, 0, up->ms + down->ms, out);
    else if (told == down && down->end == DOCTOR_NOT_TRIED)
        write_cell(up->end, up->code, up->ms, out);
    else
        write_cell(told->end, told->code, told->ms, out);
}

static void write_head(char cells[COLUMNS][CELL])
{
    static const enum speech_phrase heads[COLUMNS] = {[1] = SPEECH_COLUMN_LOGIN,
                                                      [4] = SPEECH_COLUMN_ACTIVE,
                                                      [5] = SPEECH_COLUMN_SMALL,
                                                      [6] = SPEECH_COLUMN_LARGE};

    for (unsigned i = 0; i < COLUMNS; i++)
        if (heads[i])
            speech_text(heads[i], NULL, cells[i], CELL);
    strcpy(cells[2], "EPSV");
    strcpy(cells[3], "PASV");
}

static void write_row(const struct doctor_row *row, char cells[COLUMNS][CELL])
{
    doctor_row_name(row, cells[0], CELL);
    write_cell(row->login.end, row->login.code, row->login.ms, cells[1]);
    for (unsigned w = 0; w < DOCTOR_WAYS; w++)
        write_way(&row->ways[w], cells[2 + w]);
    write_moves(&row->moves[DOCTOR_SMALL_PUT], &row->moves[DOCTOR_SMALL_GET], cells[5]);
    write_moves(&row->moves[DOCTOR_LARGE_PUT], &row->moves[DOCTOR_LARGE_GET], cells[6]);
}

/* Columns of all, without what is between. */
static unsigned measure(struct table *t)
{
    unsigned width = 0;

    for (unsigned c = 0; c < COLUMNS; c++) {
        for (unsigned r = 0; r < t->rows; r++) {
            unsigned columns = paragraph_columns(t->cells[r][c]);
            t->widths[c] = columns > t->widths[c] ? columns : t->widths[c];
        }
        width += t->widths[c];
    }
    return width;
}

/* Where it has no room side by side, a row is a block. */
static void print_blocks(const struct table *t)
{
    unsigned head = 0;

    for (unsigned c = 1; c < COLUMNS; c++) {
        unsigned columns = paragraph_columns(t->cells[0][c]);
        head = columns > head ? columns : head;
    }
    for (unsigned r = 1; r < t->rows; r++) {
        printf("%s\n", t->cells[r][0]);
        for (unsigned c = 1; c < COLUMNS; c++) {
            printf("  ");
            paragraph_cell(t->cells[0][c], head + GAP);
            printf("%s\n", t->cells[r][c]);
        }
    }
}

static void print_side_by_side(const struct table *t, unsigned gap)
{
    for (unsigned r = 0; r < t->rows; r++) {
        for (unsigned c = 0; c + 1 < COLUMNS; c++)
            paragraph_cell(t->cells[r][c], t->widths[c] + gap);
        printf("%s\n", t->cells[r][COLUMNS - 1]);
    }
}

static void print_table(const struct doctor_report *report, unsigned width)
{
    struct table t = {.rows = report->row_count + 1};
    unsigned needs;

    write_head(t.cells[0]);
    for (unsigned i = 0; i < report->row_count; i++)
        write_row(&report->rows[i], t.cells[i + 1]);
    needs = measure(&t);
    if (needs + (COLUMNS - 1) * GAP_LEAST > width)
        print_blocks(&t);
    else
        print_side_by_side(&t, needs + (COLUMNS - 1) * GAP <= width ? GAP : GAP_LEAST);
}

/* ---- what it means ---- */

static void print_title(enum speech_phrase phrase)
{
    char text[SPEECH_TEXT];

    printf("\n%s\n", speech_text(phrase, NULL, text, sizeof(text)));
}

static void print_seen(void *arg, const char *where, const struct doctor_step *step)
{
    const unsigned *width = arg;
    char line[SPEECH_TEXT + 160], text[SPEECH_TEXT];

    /* What the server said says most; as a word of a phrase, it can't move the cursor. */
    speech_text(
        SPEECH_VERBATIM,
        (const char *const[SPEECH_WORDS]){step->end == DOCTOR_SAID_NO ? step->reply : step->said, "", "", ""},
        text, sizeof(text));
    snprintf(line, sizeof(line), "%s: %s", where, text);
    paragraph_print("  ", line, *width);
}

static void look_for_seen(void *arg, const char *where, const struct doctor_step *step)
{
    (void)where;
    (void)step;
    *(bool *)arg = true;
}

static bool has_seen(const struct doctor_report *report)
{
    bool has = false;

    doctor_each_seen(report, look_for_seen, &has);
    return has;
}

/* Are there rows of both families? Then a finding has to say of which one it is. */
static bool has_both(const struct doctor_report *report)
{
    return report->row_count > 0 && report->rows[0].family != report->rows[report->row_count - 1].family;
}

typedef bool chosen_fn(const struct doctor_finding *f);

static unsigned count_remarks(const struct doctor_report *report, chosen_fn *is)
{
    unsigned n = 0;

    for (unsigned i = 0; i < report->finding_count; i++)
        n += is(&report->findings[i]) && report->findings[i].topic == DOCTOR_REMARK;
    return n;
}

/* "cause" or "cause: why it is not". */
static void write_finding(const struct doctor_report *report, const struct doctor_finding *f,
                          char out[SPEECH_TEXT])
{
    char cause[SPEECH_TEXT], why[SPEECH_TEXT];

    doctor_phrase(report, f, f->cause, cause);
    if (!f->is_ruled_out) {
        memcpy(out, cause, SPEECH_TEXT);
        return;
    }
    doctor_phrase(report, f, f->why, why);
    if (*cause && cause[strlen(cause) - 1] == '.')
        cause[strlen(cause) - 1] = '\0'; /* the sentence goes on */
    speech_text(SPEECH_DOCTOR_BECAUSE, (const char *const[SPEECH_WORDS]){cause, why, "", ""}, out,
                SPEECH_TEXT);
}

static void print_finding(const struct doctor_report *report, const struct doctor_finding *f, unsigned width)
{
    const char *family = f->row->family == AF_INET6 ? "IPv6: " : "IPv4: ";
    char text[SPEECH_TEXT], line[SPEECH_TEXT + 8];

    write_finding(report, f, text);
    snprintf(line, sizeof(line), "%s%s", has_both(report) ? family : "", text);
    paragraph_print("  - ", line, width);
}

static bool fits(const struct doctor_finding *f)
{
    return !f->is_ruled_out;
}

static bool is_ruled_out(const struct doctor_finding *f)
{
    return f->is_ruled_out;
}

static bool is_ours_to_mend(const struct doctor_finding *f)
{
    return !f->is_ruled_out && f->side == DOCTOR_THIS_SIDE;
}

static bool is_theirs_to_mend(const struct doctor_finding *f)
{
    return !f->is_ruled_out && f->side == DOCTOR_SERVER_SIDE;
}

static unsigned count(const struct doctor_report *report, chosen_fn *is)
{
    unsigned n = 0;

    for (unsigned i = 0; i < report->finding_count; i++)
        n += is(&report->findings[i]);
    return n;
}

/* Before the first finding of a topic, its name. */
static void print_topic(enum doctor_topic topic, enum doctor_topic *last)
{
    static const enum speech_phrase names[DOCTOR_TOPICS] = {SPEECH_TOPIC_SESSION, SPEECH_TOPIC_PASSIVE,
                                                            SPEECH_TOPIC_ACTIVE, SPEECH_TOPIC_TRANSFERS,
                                                            SPEECH_TOPIC_REMARK};
    char text[SPEECH_TEXT];

    if (topic != *last)
        printf("  %s\n", speech_text(names[topic], NULL, text, sizeof(text)));
    *last = topic;
}

/* What mends each cause. */
static void print_fixes(const struct doctor_report *report, chosen_fn *is, bool with_cause, unsigned width)
{
    enum doctor_topic last = DOCTOR_TOPICS;
    char text[SPEECH_TEXT];

    for (unsigned i = 0; i < report->finding_count; i++) {
        const struct doctor_finding *f = &report->findings[i];
        if (!is(f))
            continue;
        print_topic(f->topic, &last);
        if (with_cause)
            print_finding(report, f, width);
        doctor_phrase(report, f, f->fix, text);
        paragraph_print(with_cause ? "    " : "  - ", text, width);
    }
}

static void print_findings(const struct doctor_report *report, enum speech_phrase title, chosen_fn *is,
                           unsigned width)
{
    enum doctor_topic last = DOCTOR_TOPICS;

    if (count(report, is) > count_remarks(report, is))
        print_title(title);
    else if (count(report, is))
        printf("\n"); /* a remark has its own */
    for (unsigned i = 0; i < report->finding_count; i++) {
        const struct doctor_finding *f = &report->findings[i];
        if (!is(f))
            continue;
        print_topic(f->topic, &last);
        print_finding(report, f, width);
    }
}

/* Several causes may be told apart by one command. */
static bool is_told_before(const struct doctor_report *report, unsigned number, const char *command)
{
    char other[SPEECH_TEXT];

    for (unsigned i = 0; i < number; i++)
        if (fits(&report->findings[i]) &&
            doctor_command(report, &report->findings[i], other, sizeof(other)) && strcmp(other, command) == 0)
            return true;
    return false;
}

/* The commands that are run there, or here. Returns how many. A command is not broken: it is to be copied. */
static unsigned print_commands(const struct doctor_report *report, bool is_here)
{
    char command[SPEECH_TEXT], label[SPEECH_TEXT];
    unsigned n = 0;

    for (unsigned i = 0; i < report->finding_count; i++) {
        const struct doctor_finding *f = &report->findings[i];
        if (!fits(f) || doctor_is_told_here(f->tell) != is_here ||
            !doctor_command(report, f, command, sizeof(command)) || is_told_before(report, i, command))
            continue;
        if (n++ == 0)
            printf("  %s\n", speech_text(is_here ? SPEECH_TELL_HERE : SPEECH_TELL_ON_SERVER, NULL, label,
                                         sizeof(label)));
        printf("    %s\n", command);
    }
    return n;
}

static bool has_command(const struct doctor_finding *f)
{
    return fits(f) && f->tell != DOCTOR_TELL_NOTHING;
}

static bool has_explain(const struct doctor_finding *f)
{
    return has_command(f) && f->tell != DOCTOR_TELL_LISTEN && f->tell != DOCTOR_TELL_MTU;
}

static void print_tells(const struct doctor_report *report, unsigned width)
{
    char text[SPEECH_TEXT];

    if (!count(report, has_command))
        return;
    print_title(SPEECH_DOCTOR_TELLS);
    print_commands(report, false);
    print_commands(report, true);
    if (count(report, has_explain))
        paragraph_print("  ", speech_text(SPEECH_TELL_RULE, NULL, text, sizeof(text)), width);
}

static void print_line(const struct doctor_report *report, const struct doctor_finding *f,
                       enum speech_phrase phrase, unsigned width)
{
    char text[SPEECH_TEXT];

    doctor_phrase(report, f, phrase, text);
    paragraph_print("  ", text, width);
}

static void print_letter(const struct doctor_report *report, unsigned width)
{
    const struct doctor_finding *first = NULL;

    for (unsigned i = report->finding_count; i-- > 0;)
        if (is_theirs_to_mend(&report->findings[i]))
            first = &report->findings[i];
    if (!first || doctor_verdict(report) == DOCTOR_ALL)
        return;
    print_title(SPEECH_DOCTOR_LETTER);
    print_line(report, first, SPEECH_LETTER_SEEN, width);
    doctor_each_seen(report, print_seen, &width);
    print_line(report, first, SPEECH_LETTER_FIXES, width);
    print_fixes(report, is_theirs_to_mend, true, width);
    if (count(report, has_explain)) {
        print_line(report, first, SPEECH_LETTER_TELLS, width);
        print_commands(report, false);
    }
}

/* What is to be known besides. */
static void print_notes(const struct doctor_report *report, unsigned width)
{
    char text[SPEECH_TEXT];

    for (unsigned i = 0; i < report->row_count; i++)
        if (report->rows[i].login.end == DOCTOR_KEPT_BACK) {
            printf("\n");
            paragraph_print("", speech_text(SPEECH_DOCTOR_KEPT_BACK, NULL, text, sizeof(text)), width);
            break;
        }
    if (*report->left) {
        const char *const words[SPEECH_WORDS] = {report->left, report->left_why, "", ""};
        printf("\n");
        paragraph_print("", speech_text(SPEECH_DOCTOR_LEFT, words, text, sizeof(text)), width);
    }
}

void doctor_print(const struct doctor_report *report)
{
    unsigned width = paragraph_width();

    print_table(report, width);
    if (doctor_verdict(report) == DOCTOR_ALL)
        print_title(SPEECH_DOCTOR_WORKS);
    if (has_seen(report)) {
        print_title(SPEECH_DOCTOR_SEEN);
        doctor_each_seen(report, print_seen, &width);
    }
    print_findings(report, SPEECH_DOCTOR_FITS, fits, width);
    print_findings(report, SPEECH_DOCTOR_RULED_OUT, is_ruled_out, width);
    print_tells(report, width);
    if (count(report, is_ours_to_mend)) {
        print_title(SPEECH_DOCTOR_HERE);
        print_fixes(report, is_ours_to_mend, false, width);
    }
    print_letter(report, width);
    print_notes(report, width);
}
