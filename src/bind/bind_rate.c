#include <lauxlib.h>

#include "base/clock.h"
#include "bind/modules.h"
#include "bind/rates.h"
#include "net/peer.h"

/*
 * mb.rate: counters of the machine (rates.h) for scripts. A counter is found by the name of what is counted
 * and a key, such as who does it.
 *
 *   take(name, key, most, window) -> is_taken, count, left   counts one unless `most` are counted
 *   look(name, key) -> count, left
 *   give(name, key)                                          one of them did not happen after all
 *   clear(name, key)
 *   network(address) -> key                                  one client: an IPv4 address, a /64 of IPv6
 *
 * window, left: milliseconds. While scripts load there is nothing to count.
 */

struct at {
    struct mb_rates *rates;
    uint64_t id, now_ms;
};

static struct mb_str text_at(lua_State *L, int index)
{
    struct mb_str s;
    s.ptr = luaL_checklstring(L, index, &s.len);
    return s;
}

static struct at find(lua_State *L)
{
    struct mb_str name = text_at(L, 1), key = text_at(L, 2);
    const struct mb_vm *vm = mb_vm_of(L);
    struct mb_rates *rates = mb_vm_plan(vm)->rates;
    if (rates == NULL || !mb_vm_is_built(vm))
        luaL_error(L, "there are counters only where requests and jobs run");
    return (struct at){rates, mb_rates_id(rates, name, key), mb_mono_ns() / 1000000u};
}

static int push_rate(lua_State *L, const struct mb_rate *rate)
{
    lua_pushinteger(L, (lua_Integer)rate->count);
    lua_pushinteger(L, (lua_Integer)rate->left_ms);
    return 2;
}

static int l_take(lua_State *L)
{
    lua_Integer most = luaL_checkinteger(L, 3), window = luaL_checkinteger(L, 4);
    luaL_argcheck(L, most >= 0 && most <= MB_RATE_MOST, 3, "a count from 0 to 1000000");
    luaL_argcheck(L, window > 0 && window <= INT64_C(1) << 40, 4, "milliseconds over 0");
    struct at at = find(L);
    const struct mb_rate_limit limit = {(uint32_t)most, (uint64_t)window};
    struct mb_rate rate;
    lua_pushboolean(L, mb_rates_take(at.rates, at.id, at.now_ms, &limit, &rate));
    return 1 + push_rate(L, &rate);
}

static int l_look(lua_State *L)
{
    struct at at = find(L);
    struct mb_rate rate = mb_rates_look(at.rates, at.id, at.now_ms);
    return push_rate(L, &rate);
}

static int l_give(lua_State *L)
{
    struct at at = find(L);
    mb_rates_give(at.rates, at.id, at.now_ms);
    return 0;
}

static int l_clear(lua_State *L)
{
    struct at at = find(L);
    mb_rates_clear(at.rates, at.id);
    return 0;
}

/* Who has one address of a /64 has all of them. */
static int l_network(lua_State *L)
{
    enum { OF_NETWORK = 8 };
    struct mb_addr address;
    char text[MB_ADDR_TEXT];
    luaL_argcheck(L, mb_addr_parse(text_at(L, 1), &address), 1, "an address");
    bool is_v4 = mb_addr_is_v4(&address);
    if (!is_v4) memset(address.bytes + OF_NETWORK, 0, sizeof address.bytes - OF_NETWORK);
    mb_addr_text(&address, text);
    lua_pushfstring(L, is_v4 ? "%s" : "%s/64", text);
    return 1;
}

int mb_open_rate(lua_State *L)
{
    static const luaL_Reg functions[] = {{"take", l_take},       {"look", l_look},
                                         {"give", l_give},       {"clear", l_clear},
                                         {"network", l_network}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
