#pragma once
/* The folder that holds lua/ and migrations/: configured, installed or the source tree. */
#include "app/config.h"

enum { MB_PATH_MAX = 1024 };

/* Whether the folder holds lua/ and migrations/. */
bool mb_home_is(const char *dir);

MB_MUST_CHECK enum mb_rc mb_home_find(char out[MB_PATH_MAX], const struct mb_config *config,
                                      struct mb_err *err);
