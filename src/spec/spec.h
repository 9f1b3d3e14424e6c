#pragma once
/*
 * Busted over a stage: spec files of script authors, run in one process with the server that they
 * test. They require "medbookd.test" (lua/testing/test.lua).
 */
#include "spec/stage.h"

/* Borrowed. */
struct mb_spec_plan {
    struct mb_stage_plan stage;
    const struct mb_script *helpers; /* lua/testing: "test.lua" is required as "medbookd.test" */
    size_t nhelpers;
    const char *const *words; /* of the command line: files, folders, options of busted */
    size_t nwords;
    const char *timeout_key; /* of the configuration, for: */
    uint64_t timeout_ms;     /* a test, a setup, the other lines of a file; 0 = no limit */
    const char *folder;              /* for files of tests; goes when they have ended */
    const char *owner_url;           /* of the databases; "medbookd_template" is one to copy */
    const char *const *server_words; /* options of a server with these scripts */
    size_t nserver_words;
};

/* Whether all of them passed; output goes to standard output, what could not begin to *err. */
MB_MUST_CHECK enum mb_rc mb_spec_run(const struct mb_spec_plan *plan, bool *passed,
                                     struct mb_buf *diagnostics, struct mb_err *err);
