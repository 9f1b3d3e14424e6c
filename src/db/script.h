#pragma once
/*
 * Reading migration files as far as the runner must: where statements begin, which files run
 * outside a transaction, what index such a file builds or drops. Knows no database.
 */
#include "base/buf.h"

/* First line `-- transaction: none`. */
bool mb_script_is_bare(struct mb_str text);
/* The reason of a first line `-- irreversible: reason`; empty when there is none. */
struct mb_str mb_script_irreversible(struct mb_str text);

/* The one statement of a bare file. Names are as written, quotes included. */
struct mb_script_index {
    bool drops;
    char name[140];
    char table[280]; /* "" when dropping */
};

/* No BEGIN, COMMIT and the like: the runner owns the transaction. A bare file holds exactly one
 * CREATE or DROP INDEX CONCURRENTLY, which is read into *index (may be NULL otherwise). */
MB_MUST_CHECK enum mb_rc mb_script_check(const char *file, struct mb_str text,
                                         struct mb_script_index *index, struct mb_err *err);
/* The line that holds the n-th character (from 1). */
int mb_script_line(struct mb_str text, int character);
