/* Addresses, networks and the two headers that proxies write them into. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "net/token.h"

struct network {
    struct mb_addr base;
    unsigned bits; /* of 128 */
};

struct mb_networks {
    size_t count;
    struct network list[];
};

static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

void mb_addr_from_socket(const struct sockaddr *sa, struct mb_addr *out)
{
    memset(out, 0, sizeof *out);
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        memcpy(out->bytes, v4_prefix, sizeof v4_prefix);
        memcpy(out->bytes + 12, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        memcpy(out->bytes, &in6.sin6_addr, 16);
    } else if (sa->sa_family == AF_UNIX) {
        static const unsigned char here[4] = {127, 0, 0, 1};
        memcpy(out->bytes, v4_prefix, sizeof v4_prefix);
        memcpy(out->bytes + 12, here, sizeof here);
    }
}

bool mb_addr_is_v4(const struct mb_addr *a)
{
    return memcmp(a->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

bool mb_addr_parse(struct mb_str text, struct mb_addr *out)
{
    char z[MB_ADDR_TEXT];
    if (text.len == 0 || text.len >= sizeof z || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    if (inet_pton(AF_INET6, z, out->bytes) == 1)
        return true;
    memcpy(out->bytes, v4_prefix, sizeof v4_prefix);
    return inet_pton(AF_INET, z, out->bytes + 12) == 1;
}

void mb_addr_text(const struct mb_addr *a, char out[MB_ADDR_TEXT])
{
    const char *made = mb_addr_is_v4(a) ? inet_ntop(AF_INET, a->bytes + 12, out, MB_ADDR_TEXT)
                                : inet_ntop(AF_INET6, a->bytes, out, MB_ADDR_TEXT);
    if (!made)
        out[0] = '\0';
}

static bool parse_network(struct mb_str text, struct network *out)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    struct mb_str address = {text.ptr, slash ? (size_t)(slash - text.ptr) : text.len};
    unsigned most, bits = 0;
    if (!mb_addr_parse(address, &out->base))
        return false;
    most = memchr(address.ptr, ':', address.len) ? 128 : 32;
    out->bits = 128;
    if (!slash)
        return true;
    struct mb_str digits = {slash + 1, text.len - address.len - 1};
    if (digits.len == 0 || digits.len > 3)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(digits.ptr[i] - '0');
    }
    out->bits = 128 - most + bits;
    return bits <= most;
}

/* The next entry of a list separated by commas and blanks; empty at its end. */
static struct mb_str next_entry(const char **at)
{
    struct mb_str entry;
    *at += strspn(*at, ", \t");
    entry = (struct mb_str){*at, strcspn(*at, ", \t")};
    *at += entry.len;
    return entry;
}

enum mb_rc mb_networks_new(struct mb_networks **out, const char *list, struct mb_err *err)
{
    size_t count = 0;
    const char *at = list ? list : "";
    struct mb_networks *n;
    while (next_entry(&at).len > 0)
        count++;
    n = calloc(1, sizeof *n + count * sizeof n->list[0]);
    if (!n)
        return mb_fail(err, MB_E_NOMEM, "out of memory for the trusted proxies");
    at = list ? list : "";
    for (; n->count < count; n->count++) {
        struct mb_str entry = next_entry(&at);
        if (!parse_network(entry, &n->list[n->count])) {
            free(n);
            return mb_fail(err, MB_E_CONFIG, "\"%.*s\" is no address or network",
                           entry.len > 64 ? 64 : (int)entry.len, entry.ptr);
        }
    }
    *out = n;
    return MB_OK;
}

void mb_networks_free(struct mb_networks *n)
{
    free(n);
}

static bool holds(const struct network *n, const struct mb_addr *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->base.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

bool mb_networks_have(const struct mb_networks *n, const struct mb_addr *a)
{
    for (size_t i = 0; i < n->count; i++) {
        if (holds(&n->list[i], a))
            return true;
    }
    return false;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", "2001:db8::1". */
static bool parse_hop(struct mb_str text, struct mb_addr *out)
{
    const char *colon;
    if (text.len > 0 && text.ptr[0] == '[') {
        const char *close = memchr(text.ptr, ']', text.len);
        return close &&
               mb_addr_parse((struct mb_str){text.ptr + 1, (size_t)(close - text.ptr) - 1}, out);
    }
    colon = memchr(text.ptr, ':', text.len);
    if (colon && !memchr(colon + 1, ':', text.len - (size_t)(colon - text.ptr) - 1))
        text.len = (size_t)(colon - text.ptr);
    return mb_addr_parse(text, out);
}

bool mb_peer_read_xff(struct mb_str element, struct mb_addr *out)
{
    return parse_hop(element, out);
}

bool mb_peer_read_forwarded(struct mb_str element, struct mb_addr *out)
{
    while (element.len > 0) {
        char room[MB_ADDR_TEXT + sizeof "[]:65535"];
        struct mb_str pair = mb_token_next(&element, ';');
        if (pair.len < 4 || !mb_str_ieq((struct mb_str){pair.ptr, 4}, MB_STR("for=")))
            continue;
        pair = (struct mb_str){pair.ptr + 4, pair.len - 4};
        return mb_token_unquote(pair, room, sizeof room, &pair) && parse_hop(pair, out);
    }
    return false;
}
