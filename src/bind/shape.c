#include "bind/shape.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "base/line.h"
#include "bind/json.h"
#include "bind/text.h"

/* How a shape is made of a schema, and which values are sound. */

static const char *const kind_words[] = {"string", "integer", "number", "boolean",
                                         "array",  "object",  "any",    "scalar", NULL};
static const char *const format_words[] = {"",     "email", "phone",    "date-time", "decimal",
                                            "line", "text",  "verbatim", NULL};

/* All that a schema may say. The last mean nothing here: mb.schema does what `check` and `one_of` ask, the others
 * describe. */
static const char *const keywords[] = {
    "type",       "format",  "enum",     "minimum",    "maximum",
    "minLength",  "maxLength", "maxItems", "items",    "properties",
    "required",   "default", "nullable", "additionalProperties",
    "check",      "one_of",  "merge",    "title",      "description",
    "example",    NULL};

static const char TYPE[] = "mb.shape";

/* ---- making ---- */

static int shape_gc(lua_State *L)
{
    struct mb_shape *s = lua_touserdata(L, 1);
    mb_buf_reset(&s->scratch);
    for (int i = 0; i < s->nfields; i++) free((char *)(uintptr_t)s->field[i].member.ptr);
    free(s->node);
    free(s->field);
    *s = (struct mb_shape){0};
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
    if (lua_getfield(L, -1, "additionalProperties") == LUA_TTABLE && ok)
        ok = count(L, sum, above + 1);
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
    return ok && here <= MB_SHAPE_MAX_FIELDS;
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

/* Where the word stands in that list, from 1; 0 = nowhere. */
static int place_in(lua_State *L, const char *key, const char *word)
{
    int at = 0;
    if (lua_getfield(L, -1, key) == LUA_TTABLE)
        for (int i = 1, n = (int)lua_rawlen(L, -1); i <= n && at == 0; i++) {
            if (lua_rawgeti(L, -1, i) == LUA_TSTRING && strcmp(lua_tostring(L, -1), word) == 0)
                at = i;
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
    return at;
}

/* Whether a text needs no escape in JSON. */
static bool stands_as_it_is(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == '"' || s.ptr[i] == '\\') return false;
    return mb_utf8_valid(s.ptr, s.len);
}

static int add_node(lua_State *L, struct mb_shape *s, int values);

/* `,"name":`, to be freed. */
static struct mb_str member_of(lua_State *L, struct mb_str name)
{
    struct mb_buf b;
    mb_buf_init(&b, SIZE_MAX / 2);
    if (mb_json_member(&b, false, name.ptr, name.len) != MB_OK) {
        mb_buf_reset(&b);
        (void)luaL_error(L, "the name of a field is not valid UTF-8, or memory ends");
    }
    return mb_buf_str(&b);
}

/* Those that are required come first, as they are listed; then the others by name. */
static int compare_fields(const void *a, const void *b)
{
    const struct mb_shape_field *x = a, *y = b;
    if (x->is_required != y->is_required) return x->is_required ? -1 : 1;
    return x->is_required ? x->following - y->following : strcmp(x->name.ptr, y->name.ptr);
}

/* Notes the names of the table of properties at the top, in order; `following` holds the place among the required
 * until then. The schema stands at `spec`. */
static void order_fields(lua_State *L, struct mb_shape *s, struct mb_shape_node *node, int spec,
                         int values)
{
    node->first = s->nfields;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        struct mb_shape_field *f = &s->field[s->nfields++];
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        f->name.ptr = lua_tolstring(L, -1, &f->name.len);
        f->name_at = keep(L, values);
        lua_pushvalue(L, spec);
        f->following = place_in(L, "required", f->name.ptr);
        f->is_required = f->following > 0;
        lua_pop(L, 1);
    }
    node->nfields = s->nfields - node->first;
    if (node->nfields > 0)
        qsort(&s->field[node->first], (size_t)node->nfields, sizeof *s->field, compare_fields);
}

/* The schema is at the top. */
static void add_fields(lua_State *L, struct mb_shape *s, int self, int values)
{
    struct mb_shape_node *node = &s->node[self];
    int spec = lua_gettop(L);
    lua_getfield(L, spec, "properties");
    order_fields(L, s, node, spec, values);
    for (int i = node->first; i < node->first + node->nfields; i++) {
        struct mb_shape_field *f = &s->field[i];
        f->following = 0;
        f->is_plain = stands_as_it_is(f->name);
        f->member = member_of(L, f->name);
        lua_rawgeti(L, values, f->name_at);
        lua_rawget(L, -2);
        f->node = add_node(L, s, values);
        lua_getfield(L, -1, "default");
        f->default_at = lua_isnil(L, -1) ? (lua_pop(L, 1), 0) : keep(L, values);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int more_of(lua_State *L, struct mb_shape *s, int values)
{
    int type = lua_getfield(L, -1, "additionalProperties"), more = MB_SHAPE_CLOSED;
    if (type == LUA_TTABLE)
        more = add_node(L, s, values);
    else if (lua_toboolean(L, -1))
        more = MB_SHAPE_FREE_VALUES;
    lua_pop(L, 1);
    return more;
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
    lua_getfield(L, -1, "nullable");
    n->is_nullable = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (n->kind == MB_SHAPE_ARRAY) {
        lua_getfield(L, -1, "items");
        n->items = add_node(L, s, values);
        lua_pop(L, 1);
    } else if (n->kind == MB_SHAPE_OBJECT) {
        add_fields(L, s, self, values);
        n->more = more_of(L, s, values);
        lua_getfield(L, -1, "merge");
        n->is_merge = lua_toboolean(L, -1);
        lua_pop(L, 1);
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

/* -?[0-9]+(.[0-9]+)? */
static bool is_decimal(struct mb_str s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-', digits = 0, points = 0;
    for (; i < s.len; i++) {
        bool is_point = s.ptr[i] == '.' && digits > 0 && points++ == 0;
        if (!is_point && (s.ptr[i] < '0' || s.ptr[i] > '9')) return false;
        digits = is_point ? 0 : digits + 1;
    }
    return digits > 0;
}

/* Of `length` characters, without control characters, and not of a form of its own. */
static bool push_clean(lua_State *L, const struct mb_shape_node *n, struct mb_str s, size_t length)
{
    char instant[25];
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
    case MB_SHAPE_DECIMAL:
        if (!is_decimal(s)) return false;
        break;
    default: break;
    }
    lua_pushlstring(L, s.ptr, s.len);
    return true;
}

static bool is_written(const struct mb_shape_node *n)
{
    return n->format == MB_SHAPE_LINE || n->format == MB_SHAPE_TEXT;
}

/* What people write; `length` is that of the form in which it is kept. */
static bool push_written(lua_State *L, const struct mb_shape_node *n, struct mb_str s)
{
    luaL_Buffer b;
    size_t len = 0;
    bool has_control;
    enum mb_line_kind kind = n->format == MB_SHAPE_LINE ? MB_LINE_ONE : MB_LINE_MANY;
    char *out = luaL_buffinitsize(L, &b, MB_LINE_ROOM(s.len));
    if (mb_line_clean(s, kind, out, &len) != MB_LINE_SOUND) return false;
    size_t length = mb_text_measure((struct mb_str){out, len}, &has_control);
    luaL_pushresultsize(&b, len);
    return length >= n->min_length && length <= n->max_length;
}

bool mb_shape_push_clean(lua_State *L, const struct mb_shape_node *n, struct mb_str s,
                         size_t length, int index)
{
    if (n->values != 0) return push_enum(L, n, s, index); /* judged by that alone */
    return is_written(n) ? push_written(L, n, s) : push_clean(L, n, s, length);
}

bool mb_shape_push_text(lua_State *L, const struct mb_shape_node *n, struct mb_str s, int index)
{
    bool has_control;
    size_t length = mb_text_measure(s, &has_control);
    bool is_judged_apart = n->values != 0 || is_written(n);
    return (is_judged_apart || !has_control) && mb_shape_push_clean(L, n, s, length, index);
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

const char *mb_shape_kind_word(enum mb_shape_kind kind)
{
    static const char *const words[] = {"a string",  "an integer", "a number", "true or false",
                                        "a list",    "an object",  "anything",
                                        "a string, a number, true or false"};
    return words[kind];
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
