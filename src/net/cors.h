#pragma once
/* Which pages may call from a browser, and what caches have to know about it. */
#include "net/reply.h"

MB_MUST_CHECK enum mb_rc mb_cors_new(struct mb_cors **out, const char *origins);
void mb_cors_free(struct mb_cors *c);
bool mb_cors__is_preflight(const struct mb_cors *c, const struct mb_http_request *r);
/* Appends the CORS fields and Vary to a head; 700 bytes and the origin at most. */
char *mb_cors__put(const struct mb_cors *c, const struct mb_http_request *r,
                   const struct mb_reply_plan *plan, char *p);
