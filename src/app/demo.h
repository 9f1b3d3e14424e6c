#pragma once
/*
 * The demo clinic: an invented South African clinic network with thirty days of bookable time,
 * from the files of examples/demo-clinic. It must not know migrations or the server: the schema
 * has to be there, the process has to have dropped its privileges.
 */
#include <stdio.h>

#include "app/bundle.h"

/* Loads the files of the reference data and those of the clinic, each in order of their names (every *.sql of the
 * bundles; all are harmless to run again), then extends the availability of every bookable demo provider up to thirty days
 * from today, cut into slots. What is there already is left as it is, so that a second call on
 * the same day changes nothing and one on a later day adds the days that are new. One transaction:
 * all or nothing. progress (may be NULL) gets one line per step. */
MB_MUST_CHECK enum mb_rc mb_demo_load(const char *database_url, const struct mb_bundle *reference,
                                      const struct mb_bundle *files, FILE *progress,
                                      struct mb_err *err);
