#include <lauxlib.h>

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

/* ---- a quote as JSON: by hand, as formats of printf cost more than all else of it ---- */

static char *put(char *p, struct mb_str s)
{
    memcpy(p, s.ptr, s.len);
    return p + s.len;
}

/* Not below zero. */
static char *put_count(char *p, int64_t v)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put(p, (struct mb_str){digits + n, sizeof digits - n});
}

static char *put_amount(char *p, int64_t amount) { return p + mb_money_write(amount, p); }

static void add_line(luaL_Buffer *b, const struct mb_tiers *t, size_t i, const struct mb_quote_line *line)
{
    enum { MOST_LINE = 160 };
    const struct mb_tier *it = &t->tier[i];
    char *begin = luaL_prepbuffsize(b, MOST_LINE);
    char *p = put(begin, i > 0 ? MB_STR(",{\"first\":") : MB_STR("{\"first\":"));
    p = put_count(p, it->first);
    p = put(p, MB_STR(",\"last\":"));
    p = i + 1 < t->count ? put_count(p, it->last) : put(p, MB_STR("null"));
    p = put(p, MB_STR(",\"slots\":"));
    p = put_count(p, line->slots);
    p = put(p, MB_STR(",\"unitPrice\":\""));
    p = put_amount(p, it->price);
    p = put(p, MB_STR("\",\"amount\":\""));
    p = put_amount(p, line->amount);
    p = put(p, MB_STR("\"}"));
    luaL_addsize(b, (size_t)(p - begin));
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
