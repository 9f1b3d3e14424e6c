/* Our functions for patterns against those of the library: the same answers and the same errors, for
 * cases chosen and made up; and the budget, which only ours keep. */
#include <lualib.h>
#include <stdlib.h>

#include "bind_fixture.h"

/* Returns one text of all answers. The generator is the chunk's own, so that both see the same. */
static const char CHUNK[] =
    "local seen, state = {}, 7\n"
    "local function random(n) state = (state * 1103515245 + 12345) % 2147483648\n"
    "  return state // 65536 % n + 1 end\n"
    "local function note(name, ...)\n"
    "  local t = table.pack(pcall(string[name], ...))\n"
    "  for i = 1, t.n do t[i] = type(t[i]) == 'table' and 'table' or tostring(t[i]) end\n"
    "  seen[#seen + 1] = name .. ' ' .. table.concat(t, ',', 1, t.n)\n"
    "end\n"
    "local function walk(...)\n"
    "  local all = {}\n"
    "  local ok, why = pcall(function(...)\n"
    "    for a, b in string.gmatch(...) do all[#all + 1] = tostring(a) .. tostring(b) end\n"
    "  end, ...)\n"
    "  seen[#seen + 1] = 'gmatch ' .. table.concat(all, ',') .. tostring(ok) .. tostring(why)\n"
    "end\n"
    "local function try(s, p)\n"
    "  note('find', s, p) note('match', s, p) note('find', s, p, 3) note('match', s, p, -2) note('find', s, p, 99)\n"
    "  note('find', s, p, 1, true) walk(s, p) walk(s, p, 3) walk(s, p, 99)\n"
    "  note('gsub', s, p, '<%0>') note('gsub', s, p, '%1%%', 1) note('gsub', s, p, { a = 'A', b = 2, ab = false })\n"
    "  note('gsub', s, p, function(a, b) return b or a and a ~= 'b' and tostring(a) end)\n"
    "end\n"
    "local pieces = { 'a', 'b', '.', '%a', '%d', '%S', '[ab]', '[^a]', '[a-c]', '[%w_]', '[]]', '[^]]', '[a-]', '[%]]',\n"
    "  '*', '+', '-', '?', '(', ')', '()', '^', '$', '%1', '%b()', '%f[%w]', '%', '[', ']', '%%', '\\0', '%b', '%f', '%0',\n"
    "  '%2', ' ', '%u', '%x', '%c', '%p', '%g', '%l', '%s' }\n"
    "local letters = { 'a', 'b', 'c', '(', ')', ' ', '1', 'B', '_', ']', '-', '%', '\\0', '\\n', '\\200' }\n"
    "local function some(list, most)\n"
    "  local t = {}\n"
    "  for i = 1, random(most + 1) - 1 do t[i] = list[random(#list)] end\n"
    "  return table.concat(t)\n"
    "end\n"
    "for _ = 1, 6000 do try(some(letters, 12), some(pieces, 7)) end\n"
    "for _, p in ipairs { '(.-)%s*$', '^(%w+)://([^/]+)(.*)$', '((a)(b))', '(a*(.)%w(%s*))', ('()'):rep(33),\n"
    "                     ('(a'):rep(3), ('a?'):rep(199) .. 'b', ('a?'):rep(230) .. 'b', '[a', '[a%', '[^', '%f', 'x%b(' } do\n"
    "  try('http://a.b/c d  ', p) try(('a'):rep(40) .. 'b', p)\n"
    "end\n"
    "note('gsub', 'abc', 'b', '%') note('gsub', 'abc', 'b', '%2') note('gsub', 'abc', 'b', '%x') note('gsub', 'a', 'a', 5)\n"
    "note('gsub', 'abc', 'b') note('gsub', 'abc', '', '-') note('gsub', 'abc', 'b', function() return {} end)\n"
    "note('gsub', 'abc', '%w', '%0%0', 2) note('gsub', 'abc', '^a', 'x') note('find', 'abc', 'c', math.mininteger)\n"
    "note('find', 'abc', '', 4) note('find', 'abc', '', 5) note('find', 5, 5) note('match', {}, 'a')\n"
    "return table.concat(seen, '\\n')\n";

/* NUL bytes shown as ~, so that the whole is one C text; the caller frees it. */
static char *answers(lua_State *L)
{
    size_t n;
    if (luaL_loadbuffer(L, CHUNK, sizeof CHUNK - 1, "=chunk") != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
        printf("# %s\n", lua_tostring(L, -1));
    const char *text = luaL_checklstring(L, -1, &n);
    char *copy = malloc(n + 1);
    for (size_t i = 0; copy && i < n; i++) copy[i] = text[i] ? text[i] : '~';
    if (copy) copy[n] = '\0';
    return copy;
}

static void compare(lua_State *ours, lua_State *library)
{
    size_t n = 0, wrong = 0, same = 0;
    char *mine = answers(ours), *theirs = answers(library);
    const char *a = mine ? mine : "", *b = theirs ? theirs : "";
    while (*a && *b) {
        size_t x = strcspn(a, "\n"), y = strcspn(b, "\n");
        if (x != y || memcmp(a, b, x) != 0) {
            if (wrong++ < 10) printf("# ours: %.*s\n# library: %.*s\n", (int)x, a, (int)y, b);
        } else {
            same++;
        }
        a += x + (a[x] != '\0');
        b += y + (b[y] != '\0');
        n++;
    }
    ok(wrong == 0 && *a == *b && same > 50000, "%zu of %zu answers are those of the library", same, n);
    free(mine);
    free(theirs);
}

static int enter(lua_State *L)
{
    if (luaL_loadstring(L, lua_touserdata(L, 1)) != LUA_OK) return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

static enum mb_verdict verdict;
static struct mb_task *task;

static void on_done(void *ctx, int status)
{
    (void)ctx;
    (void)status;
    verdict = (enum mb_verdict)mb_task_budget(task)->verdict;
}

static void test_budget(void)
{
    static const char *const chunks[] = {
        "('a'):rep(60):find(('a-'):rep(60) .. 'b')", "('a'):rep(60):match(('a?'):rep(60) .. ('a'):rep(60) .. 'b')",
        "('a'):rep(4000):gsub('.-.-.-.-.-b', '')",   "for _ in ('x'):rep(3000):gmatch '.*.*.*y' do end",
        "while true do pcall(string.find, ('('):rep(300000), '%b()') end"};
    struct mb_tasks *tasks;
    if (mb_tasks_new(&tasks, mb_vm_state(vm), &loop) != MB_OK || !mb_budget_start_ticks()) return;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        const struct mb_task_plan plan = {.entry = enter,
                                          .done = on_done,
                                          .ctx = (void *)(uintptr_t)chunks[i],
                                          .budget = {.key = "a.cpu", .limit_ns = 20000000}};
        verdict = MB_VERDICT_NONE;
        task = mb_task_new(tasks, &plan);
        mb_task_run(task);
        ok(verdict == MB_VERDICT_OVER, "is ended: %s", chunks[i]);
    }
    mb_tasks_free(tasks);
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---- slices ---- */

static bool is_over;
static char answer[4096];

static int take_answer(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    (void)snprintf(answer, sizeof answer, "%s", lua_tostring(L, -1));
    return 0;
}

static int enter_sliced(lua_State *L)
{
    if (luaL_loadstring(L, lua_touserdata(L, 1)) != LUA_OK) return lua_error(L);
    lua_callk(L, 0, 1, 0, take_answer);
    return take_answer(L, LUA_OK, 0);
}

static void on_end(void *ctx, int status)
{
    (void)ctx;
    (void)status;
    is_over = true;
}

/* The same answer as of the library, although it is found in many turns. */
static void test_slices(lua_State *library, struct mb_tasks *tasks, const char *what)
{
    char chunk[512];
    int turns = 0;
    (void)snprintf(chunk, sizeof chunk,
                   "local t = table.pack(%s) for i = 1, t.n do t[i] = tostring(t[i]):sub(1, 200) end "
                   "return table.concat(t, ' ')",
                   what);
    const struct mb_task_plan plan = {
        .entry = enter_sliced,
        .done = on_end,
        .ctx = chunk,
        .budget = {.key = "a.cpu", .limit_ns = UINT64_C(60000000000), .slice_ns = 1000000}};
    for (int tries = 0; turns <= 1 && tries < 100; tries++) { /* a tick of the kernel may come late */
        is_over = false;
        answer[0] = '\0';
        mb_task_run(mb_task_new(tasks, &plan));
        for (turns = 0; !is_over; turns++) uv_run(&loop, UV_RUN_ONCE);
    }
    if (luaL_dostring(library, chunk) != LUA_OK) printf("# %s\n", lua_tostring(library, -1));
    bool is_same = strcmp(answer, lua_tostring(library, -1)) == 0;
    ok(is_same && turns > 1, "is found in slices: %s", what);
    if (!is_same) printf("# ours: %s\n# library: %s\n", answer, lua_tostring(library, -1));
    if (turns <= 1) printf("# in %d turns\n", turns);
    lua_settop(library, 0);
}

/* Each takes some milliseconds. */
static const char *const long_ones[] = {
    "('a'):rep(300):find('.-.-b')",
    "('a'):rep(300):match('(.-)(.-)%f[b]b')",
    "('a'):rep(300):find('a*a*b')",
    "(('a'):rep(4000) .. 'xb'):gsub('a-b', '<%0>')",
    "(('a'):rep(29) .. 'b'):rep(10):gsub('(a-.-)c', '%1')",
    "(('a'):rep(40000) .. 'b'):rep(60):gsub('(a*)b', function(s) return #s .. ' ' end)",
    "(('('):rep(3000) .. ')'):find('%b()x')",
    "('ab'):rep(20):gsub('a', function() for _ = 1, 200000 do end return 'c' end)",
    "('ab'):rep(20):gsub('a', function(s) return select(2, ('x'):rep(150):gsub('.-.-y', s)) .. s end, 7)",
    "(function() local n = 0 for w in (('a'):rep(2000) .. '1 '):rep(2):gmatch('%a-%s') do n = n + #w end return n end)()",
    "(function() local c = coroutine.wrap(function() coroutine.yield(('a'):rep(300):find('.-.-b')) end) return c() end)()",
};

static void test_all_slices(lua_State *library)
{
    struct mb_tasks *tasks;
    if (mb_tasks_new(&tasks, mb_vm_state(vm), &loop) != MB_OK) return;
    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) test_slices(library, tasks, long_ones[i]);
    mb_tasks_free(tasks);
    uv_run(&loop, UV_RUN_NOWAIT);
}

int main(void)
{
    struct mb_err err;
    const struct mb_script boot = script("boot.lua", "return {}");
    lua_State *library = luaL_newstate();
    uv_loop_init(&loop);
    if (!ok(library && open_vm(&boot, 1, 256 << 20, &err), "two states are made")) return 1;
    luaL_openlibs(library);
    compare(mb_vm_state(vm), library);
    test_budget();
    test_all_slices(library);
    lua_close(library);
    mb_vm_free(vm);
    return done();
}
