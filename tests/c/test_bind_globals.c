/*
 * Which global names a script uses, told from its bytecode; and that this Lua's bytecode is understood.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "bind/globals.h"
#include "tap.h"

struct seen {
    char text[1024];
};

static void see(void *ctx, const struct mb_global *global)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof s->text - n, "%s%s:%d ", global->is_assigned ? "=" : "",
                   global->name, global->line);
}

/* "name:line =assigned:line " of a script, or why not. */
static const char *uses(const char *script)
{
    static struct seen seen;
    lua_State *L = luaL_newstate();
    seen.text[0] = '\0';
    if (luaL_loadbufferx(L, script, strlen(script), "@x.lua", "t") != LUA_OK)
        (void)snprintf(seen.text, sizeof seen.text, "%s", lua_tostring(L, -1));
    else if (!mb_globals_scan(L, see, &seen))
        (void)snprintf(seen.text, sizeof seen.text, "not understood");
    lua_close(L);
    return seen.text;
}

static void is(const char *script, const char *expected, const char *what)
{
    const char *got = uses(script);
    ok(strcmp(got, expected) == 0, "%s", what);
    if (strcmp(got, expected) != 0) printf("# got %s, expected %s\n", got, expected);
}

/* Lines far apart stand in a list of their own in the bytecode. */
static void has_far_lines(void)
{
    char script[1024] = "first()";
    memset(script + 7, '\n', 300);
    (void)snprintf(script + 307, sizeof script - 307, "far() f = 1 for i = 1, 2 do last() end");
    is(script, "first:1 far:301 =f:301 last:301 ", "a use behind many lines has its own line");
}

/* An instruction names the first 256 constants only. */
static void has_many_constants(void)
{
    char script[16384] = "local t = {\n";
    size_t n = strlen(script);
    for (int i = 0; i < 400; i++)
        n += (size_t)snprintf(script + n, sizeof script - n, "'constant %d', ", i);
    (void)snprintf(
        script + n, sizeof script - n,
        "}\nlate(t)\nset = later or 1\nmade = function() return t end\nboth = t and t[1] or 1\n"
        "local env = _ENV\nenv['alias'] = t\nreturn env, 'a text', t.field, env['a' .. t]");
    is(script, "late:3 =set:4 later:4 =made:5 =both:6 =alias:7 ",
       "uses behind many constants are seen too");
}

/* A name that the script makes when it runs is not known before; one that stands there is. */
static void has_made_names(void)
{
    is("local E = _ENV\nreturn E['ma' .. 'th']", "",
       "a name of two parts is not the first of them");
    is("local E = _ENV\nE['ma' .. 'th'] = 1", "", "nor where it is set");
    is("local E = _ENV\nreturn E[('ma'):rep(2)]", "",
       "nor is a name that a call makes its argument");
    is("local E, k = _ENV, 'first'\nk = 'second'\nreturn E[k]", "",
       "a variable may have another name by then");
    is("local E, k = _ENV, 'first'\nlocal function other() k = 'second' end\nother()\nreturn E[k]",
       "", "also when another function gives it");
    is("local E, k = _ENV, 'first'\nfor i = 1, 2 do\n  if i == 2 then E[k] = i end\n  k = "
       "'second'\nend",
       "", "or an earlier round of a loop");
    is("local E, k = _ENV, 'named'\nreturn E[k]", "named:1 ",
       "a variable that was set just before has its name");
}

int main(void)
{
    is("return 1", "", "a script without globals has none");
    is("print(x)\nx = 2", "print:1 x:1 =x:2 ", "reads and assignments, with their lines");
    is("local a = 1\nreturn a + b", "b:2 ", "locals are none");
    is("function f() end", "=f:1 ", "a function may be a global");
    is("local function f()\n  return function()\n    return deep\n  end\nend", "deep:3 ",
       "in functions inside functions");
    is("local _ENV = {}\nx = 1\nreturn y", "", "a local _ENV is another table");
    is("local function f(_ENV) return function() return inner end end\nreturn outer", "outer:2 ",
       "also as a parameter that inner functions take");
    is("return _ENV.named, _ENV['texted']", "named:1 texted:1 ", "_ENV by name is the same table");
    is("return _G.x", "_G:1 ", "what stands in a table is no use of a global");
    is("do local x <close> = nil end\ngoto done\n::done::\nreturn ('a'):rep(3), 1.5, 1 << 40, nil, "
       "true, false",
       "", "every kind of constant is passed over");
    has_far_lines();
    has_many_constants();
    has_made_names();
    return done();
}
