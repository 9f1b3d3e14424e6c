#include <lauxlib.h>

#include "base/distance.h"
#include "base/line.h"
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
    enum { WORD = sizeof(uint64_t) };
    size_t characters = 0, i = 0;
    *has_control = false;
    while (i < s.len) {
        size_t left = s.len - i, n = left < WORD ? left : WORD;
        if (is_plain(n == WORD ? mb_word_load(s.ptr + i) : mb_word_short(s.ptr + i, n))) {
            characters += n;
            i += n;
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

/* Which characters of ASCII a label of an address has, as bits. Both: letters and digits. Of the name also
 * !#$%&'*+-/=?^_`{|}~ and of the domain the hyphen. */
static const uint64_t of_name[2] = {UINT64_C(0xa3ffacfa00000000), UINT64_C(0x7fffffffc7fffffe)};
static const uint64_t of_domain[2] = {UINT64_C(0x03ff200000000000), UINT64_C(0x07fffffe07fffffe)};

/* The next label of s, which begins at `at`; it is empty or ends before a dot or the end where all is well. */
static struct mb_str label_at(struct mb_str s, size_t at, const uint64_t set[2])
{
    size_t i = at;
    while (i < s.len && (unsigned char)s.ptr[i] < 128 &&
           (set[s.ptr[i] >> 6] >> (s.ptr[i] & 63) & 1))
        i++;
    return (struct mb_str){s.ptr + at, i - at};
}

/* Labels with dots between. */
static bool is_name(struct mb_str s)
{
    size_t at = 0;
    for (;;) {
        size_t n = label_at(s, at, of_name).len;
        at += n;
        if (n == 0 || at == s.len) return n > 0;
        if (s.ptr[at++] != '.') return false;
    }
}

/* Two labels at least, which neither begin nor end with a hyphen; the last begins with a letter and has two. */
static bool is_domain(struct mb_str s)
{
    enum { MAX_LABEL = 63 };
    size_t at = 0;
    for (;;) {
        struct mb_str label = label_at(s, at, of_domain);
        size_t n = label.len;
        if (n == 0 || n > MAX_LABEL || label.ptr[0] == '-' || label.ptr[n - 1] == '-') return false;
        if (at + n == s.len) return at > 0 && n >= 2 && label.ptr[0] > '9';
        at += n + 1;
        if (s.ptr[at - 1] != '.') return false;
    }
}

bool mb_text_is_email(struct mb_str s)
{
    enum { MAX_ADDRESS = 254, MAX_NAME = 64 };
    const char *at = s.len > 0 ? memchr(s.ptr, '@', s.len) : NULL;
    if (at == NULL || s.len > MAX_ADDRESS) return false;
    struct mb_str name = {s.ptr, (size_t)(at - s.ptr)};
    struct mb_str domain = {at + 1, s.len - name.len - 1};
    return name.len <= MAX_NAME && is_name(name) && is_domain(domain);
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

static int clean(lua_State *L, enum mb_line_kind kind)
{
    luaL_Buffer b;
    struct mb_str s;
    size_t len = 0;
    s.ptr = luaL_checklstring(L, 1, &s.len);
    char *out = luaL_buffinitsize(L, &b, MB_LINE_ROOM(s.len));
    enum mb_line_fault fault = mb_line_clean(s, kind, out, &len);
    luaL_pushresultsize(&b, fault == MB_LINE_SOUND ? len : 0);
    if (fault == MB_LINE_SOUND) return 1;
    lua_pushnil(L);
    lua_pushstring(L, mb_line_words(fault));
    return 2;
}

/* text.line(s), text.lines(s) -> the form in which a name, a note is kept (base/line.h), or nil and what is wrong */
static int l_line(lua_State *L) { return clean(L, MB_LINE_ONE); }
static int l_lines(lua_State *L) { return clean(L, MB_LINE_MANY); }

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
                                         {"line", l_line},
                                         {"lines", l_lines},
                                         {"distance", l_distance},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
