/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/make.h"
#include "explain/tell/fold.h"
#include "explain/tell/markup.h"
#include "explain/tell/paint.h"
#include "explain/tell/say.h"
#include "speech/speech.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * A sequence diagram for a ticket: three lanes, an arrow a packet, notes over the firewall's lane. The body
 * is drawn first, into memory, since its height stands at the head of the file. It brings its own background,
 * so that it reads alike on light and dark pages; there is no script in it and nothing is fetched.
 */
enum {
    WIDTH = 960,
    MARGIN = 28,
    LANE_CLIENT = 150,
    LANE_WALL = 480,
    LANE_SERVER = 810,
    ROW = 38,
    LINE = 17,
    NOTE_WIDTH = 600,
    /* Columns that fit, at the width of a monospaced 12 pixel font (7.3 pixels). */
    NOTE_COLUMNS = (NOTE_WIDTH - 24) * 10 / 73,
    LABEL_COLUMNS = (LANE_SERVER - LANE_CLIENT - 24) * 10 / 73,
    HALF_COLUMNS = (LANE_WALL - LANE_CLIENT - 24) * 10 / 73,
    WIDE_COLUMNS = (WIDTH - 2 * MARGIN - 40) * 10 / 73,
    /* The proportional font of sentences is about 7 pixels wide at 14 pixels. */
    SENTENCE_COLUMNS = (WIDTH - 2 * MARGIN - 110) / 7,
    ROWS_MOST = 400, /* a diagram longer than that is nothing to look at */
};

struct sheet {
    FILE *out;
    int y;
    const struct story *s;
    const struct story_rule *rules[64]; /* that decided, for the list at the end */
    size_t rule_count;
};

static const char style[] =
    "text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2933}"
    ".m{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px;white-space:pre}"
    ".f{fill:#5c6773}.h{font-size:16px;font-weight:bold}.b{font-weight:bold}.bad{fill:#b3151f}"
    ".good{fill:#176c2e}.doubt{fill:#8a5a00}.w{fill:#fff}.e{text-anchor:end}.c{text-anchor:middle}"
    ".l{stroke:#b8c2cc;stroke-width:1.5}.wall{stroke:#52606d;stroke-width:5}"
    ".a{stroke:#3e4c59;stroke-width:1.6}.d{stroke:#1d6fb8;stroke-width:2.6}.x{stroke:#cf222e;stroke-width:2."
    "2}"
    ".q{stroke:#b7791f;stroke-width:2.2;stroke-dasharray:6 "
    "4}.halo{stroke:#fff;stroke-width:5;paint-order:stroke}";

__attribute__((format(printf, 2, 3))) static void draw(struct sheet *sheet, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(sheet->out, format, list);
    va_end(list);
}

static void draw_text(struct sheet *sheet, int x, int y, const char *classes, const char *text, int most)
{
    draw(sheet, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, classes);
    markup_text_cut(sheet->out, text, most);
    draw(sheet, "</text>\n");
}

/* text broken into lines of at most columns; returns their number. draws: else they are only counted. */
static int draw_lines(struct sheet *sheet, int x, int y, const char *classes, const char *text, int columns,
                      bool draws)
{
    int lines = 0;
    while (*text) {
        size_t next, size = paint_break(text, columns, &next);
        char *line = strndup(text, size);
        if (line && draws)
            draw_text(sheet, x, y + lines * LINE, classes, line, columns + 8);
        free(line);
        lines++;
        text += next;
    }
    return lines;
}

/* ---- top ---- */

struct look {
    enum speech_phrase word;
    const char *colour, *classes, *mark;
};

static struct look look_of(enum story_outcome outcome)
{
    static const struct look looks[] = {[STORY_WORKS] = {SPEECH_HEAD_WORKS, "#1a7f37", "good b", "✓"},
                                        [STORY_BLOCKED] = {SPEECH_HEAD_BLOCKED, "#cf222e", "bad b", "✗"},
                                        [STORY_UNKNOWN] = {SPEECH_HEAD_UNKNOWN, "#b7791f", "doubt b", "?"}};
    return looks[outcome];
}

static void draw_tasks(struct sheet *sheet)
{
    int x = MARGIN;
    for (size_t i = 0; i < sheet->s->task_count; i++) {
        const struct story_task *task = &sheet->s->tasks[i];
        struct look look = look_of(task->outcome);
        char *text = story_format("%s %s", look.mark, speech_of(task->name));
        if (text && x < WIDTH - MARGIN - 60) {
            draw_text(sheet, x, sheet->y, look.classes, text, 24);
            x += paint_columns(text) * 9 + 26;
        }
        free(text);
    }
    if (sheet->s->task_count)
        sheet->y += 26;
}

static void draw_top(struct sheet *sheet)
{
    const struct story *s = sheet->s;
    struct look look = look_of(s->outcome);
    sheet->y = 44;
    draw_text(sheet, MARGIN, sheet->y, "h", s->title ? s->title : "", 92);
    sheet->y += 18;
    draw(sheet, "<rect x=\"%d\" y=\"%d\" width=\"92\" height=\"26\" rx=\"5\" fill=\"%s\"/>\n", MARGIN,
         sheet->y, look.colour);
    draw_text(sheet, MARGIN + 46, sheet->y + 18, "w b c", speech_plain(look.word), 12);
    if (s->conclusion)
        sheet->y +=
            (draw_lines(sheet, MARGIN + 106, sheet->y + 18, "", s->conclusion, SENTENCE_COLUMNS, true) - 1) *
            LINE;
    sheet->y += 52;
    draw_tasks(sheet);
    bool is_robust = s->manner && strcmp(s->manner, "robust") == 0;
    const char *rules = s->rules_name ? speech_of(s->rules_name) : SAID(NONE);
    const char *kernel = s->kernel ? s->kernel : "?";
    char *asked = fold_has_ftp(s) ? PHRASE(MADE_DRAWN_FTP, rules, kernel,
                                           is_robust ? SAID(HELPER_ROBUST) : SAID(HELPER_LINUX))
                                  : PHRASE(MADE_DRAWN, rules, kernel);
    if (asked)
        draw_text(sheet, MARGIN, sheet->y, "f", asked, 120);
    free(asked);
    sheet->y += 20;
}

static void draw_head(struct sheet *sheet, int x, const char *name, const char *below, bool is_wall)
{
    draw(sheet,
         "<rect x=\"%d\" y=\"%d\" width=\"220\" height=\"46\" rx=\"6\" fill=\"%s\" stroke=\"%s\" "
         "stroke-width=\"%s\"/>\n",
         x - 110, sheet->y, is_wall ? "#eef1f4" : "#fff", is_wall ? "#52606d" : "#9aa5b1",
         is_wall ? "2" : "1.5");
    draw_text(sheet, x, sheet->y + 19, "b c", name, 20);
    draw_text(sheet, x, sheet->y + 37, "m f c", below, 29);
}

static void draw_heads(struct sheet *sheet)
{
    static const enum speech_phrase places[] = {[STORY_AT_SERVER] = SPEECH_ON_SERVER,
                                                [STORY_AT_GATEWAY] = SPEECH_ON_GATEWAY,
                                                [STORY_AT_CLIENT] = SPEECH_ON_CLIENT};
    const struct story *s = sheet->s;
    draw_head(sheet, LANE_CLIENT, SAID(CLIENT), s->client ? s->client : "", false);
    draw_head(sheet, LANE_WALL, SAID(FIREWALL), speech_plain(places[s->where]), true);
    draw_head(sheet, LANE_SERVER, SAID(SERVER), s->server ? s->server : "", false);
    sheet->y += 46;
}

/* ---- packets ---- */

/* What a screen reader says, and what a pointer shows, of a packet. */
static void draw_description(struct sheet *sheet, const struct story_step *step)
{
    char *said = say_judgement(step);
    char *text = PHRASE(DRAWN_PACKET, NUMBER(step->number), step->source, step->destination,
                        speech_of(step->label), step->packet, said ? said : "");
    draw(sheet, "<title>");
    markup_text(sheet->out, text ? text : "");
    if (step->rule.text) {
        draw(sheet, ": ");
        markup_text(sheet->out, step->rule.text);
    }
    draw(sheet, "</title>\n");
    free(text);
    free(said);
}

static void draw_arrow_head(struct sheet *sheet, int x, int y, bool to_right, const char *colour)
{
    int back = to_right ? -9 : 9;
    draw(sheet, "<path d=\"M%d %dl%d -5v10z\" fill=\"%s\"/>\n", x, y, back, colour);
}

static void draw_arrow(struct sheet *sheet, const struct story_step *step)
{
    static const struct {
        const char *classes, *colour;
    } kinds[] = {[STORY_CONTROL] = {"a", "#3e4c59"},
                 [STORY_DATA] = {"d", "#1d6fb8"},
                 [STORY_OTHER] = {"a", "#3e4c59"}};
    bool up = step->from == STORY_CLIENT;
    int start = up ? LANE_CLIENT : LANE_SERVER, end = up ? LANE_SERVER : LANE_CLIENT, y = sheet->y;
    if (step->fate == WALL_PASS) {
        draw(sheet, "<path class=\"%s\" d=\"M%d %dH%d\"/>\n", kinds[step->channel].classes, start, y,
             up ? end - 8 : end + 8);
        draw_arrow_head(sheet, end, y, up, kinds[step->channel].colour);
        return;
    }
    bool doubt = step->fate == WALL_UNKNOWN;
    draw(sheet, "<path class=\"%s\" d=\"M%d %dH%d\"/>\n", doubt ? "q" : "x", start, y,
         up ? LANE_WALL - 12 : LANE_WALL + 12);
    draw(sheet, "<circle cx=\"%d\" cy=\"%d\" r=\"11\" fill=\"%s\" stroke=\"#fff\" stroke-width=\"2\"/>\n",
         LANE_WALL, y, doubt ? "#b7791f" : "#cf222e");
    draw_text(sheet, LANE_WALL, y + 5, "w b c", doubt ? "?" : "✕", 1);
}

static void draw_words(struct sheet *sheet, const struct story_step *step)
{
    static const char *const classes[] = {
        [WALL_PASS] = "f", [WALL_DROP] = "bad b", [WALL_REJECT] = "bad b", [WALL_UNKNOWN] = "doubt b"};
    bool up = step->from == STORY_CLIENT, passes = step->fate == WALL_PASS;
    char line[64];
    char *label = say_label(step), *said = say_judgement(step);
    snprintf(line, sizeof(line), "m halo %s%s", passes ? "" : classes[step->fate], up ? "" : " e");
    int columns = label ? paint_columns(label) : 0;
    if (columns > HALF_COLUMNS) /* it crosses the wall, which is not to be seen between the words */
        draw(sheet, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"15\" fill=\"#fff\"/>\n", LANE_WALL - 7,
             sheet->y - 18);
    if (label)
        draw_text(sheet, up ? LANE_CLIENT + 10 : LANE_SERVER - 10, sheet->y - 6, line, label, LABEL_COLUMNS);
    snprintf(line, sizeof(line), "m %s%s", classes[step->fate], up ? "" : " e");
    if (said)
        draw_text(sheet, up ? LANE_WALL + 18 : LANE_WALL - 18, sheet->y + (passes ? 14 : 5), line, said,
                  HALF_COLUMNS);
    free(label);
    free(said);
}

enum note_kind { NOTE_BAD, NOTE_GOOD, NOTE_DOUBT };

/* A box over the firewall's lane, below what was drawn last. */
static void draw_note(struct sheet *sheet, enum note_kind kind, const char *text, bool is_code)
{
    static const struct {
        const char *fill, *stroke, *classes;
    } looks[] = {[NOTE_BAD] = {"#fdecea", "#cf222e", "bad"},
                 [NOTE_GOOD] = {"#e6f6ea", "#2da44e", "good"},
                 [NOTE_DOUBT] = {"#fff6d6", "#d4a72c", "doubt"}};
    char classes[32];
    int columns = is_code ? NOTE_COLUMNS : NOTE_COLUMNS + 4;
    int lines = draw_lines(sheet, 0, 0, "", text, columns, false);
    int x = LANE_WALL - NOTE_WIDTH / 2, y = sheet->y - 16;
    snprintf(classes, sizeof(classes), "%s%s", is_code ? "m " : "", looks[kind].classes);
    draw(sheet, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\" stroke=\"%s\"/>\n",
         x, y, NOTE_WIDTH, lines * LINE + 10, looks[kind].fill, looks[kind].stroke);
    draw_lines(sheet, x + 12, y + 18, classes, text, columns, true);
    sheet->y += lines * LINE + 16;
}

static void draw_event(struct sheet *sheet, const struct story_step *step, const struct story_event *event)
{
    static const enum note_kind kinds[] = {
        [TRACK_EXPECT_MISSED] = NOTE_DOUBT, [TRACK_PACKET_DROPPED] = NOTE_BAD};
    bool good = event->type != TRACK_EXPECT_MISSED && event->type != TRACK_PACKET_DROPPED;
    const char *reason = strstr(event->text, ": ");
    bool again = !good && reason && fold_event_again(sheet->s, (size_t)(step - sheet->s->steps), event);
    char *text = again ? say_again(event) : strdup(event->text);
    if (text)
        draw_note(sheet, good ? NOTE_GOOD : kinds[event->type], text, false);
    free(text);
}

/* The rules that led to the one that decided. */
static void draw_jumps(struct sheet *sheet, const struct story_step *step, enum note_kind kind)
{
    for (size_t i = 0; i < step->jump_count; i++) {
        char *text = say_jump(&step->jumps[i]);
        if (text)
            draw_note(sheet, kind, text, true);
        free(text);
    }
}

static void draw_notes(struct sheet *sheet, const struct story_step *step)
{
    enum note_kind kind = step->fate == WALL_UNKNOWN ? NOTE_DOUBT : NOTE_BAD;
    int start = sheet->y += 8;
    if (step->fate != WALL_PASS && step->rule.text) {
        draw_jumps(sheet, step, kind);
        char *text = say_rule(&step->rule);
        if (text)
            draw_note(sheet, kind, text, true);
        free(text);
    }
    if (step->because) {
        char *text = say_doubt(step);
        if (text)
            draw_note(sheet, NOTE_DOUBT, text, false);
        free(text);
    }
    bool told = false;
    for (size_t i = 0; i < step->event_count; i++) {
        const struct story_event *event = &step->events[i];
        told = told || event->reason == step->reason;
        draw_event(sheet, step, event);
    }
    if (step->reason != TRACK_OK && !told)
        draw_note(sheet, kind, speech_of(track_reason_text(step->reason)), false);
    sheet->y += sheet->y > start ? 8 : -8; /* room for the next arrow's words */
}

static void remember_rule(struct sheet *sheet, const struct story_rule *rule)
{
    if (!rule->chain || sheet->rule_count == sizeof(sheet->rules) / sizeof(sheet->rules[0]))
        return;
    for (size_t i = 0; i < sheet->rule_count; i++) {
        const struct story_rule *known = sheet->rules[i];
        if (story_rule_equal(known, rule))
            return;
    }
    sheet->rules[sheet->rule_count++] = rule;
}

static void draw_phase(struct sheet *sheet, const char *phase)
{
    sheet->y += 6;
    draw(sheet, "<path d=\"M%d %dH%d\" stroke=\"#e4e8ec\"/>\n", MARGIN, sheet->y - 16, WIDTH - MARGIN);
    draw_text(sheet, MARGIN, sheet->y + 2, "b", speech_of(phase), 12);
    sheet->y += 4;
}

static void draw_retries(struct sheet *sheet, struct fold *fold)
{
    if (!fold->retries)
        return;
    char *text = say_retries(fold->retries, fold->last_ms);
    if (text) {
        draw(sheet, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"17\" fill=\"#fff\"/>\n", LANE_WALL - 7,
             sheet->y - 27);
        draw_text(sheet, LANE_WALL, sheet->y - 14, "bad c halo", text, NOTE_COLUMNS);
    }
    free(text);
    sheet->y += 16;
    fold->retries = 0;
}

static void draw_step(struct sheet *sheet, const struct story_step *step)
{
    char number[16];
    snprintf(number, sizeof(number), "%u", step->number);
    draw(sheet, "<g>");
    draw_description(sheet, step);
    draw_text(sheet, LANE_CLIENT - 14, sheet->y + 4, "m f e", number, 8);
    draw_arrow(sheet, step);
    draw_words(sheet, step);
    draw(sheet, "</g>\n");
    remember_rule(sheet, &step->rule);
    sheet->y += ROW;
    draw_notes(sheet, step);
}

static void draw_repeated(struct sheet *sheet, const char *like, uint32_t first, size_t count)
{
    char *text = PHRASE(PHASE_LIKE, speech_of(like), NUMBER(first), NUMBER(first + (uint32_t)count - 1));
    if (text)
        draw_text(sheet, LANE_CLIENT + 10, sheet->y + 2, "f", text, HALF_COLUMNS);
    free(text);
    sheet->y += ROW;
}

static void draw_conversation(struct sheet *sheet)
{
    struct fold fold = {0};
    const char *phase = "";
    int rows = 0;
    uint32_t left_out = 0;
    sheet->y += 34;
    for (size_t i = 0; i < sheet->s->step_count; i++) {
        const struct story_step *step = &sheet->s->steps[i];
        struct fold before = fold;
        const char *like;
        size_t repeated = fold_phase(sheet->s, i, &like);
        if (repeated) {
            draw_retries(sheet, &fold);
            draw_phase(sheet, phase = step->phase);
            draw_repeated(sheet, like, step->number, repeated);
            i += repeated - 1;
            continue;
        }
        if (!fold_shows(&fold, sheet->s, i))
            continue;
        if (++rows > ROWS_MOST) {
            left_out++;
            continue;
        }
        draw_retries(sheet, &before);
        if (step->phase && strcmp(step->phase, phase) != 0)
            draw_phase(sheet, phase = step->phase);
        draw_step(sheet, step);
    }
    draw_retries(sheet, &fold);
    if (left_out) {
        char *text = PHRASE(NOT_DRAWN, NUMBER(left_out));
        if (text)
            draw_text(sheet, LANE_WALL, sheet->y, "f c halo", text, NOTE_COLUMNS);
        free(text);
        sheet->y += ROW;
    }
}

/* ---- bottom ---- */

static void draw_rules(struct sheet *sheet)
{
    if (!sheet->rule_count)
        return;
    draw_text(sheet, MARGIN, sheet->y, "b", SAID(HEADING_RULES), 40);
    sheet->y += 20;
    for (size_t i = 0; i < sheet->rule_count; i++) {
        const struct story_rule *rule = sheet->rules[i];
        char *text = rule->number
                         ? story_format("%s %s %u   %s", rule->table, rule->chain, rule->number, rule->text)
                         : story_format("%s %s     %s", rule->table, rule->chain, rule->text);
        if (text)
            draw_text(sheet, MARGIN + 12, sheet->y, "m", text, WIDE_COLUMNS);
        free(text);
        sheet->y += LINE;
    }
    sheet->y += 16;
}

static void draw_fixes(struct sheet *sheet)
{
    unsigned number = 0;
    for (size_t i = 0; i < sheet->s->fix_count; i++) {
        const struct story_fix *fix = &sheet->s->fixes[i];
        if (!fix->works)
            continue;
        if (++number == 1) {
            draw_text(sheet, MARGIN, sheet->y, "b", SAID(HEADING_FIXES_SHORT), 80);
            sheet->y += 20;
        }
        char *exposes = PHRASE(EXPOSES, fix->exposes ? fix->exposes : SAID(NOTHING));
        char *title = exposes ? story_format("%u. %s; %s", number, fix->title, exposes) : NULL;
        free(exposes);
        if (title)
            draw_text(sheet, MARGIN + 12, sheet->y, "good", title, SENTENCE_COLUMNS);
        free(title);
        for (size_t k = 0; k < fix->command_count; k++) {
            sheet->y += LINE;
            sheet->y +=
                (draw_lines(sheet, MARGIN + 28, sheet->y, "m", fix->commands[k], WIDE_COLUMNS, true) - 1) *
                LINE;
        }
        sheet->y += 24;
    }
    sheet->y += number ? 8 : 0;
}

static void draw_legend(struct sheet *sheet)
{
    int y = sheet->y, x = MARGIN;
    if (fold_has_ftp(sheet->s)) {
        draw(sheet, "<path class=\"a\" d=\"M%d %dh40\"/>\n", x, y - 4);
        draw_text(sheet, x + 48, y, "f", SAID(CONTROL_CHANNEL), 20);
        draw(sheet, "<path class=\"d\" d=\"M%d %dh40\"/>\n", x + 180, y - 4);
        draw_text(sheet, x + 228, y, "f", SAID(DATA_CHANNEL), 20);
        x += 340;
    }
    draw(sheet, "<path class=\"x\" d=\"M%d %dh40\"/>\n", x, y - 4);
    draw_text(sheet, x + 48, y, "f", SAID(STOPPED), 30);
    draw_text(sheet, WIDTH - MARGIN, y, "f e", "sallywall explain", 30);
    sheet->y += 22;
}

/* ---- the file ---- */

static void draw_frame(struct sheet *sheet, int height, bool is_inline)
{
    const struct story *s = sheet->s;
    if (!is_inline)
        draw(sheet, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    draw(sheet,
         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
         "role=\"img\" "
         "aria-labelledby=\"sally-title sally-desc\">\n<title id=\"sally-title\">",
         WIDTH, height, WIDTH, height);
    markup_text(sheet->out, s->title ? s->title : SAID(TITLE_OTHER));
    draw(sheet, "</title>\n<desc id=\"sally-desc\">%s. ", speech_plain(look_of(s->outcome).word));
    markup_text(sheet->out, s->conclusion ? s->conclusion : "");
    draw(sheet, "</desc>\n<style>%s</style>\n", style);
    draw(
        sheet,
        "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"10\" fill=\"#fff\" stroke=\"#d5dbe1\"/>\n",
        WIDTH - 1, height - 1);
}

static void draw_lanes(struct sheet *sheet, int from, int to)
{
    draw(sheet, "<path class=\"l\" d=\"M%d %dV%d\"/>\n", LANE_CLIENT, from, to);
    draw(sheet, "<path class=\"wall\" d=\"M%d %dV%d\"/>\n", LANE_WALL, from, to);
    draw(sheet, "<path class=\"l\" d=\"M%d %dV%d\"/>\n", LANE_SERVER, from, to);
}

int markup_svg(const struct story *s, bool is_inline, FILE *out)
{
    char *body = NULL;
    size_t size = 0;
    struct sheet sheet = {.s = s, .out = open_memstream(&body, &size)};
    if (!sheet.out)
        return -ENOMEM;
    draw_top(&sheet);
    draw_heads(&sheet);
    int lanes_from = sheet.y;
    draw_conversation(&sheet);
    int lanes_to = sheet.y - 8;
    sheet.y += 26;
    draw_rules(&sheet);
    draw_fixes(&sheet);
    draw_legend(&sheet);
    int error = ferror(sheet.out) ? -ENOMEM : 0;
    if (fclose(sheet.out) != 0 && !error)
        error = -ENOMEM;
    if (!error) {
        sheet.out = out;
        draw_frame(&sheet, sheet.y, is_inline);
        draw_lanes(&sheet, lanes_from, lanes_to);
        fwrite(body, 1, size, out);
        draw(&sheet, "</svg>\n");
        error = ferror(out) ? -EIO : 0;
    }
    free(body);
    return error;
}

int story_tell_svg(const struct story *s, FILE *out)
{
    return markup_svg(s, false, out);
}
