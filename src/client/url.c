/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/url.h"

#include "speech/speech.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 32) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* text[0...len-1] with its %XX replaced; NULL: see *ret_error. */
static char *decode(const char *text, size_t len, enum client_url_error *ret_error)
{
    char *out = malloc(len + 1), *to = out;

    *ret_error = out ? CLIENT_URL_OK : CLIENT_URL_NO_MEMORY;
    for (size_t i = 0; out && i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(text[i + 1]) : -1, low = high < 0 ? -1 : hex(text[i + 2]);
            c = low < 0 ? '\0' : (char)(high * 16 + low);
            if (c == '\0' || c == '\n' || c == '\r') {
                free(out);
                *ret_error = CLIENT_URL_ENCODING;
                return NULL;
            }
            i += 2;
        }
        *to++ = c;
    }
    if (out)
        *to = '\0';
    return out;
}

static enum client_url_error parse_scheme(const char **at, bool *ret_is_implicit)
{
    const char *colon = strstr(*at, "://");

    *ret_is_implicit = false;
    if (!colon || memchr(*at, '/', (size_t)(colon - *at)))
        return CLIENT_URL_OK;
    *ret_is_implicit = colon - *at == 4 && strncasecmp(*at, "ftps", 4) == 0;
    if (!*ret_is_implicit && (colon - *at != 3 || strncasecmp(*at, "ftp", 3) != 0))
        return CLIENT_URL_SCHEME;
    *at = colon + 3;
    return CLIENT_URL_OK;
}

static enum client_url_error parse_user(const char **at, const char *end, struct client_url *url)
{
    const char *sign = memrchr(*at, '@', (size_t)(end - *at));
    enum client_url_error error;

    if (!sign)
        return CLIENT_URL_OK;
    if (memchr(*at, ':', (size_t)(sign - *at)))
        return CLIENT_URL_PASSWORD;
    url->user = decode(*at, (size_t)(sign - *at), &error);
    *at = sign + 1;
    return error;
}

static enum client_url_error parse_port(const char *at, const char *end, uint16_t *ret)
{
    unsigned long port = 0;

    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return CLIENT_URL_PORT;
        port = port * 10 + (unsigned long)(*at - '0');
        if (port > UINT16_MAX)
            return CLIENT_URL_PORT;
    }
    *ret = (uint16_t)port;
    return port ? CLIENT_URL_OK : CLIENT_URL_PORT;
}

static enum client_url_error parse_host(const char *at, const char *end, struct client_url *url)
{
    bool is_bracketed = at < end && *at == '[';
    const char *close = is_bracketed ? memchr(at, ']', (size_t)(end - at)) : NULL;
    const char *begin = is_bracketed ? at + 1 : at;
    const char *stop = is_bracketed ? close : memchr(at, ':', (size_t)(end - at));
    const char *behind = is_bracketed && close ? close + 1 : stop;
    enum client_url_error error;

    if (is_bracketed && !close)
        return CLIENT_URL_HOST;
    if (!stop)
        stop = behind = end;
    if (stop == begin)
        return CLIENT_URL_HOST;
    if (behind < end && *behind != ':')
        return CLIENT_URL_HOST;
    if (behind < end && (error = parse_port(behind + 1, end, &url->port)))
        return error;
    url->host = decode(begin, (size_t)(stop - begin), &error);
    return error;
}

enum client_url_error client_url_parse(const char *text, struct client_url *ret)
{
    struct client_url url = {.host = NULL};
    enum client_url_error error = parse_scheme(&text, &url.is_implicit);
    const char *slash = strchrnul(text, '/');

    if (!error)
        error = parse_user(&text, slash, &url);
    if (!error)
        error = parse_host(text, slash, &url);
    if (!error) {
        const char *path = *slash ? slash + 1 : slash;
        url.path = decode(path, strlen(path), &error);
    }
    if (error) {
        client_url_free(&url);
        return error;
    }
    *ret = url;
    return CLIENT_URL_OK;
}

bool client_url_may_have_password(const char *text)
{
    const char *colon = strstr(text, "://"), *at = strrchr(text, '@');

    if (colon)
        text = colon + 3;
    return at && at > text && memchr(text, ':', (size_t)(at - text));
}

void client_url_free(struct client_url *url)
{
    free(url->host);
    free(url->user);
    free(url->path);
    *url = (struct client_url){.host = NULL};
}

const char *client_url_why(enum client_url_error error)
{
    static const enum speech_phrase why[] = {
        [CLIENT_URL_OK] = SPEECH_URL_RIGHT,          [CLIENT_URL_NO_MEMORY] = SPEECH_URL_NO_MEMORY,
        [CLIENT_URL_SCHEME] = SPEECH_URL_SCHEME,     [CLIENT_URL_HOST] = SPEECH_URL_HOST,
        [CLIENT_URL_PORT] = SPEECH_URL_PORT,         [CLIENT_URL_ENCODING] = SPEECH_URL_ENCODING,
        [CLIENT_URL_PASSWORD] = SPEECH_URL_PASSWORD,
    };

    return speech_plain(why[error]);
}

/* As RFC 3986 section 2.3 has it, and '/'. */
char *client_url_encode(const char *text)
{
    char *out = malloc(3 * strlen(text) + 1), *to = out;

    for (; out && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~/", c))
            *to++ = (char)c;
        else
            to += sprintf(to, "%%%02X", c);
    }
    if (out)
        *to = '\0';
    return out;
}

char *client_url_text(const struct client_url *url, const char *path)
{
    char *user = client_url_encode(url->user ? url->user : ""), *place = client_url_encode(path),
         port[8] = "", *text = NULL;
    bool is_v6 = strchr(url->host, ':');

    if (url->port)
        snprintf(port, sizeof(port), ":%u", url->port);
    if (user && place &&
        asprintf(&text, "%s://%s%s%s%s%s%s/%s", url->is_implicit ? "ftps" : "ftp", user, *user ? "@" : "",
                 is_v6 ? "[" : "", url->host, is_v6 ? "]" : "", port, place) < 0)
        text = NULL;
    free(user);
    free(place);
    return text;
}
