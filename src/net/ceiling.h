#pragma once
/* Ceilings on connections: how many in all, and how many from one address. */
#include "net/server.h"

MB_MUST_CHECK enum mb_rc mb_ceilings_new(struct mb_ceilings **out);
void mb_ceilings_free(struct mb_ceilings *c);
/* Counts the connection in; false when a ceiling is reached. Trusted proxies speak for many
 * clients and have no ceiling of their own. */
bool mb_ceiling__enter(struct mb_conn *c);
void mb_ceiling__leave(struct mb_conn *c);
