#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "bind/request.h"
#include "bind/text.h"

/*
 * mb.shape: schemas (mb.schema) compiled for what nearly all requests are, sound ones. A shape says
 * yes and hands the value over, or says no; why not is for mb.schema to find, by the slow way.
 *
 *   shape.body(spec)       a schema that was verified -> f(req), which decodes the body while it checks it: the
 *                          value, which req.body is from now on; nil when there is no body, false when it is
 *                          not sound or req is no request. No f when an object has too many fields
 *   shape.params(spec), shape.query(spec)   the same of these fields, which came as texts; nil when
 *                          they are not sound
 *   shape.text(spec)       f(text), as body of a text; for tests
 */

enum kind { STRING, INTEGER, NUMBER, BOOLEAN, ARRAY, OBJECT };
enum format { FORMAT_NONE, FORMAT_EMAIL, FORMAT_PHONE, FORMAT_INSTANT };

static const char *const kind_words[] = {"string", "integer", "number", "boolean",
                                         "array",  "object",  NULL};
static const char *const format_words[] = {"", "email", "phone", "date-time", NULL};

enum { MAX_FIELDS = 64, MAX_LEVELS = 64, KEPT_SCRATCH = 65536, ROOT = 0 };

struct bound {
    bool is_set, is_integer;
    lua_Integer integer;
    lua_Number number;
};

struct node {
    enum kind kind;
    enum format format;
    struct bound least, most;
    size_t min_length, max_length, max_items;
    int values; /* of an enum: where their set stands in the list of values; 0 = none */
    int items;  /* node */
    int first, nfields;
};

struct field {
    struct mb_str name; /* of the string at name_at */
    int node, name_at;
    int default_at; /* 0 = none */
    bool is_required;
};

/* Its values stand beside it, a list of names, defaults and sets of allowed values. */
struct shape {
    struct mb_buf scratch;
    int nnodes, nfields;
    struct node *node;
    struct field *field;
};

static const char TYPE[] = "mb.shape";

/* ---- making ---- */

static int shape_gc(lua_State *L)
{
    struct shape *s = lua_touserdata(L, 1);
    mb_buf_reset(&s->scratch);
    free(s->node);
    free(s->field);
    s->node = NULL;
    s->field = NULL;
    return 0;
}

/* Counts the nodes and fields of the schema at the top; false when an object has too many. */
static bool count(lua_State *L, int *nodes, int *fields)
{
    bool ok = true;
    int here = 0;
    luaL_checkstack(L, 8, "a schema is nested too deep");
    ++*nodes;
    if (lua_getfield(L, -1, "items") == LUA_TTABLE) ok = count(L, nodes, fields);
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "properties") == LUA_TTABLE) {
        lua_pushnil(L);
        while (ok && lua_next(L, -2) != 0) {
            here++;
            ok = count(L, nodes, fields);
            lua_pop(L, 1);
        }
        if (!ok) lua_pop(L, 1); /* the key */
    }
    lua_pop(L, 1);
    *fields += here;
    return ok && here <= MAX_FIELDS;
}

static struct bound bound_of(lua_State *L, const char *key)
{
    struct bound b = {0};
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

static int word_of(lua_State *L, const char *key, const char *const *words, int otherwise)
{
    int found = otherwise;
    if (lua_getfield(L, -1, key) == LUA_TSTRING)
        for (int i = 0; words[i] != NULL; i++)
            if (strcmp(words[i], lua_tostring(L, -1)) == 0) found = i;
    lua_pop(L, 1);
    return found;
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

static int add_node(lua_State *L, struct shape *s, int values);

/* The schema is at the top. */
static void add_fields(lua_State *L, struct shape *s, int self, int values)
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
        struct field *f = &s->field[at];
        lua_pushvalue(L, -2);
        f->name.ptr = lua_tolstring(L, -1, &f->name.len);
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
static int add_node(lua_State *L, struct shape *s, int values)
{
    int self = s->nnodes++;
    struct node *n = &s->node[self];
    luaL_checkstack(L, 10, "a schema is nested too deep");
    n->kind = (enum kind)word_of(L, "type", kind_words, STRING);
    n->format = (enum format)word_of(L, "format", format_words, FORMAT_NONE);
    n->least = bound_of(L, "minimum");
    n->most = bound_of(L, "maximum");
    n->min_length = length_of(L, "minLength", 0);
    n->max_length = length_of(L, "maxLength", SIZE_MAX);
    n->max_items = length_of(L, "maxItems", SIZE_MAX);
    n->values = keep_enum(L, values);
    if (n->kind == ARRAY) {
        lua_getfield(L, -1, "items");
        n->items = add_node(L, s, values);
        lua_pop(L, 1);
    } else if (n->kind == OBJECT) {
        add_fields(L, s, self, values);
    }
    return self;
}

/* Returns f as a closure: upvalue 1 is the shape, 2 its values. */
static int make(lua_State *L, lua_CFunction f)
{
    int nodes = 0, fields = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!count(L, &nodes, &fields)) return 0;
    lua_settop(L, 1);
    struct shape *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    mb_buf_init(&s->scratch, SIZE_MAX / 2); /* grows with the text, which has a limit */
    luaL_setmetatable(L, TYPE);
    s->node = calloc((size_t)nodes, sizeof *s->node);
    s->field = calloc((size_t)fields + 1, sizeof *s->field);
    if (s->node == NULL || s->field == NULL) return luaL_error(L, "not enough memory");
    lua_newtable(L);
    lua_pushvalue(L, 1);
    (void)add_node(L, s, 3);
    lua_settop(L, 3);
    lua_pushcclosure(L, f, 2);
    return 1;
}

/* ---- values ---- */

static bool is_within(const struct node *n, bool is_integer, lua_Integer i, lua_Number v)
{
    const struct bound *least = &n->least, *most = &n->most;
    bool is_low =
        least->is_set && (is_integer && least->is_integer ? i < least->integer : v < least->number);
    bool is_high =
        most->is_set && (is_integer && most->is_integer ? i > most->integer : v > most->number);
    return !is_low && !is_high;
}

/* Whether the value at the top is one of the enum; leaves it there. */
static bool is_allowed(lua_State *L, const struct node *n, int values)
{
    lua_rawgeti(L, values, n->values);
    lua_pushvalue(L, -2);
    bool is = lua_rawget(L, -2) == LUA_TBOOLEAN;
    lua_pop(L, 2);
    return is;
}

/* Pushes the text in the form in which it is handed on, when it is sound; else it may be left or not. */
static bool push_text(lua_State *L, const struct node *n, struct mb_str s, int values)
{
    char instant[25];
    bool has_control;
    if (n->kind != STRING) return false;
    if (n->values != 0) {
        lua_pushlstring(L, s.ptr, s.len);
        return is_allowed(L, n, values);
    }
    size_t length = mb_text_measure(s, &has_control);
    if (length < n->min_length || length > n->max_length || has_control) return false;
    switch (n->format) {
    case FORMAT_EMAIL:
        if (!mb_text_is_email(s)) return false;
        break;
    case FORMAT_PHONE:
        if (!mb_text_is_phone(s)) return false;
        break;
    case FORMAT_INSTANT:
        if (!mb_text_instant(s, instant)) return false;
        s = mb_str_z(instant);
        break;
    case FORMAT_NONE: break;
    }
    lua_pushlstring(L, s.ptr, s.len);
    return true;
}

/* As push_text. */
static bool push_integer(lua_State *L, const struct node *n, lua_Integer i, int values)
{
    if (n->kind != INTEGER && n->kind != NUMBER) return false;
    lua_pushinteger(L, i);
    return n->values != 0 ? is_allowed(L, n, values) : is_within(n, true, i, (lua_Number)i);
}

static const struct field *find_field(const struct shape *s, const struct node *n,
                                      struct mb_str name)
{
    for (int i = n->first; i < n->first + n->nfields; i++)
        if (mb_str_eq(s->field[i].name, name)) return &s->field[i];
    return NULL;
}

static bool has_required(const struct shape *s, const struct node *n, uint64_t seen)
{
    for (int i = 0; i < n->nfields; i++)
        if (s->field[n->first + i].is_required && !(seen >> i & 1)) return false;
    return true;
}

/* Gives the table at the top the defaults of fields that are not among `seen`. */
static void complete(lua_State *L, const struct shape *s, const struct node *n, uint64_t seen,
                     int values)
{
    for (int i = 0; i < n->nfields; i++) {
        const struct field *f = &s->field[n->first + i];
        if (f->default_at == 0 || seen >> i & 1) continue;
        lua_rawgeti(L, values, f->name_at);
        lua_rawgeti(L, values, f->default_at);
        lua_rawset(L, -3);
    }
}

/* ---- reading a body ---- */

/* Open containers stand on the Lua stack; in an object, a key above its table. */
struct reader {
    lua_State *L;
    const struct shape *s;
    int values;
    int depth;
    struct {
        const struct node *node;
        const struct node *next; /* of the value that comes */
        uint64_t seen;
        lua_Integer n;
    } level[MAX_LEVELS];
};

/* What does not fit ends the reading; the text is then read again for the reason. */
static enum mb_rc put(struct reader *r, bool is_sound)
{
    if (!is_sound) return MB_E_INVALID;
    if (r->depth == 0) return MB_OK;
    if (r->level[r->depth - 1].node->kind == ARRAY)
        lua_rawseti(r->L, -2, ++r->level[r->depth - 1].n);
    else
        lua_rawset(r->L, -3);
    return MB_OK;
}

static const struct node *next_node(const struct reader *r)
{
    return r->depth == 0 ? &r->s->node[ROOT] : r->level[r->depth - 1].next;
}

/* Null is the same as absent; but not in a list. */
static enum mb_rc on_null(void *ctx)
{
    struct reader *r = ctx;
    if (r->depth == 0 || r->level[r->depth - 1].node->kind == ARRAY) return MB_E_INVALID;
    lua_pop(r->L, 1);
    r->level[r->depth - 1].seen &= ~(UINT64_C(1) << r->level[r->depth - 1].n);
    return MB_OK;
}

static enum mb_rc on_boolean(void *ctx, bool v)
{
    struct reader *r = ctx;
    lua_pushboolean(r->L, v);
    return put(r, next_node(r)->kind == BOOLEAN);
}

static enum mb_rc on_number(void *ctx, struct mb_str text, bool is_int, int64_t i)
{
    struct reader *r = ctx;
    const struct node *n = next_node(r);
    char z[64];
    if (is_int) return put(r, push_integer(r->L, n, i, r->values));
    if (n->kind != NUMBER || text.len >= sizeof z) return MB_E_INVALID;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    if (lua_stringtonumber(r->L, z) == 0) return MB_E_INVALID;
    lua_Number v = lua_tonumber(r->L, -1);
    return put(r, isfinite(v) && is_within(n, false, 0, v));
}

static enum mb_rc on_string(void *ctx, struct mb_str s)
{
    struct reader *r = ctx;
    return put(r, push_text(r->L, next_node(r), s, r->values));
}

static enum mb_rc on_key(void *ctx, struct mb_str name)
{
    struct reader *r = ctx;
    const struct node *n = r->level[r->depth - 1].node;
    const struct field *f = find_field(r->s, n, name);
    if (f == NULL) return MB_E_INVALID;
    r->level[r->depth - 1].next = &r->s->node[f->node];
    r->level[r->depth - 1].n = f - &r->s->field[n->first];
    r->level[r->depth - 1].seen |= UINT64_C(1) << r->level[r->depth - 1].n;
    lua_rawgeti(r->L, r->values, f->name_at);
    return MB_OK;
}

static enum mb_rc begin(struct reader *r, enum kind kind)
{
    const struct node *n = next_node(r);
    if (n->kind != kind || r->depth == MAX_LEVELS || !lua_checkstack(r->L, 8)) return MB_E_INVALID;
    if (kind == ARRAY)
        mb_json_push_array(r->L);
    else
        lua_createtable(r->L, 0, n->nfields);
    r->level[r->depth].node = n;
    r->level[r->depth].next = &r->s->node[n->items];
    r->level[r->depth].seen = 0;
    r->level[r->depth++].n = 0;
    return MB_OK;
}

static enum mb_rc on_begin_object(void *ctx) { return begin(ctx, OBJECT); }
static enum mb_rc on_begin_array(void *ctx) { return begin(ctx, ARRAY); }

static enum mb_rc on_end_object(void *ctx)
{
    struct reader *r = ctx;
    const struct node *n = r->level[r->depth - 1].node;
    uint64_t seen = r->level[r->depth - 1].seen;
    complete(r->L, r->s, n, seen, r->values);
    r->depth--;
    return put(r, has_required(r->s, n, seen));
}

static enum mb_rc on_end_array(void *ctx)
{
    struct reader *r = ctx;
    bool fits = (size_t)r->level[r->depth - 1].n <= r->level[r->depth - 1].node->max_items;
    r->depth--;
    return put(r, fits);
}

/* Pushes the value of a text; false, and nothing, when it is not sound. Should Lua run out of memory
 * meanwhile, the scratch is still the shape's. */
static bool read_text(lua_State *L, struct shape *s, struct mb_str text, int values)
{
    static const struct mb_json_sink sink = {on_null,       on_boolean,     on_number,
                                             on_string,     on_key,         on_begin_object,
                                             on_end_object, on_begin_array, on_end_array};
    struct reader r;
    r.L = L;
    r.s = s;
    r.values = values;
    r.depth = 0;
    int top = lua_gettop(L);
    enum mb_rc rc =
        mb_json_read(text, &mb_vm_plan(mb_vm_of(L))->limits.json, &sink, &r, &s->scratch, NULL);
    if (s->scratch.cap > KEPT_SCRATCH) mb_buf_reset(&s->scratch);
    if (rc != MB_OK) lua_settop(L, top);
    return rc == MB_OK;
}

enum { AT_SHAPE = lua_upvalueindex(1), AT_VALUES = lua_upvalueindex(2) };

static int f_body(lua_State *L)
{
    struct mb_str text;
    lua_settop(L, 1);
    if (!mb_request_text(L, 1, &text)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (text.len == 0) return 0;
    if (!read_text(L, lua_touserdata(L, AT_SHAPE), text, AT_VALUES)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    lua_pushvalue(L, -1);
    mb_request_set(L, 1, "body");
    return 1;
}

static int f_text(lua_State *L)
{
    struct mb_str text;
    text.ptr = luaL_checklstring(L, 1, &text.len);
    return read_text(L, lua_touserdata(L, AT_SHAPE), text, AT_VALUES);
}

/* ---- fields that came as texts ---- */

/* As push_text, for one field. */
static bool push_field(lua_State *L, const struct node *n, struct mb_str s, int values)
{
    enum { MAX_DIGITS = 18 };
    switch (n->kind) {
    case STRING: return push_text(L, n, s, values);
    case BOOLEAN:
        lua_pushboolean(L, mb_str_eq(s, MB_STR("true")));
        return lua_toboolean(L, -1) || mb_str_eq(s, MB_STR("false"));
    case INTEGER: break;
    default: return false;
    }
    size_t sign = s.len > 0 && s.ptr[0] == '-';
    lua_Integer v = 0;
    if (s.len == sign || s.len > MAX_DIGITS) return false;
    for (size_t i = sign; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    return push_integer(L, n, sign ? -v : v, values);
}

struct taker {
    lua_State *L;
    const struct shape *s;
    int values, made;
    uint64_t seen;
};

/* A name that comes twice is not sound. */
static bool take_field(void *ctx, struct mb_str name, struct mb_str value)
{
    struct taker *t = ctx;
    const struct node *root = &t->s->node[ROOT];
    const struct field *f = find_field(t->s, root, name);
    uint64_t bit = f != NULL ? UINT64_C(1) << (f - &t->s->field[root->first]) : 0;
    if (f == NULL || t->seen & bit) return false;
    t->seen |= bit;
    lua_rawgeti(t->L, t->values, f->name_at);
    if (!push_field(t->L, &t->s->node[f->node], value, t->values)) return false;
    lua_rawset(t->L, t->made);
    return true;
}

typedef bool (*walk_fn)(lua_State *L, int index, mb_request_see see, void *ctx);

static int take(lua_State *L, walk_fn walk, const char *field)
{
    const struct shape *s = lua_touserdata(L, AT_SHAPE);
    const struct node *root = &s->node[ROOT];
    lua_settop(L, 1);
    lua_createtable(L, 0, root->nfields);
    struct taker t = {.L = L, .s = s, .values = AT_VALUES, .made = 2};
    if (!walk(L, 1, take_field, &t) || !has_required(s, root, t.seen)) return 0;
    complete(L, s, root, t.seen, AT_VALUES);
    lua_pushvalue(L, 2);
    mb_request_set(L, 1, field);
    return 1;
}

static int f_params(lua_State *L) { return take(L, mb_request_params, "params"); }
static int f_query(lua_State *L) { return take(L, mb_request_query, "query"); }

static int l_body(lua_State *L) { return make(L, f_body); }
static int l_text(lua_State *L) { return make(L, f_text); }
static int l_params(lua_State *L) { return make(L, f_params); }
static int l_query(lua_State *L) { return make(L, f_query); }

int mb_open_shape(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"body", l_body}, {"text", l_text}, {"params", l_params}, {"query", l_query}, {NULL, NULL}};
    luaL_newmetatable(L, TYPE);
    lua_pushcfunction(L, shape_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    luaL_newlib(L, functions);
    return 1;
}
