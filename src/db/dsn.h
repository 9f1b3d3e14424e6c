#pragma once
/*
 * The connection string, taken apart once: which hosts are named, and the parameters that every
 * connection gets.
 */
#include "db/db.h"

struct mb_dsn_host {
    char *name;        /* "" = libpq's default socket; "/…" or "@…" = a socket folder */
    char *port;        /* "" = default */
    bool is_looked_up; /* a name that DNS or /etc/hosts must answer */
};

struct mb_dsn {
    PQconninfoOption *options;
    struct mb_dsn_host *hosts;
    size_t nhosts;
    bool needs_lookup; /* some host is_looked_up */
    char *url, *application_name;
    char *user, *password; /* "" = those of the string */
    char tcp_user_timeout[16];
    char *
        settings; /* is_foreign: options of the startup packet, which RESET ALL returns to; "" = none */
};

/* Of two users: a session that was opened as the first is the second's. */
#define MB_DSN_OTHER_USER                                                                          \
    "the database takes %.63s for %.63s; a pooler must log every user in as themselves"

/* A setting that a session of others has, whatever its role has stored (ALTER ROLE … SET). */
struct mb_dsn_setting {
    const char *name;
    char value[24];
};

enum { MB_DSN_PARAMS = 64, MB_DSN_SETTINGS = 12 };
struct mb_dsn_params { /* as PQconnectStartParams takes them */
    const char *names[MB_DSN_PARAMS + 1];
    const char *values[MB_DSN_PARAMS + 1];
    int n;
};

/* Whether libpq can read it, and its ports are ports. Looks nothing up, connects to nothing. */
bool mb_dsn_is_valid(const char *url);
MB_MUST_CHECK enum mb_rc mb_dsn_init(struct mb_dsn *d, const struct mb_db_config *config,
                                     struct mb_err *err);
void mb_dsn_reset(struct mb_dsn *d);
/* All settings of an is_foreign session. */
void mb_dsn_settings(const struct mb_db_config *config, struct mb_dsn_setting out[MB_DSN_SETTINGS]);
/* host, hostaddr, port: lists of equal length that replace the string's own; NULL = as they stand.
 * Everything is borrowed. */
void mb_dsn_fill(const struct mb_dsn *d, struct mb_dsn_params *p, const char *host,
                 const char *hostaddr, const char *port);
