/*
 * Loads the configuration: defaults, file, environment, command line. It must not know what a key is
 * for. How a value is read: config_value.c.
 */
#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/config_keys.h"
#include "app/place.h"
#include "client/client.h"

extern char **environ;

enum { MAX_LINE = 4096 };

/* Where a value came from, for messages: "medbookd.conf:12", "environment", "--set". */
struct load {
    struct mb_config *config;
    const char *origin;
    bool is_default;
    const char *set_at[MB_CONFIG__COUNT]; /* where each key was set last; NULL = nowhere */
    struct mb_err *err;
};

/* Settings live as long as the process; held here so that none is ever lost. */
struct kept {
    struct kept *next;
    max_align_t bytes[];
};
static struct kept *all_kept;

static void *keep_bytes(size_t n)
{
    struct kept *k = malloc(sizeof *k + n);
    if (k == NULL) return NULL;
    k->next = all_kept;
    all_kept = k;
    return k->bytes;
}

static const char *keep(const char *text)
{
    size_t n = strlen(text) + 1;
    char *kept = keep_bytes(n);
    return kept != NULL ? memcpy(kept, text, n) : NULL;
}

/* ---- keys ---- */

static enum mb_rc set_value(struct load *l, const struct mb_config__key *k, const char *value)
{
    char *field = (char *)l->config + k->offset;
    union mb_config__value v = {0};
    /* A default may be overridden by what follows; then it matters to nobody whether the machine at
     * hand allows it. */
    bool is_taken = l->is_default && mb_config__is_text(k);
    enum mb_rc rc = MB_OK;
    if (is_taken)
        v.text = value;
    else
        rc = mb_config__set(k, l->origin, value, &v, l->err);
    if (rc != MB_OK) return rc;
    if (mb_config__is_text(k)) {
        if ((*(const char **)(void *)field = keep(v.text)) == NULL)
            rc = mb_fail(l->err, MB_E_NOMEM, "configuration: out of memory");
    } else if (k->type == MB_CFG_BOOL) {
        *(bool *)field = v.flag;
    } else {
        *(int64_t *)(void *)field = v.number;
    }
    if (rc == MB_OK && !l->is_default && (l->set_at[k - mb_config__keys] = keep(l->origin)) == NULL)
        rc = mb_fail(l->err, MB_E_NOMEM, "configuration: out of memory");
    return rc;
}

/* For the scripts; behind those that are there. */
static enum mb_rc put_off(const struct load *l, const char *name, const char *value, unsigned line,
                          bool is_variable)
{
    struct mb_config_pending **last = &l->config->pending;
    for (; *last != NULL; last = &(*last)->next)
        if (line > 0 && strcmp((*last)->name, name) == 0)
            return mb_fail(l->err, MB_E_CONFIG,
                           "%s: %.60s is already set in line %u; remove one of them", l->origin,
                           name, (*last)->line);
    struct mb_config_pending *p = keep_bytes(sizeof *p);
    if (p == NULL) return mb_fail(l->err, MB_E_NOMEM, "configuration: out of memory");
    *p = (struct mb_config_pending){.name = keep(name),
                                    .origin = keep(l->origin),
                                    .value = keep(value),
                                    .is_variable = is_variable,
                                    .line = line};
    if (p->name == NULL || p->origin == NULL || p->value == NULL)
        return mb_fail(l->err, MB_E_NOMEM, "configuration: out of memory");
    *last = p;
    return MB_OK;
}

/* ---- sources ---- */

static enum mb_rc load_defaults(struct load *l)
{
    l->origin = "default";
    l->is_default = true;
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++)
        if (set_value(l, &mb_config__keys[i], mb_config__keys[i].dflt) != MB_OK) return MB_E_CONFIG;
    l->is_default = false;
    return MB_OK;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1])) n--;
    s[n] = '\0';
    return s;
}

/* Cuts "key = value" in place; value may stand in double quotes to keep outer spaces. */
static bool split_pair(char *line, char **key, char **value)
{
    char *eq = strchr(line, '=');
    if (eq == NULL) return false;
    *eq = '\0';
    *key = trim(line);
    *value = trim(eq + 1);
    size_t n = strlen(*value);
    if (n >= 2 && (*value)[0] == '"' && (*value)[n - 1] == '"') {
        (*value)[n - 1] = '\0';
        (*value)++;
    }
    return **key != '\0';
}

/* Some editors put a byte order mark before the first line; it is no part of a key. */
static char *skip_mark(char *line)
{
    return strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? line + 3 : line;
}

static enum mb_rc load_line(struct load *l, char *line, unsigned number, unsigned *seen)
{
    line = trim(line);
    if (*line == '\0' || *line == '#') return MB_OK;
    char *name = NULL, *value = NULL;
    if (!split_pair(line, &name, &value))
        return mb_fail(l->err, MB_E_CONFIG, "%s: not a setting; write key = value", l->origin);
    const struct mb_config__key *k = mb_config__find(name);
    if (k == NULL) return put_off(l, name, value, number, false);
    unsigned *first = &seen[k - mb_config__keys];
    if (*first != 0)
        return mb_fail(l->err, MB_E_CONFIG, "%s: %s is already set in line %u; remove one of them",
                       l->origin, k->name, *first);
    *first = number;
    return set_value(l, k, value);
}

static enum mb_rc load_stream(struct load *l, FILE *in, const char *file)
{
    unsigned seen[MB_CONFIG__COUNT] = {0};
    char line[MAX_LINE], origin[160];
    l->origin = origin;
    for (unsigned number = 1; fgets(line, sizeof line, in) != NULL; number++) {
        (void)snprintf(origin, sizeof origin, "%.140s:%u", file, number);
        if (strlen(line) == sizeof line - 1 && line[sizeof line - 2] != '\n')
            return mb_fail(l->err, MB_E_CONFIG, "%s: the line is too long", origin);
        enum mb_rc rc = load_line(l, number == 1 ? skip_mark(line) : line, number, seen);
        if (rc != MB_OK) return rc;
    }
    return MB_OK;
}

static enum mb_rc load_file(struct load *l, const char *file)
{
    bool optional = file == NULL;
    if (optional) file = "medbookd.conf";
    FILE *in = fopen(file, "re");
    if (in == NULL) {
        if (optional && errno == ENOENT) return MB_OK;
        return mb_fail(l->err, MB_E_CONFIG, "%.150s: could not read it: %s", file, strerror(errno));
    }
    enum mb_rc rc = load_stream(l, in, file);
    if (rc == MB_OK && ferror(in))
        rc = mb_fail(l->err, MB_E_CONFIG, "%.150s: could not read it; name a text file", file);
    (void)fclose(in);
    return rc;
}

static enum mb_rc load_variable(struct load *l, const char *entry)
{
    static const char prefix[] = "MEDBOOKD_";
    size_t whole = strcspn(entry, "=");
    if (strncmp(entry, prefix, sizeof prefix - 1) != 0) return MB_OK;
    /* Names the program itself, for the scripts that start it; not a key. */
    if (strncmp(entry, "MEDBOOKD_BIN", whole) == 0) return MB_OK;
    const char *name = entry + sizeof prefix - 1;
    size_t len = whole - (sizeof prefix - 1);
    char origin[160];
    (void)snprintf(origin, sizeof origin, "environment variable %.*s", (int)whole, entry);
    l->origin = origin;
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++)
        if (mb_config__is_variable_of(name, len, mb_config__keys[i].name))
            return set_value(l, &mb_config__keys[i], entry[whole] == '=' ? entry + whole + 1 : "");
    char key[MB_CONFIG__MAX_NAME];
    if (len >= sizeof key)
        return mb_fail(l->err, MB_E_CONFIG, "%s: no such key; \"medbookd config\" lists all keys",
                       origin);
    memcpy(key, name, len);
    key[len] = '\0';
    return put_off(l, key, entry[whole] == '=' ? entry + whole + 1 : "", 0, true);
}

static enum mb_rc load_set(struct load *l, const char *set)
{
    char copy[MAX_LINE];
    l->origin = "--set";
    char *name = NULL, *value = NULL;
    if (strlen(set) >= sizeof copy)
        return mb_fail(l->err, MB_E_CONFIG, "--set: the text is too long");
    memcpy(copy, set, strlen(set) + 1);
    if (!split_pair(copy, &name, &value))
        return mb_fail(l->err, MB_E_CONFIG, "--set: \"%.60s\" is not key=value", set);
    const struct mb_config__key *k = mb_config__find(name);
    return k == NULL ? put_off(l, name, value, 0, false) : set_value(l, k, value);
}

/* Port 0 stands for any free one. */
static bool is_same_place(const char *a, const char *b)
{
    struct mb_place one, other;
    size_t n = strlen(a);
    return mb_place_parse(&one, a) && mb_place_parse(&other, b) && one.len == other.len &&
           memcmp(&one.addr, &other.addr, one.len) == 0 && strcmp(a + n - 2, ":0") != 0;
}

static enum mb_rc refuse_key(const struct load *l, const char *name, const char *why)
{
    const char *at = l->set_at[mb_config__find(name) - mb_config__keys];
    return mb_fail(l->err, MB_E_CONFIG, "%s: %s %s", at != NULL ? at : "configuration", name, why);
}

static enum mb_rc check_smtp(const struct load *l)
{
    const struct mb_config *c = l->config;
    bool has_user = c->smtp_user[0] != '\0', has_password = c->smtp_password_file[0] != '\0';
    if (has_user && !has_password) return refuse_key(l, "smtp.user", "needs smtp.password_file");
    if (!has_user && has_password) return refuse_key(l, "smtp.password_file", "needs smtp.user");
    if (has_user && strcmp(c->smtp_security, "none") == 0)
        return refuse_key(l, "smtp.user",
                          "would send its password in clear; set smtp.security to starttls or tls");
    if (c->smtp_host[0] == '\0') return MB_OK;
    if (c->http_public_url[0] == '\0')
        return refuse_key(l, "smtp.host",
                          "needs http.public_url, with which links in mails begin");
    return c->smtp_from[0] != '\0' ? MB_OK : refuse_key(l, "smtp.host", "needs smtp.from");
}

static enum mb_rc check_together(const struct mb_config *c, struct mb_err *err)
{
    if (c->database_pool_min > c->database_pool_max)
        return mb_fail(err, MB_E_CONFIG,
                       "configuration: database.pool_min (%lld) is over database.pool_max (%lld)",
                       (long long)c->database_pool_min, (long long)c->database_pool_max);
    if (is_same_place(c->listen, c->admin_listen))
        return mb_fail(err, MB_E_CONFIG,
                       "configuration: listen and admin_listen are both %.80s; they need two ports",
                       c->listen);
    if (c->http_max_header_line > c->http_max_header_bytes)
        return mb_fail(err, MB_E_CONFIG,
                       "configuration: http.max_header_line is over http.max_header_bytes");
    return MB_OK;
}

/* As a browser on this machine would reach it. */
static enum mb_rc derive_url(struct mb_config *c, struct mb_err *err)
{
    char url[MAX_LINE];
    const char *given = c->http_public_url, *port = strrchr(c->listen, ':');
    struct mb_str host = {c->listen, (size_t)(port - c->listen)};
    size_t n = strlen(given);
    if (mb_str_eq(host, MB_STR("*")) || mb_str_eq(host, MB_STR("0.0.0.0")) ||
        mb_str_eq(host, MB_STR("[::]")))
        host = MB_STR("127.0.0.1");
    if (n > 0)
        (void)snprintf(url, sizeof url, "%.*s", (int)(given[n - 1] == '/' ? n - 1 : n), given);
    else
        (void)snprintf(url, sizeof url, "http://%.*s%s", (int)host.len, host.ptr, port);
    c->http_public_url = keep(url);
    return c->http_public_url != NULL ? MB_OK
                                      : mb_fail(err, MB_E_NOMEM, "configuration: out of memory");
}

/* Mails that become files come from somebody too. */
static enum mb_rc derive_from(struct mb_config *c, struct mb_err *err)
{
    char from[2 * MB_CONFIG__MAX_HOST], host[MB_CONFIG__MAX_HOST];
    if (c->smtp_from[0] != '\0') return MB_OK;
    bool ok = mb_client_host(c->http_public_url, host, sizeof host);
    (void)snprintf(from, sizeof from, "medbookd@%s", ok ? host : "localhost");
    c->smtp_from = keep(from);
    return c->smtp_from != NULL ? MB_OK : mb_fail(err, MB_E_NOMEM, "configuration: out of memory");
}

enum mb_rc mb_config_load(struct mb_config *out, const char *file, char *const *sets, size_t nsets,
                          struct mb_err *err)
{
    memset(out, 0, sizeof *out);
    struct load l = {.config = out, .err = err};
    enum mb_rc rc = load_defaults(&l);
    if (rc == MB_OK) rc = load_file(&l, file);
    for (char **entry = environ; rc == MB_OK && entry != NULL && *entry != NULL; entry++)
        rc = load_variable(&l, *entry);
    for (size_t i = 0; rc == MB_OK && i < nsets; i++) rc = load_set(&l, sets[i]);
    if (rc == MB_OK) rc = check_together(out, err);
    if (rc == MB_OK) rc = check_smtp(&l);
    if (rc == MB_OK) rc = derive_url(out, err);
    return rc == MB_OK ? derive_from(out, err) : rc;
}
