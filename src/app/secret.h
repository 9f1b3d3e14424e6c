#pragma once
/* The one secret key of an installation: 32 random bytes in a file that only its owner reads; and passwords, in files
 * of the operator's. */
#include <stdbool.h>

#include "base/err.h"

enum { MB_SECRET_BYTES = 32, MB_PASSWORD_MAX = 1024 };

/* Reads the file; makes: or makes it first. Machines that share a database need the same file. */
MB_MUST_CHECK enum mb_rc mb_secret_load(unsigned char out[MB_SECRET_BYTES], const char *file,
                                        bool makes, struct mb_err *err);
/* The first line of the file, without its end; file "": an empty one. */
MB_MUST_CHECK enum mb_rc mb_password_read(char out[MB_PASSWORD_MAX], const char *file,
                                          struct mb_err *err);
