#define _DEFAULT_SOURCE /* explicit_bzero */
#include "app/config_declared.h"

#include <stdlib.h>

#include "app/config_keys.h"
#include "app/secret.h"

struct declared {
    struct declared *next;
    struct mb_config__key key;
    union mb_config__value value;
    char *at; /* "routes/bookings.lua:12" */
};

struct mb_config_declared {
    const struct mb_config *config;
    struct declared *first; /* by name */
    struct mb_err fault;    /* the first setting that does not fit; MB_OK = all do */
};

enum mb_rc mb_config_declared_new(struct mb_config_declared **out, const struct mb_config *config,
                                  struct mb_err *err)
{
    struct mb_config_declared *d = calloc(1, sizeof *d);
    if (d == NULL)
        return mb_fail(err, MB_E_NOMEM, "no memory for the configuration of the scripts");
    d->config = config;
    *out = d;
    return MB_OK;
}

static void free_one(struct declared *it)
{
    free((void *)(uintptr_t)it->key.name);
    free((void *)(uintptr_t)it->key.dflt);
    free((void *)(uintptr_t)it->key.words);
    free((void *)(uintptr_t)it->key.help);
    free(it->at);
    free(it);
}

void mb_config_declared_free(struct mb_config_declared *d)
{
    if (d == NULL) return;
    while (d->first != NULL) {
        struct declared *it = d->first;
        d->first = it->next;
        free_one(it);
    }
    free(d);
}

/* ---- a declaration ---- */

static bool read_type(const char *word, enum mb_config_type *out)
{
    static const struct {
        const char *word;
        enum mb_config_type type;
    } types[] = {{"integer", MB_CFG_INT},
                 {"boolean", MB_CFG_BOOL},
                 {"duration", MB_CFG_MS},
                 {"size", MB_CFG_BYTES},
                 {"word", MB_CFG_WORD},
                 {"countries", MB_CFG_COUNTRIES},
                 {"text", MB_CFG_TEXT},
                 {"origins", MB_CFG_ORIGINS},
                 {"secret", MB_CFG_FILE}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        *out = types[i].type;
        if (strcmp(types[i].word, word) == 0) return true;
    }
    return false;
}

/* "booking.guest_rate": words of small letters, digits and _, with dots between. */
static bool is_key(const char *name)
{
    static const char inside[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *at = name;
    for (;;) {
        size_t n = strspn(at, inside);
        if (n == 0 || *at < 'a' || *at > 'z') return false;
        at += n;
        if (*at == '\0') return at - name < MB_CONFIG__MAX_NAME && strchr(name, '.') != NULL;
        if (*at++ != '.') return false;
    }
}

static enum mb_rc read_bound(const struct mb_config__key *k, const char *what, const char *text,
                             int64_t *out, struct mb_err *err)
{
    if (mb_config__read_scaled(text, k, out)) return MB_OK;
    return mb_fail(err, MB_E_SCRIPT, "'%s' of '%.60s' is %s", what, k->name,
                   mb_config__expected(k));
}

static bool is_scaled(enum mb_config_type type)
{
    return type == MB_CFG_INT || type == MB_CFG_MS || type == MB_CFG_BYTES;
}

static enum mb_rc check_new(const struct mb_config_declared *d, const struct mb_vm_declaration *it,
                            enum mb_config_type *type, struct mb_err *err)
{
    if (!is_key(it->key))
        return mb_fail(err, MB_E_SCRIPT,
                       "'%.60s' is no key: small letters, digits and _, with a dot, as "
                       "booking.expire_after",
                       it->key);
    if (mb_config__find(it->key) != NULL)
        return mb_fail(err, MB_E_SCRIPT, "'%.60s' is a key of the server itself", it->key);
    for (const struct declared *other = d->first; other != NULL; other = other->next)
        if (strcmp(other->key.name, it->key) == 0)
            return mb_fail(err, MB_E_SCRIPT, "'%.60s' is declared at %.100s too", it->key,
                           other->at);
    if (!read_type(it->type, type))
        return mb_fail(err, MB_E_SCRIPT,
                       "'type' of '%.60s' is integer, boolean, duration, size, word, countries, "
                       "text, origins or secret",
                       it->key);
    if ((*type == MB_CFG_WORD) != (it->words != NULL))
        return mb_fail(err, MB_E_SCRIPT, "'words' of '%.60s' is the list of a type \"word\"",
                       it->key);
    if (is_scaled(*type) != (it->least != NULL && it->most != NULL))
        return mb_fail(err, MB_E_SCRIPT,
                       "'%.60s': 'least' and 'most' belong to integers, durations and sizes, "
                       "which need both",
                       it->key);
    return MB_OK;
}

static enum mb_rc make_one(struct declared **out, const struct mb_vm_declaration *it,
                           enum mb_config_type type, struct mb_err *err)
{
    struct declared *made = calloc(1, sizeof *made);
    if (made == NULL) return mb_fail(err, MB_E_NOMEM, "out of memory");
    made->key = (struct mb_config__key){.name = strdup(it->key),
                                        .type = type,
                                        .dflt = strdup(it->dflt),
                                        .words = strdup(it->words != NULL ? it->words : ""),
                                        .help = strdup(it->help)};
    made->at = strdup(it->at);
    *out = made;
    if (made->key.name == NULL || made->key.dflt == NULL || made->key.words == NULL ||
        made->key.help == NULL || made->at == NULL)
        return mb_fail(err, MB_E_NOMEM, "out of memory");
    if (!is_scaled(type)) return MB_OK;
    enum mb_rc rc = read_bound(&made->key, "least", it->least, &made->key.least, err);
    if (rc == MB_OK) rc = read_bound(&made->key, "most", it->most, &made->key.most, err);
    return rc;
}

/* ---- its value ---- */

static bool is_of(const struct mb_config_pending *p, const char *key)
{
    return p->is_variable ? mb_config__is_variable_of(p->name, strlen(p->name), key)
                          : strcmp(p->name, key) == 0;
}

/* The default first, then what was set, the strongest last. */
static enum mb_rc settle(struct mb_config_declared *d, struct declared *it, struct mb_err *err)
{
    enum mb_rc rc = mb_config__set(&it->key, "'default'", it->key.dflt, &it->value, err);
    if (rc != MB_OK) return rc;
    for (const struct mb_config_pending *p = d->config->pending; p != NULL; p = p->next) {
        union mb_config__value value;
        struct mb_err why;
        if (!is_of(p, it->key.name)) continue;
        rc = mb_config__set(&it->key, p->origin, p->value, &value, &why);
        if (rc == MB_OK)
            it->value = value;
        else if (d->fault.rc == MB_OK)
            d->fault = why;
    }
    return MB_OK;
}

/* The script gets what stands in the file of a secret, everybody else the file's name. Without it the script cannot go
 * on, so what does not fit is told at once. */
static enum mb_rc hand_over(struct mb_config_declared *d, const struct declared *it,
                            struct mb_buf *value, struct mb_err *err)
{
    char secret[MB_PASSWORD_MAX];
    if (it->key.type != MB_CFG_FILE) return mb_config__print(&it->key, &it->value, value);
    if (d->fault.rc == MB_OK && mb_password_read(secret, it->value.text, &d->fault) == MB_OK) {
        enum mb_rc rc = mb_buf_addz(value, secret);
        explicit_bzero(secret, sizeof secret);
        return rc;
    }
    *err = d->fault;
    return err->rc = MB_E_SCRIPT;
}

enum mb_rc mb_config_declare(struct mb_config_declared *d, const struct mb_vm_declaration *it,
                             struct mb_buf *value, struct mb_err *err)
{
    enum mb_config_type type = MB_CFG_INT;
    struct declared *made = NULL;
    enum mb_rc rc = check_new(d, it, &type, err);
    if (rc == MB_OK) rc = make_one(&made, it, type, err);
    if (rc == MB_OK) rc = settle(d, made, err);
    if (rc != MB_OK) {
        if (made != NULL) free_one(made);
        if (rc == MB_E_CONFIG) err->rc = MB_E_SCRIPT;
        return err->rc;
    }
    struct declared **after = &d->first;
    while (*after != NULL && strcmp((*after)->key.name, it->key) < 0) after = &(*after)->next;
    made->next = *after;
    *after = made;
    return hand_over(d, made, value, err);
}

/* ---- all of them ---- */

static bool is_declared(const struct mb_config_declared *d, const struct mb_config_pending *p)
{
    for (const struct declared *it = d->first; it != NULL; it = it->next)
        if (is_of(p, it->key.name)) return true;
    return false;
}

static enum mb_rc refuse(const struct mb_config_declared *d, const struct mb_config_pending *p,
                         struct mb_err *err)
{
    if (p->is_variable)
        return mb_fail(err, MB_E_CONFIG, "%s: no such key; \"medbookd config\" lists all keys",
                       p->origin);
    struct mb_config__nearest near = mb_config__nearest(p->name);
    for (const struct declared *it = d->first; it != NULL; it = it->next)
        mb_config__is_nearer(&near, p->name, it->key.name);
    if (near.name != NULL)
        return mb_fail(err, MB_E_CONFIG, "%s: unknown key \"%.60s\"; did you mean %s?", p->origin,
                       p->name, near.name);
    return mb_fail(err, MB_E_CONFIG,
                   "%s: unknown key \"%.60s\"; \"medbookd config\" lists all keys", p->origin,
                   p->name);
}

enum mb_rc mb_config_declared_check(const struct mb_config_declared *d, struct mb_err *err)
{
    for (const struct mb_config_pending *p = d->config->pending; p != NULL; p = p->next)
        if (!is_declared(d, p)) return refuse(d, p, err);
    if (d->fault.rc != MB_OK) *err = d->fault;
    return d->fault.rc;
}

enum mb_rc mb_config_declared_sample(const struct mb_config_declared *d, struct mb_buf *out)
{
    enum mb_rc rc = MB_OK;
    for (const struct declared *it = d->first; rc == MB_OK && it != NULL; it = it->next)
        rc = mb_config__sample(&it->key, out);
    return rc;
}

enum mb_rc mb_config_declared_print(const struct mb_config_declared *d, struct mb_buf *out)
{
    enum mb_rc rc = MB_OK;
    for (const struct declared *it = d->first; rc == MB_OK && it != NULL; it = it->next) {
        rc = mb_buf_addf(out, "%s = ", it->key.name);
        if (rc == MB_OK) rc = mb_config__print(&it->key, &it->value, out);
        if (rc == MB_OK) rc = mb_buf_addz(out, "\n");
    }
    return rc;
}
