/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/forms/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/forms/script_command.h"

/* ---- iptables-restore ---- */

static bool is_empty(const struct rules *r)
{
    for (unsigned t = 0; t < RULES_TABLES; t++) {
        if (r->tables[t].present)
            return false;
    }
    return true;
}

static enum shell_status restore(struct script *s, const struct shell_call *call)
{
    struct rules *r = NULL;
    struct rules_error error = {0};

    if (!call->document) {
        script_lose(s, call->line, "a file of rules that is loaded: explain that file");
        return SHELL_UNSURE;
    }
    if (call->document_why || call->mode == SHELL_MAYBE || call->count > 1 || !is_empty(s->r)) {
        script_lose(s, call->line, "rules that iptables-restore loads over those that are there");
        return SHELL_UNSURE;
    }
    int rc = rules_read(call->document, strlen(call->document), NULL, s->r->family, &r, &error);
    if (rc == -ENOMEM) {
        s->error = rc;
    } else if (rc) {
        script_lose(s, call->line, error.message);
    } else {
        rules_free(&s->r);
        s->r = r;
        for (unsigned t = 0; t < RULES_TABLES; t++) {
            for (size_t c = 0; c < r->tables[t].count; c++) {
                for (size_t i = 0; i < r->tables[t].chains[c]->count; i++)
                    r->tables[t].chains[c]->rules[i].line += call->line;
            }
        }
    }
    return rc ? SHELL_UNSURE : SHELL_OK;
}

/* ---- other commands ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* 0: it is not iptables. */
static uint8_t family_of(const char *name, const char *suffix)
{
    static const char *const back_ends[] = {"", "-nft", "-legacy"};
    char full[64];

    for (unsigned i = 0; i < 6; i++) {
        snprintf(full, sizeof(full), "%s%s%s", i < 3 ? "iptables" : "ip6tables", back_ends[i % 3], suffix);
        if (strcmp(full, name) == 0)
            return i < 3 ? PACKET_IPV4 : PACKET_IPV6;
    }
    return 0;
}

static bool take_known(struct script *s, const char *name, uint32_t line)
{
    static const struct {
        const char *name, *says;
    } known[] = {
        {"modprobe",
         "loads modules, which is not looked at: a helper serves nothing without a rule that assigns it"},
        {"insmod", "loads modules, which is not looked at"},
        {"rmmod", "removes modules, which is not looked at"},
        {"depmod", "prepares modules, which is not looked at"},
        {"sysctl", "sets the kernel's switches, which is not looked at"},
        {"ipset", "fills sets, which is not looked at: give their members by --sets, of ipset save"},
        {"arptables", "sets rules for ARP, which is not looked at"},
        {"ebtables", "sets rules for bridges, which is not looked at"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        notes_add(s->notes, NOTE_REMARK, line, NULL, "The script %s (%s, first in line %u).", known[i].says,
                  name, line);
        return true;
    }
    return false;
}

/* Programs that start or save services: those that set rules may set any. */
static bool is_harmless_service(const struct shell_call *call)
{
    static const char *const starters[] =
        {"service", "systemctl", "rc-service", "invoke-rc.d", "netfilter-persistent", "iptables-persistent",
         "iptables"},
                             *const setters[] = {"tables",    "firewall", "ufw",           "docker",
                                                 "podman",    "fail2ban", "netfilter",     "libvirt",
                                                 "shorewall", "csf",      "nft",           "lxc",
                                                 "lxd",       "kube",     "NetworkManager"};
    const char *name = base_name(call->fields[0].text);
    bool starts = false, sets = false, saves = false;

    for (size_t i = 0; i < sizeof(starters) / sizeof(starters[0]); i++)
        starts |= strcmp(starters[i], name) == 0;
    for (size_t k = 0; k < call->count; k++) {
        saves |= strcmp(call->fields[k].text, "save") == 0;
        for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++)
            sets |= strstr(call->fields[k].text, setters[i]) || call->fields[k].why;
    }
    return starts && (saves || !sets);
}

static bool is_noted_setting(struct script *s, const struct shell_call *call)
{
    if (!call->writes_settings)
        return false;
    notes_add(s->notes, NOTE_REMARK, 0, NULL,
              "The script sets the kernel's switches in /proc, which is not looked at.");
    return true;
}

/* The kernel runs the rules of both back ends; those of one are what is read here. */
static void note_back_end(struct script *s, const char *name, uint32_t line)
{
    s->back_ends |= strstr(name, "-legacy") ? 1U : strstr(name, "-nft") ? 2U : 0U;
    if (s->back_ends == 3)
        script_lose(s, line, "rules of both back ends of iptables");
}

static enum shell_status call_program(void *arg, const struct shell_call *call)
{
    struct script *s = arg;
    const char *name = base_name(call->fields[0].text);
    uint8_t family = family_of(name, ""), restores = family_of(name, "-restore");
    char what[SCRIPT_WHY];

    if (family == s->r->family) {
        note_back_end(s, name, call->line);
        return script_command(s, call);
    }
    if (restores == s->r->family)
        return restore(s, call);
    if (family || restores) {
        s->others++;
        return SHELL_UNSURE;
    }
    if (is_noted_setting(s, call) || take_known(s, name, call->line) || is_harmless_service(call))
        return SHELL_UNSURE;
    snprintf(what, sizeof(what), "the command `%.60s`", call->fields[0].text);
    script_lose(s, call->line, what);
    return SHELL_UNSURE;
}

static void take_lost(void *arg, uint32_t line, const char *what)
{
    script_lose(arg, line, what);
}

static void take_assumed(void *arg, uint32_t line, const char *what)
{
    struct script *s = arg;

    if (line)
        notes_add(s->notes, NOTE_REMARK, line, NULL, "Line %u of the script: it is taken that %s.", line,
                  what);
    else
        notes_add(s->notes, NOTE_REMARK, 0, NULL, "It is taken that %s.", what);
}

/* ---- the whole ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does the script ask whether it is called to start something, as services are? */
static bool asks_for_start(const char *text, size_t size)
{
    static const char *const asked[] = {"start)", "start|", "start\")", "start\" ]", "start ]", "start' ]"};
    const char *end = text + size;

    if (!memmem(text, size, "$1", 2) && !memmem(text, size, "${1", 3))
        return false;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        size_t length = strlen(asked[i]);
        for (const char *at = text; (at = memmem(at, (size_t)(end - at), asked[i], length)); at++) {
            if (at > text && !is_letter(at[-1]) && at[-1] != '-' && at[-1] != '_')
                return true;
        }
    }
    return false;
}

static uint32_t line_of(const struct script *s, uint32_t serial)
{
    size_t low = 0, high = s->origin_count;

    while (low < high) { /* the last with a serial that is not greater */
        size_t middle = (low + high) / 2;
        if (s->origins[middle].serial <= serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? s->origins[low - 1].line : 0;
}

static void set_lines(struct script *s)
{
    for (unsigned t = 0; t < RULES_TABLES; t++) {
        for (size_t c = 0; c < s->r->tables[t].count; c++) {
            struct rules_chain *chain = s->r->tables[t].chains[c];
            for (size_t i = 0; i < chain->count; i++) {
                if (!chain->rules[i].line)
                    chain->rules[i].line = line_of(s, chain->rules[i].serial);
            }
        }
    }
}

static void tell_limits(struct script *s)
{
    notes_add(
        s->notes, NOTE_REMARK, 0, NULL,
        "This is what the script would set up where no rules are before it%s; it was read, not run. What the "
        "machine has is in iptables-save.",
        s->flushed ? "" : " (it does not flush them)");
    if (s->others)
        notes_add(s->notes, NOTE_REMARK, 0, NULL, "%u commands of %s were left out (%s asks about them).",
                  s->others, s->r->family == PACKET_IPV6 ? "iptables" : "ip6tables",
                  s->r->family == PACKET_IPV6 ? "-4" : "-6");
}

int script_read(const char *text, size_t size, const char *name, uint8_t family, struct form_notes *notes,
                struct rules **ret, struct rules_error *error)
{
    struct script s = {.r = rules_new((enum packet_family)family), .notes = notes};
    const struct shell_host host = {.arg = &s,
                                    .argument = asks_for_start(text, size) ? "start" : NULL,
                                    .call = call_program,
                                    .lost = take_lost,
                                    .assumed = take_assumed};

    if (!s.r)
        return -ENOMEM;
    if (host.argument)
        notes_add(notes, NOTE_REMARK, 0, NULL,
                  "It is taken that the script is called with the argument start.");
    int rc = shell_run(text, size, &host);
    if (rc == -E2BIG)
        rc = 0; /* host.lost was told */
    if (rc == 0)
        rc = s.error;
    if (rc == 0 && !s.commands && !s.others && is_empty(s.r) && !s.lost) {
        *error = (struct rules_error){.file = name, .line = 1, .column = 1};
        snprintf(error->message, sizeof(error->message), "this script calls no %s",
                 family == PACKET_IPV6 ? "ip6tables" : "iptables");
        rc = -EINVAL;
    }
    if (rc == 0) {
        set_lines(&s);
        tell_limits(&s);
        *ret = s.r;
        s.r = NULL;
    }
    rules_free(&s.r);
    free(s.origins);
    return rc;
}
