#pragma once
/*
 * What bind_rows.c (values for Lua) and rows_json.c (JSON) share: types of columns and the form of instants.
 */
#include "bind/rows.h"

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TEXT_ARRAY = 1009,
    OID_VARCHAR_ARRAY = 1015,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_JSONB = 3802
};

/* "2026-11-22 08:00:00.12+00" -> "2026-11-22T08:00:00.120Z", 24 bytes; false when it is no such text, as infinity
 * and years before Christ are none. */
bool mb_rows__instant(const char *s, size_t n, char out[24]);
/* Appends a row of the result, or the first `count` of them as a list when row is -1, as the node of the form has it. */
MB_MUST_CHECK enum mb_rc mb_rows__json(const PGresult *res, int row, int count,
                                       const struct mb_rows_form *form, struct mb_buf *out,
                                       struct mb_err *err);
