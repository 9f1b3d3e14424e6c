/* Budgets: who takes more processor time or memory than allowed is ended whatever it catches, and who
 * is only late lets others run. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>

#include "base/clock.h"
#include "bind/heap.h"
#include "bind_fixture.h"

#define MS 1000000u

static struct mb_tasks *tasks;

struct run {
    const char *chunk;
    int status, turns; /* turns of the loop until it was done */
    bool is_done;
    struct mb_budget budget; /* as it was at the end */
    struct mb_task *task;
};

static int enter(lua_State *L)
{
    const struct run *r = lua_touserdata(L, 1);
    if (luaL_loadbuffer(L, r->chunk, strlen(r->chunk), "@a.lua") != LUA_OK) return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

static int entered(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

static int enter_in_slices(lua_State *L)
{
    const struct run *r = lua_touserdata(L, 1);
    if (luaL_loadbuffer(L, r->chunk, strlen(r->chunk), "@a.lua") != LUA_OK) return lua_error(L);
    lua_callk(L, 0, 0, 0, entered);
    return 0;
}

static void on_done(void *ctx, int status)
{
    struct run *r = ctx;
    r->is_done = true;
    r->status = status;
    r->budget = *mb_task_budget(r->task);
}

static void start(struct run *r, const struct mb_budget *budget)
{
    struct mb_task_plan plan = {.entry = budget->slice_ns > 0 ? enter_in_slices : enter,
                                .done = on_done,
                                .ctx = r,
                                .deadline_ns = UINT64_MAX,
                                .budget = *budget};
    r->task = mb_task_new(tasks, &plan);
    mb_task_run(r->task);
}

static void finish(struct run *r)
{
    for (; !r->is_done; r->turns++) uv_run(&loop, UV_RUN_NOWAIT);
}

static struct run run(const char *chunk, const struct mb_budget *budget)
{
    struct run r = {.chunk = chunk};
    start(&r, budget);
    finish(&r);
    return r;
}

static const char *const LOOPS[] = {
    "while true do end",
    "local function f() while true do end end while true do pcall(f) xpcall(f, f) end",
    "while true do pcall(function() xpcall(error, function() while true do end end) end) end",
    "local function f() while true do end end\n"
    "while true do coroutine.resume(coroutine.create(f)) pcall(coroutine.wrap(f)) end",
    "local function deep(n) if n == 0 then while true do end end coroutine.wrap(deep)(n - 1) end "
    "deep(50)",
    "while true do pcall(table.sort, {1, 2, 3}, function() while true do end end) end",
    "while true do pcall(string.gsub, 'x', 'x', function() while true do end end) end",
    "setmetatable({}, {__index = function() while true do end end}).x = nil\n"
    "local x = setmetatable({}, {__index = function() while true do end end}).x",
};

static void test_loops(const struct mb_budget *budget)
{
    for (size_t i = 0; i < sizeof LOOPS / sizeof *LOOPS; i++) {
        struct run r = run(LOOPS[i], budget);
        ok(r.status == LUA_ERRRUN && r.budget.verdict == MB_VERDICT_OVER &&
               strncmp(r.budget.at, "a.lua:", 6) == 0,
           "is ended%s: %s", budget->slice_ns > 0 ? " in slices" : "", LOOPS[i]);
    }
}

static void test_slices(void)
{
    const struct mb_budget budget = {.key = "a.cpu", .limit_ns = 10000 * MS, .slice_ns = 2 * MS};
    struct run is_long = {
        .chunk = "local function count() for n = 1, 2e7 do local _ = n end return 7 end\n"
                 "assert(select(2, pcall(coroutine.wrap(count))) == 7)"};
    struct run is_short = {.chunk = "return 1"};
    start(&is_long, &budget);
    ok(!is_long.is_done, "who is late is put off");
    start(&is_short, &budget);
    ok(is_short.is_done && !is_long.is_done, "others run meanwhile");
    uint64_t spent = mb_task_budget(is_long.task)->spent_ns;
    for (int i = 0; i < 8; i++) uv_run(&loop, UV_RUN_NOWAIT);
    ok(mb_task_budget(is_long.task)->spent_ns == spent, "for as many rounds as a request may take");
    uv_run(&loop, UV_RUN_NOWAIT);
    ok(mb_task_budget(is_long.task)->spent_ns > spent, "then it goes on");
    finish(&is_long);
    ok(is_long.status == LUA_OK && is_long.turns > 3 && is_long.budget.spent_ns > 8 * MS,
       "it ends well after several slices, which add up");
    struct run dropped = {.chunk = "while true do end"};
    start(&dropped, &budget);
    mb_task_drop(dropped.task);
    uv_run(&loop, UV_RUN_NOWAIT);
    ok(!dropped.is_done && mb_tasks_alive(tasks) == 0, "it can be dropped between two slices");
}

/* What a script sees of a machine that stood still: processor time, and one tick after it. */
static void stand_still(void)
{
    sigset_t tick;
    (void)sigemptyset(&tick);
    (void)sigaddset(&tick, SIGVTALRM);
    (void)sigprocmask(SIG_BLOCK, &tick, NULL);
    for (uint64_t end = mb_cpu_ns() + 60 * MS; mb_cpu_ns() < end;) {}
    (void)sigprocmask(SIG_UNBLOCK, &tick, NULL);
}

static int enter_standing(lua_State *L)
{
    for (int i = 0; i < 2; i++) {
        stand_still();
        if (luaL_dostring(L, "for n = 1, 1000 do local _ = n end")) return lua_error(L);
    }
    return 0;
}

static void test_standing(const struct mb_budget *budget)
{
    struct run r = {0};
    struct mb_task_plan plan = {.entry = enter_standing,
                                .done = on_done,
                                .ctx = &r,
                                .deadline_ns = UINT64_MAX,
                                .budget = *budget};
    r.task = mb_task_new(tasks, &plan);
    mb_task_run(r.task);
    finish(&r);
    ok(r.status == LUA_OK && r.budget.verdict != MB_VERDICT_OVER,
       "a machine that stood still is not the script's time%s",
       budget->slice_ns > 0 ? ", in slices" : "");
}

static void test_memory(void)
{
    const struct mb_budget budget = {.key = "a.memory", .max_refused = 4};
    struct run r = run("while true do pcall(string.rep, 'x', 1 << 30) end", &budget);
    ok(r.status == LUA_ERRRUN && r.budget.verdict == MB_VERDICT_STARVED,
       "who is refused memory again and again is ended, whatever it catches");
    r = run("for _ = 1, 2 do assert(not pcall(string.rep, 'x', 1 << 30)) end", &budget);
    ok(r.status == LUA_OK, "who is refused once is not");
    struct mb_heap *heap = mb_heap_of(mb_vm_state(vm));
    heap->text_max = 1000;
    r = run("local s = ('x'):rep(999) .. 'y'; assert(#s == 1000 and not pcall(function() return s "
            ".. s end)) "
            "local t = {} for i = 1, 1000 do t[i] = i end assert(not pcall(table.concat, t))",
            &budget);
    ok(r.status == LUA_OK && heap->was_text, "a string over the limit is refused, a table is not");
    heap->text_max = 0;
}

int main(void)
{
    struct mb_err err;
    const struct mb_script boot = script("boot.lua", "return {}");
    const struct mb_budget once = {.key = "a.cpu", .limit_ns = 20 * MS};
    const struct mb_budget long_once = {.key = "a.cpu", .limit_ns = 50 * MS};
    const struct mb_budget long_sliced = {.key = "a.cpu", .limit_ns = 50 * MS, .slice_ns = 2 * MS};
    const struct mb_budget sliced = {.key = "a.cpu", .limit_ns = 20 * MS, .slice_ns = 2 * MS};
    uv_loop_init(&loop);
    if (!ok(open_vm(&boot, 1, 64 << 20, &err), "a state is built") ||
        mb_tasks_new(&tasks, mb_vm_state(vm), &loop) != MB_OK)
        return 1;
    ok(mb_budget_start_ticks(), "the thread's processor time ticks");
    test_loops(&once);
    test_loops(&sliced);
    test_slices();
    test_standing(&long_once);
    test_standing(&long_sliced);
    test_memory();
    mb_tasks_free(tasks);
    uv_run(&loop, UV_RUN_NOWAIT);
    mb_vm_free(vm);
    return done();
}
