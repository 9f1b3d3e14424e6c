#pragma once
/*
 * One installation as a command finds it: home, data folder, user, and its database, which is
 * either named by URL or the embedded one, ours to run or run by another medbookd process.
 */
#include "app/bundle.h"
#include "app/config.h"
#include "app/datadir.h"
#include "app/postgres.h"
#include "app/schema.h"
#include "app/secret.h"

enum { MB_SITE_MAX_FILE = 1 << 20 }; /* bytes of one script */
/* A plugin's folder of tests, which are no scripts of it. */
#define MB_PLUGIN_SPECS "spec"
#define MB_SITE_HELPERS "testing"
/* The folder of migrations whose files are no migrations: rows to begin with. */
#define MB_SITE_REFERENCE "reference"

struct mb_site {
    const struct mb_config *config;
    char home[MB_PATH_MAX];
    struct mb_datadir dir;
    struct mb_user user;
    struct mb_signals signals;
    pid_t holder;                 /* another medbookd that uses the data folder; 0 = none does */
    bool is_visited;              /* by mb_site_visit: nothing is made */
    bool is_throwaway; /* set before mb_site_connect: a database for one run, of which nothing is said */
    struct mb_postgres *postgres; /* NULL = the database has a URL */
    const char *owner_url, *app_url;
    unsigned char secret[MB_SECRET_BYTES]; /* after mb_site_secret */
};

/* What mb_site_migrate applies. */
struct mb_site_migrations {
    struct mb_bundle server;  /* <home>/migrations */
    struct mb_bundle plugins; /* "<name>/migrations/…" of plugins.folder */
};

/* Signals, home, data folder and its lock. Makes what is missing. Close it also after a failure. */
MB_MUST_CHECK enum mb_rc mb_site_open(struct mb_site *s, const struct mb_config *config,
                                      struct mb_err *err);
/* As mb_site_open, for who talks to an installation that is there: makes no folder, key or database,
 * and refuses where there is none. With database.url that folder may be missing. */
MB_MUST_CHECK enum mb_rc mb_site_visit(struct mb_site *s, const struct mb_config *config,
                                       struct mb_err *err);
/* <home>/lua, without the helpers of tests in MB_SITE_HELPERS. */
MB_MUST_CHECK enum mb_rc mb_site_server_scripts(const struct mb_site *s, struct mb_bundle *out,
                                                struct mb_err *err);
/* <home>/leaf as a bundle, without what lies in MB_SITE_REFERENCE unless that is the leaf. */
MB_MUST_CHECK enum mb_rc mb_site_read(const struct mb_site *s, const char *leaf, const char *suffix,
                                      struct mb_bundle *out, struct mb_err *err);
/* All scripts: these, and those of plugins.folder as "plugins/…", without their tests; without that folder none. */
MB_MUST_CHECK enum mb_rc mb_site_scripts(const struct mb_site *s, struct mb_bundle *out,
                                         struct mb_err *err);
/* Sets the URLs; starts, adopts or finds the embedded database, for which libpq then takes nothing from
 * the environment. */
MB_MUST_CHECK enum mb_rc mb_site_connect(struct mb_site *s, unsigned connections,
                                         struct mb_err *err);
/* Refuses a database in which nothing was set up, and says how that is done. */
MB_MUST_CHECK enum mb_rc mb_site_expect_schema(struct mb_site *s, struct mb_err *err);
/* Reads the key of the installation, or makes it unless the site is visited. */
MB_MUST_CHECK enum mb_rc mb_site_secret(struct mb_site *s, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_site_migrations(const struct mb_site *s, struct mb_site_migrations *out,
                                            struct mb_err *err);
void mb_site_migrations_free(struct mb_site_migrations *m);
/* The SQL of plugins alone, as in struct mb_site_migrations. */
MB_MUST_CHECK enum mb_rc mb_site_plugin_sql(const struct mb_site *s, struct mb_bundle *out,
                                            struct mb_err *err);
/* How many plugins have files in such a bundle. */
unsigned mb_site_count_plugins(const struct mb_bundle *sql);
/* After mb_site_secret. plugin: that one alone; NULL = all, but on the way down the server's own. */
MB_MUST_CHECK enum mb_rc mb_site_migrate(struct mb_site *s, const struct mb_site_migrations *m,
                                         enum mb_schema_step step, int to, const char *plugin,
                                         struct mb_err *err);
/* The plan of such a step, for a process that the caller makes. */
struct mb_schema_plan mb_site_schema(const struct mb_site *s, const struct mb_bundle *server,
                                     const struct mb_bundle *plugins, enum mb_schema_step step);
/* Stops the embedded database if this process started it, or owns it (`run`: adopted ones too). */
void mb_site_close(struct mb_site *s, bool is_owner);
