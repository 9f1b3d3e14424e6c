#pragma once
/*
 * The request as scripts see it: a handle that is emptied when the request ends, so that late
 * use raises an error. Fields: id, method, path, route, client, params, query, body, token;
 * req:header(name), and the methods of
 * stream.h. Scripts may set further fields; they live as long as the handle.
 */
#include <lua.h>

#include "bind/vm.h"
#include "bind/stream.h"
#include "net/http.h"

struct mb_request_view {
    struct mb_http_request *http;
    const struct mb_vm_route *route;
    const struct mb_route_match *match;
    struct mb_stream *stream;
};

struct mb_request_handle; /* the userdata */

/* Returns the registry reference of the handles' type. Raises. */
int mb_request_register(lua_State *L);
/* Pushes a handle of that type on view, which must stay valid until mb_request_empty. */
struct mb_request_handle *mb_request_push(lua_State *L, const struct mb_request_view *view,
                                          int type);
/* The body of the request whose handle stands at index; false when something else stands there. */
bool mb_request_text(lua_State *L, int index, struct mb_str *body);
/* What the request whose handle stands at index came with, one by one: names and values as they are
 * after decoding, valid until the next. see returns false to end it. false: it was ended, something in it cannot be
 * decoded, or there is no handle. */
typedef bool (*mb_request_see)(void *ctx, struct mb_str name, struct mb_str value);
bool mb_request_params(lua_State *L, int index, mb_request_see see, void *ctx);
bool mb_request_query(lua_State *L, int index, mb_request_see see, void *ctx);
/* What is known of every request, as scripts see it; borrowed until it ends. */
struct mb_request_facts {
    struct mb_str id, method, path, route;
    bool has_params;
};
/* Of the request whose handle stands at index; false when something else stands there, or it is over. */
bool mb_request_facts(lua_State *L, int index, struct mb_request_facts *out);
/* What scripts see under these names once it is known. */
enum mb_request_part { MB_REQUEST_PARAMS, MB_REQUEST_QUERY, MB_REQUEST_BODY };
/* The value at the top becomes that part of the handle at index; pops it. */
void mb_request_keep(lua_State *L, int index, enum mb_request_part part);
void mb_request_empty(struct mb_request_handle *h);

/* ---- request_fields.c: header fields, each pushed; nil without ---- */
/* The credentials of `Authorization: Bearer …`, with one blank or several between. */
int mb_request_push_token(lua_State *L, const struct mb_http_request *http);
/* The field named by argument 2 in any case; several lines are one list (RFC 9110 section 5.3). */
int mb_request_push_header(lua_State *L, const struct mb_http_request *http);
/* Of the media types in the arguments from 2 on, the one that Accept weighs most: of equals the
 * first, nil when it takes none. */
int mb_request_push_preferred(lua_State *L, const struct mb_http_request *http);
