#pragma once
/*
 * Lua patterns, matched under the budget of the script. The library's own matcher may run for years on
 * a pattern that makes it try again and again, and no hook stops it. The meaning is that of the
 * reference manual. A match may rest where a slice of the script is over, and goes on later.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { MB_MAX_CAPTURES = 32 };

struct mb_capture {
    const char *at;
    ptrdiff_t len; /* negative: still open, or a position */
};

struct mb_matcher {
    lua_State *L;
    const char *text, *text_end, *pattern, *end; /* pattern: behind its anchor */
    const char *from;                            /* where the match begins that is tried */
    const char *s, *p;                           /* how far it came; s: its end once it is found */
    ptrdiff_t counted; /* of the item at p, when it rests in the middle of it */
    ptrdiff_t open;    /* brackets, the same */
    unsigned steps;
    int nchoices, ncaptures;
    bool is_anchored;
    struct mb_capture captures[MB_MAX_CAPTURES];
};

/* The text and the pattern stay borrowed. */
void mb_pattern_init(struct mb_matcher *m, lua_State *L, const char *text, size_t length,
                     const char *pattern, size_t pattern_length);
/* Tries what begins at `from`. */
void mb_pattern_begin(struct mb_matcher *m, const char *from);

enum mb_match { MB_MATCH_NONE, MB_MATCH_FOUND, MB_MATCH_RESTS };

/* Goes on with what was begun. Raises what is wrong with the pattern, and the end of the script when its
 * budget is broken. After MB_MATCH_RESTS no other is to be run before it was kept. */
enum mb_match mb_pattern_run(struct mb_matcher *m);
/* The same of the first match at m->from or after it, unless the pattern is anchored. */
enum mb_match mb_pattern_search(struct mb_matcher *m);
/* Pushes a userdata with all of a match that rests; and makes m that again, which it pops. */
void mb_pattern_keep(const struct mb_matcher *m);
void mb_pattern_take(struct mb_matcher *m, lua_State *L);

/* Pushes capture i of the match: the first is the match itself where there are none. */
void mb_pattern_push(struct mb_matcher *m, int i);
/* All of them; the whole match, if is_whole, where there are none. Returns how many. */
int mb_pattern_push_all(struct mb_matcher *m, bool is_whole);
