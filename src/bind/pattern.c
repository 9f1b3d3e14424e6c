#include "bind/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "bind/budget.h"

/*
 * A backtracking matcher. Each try is a step; now and then a step looks at the budget and raises when
 * that is broken. Depth is bounded, because a quantifier followed by more pattern nests.
 */

enum { MAX_DEPTH = 200, STEPS_PER_LOOK = 512, IS_OPEN = -1, IS_POSITION = -2 };

static const char *match(struct mb_matcher *m, const char *s, const char *p);

static void step(struct mb_matcher *m)
{
    if (++m->steps % STEPS_PER_LOOK == 0) mb_budget_check(m->L);
}

/* ---- one character ---- */

/* Where the single item that begins at p ends. */
static const char *item_end(struct mb_matcher *m, const char *p)
{
    if (*p == '%') {
        if (p + 1 == m->end) luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p != '[') return p + 1;
    p++;
    if (p < m->end && *p == '^') p++;
    bool is_first = true; /* a bracket that stands first is a member */
    for (; p < m->end && (is_first || *p != ']'); is_first = false) p += *p == '%' ? 2 : 1;
    if (p >= m->end) luaL_error(m->L, "malformed pattern (missing ']')");
    return p + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
    bool is_in;
    switch (tolower(class)) {
    case 'a': is_in = isalpha(c); break;
    case 'c': is_in = iscntrl(c); break;
    case 'd': is_in = isdigit(c); break;
    case 'g': is_in = isgraph(c); break;
    case 'l': is_in = islower(c); break;
    case 'p': is_in = ispunct(c); break;
    case 's': is_in = isspace(c); break;
    case 'u': is_in = isupper(c); break;
    case 'w': is_in = isalnum(c); break;
    case 'x': is_in = isxdigit(c); break;
    default: return c == class;
    }
    return is_in != (isupper(class) != 0);
}

/* p is at the opening bracket, close at the closing one. */
static bool in_set(unsigned char c, const char *p, const char *close)
{
    bool is_in = true;
    if (*++p == '^') {
        is_in = false;
        p++;
    }
    for (; p < close; p++) {
        if (*p == '%') {
            if (in_class(c, (unsigned char)*++p)) return is_in;
        } else if (p[1] == '-' && p + 2 < close) {
            if ((unsigned char)*p <= c && c <= (unsigned char)p[2]) return is_in;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return is_in;
        }
    }
    return !is_in;
}

/* Whether the character at s is one of the item from p to item_end. */
static bool is_one(const struct mb_matcher *m, const char *s, const char *p, const char *p_end)
{
    if (s >= m->text_end) return false;
    unsigned char c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, p_end - 1);
    default: return (unsigned char)*p == c;
    }
}

/* ---- what follows an item ---- */

static const char *match_most(struct mb_matcher *m, const char *s, const char *p, const char *rest,
                              ptrdiff_t least)
{
    ptrdiff_t n = 0;
    for (; is_one(m, s + n, p, rest); n++) step(m);
    for (; n >= least; n--) {
        const char *e = match(m, s + n, rest + 1);
        if (e) return e;
    }
    return NULL;
}

static const char *match_least(struct mb_matcher *m, const char *s, const char *p, const char *rest)
{
    for (;; s++) {
        const char *e = match(m, s, rest + 1);
        if (e) return e;
        if (!is_one(m, s, p, rest)) return NULL;
    }
}

static const char *match_balance(struct mb_matcher *m, const char *s, const char *p)
{
    if (m->end - p < 4) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->text_end || *s != p[2]) return NULL;
    for (ptrdiff_t open = 1; ++s < m->text_end;) {
        step(m);
        if (*s == p[3]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[2]) {
            open++;
        }
    }
    return NULL;
}

static bool is_frontier(struct mb_matcher *m, const char *s, const char *set, const char *set_end)
{
    unsigned char before = s == m->text ? 0 : (unsigned char)s[-1];
    unsigned char here = s < m->text_end ? (unsigned char)*s : 0;
    return !in_set(before, set, set_end - 1) && in_set(here, set, set_end - 1);
}

/* ---- captures ---- */

static const char *open_capture(struct mb_matcher *m, const char *s, const char *p, ptrdiff_t kind)
{
    if (m->ncaptures >= MB_MAX_CAPTURES) luaL_error(m->L, "too many captures");
    m->captures[m->ncaptures++] = (struct mb_capture){s, kind};
    const char *e = match(m, s, p);
    if (!e) m->ncaptures--;
    return e;
}

static const char *close_capture(struct mb_matcher *m, const char *s, const char *p)
{
    int i = m->ncaptures - 1;
    while (i >= 0 && m->captures[i].len != IS_OPEN) i--;
    if (i < 0) luaL_error(m->L, "invalid pattern capture");
    m->captures[i].len = s - m->captures[i].at;
    const char *e = match(m, s, p);
    if (!e) m->captures[i].len = IS_OPEN;
    return e;
}

static const char *match_again(struct mb_matcher *m, const char *s, char digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->ncaptures || m->captures[i].len == IS_OPEN)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    ptrdiff_t len = m->captures[i].len;
    bool same =
        len >= 0 && m->text_end - s >= len && memcmp(m->captures[i].at, s, (size_t)len) == 0;
    return same ? s + len : NULL;
}

/* ---- the pattern ---- */

/* An item with what may follow it. *s moves on, and *p, when the match goes on there; else the
 * answer is final and *p NULL. */
static const char *match_item(struct mb_matcher *m, const char **s, const char **p)
{
    const char *from = *p, *rest = item_end(m, from);
    char quantifier = rest < m->end ? *rest : '\0';
    *p = NULL;
    switch (quantifier) {
    case '*': return match_most(m, *s, from, rest, 0);
    case '-': return match_least(m, *s, from, rest);
    case '+': return match_most(m, *s, from, rest, 1);
    case '?': {
        const char *e = is_one(m, *s, from, rest) ? match(m, *s + 1, rest + 1) : NULL;
        if (e) return e;
        *p = rest + 1;
        return NULL;
    }
    default:
        if (!is_one(m, *s, from, rest)) return NULL;
        (*s)++;
        *p = rest;
        return NULL;
    }
}

/* %b, %f and %1, as match_item. */
static const char *match_special(struct mb_matcher *m, const char **s, const char **p)
{
    const char *from = *p, *e;
    *p = NULL;
    if (from[1] == 'f') {
        const char *set = from + 2;
        if (set >= m->end || *set != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
        const char *set_end = item_end(m, set);
        if (is_frontier(m, *s, set, set_end)) *p = set_end;
        return NULL;
    }
    e = from[1] == 'b' ? match_balance(m, *s, from) : match_again(m, *s, from[1]);
    if (!e) return NULL;
    *s = e;
    *p = from + (from[1] == 'b' ? 4 : 2);
    return NULL;
}

static bool is_special(const struct mb_matcher *m, const char *p)
{
    return *p == '%' && p + 1 < m->end &&
           (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1]));
}

static const char *match_here(struct mb_matcher *m, const char *s, const char *p)
{
    while (p < m->end) {
        const char *e = NULL;
        step(m);
        if (*p == '(')
            return p + 1 < m->end && p[1] == ')' ? open_capture(m, s, p + 2, IS_POSITION)
                                                 : open_capture(m, s, p + 1, IS_OPEN);
        if (*p == ')') return close_capture(m, s, p + 1);
        if (*p == '$' && p + 1 == m->end) return s == m->text_end ? s : NULL;
        e = is_special(m, p) ? match_special(m, &s, &p) : match_item(m, &s, &p);
        if (!p) return e;
        if (e) return e;
    }
    return s;
}

static const char *match(struct mb_matcher *m, const char *s, const char *p)
{
    if (++m->depth > MAX_DEPTH) luaL_error(m->L, "pattern too complex");
    const char *e = match_here(m, s, p);
    m->depth--;
    return e;
}

/* ---- results ---- */

void mb_pattern_push(struct mb_matcher *m, int i, const char *s, const char *e)
{
    if (i >= m->ncaptures) {
        if (i > 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(m->L, s, (size_t)(e - s));
        return;
    }
    const struct mb_capture *c = &m->captures[i];
    if (c->len == IS_OPEN) luaL_error(m->L, "unfinished capture");
    if (c->len == IS_POSITION)
        lua_pushinteger(m->L, c->at - m->text + 1);
    else
        lua_pushlstring(m->L, c->at, (size_t)c->len);
}

int mb_pattern_push_all(struct mb_matcher *m, const char *s, const char *e)
{
    int n = m->ncaptures == 0 && s ? 1 : m->ncaptures;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++) mb_pattern_push(m, i, s, e);
    return n;
}

const char *mb_pattern_match(struct mb_matcher *m, const char *s, const char *p)
{
    m->depth = m->ncaptures = 0;
    return match(m, s, p);
}
