/*
 * If-None-Match (RFC 9110 section 13.1.2) of any answer that names its version in an ETag, so that
 * no route can forget it. If-Match guards a change and is the business of who makes the change.
 * A strong tag names bytes: the compressed form of what has the tag "3" has the tag "3-gzip".
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

/* Which forms of an answer a client names: both are told by the tag of the plain one. */
enum { PLAIN_FORM = 1, GZIP_FORM = 2 };

static const struct mb_str gzip_mark = {"-gzip", 5};

static bool is_strong(struct mb_str etag)
{
    return etag.len >= 2 && etag.ptr[0] == '"';
}

char *mb_conditional__put_gzip_tag(char *p, struct mb_str etag)
{
    memcpy(p, etag.ptr, etag.len - 1);
    p += etag.len - 1;
    memcpy(p, gzip_mark.ptr, gzip_mark.len);
    p += gzip_mark.len;
    *p++ = '"';
    return p;
}

/* "3-gzip" for "3". */
static bool is_gzip_form(struct mb_str tag, struct mb_str plain)
{
    struct mb_str end = {tag.ptr + plain.len - 1, gzip_mark.len};
    return tag.len == plain.len + gzip_mark.len && mb_str_eq(end, gzip_mark) &&
           memcmp(tag.ptr, plain.ptr, plain.len - 1) == 0;
}

static unsigned forms_named(struct mb_str list, struct mb_str current, bool has_gzip_form)
{
    struct mb_str tag;
    unsigned forms = 0;
    if (mb_str_eq(list, MB_STR("*")))
        return PLAIN_FORM | GZIP_FORM;
    while (next_tag(&list, &tag)) {
        if (mb_str_eq(tag, current))
            forms |= PLAIN_FORM;
        else if (has_gzip_form && is_gzip_form(tag, current))
            forms |= GZIP_FORM;
    }
    return forms;
}

/* On any line of the field: the client holds what would be sent. */
static unsigned forms_held(const struct mb_http_request *r, struct mb_str etag)
{
    struct mb_lines lines = mb_request__lines(r, MB_KNOWN_IF_NONE_MATCH);
    struct mb_str tag, line;
    bool has_gzip_form = is_strong(etag);
    unsigned forms = 0;
    if (!next_tag(&etag, &tag))
        return 0;
    while (mb_request__next_line(&lines, &line))
        forms |= forms_named(line, tag, has_gzip_form);
    return forms;
}

static struct mb_str etag_of(const struct mb_reply_plan *plan)
{
    for (size_t i = 0; i < plan->nextra; i++) {
        if (mb_str_ieq(plan->extra[i].name, MB_STR("etag")))
            return plan->extra[i].value;
    }
    return (struct mb_str){NULL, 0};
}

void mb_conditional__apply(const struct mb_http_request *r, struct mb_reply_plan *plan)
{
    if (plan->status != 200 || (r->method != MB_GET && r->method != MB_HEAD))
        return;
    unsigned held = forms_held(r, etag_of(plan));
    if (held == 0)
        return;
    plan->status = 304;
    plan->type = NULL;
    /* The tag of what the client holds; of two, that of what it would have got. */
    plan->gzip_tag = held == GZIP_FORM || ((held & GZIP_FORM) && plan->vary_encoding &&
                                           is_strong(etag_of(plan)) && mb_negotiate__wants_gzip(r));
}

void mb_conditional__compressed(struct mb_reply_plan *plan)
{
    plan->gzip_tag = is_strong(etag_of(plan));
}
