/* SPDX-License-Identifier: BSD-2-Clause */
/* What a text is, told by how its lines begin; and for what holds no rules that can be read, what to run instead. */
#include <string.h>

#include "rules/forms/forms.h"
#include "rules/forms/notes.h"
#include "rules/forms/rows.h"
#include "rules/nft/nft.h"

#define TAKE_SAVE     "take what iptables-save prints (as root)"
#define NFT_LANGUAGE  "nft's own language"
#define TAKE_JSON     "take what it makes of it (as root): nft -j list ruleset > FILE"
#define ONLY_IPTABLES "only rules of iptables can be explained"
#define ASK_LINE                                                                                             \
    "ask about it: sallywall explain RULES --packet 'LINE'; without RULES it is asked of what this machine " \
    "runs"

struct known {
    const char *begins, *holds; /* of a line; NULL: it is not asked */
    enum form_kind kind;
    const char *is, *instead;
};

/* Of bytes at the very beginning. */
static const struct {
    const char *bytes;
    size_t size;
    const char *is, *instead;
} beginnings[] = {
#define BYTES(literal) literal, sizeof(literal) - 1
    {BYTES("\x1f\x8b"), "compressed by gzip", "unpack it: zcat FILE | sallywall explain -"},
    {BYTES("\xfd"
           "7zXZ"),
     "compressed by xz", "unpack it: xzcat FILE | sallywall explain -"},
    {BYTES("\x28\xb5\x2f\xfd"), "compressed by zstd", "unpack it: zstdcat FILE | sallywall explain -"},
    {BYTES("BZh"), "compressed by bzip2", "unpack it: bzcat FILE | sallywall explain -"},
    {BYTES("\xd4\xc3\xb2\xa1"), "a capture of packets", "replay it: sallywall explain RULES --pcap FILE"},
    {BYTES("\xa1\xb2\xc3\xd4"), "a capture of packets", "replay it: sallywall explain RULES --pcap FILE"},
    {BYTES("\x4d\x3c\xb2\xa1"), "a capture of packets", "replay it: sallywall explain RULES --pcap FILE"},
    {BYTES("\xa1\xb2\x3c\x4d"), "a capture of packets", "replay it: sallywall explain RULES --pcap FILE"},
    {BYTES("\x0a\x0d\x0d\x0a"), "a capture of packets", "replay it: sallywall explain RULES --pcap FILE"},
    {BYTES("\xff\xfe"), "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | sallywall explain -"},
    {BYTES("\xfe\xff"), "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | sallywall explain -"},
    {BYTES("\x7f"
           "ELF"),
     "a program", TAKE_SAVE},
    {BYTES("PK\x03\x04"), "a ZIP archive", "unpack it first"},
    {BYTES("%PDF"), "a PDF document", TAKE_SAVE},
#undef BYTES
};

/* The first that fits tells. */
static const struct known knowns[] = {
    /* rules */
    {"*", NULL, FORM_SAVE, NULL, NULL},
    {":", NULL, FORM_LINES, NULL, NULL},
    {"-P ", NULL, FORM_LINES, NULL, NULL},
    {"-N ", NULL, FORM_LINES, NULL, NULL},
    {"-A ", NULL, FORM_LINES, NULL, NULL},
    {"-I ", NULL, FORM_LINES, NULL, NULL},
    {"-t ", NULL, FORM_LINES, NULL, NULL},
    {"[", "] -A ", FORM_LINES, NULL, NULL},
    {"Chain ", " (", FORM_LISTING, NULL, NULL},
    {"Table: ", NULL, FORM_LISTING, NULL, NULL},
    {"IPV4 (raw)", NULL, FORM_LISTING, NULL, NULL},
    {"IPV6 (raw)", NULL, FORM_LISTING, NULL, NULL},
    /* iptables' own messages */
    {NULL, "Permission denied (you must be root)", FORM_OTHER,
     "a message of iptables, which was not run as root",
     "run it as root: sudo iptables-save | sallywall explain -"},
    {NULL, "you must be root", FORM_OTHER, "a message of iptables, which was not run as root",
     "run it as root: sudo iptables-save | sallywall explain -"},
    {NULL, "is incompatible, use 'nft' tool", FORM_OTHER,
     "a message of iptables, which can't show rules that nft made",
     "nft list ruleset shows them, and what they decide is unknown here"},
    {NULL, "iptables: command not found", FORM_OTHER, "a message of a shell that found no iptables",
     "run it as root, with /usr/sbin in PATH"},
    {NULL, "iptables-save: command not found", FORM_OTHER, "a message of a shell that found no iptables-save",
     "run it as root, with /usr/sbin in PATH"},
    {"iptables v", NULL, FORM_OTHER, "what iptables says of itself or of a mistake", TAKE_SAVE},
    {"ip6tables v", NULL, FORM_OTHER, "what ip6tables says of itself or of a mistake", TAKE_SAVE},
    {"iptables: ", NULL, FORM_OTHER, "a message of iptables", TAKE_SAVE},
    /* nft */
    {"table ip", NULL, FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"table inet ", NULL, FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"table ", "{", FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"flush ruleset", NULL, FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"add table ", NULL, FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"add rule ", NULL, FORM_NFT, NFT_LANGUAGE, TAKE_JSON},
    {"nft ", NULL, FORM_OTHER, "commands of nft", "run them where they may be run, and " TAKE_JSON},
    /* fronts of iptables and nft */
    {"Status: active", NULL, FORM_OTHER, "what `ufw status` prints, which does not hold enough to tell",
     "take what `ufw show raw` or, better, iptables-save prints (as root)"},
    {"Status: inactive", NULL, FORM_OTHER,
     "what `ufw status` prints: ufw is off, and other rules may be there", TAKE_SAVE},
    {"Status for the jail", NULL, FORM_OTHER, "what fail2ban-client prints", TAKE_SAVE},
    {"ufw ", NULL, FORM_OTHER,
     "commands of ufw, or what `ufw show added` prints, which do not hold enough to tell",
     "take what `ufw show raw` or, better, iptables-save prints (as root)"},
    {"Added user rules", NULL, FORM_OTHER, "what `ufw show added` prints, which does not hold enough to tell",
     "take what `ufw show raw` or, better, iptables-save prints (as root)"},
    {"Firewall is not running", NULL, FORM_OTHER, "a message of ufw or firewalld", TAKE_SAVE},
    {"target: ", NULL, FORM_OTHER, "what firewall-cmd prints of a zone, which does not hold enough to tell",
     "firewalld's rules are nft's: nft list ruleset shows them; where it uses iptables, iptables-save does"},
    {"firewall-cmd ", NULL, FORM_OTHER, "commands of firewalld",
     "firewalld's rules are nft's: nft list ruleset shows them; where it uses iptables, iptables-save does"},
    {"CONTAINER ID", NULL, FORM_OTHER, "what `docker ps` prints", TAKE_SAVE},
    {"Chain", "pkts", FORM_OTHER, "a listing whose lines were joined",
     "take the listing line by line, or iptables-save"},
    {"Name: ", NULL, FORM_OTHER, "what `ipset list` prints: sets, and no rules",
     "give it beside the rules: sallywall explain RULES --sets FILE, with FILE of ipset save"},
    {"create ", NULL, FORM_OTHER, "what `ipset save` prints: sets, and no rules",
     "give it beside the rules: sallywall explain RULES --sets FILE"},
    {"Bridge ", NULL, FORM_OTHER, "what ebtables prints, whose rules are of bridges", TAKE_SAVE},
    /* other firewalls */
    {"access-list ", NULL, FORM_OTHER, "an access list of Cisco's", ONLY_IPTABLES},
    {"ip access-list", NULL, FORM_OTHER, "an access list of Cisco's", ONLY_IPTABLES},
    {"pass in", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"pass out", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"pass quick", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"block in", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"block out", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"block drop", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"block return", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"block all", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"set skip on", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"set block-policy", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"scrub ", NULL, FORM_OTHER, "pf's language", ONLY_IPTABLES},
    {"ipfw ", NULL, FORM_OTHER, "commands of ipfw", ONLY_IPTABLES},
    {"Rule Name:", NULL, FORM_OTHER, "what netsh prints of Windows' firewall", ONLY_IPTABLES},
    {"netsh ", NULL, FORM_OTHER, "commands of Windows' firewall", ONLY_IPTABLES},
    {"/ip firewall", NULL, FORM_OTHER, "RouterOS' language", ONLY_IPTABLES},
    {"config rule", NULL, FORM_OTHER, "a configuration of OpenWrt's firewall", TAKE_SAVE},
    {"config defaults", NULL, FORM_OTHER, "a configuration of OpenWrt's firewall", TAKE_SAVE},
    /* what is about packets */
    {NULL, " IN=", FORM_OTHER, "a line of the kernel's log: a packet, and no rules",
     "ask about it: sallywall explain RULES --packet 'THE LINE'; without RULES the rules that this machine "
     "runs are asked"},
    {"IN=", " OUT=", FORM_OTHER, "a line of the kernel's log: a packet, and no rules",
     "ask about it: sallywall explain RULES --packet 'THE LINE'; without RULES the rules that this machine "
     "runs are asked"},
    {"tcp ", "src=", FORM_OTHER, "what `conntrack -L` prints: connections, and no rules", TAKE_SAVE},
    {"udp ", "src=", FORM_OTHER, "what `conntrack -L` prints: connections, and no rules", TAKE_SAVE},
    {NULL, " Flags [", FORM_OTHER, "what tcpdump prints",
     "capture with tcpdump -w FILE, then: sallywall explain RULES --pcap FILE"},
    /* anything */
    {"<!DOCTYPE", NULL, FORM_OTHER, "a page of the web", "take the rules out of it"},
    {"<!doctype", NULL, FORM_OTHER, "a page of the web", "take the rules out of it"},
    {"<html", NULL, FORM_OTHER, "a page of the web", "take the rules out of it"},
    {"<?xml", NULL, FORM_OTHER, "XML", TAKE_SAVE},
    {"{", NULL, FORM_OTHER, "JSON, or another language with braces", TAKE_SAVE},
    {"[{", NULL, FORM_OTHER, "JSON", TAKE_SAVE},
};

static bool fits(const struct rows *row, const struct known *k)
{
    return (!k->begins || row_begins(row, k->begins)) && (!k->holds || row_holds(row, k->holds));
}

/* "00100 allow ip from any to any" */
static bool is_ipfw(const struct rows *row)
{
    size_t digits = 0;

    while (digits < row->size && row->text[digits] >= '0' && row->text[digits] <= '9')
        digits++;
    return digits >= 3 && (row_holds(row, " allow ") || row_holds(row, " deny ")) && row_holds(row, " from ");
}

/* A line of a listing without its head. */
static bool is_listed(const struct rows *row)
{
    return row_holds(row, " -- ") && (row_begins(row, "ACCEPT ") || row_begins(row, "DROP ") ||
                                      row_begins(row, "REJECT ") || row_begins(row, "target "));
}

static bool tell_line(const struct rows *row, struct form *ret)
{
    ret->line = row->number;
    for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
        const struct known *k = &knowns[i];
        if (!fits(row, k))
            continue;
        *ret = (struct form){.kind = k->kind, .line = row->number, .is = k->is, .instead = k->instead};
        return true;
    }
    if (is_ipfw(row)) {
        ret->kind = FORM_OTHER;
        ret->is = "what ipfw prints";
        ret->instead = ONLY_IPTABLES;
        return true;
    }
    if (is_listed(row)) {
        ret->kind = FORM_OTHER;
        ret->is = "a part of a listing without its heads";
        ret->instead = "take all of iptables -nvL or, better, iptables-save";
        return true;
    }
    return false;
}

/* "#!": a script's first line says whose. */
static bool tell_interpreter(const struct rows *row, struct form *ret)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"};
    const char *at = row->text + 2, *end = row->text + row->size, *word;
    size_t size;

    if (!row_begins(row, "#!"))
        return false;
    if (row_holds(row, "tables-restore")) {
        ret->kind = FORM_SAVE;
        return true;
    }
    while ((word = row_word(&at, end, &size))) {
        const char *slash = memrchr(word, '/', size);
        const char *name = slash ? slash + 1 : word;
        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
            if (!word_is(name, (size_t)(word + size - name), shells[i]))
                continue;
            ret->kind = FORM_SCRIPT;
            return true;
        }
    }
    bool is_nft = row_holds(row, "nft");
    ret->kind = is_nft ? FORM_NFT : FORM_OTHER;
    ret->line = row->number;
    ret->is = is_nft ? "a script of nft" : "a script in a language other than the shell's";
    ret->instead = is_nft ? TAKE_JSON : "run it where it may be run, and " TAKE_SAVE;
    return true;
}

static bool tell_bytes(const char *text, size_t size, struct form *ret)
{
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (size < beginnings[i].size || memcmp(text, beginnings[i].bytes, beginnings[i].size) != 0)
            continue;
        *ret = (struct form){
            .kind = FORM_OTHER, .line = 1, .is = beginnings[i].is, .instead = beginnings[i].instead};
        return true;
    }
    if (size && memchr(text, '\0', size)) {
        *ret = (struct form){.kind = FORM_OTHER, .line = 1, .is = "no text", .instead = TAKE_SAVE};
        return true;
    }
    return false;
}

/* Is this word one that a command may follow in the same line? */
static bool is_before_command(const char *word, size_t size)
{
    static const char *const words[] = {"sudo", "exec", "then", "do", "&&",   "||",
                                        "{",    "(",    "if",   "!",  "else", "command"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word_is(word, size, words[i]))
            return true;
    }
    return size && (word[size - 1] == ';' || word[size - 1] == ')');
}

static bool is_program(const char *word, size_t size)
{
    const char *slash = memrchr(word, '/', size), *name = slash ? slash + 1 : word;
    size_t length = (size_t)(word + size - name);

    return word_is(name, length, "iptables") || word_is(name, length, "ip6tables") ||
           (length > 9 && (memcmp(name, "iptables-", 9) == 0 || memcmp(name, "ip6tables-", 10) == 0));
}

/* NAME=/sbin/iptables, NAME="$(which iptables)" */
static bool is_assignment(const struct rows *row)
{
    size_t i = 0;

    while (i < row->size && (row->text[i] == '_' || (row->text[i] | 32) >= 'a') && (row->text[i] | 32) <= 'z')
        i++;
    return i && i < row->size && row->text[i] == '=' &&
           (row_holds(row, "iptables") || row_holds(row, "ip6tables"));
}

/* A line of a shell script that calls iptables. */
static bool is_command(const struct rows *row)
{
    const char *at = row->text, *end = at + row->size, *word, *before = NULL;
    size_t size, before_size = 0;

    if (is_assignment(row))
        return true;
    while ((word = row_word(&at, end, &size))) {
        const char *next = at;
        size_t next_size;
        if ((!before || is_before_command(before, before_size)) && is_program(word, size)) {
            const char *option = row_word(&next, end, &next_size);
            if (memmem(word, size, "-restore", 8) || (option && strchr("-!$\"\\", option[0])))
                return true;
        }
        before = word;
        before_size = size;
    }
    return false;
}

/* A line of comment that says what is not shown. */
static bool is_warning(const struct rows *row)
{
    struct form_notes notes = {0};
    bool is =
        row->size && row->text[0] == '#' && notes_take_warning(&notes, row->text, row->size, row->number);

    notes_fini(&notes);
    return is;
}

static struct form no_form(bool anything)
{
    struct form form = {
        .kind = FORM_OTHER, .line = 1, .is = "in no form that is known", .instead = TAKE_SAVE};

    if (!anything) {
        form.is = "empty";
        form.instead =
            "iptables-save prints nothing where nothing was ever set (then everything passes), and where it "
            "is not run as root";
    }
    return form;
}

struct form form_of(const char *text, size_t size)
{
    struct form form = {.kind = FORM_SAVE, .line = 1}, other = {.kind = FORM_SAVE};
    struct prompt prompt;
    struct rows row;
    bool anything = false, warned = false, commands = false;

    if (tell_bytes(text, size, &form))
        return form;
    if (nft_is_json(text, size))
        return (struct form){.kind = FORM_NFT_JSON, .line = 1};
    rows_begin(&row, text, size);
    while (rows_next(&row) && !commands) {
        if (row.number == 1 && tell_interpreter(&row, &form))
            return form;
        warned |= is_warning(&row);
        if (!row.size || row.text[0] == '#' || row_is_prompt(&row, &prompt))
            continue;
        anything = true;
        commands = is_command(&row);
        if (commands || other.kind == FORM_OTHER || !tell_line(&row, &form))
            continue;
        if (form.kind != FORM_OTHER)
            return form;
        other = form; /* unless it turns out to be a script */
    }
    if (commands)
        return (struct form){.kind = FORM_SCRIPT, .line = 1};
    if (other.kind == FORM_OTHER)
        return other;
    return warned && !anything ? (struct form){.kind = FORM_SAVE, .line = 1} : no_form(anything);
}
