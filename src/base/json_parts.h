#pragma once
/*
 * The stack of open arrays and objects of the JSON reader, with the keys that each open object
 * has seen. All of it lives in the caller's scratch buffer, one frame above the other; a key
 * takes 16 bytes at most three quarters full, so memory is bounded by depth * keys. A key is
 * remembered by hash and place in the text, never copied.
 */
#include "base/json.h"

enum { MB_JSON__NONE = 0 };

struct mb_json__frame {
    size_t below;  /* offset of the enclosing frame + 1; MB_JSON__NONE at the outermost */
    size_t count;  /* keys or elements begun */
    size_t cap;    /* size of the key table that follows; 0 for an array */
    size_t key_at; /* the key in work: place and length in the text, quotes left out */
    size_t key_len;
};

struct mb_json__stack {
    struct mb_buf *mem;
    struct mb_str text;
    size_t top; /* offset of the innermost frame + 1 */
};

struct mb_json__frame *mb_json__top(const struct mb_json__stack *s);
MB_MUST_CHECK enum mb_rc mb_json__push(struct mb_json__stack *s, bool object);
void mb_json__pop(struct mb_json__stack *s);
/* Notes a key of the innermost object. key is decoded; at and len are its raw place. *again tells
 * whether the object has it already. Scratch above the frame is lost. */
MB_MUST_CHECK enum mb_rc mb_json__note_key(struct mb_json__stack *s, struct mb_str key, size_t at,
                                           size_t len, bool *again);
/* Writes the JSON pointer of the value in work, cut to size; takes the stack apart. */
void mb_json__pointer(struct mb_json__stack *s, char *out, size_t size);

/* ---- json_string.c: the inside of a string ---- */
/* Finds the end of the string whose inside begins at p: *end is its closing quote, *escaped says
 * whether decoding changes it. NULL, or what is wrong; then *end is where. */
const char *mb_json__scan(const char *p, const char *text_end, const char **end, bool *escaped);
/* Appends the decoded form of a scanned string. */
MB_MUST_CHECK enum mb_rc mb_json__decode(struct mb_buf *b, const char *p, const char *end);
