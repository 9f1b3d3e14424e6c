/*
 * The route table: a tree of segments. Each node has its literal children in order, for a binary
 * search, and at most one child for a parameter. A literal is tried first; when what follows it
 * does not match, the parameter is, so that /a/{id}/x is found beside /a/b/y.
 */
#include "net/route.h"

#include <stdlib.h>

#include "base/json.h"

enum { MAX_SEGMENTS = 32 };

struct node {
    struct mb_str literal;   /* owned */
    struct node **children;  /* literals, sorted */
    size_t nchildren;
    struct node *parameter;
    struct mb_str parameter_name; /* owned; of the child `parameter` */
    int routes[MB_METHOD_COUNT];
    unsigned allow;
};

struct mb_routes {
    struct node root;
};

static void init_node(struct node *n)
{
    *n = (struct node){.allow = 0};
    for (int m = 0; m < MB_METHOD_COUNT; m++)
        n->routes[m] = -1;
}

static void free_inside(struct node *n);

static void free_node(struct node *n)
{
    if (!n)
        return;
    free_inside(n);
    free(n);
}

static void free_inside(struct node *n)
{
    for (size_t i = 0; i < n->nchildren; i++)
        free_node(n->children[i]);
    free(n->children);
    free_node(n->parameter);
    free((char *)(uintptr_t)n->literal.ptr);
    free((char *)(uintptr_t)n->parameter_name.ptr);
}

enum mb_rc mb_routes_new(struct mb_routes **out)
{
    *out = malloc(sizeof **out);
    if (!*out)
        return MB_E_NOMEM;
    init_node(&(*out)->root);
    return MB_OK;
}

void mb_routes_free(struct mb_routes *t)
{
    if (!t)
        return;
    free_inside(&t->root);
    free(t);
}

static int compare(struct mb_str a, struct mb_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Index of the child, or where it would stand. */
static size_t place_of(const struct node *n, struct mb_str literal, bool *found)
{
    size_t low = 0, high = n->nchildren;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(n->children[middle]->literal, literal);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The segment after the slash at *at; moves *at to the next slash or the end. */
static struct mb_str next_segment(struct mb_str path, size_t *at)
{
    size_t from = *at + 1;
    const char *slash = from < path.len ? memchr(path.ptr + from, '/', path.len - from) : NULL;
    size_t to = slash ? (size_t)(slash - path.ptr) : path.len;
    *at = to;
    return (struct mb_str){path.ptr + from, to - from};
}

static enum mb_rc copy(struct mb_str s, struct mb_str *out)
{
    char *p = malloc(s.len + 1);
    if (!p)
        return MB_E_NOMEM;
    memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    *out = (struct mb_str){p, s.len};
    return MB_OK;
}

static enum mb_rc make_node(struct mb_str literal, struct node **out)
{
    struct node *n = malloc(sizeof *n);
    if (!n)
        return MB_E_NOMEM;
    init_node(n);
    if (copy(literal, &n->literal) != MB_OK) {
        free(n);
        return MB_E_NOMEM;
    }
    *out = n;
    return MB_OK;
}

static enum mb_rc add_literal(struct node **at, struct mb_str literal)
{
    struct node *n = *at, *child, **grown;
    bool found;
    size_t place = place_of(n, literal, &found);
    if (found) {
        *at = n->children[place];
        return MB_OK;
    }
    grown = realloc(n->children, (n->nchildren + 1) * sizeof *grown);
    if (!grown)
        return MB_E_NOMEM;
    n->children = grown;
    if (make_node(literal, &child) != MB_OK)
        return MB_E_NOMEM;
    memmove(grown + place + 1, grown + place, (n->nchildren - place) * sizeof *grown);
    grown[place] = child;
    n->nchildren++;
    *at = child;
    return MB_OK;
}

/* Two names for the parameter of one place would make its meaning depend on the route. */
static enum mb_rc add_parameter(struct node **at, struct mb_str name, struct mb_err *err)
{
    struct node *n = *at;
    if (!n->parameter) {
        if (copy(name, &n->parameter_name) != MB_OK ||
            make_node((struct mb_str){"", 0}, &n->parameter) != MB_OK)
            return MB_E_NOMEM;
    } else if (!mb_str_eq(n->parameter_name, name)) {
        return mb_fail(err, MB_E_INVALID, "parameter {%.*s} stands where another route has {%.*s}",
                       (int)name.len, name.ptr, (int)n->parameter_name.len, n->parameter_name.ptr);
    }
    *at = n->parameter;
    return MB_OK;
}

static bool is_name(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        bool letter = (lower >= 'a' && lower <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.len > 0 && s.len <= 64;
}

/* Literals are written as they come over the wire when nothing needs an escape. */
static bool is_literal(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        bool fine = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                    strchr("-._~:@!$&'()*+,;=", c);
        if (!fine || c == '\0')
            return false;
    }
    return true;
}

static enum mb_rc add_segment(struct node **at, struct mb_str segment, struct mb_err *err)
{
    if (segment.len >= 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}') {
        struct mb_str name = {segment.ptr + 1, segment.len - 2};
        if (!is_name(name))
            return mb_fail(err, MB_E_INVALID, "{%.*s} is no parameter name", (int)name.len,
                           name.ptr);
        return add_parameter(at, name, err);
    }
    if (!is_literal(segment))
        return mb_fail(err, MB_E_INVALID, "segment \"%.*s\" is neither literal nor {name}",
                       (int)segment.len, segment.ptr);
    return add_literal(at, segment);
}

/* Refused patterns must leave nothing behind, so they are looked at before they are added. */
static enum mb_rc check_pattern(struct mb_str pattern, struct mb_err *err)
{
    size_t at = 0, segments = 0, parameters = 0;
    if (pattern.len == 0 || pattern.ptr[0] != '/' || pattern.len > 512)
        return mb_fail(err, MB_E_INVALID, "a pattern begins with / and has at most 512 bytes");
    while (at < pattern.len) {
        struct mb_str segment = next_segment(pattern, &at);
        if (segment.len == 0 && pattern.len > 1)
            return mb_fail(err, MB_E_INVALID, "pattern %.*s has an empty segment",
                           (int)pattern.len, pattern.ptr);
        segments++;
        parameters += segment.len > 0 && segment.ptr[0] == '{';
    }
    if (segments > MAX_SEGMENTS || parameters > MB_ROUTE_PARAMS)
        return mb_fail(err, MB_E_INVALID, "pattern %.*s has more than %d segments or %d parameters",
                       (int)pattern.len, pattern.ptr, MAX_SEGMENTS, MB_ROUTE_PARAMS);
    return MB_OK;
}

enum mb_rc mb_routes_add(struct mb_routes *t, enum mb_method m, struct mb_str pattern, int route,
                         struct mb_err *err)
{
    struct node *n = &t->root;
    size_t at = 0;
    enum mb_rc rc = check_pattern(pattern, err);
    if (rc == MB_OK && (route < 0 || m >= MB_METHOD_COUNT))
        rc = mb_fail(err, MB_E_INVALID, "a route needs a method and a number from 0 on");
    while (rc == MB_OK && at < pattern.len)
        rc = add_segment(&n, next_segment(pattern, &at), err);
    if (rc == MB_E_NOMEM)
        return mb_fail(err, rc, "out of memory for a route");
    if (rc != MB_OK)
        return rc;
    if (n->routes[m] >= 0)
        return mb_fail(err, MB_E_INVALID, "%s %.*s is declared twice", mb_method_name(m),
                       (int)pattern.len, pattern.ptr);
    n->routes[m] = route;
    n->allow |= 1u << m;
    if (m == MB_GET)
        n->allow |= 1u << MB_HEAD;
    return MB_OK;
}

/* ---- matching ---- */

struct walk {
    struct mb_str path;
    struct mb_str raw[MB_ROUTE_PARAMS]; /* parameters as they stand in the path */
    unsigned nparams;
    unsigned steps; /* segments looked at, over all attempts */
};

/* Trying a literal and then the parameter could double the work at each segment; no sane table
 * comes near this ceiling, and past it the path counts as unknown. */
enum { MAX_STEPS = 4096 };

static const struct node *walk_from(struct walk *w, const struct node *n, size_t at)
{
    size_t next = at;
    struct mb_str segment;
    const struct node *found = NULL;
    bool literal;
    if (at >= w->path.len)
        return n->allow ? n : NULL;
    if (++w->steps > MAX_STEPS)
        return NULL;
    segment = next_segment(w->path, &next);
    size_t place = place_of(n, segment, &literal);
    if (literal)
        found = walk_from(w, n->children[place], next);
    if (found || !n->parameter || segment.len == 0 || w->nparams == MB_ROUTE_PARAMS)
        return found;
    w->raw[w->nparams++] = segment;
    found = walk_from(w, n->parameter, next);
    if (!found)
        w->nparams--;
    return found;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into *scratch and moves it on; false for bad escapes, NUL and what is not UTF-8. */
static bool decode(struct mb_str raw, char **scratch, struct mb_str *out)
{
    char *p = *scratch;
    if (!memchr(raw.ptr, '%', raw.len)) {
        *out = raw;
        return mb_utf8_valid(raw.ptr, raw.len);
    }
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            int high = i + 1 < raw.len ? hex(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        *p++ = c;
    }
    *out = (struct mb_str){*scratch, (size_t)(p - *scratch)};
    *scratch = p;
    return mb_utf8_valid(out->ptr, out->len);
}

void mb_routes_match(const struct mb_routes *t, enum mb_method m, struct mb_str path,
                     char *scratch, struct mb_route_match *out)
{
    struct walk w = {.path = path};
    const struct node *n = NULL;
    out->route = -1;
    out->allow = 0;
    out->nparams = 0;
    if (path.len > 0 && path.ptr[0] == '/')
        n = walk_from(&w, &t->root, 0);
    if (!n)
        return;
    for (unsigned i = 0; i < w.nparams; i++) {
        if (!decode(w.raw[i], &scratch, &out->params[i]))
            return;
    }
    out->nparams = w.nparams;
    out->allow = n->allow;
    out->route = n->routes[m];
    if (out->route < 0 && m == MB_HEAD)
        out->route = n->routes[MB_GET];
    if (out->route < 0)
        out->route = -2;
}
