#pragma once
/*
 * The raw-head guard: a byte machine over a request head, or over the trailers of a chunked
 * body, fed before llhttp sees the bytes. It enforces the grammar that llhttp lets slip (line
 * ends, folded lines, spaces, empty names, control bytes, versions) and every ceiling of the
 * head, and says where the head ends. It keeps no text and knows no connection.
 */
#include "net/fault.h"

struct mb_guard {
    uint8_t state;
    uint8_t place;  /* position inside the method or the version */
    uint8_t minor;  /* HTTP/1.minor */
    bool blank;     /* one empty line stood before the request line */
    bool high;      /* a byte above 0x7E stood in a field value */
    uint32_t head;  /* bytes so far */
    uint32_t line;  /* bytes of the target or of the current field */
    uint32_t fields;
};

void mb_guard_start(struct mb_guard *g);
void mb_guard_start_trailers(struct mb_guard *g);
/* Looks at up to n bytes; *taken of them are fine (all, or up to the end of the head). */
enum mb_fault mb_guard_feed(struct mb_guard *g, const struct mb_http_limits *limits,
                            const char *p, size_t n, size_t *taken);
bool mb_guard_is_done(const struct mb_guard *g);
bool mb_guard_has_begun(const struct mb_guard *g);

/* What stands between the pieces of a chunked body: each such line, and extensions and padding of
 * all of them together, have a ceiling. All zero at the start. */
struct mb_chunk_guard {
    uint32_t line;  /* bytes since the last data */
    uint64_t extra; /* bytes of the body's lines that frame nothing */
    bool cr;
    uint8_t extension; /* which part of one stands open; 0 = none */
};

/* n bytes of such a line: CR and LF only as a pair, extensions as RFC 9112 section 7.1.1 has them,
 * without blanks. */
enum mb_fault mb_guard_chunk_line(struct mb_chunk_guard *g, const struct mb_http_limits *limits,
                                  const char *p, size_t n);
void mb_guard_chunk_data(struct mb_chunk_guard *g); /* data came: the next line begins behind it */

/* Grammar shared with whoever writes or reads single fields. */
bool mb_guard_is_token(struct mb_str s);       /* not empty */
bool mb_guard_is_field_value(struct mb_str s); /* no control bytes but HT */
