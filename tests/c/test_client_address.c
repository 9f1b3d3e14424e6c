/* Which addresses scripts may call: both ends of every network, and its neighbours. */
#include "client/address.h"
#include "tap.h"

static struct mb_addresses *addresses;

static bool allows(const char *text)
{
    struct mb_addr a;
    if (!mb_addr_parse(mb_str_z(text), &a)) return ok(false, "%s is an address", text);
    return mb_addresses_allow(addresses, &a);
}

static const char *const forbidden[] = {"0.0.0.0",
                                        "0.255.255.255",
                                        "10.0.0.0",
                                        "10.255.255.255",
                                        "100.64.0.0",
                                        "100.127.255.255",
                                        "127.0.0.0",
                                        "127.255.255.255",
                                        "169.254.0.0",
                                        "169.254.255.255",
                                        "172.16.0.0",
                                        "172.31.255.255",
                                        "192.0.0.0",
                                        "192.0.0.255",
                                        "192.0.2.0",
                                        "192.0.2.255",
                                        "192.31.196.1",
                                        "192.52.193.1",
                                        "192.88.99.0",
                                        "192.88.99.255",
                                        "192.168.0.0",
                                        "192.168.255.255",
                                        "192.175.48.1",
                                        "198.18.0.0",
                                        "198.19.255.255",
                                        "198.51.100.0",
                                        "198.51.100.255",
                                        "203.0.113.0",
                                        "203.0.113.255",
                                        "224.0.0.0",
                                        "239.255.255.255",
                                        "240.0.0.0",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "::7f00:1",
                                        "::ffff:10.0.0.1",
                                        "::ffff:127.0.0.1",
                                        "64:ff9b::a00:1",
                                        "64:ff9b::7f00:1",
                                        "64:ff9b:1::808:808",
                                        "100::",
                                        "1fff:ffff::1",
                                        "2001::",
                                        "2001:0:7f00:1::",
                                        "2001:1ff:ffff::1",
                                        "2001:db8::",
                                        "2001:db8:ffff::1",
                                        "2002::",
                                        "2002:808:808::1",
                                        "2620:4f:8000::1",
                                        "3fff::",
                                        "3fff:fff::1",
                                        "4000::",
                                        "5f00::1",
                                        "fc00::",
                                        "fdff:ffff::1",
                                        "fe80::1",
                                        "febf::1",
                                        "fec0::1",
                                        "ff00::",
                                        "ff02::1",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

static const char *const allowed[] = {
    "1.0.0.0",        "8.8.8.8",          "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
    "100.128.0.0",    "126.255.255.255",  "128.0.0.0",       "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0",       "192.0.1.0",       "192.0.3.0",       "192.88.98.255",
    "192.88.100.0",   "192.167.255.255",  "192.169.0.0",     "198.17.255.255",  "198.20.0.0",
    "198.51.99.255",  "198.51.101.0",     "203.0.112.255",   "203.0.114.0",     "223.255.255.255",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "2000::1",         "2001:200::1",     "2001:db7:ffff::1",
    "2001:db9::1",    "2003::1",          "2606:4700::1111", "2a00:1450::1",    "3ffe:ffff::1",
    "3fff:1000::1"};

int main(void)
{
    struct mb_err err;
    if (!ok(mb_addresses_new(&addresses, "", &err) == MB_OK, "the lists are networks")) return 1;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        ok(!allows(forbidden[i]), "%s is not public", forbidden[i]);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        ok(allows(allowed[i]), "%s is public", allowed[i]);
    mb_addresses_free(addresses);
    if (mb_addresses_new(&addresses, "10.1.0.0/16, ::1", &err) != MB_OK) return 1;
    ok(allows("10.1.2.3") && allows("::1"), "what the configuration allows may be called");
    ok(!allows("10.2.0.1") && !allows("127.0.0.1"), "and nothing beside it");
    mb_addresses_free(addresses);
    ok(mb_addresses_new(&addresses, "10.1", &err) == MB_E_CONFIG, "what is no network is refused");
    return done();
}
