#pragma once
/*
 * A snapshot of a folder of text files (the scripts, the migrations), read once before any
 * process is forked: all workers see the same bytes, and need no right to read the folder.
 */
#include "base/buf.h"

struct mb_bundle_file {
    const char *name; /* relative, with '/', e.g. "routes/slots.lua" */
    struct mb_str text;
};

struct mb_bundle {
    struct mb_bundle_file *files; /* sorted by name */
    size_t count;
    char hash[65]; /* hex SHA-256 over names and texts */
};

/* Reads every regular file under dir whose name ends in suffix (NULL = all), but none in folders
 * named except (NULL = in all). Symbolic links and files over max_file bytes or not UTF-8 are errors
 * that name the file. */
MB_MUST_CHECK enum mb_rc mb_bundle_read(struct mb_bundle *out, const char *dir, const char *suffix,
                                        const char *except, size_t max_file, struct mb_err *err);
/* Takes over the files of more, "x.lua" as prefix + "x.lua"; MB_E_CONFIG when b has files of that
 * prefix. more is empty afterwards, also after a failure. */
MB_MUST_CHECK enum mb_rc mb_bundle_join(struct mb_bundle *b, struct mb_bundle *more,
                                        const char *prefix, struct mb_err *err);
const struct mb_bundle_file *mb_bundle_find(const struct mb_bundle *b, struct mb_str name);
void mb_bundle_free(struct mb_bundle *b);
