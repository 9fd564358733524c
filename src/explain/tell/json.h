/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SALLY_EXPLAIN_TELL_JSON_H
#define SALLY_EXPLAIN_TELL_JSON_H

#include <jansson.h>

#include "base/result.h"
#include "explain/story.h"

/* What doc/explain-json.md promises of every answer. */
enum { JSON_SCHEMA = 1 };

/* All return a new reference, or NULL: out of memory. */

/* text, or null for NULL. Bytes that are not UTF-8 are taken as Latin-1 (doc/decisions/0012). */
json_t *json_text(const char *text);
json_t *json_texts(char *const *texts, size_t count);
/* {"table", "chain", "number", "line", "text"}, or null when there is none. */
json_t *json_rule(const struct story_rule *rule);
/* A member of "packets". */
json_t *json_step(const struct story_step *step);
/* The whole object of explain. */
json_t *json_story(const struct story *s);

/* Writes root and a newline, and gives root's reference away; NULL is out of memory. 0, -EIO or -ENOMEM. */
MUST_USE int json_tell(json_t *root, FILE *out);

#endif
