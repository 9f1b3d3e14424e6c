#include <lauxlib.h>

#include "base/distance.h"
#include "bind/modules.h"

/* mb.text: what checks of bodies look for in every text, in one pass each. */

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* text.measure(s) -> its characters (bytes, where it is no UTF-8), whether it holds control characters other
 * than tab, line feed and carriage return */
static int l_measure(lua_State *L)
{
    size_t n, characters = 0;
    const char *s = luaL_checklstring(L, 1, &n);
    bool has_control = false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        characters += (c & 0xc0) != 0x80;
        has_control = has_control || is_control(c);
    }
    lua_pushinteger(L, (lua_Integer)characters);
    lua_pushboolean(L, has_control);
    return 2;
}

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words of 1 to most of these marks and letters, with dots between. */
static bool is_dotted(struct mb_str s, const char *marks, size_t most)
{
    size_t length = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_dot = c == '.';
        if (is_dot ? length == 0
                   : !is_word((unsigned char)c) && (c == '\0' || strchr(marks, c) == NULL))
            return false;
        length = is_dot ? 0 : length + 1;
        if (length > most) return false;
    }
    return length > 0;
}

/* Letters, digits and hyphens between; the last label begins with a letter and has two at least. */
static bool is_domain(struct mb_str s)
{
    size_t last = 0;
    bool has_dot = false;
    if (!is_dotted(s, "-", 63)) return false;
    for (size_t i = 0; i < s.len; i++) {
        bool begins = i == 0 || s.ptr[i - 1] == '.', ends = i + 1 == s.len || s.ptr[i + 1] == '.';
        if (s.ptr[i] == '-' && (begins || ends)) return false;
        if (s.ptr[i] != '.') continue;
        has_dot = true;
        last = i + 1;
    }
    char first = s.len > last ? s.ptr[last] : '0';
    return has_dot && s.len - last >= 2 && (first < '0' || first > '9');
}

/* text.is_email(s): an address that mail systems deliver to, without quotes and comments */
static int l_is_email(lua_State *L)
{
    enum { MAX_ADDRESS = 254, MAX_NAME = 64 };
    struct mb_str name, domain;
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n), *at = memchr(s, '@', n);
    name = (struct mb_str){s, at != NULL ? (size_t)(at - s) : 0};
    domain = (struct mb_str){s + name.len + 1, at != NULL ? n - name.len - 1 : 0};
    lua_pushboolean(L, at != NULL && n <= MAX_ADDRESS && name.len <= MAX_NAME &&
                           is_dotted(name, "!#$%&'*+/=?^_`{|}~-", MAX_NAME) && is_domain(domain));
    return 1;
}

/* distance("word", "wrod") -> 2: for "did you mean" */
static int l_distance(lua_State *L)
{
    size_t n, m;
    const char *a = luaL_checklstring(L, 1, &n), *b = luaL_checklstring(L, 2, &m);
    lua_pushinteger(L, (lua_Integer)mb_distance(a, n, b, m));
    return 1;
}

int mb_open_text(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"measure", l_measure}, {"is_email", l_is_email}, {"distance", l_distance}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
