#pragma once
/*
 * Growing text and the little JSON the tools need. A test tool has no way to go on without
 * memory, so these functions end the program instead of failing. Deliberately not src/base: the
 * witness of a test shares no code with what it watches.
 */
#include <stdbool.h>
#include <stddef.h>

struct text {
    char *ptr; /* NUL-terminated as soon as anything was added */
    size_t len, cap;
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *must(void *memory); /* memory, or the end of the program when it is NULL */

void text_add(struct text *t, const char *ptr, size_t len);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_json(struct text *t, const char *ptr, size_t len); /* quoted and escaped */
void text_clear(struct text *t);
void text_drop(struct text *t, size_t n); /* the first n bytes */
void text_free(struct text *t);

/* The string or literal under a key of the outermost object, as it stands, without quotes;
 * false when there is none. Strings with escapes are given back escaped. */
bool json_field(const char *json, size_t len, const char *key, char *out, size_t cap);
