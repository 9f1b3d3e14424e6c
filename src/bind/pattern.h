#pragma once
/*
 * Lua patterns, matched under the budget of the script. The library's own matcher may run for years on
 * a pattern that makes it try again and again, and no hook stops it. The meaning is that of the
 * reference manual.
 */
#include <lua.h>
#include <stddef.h>

enum { MB_MAX_CAPTURES = 32 };

struct mb_capture {
    const char *at;
    ptrdiff_t len; /* negative: still open, or a position */
};

struct mb_matcher {
    lua_State *L;
    const char *text, *text_end, *end; /* end: of the pattern */
    unsigned steps;                    /* 0 at first */
    int depth, ncaptures;
    struct mb_capture captures[MB_MAX_CAPTURES];
};

/* The end of the match of the pattern p, after its anchor, at s; NULL = none. Raises what is wrong
 * with the pattern, and the end of the script when its budget is broken. */
const char *mb_pattern_match(struct mb_matcher *m, const char *s, const char *p);
/* Pushes capture i of the match from s to e: the first is the match itself where there are none. */
void mb_pattern_push(struct mb_matcher *m, int i, const char *s, const char *e);
/* All of them; the whole match, unless s is NULL, where there are none. Returns how many. */
int mb_pattern_push_all(struct mb_matcher *m, const char *s, const char *e);
