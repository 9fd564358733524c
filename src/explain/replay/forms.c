/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/replay/forms.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain/make.h"

/* What other programs write. command: with %s for the file's name. */
static const char edit[] = "editcap -F pcap %s capture.pcap";

static const struct {
    size_t at, size;
    const char *magic, *form, *command;
} forms[] = {
    {0, 6,
     "\xfd"
     "7zXZ",
     "a file that xz packed", "xz -dc %s | sallywall replay -"},
    {0, 4, "\x28\xb5\x2f\xfd", "a file that zstd packed", "zstd -dc %s | sallywall replay -"},
    {0, 3, "BZh", "a file that bzip2 packed", "bzip2 -dc %s | sallywall replay -"},
    {0, 4, "\x04\x22\x4d\x18", "a file that lz4 packed", "lz4 -dc %s | sallywall replay -"},
    {0, 4, "LZIP", "a file that lzip packed", "lzip -dc %s | sallywall replay -"},
    {0, 2, "\x1f\x9d", "a file that compress packed", "gzip -dc %s | sallywall replay -"},
    {0, 4, "PK\x03\x04", "a zip archive", "unzip -p %s | sallywall replay -"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", "7z e -so %s | sallywall replay -"},
    {257, 5, "ustar", "a tar archive", "tar -xOf %s | sallywall replay -"},
    {0, 8, "snoop\0\0", "a capture of snoop", edit},
    {0, 4, "GMBU", "a capture of Microsoft Network Monitor", edit},
    {0, 4, "RTSS", "a capture of Microsoft Network Monitor", edit},
    {0, 4, "XCP", "a capture of NetXRay or Sniffer", edit},
    {0, 15, "TRSNIFF data   ", "a capture of Sniffer", edit},
    {0, 11, "iptrace 1.0", "a capture of iptrace", edit},
    {0, 11, "iptrace 2.0", "a capture of iptrace", edit},
    {0, 5, "TR\0d", "a capture of nettl", edit},
    {0, 4, "\x7fver", "a capture of EtherPeek", edit},
};

/* Forms without a mark of their own, by the end of the file's name. */
static const struct {
    const char *end, *form, *command;
} names[] = {
    {".etl", "a Windows event trace", "pktmon etl2pcap %s --out capture.pcapng"},
    {".erf", "a capture of a DAG card", edit},
    {".cap", "a capture in another form", edit},
    {".acp", "a capture in another form", edit},
    {".pkt", "a capture in another form", edit},
    {".tr1", "a capture in another form", edit},
    {".trc", "a capture in another form", edit},
};

/* As a shell takes it for one word. */
static char *quote(const char *name)
{
    char *text = malloc(strlen(name) * 4 + 3), *at = text;
    bool is_plain = *name && *name != '-';

    if (!text)
        return NULL;
    for (const char *c = name; *c; c++)
        is_plain = is_plain && (isalnum((unsigned char)*c) || strchr("._/-+,:@", *c));
    if (is_plain)
        return strcpy(text, name);
    *at++ = '\'';
    for (const char *c = name; *c; c++)
        at = *c == '\'' ? stpcpy(at, "'\\''") : (*at = *c, at + 1);
    strcpy(at, "'");
    return text;
}

static char *convert(const char *form, const char *command, const char *name)
{
    char *file = quote(name), *line = file ? story_format(command, file) : NULL;
    char *text = line ? story_format("is %s, which is not read; what converts it: %s", form, line) : NULL;

    free(file);
    free(line);
    return text;
}

static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < ' ' && !strchr("\t\r\n\f\033", bytes[i]))
            return false;
    }
    return size > 0 && memchr(bytes, 0, size) == NULL;
}

static char *refuse_text(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;

    if (memmem(text, size, "*filter", 7) || memmem(text, size, "-A INPUT", 8))
        return strdup("is a rule set and no capture: sallywall replay CAPTURE --rules RULES");
    if (memmem(text, size, "0x0000:", 7) || memmem(text, size, " IP ", 4) || memmem(text, size, " IP6 ", 5))
        return strdup("is text that tcpdump printed, which leaves out what is needed; capture again with "
                      "tcpdump -w capture.pcap");
    return strdup("is text and no capture; captures are pcap and pcapng, as tcpdump -w and Wireshark write "
                  "them");
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), tail = strlen(end);

    return size >= tail && strcasecmp(name + size - tail, end) == 0;
}

char *forms_refuse(const char *name, const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return strdup("is empty");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (size >= forms[i].at + forms[i].size &&
            memcmp(bytes + forms[i].at, forms[i].magic, forms[i].size) == 0)
            return convert(forms[i].form, forms[i].command, name);
    }
    if (is_text(bytes, size))
        return refuse_text(bytes, size);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ends_with(name, names[i].end))
            return convert(names[i].form, names[i].command, name);
    }
    return convert("in a form that is not known here (pcap and pcapng are)", edit, name);
}
