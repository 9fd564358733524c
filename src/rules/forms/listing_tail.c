/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a listing's line: what each match prints, then what the target prints (libxt_*.c of iptables 1.8, each
 * one's print function). What is in no pattern here is told as unknown, and the next pattern is looked for behind it
 * only where a match is sure to begin: nowhere, so that all that follows is unknown as well.
 */
#include "rules/forms/listing.h"

#include <stdarg.h>
#include <string.h>

struct tail {
    const struct listed *l;
    const char *at, *end; /* blanks before at are skipped */
    char made[2048];      /* options of what is being read */
    size_t used;
    bool in_conntrack; /* what was read last is -m conntrack, and another option of it may follow */
};

/* What does not fit makes no match: reading it fails. */
__attribute__((format(printf, 2, 3))) static void put(struct tail *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int size = vsnprintf(t->made + t->used, sizeof(t->made) - t->used, format, args);
    va_end(args);
    t->used += size > 0 ? (size_t)size : 0;
    if (t->used >= sizeof(t->made))
        t->used = sizeof(t->made) - 1;
}

static bool is_full(const struct tail *t)
{
    return t->used == sizeof(t->made) - 1;
}

/* In quotes. */
static void put_quoted(struct tail *t, const char *at, const char *end)
{
    put(t, "\"");
    for (; at < end; at++)
        put(t, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    put(t, "\"");
}

/* ---- cursor ---- */

static void skip_blanks(struct tail *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

/* Takes what, in which a blank stands for one or more. It must end at a blank, unless it says by its own end that a
 * word follows at once. */
static bool take(struct tail *t, const char *what)
{
    const char *at = t->at;

    for (; *what; what++) {
        if (*what == ' ') {
            if (at < t->end && *at != ' ')
                return false;
            while (at < t->end && *at == ' ')
                at++;
        } else if (at == t->end || *at++ != *what) {
            return false;
        }
    }
    t->at = at;
    return true;
}

static bool is_plain(char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '\'';
}

/* A word without quotes; NULL: there is none. */
static const char *word(struct tail *t, int *ret_size)
{
    const char *begin = t->at, *at = t->at;

    while (at < t->end && is_plain(*at))
        at++;
    if (at == begin || (at < t->end && *at != ' ') || at - begin > 200)
        return NULL;
    *ret_size = (int)(at - begin);
    t->at = at;
    skip_blanks(t);
    return begin;
}

/* ---- matches ---- */

/* One pattern: what is printed before the argument, and the option. "!": may stand behind the text, a blank maybe
 * behind it. */
struct pattern {
    const char *text, *option;
    const char *match; /* -m, unless it is that of the pattern before */
};

/* An argument with "!" before it, which belongs before the option. */
static bool take_argument(struct tail *t, const char *option)
{
    int size;
    bool inverted = t->at < t->end && *t->at == '!';

    if (inverted) {
        t->at++;
        skip_blanks(t);
    }
    const char *argument = word(t, &size);
    if (argument)
        put(t, "%s --%s %.*s", inverted ? " !" : "", option, size, argument);
    return argument;
}

/* "tcp spt:1 dpts:2:3 option=5 flags:0x17/0x02", "udp dpt:!53". */
static bool take_flags(struct tail *t)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
    bool inverted = t->at < t->end && *t->at == '!';
    int size;

    t->at += inverted;
    const char *flags = word(t, &size), *slash = flags ? memchr(flags, '/', (size_t)size) : NULL;
    unsigned mask, set;
    if (!slash)
        return false;
    char text[64] = "";
    if (size < (int)sizeof(text))
        memcpy(text, flags, (size_t)size);
    put(t, "%s --tcp-flags", inverted ? " !" : "");
    if (sscanf(text, "0x%2x/0x%2x", &mask, &set) != 2) {
        put(t, " %.*s %.*s", (int)(slash - flags), flags, (int)(flags + size - slash - 1), slash + 1);
        return true;
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned bits = i ? set : mask;
        bool first = true;
        put(t, " ");
        for (unsigned b = 0; b < 6; b++) {
            if (bits >> b & 1)
                put(t, "%s%s", first ? "" : ",", names[b]), first = false;
        }
        if (first)
            put(t, "NONE");
    }
    return true;
}

static bool take_ports(struct tail *t)
{
    static const struct pattern ports[] = {{"spts:", "sport", NULL},
                                           {"spt:", "sport", NULL},
                                           {"dpts:", "dport", NULL},
                                           {"dpt:", "dport", NULL},
                                           {"option=", "tcp-option", NULL}};
    bool known = true;

    while (known) {
        known = false;
        for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
            if (!take(t, ports[i].text))
                continue;
            if (!take_argument(t, ports[i].option))
                return false;
            known = true;
        }
        if (take(t, "flags:")) {
            if (!take_flags(t))
                return false;
            known = true;
        }
    }
    return true;
}

static bool take_transport(struct tail *t)
{
    static const char *const names[] = {"tcp ", "udp "};

    for (unsigned i = 0; i < 2; i++) {
        if (!take(t, names[i]))
            continue;
        put(t, " -m %.3s", names[i]);
        return take_ports(t);
    }
    return false;
}

/* "icmptype 8 code 0", "icmp !type 8", "icmp echo-request", "ipv6-icmptype 135". */
static bool take_icmp(struct tail *t)
{
    bool inverted = false, numbers = false;
    int size, code_size;
    const char *name = t->l->is_ipv6 ? "icmpv6-type" : "icmp-type";

    if (t->l->is_ipv6 ? !take(t, "ipv6-icmp") : !take(t, "icmp"))
        return false;
    if (take(t, "type ")) {
        numbers = true;
    } else if (t->at < t->end && *t->at == ' ') {
        skip_blanks(t);
        inverted = t->at < t->end && *t->at == '!';
        t->at += inverted;
        numbers = take(t, "type ");
    } else {
        return false;
    }
    const char *type = word(t, &size);
    if (!type)
        return false;
    put(t, " -m %s%s --%s %.*s", t->l->is_ipv6 ? "icmp6" : "icmp", inverted ? " !" : "", name, size, type);
    if (numbers && take(t, "code ")) {
        const char *code = word(t, &code_size);
        if (!code)
            return false;
        put(t, "/%.*s", code_size, code);
    }
    return true;
}

/* A comment; its end is the last that there is, if another one may begin inside it is not read. */
static bool take_comment(struct tail *t)
{
    if (!take(t, "/* "))
        return false;
    const char *stop = memmem(t->at, (size_t)(t->end - t->at), " */", 3);
    if (!stop || memmem(stop + 3, (size_t)(t->end - stop - 3), "*/", 2))
        return false;
    put(t, " -m comment --comment ");
    put_quoted(t, t->at, stop);
    t->at = stop + 3;
    skip_blanks(t);
    return true;
}

/* "limit: avg 3/min burst 5" */
static bool take_limit(struct tail *t)
{
    int size, burst_size;

    if (!take(t, "limit: avg "))
        return false;
    const char *rate = word(t, &size);
    if (!rate || !take(t, "burst "))
        return false;
    const char *burst = word(t, &burst_size);
    if (burst)
        put(t, " -m limit --limit %.*s --limit-burst %.*s", size, rate, burst_size, burst);
    return burst;
}

static bool take_range(struct tail *t, const char *text, const char *option)
{
    return take(t, text) && (put(t, " -m iprange"), take_argument(t, option));
}

static bool take_ranges(struct tail *t)
{
    const char *at = t->at;
    bool source = take_range(t, "source IP range ", "src-range");

    if (!source && t->at != at)
        return false;
    at = t->at;
    bool destination = take_range(t, "destination IP range ", "dst-range");
    return (source || destination) && (destination || t->at == at);
}

/* "#conn src/32 > 5" */
static bool take_connlimit(struct tail *t)
{
    int prefix_size, limit_size;
    bool destination;

    if (!take(t, "#conn "))
        return false;
    destination = take(t, "dst/");
    if (!destination && !take(t, "src/"))
        return false;
    const char *prefix = word(t, &prefix_size);
    bool above = take(t, "> ");
    if (!prefix || (!above && !take(t, "<= ")))
        return false;
    const char *limit = word(t, &limit_size);
    if (limit)
        put(t, " -m connlimit --connlimit-%s %.*s --connlimit-mask %.*s --connlimit-%s",
            above ? "above" : "upto", limit_size, limit, prefix_size, prefix,
            destination ? "daddr" : "saddr");
    return limit;
}

/* "recent: UPDATE seconds: 60 hit_count: 4 name: x side: source mask: 255.255.255.255" */
static bool take_recent(struct tail *t)
{
    static const struct pattern commands[] = {{"SET ", "set", NULL},
                                              {"UPDATE ", "update", NULL},
                                              {"CHECK ", "rcheck", NULL},
                                              {"REMOVE ", "remove", NULL}},
                                options[] = {
                                    {"seconds: ", "seconds", "takes"},  {"hit_count: ", "hitcount", "takes"},
                                    {"TTL-Match ", "rttl", NULL},       {"name: ", "name", "takes"},
                                    {"side: source ", "rsource", NULL}, {"side: dest ", "rdest", NULL},
                                    {"mask: ", "mask", "takes"}};
    bool inverted = take(t, "! "), known = false;

    if (!take(t, "recent: "))
        return false;
    for (size_t i = 0; i < 4 && !known; i++) {
        if ((known = take(t, commands[i].text)))
            put(t, " -m recent%s --%s", inverted ? " !" : "", commands[i].option);
    }
    for (bool more = known; more;) {
        more = false;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
            if (!take(t, options[i].text))
                continue;
            more = true;
            if (!options[i].match)
                put(t, " --%s", options[i].option);
            else if (!take_argument(t, options[i].option))
                return false;
        }
    }
    return known;
}

/* "ADDRTYPE match src-type LOCAL dst-type !UNICAST limit-in" */
static bool take_addrtype(struct tail *t)
{
    if (!take(t, "ADDRTYPE match "))
        return false;
    put(t, " -m addrtype");
    if (take(t, "src-type ") && !take_argument(t, "src-type"))
        return false;
    if (take(t, "dst-type ") && !take_argument(t, "dst-type"))
        return false;
    if (take(t, "limit-in"))
        put(t, " --limit-iface-in");
    else if (take(t, "limit-out"))
        put(t, " --limit-iface-out");
    skip_blanks(t);
    return true;
}

/* "match-set NAME src,dst", "! match-set NAME src" */
static bool take_set(struct tail *t)
{
    int name_size, sides_size;
    bool inverted = take(t, "! ");

    if (!take(t, "match-set "))
        return false;
    const char *name = word(t, &name_size), *sides = name ? word(t, &sides_size) : NULL;
    if (sides)
        put(t, " -m set%s --match-set %.*s %.*s", inverted ? " !" : "", name_size, name, sides_size, sides);
    return sides;
}

/* Matches that print a text and one argument. "!" before the text, or behind it. */
static const struct pattern simple[] = {
    {"ctstate ", "ctstate", "conntrack"},
    {"ctproto ", "ctproto", "conntrack"},
    {"ctorigsrc ", "ctorigsrc", "conntrack"},
    {"ctorigdst ", "ctorigdst", "conntrack"},
    {"ctreplsrc ", "ctreplsrc", "conntrack"},
    {"ctrepldst ", "ctrepldst", "conntrack"},
    {"ctorigsrcport ", "ctorigsrcport", "conntrack"},
    {"ctorigdstport ", "ctorigdstport", "conntrack"},
    {"ctreplsrcport ", "ctreplsrcport", "conntrack"},
    {"ctrepldstport ", "ctrepldstport", "conntrack"},
    {"ctstatus ", "ctstatus", "conntrack"},
    {"ctexpire ", "ctexpire", "conntrack"},
    {"ctdir ", "ctdir", "conntrack"},
    {"state ", "state", "state"},
    {"multiport dports ", "dports", "multiport"},
    {"multiport sports ", "sports", "multiport"},
    {"multiport ports ", "ports", "multiport"},
    {"mark match ", "mark", "mark"},
    {"connmark match ", "mark", "connmark"},
    {"MAC ", "mac-source", "mac"},
    {"MAC", "mac-source", "mac"}, /* up to 1.8.4 */
    {"PKTTYPE = ", "pkt-type", "pkttype"},
    {"PKTTYPE != ", "!pkt-type", "pkttype"},
    {"length ", "length", "length"},
    {"TTL match TTL == ", "ttl-eq", "ttl"},
    {"TTL match TTL != ", "!ttl-eq", "ttl"},
    {"TTL match TTL < ", "ttl-lt", "ttl"},
    {"TTL match TTL > ", "ttl-gt", "ttl"},
    {"HL match HL == ", "hl-eq", "hl"},
    {"HL match HL != ", "!hl-eq", "hl"},
    {"HL match HL < ", "hl-lt", "hl"},
    {"HL match HL > ", "hl-gt", "hl"},
    {"DSCP match ", "dscp", "dscp"},
    {"tcpmss match ", "mss", "tcpmss"},
    {"owner UID match ", "uid-owner", "owner"},
    {"owner GID match ", "gid-owner", "owner"},
    {"tos match ", "tos", "tos"},
    {"tos match", "tos", "tos"},
};

static bool take_one(struct tail *t, const struct pattern *p)
{
    bool inverted = take(t, "! "), always = p->option[0] == '!',
         joins = t->in_conntrack && strcmp(p->match, "conntrack") == 0;
    int size;

    if (!take(t, p->text))
        return false;
    if (t->at < t->end && *t->at == '!') {
        inverted = true;
        t->at++;
        skip_blanks(t);
    }
    const char *argument = word(t, &size);
    if (!argument)
        return false;
    if (!joins)
        put(t, " -m %s", p->match);
    put(t, "%s --%s %.*s", inverted != always ? " !" : "", p->option + always, size, argument);
    t->in_conntrack = strcmp(p->match, "conntrack") == 0;
    return true;
}

static bool take_simple(struct tail *t)
{
    const char *begin = t->at;

    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (take_one(t, &simple[i]))
            return true;
        t->at = begin;
    }
    return false;
}

/* helper match "ftp" */
static bool take_helper(struct tail *t)
{
    if (!take(t, "helper match "))
        return false;
    bool inverted = take(t, "! ");
    const char *name = take(t, "\"") ? t->at : NULL;
    const char *stop = name ? memchr(name, '"', (size_t)(t->end - name)) : NULL;
    if (!stop)
        return false;
    put(t, " -m helper%s --helper ", inverted ? " !" : "");
    put_quoted(t, name, stop);
    t->at = stop + 1;
    return true;
}

static bool take_match(struct tail *t)
{
    static bool (*const readers[])(struct tail *t) = {take_transport, take_icmp,   take_comment,  take_limit,
                                                      take_connlimit, take_recent, take_addrtype, take_set,
                                                      take_ranges,    take_helper};
    const char *begin = t->at;

    t->used = 0;
    if (take_simple(t) && !is_full(t))
        return true;
    t->in_conntrack = false;
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        t->at = begin;
        t->used = 0;
        if (readers[i](t) && !is_full(t))
            return true;
    }
    t->at = begin;
    return false;
}

static void take_matches(struct tail *t, FILE *out)
{
    skip_blanks(t);
    while (t->at < t->end && take_match(t)) {
        fputs(t->made, out);
        skip_blanks(t);
    }
    if (t->at < t->end)
        listing_unknown(out, "what the listing says as: ", t->at, (size_t)(t->end - t->at), "");
}

/* ---- targets ---- */

/* Where a target's own part begins, and how it is read. NULL option: nothing is taken from it. */
struct target_form {
    const char *target, *text, *option;
};

static const struct target_form target_forms[] = {
    {"REJECT", "reject-with ", "reject-with"},
    {"DNAT", "to:", "to-destination"},
    {"SNAT", "to:", "to-source"},
    {"NETMAP", "to:", "to"},
    {"REDIRECT", "redir ports ", "to-ports"},
    {"MASQUERADE", "masq ports: ", "to-ports"},
    {"MARK", "MARK set ", "set-xmark"},
    {"MARK", "MARK xset ", "set-xmark"},
    {"MARK", "MARK and ", "and-mark"},
    {"MARK", "MARK or ", "or-mark"},
    {"MARK", "MARK xor ", "xor-mark"},
    {"CONNMARK", "CONNMARK set ", "set-xmark"},
    {"CONNMARK", "CONNMARK xset ", "set-xmark"},
    {"CONNMARK", "CONNMARK save", "save-mark"},
    {"CONNMARK", "CONNMARK restore", "restore-mark"},
    {"CT", "CT notrack", "notrack"},
    {"CT", "NOTRACK", "notrack"},
    {"CT", "CT helper ", "helper"},
    {"CT", "CT zone ", "zone"},
    {"NFQUEUE", "NFQUEUE num ", "queue-num"},
    {"NFQUEUE", "NFQUEUE balance ", "queue-balance"},
    {"TCPMSS", "TCPMSS set ", "set-mss"},
    {"TCPMSS", "TCPMSS clamp to PMTU", "clamp-mss-to-pmtu"},
    {"CHECKSUM", "CHECKSUM fill", "checksum-fill"},
    {"CLASSIFY", "CLASSIFY set ", "set-class"},
    {"DSCP", "DSCP set ", "set-dscp"},
    {"TTL", "TTL set to ", "ttl-set"},
    {"TTL", "TTL increment by ", "ttl-inc"},
    {"TTL", "TTL decrement by ", "ttl-dec"},
    {"HL", "HL set to ", "hl-set"},
    {"HL", "HL increment by ", "hl-inc"},
    {"HL", "HL decrement by ", "hl-dec"},
    {"TOS", "TOS set ", "set-tos"},
    {"LOG", "LOG ", NULL},
    {"NFLOG", "nflog-", NULL},
    {"SET", "add-set ", "add-set"},
    {"SET", "del-set ", "del-set"},
};

/* The last place behind a blank where what stands. */
static const char *find_last(const char *at, const char *end, const char *what)
{
    const char *found = NULL;
    size_t size = strlen(what);

    for (const char *p = at; (size_t)(end - p) >= size; p++) {
        if (memcmp(p, what, size) == 0 && (p == at || p[-1] == ' '))
            found = p;
    }
    return found;
}

static const char *find_first(const char *at, const char *end, const char *what)
{
    const char *found = memmem(at, (size_t)(end - at), what, strlen(what));

    return found && (found == at || found[-1] == ' ') ? found : NULL;
}

/* What they log is asked by nobody, but the prefix says which rule it is. */
static void put_log(struct tail *t, const char *at)
{
    const char *prefix = find_first(at, t->end, "prefix \"");
    const char *stop = prefix ? memrchr(prefix, '"', (size_t)(t->end - prefix)) : NULL;

    put(t, " -j %s", t->l->target);
    if (!prefix || stop <= prefix + 7 || strcmp(t->l->target, "LOG") != 0)
        return;
    put(t, " --log-prefix ");
    put_quoted(t, prefix + 8, stop);
}

/* What stands behind the argument and means something. */
static bool take_target_flags(struct tail *t)
{
    static const char *const flags[] = {"random", "random-fully", "persistent", "bypass"};
    int size;

    while (t->at < t->end) {
        const char *flag = word(t, &size);
        bool known = false;
        for (size_t i = 0; flag && i < sizeof(flags) / sizeof(flags[0]); i++)
            known |= word_is(flag, (size_t)size, flags[i]);
        if (!known)
            return false;
        put(t, " --%s%.*s", word_is(flag, (size_t)size, "bypass") ? "queue-" : "", size, flag);
    }
    return true;
}

/* NAME SIDES */
static bool take_target_set(struct tail *t)
{
    int size;
    const char *sides = word(t, &size);

    if (sides)
        put(t, " %.*s", size, sides);
    return sides && t->at == t->end;
}

static bool take_target(struct tail *t, const struct target_form *form)
{
    char last = form->text[strlen(form->text) - 1];
    bool takes = last == ' ' || last == ':';
    int size = 0;

    if (!form->option) {
        put_log(t, t->at);
        return true;
    }
    t->at += strlen(form->text);
    const char *argument = takes ? word(t, &size) : "";
    skip_blanks(t);
    if (!argument)
        return false;
    bool bare = strcmp(form->option, "set-xmark") == 0 && !memchr(argument, '/', (size_t)size);
    put(t, " -j %s --%s%s%.*s%s", t->l->target, form->option, takes ? " " : "", size, argument,
        bare ? "/0xffffffff" : "");
    return strcmp(form->target, "SET") == 0 ? take_target_set(t) : take_target_flags(t);
}

/* Where the target's own part begins; NULL: it has none. */
static const char *find_target(const struct tail *t, const struct target_form **ret_form)
{
    for (size_t i = 0; i < sizeof(target_forms) / sizeof(target_forms[0]); i++) {
        const struct target_form *form = &target_forms[i];
        if (strcmp(form->target, t->l->target) != 0)
            continue;
        const char *own =
            form->option ? find_last(t->at, t->end, form->text) : find_first(t->at, t->end, form->text);
        *ret_form = form;
        if (own)
            return own;
    }
    return NULL;
}

bool listing_tail(const struct listed *l, FILE *matches, FILE *target)
{
    struct tail t = {.l = l, .at = l->tail, .end = l->end};
    const struct target_form *form = NULL;

    skip_blanks(&t);
    bool goes = take(&t, "[goto] ");
    const char *own = find_target(&t, &form);
    t.end = own ? own : l->end;
    take_matches(&t, matches);
    t.used = 0;
    t.made[0] = '\0';
    t.at = own;
    t.end = l->end;
    if (own && (!take_target(&t, form) || is_full(&t)))
        return false;
    if (!own && l->target[0])
        put(&t, " -%c %s", goes ? 'g' : 'j', l->target);
    fputs(t.made, target);
    return true;
}
