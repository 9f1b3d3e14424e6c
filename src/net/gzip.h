#pragma once
/* Compressed answers. One deflate state serves the whole server: answers are made one by one. */
#include "base/buf.h"

struct mb_gzip;

MB_MUST_CHECK enum mb_rc mb_gzip_new(struct mb_gzip **out, int level); /* 1 to 9 */
void mb_gzip_free(struct mb_gzip *g);
/* Whether a body of this type gets smaller: text, JSON, XML, JavaScript, SVG. */
bool mb_gzip_is_compressible(const char *content_type);
/* The compressed bytes, borrowed until the next call; MB_E_LIMIT when they are not fewer. */
MB_MUST_CHECK enum mb_rc mb_gzip_pack(struct mb_gzip *g, struct mb_str in, struct mb_str *out);
