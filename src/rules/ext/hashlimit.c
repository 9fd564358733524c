/* SPDX-License-Identifier: BSD-2-Clause */
/* -m hashlimit: a token bucket a host, port or both. net/netfilter/xt_hashlimit.c, revision 3. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ext/field.h"

enum {
    HASH_UPTO,
    HASH_ABOVE,
    HASH_SRCMASK,
    HASH_DSTMASK,
    HASH_BURST,
    HASH_SIZE,
    HASH_MAX,
    HASH_GC,
    HASH_EXPIRE,
    HASH_MODE,
    HASH_NAME,
    HASH_RATE_MATCH,
    HASH_INTERVAL
};

enum {
    HASH_SCALE = 1000000,         /* XT_HASHLIMIT_SCALE_v2 */
    HASH_BURST_DEFAULT = 5,       /* packets */
    HASH_BURST_MOST = 1000000,    /* packets */
    HASH_GC_DEFAULT = 1000,       /* ms */
    HASH_TABLE_MOST = 1048576,    /* HASHLIMIT_MAX_SIZE: the kernel cuts larger ones to this */
    HASH_BYTES_EXPIRE = 15,       /* s */
    HASH_BYTES_BURST_EXPIRE = 60, /* s */
    HASH_BYTE_SHIFT = 4,          /* XT_HASHLIMIT_BYTE_SHIFT: rates in bytes go in steps of 16 */
};

/* xt_hashlimit.c: HZ times CREDITS_PER_JIFFY; so for HZ 250 and 1000. */
static const uint64_t HASH_CREDITS_A_SECOND = UINT64_C(1000) << 37;

/* The kernel refuses a byte rate whose cost is under 2. */
static const uint64_t BYTES_MOST = (((uint64_t)UINT32_MAX / 2) << HASH_BYTE_SHIFT) - 1;

static const struct rules_name modes[] = {{"srcip", RULES_HASH_SRCIP},
                                          {"srcport", RULES_HASH_SRCPORT},
                                          {"dstip", RULES_HASH_DSTIP},
                                          {"dstport", RULES_HASH_DSTPORT}};
static const struct rules_names mode_names = {RULES_NAMES(modes), .exact = true, .kind = "a mode"};

static uint8_t full_prefix(uint8_t family)
{
    return family == PACKET_IPV6 ? 128 : 32;
}

/* A rate in bytes is kept as a cost, its reciprocal; in 32 bits, as iptables computes it. */
static uint64_t cost_of_bytes(uint64_t bytes)
{
    return UINT32_MAX / ((bytes >> HASH_BYTE_SHIFT) + 1);
}

static uint64_t bytes_of_cost(uint64_t cost)
{
    return (UINT32_MAX / cost - 1) << HASH_BYTE_SHIFT;
}

/* "512kb/s": 1 and the bytes; 0: no rate in bytes; or -EINVAL. */
static int parse_bytes(struct rules_parse *p, const char *word, uint64_t *ret)
{
    size_t digits = strspn(word, "0123456789");
    const char *unit = word + digits;
    uint64_t bytes = 0, factor = 1;

    if (digits == 0)
        return 0;
    if (*unit == 'k' || *unit == 'm')
        factor = *unit++ == 'k' ? 1024 : 1024 * 1024;
    if (strcmp(unit, "b/s") != 0)
        return 0;
    for (size_t i = 0; i < digits && bytes <= BYTES_MOST; i++)
        bytes = bytes * 10 + (uint64_t)(word[i] - '0');
    if (bytes > BYTES_MOST || bytes * factor > BYTES_MOST)
        return rules_fail(p, "\"%s\" is too fast; the most is %" PRIu64 "b/s", word, BYTES_MOST);
    if (bytes * factor < 1u << HASH_BYTE_SHIFT)
        return rules_fail(p, "\"%s\" is too slow; the least is 16b/s", word);
    *ret = bytes * factor;
    return 1;
}

static int read_rate(struct rules_parse *p, const char *word, void *at)
{
    struct rules_match_hashlimit *h = at;
    uint64_t bytes = 0;
    int r = parse_bytes(p, word, &bytes);

    h->above = (p->option->id == HASH_ABOVE) != p->inverted;
    if (r < 0)
        return r;
    if (r > 0) {
        h->by_bytes = true;
        h->average = cost_of_bytes(bytes);
        h->unit = HASH_BYTES_EXPIRE;
    } else {
        r = rules_rate_parse(p, word, HASH_SCALE, &h->average, &h->unit);
        if (r < 0)
            return r;
    }
    if (!(p->given & RULES_BIT(HASH_EXPIRE)))
        h->expire = h->unit * 1000;
    return 0;
}

/* Packets, or bytes with k or m behind them. */
static int read_burst(struct rules_parse *p, const char *word, void *at)
{
    unsigned long long burst = 0, factor = 1;
    uint64_t *ret = at;
    char *unit = NULL;

    errno = 0;
    if (*word >= '0' && *word <= '9')
        burst = strtoull(word, &unit, 0);
    if (unit == NULL || errno != 0)
        return rules_fail(p, "\"%s\" is no burst; expected packets, or bytes such as 20kb", word);
    if (burst == 0 || (*unit == '\0' && burst > HASH_BURST_MOST) || burst > UINT32_MAX)
        return rules_fail(p, "%s is out of range; expected 1 to %d", word, HASH_BURST_MOST);
    if (*unit == 'k' || *unit == 'm')
        factor = *unit++ == 'k' ? 1024 : 1024 * 1024;
    if (*unit == 'b')
        unit++;
    if (*unit != '\0')
        return rules_fail(p, "\"%s\" is no burst; expected packets, or bytes such as 20kb", word);
    *ret = burst * factor;
    return 0;
}

static int read_size(struct rules_parse *p, const char *word, void *at)
{
    uint32_t *size = at;
    int r = rules_read_number(p, word, at);

    if (r == 0 && *size > HASH_TABLE_MOST)
        *size = HASH_TABLE_MOST;
    return r;
}

static const struct rules_value rate = {.read = read_rate}, burst_value = {.read = read_burst},
                                size = {.read = read_size};

static const struct rules_option options[] = {
    RULES_OPTION("hashlimit-upto", HASH_UPTO, RULES_ARGUMENT | RULES_INVERTS, .value = &rate,
                 .excludes = RULES_BIT(HASH_ABOVE)),
    RULES_OPTION("hashlimit-above", HASH_ABOVE, RULES_ARGUMENT | RULES_INVERTS, .value = &rate,
                 .excludes = RULES_BIT(HASH_UPTO)),
    RULES_OPTION("hashlimit", HASH_UPTO, RULES_ARGUMENT | RULES_INVERTS, .excludes = RULES_BIT(HASH_ABOVE)),
    RULES_OPTION("hashlimit-srcmask", HASH_SRCMASK, RULES_ARGUMENT,
                 RULES_TAKES(rules_prefix, match_hashlimit, source_prefix)),
    RULES_OPTION("hashlimit-dstmask", HASH_DSTMASK, RULES_ARGUMENT,
                 RULES_TAKES(rules_prefix, match_hashlimit, destination_prefix)),
    RULES_OPTION("hashlimit-burst", HASH_BURST, RULES_ARGUMENT,
                 RULES_TAKES(burst_value, match_hashlimit, burst), .standard = HASH_BURST_DEFAULT),
    RULES_OPTION("hashlimit-htable-size", HASH_SIZE, RULES_ARGUMENT,
                 RULES_TAKES(size, match_hashlimit, size)),
    RULES_OPTION("hashlimit-htable-max", HASH_MAX, RULES_ARGUMENT, RULES_TAKES(size, match_hashlimit, max)),
    RULES_OPTION("hashlimit-htable-gcinterval", HASH_GC, RULES_ARGUMENT,
                 RULES_TAKES(rules_number, match_hashlimit, gc_interval), .least = 1,
                 .standard = HASH_GC_DEFAULT),
    RULES_OPTION("hashlimit-htable-expire", HASH_EXPIRE, RULES_ARGUMENT,
                 RULES_TAKES(rules_number, match_hashlimit, expire), .least = 1),
    RULES_OPTION("hashlimit-mode", HASH_MODE, RULES_ARGUMENT,
                 RULES_TAKES(rules_set_of, match_hashlimit, mode), .names = &mode_names),
    RULES_OPTION("hashlimit-name", HASH_NAME, RULES_ARGUMENT | RULES_NEEDED,
                 RULES_TAKES(rules_file_name, match_hashlimit, name)),
    RULES_OPTION("hashlimit-rate-match", HASH_RATE_MATCH, 0,
                 .given = RULES_BOOL(match_hashlimit, rate_match)),
    RULES_OPTION("hashlimit-rate-interval", HASH_INTERVAL, RULES_ARGUMENT,
                 RULES_TAKES(rules_number, match_hashlimit, interval), .least = 1, .most = INT32_MAX),
};

static const struct {
    const char *unit;
    uint64_t bytes;
} sizes[] = {{"m", 1024 * 1024}, {"k", 1024}, {"", 1}};

enum { SIZES = sizeof sizes / sizeof *sizes };

/* The largest unit that leaves something of bytes. */
static size_t burst_size(uint64_t bytes)
{
    size_t i = 0;

    while (i < SIZES - 1 && bytes < sizes[i].bytes)
        i++;
    return i;
}

/*
 * Makes packets-worths of a burst in bytes. iptables prints a burst cut down to whole k or m; here it is
 * rounded to what will be printed, so that what was saved reads back as the same rule.
 */
static int finish_bytes(struct rules_parse *p, struct rules_match_hashlimit *h)
{
    uint64_t step = bytes_of_cost(h->average), unit;

    if (!(p->given & RULES_BIT(HASH_BURST))) {
        h->burst = 0;
        return 0;
    }
    unit = sizes[burst_size(h->burst)].bytes;
    if (h->burst < step && h->burst != step - step % unit) /* the latter is how a burst of one is saved */
        return rules_fail(p, "the burst cannot be smaller than what passes in a second, %" PRIu64 "b", step);
    if (!(p->given & RULES_BIT(HASH_EXPIRE)))
        h->expire = HASH_BYTES_BURST_EXPIRE * 1000;
    h->burst = (h->burst + step - 1) / step;
    for (;;) {
        uint64_t shown = h->burst * step, burst;

        shown -= shown % sizes[burst_size(shown)].bytes;
        burst = (shown + step - 1) / step;
        if (burst == 0 || burst == h->burst)
            return 0;
        h->burst = burst;
    }
}

/* How the kernel turns a time into credits (user2credits); the multiplication may wrap. */
static uint64_t credits(uint64_t time)
{
    return time * (HASH_CREDITS_A_SECOND / HASH_SCALE);
}

static int finish_packets(struct rules_parse *p, const struct rules_match_hashlimit *h)
{
    if (h->burst > HASH_BURST_MOST)
        return rules_fail(p, "a burst of %" PRIu64 " is out of range; expected 1 to %d", h->burst,
                          HASH_BURST_MOST);
    /* hashlimit_mt_check_common */
    if (!h->rate_match && credits(h->average * h->burst) < credits(h->average))
        return rules_fail(p, "a burst of %" PRIu64 " is too large for this rate; the kernel refuses it",
                          h->burst);
    if (h->rate_match && h->average < h->unit)
        return rules_fail(p, "the rate is too fast for --hashlimit-rate-match; the kernel refuses it");
    return 0;
}

static int hashlimit_finish(struct rules_parse *p, void *data)
{
    struct rules_match_hashlimit *h = data;
    int r;

    r = h->by_bytes ? finish_bytes(p, h) : finish_packets(p, h);
    if (r < 0)
        return r;
    if (h->rate_match) {
        if (h->interval == 0)
            h->interval = h->by_bytes ? 1 : h->unit;
        if (!h->by_bytes)
            h->average /= h->unit;
    } else {
        h->interval = 0; /* has a meaning only with --hashlimit-rate-match, and is saved only with it */
    }
    h->unit = 0;
    return 0;
}

/* Returns the milliseconds after which an entry of such a rate is dropped if nothing is said. */
static uint32_t print_bytes(FILE *out, const struct rules_match_hashlimit *h, const char *prefix)
{
    uint64_t bytes = bytes_of_cost(h->average);
    size_t i = 0;

    /* iptables rounds in 32 bits here, so that it prints 4gb/s and more in bytes. */
    while (i < SIZES - 1 &&
           (bytes < sizes[i].bytes || cost_of_bytes(bytes & (uint32_t)~(sizes[i].bytes - 1)) != h->average))
        i++;
    fprintf(out, "%" PRIu64 "%sb/s", bytes / sizes[i].bytes, sizes[i].unit);
    if (h->burst == 0)
        return HASH_BYTES_EXPIRE * 1000;
    bytes *= h->burst;
    i = burst_size(bytes);
    fprintf(out, " %sburst %" PRIu64 "%sb", prefix, bytes / sizes[i].bytes, sizes[i].unit);
    return HASH_BYTES_BURST_EXPIRE * 1000;
}

static void print_table(FILE *out, const struct rules_match_hashlimit *h, const struct rules_print *how,
                        uint32_t expire, const char *prefix)
{
    if (h->size != 0)
        fprintf(out, " %shtable-size %u", prefix, h->size);
    if (h->max != 0)
        fprintf(out, " %shtable-max %u", prefix, h->max);
    if (h->gc_interval != HASH_GC_DEFAULT)
        fprintf(out, " %shtable-gcinterval %u", prefix, h->gc_interval);
    if (h->expire != expire)
        fprintf(out, " %shtable-expire %u", prefix, h->expire);
    if (h->source_prefix != full_prefix(how->family))
        fprintf(out, " %ssrcmask %u", prefix, h->source_prefix);
    if (h->destination_prefix != full_prefix(how->family))
        fprintf(out, " %sdstmask %u", prefix, h->destination_prefix);
    if (h->rate_match)
        fprintf(out, " %srate-match", prefix);
    if (h->rate_match && h->interval != 1)
        fprintf(out, " %srate-interval %u", prefix, h->interval);
}

static void print_hashlimit(FILE *out, const struct rules_match_hashlimit *h, const struct rules_print *how,
                            bool lists)
{
    const char *prefix = lists ? "" : "--hashlimit-";
    uint32_t expire;

    fprintf(out, " %s%s ", lists ? "limit: " : prefix, h->above ? "above" : lists ? "up to" : "upto");
    if (h->by_bytes) {
        expire = print_bytes(out, h, prefix);
    } else {
        expire =
            rules_rate_print(out, lists && h->interval ? h->average * h->interval : h->average, HASH_SCALE);
        expire *= 1000;
        fprintf(out, " %sburst %" PRIu64, prefix, h->burst);
    }
    if (h->mode) {
        fprintf(out, " %smode ", prefix);
        rules_print_names(out, &mode_names, h->mode, lists ? "-" : ",");
    }
    if (!lists)
        fprintf(out, " --hashlimit-name %s", h->name);
    print_table(out, h, how, expire, prefix);
}

static void hashlimit_save(FILE *out, const void *data, const struct rules_print *how)
{
    print_hashlimit(out, data, how, false);
}

static void hashlimit_list(FILE *out, const void *data, const struct rules_print *how)
{
    print_hashlimit(out, data, how, true);
}

const struct rules_extension rules_match_hashlimit = {
    .name = "hashlimit",
    .type = RULES_MATCH_HASHLIMIT,
    .heap = sizeof(struct rules_match_hashlimit),
    RULES_OPTIONS(options),
    .one_of = RULES_BIT(HASH_UPTO) | RULES_BIT(HASH_ABOVE),
    .lacking = "hashlimit needs --hashlimit-upto or --hashlimit-above",
    .finish = hashlimit_finish,
    .save = hashlimit_save,
    .list = hashlimit_list,
};
