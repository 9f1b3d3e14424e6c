#pragma once
/*
 * Shapes: schemas (mb.schema) compiled. Of a request, for what nearly all are, sound ones: a shape makes
 * the value that a handler is to see, or tells that what came is not sound; why not is for mb.schema to
 * find, by the slow way. Of an answer: json.h and rows.h write it along its shape, and a text can be held to it.
 */
#include <lua.h>

#include "base/json.h"

enum mb_shape_kind {
    MB_SHAPE_STRING,
    MB_SHAPE_INTEGER,
    MB_SHAPE_NUMBER,
    MB_SHAPE_BOOLEAN,
    MB_SHAPE_ARRAY,
    MB_SHAPE_OBJECT,
    MB_SHAPE_ANY,   /* of answers */
    MB_SHAPE_SCALAR /* of requests: a string, a number or a boolean */
};
enum { MB_SHAPE_MAX_FIELDS = 64 }; /* of one object: a mask has a bit for each */
enum { MB_SHAPE_CLOSED = -1, MB_SHAPE_FREE_VALUES = 0 };
enum mb_shape_format {
    MB_SHAPE_FREE,
    MB_SHAPE_EMAIL,
    MB_SHAPE_PHONE,
    MB_SHAPE_INSTANT,
    MB_SHAPE_DECIMAL,
    MB_SHAPE_LINE,
    MB_SHAPE_TEXT,
    MB_SHAPE_VERBATIM
};

struct mb_shape_bound {
    bool is_set, is_integer;
    lua_Integer integer;
    lua_Number number;
};

struct mb_shape_node {
    enum mb_shape_kind kind;
    enum mb_shape_format format;
    struct mb_shape_bound least, most;
    size_t min_length, max_length, max_items;
    int values; /* of an enum: where their set stands in the list of values; 0 = none */
    bool is_nullable;
    bool is_merge; /* an object: null of a nullable field is handed on, of others not sound (RFC 7396) */
    int items; /* node */
    int more;  /* node of members that are not declared, or one of the two above */
    int first, nfields;
    int opening; /* the field that came first the last time, counted from `first` */
};

struct mb_shape_field {
    struct mb_str name;   /* of the string at name_at */
    struct mb_str member; /* `,"name":`, as it stands in JSON */
    bool is_plain;        /* its name stands in JSON as it is */
    bool is_required;
    int node, name_at;
    int default_at; /* 0 = none */
    int following;  /* the field that came after it the last time, counted as `opening` */
};

/* A userdata. Beside it goes its list of values, a table: names, defaults, sets of allowed values, and first of all
 * the metatable of arrays. */
enum { MB_SHAPE_ARRAYS = 1 };
struct mb_shape {
    struct mb_buf scratch;
    int nnodes, nfields;
    int levels;                 /* of values one in another */
    struct mb_shape_node *node; /* the root is the first */
    /* Those of an object in the order that is declared: of `required`, then the others by name. */
    struct mb_shape_field *field;
};

/* Makes the type of shapes. */
void mb_shape_register(lua_State *L);
/* Pushes the shape of the verified schema at index, and its list of values; false, and nothing, when an object has
 * more fields than a mask has bits. Raises when memory ends. */
bool mb_shape_push(lua_State *L, int index);

/* ---- values: index tells where the list of values stands ---- */
/* Push the form that is handed on of what is sound; else false, and whether something was pushed is left open. Of
 * `length` characters, without control characters: */
bool mb_shape_push_clean(lua_State *L, const struct mb_shape_node *n, struct mb_str s,
                         size_t length, int index);
bool mb_shape_push_text(lua_State *L, const struct mb_shape_node *n, struct mb_str s, int index);
bool mb_shape_push_integer(lua_State *L, const struct mb_shape_node *n, lua_Integer i, int index);
bool mb_shape_push_number(lua_State *L, const struct mb_shape_node *n, lua_Number v);

/* "a string" … */
const char *mb_shape_kind_word(enum mb_shape_kind kind);
/* The field of that name, counted from the first of n; -1 = none. */
int mb_shape_find(const struct mb_shape *s, const struct mb_shape_node *n, struct mb_str name);
/* Gives the table at the top, which has the fields of the mask, the defaults of others; false when one is missing. */
bool mb_shape_complete(lua_State *L, const struct mb_shape *s, const struct mb_shape_node *n,
                       uint64_t has, int index);

/* ---- texts of JSON (shape_read.c) ---- */
/* Pushes the value of a text; false, and nothing, when it is not sound or over a limit. Raises when memory ends. */
bool mb_shape_read(lua_State *L, struct mb_shape *s, struct mb_str text,
                   const struct mb_json_limits *limits, int index);

/* ---- texts of answers (shape_holds.c) ---- */
/* Whether a text is what its schema says, to the last word of an enum and in the declared order; MB_E_JSON says what
 * is not, after the JSON pointer of where. */
MB_MUST_CHECK enum mb_rc mb_shape_holds(lua_State *L, struct mb_shape *s, int index,
                                        struct mb_str text, struct mb_err *err);
