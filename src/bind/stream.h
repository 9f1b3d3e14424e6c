#pragma once
/*
 * Streamed bodies of one request, both ways, with back-pressure: `req:read()` waits for the next
 * piece of the body (nil at its end); `req:begin(status, headers)` starts an answer that
 * `req:write(text)` continues, waiting while the client reads slowly. Returning from the handler
 * ends the answer; an error cuts the connection, so that the client sees a broken body. Status and media type
 * are those that the route promises (responses.h).
 */
#include <lua.h>

#include "bind/task.h"
#include "bind/vm.h"
#include "net/http.h"

struct mb_stream {
    struct mb_http_request *http;
    const struct mb_vm_route *route;
    struct mb_buf in; /* received, not yet read */
    size_t max_input; /* with so much of it the client has to wait */
    struct mb_wait *reader, *writer;
    bool in_ended, in_paused, out_begun;
};

void mb_stream_init(struct mb_stream *s, struct mb_http_request *http,
                    const struct mb_vm_route *route, size_t max_input);
void mb_stream_reset(struct mb_stream *s);

/* From the HTTP callbacks of the same names. */
bool mb_stream_on_body(struct mb_stream *s, struct mb_str piece);
void mb_stream_on_body_end(struct mb_stream *s);
void mb_stream_on_writable(struct mb_stream *s);

/* The methods of the request handle, at stack index 1 (bind_request.c finds the stream). */
int mb_stream_read(lua_State *L, struct mb_stream *s);
int mb_stream_begin(lua_State *L, struct mb_stream *s);
int mb_stream_write(lua_State *L, struct mb_stream *s);
