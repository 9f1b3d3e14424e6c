#include "plugin/plugins.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/json.h"
#include "plugin/plugin.h"
#include "plugin/sandbox.h"

/* From the files of plugins/ to states with a manifest each. */

static const char FOLDER[] = "plugins/";

struct mb_plugin *mb_plugin_of(lua_State *L) { return mb_vm_plan(mb_vm_of(L))->owner; }

struct mb_plugin *mb_plugin_named(struct mb_plugins *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->plugin[i].name, name) == 0) return &p->plugin[i];
    return NULL;
}

const struct mb_script *mb_plugin_file(const struct mb_plugin *p, const char *leaf)
{
    char name[sizeof FOLDER + MB_PLUGIN_NAME + 256];
    const struct mb_plugins_plan *plan = &p->owner->plan;
    int n = snprintf(name, sizeof name, "%s%s/%s", FOLDER, p->name, leaf);
    if (n < 0 || (size_t)n >= sizeof name) return NULL;
    for (size_t i = 0; i < plan->nfiles; i++)
        if (strcmp(plan->files[i].name, name) == 0) return &plan->files[i];
    return NULL;
}

const struct mb_script *mb_plugin_files(const struct mb_plugin *p, size_t *n)
{
    char prefix[sizeof FOLDER + MB_PLUGIN_NAME + 1];
    const struct mb_plugins_plan *plan = &p->owner->plan;
    size_t first = 0, length = (size_t)snprintf(prefix, sizeof prefix, "%s%s/", FOLDER, p->name);
    while (first < plan->nfiles && strncmp(plan->files[first].name, prefix, length) != 0) first++;
    for (*n = 0; first + *n < plan->nfiles; ++*n)
        if (strncmp(plan->files[first + *n].name, prefix, length) != 0) break;
    return plan->files + first;
}

/* ---- the manifest ---- */

enum { MANIFEST_DEPTH = 16 };

/* The function at the top becomes { handler = its number in the list, at = where it stands }. */
static void take_handler(lua_State *L, int list)
{
    lua_Debug d;
    lua_Integer n = (lua_Integer)lua_rawlen(L, list) + 1;
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, n);
    (void)lua_getinfo(L, ">S", &d);
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, n);
    lua_setfield(L, -2, "handler");
    lua_pushfstring(L, "%s:%d", d.short_src, d.linedefined);
    lua_setfield(L, -2, "at");
}

/* Replaces the functions of the table at index, and of those in it. */
static void take_handlers(lua_State *L, int index, int list, int depth)
{
    if (depth > MANIFEST_DEPTH || !lua_checkstack(L, 8))
        luaL_error(L, "the manifest is nested deeper than %d, or in a circle", MANIFEST_DEPTH);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -1) == LUA_TFUNCTION) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            take_handler(L, list);
            lua_rawset(L, index);
            continue;
        }
        if (lua_type(L, -1) == LUA_TTABLE) take_handlers(L, lua_gettop(L), list, depth + 1);
        lua_pop(L, 1);
    }
}

static void write_json(lua_State *L, const char *leaf, struct mb_buf *out)
{
    struct mb_err err;
    const char *name = mb_plugin_of(L)->name;
    if (!lua_istable(L, -1))
        luaL_error(L, "plugins/%s/%s: returns a table, not a %s", name, leaf, luaL_typename(L, -1));
    if (mb_json_encode(L, lua_gettop(L), out, &err) != MB_OK)
        luaL_error(L, "plugins/%s/%s: %s", name, leaf, err.text);
}

static void build(lua_State *L)
{
    struct mb_plugin *p = mb_plugin_of(L);
    mb_plugin_sandbox(L);
    lua_newtable(L);
    int list = lua_gettop(L);
    mb_plugin_run_file(L, "plugin.lua");
    if (lua_istable(L, -1)) take_handlers(L, lua_gettop(L), list, 0);
    write_json(L, "plugin.lua", &p->manifest);
    lua_pushvalue(L, list);
    p->handlers = luaL_ref(L, LUA_REGISTRYINDEX);
    if (mb_plugin_file(p, "config.lua") == NULL) return;
    mb_plugin_run_file(L, "config.lua");
    write_json(L, "config.lua", &p->config);
}

/* ---- one plugin ---- */

static enum mb_rc load(struct mb_plugin *p, struct mb_buf *diagnostics, struct mb_err *err)
{
    const struct mb_plugins_plan *plan = &p->owner->plan;
    struct mb_vm_plan vm = *plan->vm;
    mb_buf_init(&p->manifest, vm.limits.max_reply);
    mb_buf_init(&p->config, vm.limits.max_reply);
    p->handlers = p->settings = LUA_NOREF;
    vm.db = NULL;
    vm.client = NULL;
    vm.secret = NULL;
    vm.settings = NULL;
    vm.nsettings = 0;
    vm.modules = NULL;
    vm.nmodules = 0;
    vm.memory_max = plan->limits.memory;
    vm.text_max = plan->limits.text;
    vm.limits.log_lines = plan->limits.log_lines;
    vm.plugin = p->name;
    vm.owner = p;
    vm.build = build;
    if (mb_plugin_file(p, "plugin.lua") == NULL)
        return mb_fail(err, MB_E_SCRIPT, "%s%s: a plugin needs a file plugin.lua", FOLDER, p->name);
    if (plan->board != NULL && (p->stats = mb_plugin_board_take(plan->board, p->name)) == NULL)
        return mb_fail(err, MB_E_LIMIT, "%s%s: there were more than %d plugins since the start",
                       FOLDER, p->name, MB_MAX_PLUGINS);
    return mb_vm_new(&p->vm, &vm, diagnostics, err);
}

/* ---- all of them ---- */

/* "clinic.sms" of "plugins/clinic.sms/…"; empty when there is no such folder or its name is none. */
static struct mb_str folder_of(const struct mb_script *file)
{
    const char *from = file->name + sizeof FOLDER - 1, *to = strchr(from, '/');
    return (struct mb_str){from, to != NULL ? (size_t)(to - from) : 0};
}

static bool is_name(struct mb_str s)
{
    if (s.len == 0 || s.len >= MB_PLUGIN_NAME || s.ptr[0] < 'a' || s.ptr[0] > 'z') return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_mark = c == '.' || c == '_' || c == '-';
        if (is_mark && (i + 1 == s.len || s.ptr[i - 1] == '.')) return false;
        if (!is_mark && (c < 'a' || c > 'z') && (c < '0' || c > '9')) return false;
    }
    return true;
}

static enum mb_rc add(struct mb_plugins *p, const struct mb_script *file,
                      struct mb_buf *diagnostics, struct mb_err *err)
{
    struct mb_str name = folder_of(file);
    if (name.len == 0) /* a README beside the folders is no script; a script there is nobody's */
        return mb_fail(err, MB_E_SCRIPT, "%s: a plugin is a folder with a file plugin.lua",
                       file->name);
    if (p->count > 0 && mb_str_eq(mb_str_z(p->plugin[p->count - 1].name), name)) return MB_OK;
    if (!is_name(name))
        return mb_fail(
            err, MB_E_SCRIPT,
            "%s: a plugin's name has at most %d small letters, digits, and . _ - between",
            file->name, MB_PLUGIN_NAME - 1);
    if (p->count == MB_MAX_PLUGINS)
        return mb_fail(err, MB_E_LIMIT, "%s: there are more than %d plugins", file->name,
                       MB_MAX_PLUGINS);
    struct mb_plugin *it = &p->plugin[p->count++];
    it->owner = p;
    memcpy(it->name, name.ptr, name.len);
    return load(it, diagnostics, err);
}

/* Every plugin is tried, so that all faults are told. */
static enum mb_rc add_all(struct mb_plugins *p, struct mb_buf *diagnostics, struct mb_err *err)
{
    enum mb_rc worst = MB_OK;
    for (size_t i = 0; i < p->plan.nfiles; i++) {
        struct mb_err one = {.rc = MB_OK};
        size_t before = diagnostics != NULL ? diagnostics->len : 0;
        enum mb_rc rc = add(p, &p->plan.files[i], diagnostics, &one);
        if (rc == MB_OK) continue;
        if (worst == MB_OK) *err = one;
        worst = rc;
        if (diagnostics == NULL) continue;
        bool is_told = diagnostics->len > before; /* the faults of its scripts, else: */
        if (mb_buf_addf(diagnostics, "%s\n", is_told ? "" : one.text) != MB_OK) break;
    }
    return worst == MB_OK ? MB_OK : MB_E_SCRIPT;
}

enum mb_rc mb_plugins_new(struct mb_plugins **out, const struct mb_plugins_plan *plan,
                          struct mb_buf *diagnostics, struct mb_err *err)
{
    struct mb_plugins *p = calloc(1, sizeof *p);
    if (p != NULL) p->plugin = calloc(MB_MAX_PLUGINS, sizeof *p->plugin);
    if (p == NULL || p->plugin == NULL) {
        free(p);
        return mb_fail(err, MB_E_NOMEM, "no memory for the plugins");
    }
    p->plan = *plan;
    enum mb_rc rc = add_all(p, diagnostics, err);
    if (rc == MB_OK)
        *out = p;
    else
        mb_plugins_free(p);
    return rc;
}

enum mb_rc mb_plugins_attach(struct mb_plugins *p, uv_loop_t *loop)
{
    enum mb_rc rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < p->count; i++)
        rc = mb_tasks_new(&p->plugin[i].tasks, mb_vm_state(p->plugin[i].vm), loop);
    return rc;
}

void mb_plugins_detach(struct mb_plugins *p)
{
    for (size_t i = 0; p != NULL && i < p->count; i++) {
        mb_tasks_free(p->plugin[i].tasks);
        p->plugin[i].tasks = NULL;
    }
}

void mb_plugins_free(struct mb_plugins *p)
{
    if (p == NULL) return;
    for (size_t i = 0; i < p->count; i++) {
        mb_vm_free(p->plugin[i].vm);
        mb_buf_reset(&p->plugin[i].manifest);
        mb_buf_reset(&p->plugin[i].config);
    }
    mb_plugin_free_calls(p);
    free(p->plugin);
    free(p);
}

size_t mb_plugins_bytes(const struct mb_plugins *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->count; i++) sum += mb_vm_bytes(p->plugin[i].vm);
    return sum;
}
