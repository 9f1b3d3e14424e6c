#pragma once
/* The one secret key of an installation: 32 random bytes in a file that only its owner reads. */
#include <stdbool.h>

#include "base/err.h"

enum { MB_SECRET_BYTES = 32 };

/* Reads the file; makes: or makes it first. Machines that share a database need the same file. */
MB_MUST_CHECK enum mb_rc mb_secret_load(unsigned char out[MB_SECRET_BYTES], const char *file,
                                        bool makes, struct mb_err *err);
