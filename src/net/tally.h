#pragma once
/*
 * How many connections each client holds, over all servers of a machine, in memory that their
 * processes share. Each server writes a table of its own and reads those of the others, so there is
 * no lock, and what a killed process held is given back by clearing its table.
 */
#include <stdint.h>

#include "net/peer.h"

struct mb_tally;

/* Bytes for that many servers, each with so many connections at most. */
size_t mb_tally_size(uint32_t servers, uint32_t max_connections);
/* memory: of that size, zero-filled, aligned as mmap and malloc do; borrowed. */
struct mb_tally *mb_tally_init(void *memory, uint32_t servers, uint32_t max_connections);
/* One more connection of the address, held by that server. False, and nothing counted, when there
 * would be more than `most`. Two that enter at the same moment may both be refused the last place;
 * there are never more than `most`. */
MB_MUST_CHECK bool mb_tally_enter(struct mb_tally *t, uint32_t server, const struct mb_addr *a,
                                  uint32_t most);
/* One less of those that have entered there. */
void mb_tally_leave(struct mb_tally *t, uint32_t server, const struct mb_addr *a);
/* The process of that server is gone, and its connections with it. */
void mb_tally_clear(struct mb_tally *t, uint32_t server);
