#pragma once
/*
 * Addresses: who is at the other end. Parses addresses and lists of networks, and finds the
 * client behind trusted proxies. Knows no connection and no request.
 */
#include <sys/socket.h>

#include "base/buf.h"

enum { MB_ADDR_TEXT = 46 };

/* IPv4 stands as ::ffff:a.b.c.d, so that one comparison serves both. */
struct mb_addr {
    unsigned char bytes[16];
};

/* A client of a unix socket is on this machine, and has the address 127.0.0.1. */
void mb_addr_from_socket(const struct sockaddr *sa, struct mb_addr *out);
/* "192.0.2.1", "2001:db8::1"; no port, no brackets. */
bool mb_addr_parse(struct mb_str text, struct mb_addr *out);
bool mb_addr_is_v4(const struct mb_addr *a);
void mb_addr_text(const struct mb_addr *a, char out[MB_ADDR_TEXT]);

struct mb_networks;
/* A list separated by commas or blanks; MB_E_CONFIG names the entry that is not an address. */
MB_MUST_CHECK enum mb_rc mb_networks_new(struct mb_networks **out, const char *list,
                                         struct mb_err *err);
void mb_networks_free(struct mb_networks *n);
bool mb_networks_have(const struct mb_networks *n, const struct mb_addr *a);

/* The address in one element of X-Forwarded-For, or of Forwarded (RFC 7239). False when it has none
 * that can be read: then nothing before it can be believed either. */
bool mb_peer_read_xff(struct mb_str element, struct mb_addr *out);
bool mb_peer_read_forwarded(struct mb_str element, struct mb_addr *out);
