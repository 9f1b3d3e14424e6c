/*
 * What must hold of a complete head beyond its grammar: one request, one framing, or an error.
 * Knows no configuration but through the request's limits.
 */
#include "base/json.h"
#include "net/parse.h"
#include "net/token.h"

/* By length, so that one comparison decides; the order is that of enum mb_known. */
static const struct mb_str known_names[MB_KNOWN_COUNT] = {
    {"host", 4}, {"accept", 6}, {"origin", 6}, {"expect", 6}, {"connection", 10},
    {"traceparent", 11}, {"x-request-id", 12}, {"content-type", 12}, {"authorization", 13},
    {"if-none-match", 13}, {"content-length", 14}, {"accept-encoding", 15},
    {"idempotency-key", 15}, {"content-encoding", 16}, {"transfer-encoding", 17},
};

static void note_known(struct mb_http_request *r, uint32_t index, struct mb_str name)
{
    for (size_t k = 0; k < MB_KNOWN_COUNT; k++) {
        if (name.len > known_names[k].len)
            continue;
        if (name.len < known_names[k].len)
            return;
        if (!mb_str_eq(name, known_names[k]))
            continue;
        if (r->known_times[k] == 0)
            r->known[k] = (uint16_t)(index + 1);
        if (r->known_times[k] < 2)
            r->known_times[k]++;
        return;
    }
}

static enum mb_fault note_fields(struct mb_http_request *r)
{
    for (uint32_t i = 0; i < r->nfields; i++) {
        struct mb_field *f = &r->fields[i];
        struct mb_str value = mb_token_trim((struct mb_str){r->text + f->value, f->value_len});
        f->value = (uint32_t)(value.ptr - r->text);
        f->value_len = (uint32_t)value.len;
        if (r->guard.high && !mb_utf8_valid(value.ptr, value.len))
            return MB_FAULT_FIELD_TEXT;
        note_known(r, i, (struct mb_str){r->text + f->name, f->name_len});
    }
    return MB_FAULT_NONE;
}

/* Fields whose second value a proxy may have judged by while we would go by the first. */
static enum mb_fault check_repeats(const struct mb_http_request *r)
{
    static const uint8_t once[] = {MB_KNOWN_AUTHORIZATION, MB_KNOWN_CONTENT_TYPE,
                                   MB_KNOWN_IDEMPOTENCY_KEY};
    for (size_t i = 0; i < sizeof once; i++)
        if (r->known_times[once[i]] > 1)
            return MB_FAULT_FIELD_REPEATED;
    return MB_FAULT_NONE;
}

static enum mb_fault check_method(struct mb_http_request *r)
{
    switch (r->parser.method) {
    case HTTP_GET: r->method = MB_GET; break;
    case HTTP_HEAD: r->method = MB_HEAD; break;
    case HTTP_POST: r->method = MB_POST; break;
    case HTTP_PUT: r->method = MB_PUT; break;
    case HTTP_PATCH: r->method = MB_PATCH; break;
    case HTTP_DELETE: r->method = MB_DELETE; break;
    case HTTP_OPTIONS: r->method = MB_OPTIONS; break;
    default: return MB_FAULT_METHOD;
    }
    r->has_method = true;
    return MB_FAULT_NONE;
}

static bool read_length(struct mb_str s, uint64_t *out)
{
    bool any = s.len > 0;
    *out = 0;
    while (s.len > 0 && s.ptr[0] == '0') {
        s.ptr++;
        s.len--;
    }
    if (!any || s.len > 18)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    return true;
}

static enum mb_fault check_framing(struct mb_http_request *r)
{
    unsigned lengths = r->known_times[MB_KNOWN_CONTENT_LENGTH];
    unsigned codings = r->known_times[MB_KNOWN_TRANSFER_ENCODING];
    bool no_body = r->method == MB_GET || r->method == MB_HEAD || r->method == MB_DELETE;
    if (lengths + codings > 1)
        return MB_FAULT_FRAMING;
    if (codings == 1) {
        struct mb_str coding = mb_request__known(r, MB_KNOWN_TRANSFER_ENCODING);
        if (r->minor == 0 || !mb_str_ieq(coding, MB_STR("chunked")))
            return MB_FAULT_FRAMING;
        r->chunked = true;
    }
    if (lengths == 1 &&
        (!read_length(mb_request__known(r, MB_KNOWN_CONTENT_LENGTH), &r->body_left) ||
         r->body_left != r->parser.content_length))
        return MB_FAULT_FRAMING;
    r->sized = r->body_left > 0;
    return no_body && (r->chunked || r->sized) ? MB_FAULT_BODY_REFUSED : MB_FAULT_NONE;
}

static enum mb_fault check_expect(struct mb_http_request *r)
{
    struct mb_elements all = mb_request__elements(r, MB_KNOWN_EXPECT);
    struct mb_str element;
    if (r->minor == 0)
        return MB_FAULT_NONE;
    while (mb_request__next_element(&all, &element)) {
        if (!mb_str_ieq(element, MB_STR("100-continue")))
            return MB_FAULT_EXPECT;
        r->expects_continue = r->chunked || r->sized;
    }
    return MB_FAULT_NONE;
}

/* Close wins over keep-alive. */
static void read_connection(struct mb_http_request *r)
{
    struct mb_elements all = mb_request__elements(r, MB_KNOWN_CONNECTION);
    struct mb_str element;
    bool close = false, keep = r->minor == 1;
    while (mb_request__next_element(&all, &element)) {
        close = close || mb_str_ieq(element, MB_STR("close"));
        keep = keep || mb_str_ieq(element, MB_STR("keep-alive"));
    }
    r->keep_alive = keep && !close;
}

enum mb_fault mb_check__head(struct mb_http_request *r)
{
    enum mb_fault fault = check_method(r);
    r->minor = r->guard.minor;
    if (fault == MB_FAULT_NONE)
        fault = note_fields(r);
    if (fault == MB_FAULT_NONE)
        fault = check_repeats(r);
    if (fault == MB_FAULT_NONE)
        fault = mb_check__target(r);
    if (fault == MB_FAULT_NONE)
        fault = check_framing(r);
    if (fault == MB_FAULT_NONE)
        fault = check_expect(r);
    read_connection(r);
    return fault;
}
