#pragma once
/* The queue of jobs, as `medbookd jobs` shows and changes it, over a connection of its own. */
#include <stdio.h>

#include "base/err.h"

struct mb_jobs_question {
    const char *verb; /* list, show, retry, cancel */
    const char *id;   /* of a job; NULL for list */
    const char *status, *kind;
    int limit;
};

/* Writes the answer to out. MB_E_INVALID: there is no such job, or its status forbids it. */
MB_MUST_CHECK enum mb_rc mb_jobs_ask(const char *database_url, const struct mb_jobs_question *q,
                                     FILE *out, struct mb_err *err);
