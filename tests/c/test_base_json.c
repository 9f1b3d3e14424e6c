/* Facts about base/json.h: what is accepted and refused, exactness of numbers, bounded memory. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

#include "tap.h"

struct text {
    const char *ptr;
    size_t len;
};
#define T(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct text accepted[] = {
    T("null"),
    T("true"),
    T("false"),
    T("0"),
    T("-0"),
    T("1"),
    T("-1"),
    T("10"),
    T("1.5"),
    T("-1.5"),
    T("1e5"),
    T("1E5"),
    T("1e+5"),
    T("1e-5"),
    T("0.1"),
    T("0e0"),
    T("1e308"),
    T("1e-400"),
    T("123456789012345678901234567890"),
    T("9223372036854775808"),
    T("\"\""),
    T("\"a\""),
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    T("\"\\u0041\""),
    T("\"\\u00e9\""),
    T("\"\\uFFFF\""),
    T("\"\\uD83D\\uDE00\""),
    T("\"\\ud83d\\ude00\""),
    T("\"\xc3\xa9\""),
    T("\"\xe2\x82\xac\""),
    T("\"\xf0\x9f\x98\x80\""),
    T("\"\xed\x9f\xbf\""),
    T("\"\xee\x80\x80\""),
    T("\"\xf4\x8f\xbf\xbf\""),
    T("\"\xef\xbf\xbf\""),
    T("\"\x7f\""),
    T("\"\xe2\x80\xa8\""),
    T("[]"),
    T("[1]"),
    T("[1,2]"),
    T("[[],[]]"),
    T("[[[[[]]]]]"),
    T("{}"),
    T("{\"a\":1}"),
    T("{\"a\":{},\"b\":[]}"),
    T("{\"\":1}"),
    T("{\"a\":1,\"A\":2}"),
    T("{\"a\":{\"a\":{\"a\":1}}}"),
    T("[{\"a\":1},{\"a\":1}]"),
    T(" null "),
    T("\t[\r\n1 ,\n2 ]\n"),
    T("{ \"a\" : 1 , \"b\" : 2 }"),
    T("[\"12345678\",\"123456789\",\"1234567\"]"),
    T("[1.0,2.0e0]"),
    T("\"/\""),
    T("[null,true,false,0,\"\",[],{}]"),
};

static const struct text refused[] = {
    /* nothing, or more than one value */
    T(""),
    T(" "),
    T("\n\n"),
    T("1 2"),
    T("{} {}"),
    T("null,"),
    T("[] x"),
    T("\"a\" \"b\""),
    T(",1"),
    T("1,"),
    T("{}}"),
    T("[]]"),
    T("null\0"),
    T("\0null"),
    T("/* c */ 1"),
    T("1 // c"),
    T("# c\n1"),
    /* words */
    T("nul"),
    T("nulll"),
    T("NULL"),
    T("True"),
    T("TRUE"),
    T("truefalse"),
    T("tru"),
    T("undefined"),
    T("NaN"),
    T("-NaN"),
    T("Infinity"),
    T("-Infinity"),
    T("inf"),
    T("nan"),
    T("a"),
    T("'a'"),
    T("\\n"),
    /* numbers */
    T("+1"),
    T("01"),
    T("-01"),
    T("00"),
    T("1."),
    T(".5"),
    T("-.5"),
    T("-"),
    T("--1"),
    T("1e"),
    T("1e+"),
    T("1e-"),
    T("e5"),
    T("0x1F"),
    T("0x"),
    T("0b1"),
    T("0o7"),
    T("1_000"),
    T("1 000"),
    T("1,000"),
    T("1.2.3"),
    T("1e1.5"),
    T("1e400"),
    T("-1e400"),
    T("1e99999"),
    T("- 1"),
    T("1a"),
    T("-a"),
    T("0.e1"),
    T("1.e1"),
    T("2.e+3"),
    T("\xef\xbc\x91"),
    T("1e5e5"),
    T("0-1"),
    /* strings */
    T("\""),
    T("\"a"),
    T("\"\\\""),
    T("\"\\"),
    T("\"\\x41\""),
    T("\"\\a\""),
    T("\"\\'\""),
    T("\"\\0\""),
    T("\"\\u\""),
    T("\"\\u0\""),
    T("\"\\u00\""),
    T("\"\\u004\""),
    T("\"\\u004"),
    T("\"\\u00G0\""),
    T("\"\\U0041\""),
    T("\"\\u+041\""),
    T("\"\\u 041\""),
    T("\"\\u0000\""),
    T("\"a\\u0000b\""),
    T("\"\n\""),
    T("\"\t\""),
    T("\"\r\""),
    T("\"\x01\""),
    T("\"\x1f\""),
    T("\"\0\""),
    T("\"a\0b\""),
    T("\"1234567\x01\""),
    T("\"12345678\x1f\""),
    T("a\""),
    T("\"a\"b"),
    /* surrogates */
    T("\"\\uD800\""),
    T("\"\\uDC00\""),
    T("\"\\uDFFF\""),
    T("\"\\uD800x\""),
    T("\"\\uD800\\n\""),
    T("\"\\uD800\\uD800\""),
    T("\"\\uD800\\u0041\""),
    T("\"\\uDC00\\uD800\""),
    T("\"\\uD83D\\uDE0\""),
    T("\"\\uD83D\\\""),
    T("\"\\uD83D\\uDE00\\uDE00\""),
    T("\"\xed\xa0\x80\""),
    T("\"\xed\xbf\xbf\""),
    T("\"\xed\xa0\xbd\xed\xb8\x80\""),
    /* UTF-8 */
    T("\"\x80\""),
    T("\"\xbf\""),
    T("\"\xc0\x80\""),
    T("\"\xc1\xbf\""),
    T("\"\xc3\""),
    T("\"\xc3"),
    T("\"\xc3\x28\""),
    T("\"\xe0\x80\x80\""),
    T("\"\xe0\x9f\xbf\""),
    T("\"\xe2\x82\""),
    T("\"\xe2\x28\xa1\""),
    T("\"\xf0\x80\x80\x80\""),
    T("\"\xf0\x8f\xbf\xbf\""),
    T("\"\xf0\x9f\x98\""),
    T("\"\xf4\x90\x80\x80\""),
    T("\"\xf5\x80\x80\x80\""),
    T("\"\xfe\""),
    T("\"\xff\""),
    T("\"\xf8\x88\x80\x80\x80\""),
    T("\"12345678\xff\""),
    T("{\"\xff\":1}"),
    /* byte order marks and other encodings */
    T("\xef\xbb\xbfnull"),
    T("\xef\xbb\xbf"),
    T("\xff\xfen\0u\0l\0l\0"),
    T("\xfe\xff\0n\0u\0l\0l"),
    T("n\0u\0l\0l\0"),
    T("\xc2\xa0null"),
    T("\x0bnull"),
    T("\x0cnull"),
    T("\xe2\x80\x83"
      "1"),
    /* arrays */
    T("["),
    T("]"),
    T("[1"),
    T("[1,"),
    T("[,1]"),
    T("[1,]"),
    T("[1,,2]"),
    T("[1 2]"),
    T("[1:2]"),
    T("[\"a\":1]"),
    T("[}"),
    T("[1}"),
    T("[[]"),
    T("[\"a"),
    T("[,]"),
    T("[]["),
    T("(1)"),
    T("[*]"),
    /* objects */
    T("{"),
    T("}"),
    T("{\"a\"}"),
    T("{\"a\":}"),
    T("{\"a\":1"),
    T("{\"a\":1,"),
    T("{\"a\":1,}"),
    T("{,}"),
    T("{,\"a\":1}"),
    T("{\"a\" 1}"),
    T("{\"a\":1 \"b\":2}"),
    T("{\"a\"::1}"),
    T("{:1}"),
    T("{a:1}"),
    T("{'a':1}"),
    T("{1:1}"),
    T("{null:1}"),
    T("{[]:1}"),
    T("{\"a\":1]"),
    T("{\"a\",1}"),
    T("{\"a\":1;\"b\":2}"),
    T("{\"a\"=1}"),
    T("{\"a\":1,,\"b\":2}"),
    T("{\"a"),
    T("{\"a\":"),
    T("{\"a\":tru}"),
    T("{{}}"),
    T("{[]}"),
    T("{\"a\":1}\0"),
    /* duplicate keys, however they are written and wherever they are */
    T("{\"a\":1,\"a\":1}"),
    T("{\"a\":1,\"b\":2,\"a\":3}"),
    T("{\"a\":1,\"\\u0061\":2}"),
    T("{\"\\u00e9\":1,\"\xc3\xa9\":2}"),
    T("{\"\":1,\"\":2}"),
    T("{\"x\":{\"a\":1,\"a\":1}}"),
    T("{\"a\":{\"b\":1},\"a\":2}"),
    T("[[{\"k\":0,\"k\":0}]]"),
    T("{\"\\/\":1,\"/\":2}"),
    T("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"),
};

static struct mb_buf scratch;

/* Parses a copy of exact size, so that reading past the end is found by the sanitizer. */
static enum mb_rc parse(struct text t, const struct mb_json_sink *sink, void *ctx,
                        struct mb_json_fault *fault)
{
    char *copy = malloc(t.len ? t.len : 1);
    if (!copy) return MB_E_NOMEM;
    memcpy(copy, t.ptr, t.len);
    enum mb_rc rc = mb_json_read((struct mb_str){copy, t.len}, &mb_json_default_limits, sink, ctx,
                                 &scratch, fault);
    free(copy);
    return rc;
}

/* The text with everything but printable ASCII escaped, for the names of facts. */
static const char *shown(struct text t)
{
    static char out[1024];
    size_t n = 0;
    for (size_t i = 0; i < t.len && n < sizeof out - 5; i++) {
        unsigned char c = (unsigned char)t.ptr[i];
        bool plain = c >= 0x20 && c < 0x7F && c != '#';
        n += (size_t)snprintf(out + n, sizeof out - n, plain ? "%c" : "<%02x>", c);
    }
    out[n] = '\0';
    return out;
}

static void test_grammar(void)
{
    static const struct mb_json_sink deaf;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        ok(parse(accepted[i], &deaf, NULL, NULL) == MB_OK, "accepts %s", shown(accepted[i]));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ok(parse(refused[i], &deaf, NULL, NULL) == MB_E_JSON, "refuses %s", shown(refused[i]));
}

/* Every proper prefix of a document is refused, and none reads past its end. */
static void test_prefixes(void)
{
    static const struct mb_json_sink deaf;
    static const struct text whole = T("{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",{\"b\":"
                                       "null,\"c\":true}],\"d\":false}");
    bool all = true;
    for (size_t n = 0; n < whole.len; n++)
        all = all && parse((struct text){whole.ptr, n}, &deaf, NULL, NULL) == MB_E_JSON;
    ok(all, "refuses a document cut anywhere");
    ok(parse(whole, &deaf, NULL, NULL) == MB_OK, "accepts it whole");
}

/* ---- events ---- */

static enum mb_rc say(void *ctx, const char *z) { return mb_buf_addz(ctx, z); }
static enum mb_rc on_null(void *ctx) { return say(ctx, "n "); }
static enum mb_rc on_bool(void *ctx, bool v) { return say(ctx, v ? "t " : "f "); }
static enum mb_rc on_number(void *ctx, struct mb_str s, bool is_int, int64_t i)
{
    if (is_int) return mb_buf_addf(ctx, "i%lld ", (long long)i);
    return mb_buf_addf(ctx, "d%.*s ", (int)s.len, s.ptr);
}
static enum mb_rc on_string(void *ctx, struct mb_str s)
{
    return mb_buf_addf(ctx, "s%.*s ", (int)s.len, s.ptr);
}
static enum mb_rc on_key(void *ctx, struct mb_str s)
{
    return mb_buf_addf(ctx, "k%.*s ", (int)s.len, s.ptr);
}
static enum mb_rc on_object(void *ctx) { return say(ctx, "{ "); }
static enum mb_rc on_object_end(void *ctx) { return say(ctx, "} "); }
static enum mb_rc on_array(void *ctx) { return say(ctx, "[ "); }
static enum mb_rc on_array_end(void *ctx) { return say(ctx, "] "); }

static const struct mb_json_sink teller = {on_null,   on_bool,       on_number, on_string,   on_key,
                                           on_object, on_object_end, on_array,  on_array_end};

static void expect_events(struct text t, const char *events, const char *fact)
{
    struct mb_buf out;
    mb_buf_init(&out, 65536);
    enum mb_rc rc = parse(t, &teller, &out, NULL);
    ok(rc == MB_OK && mb_str_eq(mb_buf_str(&out), mb_str_z(events)), "%s", fact);
    mb_buf_reset(&out);
}

static void test_events(void)
{
    expect_events((struct text)T("{\"a\":[1,null],\"b\":{\"c\":true}}"),
                  "{ ka [ i1 n ] kb { kc t } } ", "tells what it reads in order");
    expect_events((struct text)T("[\"\\ud83d\\ude00\\n\\u0041\\/\"]"), "[ s\xf0\x9f\x98\x80\nA/ ] ",
                  "decodes escapes");
    expect_events((struct text)T("{\"\\u0061b\":\"\"}"), "{ kab s } ", "decodes keys");
    expect_events((struct text)T("[9223372036854775807,-9223372036854775808]"),
                  "[ i9223372036854775807 i-9223372036854775808 ] ",
                  "keeps the ends of int64 exactly");
    expect_events((struct text)T("[9007199254740993]"), "[ i9007199254740993 ] ",
                  "keeps integers that no double can hold");
    expect_events((struct text)T("[9223372036854775808,-9223372036854775809]"),
                  "[ d9223372036854775808 d-9223372036854775809 ] ",
                  "never wraps an integer round");
    expect_events((struct text)T("[18446744073709551616,18446744073709551617]"),
                  "[ d18446744073709551616 d18446744073709551617 ] ",
                  "never wraps at 64 bits either");
    expect_events((struct text)T("[1234567890123.45,0.10,1.0,1e2]"),
                  "[ d1234567890123.45 d0.10 d1.0 d1e2 ] ", "hands money over as its text");
    expect_events((struct text)T("[-0]"), "[ i0 ] ", "reads -0 as an integer");
}

static enum mb_rc reject(void *ctx)
{
    (void)ctx;
    return MB_E_CANCELLED;
}

static void expect_fault(struct text t, enum mb_rc rc, size_t offset, const char *pointer,
                         const char *fact)
{
    static const struct mb_json_sink no_null = {.null = reject};
    struct mb_json_fault f;
    enum mb_rc got = parse(t, &no_null, NULL, &f);
    ok(got == rc && f.offset == offset && strcmp(f.pointer, pointer) == 0 && f.text[0],
       "%s (%zu %s)", fact, f.offset, f.pointer);
}

static void test_faults(void)
{
    expect_fault((struct text)T("{\"a\":{\"b\":[1,2,x]}}"), MB_E_JSON, 15, "/a/b/2",
                 "points at the value in work");
    expect_fault((struct text)T("{\"a/b~c\":tru}"), MB_E_JSON, 9, "/a~1b~0c",
                 "escapes the pointer");
    expect_fault((struct text)T("{\"\\u00e9\":x}"), MB_E_JSON, 10, "/\xc3\xa9",
                 "decodes keys for the pointer");
    expect_fault((struct text)T("x"), MB_E_JSON, 0, "", "points at the whole document");
    expect_fault((struct text)T("[]x"), MB_E_JSON, 2, "", "says where something follows");
    expect_fault((struct text)T("{\"a\":1,\"b\":2,\"a\":3}"), MB_E_JSON, 16, "/a",
                 "names a key that stands twice");
    expect_fault((struct text)T("[1,null]"), MB_E_CANCELLED, 7, "/1",
                 "passes on what the receiver says");
    expect_fault((struct text)T("[[],x]"), MB_E_JSON, 4, "/1", "forgets what is closed");
}

static void add(struct mb_buf *b, const char *z)
{
    if (mb_buf_addz(b, z) != MB_OK) abort();
}

static struct mb_buf repeated(const char *begin, const char *middle, int n, const char *end)
{
    struct mb_buf b;
    mb_buf_init(&b, 64u << 20);
    add(&b, begin);
    for (int i = 0; i < n; i++) add(&b, middle);
    add(&b, end);
    return b;
}

/* {"k0":0,"k1":0,...} with n keys, then last. */
static struct mb_buf many_keys(int n, const char *last)
{
    struct mb_buf b;
    mb_buf_init(&b, 64u << 20);
    add(&b, "{");
    for (int i = 0; i < n; i++) {
        if (mb_buf_addf(&b, "%s\"k%d\":0", i ? "," : "", i) != MB_OK) abort();
    }
    add(&b, last);
    return b;
}

static enum mb_rc read_and_free(struct mb_buf doc, struct mb_json_fault *fault)
{
    static const struct mb_json_sink deaf;
    enum mb_rc rc = parse((struct text){doc.data, doc.len}, &deaf, NULL, fault);
    mb_buf_reset(&doc);
    return rc;
}

static void test_limits(void)
{
    ok(read_and_free(repeated("", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), NULL) == MB_OK,
       "accepts 32 levels");
    struct mb_json_fault f;
    ok(read_and_free(repeated("", "[", 33, ""), &f) == MB_E_LIMIT &&
           strcmp(f.text, "nested deeper than 32 (json.max_depth)") == 0,
       "refuses 33 levels, and names the limit and its key");
    ok(read_and_free(repeated("", "{\"a\":", 1000000, ""), &f) == MB_E_LIMIT &&
           strlen(f.pointer) == 64,
       "refuses a million levels after 32 of them");
    ok(read_and_free(repeated("[0", ",0", 99998, "]"), NULL) == MB_OK, "accepts 100000 values");
    ok(read_and_free(repeated("[0", ",0", 99999, "]"), NULL) == MB_E_LIMIT, "refuses one more");
    ok(read_and_free(many_keys(1000, "}"), NULL) == MB_OK, "accepts 1000 keys in an object");
    ok(read_and_free(many_keys(1001, "}"), NULL) == MB_E_LIMIT, "refuses one key more");
    ok(read_and_free(many_keys(900, ",\"k7\":1}"), NULL) == MB_E_JSON,
       "finds a duplicate among hundreds of keys");
    ok(read_and_free(repeated("\"", "x", 1 << 20, "\""), NULL) == MB_OK,
       "accepts a string of 1 MiB");
    ok(read_and_free(repeated("\"", "x", (1 << 20) + 1, "\""), NULL) == MB_E_LIMIT,
       "refuses a string over 1 MiB");
    ok(read_and_free(repeated("\"", "\\u0041", 1 << 20, "\""), NULL) == MB_OK,
       "measures a string decoded");
    ok(read_and_free(repeated("\"", "\\n", (1 << 20) + 1, "\""), NULL) == MB_E_LIMIT,
       "refuses an escaped string over 1 MiB");
    ok(read_and_free(repeated("1", "0", 511, ""), NULL) == MB_E_JSON, "refuses 10^511");
    ok(read_and_free(repeated("0.", "3", 600, ""), NULL) == MB_E_LIMIT,
       "refuses a number of 602 characters");
    ok(read_and_free(repeated("{\"", "k", 300000, "\":x}"), &f) == MB_E_JSON &&
           strlen(f.pointer) == 255,
       "cuts the pointer of a long key");
}

static void test_memory(void)
{
    static const struct mb_json_sink deaf;
    struct mb_buf small, doc = repeated("[", "{\"a\":1,\"b\":{\"c\":2}},", 10000, "0]");
    mb_buf_init(&small, 2048);
    struct mb_str text = mb_buf_str(&doc);
    ok(mb_json_read(text, &mb_json_default_limits, &deaf, NULL, &small, NULL) == MB_OK,
       "needs no more memory for many objects than for one");
    mb_buf_reset(&doc);
    doc = many_keys(1000, "}");
    text = mb_buf_str(&doc);
    struct mb_json_fault f;
    ok(mb_json_read(text, &mb_json_default_limits, &deaf, NULL, &small, &f) == MB_E_LIMIT,
       "ends with a limit when scratch is too small");
    mb_buf_reset(&small);
    mb_buf_init(&small, 64 * 1024);
    ok(mb_json_read(text, &mb_json_default_limits, &deaf, NULL, &small, &f) == MB_OK,
       "remembers a thousand keys in 64 KiB");
    mb_buf_reset(&doc);
    mb_buf_reset(&small);
    const struct mb_str nothing = {NULL, 0};
    ok(mb_json_read(nothing, &mb_json_default_limits, &deaf, NULL, &small, &f) == MB_E_JSON,
       "refuses a text that is not there");
    mb_buf_reset(&small);
}

/* ---- writing ---- */

static void expect_written(struct text t, enum mb_rc rc, const char *json, const char *fact)
{
    struct mb_buf b;
    mb_buf_init(&b, 65536);
    enum mb_rc got = mb_json_str(&b, t.ptr, t.len);
    ok(got == rc && (rc != MB_OK || mb_str_eq(mb_buf_str(&b), mb_str_z(json))), "%s", fact);
    mb_buf_reset(&b);
}

static void test_strings_out(void)
{
    expect_written((struct text)T(""), MB_OK, "\"\"", "writes an empty string");
    expect_written((struct text)T("12345678\"90\\"), MB_OK, "\"12345678\\\"90\\\\\"",
                   "escapes quotes and backslashes");
    expect_written((struct text)T("\b\t\n\f\r\x01\x1f\0"), MB_OK,
                   "\"\\b\\t\\n\\f\\r\\u0001\\u001f\\u0000\"", "escapes control bytes");
    expect_written((struct text)T("Zo\xc3\xab \xf0\x9f\x98\x80\x7f"), MB_OK,
                   "\"Zo\xc3\xab \xf0\x9f\x98\x80\x7f\"", "keeps all other characters");
    expect_written((struct text)T("\xff"), MB_E_JSON, NULL, "refuses what is not UTF-8");
    expect_written((struct text)T("12345678\xed\xa0\x80"), MB_E_JSON, NULL, "refuses surrogates");
}

static enum mb_rc keep(void *ctx, struct mb_str s) { return mb_buf_add(ctx, s.ptr, s.len); }

/* Every byte at every place of a word comes back through writer and reader. */
static void test_round_trip(void)
{
    static const struct mb_json_sink keeper = {.string = keep};
    struct mb_buf json, back;
    mb_buf_init(&json, 65536);
    mb_buf_init(&back, 65536);
    bool all = true;
    for (int c = 1; c < 128; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[19];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            mb_buf_clear(&json);
            mb_buf_clear(&back);
            all = all && mb_json_str(&json, text, sizeof text) == MB_OK &&
                  parse((struct text){json.data, json.len}, &keeper, &back, NULL) == MB_OK &&
                  back.len == sizeof text && memcmp(back.data, text, sizeof text) == 0;
        }
    }
    ok(all, "reads back every string it writes");
    mb_buf_reset(&json);
    mb_buf_reset(&back);
}

static void test_doubles(void)
{
    static const struct {
        double v;
        const char *text;
    } vectors[] = {{0.1, "0.1"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {1.0, "1"},
                   {-0.0, "-0"},
                   {1e300, "1e+300"},
                   {5e-324, "5e-324"},
                   {1234567890123.45, "1234567890123.45"},
                   {9007199254740992.0, "9007199254740992"},
                   {1.0 / 3, "0.3333333333333333"}};
    struct mb_buf b;
    mb_buf_init(&b, 64);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        mb_buf_clear(&b);
        bool same = mb_json_double(&b, vectors[i].v) == MB_OK &&
                    mb_str_eq(mb_buf_str(&b), mb_str_z(vectors[i].text));
        ok(same, "writes the double %s in its shortest form", vectors[i].text);
    }
    ok(mb_json_double(&b, (double)NAN) == MB_E_JSON &&
           mb_json_double(&b, (double)INFINITY) == MB_E_JSON,
       "refuses doubles that JSON cannot hold");
    mb_buf_reset(&b);
}

int main(void)
{
    mb_buf_init(&scratch, 8u << 20);
    test_grammar();
    test_prefixes();
    test_events();
    test_faults();
    test_limits();
    test_memory();
    test_strings_out();
    test_round_trip();
    test_doubles();
    mb_buf_reset(&scratch);
    return done();
}
