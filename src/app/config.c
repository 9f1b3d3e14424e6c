/*
 * Loads the configuration: defaults, file, environment, command line; one parser per type. It
 * must not know what a key is for.
 */
#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/config_keys.h"
#include "app/place.h"

extern char **environ;

enum { MAX_LINE = 4096 };

/* Where a value came from, for messages: "medbookd.conf:12", "environment", "--set". */
struct load {
    struct mb_config *config;
    const char *origin;
    bool is_default;
    struct mb_err *err;
};

/* Texts of settings live as long as the process; held here so that none is ever lost. */
struct kept {
    struct kept *next;
    char text[];
};
static struct kept *all_kept;

static const char *keep(const char *text)
{
    size_t n = strlen(text) + 1;
    struct kept *k = malloc(sizeof *k + n);
    if (k == NULL) return NULL;
    memcpy(k->text, text, n);
    k->next = all_kept;
    all_kept = k;
    return k->text;
}

/* ---- values ---- */

/* "10s" -> 10000. A number without unit is taken as bytes, but never as a duration (of what?). */
static bool read_scaled(const char *text, const struct mb_config__key *k, int64_t *out)
{
    if (!isdigit((unsigned char)*text) && *text != '-') return false;
    char *end = NULL;
    errno = 0;
    int64_t n = strtoll(text, &end, 10);
    if (errno != 0 || end == text) return false;
    while (*end == ' ') end++;

    size_t count = 0;
    const struct mb_config__unit *units = mb_config__units(k, &count);
    if (*end == '\0') {
        *out = n;
        return k->type != MB_CFG_MS || n == 0;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow(n, units[i].factor, out);
    return false;
}

static bool read_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0;
}

static enum mb_rc check_range(const struct load *l, const struct mb_config__key *k, int64_t v)
{
    if (v >= k->least && v <= k->most) return MB_OK;
    struct mb_buf range;
    mb_buf_init(&range, 128);
    enum mb_rc rc = MB_OK;
    if (k->type == MB_CFG_INT) {
        rc = mb_buf_addf(&range, "%lld to %lld", (long long)k->least, (long long)k->most);
    } else {
        rc = mb_config__print_scaled(k->least, k, &range);
        if (rc == MB_OK) rc = mb_buf_addz(&range, " to ");
        if (rc == MB_OK) rc = mb_config__print_scaled(k->most, k, &range);
    }
    if (rc == MB_OK)
        rc = mb_fail(l->err, MB_E_CONFIG, "%s: %s is out of range; it must be %.*s", l->origin,
                     k->name, (int)range.len, range.data);
    mb_buf_reset(&range);
    return rc;
}

static enum mb_rc set_value(const struct load *l, const struct mb_config__key *k, const char *value)
{
    char *field = (char *)l->config + k->offset;
    int64_t number = 0;
    bool fits = true;
    switch (k->type) {
    case MB_CFG_WORD:
    case MB_CFG_NETWORKS:
    case MB_CFG_ORIGINS:
    case MB_CFG_HOSTS:
    case MB_CFG_PLACE:
    case MB_CFG_DSN:
    case MB_CFG_USER:
    case MB_CFG_PORTS:
    case MB_CFG_FILE:
    case MB_CFG_FOLDER:
    case MB_CFG_HOME:
        /* A default may be overridden by what follows; then it matters to nobody whether the
         * machine at hand allows it. */
        fits = l->is_default || mb_config__is_text_of(k, value);
        if (fits && (*(const char **)(void *)field = keep(value)) == NULL)
            return mb_fail(l->err, MB_E_NOMEM, "configuration: out of memory");
        break;
    case MB_CFG_BOOL: fits = read_bool(value, (bool *)field); break;
    case MB_CFG_INT:
    case MB_CFG_MS:
    case MB_CFG_BYTES:
        fits = read_scaled(value, k, &number);
        if (fits && check_range(l, k, number) != MB_OK) return MB_E_CONFIG;
        *(int64_t *)(void *)field = number;
        break;
    }
    if (fits) return MB_OK;
    if (k->type == MB_CFG_DSN) /* not shown: it may hold a password */
        return mb_fail(l->err, MB_E_CONFIG, "%s: %s cannot be read; it must be %s", l->origin,
                       k->name, mb_config__expected(k));
    return mb_fail(l->err, MB_E_CONFIG, "%s: %s cannot be \"%.60s\"; it must be %s", l->origin,
                   k->name, value, mb_config__expected(k));
}

/* ---- keys ---- */

static const struct mb_config__key *find_key(const char *name)
{
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++)
        if (strcmp(mb_config__keys[i].name, name) == 0) return &mb_config__keys[i];
    return NULL;
}

/* Edits (insert, delete, replace) that turn a into b; names longer than the row are far apart. */
static size_t distance(const char *a, const char *b)
{
    enum { ROW = 64 };
    size_t row[ROW], n = strlen(b);
    if (n >= ROW) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; *a != '\0'; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replace = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            size_t edge = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replace < edge ? replace : edge;
        }
    }
    return row[n];
}

static enum mb_rc unknown_key(const struct load *l, const char *name)
{
    const struct mb_config__key *near = NULL;
    size_t best = 4;
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++) {
        size_t d = distance(name, mb_config__keys[i].name);
        if (d < best) {
            best = d;
            near = &mb_config__keys[i];
        }
    }
    if (near != NULL)
        return mb_fail(l->err, MB_E_CONFIG, "%s: unknown key \"%.60s\"; did you mean %s?",
                       l->origin, name, near->name);
    return mb_fail(l->err, MB_E_CONFIG,
                   "%s: unknown key \"%.60s\"; \"medbookd config\" lists all keys", l->origin,
                   name);
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
    const struct mb_config__key *k = find_key(name);
    if (k == NULL) return unknown_key(l, name);
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

/* The variable's name and the key's agree: capitals, and '_' where the key has '.'. */
static bool is_variable_of(const char *variable, size_t len, const char *key)
{
    if (strlen(key) != len) return false;
    for (size_t i = 0; i < len; i++) {
        char want = key[i] == '.' ? '_' : (char)toupper((unsigned char)key[i]);
        if (variable[i] != want) return false;
    }
    return true;
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
        if (is_variable_of(name, len, mb_config__keys[i].name))
            return set_value(l, &mb_config__keys[i], entry[whole] == '=' ? entry + whole + 1 : "");
    return mb_fail(l->err, MB_E_CONFIG, "%s: no such key; \"medbookd config\" lists all keys",
                   origin);
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
    const struct mb_config__key *k = find_key(name);
    return k == NULL ? unknown_key(l, name) : set_value(l, k, value);
}

/* Port 0 stands for any free one. */
static bool is_same_place(const char *a, const char *b)
{
    struct mb_place one, other;
    size_t n = strlen(a);
    return mb_place_parse(&one, a) && mb_place_parse(&other, b) && one.len == other.len &&
           memcmp(&one.addr, &other.addr, one.len) == 0 && strcmp(a + n - 2, ":0") != 0;
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
    return rc == MB_OK ? check_together(out, err) : rc;
}
