#pragma once
/* Ceilings on connections: how many of this server, and how many from one address. */
#include "net/server.h"

/* Counts the connection in; false when a ceiling is reached. Trusted proxies speak for many
 * clients and have no ceiling of their own. */
bool mb_ceiling__enter(struct mb_conn *c);
void mb_ceiling__leave(struct mb_conn *c);
