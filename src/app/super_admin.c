/* The scripts judge address, name and password as those of any account; the password is hashed here. All of it in a
 * child without rights, but for the terminal, which that does not have. */
#include "app/super_admin.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "base/json.h"
#include "bind/argon2.h"
#include "db/fault.h"

enum { CONNECTIONS = 32, MAX_LINE = 4096, MAX_REQUEST = 65536, MAX_DIAGNOSTICS = 1 << 20 };

struct request {
    const struct mb_config *config;
    const struct mb_options *options;
    struct mb_site site;
    struct mb_bundle scripts;
    char password[MAX_LINE + 2];
    struct mb_buf asked, judged; /* JSON: as it was written, and as it is kept, without the password */
};

/* ---- the password ---- */

/* One line without its end; false when there is none, or it is too long. */
static bool read_line(char *out, size_t size)
{
    if (fgets(out, (int)size, stdin) == NULL) return false;
    size_t n = strlen(out);
    bool is_whole = n > 0 && out[n - 1] == '\n';
    if (is_whole) out[--n] = '\0';
    return n > 0 && (is_whole || feof(stdin) != 0);
}

/* A line that the terminal does not show. */
static bool ask_hidden(const char *prompt, char *out, size_t size)
{
    struct termios before, hidden;
    if (tcgetattr(STDIN_FILENO, &before) != 0) return false;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(prompt, stderr);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden);
    bool is_read = read_line(out, size);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    (void)fputc('\n', stderr);
    return is_read;
}

static enum mb_rc read_password(struct request *r, struct mb_err *err)
{
    char again[sizeof r->password];
    if (r->options->has_password_stdin)
        return read_line(r->password, sizeof r->password)
                   ? MB_OK
                   : mb_fail(err, MB_E_INVALID, "admin: standard input has no line with a password");
    if (isatty(STDIN_FILENO) == 0)
        return mb_fail(err, MB_E_INVALID,
                       "admin: no terminal to ask for the password; --password-stdin reads it");
    bool is_read = ask_hidden("Password: ", r->password, sizeof r->password) &&
                   ask_hidden("Again: ", again, sizeof again);
    bool is_same = is_read && strcmp(r->password, again) == 0;
    sodium_memzero(again, sizeof again);
    return is_same ? MB_OK
                   : mb_fail(err, MB_E_INVALID, "admin: %s",
                             is_read ? "these are two passwords" : "no password was typed");
}

/* ---- what the scripts say ---- */

static enum mb_rc add_field(struct mb_buf *b, const char *name, const char *value)
{
    enum mb_rc rc = mb_buf_addf(b, "%s\"%s\":", b->len > 0 ? "," : "{", name);
    return rc == MB_OK ? mb_json_str(b, value, strlen(value)) : rc;
}

static enum mb_rc look(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct request *r = ctx;
    return mb_vm_tell(states->vm, "workflows.new_admin", "judge", r->asked.data, &r->judged, err);
}

static enum mb_rc judge(struct request *r, struct mb_err *err)
{
    struct mb_shelf *shelf;
    struct mb_buf diagnostics;
    mb_buf_init(&diagnostics, MAX_DIAGNOSTICS);
    enum mb_rc rc = add_field(&r->asked, "email", r->options->email);
    if (rc == MB_OK && r->options->name != NULL)
        rc = add_field(&r->asked, "name", r->options->name);
    if (rc == MB_OK) rc = add_field(&r->asked, "password", r->password);
    if (rc == MB_OK) rc = mb_buf_add(&r->asked, "}", 2); /* with its NUL */
    if (rc != MB_OK) return mb_fail(err, rc, "admin: what was written is too long, or no UTF-8");
    rc = mb_shelf_new(&shelf, (size_t)r->config->reload_max_bytes, err);
    if (rc == MB_OK) rc = mb_shelf_put(shelf, 0, &r->scripts, err);
    if (rc == MB_OK)
        rc = mb_scripts_check(r->config, NULL, &shelf->slot[0], look, r, &diagnostics, err);
    if (rc == MB_E_SCRIPT && diagnostics.len > 0) {
        mb_say_lines(mb_buf_str(&diagnostics));
        err->rc = rc = MB_E_CANCELLED; /* all is said */
    }
    mb_buf_reset(&diagnostics);
    return rc;
}

/* ---- the account ---- */

static enum mb_rc insert(PGconn *conn, const struct request *r, const char *hash, struct mb_err *err)
{
    static const char sql[] =
        "SELECT mb_create_super_admin($1::jsonb || jsonb_build_object("
        "'password', $2::text, 'agent', 'medbookd admin create'))";
    const char *const values[] = {r->judged.data, hash};
    PGresult *res = PQexecParams(conn, sql, 2, NULL, values, NULL, NULL, 0);
    enum mb_rc rc = PQresultStatus(res) == PGRES_TUPLES_OK ? MB_OK : mb_fault_take(err, res, "admin");
    if (rc == MB_OK && PQgetisnull(res, 0, 0))
        rc = mb_fail(err, MB_E_INVALID, "admin: %.254s: an account has this address already",
                     r->options->email);
    else if (rc == MB_OK)
        (void)printf("user %s: SUPER_ADMIN, signs in as %s\n", PQgetvalue(res, 0, 0),
                     r->options->email);
    PQclear(res);
    return rc;
}

static enum mb_rc store(const struct request *r, struct mb_err *err)
{
    static const char *const names[] = {"dbname", "application_name", NULL};
    const char *const values[] = {r->site.app_url, "medbookd admin command", NULL};
    char hash[MB_ARGON2_TEXT];
    if (!mb_argon2_hash(hash, r->password, strlen(r->password)))
        return mb_fail(err, MB_E_NOMEM, "admin: no memory to hash a password");
    PGconn *conn = PQconnectdbParams(names, values, 1);
    enum mb_rc rc = MB_OK;
    if (conn == NULL)
        rc = mb_fail(err, MB_E_NOMEM, "admin: out of memory");
    else if (PQstatus(conn) != CONNECTION_OK)
        rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "admin: %s", PQerrorMessage(conn));
    else
        rc = insert(conn, r, hash, err);
    PQfinish(conn);
    return rc;
}

static enum mb_rc run(void *ctx, struct mb_err *err)
{
    struct request *r = ctx;
    mb_buf_init(&r->asked, MAX_REQUEST);
    mb_buf_init(&r->judged, MAX_REQUEST);
    enum mb_rc rc = sodium_init() < 0
                        ? mb_fail(err, MB_E_IO, "admin: cannot set up cryptography")
                        : judge(r, err);
    if (rc == MB_OK) rc = mb_buf_add(&r->judged, "", 1);
    if (rc == MB_OK) rc = store(r, err);
    (void)fflush(stdout);
    return rc;
}

int mb_super_admin_command(const struct mb_options *o, const struct mb_config *config)
{
    struct request r = {.options = o, .config = config};
    struct mb_err err = {0};
    enum mb_rc rc = mb_site_visit(&r.site, config, &err);
    if (rc == MB_OK) rc = mb_site_connect(&r.site, CONNECTIONS, &err);
    if (rc == MB_OK) rc = mb_site_expect_schema(&r.site, &err);
    if (rc == MB_OK) rc = mb_site_scripts(&r.site, &r.scripts, &err);
    if (rc == MB_OK) rc = read_password(&r, &err);
    const struct mb_child_plan child = {.user = &r.site.user, .signals = &r.site.signals};
    if (rc == MB_OK) rc = mb_child_call(&child, run, &r, &err);
    sodium_memzero(r.password, sizeof r.password);
    if (rc != MB_OK && err.rc != MB_E_CANCELLED) mb_say_error(&err);
    mb_site_close(&r.site, false);
    mb_bundle_free(&r.scripts);
    return rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
