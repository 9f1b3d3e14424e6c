#include "bind/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "bind/budget.h"

/*
 * A backtracking matcher that keeps what it may yet try in a list of its own, so that it can rest at any step. Each try
 * is a step; now and then a step looks at the budget: it raises when that is broken, and rests when others are to
 * run and the script may wait here.
 */

enum { MAX_CHOICES = 200, STEPS_PER_LOOK = 512, IS_OPEN = -1, IS_POSITION = -2 };

enum choice_kind {
    TRY_FEWER,   /* of what was taken: n of the item, `least` at least */
    TRY_MORE,    /* one more of the item */
    TRY_WITHOUT, /* the item */
    UNDO_OPEN,   /* a capture */
    UNDO_CLOSE   /* capture n */
};

struct choice {
    enum choice_kind kind;
    int least;
    const char *s, *p, *rest; /* p: the item; rest: its end, where its quantifier stands */
    ptrdiff_t n;
};

/* Of the match that runs; where one rests they are kept beside it. */
static _Thread_local struct choice choices[MAX_CHOICES];

static void add_choice(struct mb_matcher *m, struct choice c)
{
    if (m->nchoices == MAX_CHOICES) luaL_error(m->L, "pattern too complex");
    choices[m->nchoices++] = c;
}

/* Whether to rest. */
static bool step(struct mb_matcher *m)
{
    if (++m->steps % STEPS_PER_LOOK != 0) return false;
    mb_budget_check(m->L);
    return mb_budget_is_late(m->L);
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

enum went { WENT_ON, WENT_WRONG, WENT_TO_REST };

static enum went take_most(struct mb_matcher *m, const char *rest, int least)
{
    ptrdiff_t n = m->counted;
    for (; is_one(m, m->s + n, m->p, rest); n++) {
        if (!step(m)) continue;
        m->counted = n;
        return WENT_TO_REST;
    }
    m->counted = 0;
    if (n < least) return WENT_WRONG;
    if (n > least) add_choice(m, (struct choice){TRY_FEWER, least, m->s, m->p, rest, n});
    m->s += n;
    m->p = rest + 1;
    return WENT_ON;
}

static enum went take_least(struct mb_matcher *m, const char *rest)
{
    add_choice(m, (struct choice){TRY_MORE, 0, m->s, m->p, rest, 0});
    m->p = rest + 1;
    return WENT_ON;
}

static enum went take_one_or_none(struct mb_matcher *m, const char *rest)
{
    if (is_one(m, m->s, m->p, rest)) {
        add_choice(m, (struct choice){TRY_WITHOUT, 0, m->s, m->p, rest, 0});
        m->s++;
    }
    m->p = rest + 1;
    return WENT_ON;
}

static enum went take_balance(struct mb_matcher *m)
{
    const char *p = m->p, *s = m->s;
    if (m->end - p < 4) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->text_end || *s != p[2]) return WENT_WRONG;
    ptrdiff_t open = m->counted > 0 ? m->open : 1, n = m->counted;
    m->counted = 0;
    while (s + ++n < m->text_end) {
        if (s[n] == p[3]) {
            if (--open == 0) {
                m->s = s + n + 1;
                m->p = p + 4;
                return WENT_ON;
            }
        } else if (s[n] == p[2]) {
            open++;
        }
        if (!step(m)) continue;
        m->counted = n;
        m->open = open;
        return WENT_TO_REST;
    }
    return WENT_WRONG;
}

static bool is_frontier(struct mb_matcher *m, const char *s, const char *set, const char *set_end)
{
    unsigned char before = s == m->text ? 0 : (unsigned char)s[-1];
    unsigned char here = s < m->text_end ? (unsigned char)*s : 0;
    return !in_set(before, set, set_end - 1) && in_set(here, set, set_end - 1);
}

/* ---- captures ---- */

static enum went open_capture(struct mb_matcher *m)
{
    bool is_position = m->p + 1 < m->end && m->p[1] == ')';
    if (m->ncaptures >= MB_MAX_CAPTURES) luaL_error(m->L, "too many captures");
    m->captures[m->ncaptures++] = (struct mb_capture){m->s, is_position ? IS_POSITION : IS_OPEN};
    add_choice(m, (struct choice){.kind = UNDO_OPEN});
    m->p += is_position ? 2 : 1;
    return WENT_ON;
}

static enum went close_capture(struct mb_matcher *m)
{
    int i = m->ncaptures - 1;
    while (i >= 0 && m->captures[i].len != IS_OPEN) i--;
    if (i < 0) luaL_error(m->L, "invalid pattern capture");
    m->captures[i].len = m->s - m->captures[i].at;
    add_choice(m, (struct choice){.kind = UNDO_CLOSE, .n = i});
    m->p++;
    return WENT_ON;
}

static enum went match_again(struct mb_matcher *m)
{
    int i = m->p[1] - '1';
    if (i < 0 || i >= m->ncaptures || m->captures[i].len == IS_OPEN)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    ptrdiff_t len = m->captures[i].len;
    if (len < 0 || m->text_end - m->s < len || memcmp(m->captures[i].at, m->s, (size_t)len) != 0)
        return WENT_WRONG;
    m->s += len;
    m->p += 2;
    return WENT_ON;
}

/* ---- the pattern ---- */

/* An item with what may follow it. */
static enum went match_item(struct mb_matcher *m)
{
    const char *rest = item_end(m, m->p);
    switch (rest < m->end ? *rest : '\0') {
    case '*': return take_most(m, rest, 0);
    case '+': return take_most(m, rest, 1);
    case '-': return take_least(m, rest);
    case '?': return take_one_or_none(m, rest);
    default: break;
    }
    if (!is_one(m, m->s, m->p, rest)) return WENT_WRONG;
    m->s++;
    m->p = rest;
    return WENT_ON;
}

static enum went match_frontier(struct mb_matcher *m)
{
    const char *set = m->p + 2;
    if (set >= m->end || *set != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *set_end = item_end(m, set);
    if (!is_frontier(m, m->s, set, set_end)) return WENT_WRONG;
    m->p = set_end;
    return WENT_ON;
}

static bool is_special(const struct mb_matcher *m, const char *p)
{
    return *p == '%' && p + 1 < m->end &&
           (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1]));
}

static enum went match_one(struct mb_matcher *m)
{
    const char *p = m->p;
    if (*p == '(') return open_capture(m);
    if (*p == ')') return close_capture(m);
    if (*p == '$' && p + 1 == m->end) {
        m->p++;
        return m->s == m->text_end ? WENT_ON : WENT_WRONG;
    }
    if (!is_special(m, p)) return match_item(m);
    if (p[1] == 'b') return take_balance(m);
    return p[1] == 'f' ? match_frontier(m) : match_again(m);
}

/* Makes s and p what the last choice says; false when it has nothing more to try, and is gone. */
static bool try_choice(struct mb_matcher *m)
{
    struct choice *c = &choices[m->nchoices - 1];
    bool is_last = true, is_tried = true;
    switch (c->kind) {
    case TRY_FEWER:
        m->s = c->s + --c->n;
        is_last = c->n == c->least;
        break;
    case TRY_MORE:
        is_tried = is_one(m, c->s, c->p, c->rest);
        if (is_tried) m->s = ++c->s;
        is_last = !is_tried;
        break;
    case TRY_WITHOUT: m->s = c->s; break;
    case UNDO_OPEN:
        m->ncaptures--;
        is_tried = false;
        break;
    case UNDO_CLOSE:
        m->captures[c->n].len = IS_OPEN;
        is_tried = false;
        break;
    }
    if (is_tried) m->p = c->rest + 1;
    if (is_last) m->nchoices--;
    return is_tried;
}

void mb_pattern_init(struct mb_matcher *m, lua_State *L, const char *text, size_t length,
                     const char *pattern, size_t pattern_length)
{
    m->L = L;
    m->text = text;
    m->text_end = text + length;
    m->is_anchored = pattern_length > 0 && *pattern == '^';
    m->pattern = pattern + m->is_anchored;
    m->end = pattern + pattern_length;
    m->steps = 0;
}

void mb_pattern_begin(struct mb_matcher *m, const char *from)
{
    m->s = m->from = from;
    m->p = m->pattern;
    m->counted = m->open = 0;
    m->nchoices = m->ncaptures = 0;
}

enum mb_match mb_pattern_run(struct mb_matcher *m)
{
    while (m->p < m->end) {
        if (m->counted == 0 && step(m)) return MB_MATCH_RESTS;
        enum went went = match_one(m);
        if (went == WENT_TO_REST) return MB_MATCH_RESTS;
        if (went == WENT_ON) continue;
        do {
            if (m->nchoices == 0) return MB_MATCH_NONE;
        } while (!try_choice(m));
    }
    return MB_MATCH_FOUND;
}

enum mb_match mb_pattern_search(struct mb_matcher *m)
{
    for (;;) {
        enum mb_match match = mb_pattern_run(m);
        if (match != MB_MATCH_NONE || m->is_anchored || m->from == m->text_end) return match;
        mb_pattern_begin(m, m->from + 1);
    }
}

/* ---- rest ---- */

struct kept {
    struct mb_matcher m;
    struct choice choices[];
};

void mb_pattern_keep(const struct mb_matcher *m)
{
    size_t bytes = (size_t)m->nchoices * sizeof choices[0];
    struct kept *k = lua_newuserdatauv(m->L, sizeof *k + bytes, 0);
    k->m = *m;
    memcpy(k->choices, choices, bytes);
}

void mb_pattern_take(struct mb_matcher *m, lua_State *L)
{
    const struct kept *k = lua_touserdata(L, -1);
    *m = k->m;
    m->L = L;
    memcpy(choices, k->choices, (size_t)m->nchoices * sizeof choices[0]);
    lua_pop(L, 1);
}

/* ---- results ---- */

void mb_pattern_push(struct mb_matcher *m, int i)
{
    if (i >= m->ncaptures) {
        if (i > 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
        lua_pushlstring(m->L, m->from, (size_t)(m->s - m->from));
        return;
    }
    const struct mb_capture *c = &m->captures[i];
    if (c->len == IS_OPEN) luaL_error(m->L, "unfinished capture");
    if (c->len == IS_POSITION)
        lua_pushinteger(m->L, c->at - m->text + 1);
    else
        lua_pushlstring(m->L, c->at, (size_t)c->len);
}

int mb_pattern_push_all(struct mb_matcher *m, bool is_whole)
{
    int n = m->ncaptures == 0 && is_whole ? 1 : m->ncaptures;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++) mb_pattern_push(m, i);
    return n;
}
