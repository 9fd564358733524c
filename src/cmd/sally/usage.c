/* SPDX-License-Identifier: BSD-2-Clause */
/* sally --help. Names of commands and options are the same in all languages. */
#include "cmd/sally/command.h"
#include "cmd/sally/paragraph.h"

#include <stdio.h>

static const struct form {
    const char *command, *words;
} forms[] = {
    {"", "[URL]"},
    {"get", "URL..."},
    {"put", "FILE... URL"},
    {"mirror", "URL [FOLDER]"},
    {"mirror --reverse", "FOLDER URL"},
    {"ls", "URL..."},
    {"cat", "URL..."},
    {"rm", "URL..."},
    {"doctor", "URL"},
    {"queue", "[run | clear | get URL... | put FILE... URL]"},
};

/* What an option is for; without: it speaks for itself. */
static const struct line {
    const char *option;
    enum speech_phrase what;
} general[] =
    {
        {"  -v, --verbose", SPEECH_HELP_VERBOSE},
        {"  -t, --times", SPEECH_HELP_TIMES},
        {"      --json", SPEECH_HELP_JSON},
        {"  -P, --parallel N", SPEECH_HELP_PARALLEL},
        {"      --segments N", SPEECH_HELP_SEGMENTS},
        {"  -c, --continue", SPEECH_HELP_CONTINUE},
        {"  -o, --output FILE", SPEECH_HELP_OUTPUT},
        {"      --retries N", SPEECH_HELP_RETRIES},
        {"      --timeout SECONDS", SPEECH_HELP_TIMEOUT},
        {"      --limit-rate BYTES", SPEECH_HELP_LIMIT_RATE},
        {"      --no-upload", SPEECH_HELP_NO_UPLOAD},
        {"      --encoding NAME", SPEECH_HELP_ENCODING},
        {"      --lang LANGUAGE", SPEECH_HELP_LANG},
},
  trees[] =
      {
          {"  -R, --reverse", SPEECH_HELP_REVERSE},
          {"      --delete", SPEECH_HELP_DELETE},
          {"  -n, --dry-run", SPEECH_HELP_DRY_RUN},
          {"      --only-newer", SPEECH_HELP_ONLY_NEWER},
          {"      --links", SPEECH_HELP_LINKS},
          {"      --include PATTERN, --exclude PATTERN", SPEECH_PHRASES},
          {"  -r, --recursive", SPEECH_HELP_RECURSIVE},
},
  trust[] =
      {
          {"      --password-file FILE", SPEECH_HELP_PASSWORD_FILE},
          {"      --password-command C", SPEECH_HELP_PASSWORD_COMMAND},
          {"      --tls", SPEECH_HELP_TLS},
          {"      --plain", SPEECH_HELP_PLAIN},
          {"      --fingerprint SHA256", SPEECH_HELP_FINGERPRINT},
          {"      --trust-new", SPEECH_HELP_TRUST_NEW},
},
  data[] =
      {
          {"      --passive, --active", SPEECH_HELP_WAYS},
          {"      --active-ports A:B", SPEECH_HELP_ACTIVE_PORTS},
          {"      --active-address IP", SPEECH_HELP_ACTIVE_ADDRESS},
},
  rest[] = {
      {"  -h, --help", SPEECH_PHRASES},
      {"      --version", SPEECH_PHRASES},
};

static const struct group {
    enum speech_phrase title;
    const struct line *lines;
    size_t count;
} groups[] = {
#define LINES(lines) lines, sizeof(lines) / sizeof(lines[0])
    {SPEECH_PHRASES, LINES(general)}, {SPEECH_HELP_TREES, LINES(trees)}, {SPEECH_HELP_TRUST, LINES(trust)},
    {SPEECH_HELP_DATA, LINES(data)},  {SPEECH_PHRASES, LINES(rest)},
#undef LINES
};

static void print_forms(FILE *out)
{
    const char *label = SAID(HELP_USAGE);
    int indent = (int)paragraph_columns(label);

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        fprintf(out, "%*s sally %-6s %s %s\n", i ? indent : 0, i ? "" : label, forms[i].command,
                SAID(HELP_OPTIONS), forms[i].words);
}

static void print_line(FILE *out, const struct line *l)
{
    if (l->what == SPEECH_PHRASES)
        fprintf(out, "%s\n", l->option);
    else
        fprintf(out, "%-27s %s\n", l->option, speech_plain(l->what));
}

void usage_print(FILE *out)
{
    print_forms(out);
    fprintf(out, "\n%s\n", SAID(HELP_URL));
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        putc('\n', out);
        if (groups[i].title != SPEECH_PHRASES)
            fprintf(out, "%s\n", speech_plain(groups[i].title));
        for (size_t n = 0; n < groups[i].count; n++)
            print_line(out, &groups[i].lines[n]);
    }
}
