/* Addresses, networks, and the lists that proxies write; header lists in general. */
#include "net/peer.h"

#include "net/token.h"
#include "tap.h"

static bool parses(const char *text)
{
    struct mb_addr a;
    return mb_addr_parse(mb_str_z(text), &a);
}

static bool has(const char *list, const char *address)
{
    struct mb_networks *n = NULL;
    struct mb_addr a;
    bool found = mb_networks_new(&n, list, NULL) == MB_OK && mb_addr_parse(mb_str_z(address), &a) &&
                 mb_networks_have(n, &a);
    mb_networks_free(n);
    return found;
}

static bool is_refused(const char *list)
{
    struct mb_networks *n = NULL;
    struct mb_err err;
    bool refused = mb_networks_new(&n, list, &err) == MB_E_CONFIG;
    mb_networks_free(n);
    return refused;
}

typedef bool read_fn(struct mb_str element, struct mb_addr *out);

/* The addresses from the right, joined by blanks; ends with ! where one cannot be read. */
static bool hops_are(read_fn *read_hop, const char *text, const char *expected)
{
    struct mb_str list = mb_str_z(text);
    char seen[256] = "";
    size_t n = 0;
    while (list.len > 0) {
        struct mb_addr a;
        char hop[MB_ADDR_TEXT];
        bool read = read_hop(mb_token_pop(&list, ','), &a);
        if (!read)
            list.len = 0;
        else
            mb_addr_text(&a, hop);
        n += (size_t)snprintf(seen + n, sizeof seen - n, "%s", read ? hop : "!");
        n += (size_t)snprintf(seen + n, sizeof seen - n, "%s", read ? " " : "");
    }
    return strcmp(seen, expected) == 0;
}

static void addresses(void)
{
    struct mb_addr a, b;
    ok(parses("192.0.2.1") && parses("2001:db8::1") && parses("::"), "addresses are read");
    ok(!parses("") && !parses("192.0.2") && !parses("192.0.2.256") && !parses("x") &&
           !parses("192.0.2.1 ") && !parses("[::1]"), "what is none is refused");
    ok(mb_addr_parse(MB_STR("192.0.2.1"), &a) && mb_addr_parse(MB_STR("::ffff:192.0.2.1"), &b) &&
           memcmp(&a, &b, sizeof a) == 0, "a mapped address is its IPv4 address");
    const struct sockaddr local = {.sa_family = AF_UNIX};
    char text[MB_ADDR_TEXT];
    mb_addr_from_socket(&local, &a);
    mb_addr_text(&a, text);
    ok(strcmp(text, "127.0.0.1") == 0, "who comes through a unix socket is on this machine");
}

static void networks(void)
{
    ok(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"), "one address is itself");
    ok(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"), "a network has its bits");
    ok(has("192.0.2.128/25", "192.0.2.200") && !has("192.0.2.128/25", "192.0.2.100"),
       "bits need not end at a byte");
    ok(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "2001:db8::1"), "all of IPv4 is not IPv6");
    ok(has("2001:db8::/32", "2001:db8:1::1") && !has("2001:db8::/32", "2001:db9::1"), "so for IPv6");
    ok(has("10.0.0.1, ::1 192.0.2.0/24", "::1") && has(" 10.0.0.1,::1 ", "10.0.0.1"),
       "commas and blanks separate");
    ok(!has("", "127.0.0.1"), "an empty list has none");
    ok(is_refused("10.0.0.0/33") && is_refused("::/129") && is_refused("10.0.0.0/") &&
           is_refused("10.0.0.0/8x") && is_refused("localhost"), "what is no network is refused");
}

static void proxies(void)
{
    ok(hops_are(mb_peer_read_xff, "192.0.2.1, 10.0.0.1", "10.0.0.1 192.0.2.1 "),
       "X-Forwarded-For is read from the right");
    ok(hops_are(mb_peer_read_xff, "192.0.2.1:80,[2001:db8::1]:443,2001:db8::2",
                "2001:db8::2 2001:db8::1 192.0.2.1 "), "ports are left out");
    ok(hops_are(mb_peer_read_xff, "192.0.2.1, unknown, 10.0.0.1", "10.0.0.1 !"),
       "a hop that is no address ends the walk");
    ok(hops_are(mb_peer_read_forwarded, "for=192.0.2.1;proto=https, For=\"[2001:db8::1]:443\"",
                "2001:db8::1 192.0.2.1 "), "Forwarded is read from the right");
    ok(hops_are(mb_peer_read_forwarded, "proto=https;for=192.0.2.1", "192.0.2.1 "),
       "for= may stand anywhere in its element");
    ok(hops_are(mb_peer_read_forwarded, "for=192.0.2.1, for=\"10.0.0.1\";host=\"a,b;for=x\"",
                "10.0.0.1 192.0.2.1 "), "commas and semicolons in quotation marks separate nothing");
    ok(hops_are(mb_peer_read_forwarded, "for=\"\\1\\92.0.2.1\", by=\"a\\\", for=x\";for=10.0.0.1",
                "10.0.0.1 192.0.2.1 "), "what is quoted may be escaped");
    ok(hops_are(mb_peer_read_forwarded, "for=\"192.0.2.1, for=10.0.0.1", "10.0.0.1 !"),
       "a mark that somebody left open further left swallows nothing");
    ok(hops_are(mb_peer_read_forwarded, "for=_hidden, for=10.0.0.1", "10.0.0.1 !"),
       "an obfuscated hop ends the walk");
    ok(hops_are(mb_peer_read_forwarded, "proto=https", "!"), "so does an element without for=");
}

static bool next_is(struct mb_str *list, const char *expected)
{
    struct mb_str element = mb_token_next(list, ',');
    return mb_str_eq(element, mb_str_z(expected));
}

static void lists(void)
{
    struct mb_str list = MB_STR("a , , \"b,\\\",c\";d ,\"e");
    ok(next_is(&list, "a") && next_is(&list, "") && next_is(&list, "\"b,\\\",c\";d") &&
           next_is(&list, "\"e") && list.len == 0, "elements end at commas outside of quotation marks");
}

static int weight(const char *params)
{
    return mb_token_weight(mb_str_z(params));
}

static void weights(void)
{
    ok(weight("") == 1000 && weight("a=b") == 1000 && weight("a=\";q=0\"") == 1000,
       "without a weight it is 1");
    ok(weight("q=0") == 0 && weight("Q=0.000") == 0 && weight("a=b ;\tq=0.5") == 500 &&
           weight("q=0.001") == 1 && weight("q=1") == 1000 && weight("q=1.000") == 1000 &&
           weight("q=0.") == 0, "weights have up to three decimals");
    ok(weight("q=") < 0 && weight("q=2") < 0 && weight("q=1.001") < 0 && weight("q=0.0001") < 0 &&
           weight("q=.5") < 0 && weight("q=-1") < 0 && weight("q=0,5") < 0, "anything else is none");
}

int main(void)
{
    addresses();
    networks();
    proxies();
    lists();
    weights();
    return done();
}
