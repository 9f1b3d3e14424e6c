#include "client/address.h"

#include <stdlib.h>
#include <string.h>

/*
 * The registries of special-purpose addresses (IANA; RFC 6890 and later). Of IPv6 only what is
 * handed out as global unicast is public, without what stands for something else.
 */

static const char not_public_v4[] = "0.0.0.0/8,"       /* this network (RFC 791) */
                                    "10.0.0.0/8,"      /* private (RFC 1918) */
                                    "100.64.0.0/10,"   /* shared by carriers (RFC 6598) */
                                    "127.0.0.0/8,"     /* this machine */
                                    "169.254.0.0/16,"  /* this link; metadata of clouds */
                                    "172.16.0.0/12,"   /* private */
                                    "192.0.0.0/24,"    /* protocols (RFC 6890) */
                                    "192.0.2.0/24,"    /* documentation (RFC 5737) */
                                    "192.31.196.0/24," /* AS112 (RFC 7535) */
                                    "192.52.193.0/24," /* AMT (RFC 7450) */
                                    "192.88.99.0/24,"  /* relays of 6to4 (RFC 7526) */
                                    "192.168.0.0/16,"  /* private */
                                    "192.175.48.0/24," /* AS112 (RFC 7534) */
                                    "198.18.0.0/15,"   /* benchmarks (RFC 2544) */
                                    "198.51.100.0/24," /* documentation */
                                    "203.0.113.0/24,"  /* documentation */
                                    "224.0.0.0/4,"     /* multicast */
                                    "240.0.0.0/4";     /* reserved, and broadcast */

static const char not_public_v6[] = "2001::/23,"         /* protocols, Teredo, ORCHID (RFC 2928) */
                                    "2001:db8::/32,"     /* documentation (RFC 3849) */
                                    "2002::/16,"         /* 6to4: stands for an IPv4 address */
                                    "2620:4f:8000::/48," /* AS112 */
                                    "3fff::/20";         /* documentation (RFC 9637) */

static const char unicast_v6[] = "2000::/3";
static const char nat64[] = "64:ff9b::/96"; /* RFC 6052: ends with an IPv4 address */

enum { V4_AT = 12 };

enum list { NOT_PUBLIC_V4, NOT_PUBLIC_V6, UNICAST_V6, NAT64, ALLOWED, LISTS };

struct mb_addresses {
    struct mb_networks *list[LISTS];
};

enum mb_rc mb_addresses_new(struct mb_addresses **out, const char *allowed, struct mb_err *err)
{
    const char *const texts[LISTS] = {not_public_v4, not_public_v6, unicast_v6, nat64, allowed};
    struct mb_addresses *a = calloc(1, sizeof *a);
    if (!a) return mb_fail(err, MB_E_NOMEM, "no memory for a list of networks");
    for (int i = 0; i < LISTS; i++) {
        enum mb_rc rc = mb_networks_new(&a->list[i], texts[i], err);
        if (rc == MB_OK) continue;
        mb_addresses_free(a);
        return rc;
    }
    *out = a;
    return MB_OK;
}

void mb_addresses_free(struct mb_addresses *a)
{
    if (!a) return;
    for (int i = 0; i < LISTS; i++) mb_networks_free(a->list[i]);
    free(a);
}

static struct mb_addr embedded_v4(const struct mb_addr *address)
{
    struct mb_addr v4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    memcpy(v4.bytes + V4_AT, address->bytes + V4_AT, sizeof v4.bytes - V4_AT);
    return v4;
}

bool mb_addresses_allow(const struct mb_addresses *a, const struct mb_addr *address)
{
    if (mb_networks_have(a->list[ALLOWED], address)) return true;
    if (mb_addr_is_v4(address)) return !mb_networks_have(a->list[NOT_PUBLIC_V4], address);
    if (mb_networks_have(a->list[NAT64], address)) {
        struct mb_addr v4 = embedded_v4(address);
        return !mb_networks_have(a->list[NOT_PUBLIC_V4], &v4);
    }
    return mb_networks_have(a->list[UNICAST_V6], address) &&
           !mb_networks_have(a->list[NOT_PUBLIC_V6], address);
}
