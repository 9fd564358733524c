/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain/make.h"
#include "explain/tell/markup.h"
#include "explain/tell/say.h"
#include "speech/speech.h"

/*
 * One page that needs nothing else: the diagram, and everything that the text says as text. The policy in its
 * head forbids scripts and everything from outside, whatever a rule's comment may contain.
 */
static const char head[] = "<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                           "style-src 'unsafe-inline'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width\">\n";

static const char style[] =
    "<style>\n"
    "body{font:15px/1.5 'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;color:#1f2933;background:#fff;"
    "max-width:1000px;margin:2em auto;padding:0 1em}\n"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin:2em 0 .5em}svg{max-width:100%;height:auto}\n"
    "code,pre,td.m{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:13px}\n"
    "pre{background:#f4f6f8;padding:.6em .8em;overflow-x:auto;border-radius:4px}\n"
    "table{border-collapse:collapse;width:100%;font-size:13px}\n"
    "th,td{text-align:left;vertical-align:top;padding:.25em .6em;border-bottom:1px solid #dfe5ea}\n"
    ".works,.pass{color:#176c2e}.blocked,.drop,.reject{color:#b3151f}.unknown{color:#8a5a00}\n"
    ".answer{font-size:1.1em;border-left:5px solid;padding-left:.8em}.answer span{color:#1f2933}\n"
    "@media print{body{margin:0}h2{break-after:avoid}tr,pre,li{break-inside:avoid}}\n"
    "</style>\n";

/* "<tag class=...>text</tag>" */
static void put(FILE *out, const char *tag, const char *classes, const char *text)
{
    fprintf(out, "<%s class=\"%s\">", tag, classes);
    markup_text(out, text ? text : "");
    fprintf(out, "</%s>", tag);
}

static void put_answer(const struct story *s, FILE *out)
{
    const char *outcome = story_outcome_name(s->outcome);

    fprintf(out, "<p class=\"answer %s\"><b>%s</b><br>", outcome, speech_of(outcome));
    put(out, "span", "", s->conclusion);
    fputs("</p>\n<ul>\n", out);
    for (size_t i = 0; i < s->task_count; i++) {
        const struct story_task *task = &s->tasks[i];

        fputs("<li>", out);
        put(out, "b", story_outcome_name(task->outcome), speech_of(task->name));
        fprintf(out, " %s", speech_of(story_outcome_name(task->outcome)));
        if (task->why) {
            fputs(": ", out);
            markup_text(out, task->why);
        }
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* text on a line of its own, and freed. */
static void put_line(FILE *out, char *text)
{
    fputs("<br>", out);
    if (text)
        markup_text(out, text);
    free(text);
}

static void put_fix(const struct story_fix *fix, FILE *out)
{
    fputs("<li>", out);
    put(out, "b", "", fix->title);
    put_line(out, PHRASE(EXPOSES, fix->exposes ? fix->exposes : ""));
    fputs("<pre>", out);
    for (size_t i = 0; i < fix->command_count; i++) {
        markup_text(out, fix->commands[i]);
        fputc('\n', out);
    }
    fputs("</pre>", out);
    if (fix->note)
        put(out, "p", "", fix->note);
    fputs("</li>\n", out);
}

/* Those that work, or those that do not. */
static void put_fixes(const struct story *s, bool works, const char *heading, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < s->fix_count; i++) {
        if (s->fixes[i].works != works)
            continue;
        if (!any)
            fprintf(out, "<h2>%s</h2>\n<ol>\n", heading);
        any = true;
        put_fix(&s->fixes[i], out);
    }
    if (any)
        fputs("</ol>\n", out);
}

/* Who decided, by which rules, and what would tell if it is not known. */
static void put_decider(const struct story_step *step, FILE *out)
{
    char *who = say_decider(step);

    fputs("<td class=\"m\">", out);
    if (who)
        markup_text(out, who);
    free(who);
    for (size_t i = 0; i < step->jump_count; i++)
        put_line(out, say_jump(&step->jumps[i]));
    if (step->rule.text)
        put_line(out, say_rule(&step->rule));
    if (step->because)
        put_line(out, say_doubt(step));
    for (size_t i = 0; i < step->near_count; i++)
        put_line(out, strdup(step->near[i].text));
    fputs("</td>", out);
}

static void put_step(const struct story_step *step, FILE *out)
{
    const char *fate = story_fate_name(step->fate);

    fprintf(out, "<tr><td>%" PRIu32 "</td>", step->number);
    put(out, "td", "m", step->source);
    put(out, "td", "m", step->destination);
    fputs("<td>", out);
    markup_text(out, step->label ? speech_of(step->label) : "");
    for (size_t i = 0; i < step->event_count; i++) {
        fputs("<br><i>", out);
        markup_text(out, step->events[i].text);
        fputs("</i>", out);
    }
    fputs("</td>", out);
    put(out, "td", "", speech_of(story_state_name(step->state)));
    put(out, "td", fate, speech_of(fate));
    put_decider(step, out);
    fputs("</tr>\n", out);
}

static void put_steps(const struct story *s, FILE *out)
{
    const char *const columns[] = {SAID(COLUMN_FROM),  SAID(COLUMN_TO),   SAID(COLUMN_WHAT),
                                   SAID(COLUMN_STATE), SAID(COLUMN_FATE), SAID(COLUMN_DECIDER)};
    fprintf(out, "<h2>%s</h2>\n<table>\n<tr><th>#</th>", SAID(HEADING_PACKETS));
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        fprintf(out, "<th>%s</th>", columns[i]);
    fputs("</tr>\n", out);
    for (size_t i = 0; i < s->step_count; i++)
        put_step(&s->steps[i], out);
    fputs("</table>\n", out);
}

static void put_notes(const struct story *s, FILE *out)
{
    if (!s->note_count)
        return;
    fprintf(out, "<h2>%s</h2>\n<ul>\n", SAID(HEADING_NOTES));
    for (size_t i = 0; i < s->note_count; i++) {
        put(out, "li", "", s->notes[i]);
        fputc('\n', out);
    }
    fputs("</ul>\n", out);
}

int story_tell_html(const struct story *s, FILE *out)
{
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n%s", speech_language(), head);
    put(out, "title", "", s->title);
    fputs(style, out);
    fputs("</head>\n<body>\n", out);
    put(out, "h1", "", s->title);
    put_answer(s, out);

    int r = markup_svg(s, true, out);
    if (r)
        return r;
    put_fixes(s, true, SAID(HEADING_FIXES), out);
    put_fixes(s, false, SAID(HEADING_FAILED), out);
    put_notes(s, out);
    put_steps(s, out);
    fputs("</body>\n</html>\n", out);
    return ferror(out) ? -EIO : 0;
}
