#include "base/utf8.h"
#include "bind/json.h"
#include "bind/shape.h"

/*
 * A text of JSON, read along a shape: one pass, nothing between the text and the values of Lua. It goes as deep as
 * the schema does. The names of an object's fields are expected in the order of the last time.
 */

enum { KEPT_SCRATCH = 65536, SLOTS_PER_LEVEL = 2, SLOTS_OF_ONE = 6 };

struct reader {
    lua_State *L;
    struct mb_shape *s;
    int values;
    const char *end;
    const struct mb_json_limits *limits;
    size_t tokens_left;
    unsigned depth_left;
};

/* Every reader takes the place where it begins and returns the place behind, or NULL for what is not sound. */

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

static const char *skip_blank(const struct reader *r, const char *p)
{
    while (p < r->end && is_blank(*p)) p++;
    return p;
}

static const char *take(const struct reader *r, const char *p, char c)
{
    p = skip_blank(r, p);
    return p < r->end && *p == c ? p + 1 : NULL;
}

static const char *take_word(const struct reader *r, const char *p, struct mb_str word)
{
    if (p == r->end || *p != word.ptr[0] || (size_t)(r->end - p) < word.len) return NULL;
    return memcmp(p, word.ptr, word.len) == 0 ? p + word.len : NULL;
}

/* What ends a run of printable ASCII that stands in JSON as it is. */
static uint64_t ends_run(uint64_t word)
{
    return mb_utf8__special(word) | mb_word_equal(word, 0x7f) | (word & MB_WORD_HIGH);
}

/* The closing quote of a string of such characters alone; NULL for others. */
static const char *end_of_plain(const struct reader *r, const char *p)
{
    while (r->end - p >= 8) {
        uint64_t marks = ends_run(mb_word_load_first(p));
        if (marks == 0) {
            p += 8;
            continue;
        }
        p += mb_word_first(marks);
        return *p == '"' ? p : NULL;
    }
    while (p < r->end && *p != '"' && *p != '\\' && *p >= ' ' && *p < 0x7f) p++;
    return p < r->end && *p == '"' ? p : NULL;
}

static const char *pull_string(const struct reader *r, const char *p, struct mb_str *out)
{
    const char *wrong;
    enum mb_rc rc =
        mb_json_pull_string(&p, r->end, r->limits->string_bytes, &r->s->scratch, out, &wrong);
    return rc == MB_OK ? p : NULL;
}

static const char *read_string(const struct reader *r, const char *p, const struct mb_shape_node *n)
{
    struct mb_str s;
    if (*p != '"') return NULL;
    const char *close = end_of_plain(r, p + 1);
    if (close == NULL) {
        p = pull_string(r, p, &s);
        return p != NULL && mb_shape_push_text(r->L, n, s, r->values) ? p : NULL;
    }
    s = (struct mb_str){p + 1, (size_t)(close - p - 1)};
    bool is_sound =
        s.len <= r->limits->string_bytes && mb_shape_push_clean(r->L, n, s, s.len, r->values);
    return is_sound ? close + 1 : NULL;
}

static const char *read_number(const struct reader *r, const char *p, const struct mb_shape_node *n)
{
    struct mb_json_number it;
    const char *wrong;
    if (mb_json_pull_number(&p, r->end, &it, &wrong) != MB_OK) return NULL;
    if (it.is_integer) return mb_shape_push_integer(r->L, n, it.integer, r->values) ? p : NULL;
    char z[64];
    if (n->kind == MB_SHAPE_INTEGER || it.text.len >= sizeof z) return NULL;
    memcpy(z, it.text.ptr, it.text.len);
    z[it.text.len] = '\0';
    if (lua_stringtonumber(r->L, z) == 0) return NULL;
    lua_Number v = lua_tonumber(r->L, -1);
    lua_pop(r->L, 1);
    return mb_shape_push_number(r->L, n, v) ? p : NULL;
}

static const char *read_boolean(const struct reader *r, const char *p)
{
    const char *behind = take_word(r, p, MB_STR("true"));
    lua_pushboolean(r->L, behind != NULL);
    return behind != NULL ? behind : take_word(r, p, MB_STR("false"));
}

static const char *read_scalar(const struct reader *r, const char *p, const struct mb_shape_node *n)
{
    if (*p == '"') return read_string(r, p, n);
    return *p == 't' || *p == 'f' ? read_boolean(r, p) : read_number(r, p, n);
}

static const char *read_value(struct reader *r, const char *p, int node);

/* Behind the comma after which there is more, or at the bracket that ends it all. */
static const char *read_more(const struct reader *r, const char *p, char close, bool *is_more)
{
    p = skip_blank(r, p);
    *is_more = p < r->end && *p == ',';
    if (*is_more) return p + 1;
    return p < r->end && *p == close ? p : NULL;
}

static const char *read_array(struct reader *r, const char *p, const struct mb_shape_node *n)
{
    enum { USUAL = 4 };
    lua_Integer count = 0;
    p = take(r, p, '[');
    if (p == NULL || r->depth_left-- == 0) return NULL;
    lua_createtable(r->L, USUAL, 0);
    lua_rawgeti(r->L, r->values, MB_SHAPE_ARRAYS);
    lua_setmetatable(r->L, -2);
    for (bool is_more = take(r, p, ']') == NULL; is_more;) {
        p = (size_t)count == n->max_items ? NULL : read_value(r, p, n->items);
        if (p == NULL) return NULL;
        lua_rawseti(r->L, -2, ++count);
        p = read_more(r, p, ']', &is_more);
        if (p == NULL) return NULL;
    }
    r->depth_left++;
    return take(r, p, ']');
}

/* The name of a field and its colon; *field is counted from the first. */
static const char *read_name(struct reader *r, const char *p, const struct mb_shape_node *n,
                             int expected, int *field)
{
    const struct mb_shape_field *f = &r->s->field[n->first + expected];
    struct mb_str name;
    p = skip_blank(r, p);
    if (n->nfields == 0 || p == r->end || *p != '"' || r->tokens_left-- == 0) return NULL;
    if (f->is_plain && (size_t)(r->end - p) >= f->name.len + 2 && p[f->name.len + 1] == '"' &&
        memcmp(p + 1, f->name.ptr, f->name.len) == 0) {
        *field = expected;
        p = f->name.len <= r->limits->string_bytes ? p + f->name.len + 2 : NULL;
    } else {
        p = pull_string(r, p, &name);
        *field = p != NULL ? mb_shape_find(r->s, n, name) : -1;
    }
    return p != NULL && *field >= 0 ? take(r, p, ':') : NULL;
}

/* Whether null may stand for this field, which is then at the top of the stack if it is to be handed on. */
static bool push_null(const struct reader *r, const struct mb_shape_node *n,
                      const struct mb_shape_field *f, bool *is_value)
{
    *is_value = n->is_merge;
    if (!n->is_merge) return true;
    mb_json_push_null(r->L);
    return r->s->node[f->node].is_nullable;
}

/* A field that is null is the same as one that is absent, but in a merge patch. */
static const char *read_object(struct reader *r, const char *p, struct mb_shape_node *n)
{
    uint64_t named = 0, has = 0;
    int *order = &n->opening, i;
    p = take(r, p, '{');
    if (p == NULL || r->depth_left-- == 0) return NULL;
    lua_createtable(r->L, 0, n->nfields);
    for (bool is_more = take(r, p, '}') == NULL; is_more;) {
        p = read_name(r, p, n, *order, &i);
        if (p == NULL || (named >> i & 1)) return NULL;
        struct mb_shape_field *f = &r->s->field[n->first + i];
        named |= UINT64_C(1) << i;
        *order = i;
        order = &f->following;
        p = skip_blank(r, p);
        const char *behind_null = take_word(r, p, MB_STR("null"));
        bool is_value = behind_null == NULL;
        lua_rawgeti(r->L, r->values, f->name_at);
        if (is_value)
            p = read_value(r, p, f->node);
        else if (r->tokens_left-- == 0 || !push_null(r, n, f, &is_value))
            p = NULL;
        else
            p = behind_null;
        if (p == NULL) return NULL;
        if (is_value) {
            lua_rawset(r->L, -3);
            has |= UINT64_C(1) << i;
        } else {
            lua_pop(r->L, 1); /* the name */
        }
        p = read_more(r, p, '}', &is_more);
        if (p == NULL) return NULL;
    }
    r->depth_left++;
    bool is_sound = (size_t)__builtin_popcountll(named) <= r->limits->keys &&
                    mb_shape_complete(r->L, r->s, n, has, r->values);
    return is_sound ? take(r, p, '}') : NULL;
}

static const char *skip_value(struct reader *r, const char *p);

/* A key, and its colon. */
static const char *skip_key(struct reader *r, const char *p)
{
    struct mb_str key;
    p = skip_blank(r, p);
    if (p == r->end || *p != '"' || r->tokens_left-- == 0) return NULL;
    p = pull_string(r, p, &key);
    return p != NULL ? take(r, p, ':') : NULL;
}

/* The items or members behind the opening bracket. */
static const char *skip_container(struct reader *r, const char *p, char close)
{
    if (r->depth_left-- == 0) return NULL;
    for (bool is_more = take(r, p, close) == NULL; is_more;) {
        if (close == '}') p = skip_key(r, p);
        if (p != NULL) p = skip_value(r, p);
        if (p != NULL) p = read_more(r, p, close, &is_more);
        if (p == NULL) return NULL;
    }
    r->depth_left++;
    return take(r, p, close);
}

static const char *skip_value(struct reader *r, const char *p)
{
    struct mb_json_number number;
    struct mb_str text;
    const char *wrong;
    p = skip_blank(r, p);
    if (p == r->end || r->tokens_left-- == 0) return NULL;
    switch (*p) {
    case '"': return pull_string(r, p, &text);
    case '{': return skip_container(r, p + 1, '}');
    case '[': return skip_container(r, p + 1, ']');
    case 't': return take_word(r, p, MB_STR("true"));
    case 'f': return take_word(r, p, MB_STR("false"));
    case 'n': return take_word(r, p, MB_STR("null"));
    default: break;
    }
    return mb_json_pull_number(&p, r->end, &number, &wrong) == MB_OK ? p : NULL;
}

/* An object that is handed on as it was sent: sound JSON, though a key may come twice. */
static const char *read_verbatim(struct reader *r, const char *p)
{
    if (*p != '{') return NULL;
    const char *end = skip_container(r, p + 1, '}');
    if (end == NULL) return NULL;
    lua_pushlstring(r->L, p, (size_t)(end - p));
    mb_json_make_raw(r->L);
    return end;
}

static const char *read_value(struct reader *r, const char *p, int node)
{
    struct mb_shape_node *n = &r->s->node[node];
    p = skip_blank(r, p);
    if (p == r->end || r->tokens_left-- == 0) return NULL;
    switch (n->kind) {
    case MB_SHAPE_STRING: return read_string(r, p, n);
    case MB_SHAPE_INTEGER:
    case MB_SHAPE_NUMBER: return read_number(r, p, n);
    case MB_SHAPE_BOOLEAN: return read_boolean(r, p);
    case MB_SHAPE_ARRAY: return read_array(r, p, n);
    case MB_SHAPE_OBJECT:
        return n->format == MB_SHAPE_VERBATIM ? read_verbatim(r, p) : read_object(r, p, n);
    case MB_SHAPE_SCALAR: return read_scalar(r, p, n);
    case MB_SHAPE_ANY: break; /* of answers only */
    }
    return NULL;
}

/* Should Lua run out of memory meanwhile, the scratch is still the shape's. */
bool mb_shape_read(lua_State *L, struct mb_shape *s, struct mb_str text,
                   const struct mb_json_limits *limits, int index)
{
    int top = lua_gettop(L);
    struct reader r = {.L = L,
                       .s = s,
                       .values = lua_absindex(L, index),
                       .end = text.ptr + text.len,
                       .limits = limits,
                       .tokens_left = limits->tokens,
                       .depth_left = limits->depth};
    mb_buf_clear(&s->scratch);
    if (text.len > UINT32_MAX || !lua_checkstack(L, SLOTS_PER_LEVEL * s->levels + SLOTS_OF_ONE))
        return false;
    const char *p = read_value(&r, text.ptr, 0);
    bool is_sound = p != NULL && skip_blank(&r, p) == r.end;
    if (s->scratch.cap > KEPT_SCRATCH) mb_buf_reset(&s->scratch);
    if (!is_sound) lua_settop(L, top);
    return is_sound;
}
