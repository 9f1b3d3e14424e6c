#include "bind/shape.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "bind/json.h"
#include "bind/text.h"

/* How a shape is made of a schema, and which values are sound. */

static const char *const kind_words[] = {"string", "integer", "number", "boolean",
                                         "array",  "object",  NULL};
static const char *const format_words[] = {"", "email", "phone", "date-time", NULL};

/* All that a schema may say. The last three mean nothing here: mb.schema does what `check` asks, the others describe. */
static const char *const keywords[] = {
    "type",      "format",   "enum",  "minimum",    "maximum",  "minLength",
    "maxLength", "maxItems", "items", "properties", "required", "default",
    "check",     "title",    "description", NULL};

enum { MAX_FIELDS = 64 };

static const char TYPE[] = "mb.shape";

/* ---- making ---- */

static int shape_gc(lua_State *L)
{
    struct mb_shape *s = lua_touserdata(L, 1);
    mb_buf_reset(&s->scratch);
    free(s->node);
    free(s->field);
    s->node = NULL;
    s->field = NULL;
    return 0;
}

/* Counts nodes, fields and levels of the schema at the top, which stands below `above` others; false when an object
 * has too many fields. */
static bool count(lua_State *L, struct mb_shape *sum, int above)
{
    bool ok = true;
    int here = 0;
    luaL_checkstack(L, 8, "a schema is nested too deep");
    sum->nnodes++;
    if (above >= sum->levels) sum->levels = above + 1;
    if (lua_getfield(L, -1, "items") == LUA_TTABLE) ok = count(L, sum, above + 1);
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "properties") == LUA_TTABLE) {
        lua_pushnil(L);
        while (ok && lua_next(L, -2) != 0) {
            here++;
            ok = count(L, sum, above + 1);
            lua_pop(L, 1);
        }
        if (!ok) lua_pop(L, 1); /* the key */
    }
    lua_pop(L, 1);
    sum->nfields += here;
    return ok && here <= MAX_FIELDS;
}

static struct mb_shape_bound bound_of(lua_State *L, const char *key)
{
    struct mb_shape_bound b = {0};
    lua_getfield(L, -1, key);
    if (lua_type(L, -1) == LUA_TNUMBER) {
        b.is_set = true;
        b.is_integer = lua_isinteger(L, -1);
        b.integer = lua_tointeger(L, -1);
        b.number = lua_tonumber(L, -1);
    }
    lua_pop(L, 1);
    return b;
}

static size_t length_of(lua_State *L, const char *key, size_t otherwise)
{
    lua_getfield(L, -1, key);
    size_t n = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0 ? (size_t)lua_tointeger(L, -1)
                                                                 : otherwise;
    lua_pop(L, 1);
    return n;
}

/* -1 = it is none of them. */
static int find_word(const char *word, const char *const *words)
{
    int i = 0;
    while (words[i] != NULL && strcmp(words[i], word) != 0) i++;
    return words[i] != NULL ? i : -1;
}

static int word_of(lua_State *L, const char *key, const char *const *words)
{
    lua_getfield(L, -1, key);
    const char *word = lua_isnil(L, -1) ? "" : lua_tostring(L, -1);
    int found = word != NULL ? find_word(word, words) : -1;
    if (found < 0) (void)luaL_error(L, "mb.shape: unknown %s '%s' in a schema", key, word);
    lua_pop(L, 1);
    return found;
}

/* A word that is passed over would ask for something that no request is held to. */
static void refuse_unknown(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        bool is_known =
            lua_type(L, -1) == LUA_TSTRING && find_word(lua_tostring(L, -1), keywords) >= 0;
        if (!is_known)
            (void)luaL_error(L, "mb.shape: unknown keyword '%s' in a schema",
                             luaL_tolstring(L, -1, NULL));
    }
}

/* Appends the value at the top to the list of values; pops it. */
static int keep(lua_State *L, int values)
{
    int at = (int)lua_rawlen(L, values) + 1;
    lua_rawseti(L, values, at);
    return at;
}

/* { "a", "b" } of an enum as a set. */
static int keep_enum(lua_State *L, int values)
{
    int at = 0;
    if (lua_getfield(L, -1, "enum") == LUA_TTABLE) {
        lua_newtable(L);
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -2); i <= n; i++) {
            lua_rawgeti(L, -2, i);
            lua_pushboolean(L, 1);
            lua_rawset(L, -3);
        }
        at = keep(L, values);
    }
    lua_pop(L, 1);
    return at;
}

static bool is_listed(lua_State *L, const char *key, const char *word)
{
    bool is = false;
    if (lua_getfield(L, -1, key) == LUA_TTABLE)
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n && !is; i++) {
            is = lua_rawgeti(L, -1, i) == LUA_TSTRING && strcmp(lua_tostring(L, -1), word) == 0;
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
    return is;
}

/* Whether a text needs no escape in JSON. */
static bool stands_as_it_is(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == '"' || s.ptr[i] == '\\') return false;
    return mb_utf8_valid(s.ptr, s.len);
}

static int add_node(lua_State *L, struct mb_shape *s, int values);

/* The schema is at the top. */
static void add_fields(lua_State *L, struct mb_shape *s, int self, int values)
{
    int spec = lua_gettop(L), n = 0;
    lua_getfield(L, spec, "properties");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        n++;
        lua_pop(L, 1);
    }
    int at = s->nfields;
    s->nfields += n;
    s->node[self].first = at;
    s->node[self].nfields = n;
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; at++) {
        struct mb_shape_field *f = &s->field[at];
        lua_pushvalue(L, -2);
        f->name.ptr = lua_tolstring(L, -1, &f->name.len);
        f->is_plain = stands_as_it_is(f->name);
        f->name_at = keep(L, values);
        f->node = add_node(L, s, values);
        lua_getfield(L, -1, "default");
        f->default_at = lua_isnil(L, -1) ? (lua_pop(L, 1), 0) : keep(L, values);
        lua_pushvalue(L, spec);
        f->is_required = is_listed(L, "required", f->name.ptr);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

/* The schema is at the top. Returns its number. */
static int add_node(lua_State *L, struct mb_shape *s, int values)
{
    int self = s->nnodes++;
    struct mb_shape_node *n = &s->node[self];
    luaL_checkstack(L, 10, "a schema is nested too deep");
    refuse_unknown(L);
    n->kind = (enum mb_shape_kind)word_of(L, "type", kind_words);
    n->format = (enum mb_shape_format)word_of(L, "format", format_words);
    n->least = bound_of(L, "minimum");
    n->most = bound_of(L, "maximum");
    n->min_length = length_of(L, "minLength", 0);
    n->max_length = length_of(L, "maxLength", SIZE_MAX);
    n->max_items = length_of(L, "maxItems", SIZE_MAX);
    n->values = keep_enum(L, values);
    if (n->kind == MB_SHAPE_ARRAY) {
        lua_getfield(L, -1, "items");
        n->items = add_node(L, s, values);
        lua_pop(L, 1);
    } else if (n->kind == MB_SHAPE_OBJECT) {
        add_fields(L, s, self, values);
    }
    return self;
}

bool mb_shape_push(lua_State *L, int index)
{
    struct mb_shape sum = {0};
    int top = lua_gettop(L), schema = lua_absindex(L, index);
    lua_pushvalue(L, schema);
    bool fits = count(L, &sum, 0);
    lua_settop(L, top);
    if (!fits) return false;
    struct mb_shape *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (struct mb_shape){.levels = sum.levels};
    mb_buf_init(&s->scratch, SIZE_MAX / 2); /* grows with the text, which has a limit */
    luaL_setmetatable(L, TYPE);
    s->node = calloc((size_t)sum.nnodes, sizeof *s->node);
    s->field = calloc((size_t)sum.nfields + 1, sizeof *s->field);
    if (s->node == NULL || s->field == NULL) (void)luaL_error(L, "not enough memory");
    lua_newtable(L);
    mb_json_push_array(L);
    (void)lua_getmetatable(L, -1);
    lua_remove(L, -2);
    lua_rawseti(L, -2, MB_SHAPE_ARRAYS);
    lua_pushvalue(L, schema);
    (void)add_node(L, s, lua_gettop(L) - 1);
    lua_pop(L, 1);
    return true;
}

void mb_shape_register(lua_State *L)
{
    luaL_newmetatable(L, TYPE);
    lua_pushcfunction(L, shape_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* ---- values ---- */

static bool is_within(const struct mb_shape_node *n, bool is_integer, lua_Integer i, lua_Number v)
{
    const struct mb_shape_bound *least = &n->least, *most = &n->most;
    bool is_low =
        least->is_set && (is_integer && least->is_integer ? i < least->integer : v < least->number);
    bool is_high =
        most->is_set && (is_integer && most->is_integer ? i > most->integer : v > most->number);
    return !is_low && !is_high;
}

/* Whether the value at the top is one of the enum; leaves it there. */
static bool is_allowed(lua_State *L, const struct mb_shape_node *n, int index)
{
    lua_rawgeti(L, index, n->values);
    lua_pushvalue(L, -2);
    bool is = lua_rawget(L, -2) == LUA_TBOOLEAN;
    lua_pop(L, 2);
    return is;
}

static bool push_enum(lua_State *L, const struct mb_shape_node *n, struct mb_str s, int index)
{
    lua_pushlstring(L, s.ptr, s.len);
    return is_allowed(L, n, index);
}

bool mb_shape_push_clean(lua_State *L, const struct mb_shape_node *n, struct mb_str s,
                         size_t length, int index)
{
    char instant[25];
    if (n->values != 0) return push_enum(L, n, s, index);
    if (length < n->min_length || length > n->max_length) return false;
    switch (n->format) {
    case MB_SHAPE_EMAIL:
        if (!mb_text_is_email(s)) return false;
        break;
    case MB_SHAPE_PHONE:
        if (!mb_text_is_phone(s)) return false;
        break;
    case MB_SHAPE_INSTANT:
        if (!mb_text_instant(s, instant)) return false;
        s = mb_str_z(instant);
        break;
    case MB_SHAPE_FREE: break;
    }
    lua_pushlstring(L, s.ptr, s.len);
    return true;
}

bool mb_shape_push_text(lua_State *L, const struct mb_shape_node *n, struct mb_str s, int index)
{
    bool has_control;
    if (n->values != 0) return push_enum(L, n, s, index); /* judged by that alone */
    size_t length = mb_text_measure(s, &has_control);
    return !has_control && mb_shape_push_clean(L, n, s, length, index);
}

bool mb_shape_push_integer(lua_State *L, const struct mb_shape_node *n, lua_Integer i, int index)
{
    lua_pushinteger(L, i);
    return n->values != 0 ? is_allowed(L, n, index) : is_within(n, true, i, (lua_Number)i);
}

bool mb_shape_push_number(lua_State *L, const struct mb_shape_node *n, lua_Number v)
{
    lua_pushnumber(L, v);
    return is_within(n, false, 0, v);
}

int mb_shape_find(const struct mb_shape *s, const struct mb_shape_node *n, struct mb_str name)
{
    for (int i = 0; i < n->nfields; i++)
        if (mb_str_eq(s->field[n->first + i].name, name)) return i;
    return -1;
}

bool mb_shape_complete(lua_State *L, const struct mb_shape *s, const struct mb_shape_node *n,
                       uint64_t has, int index)
{
    for (int i = 0; i < n->nfields; i++) {
        const struct mb_shape_field *f = &s->field[n->first + i];
        if (has >> i & 1) continue;
        if (f->is_required) return false;
        if (f->default_at == 0) continue;
        lua_rawgeti(L, index, f->name_at);
        lua_rawgeti(L, index, f->default_at);
        lua_rawset(L, -3);
    }
    return true;
}
