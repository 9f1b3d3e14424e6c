/*
 * From file names and texts to a checked, ordered list. Knows no database.
 */
#include "db/catalog.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum file_kind { FILE_UP, FILE_DOWN, FILE_REPEATABLE, FILE_WRONG };

static bool is_stem_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* "0001_create_schema.up.sql" -> its kind, version and stem. */
static enum file_kind read_file_name(const char *file, int *version, struct mb_str *stem)
{
    size_t n = 0;
    bool is_repeatable = strncmp(file, "R__", 3) == 0;
    *version = 0;
    while (!is_repeatable && n < 4 && file[n] >= '0' && file[n] <= '9')
        *version = *version * 10 + (file[n++] - '0');
    if (!is_repeatable && (n != 4 || file[4] != '_' || *version == 0)) return FILE_WRONG;
    n = is_repeatable ? 3 : 5;
    size_t from = n;
    while (is_stem_byte(file[n])) n++;
    *stem = (struct mb_str){file, n};
    if (n == from || n >= sizeof((struct mb_migration *)0)->name) return FILE_WRONG;
    if (is_repeatable) return strcmp(file + n, ".sql") == 0 ? FILE_REPEATABLE : FILE_WRONG;
    return strcmp(file + n, ".up.sql") == 0     ? FILE_UP
           : strcmp(file + n, ".down.sql") == 0 ? FILE_DOWN
                                                : FILE_WRONG;
}

static void write_sha256(char out[MB_SHA256_HEX], struct mb_str text)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(out, MB_SHA256_HEX, sum, sizeof sum);
}

static struct mb_migration *place_of(struct mb_catalog *c, struct mb_str stem, int version)
{
    for (size_t i = 0; i < c->n; i++)
        if (mb_str_eq(mb_str_z(c->list[i].name), stem)) return &c->list[i];
    struct mb_migration *m = &c->list[c->n++];
    m->version = version;
    memcpy(m->name, stem.ptr, stem.len);
    return m;
}

static enum mb_rc add_file(struct mb_catalog *c, const struct mb_migration_file *f,
                           struct mb_err *err)
{
    int version;
    struct mb_str stem;
    enum file_kind kind = read_file_name(f->name, &version, &stem);
    if (kind == FILE_WRONG)
        return mb_fail(err, MB_E_CONFIG,
                       "%s is no name of a migration (0001_verb_noun.up.sql, "
                       "0001_verb_noun.down.sql, R__name.sql)",
                       f->name);
    struct mb_migration *m = place_of(c, stem, version);
    bool is_down = kind == FILE_DOWN;
    *(is_down ? &m->down : &m->up) = f->text;
    if (!is_down) write_sha256(m->sha256, f->text);
    if (kind == FILE_REPEATABLE && mb_script_is_bare(f->text))
        return mb_fail(err, MB_E_CONFIG, "%s: a repeatable file runs in a transaction", f->name);
    return mb_script_check(f->name, f->text, is_down ? &m->down_index : &m->up_index, err);
}

static int compare(const void *a, const void *b)
{
    const struct mb_migration *x = a, *y = b;
    if ((x->version == 0) != (y->version == 0)) return x->version == 0 ? 1 : -1;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum mb_rc check_order(const struct mb_catalog *c, struct mb_err *err)
{
    for (size_t i = 0; i < c->nversions; i++) {
        const struct mb_migration *m = &c->list[i];
        if (m->version != (int)i + 1)
            return mb_fail(err, MB_E_CONFIG, "the migrations have %s where number %04zu is due",
                           m->name, i + 1);
        if (m->up.ptr == NULL || m->down.ptr == NULL)
            return mb_fail(err, MB_E_CONFIG, "%s.%s.sql is missing", m->name,
                           m->up.ptr == NULL ? "up" : "down");
    }
    return MB_OK;
}

enum mb_rc mb_catalog_init(struct mb_catalog *c, const struct mb_migrate_plan *p,
                           struct mb_err *err)
{
    *c = (struct mb_catalog){0};
    c->list = calloc(p->nfiles + 1, sizeof *c->list);
    if (c->list == NULL) return mb_fail(err, MB_E_NOMEM, "could not read the migrations");
    enum mb_rc rc = MB_OK;
    for (size_t i = 0; i < p->nfiles && rc == MB_OK; i++) rc = add_file(c, &p->files[i], err);
    if (rc == MB_OK) {
        qsort(c->list, c->n, sizeof *c->list, compare);
        while (c->nversions < c->n && c->list[c->nversions].version > 0) c->nversions++;
        rc = check_order(c, err);
    }
    if (rc != MB_OK) mb_catalog_reset(c);
    return rc;
}

void mb_catalog_reset(struct mb_catalog *c)
{
    free(c->list);
    *c = (struct mb_catalog){0};
}
