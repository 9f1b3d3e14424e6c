#pragma once
/*
 * Strict JSON (RFC 8259, UTF-8): a writer on mb_buf and an event reader without memory of
 * its own. The reader refuses what lax parsers accept: NaN, Infinity, hex, +1, 01, 1., raw
 * control bytes, invalid or overlong UTF-8, lone surrogates, BOM, duplicate keys, trailing
 * data, \u0000, and whatever is over a limit.
 */
#include "base/buf.h"

/* ---- writing ---- */
/* A quoted, escaped string; s must be valid UTF-8 (MB_E_JSON otherwise). */
MB_MUST_CHECK enum mb_rc mb_json_str(struct mb_buf *b, const char *s, size_t len);
/* Like mb_json_str for text known to be UTF-8 (a UTF8 database guarantees it): not checked. */
MB_MUST_CHECK enum mb_rc mb_json_str_trusted(struct mb_buf *b, const char *s, size_t len);
/* The name of an object's member and its colon, after a comma unless it is the first. */
MB_MUST_CHECK enum mb_rc mb_json_member(struct mb_buf *b, bool is_first, const char *s, size_t len);
/* A finite double, shortest text that reads back equal; MB_E_JSON for NaN and infinities. */
MB_MUST_CHECK enum mb_rc mb_json_double(struct mb_buf *b, double v);
bool mb_utf8_valid(const char *s, size_t len);

/* ---- reading ---- */
struct mb_json_limits {
    unsigned depth;      /* nested arrays and objects */
    size_t tokens;       /* values and keys in all */
    size_t keys;         /* keys of one object */
    size_t string_bytes; /* one string, decoded */
};
extern const struct mb_json_limits mb_json_default_limits; /* 32, 100000, 1000, 1 MiB */

/* Callbacks return MB_OK to go on; anything else ends the parse with that code.
 * Strings and keys arrive decoded and are borrowed for the call. A number arrives as its
 * text, and as an integer when it is one that fits int64 (no fraction, no exponent). */
struct mb_json_sink {
    enum mb_rc (*null)(void *ctx);
    enum mb_rc (*boolean)(void *ctx, bool v);
    enum mb_rc (*number)(void *ctx, struct mb_str text, bool is_int, int64_t i);
    enum mb_rc (*string)(void *ctx, struct mb_str s);
    enum mb_rc (*key)(void *ctx, struct mb_str s);
    enum mb_rc (*begin_object)(void *ctx);
    enum mb_rc (*end_object)(void *ctx);
    enum mb_rc (*begin_array)(void *ctx);
    enum mb_rc (*end_array)(void *ctx);
};

struct mb_json_fault {
    size_t offset;     /* byte of the text */
    char pointer[256]; /* JSON pointer of the value in work, possibly cut */
    char text[128];    /* what was wrong; a limit with its number and configuration key */
};

/* scratch: decoded strings are built here (cleared, kept for reuse). fault may be NULL. */
MB_MUST_CHECK enum mb_rc mb_json_read(struct mb_str text, const struct mb_json_limits *limits,
                                      const struct mb_json_sink *sink, void *ctx,
                                      struct mb_buf *scratch, struct mb_json_fault *fault);

/* The same by and by: `steps` tokens at a time, until *is_over. text, limits and sink stay borrowed. new: NULL when out
 * of memory. */
struct mb_json_reader;
struct mb_json_reader *mb_json_reader_new(struct mb_str text, const struct mb_json_limits *limits,
                                          const struct mb_json_sink *sink, void *ctx);
MB_MUST_CHECK enum mb_rc mb_json_reader_run(struct mb_json_reader *r, size_t steps, bool *is_over,
                                            struct mb_json_fault *fault);
void mb_json_reader_free(struct mb_json_reader *r);

/* ---- single tokens, for readers that know what comes ----
 * *p moves behind the token, or to where it is wrong; *wrong is then what. Not on MB_E_LIMIT of a string. */
struct mb_json_number {
    struct mb_str text;
    bool
        is_integer; /* one that fits int64, without fraction and exponent; else the text is a finite double's */
    int64_t integer;
};
MB_MUST_CHECK enum mb_rc mb_json_pull_number(const char **p, const char *end,
                                             struct mb_json_number *out, const char **wrong);
/* The string whose opening quote *p stands on: decoded, valid UTF-8, a slice of the text or borrowed of scratch
 * until that is used again. MB_E_LIMIT: it has more than `most` bytes. */
MB_MUST_CHECK enum mb_rc mb_json_pull_string(const char **p, const char *end, size_t most,
                                             struct mb_buf *scratch, struct mb_str *out,
                                             const char **wrong);
