#include <lauxlib.h>
#include <stdio.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "kernel/tier.h"

/*
 * mb.tier: what slots cost under a plan. Tiers are JSON, a text or json.raw, as a body or the database has them; amounts
 * are decimal texts (bind_money.c). Tiers that were not checked before raise.
 */

static struct mb_str check_tiers(lua_State *L, int index)
{
    struct mb_str text;
    if (mb_json_raw(L, index, &text)) return text;
    luaL_checktype(L, index, LUA_TSTRING);
    text.ptr = lua_tolstring(L, index, &text.len);
    return text;
}

/* tier.check(tiers, included) -> true, or nil, the range ("" = the whole) and what is wrong with it */
static int l_check(lua_State *L)
{
    struct mb_tiers tiers;
    struct mb_tier_fault fault;
    if (mb_tiers_read(check_tiers(L, 1), 0, luaL_checkinteger(L, 2), &tiers, &fault) == MB_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, fault.range);
    lua_pushstring(L, fault.text);
    return 3;
}

static void read_tiers(lua_State *L, int base_at, int included_at, int tiers_at, struct mb_tiers *out)
{
    struct mb_tier_fault fault;
    struct mb_err err = {0};
    struct mb_str base = {"0", 1};
    int64_t amount = 0;
    if (base_at > 0) base.ptr = luaL_checklstring(L, base_at, &base.len);
    if (mb_money_read(base, &amount, &err) != MB_OK) luaL_argerror(L, base_at, lua_pushstring(L, err.text));
    if (mb_tiers_read(check_tiers(L, tiers_at), amount, luaL_checkinteger(L, included_at), out, &fault) != MB_OK)
        luaL_argerror(L, tiers_at, lua_pushfstring(L, "%s: %s", fault.range, fault.text));
}

static void add_line(luaL_Buffer *b, const struct mb_tiers *t, size_t i, const struct mb_quote_line *line)
{
    enum { MOST_LINE = 256 };
    const struct mb_tier *it = &t->tier[i];
    char last[24] = "null", price[MB_MONEY_TEXT], amount[MB_MONEY_TEXT];
    if (i + 1 < t->count) (void)snprintf(last, sizeof last, "%lld", (long long)it->last);
    mb_money_write(it->price, price);
    mb_money_write(line->amount, amount);
    char *out = luaL_prepbuffsize(b, MOST_LINE);
    int n = snprintf(out, MOST_LINE,
                     "%s{\"first\":%lld,\"last\":%s,\"slots\":%lld,\"unitPrice\":\"%s\",\"amount\":\"%s\"}",
                     i > 0 ? "," : "", (long long)it->first, last, (long long)line->slots, price, amount);
    luaL_addsize(b, (size_t)n);
}

/* tier.quote(base, included, tiers, slots) -> total, and json.raw of the list of its tiers, or nil and
 * "amount_too_large" */
static int l_quote(lua_State *L)
{
    struct mb_tiers tiers;
    struct mb_quote quote;
    struct mb_err err = {0};
    char total[MB_MONEY_TEXT];
    luaL_Buffer b;
    read_tiers(L, 1, 2, 3, &tiers);
    enum mb_rc rc = mb_tiers_quote(&tiers, luaL_checkinteger(L, 4), &quote, &err);
    if (rc == MB_E_LIMIT) {
        lua_pushnil(L);
        lua_pushliteral(L, "amount_too_large");
        return 2;
    }
    if (rc != MB_OK) return luaL_argerror(L, 4, lua_pushstring(L, err.text));
    size_t n = mb_money_write(quote.total, total);
    lua_pushlstring(L, total, n);
    luaL_buffinit(L, &b);
    luaL_addchar(&b, '[');
    for (size_t i = 0; i < tiers.count; i++) add_line(&b, &tiers, i, &quote.line[i]);
    luaL_addchar(&b, ']');
    luaL_pushresult(&b);
    mb_json_make_raw(L);
    return 2;
}

/* tier.nth(included, tiers, n) -> the tier of the n-th slot, 0 = included, and its price */
static int l_nth(lua_State *L)
{
    struct mb_tiers tiers;
    struct mb_err err = {0};
    char text[MB_MONEY_TEXT];
    size_t tier = 0;
    int64_t price = 0;
    read_tiers(L, 0, 1, 2, &tiers);
    if (mb_tiers_nth(&tiers, luaL_checkinteger(L, 3), &tier, &price, &err) != MB_OK)
        return luaL_argerror(L, 3, lua_pushstring(L, err.text));
    size_t n = mb_money_write(price, text);
    lua_pushinteger(L, (lua_Integer)tier);
    lua_pushlstring(L, text, n);
    return 2;
}

int mb_open_tier(lua_State *L)
{
    static const luaL_Reg functions[] = {{"check", l_check}, {"quote", l_quote}, {"nth", l_nth}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
