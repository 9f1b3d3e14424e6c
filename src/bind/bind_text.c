#include <lauxlib.h>

#include "base/distance.h"
#include "base/word.h"
#include "bind/modules.h"
#include "bind/text.h"

/* mb.text: what checks of bodies look for in every text, in one pass each. */

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* Eight characters of ASCII without control characters. */
static bool is_plain(uint64_t word)
{
    return ((word & MB_WORD_HIGH) | mb_word_below(word, ' ') | mb_word_equal(word, 0x7f)) == 0;
}

size_t mb_text_measure(struct mb_str s, bool *has_control)
{
    size_t characters = 0, i = 0;
    *has_control = false;
    while (i < s.len) {
        if (s.len - i >= sizeof(uint64_t) && is_plain(mb_word_load(s.ptr + i))) {
            characters += sizeof(uint64_t);
            i += sizeof(uint64_t);
            continue;
        }
        unsigned char c = (unsigned char)s.ptr[i++];
        characters += (c & 0xc0) != 0x80;
        *has_control = *has_control || is_control(c);
    }
    return characters;
}

/* text.measure(s) -> its characters, whether it holds control characters */
static int l_measure(lua_State *L)
{
    struct mb_str s;
    bool has_control;
    s.ptr = luaL_checklstring(L, 1, &s.len);
    lua_pushinteger(L, (lua_Integer)mb_text_measure(s, &has_control));
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

bool mb_text_is_email(struct mb_str s)
{
    enum { MAX_ADDRESS = 254, MAX_NAME = 64 };
    const char *at = s.len > 0 ? memchr(s.ptr, '@', s.len) : NULL;
    if (at == NULL || s.len > MAX_ADDRESS) return false;
    struct mb_str name = {s.ptr, (size_t)(at - s.ptr)};
    struct mb_str domain = {at + 1, s.len - name.len - 1};
    return name.len <= MAX_NAME && is_dotted(name, "!#$%&'*+/=?^_`{|}~-", MAX_NAME) &&
           is_domain(domain);
}

bool mb_text_is_phone(struct mb_str s)
{
    enum { LEAST = 8, MOST = 16 }; /* with the plus sign */
    if (s.len < LEAST || s.len > MOST || s.ptr[0] != '+' || s.ptr[1] == '0') return false;
    for (size_t i = 1; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
    return true;
}

static int judge(lua_State *L, bool (*is)(struct mb_str s))
{
    struct mb_str s;
    s.ptr = luaL_checklstring(L, 1, &s.len);
    lua_pushboolean(L, is(s));
    return 1;
}

/* text.is_email(s), text.is_phone(s) */
static int l_is_email(lua_State *L) { return judge(L, mb_text_is_email); }
static int l_is_phone(lua_State *L) { return judge(L, mb_text_is_phone); }

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
    static const luaL_Reg functions[] = {{"measure", l_measure},
                                         {"is_email", l_is_email},
                                         {"is_phone", l_is_phone},
                                         {"distance", l_distance},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
