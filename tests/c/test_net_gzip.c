/* Which answers are compressed: lists of media types, and types in them. */
#include "net/gzip.h"

#include <stdlib.h>

#include "tap.h"

static bool is_in(const char *list, const char *type)
{
    struct mb_gzip *g;
    if (mb_gzip_new(&g, 4, list) != MB_OK) abort();
    bool is = mb_gzip_is_compressible(g, type);
    mb_gzip_free(g);
    return is;
}

static void test_types(void)
{
    static const char list[] = "text/*, application/json *+xml,,font/x*a";
    static const char *const in[] = {"text/plain",       "TEXT/Html; charset=utf-8", "text/",
                                     "application/json", "Application/JSON;a=b",     "image/svg+xml",
                                     "font/xa",          "font/x-b-a"};
    static const char *const out[] = {"text", "application/jsonl", "application/problem+json",
                                      "application/xml", "font/a", "font/x", "image/png", ""};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) ok(is_in(list, in[i]), "has %s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        ok(!is_in(list, out[i]), "has no \"%s\"", out[i]);
    ok(!is_in(list, NULL), "has no answer without a type");
    ok(is_in("*", "image/png"), "a star is every type");
    ok(!is_in("", "text/plain") && !is_in(NULL, "text/plain"), "no list has no type");
}

static void test_lists(void)
{
    static const char *const right[] = {"", " , ", "text/*", "*", "*json,*/x", "a/b\tc/d+e.f-1"};
    static const char *const wrong[] = {"json", "a/b/c", "a/*b*", "a/b;c", "a/\"b", "text/*, json"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        ok(mb_gzip_is_types(right[i]), "\"%s\" is a list", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ok(!mb_gzip_is_types(wrong[i]), "\"%s\" is none", wrong[i]);
}

int main(void)
{
    test_types();
    test_lists();
    return done();
}
