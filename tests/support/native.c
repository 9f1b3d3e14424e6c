#define _GNU_SOURCE
/*
 * What the tests need of the operating system and Lua does not have: child processes with their
 * own user, group, folder and output files, waits with a bound, a monotonic clock, temporary
 * folders, free ports. A Lua module (`require "support.native"`); it must not know medbookd.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <lauxlib.h>
#include <lua.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/distance.h"

enum { MAX_WORDS = 1024, PORT_LOW = 10240, PORT_HIGH = 32767, PORT_TRIES = 200 };

struct plan {               /* of one child; the strings belong to Lua values on the stack */
    char *argv[MAX_WORDS];
    char *env[MAX_WORDS];
    const char *cwd, *out, *err, *in;
    bool has_user, own_group;
    uid_t uid;
    gid_t gid;
    const char *user;
    int death_signal;
};

static int fail_errno(lua_State *L, const char *what) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, strerror(errno));
    return 2;
}

/* ---- spawn ---- */

static const char *text_field(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    const char *text = luaL_optstring(L, -1, NULL); /* stays on the stack, so it stays alive */
    return text;
}

static void read_argv(lua_State *L, int table, struct plan *p) {
    lua_Integer n = luaL_len(L, table);
    luaL_argcheck(L, n >= 1 && n < MAX_WORDS, table, "wrong number of words");
    luaL_checkstack(L, (int)n + 8, "too many words");
    for (lua_Integer i = 0; i < n; i++) {
        lua_geti(L, table, i + 1);
        p->argv[i] = (char *)luaL_checkstring(L, -1);
    }
    p->argv[n] = NULL;
}

static bool is_overridden(lua_State *L, int env, const char *entry) {
    size_t len = strcspn(entry, "=");
    lua_pushlstring(L, entry, len);
    bool known = lua_gettable(L, env) != LUA_TNIL;
    lua_pop(L, 1);
    return known;
}

/* The environment of this process, changed by the table: text sets, false removes. */
static void read_env(lua_State *L, int options, struct plan *p) {
    size_t n = 0;
    lua_getfield(L, options, "env");
    if (lua_isnil(L, -1)) lua_newtable(L);
    int env = lua_gettop(L);
    luaL_checktype(L, env, LUA_TTABLE);
    for (char **e = environ; *e && n < MAX_WORDS - 1; e++)
        if (!is_overridden(L, env, *e)) p->env[n++] = *e;
    lua_pushnil(L);
    while (lua_next(L, env)) {
        if (lua_isstring(L, -1) && n < MAX_WORDS - 1) {
            luaL_checkstack(L, 8, "too large an environment");
            const char *entry = lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
            p->env[n++] = (char *)entry;
            lua_insert(L, env); /* keeps the text alive below the iteration */
            env++;
        }
        lua_pop(L, 1);
    }
    p->env[n] = NULL;
}

static void read_user(lua_State *L, int options, struct plan *p) {
    p->user = text_field(L, options, "user");
    if (!p->user || geteuid() != 0) return;
    const struct passwd *pw = getpwnam(p->user);
    if (!pw) luaL_error(L, "no user %s", p->user);
    p->has_user = true;
    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
}

static void read_options(lua_State *L, int options, struct plan *p) {
    luaL_checktype(L, options, LUA_TTABLE);
    luaL_checkstack(L, 64, NULL);
    p->cwd = text_field(L, options, "cwd");
    p->out = text_field(L, options, "stdout");
    p->err = text_field(L, options, "stderr");
    p->in = text_field(L, options, "stdin");
    lua_getfield(L, options, "group");
    p->own_group = lua_toboolean(L, -1);
    lua_getfield(L, options, "death_signal");
    p->death_signal = (int)luaL_optinteger(L, -1, SIGKILL);
    read_user(L, options, p);
    read_env(L, options, p);
}

static int open_onto(const char *path, int flags, int target) {
    int fd = open(path, flags, 0644);
    if (fd < 0) return -1;
    if (fd == target) return 0;
    int rc = dup2(fd, target);
    close(fd);
    return rc < 0 ? -1 : 0;
}

static int redirect(const struct plan *p) {
    if (open_onto(p->in ? p->in : "/dev/null", O_RDONLY, 0) != 0) return -1;
    if (p->out && open_onto(p->out, O_WRONLY | O_CREAT | O_APPEND, 1) != 0) return -1;
    if (p->err && strcmp(p->err, "stdout") == 0) return dup2(1, 2) < 0 ? -1 : 0;
    if (p->err) return open_onto(p->err, O_WRONLY | O_CREAT | O_APPEND, 2);
    return 0;
}

static int become(const struct plan *p, pid_t parent) {
    if (p->own_group && setpgid(0, 0) != 0) return -1;
    if (p->has_user && (initgroups(p->user, p->gid) != 0 || setgid(p->gid) != 0 || setuid(p->uid) != 0))
        return -1;
    /* After setuid, which clears it; and the parent may be gone already. */
    if (p->death_signal && prctl(PR_SET_PDEATHSIG, p->death_signal) != 0) return -1;
    if (p->death_signal && getppid() != parent) _exit(125);
    return p->cwd ? chdir(p->cwd) : 0;
}

static void reset_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < 32; s++)
        if (s != SIGKILL && s != SIGSTOP) signal(s, SIG_DFL);
}

static void run_child(const struct plan *p, pid_t parent, int report) {
    reset_signals();
    if (redirect(p) == 0 && become(p, parent) == 0) execvpe(p->argv[0], p->argv, p->env);
    int code = errno;
    ssize_t sent = write(report, &code, sizeof code);
    _exit(sent == sizeof code ? 126 : 127);
}

/* spawn(argv, options) -> pid | nil, text. A child that could not be executed is an error here. */
static int native_spawn(lua_State *L) {
    struct plan p = {0};
    int pipes[2], code = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    read_argv(L, 1, &p);
    read_options(L, 2, &p);
    if (pipe2(pipes, O_CLOEXEC) != 0) return fail_errno(L, "pipe");
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) run_child(&p, parent, pipes[1]);
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        return fail_errno(L, "fork");
    }
    ssize_t got = read(pipes[0], &code, sizeof code);
    close(pipes[0]);
    if (got == sizeof code) {
        waitpid(pid, NULL, 0);
        errno = code;
        return fail_errno(L, p.argv[0]);
    }
    lua_pushinteger(L, pid);
    return 1;
}

/* ---- waits and signals ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_for(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) continue;
}

static int push_status(lua_State *L, int status) {
    bool exited = WIFEXITED(status);
    lua_pushstring(L, exited ? "exit" : "signal");
    lua_pushinteger(L, exited ? WEXITSTATUS(status) : WTERMSIG(status));
    return 2;
}

/* wait(pid[, seconds]) -> "exit"|"signal", number | nil (still running) | nil, text. */
static int native_wait(lua_State *L) {
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    double until = now() + luaL_optnumber(L, 2, 1e9), step = 0.0005;
    for (;;) {
        int status;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) return push_status(L, status);
        if (got < 0) return fail_errno(L, "wait");
        if (now() >= until) return 0;
        pause_for(step);
        if (step < 0.01) step *= 2;
    }
}

/* kill(pid, signal) -> true | nil, text. Numbers below 2 would hit groups or init: refused. */
static int native_kill(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 1, 1, "not the id of one process");
    if (kill((pid_t)pid, (int)luaL_checkinteger(L, 2)) != 0) return fail_errno(L, "kill");
    lua_pushboolean(L, true);
    return 1;
}

static int native_getpid(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

/* setenv(name, text): of this process and of children to come. */
static int native_setenv(lua_State *L) {
    if (setenv(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 1) != 0) return fail_errno(L, "setenv");
    lua_pushboolean(L, true);
    return 1;
}

static int native_uid(lua_State *L) {
    lua_pushinteger(L, geteuid());
    return 1;
}

static int native_now(lua_State *L) {
    lua_pushnumber(L, now());
    return 1;
}

static int native_sleep(lua_State *L) {
    pause_for(luaL_checknumber(L, 1));
    return 0;
}

/* ---- files ---- */

/* mkdtemp(prefix) -> path of a new folder that everybody may enter. */
static int native_mkdtemp(lua_State *L) {
    const char *prefix = luaL_checkstring(L, 1);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, prefix);
    luaL_addlstring(&b, "XXXXXX", 7);
    luaL_pushresult(&b);
    char *path = strdup(lua_tostring(L, -1));
    if (!path) return luaL_error(L, "out of memory");
    bool made = mkdtemp(path) && chmod(path, 0755) == 0;
    if (made) lua_pushstring(L, path);
    int saved = errno;
    free(path);
    errno = saved;
    return made ? 1 : fail_errno(L, prefix);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* rmtree(path) -> true | nil, text. Only below /tmp, /dev/shm or $TMPDIR: a slip of a test must not
 * cost a home folder. */
static int native_rmtree(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *tmp = getenv("TMPDIR");
    bool temporary = strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/dev/shm/", 9) == 0 ||
                     (tmp && *tmp && strncmp(path, tmp, strlen(tmp)) == 0);
    luaL_argcheck(L, temporary && !strstr(path, ".."), 1, "not below a temporary folder");
    if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT)
        return fail_errno(L, path);
    lua_pushboolean(L, true);
    return 1;
}

static int native_mkdir(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    if (mkdir(path, (mode_t)luaL_optinteger(L, 2, 0755)) != 0) return fail_errno(L, path);
    lua_pushboolean(L, true);
    return 1;
}

/* chown(path, user) -> true | nil, text. */
static int native_chown(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *user = luaL_checkstring(L, 2);
    const struct passwd *pw = getpwnam(user);
    if (!pw) return luaL_error(L, "no user %s", user);
    if (chown(path, pw->pw_uid, pw->pw_gid) != 0) return fail_errno(L, path);
    lua_pushboolean(L, true);
    return 1;
}

static int native_readlink(lua_State *L) {
    char target[4096];
    ssize_t n = readlink(luaL_checkstring(L, 1), target, sizeof target);
    if (n < 0) return fail_errno(L, lua_tostring(L, 1));
    lua_pushlstring(L, target, (size_t)n);
    return 1;
}

/* list(path) -> sorted by nobody: names without "." and "..", or nil, text. */
static int native_list(lua_State *L) {
    DIR *dir = opendir(luaL_checkstring(L, 1));
    if (!dir) return fail_errno(L, lua_tostring(L, 1));
    lua_newtable(L);
    lua_Integer n = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        lua_pushstring(L, e->d_name);
        lua_seti(L, -2, ++n);
    }
    closedir(dir);
    return 1;
}

/* ---- ports ---- */

static bool is_port_free(uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool bound = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return bound;
}

/* free_port() -> a port that nobody listens on, below the range the kernel gives to clients (so
 * that no outgoing connection takes it between this answer and its use). */
static int native_free_port(lua_State *L) {
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t r;
        if (getrandom(&r, sizeof r, 0) != sizeof r) return fail_errno(L, "random");
        uint16_t port = (uint16_t)(PORT_LOW + r % (PORT_HIGH - PORT_LOW + 1));
        if (is_port_free(port)) {
            lua_pushinteger(L, port);
            return 1;
        }
    }
    return luaL_error(L, "no free port found");
}

/* distance(a, b): that of mb.text, for engines that specs load without a server. */
static int native_distance(lua_State *L) {
    size_t n, m;
    const char *a = luaL_checklstring(L, 1, &n), *b = luaL_checklstring(L, 2, &m);
    lua_pushinteger(L, (lua_Integer)mb_distance(a, n, b, m));
    return 1;
}

static const luaL_Reg functions[] = {
    {"spawn", native_spawn},       {"wait", native_wait},     {"kill", native_kill},
    {"getpid", native_getpid},     {"uid", native_uid},       {"now", native_now},
    {"sleep", native_sleep},       {"mkdtemp", native_mkdtemp}, {"rmtree", native_rmtree},
    {"mkdir", native_mkdir},       {"chown", native_chown},   {"readlink", native_readlink},
    {"list", native_list},         {"free_port", native_free_port},
    {"distance", native_distance},   {"setenv", native_setenv},
    {NULL, NULL},
};

int luaopen_support_native(lua_State *L);

int luaopen_support_native(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
