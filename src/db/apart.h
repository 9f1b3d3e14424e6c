#pragma once
/*
 * A schema for code that is not the server's own, and its two roles: one without login owns the schema and runs its
 * migrations, the other logs in, reads and writes rows and owns nothing. Neither has a right to anything else. The
 * schema has the name of the role that logs in.
 *
 * In a database of the server's own no such role may call functions that hold locks, wait, keep settings or large
 * objects, write functions or make temporary tables, whatever its code says: mb_apart_seal. Where that belongs to others,
 * mb_apart_gaps tells what they may.
 */
#include "base/buf.h"

enum {
    MB_APART_NAME = 63,     /* bytes of an identifier of PostgreSQL */
    MB_APART_PASSWORD = 65, /* and its NUL */
};
#define MB_APART_OWNER ":owner" /* behind the name of the other role */

struct mb_apart {
    const char *url; /* of a superuser, or of a role that may make roles */
    const char
        *name; /* of the role that logs in, and the schema: small letters, digits, _ - and dots */
    const unsigned char *secret; /* 32 bytes */
    unsigned connections;        /* that the role may have at once */
    unsigned work_mem_kb,
        temp_files_kb; /* of a session: memory of a step of a plan, files beyond it */
};

/* Makes roles and schema, or sets again what they must be, and lets the owner log in until mb_apart_close; in one's
 * turn (db/turn.h). What only a superuser may set is set if the url's is one. */
MB_MUST_CHECK enum mb_rc mb_apart_open(const struct mb_apart *a, struct mb_err *err);
/* The owner logs in no more; the other role may use what it has made. Refused, and the role kept out, when something in
 * the schema runs with the owner's rights: a SECURITY DEFINER function, a rule. */
MB_MUST_CHECK enum mb_rc mb_apart_close(const struct mb_apart *a, struct mb_err *err);
/* MB_E_CONFIG when the name is too long. */
MB_MUST_CHECK enum mb_rc mb_apart_owner(const char *name, char out[MB_APART_NAME + 1],
                                        struct mb_err *err);
/* Takes from PUBLIC, and gives to the server's roles, what is said above. url: of a superuser; the server's own
 * migrations have run. */
MB_MUST_CHECK enum mb_rc mb_apart_seal(const char *url, struct mb_err *err);
/* Appends what the role may do in this database that it could not in a sealed one, and what the server could not do about
 * it, a list with commas; nothing when all is well. server_url: as the server connects. */
MB_MUST_CHECK enum mb_rc mb_apart_gaps(const struct mb_apart *a, const char *server_url,
                                       struct mb_buf *out, struct mb_err *err);
/* Statements of the server: ends backend $1 if it is role $2's; and measures all schemas, as migrations/R__plugins.sql
 * says. */
extern const char mb_apart_end_sql[], mb_apart_watch_sql[];
/* A role's password follows from the secret of the installation, so that it is stored nowhere. */
void mb_apart_password(const unsigned char secret[32], const char *name,
                       char out[MB_APART_PASSWORD]);
