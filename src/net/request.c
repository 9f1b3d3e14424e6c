/* A request's memory and what a handler may ask of it. */
#include "net/request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "net/parse.h"
#include "net/token.h"

enum {
    TEXT_BYTES = 2048,          /* target and fields of most requests */
    KEPT_TEXT_BYTES = 16 * 1024, /* more than this is not kept for the next request */
    KEPT_BODY_BYTES = 16 * 1024,
    FIELDS_OUT_BYTES = 4096,
};

static struct mb_http_request *make_block(const struct mb_http_server *s)
{
    struct mb_http_request *r =
        malloc(sizeof *r + (s->config.limits.max_headers + 1) * sizeof(struct mb_field));
    if (!r)
        return NULL;
    r->text = malloc(TEXT_BYTES);
    if (!r->text) {
        free(r);
        return NULL;
    }
    r->text_cap = TEXT_BYTES;
    mb_buf_init(&r->body, 0);
    mb_buf_init(&r->fields_out, FIELDS_OUT_BYTES);
    return r;
}

struct mb_http_request *mb_request__new(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    struct mb_http_request *r = s->free_requests;
    if (r) {
        s->free_requests = r->next_free;
        s->nfree_requests--;
    } else if (!(r = make_block(s))) {
        return NULL;
    }
    char *text = r->text;
    uint32_t cap = r->text_cap;
    struct mb_buf body = r->body, fields_out = r->fields_out;
    memset(r, 0, offsetof(struct mb_http_request, id));
    r->text = text;
    r->text_cap = cap;
    r->body = body;
    r->fields_out = fields_out;
    mb_buf_clear(&r->body);
    mb_buf_clear(&r->fields_out);
    r->fields = (struct mb_field *)(r + 1);
    r->conn = c;
    r->id[0] = '\0';
    r->client[0] = '\0';
    r->started_ns = mb_mono_ns();
    c->requests++;
    mb_parse__start(r);
    c->progress = true;
    return r;
}

static void free_block(struct mb_http_request *r)
{
    mb_buf_reset(&r->body);
    mb_buf_reset(&r->fields_out);
    free(r->text);
    free(r);
}

void mb_request__recycle(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    r->conn->req = NULL;
    if (s->nfree_requests >= MB_FREE_REQUESTS || r->text_cap > KEPT_TEXT_BYTES) {
        free_block(r);
        return;
    }
    if (r->body.cap > KEPT_BODY_BYTES)
        mb_buf_reset(&r->body);
    r->next_free = s->free_requests;
    s->free_requests = r;
    s->nfree_requests++;
}

void mb_request__free_all(struct mb_http_server *s)
{
    while (s->free_requests) {
        struct mb_http_request *r = s->free_requests;
        s->free_requests = r->next_free;
        free_block(r);
    }
    s->nfree_requests = 0;
}

bool mb_request__grow_text(struct mb_http_request *r, size_t more)
{
    size_t cap = r->text_cap;
    char *text;
    while (cap < r->text_len + more)
        cap *= 2;
    text = realloc(r->text, cap);
    if (!text)
        return false;
    r->text = text;
    r->text_cap = (uint32_t)cap;
    return true;
}

struct mb_str mb_request__known(const struct mb_http_request *r, enum mb_known k)
{
    if (r->known[k] == 0)
        return (struct mb_str){NULL, 0};
    return mb_http_header_at(r, r->known[k] - 1u).value;
}

struct mb_lines mb_request__lines(const struct mb_http_request *r, enum mb_known k)
{
    return (struct mb_lines){.request = r, .field = k, .next = r->known[k]};
}

bool mb_request__next_line(struct mb_lines *l, struct mb_str *value)
{
    const struct mb_http_request *r = l->request;
    if (l->next == 0)
        return false;
    struct mb_http_header line = mb_http_header_at(r, l->next - 1u);
    *value = line.value;
    if (r->known_times[l->field] > 1) {
        while (l->next < r->nfields && !mb_str_eq(mb_http_header_at(r, l->next).name, line.name))
            l->next++;
        l->next = l->next < r->nfields ? l->next + 1 : 0;
    } else {
        l->next = 0;
    }
    return true;
}

struct mb_elements mb_request__elements(const struct mb_http_request *r, enum mb_known k)
{
    return (struct mb_elements){.lines = mb_request__lines(r, k)};
}

bool mb_request__next_element(struct mb_elements *e, struct mb_str *element)
{
    do {
        while (e->left.len > 0) {
            *element = mb_token_next(&e->left, ',');
            if (element->len > 0)
                return true;
        }
    } while (mb_request__next_line(&e->lines, &e->left));
    return false;
}

bool mb_request__body_due(const struct mb_http_request *r)
{
    return (r->chunked || r->sized) && r->stage != MB_STAGE_COMPLETE;
}

enum mb_method mb_http_method(const struct mb_http_request *r)
{
    return (enum mb_method)r->method;
}

const char *mb_method_name(enum mb_method m)
{
    static const char *const names[MB_METHOD_COUNT] = {
        [MB_GET] = "GET",     [MB_HEAD] = "HEAD",     [MB_POST] = "POST",      [MB_PUT] = "PUT",
        [MB_PATCH] = "PATCH", [MB_DELETE] = "DELETE", [MB_OPTIONS] = "OPTIONS",
    };
    return m < MB_METHOD_COUNT ? names[m] : "?";
}

struct mb_str mb_http_path(const struct mb_http_request *r)
{
    const char *target = r->text + r->target;
    const char *mark = r->target_len > 0 ? memchr(target, '?', r->target_len) : NULL;
    return (struct mb_str){target, mark ? (size_t)(mark - target) : r->target_len};
}

struct mb_str mb_http_query(const struct mb_http_request *r)
{
    struct mb_str path = mb_http_path(r);
    const char *end = path.ptr + path.len;
    if (path.len == r->target_len)
        return (struct mb_str){end, 0};
    return (struct mb_str){end + 1, r->target_len - path.len - 1};
}

size_t mb_http_header_count(const struct mb_http_request *r)
{
    return r->nfields;
}

struct mb_http_header mb_http_header_at(const struct mb_http_request *r, size_t i)
{
    if (i >= r->nfields)
        return (struct mb_http_header){{NULL, 0}, {NULL, 0}};
    const struct mb_field *f = &r->fields[i];
    return (struct mb_http_header){{r->text + f->name, f->name_len},
                                   {r->text + f->value, f->value_len}};
}

struct mb_str mb_http_header(const struct mb_http_request *r, struct mb_str name)
{
    for (uint32_t i = 0; i < r->nfields; i++) {
        const struct mb_field *f = &r->fields[i];
        if (f->name_len == name.len && memcmp(r->text + f->name, name.ptr, name.len) == 0)
            return (struct mb_str){r->text + f->value, f->value_len};
    }
    return (struct mb_str){NULL, 0};
}

struct mb_str mb_http_body(const struct mb_http_request *r)
{
    return mb_buf_str(&r->body);
}

/* An id from outside is kept when it is short and harmless wherever it is written again. */
static bool is_id(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        bool fine = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
        if (!fine)
            return false;
    }
    return s.len > 0 && s.len <= MB_REQUEST_ID_MAX;
}

const char *mb_http_id(const struct mb_http_request *r)
{
    struct mb_http_request *own = (struct mb_http_request *)r; /* made on first use */
    struct mb_str given;
    if (own->id[0] != '\0')
        return own->id;
    given = mb_request__known(r, MB_KNOWN_REQUEST_ID);
    if (r->known_times[MB_KNOWN_REQUEST_ID] == 1 && is_id(given)) {
        memcpy(own->id, given.ptr, given.len);
        own->id[given.len] = '\0';
    } else {
        mb_request_id(own->id);
    }
    return own->id;
}

static bool is_lower_hex(const char *p, size_t n)
{
    bool zero = true;
    for (size_t i = 0; i < n; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
        zero = zero && p[i] == '0';
    }
    return n == 2 || !zero; /* ids of zeros only are invalid, flags are not */
}

struct mb_str mb_http_traceparent(const struct mb_http_request *r)
{
    struct mb_str t = mb_request__known(r, MB_KNOWN_TRACEPARENT);
    enum { LENGTH = 55 };
    bool fine = r->known_times[MB_KNOWN_TRACEPARENT] == 1 && t.len >= LENGTH &&
                is_lower_hex(t.ptr, 2) && memcmp(t.ptr, "ff", 2) != 0 && t.ptr[2] == '-' &&
                is_lower_hex(t.ptr + 3, 32) && t.ptr[35] == '-' && is_lower_hex(t.ptr + 36, 16) &&
                t.ptr[52] == '-' && is_lower_hex(t.ptr + 53, 2);
    if (fine && t.len > LENGTH) /* a later version may say more */
        fine = memcmp(t.ptr, "00", 2) != 0 && t.ptr[LENGTH] == '-';
    return fine ? (struct mb_str){t.ptr, LENGTH} : (struct mb_str){NULL, 0};
}

int mb_http_tag(const struct mb_http_request *r)
{
    return r->conn->tag;
}

uint64_t mb_http_deadline_ns(const struct mb_http_request *r)
{
    return r->deadline_ns;
}

bool mb_http_has_body(const struct mb_http_request *r)
{
    return r->chunked || r->sized;
}

bool mb_http_replied(const struct mb_http_request *r)
{
    return r->reply != MB_REPLY_NONE;
}

void mb_http_set_data(struct mb_http_request *r, void *data)
{
    r->data = data;
}

void *mb_http_data(const struct mb_http_request *r)
{
    return r->data;
}

void mb_http_set_route(struct mb_http_request *r, const char *pattern)
{
    r->route = pattern;
}

void mb_http_set_generation(struct mb_http_request *r, const char *name)
{
    r->generation = name;
}
