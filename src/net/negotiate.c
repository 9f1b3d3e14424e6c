/*
 * Content negotiation (RFC 9110 sections 8.3, 8.4 and 12.5): which type a client wants, whether it
 * wants an answer compressed, and whether the body that it sends comes in a form that can be read.
 */
#include "net/reply.h"
#include "net/token.h"

/* By name, else as "*" says, else not. Between gzip and no coding the greater weight decides, and
 * gzip where they are equal or the plain form has none. */
bool mb_negotiate__wants_gzip(const struct mb_http_request *r)
{
    struct mb_elements all = mb_request__elements(r, MB_KNOWN_ACCEPT_ENCODING);
    struct mb_str element;
    int gzip = -1, plain = -1, any = 0;
    while (mb_request__next_element(&all, &element)) {
        struct mb_str name = mb_token_next(&element, ';');
        int weight = mb_token_weight(element);
        if (weight < 0)
            continue;
        if (mb_str_ieq(name, MB_STR("gzip")) || mb_str_ieq(name, MB_STR("x-gzip")))
            gzip = weight;
        else if (mb_str_ieq(name, MB_STR("identity")))
            plain = weight;
        else if (mb_str_eq(name, MB_STR("*")))
            any = weight;
    }
    if (gzip < 0)
        gzip = any;
    if (plain < 0)
        plain = any;
    return gzip > 0 && gzip >= plain;
}

static bool is_plain(const struct mb_http_request *r)
{
    struct mb_elements all = mb_request__elements(r, MB_KNOWN_CONTENT_ENCODING);
    struct mb_str coding;
    while (mb_request__next_element(&all, &coding)) {
        if (!mb_str_ieq(coding, MB_STR("identity")))
            return false;
    }
    return true;
}

/* application/json, or anything that says by its suffix (RFC 6839) that it is JSON too. Parameters
 * change nothing: JSON has one encoding. */
static bool is_json(struct mb_str type)
{
    if (mb_str_eq(type, MB_STR("application/json")))
        return true;
    struct mb_str name = mb_token_next(&type, ';'), subtype = name;
    struct mb_str major = mb_token_next(&subtype, '/');
    if (mb_str_ieq(name, MB_STR("application/json")))
        return true;
    return mb_guard_is_token(major) && mb_guard_is_token(subtype) && subtype.len > 5 &&
           mb_str_ieq((struct mb_str){subtype.ptr + subtype.len - 5, 5}, MB_STR("+json"));
}

bool mb_http_body_is_readable(struct mb_http_request *r, bool wants_json)
{
    static const struct mb_http_header plain = {{"Accept-Encoding", 15}, {"identity", 8}};
    static const struct mb_http_header json = {{"Accept", 6}, {"application/json", 16}};
    if (!is_plain(r)) {
        mb_http_problem(r, 415, "unsupported_content_encoding", "send the body without compression",
                        (struct mb_str){NULL, 0}, -1, &plain, 1);
        return false;
    }
    if (wants_json && !is_json(mb_request__known(r, MB_KNOWN_CONTENT_TYPE))) {
        mb_http_problem(r, 415, "unsupported_media_type", "send Content-Type: application/json",
                        (struct mb_str){NULL, 0}, -1, &json, 1);
        return false;
    }
    return true;
}

/* How closely a range names the type: 3 itself, 2 a subtype of any name, 1 anything, 0 not. */
static int closeness(struct mb_str range, struct mb_str type)
{
    if (mb_str_ieq(range, type))
        return 3;
    if (mb_str_eq(range, MB_STR("*/*")))
        return 1;
    struct mb_str major = mb_token_next(&type, '/'), wanted = mb_token_next(&range, '/');
    return mb_str_eq(range, MB_STR("*")) && mb_str_ieq(wanted, major) ? 2 : 0;
}

int mb_http_weight_of(const struct mb_http_request *r, struct mb_str type)
{
    struct mb_elements all = mb_request__elements(r, MB_KNOWN_ACCEPT);
    struct mb_str element;
    int closest = 0, found = r->known_times[MB_KNOWN_ACCEPT] == 0 ? 1000 : 0;
    while (mb_request__next_element(&all, &element)) {
        struct mb_str range = mb_token_next(&element, ';');
        int close = closeness(range, type), weight = mb_token_weight(element);
        if (weight < 0 || close <= closest)
            continue;
        closest = close;
        found = weight;
    }
    return found;
}
