#include <lauxlib.h>
#include <stdio.h>

#include "bind/shape.h"
#include "bind/text.h"

/*
 * A text of JSON held to its shape. The text is what is sent, whatever made it: tables, rows, json.raw or a function
 * of the database. So this is for tests, for development and for first answers, and need not be quick.
 */

enum { MAX_LEVELS = 64, KEPT_SCRATCH = 65536 };

struct level {
    const struct mb_shape_node *node; /* NULL = any value stands here */
    uint64_t has;                     /* fields seen */
    int last;                         /* the field that came last; -1 = none yet */
    int next;                         /* node of the value to come; -1 = any value */
};

struct holder {
    lua_State *L;
    const struct mb_shape *s;
    int values;
    int depth;
    struct level level[MAX_LEVELS];
    char wrong[128];
};

static enum mb_rc refuse(struct holder *h, const char *what, const char *name)
{
    (void)snprintf(h->wrong, sizeof h->wrong, "%s%s", what, name);
    return MB_E_JSON;
}

/* *n: the node of the value that comes now; NULL = any. What is wrong with its key is told here, where the reader
 * knows the key's place. */
static enum mb_rc expect(const struct holder *h, const struct mb_shape_node **n)
{
    int node = 0;
    if (h->depth > 0) node = h->level[h->depth - 1].next;
    *n = node < 0 || h->s->node[node].kind == MB_SHAPE_ANY ? NULL : &h->s->node[node];
    return h->wrong[0] == '\0' ? MB_OK : MB_E_JSON;
}

/* Judges what stands at the top of the stack now, and takes it away. */
static enum mb_rc judge(struct holder *h, bool is_sound, const char *what)
{
    lua_settop(h->L, h->values);
    return is_sound ? MB_OK : refuse(h, what, "");
}

static enum mb_rc on_null(void *ctx)
{
    struct holder *h = ctx;
    const struct mb_shape_node *n;
    enum mb_rc rc = expect(h, &n);
    if (rc != MB_OK || n == NULL || n->is_nullable) return rc;
    return refuse(h, "is null, which its schema does not allow", "");
}

static enum mb_rc is_kind(struct holder *h, const struct mb_shape_node *n, enum mb_shape_kind kind)
{
    return n->kind == kind ? MB_OK : refuse(h, "is not ", mb_shape_kind_word(n->kind));
}

static enum mb_rc on_boolean(void *ctx, bool v)
{
    struct holder *h = ctx;
    const struct mb_shape_node *n;
    enum mb_rc rc = expect(h, &n);
    (void)v;
    return rc != MB_OK || n == NULL ? rc : is_kind(h, n, MB_SHAPE_BOOLEAN);
}

static bool is_exact(struct mb_str text, bool is_int, int64_t i)
{
    static const int64_t most = (INT64_C(1) << 53) - 1;
    if (is_int) return i <= most && i >= -most;
    for (size_t k = 0; k < text.len; k++)
        if (strchr(".eE", text.ptr[k])) return true;
    return false;
}

static enum mb_rc on_number(void *ctx, struct mb_str text, bool is_int, int64_t i)
{
    struct holder *h = ctx;
    const struct mb_shape_node *n;
    enum mb_rc rc = expect(h, &n);
    if (rc == MB_OK && !is_exact(text, is_int, i))
        return refuse(h, "is over 2^53, which most readers round: send it as a text", "");
    if (rc != MB_OK || n == NULL) return rc;
    if (is_int && (n->kind == MB_SHAPE_INTEGER || n->kind == MB_SHAPE_NUMBER))
        return judge(h, mb_shape_push_integer(h->L, n, i, h->values),
                     "is outside minimum and maximum, or not in enum");
    rc = is_kind(h, n, MB_SHAPE_NUMBER);
    if (rc != MB_OK) return rc;
    lua_pushlstring(h->L, text.ptr, text.len);
    return judge(h, mb_shape_push_number(h->L, n, lua_tonumber(h->L, -1)),
                 "is outside minimum and maximum");
}

static enum mb_rc on_string(void *ctx, struct mb_str s)
{
    struct holder *h = ctx;
    const struct mb_shape_node *n;
    enum mb_rc rc = expect(h, &n);
    if (rc == MB_OK && n != NULL) rc = is_kind(h, n, MB_SHAPE_STRING);
    if (rc != MB_OK || n == NULL) return rc;
    bool has_control;
    size_t length = mb_text_measure(s, &has_control);
    return judge(h, mb_shape_push_clean(h->L, n, s, length, h->values),
                 n->values ? "is none of enum" : "is not of its format or length");
}

/* What is wrong here is told by expect. */
static enum mb_rc on_key(void *ctx, struct mb_str name)
{
    struct holder *h = ctx;
    struct level *l = &h->level[h->depth - 1];
    l->next = -1;
    if (l->node == NULL) return MB_OK;
    int i = mb_shape_find(h->s, l->node, name);
    if (i < 0) {
        if (l->node->more == MB_SHAPE_CLOSED) (void)refuse(h, "is not declared", "");
        if (l->node->more > MB_SHAPE_FREE_VALUES) l->next = l->node->more;
        return MB_OK;
    }
    const struct mb_shape_field *field = &h->s->field[l->node->first];
    if (i < l->last) (void)refuse(h, "stands in its schema before ", field[l->last].name.ptr);
    l->has |= UINT64_C(1) << i;
    l->last = i;
    l->next = field[i].node;
    return MB_OK;
}

static enum mb_rc begin(struct holder *h, enum mb_shape_kind kind)
{
    const struct mb_shape_node *n;
    enum mb_rc rc = expect(h, &n);
    if (rc == MB_OK && n != NULL) rc = is_kind(h, n, kind);
    if (rc != MB_OK) return rc;
    if (h->depth == MAX_LEVELS) return refuse(h, "is nested too deep", "");
    int next = n != NULL && kind == MB_SHAPE_ARRAY ? n->items : -1;
    h->level[h->depth++] = (struct level){n, 0, -1, next};
    return MB_OK;
}

static enum mb_rc on_begin_object(void *ctx) { return begin(ctx, MB_SHAPE_OBJECT); }
static enum mb_rc on_begin_array(void *ctx) { return begin(ctx, MB_SHAPE_ARRAY); }

static enum mb_rc on_end_object(void *ctx)
{
    struct holder *h = ctx;
    const struct level *l = &h->level[--h->depth];
    for (int i = 0; l->node != NULL && i < l->node->nfields; i++) {
        const struct mb_shape_field *f = &h->s->field[l->node->first + i];
        if (f->is_required && !(l->has >> i & 1))
            return refuse(h, "does without what its schema requires: ", f->name.ptr);
    }
    return MB_OK;
}

static enum mb_rc on_end_array(void *ctx)
{
    ((struct holder *)ctx)->depth--;
    return MB_OK;
}

enum mb_rc mb_shape_holds(lua_State *L, struct mb_shape *s, int index, struct mb_str text,
                          struct mb_err *err)
{
    static const struct mb_json_sink sink = {on_null,   on_boolean,     on_number,
                                             on_string, on_key,         on_begin_object,
                                             on_end_object, on_begin_array, on_end_array};
    static const struct mb_json_limits limits = {MAX_LEVELS, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    struct mb_json_fault fault = {0};
    int top = lua_gettop(L);
    struct holder h = {.L = L, .s = s, .values = top + 1};
    lua_pushvalue(L, index);
    enum mb_rc rc = mb_json_read(text, &limits, &sink, &h, &s->scratch, &fault);
    if (s->scratch.cap > KEPT_SCRATCH) mb_buf_reset(&s->scratch);
    lua_settop(L, top);
    if (rc == MB_OK || rc == MB_E_NOMEM) return rc;
    return mb_fail(err, MB_E_JSON, "%s%s%s", fault.pointer, fault.pointer[0] ? ": " : "",
                   h.wrong[0] ? h.wrong : fault.text);
}
