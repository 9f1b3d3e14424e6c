#include <lauxlib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bind/modules.h"
#include "bind/task.h"
#include "bind/text.h"
#include "kernel/civil.h"

/*
 * mb.time: instants of RFC 3339 section 5.6 and milliseconds since 1970. parse accepts years
 * 1970..9999, offsets up to 23:59, fractions (cut to milliseconds), no leap second. sleep waits.
 */

enum { MAX_SLEEP_MS = 3600000 };

static const int64_t END_MS = 253402300800000; /* 10000-01-01 */

static int digits(const char *s, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

/* The offset at s in minutes; false when it is none. */
static bool read_offset(const char *s, size_t n, int *minutes)
{
    *minutes = 0;
    if (n == 1) return *s == 'Z' || *s == 'z';
    if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':') return false;
    int h = digits(s + 1, 2), m = digits(s + 4, 2);
    *minutes = (*s == '-' ? -1 : 1) * (h * 60 + m);
    return h >= 0 && h < 24 && m >= 0 && m < 60;
}

/* "2026-11-22T10:00:00" at the beginning of s; false when the calendar has no such second. */
static bool read_wall(const char *s, struct mb_wall *w)
{
    if (s[4] != '-' || s[7] != '-' || (s[10] | 0x20) != 't' || s[13] != ':' || s[16] != ':')
        return false;
    *w = (struct mb_wall){{digits(s, 4), digits(s + 5, 2), digits(s + 8, 2)},
                          digits(s + 11, 2),
                          digits(s + 14, 2),
                          digits(s + 17, 2)};
    return w->date.year >= 0 && mb_civil_is_date(w->date) && w->hour >= 0 && w->hour < 24 &&
           w->minute >= 0 && w->minute < 60 && w->second >= 0 && w->second < 60;
}

static bool read_instant(const char *s, size_t n, int64_t *ms)
{
    struct mb_wall wall;
    if (n < 20 || !read_wall(s, &wall)) return false;
    size_t at = 19;
    int fraction = 0, minutes;
    if (s[at] == '.') {
        size_t first = ++at;
        for (int unit = 100; at < n && s[at] >= '0' && s[at] <= '9'; at++, unit /= 10)
            fraction += (s[at] - '0') * unit;
        if (at == first) return false;
    }
    if (at >= n || !read_offset(s + at, n - at, &minutes)) return false;
    *ms = (mb_civil_seconds(wall) - (int64_t)minutes * 60) * 1000 + fraction;
    return *ms >= 0 && *ms < END_MS;
}

bool mb_text_instant(struct mb_str s, char out[25])
{
    int64_t ms;
    if (!read_instant(s.ptr, s.len, &ms)) return false;
    mb_rfc3339_ms(ms, out);
    return true;
}

/* time.parse("2026-11-22T10:00:00+02:00") -> milliseconds, or nil */
static int l_parse(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    int64_t ms;
    if (!read_instant(s, n, &ms)) return 0;
    lua_pushinteger(L, ms);
    return 1;
}

static int l_format(lua_State *L)
{
    char text[25];
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms < END_MS, 1, "milliseconds within the years 1970 to 9999");
    mb_rfc3339_ms(ms, text);
    lua_pushstring(L, text);
    return 1;
}

/* ---- sleep ---- */

struct sleeper;

struct nap {
    struct sleeper *sleeper;
    uv_timer_t timer;
};

struct sleeper {
    struct mb_wait wait;
    struct nap *nap; /* NULL once it is over */
};

static void on_nap_closed(uv_handle_t *h) { free(h->data); }

static void end_nap(struct nap *n)
{
    n->sleeper->nap = NULL;
    uv_close((uv_handle_t *)&n->timer, on_nap_closed);
}

static void on_nap_over(uv_timer_t *timer)
{
    struct nap *n = timer->data;
    struct mb_wait *wait = &n->sleeper->wait;
    end_nap(n);
    mb_task_wake(wait);
}

static void sleep_cancel(struct mb_wait *w)
{
    struct sleeper *s = (struct sleeper *)w;
    if (s->nap != NULL) end_nap(s->nap);
}

static int slept(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

/* time.sleep(ms): the task waits so long, and nobody with it */
static int l_sleep(lua_State *L)
{
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= MAX_SLEEP_MS, 1, "milliseconds, an hour at most");
    (void)mb_task_check(L, "time.sleep");
    struct sleeper *s = lua_newuserdatauv(L, sizeof *s, 0);
    struct nap *n = calloc(1, sizeof *n);
    if (!n) return luaL_error(L, "out of memory");
    *s = (struct sleeper){.wait.cancel = sleep_cancel, .nap = n};
    n->sleeper = s;
    n->timer.data = n;
    (void)uv_timer_init(mb_vm_plan(mb_vm_of(L))->loop, &n->timer);
    (void)uv_timer_start(&n->timer, on_nap_over, (uint64_t)ms, 0);
    return mb_task_wait(L, &s->wait, 0, slept);
}

static int l_now(lua_State *L)
{
    lua_pushinteger(L, mb_wall_ms());
    return 1;
}

int mb_open_time(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"parse", l_parse}, {"format", l_format}, {"now", l_now}, {"sleep", l_sleep}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
