#pragma once
/* What database, HTTP server and client of a process are told, out of the configuration. */
#include "app/config.h"
#include "client/client.h"
#include "client/smtp.h"
#include "db/apart.h"
#include "db/db.h"
#include "net/http.h"

struct mb_db_config mb_parts_db(const struct mb_config *c, const char *url);
/* Of the pools for the tables of plugins. */
struct mb_db_config mb_parts_tables(const struct mb_config *c, const char *url);
/* Of the roles and the schema of such a role; url: of who makes them. */
struct mb_apart mb_parts_apart(const struct mb_config *c, const char *url, const char *role,
                               const unsigned char *secret);
/* How many processes serve HTTP: `workers`, else one for each processor that is ours. */
unsigned mb_parts_workers(const struct mb_config *c);
/* How many passwords one of them hashes at once, so that together they keep to auth.hash_parallel. */
unsigned mb_parts_hashing(const struct mb_config *c);
/* Without the counts that processes share. */
struct mb_http_config mb_parts_http(const struct mb_config *c);
struct mb_client_limits mb_parts_client(const struct mb_config *c);
/* password: of smtp.password_file. name: room for the one that we greet with. */
enum { MB_SMTP_NAME = 256 };
struct mb_smtp_limits mb_parts_smtp(const struct mb_config *c, const char *password,
                                    char name[MB_SMTP_NAME]);
