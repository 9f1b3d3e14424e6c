#pragma once
/*
 * Which addresses the server may call for scripts: those of the public internet, so that nobody uses
 * it to reach what stands behind it (server-side request forgery).
 */
#include "net/peer.h"

struct mb_addresses;

/* allowed: networks that may be called though they are not public, as mb_networks_new takes them. */
MB_MUST_CHECK enum mb_rc mb_addresses_new(struct mb_addresses **out, const char *allowed,
                                          struct mb_err *err);
void mb_addresses_free(struct mb_addresses *a);
bool mb_addresses_allow(const struct mb_addresses *a, const struct mb_addr *address);
