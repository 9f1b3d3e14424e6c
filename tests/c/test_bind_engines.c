/*
 * The engines of lua/mb with the C modules they stand on, without a server: the facts are in
 * tests/fixtures/engines/facts.lua, which runs once the state is built. Started in the folder that
 * holds lua/ and tests/.
 */
#include "bind_fixture.h"

#include <dirent.h>
#include <stdlib.h>

enum { MAX_FILES = 64, MAX_BYTES = 1 << 20 };

static struct mb_script scripts[MAX_FILES];
static size_t nscripts;

static char *read_text(const char *path)
{
    char *text = malloc(MAX_BYTES);
    FILE *f = fopen(path, "r");
    size_t n = f && text ? fread(text, 1, MAX_BYTES - 1, f) : 0;
    if (f) fclose(f);
    if (text) text[n] = '\0';
    return text;
}

static void add(const char *name, const char *path)
{
    scripts[nscripts++] = script(strdup(name), read_text(path));
}

static void add_folder(const char *prefix, const char *folder)
{
    char name[300], path[600];
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && nscripts < MAX_FILES && (e = readdir(d))) {
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 4, ".lua") != 0) continue;
        if (strcmp(e->d_name, "plugin.lua") == 0) continue; /* stands on src/plugin, a layer above */
        snprintf(name, sizeof name, "%s%s", prefix, e->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        add(name, path);
    }
    if (d) closedir(d);
}

/* facts.lua returns { { text, held }, … }. */
static void report(lua_State *L)
{
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, -1, i);
        lua_geti(L, -1, 1);
        lua_geti(L, -2, 2);
        ok(lua_toboolean(L, -1), "%s", lua_tostring(L, -2));
        lua_pop(L, 3);
    }
    ok(n > 50, "all facts were told");
}

static void run_facts(void)
{
    lua_State *L = mb_vm_state(vm);
    char *text = read_text("tests/fixtures/engines/facts.lua");
    int status = luaL_loadbufferx(L, text, strlen(text), "@facts.lua", "t");
    if (status == LUA_OK) status = lua_pcall(L, 0, 1, 0);
    if (status == LUA_OK)
        report(L);
    else
        ok(false, "facts.lua: %s", lua_tostring(L, -1));
    lua_settop(L, 0);
    free(text);
}

int main(void)
{
    struct mb_err err = {.text = ""};
    uv_loop_init(&loop);
    add_folder("mb/", "lua/mb");
    add("boot.lua", "tests/fixtures/engines/boot.lua");
    add("permissions/may.lua", "lua/permissions/may.lua");
    add("permissions/roles.lua", "tests/fixtures/engines/roles.lua");
    add("signatures.lua", "tests/fixtures/engines/signatures.lua");
    add("amounts.lua", "tests/fixtures/engines/amounts.lua");
    add("permissions/things.lua", "tests/fixtures/engines/things.lua");
    if (ok(open_vm(scripts, nscripts, 64 << 20, &err), "the engines load %s", err.text)) {
        run_facts();
        mb_vm_free(vm);
    }
    for (size_t i = 0; i < nscripts; i++) {
        free((void *)(uintptr_t)scripts[i].name);
        free((void *)(uintptr_t)scripts[i].text.ptr);
    }
    ok(uv_loop_close(&loop) == 0, "nothing is left on the loop");
    return done();
}
