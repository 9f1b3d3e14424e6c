#pragma once
/* The PostgreSQL programs of this machine. */
#include "app/cluster.h"

/* Sets c->bin to the folder of the newest postgres >= 15, or of exactly `major` if not 0. */
MB_MUST_CHECK enum mb_rc mb_programs_find(struct mb_cluster *c, int major, struct mb_err *err);
