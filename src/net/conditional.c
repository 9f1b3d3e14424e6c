/*
 * If-None-Match (RFC 9110 section 13.1.2) of any answer that names its version in an ETag, so that
 * no route can forget it. If-Match guards a change and is the business of who makes the change.
 */
#include "net/reply.h"

/* Takes the first entity tag off the list, without W/ because the comparison is the weak one.
 * False at the end and at what is no tag: what a client writes wrongly only costs it the body. */
static bool next_tag(struct mb_str *list, struct mb_str *tag)
{
    const char *p = list->ptr, *end = p + list->len, *quote;
    while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
        p++;
    if (end - p > 2 && p[0] == 'W' && p[1] == '/')
        p += 2;
    if (p == end || *p != '"' || !(quote = memchr(p + 1, '"', (size_t)(end - p - 1))))
        return false;
    *tag = (struct mb_str){p, (size_t)(quote + 1 - p)};
    *list = (struct mb_str){quote + 1, (size_t)(end - quote - 1)};
    return true;
}

static bool names(struct mb_str list, struct mb_str current)
{
    struct mb_str tag;
    if (mb_str_eq(list, MB_STR("*")))
        return true;
    while (next_tag(&list, &tag)) {
        if (mb_str_eq(tag, current))
            return true;
    }
    return false;
}

/* Whether any line of the field names the tag: the client holds what would be sent. */
static bool is_held(const struct mb_http_request *r, struct mb_str etag)
{
    struct mb_str tag;
    if (!next_tag(&etag, &tag))
        return false;
    for (uint32_t i = 0; i < r->nfields; i++) {
        struct mb_http_header field = mb_http_header_at(r, i);
        if (mb_str_eq(field.name, MB_STR("if-none-match")) && names(field.value, tag))
            return true;
    }
    return false;
}

void mb_conditional__apply(const struct mb_http_request *r, struct mb_reply_plan *plan)
{
    if (plan->status != 200 || (r->method != MB_GET && r->method != MB_HEAD))
        return;
    for (size_t i = 0; i < plan->nextra; i++) {
        if (!mb_str_ieq(plan->extra[i].name, MB_STR("etag")))
            continue;
        if (is_held(r, plan->extra[i].value)) {
            plan->status = 304;
            plan->type = NULL;
        }
        return;
    }
}
