/*
 * libFuzzer target of the JSON reader and writer: what is accepted is written again by its events,
 * and the second reading must tell exactly the same; what is refused must say where and why.
 */
#include <stdlib.h>

#include "base/json.h"

enum { MOST_BYTES = 1 << 22, MOST_DEPTH = 32 };

/* Writes events as JSON. first[depth] says that nothing stands yet in the container. */
struct writer {
    struct mb_buf out;
    bool first[MOST_DEPTH + 1], after_key;
    unsigned depth;
};

static void must(bool held)
{
    if (!held) abort();
}

static void add(struct writer *w, const char *z) { must(mb_buf_addz(&w->out, z) == MB_OK); }

static void separate(struct writer *w)
{
    if (!w->first[w->depth] && !w->after_key) add(w, ",");
    w->first[w->depth] = w->after_key = false;
}

static enum mb_rc value(struct writer *w, const char *z)
{
    separate(w);
    add(w, z);
    return MB_OK;
}

static enum mb_rc on_null(void *w) { return value(w, "null"); }
static enum mb_rc on_boolean(void *w, bool v) { return value(w, v ? "true" : "false"); }

static enum mb_rc on_number(void *ctx, struct mb_str text, bool is_int, int64_t i)
{
    struct writer *w = ctx;
    separate(w);
    if (is_int) return mb_buf_i64(&w->out, i);
    return mb_buf_add(&w->out, text.ptr, text.len);
}

static enum mb_rc on_string(void *ctx, struct mb_str s)
{
    struct writer *w = ctx;
    separate(w);
    return mb_json_str(&w->out, s.ptr, s.len); /* refuses what is not UTF-8 */
}

static enum mb_rc on_key(void *ctx, struct mb_str s)
{
    struct writer *w = ctx;
    enum mb_rc rc = on_string(w, s);
    add(w, ":");
    w->after_key = true;
    return rc;
}

static enum mb_rc open(struct writer *w, const char *bracket)
{
    (void)value(w, bracket);
    must(w->depth < MOST_DEPTH);
    w->first[++w->depth] = true;
    return MB_OK;
}

static enum mb_rc close(struct writer *w, const char *bracket)
{
    must(w->depth-- > 0);
    add(w, bracket);
    return MB_OK;
}

static enum mb_rc on_begin_object(void *w) { return open(w, "{"); }
static enum mb_rc on_end_object(void *w) { return close(w, "}"); }
static enum mb_rc on_begin_array(void *w) { return open(w, "["); }
static enum mb_rc on_end_array(void *w) { return close(w, "]"); }

static const struct mb_json_sink sink = {on_null,       on_boolean,     on_number,
                                         on_string,     on_key,         on_begin_object,
                                         on_end_object, on_begin_array, on_end_array};

static enum mb_rc rewrite(struct mb_str text, struct writer *w, struct mb_json_fault *fault)
{
    struct mb_buf scratch;
    mb_buf_init(&scratch, MOST_BYTES);
    *w = (struct writer){.first = {true}};
    mb_buf_init(&w->out, MOST_BYTES);
    enum mb_rc rc = mb_json_read(text, &mb_json_default_limits, &sink, w, &scratch, fault);
    mb_buf_reset(&scratch);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer first, second;
    struct mb_json_fault fault = {.offset = size + 1};
    enum mb_rc rc = rewrite((struct mb_str){(const char *)data, size}, &first, &fault);
    if (rc == MB_OK) {
        must(first.depth == 0);
        must(rewrite(mb_buf_str(&first.out), &second, &fault) == MB_OK);
        must(mb_str_eq(mb_buf_str(&first.out), mb_buf_str(&second.out)));
        mb_buf_reset(&second.out);
    } else {
        must(rc == MB_E_JSON || rc == MB_E_LIMIT);
        must(fault.offset <= size && fault.text[0] != '\0');
        must(mb_utf8_valid(fault.text, strlen(fault.text)));
    }
    mb_buf_reset(&first.out);
    return 0;
}
