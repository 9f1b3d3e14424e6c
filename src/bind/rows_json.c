#include "bind/rows_parts.h"

#include <stdio.h>

#include "base/json.h"
#include "bind/shape.h"

/* Rows -> JSON, straight from libpq. */

enum { MAX_COLUMNS = 64, KEY_BYTES = 4096 };

/* The members of an object for each row, worked out once per result. */
struct members {
    int count;
    struct member {
        struct mb_str key; /* `,"name":` */
        const struct mb_shape_node *node; /* NULL = any value */
        int column;                       /* -1 = none: it is null in every row */
    } list[MAX_COLUMNS];
    char text[KEY_BYTES]; /* keys that no field has */
    size_t len;
};

/* ---- one field ---- */

bool mb_rows__instant(const char *s, size_t n, char out[24])
{
    if (n < 22 || s[10] != ' ' || s[4] != '-' || memcmp(s + n - 3, "+00", 3) != 0) return false;
    memcpy(out, s, 10);
    out[10] = 'T';
    memcpy(out + 11, s + 11, 8);
    memcpy(out + 19, ".000Z", 5);
    if (s[19] == '.')
        for (size_t i = 0; i < 3 && 20 + i < n - 3; i++) out[20 + i] = s[20 + i];
    return true;
}

/* One item of an array from s on, without its quotes and escapes; *is_null: it is the word for that. */
static enum mb_rc read_item(const char **s, const char *end, struct mb_buf *item, bool *is_null)
{
    const char *p = *s;
    bool is_quoted = *p == '"';
    enum mb_rc rc = MB_OK;
    mb_buf_clear(item);
    p += is_quoted;
    while (p < end && rc == MB_OK && (is_quoted ? *p != '"' : *p != ',')) {
        if (*p == '\\') p++;
        rc = mb_buf_add(item, p++, 1);
    }
    *s = p + is_quoted;
    *is_null = !is_quoted && item->len == 4 && memcmp(item->data, "NULL", 4) == 0;
    return rc;
}

static enum mb_rc write_array(struct mb_buf *out, const char *s, size_t n, struct mb_err *err)
{
    if (n < 2 || s[0] != '{' || s[1] == '{')
        return mb_fail(err, MB_E_JSON, "is an array of several dimensions or with bounds of its own");
    const char *end = s + n - 1;
    enum mb_rc rc = mb_buf_add(out, "[", 1);
    struct mb_buf item;
    bool is_first = true, is_null;
    mb_buf_init(&item, n + 1);
    for (s++; rc == MB_OK && s < end; s++) { /* over the comma */
        rc = read_item(&s, end, &item, &is_null);
        if (rc == MB_OK && !is_first) rc = mb_buf_add(out, ",", 1);
        is_first = false;
        if (rc != MB_OK) break;
        rc = is_null ? mb_buf_add(out, "null", 4)
                     : mb_json_str_trusted(out, item.data ? item.data : "", item.len);
    }
    mb_buf_reset(&item);
    return rc == MB_OK ? mb_buf_add(out, "]", 1) : rc;
}

static enum mb_rc write_float(struct mb_buf *out, const char *s, size_t n, struct mb_err *err)
{
    bool is_finite = n > 0 && s[0] != 'N' && s[0] != 'I' && !(n > 1 && s[1] == 'I');
    return is_finite ? mb_buf_add(out, s, n)
                     : mb_fail(err, MB_E_JSON, "NaN and infinity have no JSON form");
}

/* Beyond 2^53 most readers round (RFC 7493 section 2.2); node: NULL where nobody promised anything. */
static enum mb_rc write_integer(struct mb_buf *out, const char *s, size_t n,
                                const struct mb_shape_node *node, struct mb_err *err)
{
    static const char most[] = "9007199254740991";
    size_t sign = s[0] == '-', digits = sizeof most - 1;
    bool is_over = n - sign > digits || (n - sign == digits && memcmp(s + sign, most, digits) > 0);
    if (node != NULL && is_over)
        return mb_fail(err, MB_E_JSON,
                       "is over 2^53, which most readers round: cast the column to text");
    return mb_buf_add(out, s, n);
}

static enum mb_rc write_instant(struct mb_buf *out, const char *s, size_t n,
                                const struct mb_shape_node *node, struct mb_err *err)
{
    char text[24];
    if (mb_rows__instant(s, n, text)) return mb_json_str_trusted(out, text, sizeof text);
    if (node != NULL)
        return mb_fail(err, MB_E_JSON, "'%.*s' is no instant of RFC 3339", (int)n, s);
    return mb_json_str_trusted(out, s, n);
}

static enum mb_rc write_null(struct mb_buf *out, const struct mb_shape_node *node,
                             struct mb_err *err)
{
    if (node == NULL || node->is_nullable) return mb_buf_add(out, "null", 4);
    return mb_fail(err, MB_E_JSON, "is null, which its schema does not allow");
}

static enum mb_rc write_field(struct mb_buf *out, const PGresult *res, int row,
                              const struct member *m, struct mb_err *err)
{
    int col = m->column;
    if (col < 0 && !m->node->is_nullable)
        return mb_fail(err, MB_E_JSON, "is missing, which its schema requires: select it");
    if (col < 0 || PQgetisnull(res, row, col)) return write_null(out, m->node, err);
    const char *s = PQgetvalue(res, row, col);
    size_t n = (size_t)PQgetlength(res, row, col);
    switch (PQftype(res, col)) {
    case OID_BOOL: return s[0] == 't' ? mb_buf_add(out, "true", 4) : mb_buf_add(out, "false", 5);
    case OID_INT2:
    case OID_INT4:
    case OID_JSON:
    case OID_JSONB: return mb_buf_add(out, s, n);
    case OID_INT8: return write_integer(out, s, n, m->node, err);
    case OID_FLOAT4:
    case OID_FLOAT8: return write_float(out, s, n, err);
    case OID_TEXT_ARRAY:
    case OID_VARCHAR_ARRAY: return write_array(out, s, n, err);
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ: return write_instant(out, s, n, m->node, err);
    default: return mb_json_str_trusted(out, s, n);
    }
}

/* ---- members ---- */

/* Whether a column of that type is written as this kind of value; what is JSON already is believed. */
static bool is_written_as(Oid type, enum mb_shape_kind kind)
{
    if (kind == MB_SHAPE_ANY) return true;
    switch (type) {
    case OID_JSON:
    case OID_JSONB: return true;
    case OID_BOOL: return kind == MB_SHAPE_BOOLEAN;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8: return kind == MB_SHAPE_INTEGER || kind == MB_SHAPE_NUMBER;
    case OID_FLOAT4:
    case OID_FLOAT8: return kind == MB_SHAPE_NUMBER;
    case OID_TEXT_ARRAY:
    case OID_VARCHAR_ARRAY: return kind == MB_SHAPE_ARRAY;
    default: return kind == MB_SHAPE_STRING;
    }
}

/* A member that has the name of its column. */
static enum mb_rc add_column(struct members *m, const PGresult *res, int column, struct mb_err *err)
{
    const char *name = PQfname(res, column);
    struct mb_buf b;
    mb_buf_init(&b, sizeof m->text - m->len);
    enum mb_rc rc = mb_buf_add(&b, ",", 1);
    if (rc == MB_OK) rc = mb_json_str_trusted(&b, name, strlen(name));
    if (rc == MB_OK) rc = mb_buf_add(&b, ":", 1);
    if (rc == MB_OK && m->count == MAX_COLUMNS) rc = MB_E_LIMIT;
    if (rc == MB_OK) {
        memcpy(m->text + m->len, b.data, b.len);
        m->list[m->count++] = (struct member){{m->text + m->len, b.len}, NULL, column};
        m->len += b.len;
    }
    mb_buf_reset(&b);
    return rc != MB_E_LIMIT ? rc
                            : mb_fail(err, rc, "a result has more than %d columns or too long names",
                                      MAX_COLUMNS);
}

/* What a statement selects for the script alone has a name that begins with _. */
static bool is_hidden(const char *name) { return name[0] == '_'; }

static enum mb_rc add_columns(struct members *m, const PGresult *res, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    for (int c = 0, n = PQnfields(res); rc == MB_OK && c < n; c++)
        if (!is_hidden(PQfname(res, c))) rc = add_column(m, res, c, err);
    return rc;
}

/* The field that column c is; nearly always the columns stand in the order of the fields. */
static int field_of(const struct mb_shape *s, const struct mb_shape_node *n, struct mb_str name,
                    int guess)
{
    if (guess < n->nfields && mb_str_eq(s->field[n->first + guess].name, name)) return guess;
    return mb_shape_find(s, n, name);
}

/* Notes in column[] where each field stands; what is none is added as it is, where the shape is open. */
static enum mb_rc find_columns(struct members *m, const PGresult *res, const struct mb_shape *s,
                               const struct mb_shape_node *n, int *column, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    int guess = 0;
    for (int i = 0; i < n->nfields; i++) column[i] = -1;
    for (int c = 0, count = PQnfields(res); rc == MB_OK && c < count; c++) {
        const char *name = PQfname(res, c);
        if (is_hidden(name)) continue;
        int i = field_of(s, n, mb_str_z(name), guess);
        if (i < 0) {
            rc = n->more == MB_SHAPE_FREE_VALUES
                     ? add_column(m, res, c, err)
                     : mb_fail(err, MB_E_JSON, "/%s: the column is not declared", name);
            continue;
        }
        enum mb_shape_kind kind = s->node[s->field[n->first + i].node].kind;
        if (!is_written_as(PQftype(res, c), kind))
            return mb_fail(err, MB_E_JSON, "/%s: the column (type %u) is not %s", name,
                           (unsigned)PQftype(res, c), mb_shape_kind_word(kind));
        column[i] = c;
        guess = i + 1;
    }
    return rc;
}

static enum mb_rc add_fields(struct members *m, const PGresult *res, const struct mb_shape *s,
                             const struct mb_shape_node *n, struct mb_err *err)
{
    int column[MB_SHAPE_MAX_FIELDS];
    enum mb_rc rc = find_columns(m, res, s, n, column, err);
    if (rc != MB_OK) return rc;
    int others = m->count;
    if (others + n->nfields > MAX_COLUMNS)
        return mb_fail(err, MB_E_LIMIT, "a result has more than %d columns", MAX_COLUMNS);
    memmove(m->list + n->nfields, m->list, (size_t)others * sizeof *m->list);
    m->count = 0;
    for (int i = 0; i < n->nfields; i++) {
        const struct mb_shape_field *f = &s->field[n->first + i];
        if (column[i] < 0 && !f->is_required) continue;
        m->list[m->count++] = (struct member){f->member, &s->node[f->node], column[i]};
    }
    memmove(m->list + m->count, m->list + n->nfields, (size_t)others * sizeof *m->list);
    m->count += others;
    return MB_OK;
}

/* ---- rows ---- */

static enum mb_rc blame(enum mb_rc rc, int row, const struct member *m, struct mb_err *err)
{
    char text[sizeof err->text];
    if (rc != MB_E_JSON) return rc;
    memcpy(text, err->text, sizeof text);
    char place[16] = "";
    if (row >= 0) (void)snprintf(place, sizeof place, "/%d", row);
    return mb_fail(err, rc, "%s/%.*s: %s", place, (int)m->key.len - 4, m->key.ptr + 2, text);
}

/* place: of the row in the list; -1 = it stands alone. */
static enum mb_rc write_row(struct mb_buf *out, const struct members *m, const PGresult *res,
                            int row, int place, struct mb_err *err)
{
    enum mb_rc rc = mb_buf_add(out, "{", 1);
    for (int i = 0; rc == MB_OK && i < m->count; i++) {
        const struct member *it = &m->list[i];
        int is_first = i == 0;
        rc = mb_buf_add(out, it->key.ptr + is_first, it->key.len - (size_t)is_first);
        if (rc == MB_OK) rc = blame(write_field(out, res, row, it, err), place, it, err);
    }
    return rc == MB_OK ? mb_buf_add(out, "}", 1) : rc;
}

static enum mb_rc write_rows(struct mb_buf *out, const struct members *m, const PGresult *res,
                             int count, struct mb_err *err)
{
    enum mb_rc rc = mb_buf_add(out, "[", 1);
    for (int i = 0; rc == MB_OK && i < count; i++) {
        if (i) rc = mb_buf_add(out, ",", 1);
        if (rc == MB_OK) rc = write_row(out, m, res, i, i, err);
    }
    return rc == MB_OK ? mb_buf_add(out, "]", 1) : rc;
}

/* The node that a row is to be; NULL with *is_wrong when the form has no object there. */
static const struct mb_shape_node *object_of(const struct mb_rows_form *form, int row,
                                             bool *is_wrong)
{
    const struct mb_shape_node *n = &form->shape->node[form->node];
    *is_wrong = row < 0 && n->kind != MB_SHAPE_ARRAY;
    if (row < 0 && !*is_wrong) n = &form->shape->node[n->items];
    *is_wrong = *is_wrong || n->kind != MB_SHAPE_OBJECT;
    return *is_wrong ? NULL : n;
}

enum mb_rc mb_rows__json(const PGresult *res, int row, int count, const struct mb_rows_form *form,
                         struct mb_buf *out, struct mb_err *err)
{
    struct members m;
    bool is_wrong = false;
    const struct mb_shape_node *n = form ? object_of(form, row, &is_wrong) : NULL;
    if (is_wrong)
        return mb_fail(err, MB_E_JSON, "is %s, not %s", row < 0 ? "a list of rows" : "a row",
                       mb_shape_kind_word(form->shape->node[form->node].kind));
    m.count = 0;
    m.len = 0;
    enum mb_rc rc = n ? add_fields(&m, res, form->shape, n, err) : add_columns(&m, res, err);
    if (rc != MB_OK) return rc;
    return row < 0 ? write_rows(out, &m, res, count, err) : write_row(out, &m, res, row, -1, err);
}
