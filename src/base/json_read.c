/*
 * The JSON reader: one pass, no recursion, events to a sink. The state between two tokens is one
 * of four expectations; containers and seen keys are kept by json_keys.c in the caller's scratch.
 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_parts.h"

const struct mb_json_limits mb_json_default_limits = {
    .depth = 32, .tokens = 100000, .keys = 1000, .string_bytes = 1024 * 1024};

enum expect { EXPECT_VALUE, EXPECT_FIRST, EXPECT_KEY, EXPECT_MORE };

struct reader {
    const char *p, *end;
    const struct mb_json_limits *limits;
    const struct mb_json_sink *sink;
    void *ctx;
    struct mb_json__stack stack;
    unsigned depth;
    size_t tokens;
    enum expect expect;
    char wrong[96]; /* text of the fault, once there is one */
};

static enum mb_rc refuse(struct reader *r, enum mb_rc rc, const char *wrong)
{
    (void)snprintf(r->wrong, sizeof r->wrong, "%s", wrong);
    return rc;
}

/* The text names the limit by number and by the configuration key that sets it. */
static enum mb_rc refuse_over(struct reader *r, const char *what, size_t limit, const char *key)
{
    (void)snprintf(r->wrong, sizeof r->wrong, "%s %zu (%s)", what, limit, key);
    return MB_E_LIMIT;
}

static enum mb_rc refuse_string(struct reader *r)
{
    return refuse_over(r, "the bytes of a string are more than", r->limits->string_bytes,
                       "json.max_string");
}

static enum mb_rc refuse_keys(struct reader *r)
{
    return refuse_over(r, "the keys of an object are more than", r->limits->keys, "json.max_keys");
}

static void skip_blank(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

static bool in_object(const struct reader *r) { return mb_json__top(&r->stack)->cap > 0; }

static enum mb_rc count_token(struct reader *r)
{
    if (++r->tokens <= r->limits->tokens) return MB_OK;
    return refuse_over(r, "the values and keys are more than", r->limits->tokens,
                       "json.max_tokens");
}

static enum mb_rc told(struct reader *r, enum mb_rc rc)
{
    return rc == MB_OK ? MB_OK : refuse(r, rc, "refused by the receiver");
}

/* p stands on the opening quote; *raw is the inside as it stands in the input. */
static enum mb_rc read_string(struct reader *r, struct mb_str *out, struct mb_str *raw)
{
    const char *begin = r->p + 1, *wrong;
    enum mb_rc rc =
        mb_json_pull_string(&r->p, r->end, r->limits->string_bytes, r->stack.mem, out, &wrong);
    if (rc == MB_E_LIMIT) return refuse_string(r);
    if (rc != MB_OK) return refuse(r, rc, wrong);
    *raw = (struct mb_str){begin, (size_t)(r->p - begin) - 1};
    return MB_OK;
}

static enum mb_rc read_number(struct reader *r)
{
    struct mb_json_number n;
    const char *wrong;
    enum mb_rc rc = mb_json_pull_number(&r->p, r->end, &n, &wrong);
    if (rc != MB_OK) return refuse(r, rc, wrong);
    return r->sink->number ? told(r, r->sink->number(r->ctx, n.text, n.is_integer, n.integer))
                           : MB_OK;
}

static bool take_word(struct reader *r, struct mb_str word)
{
    if ((size_t)(r->end - r->p) < word.len || memcmp(r->p, word.ptr, word.len) != 0) return false;
    r->p += word.len;
    return true;
}

static enum mb_rc read_word(struct reader *r)
{
    const struct mb_json_sink *sink = r->sink;
    if (take_word(r, MB_STR("null"))) return sink->null ? told(r, sink->null(r->ctx)) : MB_OK;
    bool yes = take_word(r, MB_STR("true"));
    if (yes || take_word(r, MB_STR("false")))
        return sink->boolean ? told(r, sink->boolean(r->ctx, yes)) : MB_OK;
    return refuse(r, MB_E_JSON, "a value is missing");
}

static enum mb_rc open_container(struct reader *r, bool object)
{
    if (r->depth == r->limits->depth)
        return refuse_over(r, "nested deeper than", r->limits->depth, "json.max_depth");
    enum mb_rc rc = mb_json__push(&r->stack, object);
    if (rc != MB_OK) return refuse(r, rc, "the nesting finds no memory");
    r->depth++;
    r->p++;
    r->expect = EXPECT_FIRST;
    enum mb_rc (*begin)(void *) = object ? r->sink->begin_object : r->sink->begin_array;
    return begin ? told(r, begin(r->ctx)) : MB_OK;
}

static enum mb_rc close_container(struct reader *r)
{
    enum mb_rc (*end)(void *) = in_object(r) ? r->sink->end_object : r->sink->end_array;
    mb_json__pop(&r->stack);
    r->depth--;
    r->p++;
    r->expect = EXPECT_MORE;
    return end ? told(r, end(r->ctx)) : MB_OK;
}

static enum mb_rc read_value(struct reader *r)
{
    enum mb_rc rc = count_token(r);
    if (rc != MB_OK) return rc;
    if (r->depth > 0 && !in_object(r)) mb_json__top(&r->stack)->count++;
    char c = r->p < r->end ? *r->p : '\0';
    if (c == '{' || c == '[') return open_container(r, c == '{');
    r->expect = EXPECT_MORE;
    if (c == '"') {
        struct mb_str text, raw;
        rc = read_string(r, &text, &raw);
        return rc == MB_OK && r->sink->string ? told(r, r->sink->string(r->ctx, text)) : rc;
    }
    return c == '-' || (c >= '0' && c <= '9') ? read_number(r) : read_word(r);
}

static enum mb_rc note_key(struct reader *r, struct mb_str key, struct mb_str raw)
{
    if (mb_json__top(&r->stack)->count == r->limits->keys) return refuse_keys(r);
    bool again;
    size_t at = (size_t)(raw.ptr - r->stack.text.ptr);
    enum mb_rc rc = mb_json__note_key(&r->stack, key, at, raw.len, &again);
    if (rc != MB_OK) return refuse(r, rc, "the keys of an object find no memory");
    return again ? refuse(r, MB_E_JSON, "a key stands twice in an object") : MB_OK;
}

static enum mb_rc read_key(struct reader *r)
{
    if (r->p == r->end || *r->p != '"') return refuse(r, MB_E_JSON, "a key in quotes is missing");
    struct mb_str key, raw;
    enum mb_rc rc = count_token(r);
    if (rc == MB_OK) rc = read_string(r, &key, &raw);
    /* The sink goes first: noting the key may move scratch, where the decoded key lies. */
    if (rc == MB_OK && r->sink->key) rc = told(r, r->sink->key(r->ctx, key));
    if (rc == MB_OK) rc = note_key(r, key, raw);
    if (rc != MB_OK) return rc;
    skip_blank(r);
    if (r->p == r->end || *r->p != ':') return refuse(r, MB_E_JSON, "a colon is missing");
    r->p++;
    r->expect = EXPECT_VALUE;
    return MB_OK;
}

/* After a value: a comma or the end of the container. */
static enum mb_rc read_more(struct reader *r)
{
    bool object = in_object(r);
    if (r->p < r->end && *r->p == (object ? '}' : ']')) return close_container(r);
    if (r->p == r->end || *r->p != ',')
        return refuse(r, MB_E_JSON, "a comma or the end is missing");
    r->p++;
    r->expect = object ? EXPECT_KEY : EXPECT_VALUE;
    return MB_OK;
}

static enum mb_rc read_step(struct reader *r)
{
    switch (r->expect) {
    case EXPECT_VALUE: return read_value(r);
    case EXPECT_KEY: return read_key(r);
    case EXPECT_FIRST:
        if (r->p < r->end && *r->p == (in_object(r) ? '}' : ']')) return close_container(r);
        return in_object(r) ? read_key(r) : read_value(r);
    case EXPECT_MORE: break;
    }
    return read_more(r);
}

/* So many steps, each to the end of a token, or fewer when the text ends before. */
static enum mb_rc read_some(struct reader *r, size_t steps, bool *is_over)
{
    *is_over = false;
    if (r->stack.text.len > UINT32_MAX) return refuse(r, MB_E_LIMIT, "the text is too long");
    for (; steps > 0 && !*is_over; steps--) {
        skip_blank(r);
        enum mb_rc rc = read_step(r);
        if (rc != MB_OK) return rc;
        *is_over = r->depth == 0 && r->expect == EXPECT_MORE;
    }
    if (!*is_over) return MB_OK;
    skip_blank(r);
    return r->p == r->end ? MB_OK : refuse(r, MB_E_JSON, "something follows the value");
}

static struct reader begin(struct mb_str text, const struct mb_json_limits *limits,
                           const struct mb_json_sink *sink, void *ctx, struct mb_buf *scratch)
{
    static const char nothing[] = "";
    if (text.len == 0) text.ptr = nothing; /* an empty slice may have no address to count from */
    return (struct reader){.p = text.ptr,
                           .end = text.ptr + text.len,
                           .limits = limits,
                           .sink = sink,
                           .ctx = ctx,
                           .stack = {.mem = scratch, .text = text, .top = MB_JSON__NONE}};
}

static void tell(struct reader *r, struct mb_json_fault *fault)
{
    fault->offset = (size_t)(r->p - r->stack.text.ptr);
    (void)snprintf(fault->text, sizeof fault->text, "%s", r->wrong);
    mb_json__pointer(&r->stack, fault->pointer, sizeof fault->pointer);
}

enum mb_rc mb_json_read(struct mb_str text, const struct mb_json_limits *limits,
                        const struct mb_json_sink *sink, void *ctx, struct mb_buf *scratch,
                        struct mb_json_fault *fault)
{
    bool is_over;
    struct reader r = begin(text, limits, sink, ctx, scratch);
    mb_buf_clear(scratch);
    enum mb_rc rc = read_some(&r, SIZE_MAX, &is_over);
    if (rc != MB_OK && fault) tell(&r, fault);
    return rc;
}

/* ---- by and by ---- */

struct mb_json_reader {
    struct reader r;
    struct mb_buf scratch;
};

struct mb_json_reader *mb_json_reader_new(struct mb_str text, const struct mb_json_limits *limits,
                                          const struct mb_json_sink *sink, void *ctx)
{
    struct mb_json_reader *it = malloc(sizeof *it);
    if (it == NULL) return NULL;
    mb_buf_init(&it->scratch, SIZE_MAX / 2); /* bounded by the text and the limits */
    it->r = begin(text, limits, sink, ctx, &it->scratch);
    return it;
}

enum mb_rc mb_json_reader_run(struct mb_json_reader *it, size_t steps, bool *is_over,
                              struct mb_json_fault *fault)
{
    enum mb_rc rc = read_some(&it->r, steps, is_over);
    if (rc != MB_OK && fault) tell(&it->r, fault);
    return rc;
}

void mb_json_reader_free(struct mb_json_reader *it)
{
    if (it == NULL) return;
    mb_buf_reset(&it->scratch);
    free(it);
}
