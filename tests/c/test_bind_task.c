/* Tasks: what a coroutine may do while it runs, waits and is ended, and what it leaves behind. */
#include "bind/running.h"
#include "bind_fixture.h"

struct gate { /* a wait that the test opens */
    struct mb_wait wait;
    int cancelled;
};

static struct mb_tasks *tasks;
static struct gate gate;
static struct mb_claim claim;
static struct mb_running *shown;
static int done_count, done_status, released;

static void on_cancel(struct mb_wait *w) { ((struct gate *)w)->cancelled++; }

static int waited(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    lua_pushliteral(L, "woken");
    return 1;
}

static int l_wait(lua_State *L)
{
    mb_task_check(L, "wait");
    gate.wait.cancel = on_cancel;
    return mb_task_wait(L, &gate.wait, 0, waited);
}

static void on_release(struct mb_claim *c)
{
    (void)c;
    released++;
}

static int l_claim(lua_State *L)
{
    mb_task_claim(mb_task_check(L, "claim"), &claim, on_release);
    return 0;
}

static int l_shown(lua_State *L)
{
    (void)L;
    shown = atomic_load(&mb_running__now);
    return 0;
}

static void on_done(void *ctx, int status)
{
    (void)ctx;
    done_count++;
    done_status = status;
}

/* Runs the chunk that ctx is, with the functions above as its arguments. */
static int enter(lua_State *L)
{
    const char *chunk = lua_touserdata(L, 1);
    if (luaL_loadstring(L, chunk) != LUA_OK) return lua_error(L);
    lua_pushcfunction(L, l_wait);
    lua_pushcfunction(L, l_claim);
    lua_pushcfunction(L, l_shown);
    lua_callk(L, 3, LUA_MULTRET, 0, waited);
    return 0;
}

static struct mb_task *start(const char *chunk)
{
    struct mb_task_plan plan = {.entry = enter,
                                .done = on_done,
                                .ctx = (void *)(uintptr_t)chunk,
                                .deadline_ns = UINT64_MAX,
                                .label = "GET /a",
                                .request = "r1"};
    done_count = done_status = released = 0;
    memset(&gate, 0, sizeof gate);
    memset(&claim, 0, sizeof claim);
    struct mb_task *task = mb_task_new(tasks, &plan);
    mb_task_run(task);
    return task;
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void test_running(void)
{
    start("local wait, claim, shown = ... ; claim(); shown()");
    ok(done_count == 1 && done_status == LUA_OK && released == 1,
       "a task that returns is done and gives back what it claimed");
    ok(shown && strcmp(shown->label, "GET /a") == 0 && strcmp(shown->request, "r1") == 0,
       "what runs is told while it runs");
    ok(!atomic_load(&mb_running__now), "and no longer");
    start("error 'x'");
    ok(done_status == LUA_ERRRUN, "an error that leaves it is its end");
    start("coroutine.yield()");
    ok(done_count == 1 && done_status == LUA_YIELD, "a bare yield is its end");
    ok(mb_tasks_alive(tasks) == 0, "nothing of them is alive");
    start("local function f() return 1 + f() end f()");
    ok(done_status != LUA_OK, "endless recursion is an error");
    start("local wait = ... ; coroutine.wrap(wait)()");
    ok(done_status == LUA_ERRRUN && !gate.wait.task, "a coroutine of the script cannot wait");
    start("local wait = ... ; table.sort({3, 1, 2}, wait)");
    ok(done_status == LUA_ERRRUN && !gate.wait.task, "a callback of a C function cannot wait");
    start("local wait = ... ; assert(pcall(wait))");
    mb_task_wake(&gate.wait);
    ok(done_count == 0, "a wake resumes nothing from inside");
    turn();
    ok(done_count == 1 && done_status == LUA_OK, "the loop resumes who was woken");
    mb_task_wake(&gate.wait);
    turn();
    ok(done_count == 1, "a second wake does nothing");
}

static void test_dropping(void)
{
    struct mb_task *task = start("local wait, claim = ... ; claim() wait()");
    mb_task_drop(task);
    ok(gate.cancelled == 1 && released == 1 && done_count == 0,
       "who is dropped while waiting is cancelled and gives back");
    ok(!atomic_load(&mb_running__now), "nothing runs when it is gone");
    task = start("local wait, claim = ... ; claim() wait()");
    ok(!atomic_load(&mb_running__now), "nothing runs while it waits");
    mb_task_wake(&gate.wait);
    mb_task_drop(task);
    ok(gate.cancelled == 1 && released == 1, "so is who is dropped between wake and resume");
    turn();
    ok(done_count == 0, "and is not resumed any more");
    task = start("local wait, _, shown = ... \n"
                 "local x <close> = setmetatable({}, { __close = function() shown() wait() end }) \n"
                 "wait()");
    shown = NULL;
    mb_task_drop(task);
    ok(shown && !atomic_load(&mb_running__now), "what it closes runs for it");
    ok(gate.cancelled == 1 && mb_tasks_alive(tasks) == 0, "what is closed then cannot wait");
    mb_task_wake(&gate.wait);
    turn();
    start("local wait = ... ; local x <close> = setmetatable({}, { __close = function() wait() end }) "
          "error 'x'");
    ok(done_status == LUA_ERRRUN && mb_tasks_alive(tasks) == 0, "nor after an error left the task");
    start("local wait, claim = ... ; claim() wait()");
    mb_tasks_free(tasks);
    ok(gate.cancelled == 1 && released == 1, "who still waits at the end is dropped");
}

static int finalized;

static int finalize(lua_State *L)
{
    (void)L;
    finalized++;
    return 0;
}

/* What waits for its finalizer outlives one collection: were the next to begin only at a multiple
 * of that too, each would come later than the one before. */
static void test_garbage(void)
{
    enum { OBJECTS = 1000000, SIZE = 100 };
    lua_State *L = mb_vm_state(vm);
    size_t most = 0, before = mb_vm_bytes(vm);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, finalize);
    lua_setfield(L, -2, "__gc");
    for (int i = 0; i < OBJECTS; i++) {
        (void)lua_newuserdatauv(L, SIZE, 0);
        lua_pushvalue(L, -2);
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
        if (mb_vm_bytes(vm) > most) most = mb_vm_bytes(vm);
    }
    lua_pop(L, 1);
    ok(most < 12 * before, "garbage with finalizers does not pile up (%zu of %zu bytes)", most, before);
    ok(finalized > OBJECTS / 2, "for it is collected");
}

int main(void)
{
    struct mb_err err;
    const struct mb_script boot = script("boot.lua", "return {}");
    uv_loop_init(&loop);
    if (!ok(open_vm(&boot, 1, 64 << 20, &err), "a state is built") ||
        mb_tasks_new(&tasks, mb_vm_state(vm), &loop) != MB_OK)
        return 1;
    test_garbage();
    test_running();
    test_dropping();
    turn();
    mb_vm_free(vm);
    ok(uv_loop_close(&loop) == 0, "nothing is left on the loop");
    return done();
}
