#pragma once
/*
 * What people write, in the one form in which it is kept: valid UTF-8 in Unicode's normalization form C, without
 * blanks at either end, control characters and characters that turn the direction of what follows (embeddings,
 * overrides and isolates of UAX #9, by which a text can show as another). Unicode's tables are those of libutf8proc.
 */
#include "base/buf.h"

enum mb_line_kind {
    MB_LINE_ONE,  /* a name: something visible on one line */
    MB_LINE_MANY, /* a note: CRLF, CR and NEL become LF, tabs stay, and it may be empty */
};

enum mb_line_fault {
    MB_LINE_SOUND,
    MB_LINE_NOT_UTF8,
    MB_LINE_NOTHING_VISIBLE,
    MB_LINE_CONTROL, /* or a line end in a line */
    MB_LINE_DIRECTION,
    MB_LINE_NO_MEMORY,
};

/* Room that the form of a text of n bytes may need: normalization makes none three times as long. */
#define MB_LINE_ROOM(n) (3 * (n) + 1)

/* Writes the form of s, *len bytes, to `out`, which has MB_LINE_ROOM(s.len). With a fault `out` and *len mean
 * nothing. */
MB_MUST_CHECK enum mb_line_fault mb_line_clean(struct mb_str s, enum mb_line_kind kind, char *out,
                                               size_t *len);
/* What is wrong, to be said of a field: "must not hold control characters". */
const char *mb_line_words(enum mb_line_fault fault);
