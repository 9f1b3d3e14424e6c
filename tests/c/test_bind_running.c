/* The last words of a process that hangs: each case is a child that is sent the signal. */
#include "bind/running.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "bind_fixture.h"

static int pipe_ends[2]; /* the child says where it is */
static FILE *sink;
static char words[64 * 1024];

static void say(void)
{
    if (write(pipe_ends[1], "x", 1) != 1) abort();
}

static void hear(void)
{
    char c;
    if (read(pipe_ends[0], &c, 1) != 1) abort();
}

static _Noreturn void spin(void)
{
    for (volatile unsigned n = 0;; n++)
        ;
}

static int l_say(lua_State *L)
{
    (void)L;
    say();
    return 0;
}

static bool is_hooked(void)
{
    const struct mb_running *r = atomic_load(&mb_running__now);
    return r && lua_gethookmask(r->L) != 0;
}

/* A loop in C: says when it begins, and again when the first signal has come. */
static int l_spin(lua_State *L)
{
    (void)L;
    say();
    while (!is_hooked())
        ;
    say();
    spin();
}

static int enter(lua_State *L)
{
    const char *chunk = lua_touserdata(L, 1);
    if (luaL_loadbuffer(L, chunk, strlen(chunk), "@routes/hang.lua") != LUA_OK) return lua_error(L);
    lua_pushcfunction(L, l_say);
    lua_pushcfunction(L, l_spin);
    lua_call(L, 2, 0);
    return 0;
}

static void on_done(void *ctx, int status)
{
    (void)ctx;
    (void)status;
}

static _Noreturn void hang(const char *chunk)
{
    struct mb_tasks *tasks;
    struct mb_task_plan plan = {.entry = enter,
                                .done = on_done,
                                .ctx = (void *)(uintptr_t)chunk,
                                .deadline_ns = UINT64_MAX,
                                .label = "GET /hang",
                                .request = "r1"};
    mb_log_init(fileno(sink), MB_LOG_INFO, "child");
    mb_running_limit("worker.hang_timeout", 1500);
    mb_running_watch(SIGUSR1);
    mb_log(MB_LOG_INFO, "before", NULL);
    if (chunk && mb_tasks_new(&tasks, mb_vm_state(vm), &loop) == MB_OK) mb_task_run(mb_task_new(tasks, &plan));
    say(); /* no script runs */
    spin();
}

/* What a child that runs the chunk says when it is sent that many signals; how it ended. */
static int last_words(const char *chunk, int signals)
{
    rewind(sink);
    if (ftruncate(fileno(sink), 0) != 0 || pipe(pipe_ends) != 0) abort();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) hang(chunk);
    for (int i = 0; i < signals; i++) {
        hear();
        (void)kill(pid, SIGUSR1);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) abort();
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    rewind(sink);
    words[fread(words, 1, sizeof words - 1, sink)] = '\0';
    (void)fputs(words, stderr);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static bool has(const char *text) { return strstr(words, text) != NULL; }

#define RUNS " request=r1 runs=\"GET /hang\" limit=\"worker.hang_timeout = 1500ms\""

static void test_scripts(void)
{
    ok(last_words("local say = ...\n"
                  "local function loop()\n"
                  "  say() while true do end\n"
                  "end\n"
                  "while true do pcall(loop) end",
                  1) == SIGABRT &&
           has(" at=routes/hang.lua:3" RUNS " trace=") && has("routes/hang.lua:5"),
       "a loop in a script is stopped where it is, whatever it catches");
    ok(has("msg=before\n"), "what the log still held is written");
    ok(last_words("local _, spin = ...\n"
                  "\n"
                  "pcall(spin)",
                  2) == SIGABRT &&
           has(" at=routes/hang.lua:3" RUNS "\n"),
       "a loop in C is named by the line that called it");
    ok(has("msg=before\n"), "then too");
    ok(last_words("local say = ...\n"
                  "local loop = coroutine.wrap(function() say() while true do end end)\n"
                  "loop()",
                  1) == SIGABRT &&
           has(" at=routes/hang.lua:2" RUNS " trace="),
       "a loop in a coroutine of the script is stopped where it is too");
    ok(last_words("local say = ...\n"
                  "local x <close> = setmetatable({}, { __close = function()\n"
                  "  say() while true do end\n"
                  "end })\n"
                  "error 'x'",
                  1) == SIGABRT &&
           has(" at=routes/hang.lua:3" RUNS),
       "a loop in what is closed after an error, by its own line");
}

static void test_without(void)
{
    ok(last_words(NULL, 1) == SIGABRT && has(" at=- request=- runs=\"no script\" limit="),
       "a hang outside of scripts is said to be one");
}

int main(void)
{
    struct mb_err err;
    const struct mb_script boot = script("boot.lua", "return {}");
    uv_loop_init(&loop);
    sink = tmpfile();
    if (!sink || !ok(open_vm(&boot, 1, 64 << 20, &err), "a state is built")) return 1;
    test_scripts();
    test_without();
    (void)fclose(sink);
    mb_vm_free(vm);
    ok(uv_loop_close(&loop) == 0, "nothing is left on the loop");
    return done();
}
