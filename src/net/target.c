/*
 * The request target and the Host: what may stand in them, and which authority a request is for.
 * A target in absolute form (RFC 9112 section 3.2.2) is taken apart here, so that nobody further
 * on sees another form than a path, or the asterisk of OPTIONS.
 */
#include <stdlib.h>

#include "base/json.h"
#include "net/parse.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Every escape must be whole, none may be NUL, and the decoded target must be UTF-8. */
static enum mb_fault check_escapes(struct mb_str target)
{
    char *decoded = malloc(target.len);
    size_t n = 0;
    bool fine = true;
    if (!decoded)
        return MB_FAULT_NO_MEMORY;
    for (size_t i = 0; fine && i < target.len; i++) {
        char c = target.ptr[i];
        if (c == '%') {
            int high = i + 1 < target.len ? hex(target.ptr[i + 1]) : -1;
            int low = i + 2 < target.len ? hex(target.ptr[i + 2]) : -1;
            fine = high >= 0 && low >= 0 && high + low > 0;
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[n++] = c;
    }
    fine = fine && mb_utf8_valid(decoded, n);
    free(decoded);
    return fine ? MB_FAULT_NONE : MB_FAULT_TARGET;
}

static enum mb_fault check_path(const struct mb_http_request *r)
{
    struct mb_str target = {r->text + r->target, r->target_len};
    if (r->method == MB_OPTIONS && mb_str_eq(target, MB_STR("*")))
        return MB_FAULT_NONE;
    if (target.len == 0 || target.ptr[0] != '/')
        return MB_FAULT_TARGET;
    return memchr(target.ptr, '%', target.len) ? check_escapes(target) : MB_FAULT_NONE;
}

/* ---- Host = uri-host [ ":" port ] (RFC 9110 section 7.2) ---- */

/* The grammar allows no digits at all, and any number of them. */
static bool is_port(struct mb_str s)
{
    unsigned port = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s.ptr[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

/* reg-name of RFC 3986; the empty one names no host. */
static bool is_host_name(struct mb_str s)
{
    static const char marks[] = "-._~!$&'()*+,;=";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], lower = (char)(c | 0x20);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || strchr(marks, c))
            continue;
        if (c != '%' || s.len - i < 3 || hex(s.ptr[i + 1]) < 0 || hex(s.ptr[i + 2]) < 0)
            return false;
        i += 2;
    }
    return s.len > 0 && s.len <= 255;
}

static bool is_host(struct mb_str s)
{
    struct mb_addr address;
    const char *end = s.len > 0 && s.ptr[0] == '[' ? memchr(s.ptr, ']', s.len)
                                                   : memchr(s.ptr, ':', s.len);
    size_t len = end ? (size_t)(end - s.ptr) : s.len;
    struct mb_str name = {s.ptr, len};
    if (s.len > 0 && s.ptr[0] == '[') {
        if (!end || !memchr(s.ptr, ':', len) ||
            !mb_addr_parse((struct mb_str){s.ptr + 1, len - 1}, &address))
            return false;
        len++;
    } else if (!is_host_name(name)) {
        return false;
    }
    return len == s.len ||
           (s.ptr[len] == ':' && is_port((struct mb_str){s.ptr + len + 1, s.len - len - 1}));
}

static enum mb_fault check_host(const struct mb_http_request *r)
{
    unsigned times = r->known_times[MB_KNOWN_HOST];
    if (times == 0) /* HTTP/1.0 knew no Host */
        return r->minor == 0 ? MB_FAULT_NONE : MB_FAULT_HOST;
    return times == 1 && is_host(mb_request__known(r, MB_KNOWN_HOST)) ? MB_FAULT_NONE
                                                                      : MB_FAULT_HOST;
}

/* ---- absolute form ---- */

static size_t scheme_length(struct mb_str target)
{
    static const struct mb_str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t n = schemes[i].len;
        if (target.len > n && mb_str_ieq((struct mb_str){target.ptr, n}, schemes[i]))
            return n;
    }
    return 0;
}

/* Leaves the path in place as the target. Where the URI has none it is made, one byte long: the
 * authority moves onto the second slash of the scheme to make room. */
static bool split(struct mb_http_request *r, size_t scheme, struct mb_field *host)
{
    char *uri = r->text;
    size_t end = scheme;
    while (end < r->target_len && uri[end] != '/' && uri[end] != '?')
        end++;
    struct mb_str authority = {uri + scheme, end - scheme};
    if (!is_host(authority))
        return false;
    *host = (struct mb_field){.value = (uint32_t)scheme, .value_len = (uint32_t)authority.len};
    if (end == r->target_len || uri[end] == '?') {
        memmove(uri + scheme - 1, authority.ptr, authority.len);
        host->value--;
        bool is_whole = end == r->target_len && r->method == MB_OPTIONS;
        uri[--end] = is_whole ? '*' : '/'; /* RFC 9112 section 3.2.4 */
    }
    r->target = (uint32_t)end;
    r->target_len -= (uint32_t)end;
    return true;
}

/* The authority of the target stands for Host, whatever that says; HTTP/1.0 may have sent none. */
static enum mb_fault set_host(struct mb_http_request *r, const struct mb_field *host)
{
    static const char name[] = "host";
    enum { N = sizeof name - 1 };
    if (r->known[MB_KNOWN_HOST] == 0) {
        if (r->text_len + N > r->text_cap && !mb_request__grow_text(r, N))
            return MB_FAULT_NO_MEMORY;
        memcpy(r->text + r->text_len, name, N);
        r->fields[r->nfields++] = (struct mb_field){.name = r->text_len, .name_len = N};
        r->text_len += N;
        r->known[MB_KNOWN_HOST] = (uint16_t)r->nfields;
        r->known_times[MB_KNOWN_HOST] = 1;
    }
    struct mb_field *field = &r->fields[r->known[MB_KNOWN_HOST] - 1];
    field->value = host->value;
    field->value_len = host->value_len;
    return MB_FAULT_NONE;
}

enum mb_fault mb_check__target(struct mb_http_request *r)
{
    struct mb_field host;
    size_t scheme = scheme_length((struct mb_str){r->text, r->target_len});
    if (scheme > 0 && !split(r, scheme, &host))
        return MB_FAULT_TARGET;
    enum mb_fault fault = check_path(r);
    if (fault == MB_FAULT_NONE)
        fault = check_host(r); /* also of one that is then not asked */
    return fault == MB_FAULT_NONE && scheme > 0 ? set_host(r, &host) : fault;
}
