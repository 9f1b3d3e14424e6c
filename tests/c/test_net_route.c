/* The route table: literals before parameters, decoding, refusals. */
#include "net/route.h"

#include "tap.h"

static struct mb_routes *routes;
static struct mb_route_match match;
static char scratch[1024];

static enum mb_rc add(enum mb_method m, const char *pattern, int route)
{
    struct mb_err err;
    return mb_routes_add(routes, m, mb_str_z(pattern), route, &err);
}

static int find(enum mb_method m, const char *path)
{
    mb_routes_match(routes, m, mb_str_z(path), scratch, &match);
    return match.route;
}

static bool param_is(unsigned i, const char *value)
{
    return i < match.nparams && mb_str_eq(match.params[i], mb_str_z(value));
}

static void finds_routes(void)
{
    ok(find(MB_GET, "/") == 1, "the root is a path");
    ok(find(MB_GET, "/v1/slots") == 2, "a literal path is found");
    ok(find(MB_GET, "/v1/providers/abc") == 3 && param_is(0, "abc"), "a parameter takes its segment");
    ok(find(MB_GET, "/v1/providers/search") == 4 && match.nparams == 0, "a literal beats a parameter");
    ok(find(MB_GET, "/v1/providers/search/slots") == 5 && param_is(0, "search"),
       "a literal that leads nowhere gives way to the parameter");
    ok(find(MB_POST, "/v1/a/1/b/2") == 6 && param_is(0, "1") && param_is(1, "2"),
       "parameters come in the order of the pattern");
    ok(find(MB_HEAD, "/v1/slots") == 2, "HEAD is answered by GET");
}

static void refuses_paths(void)
{
    ok(find(MB_GET, "/v1/nothing") == -1, "an unknown path is -1");
    ok(find(MB_GET, "/v1") == -1, "a path that only begins a pattern is unknown");
    ok(find(MB_GET, "/v1/slots/") == -1, "a slash at the end makes another path");
    ok(find(MB_GET, "/v1/providers/") == -1, "an empty segment is no parameter");
    ok(find(MB_GET, "//v1/slots") == -1, "a doubled slash makes another path");
    ok(find(MB_GET, "") == -1 && find(MB_GET, "v1") == -1, "a path begins with a slash");
    ok(find(MB_GET, "/V1/slots") == -1, "paths have one case");
    ok(find(MB_DELETE, "/v1/slots") == -2, "a known path with another method is -2");
    ok(match.allow == ((1u << MB_GET) | (1u << MB_HEAD) | (1u << MB_POST)),
       "and says which methods are allowed, HEAD with GET");
}

static void decodes(void)
{
    ok(find(MB_GET, "/v1/providers/a%20b") == 3 && param_is(0, "a b"), "escapes are decoded");
    ok(find(MB_GET, "/v1/providers/a%2Fb") == 3 && param_is(0, "a/b"), "an escaped slash makes no segment");
    ok(find(MB_GET, "/v1/providers/%73earch") == 3 && param_is(0, "search"),
       "an escaped literal is a parameter");
    ok(find(MB_GET, "/v1/providers/Zo%C3%AB") == 3 && param_is(0, "Zo\xc3\xab"), "UTF-8 is decoded");
    ok(find(MB_GET, "/v1/providers/a+b") == 3 && param_is(0, "a+b"), "a plus stays a plus");
    ok(find(MB_GET, "/v1/providers/%00") == -1, "NUL does not match");
    ok(find(MB_GET, "/v1/providers/%ff") == -1, "bytes that are not UTF-8 do not match");
    ok(find(MB_GET, "/v1/providers/%4") == -1, "half an escape does not match");
    ok(find(MB_GET, "/v1/providers/%zz") == -1, "an escape without digits does not match");
    ok(find(MB_POST, "/v1/a/%41%42/b/%43") == 6 && param_is(0, "AB") && param_is(1, "C"),
       "decoded parameters do not run into each other");
}

static void refuses_patterns(void)
{
    struct mb_err err;
    ok(add(MB_GET, "/v1/slots", 9) == MB_E_INVALID, "a route declared twice is refused");
    ok(add(MB_GET, "/v1/providers/{other}", 9) == MB_E_INVALID,
       "a parameter has one name at one place");
    ok(add(MB_GET, "v1", 9) == MB_E_INVALID, "a pattern without a slash is refused");
    ok(add(MB_GET, "/a//b", 9) == MB_E_INVALID, "an empty segment is refused");
    ok(add(MB_GET, "/a/", 9) == MB_E_INVALID, "a slash at the end is refused");
    ok(add(MB_GET, "/{}", 9) == MB_E_INVALID, "a parameter without a name is refused");
    ok(add(MB_GET, "/{a-b}", 9) == MB_E_INVALID, "a parameter's name is an identifier");
    ok(add(MB_GET, "/a{b}", 9) == MB_E_INVALID, "a parameter is a whole segment");
    ok(add(MB_GET, "/a b", 9) == MB_E_INVALID, "a literal needs no escape");
    ok(add(MB_GET, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", 9) == MB_E_INVALID,
       "nine parameters are refused");
    ok(mb_routes_add(routes, MB_GET, MB_STR("/v1/slots"), 9, &err) == MB_E_INVALID &&
           strstr(err.text, "GET /v1/slots") != NULL, "the text names method and pattern");
}

static void takes_eight_parameters(void)
{
    ok(add(MB_GET, "/{p0}/{p1}/{p2}/{p3}/{p4}/{p5}/{p6}/{p7}", 20) == MB_OK, "eight parameters are taken");
    ok(find(MB_GET, "/a/a/a/a/a/a/a/a") == 20 && match.nparams == 8, "and found");
    ok(find(MB_GET, "/a/a/a/a/a/a/a/a/a/a/a/a") == -1, "a longer path is unknown");
}

int main(void)
{
    ok(mb_routes_new(&routes) == MB_OK, "a table is made");
    ok(add(MB_GET, "/", 1) == MB_OK && add(MB_GET, "/v1/slots", 2) == MB_OK &&
           add(MB_POST, "/v1/slots", 7) == MB_OK && add(MB_GET, "/v1/providers/{id}", 3) == MB_OK &&
           add(MB_GET, "/v1/providers/search", 4) == MB_OK &&
           add(MB_GET, "/v1/providers/{id}/slots", 5) == MB_OK &&
           add(MB_POST, "/v1/a/{x}/b/{y}", 6) == MB_OK, "routes are added");
    finds_routes();
    refuses_paths();
    decodes();
    refuses_patterns();
    takes_eight_parameters();
    mb_routes_free(routes);
    return done();
}
