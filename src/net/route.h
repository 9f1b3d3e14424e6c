#pragma once
/*
 * Route table: method and path pattern -> an integer the owner chose. Patterns are segments,
 * literal or `{name}`; a literal beats a parameter. Built once, then read only. Matching works
 * on the raw path, splits first and percent-decodes each parameter after (so %2F never makes a
 * segment); parameters that decode to NUL or invalid UTF-8 do not match.
 */
#include "net/http.h"

enum { MB_ROUTE_PARAMS = 8 };

struct mb_routes;

struct mb_route_match {
    int route;               /* >= 0: found; -1: no such path; -2: path exists, method does not */
    unsigned allow;          /* bit per enum mb_method, for Allow; HEAD is added where GET is */
    unsigned nparams;
    struct mb_str params[MB_ROUTE_PARAMS]; /* decoded, in pattern order; into scratch or the path */
};

MB_MUST_CHECK enum mb_rc mb_routes_new(struct mb_routes **out);
void mb_routes_free(struct mb_routes *t);
/* MB_E_INVALID with a text for a bad pattern, a duplicate, or an ambiguous one. */
MB_MUST_CHECK enum mb_rc mb_routes_add(struct mb_routes *t, enum mb_method m, struct mb_str pattern,
                                       int route, struct mb_err *err);
/* scratch: at least path.len bytes for decoded parameters. */
void mb_routes_match(const struct mb_routes *t, enum mb_method m, struct mb_str path,
                     char *scratch, struct mb_route_match *out);
