#include "bind/request.h"

#include <lauxlib.h>

#include "base/json.h"
#include "bind/json.h"
#include "bind/modules.h"
#include "bind/problem.h"
#include "bind/rows.h"

/* The request handle. Its user values: the fields that scripts set, and the parts once they are known. */

struct mb_request_handle {
    const struct mb_request_view *view; /* NULL once the request is over */
    bool has_fields;
};

enum { AT_FIELDS = 1, AT_PARTS, USER_VALUES = AT_PARTS + MB_REQUEST_BODY };

static const char REQUEST_TYPE[] = "mb.request";

struct mb_request_handle *mb_request_push(lua_State *L, const struct mb_request_view *view,
                                          int type)
{
    struct mb_request_handle *h = lua_newuserdatauv(L, sizeof *h, USER_VALUES);
    h->view = view;
    h->has_fields = false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
    return h;
}

/* As luaL_testudata, without looking the type up by its name. */
static const struct mb_request_handle *handle_at(lua_State *L, int index)
{
    const struct mb_request_handle *h = lua_touserdata(L, index);
    if (h == NULL || !lua_getmetatable(L, index)) return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_vm_request_type(mb_vm_of(L)));
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is ? h : NULL;
}

void mb_request_empty(struct mb_request_handle *h) { h->view = NULL; }

void mb_request_keep(lua_State *L, int index, enum mb_request_part part)
{
    lua_setiuservalue(L, index, AT_PARTS + (int)part);
}

bool mb_request_text(lua_State *L, int index, struct mb_str *body)
{
    const struct mb_request_handle *h = handle_at(L, index);
    if (h == NULL || h->view == NULL) return false;
    *body = mb_http_body(h->view->http);
    return true;
}

static const struct mb_request_view *view_of(lua_State *L)
{
    const struct mb_request_handle *h = handle_at(L, 1);
    if (!h) luaL_typeerror(L, 1, "request");
    if (!h->view) luaL_error(L, "this request is over: a script kept `req` beyond its end");
    return h->view;
}

static int push_str(lua_State *L, struct mb_str s)
{
    if (s.ptr)
        lua_pushlstring(L, s.ptr, s.len);
    else
        lua_pushnil(L);
    return 1;
}

static int get_id(lua_State *L, const struct mb_request_view *v)
{
    lua_pushstring(L, mb_http_id(v->http));
    return 1;
}

static int get_method(lua_State *L, const struct mb_request_view *v)
{
    lua_pushstring(L, mb_method_name(mb_http_method(v->http)));
    return 1;
}

static int get_path(lua_State *L, const struct mb_request_view *v)
{
    return push_str(L, mb_http_path(v->http));
}

static int get_route(lua_State *L, const struct mb_request_view *v)
{
    lua_pushstring(L, v->route->pattern);
    return 1;
}

static int get_client(lua_State *L, const struct mb_request_view *v)
{
    lua_pushstring(L, mb_http_client(v->http));
    return 1;
}

/* The parameters of the path by the names of the pattern. */
static int get_params(lua_State *L, const struct mb_request_view *v)
{
    const char *p = v->route->pattern;
    lua_createtable(L, 0, (int)v->match->nparams);
    for (unsigned i = 0; i < v->match->nparams && (p = strchr(p, '{')) != NULL; i++) {
        const char *end = strchr(p, '}');
        lua_pushlstring(L, p + 1, (size_t)(end - p - 1));
        push_str(L, v->match->params[i]);
        lua_rawset(L, -3);
        p = end;
    }
    return 1;
}

bool mb_request_params(lua_State *L, int index, mb_request_see see, void *ctx)
{
    const struct mb_request_handle *h = handle_at(L, index);
    if (h == NULL || h->view == NULL) return false;
    const struct mb_request_view *v = h->view;
    const char *p = v->route->pattern;
    for (unsigned i = 0; i < v->match->nparams && (p = strchr(p, '{')) != NULL; i++) {
        const char *end = strchr(p, '}');
        if (!see(ctx, (struct mb_str){p + 1, (size_t)(end - p - 1)}, v->match->params[i]))
            return false;
        p = end;
    }
    return true;
}

bool mb_request_facts(lua_State *L, int index, struct mb_request_facts *out)
{
    const struct mb_request_handle *h = handle_at(L, index);
    if (h == NULL || h->view == NULL) return false;
    const struct mb_request_view *v = h->view;
    *out = (struct mb_request_facts){.id = mb_str_z(mb_http_id(v->http)),
                                     .method = mb_str_z(mb_method_name(v->route->method)),
                                     .path = mb_http_path(v->http),
                                     .route = mb_str_z(v->route->pattern),
                                     .has_params = v->match->nparams > 0};
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int bad_query(lua_State *L, const char *why)
{
    mb_push_problem(L, 400, "invalid_query", why, -1);
    return lua_error(L);
}

/* The decoded form of one name or value, which is never longer, in out; false and why when there is none. */
static bool decode(struct mb_str s, char *out, size_t *length, const char **why)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i] == '+' ? ' ' : s.ptr[i];
        if (c == '%') {
            int hi = s.len - i > 2 ? hex(s.ptr[i + 1]) : -1;
            int lo = s.len - i > 2 ? hex(s.ptr[i + 2]) : -1;
            *why = "the query holds a percent sign that is not followed by two hexadecimal digits, "
                   "or %00";
            if (hi < 0 || lo < 0 || (hi == 0 && lo == 0)) return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        out[n++] = c;
    }
    *why = "the query is not valid UTF-8";
    *length = n;
    return mb_utf8_valid(out, n);
}

static void push_decoded(lua_State *L, struct mb_str s)
{
    luaL_Buffer b;
    const char *why;
    size_t n;
    char *out = luaL_buffinitsize(L, &b, s.len);
    if (!decode(s, out, &n, &why)) bad_query(L, why);
    luaL_pushresultsize(&b, n);
}

/* The next field of a query that is not empty, as it was sent; false at the end. */
static bool next_field(struct mb_str *left, struct mb_str *name, struct mb_str *value)
{
    while (left->len > 0) {
        const char *amp = memchr(left->ptr, '&', left->len), *p = left->ptr;
        size_t n = amp ? (size_t)(amp - p) : left->len;
        left->ptr += amp ? n + 1 : n;
        left->len -= amp ? n + 1 : n;
        if (n == 0) continue;
        const char *eq = memchr(p, '=', n);
        *name = (struct mb_str){p, eq ? (size_t)(eq - p) : n};
        *value = eq ? (struct mb_str){eq + 1, n - name->len - 1} : (struct mb_str){p, 0};
        return true;
    }
    return false;
}

bool mb_request_query(lua_State *L, int index, mb_request_see see, void *ctx)
{
    enum { MAX_TEXT = 1024 }; /* longer ones take the slow way */
    const struct mb_request_handle *h = handle_at(L, index);
    if (h == NULL || h->view == NULL) return false;
    struct mb_str left = mb_http_query(h->view->http), name, value;
    char key[MAX_TEXT], text[MAX_TEXT];
    const char *why;
    uint32_t fields = 0, most = mb_vm_plan(mb_vm_of(L))->limits.max_query_fields;
    while (next_field(&left, &name, &value)) {
        size_t key_length, length;
        if (++fields > most || name.len > MAX_TEXT || value.len > MAX_TEXT ||
            !decode(name, key, &key_length, &why) || !decode(value, text, &length, &why) ||
            !see(ctx, (struct mb_str){key, key_length}, (struct mb_str){text, length}))
            return false;
    }
    return true;
}

static int get_query(lua_State *L, const struct mb_request_view *v)
{
    struct mb_str left = mb_http_query(v->http), name, value;
    uint32_t fields = 0, most = mb_vm_plan(mb_vm_of(L))->limits.max_query_fields;
    lua_newtable(L);
    while (next_field(&left, &name, &value)) {
        if (++fields > most)
            return bad_query(
                L, lua_pushfstring(L, "the query has more than %d fields (http.max_query_fields)",
                                   (int)most));
        push_decoded(L, name);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TNIL) return bad_query(L, "the query names a field twice");
        lua_pop(L, 1);
        push_decoded(L, value);
        lua_rawset(L, -3);
    }
    return 1;
}

/* errors = { { pointer =, detail = } } of the problem at -1. */
static void add_pointer(lua_State *L, const char *pointer, const char *detail)
{
    lua_createtable(L, 1, 0);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, pointer);
    lua_setfield(L, -2, "pointer");
    lua_pushstring(L, detail);
    lua_setfield(L, -2, "detail");
    lua_rawseti(L, -2, 1);
    lua_setfield(L, -2, "errors");
}

static int get_body(lua_State *L, const struct mb_request_view *v)
{
    struct mb_str text = mb_http_body(v->http);
    struct mb_json_fault fault = {0};
    if (text.len == 0) {
        lua_pushnil(L);
        return 1;
    }
    enum mb_rc rc = mb_json_decode(L, text, &fault);
    if (rc == MB_OK) return 1;
    bool is_over = rc == MB_E_LIMIT;
    lua_pushfstring(L, "the body is %s: %s at byte %d", is_over ? "over a limit" : "not valid JSON",
                    fault.text, (int)fault.offset + 1);
    mb_push_problem(L, 400, is_over ? mb_rc_word(rc) : "invalid_json", lua_tostring(L, -1), -1);
    add_pointer(L, fault.pointer, fault.text);
    return lua_error(L);
}

static int get_token(lua_State *L, const struct mb_request_view *v)
{
    return mb_request_push_token(L, v->http);
}

/* set_field(name, value): of whatever answer comes, a problem that is raised too. */
static int req_set_field(lua_State *L)
{
    struct mb_str name, value;
    const struct mb_request_view *view = view_of(L);
    name.ptr = luaL_checklstring(L, 2, &name.len);
    value.ptr = luaL_checklstring(L, 3, &value.len);
    if (!mb_http_set_field(view->http, name, value))
        return luaL_error(L, "'%s' is no header field that an answer may have, or there is no room "
                             "for it", name.ptr);
    return 0;
}

static int req_header(lua_State *L) { return mb_request_push_header(L, view_of(L)->http); }
static int req_prefers(lua_State *L) { return mb_request_push_preferred(L, view_of(L)->http); }
static int req_read(lua_State *L) { return mb_stream_read(L, view_of(L)->stream); }
static int req_begin(lua_State *L) { return mb_stream_begin(L, view_of(L)->stream); }
static int req_write(lua_State *L) { return mb_stream_write(L, view_of(L)->stream); }

/* What a metamethod is called with is always a handle: its metatable is out of the scripts' reach. */
static struct mb_request_handle *handle_alive(lua_State *L)
{
    struct mb_request_handle *h = lua_touserdata(L, 1);
    if (!h->view) luaL_error(L, "this request is over: a script kept `req` beyond its end");
    return h;
}

enum { NO_PART = -1 };

static const struct field {
    const char *name;
    int part; /* kept under its number once it was computed, or NO_PART */
    int (*get)(lua_State *L, const struct mb_request_view *v);
} fields[] = {
    {"id", NO_PART, get_id},
    {"method", NO_PART, get_method},
    {"path", NO_PART, get_path},
    {"route", NO_PART, get_route},
    {"client", NO_PART, get_client},
    {"token", NO_PART, get_token},
    {"params", MB_REQUEST_PARAMS, get_params},
    {"query", MB_REQUEST_QUERY, get_query},
    {"body", MB_REQUEST_BODY, get_body},
};
enum { NFIELDS = sizeof fields / sizeof fields[0] };

static int push_part(lua_State *L, const struct mb_request_view *v, const struct field *f)
{
    if (f->part == NO_PART) return f->get(L, v);
    if (lua_getiuservalue(L, 1, AT_PARTS + f->part) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    (void)f->get(L, v);
    lua_pushvalue(L, -1);
    mb_request_keep(L, 1, (enum mb_request_part)f->part);
    return 1;
}

/* Upvalue 1: name -> a method, or the place of one of `fields`. What scripts set comes first. */
static int req_index(lua_State *L)
{
    const struct mb_request_handle *h = handle_alive(L);
    if (h->has_fields) {
        lua_getiuservalue(L, 1, AT_FIELDS);
        lua_pushvalue(L, 2);
        if (lua_rawget(L, 3) != LUA_TNIL) return 1;
        lua_settop(L, 2);
    }
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNUMBER) return 1;
    return push_part(L, h->view, &fields[lua_tointeger(L, 2)]);
}

static void set_field(lua_State *L, struct mb_request_handle *h)
{
    enum { USUAL = 4 };
    if (!h->has_fields) {
        lua_createtable(L, 0, USUAL);
        lua_setiuservalue(L, 1, AT_FIELDS);
        h->has_fields = true;
    }
    lua_getiuservalue(L, 1, AT_FIELDS);
    lua_insert(L, 2);
    lua_rawset(L, 2);
}

/* A part is set in its own place, so that it is found there. */
static int req_newindex(lua_State *L)
{
    struct mb_request_handle *h = handle_alive(L);
    lua_pushvalue(L, 2);
    bool is_known = lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER;
    int part = is_known ? fields[lua_tointeger(L, -1)].part : NO_PART;
    lua_settop(L, 3);
    if (part == NO_PART)
        set_field(L, h);
    else
        mb_request_keep(L, 1, (enum mb_request_part)part);
    return 0;
}

int mb_request_register(lua_State *L)
{
    static const luaL_Reg methods[] = {{"header", req_header},
                                       {"set_field", req_set_field},
                                       {"prefers", req_prefers},
                                       {"read", req_read},
                                       {"begin", req_begin},
                                       {"write", req_write},
                                       {NULL, NULL}};
    luaL_newmetatable(L, REQUEST_TYPE);
    luaL_newlib(L, methods);
    for (int i = 0; i < NFIELDS; i++) {
        lua_pushinteger(L, i);
        lua_setfield(L, -2, fields[i].name);
    }
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, req_index, 1);
    lua_setfield(L, -3, "__index");
    lua_pushcclosure(L, req_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    mb_rows_register(L);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}
