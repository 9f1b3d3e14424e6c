#include "bind/loader.h"

#include <lauxlib.h>
#include <stdio.h>

#include "base/distance.h"
#include "bind/globals.h"
#include "bind/vm.h"

enum { MAX_KNOWN = 256, MAX_FAULTS = 100, MAX_FAULT_NAME = 64 };

static const char CHUNKS, LOADED; /* registry keys: compiled files, modules, by name */
static const char LOADING;        /* value of a module that is being loaded */

/* ---- faults ---- */

/* The names that scripts may use; borrowed from the table that holds them. */
struct known {
    const char *name[MAX_KNOWN];
    size_t n;
};

struct fault {
    int line;
    bool is_assigned;
    char name[MAX_FAULT_NAME];
};

/* Of one file; what is beyond is told once these are mended. */
struct faults {
    const struct known *known;
    struct fault list[MAX_FAULTS];
    size_t n;
};

static void read_known(lua_State *L, int environment, struct known *known)
{
    known->n = 0;
    lua_pushvalue(L, environment);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && known->n < MAX_KNOWN)
            known->name[known->n++] = lua_tostring(L, -1);
    }
    lua_pop(L, 1);
}

static bool is_known(const struct known *known, const char *name)
{
    for (size_t i = 0; i < known->n; i++)
        if (strcmp(known->name[i], name) == 0) return true;
    return false;
}

/* Called while bytecode is read: nothing here may raise. Kept in the order of lines, once a line. */
static void see(void *ctx, const struct mb_global *global)
{
    struct faults *f = ctx;
    if ((!global->is_assigned && is_known(f->known, global->name)) || f->n == MAX_FAULTS) return;
    size_t at = f->n;
    while (at > 0 && f->list[at - 1].line > global->line) at--;
    for (size_t i = at; i > 0 && f->list[i - 1].line == global->line; i--)
        if (strcmp(f->list[i - 1].name, global->name) == 0) return;
    memmove(&f->list[at + 1], &f->list[at], (f->n - at) * sizeof *f->list);
    f->list[at].line = global->line;
    f->list[at].is_assigned = global->is_assigned;
    (void)snprintf(f->list[at].name, sizeof f->list[at].name, "%s", global->name);
    f->n++;
}

static const char *nearest(const struct known *known, const char *name)
{
    const char *best = NULL;
    size_t length = strlen(name), least = length / 3 + 1;
    for (size_t i = 0; i < known->n; i++) {
        size_t d = mb_distance(name, length, known->name[i], strlen(known->name[i]));
        if (d >= least) continue;
        best = known->name[i];
        least = d;
    }
    return best;
}

static void push_fault(lua_State *L, const char *file, const struct fault *f,
                       const struct known *known)
{
    const char *near = nearest(known, f->name);
    if (f->is_assigned)
        lua_pushfstring(L, "%s:%d: assignment to global '%s' (declare it: local %s)", file, f->line,
                        f->name, f->name);
    else if (near != NULL)
        lua_pushfstring(L, "%s:%d: undefined global '%s' (did you mean '%s'?)", file, f->line,
                        f->name, near);
    else
        lua_pushfstring(L,
                        "%s:%d: undefined global '%s' (declare it local, or require what has it)",
                        file, f->line, f->name);
}

/* ---- compiling ---- */

/* The stack of mb_loader_compile above its caller's. */
struct places {
    int chunks, told;
};

static void add_fault(lua_State *L, int told)
{
    lua_rawseti(L, told, (lua_Integer)lua_rawlen(L, told) + 1);
}

static void compile(lua_State *L, const struct mb_script *s, const struct places *at,
                    struct faults *faults)
{
    lua_pushfstring(L, "@%s", s->name);
    int status = luaL_loadbufferx(L, s->text.ptr, s->text.len, lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    if (status == LUA_ERRMEM) lua_error(L);
    if (status != LUA_OK) {
        add_fault(L, at->told);
        return;
    }
    faults->n = 0;
    (void)mb_globals_scan(L, see, faults);
    for (size_t i = 0; i < faults->n; i++) {
        push_fault(L, s->name, &faults->list[i], faults->known);
        add_fault(L, at->told);
    }
    lua_setfield(L, at->chunks, s->name);
}

static void raise_faults(lua_State *L, int told)
{
    luaL_Buffer b;
    lua_Integer n = (lua_Integer)lua_rawlen(L, told);
    if (n == 0) return;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&b, '\n');
        lua_rawgeti(L, told, i);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_error(L);
}

void mb_loader_compile(lua_State *L, const struct mb_script *files, size_t n, int environment)
{
    struct places at;
    environment = lua_absindex(L, environment);
    struct known *known = lua_newuserdatauv(L, sizeof *known, 0);
    struct faults *faults = lua_newuserdatauv(L, sizeof *faults, 0);
    read_known(L, environment, known);
    faults->known = known;
    lua_newtable(L);
    at.chunks = lua_gettop(L);
    lua_newtable(L);
    at.told = lua_gettop(L);
    for (size_t i = 0; i < n; i++) compile(L, &files[i], &at, faults);
    raise_faults(L, at.told);
    lua_pushvalue(L, at.chunks);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &CHUNKS);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_settop(L, at.chunks - 3);
}

bool mb_loader_chunk(lua_State *L, const char *file)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &CHUNKS);
    bool is_there = lua_getfield(L, -1, file) != LUA_TNIL;
    lua_remove(L, -2);
    if (!is_there) lua_pop(L, 1);
    return is_there;
}

void mb_loader_close(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &CHUNKS) == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            lua_pushvalue(L, -2);
            lua_pushboolean(L, 1);
            lua_rawset(L, -5);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* ---- require ---- */

void mb_loader_set(lua_State *L, const char *module)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_insert(L, -2);
    lua_setfield(L, -2, module);
    lua_pop(L, 1);
}

/* What the module had taken is garbage by now, so that there is room to say so. */
static int raise_starved(lua_State *L, const char *module)
{
    const struct mb_vm *vm = mb_vm_of(L);
    const char *plugin = mb_vm_plan(vm)->plugin;
    lua_pushfstring(L, "%s%s%s%s.lua: not enough memory to load (%s)", plugin ? "plugins/" : "",
                    plugin ? plugin : "", plugin ? "/" : "", luaL_gsub(L, module, ".", "/"),
                    mb_vm_memory_key(vm));
    return lua_error(L);
}

int mb_loader_require(lua_State *L, mb_loader_find find)
{
    const char *module = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    int type = lua_getfield(L, 2, module);
    if (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == (const void *)&LOADING)
        return luaL_error(L, "module '%s' requires itself, directly or by way of others", module);
    if (type != LUA_TNIL) return 1;
    find(L, module);
    lua_pushlightuserdata(L, (void *)&LOADING);
    mb_loader_set(L, module);
    lua_pushvalue(L, 1);
    int status = lua_pcall(L, 1, 1, 0);
    if (status != LUA_OK || lua_isnil(L, -1)) {
        lua_pushnil(L);
        mb_loader_set(L, module);
    }
    if (status == LUA_ERRMEM) return raise_starved(L, module);
    if (status != LUA_OK) return lua_error(L);
    if (lua_isnil(L, -1))
        return luaL_error(L, "module '%s' returned nothing: it ends with `return`", module);
    lua_pushvalue(L, -1);
    mb_loader_set(L, module);
    return 1;
}
