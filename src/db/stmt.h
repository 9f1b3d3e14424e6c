#pragma once
/*
 * What the rest of src/db sees of an interned statement. The number is dense (0, 1, 2, …), so
 * that a connection finds its prepared form by index.
 */
#include <stdatomic.h>

#include "db/db.h"

enum { MB_STMT_MAX = 1 << 16 }; /* statements of one process */

struct mb_stmt {
    uint32_t number;
    uint32_t hash;
    _Atomic bool writes;  /* found out: frame.h */
    struct mb_stmt *next; /* same bucket */
    char *name;
    char sql[];
};
