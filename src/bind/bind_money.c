#include <lauxlib.h>

#include "bind/modules.h"
#include "kernel/invoice.h"

/*
 * mb.money: amounts as decimal texts ("300.00"), never as numbers of Lua. What is over 99999999.99 is nil and
 * "amount_too_large"; an argument that is no amount raises.
 */

static int64_t check_amount(lua_State *L, int index)
{
    struct mb_err err = {0};
    struct mb_str text;
    int64_t v = 0;
    luaL_checktype(L, index, LUA_TSTRING);
    text.ptr = lua_tolstring(L, index, &text.len);
    if (mb_money_read(text, &v, &err) != MB_OK) luaL_argerror(L, index, lua_pushstring(L, err.text));
    return v;
}

static void push_amount(lua_State *L, int64_t amount)
{
    char text[MB_MONEY_TEXT];
    size_t n = mb_money_write(amount, text);
    lua_pushlstring(L, text, n);
}

static int push_result(lua_State *L, enum mb_rc rc, int64_t amount, const struct mb_err *err)
{
    if (rc == MB_OK) {
        push_amount(L, amount);
        return 1;
    }
    if (rc != MB_E_LIMIT) return luaL_error(L, "%s", err->text);
    lua_pushnil(L);
    lua_pushliteral(L, "amount_too_large");
    return 2;
}

/* money.read("5") -> "5.00", or nil and what is wrong */
static int l_read(lua_State *L)
{
    struct mb_err err = {0};
    struct mb_str text;
    int64_t v = 0;
    luaL_checktype(L, 1, LUA_TSTRING);
    text.ptr = lua_tolstring(L, 1, &text.len);
    if (mb_money_read(text, &v, &err) == MB_OK) {
        push_amount(L, v);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

/* money.has_cents("ZAR") -> whether amounts can be of this currency */
static int l_has_cents(lua_State *L)
{
    struct mb_str word;
    word.ptr = luaL_checklstring(L, 1, &word.len);
    lua_pushboolean(L, mb_money_has_cents(word));
    return 1;
}

/* money.compare(a, b) -> below 0, 0 or above, as a is less, the same or more */
static int l_compare(lua_State *L)
{
    int64_t a = check_amount(L, 1), b = check_amount(L, 2);
    lua_pushinteger(L, (a > b) - (a < b));
    return 1;
}

/* money.add(a, b) */
static int l_add(lua_State *L)
{
    struct mb_err err = {0};
    int64_t v = 0;
    enum mb_rc rc = mb_money_add(check_amount(L, 1), check_amount(L, 2), &v, &err);
    return push_result(L, rc, v, &err);
}

/* money.share("300.00", 29, 30) -> "290.00": so many parts of the whole, rounded once */
static int l_share(lua_State *L)
{
    struct mb_err err = {0};
    int64_t v = 0;
    enum mb_rc rc = mb_money_share(check_amount(L, 1), luaL_checkinteger(L, 2), luaL_checkinteger(L, 3), &v, &err);
    return push_result(L, rc, v, &err);
}

/* money.tax({ "68.33", … }, "20.00") -> { net, tax, total }, and the tax of each line; the rate is in percent */
static int l_tax(lua_State *L)
{
    struct mb_err err = {0};
    struct mb_invoice_total total;
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t rate = check_amount(L, 2);
    size_t n = (size_t)lua_rawlen(L, 1);
    luaL_argcheck(L, n <= MB_INVOICE_MOST_LINES, 1, "too many lines");
    struct mb_invoice_line *line = lua_newuserdatauv(L, (n + 1) * sizeof *line, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        line[i].net = check_amount(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    enum mb_rc rc = mb_invoice_tax(line, n, rate, &total, &err);
    if (rc != MB_OK) return push_result(L, rc, 0, &err);
    lua_createtable(L, 0, 3);
    push_amount(L, total.net);
    lua_setfield(L, -2, "net");
    push_amount(L, total.tax);
    lua_setfield(L, -2, "tax");
    push_amount(L, total.gross);
    lua_setfield(L, -2, "total");
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_amount(L, line[i].tax);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

/* money.cycle(2026, 1, 31, k) -> year, month and day on which cycle number k begins, counted from 0 */
static int l_cycle(lua_State *L)
{
    enum { MOST_CYCLES = 1200 };
    lua_Integer year = luaL_checkinteger(L, 1), month = luaL_checkinteger(L, 2), day = luaL_checkinteger(L, 3);
    lua_Integer k = luaL_checkinteger(L, 4);
    luaL_argcheck(L, year >= 1970 && year <= 9999, 1, "a year from 1970 to 9999");
    luaL_argcheck(L, month >= 1 && month <= 12, 2, "a month from 1 to 12");
    luaL_argcheck(L, day >= 1 && day <= mb_civil_month_days((int32_t)year, (int32_t)month), 3, "a day of that month");
    luaL_argcheck(L, k >= 0 && k <= MOST_CYCLES, 4, "0 to 1200");
    struct mb_date d = mb_invoice_cycle((struct mb_date){(int32_t)year, (int32_t)month, (int32_t)day}, (int32_t)k);
    lua_pushinteger(L, d.year);
    lua_pushinteger(L, d.month);
    lua_pushinteger(L, d.day);
    return 3;
}

int mb_open_money(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", l_read},   {"has_cents", l_has_cents}, {"compare", l_compare},
                                         {"add", l_add},     {"share", l_share},         {"tax", l_tax},
                                         {"cycle", l_cycle}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
