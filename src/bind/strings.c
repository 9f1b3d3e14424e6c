#define _GNU_SOURCE
#include "bind/strings.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

#include "bind/budget.h"
#include "bind/pattern.h"

/* ---- find, match ---- */

struct subject {
    const char *s, *p;
    size_t slen, plen;
};

static struct subject subject_of(lua_State *L, int text, int pattern)
{
    struct subject x;
    x.s = luaL_checklstring(L, text, &x.slen);
    x.p = luaL_checklstring(L, pattern, &x.plen);
    return x;
}

static void init(struct mb_matcher *m, lua_State *L, const struct subject *x)
{
    mb_pattern_init(m, L, x->s, x->slen, x->p, x->plen);
}

/* Waits for the next slice with the match that rests at the top. */
static int rest(struct mb_matcher *m, lua_KContext ctx, lua_KFunction k)
{
    mb_pattern_keep(m);
    return mb_budget_rest(m->L, ctx, k);
}

/* The offset that the argument says, counted from the end when negative; may lie past the end. */
static size_t offset_at(lua_State *L, int arg, size_t len)
{
    lua_Integer at = luaL_optinteger(L, arg, 1);
    if (at > 0) return (size_t)at - 1;
    if (at == 0 || at < -(lua_Integer)len) return 0;
    return len - (size_t)-at;
}

static bool is_plain(const struct subject *x)
{
    static const bool is_special[256] = {
        ['^'] = true, ['$'] = true, ['*'] = true, ['+'] = true, ['?'] = true,
        ['.'] = true, ['('] = true, ['['] = true, ['%'] = true, ['-'] = true};
    for (size_t i = 0; i < x->plen; i++)
        if (is_special[(unsigned char)x->p[i]]) return false;
    return true;
}

static int find_plain_on(lua_State *L, int status, lua_KContext at);

/* In windows that are some times longer than what is looked for. */
static int find_plain(lua_State *L, const struct subject *x, size_t at)
{
    enum { WINDOW = 65536, TIMES = 2 };
    size_t window = x->plen * TIMES > WINDOW ? x->plen * TIMES : WINDOW;
    for (;; at += window) {
        size_t left = x->slen - at, n = left < window + x->plen ? left : window + x->plen;
        const char *found = memmem(x->s + at, n, x->p, x->plen);
        if (found) {
            lua_pushinteger(L, found - x->s + 1);
            lua_pushinteger(L, found - x->s + (lua_Integer)x->plen);
            return 2;
        }
        if (n == left) break;
        mb_budget_check(L);
        if (mb_budget_is_late(L))
            return mb_budget_rest(L, (lua_KContext)(at + window), find_plain_on);
    }
    lua_pushnil(L);
    return 1;
}

static int find_plain_on(lua_State *L, int status, lua_KContext at)
{
    struct subject x = subject_of(L, 1, 2);
    (void)status;
    return find_plain(L, &x, (size_t)at);
}

static int go_on_looking(lua_State *L, int status, lua_KContext is_find);

static int look(struct mb_matcher *m, bool is_find)
{
    lua_State *L = m->L;
    switch (mb_pattern_search(m)) {
    case MB_MATCH_RESTS: return rest(m, is_find, go_on_looking);
    case MB_MATCH_FOUND: break;
    case MB_MATCH_NONE: lua_pushnil(L); return 1;
    }
    if (!is_find) return mb_pattern_push_all(m, true);
    lua_pushinteger(L, m->from - m->text + 1);
    lua_pushinteger(L, m->s - m->text);
    return mb_pattern_push_all(m, false) + 2;
}

static int go_on_looking(lua_State *L, int status, lua_KContext is_find)
{
    struct mb_matcher m;
    (void)status;
    mb_pattern_take(&m, L);
    return look(&m, is_find != 0);
}

static int begin_to_look(lua_State *L, bool is_find)
{
    struct mb_matcher m;
    struct subject x = subject_of(L, 1, 2);
    size_t at = offset_at(L, 3, x.slen);
    if (at > x.slen) {
        lua_pushnil(L);
        return 1;
    }
    if (is_find && (lua_toboolean(L, 4) || is_plain(&x))) return find_plain(L, &x, at);
    init(&m, L, &x);
    mb_pattern_begin(&m, x.s + at);
    return look(&m, is_find);
}

static int l_find(lua_State *L) { return begin_to_look(L, true); }
static int l_match(lua_State *L) { return begin_to_look(L, false); }

/* ---- gmatch ---- */

struct walk {
    size_t at;     /* where to go on */
    ptrdiff_t end; /* of the last match, which an empty one must not repeat; -1 = none */
};

static int go_on_walking(lua_State *L, int status, lua_KContext ctx);

static int walk_on(struct mb_matcher *m)
{
    struct walk *w = lua_touserdata(m->L, lua_upvalueindex(3));
    for (;;) {
        enum mb_match match = mb_pattern_search(m);
        if (match == MB_MATCH_RESTS) return rest(m, 0, go_on_walking);
        if (match == MB_MATCH_NONE) return 0;
        if (m->s - m->text != w->end) break;
        if (m->from == m->text_end) return 0;
        mb_pattern_begin(m, m->from + 1);
    }
    w->at = (size_t)(m->s - m->text);
    w->end = m->s - m->text;
    return mb_pattern_push_all(m, true);
}

static int go_on_walking(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_matcher m;
    (void)status;
    (void)ctx;
    mb_pattern_take(&m, L);
    return walk_on(&m);
}

/* In gmatch an anchor is none. */
static int next_match(lua_State *L)
{
    struct mb_matcher m;
    struct subject x = subject_of(L, lua_upvalueindex(1), lua_upvalueindex(2));
    const struct walk *w = lua_touserdata(L, lua_upvalueindex(3));
    if (w->at > x.slen) return 0;
    init(&m, L, &x);
    m.is_anchored = false;
    m.pattern = x.p;
    mb_pattern_begin(&m, x.s + w->at);
    return walk_on(&m);
}

static int l_gmatch(lua_State *L)
{
    struct subject x = subject_of(L, 1, 2);
    size_t at = offset_at(L, 3, x.slen);
    lua_settop(L, 2);
    struct walk *w = lua_newuserdatauv(L, sizeof *w, 0);
    w->at = at > x.slen ? x.slen + 1 : at;
    w->end = -1;
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* ---- joining ---- */

enum { AT_PIECES = 1, AT_COUNT, AT_JOINED };

/* Joins pieces from..to of the list into one, which it appends to the other list. */
static void join_group(lua_State *L, lua_Integer from, lua_Integer to)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (; from <= to; from++) {
        lua_rawgeti(L, AT_PIECES, from);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_rawseti(L, AT_JOINED, (lua_Integer)lua_rawlen(L, AT_JOINED) + 1);
}

/* Groups become pieces of the next round, until there is one. */
static int join_on(lua_State *L, int status, lua_KContext from)
{
    enum { GROUP = 256 };
    lua_Integer count = lua_tointeger(L, AT_COUNT);
    (void)status;
    while (count > 1) {
        for (lua_Integer i = from; i <= count; i += GROUP) {
            join_group(L, i, i + GROUP - 1 < count ? i + GROUP - 1 : count);
            mb_budget_check(L);
            if (mb_budget_is_late(L)) return mb_budget_rest(L, i + GROUP, join_on);
        }
        count = (lua_Integer)lua_rawlen(L, AT_JOINED);
        lua_pushinteger(L, count);
        lua_replace(L, AT_COUNT);
        lua_replace(L, AT_PIECES);
        lua_newtable(L);
        from = 1;
    }
    if (count == 0) lua_pushliteral(L, "");
    if (count == 1) lua_rawgeti(L, AT_PIECES, 1);
    return 1;
}

int mb_strings_join(lua_State *L)
{
    lua_settop(L, AT_COUNT);
    lua_newtable(L);
    return join_on(L, LUA_OK, 1);
}

/* ---- gsub ----
 * Texts replace out of a buffer. What functions and tables say is made into a list of texts, because while a function is
 * called nothing but the stack is safe; so is the buffer where the match rests. */

enum { AT_TEXT = 1, AT_PATTERN, AT_BY, AT_MOST, AT_WORK, AT_LIST };

struct work {
    struct mb_matcher m;
    const char *done; /* what comes before it was replaced */
    const char *last; /* the end of the last match, which an empty one must not repeat */
    lua_Integer most, n, listed;
    int by; /* type of what replaces */
};

static enum mb_match find_next(struct work *w)
{
    for (;;) {
        enum mb_match match = mb_pattern_search(&w->m);
        if (match != MB_MATCH_FOUND || w->m.s != w->last) return match;
        if (w->m.is_anchored || w->m.from == w->m.text_end) return MB_MATCH_NONE;
        mb_pattern_begin(&w->m, w->m.from + 1);
    }
}

/* Behind a match that was replaced; false when it was the last one. */
static bool step_on(struct work *w)
{
    w->last = w->m.s;
    mb_pattern_begin(&w->m, w->last);
    return !w->m.is_anchored && w->n < w->most;
}

/* Appends the text at the top to the list; pops it. */
static void list(lua_State *L, struct work *w) { lua_rawseti(L, AT_LIST, ++w->listed); }

static void list_until(lua_State *L, struct work *w, const char *to)
{
    lua_pushlstring(L, w->done, (size_t)(to - w->done));
    list(L, w);
    w->done = to;
}

static int end_join(lua_State *L, int status, lua_KContext n)
{
    (void)status;
    lua_pushinteger(L, n);
    return 2;
}

static int join(lua_State *L, const struct work *w)
{
    lua_pushcfunction(L, mb_strings_join);
    lua_pushvalue(L, AT_LIST);
    lua_pushinteger(L, w->listed);
    lua_KContext n = w->n;
    lua_callk(L, 2, 1, n, end_join);
    return end_join(L, LUA_OK, n);
}

static int go_on_replacing(lua_State *L, int status, lua_KContext is_called);

/* %0 to %9 and %% of the text that replaces. */
static void add_text(struct work *w, luaL_Buffer *b)
{
    struct mb_matcher *m = &w->m;
    size_t n;
    const char *text = lua_tolstring(m->L, AT_BY, &n);
    for (size_t i = 0; i < n; i++) {
        const char *mark = memchr(text + i, '%', n - i);
        size_t plain = mark ? (size_t)(mark - text) - i : n - i;
        luaL_addlstring(b, text + i, plain);
        i += plain;
        if (i == n) break;
        char c = ++i < n ? text[i] : '\0';
        if (c == '%') {
            luaL_addchar(b, c);
        } else if (c == '0') {
            luaL_addlstring(b, m->from, (size_t)(m->s - m->from));
        } else if (isdigit((unsigned char)c)) {
            mb_pattern_push(m, c - '1');
            (void)luaL_tolstring(m->L, -1, NULL); /* a text or a position */
            lua_remove(m->L, -2);
            luaL_addvalue(b);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

static int replace_by_text(lua_State *L, struct work *w)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (bool is_more = w->n < w->most; is_more; is_more = step_on(w)) {
        enum mb_match match = find_next(w);
        if (match == MB_MATCH_RESTS) {
            luaL_pushresult(&b);
            list(L, w);
            return rest(&w->m, false, go_on_replacing);
        }
        if (match == MB_MATCH_NONE) break;
        w->n++;
        luaL_addlstring(&b, w->done, (size_t)(w->m.from - w->done));
        add_text(w, &b);
        w->done = w->m.s;
    }
    luaL_addlstring(&b, w->done, (size_t)(w->m.text_end - w->done));
    luaL_pushresult(&b);
    list(L, w);
    return join(L, w);
}

/* Takes what the function or table said, at the top, for the match: itself when that is nothing. */
static void take_said(lua_State *L, struct work *w)
{
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    w->done = w->m.s;
    list(L, w);
}

static int replace_by_said(lua_State *L, struct work *w)
{
    for (bool is_more = w->n < w->most; is_more; is_more = step_on(w)) {
        enum mb_match match = find_next(w);
        if (match == MB_MATCH_RESTS) return rest(&w->m, false, go_on_replacing);
        if (match == MB_MATCH_NONE) break;
        w->n++;
        list_until(L, w, w->m.from);
        if (w->by == LUA_TFUNCTION) {
            lua_pushvalue(L, AT_BY);
            lua_callk(L, mb_pattern_push_all(&w->m, true), 1, true, go_on_replacing);
        } else {
            mb_pattern_push(&w->m, 0);
            lua_gettable(L, AT_BY);
        }
        take_said(L, w);
    }
    list_until(L, w, w->m.text_end);
    return join(L, w);
}

/* Behind a function that waited, whose result stands at the top, or a match that rested. */
static int go_on_replacing(lua_State *L, int status, lua_KContext is_called)
{
    struct work *w = lua_touserdata(L, AT_WORK);
    (void)status;
    if (is_called) {
        take_said(L, w);
        if (!step_on(w)) w->most = w->n;
    } else {
        mb_pattern_take(&w->m, L);
    }
    bool is_text = w->by == LUA_TSTRING || w->by == LUA_TNUMBER;
    return is_text ? replace_by_text(L, w) : replace_by_said(L, w);
}

static int l_gsub(lua_State *L)
{
    struct subject x = subject_of(L, AT_TEXT, AT_PATTERN);
    int by = lua_type(L, AT_BY);
    bool is_text = by == LUA_TNUMBER || by == LUA_TSTRING;
    luaL_argexpected(L, is_text || by == LUA_TFUNCTION || by == LUA_TTABLE, AT_BY,
                     "string/function/table");
    lua_Integer most = luaL_optinteger(L, AT_MOST, (lua_Integer)x.slen + 1);
    lua_settop(L, AT_MOST);
    struct work *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (struct work){.done = x.s, .most = most, .by = by};
    init(&w->m, L, &x);
    mb_pattern_begin(&w->m, x.s);
    lua_newtable(L);
    return is_text ? replace_by_text(L, w) : replace_by_said(L, w);
}

void mb_strings_install(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL}};
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
