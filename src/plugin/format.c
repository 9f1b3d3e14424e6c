#include "plugin/format.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "bind/budget.h"
#include "bind/strings.h"
#include "plugin/language.h"

/*
 * What is short goes to the stock function, the upvalue. Else each directive goes there alone, and a long text for %q in
 * parts; what they make is listed and joined in the end.
 */

enum { SHORT_ARGUMENTS = 32, SHORT_BYTES = 65536, PART = 4096, LONGEST_DIRECTIVE = 32 };

/* The directive behind the % at `at`: where its letter stands. Raises for what no plugin may. */
static size_t letter_of(lua_State *L, const char *format, size_t n, size_t at)
{
    at++;
    while (at < n && strchr("-+ #0.", format[at]) != NULL && format[at] != '\0') at++;
    while (at < n && (isdigit((unsigned char)format[at]) || format[at] == '.')) at++;
    if (at < n && format[at] == 'p') luaL_error(L, "format: a plugin cannot have %%p");
    return at;
}

/* ---- in one go ---- */

static int format_at_once(lua_State *L, const char *format, size_t n, int top)
{
    int arg = 1;
    for (size_t i = 0; i < n; i++) {
        if (format[i] != '%') continue;
        if (i + 1 < n && format[i + 1] == '%') {
            i++;
            continue;
        }
        i = letter_of(L, format, n, i);
        if (++arg > top || i >= n || format[i] != 's') continue;
        mb_language_push_text(L, arg);
        lua_replace(L, arg);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, top, 1);
    return 1;
}

/* ---- by and by ---- */

/* Stands behind the arguments and the list of what was made. */
struct work {
    size_t at;     /* in the format */
    size_t quoted; /* of the text of the %q in work */
    int arg;       /* the last that was used */
    lua_Integer listed;
};

static void list(lua_State *L, struct work *w, int pieces) { lua_rawseti(L, pieces, ++w->listed); }

/* Calls the stock function with a directive and the value at the top, which it replaces; nothing = there is none. */
static void apply(lua_State *L, const char *directive, size_t n, int values)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushlstring(L, directive, n);
    lua_rotate(L, -2 - values, 2);
    lua_call(L, 1 + values, 1);
}

/* One more part of the text, as %q has it without its quotes; whether it was the last. A part ends before what is no
 * digit, because a control character before it is written in as few as it takes. */
static bool quote_part(lua_State *L, struct work *w, int pieces)
{
    size_t n, made;
    const char *s = lua_tolstring(L, w->arg, &n);
    size_t end = n - w->quoted > PART ? w->quoted + PART : n;
    while (end < n && isdigit((unsigned char)s[end])) end++;
    lua_pushlstring(L, s + w->quoted, end - w->quoted);
    apply(L, "%q", 2, 1);
    const char *text = lua_tolstring(L, -1, &made);
    lua_pushlstring(L, text + 1, made - 2);
    list(L, w, pieces);
    lua_pop(L, 1);
    w->quoted = end;
    return end == n;
}

/* The piece of a directive that ends with the letter; whether it is whole. */
static bool make_piece(lua_State *L, struct work *w, int pieces, const char *directive, size_t n)
{
    bool is_there = w->arg < pieces;
    char letter = directive[n - 1];
    if (is_there && n == 2 && letter == 'q' && lua_type(L, w->arg) == LUA_TSTRING) {
        if (w->quoted == 0) {
            lua_pushliteral(L, "\"");
            list(L, w, pieces);
        }
        if (!quote_part(L, w, pieces)) return false;
        lua_pushliteral(L, "\"");
        list(L, w, pieces);
        return true;
    }
    if (is_there && letter == 's')
        mb_language_push_text(L, w->arg);
    else if (is_there)
        lua_pushvalue(L, w->arg);
    if (!is_there || letter != 's' || n > 2) apply(L, directive, n, is_there);
    list(L, w, pieces);
    return true;
}

/* One step: the plain text before a directive, or the directive. */
static void make_step(lua_State *L, struct work *w, int pieces, const char *format, size_t n)
{
    const char *mark = memchr(format + w->at, '%', n - w->at);
    size_t plain = (mark != NULL ? (size_t)(mark - format) : n) - w->at;
    if (plain > 0) {
        lua_pushlstring(L, format + w->at, plain);
        list(L, w, pieces);
        w->at += plain;
        return;
    }
    if (w->at + 1 < n && format[w->at + 1] == '%') {
        lua_pushliteral(L, "%");
        list(L, w, pieces);
        w->at += 2;
        return;
    }
    size_t end = letter_of(L, format, n, w->at) + 1;
    if (end > n || end - w->at > LONGEST_DIRECTIVE) luaL_error(L, "invalid conversion to 'format'");
    if (w->quoted == 0) w->arg++;
    if (!make_piece(L, w, pieces, format + w->at, end - w->at)) return;
    w->quoted = 0;
    w->at = end;
}

static int end_join(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 1;
}

static int format_on(lua_State *L, int status, lua_KContext ctx)
{
    enum { STEPS_PER_LOOK = 16 };
    size_t n;
    int pieces = (int)ctx;
    struct work *w = lua_touserdata(L, pieces + 1);
    const char *format = lua_tolstring(L, 1, &n);
    (void)status;
    for (unsigned steps = 1; w->at < n; steps++) {
        make_step(L, w, pieces, format, n);
        if (steps % STEPS_PER_LOOK != 0 && w->quoted == 0) continue;
        mb_budget_check(L);
        if (mb_budget_is_late(L)) return mb_budget_rest(L, ctx, format_on);
    }
    lua_pushcfunction(L, mb_strings_join);
    lua_pushvalue(L, pieces);
    lua_pushinteger(L, w->listed);
    lua_callk(L, 2, 1, 0, end_join);
    return end_join(L, LUA_OK, 0);
}

static bool is_short(lua_State *L, size_t n, int top)
{
    if (top > SHORT_ARGUMENTS || n > SHORT_BYTES) return false;
    for (int i = 2; i <= top; i++) {
        size_t length = 0;
        if (lua_type(L, i) == LUA_TSTRING) (void)lua_tolstring(L, i, &length);
        n += length;
    }
    return n <= SHORT_BYTES;
}

static int l_format(lua_State *L)
{
    size_t n;
    const char *format = luaL_checklstring(L, 1, &n);
    int top = lua_gettop(L);
    if (is_short(L, n, top)) return format_at_once(L, format, n, top);
    luaL_checkstack(L, 8, "too many values");
    lua_newtable(L);
    struct work *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (struct work){.arg = 1};
    return format_on(L, LUA_OK, top + 1);
}

void mb_format_install(lua_State *L)
{
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, l_format, 1);
    lua_setfield(L, -2, "format");
}
