/* Problem documents (RFC 9457), and what the server itself refuses. */
#include <stdio.h>

#include "base/json.h"
#include "net/output.h"
#include "net/reply.h"

static enum mb_rc add_member(struct mb_buf *b, const char *name, const char *value)
{
    enum mb_rc rc = mb_buf_addf(b, ",\"%s\":", name);
    if (rc != MB_OK)
        return rc;
    rc = mb_json_str(b, value, strlen(value));
    return rc == MB_E_JSON ? mb_buf_addz(b, "\"\"") : rc; /* not UTF-8: better no text than none */
}

/* type leads to what explains the code (RFC 9457 section 3.1.1), which is small letters, digits and _. */
static enum mb_rc write_problem(struct mb_buf *b, int status, const char *code, const char *detail,
                                const char *id, struct mb_str members)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    enum mb_rc rc = mb_buf_addf(b, "{\"type\":\"/docs/problems#%.*s\",\"title\":\"%s\",\"status\":%d",
                                (int)strspn(code, plain), code, mb_head__reason(status), status);
    if (rc == MB_OK)
        rc = add_member(b, "code", code);
    if (rc == MB_OK && detail)
        rc = add_member(b, "detail", detail);
    if (rc == MB_OK && id)
        rc = add_member(b, "requestId", id);
    if (rc == MB_OK && members.len > 0)
        rc = mb_buf_add(b, members.ptr, members.len);
    return rc == MB_OK ? mb_buf_addz(b, "}\n") : rc;
}

void mb_reply__problem(struct mb_http_request *r, struct mb_reply_plan *plan, const char *code,
                       const char *detail, struct mb_str members_json)
{
    struct mb_buf *b = &r->conn->server->scratch;
    mb_buf_clear(b);
    plan->type = "application/problem+json";
    if (write_problem(b, plan->status, code, detail, mb_http_id(r), members_json) != MB_OK)
        mb_conn__cut(r->conn);
    mb_reply__whole(r, plan, mb_buf_str(b));
}

void mb_http_problem(struct mb_http_request *r, int status, const char *code, const char *detail,
                     struct mb_str members_json, int retry_after_s,
                     const struct mb_http_header *extra, size_t nextra)
{
    struct mb_reply_plan plan = {.status = status, .extra = extra, .nextra = nextra,
                                 .retry_after_s = retry_after_s};
    if (r->reply != MB_REPLY_NONE || r->ended)
        return;
    if (!mb_head__is_fine(&plan)) {
        plan = (struct mb_reply_plan){.status = 500, .retry_after_s = -1};
        code = "bad_reply_header";
        detail = NULL;
        members_json.len = 0;
    }
    mb_reply__problem(r, &plan, code, detail, members_json);
}

/* What has begun cannot be taken back: a stream in progress is cut. */
static void refuse(struct mb_http_request *r, int status, const char *code, const char *detail)
{
    struct mb_http_server *s = r->conn->server;
    bool ours = status == 408 || status == 504;
    int retry_after_s = status == 504 ? 1 : -1;
    if (!ours)
        mb_count(&s->stats->bad_requests, 1);
    r->close = true;
    mb_request__abort_handler(r);
    if (r->reply == MB_REPLY_STREAM || r->discard)
        mb_conn__cut(r->conn);
    else
        mb_http_problem(r, status, code, detail, (struct mb_str){NULL, 0}, retry_after_s, NULL, 0);
}

void mb_request__refuse(struct mb_http_request *r, enum mb_fault fault)
{
    char detail[160];
    mb_fault__text(fault, &r->conn->server->config.limits, detail, sizeof detail);
    refuse(r, mb_fault__status(fault), mb_fault__code(fault), detail);
}

void mb_request__refuse_size(struct mb_http_request *r)
{
    char detail[160];
    bool own = r->mode == MB_BODY_STREAM || r->body_max < r->conn->server->config.limits.max_body;
    snprintf(detail, sizeof detail, "the body is over %llu bytes (%s)",
             (unsigned long long)r->body_max,
             own ? "the limit of this route, by default http.max_json_body" : "http.max_body");
    refuse(r, 413, "body_too_large", detail);
}

struct mb_str mb_reply__overload(struct mb_http_server *s)
{
    struct mb_buf *b = &s->scratch;
    size_t at;
    bool is_full = s->open >= s->config.limits.max_connections; /* else it is the address's own */
    struct mb_str date = mb_server__date(s);
    mb_buf_clear(b);
    if (mb_buf_addf(b,
                    "HTTP/1.1 503 Service Unavailable\r\nDate: %.*s\r\n"
                    "Content-Type: application/problem+json\r\nRetry-After: 1\r\n"
                    "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                    "Connection: close\r\nContent-Length:     \r\n\r\n",
                    (int)date.len, date.ptr) != MB_OK)
        return (struct mb_str){NULL, 0};
    at = b->len;
    if (write_problem(b, 503, "too_many_connections",
                      is_full ? "the ceiling of connections is reached (http.max_connections)"
                              : "the ceiling of connections of one address is reached "
                                "(http.max_connections_per_address)",
                      NULL, (struct mb_str){NULL, 0}) != MB_OK)
        return (struct mb_str){NULL, 0};
    char digits[5];
    snprintf(digits, sizeof digits, "%4u", (unsigned)(b->len - at) % 10000);
    memcpy(b->data + at - 8, digits, 4);
    return mb_buf_str(b);
}
