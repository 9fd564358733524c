/* SPDX-License-Identifier: BSD-2-Clause */
/* Options: of the command line, and of the commands of a session. */
#include "cmd/sally/command.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TLS = 256,
    PLAIN,
    FINGERPRINT,
    PASSIVE,
    ACTIVE,
    ACTIVE_PORTS,
    ACTIVE_ADDRESS,
    PASSWORD_FILE,
    PASSWORD_COMMAND,
    TRUST_NEW,
    JSON,
    SEGMENTS,
    RETRIES,
    RETRY_DELAY,
    TIMEOUT,
    LIMIT_RATE,
    ENCODING,
    LANGUAGE,
    DELETE,
    ONLY_NEWER,
    LINKS,
    INCLUDE,
    EXCLUDE,
    NO_UPLOAD,
    VERSION
};

static const struct option longs[] = {
    {"verbose", no_argument, NULL, 'v'},
    {"times", no_argument, NULL, 't'},
    {"json", no_argument, NULL, JSON},
    {"parallel", required_argument, NULL, 'P'},
    {"segments", required_argument, NULL, SEGMENTS},
    {"continue", no_argument, NULL, 'c'},
    {"output", required_argument, NULL, 'o'},
    {"retries", required_argument, NULL, RETRIES},
    {"retry-delay", required_argument, NULL, RETRY_DELAY},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"limit-rate", required_argument, NULL, LIMIT_RATE},
    {"encoding", required_argument, NULL, ENCODING},
    {"lang", required_argument, NULL, LANGUAGE},
    {"no-upload", no_argument, NULL, NO_UPLOAD},
    {"reverse", no_argument, NULL, 'R'},
    {"delete", no_argument, NULL, DELETE},
    {"dry-run", no_argument, NULL, 'n'},
    {"only-newer", no_argument, NULL, ONLY_NEWER},
    {"links", no_argument, NULL, LINKS},
    {"include", required_argument, NULL, INCLUDE},
    {"exclude", required_argument, NULL, EXCLUDE},
    {"recursive", no_argument, NULL, 'r'},
    {"password-file", required_argument, NULL, PASSWORD_FILE},
    {"password-command", required_argument, NULL, PASSWORD_COMMAND},
    {"tls", no_argument, NULL, TLS},
    {"plain", no_argument, NULL, PLAIN},
    {"fingerprint", required_argument, NULL, FINGERPRINT},
    {"trust-new", no_argument, NULL, TRUST_NEW},
    {"passive", no_argument, NULL, PASSIVE},
    {"active", no_argument, NULL, ACTIVE},
    {"active-ports", required_argument, NULL, ACTIVE_PORTS},
    {"active-address", required_argument, NULL, ACTIVE_ADDRESS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static bool read_ports(const char *text, struct client_site *site)
{
    unsigned first, last;
    char rest;

    if (sscanf(text, "%5u:%5u%c", &first, &last, &rest) != 2 || first == 0 || last > UINT16_MAX ||
        last < first)
        return false;
    site->active_first = (uint16_t)first;
    site->active_last = (uint16_t)last;
    return true;
}

static bool wrong(const char *what, const char *value)
{
    WRONG(LOCAL_FAILED, what, value);
    return false;
}

/* A whole number from least to most, with nothing behind it. */
static bool read_number(const char *text, unsigned long least, unsigned long most, unsigned long *ret)
{
    char *end;

    errno = 0;
    *ret = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && !errno && *ret >= least && *ret <= most;
}

static bool take_number(const char *what, unsigned long least, unsigned long most, unsigned *to)
{
    unsigned long n;

    if (!read_number(optarg, least, most, &n))
        return wrong(what, optarg);
    *to = (unsigned)n;
    return true;
}

/* Seconds, also parts of one, as milliseconds. */
static bool take_seconds(const char *what, double least, int *to)
{
    char *end;
    double seconds = strtod(optarg, &end);

    if (end == optarg || *end || !(seconds >= least && seconds <= 86400))
        return wrong(what, optarg);
    *to = (int)(seconds * 1000);
    return true;
}

static bool take_rate(uint64_t *to)
{
    static const char units[] = "kMGT";
    char *end;
    double rate = strtod(optarg, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;

    for (; unit && unit >= units; unit--)
        rate *= 1000;
    if (end == optarg || (*end && (!strchr(units, *end) || end[1])) || !(rate >= 1 && rate <= 1e15))
        return wrong(SAID(OPTION_LIMIT_RATE), optarg);
    *to = (uint64_t)rate;
    return true;
}

static bool take_pattern(const char *what, const char **patterns)
{
    for (unsigned i = 0; i < PATTERNS; i++)
        if (!patterns[i]) {
            patterns[i] = optarg;
            return true;
        }
    return wrong(what, optarg);
}

static bool take_address(const char **to)
{
    unsigned char address[16];

    *to = optarg;
    return inet_pton(AF_INET, optarg, address) == 1 || inet_pton(AF_INET6, optarg, address) == 1 ||
           wrong(SAID(OPTION_ACTIVE_ADDRESS), optarg);
}

static bool take_encoding(const char **to)
{
    iconv_t known = iconv_open(optarg, "UTF-8");

    *to = optarg;
    if (known == (iconv_t)-1)
        return wrong(SAID(OPTION_ENCODING), optarg);
    iconv_close(known);
    return true;
}

static bool take_fingerprint(const char **to)
{
    *to = optarg;
    return (strlen(optarg) == 64 && strspn(optarg, "0123456789abcdefABCDEF") == 64) ||
           wrong(SAID(OPTION_FINGERPRINT), optarg);
}

static bool take_option(int option, struct options *o)
{
    switch (option) {
    case 'P':
        return take_number(SAID(OPTION_PARALLEL), 1, SESSIONS_MOST, &o->parallel);
    case SEGMENTS:
        return take_number(SAID(OPTION_SEGMENTS), 1, SESSIONS_MOST, &o->segments);
    case RETRIES:
        return take_number("--retries", 0, 1000000, &o->retries);
    case RETRY_DELAY:
        return take_seconds(SAID(OPTION_RETRY_DELAY), 0, &o->delay_ms);
    case TIMEOUT:
        if (!take_seconds(SAID(OPTION_TIMEOUT), 0.001, &o->site.connect_ms))
            return false;
        o->site.data_ms = o->site.connect_ms;
        return true;
    case LIMIT_RATE:
        return take_rate(&o->site.rate);
    case NO_UPLOAD:
        o->stores_nothing = true;
        return true;
    case ENCODING:
        return take_encoding(&o->site.encoding);
    case LANGUAGE:
        return speech_speak(optarg) || wrong(SAID(OPTION_LANG), optarg);
    case 'R':
        o->is_reverse = true;
        return true;
    case DELETE:
        o->deletes = true;
        return true;
    case 'n':
        o->is_dry = true;
        return true;
    case ONLY_NEWER:
        o->only_newer = true;
        return true;
    case LINKS:
        o->keeps_links = true;
        return true;
    case INCLUDE:
        return take_pattern(SAID(OPTION_INCLUDE), o->includes);
    case EXCLUDE:
        return take_pattern(SAID(OPTION_EXCLUDE), o->excludes);
    case 'r':
        o->is_recursive = true;
        return true;
    case PASSWORD_COMMAND:
        o->password_command = optarg;
        return true;
    case TRUST_NEW:
        o->trusts_new = true;
        return true;
    case 'v':
        o->is_verbose = true;
        return true;
    case 't':
        o->has_times = true;
        return true;
    case 'c':
        o->resumes = true;
        return true;
    case 'o':
        o->output = optarg;
        return true;
    case PASSWORD_FILE:
        o->password_file = optarg;
        return true;
    case JSON:
        o->is_json = true;
        return true;
    case TLS:
        o->site.security = CLIENT_TLS_EXPLICIT;
        return true;
    case PLAIN:
        o->site.is_plain_allowed = true;
        return true;
    case FINGERPRINT:
        return take_fingerprint(&o->site.fingerprint);
    case PASSIVE:
        o->site.ways |= CLIENT_PASSIVE;
        return true;
    case ACTIVE:
        o->site.ways |= CLIENT_ACTIVE;
        return true;
    case ACTIVE_PORTS:
        return read_ports(optarg, &o->site) || wrong(SAID(OPTION_ACTIVE_PORTS), optarg);
    case ACTIVE_ADDRESS:
        return take_address(&o->site.active_address);
    default:
        return false;
    }
}

/* ---- what getopt_long(3) would say, in the language that is spoken ---- */

static void say_of(const char *command, char *text)
{
    fprintf(stderr, "%s: %s\n", command, text ? text : SAID(URL_NO_MEMORY));
    free(text);
}

/* " '--retries' '--retry-delay'": several that begin as name does, up to its '='. NULL: there are not several, or no memory. */
static char *possible(const char *name)
{
    size_t len = strcspn(name, "=");
    char *list = strdup("");
    unsigned count = 0;

    for (const struct option *l = longs; list && l->name; l++) {
        char *more;
        if (strncmp(l->name, name, len) != 0)
            continue;
        count++;
        if (asprintf(&more, "%s '--%s'", list, l->name) < 0)
            more = NULL;
        free(list);
        list = more;
    }
    if (count < 2) {
        free(list);
        list = NULL;
    }
    return list;
}

/* NULL: no option has this value. */
static const char *long_name(int value)
{
    const struct option *l = longs;

    while (l->name && l->val != value)
        l++;
    return l->name;
}

/* word: that was read last. */
static char *text_of_unfinished(const char *word)
{
    return strncmp(word, "--", 2) == 0 ? PHRASE(OPTION_INCOMPLETE, long_name(optopt))
                                       : PHRASE(OPTION_LETTER_INCOMPLETE, ((char[]){(char)optopt, '\0'}));
}

static char *text_of_unknown(const char *word)
{
    char *list, *text;

    if (optopt)
        return long_name(optopt) ? PHRASE(OPTION_ALONE, long_name(optopt))
                                 : PHRASE(OPTION_LETTER, ((char[]){(char)optopt, '\0'}));
    list = possible(word + 2);
    text = list ? PHRASE(OPTION_AMBIGUOUS, word, list) : PHRASE(OPTION_UNKNOWN, word);
    free(list);
    return text;
}

enum option_result options_read(int count, char **words, struct options *o, int *ret_first)
{
    int option;

    optind = 0; /* from the beginning, as glibc wants it (getopt(3)) */
    while ((option = getopt_long(count, words, ":vtcP:o:nRrh", longs, NULL)) != -1) {
        if (option == 'h')
            return OPTIONS_HELP;
        if (option == VERSION)
            return OPTIONS_VERSION;
        if (option == ':')
            say_of(words[0], text_of_unfinished(words[optind - 1]));
        else if (option == '?')
            say_of(words[0], text_of_unknown(words[optind - 1]));
        if (!take_option(option, o))
            return OPTIONS_WRONG;
    }
    *ret_first = optind;
    return OPTIONS_OK;
}
