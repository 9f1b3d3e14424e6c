/* Cross-origin access: origins are compared byte by byte; no credentials are ever allowed. */
#include "net/cors.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/token.h"

struct mb_cors {
    bool any;   /* "*" */
    bool some;  /* at least one origin */
    char origins[];
};

enum mb_rc mb_cors_new(struct mb_cors **out, const char *origins)
{
    const char *list = origins ? origins : "";
    size_t size = strlen(list) + 1;
    struct mb_cors *c = malloc(sizeof *c + size);
    if (!c)
        return MB_E_NOMEM;
    memcpy(c->origins, list, size);
    c->any = mb_str_eq(mb_token_trim(mb_str_z(list)), MB_STR("*"));
    c->some = c->any || strspn(list, ", \t") < size - 1;
    *out = c;
    return MB_OK;
}

void mb_cors_free(struct mb_cors *c)
{
    free(c);
}

static bool is_listed(const struct mb_cors *c, struct mb_str origin)
{
    const char *at = c->origins;
    while (*at != '\0') {
        at += strspn(at, ", \t");
        struct mb_str entry = {at, strcspn(at, ", \t")};
        if (entry.len > 0 && mb_str_eq(entry, origin))
            return true;
        at += entry.len;
    }
    return false;
}

static bool is_allowed(const struct mb_cors *c, const struct mb_http_request *r)
{
    if (r->known_times[MB_KNOWN_ORIGIN] != 1)
        return false;
    return c->any || is_listed(c, mb_request__known(r, MB_KNOWN_ORIGIN));
}

bool mb_cors__is_preflight(const struct mb_cors *c, const struct mb_http_request *r)
{
    return r->method == MB_OPTIONS && c->some && is_allowed(c, r) &&
           mb_http_header(r, MB_STR("access-control-request-method")).ptr;
}

static char *put(char *p, struct mb_str s)
{
    memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static char *put_vary(char *p, bool origin, bool encoding)
{
    if (!origin && !encoding)
        return p;
    p = put(p, MB_STR("\r\nVary: "));
    if (origin)
        p = put(p, MB_STR("Origin"));
    if (origin && encoding)
        p = put(p, MB_STR(", "));
    return encoding ? put(p, MB_STR("Accept-Encoding")) : p;
}

char *mb_cors__put(const struct mb_cors *c, const struct mb_http_request *r,
                   const struct mb_reply_plan *plan, char *p)
{
    p = put_vary(p, c->some && !c->any, plan->vary_encoding);
    if (!c->some || !is_allowed(c, r))
        return p;
    p = put(p, MB_STR("\r\nAccess-Control-Allow-Origin: "));
    p = put(p, c->any ? MB_STR("*") : mb_request__known(r, MB_KNOWN_ORIGIN));
    if (!plan->preflight)
        return put(p, MB_STR("\r\nAccess-Control-Expose-Headers: ETag, Location, Retry-After, "
                             "X-Request-Id, RateLimit, RateLimit-Policy"));
    p = put(p, MB_STR("\r\nAccess-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE"
                      "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, "
                      "Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent"
                      "\r\nAccess-Control-Max-Age: "));
    unsigned seconds = r->conn->server->config.limits.cors_max_age / 1000;
    return p + snprintf(p, sizeof "4294967", "%u", seconds);
}
