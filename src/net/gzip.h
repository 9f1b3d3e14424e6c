#pragma once
/* Compressed answers. One deflate state serves the whole server: answers are made one by one. */
#include "base/buf.h"

struct mb_gzip;

/* level: 1 to 9. types: as mb_gzip_is_types takes them, copied; NULL = none. */
MB_MUST_CHECK enum mb_rc mb_gzip_new(struct mb_gzip **out, int level, const char *types);
void mb_gzip_free(struct mb_gzip *g);
/* Whether it is a list of media types, each with at most one *, which stands for any text: "*json, image/svg+xml". */
bool mb_gzip_is_types(const char *text);
/* Whether the type is one of the list; its parameters and capitals do not count. */
bool mb_gzip_is_compressible(const struct mb_gzip *g, const char *content_type);
/* The compressed bytes, borrowed until the next call; MB_E_LIMIT when they are not fewer. */
MB_MUST_CHECK enum mb_rc mb_gzip_pack(struct mb_gzip *g, struct mb_str in, struct mb_str *out);
