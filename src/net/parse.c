/*
 * Parsing. The guard sees every head byte before llhttp does, and both must find the end of the
 * head at the same byte. llhttp then frames chunked bodies; chunk extensions and trailers are read
 * by the guard alone and dropped, and sized bodies are counted here. Each request starts with a
 * fresh parser, so that nothing of one request can bend the next.
 */
#include "net/parse.h"

#include "base/word.h"
#include "net/token.h"

static struct mb_http_request *of(llhttp_t *p)
{
    return p->data;
}

static bool add_text(struct mb_http_request *r, const char *at, size_t n)
{
    if (r->text_len + n > r->text_cap && !mb_request__grow_text(r, n)) {
        r->fault = MB_FAULT_NO_MEMORY;
        return false;
    }
    memcpy(r->text + r->text_len, at, n);
    r->text_len += (uint32_t)n;
    return true;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
    struct mb_http_request *r = of(p);
    if (!add_text(r, at, n))
        return HPE_USER;
    r->target_len = r->text_len;
    return 0;
}

/* ASCII alone comes here (guard.h). A long name's last bytes may be looked at twice. */
static void to_lower(char *s, size_t n)
{
    enum { WORD = sizeof(uint64_t) };
    for (size_t i = 0; n >= WORD && i < n; i += WORD) {
        char *at = s + (n - i < WORD ? n - WORD : i);
        uint64_t word = mb_word_lower(mb_word_load(at));
        memcpy(at, &word, sizeof word);
    }
    for (size_t i = 0; n < WORD && i < n; i++)
        if (s[i] >= 'A' && s[i] <= 'Z') s[i] = (char)(s[i] | 0x20);
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
    struct mb_http_request *r = of(p);
    struct mb_field *f;
    if (!r->in_name) {
        if (r->nfields >= r->conn->server->config.limits.max_headers) {
            r->fault = MB_FAULT_FIELD_COUNT;
            return HPE_USER;
        }
        r->fields[r->nfields++] = (struct mb_field){.name = r->text_len};
        r->in_name = true;
    }
    if (!add_text(r, at, n))
        return HPE_USER;
    f = &r->fields[r->nfields - 1];
    to_lower(r->text + r->text_len - n, n);
    f->name_len += (uint32_t)n;
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
    struct mb_http_request *r = of(p);
    struct mb_field *f = &r->fields[r->nfields - 1];
    if (!r->in_value) {
        f->value = r->text_len;
        r->in_value = true;
    }
    if (!add_text(r, at, n))
        return HPE_USER;
    f->value_len += (uint32_t)n;
    return 0;
}

static int on_value_complete(llhttp_t *p)
{
    struct mb_http_request *r = of(p);
    r->in_name = r->in_value = false;
    return 0;
}

static int on_headers_complete(llhttp_t *p)
{
    p->upgrade = 0; /* a request to upgrade is ignored: the body is framed as of any other */
    return 0;
}

static int on_chunk_header(llhttp_t *p)
{
    struct mb_http_request *r = of(p);
    r->in_chunk = true;
    r->last_chunk = p->content_length == 0;
    r->too_large = p->content_length > r->body_max - r->body_seen;
    return HPE_PAUSED;   /* the chunk line is looked at, and the last one starts the trailers */
}

static int on_chunk_complete(llhttp_t *p)
{
    of(p)->in_chunk = false;
    return HPE_PAUSED; /* extensions of the next chunk are not for llhttp */
}

/* Gives a piece of the body to whoever wants it; false when the request cannot go on. */
static bool deliver(struct mb_http_request *r, const char *at, size_t n)
{
    const struct mb_http_handler *h = &r->conn->server->handler;
    r->too_large = n > r->body_max - r->body_seen;
    if (r->too_large)
        return false;
    r->body_seen += n;
    r->conn->progress = true;
    if (r->discard)
        return true;
    if (r->mode == MB_BODY_STREAM) {
        r->paused = !h->on_body(h->ctx, r, (struct mb_str){at, n});
        return true;
    }
    if (mb_buf_add(&r->body, at, n) == MB_OK)
        return true;
    r->fault = MB_FAULT_NO_MEMORY;
    return false;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    struct mb_http_request *r = of(p);
    r->chunk_mark = at + n;
    mb_guard_chunk_data(&r->chunks);
    if (!deliver(r, at, n))
        return HPE_USER;
    return r->paused ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_body = on_body,
};

void mb_parse__start(struct mb_http_request *r)
{
    mb_guard_start(&r->guard);
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
    r->parser.data = r;
}

static enum mb_fault fault_of(const struct mb_http_request *r, llhttp_errno_t e)
{
    if (r->fault != MB_FAULT_NONE)
        return (enum mb_fault)r->fault;
    switch (e) {
    case HPE_INVALID_METHOD: return MB_FAULT_METHOD;
    case HPE_INVALID_URL: return MB_FAULT_TARGET;
    case HPE_INVALID_VERSION: return MB_FAULT_VERSION;
    case HPE_INVALID_CONSTANT: return MB_FAULT_REQUEST_LINE;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING: return MB_FAULT_FRAMING;
    default: return r->stage == MB_STAGE_HEAD ? MB_FAULT_FIELD : MB_FAULT_CHUNK;
    }
}

static enum mb_parse bad(struct mb_http_request *r, enum mb_fault fault)
{
    r->fault = (uint8_t)fault;
    return MB_PARSE_BAD;
}

/* Where the two disagree, the byte that comes first decides: how a request is split into
 * packets must not change its answer. */
enum mb_parse mb_parse__head(struct mb_http_request *r, const char *p, size_t n, size_t *taken)
{
    const struct mb_http_limits *limits = &r->conn->server->config.limits;
    enum mb_fault fault = mb_guard_feed(&r->guard, limits, p, n, taken);
    llhttp_errno_t e = *taken > 0 ? llhttp_execute(&r->parser, p, *taken) : HPE_OK;
    if (e != HPE_OK)
        return bad(r, fault_of(r, e));
    if (fault != MB_FAULT_NONE)
        return bad(r, fault);
    if (!mb_guard_is_done(&r->guard))
        return MB_PARSE_MORE;
    fault = mb_check__head(r);
    return fault == MB_FAULT_NONE ? MB_PARSE_DONE : bad(r, fault);
}

static enum mb_parse sized_body(struct mb_http_request *r, const char *p, size_t n, size_t *taken)
{
    *taken = n > r->body_left ? (size_t)r->body_left : n;
    r->body_left -= *taken;
    if (*taken > 0 && !deliver(r, p, *taken))
        return MB_PARSE_BAD;
    if (r->body_left == 0)
        return MB_PARSE_DONE;
    return r->paused ? MB_PARSE_STOP : MB_PARSE_MORE;
}

static enum mb_parse trailers(struct mb_http_request *r, const char *p, size_t n, size_t *taken)
{
    enum mb_fault fault =
        mb_guard_feed(&r->guard, &r->conn->server->config.limits, p, n, taken);
    if (fault != MB_FAULT_NONE)
        return bad(r, fault);
    return mb_guard_is_done(&r->guard) ? MB_PARSE_DONE : MB_PARSE_MORE;
}

/* Looks at the framing bytes between chunk data and `end`. */
static enum mb_fault check_line(struct mb_http_request *r, const char *end)
{
    const char *from = r->chunk_mark;
    r->chunk_mark = end;
    return mb_guard_chunk_line(&r->chunks, &r->conn->server->config.limits, from,
                               (size_t)(end - from));
}

/* llhttp sees no chunk extension: it does not take all that may stand in one, and takes more. */
static const char *before_extension(const struct mb_http_request *r, const char *at,
                                    const char *end)
{
    if (r->in_chunk)
        return end;
    while (at < end && *at != ';' && *at != '\n')
        at++;
    return at < end && *at == '\n' ? at + 1 : at;
}

static const char *behind_extension(const struct mb_http_request *r, const char *at,
                                    const char *end)
{
    if (r->in_chunk || (*at != ';' && r->chunks.extension == 0))
        return at;
    const char *cr = memchr(at, '\r', (size_t)(end - at));
    return cr != NULL ? cr : end;
}

static enum mb_parse chunked_body(struct mb_http_request *r, const char *p, size_t n, size_t *taken)
{
    const char *at = p, *end = p + n;
    while (at < end && !r->last_chunk) {
        r->chunk_mark = at;
        at = behind_extension(r, at, end);
        enum mb_fault before = check_line(r, at);
        *taken = (size_t)(at - p);
        if (before != MB_FAULT_NONE)
            return bad(r, before);
        if (at == end)
            break;
        const char *stop = before_extension(r, at, end);
        llhttp_errno_t e = llhttp_execute(&r->parser, at, (size_t)(stop - at));
        bool stopped = e == HPE_PAUSED;
        const char *to = stopped ? llhttp_get_error_pos(&r->parser) : stop;
        *taken = (size_t)(to - p);
        if (r->too_large)
            return MB_PARSE_BAD;
        if (e != HPE_OK && !stopped)
            return bad(r, fault_of(r, e));
        enum mb_fault fault = check_line(r, to);
        if (fault != MB_FAULT_NONE)
            return bad(r, fault);
        at = to;
        if (stopped)
            llhttp_resume(&r->parser);
        if (r->paused)
            return MB_PARSE_STOP;
    }
    if (!r->last_chunk)
        return MB_PARSE_MORE;
    r->trailers = true;
    mb_guard_start_trailers(&r->guard);
    enum mb_parse rest = trailers(r, at, (size_t)(end - at), taken);
    *taken += (size_t)(at - p);
    return rest;
}

enum mb_parse mb_parse__body(struct mb_http_request *r, const char *p, size_t n, size_t *taken)
{
    *taken = 0;
    if (!r->chunked)
        return sized_body(r, p, n, taken);
    return r->trailers ? trailers(r, p, n, taken) : chunked_body(r, p, n, taken);
}

static llhttp_errno_t try_parse(const char *text)
{
    static const llhttp_settings_t nothing = {0};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &nothing);
    return llhttp_execute(&parser, text, strlen(text));
}

bool mb_http_parser_is_strict(void)
{
    return try_parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n") == HPE_OK &&
           try_parse("GET / HTTP/1.1\r\nHost : x\r\n\r\n") != HPE_OK &&
           try_parse("GET / HTTP/1.1\r\nHost: x\r\n\rX") != HPE_OK &&
           try_parse("GET / HTTP/1.1\r\nA:\rB: x\r\n\r\n") != HPE_OK;
}
