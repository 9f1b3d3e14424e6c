#include <lauxlib.h>

#include "base/clock.h"
#include "bind/modules.h"

/*
 * mb.time: instants of RFC 3339 section 5.6 and milliseconds since 1970. parse accepts years
 * 1970..9999, offsets up to 23:59, fractions (cut to milliseconds), no leap second.
 */

enum { MS_PER_DAY = 86400000 };

/* Days since 1970-01-01 of a civil date (proleptic Gregorian). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int digits(const char *s, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && leap ? 29 : days[m - 1];
}

/* The offset at s in minutes; false when it is none. */
static bool read_offset(const char *s, size_t n, int *minutes)
{
    *minutes = 0;
    if (n == 1)
        return *s == 'Z' || *s == 'z';
    if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':')
        return false;
    int h = digits(s + 1, 2), m = digits(s + 4, 2);
    *minutes = (*s == '-' ? -1 : 1) * (h * 60 + m);
    return h >= 0 && h < 24 && m >= 0 && m < 60;
}

static bool read_instant(const char *s, size_t n, int64_t *ms)
{
    if (n < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') || s[13] != ':' || s[16] != ':')
        return false;
    int y = digits(s, 4), mo = digits(s + 5, 2), d = digits(s + 8, 2);
    int h = digits(s + 11, 2), mi = digits(s + 14, 2), sec = digits(s + 17, 2);
    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h < 0 || h > 23 || mi < 0 || mi > 59 ||
        sec < 0 || sec > 59)
        return false;
    size_t at = 19;
    int fraction = 0;
    if (s[at] == '.') {
        size_t first = ++at;
        for (int unit = 100; at < n && s[at] >= '0' && s[at] <= '9'; at++, unit /= 10)
            fraction += (s[at] - '0') * unit;
        if (at == first)
            return false;
    }
    int offset;
    if (at >= n || !read_offset(s + at, n - at, &offset))
        return false;
    *ms = days_from_civil(y, mo, d) * MS_PER_DAY + (((int64_t)h * 60 + mi - offset) * 60 + sec) * 1000 + fraction;
    return *ms >= 0;
}

/* time.parse("2026-11-22T10:00:00+02:00") -> milliseconds, or nil */
static int l_parse(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    int64_t ms;
    if (!read_instant(s, n, &ms))
        return 0;
    lua_pushinteger(L, ms);
    return 1;
}

static int l_format(lua_State *L)
{
    char text[25];
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms < 253402300800000, 1, "milliseconds within the years 1970 to 9999");
    mb_rfc3339_ms(ms, text);
    lua_pushstring(L, text);
    return 1;
}

static int l_now(lua_State *L)
{
    lua_pushinteger(L, mb_wall_ms());
    return 1;
}

int mb_open_time(lua_State *L)
{
    static const luaL_Reg functions[] = {{"parse", l_parse}, {"format", l_format}, {"now", l_now}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
