/* The functions of Lua's libraries as plugins have them, against those of the library: the same answers, although they
 * rest whenever they look whether their slice is over. */
#include <lualib.h>

#include "bind/heap.h"
#include "bind/json.h"
#include "bind/modules.h"
#include "bind/sandbox.h"
#include "bind_fixture.h"
#include "plugin/language.h"

static void build(lua_State *L)
{
    mb_sandbox_libraries(L);
    mb_language_install(L);
    lua_pushcfunction(L, mb_open_json);
    lua_call(L, 0, 1);
    lua_setglobal(L, "json");
    lua_pushcfunction(L, mb_open_crypto);
    lua_call(L, 0, 1);
    lua_setglobal(L, "crypto");
}

/* Answers of any kind as one short text. */
static const char CHUNK[] =
    "local list = {} for i = 1, 30000 do list[i] = i %% 100 end\n"
    "local t, sum = table.pack(%s), 0\n"
    "for i = 1, t.n do\n"
    "  local v = t[i]\n"
    "  if type(v) == 'number' then sum = (sum * 31 + v) %% 1000003 end\n"
    "  if type(v) == 'string' then sum = (sum * 31 + #v) %% 1000003\n"
    "    for j = 1, #v, 7 do sum = (sum * 31 + v:byte(j)) %% 1000003 end end\n"
    "end\n"
    "return t.n .. ' ' .. tostring(t[1]):sub(1, 80) .. ' ' .. sum\n";

/* Runs it to its end with a slice that is always over; how often it rested. */
static int run(lua_State *L, const char *chunk, char *answer, size_t size)
{
    int rests = 0, n = 0, rc;
    struct mb_budget budget = {.key = "a.cpu"};
    lua_State *co = lua_newthread(L);
    struct mb_running running = {.L = co, .budget = &budget};
    rc = luaL_loadstring(co, chunk);
    mb_heap_of(L)->running = &running;
    while (rc == LUA_OK || rc == LUA_YIELD) {
        budget.verdict = MB_VERDICT_LATE;
        rc = lua_resume(co, L, 0, &n);
        if (rc != LUA_YIELD) break;
        lua_pop(co, n);
        rests++;
    }
    mb_heap_of(L)->running = NULL;
    const char *text = lua_tostring(co, -1);
    (void)snprintf(answer, size, "%s", text ? text : "no text");
    lua_settop(L, 0);
    return rests;
}

/* expected NULL: what the library answers. */
static void test(lua_State *library, const char *what, int least, const char *expected)
{
    char chunk[2048], answer[256];
    (void)snprintf(chunk, sizeof chunk, CHUNK, what);
    int rests = run(mb_vm_state(vm), chunk, answer, sizeof answer);
    if (expected == NULL) {
        if (luaL_dostring(library, chunk) != LUA_OK) printf("# library: %s\n", lua_tostring(library, -1));
        expected = lua_tostring(library, -1);
    }
    bool is_same = strcmp(answer, expected) == 0;
    ok(is_same && rests >= least, "rests and answers as it should: %.70s", what);
    if (!is_same) printf("# ours: %s\n# expected: %s\n", answer, expected);
    if (rests < least) printf("# rests: %d\n", rests);
    lua_settop(library, 0);
}

/* Each rests at least so often. */
static const struct {
    const char *what;
    int least;
    const char *expected;
} cases[] = {
    {"string.byte(('xyz'):rep(10000), 1, -1)", 7, NULL},
    {"string.byte(('xyz'):rep(10000), -9000, -2)", 2, NULL},
    {"string.char(table.unpack(list))", 14, NULL}, /* unpack rests as well */
    {"string.char(65, 66, 255, 0)", 0, NULL},
    {"table.unpack(list, 5, 29000)", 7, NULL},
    {"table.unpack({ 1, nil, 3 }, -2, 4)", 0, NULL},
    {"table.unpack({}, math.maxinteger, math.maxinteger)", 0, NULL},
    {"string.upper(('aZ9\200\255'):rep(3000))", 0, NULL},
    {"string.lower(('aZ9\200\255'):rep(3000))", 0, NULL},
    {"('ab'):rep(777, ', ')", 0, NULL},
    {"('ab'):rep(1, ', ')", 0, NULL},
    {"(''):rep(5, ',') .. ('x'):rep(0) .. ('y'):rep(-1, 'z')", 0, NULL},
    {"utf8.len(('a\303\244\342\202\254\360\237\230\200'):rep(5000))", 4, NULL},
    {"utf8.len(('a\303\244'):rep(5000) .. '\377' .. ('b'):rep(5000))", 2, NULL},
    {"utf8.codepoint(('a\303\244\342\202\254\360\237\230\200'):rep(5000), 1, -1)", 4, NULL},
    {"utf8.char(table.unpack(list))", 14, NULL},
    {"string.find(('a'):rep(500000), 'b', 1, true)", 7, NULL},
    {"string.find(('a'):rep(500000) .. 'b', 'aab', 3, true)", 7, NULL},
    {"string.find(('a'):rep(65535) .. 'bcd' .. ('a'):rep(99), 'bcd')", 0, NULL},
    {"string.gsub(('ab'):rep(2000), 'a', function(s) return s .. '!' end)", 15, NULL},
    {"string.gsub(('ab'):rep(2000), 'b', ('x%0y'):rep(3))", 1, NULL},
    {"string.format(('%d,'):rep(5000), table.unpack(list, 1, 5000))", 300, NULL},
    {"string.format(('%s %% %5.1f|%-6s|'):rep(30), table.unpack(list, 1, 90))", 5, NULL},
    {"string.format('%q', ('a\\0' .. '1\\n\"\\r12345\\1x'):rep(9000))", 20, NULL},
    {"string.format('%s%q', ('x'):rep(70000), '')", 0, NULL},
    {"#json.decode('[' .. ('1,'):rep(20000) .. '1]')", 300, "1 20001 20001"},
    {"json.encode(json.decode('[' .. ('{\"a\":[null,\"x\"]},'):rep(5000) .. '1]')) == "
     "'[' .. ('{\"a\":[null,\"x\"]},'):rep(5000) .. '1]'",
     600, "1 true 0"},
    {"(select(2, json.decode('[' .. ('1,'):rep(20000) .. ']')))", 300,
     "1 a value is missing at byte 40002 776218"},
    {"crypto.sign(('k'):rep(100000), ('t'):rep(1000000))", 60,
     "1 8fede0facf997d1081523763ab7e067b08de667ecd4c82c29ffc67cf835521a8 930401"},
};

static const char EDGES[] =
    "(function() local out = {}\n"
    "  local function note(...) local t = table.pack(pcall(...))\n"
    "    for i = 1, t.n do t[i] = tostring(t[i]) end out[#out + 1] = table.concat(t, ' ') end\n"
    "  for _, s in ipairs { '', 'a', 'abc', '\303\244b', 'a\200', '\355\240\200', '\300\200', '\364\220\200\200', '\377' } do\n"
    "    for i = -5, 5 do for j = -5, 5 do\n"
    "      note(string.byte, s, i, j) note(utf8.len, s, i, j) note(utf8.len, s, i, j, true)\n"
    "      note(utf8.codepoint, s, i, j) note(utf8.codepoint, s, i, j, true)\n"
    "    end note(string.byte, s, i) note(utf8.len, s, i) note(utf8.codepoint, s, i) end\n"
    "    note(string.byte, s) note(utf8.len, s) note(utf8.codepoint, s) note(string.upper, s) note(string.lower, s)\n"
    "  end note(string.char) note(utf8.char)\n"
    "  return table.concat(out, '\\n') end)()";

int main(void)
{
    static const unsigned char secret[32] = "not a secret at all";
    const struct mb_script tables = script("sandbox/table.lua", "return table");
    const struct mb_vm_plan plan = {.scripts = &tables,
                                    .nscripts = 1,
                                    .secret = secret,
                                    .memory_max = 256 << 20,
                                    .limits = {.max_reply = 1 << 22, .json = mb_json_default_limits},
                                    .build = build};
    struct mb_err err;
    lua_State *library = luaL_newstate();
    if (!ok(library && mb_vm_new(&vm, &plan, NULL, &err) == MB_OK, "two states are made")) return 1;
    luaL_openlibs(library);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test(library, cases[i].what, cases[i].least, cases[i].expected);
    test(library, EDGES, 0, NULL);
    lua_close(library);
    mb_vm_free(vm);
    return done();
}
