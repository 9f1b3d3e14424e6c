#pragma once
/*
 * The migration files of one release in order, checked: numbers without gap, a way down for
 * each, texts that the runner can run.
 */
#include "db/migrate.h"
#include "db/script.h"

enum { MB_SHA256_HEX = 65 };

struct mb_migration {
    int version;                /* 0: repeatable */
    char name[80];              /* "0001_create_schema", "R__functions" */
    char sha256[MB_SHA256_HEX]; /* of the way up */
    struct mb_str up, down;
    struct mb_script_index up_index, down_index; /* of bare files */
};

struct mb_catalog {
    struct mb_migration *list; /* by version, then the repeatable ones by name */
    size_t n, nversions;
};

MB_MUST_CHECK enum mb_rc mb_catalog_init(struct mb_catalog *c, const struct mb_migrate_plan *p,
                                         struct mb_err *err);
void mb_catalog_reset(struct mb_catalog *c);
