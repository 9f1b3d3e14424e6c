#pragma once
/*
 * A role with a schema of its own, for code that is not the server's: it may log in, makes what it
 * likes in its schema, and has no right to anything else. The schema has the role's name.
 */
#include "base/buf.h"

enum {
    MB_APART_NAME = 63,     /* bytes of an identifier of PostgreSQL */
    MB_APART_PASSWORD = 65, /* and its NUL */
};

/* Makes role and schema, or sets again what they must be; url is of a superuser, or of a role that
 * may make roles. name: small letters, digits, _ - and dots. */
MB_MUST_CHECK enum mb_rc mb_apart_make(const char *url, const char *name, const char *password,
                                       struct mb_err *err);
/* The role's password follows from the secret of the installation, so that it is stored nowhere. */
void mb_apart_password(const unsigned char secret[32], const char *name, char out[MB_APART_PASSWORD]);
