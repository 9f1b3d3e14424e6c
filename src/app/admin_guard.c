#include "app/admin_guard.h"

#include "net/peer.h"

/* "name:8081" -> "name", "[::1]:8081" -> "::1", "name." -> "name". The server has checked its form. */
static struct mb_str name_of(struct mb_str host)
{
    bool is_bracketed = host.len > 0 && host.ptr[0] == '[';
    const char *from = is_bracketed ? host.ptr + 1 : host.ptr;
    size_t len = host.len - (size_t)is_bracketed;
    const char *end = memchr(from, is_bracketed ? ']' : ':', len);
    struct mb_str name = {from, end != NULL ? (size_t)(end - from) : len};
    if (name.len > 0 && name.ptr[name.len - 1] == '.') name.len--;
    return name;
}

/* Names that never leave the machine (RFC 6761 6.3). */
static bool is_loopback(struct mb_str name)
{
    static const char suffix[] = ".localhost";
    size_t n = sizeof suffix - 1;
    if (mb_str_ieq(name, MB_STR("localhost"))) return true;
    return name.len > n &&
           mb_str_ieq((struct mb_str){name.ptr + name.len - n, n}, (struct mb_str){suffix, n});
}

static bool is_listed(const char *hosts, struct mb_str name)
{
    static const char between[] = ", \t";
    for (const char *at = hosts + strspn(hosts, between); *at != '\0'; at += strspn(at, between)) {
        struct mb_str entry = {at, strcspn(at, between)};
        if (mb_str_ieq(name_of(entry), name)) return true;
        at += entry.len;
    }
    return false;
}

/* A page can point its own name here, but has none that is an address. */
static bool is_ours(const char *hosts, struct mb_str host)
{
    struct mb_addr address;
    struct mb_str name = name_of(host);
    return mb_addr_parse(name, &address) || is_loopback(name) || is_listed(hosts, name);
}

/* What a person typed or reloaded is not a page's doing. */
static bool is_from_page(const struct mb_http_request *req)
{
    for (size_t i = 0; i < mb_http_header_count(req); i++) {
        struct mb_http_header h = mb_http_header_at(req, i);
        if (mb_str_eq(h.name, MB_STR("origin"))) return true;
        if (mb_str_eq(h.name, MB_STR("sec-fetch-site")) && !mb_str_eq(h.value, MB_STR("none")) &&
            !mb_str_eq(h.value, MB_STR("same-origin")))
            return true;
    }
    return false;
}

bool mb_admin_guard_pass(const char *hosts, struct mb_http_request *req)
{
    struct mb_str host = mb_http_header(req, MB_STR("host"));
    if (host.ptr != NULL && !is_ours(hosts, host)) /* HTTP/1.0, which no browser speaks, has none */
        mb_http_problem(req, 421, "unknown_host",
                        "call this address by localhost, by a numeric address, or by a name that "
                        "is in admin_hosts",
                        MB_STR(""), -1, NULL, 0);
    else if (is_from_page(req))
        mb_http_problem(req, 403, "cross_site", "this address is not for web pages", MB_STR(""), -1,
                        NULL, 0);
    else
        return true;
    return false;
}
