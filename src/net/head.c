/*
 * The one writer of response heads. Whatever becomes part of a head passes mb_head__is_fine or
 * is made here, so that no answer can be split by what a caller or a client puts into it.
 */
#include "base/clock.h"
#include "net/cors.h"
#include "net/reply.h"

enum { FIXED_BYTES = 1024 }; /* more than all fields made here take together */

const char *mb_head__reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

/* Fields that frame the answer belong to the server. */
static bool is_reserved(struct mb_str name)
{
    static const struct mb_str reserved[] = {
        {"content-length", 14}, {"transfer-encoding", 17}, {"connection", 10}, {"date", 4},
        {"keep-alive", 10},     {"upgrade", 7},            {"trailer", 7},     {"content-type", 12},
    };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (mb_str_ieq(name, reserved[i]))
            return true;
    }
    return false;
}

bool mb_head__is_fine(const struct mb_reply_plan *plan)
{
    if (plan->status < 200 || plan->status > 599)
        return false;
    if (plan->type && !mb_guard_is_field_value(mb_str_z(plan->type)))
        return false;
    for (size_t i = 0; i < plan->nextra; i++) {
        const struct mb_http_header *h = &plan->extra[i];
        if (!mb_guard_is_token(h->name) || !mb_guard_is_field_value(h->value) ||
            is_reserved(h->name))
            return false;
    }
    return true;
}

/* Where the line of that name begins in the fields that were set, and its length; len 0 = there is none. */
static struct mb_str find_line(const struct mb_buf *lines, struct mb_str name)
{
    for (size_t at = 0; at < lines->len;) {
        const char *line = lines->data + at, *end = memchr(line + 2, '\r', lines->len - at - 2);
        size_t n = end ? (size_t)(end - line) : lines->len - at;
        if (n > name.len + 2 && line[name.len + 2] == ':' &&
            mb_str_ieq((struct mb_str){line + 2, name.len}, name))
            return (struct mb_str){line, n};
        at += n;
    }
    return (struct mb_str){NULL, 0};
}

bool mb_http_set_field(struct mb_http_request *r, struct mb_str name, struct mb_str value)
{
    struct mb_buf *lines = &r->fields_out;
    if (!mb_guard_is_token(name) || !mb_guard_is_field_value(value) || is_reserved(name))
        return false;
    struct mb_str old = find_line(lines, name);
    if (old.len > 0) {
        size_t at = (size_t)(old.ptr - lines->data);
        memmove(lines->data + at, old.ptr + old.len, lines->len - at - old.len);
        lines->len -= old.len;
    }
    return mb_buf_addf(lines, "\r\n%.*s: %.*s", (int)name.len, name.ptr, (int)value.len,
                       value.ptr) == MB_OK;
}

static char *put(char *p, struct mb_str s)
{
    memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static char *put_number(char *p, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *put_status(char *p, int status)
{
    p = put(p, MB_STR("HTTP/1.1 "));
    p = put_number(p, (uint64_t)status);
    *p++ = ' ';
    return put(p, mb_str_z(mb_head__reason(status)));
}

static char *put_framing(char *p, struct mb_http_request *r, const struct mb_reply_plan *plan)
{
    if (plan->streamed) {
        r->chunked_out = r->minor == 1 && !mb_reply__is_bodiless(plan->status);
        if (r->chunked_out)
            p = put(p, MB_STR("\r\nTransfer-Encoding: chunked"));
    } else if (!mb_reply__is_bodiless(plan->status)) {
        p = put(p, MB_STR("\r\nContent-Length: "));
        p = put_number(p, plan->length);
    }
    if (plan->gzip)
        p = put(p, MB_STR("\r\nContent-Encoding: gzip"));
    if (r->close)
        return put(p, MB_STR("\r\nConnection: close"));
    return r->minor == 0 ? put(p, MB_STR("\r\nConnection: keep-alive")) : p;
}

static char *put_timing(char *p, const struct mb_http_request *r)
{
    uint64_t us = (mb_mono_ns() - r->started_ns) / 1000;
    char fraction[3] = {(char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                        (char)('0' + us % 10)};
    p = put(p, MB_STR("\r\nServer-Timing: total;dur="));
    p = put_number(p, us / 1000);
    *p++ = '.';
    return put(p, (struct mb_str){fraction, 3});
}

static bool has_extra(const struct mb_reply_plan *plan, struct mb_str name)
{
    for (size_t i = 0; i < plan->nextra; i++) {
        if (mb_str_ieq(plan->extra[i].name, name))
            return true;
    }
    return false;
}

static char *put_extra(char *p, const struct mb_reply_plan *plan)
{
    for (size_t i = 0; i < plan->nextra; i++) {
        p = put(p, MB_STR("\r\n"));
        const struct mb_http_header *h = &plan->extra[i];
        p = put(p, h->name);
        p = put(p, MB_STR(": "));
        if (plan->gzip_tag && mb_str_ieq(h->name, MB_STR("etag")))
            p = mb_conditional__put_gzip_tag(p, h->value);
        else
            p = put(p, h->value);
    }
    if (plan->retry_after_s >= 0) {
        p = put(p, MB_STR("\r\nRetry-After: "));
        p = put_number(p, (uint64_t)plan->retry_after_s);
    }
    return p;
}

static size_t room_for(const struct mb_http_request *r, const struct mb_reply_plan *plan)
{
    size_t n = FIXED_BYTES + mb_request__known(r, MB_KNOWN_ORIGIN).len;
    n += plan->type ? strlen(plan->type) : 0;
    n += r->fields_out.len;
    n += r->generation ? strlen(r->generation) + sizeof "\r\nX-Generation: " : 0;
    for (size_t i = 0; i < plan->nextra; i++)
        n += plan->extra[i].name.len + plan->extra[i].value.len + 4;
    return n;
}

enum mb_rc mb_head__write(struct mb_http_request *r, const struct mb_reply_plan *plan, size_t body,
                          struct mb_buf *out)
{
    struct mb_http_server *s = r->conn->server;
    enum mb_rc rc = mb_buf_reserve(out, room_for(r, plan) + body);
    char *p = out->data + out->len;
    if (rc != MB_OK)
        return rc;
    p = put_status(out->data + out->len, plan->status);
    p = put(p, MB_STR("\r\nDate: "));
    p = put(p, mb_server__date(s));
    if (plan->type) {
        p = put(p, MB_STR("\r\nContent-Type: "));
        p = put(p, mb_str_z(plan->type));
    }
    p = put_framing(p, r, plan);
    p = put(p, MB_STR("\r\nX-Request-Id: "));
    p = put(p, mb_str_z(mb_http_id(r)));
    p = put(p, MB_STR("\r\nX-Content-Type-Options: nosniff"));
    if (!has_extra(plan, MB_STR("cache-control")))
        p = put(p, MB_STR("\r\nCache-Control: no-store"));
    p = mb_cors__put(s->cors, r, plan, p);
    if (s->config.server_timing)
        p = put_timing(p, r);
    if (r->generation) {
        p = put(p, MB_STR("\r\nX-Generation: "));
        p = put(p, mb_str_z(r->generation));
    }
    p = put_extra(p, plan);
    if (r->fields_out.len > 0)
        p = put(p, mb_buf_str(&r->fields_out));
    p = put(p, MB_STR("\r\n\r\n"));
    out->len = (size_t)(p - out->data);
    return MB_OK;
}
