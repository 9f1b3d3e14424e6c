/*
 * The interned statements of the process: one chained hash table behind a mutex, because a
 * generation of scripts may be built on a thread of its own. Nothing is ever removed, so a
 * pointer stays good without a lock.
 */
#include "db/stmt.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

static struct {
    uv_once_t once;
    uv_mutex_t mutex;
    struct mb_stmt *bucket[BUCKETS];
    uint32_t count;
} table = {.once = UV_ONCE_INIT};

static void make_mutex(void)
{
    if (uv_mutex_init(&table.mutex) != 0) abort();
}

/* FNV-1a */
static uint32_t hash_of(struct mb_str text)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < text.len; i++) h = (h ^ (unsigned char)text.ptr[i]) * 16777619u;
    return h;
}

static struct mb_stmt *make(struct mb_str name, struct mb_str sql, uint32_t hash)
{
    struct mb_stmt *s = malloc(sizeof *s + sql.len + 1 + name.len + 1);
    if (s == NULL) return NULL;
    memcpy(s->sql, sql.ptr, sql.len);
    s->sql[sql.len] = '\0';
    s->name = s->sql + sql.len + 1;
    if (name.len > 0) memcpy(s->name, name.ptr, name.len);
    s->name[name.len] = '\0';
    s->hash = hash;
    atomic_init(&s->writes, false);
    s->number = table.count++;
    s->next = table.bucket[hash % BUCKETS];
    table.bucket[hash % BUCKETS] = s;
    return s;
}

enum mb_rc mb_stmt_intern(struct mb_stmt **out, struct mb_str name, struct mb_str sql,
                          struct mb_err *err)
{
    if (sql.len == 0 || memchr(sql.ptr, '\0', sql.len) != NULL)
        return mb_fail(err, MB_E_INVALID, "a statement is empty or holds a NUL byte");
    uint32_t hash = hash_of(sql);
    enum mb_rc rc = MB_OK;
    uv_once(&table.once, make_mutex);
    uv_mutex_lock(&table.mutex);
    struct mb_stmt *s = table.bucket[hash % BUCKETS];
    while (s != NULL && (s->hash != hash || !mb_str_eq(mb_str_z(s->sql), sql))) s = s->next;
    if (s == NULL && table.count == MB_STMT_MAX)
        rc = mb_fail(err, MB_E_LIMIT, "more than %d different statements", MB_STMT_MAX);
    else if (s == NULL && (s = make(name, sql, hash)) == NULL)
        rc = mb_fail(err, MB_E_NOMEM, "could not keep a statement");
    uv_mutex_unlock(&table.mutex);
    *out = rc == MB_OK ? s : NULL;
    return rc;
}

const char *mb_stmt_name(const struct mb_stmt *s) { return s->name; }
const char *mb_stmt_sql(const struct mb_stmt *s) { return s->sql; }
