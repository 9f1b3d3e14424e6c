#define _GNU_SOURCE
#include "bind/strings.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

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

static struct mb_matcher matcher_of(lua_State *L, const struct subject *x)
{
    struct mb_matcher m;
    m.L = L;
    m.text = x->s;
    m.text_end = x->s + x->slen;
    m.end = x->p + x->plen;
    m.steps = 0;
    m.depth = m.ncaptures = 0;
    return m;
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
    for (size_t i = 0; i < x->plen; i++)
        if (x->p[i] != '\0' && strchr("^$*+?.([%-", x->p[i])) return false;
    return true;
}

static int find_plain(lua_State *L, const struct subject *x, size_t at)
{
    const char *found = memmem(x->s + at, x->slen - at, x->p, x->plen);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - x->s + 1);
    lua_pushinteger(L, found - x->s + (lua_Integer)x->plen);
    return 2;
}

/* The first match at or after s; *from is where it begins. */
static const char *search(struct mb_matcher *m, const char *s, const char *p, const char **from)
{
    bool is_anchored = p < m->end && *p == '^';
    for (p += is_anchored; s <= m->text_end; s++) {
        const char *e = mb_pattern_match(m, s, p);
        *from = s;
        if (e || is_anchored) return e;
    }
    return NULL;
}

static int look(lua_State *L, bool is_find)
{
    struct subject x = subject_of(L, 1, 2);
    size_t at = offset_at(L, 3, x.slen);
    const char *s = NULL, *e = NULL;
    struct mb_matcher m = matcher_of(L, &x);
    if (at <= x.slen && is_find && (lua_toboolean(L, 4) || is_plain(&x)))
        return find_plain(L, &x, at);
    if (at <= x.slen) e = search(&m, x.s + at, x.p, &s);
    if (!e) {
        lua_pushnil(L);
        return 1;
    }
    if (!is_find) return mb_pattern_push_all(&m, s, e);
    lua_pushinteger(L, s - x.s + 1);
    lua_pushinteger(L, e - x.s);
    return mb_pattern_push_all(&m, NULL, NULL) + 2;
}

static int l_find(lua_State *L) { return look(L, true); }
static int l_match(lua_State *L) { return look(L, false); }

/* ---- gmatch ---- */

struct walk {
    size_t at;     /* where to go on */
    ptrdiff_t end; /* of the last match, which an empty one must not repeat; -1 = none */
};

static int next_match(lua_State *L)
{
    struct subject x = subject_of(L, lua_upvalueindex(1), lua_upvalueindex(2));
    struct walk *w = lua_touserdata(L, lua_upvalueindex(3));
    struct mb_matcher m = matcher_of(L, &x);
    for (const char *s = x.s + w->at; s <= m.text_end && w->at <= x.slen; s++) {
        const char *e = mb_pattern_match(&m, s, x.p);
        if (!e || e - x.s == w->end) continue;
        w->at = (size_t)(e - x.s);
        w->end = e - x.s;
        return mb_pattern_push_all(&m, s, e);
    }
    return 0;
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

/* ---- gsub ---- */

/* %0 to %9 and %% of the text that replaces. */
static void add_text(struct mb_matcher *m, luaL_Buffer *b, const char *s, const char *e)
{
    size_t n;
    const char *text = lua_tolstring(m->L, 3, &n);
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '%') {
            luaL_addchar(b, text[i]);
            continue;
        }
        char c = ++i < n ? text[i] : '\0';
        if (c == '%') {
            luaL_addchar(b, c);
        } else if (c == '0') {
            luaL_addlstring(b, s, (size_t)(e - s));
        } else if (isdigit((unsigned char)c)) {
            mb_pattern_push(m, c - '1', s, e);
            (void)luaL_tolstring(m->L, -1, NULL); /* a text or a position */
            lua_remove(m->L, -2);
            luaL_addvalue(b);
        } else {
            luaL_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

/* Adds what stands for the match: itself when the function or table says nothing. */
static void replace(struct mb_matcher *m, luaL_Buffer *b, const char *s, const char *e, int type)
{
    lua_State *L = m->L;
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, mb_pattern_push_all(m, s, e), 1);
    } else if (type == LUA_TTABLE) {
        mb_pattern_push(m, 0, s, e);
        lua_gettable(L, 3);
    } else {
        add_text(m, b, s, e);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, s, (size_t)(e - s));
        return;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(b);
}

static int l_gsub(lua_State *L)
{
    struct subject x = subject_of(L, 1, 2);
    const char *s = x.s, *p = x.p, *last = NULL;
    int type = lua_type(L, 3);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)x.slen + 1), n = 0;
    bool is_anchored = x.plen > 0 && *p == '^';
    struct mb_matcher m = matcher_of(L, &x);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (p += is_anchored; n < most;) {
        const char *e = mb_pattern_match(&m, s, p);
        if (e && e != last) {
            n++;
            replace(&m, &b, s, e, type);
            s = last = e;
        } else if (s < m.text_end) {
            luaL_addchar(&b, *s++);
        } else {
            break;
        }
        if (is_anchored) break;
    }
    luaL_addlstring(&b, s, (size_t)(m.text_end - s));
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

void mb_strings_install(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL}};
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
